//! What the tables mean: roles, collections with their statuses, and what Directus writes itself.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::policy::collection::{Collection, Filtering, OwnerFact, Unreadable, Unwritable};
use crate::policy::condition::{Operand, Variable};
use crate::policy::grant::{Constraint, Grant, Selection};
use crate::policy::workflow::{State, Target, Transition, Workflow};
use crate::policy::{Action, Codes, Policy, Selector, Title};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::span::{Span, Spanned};
use crate::vocab::effect::{Effect, Operation, Reason};
use crate::vocab::operator::FieldType;

use super::legacy::{Settings, Tables, at};
use super::legacy_check::check_set;
use super::legacy_choice::{RowSet, Rows};
use super::legacy_facts::{CollectionFacts, Facts, StatusFact, USERS};
use super::legacy_grant::grant_set;
use super::legacy_role::{constrain_addresses, is_built_in, lower_roles, role};
use super::legacy_system::{
    Ownership, add_system_facts, add_system_rules, default_rows, ownership, writes_owner,
};

/// The role that may do everything.
pub(super) const ADMINISTRATOR: &str = "1";
/// The role of whoever has not signed in.
pub(super) const PUBLIC: &str = "2";

pub(super) const CREATE: &str = "create";
pub(super) const READ: &str = "read";
pub(super) const UPDATE: &str = "update";
pub(super) const DELETE: &str = "delete";
pub(super) const COMMENT_READ: &str = "comment.read";
pub(super) const COMMENT_CREATE: &str = "comment.create";
pub(super) const COMMENT_UPDATE: &str = "comment.update";
pub(super) const COMMENT_DELETE: &str = "comment.delete";

/// What nobody but administrators does with an item that was deleted into a status.
const WITH_ITEMS: [&str; 7] = [
    READ,
    UPDATE,
    DELETE,
    COMMENT_READ,
    COMMENT_CREATE,
    COMMENT_UPDATE,
    COMMENT_DELETE,
];

/// A collection as rows see it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) facts: CollectionFacts,
    /// The statuses; those that rows name if no file tells which there are.
    pub(super) statuses: Vec<StatusFact>,
    /// Whether a file tells which statuses there are.
    pub(super) knows_statuses: bool,
    /// Whether a file tells of the collection at all, or it is one of Directus itself.
    pub(super) is_told: bool,
    /// Fields that only rows name; a dump does not list every field, so they are taken to exist.
    unlisted: FxHashSet<String>,
}

impl Place {
    /// Returns a status.
    pub(super) fn find_status(&self, id: &str) -> Option<&StatusFact> {
        self.statuses.iter().find(|status| status.id.value == id)
    }

    /// Tells whether a file lists a field, or none lists any.
    pub(super) fn lists_field(&self, name: &str) -> bool {
        !self.unlisted.contains(name)
    }
}

/// Lowers the tables of a profile.
pub(super) fn lower(
    mut tables: Tables,
    settings: Settings,
    profile: Span,
    diagnostics: &mut Vec<Diagnostic>,
) -> Policy {
    let mut policy = Policy::default();
    policy.settings.codes = [(Reason::ExplanationRequired, "10"), (Reason::Network, "19")]
        .map(|(reason, code)| (reason, code.to_owned()))
        .into();
    policy.actions = actions(profile);
    lower_roles(&tables.roles, &mut policy, profile);
    for row in &tables.roles {
        constrain_addresses(row, settings.ip_networks, &mut policy, diagnostics);
    }
    know_roles(&mut tables, &mut policy, diagnostics);
    let told: FxHashSet<String> = tables
        .facts
        .collections
        .iter()
        .map(|facts| facts.id.value.clone())
        .collect();
    add_system_facts(&mut tables.facts, profile);
    let system = tables.facts.collections.len();
    for set in tables.rows.sets() {
        tables.facts.entry(&set.collection);
    }
    let is_told = |index: usize, id: &String| !tables.facts.told || index < system || told.contains(id);
    let mut places = Places::default();
    let sets = tables.rows.by_collection();
    for (index, facts) in tables.facts.collections.iter().enumerate() {
        let told = is_told(index, &facts.id.value);
        let own = sets.get(facts.id.value.as_str()).map_or(&[][..], Vec::as_slice);
        places.add(place(facts, &tables.facts, own, told, diagnostics));
    }
    for set in tables.rows.sets() {
        if let Some(place) = places.find(&set.collection.value) {
            check_set(place, set, diagnostics);
        }
    }
    if settings.system_rows {
        add_default_rows(&policy, &mut tables.rows);
    }
    for place in &places.places {
        lower_collection(place, &mut policy);
    }
    for set in tables.rows.sets() {
        let place = places.find(&set.collection.value);
        if let Some(place) = place.filter(|_| set.role.value != ADMINISTRATOR) {
            grant_set(place, set, &mut policy.grants);
        }
    }
    add_system_rules(&mut policy, places.find(USERS), profile);
    policy.users = tables.users;
    policy
}

