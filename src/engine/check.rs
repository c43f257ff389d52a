//! One question, one decision: the order of steps that everything else is a view of.

use smallvec::SmallVec;

use crate::model::Model;
use crate::model::id::{ActionId, TransitionId};
use crate::model::workflow::{Target, Transition};
use crate::vocab::effect::{Operation, Reason};

use super::approvals;
use super::condition::{Notes, Truth};
use super::constraints::NO_PRESETS;
use super::coverage::Asked;
use super::decision::{Decision, Rule};
use super::facts::{Facts, Ownership, Position, State, matches_state};
use super::query::{Query, QueryError};
use super::selection::Bout;
use super::trace::{Event, NoTrace, Outcome, Trace};

/// Answers a question.
///
/// # Errors
///
/// A [`QueryError`] if the question cannot be meant: no action, or two parts that tell one fact differently.
pub fn check<'q>(model: &'q Model, query: &'q Query<'q>) -> Result<Decision<'q>, QueryError> {
    check_traced(model, query, &mut NoTrace)
}

/// Answers a question and tells a trace what happened; the answer is the same as that of [`check`].
///
/// # Errors
///
/// See [`check`].
pub fn check_traced<'q, T: Trace>(
    model: &'q Model,
    query: &'q Query<'q>,
    trace: &mut T,
) -> Result<Decision<'q>, QueryError> {
    // In steps, so that the facts are never moved: that would cost more than some of the steps of a decision.
    let mut facts = Facts::of(model, query, Ownership::bind(model, query)?);
    facts.find_roles();
    judge(&facts, &Question::of(query), trace)
}

/// What is asked about the facts: the parts of a query that lists vary.
#[derive(Clone, Copy)]
pub(super) struct Question<'x, 'q> {
    pub(super) action: &'q str,
    pub(super) transition: &'q str,
    pub(super) fields: &'x [&'q str],
    pub(super) filter_fields: &'x [&'q str],
}

impl<'q> Question<'q, 'q> {
    pub(super) fn of(query: &'q Query<'q>) -> Self {
        Question {
            action: query.action,
            transition: query.transition,
            fields: &query.fields,
            filter_fields: &query.filter_fields,
        }
    }
}

/// An action that has to be allowed.
#[derive(Clone, Copy)]
struct Step {
    /// `None` for a name that is unknown, which only an administrator of anything may use.
    action: Option<ActionId>,
    operation: Operation,
}

/// Runs all steps.
pub(super) fn judge<'q, T: Trace>(
    facts: &Facts<'q>,
    question: &Question<'_, 'q>,
    trace: &mut T,
) -> Result<Decision<'q>, QueryError> {
    if question.action.is_empty() && question.transition.is_empty() {
        return Err(QueryError::NoAction);
    }
    let allows_anything = facts.effective.administrator.is_some() && allows_anything(facts);
    if facts.collection.is_none() && !allows_anything {
        let name = facts.query.resource.collection;
        return unknown(facts, question, Reason::UnknownCollection, name);
    }
    let step = find_action(facts.model, question.action, allows_anything);
    if step.is_none() && !question.action.is_empty() {
        return unknown(facts, question, Reason::UnknownAction, question.action);
    }
    let transition = if question.transition.is_empty() {
        None
    } else {
        find_transition(facts, question.transition)
    };
    if !question.transition.is_empty() && transition.is_none() && !allows_anything {
        return unknown(facts, question, Reason::UnknownTransition, question.transition);
    }
    let operation = step.map_or(Operation::Update, |step| step.operation);
    if operation != Operation::Read && question.fields.contains(&"*") {
        return Err(QueryError::Unfit {
            field: "fields",
            value: "*",
        });
    }
    let judge = Judge { facts, question };
    match transition {
        Some((id, transition)) => judge.transition(id, transition, step, operation, trace),
        None => judge.actions(step, operation, trace),
    }
}

/// Whether the subject may use names that the profile does not know.
pub(super) fn allows_anything(facts: &Facts<'_>) -> bool {
    facts.effective.administrator.is_some()
        && facts
            .effective
            .all
            .iter()
            .filter_map(|role| facts.model.roles.rows.get(role))
            .any(|role| role.allows_anything)
}

