//! What the rows of one role in one collection grant.

use crate::policy::Selector;
use crate::policy::condition::{Condition, Left, Node, Operand, Variable};
use crate::policy::grant::{Grant, Scope, Selection, TargetStates};
use crate::source::span::{Span, Spanned};
use crate::vocab::effect::Effect;
use crate::vocab::operator::Operator;
use crate::vocab::value::Value;

use super::legacy::at;
use super::legacy_choice::RowSet;
use super::legacy_facts::USERS;
use super::legacy_lower::{
    COMMENT_CREATE, COMMENT_DELETE, COMMENT_READ, COMMENT_UPDATE, CREATE, DELETE, PUBLIC, Place, READ,
    UPDATE, only, soft_statuses,
};
use super::legacy_row::{CommentLevel, Level, PermissionRow, RowStatus};
use super::legacy_system::{Ownership, PRIVATE, field, leaf, ownership, text};

/// Adds what the rows of one role in one collection grant.
pub(super) fn grant_set(place: &Place, set: &RowSet, grants: &mut Vec<Grant>) {
    let mut granting = Granting { place, set, grants };
    if !set.is_workflow() {
        if let Some(row) = &set.whole {
            granting.grant_row(row, &Selector::Any);
        }
        return;
    }
    // Without a status field no item has a status, and no row is for it.
    if place.facts.status_field.is_none() {
        return;
    }
    for row in &set.by_status {
        if let RowStatus::Named(status) = &row.status
            && place.find_status(&status.value).is_some()
        {
            granting.grant_row(row, &only(status.clone()));
        }
    }
}

/// Whose items a level is for.
#[derive(Clone, Debug, Default)]
struct Extent {
    scope: Scope,
    when: Option<Condition>,
}

/// What a role may write while it changes the status.
#[derive(Clone, Debug)]
struct Move {
    unwritable: Vec<Spanned<String>>,
    explain: bool,
    targets: Vec<Spanned<String>>,
}

/// A row, the statuses that it is for, and whose items.
type Source<'s> = (&'s PermissionRow, &'s Selector, &'s Extent);

struct Granting<'g> {
    place: &'g Place,
    set: &'g RowSet,
    grants: &'g mut Vec<Grant>,
}

