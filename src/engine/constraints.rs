//! Constraints: step six of a decision. What holds whoever allowed.

use smallvec::SmallVec;

use crate::model::grant::{Constraint, Mask};
use crate::model::id::{ConstraintId, RoleId};
use crate::vocab::effect::{Operation, Reason};
use crate::vocab::value::Value;

use super::compare::Side;
use super::condition::{Item, Notes, Scene, Truth};
use super::decision::{Decision, Rule, Violation};
use super::facts::State;
use super::role::{counts, ordered};
use super::selection::Bout;
use super::trace::{Event, Outcome, Trace};

/// The constraints that apply, in the order in which their presets are laid over each other.
pub(super) type Applying = SmallVec<[ConstraintId; 4]>;

/// Values that are written by default, unless the request writes others.
#[derive(Default)]
pub(super) struct Presets<'p> {
    pub(super) values: Vec<(&'p str, Value<'p>)>,
    /// A preset whose value the request does not tell.
    open: Option<ConstraintId>,
}

impl<'q> Bout<'_, 'q> {
    /// Returns the constraints that apply; what stays open applies, unless some item is asked for.
    pub(super) fn applying<T: Trace>(&self, conditional: &mut bool, trace: &mut T) -> Applying {
        let model = self.facts.model;
        let mut applying = Applying::new();
        let Some(action) = self.action else {
            return applying;
        };
        if model.constraints.is_empty() {
            return applying;
        }
        for id in model
            .constraint_slots
            .find(self.facts.collection_id, action)
            .into_iter()
            .flatten()
        {
            let Some(constraint) = model.constraint(*id) else {
                continue;
            };
            let selection = &constraint.selection;
            let mut event = |outcome, open| {
                if T::ENABLED {
                    let rule = Rule::Constraint(*id);
                    trace.record(Event {
                        rule,
                        action: self.action,
                        outcome,
                        detail: String::new(),
                        open,
                    });
                }
            };
            if let Err(outcome) = self.stands(selection) {
                event(outcome, false);
                continue;
            }
            let mut notes = Notes::new();
            let mut fit = self.reaches(selection);
            if fit.truth != Truth::False {
                let matched = self.matches(selection, None, &mut notes);
                fit = fit.and(matched.truth, matched.part);
            }
            let is_open = fit.truth == Truth::Open;
            if is_open && self.facts.query.resource.any_item {
                *conditional = true;
                event(fit.part, true);
                continue;
            }
            if fit.truth == Truth::False {
                event(fit.part, false);
                continue;
            }
            applying.push(*id);
        }
        self.order(&mut applying);
        applying
    }

    /// Orders constraints with presets by the last role that holds them; those for everybody come first.
    fn order(&self, applying: &mut Applying) {
        let model = self.facts.model;
        let has_presets = |id: &ConstraintId| {
            model
                .constraint(*id)
                .is_some_and(|constraint| !constraint.presets.is_empty())
        };
        if applying.iter().filter(|id| has_presets(id)).count() < 2 {
            return;
        }
        let roles: Vec<RoleId> = ordered(model, self.facts.query, &self.facts.effective)
            .into_iter()
            .map(|(role, _)| role)
            .collect();
        applying.sort_by_key(|id| {
            let constraint = model.constraint(*id)?;
            let held = self.facts.effective.held(constraint.selection.held);
            let is_held = |role: &RoleId| {
                held.contains(role.index())
                    && match &constraint.selection.roles {
                        Mask::Any => false,
                        Mask::Only(only) => only.contains(role.index()),
                        Mask::Except(except) => !except.contains(role.index()),
                    }
            };
            roles.iter().rposition(is_held)
        });
    }

    /// Returns the presets of the constraints that apply; later ones win.
    pub(super) fn presets(&self, applying: &Applying, operation: Operation) -> Presets<'q> {
        let mut presets = Presets::default();
        if applying.is_empty() || !writes(operation) {
            return presets;
        }
        let query = self.facts.query;
        for id in applying {
            let Some(constraint) = self.facts.model.constraint(*id) else {
                continue;
            };
            for (field, operand) in &constraint.presets {
                let name = self.facts.model.field_names.name(field.index());
                if query.changes.get(name).is_some() {
                    continue;
                }
                presets.values.retain(|(other, _)| *other != name);
                let scene = self.scene(Item::Stored, None);
                match scene.operand(operand) {
                    Side::Open if self.is_proposed(name, operation) => {}
                    Side::Open => {
                        presets.open.get_or_insert(*id);
                    }
                    Side::View(view) => presets.values.push((name, view.to_value())),
                    Side::Instant(instant) => presets
                        .values
                        .push((name, Value::Text(instant.to_string().into()))),
                    Side::List(values) => {
                        let values = values.into_iter().map(Value::into_owned).collect();
                        presets.values.push((name, Value::List(values)));
                    }
                }
            }
        }
        presets
    }

    /// Whether the attributes of a new item hold a field already, so that no preset is written.
    pub(super) fn is_proposed(&self, field: &str, operation: Operation) -> bool {
        operation == Operation::Create && self.facts.query.resource.attributes.get(field).is_some()
    }

    /// Returns what conditions on the item as it would be look at.
    pub(super) fn as_would_be<'s>(&'s self, presets: &'s Presets<'_>, operation: Operation) -> Scene<'s> {
        let state = match self.position.target() {
            State::Named(name, _) if operation == Operation::Create || self.position.stays != Truth::True => {
                Some(name.as_ref())
            }
            State::Named(..) | State::None | State::Open => None,
        };
        let creates = operation == Operation::Create;
        Scene {
            creates,
            ..self.scene(Item::AsWouldBe(&presets.values), state)
        }
    }

    /// Runs step six and returns the refusal, if there is one.
    pub(super) fn constrain<T: Trace>(
        &self,
        applying: &Applying,
        presets: &Presets<'_>,
        operation: Operation,
        conditional: &mut bool,
        trace: &mut T,
    ) -> Option<Decision<'q>> {
        if applying.is_empty() {
            return None;
        }
        let refused = self.network(applying, trace);
        if refused.is_some() && !T::ENABLED {
            return refused;
        }
        let held = self.hold(applying, presets, operation, conditional, trace);
        refused.or(held)
    }

    fn network<T: Trace>(&self, applying: &Applying, trace: &mut T) -> Option<Decision<'q>> {
        let model = self.facts.model;
        let mut refused: Option<Decision<'q>> = None;
        for id in applying {
            let Some(constraint) = model.constraint(*id) else {
                continue;
            };
            if constraint.networks.is_none() || counts(constraint.networks.as_deref(), self.facts.address()) {
                continue;
            }
            self.note(trace, *id, Outcome::Network, false);
            let decision = refused.get_or_insert_with(|| Decision::deny(Reason::Network));
            decision.deciding.push(Rule::Constraint(*id));
        }
        refused
    }

    fn hold<T: Trace>(
        &self,
        applying: &Applying,
        presets: &Presets<'_>,
        operation: Operation,
        conditional: &mut bool,
        trace: &mut T,
    ) -> Option<Decision<'q>> {
        let any_item = self.facts.query.resource.any_item;
        let mut violated = Decision::deny(Reason::Violation);
        let mut open = Decision::deny(Reason::MissingAttribute);
        if let Some(id) = presets.open {
            if any_item {
                *conditional = true;
            } else {
                open.deciding.push(Rule::Constraint(id));
            }
        }
        for id in applying {
            let Some(constraint) = self.facts.model.constraint(*id) else {
                continue;
            };
            let mut notes = Notes::new();
            let truth = self.holds(
                *id,
                constraint,
                presets,
                operation,
                &mut notes,
                &mut violated.violations,
            );
            match truth {
                Truth::True => self.note(trace, *id, Outcome::Matched, false),
                Truth::False => {
                    violated.deciding.push(Rule::Constraint(*id));
                    self.note(trace, *id, Outcome::Validate, false);
                }
                Truth::Open if any_item => *conditional = true,
                Truth::Open => {
                    open.deciding.push(Rule::Constraint(*id));
                    open.lacking.extend(notes.lacking);
                    if notes.fault {
                        open.reason = Reason::Fault;
                    }
                    self.note(trace, *id, Outcome::Validate, true);
                }
            }
        }
        if !violated.deciding.is_empty() {
            return Some(violated);
        }
        (!open.deciding.is_empty()).then_some(open)
    }

    fn holds(
        &self,
        id: ConstraintId,
        constraint: &'q Constraint,
        presets: &Presets<'_>,
        operation: Operation,
        notes: &mut Notes<'q>,
        violations: &mut Vec<Violation<'q>>,
    ) -> Truth {
        let model = self.facts.model;
        let submitted = constraint.submitted.filter(|_| writes(operation));
        let mut truth = Truth::True;
        let mut run = |scene: &Scene<'_>, program: Option<&'q crate::model::condition::Program>| {
            let Some(program) = program else { return };
            let holds = scene.run(program, notes);
            if holds == Truth::False {
                let mut failing = Vec::new();
                scene.failing(&program.root, &mut failing);
                violations.extend(
                    failing
                        .into_iter()
                        .filter(|leaf| !leaf.open)
                        .map(|leaf| Violation {
                            field: leaf.field,
                            operator: leaf.operator,
                            rule: Rule::Constraint(id),
                        }),
                );
            }
            truth = truth.and(holds);
        };
        run(
            &self.scene(Item::Submitted(&presets.values), None),
            submitted.and_then(|condition| model.condition(condition)),
        );
        run(
            &self.as_would_be(presets, operation),
            constraint
                .require
                .and_then(|condition| model.condition(condition)),
        );
        truth
    }

    fn note<T: Trace>(&self, trace: &mut T, id: ConstraintId, outcome: Outcome, open: bool) {
        if T::ENABLED {
            let rule = Rule::Constraint(id);
            trace.record(Event {
                rule,
                action: self.action,
                outcome,
                detail: String::new(),
                open,
            });
        }
    }
}

/// Whether an action of this operation writes values.
fn writes(operation: Operation) -> bool {
    match operation {
        Operation::Create | Operation::Update | Operation::Other => true,
        Operation::Read | Operation::Delete => false,
    }
}
