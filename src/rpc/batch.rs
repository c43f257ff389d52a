//! `CheckBatch`: many questions of one subject, all answered from one version.

use tonic::Status;

use super::check::Decided;
use super::decode::{Asked, Decoder};
use super::decode_subject::lay_over;
use super::encode::Encoder;
use super::out::Out;
use super::proto::fields as field;
use super::proto::v1;
use super::violation::{Path, Violations};
use super::wire::Bounded;
use super::{Budget, DecisionService, find, status, write_snapshot};
use crate::engine::missing::Trials;
use crate::engine::query::Query;
use crate::vocab::call::Call;
use crate::vocab::limits::BATCH_CHECKS_MAX;

/// After how many questions the clock is looked at, which costs as much as a good part of a question.
const CHECKS_PER_LOOK: usize = 8;

impl DecisionService {
    /// Decides many questions; one that makes no sense fails alone.
    ///
    /// # Errors
    ///
    /// A status if what the questions share makes no sense, or no profile can answer.
    pub fn check_batch(&self, request: &v1::CheckBatchRequest) -> Result<v1::CheckBatchResponse, Status> {
        self.ask(Call::CheckBatch, request)
    }

    /// Does the same with a request as it comes over the wire, as long as the budget lasts.
    ///
    /// # Errors
    ///
    /// As [`Self::check_batch`], and if the time is over before all questions are answered.
    pub(super) fn write_check_batch(
        &self,
        bytes: &[u8],
        budget: Budget,
        out: &mut Out<'_>,
    ) -> Result<(), Status> {
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
        write_snapshot(out, field::check_batch_response::SNAPSHOT, snapshot);
        for (index, bytes) in checks.entries.into_iter().enumerate() {
            if index.is_multiple_of(CHECKS_PER_LOOK) && budget.is_over() {
                return Err(status::deadline_exceeded());
            }
            let path = path.index(index);
            let item = self.read(bytes, &[1..=1, 3..=3, 6..=12], |_| Ok(()))?;
            let common = own_context(&mut decoder, &path, &item, &mut query);
            decoder.question(&path, &item, &mut query);
            let readable = decoder.settle();
            out.part(field::check_batch_response::RESULTS, |out| {
                // Any text is an id of a check, and it is repeated as it came.
                out.text(field::check_result::ID, item.name);
                let decided = readable.and_then(|()| {
                    encoder
                        .decide(&query, asked.explain, &mut trials)
                        .map_err(|error| Violations::of_query(&path, &error))
                });
                self.write_result(out, &encoder, &query, decided);
            });
            decoder.check_form()?;
            if let Some(common) = common {
                query.context = common;
            }
        }
        Ok(())
    }

    /// Writes what became of one question: a decision, or why there is none.
    fn write_result(
        &self,
        out: &mut Out<'_>,
        encoder: &Encoder<'_>,
        query: &Query<'_>,
        decided: Result<Decided<'_>, Violations>,
    ) {
        match decided {
            Ok(decided) => {
                encoder.trace(out, field::check_result::TRACE, query, &decided);
                self.write_decision(out, field::check_result::DECISION, encoder, query, &decided);
            }
            Err(violations) => out.part(field::check_result::ERROR, |out| {
                status::invalid_check(out, &violations);
            }),
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