/// The answer to a question with a name that the profile does not know.
#[cold]
fn unknown<'q>(
    facts: &Facts<'q>,
    question: &Question<'_, 'q>,
    reason: Reason,
    name: &'q str,
) -> Result<Decision<'q>, QueryError> {
    // A question that cannot be meant is refused as such, whatever else is wrong with its names.
    let step = find_action(facts.model, question.action, false);
    facts.position(step.map_or(Operation::Update, |step| step.operation), None)?;
    let mut decision = Decision::deny(reason);
    decision.about = Some(name);
    Ok(decision)
}

/// Finds an action by name; `None` if it is unknown, or none is named.
#[inline(always)]
fn find_action(model: &Model, name: &str, allows_anything: bool) -> Option<Step> {
    if name.is_empty() {
        return None;
    }
    match model.action_names.id(name) {
        Some(id) => model.action(id).map(|action| Step {
            action: Some(id),
            operation: action.on_item(),
        }),
        None => allows_anything.then_some(Step {
            action: Some(model.unknown_action()),
            operation: Operation::usual(name),
        }),
    }
}

/// Finds a transition of the collection's workflow by name.
fn find_transition<'q>(facts: &Facts<'q>, name: &str) -> Option<(TransitionId, &'q Transition)> {
    let workflow = facts.workflow?;
    workflow
        .transitions
        .iter()
        .filter_map(|id| Some((*id, facts.model.transition(*id)?)))
        .find(|(_, transition)| transition.name.as_ref() == name)
}

/// One question about one item.
struct Judge<'j, 'q> {
    facts: &'j Facts<'q>,
    question: &'j Question<'j, 'q>,
}

/// What a transition comes to before any action is looked at.
enum Gate<'q> {
    Open { conditional: bool },
    Shut(Decision<'q>),
}

