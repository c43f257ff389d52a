//! The collections of Directus itself: the rows that every new role gets for them, whose items are whose, and what no row
//! can grant.

use crate::policy::condition::{Condition, Left, Node, Operand, Variable};
use crate::policy::grant::{Constraint, Grant, Selection, TargetStates};
use crate::policy::{Policy, Selector};
use crate::source::span::{Span, Spanned};
use crate::vocab::effect::Effect;
use crate::vocab::operator::{FieldType, Operator};
use crate::vocab::value::Value;

use super::legacy_facts::{Facts, StatusFact, USERS};
use super::legacy_lower::{ADMINISTRATOR, PUBLIC, Place, only};
use super::legacy_row::{CommentLevel, Level, PermissionRow, RowStatus};

const ACTIVITY: &str = "directus_activity";
const FIELDS: &str = "directus_fields";
const COLLECTIONS: &str = "directus_collections";
const FILES: &str = "directus_files";
const PERMISSIONS: &str = "directus_permissions";
const PRESETS: &str = "directus_collection_presets";
const ROLES: &str = "directus_roles";

/// Every collection of Directus itself.
const SYSTEM: [&str; 15] = [
    ACTIVITY,
    PRESETS,
    COLLECTIONS,
    FIELDS,
    FILES,
    "directus_folders",
    "directus_migrations",
    PERMISSIONS,
    "directus_relations",
    "directus_revisions",
    ROLES,
    "directus_settings",
    USERS,
    "directus_user_sessions",
    "directus_webhooks",
];

