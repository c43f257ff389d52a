//! The slots that lead from a collection and an action to the few rules that are for them.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::bits::Bits;
use super::grant::{Held, Mask, Selection};
use super::id::{ActionId, CollectionId, StateId};

/// How many rules a slot may hold before it is worth to find them by role.
const SCANNED_MAX: usize = 24;

/// The slots of one collection by action, actions ascending.
type ByAction<T> = Box<[(ActionId, Slot<T>)]>;

/// Which rules are for a collection and an action: those that name the collection, and those for any.
#[derive(Clone, Debug)]
pub struct Slots<T> {
    /// By collection: the slots by action.
    named: Vec<ByAction<T>>,
    /// By action.
    any: Vec<Slot<T>>,
    /// Whether no rule is here at all, as is usual of denies and constraints.
    is_empty: bool,
    /// Whether a slot has so many rules that they are found by role.
    any_by_role: bool,
}

/// The rules of a collection and an action, in the order of their ids.
#[derive(Clone, Debug)]
struct Slot<T> {
    rules: Box<[Entry<T>]>,
    /// Where there are many rules: which of them are for a role.
    by_role: Option<Box<ByRole>>,
}

/// Positions of rules within a slot, ascending.
#[derive(Clone, Debug, Default)]
struct ByRole {
    /// Of rules that are not for certain roles only.
    always: Vec<u32>,
    /// Of rules for a role.
    roles: FxHashMap<usize, Vec<u32>>,
}

/// A rule, and for which roles and states it is in short.
#[derive(Clone, Copy, Debug)]
pub struct Entry<T> {
    rule: T,
    sketch: Sketch,
}

/// For which roles and states a rule is, or of which a question tells, in short: each has a bit, which it may share with
/// others. So a rule whose sketch does not meet that of a question is not for it, and one that does must be looked at.
///
/// The lower half of the word is of roles, the upper one of states.
#[derive(Clone, Copy, Debug)]
pub struct Sketch(u64);

/// The bit that every question has, and every rule that is not for certain names only.
const ALWAYS: u32 = 1 << 31;

impl Sketch {
    /// What meets every rule.
    const EVERYTHING: Sketch = Sketch(u64::MAX);

    #[inline]
    fn new(roles: u32, states: u32) -> Self {
        Self(u64::from(roles) | u64::from(states) << 32)
    }

    /// Returns the sketch of a question of somebody who holds these roles, about an item in any state.
    #[inline]
    pub fn of_holder(roles: &Bits) -> Self {
        Self::new(roles.folded() | ALWAYS, u32::MAX)
    }

    /// Returns this sketch for an item in one state; `None` for one that has none, or none that the policy knows.
    #[inline]
    pub fn in_state(self, state: Option<StateId>) -> Self {
        let bit = state.map_or(0, |state| 1 << (state.index() % 32));
        Self(self.0 & Self::new(u32::MAX, bit | ALWAYS).0)
    }

    fn of_rule(selection: &Selection) -> Self {
        let fold = |mask: &Mask<Bits>| match mask {
            // A rule for nobody or no state is still told of in traces, so it meets what meets everything.
            Mask::Only(only) if only.is_empty() => ALWAYS,
            Mask::Only(only) => only.folded(),
            Mask::Any | Mask::Except(_) => ALWAYS,
        };
        Self::new(
            restricting(selection).map_or(ALWAYS, fold),
            fold(&selection.states),
        )
    }

    #[inline]
    fn meets(self, other: Sketch) -> bool {
        let shared = self.0 & other.0;
        shared & u64::from(u32::MAX) != 0 && shared >> 32 != 0
    }
}

/// Returns the roles that a rule can be found by; `None` if it may be for roles that an administrator puts aside.
fn restricting(selection: &Selection) -> Option<&Mask<Bits>> {
    match selection.held {
        Held::Anywhere | Held::Site | Held::Shared => Some(&selection.roles),
        Held::Aside => None,
    }
}

/// Room for the rules that are found by role, which the caller keeps while it goes through them.
pub type Found<T> = SmallVec<[Entry<T>; 8]>;

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            named: Vec::new(),
            any: Vec::new(),
            is_empty: true,
            any_by_role: false,
        }
    }
}