/// The collections by name, in order.
#[derive(Default)]
struct Places {
    places: Vec<Place>,
    index: FxHashMap<String, usize>,
}

impl Places {
    fn add(&mut self, place: Place) {
        self.index.insert(place.facts.id.value.clone(), self.places.len());
        self.places.push(place);
    }

    fn find(&self, id: &str) -> Option<&Place> {
        self.places.get(*self.index.get(id)?)
    }
}

/// Makes the roles that only rows and people name, or drops what names them if a file tells which roles there are.
fn know_roles(tables: &mut Tables, policy: &mut Policy, diagnostics: &mut Vec<Diagnostic>) {
    let mut known: FxHashSet<String> = policy.roles.iter().map(|role| role.id.value.clone()).collect();
    let has_roles = tables.has_roles;
    let mut knows = |id: &Spanned<String>, policy: &mut Policy, what: &str| {
        if known.contains(&id.value) {
            return true;
        }
        if has_roles {
            let message = format!(
                "there is no role {}, so the {what} counts for nothing",
                quote(&id.value)
            );
            diagnostics
                .push(Diagnostic::new(Code::UnknownRole, id.span, message).severity(Severity::Warning));
            return false;
        }
        known.insert(id.value.clone());
        policy.roles.push(role(id.clone(), None, false));
        true
    };
    tables.rows.retain(|row| knows(&row.role, policy, "row"));
    tables
        .users
        .retain(|user| user.roles.iter().all(|id| knows(id, policy, "membership")));
}

/// A role has the rows of a new one in each collection of Directus for which no row of its own is written.
fn add_default_rows(policy: &Policy, rows: &mut Rows) {
    let roles = policy.roles.iter().filter(|role| !is_built_in(&role.id.value));
    let missing: Vec<_> = roles
        .flat_map(|role| default_rows(&role.id))
        .filter(|row| !rows.has(&row.role.value, &row.collection.value))
        .collect();
    missing.into_iter().for_each(|row| rows.put(row));
}

/// Finds out which statuses a collection has.
fn place(
    facts: &CollectionFacts,
    all: &Facts,
    sets: &[&RowSet],
    is_told: bool,
    diagnostics: &mut Vec<Diagnostic>,
) -> Place {
    let mut facts = facts.clone();
    let is_there =
        |field: &Option<Spanned<String>>| field.clone().filter(|name| facts.has_field(&name.value));
    let (owner, status) = (is_there(&facts.owner_field), is_there(&facts.status_field));
    if let Some(owner) = owner {
        // Whose role matters is the owner's, so the field leads to a person.
        facts.add_field(&owner, None, Some(USERS));
    }
    if let Some(status) = status {
        facts.add_field(&status, Some(FieldType::String), None);
    }
    let told = facts
        .status_field
        .as_ref()
        .and(facts.statuses.as_ref().or(all.global_statuses.as_ref()));
    let knows_statuses = told.is_some();
    let mut statuses = told.cloned().unwrap_or_default();
    if facts.status_field.is_none() {
        facts.default_status = None;
    } else if !knows_statuses {
        statuses = named_statuses(sets);
    }
    if let Some(default) = &facts.default_status
        && statuses.iter().all(|status| status.id.value != default.value)
    {
        if knows_statuses {
            let message = format!(
                "new items of {} have the status {}, which the mapping does not have",
                quote(&facts.id.value),
                quote(&default.value)
            );
            let diagnostic = Diagnostic::new(Code::UnknownState, default.span, message);
            diagnostics.push(diagnostic.severity(Severity::Warning));
        }
        statuses.push(bare_status(default));
    }
    let unlisted = add_unlisted_fields(&mut facts, sets);
    Place {
        facts,
        statuses,
        knows_statuses,
        is_told,
        unlisted,
    }
}

