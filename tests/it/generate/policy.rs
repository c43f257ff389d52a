//! Random policies in which every construct turns up.

use jiff::Timestamp;
use placet::policy::collection::{Collection, Field, Filtering, OwnerFact, Relation, Unreadable, Unwritable};
use placet::policy::grant::{Constraint, DocumentGrant, Grant, Held, Scope, Selection, TargetStates};
use placet::policy::role::{Administrator, Group, Implicit, Role, RoleKind, User};
use placet::policy::workflow::{ApprovalRule, State, Target, Transition, Workflow};
use placet::policy::{Action, Codes, Policy, Selector, Settings, Title};
use placet::source::span::Spanned;
use placet::vocab::effect::{Effect, Operation};
use placet::vocab::network::Network;
use placet::vocab::operator::FieldType;
use placet::vocab::value::{Object, Value};

use super::condition::{self, For};
use super::random::Random;
use super::{GROUPS, MOMENTS, NETWORKS, PEOPLE, PLAIN_ROLES, STATES, name, names, span, text};

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
];

/// What later parts of a policy need to know of earlier ones.
struct Names {
    everyone: &'static str,
    /// Roles that rules name.
    roles: Vec<&'static str>,
    actions: &'static [&'static str],
}

/// Makes a policy.
pub(crate) fn policy(random: &mut Random) -> Policy {
    let mut policy = Policy::default();
    policy.settings = Settings {
        absent_is_null: random.chance(15),
        anonymous_id: random.chance(40).then(|| name("guest")),
        ..Settings::default()
    };
    let declares_actions = random.chance(40);
    let mut names = Names {
        everyone: "everyone",
        roles: Vec::new(),
        actions: if declares_actions { MORE_ACTIONS } else { ACTIONS },
    };
    roles(random, &mut policy, &mut names);
    if declares_actions {
        policy.actions = MORE_ACTIONS.iter().map(|id| action(id)).collect();
    }
    people(random, &mut policy);
    if random.chance(75) {
        policy
            .workflows
            .push(workflow(random, &names, "flow", "articles"));
    }
    if random.chance(50) {
        policy.workflows.push(workflow(random, &names, "line", "notes"));
    }
    collections(random, &mut policy);
    for _ in 0..random.between(3, 8) {
        let grant = allow(random, &names);
        policy.grants.push(grant);
    }
    for _ in 0..random.below(4) {
        let grant = deny(random, &names);
        let at = random.below(policy.grants.len() + 1);
        policy.grants.insert(at, grant);
    }
    for _ in 0..random.below(4) {
        let constraint = constraint(random, &names);
        policy.constraints.push(constraint);
    }
    for _ in 0..random.below(3) {
        let grant = document_grant(random, &names);
        policy.document_grants.push(grant);
    }
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
    Role {
        id: name(id),
        title: Title::default(),
        inherits: Vec::new(),
        attributes: Object::default(),
        networks: None,
        kind: RoleKind::Role,
        administrator: Administrator::No,
        implicit: None,
        declared: true,
        origin: span(),
    }
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
        role.networks = random.chance(15).then(|| networks(random));
        if id != "piece" && random.chance(30) {
            role.inherits.push(name("piece"));
        }
        policy.roles.push(role);
        names.roles.push(id);
    }
    for (at, id) in PLAIN_ROLES.iter().enumerate() {
        let mut role = role(id);
        role.attributes = attributes(random);
        role.networks = random.chance(6).then(|| networks(random));
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
        }
        names.roles.extend([id, id]);
    }
}

