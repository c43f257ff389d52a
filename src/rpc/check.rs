//! `Check`: one question, one decision.

use prost::Message;
use tonic::Status;

use super::encode::{Detail, Encoder};
use super::proto::v1;
use super::violation::{Path, Violations};
use super::{DecisionService, find, outlook, snapshot_info, status};
use crate::engine::check::{check, check_traced};
use crate::engine::missing::Trials;
use crate::engine::query::{Query, QueryError};
use crate::engine::trace::Recorder;
use crate::vocab::call::Call;

impl DecisionService {
    /// Decides one question.
    ///
    /// # Errors
    ///
    /// A status if the request makes no sense, or no profile can answer it.
    pub fn check(&self, request: &v1::CheckRequest) -> Result<v1::CheckResponse, Status> {
        self.check_bytes(&request.encode_to_vec())
    }

    /// Does the same with a request as it comes over the wire.
    pub(super) fn check_bytes(&self, bytes: &[u8]) -> Result<v1::CheckResponse, Status> {
        let asked = self.read(bytes, &[1..=12], |_| Ok(()))?;
        let mut decoder = self.decoder();
        let mut query = decoder.head(&asked);
        decoder.question(&Path::ROOT, &asked, &mut query);
        decoder.finish()?;

        let published = self.store.current();
        let snapshot = find(&published, asked.name, asked.digest)?;
        let (decision, trace) = self
            .decide(
                &self.encoder(snapshot, Call::Check),
                &query,
                asked.explain,
                &mut Trials::of_request(),
            )
            .map_err(|error| status::invalid(&Violations::of_query(&Path::ROOT, &error)))?;
        Ok(v1::CheckResponse {
            snapshot: Some(snapshot_info(snapshot)),
            trace,
            decision: Some(decision),
        })
    }

    /// Decides one question and writes the answer, with a trace if one is asked for.
    pub(super) fn decide<'q>(
        &self,
        encoder: &Encoder<'q>,
        query: &'q Query<'q>,
        explain: bool,
        budget: &mut Trials,
    ) -> Result<(v1::Decision, Option<v1::Trace>), QueryError> {
        let model = encoder.model;
        let (decision, trace) = if explain && encoder.detail == Detail::Full {
            let mut recorder = Recorder::default();
            let decision = check_traced(model, query, &mut recorder)?;
            let trace = encoder.trace(query, &recorder, &decision)?;
            (decision, Some(trace))
        } else {
            (check(model, query)?, explain.then(Encoder::withheld))
        };
        let outlook = outlook(model, query, &decision, encoder.detail, budget);
        Ok((
            encoder.decision(self.ids.next(), query, &decision, &outlook),
            trace,
        ))
    }
}
