//! `CheckBatch`: many questions of one subject, all answered from one version.

use tonic::Status;

use super::decode::{Decoder, Question, lay_over};
use super::encode::Encoder;
use super::proto::v1;
use super::violation::{Path, Violations};
use super::{DecisionService, find, snapshot_info, status};
use crate::engine::missing::Budget;
use crate::engine::query::Query;
use crate::vocab::limits::BATCH_CHECKS_MAX;

impl DecisionService {
    /// Decides many questions; one that makes no sense fails alone.
    ///
    /// # Errors
    ///
    /// A status if what the questions share makes no sense, or no profile can answer.
    pub fn check_batch(&self, request: &v1::CheckBatchRequest) -> Result<v1::CheckBatchResponse, Status> {
        let mut decoder = self.decoder();
        let (subject, context) = (request.subject.as_ref(), request.context.as_ref());
        let mut query = decoder.head(&request.profile, &request.digest, subject, context);
        let path = Path::ROOT.name("checks");
        match request.checks.len() {
            0 => decoder.complain(&path, "is empty"),
            1..=BATCH_CHECKS_MAX => {}
            _ => decoder.complain(&path, format!("has more than {BATCH_CHECKS_MAX} entries")),
        }
        decoder
            .settle()
            .map_err(|violations| status::invalid(&violations))?;

        let published = self.store.current();
        let snapshot = find(&published, &request.profile, &request.digest)?;
        let encoder = self.encoder(snapshot);
        let mut budget = Budget::of_request();
        let mut results = Vec::with_capacity(request.checks.len());
        for (index, item) in request.checks.iter().enumerate() {
            let path = path.index(index);
            let common = own_context(&mut decoder, &path, item, &mut query);
            results.push(self.check_item(
                &mut decoder,
                &encoder,
                &path,
                item,
                &mut query,
                request.explain,
                &mut budget,
            ));
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
        item: &'a v1::CheckItem,
        query: &mut Query<'a>,
        explain: bool,
        budget: &mut Budget,
    ) -> v1::CheckResult {
        use v1::check_result::Result as Wire;
        // Any text is an id of a check, and it is repeated as it came.
        let id = item.id.clone();
        let question = Question {
            action: &item.action,
            resource: item.resource.as_ref(),
            fields: &item.fields,
            changes: item.changes.as_ref(),
            to_state: &item.to_state,
            transition: &item.transition,
            filter_fields: &item.filter_fields,
        };
        decoder.question(path, question, query);
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
    item: &'a v1::CheckItem,
    query: &mut Query<'a>,
) -> Option<crate::engine::query::Context<'a>> {
    let own = item.context.as_ref()?;
    let context = decoder.context(&path.name("context"), Some(own));
    let context = lay_over(&query.context, context, own.now.is_some());
    Some(std::mem::replace(&mut query.context, context))
}
