//! The slots that lead from a collection and an action to the few rules that are for them.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::bits::Bits;
use super::grant::Mask;
use super::id::{ActionId, CollectionId};

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
}

/// The rules of a collection and an action, in the order of their ids.
#[derive(Clone, Debug)]
struct Slot<T> {
    rules: Box<[T]>,
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

/// Room for the rules that are found by role, which the caller keeps while it goes through them.
pub type Found<T> = SmallVec<[T; 8]>;

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            named: Vec::new(),
            any: Vec::new(),
            is_empty: true,
        }
    }
}

impl<T: Copy> Slots<T> {
    /// Returns slots of these lists, by collection and action (actions ascending) and by action alone; `roles` tells for
    /// which roles a rule is.
    pub fn new<'r>(
        named: impl Iterator<Item = Vec<(ActionId, Vec<T>)>>,
        any: impl Iterator<Item = Vec<T>>,
        roles: impl Fn(T) -> Option<&'r Mask<Bits>>,
    ) -> Self {
        let mut is_empty = true;
        let mut slot = |rules: Vec<T>| {
            is_empty &= rules.is_empty();
            Slot::new(rules, &roles)
        };
        let named = named
            .map(|actions| {
                let slots = actions.into_iter().map(|(action, rules)| (action, slot(rules)));
                slots.collect()
            })
            .collect();
        let any = any.map(&mut slot).collect();
        Self { named, any, is_empty }
    }

    /// Tells whether no rule is here at all.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

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
    pub fn find(&self, collection: Option<CollectionId>, action: ActionId) -> Rules<'_, T> {
        let [named, any] = self
            .slots(collection, action)
            .map(|slot| slot.map_or(&[][..], |slot| &slot.rules));
        Rules::new(named, any)
    }

    /// Returns the rules that [`Slots::find`] does, but for some that are for other roles only; of a slot with many rules
    /// those of the roles that are held are found without looking at the others.
    #[inline]
    pub fn find_held<'s>(
        &'s self,
        collection: Option<CollectionId>,
        action: ActionId,
        held: &Bits,
        found: &'s mut Found<T>,
    ) -> Rules<'s, T> {
        let slots = self.slots(collection, action);
        if slots.iter().flatten().all(|slot| slot.by_role.is_none()) {
            let [named, any] = slots.map(|slot| slot.map_or(&[][..], |slot| &slot.rules));
            return Rules::new(named, any);
        }
        let [named, any] = slots;
        found.clear();
        named.into_iter().for_each(|slot| slot.gather(held, found));
        let count = found.len();
        any.into_iter().for_each(|slot| slot.gather(held, found));
        let (named, any) = found.split_at(count);
        Rules::new(named, any)
    }
}

impl<T: Copy> Slot<T> {
    fn new<'r>(rules: Vec<T>, roles: &impl Fn(T) -> Option<&'r Mask<Bits>>) -> Self {
        let by_role = (rules.len() > SCANNED_MAX).then(|| {
            let mut by_role = ByRole::default();
            for (position, rule) in (0u32..).zip(&rules) {
                match roles(*rule) {
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
        Self {
            rules: rules.into(),
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

/// The rules of two slots, one after the other.
#[derive(Clone, Debug)]
pub struct Rules<'s, T> {
    now: std::slice::Iter<'s, T>,
    later: &'s [T],
}

impl<'s, T> Rules<'s, T> {
    fn new(first: &'s [T], later: &'s [T]) -> Self {
        Self {
            now: first.iter(),
            later,
        }
    }
}

impl<T> Default for Rules<'_, T> {
    fn default() -> Self {
        Self::new(&[], &[])
    }
}

impl<T: Copy> Iterator for Rules<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if let Some(rule) = self.now.next() {
            return Some(*rule);
        }
        self.now = std::mem::take(&mut self.later).iter();
        self.now.next().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slots of rules 0 to 99, of which rule n is for role n % 10, each seventh for everybody, each eleventh for all but
    /// role 3.
    fn slots() -> (Slots<usize>, Vec<Mask<Bits>>) {
        let mask = |rule: usize| match (rule % 7, rule % 11) {
            (0, _) => Mask::Any,
            (_, 0) => Mask::Except(Bits::of([3])),
            _ => Mask::Only(Bits::of([rule % 10, rule % 10 + 200])),
        };
        let masks: Vec<Mask<Bits>> = (0..100).map(mask).collect();
        let named = vec![vec![
            (ActionId::new(0), (0..60).collect()),
            (ActionId::new(1), vec![7, 8]),
        ]];
        let any = vec![(60..100).collect(), vec![9]];
        let slots = Slots::new(named.into_iter(), any.into_iter(), |rule| masks.get(rule));
        (slots, masks)
    }

    #[test]
    fn what_is_found_by_role_is_what_scanning_finds() {
        let (slots, masks) = slots();
        let collection = Some(CollectionId::new(0));
        for held in [
            vec![],
            vec![3],
            vec![1, 4],
            vec![203],
            vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        ] {
            let held = Bits::of(held);
            for (collection, action) in [(collection, 0), (collection, 1), (None, 0), (None, 1)] {
                let holds = |rule: &usize| match &masks[*rule] {
                    Mask::Any => true,
                    Mask::Only(roles) => roles.intersects(&held),
                    Mask::Except(roles) => !held.is_within(roles),
                };
                let action = ActionId::new(action);
                let scanned: Vec<usize> = slots.find(collection, action).filter(holds).collect();
                let mut found = Found::new();
                let by_role: Vec<usize> = slots
                    .find_held(collection, action, &held, &mut found)
                    .filter(holds)
                    .collect();
                assert_eq!(by_role, scanned, "{held:?}");
            }
        }
    }

    #[test]
    fn a_large_slot_yields_no_rule_of_other_roles() {
        let (slots, masks) = slots();
        let mut found = Found::new();
        let rules = slots.find_held(
            Some(CollectionId::new(0)),
            ActionId::new(0),
            &Bits::of([1]),
            &mut found,
        );
        for rule in rules {
            let is_other = matches!(&masks[rule], Mask::Only(roles) if !roles.contains(1));
            assert!(!is_other, "{rule}");
        }
    }
}
