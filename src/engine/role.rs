//! Who the subject is here: the roles that are effective on one item.

use crate::model::Model;
use crate::model::bits::Bits;
use crate::model::grant::{Held, Mask, Selection};
use crate::model::id::{GroupId, RoleId};
use crate::model::role::{RoleKind, User};
use crate::vocab::network::Address;

use super::facts::Facts;
use super::identity::{Identity, grantees, group_counts, identify, is_grantee, is_member};
use super::query::{Holder, LocalRoles, Query, QueryError};

/// The effective roles of a subject on an item.
#[derive(Clone, Debug, Default)]
pub struct Effective {
    /// Roles held in any way.
    pub all: Bits,
    /// Roles held site-wide or by sharing, if owning the item brings any.
    shared: Bits,
    owning_brings: bool,
    /// Roles held site-wide, if sharing brings any.
    site: Bits,
    sharing_brings: bool,
    /// An administrator role that puts the others aside.
    pub administrator: Option<RoleId>,
    /// All of these and the roles that an administrator role puts aside.
    with_aside: Bits,
    /// Whether the subject named roles or groups and none of them is known.
    pub is_stranger: bool,
}

/// How a role is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By being who one is: everybody, a visitor, signed in, without roles.
    Implicit,
    /// Brought by another role, which inherits it directly.
    Inherited(RoleId),
    /// Named in the request.
    Own,
    /// By a group.
    Group(GroupId),
    /// By the policy's table of users.
    Users,
    /// Given on the item (`None`), or on one of its ancestors, counted from the root.
    Local(Option<usize>),
    /// By owning the item.
    Owner,
}

impl Effective {
    /// The roles of somebody who has none.
    pub(super) const NONE: Effective = Effective {
        all: Bits::EMPTY,
        shared: Bits::EMPTY,
        owning_brings: false,
        site: Bits::EMPTY,
        sharing_brings: false,
        administrator: None,
        with_aside: Bits::EMPTY,
        is_stranger: false,
    };

    /// Tells whether a rule is for one of these roles, held as it must be.
    #[inline(always)]
    pub fn holds(&self, selection: &Selection) -> bool {
        let held = self.held(selection.held);
        match &selection.roles {
            Mask::Any => true,
            Mask::Only(roles) => roles.intersects(held),
            Mask::Except(roles) => !held.is_within(roles),
        }
    }

    /// Returns the roles held site-wide.
    pub fn site(&self) -> &Bits {
        if self.sharing_brings {
            &self.site
        } else {
            self.shared()
        }
    }

    /// Returns the roles held site-wide or by sharing.
    pub fn shared(&self) -> &Bits {
        if self.owning_brings {
            &self.shared
        } else {
            &self.all
        }
    }

    /// Returns the roles held in this way.
    #[inline]
    pub fn held(&self, held: Held) -> &Bits {
        match held {
            Held::Anywhere => &self.all,
            Held::Site => self.site(),
            Held::Shared => self.shared(),
            Held::Aside if self.administrator.is_some() => &self.with_aside,
            Held::Aside => &self.all,
        }
    }
}

/// A role that a subject holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The role.
    pub role: RoleId,
    /// How it is held.
    pub how: How,
    /// Whether the request comes from outside of the role's networks, so that neither it counts nor what it would bring.
    pub is_outside: bool,
}

/// Lists the roles of a question, in the order of [`ordered`]: those that count, and those that do not for where the request
/// comes from.
///
/// # Errors
///
/// A [`QueryError`] if the question cannot be meant.
pub fn list(model: &Model, query: &Query<'_>) -> Result<Vec<Holding>, QueryError> {
    let facts = Facts::bind(model, query)?;
    Ok(gather(model, query, &facts.effective))
}

/// Returns the roles that owners of items hold as such here; none if that would make them administrators.
pub(super) fn of_owners(facts: &Facts<'_>) -> Bits {
    let bits = brought(facts, &facts.model.roles.owner);
    if bits.intersects(&facts.model.roles.administrators) {
        return Bits::default();
    }
    bits
}

/// Returns these roles and all that they bring, as far as they count for where the request comes from.
pub(super) fn brought(facts: &Facts<'_>, roles: &[RoleId]) -> Bits {
    let mut bits = Bits::default();
    let mut set = Set {
        model: facts.model,
        address: facts.address(),
        bits: &mut bits,
    };
    roles.iter().for_each(|role| set.add(*role, How::Owner));
    bits
}