impl Granting<'_> {
    fn grant_row(&mut self, row: &PermissionRow, states: &Selector) {
        self.grant_creating(row, states);
        self.grant_reading(row, states);
        if let Some(extent) = self.extent(row.update, false) {
            self.grant_staying(row, states, &extent);
            self.grant_moving(row, states, &extent);
        }
        if let Some(extent) = self.extent(row.delete, false) {
            self.add(row, &[DELETE], states, &extent);
            self.grant_soft_deleting(row, states, &extent);
        }
        self.grant_comments(row, states);
    }

    /// Returns whose items a level is for; `None` if no item's. `looks` tells reading from the rest.
    fn extent(&self, level: Spanned<Level>, looks: bool) -> Option<Extent> {
        let role = &self.set.role.value;
        let own = match level.value {
            Level::None => return None,
            Level::Full => return Some(Extent::default()),
            // Visitors own nothing, whatever the items of nobody say.
            Level::Mine | Level::Role if role == PUBLIC => return None,
            Level::Mine => true,
            Level::Role => false,
        };
        let span = level.span;
        match ownership(&self.place.facts.id.value, looks) {
            Ownership::Field => {
                self.place.facts.owner_field.as_ref()?;
                let scope = if own { Scope::Mine } else { Scope::Role };
                Some(Extent { scope, when: None })
            }
            Ownership::Person => {
                let itself = is_person(span);
                let when = if own {
                    itself
                } else {
                    let colleague = field("role", Operator::Eq, text(role), span);
                    group(Node::Any, vec![itself, colleague], span)
                };
                Some(Extent {
                    scope: Scope::Any,
                    when: Some(when),
                })
            }
            Ownership::Role(name) => Some(Extent {
                scope: Scope::Any,
                when: Some(field(name, Operator::Eq, text(role), span)),
            }),
            Ownership::Nobody => None,
        }
    }

    /// Returns an allow of all fields.
    fn allow(&self, row: &PermissionRow, actions: &[&str], states: &Selector, extent: &Extent) -> Grant {
        let selection = Selection {
            roles: only(self.set.role.clone()),
            collections: only(self.set.collection.clone()),
            actions: Selector::Only(actions.iter().map(|action| at(action, row.origin)).collect()),
            states: states.clone(),
            scope: extent.scope,
            when: extent.when.clone(),
            ..Selection::default()
        };
        Grant::new(Effect::Allow, selection, Selector::Any, row.origin)
    }

    /// Adds an allow of all fields.
    fn add(&mut self, row: &PermissionRow, actions: &[&str], states: &Selector, extent: &Extent) {
        let grant = self.allow(row, actions, states, extent);
        self.grants.push(grant);
    }

    /// Adds an allow to see some fields.
    fn add_read(&mut self, row: &PermissionRow, states: &Selector, extent: &Extent, fields: Selector) {
        let grant = self.allow(row, &[READ], states, extent);
        self.grants.push(Grant { fields, ..grant });
    }

    /// Adds an allow of some fields that may demand an explanation.
    fn add_write(
        &mut self,
        (row, states, extent): Source<'_>,
        to_states: Option<TargetStates>,
        fields: Selector,
        explain: bool,
    ) {
        let mut grant = self.allow(row, &[UPDATE], states, extent);
        grant.selection.to_states = to_states;
        grant.fields = fields;
        grant.explain = explain;
        self.grants.push(grant);
    }

    /// The row of the status that the new item will have decides, with what the row for creation takes away.
    fn grant_creating(&mut self, row: &PermissionRow, states: &Selector) {
        if row.create.value == Level::None {
            return;
        }
        let creation = self.set.creation.as_ref();
        let taken = creation.map_or(&[][..], |row| &row.unwritable);
        let fields = all_but(&[&row.unwritable, taken]);
        let barred = creation.map_or(&[][..], |row| &row.statuses);
        let states = match states {
            Selector::Only(names) => {
                if names.iter().any(|name| contains(barred, &name.value)) {
                    return;
                }
                states.clone()
            }
            Selector::Any | Selector::Except(_) if self.place.facts.status_field.is_none() => Selector::Any,
            Selector::Any | Selector::Except(_) => self.statuses_but(&[barred, &row.statuses]),
        };
        for (states, must_write) in self.split_by_default(states, &[&row.unwritable, taken]) {
            let span = row.create.span;
            let status = self.place.facts.status_field.as_ref().filter(|_| must_write);
            let written =
                status.map(|status| field(&status.value, Operator::Submitted, Value::Bool(true), span));
            let grant = self.allow(row, &[CREATE], &states, &Extent::default());
            self.grants.push(Grant {
                fields: fields.clone(),
                explain: row.explain.value.create,
                validate: written,
                ..grant
            });
        }
    }

    /// Returns all statuses but those of the lists.
    fn statuses_but(&self, lists: &[&[Spanned<String>]]) -> Selector {
        let names = union(lists);
        if names
            .iter()
            .all(|name| self.place.find_status(&name.value).is_some())
        {
            return all_but(&[&names]);
        }
        // A status that only the lists know cannot be excepted; so those are named that remain.
        let statuses = self.place.statuses.iter().map(|status| &status.id);
        let remaining = statuses.filter(|status| !contains(&names, &status.value));
        Selector::Only(remaining.cloned().collect())
    }

    /// Where the status must not be written, a new item gets the default one or none at all: any other has to be written,
    /// which the fields then refuse. So statuses are parted into the default one and those that must be written.
    fn split_by_default(&self, states: Selector, unwritable: &[&[Spanned<String>]]) -> Vec<(Selector, bool)> {
        let facts = &self.place.facts;
        let is_taken = |status: &Spanned<String>| unwritable.iter().any(|list| contains(list, &status.value));
        if !facts.status_field.as_ref().is_some_and(is_taken) {
            return vec![(states, false)];
        }
        let Some(default) = &facts.default_status else {
            return vec![(states, true)];
        };
        match states {
            Selector::Only(names) => {
                let (default, others): (Vec<_>, Vec<_>) =
                    names.into_iter().partition(|name| name.value == default.value);
                let parts = [(default, false), (others, true)];
                let parts = parts.into_iter().filter(|(names, _)| !names.is_empty());
                parts
                    .map(|(names, written)| (Selector::Only(names), written))
                    .collect()
            }
            Selector::Any => vec![
                (only(default.clone()), false),
                (Selector::Except(vec![default.clone()]), true),
            ],
            Selector::Except(names) => {
                let others = Selector::Except(union(&[&names, std::slice::from_ref(default)]));
                if contains(&names, &default.value) {
                    vec![(others, true)]
                } else {
                    vec![(only(default.clone()), false), (others, true)]
                }
            }
        }
    }

    fn grant_reading(&mut self, row: &PermissionRow, states: &Selector) {
        let Some(extent) = self.extent(row.read, true) else {
            return;
        };
        let fields = all_but(&[&row.unreadable]);
        if self.set.collection.value != USERS {
            self.add_read(row, states, &extent, fields);
            return;
        }
        // Some fields of people are for themselves.
        let private = PRIVATE.map(|name| at(name, row.origin));
        let own = Extent {
            scope: Scope::Any,
            when: Some(is_person(row.read.span)),
        };
        let public = all_but(&[&row.unreadable, &private]);
        self.add_read(row, states, &extent, public);
        self.add_read(row, states, &own, fields);
    }

    /// Changing an item that keeps its status.
    fn grant_staying(&mut self, row: &PermissionRow, states: &Selector, extent: &Extent) {
        let source = (row, states, extent);
        let fields = all_but(&[&row.unwritable]);
        let explain = row.explain.value.update;
        let Some(status) = self.place.facts.status_field.as_ref() else {
            self.add_write(source, None, fields, explain);
            return;
        };
        let stays = TargetStates {
            selector: Selector::Only(Vec::new()),
            same: true,
        };
        self.add_write(source, Some(stays), fields.clone(), explain);
        if contains(&row.unwritable, &status.value) {
            // Says of whoever writes the status that this field is refused, and not the action.
            self.add_write(source, None, fields, explain);
        }
    }

    /// Changing the status: the row of the present one decides, with what the row of the next one forbids and demands.
    fn grant_moving(&mut self, row: &PermissionRow, states: &Selector, extent: &Extent) {
        let Some(status_field) = self.place.facts.status_field.as_ref() else {
            return;
        };
        let source = (row, states, extent);
        for each in self.moves(row) {
            if contains(&each.unwritable, &status_field.value) {
                continue;
            }
            let fields = all_but(&[&each.unwritable]);
            let to_states = TargetStates {
                selector: Selector::Only(each.targets),
                same: false,
            };
            self.add_write(source, Some(to_states), fields, each.explain);
        }
        if !self.place.knows_statuses && !contains(&row.unwritable, &status_field.value) {
            // Statuses that no file tells and no row names.
            let named = self.place.statuses.iter().map(|status| status.id.clone());
            let to_states = TargetStates {
                selector: Selector::Except(named.collect()),
                same: true,
            };
            let fields = all_but(&[&row.unwritable]);
            self.add_write(source, Some(to_states), fields, row.explain.value.update);
        }
    }

    /// Returns the changes of status that a row allows, those together that allow and demand the same.
    fn moves(&self, row: &PermissionRow) -> Vec<Move> {
        let mut moves: Vec<Move> = Vec::new();
        for target in self.place.statuses.iter().filter(|status| !status.soft_delete) {
            let id = &target.id;
            if row.status.key() == Some(id.value.as_str()) || contains(&row.statuses, &id.value) {
                continue;
            }
            let next = self.set.find(&id.value);
            let mut unwritable = union(&[&row.unwritable, next.map_or(&[][..], |row| &row.unwritable)]);
            unwritable.sort_by(|a, b| a.value.cmp(&b.value));
            let explain = row.explain.value.update || next.is_some_and(|row| row.explain.value.update);
            let is_alike = |other: &&mut Move| {
                other.explain == explain
                    && other
                        .unwritable
                        .iter()
                        .map(|name| &name.value)
                        .eq(unwritable.iter().map(|name| &name.value))
            };
            match moves.iter_mut().find(is_alike) {
                Some(alike) => alike.targets.push(id.clone()),
                None => moves.push(Move {
                    unwritable,
                    explain,
                    targets: vec![id.clone()],
                }),
            }
        }
        moves
    }

    /// A change to a status of deleted items is a deletion, whatever else is written with it.
    fn grant_soft_deleting(&mut self, row: &PermissionRow, states: &Selector, extent: &Extent) {
        let targets: Vec<_> = soft_statuses(self.place)
            .filter(|status| row.status.key() != Some(status.id.value.as_str()))
            .map(|status| status.id.clone())
            .collect();
        if targets.is_empty() {
            return;
        }
        let to_states = TargetStates {
            selector: Selector::Only(targets),
            same: false,
        };
        self.add_write((row, states, extent), Some(to_states), Selector::Any, false);
    }

    /// Whoever may read an item may do with its comments what the row says.
    fn grant_comments(&mut self, row: &PermissionRow, states: &Selector) {
        let Some(extent) = self.extent(row.read, true) else {
            return;
        };
        let level = row.comment.value;
        if level >= CommentLevel::Create {
            self.add(row, &[COMMENT_READ, COMMENT_CREATE], states, &extent);
        } else if level == CommentLevel::Read {
            self.add(row, &[COMMENT_READ], states, &extent);
        }
        let changing = [COMMENT_UPDATE, COMMENT_DELETE];
        if level == CommentLevel::Full {
            self.add(row, &changing, states, &extent);
        } else if level == CommentLevel::Update && self.set.role.value != PUBLIC {
            let wrote = is_author(row.comment.span);
            let when = match extent.when {
                Some(when) => group(Node::All, vec![when, wrote], row.comment.span),
                None => wrote,
            };
            let own = Extent {
                scope: extent.scope,
                when: Some(when),
            };
            self.add(row, &changing, states, &own);
        }
    }
}