impl<'q> Judge<'_, 'q> {
    /// A question without a named transition.
    fn actions<T: Trace>(
        &self,
        step: Option<Step>,
        operation: Operation,
        trace: &mut T,
    ) -> Result<Decision<'q>, QueryError> {
        let position = self.facts.position(operation, None);
        let position = position.as_ref().map_err(Clone::clone)?;
        if operation == Operation::Create || !position.moves() {
            return self.steps(step.as_slice(), position, false, trace);
        }
        self.moving(step, position, trace)
    }

    /// A change of state without a named transition.
    #[inline(never)]
    fn moving<T: Trace>(
        &self,
        step: Option<Step>,
        position: &Position<'q>,
        trace: &mut T,
    ) -> Result<Decision<'q>, QueryError> {
        let found = match self.closed(position, trace)? {
            Ok(found) => found,
            Err(decision) => return Ok(decision),
        };
        let mut decision = self.steps(step.as_slice(), position, false, trace)?;
        if let Some(found) = found
            && decision.is_allow()
        {
            // The way is open by this transition, with what it asks.
            decision.transition = found.transition;
            decision.explanation_required |= found.explanation_required;
            decision.approvals = found.approvals;
            decision.conditional |= found.conditional;
        }
        Ok(decision)
    }

    /// A change of state in a closed workflow must be one that is open; `Ok(None)` if nothing of the kind is asked.
    fn closed<T: Trace>(
        &self,
        position: &Position<'q>,
        trace: &mut T,
    ) -> Result<Result<Option<Decision<'q>>, Decision<'q>>, QueryError> {
        let Some(workflow) = self.facts.workflow.filter(|workflow| workflow.closed) else {
            return Ok(Ok(None));
        };
        let any_item = self.facts.query.resource.any_item;
        let offers: Vec<TransitionId> = match &position.state {
            State::Named(_, Some(id)) => workflow
                .state(*id)
                .map_or(Vec::new(), |state| state.offers.to_vec()),
            State::Named(_, None) | State::None => Vec::new(),
            State::Open if any_item => workflow
                .states
                .iter()
                .flat_map(|state| state.offers.iter().copied())
                .collect(),
            State::Open => {
                let mut decision = Decision::deny(Reason::MissingAttribute);
                decision.lacking.push("resource.state");
                return Ok(Err(decision));
            }
        };
        let mut nearest: Option<Decision<'q>> = None;
        for id in offers {
            let Some(transition) = self.facts.model.transition(id) else {
                continue;
            };
            if !self.leads(transition, position) {
                continue;
            }
            let decision = self.transition(id, transition, None, Operation::Update, trace)?;
            if decision.is_allow() {
                return Ok(Ok(Some(decision)));
            }
            // Of several ways the one is told that fails last.
            if nearest
                .as_ref()
                .is_none_or(|nearest| decision.step() > nearest.step())
            {
                nearest = Some(decision);
            }
        }
        Ok(Err(nearest.unwrap_or_else(|| Decision::deny(Reason::NotOffered))))
    }

    /// Whether a transition leads from this state to the one that is asked for.
    fn leads(&self, transition: &Transition, position: &Position<'q>) -> bool {
        let State::Named(_, Some(target)) = position.target() else {
            return false;
        };
        match &transition.to {
            Target::State(to) => to == target,
            Target::Map(pairs) => pairs.iter().any(|(from, to)| {
                to == target
                    && match &position.state {
                        State::Named(_, id) => *id == Some(*from),
                        State::Open => true,
                        State::None => false,
                    }
            }),
            Target::Unknown => false,
        }
    }

    /// A named transition: its gate, its actions, its explanation, its approvals.
    fn transition<T: Trace>(
        &self,
        id: TransitionId,
        transition: &'q Transition,
        step: Option<Step>,
        operation: Operation,
        trace: &mut T,
    ) -> Result<Decision<'q>, QueryError> {
        // Where it leads comes first: a request that tells another state cannot be meant.
        let state = self.facts.state_of_stored()?;
        let (target, leads) = target_from(self.facts, transition, &state);
        let position = self.facts.position(operation, target)?;
        let conditional = match self.gate(id, transition, operation, (&state, &position), leads, trace) {
            Gate::Open { conditional } => conditional,
            Gate::Shut(mut decision) => {
                decision.transition = Some(id);
                return Ok(decision);
            }
        };
        let mut steps: SmallVec<[Step; 2]> = step.into_iter().collect();
        for action in &transition.actions {
            if steps.iter().all(|step| step.action != Some(*action)) {
                let operation = self
                    .facts
                    .model
                    .action(*action)
                    .map_or(Operation::Other, |row| row.on_item());
                steps.push(Step {
                    action: Some(*action),
                    operation,
                });
            }
        }
        let is_administrator = self.facts.effective.administrator.is_some();
        let mut decision = self.steps(&steps, &position, transition.explain && !is_administrator, trace)?;
        decision.conditional |= conditional;
        decision.transition = Some(id);
        decision.approvals = approvals::count(self.facts, transition);
        if !decision.is_allow() {
            let lacks = transition.explain && decision.reason == Reason::ExplanationRequired;
            let outcome = if lacks {
                Outcome::Explanation
            } else {
                Outcome::Matched
            };
            self.note(trace, id, outcome, false);
            return Ok(decision);
        }
        if steps.is_empty() {
            decision.deciding.push(Rule::Transition(id));
        }
        if decision.approvals.iter().any(|each| each.given < each.needed) {
            let lacks_digest = self.facts.query.resource.content_digest.is_empty()
                && transition.approvals.iter().any(|rule| rule.content_bound);
            let reason = if lacks_digest {
                Reason::MissingAttribute
            } else {
                Reason::ApprovalMissing
            };
            let mut refused = Decision::deny(reason);
            refused.deciding.push(Rule::Transition(id));
            refused.approvals = decision.approvals;
            refused.transition = Some(id);
            refused.explanation_required = decision.explanation_required;
            if lacks_digest {
                refused.lacking.push("resource.content_digest");
            }
            self.note(trace, id, Outcome::Approvals, lacks_digest);
            return Ok(refused);
        }
        self.note(trace, id, Outcome::Matched, false);
        Ok(decision)
    }

    fn note<T: Trace>(&self, trace: &mut T, id: TransitionId, outcome: Outcome, open: bool) {
        if T::ENABLED {
            let mut event = Event::new(Rule::Transition(id), None, outcome);
            event.open = open;
            trace.record(event);
        }
    }

    /// Whether a transition is open here and now; it binds administrators, too.
    fn gate<T: Trace>(
        &self,
        id: TransitionId,
        transition: &'q Transition,
        operation: Operation,
        (state, position): (&State<'q>, &Position<'q>),
        leads: Truth,
        trace: &mut T,
    ) -> Gate<'q> {
        let facts = self.facts;
        let any_item = facts.query.resource.any_item;
        let refuse = |reason: Reason, lacking: Option<&'q str>| {
            let mut decision = Decision::deny(reason);
            decision.deciding.push(Rule::Transition(id));
            decision.lacking.extend(lacking);
            Gate::Shut(decision)
        };
        let mut conditional = false;
        let offered = match &transition.from {
            Some(from) => matches_state(state, from),
            None => self.offers(state, id),
        };
        match offered.and(leads) {
            Truth::True => {}
            Truth::Open if any_item => conditional = true,
            Truth::Open => {
                self.note(trace, id, Outcome::NotOffered, true);
                return refuse(Reason::MissingAttribute, Some("resource.state"));
            }
            Truth::False => {
                self.note(trace, id, Outcome::NotOffered, false);
                return refuse(Reason::NotOffered, None);
            }
        }
        let now = facts.query.context.now;
        if transition.opens.is_some_and(|opens| now < opens)
            || transition.closes.is_some_and(|closes| now >= closes)
        {
            self.note(trace, id, Outcome::Time, false);
            return refuse(Reason::NotOffered, None);
        }
        if let Some(when) = transition.when {
            let bout = Bout {
                facts,
                action: transition.actions.first().copied(),
                operation,
                position,
            };
            let mut notes = Notes::new();
            match bout.stored(when, &mut notes) {
                Truth::True => {}
                Truth::Open if any_item && !notes.fault => conditional = true,
                Truth::Open => {
                    bout.unmet(trace, id, when, true);
                    let reason = if notes.fault {
                        Reason::Fault
                    } else {
                        Reason::MissingAttribute
                    };
                    return refuse(reason, notes.lacking.first().copied());
                }
                Truth::False => {
                    bout.unmet(trace, id, when, false);
                    return refuse(Reason::NotOffered, None);
                }
            }
        }
        Gate::Open { conditional }
    }

    /// Whether a state offers a transition.
    fn offers(&self, state: &State<'q>, id: TransitionId) -> Truth {
        match state {
            State::Open => Truth::Open,
            State::None | State::Named(_, None) => Truth::False,
            State::Named(_, Some(state)) => {
                let state = self.facts.workflow.and_then(|workflow| workflow.state(*state));
                Truth::of(state.is_some_and(|state| state.offers.contains(&id)))
            }
        }
    }

    /// Steps three to seven, for each action.
    #[inline(always)]
    fn steps<T: Trace>(
        &self,
        steps: &[Step],
        position: &Position<'q>,
        explain: bool,
        trace: &mut T,
    ) -> Result<Decision<'q>, QueryError> {
        // Where nothing demands an explanation, the answer to a single step is the answer, and nobody moves it.
        if let [step] = steps
            && !explain
            && !self.facts.model.demands_explanations
        {
            return self.step(*step, position, &mut false, trace);
        }
        self.several(steps, position, explain, trace)
    }

    /// Steps three to seven, for any number of actions.
    #[inline(never)]
    fn several<T: Trace>(
        &self,
        steps: &[Step],
        position: &Position<'q>,
        explain: bool,
        trace: &mut T,
    ) -> Result<Decision<'q>, QueryError> {
        let mut demanded = explain;
        let mut answer = match steps.first() {
            Some(first) => self.step(*first, position, &mut demanded, trace),
            None => Ok(Decision::allow()),
        };
        if demanded || steps.len() > 1 {
            self.go_on(&mut answer, steps, position, demanded, trace);
        }
        answer
    }

    /// Goes on from the answer to the first step: the other steps, and the explanation.
    #[inline(never)]
    fn go_on<T: Trace>(
        &self,
        answer: &mut Result<Decision<'q>, QueryError>,
        steps: &[Step],
        position: &Position<'q>,
        mut demanded: bool,
        trace: &mut T,
    ) {
        let Ok(all) = answer else { return };
        if !all.is_allow() {
            return;
        }
        for step in steps.iter().skip(1) {
            match self.step(*step, position, &mut demanded, trace) {
                Ok(one) if one.is_allow() => merge(all, one),
                refused @ (Ok(_) | Err(_)) => {
                    *answer = refused;
                    return;
                }
            }
        }
        if demanded {
            self.explain(all);
        }
    }

    /// Lets an allow demand an explanation: it is a deny where none is given.
    fn explain(&self, all: &mut Decision<'q>) {
        all.explanation_required = true;
        if !self.facts.query.context.explanation.trim().is_empty() {
            return;
        }
        let mut refused = Decision::deny(Reason::ExplanationRequired);
        refused.deciding = std::mem::take(&mut all.deciding);
        refused.explanation_required = true;
        refused.conditional = all.conditional;
        *all = refused;
    }

    /// Steps three to six, for one action; `demanded` becomes true if it is allowed only with an explanation.
    #[inline(never)]
    fn step<T: Trace>(
        &self,
        step: Step,
        position: &Position<'q>,
        demanded: &mut bool,
        trace: &mut T,
    ) -> Result<Decision<'q>, QueryError> {
        if step.operation == Operation::Create {
            // A new item's position is another one: the state is that which it will have.
            let position = self.facts.position(Operation::Create, None)?;
            return Ok(self.act(step, &position, demanded, trace));
        }
        Ok(self.act(step, position, demanded, trace))
    }

    #[inline(never)]
    fn act<T: Trace>(
        &self,
        step: Step,
        position: &Position<'q>,
        demanded: &mut bool,
        trace: &mut T,
    ) -> Decision<'q> {
        let asked = self.asked(step.operation, position);
        let bout = Bout {
            facts: self.facts,
            action: step.action,
            operation: step.operation,
            position,
        };
        if self.facts.model.constraint_slots.is_empty() {
            bout.cover(&asked, &NO_PRESETS, demanded, trace)
        } else {
            bout.cover_and_constrain(&asked, demanded, trace)
        }
    }

    /// The fields that a step of this operation asks for.
    #[inline]
    fn asked(&self, operation: Operation, position: &Position<'q>) -> Asked<'q> {
        let question = self.question;
        let is_moving = operation != Operation::Read && position.moves();
        let names_none = question.fields.is_empty() && question.filter_fields.is_empty();
        if names_none && !is_moving && self.facts.query.changes.is_empty() {
            return Asked::nothing(operation);
        }
        self.asked_fields(operation, is_moving)
    }

    fn asked_fields(&self, operation: Operation, is_moving: bool) -> Asked<'q> {
        let facts = self.facts;
        let question = self.question;
        let state_field = facts
            .collection
            .and_then(|collection| collection.state_field.as_deref());
        let changed = facts.query.changes.iter().map(|(name, _)| name);
        let written = changed.chain(state_field.filter(|_| is_moving));
        let (fields, filter_fields) = (question.fields, question.filter_fields);
        Asked::of(facts, operation, fields, written, filter_fields)
    }
}

