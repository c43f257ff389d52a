//! The neutral policy: what a profile declares, whatever dialect it was written in.
//!
//! Comes in from `dialect` (a reader lowers its files into a [`Policy`]), goes out through `merge` and `validate` to
//! `compile`. Names are still text here, and each thing that a message may point at has its span. Order means something only
//! where a list says so: the offers of a state, presets of one constraint.
//!
//! INVARIANT: nothing in this room knows a dialect or a mode. What `exact` needs is spelt out in these types.
//!
//! Read [`grant`] first, then [`condition`] and [`workflow`].

pub mod collection;
pub mod condition;
pub mod digest;
pub mod document;
pub mod grant;
pub mod merge;
pub mod role;
pub mod workflow;

use std::collections::BTreeMap;

use crate::source::span::{Span, Spanned};
use crate::vocab::effect::{Operation, Reason};

use collection::Collection;
use document::DocumentGrants;
use grant::{Constraint, Grant};
use role::{Group, Role, User};
use workflow::Workflow;

/// All that one profile declares.
#[derive(Clone, Debug, Default, Hash)]
pub struct Policy {
    /// What holds for the profile as a whole.
    pub settings: Settings,
    /// Roles, implicit ones and bundles included.
    pub roles: Vec<Role>,
    /// Groups of people that bring roles.
    pub groups: Vec<Group>,
    /// People whose roles the policy knows itself.
    pub users: Vec<User>,
    /// Declared actions; an action that any rule names is known as well.
    pub actions: Vec<Action>,
    /// Declared collections.
    pub collections: Vec<Collection>,
    /// Allows and denies.
    pub grants: Vec<Grant>,
    /// What holds whoever allowed.
    pub constraints: Vec<Constraint>,
    /// Workflows.
    pub workflows: Vec<Workflow>,
    /// Actions on single documents for named users and groups.
    pub document_grants: DocumentGrants,
}

/// What holds for a profile as a whole.
#[derive(Clone, Debug, Default, Hash)]
pub struct Settings {
    /// Whether an attribute that a request lacks counts as null (`"absent": "null"`) instead of open.
    pub absent_is_null: bool,
    /// The id under which visitors own things and hold local roles; a subject with this id is anonymous.
    pub anonymous_id: Option<Spanned<String>>,
    /// Error codes of the CMS by reason.
    pub codes: BTreeMap<Reason, String>,
}

/// An action: what a subject wants to do.
#[derive(Clone, Debug, Hash)]
pub struct Action {
    /// The word of requests.
    pub id: Spanned<String>,
    /// A title for people.
    pub title: Title,
    /// What kind of work it is.
    pub operation: Operation,
    /// Whether it creates inside of the item that is asked about, so that the state is that of the container.
    pub inside: bool,
    /// The action that listings ask instead; itself if absent.
    pub listed_by: Option<Spanned<String>>,
    /// Codes with which the CMS reports that it is refused; what they do not have, the profile as a whole may.
    pub codes: Codes,
    /// Where it is declared.
    pub origin: Span,
}

/// Error codes of the CMS.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub struct Codes {
    /// By reason.
    pub by_reason: BTreeMap<Reason, String>,
    /// By reason, if the question is for some item: a list that is refused as a whole. These come first.
    pub any_item: BTreeMap<Reason, String>,
}

/// A text for people, perhaps in several languages.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub struct Title {
    /// The text if the language is not asked for or not there.
    pub text: Option<String>,
    /// Texts by language tag (`de`, `pt-BR`).
    pub locales: BTreeMap<String, String>,
}

/// Which of a kind of name a rule is for.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub enum Selector {
    /// Any name.
    #[default]
    Any,
    /// These names.
    Only(Vec<Spanned<String>>),
    /// Any name but these.
    Except(Vec<Spanned<String>>),
}

impl Selector {
    /// Returns the names that the selector writes.
    pub fn names(&self) -> &[Spanned<String>] {
        match self {
            Selector::Any => &[],
            Selector::Only(names) | Selector::Except(names) => names,
        }
    }

    /// Tells whether the selector is for the name.
    pub fn selects(&self, name: &str) -> bool {
        match self {
            Selector::Any => true,
            Selector::Only(names) => names.iter().any(|each| each.value == name),
            Selector::Except(names) => names.iter().all(|each| each.value != name),
        }
    }
}
