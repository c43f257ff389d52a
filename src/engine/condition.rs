//! Runs condition programs on the facts of a question.
//!
//! A program is first run as if no path led through a list of related items, which is the common case; only when one does,
//! it is run again for each combination of related items that its paths can share.

use smallvec::SmallVec;
use thin_vec::ThinVec;

use crate::model::condition::{Join, Leaf, Left, Node, Program, Related};
use crate::model::id::{ActionId, CollectionId};
use crate::vocab::limits::JOINED_ROWS_MAX;
use crate::vocab::operator::{Function, Operand as Form, Operator};
use crate::vocab::value::{Value, View};

use super::compare::{Side, apply, joined};
use super::constraints::Presets;
use super::facts::Facts;
use super::geometry::is_too_large;
use super::path::Found;
use super::related::admits;
use super::test::test;

/// What a condition comes to; `False < Open < True`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It does not hold.
    False,
    /// The request does not tell enough.
    Open,
    /// It holds.
    True,
}

impl Truth {
    /// Returns the truth of what is known.
    pub(super) fn of(holds: bool) -> Self {
        if holds { Truth::True } else { Truth::False }
    }

    /// Returns the opposite; what is open stays open.
    pub(super) fn not(self) -> Self {
        match self {
            Truth::False => Truth::True,
            Truth::Open => Truth::Open,
            Truth::True => Truth::False,
        }
    }

    /// Returns whether both hold.
    pub(super) fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// Returns whether one holds.
    pub(super) fn or(self, other: Self) -> Self {
        self.max(other)
    }
}

/// Which values of the item the fields of a condition are.
#[derive(Clone, Copy)]
pub(super) enum Item<'s> {
    /// The stored ones.
    Stored,
    /// Those that the item would have: its presets.
    AsWouldBe(&'s Presets<'s>),
    /// What is submitted: presets and changes alone.
    Submitted(&'s Presets<'s>),
    /// Those of a related item.
    Related(View<'s>),
}

/// Values that paths start from in place of the list that they run through.
pub(super) type Rows<'s> = SmallVec<[(&'s [Box<str>], View<'s>); 2]>;

/// Everything that a condition may look at.
pub(super) struct Scene<'s> {
    pub(super) facts: &'s Facts<'s>,
    /// The action, whose grants `_some_permitted` asks.
    pub(super) action: Option<ActionId>,
    pub(super) item: Item<'s>,
    /// The state that the item would have, if it moves or is new; `None` for the stored item.
    pub(super) state: Option<&'s str>,
    /// The state that the request asks for in another way than by its changes; nothing is asked of a related item.
    pub(super) named: Option<&'s str>,
    /// Whether the item is being made, so that its attributes are what is proposed.
    pub(super) creates: bool,
    /// How many `_some_permitted` are around this one.
    pub(super) depth: usize,
}

/// What running conditions brought to light.
#[derive(Default)]
pub(super) struct Notes<'s> {
    /// Facts that were needed and not told.
    pub(super) lacking: ThinVec<&'s str>,
    /// Whether evaluation went wrong.
    pub(super) fault: bool,
    /// A path led through a list of related items.
    needs_rows: bool,
    /// Combinations that may still be tried.
    budget: usize,
}

impl Notes<'_> {
    pub(super) fn new() -> Self {
        Self {
            budget: JOINED_ROWS_MAX,
            ..Self::default()
        }
    }
}

impl<'s> Scene<'s> {
    /// Runs a program.
    pub(super) fn run<'m: 's>(&self, program: &'m Program, notes: &mut Notes<'m>) -> Truth {
        // A program about related items runs inside of another one, whose own need stays as it is.
        let outer = std::mem::take(&mut notes.needs_rows);
        let lacking = notes.lacking.len();
        let mut truth = self.node(&program.root, &Rows::new(), notes);
        if notes.needs_rows {
            notes.needs_rows = false;
            notes.lacking.truncate(lacking);
            let budget = std::mem::replace(&mut notes.budget, JOINED_ROWS_MAX);
            truth = self.joined(program, &program.joins, &mut Rows::new(), notes);
            notes.budget = budget;
        }
        notes.needs_rows = outer;
        truth
    }

    /// Runs a program for each combination of related items.
    fn joined<'m: 's>(
        &self,
        program: &'m Program,
        joins: &'m [Join],
        rows: &mut Rows<'s>,
        notes: &mut Notes<'m>,
    ) -> Truth {
        let Some((join, rest)) = joins.split_first() else {
            let Some(budget) = notes.budget.checked_sub(1) else {
                notes.fault = true;
                return Truth::Open;
            };
            notes.budget = budget;
            let truth = self.node(&program.root, rows, notes);
            // A list that no join foresaw cannot be one of related items.
            notes.needs_rows = false;
            return truth;
        };
        let Found::Value(View::List(items)) = self.walk(&join.path, rows, join.path.len()) else {
            return self.joined(program, rest, rows, notes);
        };
        if !(join.is_prefix || join.is_many || is_related(items)) {
            return self.joined(program, rest, rows, notes);
        }
        let mut best = Truth::False;
        // No related item at all is one row of nulls, as in an outer join.
        for index in 0..items.len().max(1) {
            rows.push((&join.path, items.get(index).map_or(View::Null, Value::view)));
            best = best.or(self.joined(program, rest, rows, notes));
            rows.pop();
            if best == Truth::True || notes.fault {
                break;
            }
        }
        best
    }

