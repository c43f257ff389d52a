//! Whether a rule is for this subject, item and moment: what grants and constraints have in common.

use crate::model::bits::Bits;
use crate::model::grant::{Held, Mask, Scope, Selection};
use crate::model::id::{ActionId, ConditionId, TransitionId};
use crate::vocab::effect::Operation;
use crate::vocab::network::Network;

use super::condition::{Item, Notes, Scene, Truth};
use super::decision::Rule;
use super::facts::{Facts, Position, State};
use super::role::{counts, of_owners};
use super::trace::{Event, Outcome, Settled, Trace};

/// One action on one item, for one subject.
pub(super) struct Bout<'f, 'q> {
    pub(super) facts: &'f Facts<'q>,
    pub(super) action: Option<ActionId>,
    pub(super) operation: Operation,
    pub(super) position: &'f Position<'q>,
}

/// How far a rule fits, and the first part of it that does not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit {
    pub(super) truth: Truth,
    pub(super) part: Outcome,
    /// Whether it is open because evaluation went wrong.
    pub(super) fault: bool,
}

impl Fit {
    pub(super) const WHOLE: Fit = Fit {
        truth: Truth::True,
        part: Outcome::Matched,
        fault: false,
    };

    /// Returns this fit narrowed by another part.
    pub(super) fn and(self, truth: Truth, part: Outcome) -> Self {
        if truth < self.truth {
            Fit {
                truth,
                part,
                fault: false,
            }
        } else {
            self
        }
    }

    /// Returns this fit narrowed by another one.
    pub(super) fn meet(self, other: Fit) -> Self {
        if other.truth < self.truth {
            return other;
        }
        let fault = self.fault || other.fault;
        Fit { fault, ..self }
    }

    /// Tells whether what is open is taken in favour of some item; what went wrong never is.
    pub(super) fn is_aside(&self, any_item: bool) -> bool {
        any_item && self.truth == Truth::Open && !self.fault
    }
}

