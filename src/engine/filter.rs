//! A condition on the items of a collection: what is left of a question when the item is left open.
//!
//! Each node is true or not true of an item; there is no third value, so [`Filter::not`] is true exactly where its part is not.
//! Constructors simplify as they go: constants vanish, nested groups of one kind become one, equal parts are kept once.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use smallvec::SmallVec;

use crate::model::id::CollectionId;
use crate::vocab::operator::{FieldType, Function, Operator};
use crate::vocab::value::Value;

/// The name that stands for the state of an item whose collection names no field for it.
pub const STATE: &str = "$STATE";

/// The name that stands for the id of the owner of an item whose collection names no field for it.
pub const OWNER: &str = "$OWNER.id";

/// A condition on an item.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Filter {
    /// All of these; without parts: true.
    All(Vec<Filter>),
    /// At least one of these; without parts: not true.
    Any(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// A comparison of a field with values.
    Compare(Comparison),
    /// A look at related items.
    Exists(Exists),
    /// Local roles on the item, which the CMS keeps.
    Holds(Holds),
    /// The item lies below one of some documents.
    Below(Below),
}

/// A comparison of a field with values, as conditions on stored items compare: see [`crate::vocab::operator::Operator`].
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Comparison {
    /// The name of the field, after the names of the relations to one item that lead to it; a missing related item makes it
    /// null. A path that ends at a relation to one item stands for the key of that item. [`STATE`] and [`OWNER`] stand alone.
    pub path: Vec<Box<str>>,
    /// A function of the field.
    pub function: Option<Function>,
    /// How it compares. Never `_submitted`.
    pub operator: Operator,
    /// What it compares with: none for flags (`_null`), two for `_between` and `_nbetween`, any number of scalars that are
    /// not null for `_in` and `_nin`, a GeoJSON object for geometries, the pattern for `_regex`, else one scalar that is not
    /// null. Moments are texts (RFC 3339).
    pub values: Vec<Value<'static>>,
    /// The declared type of the field.
    pub kind: Option<FieldType>,
}

/// A look at the items that are related over a relation to many.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Exists {
    /// The relation to many, after the relations to one item that lead to it.
    pub path: Vec<Box<str>>,
    /// The collection of the related items, as far as it is declared.
    pub collection: Option<CollectionId>,
    /// What at least one related item has to pass; its paths start at the related item.
    pub filter: Box<Filter>,
    /// Whether an item without related items is judged once as if it had one whose fields are all null (an outer join).
    pub or_nulls: bool,
}

/// Local roles on an item.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Holds {
    /// The names of the roles, one of which has to be held on the item or passed on to it.
    pub roles: Vec<Box<str>>,
    /// The id of the subject; empty for visitors who own nothing.
    pub subject: Box<str>,
    /// The groups of the subject, which may hold the role as well.
    pub groups: Vec<Box<str>>,
}

/// Documents that an item lies below, however deep.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Below {
    /// The documents: the name of the collection, and the id.
    pub documents: Vec<(Box<str>, Box<str>)>,
}

impl Comparison {
    /// Tells whether it asks if the field is one of some values.
    fn is_membership(&self) -> bool {
        matches!(self.operator, Operator::Eq | Operator::In)
    }

    /// Tells whether a comparison with each of its values is a comparison with a text of its own, so that sets of them can be
    /// intersected: other values may be equal although they are written differently.
    fn is_of_texts(&self) -> bool {
        let is_moment = matches!(
            self.kind,
            Some(FieldType::Date | FieldType::DateTime | FieldType::Timestamp)
        );
        self.is_membership() && !is_moment && self.values.iter().all(|value| matches!(value, Value::Text(_)))
    }