/// Returns the roles of the subject that do not count for where the request comes from.
pub(super) fn outside(facts: &Facts<'_>) -> Vec<RoleId> {
    if !facts.model.roles.has_networks {
        return Vec::new();
    }
    let holdings = gather(facts.model, facts.query, &facts.effective);
    let outside = holdings.into_iter().filter(|holding| holding.is_outside);
    outside.map(|holding| holding.role).collect()
}

/// What gathers roles: a set for deciding, or a list in order.
trait Gather {
    fn add(&mut self, role: RoleId, how: How);
}

/// Finds the effective roles; they are written where they are to be, as they are too many words to be moved for nothing.
#[inline(always)]
pub(super) fn find_effective(
    model: &Model,
    query: &Query<'_>,
    identity: &Identity<'_>,
    owns: bool,
    effective: &mut Effective,
) {
    let roles = &model.roles;
    let reader = Reader {
        model,
        query,
        identity,
    };
    // One set grows; what it holds on the way is kept where more comes.
    let mut set = Set {
        model,
        address: None,
        bits: &mut effective.all,
    };
    if roles.has_networks {
        set.address = Address::parse(query.context.ip);
        reader.implicit(&mut set);
    } else if identity.is_anonymous {
        *set.bits = roles.held_by_visitors.clone();
    } else {
        *set.bits = roles.held_by_others.clone();
    }
    let is_known = reader.site(&mut set);
    if !is_known.role {
        for role in &roles.roleless {
            set.add(*role, How::Implicit);
        }
    }
    if reader.has_local() {
        effective.sharing_brings = true;
        effective.site = set.bits.clone();
        reader.local(&mut set);
    }
    if owns && !roles.owner.is_empty() {
        effective.owning_brings = true;
        effective.shared = set.bits.clone();
        if roles.has_networks {
            for role in &roles.owner {
                set.add(*role, How::Owner);
            }
        } else {
            set.bits.union(&roles.held_by_owners);
        }
    }
    let claims_any = !query.subject.roles.is_empty() || !query.subject.groups.is_empty();
    effective.is_stranger = claims_any && !is_known.claim;
    if effective.all.intersects(&roles.administrators) {
        put_aside(effective, &roles.administrators);
    }
}

/// Puts all roles but those of administrators aside.
#[inline(never)]
fn put_aside(effective: &mut Effective, administrators: &Bits) {
    let all = effective.all.intersection(administrators);
    effective.administrator = all.first().map(RoleId::new);
    effective.shared = effective.shared.intersection(administrators);
    effective.site = effective.site.intersection(administrators);
    effective.with_aside = std::mem::replace(&mut effective.all, all);
}

/// Lists the effective roles in the order that presets and `$CURRENT_ROLES` see: implicit, inherited (ancestors first), own,
/// of groups, of the users table, local.
pub fn ordered(model: &Model, query: &Query<'_>, effective: &Effective) -> Vec<(RoleId, How)> {
    let holdings = gather(model, query, effective);
    let counting = holdings.into_iter().filter(|holding| !holding.is_outside);
    counting.map(|holding| (holding.role, holding.how)).collect()
}

/// Lists roles as [`list`] does.
fn gather(model: &Model, query: &Query<'_>, effective: &Effective) -> Vec<Holding> {
    let identity = identify(model, query);
    let address = Address::parse(query.context.ip);
    let reader = Reader {
        model,
        query,
        identity: &identity,
    };
    let mut list = List {
        model,
        address,
        implicit: Vec::new(),
        inherited: Vec::new(),
        direct: Vec::new(),
    };
    reader.implicit(&mut list);
    let is_known = reader.site(&mut list);
    if !is_known.role {
        for role in &model.roles.roleless {
            list.add(*role, How::Implicit);
        }
    }
    if effective.owning_brings {
        for role in &model.roles.owner {
            list.add(*role, How::Owner);
        }
    }
    reader.local(&mut list);
    let mut seen = Bits::default();
    let mut holdings: Vec<Holding> = Vec::new();
    for holding in list.implicit.into_iter().chain(list.inherited).chain(list.direct) {
        let index = holding.role.index();
        if seen.contains(index) || !holding.is_outside && !effective.all.contains(index) {
            continue;
        }
        seen.insert(index);
        holdings.push(holding);
    }
    holdings
}

/// Which of the names of a subject are known.
#[derive(Clone, Copy, Default)]
struct Known {
    /// A role or group that the request names.
    claim: bool,
    /// A role of kind role.
    role: bool,
}