/// A row that a new role gets: collection, create, read, update, delete.
type SystemRow = (&'static str, Level, Level, Level, Level);

/// What a new role gets, apart from the rows for people; comments are for the activity alone, which holds them.
const DEFAULTS: [SystemRow; 11] = {
    use Level::{Full, Mine, None};
    [
        (ACTIVITY, Full, Mine, None, None),
        (PRESETS, Full, Full, Mine, Mine),
        (COLLECTIONS, None, Full, None, None),
        (FIELDS, None, Full, None, None),
        (FILES, Full, Full, Full, Full),
        ("directus_folders", Full, Full, Full, Full),
        (PERMISSIONS, None, Mine, None, None),
        ("directus_relations", None, Full, None, None),
        ("directus_revisions", Full, Full, None, None),
        (ROLES, None, Mine, None, None),
        ("directus_settings", None, Full, None, None),
    ]
};

/// The statuses of people: which may be used, and which is that of the deleted.
const PERSON_STATUSES: [&str; 5] = ["draft", "invited", ACTIVE, "suspended", DELETED];
const ACTIVE: &str = "active";
const INVITED: &str = "invited";
const DELETED: &str = "deleted";

/// What people see of themselves alone.
pub(super) const PRIVATE: [&str; 4] = ["email_notifications", "last_access_on", "last_page", "token"];
/// What nobody sees.
pub(super) const SECRET: &str = "password";

/// A field by its name, and what it holds if that decides.
type NamedField = (&'static str, Option<FieldType>);

/// Fields whose names rules of this page use.
const NAMED_FIELDS: [(&str, &[NamedField]); 5] = {
    const KEY: Option<FieldType> = Some(FieldType::Integer);
    [
        (
            USERS,
            &[
                ("id", KEY),
                ("role", KEY),
                ("status", Some(FieldType::String)),
                (SECRET, None),
                (PRIVATE[0], None),
                (PRIVATE[1], None),
                (PRIVATE[2], None),
                (PRIVATE[3], None),
            ],
        ),
        (ROLES, &[("id", KEY), ("users", None)]),
        (PERMISSIONS, &[("id", KEY), ("role", KEY)]),
        (PRESETS, &[("id", KEY), ("role", KEY), ("user", KEY)]),
        (ACTIVITY, &[("id", KEY), ("action_by", KEY)]),
    ]
};

/// The fields with the owner.
const OWNERS: [(&str, &str); 3] = [(ACTIVITY, "action_by"), (PRESETS, "user"), (FILES, "uploaded_by")];

/// Says by what an item of a collection belongs to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    /// By its owner field.
    Field,
    /// It is the person.
    Person,
    /// It is about the person's role, which this field names.
    Role(&'static str),
    /// By nothing.
    Nobody,
}

/// Returns by what items of a collection belong to somebody who looks at them, or who does something else with them.
pub(super) fn ownership(collection: &str, looks: bool) -> Ownership {
    match collection {
        USERS => Ownership::Person,
        ROLES if looks => Ownership::Role("id"),
        PERMISSIONS if looks => Ownership::Role("role"),
        ROLES | PERMISSIONS => Ownership::Nobody,
        _ => Ownership::Field,
    }
}

/// Tells whether Directus writes the owner of new items itself; a preset may be for a whole role, and the activity is no item
/// that anybody makes.
pub(super) fn writes_owner(collection: &str) -> bool {
    collection != PRESETS && collection != ACTIVITY
}

/// Adds what is known of the collections of Directus; what files tell of them stays.
pub(super) fn add_system_facts(facts: &mut Facts, origin: Span) {
    let at = |name: &str| Spanned::new(name.to_owned(), origin);
    for name in SYSTEM {
        facts.entry(&at(name));
    }
    for (collection, field) in OWNERS {
        let facts = facts.entry(&at(collection));
        let owner = facts.owner_field.get_or_insert_with(|| at(field)).clone();
        facts.add_field(&owner, None, None);
    }
    for (collection, fields) in NAMED_FIELDS {
        let facts = facts.entry(&at(collection));
        fields
            .iter()
            .for_each(|(field, kind)| facts.add_field(&at(field), *kind, None));
    }
    let people = facts.entry(&at(USERS));
    people.status_field.get_or_insert_with(|| at("status"));
    if people.statuses.is_none() {
        let fact = |name: &str| StatusFact {
            id: at(name),
            title: None,
            soft_delete: name == DELETED,
        };
        people.statuses = Some(PERSON_STATUSES.into_iter().map(fact).collect());
        people.default_status.get_or_insert_with(|| at("draft"));
    }
}

/// Returns the rows that a role gets when it is made; they stand where the role does.
pub(super) fn default_rows(role: &Spanned<String>) -> Vec<PermissionRow> {
    let at = |name: &str| Spanned::new(name.to_owned(), role.span);
    let level = |level| Spanned::new(level, role.span);
    let mut rows = Vec::with_capacity(DEFAULTS.len() + PERSON_STATUSES.len());
    for (collection, create, read, update, delete) in DEFAULTS {
        let mut row = PermissionRow::empty(at(collection), role.clone(), role.span);
        row.create = level(create);
        row.read = level(read);
        row.update = level(update);
        row.delete = level(delete);
        if collection == ACTIVITY {
            row.comment = Spanned::new(CommentLevel::Update, role.span);
        }
        rows.push(row);
    }
    for status in PERSON_STATUSES {
        let mut row = PermissionRow::empty(at(USERS), role.clone(), role.span);
        row.status = RowStatus::Named(at(status));
        if status == ACTIVE {
            row.read = level(Level::Full);
            row.update = level(Level::Mine);
            row.delete = level(Level::Mine);
        }
        rows.push(row);
    }
    rows
}

/// Adds what holds in the collections of Directus whatever rows say.
pub(super) fn add_system_rules(policy: &mut Policy, people: Option<&Place>, origin: Span) {
    let mut rules = Rules { policy, origin };
    rules.guard_secrets();
    rules.guard_schema();
    rules.guard_presets();
    rules.guard_roles();
    rules.guard_administrators();
    let has = |status: &str| people.is_some_and(|place| place.find_status(status).is_some());
    if has(INVITED) {
        rules.guard_invitations();
    }
    if has(ACTIVE) {
        rules.guard_last_administrator();
    }
}

/// Adds rules one after the other.
struct Rules<'p> {
    policy: &'p mut Policy,
    origin: Span,
}

impl Rules<'_> {
    fn at(&self, name: &str) -> Spanned<String> {
        Spanned::new(name.to_owned(), self.origin)
    }

    fn select(&self, collections: &[&str], actions: &[&str]) -> Selection {
        let names = |names: &[&str]| Selector::Only(names.iter().map(|name| self.at(name)).collect());
        Selection {
            collections: names(collections),
            actions: names(actions),
            ..Selection::default()
        }
    }

    /// Refuses something to everybody but administrators.
    fn refuse(&mut self, selection: Selection, code: Option<&str>) {
        let roles = Selector::Except(vec![self.at(ADMINISTRATOR)]);
        let selection = Selection { roles, ..selection };
        let code = code.map(str::to_owned);
        self.policy.grants.push(Grant {
            code,
            ..Grant::new(Effect::Deny, selection, Selector::Any, self.origin)
        });
    }

    fn demand(
        &mut self,
        selection: Selection,
        require: Option<Condition>,
        submitted: Option<Condition>,
        code: Option<&str>,
    ) {
        self.policy.constraints.push(Constraint {
            id: None,
            selection,
            require,
            submitted,
            networks: None,
            presets: Vec::new(),
            code: code.map(str::to_owned),
            origin: self.origin,
        });
    }

    /// Nobody reads a password back, administrators included.
    fn guard_secrets(&mut self) {
        let selection = self.select(&[USERS], &["read"]);
        let fields = only(self.at(SECRET));
        self.policy
            .grants
            .push(Grant::new(Effect::Deny, selection, fields, self.origin));
    }

    /// The schema is for administrators.
    fn guard_schema(&mut self) {
        let selection = self.select(&[COLLECTIONS, FIELDS], &["create", "update", "delete"]);
        self.refuse(selection, Some("306"));
    }

    /// A preset that a whole role shares is deleted by administrators.
    fn guard_presets(&mut self) {
        let mut selection = self.select(&[PRESETS], &["delete"]);
        selection.when = Some(field("role", Operator::Nnull, Value::Bool(true), self.origin));
        self.refuse(selection, None);
    }

    /// People are invited by administrators.
    fn guard_invitations(&mut self) {
        let mut selection = self.select(&[USERS], &["create"]);
        selection.states = only(self.at(INVITED));
        self.refuse(selection, None);
    }

    /// Administrator and Public stay, and so does a role as long as somebody has it; nobody is made Public, and rows for
    /// administrators would mean nothing.
    fn guard_roles(&mut self) {
        let origin = self.origin;
        let delete = || self.select(&[ROLES], &["delete"]);
        let fixed = [ADMINISTRATOR, PUBLIC].map(|id| Operand::Value(text(id)));
        let stays = leaf("id", Operator::Nin, Operand::List(fixed.to_vec()), origin);
        let unused = field("users", Operator::Empty, Value::Bool(true), origin);
        let (first, second) = (delete(), delete());
        self.demand(first, Some(stays), None, Some("3"));
        self.demand(second, Some(unused), None, None);
        for (collection, role) in [(USERS, PUBLIC), (PERMISSIONS, ADMINISTRATOR)] {
            let selection = self.select(&[collection], &["create", "update"]);
            self.demand(selection, None, Some(is_other_role(role, origin)), None);
        }
    }

    /// Who may change a person, be it oneself, makes no administrator of it: that only administrators do.
    fn guard_administrators(&mut self) {
        let mut selection = self.select(&[USERS], &["create", "update"]);
        selection.roles = Selector::Except(vec![self.at(ADMINISTRATOR)]);
        let other = is_other_role(ADMINISTRATOR, self.origin);
        self.demand(selection, None, Some(other), None);
    }

    /// The last active administrator stays one; whether it is the last only the CMS knows.
    fn guard_last_administrator(&mut self) {
        let origin = self.origin;
        let when = || Some(field("role", Operator::Eq, text(ADMINISTRATOR), origin));
        let others = || {
            let left = Left::Fact(Variable::Context(vec!["last_administrator".to_owned()]));
            let right = Operand::Value(Value::Bool(false));
            Some(Condition::compare(left, Operator::Eq, right, origin))
        };
        let select = |action| Selection {
            states: only(self.at(ACTIVE)),
            when: when(),
            ..self.select(&[USERS], &[action])
        };
        let delete = select("delete");
        let mut leave = select("update");
        leave.to_states = Some(TargetStates {
            selector: Selector::Except(vec![self.at(ACTIVE)]),
            same: true,
        });
        for selection in [delete, leave] {
            self.demand(selection, others(), None, Some("216"));
        }
    }
}

/// The role that is written, if any is, is not this one.
fn is_other_role(role: &str, span: Span) -> Condition {
    let parts = vec![
        field("role", Operator::Null, Value::Bool(true), span),
        field("role", Operator::Neq, text(role), span),
    ];
    Condition {
        node: Node::Any(parts),
        span,
    }
}

/// Returns the comparison of a field with a value.
pub(super) fn field(name: &str, operator: Operator, value: Value<'static>, span: Span) -> Condition {
    leaf(name, operator, Operand::Value(value), span)
}

/// Returns the comparison of a field with anything.
pub(super) fn leaf(name: &str, operator: Operator, right: Operand, span: Span) -> Condition {
    let left = Left::Field(vec![Spanned::new(name.to_owned(), span)]);
    Condition::compare(left, operator, right, span)
}

/// Returns a text as a value.
pub(super) fn text(text: &str) -> Value<'static> {
    Value::Text(text.to_owned().into())
}