/// Where a transition leads from a state, and whether it leads anywhere.
fn target_from<'q>(
    facts: &Facts<'q>,
    transition: &Transition,
    state: &State<'q>,
) -> (Option<State<'q>>, Truth) {
    match &transition.to {
        Target::State(to) => (Some(facts.known(*to)), Truth::True),
        Target::Unknown => (Some(State::Open), Truth::True),
        Target::Map(pairs) => match state {
            State::Open => (Some(State::Open), Truth::Open),
            State::None => (None, Truth::False),
            State::Named(_, id) => match pairs.iter().find(|(from, _)| Some(*from) == *id) {
                Some((_, to)) => (Some(facts.known(*to)), Truth::True),
                None => (None, Truth::False),
            },
        },
    }
}

/// Adds what one more action was allowed with.
fn merge<'q>(all: &mut Decision<'q>, one: Decision<'q>) {
    for rule in one.deciding {
        if !all.deciding.contains(&rule) {
            all.deciding.push(rule);
        }
    }
    for left_out in one.left_out {
        if !all.left_out.contains(&left_out) {
            all.left_out.push(left_out);
        }
    }
    for (name, value) in one.presets {
        all.presets.retain(|(other, _)| *other != name);
        all.presets.push((name, value));
    }
    all.conditional |= one.conditional;
}
