//! `ListAllowedTransitions`: what the state of an item offers and the subject may do, and what the rest lacks.

use tonic::Status;

use super::describe::title;
use super::encode::{Detail, Encoder};
use super::out::{Nested, Out};
use super::proto::fields as field;
use super::proto::v1;
use super::trace;
use super::violation::{Path, Violations};
use super::{DecisionService, convert, find, outlook, status, words, write_snapshot};
use crate::engine::approvals::{self, Progress};
use crate::engine::decision::ApprovalCount;
use crate::engine::fields::action_of;
use crate::engine::missing::Trials;
use crate::engine::query::{Query, QueryError};
use crate::engine::transitions::{self, Offered};
use crate::model::Model;
use crate::model::workflow::{Transition, Workflow};
use crate::vocab::call::Call;
use crate::vocab::effect::{Operation, Reason};

impl DecisionService {
    /// Lists the transitions of an item, or the states in which one may be created.
    ///
    /// # Errors
    ///
    /// A status if the request makes no sense, or no profile can answer it.
    pub fn list_allowed_transitions(
        &self,
        request: &v1::ListAllowedTransitionsRequest,
    ) -> Result<v1::ListAllowedTransitionsResponse, Status> {
        self.ask(Call::ListAllowedTransitions, request)
    }

    /// Does the same with a request as it comes over the wire.
    pub(super) fn write_allowed_transitions(&self, bytes: &[u8], out: &mut Out<'_>) -> Result<(), Status> {
        let (mut include_denied, mut locale) = (false, "");
        let request = self.read(bytes, &[1..=5, 7..=7], |field| {
            match field.number {
                13 => include_denied = field.flag()?,
                14 => locale = field.text()?,
                _ => {}
            }
            Ok(())
        })?;
        let mut decoder = self.decoder();
        let mut query = decoder.head(&request);
        query.resource = decoder.resource(&Path::ROOT.name("resource"), &request.resource);
        decoder.name(&Path::ROOT.name("locale"), locale);
        decoder.finish()?;

        let published = self.store.current();
        let snapshot = find(&published, request.name, request.digest)?;
        let mut writer = Writer {
            encoder: self.encoder(snapshot, Call::ListAllowedTransitions),
            locale,
            explain: request.explain,
            budget: Trials::of_request(),
        };
        let malformed = |error| status::invalid(&Violations::of_query(&Path::ROOT, &error));
        let offers = transitions::list(&snapshot.model, &query).map_err(malformed)?;
        let obstacle = transitions::find_obstacle(&snapshot.model, &query).map_err(malformed)?;
        use field::list_allowed_transitions_response as to;
        write_snapshot(out, to::SNAPSHOT, snapshot);
        let listed = || offers.iter().filter(|offered| offered.listed);
        for offered in listed() {
            let decision = &offered.decision;
            writer.encoder.count(decision.effect, decision.reason);
        }
        let (open, others): (Vec<_>, Vec<_>) = listed().partition(|offered| offered.decision.is_allow());
        for offered in open {
            writer
                .option(out, to::TRANSITIONS, &query, offered)
                .map_err(malformed)?;
        }
        for offered in others.into_iter().filter(|_| include_denied) {
            writer
                .option(out, to::DENIED, &query, offered)
                .map_err(malformed)?;
        }
        if let Some(reason) = obstacle {
            out.word(to::REASON, convert::reason(reason));
            writer.encoder.told(out, to::MESSAGE, |text| {
                words::nothing_offered(text, reason, &query);
            });
        }
        Ok(())
    }
}

/// Writes what a state offers.
struct Writer<'w> {
    encoder: Encoder<'w>,
    locale: &'w str,
    explain: bool,
    budget: Trials,
}

