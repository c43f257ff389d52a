//! Random policies in which every construct turns up.

use placet::policy::collection::{Collection, Field, Filtering, OwnerFact, Relation, Unreadable, Unwritable};
use placet::policy::condition::Condition;
use placet::policy::document::DocumentGrant;
use placet::policy::grant::{Constraint, Grant, Held, Scope, Selection, TargetStates};
use placet::policy::role::{Administrator, Group, Implicit, Role, RoleKind, User, Within};
use placet::policy::{Action, Codes, Policy, Selector, Settings, Title};
use placet::source::span::Spanned;
use placet::vocab::effect::{Effect, Operation};
use placet::vocab::network::Network;
use placet::vocab::operator::FieldType;
use placet::vocab::value::{Object, Value};

use super::condition::{self, For};
use super::random::Random;
use super::theme::{Theme, few_allows, themes};
use super::workflow::workflow;
use super::{GROUPS, NETWORKS, PEOPLE, PLAIN_ROLES, STATES, name, names, span, text};

/// Collections that a policy declares.
pub(crate) const COLLECTIONS: &[&str] = &[
    "articles", "articles", "articles", "notes", "notes", "comments", "",
];
const ACTIONS: &[&str] = &["create", "read", "update", "delete", "publish"];
const MORE_ACTIONS: &[&str] = &[
    "create", "read", "update", "delete", "publish", "peek", "make", "add",
];
const ARTICLE_FIELDS: &[(&str, Option<FieldType>)] = &[
    ("id", None),
    ("title", Some(FieldType::String)),
    ("body", Some(FieldType::Text)),
    ("status", Some(FieldType::String)),
    ("author", None),
    ("score", Some(FieldType::Integer)),
    ("day", Some(FieldType::Date)),
    ("at", Some(FieldType::Timestamp)),
    ("clock", Some(FieldType::Time)),
    ("open", Some(FieldType::Boolean)),
    ("tags", Some(FieldType::Csv)),
    ("category", None),
    ("comments", Some(FieldType::Alias)),
    ("place", Some(FieldType::Geometry)),
];

/// What later parts of a policy need to know of earlier ones.
pub(crate) struct Names {
    pub(crate) everyone: &'static str,
    /// The other roles that subjects have without being given any: visitors, people, strangers, owners.
    pub(crate) implicit: Vec<&'static str>,
    /// Roles that rules name.
    pub(crate) roles: Vec<&'static str>,
    pub(crate) actions: &'static [&'static str],
    /// What most rules are about, in policies of few rules: there each part decides more often.
    pub(crate) focus: Option<&'static str>,
    /// What such a policy has more of than others.
    pub(crate) themes: Vec<Theme>,
}

impl Names {
    /// Tells yes so many times in a hundred, and more often if it is a theme of the policy.
    pub(crate) fn chance(&self, random: &mut Random, theme: Theme, percent: usize) -> bool {
        let percent = if self.themes.contains(&theme) { 80 } else { percent };
        random.chance(percent)
    }

    pub(crate) fn has(&self, theme: Theme) -> bool {
        self.themes.contains(&theme)
    }
}

