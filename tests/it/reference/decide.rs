//! The steps of a decision, in order; the first failure is the reason.

use std::cell::Cell;
use std::collections::BTreeMap;

use placet::engine::query::Query;
use placet::policy::grant::{Constraint, Grant, Selection};
use placet::policy::role::Administrator;
use placet::policy::workflow::{Target, Transition};
use placet::policy::{Policy, Selector};
use placet::vocab::effect::{Effect, Operation, Reason};
use placet::vocab::value::{Object, Value};

use super::bind::{self, Afterwards, Layer, State};
use super::condition::{self, Scene, Table};
use super::kleene::Kleene;
use super::matching::{self, Case};
use super::{Malformed, Outcome, approvals, fields, roles};

/// Why a question is refused, and whether an explanation is demanded, too.
pub(crate) type Step<T> = Result<T, Reason>;

/// One question being decided.
pub(crate) struct Judge<'a> {
    pub(crate) case: &'a Case<'a>,
    stored: Object<'static>,
    conditional: Cell<bool>,
    /// The step that is being taken.
    step: Cell<u8>,
    /// Whether something went wrong while looking for what allows.
    pub(crate) fault: Cell<bool>,
}

/// What one action contributes to an allow.
#[derive(Default)]
pub(crate) struct Granted {
    pub(crate) left_out: Vec<(String, Reason)>,
    pub(crate) explain: bool,
    pub(crate) presets: BTreeMap<String, Value<'static>>,
}

/// Presets and changes of one action, and what comes of them.
pub(crate) struct Written {
    pub(crate) presets: Layer,
    pub(crate) submitted: Object<'static>,
    pub(crate) future: Object<'static>,
}

/// Answers a question about one action or transition.
pub(crate) fn check(policy: &Policy, query: &Query<'static>) -> Result<Outcome, Malformed> {
    check_with_step(policy, query).map(|(outcome, _)| outcome)
}

/// Answers a question, and tells the step at which it failed.
fn check_with_step(policy: &Policy, query: &Query<'static>) -> Result<(Outcome, u8), Malformed> {
    let case = Case::new(policy, query)?;
    check_all_fields(&case)?;
    answer(&case)
}

/// Whatever may be read is asked of a read alone.
fn check_all_fields(case: &Case<'_>) -> Result<(), Malformed> {
    let (policy, query) = (case.policy, case.query);
    // What an unknown action does, only an administrator of anything has to know: its name tells.
    let any_name = case.roles.administrator == Some(Administrator::Anything);
    let writes = match query.action {
        "" => case.facts.transition.is_some(),
        action => {
            (any_name || knows_action(policy, action)) && bind::operation(policy, action) != Operation::Read
        }
    };
    if writes && query.fields.contains(&"*") {
        return Err(Malformed);
    }
    Ok(())
}

fn answer(case: &Case<'_>) -> Result<(Outcome, u8), Malformed> {
    let stored = bind::stored_item(case.query, &case.facts);
    let judge = Judge {
        case,
        stored,
        conditional: Cell::new(false),
        step: Cell::new(1),
        fault: Cell::new(false),
    };
    let mut outcome = Outcome::deny(Reason::Fault);
    match judge.run(&mut outcome) {
        Ok(()) => {
            outcome.effect = Effect::Allow;
            outcome.reason = Reason::Allowed;
        }
        Err(reason) => {
            outcome.reason = reason;
            outcome.left_out.clear();
            outcome.presets.clear();
        }
    }
    outcome.conditional = judge.conditional.get();
    Ok((outcome, judge.step.get()))
}

/// Tells which of two failures lies nearer to an allow: the one at the later step, and of those at grants and fields no
/// match before what is open, and that before fields.
fn nearness((outcome, step): &(Outcome, u8)) -> (u8, u8) {
    let within = match outcome.reason {
        Reason::NoGrant | Reason::NoMatchingGrant | Reason::UnknownRole => 0,
        Reason::MissingAttribute | Reason::Fault => 1,
        _ => 2,
    };
    (*step, if *step == 4 { within } else { 0 })
}