impl Writer<'_> {
    fn option(
        &mut self,
        out: &mut Out<'_>,
        field: Nested,
        query: &Query<'_>,
        offered: &Offered<'_>,
    ) -> Result<(), QueryError> {
        use field::transition_option as to;
        let (encoder, model) = (&self.encoder, self.encoder.model);
        let target = offered.target.unwrap_or_default();
        let asked = as_check(model, query, offered, target);
        let decision = &offered.decision;
        let transition = offered.transition.and_then(|id| model.transition(id));
        let outlook = outlook(model, &asked, decision, encoder.detail, &mut self.budget);
        let progress = match transition {
            Some(transition) if !transition.approvals.is_empty() => {
                Some((transition, approvals::progress(model, query, transition)?))
            }
            Some(_) | None => None,
        };
        // Of this answer the account alone is told.
        let traced = match (self.explain, encoder.detail) {
            (true, Detail::Full) => Some(encoder.decide(&asked, true, &mut Trials::none())?),
            (true, Detail::None | Detail::Code) | (false, _) => None,
        };
        out.part(field, |out| {
            out.text(to::ID, transition.map_or(target, |transition| &transition.name));
            match traced {
                Some(traced) => encoder.trace(out, to::TRACE, &asked, &traced),
                None if self.explain => trace::withheld(out, to::TRACE),
                None => {}
            }
            out.text(to::TITLE, self.title(query, transition, target));
            out.text(to::TO_STATE, target);
            out.flag(
                to::REQUIRES_EXPLANATION,
                decision.explanation_required || decision.reason == Reason::ExplanationRequired,
            );
            if let Some((transition, progress)) = &progress {
                out.part(to::APPROVALS, |out| self.approvals(out, transition, progress));
            }
            out.word(to::REASON, convert::reason(decision.reason));
            encoder.message(out, to::MESSAGE, &asked, decision);
            encoder.missing(out, to::MISSING, decision, &outlook.missing);
            encoder.rules(out, to::GRANTS, decision.deciding.iter().copied());
            out.moment(to::VALID_UNTIL, outlook.valid_until);
            out.flag(to::CONDITIONAL, decision.conditional);
        });
        Ok(())
    }

    fn title<'t>(
        &'t self,
        query: &Query<'_>,
        transition: Option<&'t Transition>,
        target: &'t str,
    ) -> &'t str {
        if let Some(transition) = transition {
            return title(&transition.title, self.locale, &transition.name);
        }
        let model = self.encoder.model;
        let states = workflow(model, query).map_or(&[][..], |workflow| &workflow.states);
        let state = states
            .iter()
            .find(|state| model.state_names.name(state.id.index()) == target);
        state.map_or(target, |state| title(&state.title, self.locale, target))
    }

    fn approvals(&self, out: &mut Out<'_>, transition: &Transition, progress: &Progress) {
        use field::approval_progress as to;
        let sum = |number: fn(&ApprovalCount) -> u32| {
            progress
                .counts
                .iter()
                .fold(0_u32, |sum, count| sum.saturating_add(number(count)))
        };
        let (needed, given) = (sum(|count| count.needed), sum(|count| count.given));
        out.number(to::NEEDED, needed);
        out.number(to::GIVEN, given);
        out.number(to::MISSING, needed.saturating_sub(given));
        for role in self
            .encoder
            .roles(&self.encoder.approver_roles(&transition.approvals))
        {
            out.text(to::ROLES, role);
        }
        for subject in &progress.approved_by {
            out.text(to::APPROVED_BY, subject);
        }
    }
}

/// Returns the question that `Check` would be asked about one offer.
fn as_check<'a>(model: &'a Model, query: &Query<'a>, offered: &Offered<'_>, target: &'a str) -> Query<'a> {
    let mut asked = query.clone();
    match offered.transition.and_then(|id| model.transition(id)) {
        Some(transition) => asked.transition = &transition.name,
        None => {
            asked.action = action_of(model, Operation::Create).unwrap_or_default();
            asked.resource.state = target;
        }
    }
    asked
}

fn workflow<'m>(model: &'m Model, query: &Query<'_>) -> Option<&'m Workflow> {
    let index = model.collection_names.find(query.resource.collection)?;
    model.workflow(model.collections.get(index)?.workflow?)
}
