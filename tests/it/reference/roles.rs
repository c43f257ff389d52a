//! Who the subject is here: identity, groups, and the roles that count.

use std::collections::BTreeSet;

use placet::engine::query::{Holder, LocalRoles, Query};
use placet::policy::Policy;
use placet::policy::grant::Held;
use placet::policy::role::{Administrator, Implicit, Role, RoleKind, User};
use placet::vocab::network::{Address, Network};
use placet::vocab::value::Value;

use placet::source::span::Spanned;

/// The subject's roles on this item.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roles {
    /// The id under which the subject owns things, if any.
    pub(crate) identity: Option<String>,
    pub(crate) anonymous: bool,
    pub(crate) groups: Vec<String>,
    /// Known roles of kind role: own, of groups, of the users table.
    pub(crate) claimed: Vec<String>,
    /// All effective roles, in order.
    pub(crate) order: Vec<String>,
    pub(crate) site: BTreeSet<String>,
    pub(crate) shared: BTreeSet<String>,
    pub(crate) administrator: Option<Administrator>,
    /// Roles that an administrator's role puts aside.
    pub(crate) aside: Vec<String>,
}

impl Roles {
    /// Returns the effective roles that are held in a way.
    pub(crate) fn held(&self, held: Held) -> Vec<&str> {
        let all = self.order.iter().map(String::as_str);
        match held {
            Held::Anywhere => all.collect(),
            Held::Site => all.filter(|role| self.site.contains(*role)).collect(),
            Held::Shared => all.filter(|role| self.shared.contains(*role)).collect(),
            Held::Aside => all.chain(self.aside.iter().map(String::as_str)).collect(),
        }
    }
}

/// Tells whether the address is inside one of the networks; an unknown address is inside none.
pub(crate) fn inside(networks: &[Spanned<Network>], ip: &str) -> bool {
    Address::parse(ip).is_some_and(|address| networks.iter().any(|network| network.value.contains(address)))
}

/// Returns a declared role.
pub(crate) fn find<'a>(policy: &'a Policy, id: &str) -> Option<&'a Role> {
    policy.roles.iter().find(|role| role.id.value == id)
}

/// Returns the kind of a role.
pub(crate) fn kind(policy: &Policy, id: &str) -> RoleKind {
    find(policy, id).map_or(RoleKind::Part, |role| role.kind)
}

fn is_claimable(policy: &Policy, id: &str) -> bool {
    find(policy, id).is_some_and(|role| role.kind == RoleKind::Role)
}

fn user<'a>(policy: &'a Policy, id: &str) -> Option<&'a User> {
    policy
        .users
        .iter()
        .find(|user| !id.is_empty() && user.id.value == id)
}

/// Lists a role with all that it brings, what it inherits before it; outside its networks a role brings nothing.
pub(crate) fn closure(policy: &Policy, id: &str, ip: Option<&str>) -> Vec<String> {
    let mut found = Vec::new();
    let mut path = Vec::new();
    close(policy, id, ip, &mut path, &mut found);
    found
}

fn close(policy: &Policy, id: &str, ip: Option<&str>, path: &mut Vec<String>, found: &mut Vec<String>) {
    if path.iter().any(|each| each == id) || found.iter().any(|each| each == id) {
        return;
    }
    let Some(role) = find(policy, id) else {
        return;
    };
    if let (Some(ip), Some(networks)) = (ip, &role.networks)
        && !inside(networks, ip)
    {
        return;
    }
    path.push(id.to_owned());
    for parent in &role.inherits {
        close(policy, &parent.value, ip, path, found);
    }
    path.pop();
    found.push(id.to_owned());
}

/// Returns the ids of the roles that belong to subjects of a kind without being given.
fn implicit(policy: &Policy, which: Implicit) -> Vec<String> {
    let declared: Vec<String> = policy
        .roles
        .iter()
        .filter(|role| role.implicit == Some(which))
        .map(|role| role.id.value.clone())
        .collect();
    if declared.is_empty() && find(policy, which.name()).is_none() {
        vec![which.name().to_owned()]
    } else {
        declared
    }
}

/// Returns the roles that a person holds by groups, and by the users table.
fn given(policy: &Policy, groups: &[String], id: &str) -> (Vec<String>, Vec<String>) {
    let mut by_group = Vec::new();
    for name in groups {
        for group in policy.groups.iter().filter(|group| group.id.value == *name) {
            by_group.extend(group.roles.iter().map(|role| role.value.clone()));
        }
    }
    let by_table = user(policy, id)
        .map(|user| user.roles.iter().map(|role| role.value.clone()).collect())
        .unwrap_or_default();
    (by_group, by_table)
}