/// The actions that must all be allowed: the one named, and those of the transition.
fn actions(case: &Case<'_>) -> Vec<String> {
    let mut found = Vec::new();
    if !case.query.action.is_empty() {
        found.push(case.query.action.to_owned());
    }
    for action in case
        .facts
        .transition
        .map(|each| each.actions.as_slice())
        .unwrap_or_default()
    {
        if !found.contains(&action.value) {
            found.push(action.value.clone());
        }
    }
    found
}

impl Judge<'_> {
    fn run(&self, outcome: &mut Outcome) -> Step<()> {
        self.names()?;
        if let Some(transition) = self.case.facts.transition {
            self.transition_open(transition)?;
        }
        if let Some(implied) = self.implied()? {
            outcome.explanation_required |= implied.explanation_required;
            outcome.approvals = implied.approvals;
        }
        for action in actions(self.case) {
            let granted = self.judge(&action)?;
            outcome.explanation_required |= granted.explain;
            for left_out in granted.left_out {
                if outcome.left_out.iter().all(|(field, _)| *field != left_out.0) {
                    outcome.left_out.push(left_out);
                }
            }
            outcome.presets.extend(granted.presets);
        }
        let administrator = self.case.roles.administrator.is_some();
        outcome.explanation_required |= self
            .case
            .facts
            .transition
            .is_some_and(|transition| transition.explain)
            && !administrator;
        self.step.set(7);
        if outcome.explanation_required && self.case.query.context.explanation.trim().is_empty() {
            return Err(Reason::ExplanationRequired);
        }
        self.step.set(8);
        if let Some(transition) = self.case.facts.transition {
            outcome.approvals = approvals::count(self.case, transition);
            if outcome.approvals.1 < outcome.approvals.0 {
                let bound = transition.approvals.iter().any(|rule| rule.content_bound);
                let untold = bound && self.case.query.resource.content_digest.is_empty();
                return Err(if untold {
                    Reason::MissingAttribute
                } else {
                    Reason::ApprovalMissing
                });
            }
        }
        Ok(())
    }

    /// Step 1: the names must be known.
    fn names(&self) -> Step<()> {
        let Case {
            policy,
            query,
            facts,
            roles,
            ..
        } = self.case;
        if roles.administrator == Some(Administrator::Anything) {
            return Ok(());
        }
        if !knows_collection(policy, query.resource.collection) {
            return Err(Reason::UnknownCollection);
        }
        if !query.action.is_empty() && !knows_action(policy, query.action) {
            return Err(Reason::UnknownAction);
        }
        if !query.transition.is_empty() && facts.transition.is_none() {
            return Err(Reason::UnknownTransition);
        }
        Ok(())
    }

    /// Step 1: the transition must be open from this state, now, for this item.
    fn transition_open(&self, transition: &Transition) -> Step<()> {
        let Case { query, facts, .. } = self.case;
        let offered = || {
            facts
                .workflow
                .map(|flow| matching::offering(flow, &transition.id.value))
        };
        let from = transition.from.clone().or_else(offered).unwrap_or_default();
        self.met(matching::state_matches(&from, &facts.state), Reason::NotOffered)?;
        if facts.no_way {
            return Err(Reason::NotOffered);
        }
        if matches!(transition.to, Target::Map(_)) && facts.state == State::Open {
            self.met(Kleene::Open, Reason::NotOffered)?;
        }
        let now = query.context.now;
        if transition.opens.is_some_and(|opens| now < opens)
            || transition.closes.is_some_and(|closes| now >= closes)
        {
            return Err(Reason::NotOffered);
        }
        if let Some(when) = &transition.when {
            // Related items are those of the transition's first action; without one, all of them count.
            let action = transition
                .actions
                .first()
                .map_or("", |action| action.value.as_str());
            let when = self.stored_holds(action, when);
            self.met(when, Reason::NotOffered)?;
        }
        Ok(())
    }

    /// Passes what is true; what is open passes for some item alone.
    fn met(&self, truth: Kleene, otherwise: Reason) -> Step<()> {
        match self.favour(truth) {
            Kleene::True => Ok(()),
            Kleene::Fault => Err(Reason::Fault),
            Kleene::Open => Err(Reason::MissingAttribute),
            Kleene::False => Err(otherwise),
        }
    }

    /// Step 1: in a closed workflow a change of state must be a transition that is open to the subject.
    fn implied(&self) -> Step<Option<Outcome>> {
        let Case {
            policy, query, facts, ..
        } = self.case;
        let Some(workflow) = facts.workflow else {
            return Ok(None);
        };
        if !workflow.closed || !facts.moves || !query.transition.is_empty() {
            return Ok(None);
        }
        self.met(open_state(&facts.state), Reason::NotOffered)?;
        let mut nearest: Option<(Outcome, u8)> = None;
        for id in offers(workflow, &facts.state) {
            let Some(transition) = workflow.transitions.iter().find(|each| each.id.value == id) else {
                continue;
            };
            let Afterwards::Named(target) = &facts.afterwards else {
                continue;
            };
            if !leads(transition, &facts.state, target) {
                continue;
            }
            let mut question = (*query).clone();
            question.action = "";
            question.transition = super::intern(&transition.id.value);
            let failed = Case::new(policy, &question)
                .and_then(|case| answer(&case))
                .map_err(|Malformed| Reason::Fault)?;
            let outcome = &failed.0;
            if outcome.conditional {
                self.conditional.set(true);
            }
            if outcome.is_allow() {
                return Ok(Some(failed.0));
            }
            if nearest
                .as_ref()
                .is_none_or(|nearest| nearness(&failed) > nearness(nearest))
            {
                nearest = Some(failed);
            }
        }
        Err(nearest.map_or(Reason::NotOffered, |(outcome, _)| outcome.reason))
    }

    /// Steps 3 to 6 for one action.
    fn judge(&self, action: &str) -> Step<Granted> {
        self.step.set(3);
        self.refusing(action)?;
        self.step.set(4);
        let allows = fields::allows(self, action)?;
        let written = self.written(action)?;
        let granted = fields::decide(self, action, &allows, &written)?;
        self.step.set(6);
        self.constrained(action, &written)?;
        Ok(granted)
    }

    /// Step 3: denies that refuse.
    fn refusing(&self, action: &str) -> Step<()> {
        let mut found = None;
        for grant in &self.case.policy.grants {
            let is_deny = grant.effect == Effect::Deny || grant.broken.is_some();
            if !is_deny || grant.fields != Selector::Any {
                continue;
            }
            let reason = match self.oppose(self.grant_matches(grant, action)) {
                Kleene::False => continue,
                Kleene::Fault if grant.broken.is_none() => Reason::Fault,
                Kleene::Open if grant.broken.is_none() => Reason::MissingAttribute,
                Kleene::True if grant.broken.is_none() => Reason::Denied,
                Kleene::Fault | Kleene::Open | Kleene::True => Reason::BrokenRule,
            };
            found = found.max(Some((rank(reason), reason)));
        }
        found.map_or(Ok(()), |(_, reason)| Err(reason))
    }

    /// Tells whether a grant matches in all its parts.
    pub(crate) fn grant_matches(&self, grant: &Grant, action: &str) -> Kleene {
        let mut truth = self.selection_matches(&grant.selection, action);
        if let Some(networks) = &grant.networks {
            truth = truth.min(roles::inside(networks, self.case.query.context.ip).into());
        }
        truth
    }

    fn selection_matches(&self, selection: &Selection, action: &str) -> Kleene {
        let mut truth = matching::reaches(self.case, selection, action);
        truth = truth.min(matching::in_scope(self.case, selection));
        // Nothing is asked of conditions of rules that are not for this question.
        if truth == Kleene::False {
            return truth;
        }
        if let Some(when) = &selection.when {
            truth = truth.min(self.stored_holds(action, when));
        }
        truth
    }

    pub(crate) fn stored_holds(&self, action: &str, when: &placet::policy::condition::Condition) -> Kleene {
        // What presets would write is not asked here: it depends on what is.
        let submitted = bind::submitted_item(self.case.query, &self.case.facts, &Layer::new());
        condition::holds(self.scene(action, Table::Stored, &self.stored, &submitted), when)
    }

    pub(crate) fn scene<'s>(
        &'s self,
        action: &'s str,
        table: Table,
        item: &'s Object<'static>,
        submitted: &'s Object<'static>,
    ) -> Scene<'s> {
        let collection = self.case.facts.collection;
        Scene {
            case: self.case,
            action,
            table,
            item,
            collection,
            submitted,
        }
    }

    /// Why an allow does not match of which something is open.
    pub(crate) fn untold(&self) -> Reason {
        if self.fault.get() {
            Reason::Fault
        } else {
            Reason::MissingAttribute
        }
    }

    /// What is open counts in favour of some item.
    pub(crate) fn favour(&self, truth: Kleene) -> Kleene {
        self.settle(truth, Kleene::True)
    }

    /// What is open counts against a rule that refuses some item.
    pub(crate) fn oppose(&self, truth: Kleene) -> Kleene {
        self.settle(truth, Kleene::False)
    }

    fn settle(&self, truth: Kleene, open: Kleene) -> Kleene {
        if truth == Kleene::Open && self.case.query.resource.any_item {
            self.conditional.set(true);
            return open;
        }
        truth
    }

    /// Whether presets are written at all.
    fn writes_presets(&self, action: &str) -> bool {
        match bind::operation(self.case.policy, action) {
            Operation::Create | Operation::Update | Operation::Other => true,
            Operation::Read | Operation::Delete => false,
        }
    }

    /// The constraints that apply.
    fn applying(&self, action: &str) -> Step<Vec<&Constraint>> {
        let mut found = Vec::new();
        for constraint in &self.case.policy.constraints {
            let truth = self.selection_matches(&constraint.selection, action);
            if self.oppose(truth) != Kleene::False {
                found.push(constraint);
            }
        }
        Ok(found)
    }

    fn presets(&self, action: &str, applying: &[&Constraint]) -> Layer {
        let mut presets = Layer::new();
        if !self.writes_presets(action) {
            return presets;
        }
        // Later in the order of roles wins; a constraint stands where the last role stands that holds it.
        let mut ordered: Vec<(Option<usize>, &Constraint)> = applying
            .iter()
            .map(|constraint| (self.position(&constraint.selection), *constraint))
            .collect();
        ordered.sort_by_key(|(position, _)| *position);
        for (_, constraint) in ordered {
            for (field, operand) in &constraint.presets {
                presets.insert(field.value.clone(), condition::preset(self.case, operand));
            }
        }
        presets
    }

    fn position(&self, selection: &Selection) -> Option<usize> {
        let held = matching::through(selection, &self.case.roles)?;
        self.case
            .roles
            .order
            .iter()
            .rposition(|role| held.contains(&role.as_str()))
    }

    fn written(&self, action: &str) -> Step<Written> {
        let presets = self.presets(action, &self.applying(action)?);
        Ok(Written {
            submitted: bind::submitted_item(self.case.query, &self.case.facts, &presets),
            future: bind::future_item(self.case.query, &self.case.facts, &presets),
            presets,
        })
    }

    /// Step 6: constraints.
    fn constrained(&self, action: &str, written: &Written) -> Step<()> {
        let query = self.case.query;
        let applying = self.applying(action)?;
        for constraint in &applying {
            if let Some(networks) = &constraint.networks
                && !roles::inside(networks, query.context.ip)
            {
                return Err(Reason::Network);
            }
        }
        let mut truth = Kleene::True;
        for constraint in &applying {
            if let (Some(submitted), true) = (&constraint.submitted, self.writes_presets(action)) {
                let scene = self.scene(action, Table::Submitted, &written.submitted, &written.submitted);
                let held = condition::holds(scene, submitted);
                truth = truth.min(self.favour(held));
            }
            if let Some(require) = &constraint.require {
                let scene = self.scene(action, Table::Stored, &written.future, &written.submitted);
                let held = condition::holds(scene, require);
                truth = truth.min(self.favour(held));
            }
        }
        let untold = written
            .presets
            .iter()
            .any(|(field, value)| value.is_none() && self.is_used(field));
        let told = if untold {
            self.favour(Kleene::Open)
        } else {
            Kleene::True
        };
        match truth.min(told) {
            Kleene::False => Err(Reason::Violation),
            Kleene::Fault => Err(Reason::Fault),
            Kleene::Open => Err(Reason::MissingAttribute),
            Kleene::True => Ok(()),
        }
    }

    /// Tells whether a preset is written: nothing is proposed for its field.
    pub(crate) fn is_used(&self, field: &str) -> bool {
        let query = self.case.query;
        let stored = self.case.facts.creates && query.resource.attributes.get(field).is_some();
        query.changes.get(field).is_none() && !stored
    }
}