impl<'q> Bout<'_, 'q> {
    /// Tells how far the rule is for the subject's roles and this collection: open if the subject would have to own the item
    /// for it, and the question is for some item.
    #[inline(always)]
    pub(super) fn stands(&self, selection: &Selection) -> Truth {
        if !selection.except_collections.is_empty() && self.is_excepted(selection) {
            return Truth::False;
        }
        if self.facts.effective.holds(selection) {
            Truth::True
        } else if self.facts.owner_is_open() && holds_as_owner(self.facts, selection) {
            Truth::Open
        } else {
            Truth::False
        }
    }

    /// Whether a rule for all collections is not for this one.
    fn is_excepted(&self, selection: &Selection) -> bool {
        let id = self.facts.collection_id;
        id.is_some_and(|id| selection.except_collections.contains(&id))
    }

    /// Tells a trace why a rule does not stand: no role of it is held, or not as it must be, or it is not for the collection.
    #[inline]
    pub(super) fn stray<T: Trace>(&self, trace: &mut T, rule: Rule, selection: &Selection) {
        if T::ENABLED {
            let is_held = self.facts.effective.holds(selection)
                || self.facts.owner_is_open() && holds_as_owner(self.facts, selection);
            let outcome = if is_held {
                Outcome::Collection
            } else {
                self.unheld(selection)
            };
            self.event(trace, rule, outcome, false, |_| {});
        }
    }

    fn unheld(&self, selection: &Selection) -> Outcome {
        let all = &self.facts.effective.all;
        let otherwise = match &selection.roles {
            Mask::Only(roles) => roles.intersects(all),
            Mask::Except(roles) => !all.is_within(roles),
            Mask::Any => true,
        };
        if otherwise { Outcome::Held } else { Outcome::Roles }
    }

    /// Tells how far the rule is in reach: for the subject, as [`Self::stands`] says, and for the states before and
    /// afterwards.
    #[inline(always)]
    pub(super) fn reaches(&self, selection: &Selection, standing: Truth) -> Fit {
        Fit::WHOLE
            .and(standing, Outcome::Roles)
            .and(self.position.is_in(&selection.states), Outcome::State)
            .and(
                self.position.leads_to(selection.to_states.as_ref()),
                Outcome::TargetState,
            )
    }

    /// Tells how far the rule matches this very item and request.
    #[inline(always)]
    pub(super) fn matches<'m>(
        &self,
        selection: &Selection,
        networks: Option<&[Network]>,
        notes: &mut Notes<'m>,
    ) -> Fit
    where
        'q: 'm,
    {
        let scope = match selection.scope {
            Scope::Any => Truth::True,
            Scope::Mine | Scope::Role if self.facts.owns => Truth::True,
            Scope::Mine | Scope::Role => self.in_scope(selection),
        };
        if scope == Truth::False {
            return Fit::WHOLE.and(Truth::False, Outcome::Scope);
        }
        let fit = Fit::WHOLE.and(scope, Outcome::Scope);
        if networks.is_none() && selection.when.is_none() {
            return fit;
        }
        fit.meet(self.matches_request(selection, networks, notes))
    }

    /// Tells whether the request comes from the networks of a rule and meets its condition.
    fn matches_request<'m>(
        &self,
        selection: &Selection,
        networks: Option<&[Network]>,
        notes: &mut Notes<'m>,
    ) -> Fit
    where
        'q: 'm,
    {
        if networks.is_some() && !counts(networks, self.facts.address()) {
            return Fit::WHOLE.and(Truth::False, Outcome::Network);
        }
        match selection.when {
            Some(when) => {
                let before = std::mem::take(&mut notes.fault);
                let mut fit = Fit::WHOLE.and(self.stored(when, notes), Outcome::Condition);
                fit.fault = notes.fault && fit.truth == Truth::Open;
                notes.fault |= before;
                fit
            }
            None => Fit::WHOLE,
        }
    }

    /// Tells how far an item that the subject is not known to own is among those that a rule is for.
    fn in_scope(&self, selection: &Selection) -> Truth {
        let facts = self.facts;
        let sure = match selection.scope {
            Scope::Any => true,
            Scope::Mine => false,
            Scope::Role => {
                !facts.owner.is_empty() && facts.owner_roles().intersects(&self.through(selection))
            }
        };
        // Of some item the subject may be the owner, if it can own anything.
        if !sure && facts.identity.id.is_some() && facts.owner_is_open() {
            return Truth::Open;
        }
        Truth::of(sure)
    }

    /// Returns the roles through which a rule is held.
    fn through(&self, selection: &Selection) -> Bits {
        let held = self.facts.effective.held(selection.held);
        match &selection.roles {
            Mask::Any => held.clone(),
            Mask::Only(roles) => held.intersection(roles),
            Mask::Except(roles) => Bits::of(held.iter().filter(|role| !roles.contains(*role))),
        }
    }

    /// Runs a condition on the stored item.
    pub(super) fn stored<'m>(&self, condition: ConditionId, notes: &mut Notes<'m>) -> Truth
    where
        'q: 'm,
    {
        let model = self.facts.model;
        // INVARIANT: ids of a model are its own; a condition that is not there is never met.
        model.condition(condition).map_or(Truth::False, |program| {
            self.scene(Item::Stored).run(program, notes)
        })
    }

    /// Tells a trace what became of a rule; `tell` adds what else there is to say.
    pub(super) fn event<T: Trace>(
        &self,
        trace: &mut T,
        rule: Rule,
        outcome: Outcome,
        open: bool,
        tell: impl FnOnce(&mut Event),
    ) {
        if T::ENABLED {
            let mut event = Event::new(rule, self.action, outcome);
            event.open = open;
            tell(&mut event);
            trace.record(event);
        }
    }

    /// Tells a trace that the condition of a transition is not met.
    pub(super) fn unmet<T: Trace>(&self, trace: &mut T, id: TransitionId, when: ConditionId, open: bool) {
        self.event(trace, Rule::Transition(id), Outcome::Condition, open, |event| {
            let program = self.facts.model.condition(when);
            event.leaf = program.and_then(|program| self.scene(Item::Stored).blame(program));
            event.action = None;
        });
    }

    /// Returns the comparison that keeps a rule from fitting, if the part that does is its condition.
    pub(super) fn blame(&self, selection: &Selection, part: Outcome) -> Option<Settled> {
        let when = selection.when.filter(|_| part == Outcome::Condition)?;
        let program = self.facts.model.condition(when)?;
        self.scene(Item::Stored).blame(program)
    }

    /// Returns the comparison that lets a rule fit, or leaves open whether it does.
    pub(super) fn settled(&self, selection: &Selection, fit: Fit) -> Option<Settled> {
        if fit.truth != Truth::True {
            return self.blame(selection, fit.part);
        }
        let program = self.facts.model.condition(selection.when?)?;
        self.scene(Item::Stored).credit(program)
    }

    /// The state that the request asks for in another way than by its changes.
    fn named_state(&self) -> Option<&str> {
        let asked = match self.operation {
            Operation::Create => self.facts.names_new_state(),
            Operation::Read | Operation::Update | Operation::Delete | Operation::Other => {
                self.position.stays != Truth::True
            }
        };
        match self.position.target() {
            State::Named(name, _) if asked => Some(name.as_ref()),
            State::Named(..) | State::None | State::Open => None,
        }
    }

    /// Returns what a condition looks at.
    pub(super) fn scene<'s>(&'s self, item: Item<'s>) -> Scene<'s> {
        Scene {
            facts: self.facts,
            action: self.action,
            item,
            state: None,
            named: self.named_state(),
            creates: false,
            depth: 0,
        }
    }
}

/// Whether a rule is for the subject if it owns the item.
#[inline(never)]
fn holds_as_owner(facts: &Facts<'_>, selection: &Selection) -> bool {
    if selection.held != Held::Anywhere
        || facts.effective.administrator.is_some()
        || facts.identity.id.is_none()
    {
        return false;
    }
    let roles = of_owners(facts);
    match &selection.roles {
        Mask::Any => true,
        Mask::Only(only) => only.intersects(&roles),
        Mask::Except(except) => !roles.is_within(except),
    }
}