/// Reads the roles of a subject, once for each that gathers them.
struct Reader<'r, 'q> {
    model: &'r Model,
    query: &'r Query<'q>,
    identity: &'r Identity<'q>,
}

impl<'r> Reader<'r, '_> {
    fn implicit(&self, gather: &mut impl Gather) {
        let roles = &self.model.roles;
        let who = if self.identity.is_anonymous {
            &roles.anonymous
        } else {
            &roles.authenticated
        };
        for role in roles.everyone.iter().chain(who) {
            gather.add(*role, How::Implicit);
        }
    }

    fn site(&self, gather: &mut impl Gather) -> Known {
        let roles = &self.model.roles;
        let mut known = Known::default();
        for name in &self.query.subject.roles {
            if let Some(role) = roles.claimable(name) {
                known = Known {
                    claim: true,
                    role: true,
                };
                gather.add(role, How::Own);
            }
        }
        if !self.query.subject.groups.is_empty() || !roles.users.is_empty() {
            self.indirect(gather, &mut known);
        }
        known
    }

    /// Roles by groups and by the policy's table of users.
    #[inline(never)]
    fn indirect(&self, gather: &mut impl Gather, known: &mut Known) {
        let groups = &self.model.roles.group_names;
        for group in self
            .query
            .subject
            .groups
            .iter()
            .filter_map(|name| groups.find(name))
        {
            known.claim = true;
            self.group(GroupId::new(group), gather, known);
        }
        if let Some(user) = self.user() {
            for group in &user.groups {
                self.group(*group, gather, known);
            }
            for role in &user.roles {
                known.role |= self.is_role(*role);
                gather.add(*role, How::Users);
            }
        }
    }

    fn user(&self) -> Option<&'r User> {
        if self.model.roles.users.is_empty() {
            None
        } else {
            self.model.roles.users.get(self.identity.id?)
        }
    }

    fn group(&self, group: GroupId, gather: &mut impl Gather, known: &mut Known) {
        let row = self.model.roles.groups.get(group.index());
        let counting = row.filter(|row| group_counts(row, self.query));
        for role in counting.into_iter().flat_map(|group| group.roles.iter()) {
            known.role |= self.is_role(*role);
            gather.add(*role, How::Group(group));
        }
    }

    fn is_role(&self, role: RoleId) -> bool {
        self.model
            .roles
            .row(role)
            .is_some_and(|role| role.kind == RoleKind::Role)
    }

    /// Roles given on the item and above it, by the request or by grants on documents, as far as they come down.
    #[inline(never)]
    fn local(&self, gather: &mut impl Gather) {
        let resource = &self.query.resource;
        let own = Node {
            above: None,
            collection: resource.collection,
            id: resource.id,
            local_roles: &resource.local_roles,
        };
        let above = resource.inherited().map(|(index, node)| Node {
            above: Some(index),
            collection: node.collection,
            id: node.id,
            local_roles: &node.local_roles,
        });
        for node in above.chain([own]) {
            let local = node.local_roles.iter();
            for local in local.filter(|local| self.is_holder(local.holder)) {
                let names = local.roles.iter();
                let known = names.filter_map(|name| self.model.roles.claimable(name));
                known.for_each(|role| gather.add(role, How::Local(node.above)));
            }
            if self.model.document_grants.any_roles() {
                self.granted(&node, gather);
            }
        }
    }

    /// Roles that grants on one document give.
    fn granted(&self, node: &Node<'_, '_>, gather: &mut impl Gather) {
        let collection = self.model.collection_names.id(node.collection);
        let Some(collection) = collection.filter(|_| !node.id.is_empty()) else {
            return;
        };
        let (model, query, identity) = (self.model, self.query, self.identity);
        let grants = &model.document_grants;
        for grant in grants.find_held(collection, node.id, grantees(model, query, identity)) {
            let comes_down = node.above.is_none() || grant.kind.descendants;
            let is_holder = |holder| is_grantee(model, query, identity, holder);
            if comes_down && !grant.kind.roles.is_empty() && grant.holders().any(is_holder) {
                let roles = grant.kind.roles.iter();
                roles.for_each(|role| gather.add(*role, How::Local(node.above)));
            }
        }
    }

    /// Whether any role may be given on the item or above it.
    #[inline]
    fn has_local(&self) -> bool {
        let resource = &self.query.resource;
        !resource.local_roles.is_empty()
            || !resource.ancestors.is_empty()
            || (self.model.document_grants.any_roles() && !resource.id.is_empty())
    }

    fn is_holder(&self, holder: Holder<'_>) -> bool {
        match holder {
            Holder::User(id) => !id.is_empty() && self.identity.id == Some(id),
            Holder::Group(name) => is_member(self.model, self.query, self.identity, name),
        }
    }
}

