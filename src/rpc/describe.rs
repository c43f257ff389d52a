//! `DescribeWorkflow`: states, transitions and what these demand, the same for everybody.

use tonic::Status;

use super::convert;
use super::encode::Encoder;
use super::out::{Out, message};
use super::proto::fields as field;
use super::proto::v1;
use super::violation::Path;
use super::{DecisionService, find, snapshot_info, status};
use crate::model::Model;
use crate::model::collection::Title;
use crate::model::grant::Mask;
use crate::model::id::{CollectionId, OriginId, StateId, TransitionId, WorkflowId};
use crate::model::workflow::{State, Target, Transition, Workflow};
use crate::vocab::call::Call;

impl DecisionService {
    /// Describes a workflow.
    ///
    /// # Errors
    ///
    /// A status if the request makes no sense, no profile can answer it, or there is no such workflow.
    pub fn describe_workflow(
        &self,
        request: &v1::DescribeWorkflowRequest,
    ) -> Result<v1::DescribeWorkflowResponse, Status> {
        self.ask(Call::DescribeWorkflow, request)
    }

    /// Does the same with a request as it comes over the wire.
    pub(super) fn write_workflow(&self, bytes: &[u8], out: &mut Out<'_>) -> Result<(), Status> {
        let (mut collection, mut locale, mut workflow) = ("", "", "");
        let request = self.read(bytes, &[1..=5], |field| {
            match field.number {
                13 => collection = field.text()?,
                14 => locale = field.text()?,
                15 => workflow = field.text()?,
                _ => {}
            }
            Ok(())
        })?;
        let mut decoder = self.decoder();
        decoder.head(&request);
        decoder.name(&Path::ROOT.name("collection"), collection);
        decoder.name(&Path::ROOT.name("locale"), locale);
        let id = Path::ROOT.name("id");
        decoder.name(&id, workflow);
        if workflow.is_empty() == collection.is_empty() {
            decoder.complain(&id, "name either a workflow by `id` or a `collection`");
        }
        decoder.finish()?;

        let published = self.store.current();
        let snapshot = find(&published, request.name, request.digest)?;
        let model = &*snapshot.model;
        let (id, workflow) = find_workflow(model, workflow, collection)?;
        let writer = Writer {
            model,
            encoder: self.encoder(snapshot, Call::DescribeWorkflow),
            locale,
            explain: request.explain,
        };
        out.whole(&v1::DescribeWorkflowResponse {
            snapshot: Some(snapshot_info(snapshot)),
            workflow: Some(writer.workflow(id, workflow)),
        })
        .map_err(|_| status::fault())
    }
}

fn find_workflow<'m>(
    model: &'m Model,
    workflow: &str,
    collection: &str,
) -> Result<(WorkflowId, &'m Workflow), Status> {
    let id = if workflow.is_empty() {
        let name = collection;
        let collection = model
            .collection_names
            .find(name)
            .and_then(|index| model.collections.get(index));
        let collection = collection.ok_or_else(|| status::unknown_collection(name))?;
        collection.workflow.ok_or_else(|| status::no_workflow(name))?
    } else {
        let index = model.workflow_names.find(workflow);
        WorkflowId::new(index.ok_or_else(|| status::unknown_workflow(workflow))?)
    };
    let found = model
        .workflow(id)
        .ok_or_else(|| status::unknown_workflow(workflow))?;
    Ok((id, found))
}

/// Writes one workflow.
struct Writer<'w> {
    model: &'w Model,
    encoder: Encoder<'w>,
    locale: &'w str,
    explain: bool,
}

