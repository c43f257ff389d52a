//! `Check`: one question, one decision.

use tonic::Status;

use super::encode::{Detail, Encoder, Outlook};
use super::out::{Nested, Out};
use super::proto::fields as field;
use super::proto::v1;
use super::trace::Account;
use super::violation::{Path, Violations};
use super::{DecisionService, find, outlook, status, write_snapshot};
use crate::engine::check::{check, check_traced};
use crate::engine::decision::Decision;
use crate::engine::missing::Trials;
use crate::engine::query::{Query, QueryError};
use crate::engine::role;
use crate::engine::trace::Recorder;
use crate::vocab::call::Call;

/// A question that is decided, with all that its answer tells.
#[derive(Debug)]
pub(super) struct Decided<'q> {
    /// The decision.
    pub(super) decision: Decision<'q>,
    /// What the answer tells beyond it.
    pub(super) outlook: Outlook<'q>,
    /// How it was reached.
    pub(super) account: Account,
}

impl DecisionService {
    /// Decides one question.
    ///
    /// # Errors
    ///
    /// A status if the request makes no sense, or no profile can answer it.
    pub fn check(&self, request: &v1::CheckRequest) -> Result<v1::CheckResponse, Status> {
        self.ask(Call::Check, request)
    }

    /// Does the same with a request as it comes over the wire.
    pub(super) fn write_check(&self, bytes: &[u8], out: &mut Out<'_>) -> Result<(), Status> {
        let asked = self.read(bytes, &[1..=12], |_| Ok(()))?;
        let mut decoder = self.decoder();
        let mut query = decoder.head(&asked);
        decoder.question(&Path::ROOT, &asked, &mut query);
        decoder.finish()?;

        let published = self.store.current();
        let snapshot = find(&published, asked.name, asked.digest)?;
        let encoder = self.encoder(snapshot, Call::Check);
        let decided = encoder
            .decide(&query, asked.explain, &mut Trials::of_request())
            .map_err(|error| status::invalid(&Violations::of_query(&Path::ROOT, &error)))?;
        write_snapshot(out, field::check_response::SNAPSHOT, snapshot);
        encoder.trace(out, field::check_response::TRACE, &query, &decided);
        self.write_decision(out, field::check_response::DECISION, &encoder, &query, &decided);
        Ok(())
    }

    /// Counts and writes a decision, under an id of its own.
    pub(super) fn write_decision(
        &self,
        out: &mut Out<'_>,
        to: Nested,
        encoder: &Encoder<'_>,
        query: &Query<'_>,
        decided: &Decided<'_>,
    ) {
        let Decided {
            decision, outlook, ..
        } = decided;
        out.part(to, |out| {
            encoder.decision(out, self.ids.next(), query, decision, outlook);
        });
    }
}

impl<'m> Encoder<'m> {
    /// Decides one question, with an account of how if one is asked for.
    ///
    /// # Errors
    ///
    /// A [`QueryError`] if the question cannot be meant.
    pub(super) fn decide<'q>(
        &self,
        query: &'q Query<'q>,
        explain: bool,
        budget: &mut Trials,
    ) -> Result<Decided<'q>, QueryError>
    where
        'm: 'q,
    {
        let model: &'q _ = self.model;
        let (decision, account) = if explain && self.detail == Detail::Full {
            let mut recorder = Recorder::default();
            let decision = check_traced(model, query, &mut recorder)?;
            let told = Box::new((recorder, role::list(model, query)?));
            (decision, Account::Told(told))
        } else {
            (check(model, query)?, Account::silent(explain))
        };
        let outlook = outlook(model, query, &decision, self.detail, budget);
        Ok(Decided {
            decision,
            outlook,
            account,
        })
    }
}
