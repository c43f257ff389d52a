//! Roles, groups and known users.

use crate::source::span::{Span, Spanned};
use crate::vocab::network::Network;
use crate::vocab::value::Object;

use super::Title;

/// A role: what grants are given to.
#[derive(Clone, Debug, Hash)]
pub struct Role {
    /// The name, in requests and rules.
    pub id: Spanned<String>,
    /// A title for people.
    pub title: Title,
    /// Roles that holding this one brings as well.
    pub inherits: Vec<Spanned<String>>,
    /// What conditions read as `$CURRENT_ROLE.x`.
    pub attributes: Object<'static>,
    /// Networks outside of which the role, and what it would bring, does not count; absent: everywhere; empty: nowhere.
    pub networks: Option<Vec<Spanned<Network>>>,
    /// What kind of role it is.
    pub kind: RoleKind,
    /// Whether holding it allows everything.
    pub administrator: Administrator,
    /// Whom the role belongs to without being given.
    pub implicit: Option<Implicit>,
    /// Whether the profile declares it; `false` for a name that a rule uses and the CMS tolerates.
    pub declared: bool,
    /// Where it is declared.
    pub origin: Span,
}

impl Role {
    /// Returns a declared role that brings nothing, and belongs to nobody who is not given it.
    pub fn new(id: Spanned<String>, origin: Span) -> Self {
        Self {
            id,
            title: Title::default(),
            inherits: Vec::new(),
            attributes: Object::default(),
            networks: None,
            kind: RoleKind::Role,
            administrator: Administrator::No,
            implicit: None,
            declared: true,
            origin,
        }
    }
}

/// What kind of role it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RoleKind {
    /// A role that subjects, groups and documents name.
    #[default]
    Role,
    /// A bundle that roles bring and `$CURRENT_POLICIES` names; not claimable in a request.
    Policy,
    /// The same as a policy, but named nowhere.
    Part,
}

/// Whether a role allows everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Administrator {
    /// An ordinary role.
    #[default]
    No,
    /// Allows every known action on every known collection.
    Known,
    /// Allows unknown names, too.
    Anything,
}

/// Whom a role belongs to without being given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Implicit {
    /// Everybody.
    Everyone,
    /// Subjects without an id, or with the anonymous id.
    Anonymous,
    /// All other subjects.
    Authenticated,
    /// Subjects for whom no role of kind `role` is known.
    Roleless,
    /// The owner of this very resource.
    Owner,
}

impl Implicit {
    /// Every kind, in the order in which they become effective.
    pub const ALL: [Implicit; 5] = [
        Implicit::Everyone,
        Implicit::Anonymous,
        Implicit::Authenticated,
        Implicit::Roleless,
        Implicit::Owner,
    ];

    /// Returns the word of the native format, which is also the default id of the role.
    pub fn name(self) -> &'static str {
        match self {
            Implicit::Everyone => "everyone",
            Implicit::Anonymous => "anonymous",
            Implicit::Authenticated => "authenticated",
            Implicit::Roleless => "roleless",
            Implicit::Owner => "owner",
        }
    }
}

/// A group of people.
#[derive(Clone, Debug, Hash)]
pub struct Group {
    /// The name.
    pub id: Spanned<String>,
    /// A title for people.
    pub title: Title,
    /// Roles that its members hold.
    pub roles: Vec<Spanned<String>>,
    /// What the context must say, all of it; where it does not, belonging to the group counts for nothing.
    pub context: Vec<Within>,
    /// Where it is declared.
    pub origin: Span,
}

/// An attribute of the context that must be one of some texts.
#[derive(Clone, Debug, Hash)]
pub struct Within {
    /// The name of the attribute.
    pub attribute: Spanned<String>,
    /// The texts; none: it never is.
    pub values: Vec<Spanned<String>>,
}

/// A person whose roles and groups the policy knows; they are added to what a request says.
#[derive(Clone, Debug, Hash)]
pub struct User {
    /// The id.
    pub id: Spanned<String>,
    /// Roles held.
    pub roles: Vec<Spanned<String>>,
    /// Groups belonged to.
    pub groups: Vec<Spanned<String>>,
    /// Where it is declared.
    pub origin: Span,
}
