//! Which fields the matching allows cover, and what that comes to: the second half of step five.

use smallvec::SmallVec;
use thin_vec::ThinVec;

use crate::model::bits::Bits;
use crate::model::grant::{Grant, Mask};
use crate::model::id::{FieldId, GrantId};
use crate::vocab::effect::{Operation, Reason};
use crate::vocab::limits::DECIDING_GRANTS_MAX;

use super::condition::Truth;
use super::decision::{Deciding, Decision, LeftOut, Rule};
use super::facts::Facts;
use super::selection::Bout;

/// What is asked of fields.
pub(super) struct Asked<'q> {
    /// The fields that are read or written, then those that select or sort.
    pub(super) names: SmallVec<[Field<'q>; 4]>,
    /// How many of them are read or written.
    pub(super) count: usize,
    /// Whether whatever may be read is asked for.
    pub(super) star: bool,
    /// What kind of work the action is.
    pub(super) operation: Operation,
}

/// A field that is asked for.
#[derive(Clone, Copy)]
pub(super) struct Field<'q> {
    pub(super) name: &'q str,
    pub(super) id: Option<FieldId>,
    /// Whether it holds the state and is written, so that a grant which names `to_states` covers it.
    pub(super) is_state: bool,
}

/// The allows that were looked at, by the fields that they touch.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) in_reach: Bits,
    /// Some allow is in reach.
    pub(super) any_in_reach: bool,
    /// Some allow in reach names a field.
    pub(super) any_selects: bool,
    /// Fields that an allow with a condition touches.
    pub(super) conditioned: Bits,
    /// An allow with a condition touches what is asked.
    pub(super) any_conditioned: bool,
    /// Allows that match, or would if nothing with a condition stood beside them.
    pub(super) matching: SmallVec<[Match; 4]>,
    /// Some allow matched, whether it touches what is asked or not.
    pub(super) any_matched: bool,
    /// Some neutral allow matched.
    pub(super) any_neutral: bool,
    /// Some allow would match if more were told.
    pub(super) any_open: bool,
    /// A deny was set aside because it is open, as the question is for some item.
    pub(super) conditional: bool,
}

pub(super) struct Match {
    pub(super) rule: Rule,
    pub(super) bits: Bits,
    /// Touches what is asked at all.
    pub(super) touches: bool,
    /// Selects a field that may be read, if whatever may be read is asked for.
    pub(super) stars: bool,
    pub(super) neutral: bool,
    pub(super) explain: bool,
    /// Whether it matches only if what is not told is in its favour.
    pub(super) open: bool,
    /// Whether its `validate` holds.
    pub(super) valid: Truth,
}

impl Tally {
    /// Tells whether the allow that was just looked at settles a question that asks for no field: whatever else matches
    /// could not be preferred to it.
    pub(super) fn is_settled_by(&self, found: &Match) -> bool {
        !self.any_neutral && !found.explain && !found.open && found.valid == Truth::True
    }
}

impl<'q> Asked<'q> {
    /// Asks for no field.
    pub(super) fn nothing(operation: Operation) -> Self {
        Self {
            names: SmallVec::new(),
            count: 0,
            star: false,
            operation,
        }
    }