fn people(random: &mut Random, policy: &mut Policy) {
    for id in GROUPS {
        let roles = random.some(&["author", "editor", "intern", "basic"], 0, 2);
        policy.groups.push(Group {
            id: name(id),
            title: Title::default(),
            roles: names(&roles),
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
        kind,
        relation: relation.map(|(collection, many)| Relation {
            collection: name(collection),
            many,
        }),
    }
}

fn collection(id: &str) -> Collection {
    Collection {
        id: name(id),
        title: Title::default(),
        state_field: None,
        initial_state: None,
        owner: None,
        workflow: None,
        key: None,
        fields: None,
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
            "articles" => each.fields = Some(article_fields()),
            "comments" => {
                each.key = random.chance(50).then(|| name("number"));
                each.owner = owner(random);
                each.owner.iter_mut().for_each(|owner| owner.roles = None);
                each.state_field = Some(name("status"));
                each.fields = Some(vec![
                    field("id", None, None),
                    field("number", Some(FieldType::Integer), None),
                    field("text", Some(FieldType::Text), None),
                    field("status", Some(FieldType::String), None),
                    field("author", Some(FieldType::String), None),
                    field("score", Some(FieldType::Integer), None),
                    field("meta", Some(FieldType::Json), None),
                ]);
            }
            "categories" => {
                each.key = Some(name("slug"));
                each.fields = Some(vec![
                    field("slug", Some(FieldType::String), None),
                    field("label", Some(FieldType::String), None),
                ]);
            }
            "people" => {
                each.fields = Some(vec![
                    field("id", Some(FieldType::String), None),
                    field("desk", Some(FieldType::String), None),
                    field("roles", Some(FieldType::Json), None),
                ]);
            }
            _ => {}
        }
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

fn workflow(random: &mut Random, known: &Names, id: &str, collection: &str) -> Workflow {
    let all = ["submit", "release", "revise", "note", "pull"];
    let transitions: Vec<Transition> = all
        .iter()
        .map(|each| transition(random, known, each, collection))
        .collect();
    let states = STATES
        .iter()
        .map(|state| State {
            id: name(state),
            title: Title::default(),
            description: Title::default(),
            transitions: names(&random.some(&all, 0, 4)),
            origin: span(),
        })
        .collect();
    Workflow {
        id: name(id),
        title: Title::default(),
        description: Title::default(),
        initial_state: random.chance(70).then(|| name(random.word(STATES))),
        closed: random.chance(55),
        states,
        transitions,
        origin: span(),
    }
}

fn transition(random: &mut Random, known: &Names, id: &str, collection: &str) -> Transition {
    let to = match id {
        "submit" => Target::State(name("review")),
        "release" => Target::State(name("live")),
        "revise" => Target::Map(vec![
            (name("live"), name("review")),
            (name("review"), name("draft")),
        ]),
        "note" => Target::Unknown,
        _ => Target::State(name("draft")),
    };
    let actions: &[&str] = match random.below(10) {
        0 => &[],
        1..=4 => &["update"],
        5..=7 => &["publish"],
        8 => &["update", "publish"],
        _ => &["read", "update"],
    };
    let windowed = random.chance(12);
    let moment = |text: &str| text.parse::<Timestamp>().unwrap();
    Transition {
        id: name(id),
        title: Title::default(),
        description: Title::default(),
        to,
        actions: names(actions),
        from: random.chance(20).then(|| states(random, 20)),
        listed: random.chance(85),
        when: random
            .chance(15)
            .then(|| condition::condition(random, collection, For::Stored, 1)),
        explain: random.chance(18),
        opens: (windowed && random.chance(60)).then(|| moment(MOMENTS[random.below(3)])),
        closes: (windowed && random.chance(60)).then(|| moment(MOMENTS[3 + random.below(2)])),
        approvals: (0..[0, 0, 0, 1, 1, 2][random.below(6)])
            .map(|_| approval(random, known))
            .collect(),
        origin: span(),
    }
}

fn approval(random: &mut Random, known: &Names) -> ApprovalRule {
    let _ = known;
    ApprovalRule {
        count: if random.chance(75) { 1 } else { 2 },
        roles: names(&if random.chance(70) {
            random.some(&["author", "editor", "chief", "basic"], 1, 2)
        } else {
            vec![]
        }),
        users: names(&if random.chance(30) {
            random.some(PEOPLE, 2, 3)
        } else {
            vec![]
        }),
        content_bound: random.chance(35),
        origin: span(),
    }
}

fn states(random: &mut Random, any: usize) -> Selector {
    if random.chance(any) {
        Selector::Any
    } else if random.chance(75) {
        Selector::Only(names(&random.some(STATES, 1, 2)))
    } else {
        Selector::Except(names(&random.some(STATES, 1, 2)))
    }
}

/// The collections of a rule, and the one whose fields its conditions ask (`facts`: none).
fn some_collections(random: &mut Random) -> (Selector, &'static str) {
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
    match random.below(20) {
        0..=3 => Selector::Any,
        4 => Selector::Except(names(&random.some(known.actions, 1, 2))),
        5..=11 => Selector::Only(names(&random.some(known.actions, 1, 3))),
        12..=15 => Selector::Only(names(&["update", "publish"])),
        _ => Selector::Only(names(&["read", "create"])),
    }
}

fn selection(random: &mut Random, known: &Names, binds_all: usize, when: usize) -> (Selection, &'static str) {
    let (collections, about) = some_collections(random);
    let roles = if random.chance(binds_all) {
        Selector::Any
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
    let subjectless = collections.names().iter().any(|name| name.value.is_empty());
    let has_states = about != "comments" && !subjectless;
    let selection = Selection {
        roles,
        held: *random.pick(&[
            Held::Anywhere,
            Held::Anywhere,
            Held::Anywhere,
            Held::Anywhere,
            Held::Site,
            Held::Shared,
            Held::Aside,
        ]),
        collections,
        actions: some_actions(random, known),
        states: if has_states {
            states(random, 65)
        } else {
            Selector::Any
        },
        to_states: (has_states && random.chance(22)).then(|| targets(random)),
        scope: match random.below(20) {
            0..=14 => Scope::Any,
            _ if about == "facts" => Scope::Any,
            15 | 16 => Scope::Role,
            _ => Scope::Mine,
        },
        when: random.chance(when).then(|| {
            if random.chance(8) {
                condition::neutral()
            } else {
                condition::condition(random, about, For::Stored, 2)
            }
        }),
    };
    (selection, about)
}

fn targets(random: &mut Random) -> TargetStates {
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

fn allow(random: &mut Random, known: &Names) -> Grant {
    let (selection, about) = selection(random, known, 0, 38);
    Grant {
        id: None,
        effect: Effect::Allow,
        validate: random
            .chance(14)
            .then(|| condition::condition(random, about, For::Future, 1)),
        fields: some_fields(random, about, 55),
        explain: random.chance(12),
        networks: random.chance(7).then(|| networks(random)),
        broken: None,
        code: None,
        origin: span(),
        selection,
    }
}

fn deny(random: &mut Random, known: &Names) -> Grant {
    let (mut selection, about) = selection(random, known, 25, 55);
    if random.chance(60) {
        selection.actions = Selector::Only(names(&random.some(known.actions, 1, 1)));
    }
    let broken = random.chance(15);
    Grant {
        id: None,
        effect: Effect::Deny,
        validate: None,
        fields: if broken {
            Selector::Any
        } else {
            some_fields(random, about, 40)
        },
        explain: false,
        networks: random.chance(10).then(|| networks(random)),
        broken: broken.then(|| "its condition asks what cannot be asked".to_owned()),
        code: None,
        origin: span(),
        selection,
    }
}

fn constraint(random: &mut Random, known: &Names) -> Constraint {
    let (selection, about) = selection(random, known, 45, 30);
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
    if !plain.is_empty() && random.chance(40) {
        for (path, holds) in random.some(&plain, 1, 2) {
            presets.push((name(path[0]), condition::preset(random, *holds)));
        }
    }
    Constraint {
        id: None,
        selection,
        require: random
            .chance(40)
            .then(|| condition::condition(random, about, For::Future, 1)),
        submitted: random
            .chance(30)
            .then(|| condition::condition(random, about, For::Submitted, 1)),
        networks: random.chance(15).then(|| networks(random)),
        presets,
        code: None,
        origin: span(),
    }
}

fn document_grant(random: &mut Random, known: &Names) -> DocumentGrant {
    let collection = random.word(&["articles", "notes"]);
    DocumentGrant {
        collection: name(collection),
        document: name(random.word(&["1", "2"])),
        actions: names(&random.some(known.actions, 1, 3)),
        users: names(&random.some(&["ann", "bob", "guest"], 0, 2)),
        groups: names(&random.some(GROUPS, 0, 1)),
        origin: span(),
    }
}