/// The item, or what lies above it, as roles are given there.
struct Node<'n, 'q> {
    /// The number of an ancestor, counted from the root; `None` for the item itself.
    above: Option<usize>,
    collection: &'q str,
    id: &'q str,
    local_roles: &'n [LocalRoles<'q>],
}

/// A set of roles, for deciding.
struct Set<'r> {
    model: &'r Model,
    address: Option<Address>,
    bits: &'r mut Bits,
}

impl Gather for Set<'_> {
    fn add(&mut self, role: RoleId, _how: How) {
        if !self.model.roles.has_networks {
            if let Some(row) = self.model.roles.row(role) {
                self.bits.union(&row.closure);
            }
            return;
        }
        each_brought(self.model, self.address, role, None, self.bits, &mut |_| {});
    }
}

/// Roles in order, for presets, `$CURRENT_ROLES` and traces.
struct List<'r> {
    model: &'r Model,
    address: Option<Address>,
    implicit: Vec<Holding>,
    inherited: Vec<Holding>,
    direct: Vec<Holding>,
}

impl Gather for List<'_> {
    fn add(&mut self, role: RoleId, how: How) {
        let is_implicit = matches!(how, How::Implicit | How::Owner);
        let mut seen = Bits::default();
        let mut brought = Vec::new();
        each_brought(self.model, self.address, role, None, &mut seen, &mut |each| {
            brought.push(each)
        });
        for each in brought {
            let holding = Holding {
                role: each.role,
                how: each.by.map_or(how, How::Inherited),
                is_outside: each.is_outside,
            };
            if is_implicit {
                self.implicit.push(holding);
            } else if each.by.is_none() {
                self.direct.push(holding);
            } else {
                self.inherited.push(holding);
            }
        }
    }
}

/// A role that another one brings, or itself.
struct Brought {
    role: RoleId,
    /// The role that inherits it directly; `None` for the role itself.
    by: Option<RoleId>,
    is_outside: bool,
}

/// Visits a role and all it brings, ancestors first; one that does not count here is visited, and brings nothing.
fn each_brought(
    model: &Model,
    address: Option<Address>,
    role: RoleId,
    by: Option<RoleId>,
    seen: &mut Bits,
    visit: &mut impl FnMut(Brought),
) {
    let Some(row) = model.roles.row(role) else { return };
    if seen.contains(role.index()) {
        return;
    }
    let is_outside = !counts(row.networks.as_deref(), address);
    if !is_outside {
        seen.insert(role.index());
        for parent in &row.inherits {
            each_brought(model, address, *parent, Some(role), seen, visit);
        }
    }
    visit(Brought { role, by, is_outside });
}

/// Tells whether an address is in one of the networks; without networks it always is.
pub(super) fn counts(networks: Option<&[crate::vocab::network::Network]>, address: Option<Address>) -> bool {
    networks.is_none_or(|networks| {
        address.is_some_and(|address| networks.iter().any(|network| network.contains(address)))
    })
}

/// Returns what these claimed roles bring, with what the users table knows of the person; role networks do not matter, as
/// the address of somebody else is not known.
pub(super) fn roles_of_other(model: &Model, id: &str, claimed: &[&str]) -> Bits {
    let mut bits = Bits::default();
    let mut add = |role: RoleId| {
        if let Some(row) = model.roles.row(role) {
            bits.union(&row.closure);
        }
    };
    claimed
        .iter()
        .filter_map(|name| model.roles.claimable(name))
        .for_each(&mut add);
    if let Some(user) = model.roles.users.get(id) {
        let groups = user
            .groups
            .iter()
            .filter_map(|group| model.roles.groups.get(group.index()));
        groups
            .flat_map(|group| group.roles.iter())
            .chain(user.roles.iter())
            .for_each(|role| add(*role));
    }
    bits
}

/// Returns the roles that the owner of an item holds: what is said of him, and nothing that everybody holds.
pub(super) fn roles_of_owner(model: &Model, id: &str, claimed: &[&str]) -> Bits {
    roles_of_other(model, id, claimed).without(&model.roles.implicit)
}