fn rank(reason: Reason) -> u8 {
    match reason {
        Reason::Denied => 3,
        Reason::BrokenRule => 2,
        Reason::Fault => 1,
        _ => 0,
    }
}

fn open_state(state: &State) -> Kleene {
    match state {
        State::Named(_) | State::None => Kleene::True,
        State::Open => Kleene::Open,
    }
}

/// The transitions that a state offers, each once; for an open state those of all states.
fn offers(workflow: &placet::policy::workflow::Workflow, state: &State) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for each in &workflow.states {
        let here = match state {
            State::Named(name) => each.id.value == *name,
            State::None => false,
            State::Open => true,
        };
        for id in each.transitions.iter().filter(|_| here) {
            if !found.contains(&id.value) {
                found.push(id.value.clone());
            }
        }
    }
    found
}

fn leads(transition: &Transition, state: &State, target: &str) -> bool {
    match &transition.to {
        Target::State(to) => to.value == target,
        Target::Unknown => false,
        Target::Map(pairs) => pairs.iter().any(|(from, to)| {
            to.value == target
                && match state {
                    State::Named(name) => from.value == *name,
                    State::None => false,
                    State::Open => true,
                }
        }),
    }
}

/// Tells whether a collection is declared or named by any rule.
pub(crate) fn knows_collection(policy: &Policy, collection: &str) -> bool {
    policy.collections.iter().any(|each| each.id.value == collection)
        || selections(policy).any(|each| names(&each.collections, collection))
        || policy
            .document_grants
            .iter()
            .any(|each| each.collection.value == collection)
}

/// Tells whether an action is declared or named by any rule.
pub(crate) fn knows_action(policy: &Policy, action: &str) -> bool {
    known_actions(policy).iter().any(|each| each == action)
}

/// Lists all known actions.
pub(crate) fn known_actions(policy: &Policy) -> Vec<String> {
    let mut found: Vec<String> = policy.actions.iter().map(|each| each.id.value.clone()).collect();
    for selection in selections(policy) {
        found.extend(selection.actions.names().iter().map(|each| each.value.clone()));
    }
    for grant in policy.document_grants.iter() {
        found.extend(grant.actions.iter().map(|each| each.value.clone()));
    }
    for transition in policy.workflows.iter().flat_map(|flow| &flow.transitions) {
        found.extend(transition.actions.iter().map(|each| each.value.clone()));
    }
    found.sort();
    found.dedup();
    found
}

fn selections(policy: &Policy) -> impl Iterator<Item = &Selection> {
    let grants = policy.grants.iter().map(|each| &each.selection);
    grants.chain(policy.constraints.iter().map(|each| &each.selection))
}

fn names(selector: &Selector, name: &str) -> bool {
    matches!(selector, Selector::Only(names) if names.iter().any(|each| each.value == name))
}