/// Makes a policy.
pub(crate) fn policy(random: &mut Random) -> Policy {
    let mut policy = Policy::default();
    policy.settings = Settings {
        absent_is_null: random.chance(25),
        anonymous_id: random.chance(60).then(|| name("guest")),
        ..Settings::default()
    };
    let declares_actions = random.chance(40);
    let mut names = Names {
        everyone: "everyone",
        implicit: Vec::new(),
        roles: Vec::new(),
        actions: if declares_actions { MORE_ACTIONS } else { ACTIONS },
        focus: None,
        themes: Vec::new(),
    };
    if random.chance(80) {
        names.focus = Some(random.word(&[
            "articles", "articles", "articles", "articles", "notes", "notes", "notes", "comments",
        ]));
        names.themes = themes(random);
        if names.has(Theme::Kinds) {
            names.focus = Some("articles");
        }
        if random.chance(4) {
            names.focus = Some("notes");
            names.themes = vec![Theme::Crowd, Theme::Conditions];
        }
    }
    let few = names.focus.is_some();
    let workflows = names.has(Theme::Transitions)
        || names.has(Theme::Approvals)
        || names.has(Theme::Gates)
        || names.has(Theme::Targets);
    roles(random, &mut policy, &mut names);
    if declares_actions {
        policy.actions = MORE_ACTIONS.iter().map(|id| action(id)).collect();
    }
    people(random, &mut policy);
    if names.focus == Some("articles") && workflows || random.chance(if few { 35 } else { 75 }) {
        policy
            .workflows
            .push(workflow(random, &names, "flow", "articles"));
    }
    if names.focus == Some("notes") && workflows || random.chance(if few { 20 } else { 50 }) {
        policy.workflows.push(workflow(random, &names, "line", "notes"));
    }
    collections(random, &mut policy);
    if let Some(focus) = names.focus {
        few_allows(random, &names, focus, &mut policy.grants);
    } else {
        for _ in 0..random.between(3, 8) {
            let grant = allow(random, &names);
            policy.grants.push(grant);
        }
    }
    let denying = names.has(Theme::Denies) || names.has(Theme::Taking) || names.has(Theme::Broken);
    for _ in 0..if few {
        usize::from(denying || random.chance(15))
    } else {
        random.below(4)
    } {
        let grant = deny(random, &names);
        let at = random.below(policy.grants.len() + 1);
        policy.grants.insert(at, grant);
    }
    let constrained = names.has(Theme::Requires) || names.has(Theme::Submitted) || names.has(Theme::Presets);
    for _ in 0..if few {
        usize::from(constrained || random.chance(20))
    } else {
        random.below(4)
    } {
        let constraint = constraint(random, &names);
        policy.constraints.push(constraint);
    }
    let count = if few {
        usize::from(names.chance(random, Theme::Documents, 10))
    } else {
        random.below(3)
    };
    policy.document_grants = (0..count)
        .map(|_| document_grant(random, &names, &policy.grants))
        .collect();
    policy
}

fn action(id: &'static str) -> Action {
    let operation = match id {
        "create" | "make" | "add" => Operation::Create,
        "read" | "peek" => Operation::Read,
        "update" => Operation::Update,
        "delete" => Operation::Delete,
        _ => Operation::Other,
    };
    Action {
        id: name(id),
        title: Title::default(),
        operation,
        inside: id == "add",
        listed_by: (id == "peek").then(|| name("read")),
        codes: Codes::default(),
        origin: span(),
    }
}

fn networks(random: &mut Random) -> Vec<Spanned<Network>> {
    let least = usize::from(random.chance(90));
    let picked = random.some(NETWORKS, least, 2);
    picked
        .into_iter()
        .map(|text| Spanned::new(Network::parse(text).unwrap(), span()))
        .collect()
}

fn role(id: &str) -> Role {
    Role::new(name(id), span())
}

fn attributes(random: &mut Random) -> Object<'static> {
    let mut entries = Vec::new();
    if random.chance(70) {
        entries.push(("desk".into(), text(random.word(&["sport", "alpha"]))));
    }
    if random.chance(60) {
        entries.push(("level".into(), Value::Number(*random.pick(&[1.0, 5.0]))));
    } else if random.chance(30) {
        entries.push(("level".into(), Value::Null));
    }
    Object::new(entries)
}

fn roles(random: &mut Random, policy: &mut Policy, names: &mut Names) {
    let bundles = [
        ("piece", RoleKind::Part),
        ("basic", RoleKind::Policy),
        ("extra", RoleKind::Policy),
    ];
    for (id, kind) in bundles {
        let mut role = role(id);
        role.kind = kind;
        role.attributes = attributes(random);
        role.networks = names.chance(random, Theme::Roles, 10).then(|| networks(random));
        if id != "piece" && random.chance(30) {
            role.inherits.push(name("piece"));
        }
        policy.roles.push(role);
        names.roles.push(id);
    }
    for (at, id) in PLAIN_ROLES.iter().enumerate() {
        let mut role = role(id);
        role.attributes = attributes(random);
        role.networks = random
            .chance(if names.has(Theme::Roles) { 30 } else { 5 })
            .then(|| networks(random));
        for earlier in PLAIN_ROLES.iter().take(at) {
            if random.chance(20) {
                role.inherits.push(name(earlier));
            }
        }
        if random.chance(40) {
            role.inherits.push(name(random.word(&["basic", "extra"])));
        }
        policy.roles.push(role);
        names.roles.extend([*id, *id, *id]);
    }
    if random.chance(35) {
        let mut root = role("root");
        root.administrator = if random.chance(50) {
            Administrator::Known
        } else {
            Administrator::Anything
        };
        policy.roles.push(root);
        names.roles.push("root");
    }
    let implicit = [
        (Implicit::Everyone, "all"),
        (Implicit::Anonymous, "anybody"),
        (Implicit::Authenticated, "member"),
        (Implicit::Roleless, "visitor"),
        (Implicit::Owner, "maker"),
    ];
    for (kind, id) in implicit {
        let declares = random.chance(35);
        let id = if declares && random.chance(70) {
            id
        } else {
            kind.name()
        };
        if declares {
            let mut role = role(id);
            role.implicit = Some(kind);
            role.kind = if random.chance(70) {
                RoleKind::Part
            } else {
                RoleKind::Role
            };
            if random.chance(40) {
                role.inherits.push(name(random.word(&["basic", "extra"])));
            }
            policy.roles.push(role);
        }
        if kind == Implicit::Everyone {
            names.everyone = id;
        } else {
            names.implicit.push(id);
        }
        names.roles.extend([id, id]);
    }
}