    fn node<'m: 's>(&self, node: &'m Node, rows: &Rows<'s>, notes: &mut Notes<'m>) -> Truth {
        match node {
            Node::All(parts) => {
                let mut all = Truth::True;
                for part in parts {
                    all = all.and(self.node(part, rows, notes));
                    if all == Truth::False {
                        break;
                    }
                }
                all
            }
            Node::Any(parts) => {
                let mut any = Truth::False;
                for part in parts {
                    any = any.or(self.node(part, rows, notes));
                    if any == Truth::True {
                        break;
                    }
                }
                any
            }
            Node::Not(part) => self.node(part, rows, notes).not(),
            Node::Coded(_, part) => self.node(part, rows, notes),
            Node::Neutral => Truth::True,
            Node::Related(related) => self.related(related, notes),
            Node::Leaf(leaf) => self.leaf(leaf, rows, notes),
        }
    }

    fn related<'m: 's>(&self, related: &'m Related, notes: &mut Notes<'m>) -> Truth {
        // The quantifier is about all related items, whichever of them other leaves share.
        let items = match self.walk(&related.path, &Rows::new(), 0) {
            Found::Value(View::List(items)) => items,
            Found::Value(View::Null) => &[],
            Found::Absent => return Truth::True,
            Found::Misfit => return Truth::False,
            Found::Rows => {
                notes.needs_rows = true;
                return Truth::Open;
            }
            Found::Open | Found::Value(_) => {
                notes.lacking.push(&related.text);
                return Truth::Open;
            }
        };
        let mut some = Truth::False;
        for item in items {
            let scene = Scene {
                item: Item::Related(item.view()),
                ..*self
            };
            // Of an item that is told by its key alone, nothing else is known.
            let mut truth = match item {
                Value::Object(_) | Value::Null => scene.run(&related.program, notes),
                Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
                    notes.lacking.push(&related.text);
                    Truth::Open
                }
            };
            if truth != Truth::False
                && matches!(item, Value::Object(_))
                && let Some(collection) = related.permitted
            {
                truth = truth.and(self.permitted(collection, item, notes));
            }
            some = some.or(truth);
            if some == Truth::True {
                break;
            }
        }
        if related.none { some.not() } else { some }
    }

    fn permitted<'m: 's>(
        &self,
        collection: CollectionId,
        item: &'s Value<'s>,
        notes: &mut Notes<'m>,
    ) -> Truth {
        let Some(action) = self.action else {
            return Truth::True;
        };
        admits(self, collection, action, item, notes)
    }

    pub(super) fn leaf<'m: 's>(&self, leaf: &'m Leaf, rows: &Rows<'s>, notes: &mut Notes<'m>) -> Truth {
        if leaf.operator == Operator::Submitted {
            return Truth::of(self.is_submitted(leaf));
        }
        let text;
        let mut left = match &leaf.left {
            Left::Fact(variable) => self.variable(variable),
            // A count is of the list itself, not of the item that other leaves share.
            Left::Field(path) => match self.walk(
                path,
                rows,
                path.len()
                    .saturating_sub(usize::from(leaf.function == Some(Function::Count))),
            ) {
                Found::Open => Side::Open,
                // What is not submitted passes, unless a function of it is asked for.
                Found::Absent => return Truth::of(leaf.function.is_none()),
                Found::Misfit => return Truth::False,
                Found::Rows => {
                    notes.needs_rows = true;
                    return Truth::Open;
                }
                Found::Value(View::List(items))
                    if leaf.function != Some(Function::Count) && (leaf.is_many || is_related(items)) =>
                {
                    notes.needs_rows = true;
                    return Truth::Open;
                }
                Found::Value(view) => Side::View(view),
            },
        };
        if matches!(left, Side::Open) {
            notes.lacking.push(&leaf.name);
            return Truth::Open;
        }
        if leaf.function == Some(Function::Joined) {
            text = match joined(&left) {
                Ok(text) => text,
                Err(_) => return Truth::False,
            };
            left = Side::View(text.as_deref().map_or(View::Null, View::Text));
        } else if let Some(function) = leaf.function {
            match apply(function, &left) {
                Ok(part) => left = part,
                Err(_) => return Truth::False,
            }
        }
        if let Side::View(View::Object(object)) = left
            && leaf.operator.compares_by_key()
        {
            // A related item stands for its key.
            left = match object.get(&leaf.key) {
                Some(key) => Side::View(key.view()),
                None if leaf.is_relation => self.untold(),
                // Some other object: no comparison fits it.
                None => left,
            };
        }
        if matches!(left, Side::Open) {
            notes.lacking.push(&leaf.name);
            return Truth::Open;
        }
        if leaf.operator.operand() == Form::Geometry && is_too_large(&left) {
            notes.fault = true;
            return Truth::Open;
        }
        let truth = test(self, leaf, &left);
        if truth == Truth::Open {
            notes.lacking.push(&leaf.operand_name);
        }
        truth
    }

    /// Runs a part of a program by itself.
    pub(super) fn part<'m: 's>(&self, node: &'m Node, notes: &mut Notes<'m>) -> Truth {
        self.node(node, &Rows::new(), notes)
    }
}

/// Tells whether a list is one of related items: objects.
fn is_related(items: &[Value<'_>]) -> bool {
    matches!(items.first(), Some(Value::Object(_)))
}
