//! How what one group gives and what another one gives complete each other.
//!
//! A rule is held through one role, and some rules ask for several rights: to edit what is published takes `edit` and `publish`.
//! Where they may come from several groups, or from a group and a grant of the document, the rule is for who holds the first
//! of them, and its condition asks whether he holds one of the roles that bring the others. Those of groups are told by what
//! they give: each right that is asked for so is a policy, which all groups that have it bring.

use std::collections::BTreeMap;

use crate::policy::Policy;
use crate::policy::condition::{Condition, Left, Operand, Variable};
use crate::policy::role::{Role, RoleKind};
use crate::source::span::Span;
use crate::vocab::operator::Operator;

use super::apostrophe_condition::{Conditions, text};
use super::apostrophe_group::GroupRow;
use super::apostrophe_lower::at;
use super::apostrophe_right::{Holder, Level, Who, World};
use super::apostrophe_type::{DocType, Rank};

/// A right on documents of a type, or on one of them, that is there or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Create,
    Edit,
    Publish,
    Delete,
    /// One that the project has invented.
    Custom(String),
    /// Any of these, on any type.
    Any,
}

/// What a rule asks for; whoever has the first right is the one through whom it is held.
pub(super) type Demand<'d> = &'d [Part];

/// To edit what is published.
pub(super) const EDIT_LIVE: Demand<'static> = &[Part::Edit, Part::Publish];
/// To take away what is published, having found it.
pub(super) const DELETE_LIVE: Demand<'static> = &[Part::Edit, Part::Publish, Part::Delete];
/// To take away what is published.
pub(super) const DELETE: Demand<'static> = &[Part::Delete, Part::Publish];
/// To make what is published.
pub(super) const CREATE_LIVE: Demand<'static> = &[Part::Create, Part::Publish];

/// Something else that the subject must hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Other {
    /// A right by some group.
    Right(Bundle),
    /// A role.
    Role(String),
}

/// What all groups have in common that give a right on documents of a type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bundle {
    part: Part,
    /// The row of the grid; none: any.
    row: Option<String>,
}

/// The ways in which somebody may have what he lacks, each with all that it takes; none: there is no way; an empty one: he has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ways(Vec<Vec<Other>>);

impl Part {
    fn name(&self) -> &str {
        match self {
            Part::Create => "create",
            Part::Edit => "edit",
            Part::Publish => "publish",
            Part::Delete => "delete",
            Part::Custom(name) => name,
            Part::Any => "any",
        }
    }
}

impl Bundle {
    fn new(part: &Part, found: Option<&DocType>) -> Self {
        let row = found.filter(|_| *part != Part::Any);
        Self {
            part: part.clone(),
            row: row.map(|found| GroupRow::row_of(found).to_owned()),
        }
    }

    /// Returns the name of the policy that stands for it.
    fn id(&self) -> String {
        match &self.row {
            Some(row) => format!("right:{}:{row}", self.part.name()),
            None => format!("right:{}", self.part.name()),
        }
    }

    fn is_given_by(&self, group: &GroupRow) -> bool {
        match self.part {
            Part::Any => group.has_any_right(),
            Part::Create | Part::Edit | Part::Publish | Part::Delete | Part::Custom(_) => {
                group.gives(self.part.name(), self.row.as_deref())
            }
        }
    }
}

impl Ways {
    /// He has what is asked for, or there is no way to it.
    pub(super) fn known(has: bool) -> Self {
        Self(if has { vec![Vec::new()] } else { Vec::new() })
    }

    pub(super) fn is_there(&self) -> bool {
        self.0.iter().any(Vec::is_empty)
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// The ways to have one of both.
    pub(super) fn or(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self.tidy()
    }

    /// The ways to have both.
    pub(super) fn and(self, other: &Self) -> Self {
        let both = |one: &Vec<Other>| {
            let one = one.clone();
            other
                .0
                .iter()
                .map(move |other| one.iter().chain(other).cloned().collect())
        };
        Self(self.0.iter().flat_map(both).collect()).tidy()
    }

    /// Drops what is said twice, and everything else if nothing is lacking.
    fn tidy(mut self) -> Self {
        for way in &mut self.0 {
            way.sort_unstable();
            way.dedup();
        }
        self.0.sort_unstable();
        self.0.dedup();
        if self.is_there() {
            return Self::known(true);
        }
        self
    }
}

impl World<'_> {
    /// Tells whether somebody has a right on documents of a type, by himself.
    fn has(&self, holder: &Holder, part: &Part, found: Option<&DocType>) -> bool {
        if let Who::Group(group) = &holder.who {
            return Bundle::new(part, found).is_given_by(group);
        }
        let rights = self.rights(holder, found);
        match part {
            Part::Create => rights.create != Level::None,
            Part::Edit => rights.edit != Level::None,
            Part::Publish => rights.publish,
            Part::Delete => rights.delete,
            Part::Custom(_) | Part::Any => false,
        }
    }

    fn has_all(&self, holder: &Holder, demand: Demand<'_>, found: Option<&DocType>) -> bool {
        demand.iter().all(|part| self.has(holder, part, found))
    }