/// In which contexts a group counts.
fn contexts(random: &mut Random) -> Vec<Within> {
    let within = |attribute: &str, values: &[&str]| Within {
        attribute: name(attribute),
        values: names(values),
    };
    match random.below(8) {
        0 => vec![within("mode", &random.some(&["alpha", "beta", "draft"], 1, 2))],
        1 => vec![
            within("mode", &["alpha", "beta"]),
            within("part", &random.some(&["7", "true", ""], 0, 3)),
        ],
        _ => Vec::new(),
    }
}

fn people(random: &mut Random, policy: &mut Policy) {
    for id in GROUPS {
        let roles = random.some(&["author", "editor", "intern", "basic"], 0, 2);
        policy.groups.push(Group {
            id: name(id),
            title: Title::default(),
            roles: names(&roles),
            context: contexts(random),
            origin: span(),
        });
    }
    for id in PEOPLE.iter().chain(&["guest"]) {
        if random.chance(30) {
            policy.users.push(User {
                id: name(id),
                roles: names(&random.some(&["author", "chief", "extra", "basic"], 0, 2)),
                groups: names(&random.some(GROUPS, 0, 1)),
                origin: span(),
            });
        }
    }
}

fn field(id: &str, kind: Option<FieldType>, relation: Option<(&str, bool)>) -> Field {
    Field {
        name: name(id),
        column: None,
        kind,
        relation: relation.map(|(collection, many)| Relation {
            collection: name(collection),
            many,
            foreign_key: None,
        }),
    }
}

fn collection(id: &str) -> Collection {
    Collection {
        id: name(id),
        title: Title::default(),
        table: None,
        state_field: None,
        initial_state: None,
        owner: None,
        workflow: None,
        key: None,
        fields: Vec::new(),
        lists_fields: false,
        unreadable: Unreadable::Refuse,
        unwritable: Unwritable::Refuse,
        filtering: Filtering::Covered,
        origin: span(),
    }
}

fn owner(random: &mut Random) -> Option<OwnerFact> {
    Some(OwnerFact {
        field: name("author"),
        roles: random
            .chance(50)
            .then(|| names(&[random.word(&["author", "meta"]), "roles"])),
    })
}

fn collections(random: &mut Random, policy: &mut Policy) {
    for id in ["articles", "notes", "comments", "categories", "people", ""] {
        let mut each = collection(id);
        if random.chance(45) {
            each.unreadable = Unreadable::Omit;
        }
        if random.chance(45) {
            each.unwritable = Unwritable::Drop;
        }
        if random.chance(40) {
            each.filtering = Filtering::Reach;
        }
        let workflow = if id == "articles" { "flow" } else { "line" };
        if matches!(id, "articles" | "notes") {
            each.owner = owner(random);
            let has_workflow = policy.workflows.iter().any(|each| each.id.value == workflow);
            each.workflow = has_workflow.then(|| name(workflow));
            if !has_workflow || random.chance(85) {
                each.state_field = Some(name("status"));
            }
            if random.chance(30) {
                each.initial_state = Some(name(random.word(STATES)));
            }
        }
        match id {
            "articles" => each.fields = article_fields(),
            "comments" => {
                each.key = random.chance(50).then(|| name("number"));
                each.owner = owner(random);
                each.owner.iter_mut().for_each(|owner| owner.roles = None);
                each.state_field = Some(name("status"));
                each.fields = vec![
                    field("id", None, None),
                    field("number", Some(FieldType::Integer), None),
                    field("text", Some(FieldType::Text), None),
                    field("status", Some(FieldType::String), None),
                    field("author", Some(FieldType::String), None),
                    field("score", Some(FieldType::Integer), None),
                    field("meta", Some(FieldType::Json), None),
                ];
            }
            "categories" => {
                each.key = Some(name("slug"));
                each.fields = vec![
                    field("slug", Some(FieldType::String), None),
                    field("label", Some(FieldType::String), None),
                ];
            }
            "people" => {
                each.fields = vec![
                    field("id", Some(FieldType::String), None),
                    field("desk", Some(FieldType::String), None),
                    field("roles", Some(FieldType::Json), None),
                ];
            }
            _ => {}
        }
        each.lists_fields = !each.fields.is_empty() && random.chance(70);
        policy.collections.push(each);
    }
}