impl Writer<'_> {
    fn workflow(&self, id: WorkflowId, workflow: &Workflow) -> v1::Workflow {
        let name = self.model.workflow_names.name(id.index());
        let users = self.model.collections.iter().enumerate();
        let users = users.filter(|(_, collection)| collection.workflow == Some(id));
        let mut collections: Vec<String> = users
            .map(|(index, _)| self.collection(CollectionId::new(index)))
            .collect();
        collections.sort_unstable();
        v1::Workflow {
            id: name.to_owned(),
            title: title(&workflow.title, self.locale, name).to_owned(),
            initial_state: workflow
                .initial_state
                .map(|state| self.state_name(state))
                .unwrap_or_default(),
            states: workflow.states.iter().map(|state| self.state(state)).collect(),
            transitions: self.transitions(workflow),
            closed: workflow.closed,
            collections,
            origin: self.origin(workflow.origin),
        }
    }

    fn state(&self, state: &State) -> v1::WorkflowState {
        let name = self.state_name(state.id);
        v1::WorkflowState {
            title: title(&state.title, self.locale, &name).to_owned(),
            id: name,
            transitions: state.offers.iter().map(|id| self.transition_name(*id)).collect(),
            origin: None,
        }
    }

    fn transitions(&self, workflow: &Workflow) -> Vec<v1::WorkflowTransition> {
        let rows = workflow.transitions.iter();
        let rows = rows.filter_map(|id| Some((*id, self.model.transition(*id)?)));
        rows.map(|(id, transition)| self.transition(id, transition, workflow))
            .collect()
    }

    fn transition(
        &self,
        id: TransitionId,
        transition: &Transition,
        workflow: &Workflow,
    ) -> v1::WorkflowTransition {
        let (to_state, targets) = match &transition.to {
            Target::State(state) => (self.state_name(*state), Vec::new()),
            Target::Map(pairs) => (
                String::new(),
                pairs.iter().map(|pair| self.target(*pair)).collect(),
            ),
            Target::Unknown => (String::new(), Vec::new()),
        };
        v1::WorkflowTransition {
            id: transition.name.to_string(),
            title: title(&transition.title, self.locale, &transition.name).to_owned(),
            to_state,
            targets,
            from_states: self.states_of(id, transition, workflow),
            actions: transition
                .actions
                .iter()
                .map(|action| self.model.action_names.name(action.index()).to_owned())
                .collect(),
            requires_explanation: transition.explain,
            approvals: self.approvals(transition),
            not_before: transition.opens.map(convert::moment),
            not_after: transition.closes.map(convert::moment),
            listed: transition.listed,
            conditional: transition.when.is_some(),
            origin: self.origin(transition.origin),
        }
    }

    /// The states from which a transition can be executed, in the order of the workflow.
    fn states_of(&self, id: TransitionId, transition: &Transition, workflow: &Workflow) -> Vec<String> {
        let is_from = |state: &&State| match &transition.from {
            None => state.offers.contains(&id),
            Some(Mask::Any) => true,
            Some(from) => from.selects(Some(state.id.index())),
        };
        workflow
            .states
            .iter()
            .filter(is_from)
            .map(|state| self.state_name(state.id))
            .collect()
    }

    fn target(&self, (from, to): (StateId, StateId)) -> v1::WorkflowTarget {
        v1::WorkflowTarget {
            from_state: self.state_name(from),
            to_state: self.state_name(to),
        }
    }

    /// All rules of a transition as one: each person serves one rule, so the numbers add up.
    fn approvals(&self, transition: &Transition) -> Option<v1::ApprovalRule> {
        if transition.approvals.is_empty() {
            return None;
        }
        Some(v1::ApprovalRule {
            needed: transition
                .approvals
                .iter()
                .fold(0, |sum, rule| sum.saturating_add(rule.count)),
            roles: self
                .encoder
                .roles(&self.encoder.approver_roles(&transition.approvals))
                .map(str::to_owned)
                .collect(),
        })
    }

    fn collection(&self, id: CollectionId) -> String {
        self.model.collection_names.name(id.index()).to_owned()
    }

    fn state_name(&self, id: StateId) -> String {
        self.model.state_names.name(id.index()).to_owned()
    }

    fn transition_name(&self, id: TransitionId) -> String {
        self.model
            .transition(id)
            .map(|transition| transition.name.to_string())
            .unwrap_or_default()
    }

    fn origin(&self, id: OriginId) -> Option<v1::Origin> {
        if self.explain {
            // As it stands in a workflow, so it stands everywhere.
            let holder: v1::Workflow =
                message(|out| self.encoder.origin(out, field::workflow::ORIGIN, Some(id)));
            holder.origin
        } else {
            None
        }
    }
}

/// Returns a title in a language, else as the profile has it, else the id.
pub(super) fn title<'t>(title: &'t Title, locale: &str, id: &'t str) -> &'t str {
    title.in_locale(locale).unwrap_or(id)
}