    /// Returns those who have the first of some rights on documents of a type and lack others, with the ways to have them, too. A
    /// user of Apostrophe has one role, so roles do not complete each other.
    pub(super) fn completed(&self, demand: Demand<'_>, found: Option<&DocType>) -> Vec<(&Holder, Ways)> {
        let Some(first) = demand.first() else {
            return Vec::new();
        };
        // Whoever has everything holds the rule already and needs to complete nobody.
        let others: Vec<&Holder> = self
            .holders
            .iter()
            .filter(|other| !self.has_all(other, demand, found))
            .collect();
        let begins = |holder: &&Holder| {
            matches!(holder.who, Who::Group(_) | Who::Document(_)) && self.has(holder, first, found)
        };
        let ways_of = |holder: &Holder| {
            let lacking = demand.iter().filter(|part| !self.has(holder, part, found));
            lacking.fold(Ways::known(true), |ways, part| {
                ways.and(&self.ways_to(part, found, &others))
            })
        };
        let beginning = others.iter().copied().filter(begins);
        beginning
            .map(|holder| (holder, ways_of(holder)))
            .filter(|(_, ways)| !ways.is_none())
            .collect()
    }

    /// The ways to have a right by one of these.
    fn ways_to(&self, part: &Part, found: Option<&DocType>, others: &[&Holder]) -> Ways {
        let mut ways = Vec::new();
        for other in others.iter().filter(|other| self.has(other, part, found)) {
            let way = match &other.who {
                Who::Group(_) => Other::Right(Bundle::new(part, found)),
                Who::Role(_) | Who::Document(_) => Other::Role(other.role.value.clone()),
                Who::Visitor | Who::Member => continue,
            };
            ways.push(vec![way]);
        }
        Ways(ways).tidy()
    }

    /// Returns the ways in which somebody may do something with documents of a type, without one in question: by himself, or with
    /// what groups give.
    pub(super) fn ways_to_permit(
        &self,
        holder: &Holder,
        action: &str,
        doc_type: &str,
        drafting: bool,
    ) -> Ways {
        if self.permits(holder, action, doc_type, drafting) {
            return Ways::known(true);
        }
        let found = self.find(doc_type);
        let groups: Vec<&Holder> = self
            .holders
            .iter()
            .filter(|other| matches!(other.who, Who::Group(_)))
            .collect();
        let can_be = matches!(holder.who, Who::Member | Who::Group(_) | Who::Document(_));
        let (Some(found), true) = (found, can_be) else {
            return Ways::known(false);
        };
        // A grant of one document is none of its type.
        let by_type = matches!(holder.who, Who::Group(_));
        let to = |part: Part| {
            if by_type && self.has(holder, &part, Some(found)) {
                return Ways::known(true);
            }
            self.ways_to(&part, Some(found), &groups)
        };
        let live = |part: Part| {
            let ways = to(part);
            if drafting {
                ways
            } else {
                ways.and(&to(Part::Publish))
            }
        };
        match action {
            "view" if found.view_role.is_some_and(|bar| bar > Rank::Editor) => Ways::known(false),
            "view" => [Part::Create, Part::Edit, Part::Publish, Part::Delete]
                .into_iter()
                .fold(Ways::known(false), |ways, part| ways.or(to(part))),
            "view-draft" | "upload-attachment" => to(Part::Any),
            "create" => live(Part::Create),
            "edit" => live(Part::Edit),
            "publish" => to(Part::Publish),
            "delete" => to(Part::Delete).and(&to(Part::Publish)),
            custom => to(Part::Custom(custom.to_owned())),
        }
    }
}

impl World<'_> {
    /// Returns the ways in which somebody who edits drafts of a type, or one of them, edits what is published, too.
    pub(super) fn ways_to_edit_live(&self, holder: &Holder, found: &DocType) -> Ways {
        let completed = self.completed(EDIT_LIVE, Some(found)).into_iter();
        let own = completed.filter(|(other, _)| other.role.value == holder.role.value);
        own.fold(Ways::known(false), |ways, (_, more)| ways.or(more))
    }
}

/// The policies that conditions ask for.
#[derive(Debug, Default)]
pub(super) struct Bundles(BTreeMap<String, Bundle>);

impl Bundles {
    /// Returns the condition that somebody has what he lacks; `None` if he lacks nothing.
    pub(super) fn condition(&mut self, ways: &Ways, make: Conditions) -> Option<Condition> {
        if ways.is_there() {
            return None;
        }
        let mut any = Vec::new();
        for way in &ways.0 {
            let all: Vec<Condition> = way.iter().map(|other| self.holds(other, make)).collect();
            any.push(one_or(all, |all| make.all(all)));
        }
        Some(one_or(any, |any| make.any(any)))
    }

    fn holds(&mut self, other: &Other, make: Conditions) -> Condition {
        let (held, id) = match other {
            Other::Right(bundle) => {
                let id = bundle.id();
                self.0.insert(id.clone(), bundle.clone());
                (Variable::CurrentPolicies(Vec::new()), id)
            }
            Other::Role(id) => (Variable::CurrentRoles(Vec::new()), id.clone()),
        };
        let right = Operand::Value(text(&id));
        Condition::compare(Left::Fact(held), Operator::Contains, right, make.span)
    }

    /// Makes the policies, and lets groups bring them.
    pub(super) fn declare(self, holders: &[Holder], origin: Span, policy: &mut Policy) {
        for (id, bundle) in self.0 {
            for holder in holders {
                let Who::Group(group) = &holder.who else { continue };
                let of_group = |role: &&mut Role| role.id.value == holder.role.value;
                if let Some(role) = policy.roles.iter_mut().find(of_group)
                    && bundle.is_given_by(group)
                {
                    role.inherits.push(at(&id, group.origin));
                }
            }
            policy.roles.push(Role {
                kind: RoleKind::Policy,
                ..Role::new(at(&id, origin), origin)
            });
        }
    }
}

/// Returns the only condition, or what is made of several.
fn one_or(mut parts: Vec<Condition>, join: impl Fn(Vec<Condition>) -> Condition) -> Condition {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            parts.extend(last);
            join(parts)
        }
    }
}