    /// Asks for fields: those that are named, `*` among them; in a write those that are written as well; and those that select
    /// or sort.
    pub(super) fn of(
        facts: &Facts<'q>,
        operation: Operation,
        fields: &[&'q str],
        written: impl Iterator<Item = &'q str>,
        filter_fields: &[&'q str],
    ) -> Self {
        let is_write = operation != Operation::Read;
        let collection = facts.collection;
        let state_field = collection.and_then(|collection| collection.state_field.as_deref());
        let field = |name: &'q str| Field {
            name,
            id: facts.model.field_names.find(name).map(FieldId::new),
            is_state: is_write && state_field == Some(name),
        };
        let mut names: SmallVec<[Field<'q>; 4]> = SmallVec::new();
        let mut star = false;
        let written = written.filter(|_| is_write).map(|name| (name, false));
        let named = fields.iter().map(|name| (*name, *name == "*"));
        for (name, is_star) in named.chain(written) {
            if is_star {
                star = true;
            } else if !names.iter().any(|each| each.name == name) {
                names.push(field(name));
            }
        }
        let count = names.len();
        names.extend(filter_fields.iter().map(|name| Field {
            is_state: false,
            ..field(name)
        }));
        Self {
            names,
            count,
            star: star && !is_write,
            operation,
        }
    }

    /// Whether no field is asked for.
    pub(super) fn is_plain(&self) -> bool {
        self.count == 0 && !self.star
    }

    /// Returns which of the fields a grant covers.
    #[inline]
    pub(super) fn touched(&self, grant: &Grant) -> Bits {
        if self.names.is_empty() {
            Bits::default()
        } else {
            self.touched_names(grant)
        }
    }

    fn touched_names(&self, grant: &Grant) -> Bits {
        let names_target = grant.selection.to_states.is_some();
        let covers = |field: &Field<'q>| grant.fields.selects(field.id) || field.is_state && names_target;
        Bits::of(
            self.names
                .iter()
                .enumerate()
                .filter(|(_, field)| covers(field))
                .map(|(index, _)| index),
        )
    }

    /// Whether any of the fields that are read or written is among these.
    pub(super) fn touches(&self, bits: &Bits) -> bool {
        bits.iter().next().is_some_and(|first| first < self.count)
    }
}

/// Whether the selector is for any field at all.
pub(super) fn selects_some(fields: &Mask<Box<[FieldId]>>) -> bool {
    !matches!(fields, Mask::Only(only) if only.is_empty())
}

/// Fields that denies take away.
#[derive(Default)]
pub(super) struct Denied<'q> {
    pub(super) bits: Bits,
    pub(super) masks: SmallVec<[&'q Mask<Box<[FieldId]>>; 2]>,
    pub(super) rules: SmallVec<[GrantId; 2]>,
}

impl<'q> Denied<'q> {
    /// Returns the denies that take a field away; all of them for no field in particular.
    pub(super) fn takers(&self, field: Option<&Field<'q>>) -> SmallVec<[GrantId; 2]> {
        let takes = |mask: &Mask<Box<[FieldId]>>| field.is_none_or(|field| mask.selects(field.id));
        let rules = self.rules.iter().zip(&self.masks);
        rules.filter(|(_, mask)| takes(mask)).map(|(id, _)| *id).collect()
    }

    /// Says that a field is left out, and by which denies if they are why.
    fn leave_out(&self, field: Option<&Field<'q>>, reason: Reason) -> LeftOut<'q> {
        LeftOut {
            field: field.map_or("", |field| field.name),
            reason,
            rules: if reason == Reason::Denied {
                self.takers(field)
            } else {
                SmallVec::new()
            },
        }
    }

    /// Whether a selector is for a field that is not taken away: one of the declared fields, or any name where there may be
    /// others.
    pub(super) fn leaves(&self, fields: &Mask<Box<[FieldId]>>, bout: &Bout<'_, 'q>) -> bool {
        let names = &bout.facts.model.field_names;
        let is_left = |field: Option<FieldId>| {
            fields.selects(field) && !self.masks.iter().any(|mask| mask.selects(field))
        };
        let collection = bout.facts.collection;
        let mut declared = collection.into_iter().flat_map(|collection| &collection.fields);
        if !collection.is_some_and(|collection| collection.lists_fields) && is_left(None)
            || declared.any(|field| is_left(names.find(&field.name).map(FieldId::new)))
        {
            return true;
        }
        let named = |mask: &Mask<Box<[FieldId]>>| match mask {
            Mask::Any => false,
            Mask::Only(ids) | Mask::Except(ids) => ids.iter().any(|id| is_left(Some(*id))),
        };
        named(fields) || self.masks.iter().any(|mask| named(mask))
    }
}

/// An administrator may touch every field that is not denied to him.
pub(super) fn administer<'q>(
    asked: &Asked<'q>,
    denied: &Denied<'q>,
    drops: bool,
    mut decision: Decision<'q>,
) -> Decision<'q> {
    let field = |index: usize| asked.names.get(index).map_or("", |field| field.name);
    let refusal = |index: usize| {
        let mut decision = Decision::deny(Reason::Denied);
        decision.about = Some(field(index));
        let takers = denied.takers(asked.names.get(index));
        decision.deciding.extend(takers.into_iter().map(Rule::Grant));
        decision
    };
    if let Some(index) = denied.bits.iter().find(|index| *index >= asked.count) {
        return refusal(index);
    }
    let Some(first) = denied.bits.iter().next() else {
        return decision;
    };
    let is_all = !asked.star && denied.bits.len() == asked.count;
    if is_all || asked.operation != Operation::Read && !drops {
        return refusal(first);
    }
    let left_out = denied
        .bits
        .iter()
        .map(|index| denied.leave_out(asked.names.get(index), Reason::Denied));
    decision.left_out.extend(left_out);
    decision
}

/// Weighs the fields of a request against the allows that match.
pub(super) struct Weighing<'w, 'q> {
    pub(super) asked: &'w Asked<'q>,
    pub(super) denied: &'w Denied<'q>,
    pub(super) tally: &'w Tally,
    pub(super) omits: bool,
    pub(super) drops: bool,
    pub(super) filters_by_reach: bool,
}

/// Which fields pass.
pub(super) struct Passing<'q> {
    pub(super) passing: Bits,
    pub(super) left_out: ThinVec<LeftOut<'q>>,
    pub(super) demanded: bool,
}