fn table_groups(policy: &Policy, id: &str) -> Vec<String> {
    user(policy, id)
        .map(|user| user.groups.iter().map(|group| group.value.clone()).collect())
        .unwrap_or_default()
}

/// Tells whether belonging to a group counts: the context says all that it must.
fn counts(policy: &Policy, query: &Query<'static>, name: &str) -> bool {
    let told = |attribute: &str| match query.context.attributes.get(attribute) {
        Some(Value::Text(text)) => Some(text.to_string()),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::Bool(flag)) => Some(flag.to_string()),
        Some(Value::Null | Value::List(_) | Value::Object(_)) | None => None,
    };
    let declared = policy.groups.iter().filter(|group| group.id.value == name);
    declared.flat_map(|group| &group.context).all(|within| {
        let told = told(&within.attribute.value);
        within
            .values
            .iter()
            .any(|value| Some(&value.value) == told.as_ref())
    })
}

/// Resolves the subject on the item whose owner is given.
pub(crate) fn resolve(policy: &Policy, query: &Query<'static>, owner: &str) -> Roles {
    let subject = &query.subject;
    let anonymous_id = policy.settings.anonymous_id.as_ref().map(|id| id.value.as_str());
    let anonymous = subject.id.is_empty() || Some(subject.id) == anonymous_id;
    let identity = if anonymous { anonymous_id } else { Some(subject.id) }.map(str::to_owned);
    let id = identity.clone().unwrap_or_default();

    let mut groups: Vec<String> = subject.groups.iter().map(|&group| group.to_owned()).collect();
    groups.extend(table_groups(policy, &id));
    groups.retain(|group| counts(policy, query, group));
    let own: Vec<String> = subject
        .roles
        .iter()
        .filter(|role| is_claimable(policy, role))
        .map(|&role| role.to_owned())
        .collect();
    let (by_group, by_table) = given(policy, &groups, &id);
    let claimed: Vec<String> = own
        .iter()
        .chain(&by_group)
        .chain(&by_table)
        .filter(|role| is_claimable(policy, role))
        .cloned()
        .collect();
    let local = local_roles(policy, query, &id, &groups);

    let mut kinds = vec![Implicit::Everyone];
    kinds.push(if anonymous {
        Implicit::Anonymous
    } else {
        Implicit::Authenticated
    });
    if claimed.is_empty() {
        kinds.push(Implicit::Roleless);
    }
    let owns = !owner.is_empty() && owner == id;
    let site_implicit: Vec<String> = kinds.iter().flat_map(|which| implicit(policy, *which)).collect();
    let owner_implicit = if owns {
        implicit(policy, Implicit::Owner)
    } else {
        Vec::new()
    };

    let with_parents = |roots: &[String]| -> Vec<String> {
        roots
            .iter()
            .flat_map(|root| implicit_closure(policy, root, query.context.ip))
            .collect()
    };
    let given: Vec<String> = own.iter().chain(&by_group).chain(&by_table).cloned().collect();
    let mut roles = Roles {
        identity,
        anonymous,
        groups,
        claimed,
        ..Roles::default()
    };
    roles.site = with_parents(&site_implicit)
        .into_iter()
        .chain(with_parents(&given))
        .collect();
    roles.shared = roles.site.iter().cloned().chain(with_parents(&local)).collect();

    let mut order = with_parents(&site_implicit);
    order.extend(with_parents(&owner_implicit));
    let roots: Vec<String> = given.iter().chain(&local).cloned().collect();
    for root in &roots {
        let closure = with_parents(std::slice::from_ref(root));
        order.extend(closure.into_iter().filter(|role| role != root));
    }
    order.extend(
        with_parents(&roots)
            .into_iter()
            .filter(|role| roots.contains(role)),
    );
    let mut seen = BTreeSet::new();
    order.retain(|role| seen.insert(role.clone()));
    // A root outside its networks is in no closure; one that another root brings stands at its first place.
    roles.order = order;
    put_aside(policy, roles)
}

/// An effective administrator role puts all ordinary roles aside.
fn put_aside(policy: &Policy, mut roles: Roles) -> Roles {
    let rank = |id: &str| match find(policy, id).map(|role| role.administrator) {
        None | Some(Administrator::No) => 0,
        Some(Administrator::Known) => 1,
        Some(Administrator::Anything) => 2,
    };
    roles.administrator = match roles.order.iter().map(|role| rank(role)).max() {
        None | Some(0) => None,
        Some(1) => Some(Administrator::Known),
        Some(_) => Some(Administrator::Anything),
    };
    if roles.administrator.is_some() {
        let (kept, aside) = roles.order.into_iter().partition(|role| rank(role) > 0);
        roles.order = kept;
        roles.aside = aside;
        roles.site.retain(|role| rank(role) > 0);
        roles.shared.retain(|role| rank(role) > 0);
    }
    roles
}

