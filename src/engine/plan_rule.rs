//! The rules of a plan: where each is in reach, matches, refuses, constrains, and what they come to together.

use smallvec::SmallVec;

use crate::model::Model;
use crate::model::grant::{Grant, Selection};
use crate::model::id::{ActionId, ConstraintId, GrantId};
use crate::model::slot::Slots;
use crate::vocab::effect::Operation;
use crate::vocab::limits::PLAN_PRESETS_MAX;

use super::condition::Truth;
use super::constraints::{Applying, Presets};
use super::coverage::Asked;
use super::decision::Rule;
use super::facts::{Facts, Position, State};
use super::filter::Filter;
use super::plan::PlanError;
use super::plan_condition::{Asking, Values, is_of_item};
use super::plan_cover::{Allow, Cover, Taking};
use super::plan_owner::{Standing, World, in_states};
use super::plan_related::stays_within;
use super::plan_truth::Pair;
use super::role::counts;
use super::selection::Bout;

/// Plans for one subject and one action.
pub(super) struct Planner<'a, 'q> {
    pub(super) facts: &'a Facts<'q>,
    pub(super) as_owner: Option<&'a Facts<'q>>,
    pub(super) standing: &'a Standing<'a, 'q>,
    pub(super) action: ActionId,
    pub(super) operation: Operation,
}

/// What the rules come to, whatever fields are asked for.
pub(super) struct Ground<'q> {
    /// Where anything may be done at all.
    gate: Filter,
    /// Where the subject is an administrator.
    administers: Filter,
    /// For administrators, and for everybody else.
    sides: Vec<Side<'q>>,
    /// The rules that have a part in it.
    pub(super) rules: Vec<Rule>,
    /// Whether a condition of one looks at the clock.
    looks_at_clock: bool,
    /// Whether one writes the clock by default.
    writes_clock: bool,
    /// Whether a condition of one looks at what is written.
    reads_written: bool,
}

/// What the rules come to for administrators, or for everybody else.
struct Side<'q> {
    world: World,
    takings: Vec<Taking<'q>>,
    ways: Vec<Way<'q>>,
}

/// One way in which presets may be written: where, and what the rules come to there.
struct Way<'q> {
    /// Where the presets are these, no deny refuses, and all constraints hold.
    open: Filter,
    allows: Vec<Allow<'q>>,
}