impl<T: Copy> Slots<T> {
    /// Returns slots of these lists, by collection and action (actions ascending) and by action alone; `selection` tells for
    /// what a rule is.
    pub fn new<'r>(
        named: impl Iterator<Item = Vec<(ActionId, Vec<T>)>>,
        any: impl Iterator<Item = Vec<T>>,
        selection: impl Fn(T) -> Option<&'r Selection>,
    ) -> Self {
        let (mut is_empty, mut any_by_role) = (true, false);
        let mut slot = |rules: Vec<T>| {
            is_empty &= rules.is_empty();
            let slot = Slot::new(rules, &selection);
            any_by_role |= slot.by_role.is_some();
            slot
        };
        let named = named
            .map(|actions| {
                let slots = actions.into_iter().map(|(action, rules)| (action, slot(rules)));
                slots.collect()
            })
            .collect();
        let any = any.map(&mut slot).collect();
        Self {
            named,
            any,
            is_empty,
            any_by_role,
        }
    }

    /// Tells whether no rule is here at all.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    #[inline(always)]
    fn slots(&self, collection: Option<CollectionId>, action: ActionId) -> [Option<&Slot<T>>; 2] {
        if self.is_empty {
            return [None, None];
        }
        let named = collection
            .and_then(|collection| self.named.get(collection.index()))
            .and_then(|actions| actions.iter().find(|(each, _)| *each == action))
            .map(|(_, slot)| slot);
        [named, self.any.get(action.index())]
    }

    /// Returns the rules that name the collection, then those for any collection.
    #[inline(always)]
    pub fn find(&self, collection: Option<CollectionId>, action: ActionId) -> Rules<'_, T> {
        let [named, any] = self
            .slots(collection, action)
            .map(|slot| slot.map_or(&[][..], |slot| &slot.rules));
        Rules::new(named, any, Sketch::EVERYTHING)
    }

    /// Returns the rules that [`Slots::find`] does, but for some that do not meet the sketch of the question; of a slot with
    /// many rules those of the roles that are held are found without looking at the others.
    #[inline(always)]
    pub fn find_held<'s>(
        &'s self,
        collection: Option<CollectionId>,
        action: ActionId,
        held: &Bits,
        sketch: Sketch,
        found: &'s mut Found<T>,
    ) -> Rules<'s, T> {
        let rules = if self.any_by_role {
            self.gather(collection, action, held, found)
        } else {
            self.find(collection, action)
        };
        Rules { sketch, ..rules }
    }

    fn gather<'s>(
        &'s self,
        collection: Option<CollectionId>,
        action: ActionId,
        held: &Bits,
        found: &'s mut Found<T>,
    ) -> Rules<'s, T> {
        let slots = self.slots(collection, action);
        if slots.iter().flatten().all(|slot| slot.by_role.is_none()) {
            return self.find(collection, action);
        }
        let [named, any] = slots;
        found.clear();
        named.into_iter().for_each(|slot| slot.gather(held, found));
        let count = found.len();
        any.into_iter().for_each(|slot| slot.gather(held, found));
        let (named, any) = found.split_at(count);
        Rules::new(named, any, Sketch::EVERYTHING)
    }
}

impl<T: Copy> Slot<T> {
    fn new<'r>(rules: Vec<T>, selection: &impl Fn(T) -> Option<&'r Selection>) -> Self {
        let by_role = (rules.len() > SCANNED_MAX).then(|| {
            let mut by_role = ByRole::default();
            for (position, rule) in (0u32..).zip(&rules) {
                match selection(*rule).and_then(restricting) {
                    Some(Mask::Only(roles)) => {
                        for role in roles.iter() {
                            by_role.roles.entry(role).or_default().push(position);
                        }
                    }
                    Some(Mask::Any | Mask::Except(_)) | None => by_role.always.push(position),
                }
            }
            Box::new(by_role)
        });
        let entry = |rule: T| Entry {
            rule,
            sketch: selection(rule).map_or(Sketch::EVERYTHING, Sketch::of_rule),
        };
        Self {
            rules: rules.into_iter().map(entry).collect(),
            by_role,
        }
    }

    /// Adds the rules that may be for one of the roles, in order and each once.
    fn gather(&self, held: &Bits, found: &mut Found<T>) {
        let Some(by_role) = &self.by_role else {
            found.extend_from_slice(&self.rules);
            return;
        };
        let mut positions: SmallVec<[u32; 16]> = SmallVec::from_slice(&by_role.always);
        for role in held.iter() {
            positions.extend(by_role.roles.get(&role).into_iter().flatten().copied());
        }
        positions.sort_unstable();
        positions.dedup();
        let rules = positions
            .iter()
            .filter_map(|position| self.rules.get(*position as usize));
        found.extend(rules.copied());
    }
}

/// The rules of two slots that a sketch meets, one after the other.
#[derive(Clone, Debug)]
pub struct Rules<'s, T> {
    now: std::slice::Iter<'s, Entry<T>>,
    later: &'s [Entry<T>],
    sketch: Sketch,
}

impl<'s, T> Rules<'s, T> {
    #[inline]
    fn new(first: &'s [Entry<T>], later: &'s [Entry<T>], sketch: Sketch) -> Self {
        Self {
            now: first.iter(),
            later,
            sketch,
        }
    }
}