/// Adds the fields that only rows name to those that files list, and returns their names.
fn add_unlisted_fields(facts: &mut CollectionFacts, sets: &[&RowSet]) -> FxHashSet<String> {
    let mut unlisted = FxHashSet::default();
    if !facts.lists_fields {
        return unlisted;
    }
    let listed: FxHashSet<String> = facts
        .fields
        .iter()
        .map(|field| field.name.value.clone())
        .collect();
    let key = facts.key.as_ref().map_or("id", |key| &key.value).to_owned();
    let rows = sets.iter().flat_map(|set| set.rows());
    for name in rows.flat_map(|row| row.unreadable.iter().chain(&row.unwritable)) {
        if name.value != key && !listed.contains(&name.value) && unlisted.insert(name.value.clone()) {
            facts.add_field(name, None, None);
        }
    }
    unlisted
}

fn bare_status(id: &Spanned<String>) -> StatusFact {
    StatusFact {
        id: id.clone(),
        title: None,
        soft_delete: false,
    }
}

/// Returns the statuses that rows of a collection name.
fn named_statuses(sets: &[&RowSet]) -> Vec<StatusFact> {
    let mut statuses: Vec<StatusFact> = Vec::new();
    for name in sets.iter().flat_map(|set| set.named_statuses()) {
        if statuses.iter().all(|status| status.id.value != name.value) {
            statuses.push(bare_status(name));
        }
    }
    statuses
}

/// Makes a collection, the workflow that its statuses are, and what Directus writes itself.
fn lower_collection(place: &Place, policy: &mut Policy) {
    let facts = &place.facts;
    let id = &facts.id;
    let owner = facts
        .owner_field
        .clone()
        .filter(|_| ownership(&id.value, false) == Ownership::Field);
    let workflow = (!place.statuses.is_empty()).then(|| id.clone());
    policy.collections.push(Collection {
        id: id.clone(),
        title: title(facts.title.clone()),
        table: None,
        state_field: facts.status_field.clone(),
        initial_state: facts.default_status.clone(),
        owner: owner.clone().map(|field| OwnerFact {
            roles: Some(vec![field.clone(), at("role", field.span)]),
            field,
        }),
        workflow: workflow.clone(),
        key: facts.key.clone(),
        fields: facts.fields.clone(),
        lists_fields: facts.lists_fields,
        unreadable: Unreadable::Omit,
        unwritable: Unwritable::Refuse,
        filtering: Filtering::Covered,
        origin: facts.origin,
    });
    if let Some(workflow) = workflow {
        policy.workflows.push(lower_statuses(workflow, place));
    }
    let soft: Vec<Spanned<String>> = soft_statuses(place).map(|status| status.id.clone()).collect();
    if let Some(first) = soft.first().map(|status| status.span) {
        let selection = Selection {
            roles: Selector::Except(vec![at(ADMINISTRATOR, first)]),
            collections: only(id.clone()),
            actions: Selector::Only(WITH_ITEMS.iter().map(|action| at(action, first)).collect()),
            states: Selector::Only(soft),
            ..Selection::default()
        };
        policy
            .grants
            .push(Grant::new(Effect::Deny, selection, Selector::Any, first));
    }
    let stamps = &facts.stamps;
    let owner = owner.filter(|_| writes_owner(&id.value));
    let updated = [
        (&stamps.user_updated, Variable::CurrentUser(Vec::new())),
        (&stamps.date_updated, Variable::Now(None)),
    ];
    let created = [
        (&owner, Variable::CurrentUser(Vec::new())),
        (&stamps.date_created, Variable::Now(None)),
    ];
    preset(policy, id, CREATE, created.iter().chain(&updated));
    preset(policy, id, UPDATE, updated.iter());
}

/// Returns the statuses that items get by being deleted.
pub(super) fn soft_statuses(place: &Place) -> impl Iterator<Item = &StatusFact> {
    place.statuses.iter().filter(|status| status.soft_delete)
}