    /// Leaves the values that are wanted.
    fn retain(&mut self, is_wanted: impl Fn(&Value<'static>) -> bool) {
        self.values.retain(is_wanted);
        self.operator = membership(&self.values);
    }

    /// Tells whether it is true of a field that is null.
    pub fn holds_of_null(&self) -> bool {
        matches!(self.operator, Operator::Null | Operator::Empty)
            || self.operator == Operator::Nin && self.values.is_empty()
    }

    /// Returns what is compared.
    fn looked_at(&self) -> (&[Box<str>], Option<Function>, Option<FieldType>) {
        (&self.path, self.function, self.kind)
    }

    /// Adds values that the field may be as well.
    fn join(&mut self, values: Vec<Value<'static>>) {
        let mut known: FxHashSet<u64> = self.values.iter().map(hash).collect();
        for value in values {
            // Values of one hash are compared, as there may be others of it.
            if known.insert(hash(&value)) || !self.values.contains(&value) {
                self.values.push(value);
            }
        }
        self.operator = membership(&self.values);
    }
}

/// Returns the operator that asks whether a field is one of these.
fn membership(values: &[Value<'static>]) -> Operator {
    if values.len() == 1 {
        Operator::Eq
    } else {
        Operator::In
    }
}

impl Filter {
    /// Returns what holds of every item.
    pub fn always() -> Self {
        Filter::All(Vec::new())
    }

    /// Returns what holds of no item.
    pub fn never() -> Self {
        Filter::Any(Vec::new())
    }

    /// Returns the filter of a known truth.
    pub fn of(holds: bool) -> Self {
        if holds { Self::always() } else { Self::never() }
    }

    /// Tells whether it holds of every item, as far as its form shows.
    pub fn is_always(&self) -> bool {
        matches!(self, Filter::All(parts) if parts.is_empty())
    }

    /// Tells whether it holds of no item, as far as its form shows.
    pub fn is_never(&self) -> bool {
        matches!(self, Filter::Any(parts) if parts.is_empty())
    }

    /// Tells whether it is true of an item all of whose fields are null, and that has no related items.
    pub fn holds_of_nulls(&self) -> bool {
        match self {
            Filter::All(parts) => parts.iter().all(Filter::holds_of_nulls),
            Filter::Any(parts) => parts.iter().any(Filter::holds_of_nulls),
            Filter::Not(part) => !part.holds_of_nulls(),
            Filter::Compare(comparison) => comparison.holds_of_null(),
            Filter::Exists(exists) => exists.or_nulls && exists.filter.holds_of_nulls(),
            Filter::Holds(_) | Filter::Below(_) => false,
        }
    }

    /// Returns what remains to be asked of items that are known to pass another filter.
    pub fn given(self, known: &Filter) -> Self {
        let parts = known.conjuncts();
        let holds = |part: &Filter| part == known || parts.contains(part);
        if holds(&self) {
            return Self::always();
        }
        match self {
            Filter::All(parts) => Self::all(parts.into_iter().filter(|part| !holds(part))),
            other @ (Filter::Any(_)
            | Filter::Not(_)
            | Filter::Compare(_)
            | Filter::Exists(_)
            | Filter::Holds(_)
            | Filter::Below(_)) => other,
        }
    }

    /// Returns the parts all of which must hold; of anything but a group of these it is the only one.
    fn conjuncts(&self) -> &[Filter] {
        match self {
            Filter::All(parts) => parts,
            Filter::Any(_)
            | Filter::Not(_)
            | Filter::Compare(_)
            | Filter::Exists(_)
            | Filter::Holds(_)
            | Filter::Below(_) => std::slice::from_ref(self),
        }
    }

    /// Returns how many nodes there are, and how many levels.
    pub fn size(&self) -> (usize, usize) {
        let deeper = |(nodes, depth): (usize, usize)| (nodes + 1, depth + 1);
        match self {
            Filter::All(parts) | Filter::Any(parts) => {
                let sizes = parts.iter().map(Filter::size);
                deeper(sizes.fold((0, 0), |all, each| (all.0 + each.0, all.1.max(each.1))))
            }
            Filter::Not(part) => deeper(part.size()),
            Filter::Exists(exists) => deeper(exists.filter.size()),
            Filter::Compare(_) | Filter::Holds(_) | Filter::Below(_) => (1, 1),
        }
    }

    /// Returns what holds where both do.
    pub fn and(self, other: Self) -> Self {
        Self::all([self, other])
    }

    /// Returns what holds where one does.
    pub fn or(self, other: Self) -> Self {
        Self::any([self, other])
    }

    /// Returns what holds where this does not.
    #[expect(clippy::should_implement_trait, reason = "it stands beside `and` and `or`")]
    pub fn not(self) -> Self {
        match self {
            Filter::Not(part) => *part,
            Filter::All(parts) if parts.is_empty() => Self::never(),
            Filter::Any(parts) if parts.is_empty() => Self::always(),
            other @ (Filter::All(_)
            | Filter::Any(_)
            | Filter::Compare(_)
            | Filter::Exists(_)
            | Filter::Holds(_)
            | Filter::Below(_)) => Filter::Not(Box::new(other)),
        }
    }

    /// Returns what holds where all of these do.
    pub fn all(parts: impl IntoIterator<Item = Filter>) -> Self {
        let mut all = Parts::default();
        for part in parts {
            if part.is_never() {
                return part;
            }
            match part {
                Filter::All(inner) => inner.into_iter().for_each(|each| all.insert(each)),
                other @ (Filter::Any(_)
                | Filter::Not(_)
                | Filter::Compare(_)
                | Filter::Exists(_)
                | Filter::Holds(_)
                | Filter::Below(_)) => all.insert(other),
            }
        }
        if all.has_opposites() {
            return Self::never();
        }
        // What holds anyway needs no other way: of `a and (a or b)` remains `a`.
        let is_needed =
            |part: &Filter| !matches!(part, Filter::Any(ways) if ways.iter().any(|way| all.contains(way)));
        let kept = all.list.iter().map(is_needed).collect();
        let all = narrowed(all.keep(kept));
        if all.iter().any(Filter::is_never) {
            return Self::never();
        }
        single(all, Filter::All)
    }

    /// Returns what holds where one of these does.
    pub fn any(parts: impl IntoIterator<Item = Filter>) -> Self {
        let mut any = Parts::default();
        for part in parts {
            if part.is_always() {
                return part;
            }
            match part {
                Filter::Any(inner) => inner.into_iter().for_each(|each| any.insert(each)),
                other @ (Filter::All(_)
                | Filter::Not(_)
                | Filter::Compare(_)
                | Filter::Exists(_)
                | Filter::Holds(_)
                | Filter::Below(_)) => any.insert(other),
            }
        }
        if any.has_opposites() {
            return Self::always();
        }
        // A narrower way beside a wider one adds nothing: of `a or (a and b)` remains `a`.
        let is_needed = |part: &Filter| !matches!(part, Filter::All(parts) if parts.iter().any(|each| any.contains(each)));
        let kept = any.list.iter().map(is_needed).collect();
        single(together(any.keep(kept)), Filter::Any)
    }
}

/// The parts of a group, each once. Most groups are small; profiles with many rules make groups of many.
#[derive(Default)]
struct Parts {
    list: Vec<Filter>,
    /// Where parts of a hash stand, of groups that are too large to be gone through.
    places: Option<FxHashMap<u64, SmallVec<[usize; 1]>>>,
}

/// Up to how many parts a group is gone through.
const GONE_THROUGH_MAX: usize = 12;

impl Parts {
    fn contains(&self, part: &Filter) -> bool {
        match &self.places {
            None => self.list.contains(part),
            Some(places) => {
                let mut places = places.get(&hash(part)).into_iter().flatten();
                places.any(|place| self.list.get(*place) == Some(part))
            }
        }
    }

    /// Adds a part that is not there yet.
    fn insert(&mut self, part: Filter) {
        if self.contains(&part) {
            return;
        }
        if let Some(places) = &mut self.places {
            places.entry(hash(&part)).or_default().push(self.list.len());
        }
        self.list.push(part);
        if self.places.is_none() && self.list.len() > GONE_THROUGH_MAX {
            let mut places: FxHashMap<u64, SmallVec<[usize; 1]>> = FxHashMap::default();
            for (index, part) in self.list.iter().enumerate() {
                places.entry(hash(part)).or_default().push(index);
            }
            self.places = Some(places);
        }
    }

    /// Tells whether a part and its opposite are there.
    fn has_opposites(&self) -> bool {
        let mut parts = self.list.iter();
        parts.any(|part| matches!(part, Filter::Not(inner) if self.contains(inner)))
    }

    fn keep(self, kept: Vec<bool>) -> Vec<Filter> {
        let parts = self.list.into_iter().zip(kept);
        parts
            .filter_map(|(part, is_kept)| is_kept.then_some(part))
            .collect()
    }
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    what.hash(&mut hasher);
    hasher.finish()
}

/// Puts comparisons together that ask whether a field is one of some values: `a = 1 or a = 2` is `a in (1, 2)`.
fn together(parts: Vec<Filter>) -> Vec<Filter> {
    let mut together: Vec<Filter> = Vec::with_capacity(parts.len());
    let mut places: FxHashMap<u64, usize> = FxHashMap::default();
    for part in parts {
        let Filter::Compare(comparison) = part else {
            together.push(part);
            continue;
        };
        let place = if comparison.is_membership() {
            let place = places.entry(hash(&comparison.looked_at()));
            Some(*place.or_insert(together.len()))
        } else {
            None
        };
        match place.and_then(|place| together.get_mut(place)) {
            Some(Filter::Compare(other)) if other.looked_at() == comparison.looked_at() => {
                other.join(comparison.values);
            }
            Some(_) | None => together.push(Filter::Compare(comparison)),
        }
    }
    together
}

/// Puts comparisons of one field with texts together: `a in (1, 2) and a in (2, 3)` is `a = 2`, and so is `a in (1, 2) and not a = 1`.
fn narrowed(parts: Vec<Filter>) -> Vec<Filter> {
    let mut narrowed: Vec<Filter> = Vec::with_capacity(parts.len());
    let mut others: Vec<Comparison> = Vec::new();
    let mut places: FxHashMap<u64, usize> = FxHashMap::default();
    for part in parts {
        match part {
            Filter::Compare(comparison) if comparison.is_of_texts() => {
                let place = *places
                    .entry(hash(&comparison.looked_at()))
                    .or_insert(narrowed.len());
                match narrowed.get_mut(place) {
                    Some(Filter::Compare(other)) if other.looked_at() == comparison.looked_at() => {
                        other.retain(|value| comparison.values.contains(value));
                    }
                    Some(_) | None => narrowed.push(Filter::Compare(comparison)),
                }
            }
            Filter::Not(inner) => match *inner {
                Filter::Compare(comparison) if comparison.is_of_texts() => others.push(comparison),
                inner @ (Filter::All(_)
                | Filter::Any(_)
                | Filter::Not(_)
                | Filter::Compare(_)
                | Filter::Exists(_)
                | Filter::Holds(_)
                | Filter::Below(_)) => narrowed.push(Filter::Not(Box::new(inner))),
            },
            other @ (Filter::All(_)
            | Filter::Any(_)
            | Filter::Compare(_)
            | Filter::Exists(_)
            | Filter::Holds(_)
            | Filter::Below(_)) => narrowed.push(other),
        }
    }
    for comparison in others {
        let place = places.get(&hash(&comparison.looked_at()));
        match place.and_then(|place| narrowed.get_mut(*place)) {
            Some(Filter::Compare(other)) if other.looked_at() == comparison.looked_at() => {
                other.retain(|value| !comparison.values.contains(value));
            }
            Some(_) | None => narrowed.push(Filter::Not(Box::new(Filter::Compare(comparison)))),
        }
    }
    for part in &mut narrowed {
        if matches!(part, Filter::Compare(comparison) if comparison.is_membership() && comparison.values.is_empty())
        {
            *part = Filter::never();
        }
    }
    narrowed
}

/// Returns the only part, or a group of all.
fn single(mut parts: Vec<Filter>, group: fn(Vec<Filter>) -> Filter) -> Filter {
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only;
    }
    group(parts)
}