/// Returns all names but these.
fn all_but(lists: &[&[Spanned<String>]]) -> Selector {
    let names = union(lists);
    if names.is_empty() {
        Selector::Any
    } else {
        Selector::Except(names)
    }
}

/// The item is the person who asks.
fn is_person(span: Span) -> Condition {
    let me = Operand::Variable(Variable::CurrentUser(Vec::new()));
    leaf("id", Operator::Eq, me, span)
}

/// The comment is of the person who asks.
fn is_author(span: Span) -> Condition {
    let author = Left::Fact(Variable::Context(vec!["comment_author_id".to_owned()]));
    let me = Operand::Variable(Variable::CurrentUser(Vec::new()));
    Condition::compare(author, Operator::Eq, me, span)
}

fn group(node: fn(Vec<Condition>) -> Node, parts: Vec<Condition>, span: Span) -> Condition {
    Condition {
        node: node(parts),
        span,
    }
}

fn contains(names: &[Spanned<String>], name: &str) -> bool {
    names.iter().any(|each| each.value == name)
}

/// Returns the names of all lists, each once.
fn union(lists: &[&[Spanned<String>]]) -> Vec<Spanned<String>> {
    let mut names: Vec<Spanned<String>> = Vec::new();
    for name in lists.iter().copied().flatten() {
        if !contains(&names, &name.value) {
            names.push(name.clone());
        }
    }
    names
}
