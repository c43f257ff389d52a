//! `Check`: one question, one decision.

use tonic::Status;

use super::decode::Question;
use super::encode::{Detail, Encoder};
use super::proto::v1;
use super::violation::{Path, Violations};
use super::{DecisionService, find, outlook, snapshot_info, status};
use crate::engine::check::{check, check_traced};
use crate::engine::missing::Budget;
use crate::engine::query::{Query, QueryError};
use crate::engine::trace::Recorder;

impl DecisionService {
    /// Decides one question.
    ///
    /// # Errors
    ///
    /// A status if the request makes no sense, or no profile can answer it.
    pub fn check(&self, request: &v1::CheckRequest) -> Result<v1::CheckResponse, Status> {
        let mut decoder = self.decoder();
        let (subject, context) = (request.subject.as_ref(), request.context.as_ref());
        let mut query = decoder.head(&request.profile, &request.digest, subject, context);
        let question = Question {
            action: &request.action,
            resource: request.resource.as_ref(),
            fields: &request.fields,
            changes: request.changes.as_ref(),
            to_state: &request.to_state,
            transition: &request.transition,
            filter_fields: &request.filter_fields,
        };
        decoder.question(&Path::ROOT, question, &mut query);
        decoder
            .finish()
            .map_err(|violations| status::invalid(&violations))?;

        let published = self.store.current();
        let snapshot = find(&published, &request.profile, &request.digest)?;
        let (decision, trace) = self
            .decide(
                &self.encoder(snapshot),
                &query,
                request.explain,
                &mut Budget::of_request(),
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
        budget: &mut Budget,
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