fn article_fields() -> Vec<Field> {
    let mut fields: Vec<Field> = ARTICLE_FIELDS
        .iter()
        .map(|(id, kind)| {
            let relation = match *id {
                "author" => Some(("people", false)),
                "category" => Some(("categories", false)),
                "comments" => Some(("comments", true)),
                _ => None,
            };
            field(id, *kind, relation)
        })
        .collect();
    fields.push(field("meta", Some(FieldType::Json), None));
    fields
}

/// Picks the states of a rule.
pub(crate) fn states(random: &mut Random, known: &Names, any: usize) -> Selector {
    let any = if known.has(Theme::States) { any / 3 } else { any };
    if random.chance(any) {
        Selector::Any
    } else if random.chance(if known.has(Theme::AllBut) { 20 } else { 70 }) {
        Selector::Only(names(&random.some(STATES, 1, 2)))
    } else {
        Selector::Except(names(&random.some(STATES, 1, 2)))
    }
}

/// The collections of a rule, and the one whose fields its conditions ask (`facts`: none).
fn some_collections(random: &mut Random, known: &Names) -> (Selector, &'static str) {
    if let Some(focus) = known.focus
        && random.chance(if known.has(Theme::AllBut) { 55 } else { 88 })
    {
        return (Selector::Only(names(&[focus])), focus);
    }
    if known.has(Theme::AllBut) && random.chance(50) {
        let other = random.word(&["comments", "notes", "articles"]);
        return (Selector::Except(names(&[other])), "facts");
    }
    match random.below(20) {
        0..=14 => {
            let one = random.word(COLLECTIONS);
            (
                Selector::Only(names(&[one])),
                if one.is_empty() { "facts" } else { one },
            )
        }
        15 => (Selector::Except(names(&["comments"])), "facts"),
        16 => (Selector::Only(names(&["articles", "notes"])), "facts"),
        _ => (Selector::Any, "facts"),
    }
}

fn some_actions(random: &mut Random, known: &Names) -> Selector {
    if known.has(Theme::AllBut) && random.chance(30) {
        return Selector::Except(names(&random.some(known.actions, 1, 2)));
    }
    if known.focus.is_some() && random.chance(55) {
        let mut actions = vec![random.word(&["update", "update", "read", "create", "publish"])];
        actions.extend(random.chance(30).then_some("delete"));
        return Selector::Only(names(&actions));
    }
    match random.below(20) {
        0..=3 => Selector::Any,
        4 => Selector::Except(names(&random.some(known.actions, 1, 2))),
        5..=11 => Selector::Only(names(&random.some(known.actions, 1, 3))),
        12..=15 => Selector::Only(names(&["update", "publish"])),
        _ => Selector::Only(names(&["read", "create"])),
    }
}

fn selection(random: &mut Random, known: &Names, binds_all: usize, when: usize) -> (Selection, &'static str) {
    let (collections, about) = some_collections(random, known);
    let roles = if random.chance(binds_all) {
        Selector::Any
    } else if known.has(Theme::AllBut) && random.chance(60) {
        // Whoever holds one other role is meant, so those that everybody holds are among the exceptions.
        let mut except = vec![known.everyone];
        except.extend(&known.implicit);
        except.extend(random.some(&["author", "editor"], 0, 1));
        Selector::Except(names(&except))
    } else if random.chance(25) {
        Selector::Only(names(&[known.everyone]))
    } else if random.chance(92) {
        let picked = random.some(&known.roles, 1, 3);
        let mut unique: Vec<&str> = Vec::new();
        picked.into_iter().for_each(|role| {
            if !unique.contains(&role) {
                unique.push(role);
            }
        });
        Selector::Only(names(&unique))
    } else {
        Selector::Except(names(&random.some(&["author", "chief", "basic"], 1, 2)))
    };
    let held = if known.chance(random, Theme::Held, 25) {
        *random.pick(&[Held::Site, Held::Shared])
    } else {
        Held::Anywhere
    };
    let roles = match (held, &roles) {
        // Who owns an item holds a role that is neither site-wide nor shared.
        (Held::Shared, Selector::Only(_)) if random.chance(50) => {
            Selector::Only(names(&[known.implicit[3], "author"]))
        }
        _ => roles,
    };
    let subjectless = collections.names().iter().any(|name| name.value.is_empty());
    let has_states = about != "comments" && !subjectless;
    let selection = Selection {
        roles,
        held,
        collections,
        actions: some_actions(random, known),
        states: if has_states {
            states(random, known, 65)
        } else {
            Selector::Any
        },
        to_states: (has_states && known.chance(random, Theme::Targets, 20)).then(|| targets(random)),
        scope: if about == "facts" || !known.chance(random, Theme::Scopes, 22) {
            Scope::Any
        } else {
            *random.pick(&[Scope::Role, Scope::Mine])
        },
        when: known
            .chance(random, Theme::Conditions, when)
            .then(|| when_of(random, known, about)),
    };
    (selection, about)
}