/// Returns the roles that owners hold as such, with what they bring; none if an administrator is among them.
pub(crate) fn of_owners(policy: &Policy, ip: &str) -> Vec<String> {
    let roles: Vec<String> = implicit(policy, Implicit::Owner)
        .iter()
        .flat_map(|role| implicit_closure(policy, role, ip))
        .collect();
    let rules =
        |role: &String| find(policy, role).is_some_and(|role| role.administrator != Administrator::No);
    if roles.iter().any(rules) {
        Vec::new()
    } else {
        roles
    }
}

/// Lists a role with all that it brings; an implicit role that nobody declared brings itself.
fn implicit_closure(policy: &Policy, id: &str, ip: &str) -> Vec<String> {
    if find(policy, id).is_none() && Implicit::ALL.iter().any(|which| which.name() == id) {
        return vec![id.to_owned()];
    }
    closure(policy, id, Some(ip))
}

/// Returns the roles given on the item and above it, by the request and by grants on documents.
fn local_roles(policy: &Policy, query: &Query<'static>, id: &str, groups: &[String]) -> Vec<String> {
    let resource = &query.resource;
    let mut found: Vec<String> = Vec::new();
    let mut take = |given: &[LocalRoles<'_>], blocks: bool, document: (&str, &str), is_itself: bool| {
        if blocks {
            found.clear();
        }
        for each in given {
            let holds = match each.holder {
                Holder::User(user) => !user.is_empty() && user == id,
                Holder::Group(group) => !group.is_empty() && groups.iter().any(|mine| mine == group),
            };
            if holds {
                let known = each.roles.iter().filter(|role| is_claimable(policy, role));
                found.extend(known.map(|&role| role.to_owned()));
            }
        }
        for grant in policy.document_grants.iter() {
            let is_there = !document.1.is_empty()
                && (grant.collection.value.as_str(), grant.document.value.as_str()) == document
                && (is_itself || grant.descendants);
            let is_mine = grant.users.iter().any(|user| !id.is_empty() && user.value == id)
                || grant.groups.iter().any(|group| groups.contains(&group.value));
            if is_there && is_mine {
                found.extend(grant.roles.iter().map(|role| role.value.clone()));
            }
        }
    };
    for ancestor in &resource.ancestors {
        let document = (ancestor.collection, ancestor.id);
        take(&ancestor.local_roles, ancestor.block_inheritance, document, false);
    }
    let document = (resource.collection, resource.id);
    take(&resource.local_roles, resource.block_inheritance, document, true);
    found
}

/// Returns all roles that the owner holds, told by the request or by the users table, as they are told.
pub(crate) fn owner_names(
    policy: &Policy,
    query: &Query<'static>,
    owner: &str,
    by_attribute: Vec<String>,
) -> Vec<String> {
    let mut names: Vec<String> = query
        .resource
        .owner
        .roles
        .iter()
        .map(|&role| role.to_owned())
        .collect();
    names.extend(by_attribute);
    let (by_group, by_table) = given(policy, &table_groups(policy, owner), owner);
    names.extend(by_group);
    names.extend(by_table);
    names
}

/// Returns the roles that the owner holds: the known ones and what they bring, never implicit ones.
pub(crate) fn owner_closure(policy: &Policy, owner: &str, names: &[String]) -> BTreeSet<String> {
    let (by_group, by_table) = given(policy, &table_groups(policy, owner), owner);
    names
        .iter()
        .filter(|role| is_claimable(policy, role) || by_table.contains(role) || by_group.contains(role))
        .flat_map(|role| closure(policy, role, None))
        .filter(|role| find(policy, role).is_some_and(|role| role.implicit.is_none()))
        .collect()
}

/// Returns the roles of an approver, with all that they bring.
pub(crate) fn approver_closure(policy: &Policy, id: &str, claimed: &[&str]) -> BTreeSet<String> {
    let (by_group, by_table) = given(policy, &table_groups(policy, id), id);
    let claimed = claimed
        .iter()
        .filter(|role| is_claimable(policy, role))
        .map(|&role| role.to_owned());
    claimed
        .chain(by_group)
        .chain(by_table)
        .flat_map(|role| closure(policy, &role, None))
        .collect()
}
