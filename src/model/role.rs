//! Roles, groups and known users.

use rustc_hash::FxHashMap;

use crate::vocab::network::Network;
use crate::vocab::value::Object;

use super::bits::Bits;
use super::collection::Title;
use super::id::{GroupId, RoleId};
use super::symbol::Symbols;

/// The roles of a profile and who holds them.
#[derive(Debug, Default)]
pub struct Roles {
    /// Names of roles.
    pub names: Symbols,
    /// Roles, by id.
    pub rows: Vec<Role>,
    /// Names of groups.
    pub group_names: Symbols,
    /// Roles of groups, by group.
    pub groups: Vec<Group>,
    /// Known users, by id text.
    pub users: FxHashMap<Box<str>, User>,
    /// Roles that everybody holds.
    pub everyone: Box<[RoleId]>,
    /// Roles of visitors.
    pub anonymous: Box<[RoleId]>,
    /// Roles of all others.
    pub authenticated: Box<[RoleId]>,
    /// Roles of subjects without a known role.
    pub roleless: Box<[RoleId]>,
    /// Roles of the owner of an item.
    pub owner: Box<[RoleId]>,
    /// Roles that belong to somebody without being given.
    pub implicit: Bits,
    /// Roles that allow everything.
    pub administrators: Bits,
    /// What visitors hold without being given it, with all it brings, networks aside.
    pub held_by_visitors: Bits,
    /// What all others hold without being given it, with all it brings, networks aside.
    pub held_by_others: Bits,
    /// What owners hold as such, with all it brings, networks aside.
    pub held_by_owners: Bits,
    /// Whether any role counts only in some networks.
    pub has_networks: bool,
    /// Whether any group counts only where the context says so.
    pub has_contexts: bool,
}

/// A role.
#[derive(Clone, Debug)]
pub struct Role {
    /// A title for people.
    pub title: Title,
    /// What it brings, itself included, networks aside.
    pub closure: Bits,
    /// What it brings directly.
    pub inherits: Box<[RoleId]>,
    /// What conditions read as `$CURRENT_ROLE.x`.
    pub attributes: Object<'static>,
    /// Where it counts; absent: everywhere.
    pub networks: Option<Box<[Network]>>,
    /// What kind of role it is.
    pub kind: RoleKind,
    /// Whether it allows unknown names, too.
    pub allows_anything: bool,
}

/// What kind of role it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleKind {
    /// Subjects, groups and documents name it.
    Role,
    /// A bundle that roles bring and `$CURRENT_POLICIES` names.
    Policy,
    /// A bundle that is named nowhere.
    Part,
}

/// A group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Roles of its members.
    pub roles: Box<[RoleId]>,
    /// What the context must say for it to count.
    pub context: Box<[Within]>,
}

/// An attribute of the context that must be one of some texts.
#[derive(Clone, Debug)]
pub struct Within {
    /// The name of the attribute, as a path of one step.
    pub attribute: Box<[Box<str>]>,
    /// How the attribute is named among what lacks.
    pub name: Box<str>,
    /// The texts.
    pub values: Box<[Box<str>]>,
}

/// A known user.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// Roles held.
    pub roles: Box<[RoleId]>,
    /// Groups belonged to.
    pub groups: Box<[GroupId]>,
}

impl Roles {
    /// Returns a role.
    #[inline]
    pub fn row(&self, id: RoleId) -> Option<&Role> {
        self.rows.get(id.index())
    }

    /// Returns the role of a name that a request may claim.
    #[inline(always)]
    pub fn claimable(&self, name: &str) -> Option<RoleId> {
        let id = self.names.id(name)?;
        (self.row(id)?.kind == RoleKind::Role).then_some(id)
    }
}