fn when_of(random: &mut Random, known: &Names, about: &str) -> Condition {
    if known.has(Theme::Crowd) && about == "notes" {
        return condition::crowd(random);
    }
    if random.chance(if known.has(Theme::Neutral) { 45 } else { 8 }) {
        return condition::neutral();
    }
    let depth = if known.focus.is_some() { random.below(2) } else { 2 };
    condition::condition(random, about, For::Stored, depth)
}

fn targets(random: &mut Random) -> TargetStates {
    if random.chance(30) {
        return TargetStates {
            selector: Selector::Any,
            same: false,
        };
    }
    let names = names(&random.some(STATES, 0, 2));
    let same = names.is_empty() || random.chance(60);
    let selector = if random.chance(75) {
        Selector::Only(names)
    } else {
        Selector::Except(names)
    };
    TargetStates { selector, same }
}

/// Names of fields that rules on a collection may name.
pub(crate) fn field_names(about: &str) -> &'static [&'static str] {
    match about {
        "articles" => &["title", "body", "status", "author", "score", "tags", "open"],
        "comments" => &["text", "status", "author", "score"],
        "notes" => &["x", "y", "status", "author", "score"],
        _ => &["status", "author", "score"],
    }
}

fn some_fields(random: &mut Random, about: &str, any: usize) -> Selector {
    if random.chance(any) {
        return Selector::Any;
    }
    let pool = field_names(about);
    match random.below(10) {
        0 => Selector::Only(Vec::new()),
        1..=6 => Selector::Only(names(&random.some(pool, 1, 4))),
        _ => Selector::Except(names(&random.some(pool, 1, 3))),
    }
}

/// The fields of an allow; one that names states afterwards covers the field of the state whatever they are.
fn fields_of(random: &mut Random, known: &Names, about: &str, selection: &Selection) -> Selector {
    if selection.to_states.is_some() && random.chance(50) {
        let others: Vec<&str> = field_names(about)
            .iter()
            .copied()
            .filter(|name| *name != "status")
            .collect();
        return Selector::Only(names(&random.some(&others, 1, 2)));
    }
    some_fields(random, about, if known.has(Theme::Fields) { 15 } else { 60 })
}

/// Makes an allow.
pub(crate) fn allow(random: &mut Random, known: &Names) -> Grant {
    let (selection, about) = selection(random, known, 0, if known.focus.is_some() { 30 } else { 38 });
    Grant {
        id: None,
        effect: Effect::Allow,
        validate: known
            .chance(random, Theme::Validates, 12)
            .then(|| condition::condition(random, about, For::Future, 1)),
        fields: fields_of(random, known, about, &selection),
        explain: random.chance(if known.has(Theme::Explanations) { 45 } else { 8 }),
        networks: random
            .chance(if known.has(Theme::Networks) { 50 } else { 5 })
            .then(|| networks(random)),
        broken: None,
        code: None,
        origin: span(),
        selection,
    }
}

fn taken_fields(random: &mut Random, known: &Names, about: &str) -> Selector {
    if known.has(Theme::Taking) && random.chance(50) {
        return Selector::Except(names(&random.some(field_names(about), 1, 3)));
    }
    some_fields(random, about, if known.has(Theme::Taking) { 5 } else { 60 })
}

