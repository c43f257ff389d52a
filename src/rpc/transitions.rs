//! `ListAllowedTransitions`: what the state of an item offers and the subject may do, and what the rest lacks.

use prost::Message;
use tonic::Status;

use super::describe::title;
use super::encode::{Detail, Encoder};
use super::proto::v1;
use super::violation::{Path, Violations};
use super::{DecisionService, convert, find, outlook, snapshot_info, status, words};
use crate::engine::approvals::{self, Progress};
use crate::engine::decision::ApprovalCount;
use crate::engine::fields::action_of;
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
        self.list_allowed_transitions_bytes(&request.encode_to_vec())
    }

    /// Does the same with a request as it comes over the wire.
    pub(super) fn list_allowed_transitions_bytes(
        &self,
        bytes: &[u8],
    ) -> Result<v1::ListAllowedTransitionsResponse, Status> {
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
        let writer = Writer {
            service: self,
            encoder: self.encoder(snapshot, Call::ListAllowedTransitions),
            locale,
            explain: request.explain,
        };
        let malformed = |error| status::invalid(&Violations::of_query(&Path::ROOT, &error));
        let offers = transitions::list(&snapshot.model, &query).map_err(malformed)?;
        let mut answer = v1::ListAllowedTransitionsResponse {
            snapshot: Some(snapshot_info(snapshot)),
            ..v1::ListAllowedTransitionsResponse::default()
        };
        if let Some(reason) = transitions::find_obstacle(&snapshot.model, &query).map_err(malformed)? {
            answer.set_reason(convert::reason(reason));
            answer.message = match self.detail {
                Detail::Full => words::nothing_offered(reason, &query),
                Detail::None | Detail::Code => String::new(),
            };
        }
        for offered in offers.iter().filter(|offered| offered.listed) {
            writer
                .encoder
                .count(offered.decision.effect, offered.decision.reason);
            if offered.decision.is_allow() {
                answer
                    .transitions
                    .push(writer.option(&query, offered).map_err(malformed)?);
            } else if include_denied {
                answer
                    .denied
                    .push(writer.option(&query, offered).map_err(malformed)?);
            }
        }
        Ok(answer)
    }
}

/// Writes what a state offers.
struct Writer<'w> {
    service: &'w DecisionService,
    encoder: Encoder<'w>,
    locale: &'w str,
    explain: bool,
}

impl Writer<'_> {
    fn option(&self, query: &Query<'_>, offered: &Offered<'_>) -> Result<v1::TransitionOption, QueryError> {
        let model = self.encoder.model;
        let target = offered.target.unwrap_or_default();
        let asked = as_check(model, query, offered, target);
        let decision = &offered.decision;
        let transition = offered.transition.and_then(|id| model.transition(id));
        let outlook = outlook(model, &asked, decision, self.encoder.detail);
        Ok(v1::TransitionOption {
            id: transition
                .map_or(target, |transition| &transition.name)
                .to_owned(),
            trace: self.trace(&asked)?,
            title: self.title(query, transition, target),
            to_state: target.to_owned(),
            requires_explanation: decision.explanation_required
                || decision.reason == Reason::ExplanationRequired,
            approvals: match transition {
                Some(transition) => self.approvals(query, transition)?,
                None => None,
            },
            reason: convert::reason(decision.reason).into(),
            message: self.encoder.message(&asked, decision),
            missing: self.encoder.missing(decision, &outlook.missing),
            grants: self.encoder.rules(&decision.deciding),
            valid_until: outlook.valid_until.map(convert::moment),
            conditional: decision.conditional,
        })
    }

    fn trace(&self, asked: &Query<'_>) -> Result<Option<v1::Trace>, QueryError> {
        match (self.explain, self.encoder.detail) {
            (false, _) => Ok(None),
            (true, Detail::None | Detail::Code) => Ok(Some(Encoder::withheld())),
            (true, Detail::Full) => self
                .service
                .decide(&self.encoder.uncounted(), asked, true)
                .map(|(_, trace)| trace),
        }
    }

    fn title(&self, query: &Query<'_>, transition: Option<&Transition>, target: &str) -> String {
        if let Some(transition) = transition {
            return title(&transition.title, self.locale, &transition.name);
        }
        let model = self.encoder.model;
        let states = workflow(model, query).map_or(&[][..], |workflow| &workflow.states);
        let state = states
            .iter()
            .find(|state| model.state_names.name(state.id.index()) == target);
        state.map_or_else(
            || target.to_owned(),
            |state| title(&state.title, self.locale, target),
        )
    }

    fn approvals(
        &self,
        query: &Query<'_>,
        transition: &Transition,
    ) -> Result<Option<v1::ApprovalProgress>, QueryError> {
        if transition.approvals.is_empty() {
            return Ok(None);
        }
        let Progress { counts, approved_by } = approvals::progress(self.encoder.model, query, transition)?;
        let sum = |number: fn(&ApprovalCount) -> u32| {
            counts
                .iter()
                .fold(0_u32, |sum, count| sum.saturating_add(number(count)))
        };
        let (needed, given) = (sum(|count| count.needed), sum(|count| count.given));
        Ok(Some(v1::ApprovalProgress {
            needed,
            given,
            missing: needed.saturating_sub(given),
            roles: self.encoder.approver_roles(&transition.approvals),
            approved_by,
        }))
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