pub(super) type Refusal<'q> = (Reason, Option<&'q str>);

impl<'q> Weighing<'_, 'q> {
    fn name(&self, index: usize) -> Option<&'q str> {
        self.asked.names.get(index).map(|field| field.name)
    }

    /// The fields that matching allows cover; with their `validate`, and only those that demand no explanation, if asked.
    fn covered(&self, valid: bool, free: bool) -> Bits {
        let mut covered = Bits::default();
        for each in &self.tally.matching {
            if (!valid || each.valid == Truth::True) && !(free && each.explain) {
                covered.union(&each.bits);
            }
        }
        covered
    }

    /// Fields that select or sort.
    pub(super) fn filters(&self) -> Result<(), Refusal<'q>> {
        if self.asked.names.len() == self.asked.count {
            return Ok(());
        }
        let covered = self.covered(false, false);
        for index in self.asked.count..self.asked.names.len() {
            let reason = if !self.tally.in_reach.contains(index) {
                Reason::FieldOutOfReach
            } else if self.denied.bits.contains(index) {
                Reason::Denied
            } else if !self.filters_by_reach && !covered.contains(index) {
                Reason::FieldNotCovered
            } else {
                continue;
            };
            return Err((reason, self.name(index)));
        }
        Ok(())
    }

    pub(super) fn fields(&self) -> Result<Passing<'q>, Refusal<'q>> {
        if self.asked.count == 0 && !self.asked.star {
            return self.without_fields();
        }
        match self.asked.operation {
            Operation::Read => self.read(),
            Operation::Create | Operation::Update | Operation::Delete | Operation::Other => self.write(),
        }
    }

    fn without_fields(&self) -> Result<Passing<'q>, Refusal<'q>> {
        let touching = || self.tally.matching.iter().filter(|each| each.touches);
        let best = touching().map(|each| each.valid).max();
        match best {
            Some(Truth::True) => {
                let demanded = touching().all(|each| each.explain || each.valid != Truth::True);
                Ok(Passing {
                    passing: Bits::default(),
                    left_out: ThinVec::new(),
                    demanded,
                })
            }
            Some(Truth::Open) => Err((Reason::MissingAttribute, None)),
            Some(Truth::False) => Err((Reason::Violation, None)),
            None => Err((Reason::NoMatchingGrant, None)),
        }
    }

    fn write(&self) -> Result<Passing<'q>, Refusal<'q>> {
        let covered = self.covered(false, false);
        let valid = self.covered(true, false);
        let free = self.covered(true, true);
        let mut passing = Bits::default();
        let mut left_out: ThinVec<LeftOut<'q>> = ThinVec::new();
        for index in 0..self.asked.count {
            let reason = if !self.tally.in_reach.contains(index) {
                Reason::FieldOutOfReach
            } else if !covered.contains(index) {
                Reason::FieldNotCovered
            } else if self.denied.bits.contains(index) {
                Reason::Denied
            } else if !valid.contains(index) {
                self.invalid(index)
            } else {
                passing.insert(index);
                continue;
            };
            if !self.drops {
                return Err((reason, self.name(index)));
            }
            left_out.push(self.denied.leave_out(self.asked.names.get(index), reason));
        }
        if passing.is_empty()
            && let Some(first) = left_out.first()
        {
            return Err((first.reason, Some(first.field)));
        }
        let demanded = !passing.is_within(&free);
        Ok(Passing {
            passing,
            left_out,
            demanded,
        })
    }

    /// Why no allow that covers a field holds for the item as it would be.
    fn invalid(&self, index: usize) -> Reason {
        let is_open = self
            .tally
            .matching
            .iter()
            .any(|each| each.bits.contains(index) && each.valid == Truth::Open);
        if is_open {
            Reason::MissingAttribute
        } else {
            Reason::Violation
        }
    }

    fn read(&self) -> Result<Passing<'q>, Refusal<'q>> {
        let covered = self.covered(false, false);
        let is_visible = self.tally.matching.iter().any(|each| each.touches);
        // Where nothing in reach names a field, only the item itself is shown, whatever is asked for.
        let is_bare = !self.omits && !self.tally.any_selects;
        let mut passing = Bits::default();
        let mut left_out: ThinVec<LeftOut<'q>> = ThinVec::new();
        for index in 0..self.asked.count {
            let reason = if !self.tally.in_reach.contains(index) {
                if !self.omits && !is_bare {
                    return Err((Reason::FieldOutOfReach, self.name(index)));
                }
                Reason::FieldOutOfReach
            } else if !is_visible || !covered.contains(index) {
                Reason::FieldNotCovered
            } else if self.denied.bits.contains(index) {
                Reason::Denied
            } else {
                passing.insert(index);
                continue;
            };
            left_out.push(self.denied.leave_out(self.asked.names.get(index), reason));
        }
        let stars = |free: bool| {
            let mut matching = self.tally.matching.iter();
            matching.any(|each| self.shows(each) && !(free && each.explain))
        };
        let by_star = self.asked.star && stars(false);
        if passing.is_empty() && !by_star && !is_bare {
            return Err(self.nothing_shown(&left_out));
        }
        let free = self.covered(false, true);
        let demanded = if is_bare {
            self.tally.matching.iter().all(|each| each.explain)
        } else {
            !passing.is_within(&free) || by_star && !stars(true)
        };
        Ok(Passing {
            passing,
            left_out,
            demanded,
        })
    }

    /// Whether an allow shows anything to a read of whatever may be read, be it the bare item.
    fn shows(&self, allow: &Match) -> bool {
        allow.stars || !self.tally.any_selects
    }

    fn nothing_shown(&self, left_out: &[LeftOut<'q>]) -> Refusal<'q> {
        let mut in_reach = left_out
            .iter()
            .filter(|each| each.reason != Reason::FieldOutOfReach)
            .peekable();
        let star = self.asked.star;
        // Whatever may be read is denied if something would be shown, and all of it is taken away.
        let is_star_denied =
            || !self.denied.rules.is_empty() && self.tally.matching.iter().any(|each| each.touches);
        let is_denied = (star || in_reach.peek().is_some())
            && in_reach.all(|each| each.reason == Reason::Denied)
            && (!star || is_star_denied());
        let reason = if is_denied {
            Reason::Denied
        } else {
            Reason::FieldNotCovered
        };
        (reason, left_out.first().map(|each| each.field))
    }

    /// The first allows that cover what passes, and whether one of them does only because what is not told is in its favour.
    /// Those that demand no explanation come first, and those that are sure.
    pub(super) fn deciding(&self, passing: &Bits, demanded: bool) -> (Deciding, bool) {
        let mut rules: Deciding = SmallVec::new();
        let mut any_open = false;
        let mut rest: Bits = passing.clone();
        // No single field passes, but the item as such does.
        let is_whole = passing.is_empty();
        for (explain, open) in [(false, false), (false, true), (true, false), (true, true)] {
            let is_such = |each: &&Match| {
                each.explain == explain
                    && each.open == open
                    && each.valid == Truth::True
                    && (demanded || !explain)
            };
            for each in self.tally.matching.iter().filter(is_such) {
                let counts = if !is_whole {
                    each.bits.intersects(&rest)
                } else if self.asked.is_plain() {
                    each.touches
                } else {
                    self.shows(each)
                };
                if !counts || rules.len() >= DECIDING_GRANTS_MAX {
                    continue;
                }
                rules.push(each.rule);
                any_open |= open;
                if is_whole {
                    return (rules, any_open);
                }
                rest = Bits::of(rest.iter().filter(|field| !each.bits.contains(*field)));
            }
        }
        (rules, any_open)
    }
}