impl<'q> Planner<'_, 'q> {
    fn model(&self) -> &'q Model {
        self.facts.model
    }

    /// Goes through the rules.
    pub(super) fn ground(&self, gate: Filter) -> Result<Ground<'q>, PlanError> {
        let administers = self.standing.administers();
        let mut ground = Ground {
            gate,
            sides: Vec::new(),
            rules: Vec::new(),
            looks_at_clock: false,
            writes_clock: false,
            reads_written: false,
            administers,
        };
        for (world, never) in [
            (World::Administrator, ground.administers.is_never()),
            (World::Usual, ground.administers.is_always()),
        ] {
            if !never {
                let side = self.side(world, &mut ground)?;
                ground.sides.push(side);
            }
        }
        Ok(ground)
    }

    /// Goes through the rules for administrators, or for everybody else.
    fn side(&self, world: World, ground: &mut Ground<'q>) -> Result<Side<'q>, PlanError> {
        let applying = self.applying(world, ground)?;
        let refused = self.refusals(world, ground)?;
        let takings = self.takings(world, ground)?;
        let presetting = |id: &ConstraintId| {
            let constraint = self.model().constraint(*id);
            self.writes() && constraint.is_some_and(|constraint| !constraint.presets.is_empty())
        };
        let sure = applying.iter().filter(|(_, applies)| applies.is_always());
        let sure: Vec<ConstraintId> = sure.map(|(id, _)| *id).collect();
        let doubtful: Vec<&(ConstraintId, Filter)> = applying
            .iter()
            .filter(|(id, applies)| !applies.is_always() && presetting(id))
            .collect();
        if doubtful.len() > PLAN_PRESETS_MAX {
            return Err(PlanError::TooLarge);
        }
        let mut ways = Vec::new();
        for choice in 0_u32..1 << doubtful.len() {
            let mut all: Applying = SmallVec::from_vec(sure.clone());
            let mut here = Vec::new();
            for ((id, applies), bit) in doubtful.iter().zip(0..) {
                if choice >> bit & 1 == 1 {
                    all.push(*id);
                    here.push(applies.clone());
                } else {
                    here.push(applies.clone().not());
                }
            }
            let here = Filter::all(here).and(refused.clone().not());
            if !here.is_never() {
                ways.push(self.way(world, here, all, &applying, ground)?);
            }
        }
        Ok(Side { world, takings, ways })
    }

    fn way(
        &self,
        world: World,
        here: Filter,
        mut presetting: Applying,
        applying: &[(ConstraintId, Filter)],
        ground: &mut Ground<'q>,
    ) -> Result<Way<'q>, PlanError> {
        presetting.sort_unstable();
        let position = Position::resting(State::None);
        let bout = self.bout(&position);
        bout.order(&mut presetting);
        self.check_presets(&presetting)?;
        let presets = bout.presets(&presetting);
        let mut open = here;
        for (id, applies) in applying {
            let holds = self.holds(*id, world, &presets)?;
            open = open.and(applies.clone().not().or(holds));
        }
        let allows = if world == World::Usual {
            self.allows(&presets, ground)?
        } else {
            Vec::new()
        };
        Ok(Way { open, allows })
    }

    fn bout<'b>(&'b self, position: &'b Position<'q>) -> Bout<'b, 'q> {
        Bout {
            facts: self.facts,
            action: Some(self.action),
            operation: self.operation,
            position,
        }
    }

    fn writes(&self) -> bool {
        match self.operation {
            Operation::Create | Operation::Update | Operation::Other => true,
            Operation::Read | Operation::Delete => false,
        }
    }

    /// Refuses presets that only the item tells.
    fn check_presets(&self, applying: &Applying) -> Result<(), PlanError> {
        if !self.writes() {
            return Ok(());
        }
        let constraints = applying.iter().filter_map(|id| self.model().constraint(*id));
        for (field, operand) in constraints.flat_map(|constraint| &constraint.presets) {
            if is_of_item(operand) {
                let name = self.model().field_names.name(field.index());
                return Err(PlanError::Unsayable(format!("the preset of {name}")));
            }
        }
        Ok(())
    }

    fn asking<'b>(&'b self, world: World, values: Values<'b>) -> Asking<'b, 'q> {
        Asking {
            facts: self.facts,
            standing: self.standing,
            as_owner: self.as_owner,
            action: Some(self.action),
            place: self.standing.item(),
            values,
            creates: self.operation == Operation::Create,
            administers: world == World::Administrator,
            depth: 0,
        }
    }

    /// Returns where a rule is in reach: for the subject, and for the states of the item before and afterwards.
    fn reaches(&self, selection: &'q Selection, world: World) -> Filter {
        let stands = self.standing.stands(selection, world);
        if stands.is_never() {
            return stands;
        }
        let place = self.standing.item();
        // Of the item of a plan the state is a field of it, or a name that stands for one.
        let states = in_states(self.model(), place, &selection.states).unwrap_or(Filter::never());
        let mut reaches = stands.and(states);
        if let Some(target) = &selection.to_states {
            reaches = reaches.and(stays_within(self.standing, place, target).sure);
        }
        reaches
    }

    /// Returns where a rule that is in reach matches.
    fn matches(
        &self,
        selection: &'q Selection,
        world: World,
        ground: &mut Ground<'q>,
    ) -> Result<Pair, PlanError> {
        let scope = Pair::known(self.standing.in_scope(selection, world));
        let Some(program) = selection.when.and_then(|when| self.model().condition(when)) else {
            return Ok(scope);
        };
        ground.looks_at_clock |= program.looks_at_clock;
        Ok(scope.and(self.asking(world, Values::Stored).run(program)?))
    }

    /// Returns where a grant is in reach, and where it matches.
    fn fits(
        &self,
        grant: &'q Grant,
        world: World,
        ground: &mut Ground<'q>,
    ) -> Result<(Filter, Pair), PlanError> {
        let reach = self.reaches(&grant.selection, world);
        if reach.is_never() {
            return Ok((reach, Pair::of(Truth::False)));
        }
        if !counts(grant.networks.as_deref(), self.facts.address()) {
            return Ok((reach, Pair::of(Truth::False)));
        }
        let pair = Pair::known(reach.clone()).and(self.matches(&grant.selection, world, ground)?);
        Ok((reach, pair))
    }

    fn grants(&self, slots: &'q Slots<GrantId>) -> impl Iterator<Item = (GrantId, &'q Grant)> + use<'q> {
        let model = self.model();
        let rules = slots.find(self.facts.collection_id, self.action);
        rules.filter_map(move |id| Some((id, model.grant(id)?)))
    }

    /// Returns where a deny refuses; what stays open does, too.
    fn refusals(&self, world: World, ground: &mut Ground<'q>) -> Result<Filter, PlanError> {
        let mut refused = Vec::new();
        for (id, grant) in self.grants(&self.model().refusals) {
            let (_, fits) = self.fits(grant, world, ground)?;
            if !fits.may.is_never() {
                ground.names(Rule::Grant(id));
                refused.push(fits.may);
            }
        }
        Ok(Filter::any(refused))
    }

    fn takings(&self, world: World, ground: &mut Ground<'q>) -> Result<Vec<Taking<'q>>, PlanError> {
        let mut takings = Vec::new();
        for (id, grant) in self.grants(&self.model().takings) {
            let (_, fits) = self.fits(grant, world, ground)?;
            if !fits.may.is_never() {
                ground.names(Rule::Grant(id));
                takings.push(Taking {
                    fields: &grant.fields,
                    applies: fits.may,
                });
            }
        }
        Ok(takings)
    }

    fn allows(&self, presets: &Presets<'_>, ground: &mut Ground<'q>) -> Result<Vec<Allow<'q>>, PlanError> {
        let mut allows = Vec::new();
        for (id, grant) in self.grants(&self.model().allows) {
            let (reach, fits) = self.fits(grant, World::Usual, ground)?;
            if reach.is_never() {
                continue;
            }
            let validate = grant.validate.filter(|_| self.operation != Operation::Read);
            let valid = match validate.and_then(|id| self.model().condition(id)) {
                Some(program) if !fits.sure.is_never() => {
                    ground.looks_at_clock |= program.looks_at_clock;
                    ground.reads_written = true;
                    self.asking(World::Usual, Values::AsWouldBe(presets))
                        .run(program)?
                        .sure
                }
                Some(_) | None => Filter::always(),
            };
            if !fits.sure.is_never() {
                ground.names(Rule::Grant(id));
            }
            allows.push(Allow {
                fields: Some(&grant.fields),
                names_target: grant.selection.to_states.is_some(),
                reach,
                fits: fits.sure,
                valid,
                conditioned: grant.selection.when.is_some() && !grant.neutral,
                neutral: grant.neutral,
                explain: grant.explain,
            });
        }
        if !self.model().document_grants.is_empty() {
            let action = self.action.index();
            let (granted, first) = self.standing.granted(|kind| kind.actions.contains(action))?;
            if !granted.is_never() {
                first
                    .into_iter()
                    .for_each(|id| ground.names(Rule::DocumentGrant(id)));
                allows.push(Allow::of_documents(granted));
            }
        }
        Ok(allows)
    }

    /// Returns the constraints that may apply, each with where it does; what stays open applies.
    fn applying(
        &self,
        world: World,
        ground: &mut Ground<'q>,
    ) -> Result<Vec<(ConstraintId, Filter)>, PlanError> {
        let model = self.model();
        let mut applying = Vec::new();
        for id in model.constraint_slots.find(self.facts.collection_id, self.action) {
            let Some(constraint) = model.constraint(id) else {
                continue;
            };
            let reach = self.reaches(&constraint.selection, world);
            if reach.is_never() {
                continue;
            }
            let applies = reach.and(self.matches(&constraint.selection, world, ground)?.may);
            if !applies.is_never() {
                ground.names(Rule::Constraint(id));
                for condition in [constraint.require, constraint.submitted].into_iter().flatten() {
                    ground.looks_at_clock |=
                        model.condition(condition).is_some_and(|each| each.looks_at_clock);
                    ground.reads_written = true;
                }
                ground.writes_clock |= constraint.presets.iter().any(|(_, operand)| operand.is_clock());
                applying.push((id, applies));
            }
        }
        Ok(applying)
    }

    /// Returns where a constraint that applies holds.
    fn holds(&self, id: ConstraintId, world: World, presets: &Presets<'_>) -> Result<Filter, PlanError> {
        let model = self.model();
        let Some(constraint) = model.constraint(id) else {
            return Ok(Filter::never());
        };
        let is_inside = counts(constraint.networks.as_deref(), self.facts.address());
        // What a new item holds itself is not preset, and of a row every field is told.
        let is_untold = self.operation != Operation::Create && presets.is_untold_by(id);
        if !is_inside || is_untold {
            return Ok(Filter::never());
        }
        let mut holds = Filter::always();
        let submitted = constraint.submitted.filter(|_| self.writes());
        if let Some(program) = submitted.and_then(|id| model.condition(id)) {
            holds = self.asking(world, Values::Submitted(presets)).run(program)?.sure;
        }
        match constraint.require.and_then(|id| model.condition(id)) {
            Some(program) => {
                let required = self.asking(world, Values::AsWouldBe(presets)).run(program)?;
                Ok(holds.and(required.sure))
            }
            None => Ok(holds),
        }
    }

    /// Returns the items on which these fields may be touched, and those may select or sort.
    pub(super) fn weigh(&self, ground: &Ground<'q>, fields: &[&'q str], filter_fields: &[&'q str]) -> Filter {
        let written = std::iter::empty();
        let asked = Asked::of(self.facts, self.operation, fields, written, filter_fields);
        let sides = ground.sides.iter().map(|side| {
            let ways = side.ways.iter().map(|way| {
                let cover = Cover {
                    facts: self.facts,
                    asked: &asked,
                    takings: &side.takings,
                    allows: &way.allows,
                };
                let covered = match side.world {
                    World::Administrator => cover.administered(),
                    World::Usual => cover.weigh(),
                };
                way.open.clone().and(covered)
            });
            let here = match side.world {
                World::Administrator => ground.administers.clone(),
                World::Usual => ground.administers.clone().not(),
            };
            here.and(Filter::any(ways))
        });
        ground.gate.clone().and(Filter::any(sides))
    }
}

impl Ground<'_> {
    /// Tells whether what it comes to may be another a moment later.
    pub(super) fn is_momentary(&self) -> bool {
        self.looks_at_clock || self.writes_clock && self.reads_written
    }

    fn names(&mut self, rule: Rule) {
        if !self.rules.contains(&rule) {
            self.rules.push(rule);
        }
    }
}