impl<T> Default for Rules<'_, T> {
    fn default() -> Self {
        Self::new(&[], &[], Sketch::EVERYTHING)
    }
}

impl<T: Copy> Iterator for Rules<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        loop {
            for entry in self.now.by_ref() {
                if entry.sketch.meets(self.sketch) {
                    return Some(entry.rule);
                }
            }
            if self.later.is_empty() {
                return None;
            }
            self.now = std::mem::take(&mut self.later).iter();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slots of rules 0 to 99, of which rule n is for role n % 10, each seventh for everybody, each eleventh for all but
    /// role 3; of state n % 3 or its double above 31, each fifth of any state, each thirteenth of none; each seventeenth also
    /// for roles that are put aside.
    fn slots() -> (Slots<usize>, Vec<Selection>) {
        let selection = |rule: usize| Selection {
            roles: match (rule % 7, rule % 11) {
                (0, _) => Mask::Any,
                (_, 0) => Mask::Except(Bits::of([3])),
                _ => Mask::Only(Bits::of([rule % 10, rule % 10 + 200])),
            },
            states: match (rule % 5, rule % 13) {
                (0, _) => Mask::Any,
                (_, 0) => Mask::Only(Bits::default()),
                (1, _) => Mask::Except(Bits::of([rule % 3])),
                _ => Mask::Only(Bits::of([rule % 3, rule % 3 + 32])),
            },
            held: if rule.is_multiple_of(17) {
                Held::Aside
            } else {
                Held::Anywhere
            },
            ..Selection::default()
        };
        let selections: Vec<Selection> = (0..100).map(selection).collect();
        let named = vec![vec![
            (ActionId::new(0), (0..60).collect()),
            (ActionId::new(1), vec![7, 8]),
        ]];
        let any = vec![(60..100).collect(), vec![9]];
        let slots = Slots::new(named.into_iter(), any.into_iter(), |rule| selections.get(rule));
        (slots, selections)
    }

    /// Whether a rule is for these roles, each of which an administrator may have put aside, and for an item of this state.
    fn is_for(selection: &Selection, held: &Bits, state: Option<StateId>) -> bool {
        let holds = match &selection.roles {
            Mask::Any => true,
            Mask::Only(roles) => roles.intersects(held),
            Mask::Except(roles) => !held.is_within(roles),
        };
        (holds || selection.held == Held::Aside) && selection.states.selects(state.map(StateId::index))
    }

    #[test]
    fn what_is_found_by_role_and_state_is_what_scanning_finds() {
        let (slots, selections) = slots();
        let collection = Some(CollectionId::new(0));
        let roles = [
            vec![],
            vec![3],
            vec![1, 4],
            vec![203],
            vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        ];
        let states = [None, Some(0), Some(2), Some(34), Some(31)].map(|state| state.map(StateId::new));
        for (held, state) in roles.iter().flat_map(|held| states.map(|state| (held, state))) {
            let held = Bits::of(held.iter().copied());
            for (collection, action) in [(collection, 0), (collection, 1), (None, 0), (None, 1)] {
                let is_for = |rule: &usize| is_for(&selections[*rule], &held, state);
                let action = ActionId::new(action);
                let scanned: Vec<usize> = slots.find(collection, action).filter(is_for).collect();
                let sketches = [Sketch::of_holder(&held), Sketch::of_holder(&held).in_state(state)];
                for sketch in sketches {
                    let mut found = Found::new();
                    let by_role: Vec<usize> = slots
                        .find_held(collection, action, &held, sketch, &mut found)
                        .filter(is_for)
                        .collect();
                    assert_eq!(by_role, scanned, "{held:?} in {state:?}");
                }
            }
        }
    }

    #[test]
    fn every_rule_is_found_where_nothing_is_told_of_the_question() {
        let (slots, _) = slots();
        let all: Vec<usize> = slots.find(Some(CollectionId::new(0)), ActionId::new(0)).collect();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_slot_yields_no_rule_of_other_roles_or_states() {
        let (slots, selections) = slots();
        let held = Bits::of([1]);
        let sketch = Sketch::of_holder(&held).in_state(Some(StateId::new(2)));
        for action in [0, 1] {
            let mut found = Found::new();
            let rules = slots.find_held(
                Some(CollectionId::new(0)),
                ActionId::new(action),
                &held,
                sketch,
                &mut found,
            );
            for rule in rules {
                let selection = &selections[rule];
                let is_other = matches!(&selection.roles, Mask::Only(roles) if !roles.contains(1));
                assert!(!is_other || selection.held == Held::Aside, "{rule}");
                let is_elsewhere = matches!(&selection.states, Mask::Only(states) if !states.contains(2) && !states.is_empty());
                assert!(!is_elsewhere, "{rule}");
            }
        }
    }
}
