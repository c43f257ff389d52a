//! `CheckBatch`: many questions of one subject, all answered from one version.

use prost::Message;
use tonic::Status;

use super::decode::{Asked, Decoder, lay_over};
use super::encode::Encoder;
use super::proto::v1;
use super::violation::{Path, Violations};
use super::wire::Bounded;
use super::{Budget, DecisionService, find, snapshot_info, status};
use crate::engine::missing::Trials;
use crate::engine::query::Query;
use crate::vocab::call::Call;
use crate::vocab::limits::BATCH_CHECKS_MAX;

impl DecisionService {
    /// Decides many questions; one that makes no sense fails alone.
    ///
    /// # Errors
    ///
    /// A status if what the questions share makes no sense, or no profile can answer.
    pub fn check_batch(&self, request: &v1::CheckBatchRequest) -> Result<v1::CheckBatchResponse, Status> {
        self.check_batch_bytes(&request.encode_to_vec(), Budget::default())
    }

    /// Does the same with a request as it comes over the wire, as long as the budget lasts.
    ///
    /// # Errors
    ///
    /// As [`Self::check_batch`], and if the time is over before all questions are answered.
    pub(super) fn check_batch_bytes(
        &self,
        bytes: &[u8],
        budget: Budget,
    ) -> Result<v1::CheckBatchResponse, Status> {
        let mut checks: Bounded<&[u8], BATCH_CHECKS_MAX> = Bounded::default();
        let asked = self.read(bytes, &[1..=5], |field| {
            if field.number == 6 {
                checks.push(field.message()?);
            }
            Ok(())
        })?;
        let mut decoder = self.decoder();
        let mut query = decoder.head(&asked);
        let path = Path::ROOT.name("checks");
        if checks.entries.is_empty() {
            decoder.complain(&path, "is empty");
        } else if checks.is_too_long() {
            decoder.complain(&path, format!("has more than {BATCH_CHECKS_MAX} entries"));
        }
        decoder.check_form()?;
        decoder
            .settle()
            .map_err(|violations| status::invalid(&violations))?;

        let published = self.store.current();
        let snapshot = find(&published, asked.name, asked.digest)?;
        let encoder = self.encoder(snapshot, Call::CheckBatch);
        let mut trials = Trials::of_request();
        let mut results = Vec::with_capacity(checks.entries.len());
        for (index, bytes) in checks.entries.into_iter().enumerate() {
            if budget.is_over() {
                return Err(status::deadline_exceeded());
            }
            let path = path.index(index);
            let item = self.read(bytes, &[1..=1, 3..=3, 6..=12], |_| Ok(()))?;
            let common = own_context(&mut decoder, &path, &item, &mut query);
            results.push(self.check_item(
                &mut decoder,
                &encoder,
                &path,
                &item,
                &mut query,
                asked.explain,
                &mut trials,
            ));
            decoder.check_form()?;
            if let Some(common) = common {
                query.context = common;
            }
        }
        Ok(v1::CheckBatchResponse {
            snapshot: Some(snapshot_info(snapshot)),
            results,
        })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one step of a loop, apart for its length"
    )]
    fn check_item<'a>(
        &self,
        decoder: &mut Decoder,
        encoder: &Encoder<'a>,
        path: &Path<'_>,
        item: &Asked<'a>,
        query: &mut Query<'a>,
        explain: bool,
        budget: &mut Trials,
    ) -> v1::CheckResult {
        use v1::check_result::Result as Wire;
        // Any text is an id of a check, and it is repeated as it came.
        let id = item.name.to_owned();
        decoder.question(path, item, query);
        let decided = decoder.settle().and_then(|()| {
            self.decide(encoder, query, explain, budget)
                .map_err(|error| Violations::of_query(path, &error))
        });
        match decided {
            Ok((decision, trace)) => v1::CheckResult {
                id,
                trace,
                result: Some(Wire::Decision(decision)),
            },
            Err(violations) => {
                let error = status::invalid_check(&violations);
                v1::CheckResult {
                    id,
                    trace: None,
                    result: Some(Wire::Error(error)),
                }
            }
        }
    }
}

/// Lays the context of one question over the common one, which is returned to be put back afterwards.
fn own_context<'a>(
    decoder: &mut Decoder,
    path: &Path<'_>,
    item: &Asked<'a>,
    query: &mut Query<'a>,
) -> Option<crate::engine::query::Context<'a>> {
    if !item.context.is_given() {
        return None;
    }
    let (context, names_time) = decoder.context(&path.name("context"), &item.context);
    let context = lay_over(&query.context, context, names_time);
    Some(std::mem::replace(&mut query.context, context))
}
