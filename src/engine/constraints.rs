//! Constraints: step six of a decision. What holds whoever allowed.

use smallvec::SmallVec;

use crate::model::condition::Program;
use crate::model::grant::{Constraint, Mask};
use crate::model::id::{ActionId, ConditionId, ConstraintId, RoleId};
use crate::vocab::effect::{Operation, Reason};
use crate::vocab::value::Value;

use super::compare::Side;
use super::condition::{Item, Notes, Scene, Truth};
use super::coverage::{Asked, Match, Tally};
use super::decision::{Decision, Rule, Violation};
use super::facts::State;
use super::role::{counts, ordered};
use super::selection::Bout;
use super::trace::{Outcome, Settled, Trace};

/// The constraints that apply, in the order in which their presets are laid over each other.
pub(super) type Applying = SmallVec<[ConstraintId; 4]>;

/// Values that are written by default, unless the request writes others.
#[derive(Default)]
pub(super) struct Presets<'p> {
    pub(super) values: Vec<(&'p str, Value<'p>)>,
    /// Fields whose preset is a fact that the request does not tell.
    untold: Vec<(&'p str, ConstraintId)>,
}

/// No presets, for questions that no constraint applies to.
pub(super) static NO_PRESETS: Presets<'static> = Presets {
    values: Vec::new(),
    untold: Vec::new(),
};

impl Presets<'_> {
    /// Tells whether a field is preset with what the request does not tell.
    pub(super) fn is_untold(&self, field: &str) -> bool {
        self.untold.iter().any(|(other, _)| *other == field)
    }

    /// Tells whether a constraint presets a field with what the request does not tell.
    pub(super) fn is_untold_by(&self, constraint: ConstraintId) -> bool {
        self.untold.iter().any(|(_, other)| *other == constraint)
    }
}