fn deny(random: &mut Random, known: &Names) -> Grant {
    let (mut selection, about) = selection(random, known, 25, if known.focus.is_some() { 45 } else { 55 });
    if known.focus.is_none() && random.chance(60) {
        selection.actions = Selector::Only(names(&random.some(known.actions, 1, 1)));
    }
    let broken = random.chance(if known.has(Theme::Broken) { 80 } else { 10 });
    Grant {
        id: None,
        effect: Effect::Deny,
        validate: None,
        fields: if broken {
            Selector::Any
        } else {
            taken_fields(random, known, about)
        },
        explain: false,
        networks: random
            .chance(if known.has(Theme::Networks) { 60 } else { 10 })
            .then(|| networks(random)),
        broken: broken.then(|| "its condition asks what cannot be asked".to_owned()),
        code: None,
        origin: span(),
        selection,
    }
}

fn constraint(random: &mut Random, known: &Names) -> Constraint {
    let when = if known.focus.is_some() { 20 } else { 30 };
    let (mut selection, mut about) = selection(random, known, 45, when);
    if let Some(focus) = known.focus {
        if random.chance(50) {
            selection.actions = Selector::Only(names(&["update", "create"]));
        }
        if (known.has(Theme::Submitted) || known.has(Theme::Presets)) && random.chance(70) {
            about = focus;
            selection = Selection {
                collections: Selector::Only(names(&[focus])),
                actions: selection.actions,
                ..Selection::default()
            };
        }
    }
    let pool = if about == "facts" {
        &[]
    } else {
        condition::fields(about)
    };
    let plain: Vec<_> = pool
        .iter()
        .filter(|(path, holds)| path.len() == 1 && *holds != condition::Holds::Rows)
        .collect();
    let mut presets: Vec<(Spanned<String>, placet::policy::condition::Operand)> = Vec::new();
    if !plain.is_empty() && known.chance(random, Theme::Presets, 25) {
        let lists = plain
            .iter()
            .find(|(path, _)| matches!(path[0], "tags" | "many"))
            .filter(|_| random.chance(35));
        let some = random.some(&plain, 1, 2);
        for (path, holds) in lists.into_iter().chain(&some) {
            if presets.iter().any(|(field, _)| field.value == path[0]) {
                continue;
            }
            presets.push((name(path[0]), condition::preset(random, *holds)));
        }
    }
    Constraint {
        id: None,
        selection,
        require: known
            .chance(
                random,
                Theme::Requires,
                if known.has(Theme::Submitted) { 5 } else { 20 },
            )
            .then(|| condition::condition(random, about, For::Future, 1)),
        submitted: known
            .chance(random, Theme::Submitted, 20)
            .then(|| condition::condition(random, about, For::Submitted, 1)),
        networks: random
            .chance(if known.has(Theme::Networks) { 80 } else { 12 })
            .then(|| networks(random)),
        presets,
        code: None,
        origin: span(),
    }
}

fn document_grant(random: &mut Random, known: &Names, grants: &[Grant]) -> DocumentGrant {
    let mut collection = random.word(&["articles", "notes"]);
    let document = name(random.word(&["1", "2"]));
    let mut actions = names(&random.some(known.actions, 1, 3));
    let mut roles = Vec::new();
    if random.chance(70) {
        roles = names(&[random.word(PLAIN_ROLES)]);
        // A role that an allow names, beside no action, is seen to decide.
        if let Some((lent, place)) = lent(random, grants) {
            roles = vec![lent];
            collection = place.unwrap_or(collection);
            if random.chance(75) {
                actions = Vec::new();
            }
        }
    }
    DocumentGrant {
        collection: name(collection),
        document,
        actions,
        roles,
        users: names(&random.some(&["ann", "bob", "guest"], 0, 2)),
        groups: names(&random.some(GROUPS, 0, 1)),
        descendants: random.chance(50),
        origin: span(),
    }
}

/// Picks a role that an allow names, and a collection that it is for.
fn lent(random: &mut Random, grants: &[Grant]) -> Option<(Spanned<String>, Option<&'static str>)> {
    let mut found = Vec::new();
    for grant in grants.iter().filter(|grant| grant.effect == Effect::Allow) {
        let Selector::Only(roles) = &grant.selection.roles else {
            continue;
        };
        let place = match &grant.selection.collections {
            Selector::Only(only) => ["articles", "notes"]
                .into_iter()
                .find(|known| only.iter().any(|each| each.value == *known)),
            Selector::Any | Selector::Except(_) => None,
        };
        let plain = roles
            .iter()
            .filter(|role| PLAIN_ROLES.contains(&role.value.as_str()));
        found.extend(plain.map(|role| (role.clone(), place)));
    }
    (!found.is_empty()).then(|| random.pick(&found).clone())
}