/// Every status offers every other one: what may be taken, grants say.
fn lower_statuses(id: Spanned<String>, place: &Place) -> Workflow {
    let ids = || place.statuses.iter().map(|status| status.id.clone());
    let state = |status: &StatusFact| State {
        id: status.id.clone(),
        title: title(status.title.clone()),
        description: Title::default(),
        transitions: ids().filter(|other| other.value != status.id.value).collect(),
        origin: status.id.span,
    };
    let transition = |status: &StatusFact| Transition {
        id: status.id.clone(),
        title: title(status.title.clone()),
        description: Title::default(),
        to: Target::State(status.id.clone()),
        actions: vec![at(UPDATE, status.id.span)],
        from: None,
        listed: true,
        when: None,
        explain: false,
        opens: None,
        closes: None,
        approvals: Vec::new(),
        origin: status.id.span,
    };
    Workflow {
        title: Title::default(),
        description: Title::default(),
        initial_state: None,
        closed: false,
        states: place.statuses.iter().map(state).collect(),
        transitions: place.statuses.iter().map(transition).collect(),
        origin: id.span,
        id,
    }
}

/// Adds what Directus writes with an item that is made or changed.
fn preset<'v>(
    policy: &mut Policy,
    collection: &Spanned<String>,
    action: &str,
    values: impl Iterator<Item = &'v (&'v Option<Spanned<String>>, Variable)>,
) {
    let presets: Vec<(Spanned<String>, Operand)> = values
        .filter_map(|(field, value)| Some(((*field).clone()?, Operand::Variable(value.clone()))))
        .collect();
    let Some(origin) = presets.first().map(|(field, _)| field.span) else {
        return;
    };
    policy.constraints.push(Constraint {
        id: None,
        selection: Selection {
            collections: only(collection.clone()),
            actions: only(at(action, origin)),
            ..Selection::default()
        },
        require: None,
        submitted: None,
        networks: None,
        presets,
        code: None,
        origin,
    });
}

/// Returns the actions, with the codes by which the API reports that they are refused.
fn actions(origin: Span) -> Vec<Action> {
    let rows = [
        (CREATE, Operation::Create, Some("301"), None),
        (READ, Operation::Read, Some("203"), Some("300")),
        (UPDATE, Operation::Update, Some("302"), None),
        (DELETE, Operation::Delete, Some("303"), None),
        (COMMENT_READ, Operation::Read, None, None),
        (COMMENT_CREATE, Operation::Other, Some("210"), None),
        (COMMENT_UPDATE, Operation::Other, Some("211"), None),
        (COMMENT_DELETE, Operation::Other, Some("212"), None),
    ];
    rows.into_iter()
        .map(|(id, operation, code, any_item)| Action {
            id: at(id, origin),
            title: Title::default(),
            operation,
            inside: false,
            listed_by: None,
            codes: Codes {
                by_reason: codes(operation, code),
                any_item: codes(operation, any_item),
            },
            origin,
        })
        .collect()
}

/// Returns the codes of an action: that of a refusal, and those about fields.
fn codes(operation: Operation, refused: Option<&str>) -> BTreeMap<Reason, String> {
    let Some(refused) = refused else {
        return BTreeMap::new();
    };
    let (hidden, filtered) = match operation {
        // A field that no row shows is out of reach only where it selects or sorts.
        Operation::Read => ("304", "215"),
        Operation::Create | Operation::Update => ("305", "305"),
        Operation::Delete | Operation::Other => (refused, refused),
    };
    let codes = [
        (Reason::NoGrant, refused),
        (Reason::NoMatchingGrant, refused),
        (Reason::Denied, refused),
        (Reason::UnknownRole, refused),
        (Reason::Violation, refused),
        (Reason::FieldNotCovered, hidden),
        (Reason::FieldOutOfReach, filtered),
    ];
    codes.map(|(reason, code)| (reason, code.to_owned())).into()
}

/// Returns the selector for one name.
pub(super) fn only(name: Spanned<String>) -> Selector {
    Selector::Only(vec![name])
}

/// Returns the title that a text makes.
fn title(text: Option<String>) -> Title {
    Title {
        text,
        ..Title::default()
    }
}