impl<'q> Bout<'_, 'q> {
    /// Runs steps three to six; `demanded` becomes true if the request is covered only with an explanation.
    #[inline(never)]
    pub(super) fn cover_and_constrain<T: Trace>(
        &self,
        asked: &Asked<'q>,
        demanded: &mut bool,
        trace: &mut T,
    ) -> Decision<'q> {
        let mut conditional = false;
        let applying = self.applying(&mut conditional, trace);
        if applying.is_empty() && !conditional {
            return self.cover(asked, &NO_PRESETS, demanded, trace);
        }
        let presets = self.presets(&applying);
        let mut decision = self.cover(asked, &presets, demanded, trace);
        if !decision.is_allow() && !T::ENABLED {
            return decision;
        }
        let held = self.constrain(&applying, &presets, &mut conditional, trace);
        if !decision.is_allow() {
            return decision;
        }
        if let Some(refused) = held {
            return refused;
        }
        self.hand_out(presets, &mut decision);
        decision.conditional |= conditional;
        decision
    }

    /// Returns the constraints that apply; what stays open applies, unless some item is asked for.
    fn applying<T: Trace>(&self, conditional: &mut bool, trace: &mut T) -> Applying {
        self.action
            .map_or_else(Applying::new, |action| self.apply(action, conditional, trace))
    }

    fn apply<T: Trace>(&self, action: ActionId, conditional: &mut bool, trace: &mut T) -> Applying {
        let model = self.facts.model;
        let mut applying = Applying::new();
        for id in model.constraint_slots.find(self.facts.collection_id, action) {
            let Some(constraint) = model.constraint(id) else {
                continue;
            };
            let selection = &constraint.selection;
            let standing = self.stands(selection);
            if standing == Truth::False {
                self.stray(trace, Rule::Constraint(id), selection);
                continue;
            }
            let mut event = |outcome, open| {
                self.event(trace, Rule::Constraint(id), outcome, open, |event| {
                    event.leaf = self.blame(selection, outcome);
                });
            };
            let mut notes = Notes::new();
            let mut fit = self.reaches(selection, standing);
            if fit.truth != Truth::False {
                fit = fit.meet(self.matches(selection, None, &mut notes));
            }
            if fit.is_aside(self.facts.query.resource.any_item) {
                *conditional = true;
                event(fit.part, true);
                continue;
            }
            if fit.truth == Truth::False {
                event(fit.part, false);
                continue;
            }
            applying.push(id);
        }
        self.order(&mut applying);
        applying
    }

    /// Orders constraints with presets by the last role that holds them; those for everybody come first.
    pub(super) fn order(&self, applying: &mut Applying) {
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
    pub(super) fn presets(&self, applying: &Applying) -> Presets<'q> {
        let mut presets = Presets::default();
        if applying.is_empty() || !self.writes() {
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
                presets.untold.retain(|(other, _)| *other != name);
                let scene = self.scene(Item::Stored);
                match scene.operand(operand) {
                    Side::Open if self.is_proposed(name) => {}
                    Side::Open => presets.untold.push((name, *id)),
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

    /// Gives an allow the presets that are to be written.
    pub(super) fn hand_out(&self, presets: Presets<'q>, decision: &mut Decision<'q>) {
        if !presets.values.is_empty() {
            let written = presets.values.into_iter();
            decision.presets = written.filter(|(name, _)| !self.is_proposed(name)).collect();
        }
    }

    /// Whether the attributes of a new item hold a field already, so that no preset is written.
    pub(super) fn is_proposed(&self, field: &str) -> bool {
        self.operation == Operation::Create && self.facts.query.resource.attributes.get(field).is_some()
    }

    /// Whether the action writes values.
    fn writes(&self) -> bool {
        match self.operation {
            Operation::Create | Operation::Update | Operation::Other => true,
            Operation::Read | Operation::Delete => false,
        }
    }

    /// Returns what conditions on the item as it would be look at.
    pub(super) fn as_would_be<'s>(&'s self, presets: &'s Presets<'_>) -> Scene<'s> {
        let creates = self.operation == Operation::Create;
        let state = match self.position.target() {
            State::Named(name, _) if creates || self.position.stays != Truth::True => Some(name.as_ref()),
            State::Named(..) | State::None | State::Open => None,
        };
        Scene {
            creates,
            state,
            ..self.scene(Item::AsWouldBe(presets))
        }
    }

    /// Runs step six and returns the refusal, if there is one.
    pub(super) fn constrain<T: Trace>(
        &self,
        applying: &Applying,
        presets: &Presets<'_>,
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
        let held = self.hold(applying, presets, conditional, trace);
        refused.or(held)
    }

    fn network<T: Trace>(&self, applying: &Applying, trace: &mut T) -> Option<Decision<'q>> {
        let model = self.facts.model;
        let mut refused: Option<Decision<'q>> = None;
        for id in applying {
            let Some(constraint) = model.constraint(*id) else {
                continue;
            };
            if self.is_inside(constraint) {
                continue;
            }
            self.event(trace, Rule::Constraint(*id), Outcome::Network, false, |_| {});
            let decision = refused.get_or_insert_with(|| Decision::deny(Reason::Network));
            decision.deciding.push(Rule::Constraint(*id));
        }
        refused
    }

    /// Whether the request comes from where a constraint demands.
    fn is_inside(&self, constraint: &Constraint) -> bool {
        constraint.networks.is_none() || counts(constraint.networks.as_deref(), self.facts.address())
    }

    fn hold<T: Trace>(
        &self,
        applying: &Applying,
        presets: &Presets<'_>,
        conditional: &mut bool,
        trace: &mut T,
    ) -> Option<Decision<'q>> {
        let any_item = self.facts.query.resource.any_item;
        let mut violated = Decision::deny(Reason::Violation);
        let mut open = Decision::deny(Reason::MissingAttribute);
        for (_, id) in &presets.untold {
            let rule = Rule::Constraint(*id);
            if any_item {
                *conditional = true;
            } else if !open.deciding.contains(&rule) {
                open.deciding.push(rule);
            }
        }
        for id in applying {
            let Some(constraint) = self.facts.model.constraint(*id) else {
                continue;
            };
            let mut notes = Notes::new();
            let rule = Rule::Constraint(*id);
            let (truth, part) = self.holds(*id, constraint, presets, &mut notes, &mut violated);
            // One that is broken by where the request comes from has been told of already.
            if self.is_inside(constraint) {
                let is_untold = || presets.untold.iter().any(|(_, other)| other == id);
                // What is violated is so, whatever else is not told.
                let is_open = truth == Truth::Open || truth == Truth::True && is_untold();
                let outcome = if truth == Truth::True && is_open {
                    Outcome::Submitted
                } else {
                    part
                };
                self.event(trace, rule, outcome, is_open, |event| {
                    event.leaf = self.breach(constraint, presets, part);
                });
            }
            match truth {
                Truth::True => {}
                Truth::False => violated.deciding.push(rule),
                Truth::Open if any_item && !notes.fault => *conditional = true,
                Truth::Open => {
                    open.deciding.push(rule);
                    open.lacking.extend(notes.lacking);
                    if notes.fault {
                        open.reason = Reason::Fault;
                    }
                }
            }
        }
        if !violated.deciding.is_empty() {
            return Some(violated);
        }
        (!open.deciding.is_empty()).then_some(open)
    }

    /// Tells how far a constraint holds, and which of its conditions does not; adds what is violated.
    fn holds(
        &self,
        id: ConstraintId,
        constraint: &'q Constraint,
        presets: &Presets<'_>,
        notes: &mut Notes<'q>,
        violated: &mut Decision<'q>,
    ) -> (Truth, Outcome) {
        let model = self.facts.model;
        let mut worst = (Truth::True, Outcome::Matched);
        let mut run = |scene: &Scene<'_>, program: Option<&'q Program>, part: Outcome| {
            let Some(program) = program else { return };
            let holds = scene.run(program, notes);
            if holds == Truth::False {
                violate(scene, program, Rule::Constraint(id), violated);
            }
            if holds < worst.0 {
                worst = (holds, part);
            }
        };
        run(
            &self.scene(Item::Submitted(presets)),
            constraint
                .submitted
                .filter(|_| self.writes())
                .and_then(|condition| model.condition(condition)),
            Outcome::Submitted,
        );
        run(
            &self.as_would_be(presets),
            constraint
                .require
                .and_then(|condition| model.condition(condition)),
            Outcome::Require,
        );
        worst
    }

    /// Returns the comparison by which a constraint does not hold.
    fn breach(&self, constraint: &Constraint, presets: &Presets<'_>, part: Outcome) -> Option<Settled> {
        let blame = |scene: &Scene<'_>, condition: Option<ConditionId>| {
            let program = self.facts.model.condition(condition?)?;
            scene.blame(program)
        };
        if part == Outcome::Submitted {
            blame(&self.scene(Item::Submitted(presets)), constraint.submitted)
        } else if part == Outcome::Require {
            blame(&self.as_would_be(presets), constraint.require)
        } else {
            None
        }
    }

    /// Says by which comparisons the item as it would be breaks the `validate` of the allows that cover a field, or what is
    /// asked as such.
    pub(super) fn blame_validate(
        &self,
        field: Option<usize>,
        tally: &Tally,
        presets: &Presets<'_>,
        decision: &mut Decision<'q>,
    ) {
        let is_meant = |each: &&Match| {
            let covers = field.map_or(each.touches, |index| each.bits.contains(index));
            covers && each.valid == Truth::False
        };
        let scene = self.as_would_be(presets);
        for each in tally.matching.iter().filter(is_meant) {
            let Rule::Grant(id) = each.rule else { continue };
            let validate = self.facts.model.grant(id).and_then(|grant| grant.validate);
            if let Some(program) = validate.and_then(|id| self.facts.model.condition(id)) {
                violate(&scene, program, each.rule, decision);
                decision.deciding.push(each.rule);
            }
        }
    }
}

/// Adds the comparisons by which a condition does not hold; one that names nothing if only their combination is at fault.
fn violate<'q>(scene: &Scene<'_>, program: &'q Program, rule: Rule, decision: &mut Decision<'q>) {
    let mut failing = Vec::new();
    scene.failing(&program.root, true, &mut failing);
    let before = decision.violations.len();
    let sure = failing.into_iter().filter(|leaf| leaf.truth != Truth::Open);
    decision.violations.extend(sure.map(|leaf| Violation {
        field: leaf.field,
        operator: leaf.operator,
        code: leaf.code,
        rule,
    }));
    if decision.violations.len() == before {
        decision.violations.push(Violation {
            field: "",
            operator: "",
            code: "",
            rule,
        });
    }
}
