//! Roles, the people who hold them, and the addresses that they may come from.

use crate::policy::condition::{Condition, Left, Operand, Variable};
use crate::policy::grant::{Constraint, Held, Selection};
use crate::policy::role::{Administrator, Implicit, Role, User};
use crate::policy::{Policy, Title};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::json::Json;
use crate::source::span::{Span, Spanned};
use crate::vocab::network::Network;
use crate::vocab::operator::Operator;

use super::legacy_lower::{ADMINISTRATOR, PUBLIC, only};
use super::legacy_system::text;
use super::legacy_table::{Record, read_csv, read_key, read_records};

/// A row of `directus_roles`.
#[derive(Clone, Debug)]
pub(super) struct RoleRow {
    pub(super) id: Spanned<String>,
    name: Option<String>,
    /// The addresses that its holders may come from; empty: any.
    addresses: Vec<Spanned<String>>,
    origin: Span,
}

/// Every column of the table; those that shape menus grant and refuse nothing.
const COLUMNS: [&str; 12] = [
    "id",
    "name",
    "description",
    "ip_whitelist",
    "external_id",
    "enforce_2fa",
    "module_listing",
    "collection_listing",
    "nav_override",
    "nav_blacklist",
    "session_timeout",
    "users",
];

/// Reads a table of roles; a row of a later file takes the place of an earlier one.
pub(super) fn read_roles(json: &Json, roles: &mut Vec<RoleRow>, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: Vec<Spanned<String>> = Vec::new();
    for record in read_records(json, diagnostics) {
        record.check_columns(&COLUMNS, "a row of `directus_roles`", diagnostics);
        let Some(row) = read_role(&record, diagnostics) else {
            continue;
        };
        if let Some(first) = seen.iter().find(|first| first.value == row.id.value) {
            let message = format!("the role {} is there already", quote(&row.id.value));
            let diagnostic = Diagnostic::new(Code::DuplicateId, row.id.span, message);
            diagnostics.push(diagnostic.label(first.span, "the first one"));
            continue;
        }
        seen.push(row.id.clone());
        match roles.iter_mut().find(|known| known.id.value == row.id.value) {
            Some(known) => *known = row,
            None => roles.push(row),
        }
    }
}

fn read_role(record: &Record<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<RoleRow> {
    let id = record.required_key("id", "a row of `directus_roles`", diagnostics)?;
    let addresses = record
        .value("ip_whitelist")
        .map(|json| read_csv(json, "ip_whitelist", diagnostics))
        .unwrap_or_default();
    Some(RoleRow {
        id,
        name: record.value("name").and_then(Json::as_text).map(str::to_owned),
        addresses,
        origin: record.span,
    })
}

/// Reads a table of people: who has which role. Of Directus 7, which had a table between both, the first entry counts.
pub(super) fn read_users(
    json: &Json,
    [person, role]: [&str; 2],
    users: &mut Vec<User>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let first = users.len();
    for record in read_records(json, diagnostics) {
        let Some(id) = record.required_key(person, "a row about a person", diagnostics) else {
            continue;
        };
        // People without a role are people all the same.
        let Some(role) = record
            .value(role)
            .and_then(|json| read_key(json, role, diagnostics))
        else {
            continue;
        };
        let user = User {
            id,
            roles: vec![role],
            groups: Vec::new(),
            origin: record.span,
        };
        match users.iter().position(|known| known.id.value == user.id.value) {
            Some(place) if place < first => {
                if let Some(known) = users.get_mut(place) {
                    *known = user;
                }
            }
            Some(_) => {}
            None => users.push(user),
        }
    }
}

/// Makes the roles: Administrator and Public are there in any case.
pub(super) fn lower_roles(rows: &[RoleRow], policy: &mut Policy, profile: Span) {
    for (id, name) in [(ADMINISTRATOR, "Administrator"), (PUBLIC, "Public")] {
        let row = rows.iter().find(|row| row.id.value == id);
        let name = row
            .and_then(|row| row.name.clone())
            .unwrap_or_else(|| name.to_owned());
        let id = row.map_or_else(|| Spanned::new(id.to_owned(), profile), |row| row.id.clone());
        policy.roles.push(role(id, Some(name), true));
    }
    for row in rows {
        if !is_built_in(&row.id.value) {
            policy.roles.push(role(row.id.clone(), row.name.clone(), true));
        }
    }
}

/// Tells whether a role is one of the two that are always there.
pub(super) fn is_built_in(id: &str) -> bool {
    id == ADMINISTRATOR || id == PUBLIC
}

/// Makes a role.
pub(super) fn role(id: Spanned<String>, name: Option<String>, declared: bool) -> Role {
    let administrator = if id.value == ADMINISTRATOR {
        Administrator::Anything
    } else {
        Administrator::No
    };
    let origin = id.span;
    Role {
        administrator,
        implicit: (id.value == PUBLIC).then_some(Implicit::Anonymous),
        title: Title {
            text: name,
            ..Title::default()
        },
        declared,
        ..Role::new(id, origin)
    }
}

/// Adds what binds the holders of a role with a list of addresses.
///
/// Directus compares text: only an entry that is one address, spelt as the request spells it, can ever match. With
/// `networks` blocks and ranges count as well, and an address counts however it is spelt.
pub(super) fn constrain_addresses(
    row: &RoleRow,
    networks: bool,
    policy: &mut Policy,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some(first) = row.addresses.first() else {
        return;
    };
    let mut usable: Vec<Spanned<Network>> = Vec::new();
    let mut spelt: Vec<Operand> = Vec::new();
    for entry in &row.addresses {
        let is_address = entry.value.parse::<std::net::IpAddr>().is_ok();
        match Network::parse(&entry.value).filter(|_| networks || is_address) {
            Some(network) => {
                usable.push(Spanned::new(network, entry.span));
                spelt.push(Operand::Value(text(&entry.value)));
            }
            None => diagnostics.push(unusable(entry)),
        }
    }
    let none_usable = usable.is_empty();
    if none_usable {
        let message = format!(
            "no address is on the list of the role {}, so nobody gets in with it",
            quote(&row.id.value)
        );
        diagnostics
            .push(Diagnostic::new(Code::InvalidNetwork, first.span, message).severity(Severity::Warning));
    }
    let as_spelt = || {
        let left = Left::Fact(Variable::Context(vec!["ip".to_owned()]));
        Condition::compare(left, Operator::In, Operand::List(spelt), first.span)
    };
    policy.constraints.push(Constraint {
        id: None,
        selection: Selection {
            roles: only(row.id.clone()),
            // Each list binds, that of a role beside Administrator as well.
            held: Held::Aside,
            ..Selection::default()
        },
        require: (!networks && !none_usable).then(as_spelt),
        submitted: None,
        networks: Some(usable),
        presets: Vec::new(),
        code: None,
        origin: row.origin,
    });
}

fn unusable(entry: &Spanned<String>) -> Diagnostic {
    let is_network = Network::parse(&entry.value).is_some();
    let message = if is_network {
        format!(
            "Directus compares addresses as text, so {} matches none",
            quote(&entry.value)
        )
    } else {
        format!("{} is no address, so it matches none", quote(&entry.value))
    };
    let diagnostic = Diagnostic::new(Code::InvalidNetwork, entry.span, message).severity(Severity::Warning);
    if is_network {
        diagnostic.help("`\"ip_networks\": true` in `profile.json` makes blocks and ranges count")
    } else {
        diagnostic
    }
}
