//! Runs condition programs on the facts of a question.
//!
//! A program is first run as if no path led through a list of related items, which is the common case; only when one does,
//! it is run again for each combination of related items that its paths can share.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::model::condition::{Join, Leaf, Left, Node, Operand, Program, Related, Variable};
use crate::model::id::{ActionId, CollectionId};
use crate::model::role::RoleKind;
use crate::vocab::limits::JOINED_ROWS_MAX;
use crate::vocab::operator::{Function, Operand as Form, Operator};
use crate::vocab::value::{Object, Value, View};

use super::compare::{Side, apply};
use super::facts::Facts;
use super::related::admits;
use super::role::ordered;
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
    AsWouldBe(&'s [(&'s str, Value<'s>)]),
    /// What is submitted: presets and changes alone.
    Submitted(&'s [(&'s str, Value<'s>)]),
    /// Those of a related item.
    Related(View<'s>),
}

/// Values that paths start from in place of the list that they run through.
type Rows<'s> = SmallVec<[(&'s [Box<str>], View<'s>); 2]>;

/// Everything that a condition may look at.
pub(super) struct Scene<'s> {
    pub(super) facts: &'s Facts<'s>,
    /// The action, whose grants `_some_permitted` asks.
    pub(super) action: Option<ActionId>,
    pub(super) item: Item<'s>,
    /// The state that the item would have, if it moves or is new; `None` for the stored item.
    pub(super) state: Option<&'s str>,
    /// Whether the item is being made, so that its attributes are what is proposed.
    pub(super) creates: bool,
    /// How many `_some_permitted` are around this one.
    pub(super) depth: usize,
}

/// What running conditions brought to light.
#[derive(Default)]
pub(super) struct Notes<'s> {
    /// Facts that were needed and not told.
    pub(super) lacking: Vec<&'s str>,
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

/// What a path leads to.
enum Found<'s> {
    /// Nothing is told.
    Open,
    /// The field is not among what is submitted.
    Absent,
    /// What is submitted cannot have such a part.
    Misfit,
    /// A value.
    Value(View<'s>),
    /// A list of related items on the way.
    Rows,
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
                state: None,
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

    fn leaf<'m: 's>(&self, leaf: &'m Leaf, rows: &Rows<'s>, notes: &mut Notes<'m>) -> Truth {
        if leaf.operator == Operator::Submitted {
            return Truth::of(self.is_submitted(leaf));
        }
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
        if let Some(function) = leaf.function {
            match apply(function, &left) {
                Ok(part) => left = part,
                Err(_) => return Truth::False,
            }
        }
        if let Side::View(View::Object(object)) = left
            && compares_by_key(leaf.operator)
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
        let truth = test(self, leaf, &left);
        if truth == Truth::Open {
            notes.lacking.push(&leaf.operand_name);
        }
        truth
    }

    /// Returns the first leaf that keeps a condition from holding, as text, and whether it is open.
    pub(super) fn blame<'m: 's>(&self, program: &'m Program) -> (&'m str, bool) {
        let mut blamed = Vec::new();
        self.failing(&program.root, &mut blamed);
        blamed
            .first()
            .map_or(("", false), |failing| (failing.text, failing.open))
    }

    /// Collects the leaves that keep a condition from holding. Related items that leaves share are looked at one leaf at a
    /// time here, so that a condition which fails only by their combination blames nothing.
    pub(super) fn failing<'m: 's>(&self, node: &'m Node, failing: &mut Vec<Failing<'m>>) {
        let mut notes = Notes::new();
        match node {
            Node::All(parts) | Node::Any(parts) => {
                let is_any = matches!(node, Node::Any(_));
                if is_any && self.part(node, &mut notes) == Truth::True {
                    return;
                }
                parts.iter().for_each(|part| self.failing(part, failing));
            }
            Node::Not(part) => {
                let truth = self.part(part, &mut notes);
                if truth != Truth::False {
                    let (name, operator, text) = first_leaf(part);
                    failing.push(Failing {
                        field: name,
                        operator,
                        text,
                        open: truth == Truth::Open,
                    });
                }
            }
            Node::Neutral => {}
            Node::Related(related) => {
                let truth = self.part(node, &mut notes);
                if truth != Truth::True {
                    let operator = if related.none { "_none" } else { "_some" };
                    let open = truth == Truth::Open;
                    failing.push(Failing {
                        field: &related.text,
                        operator,
                        text: &related.text,
                        open,
                    });
                }
            }
            Node::Leaf(leaf) => {
                let truth = self.part(node, &mut notes);
                if truth != Truth::True {
                    let open = truth == Truth::Open;
                    let operator = leaf.operator.name();
                    failing.push(Failing {
                        field: &leaf.name,
                        operator,
                        text: &leaf.text,
                        open,
                    });
                }
            }
        }
    }

    /// Runs a part of a program by itself.
    fn part<'m: 's>(&self, node: &'m Node, notes: &mut Notes<'m>) -> Truth {
        self.node(node, &Rows::new(), notes)
    }

    fn is_submitted(&self, leaf: &Leaf) -> bool {
        let Left::Field(path) = &leaf.left else {
            return false;
        };
        let Some(field) = path.first() else { return false };
        let presets = match self.item {
            Item::AsWouldBe(presets) | Item::Submitted(presets) => presets,
            Item::Stored | Item::Related(_) => &[],
        };
        self.facts.query.changes.get(field).is_some()
            || presets.iter().any(|(name, _)| *name == field.as_ref())
    }

    /// Tells whether null is told apart as what the table of submitted values says.
    pub(super) fn is_submitted_table(&self) -> bool {
        matches!(self.item, Item::Submitted(_))
    }

    /// Follows a path from the item, or from the row that stands for its longest prefix of at most `joined` steps.
    fn walk(&self, path: &'s [Box<str>], rows: &Rows<'s>, joined: usize) -> Found<'s> {
        let row = rows
            .iter()
            .filter(|(prefix, _)| prefix.len() <= joined && path.starts_with(prefix))
            .max_by_key(|(prefix, _)| prefix.len());
        let (mut here, rest) = match row {
            Some((prefix, view)) => (*view, path.get(prefix.len()..).unwrap_or_default()),
            None => {
                let Some((first, rest)) = path.split_first() else {
                    return Found::Open;
                };
                match self.field(first) {
                    Found::Value(view) => (view, rest),
                    other @ (Found::Open | Found::Absent | Found::Misfit | Found::Rows) => return other,
                }
            }
        };
        for step in rest {
            here = match here {
                View::Null => return Found::Value(View::Null),
                View::Object(object) => match object.get(step) {
                    Some(value) => value.view(),
                    None => return self.absent(),
                },
                View::List(_) => return Found::Rows,
                // The related item is not there, only its key: a stored one may hold anything, a submitted one nothing.
                View::Bool(_) | View::Number(_) | View::Text(_) => {
                    return if self.is_submitted_table() {
                        Found::Misfit
                    } else {
                        Found::Open
                    };
                }
            };
        }
        Found::Value(here)
    }

    /// What a missing attribute counts as.
    fn absent(&self) -> Found<'s> {
        if matches!(self.item, Item::Submitted(_)) {
            return Found::Absent;
        }
        if self.facts.model.settings.absent_is_null {
            Found::Value(View::Null)
        } else {
            Found::Open
        }
    }

    /// Returns a field of the item.
    fn field(&self, name: &'s str) -> Found<'s> {
        let query = self.facts.query;
        let preset = |presets: &'s [(&'s str, Value<'s>)]| {
            presets
                .iter()
                .find(|(field, _)| *field == name)
                .map(|(_, value)| value)
        };
        let found = match self.item {
            Item::Stored => query.resource.attributes.get(name),
            Item::Submitted(presets) => query.changes.get(name).or_else(|| preset(presets)),
            Item::AsWouldBe(presets) if self.creates => query
                .changes
                .get(name)
                .or_else(|| query.resource.attributes.get(name))
                .or_else(|| preset(presets)),
            Item::AsWouldBe(presets) => {
                if let Some(state) = self.state
                    && self.is_state_field(name)
                    && query.changes.get(name).is_none()
                {
                    return Found::Value(View::Text(state));
                }
                query
                    .changes
                    .get(name)
                    .or_else(|| preset(presets))
                    .or_else(|| query.resource.attributes.get(name))
            }
            Item::Related(view) => {
                return match view {
                    View::Object(object) => object
                        .get(name)
                        .map_or_else(|| self.absent(), |v| Found::Value(v.view())),
                    View::Null => Found::Value(View::Null),
                    View::Bool(_) | View::Number(_) | View::Text(_) | View::List(_) => Found::Open,
                };
            }
        };
        match found {
            Some(value) => Found::Value(value.view()),
            None => self
                .fact_of_field(name)
                .map_or_else(|| self.absent(), |text| Found::Value(View::Text(text))),
        }
    }

    fn is_state_field(&self, name: &str) -> bool {
        self.facts
            .collection
            .is_some_and(|collection| collection.state_field.as_deref() == Some(name))
    }

    /// One name, one fact: the state and the owner stand for their fields.
    fn fact_of_field(&self, name: &str) -> Option<&'s str> {
        if matches!(self.item, Item::Submitted(_)) {
            return None;
        }
        let collection = self.facts.collection?;
        let fact = if collection.state_field.as_deref() == Some(name) {
            self.state.unwrap_or(self.facts.query.resource.state)
        } else if collection.owner_field.as_deref() == Some(name) {
            self.facts.owner.as_ref()
        } else {
            ""
        };
        (!fact.is_empty()).then_some(fact)
    }

    /// Returns a fact of the request.
    pub(super) fn variable(&self, variable: &'s Variable) -> Side<'s> {
        let facts = self.facts;
        let query = facts.query;
        match variable {
            Variable::Now(None) => Side::Instant(query.context.now),
            Variable::Now(Some(step)) => step
                .from(query.context.now)
                .map_or(Side::View(View::Null), Side::Instant),
            Variable::CurrentUser(path) if path.is_empty() => {
                // Visitors may own things under a name, but are nobody.
                let is_visitor = facts.identity.is_anonymous;
                Side::View(if is_visitor {
                    View::Null
                } else {
                    View::Text(query.subject.id)
                })
            }
            Variable::CurrentUser(path) => self.attribute(&query.subject.attributes, path),
            Variable::CurrentRole(path) => self.current_role(path),
            Variable::CurrentRoles(path) => self.roles(RoleKind::Role, path),
            Variable::CurrentPolicies(path) => self.roles(RoleKind::Policy, path),
            Variable::Context(path) => self.context(path),
            Variable::OwnerId => match facts.owner.as_ref() {
                "" => Side::View(View::Null),
                id => Side::View(View::Text(id)),
            },
            Variable::OwnerRoles => {
                let roles = facts.owner_roles();
                let names = &facts.model.roles.names;
                Side::List(
                    roles
                        .iter()
                        .map(|role| Value::Text(Cow::Borrowed(names.name(role))))
                        .collect(),
                )
            }
            Variable::Item => {
                let resource = &query.resource;
                let is_none = resource.attributes.is_empty() && query.changes.is_empty();
                Side::View(View::Text(match (resource.id, is_none) {
                    ("", true) => "none",
                    ("", false) => "new",
                    _ => "saved",
                }))
            }
        }
    }

    fn context(&self, path: &'s [Box<str>]) -> Side<'s> {
        let context = &self.facts.query.context;
        let told = match path {
            [only] => match only.as_ref() {
                "ip" => Some(context.ip),
                "explanation" => Some(context.explanation),
                "comment_author_id" => Some(context.comment_author_id),
                "now" => return Side::Instant(context.now),
                _ => None,
            },
            _ => None,
        };
        match told {
            Some("") => self.untold(),
            Some(text) => Side::View(View::Text(text)),
            None => self.attribute(&context.attributes, path),
        }
    }

    /// Follows a path of attributes of the subject or the context.
    fn attribute(&self, object: &'s Object<'s>, path: &'s [Box<str>]) -> Side<'s> {
        let mut here = View::Object(object);
        for step in path {
            here = match here {
                View::Null => return Side::View(View::Null),
                View::Object(object) => match object.get(step) {
                    Some(value) => value.view(),
                    None => return self.untold(),
                },
                View::Bool(_) | View::Number(_) | View::Text(_) | View::List(_) => return Side::Open,
            };
        }
        Side::View(here)
    }

    fn untold(&self) -> Side<'s> {
        if self.facts.model.settings.absent_is_null {
            Side::View(View::Null)
        } else {
            Side::Open
        }
    }

    /// The subject's first own role: of the request, of its groups, of the users table.
    fn current_role(&self, path: &'s [Box<str>]) -> Side<'s> {
        let facts = self.facts;
        let model = facts.model;
        let is_role = |role: &crate::model::id::RoleId| {
            model
                .roles
                .row(*role)
                .is_some_and(|row| row.kind == RoleKind::Role)
        };
        let user = facts.identity.id.and_then(|id| model.roles.users.get(id));
        let own = facts
            .query
            .subject
            .roles
            .iter()
            .find_map(|name| model.roles.claimable(name));
        let groups = || {
            let named = facts
                .query
                .subject
                .groups
                .iter()
                .filter_map(|name| model.roles.group_names.find(name));
            let known = user
                .into_iter()
                .flat_map(|user| user.groups.iter().map(|group| group.index()));
            named
                .chain(known)
                .filter_map(|group| model.roles.groups.get(group))
                .flat_map(|group| group.roles.iter().copied())
                .find(&is_role)
        };
        let users = || user.and_then(|user| user.roles.iter().copied().find(&is_role));
        let Some(role) = own.or_else(groups).or_else(users) else {
            return Side::View(View::Null);
        };
        match path {
            [] => Side::View(View::Text(model.roles.names.name(role.index()))),
            path => Side::View(
                model
                    .roles
                    .row(role)
                    .and_then(|row| follow(&row.attributes, path))
                    .map_or(View::Null, Value::view),
            ),
        }
    }

    fn roles(&self, kind: RoleKind, path: &'s [Box<str>]) -> Side<'s> {
        let model = self.facts.model;
        let ordered = ordered(model, self.facts.query, &self.facts.effective);
        let rows = ordered
            .into_iter()
            .filter_map(|(role, _)| Some((role, model.roles.row(role)?)));
        let values = rows
            .filter(|(_, row)| row.kind == kind)
            .filter_map(|(role, row)| match path {
                [] => Some(Value::Text(Cow::Borrowed(model.roles.names.name(role.index())))),
                path => follow(&row.attributes, path)
                    .filter(|value| **value != Value::Null)
                    .cloned(),
            });
        Side::List(values.collect())
    }

    /// Returns the value of an operand; a list of operands becomes one list.
    pub(super) fn operand(&self, operand: &'s Operand) -> Side<'s> {
        match operand {
            Operand::Value(value) => Side::View(value.view()),
            Operand::Variable(variable) => self.variable(variable),
            Operand::List(parts) => {
                let mut values = Vec::with_capacity(parts.len());
                for part in parts {
                    match self.operand(part) {
                        Side::Open => return Side::Open,
                        Side::View(view) => values.push(view.to_value()),
                        Side::Instant(instant) => values.push(Value::Text(Cow::Owned(instant.to_string()))),
                        Side::List(list) => values.push(Value::List(list)),
                    }
                }
                Side::List(values)
            }
        }
    }
}

/// Whether an operator compares a value, so that a related item is compared by its key; the others ask whether there is one,
/// or for its shape.
fn compares_by_key(operator: Operator) -> bool {
    match operator.operand() {
        Form::Scalar | Form::Ordered | Form::List | Form::Pair | Form::Text | Form::Pattern => true,
        Form::Flag | Form::Geometry => false,
    }
}

/// A leaf that keeps a condition from holding.
pub(super) struct Failing<'m> {
    /// What it looks at.
    pub(super) field: &'m str,
    /// The name of the operator.
    pub(super) operator: &'m str,
    /// The leaf as text.
    pub(super) text: &'m str,
    /// Whether it is open.
    pub(super) open: bool,
}

/// Returns what the first leaf of a condition looks at, its operator and its text.
fn first_leaf(node: &Node) -> (&str, &str, &str) {
    match node {
        Node::All(parts) | Node::Any(parts) => parts.first().map_or(("", "", ""), first_leaf),
        Node::Not(part) => first_leaf(part),
        Node::Neutral => ("", "_neutral", "_neutral"),
        Node::Related(related) => (
            &related.text,
            if related.none { "_none" } else { "_some" },
            &related.text,
        ),
        Node::Leaf(leaf) => (&leaf.name, leaf.operator.name(), &leaf.text),
    }
}

fn follow<'v>(object: &'v Object<'static>, path: &[Box<str>]) -> Option<&'v Value<'static>> {
    let (first, rest) = path.split_first()?;
    let mut value = object.get(first)?;
    for step in rest {
        value = match value {
            Value::Object(object) => object.get(step)?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => return None,
        };
    }
    Some(value)
}

/// Tells whether a list is one of related items: objects.
fn is_related(items: &[Value<'_>]) -> bool {
    matches!(items.first(), Some(Value::Object(_)))
}
