//! Which related items a grant of the same action admits, where the related item is left open: see [`super::related`].

use crate::model::bits::Bits;
use crate::model::grant::{Grant, Scope, TargetMask};
use crate::model::id::{ActionId, CollectionId};
use crate::vocab::limits::PERMITTED_DEPTH_MAX;

use super::condition::Truth;
use super::facts::{Position, State};
use super::filter::Filter;
use super::plan::PlanError;
use super::plan_condition::Asking;
use super::plan_owner::{Place, Standing, in_states};
use super::plan_truth::Pair;
use super::related::{counting, through};
use super::role::{counts, of_owners};

impl<'q> Asking<'_, 'q> {
    /// Which related items the subject's grants of this action admit: see [`super::related::admits`].
    pub(super) fn admits(&self, id: CollectionId) -> Result<Pair, PlanError> {
        let Some(action) = self.action else {
            return Ok(Pair::of(Truth::True));
        };
        if self.administers {
            return Ok(Pair::of(Truth::True));
        }
        if self.depth >= PERMITTED_DEPTH_MAX {
            return Ok(Pair::of(Truth::Open));
        }
        let site = self.facts.effective.site();
        let usually = self.admits_by(id, action, site)?;
        let mut owning = site.clone();
        owning.union(&of_owners(self.facts));
        if owning == *site {
            return Ok(usually);
        }
        let owns = Pair::known(self.standing.owns(self.place));
        let as_owner = self.admits_by(id, action, &owning)?;
        Ok(owns.clone().and(as_owner).or(owns.not().and(usually)))
    }

    /// The same for a subject that holds these roles.
    fn admits_by(&self, id: CollectionId, action: ActionId, roles: &Bits) -> Result<Pair, PlanError> {
        let Some(counting) = counting(self.facts, id, action, roles) else {
            return Ok(Pair::of(Truth::True));
        };
        let admitted = counting.into_iter().map(|grant| self.matches_related(grant));
        admitted.collect::<Result<Vec<_>, _>>().map(Pair::any)
    }

    fn matches_related(&self, grant: &'q Grant) -> Result<Pair, PlanError> {
        let selection = &grant.selection;
        let model = self.facts.model;
        if !counts(grant.networks.as_deref(), self.facts.address()) {
            return Ok(Pair::of(Truth::False));
        }
        let states = in_states(model, self.place, &selection.states);
        let mut pair = states.map_or(Pair::of(Truth::Open), Pair::known);
        if let Some(target) = &selection.to_states {
            pair = pair.and(stays_within(self.standing, self.place, target));
        }
        let scope = match selection.scope {
            Scope::Any => Filter::always(),
            Scope::Mine => self.standing.owns(self.place),
            Scope::Role => {
                let through = through(grant, self.facts.effective.site());
                let alike = self.standing.owner_holds(self.place, &through);
                let alike = self.standing.is_owned(self.place).and(alike);
                self.standing.owns(self.place).or(alike)
            }
        };
        pair = pair.and(Pair::known(scope));
        match selection.when.and_then(|when| model.condition(when)) {
            Some(program) if !pair.may.is_never() => {
                let inner = Asking {
                    depth: self.depth + 1,
                    ..*self
                };
                Ok(pair.and(inner.run(program)?))
            }
            Some(_) | None => Ok(pair),
        }
    }
}

/// Returns the items that a rule for these states afterwards is for, as they stay in their state.
pub(super) fn stays_within<'q>(
    standing: &Standing<'_, 'q>,
    place: Place<'q>,
    target: &'q TargetMask,
) -> Pair {
    let model = standing.facts.model;
    // The engine says it of an item in no state in particular: whether staying is enough, or the state has a part in it.
    let resting = Position::resting(State::Open);
    match resting.leads_to(Some(target)) {
        Truth::True => Pair::of(Truth::True),
        Truth::False => Pair::of(Truth::False),
        Truth::Open => in_states(model, place, &target.states).map_or(Pair::of(Truth::Open), Pair::known),
    }
}
