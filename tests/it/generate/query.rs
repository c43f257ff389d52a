//! Random questions near the names of the policies.

use std::borrow::Cow;

use jiff::Timestamp;
use placet::engine::query::{
    Ancestor, Approval, Context, Holder, LocalRoles, Names, Owner, Query, Resource, Subject,
};
use placet::vocab::value::{Object, Value};

use super::condition::{self, Holds};
use super::policy::field_names;
use super::random::Random;
use super::{ADDRESSES, GROUPS, MOMENTS, PEOPLE, STATES, text};

type Entries = Vec<(Cow<'static, str>, Value<'static>)>;

/// Makes a question.
pub(crate) fn query(random: &mut Random) -> Query<'static> {
    let collection = match random.below(40) {
        0 => "ghosts",
        1 => "categories",
        2 | 3 => "",
        4..=6 => "comments",
        7..=15 => "notes",
        _ => "articles",
    };
    let mut query = everything(random, collection);
    ask(random, &mut query);
    query
}

fn everything(random: &mut Random, collection: &'static str) -> Query<'static> {
    let now: Timestamp = random.word(MOMENTS).parse().unwrap();
    let mut query = Query::at(now);
    query.subject = subject(random);
    query.resource = resource(random, collection);
    query.context = context(random, now);
    query
}

/// Makes a question about a collection in which neither action nor transition is named yet, and little is told that would
/// make a difference by itself.
pub(crate) fn plain(random: &mut Random, collection: &'static str) -> Query<'static> {
    let mut query = everything(random, collection);
    let resource = &mut query.resource;
    if random.chance(75) {
        resource.local_roles.clear();
        resource.ancestors.clear();
        resource.block_inheritance = false;
    }
    resource.any_item &= random.chance(60);
    if random.chance(80) {
        query.subject.roles = query.subject.roles.iter().copied().take(1).collect();
        query.subject.groups = query.subject.groups.iter().copied().take(1).collect();
    }
    query
}

/// Asks for fields, and proposes values, as fits the action that is named.
pub(crate) fn ask_action(random: &mut Random, query: &mut Query<'static>) {
    let pool = field_names(query.resource.collection);
    match query.action {
        "read" | "peek" => {
            if random.chance(60) {
                query.fields = some_names(random, pool, 2);
            }
            if random.chance(20) {
                query.fields.push("*");
            }
        }
        "delete" => {}
        _ => {
            if random.chance(50) {
                query.changes = without_status(&changes(random, query.resource.collection, 2));
            }
            if random.chance(12) {
                query.fields = some_names(random, pool, 1);
            }
        }
    }
    if random.chance(8) {
        query.filter_fields = some_names(random, pool, 1);
    }
}

/// A value of the field of the state that is no usual name.
pub(super) fn odd_state(random: &mut Random) -> Value<'static> {
    match random.below(5) {
        0 => Value::Null,
        1 => text(""),
        2 => Value::Bool(true),
        3 => Value::Number(1.0),
        _ => Value::List(vec![text("draft")]),
    }
}

fn without_status(object: &Object<'static>) -> Object<'static> {
    super::values::without(object, "status")
}

fn some_names(random: &mut Random, all: &[&'static str], most: usize) -> Names<'static> {
    random.some(all, 0, most).into_iter().collect()
}

fn subject(random: &mut Random) -> Subject<'static> {
    let roles: &[&str] = match random.below(40) {
        0 => &["ghost"],
        1 => &["basic", "ghost"],
        2 | 3 => &["root"],
        4..=9 => &[],
        _ => &["author", "editor", "intern", "chief"],
    };
    let mut attributes = Entries::new();
    if random.chance(75) {
        attributes.push(("desk".into(), maybe_null(random, Holds::Text)));
    }
    if random.chance(75) {
        attributes.push(("level".into(), maybe_null(random, Holds::Number)));
    }
    if random.chance(60) {
        attributes.push((
            "deep".into(),
            Value::Object(Object::new(vec![("x".into(), text("alpha"))])),
        ));
    }
    if random.chance(60) {
        attributes.push(("list".into(), condition::value(random, Holds::Tags)));
    }
    Subject {
        id: if random.chance(15) {
            random.word(&["", "guest"])
        } else {
            random.word(PEOPLE)
        },
        roles: if roles.len() > 2 {
            some_names(random, roles, 2)
        } else {
            roles.iter().copied().collect()
        },
        groups: match random.below(10) {
            0..=6 => Names::new(),
            7 => ["nobody"].into_iter().collect(),
            _ => some_names(random, GROUPS, 2),
        },
        attributes: Object::new(attributes),
    }
}

fn maybe_null(random: &mut Random, holds: Holds) -> Value<'static> {
    if random.chance(10) {
        Value::Null
    } else {
        condition::value(random, holds)
    }
}

fn local_roles(random: &mut Random) -> Vec<LocalRoles<'static>> {
    (0..random.between(1, 2))
        .map(|_| LocalRoles {
            holder: if random.chance(75) {
                Holder::User(random.word(&["ann", "bob", "cy", "guest"]))
            } else {
                Holder::Group(random.word(GROUPS))
            },
            roles: some_names(random, &["author", "editor", "chief", "basic", "root"], 2),
        })
        .collect()
}

fn resource(random: &mut Random, collection: &'static str) -> Resource<'static> {
    let mut resource = Resource {
        collection,
        ..Resource::default()
    };
    if random.chance(75) {
        resource.id = random.word(&["1", "2", "3"]);
    }
    let mut attributes = Entries::new();
    let present = if random.chance(12) { 20 } else { 88 };
    for (path, holds) in condition::fields(collection) {
        let name = path[0];
        if random.chance(present) && attributes.iter().all(|(known, _)| known != name) {
            attributes.push((name.into(), attribute(random, collection, name, *holds)));
        }
    }
    if random.chance(50) {
        let roles = vec![text(random.word(&["author", "editor", "ghost"]))];
        attributes.push((
            "meta".into(),
            Value::Object(Object::new(vec![("roles".into(), Value::List(roles))])),
        ));
    }
    let state = random.word(STATES);
    let told = matches!(
        attributes.iter().find(|(name, _)| name == "status"),
        Some((_, Value::Text(_)))
    );
    match random.below(20) {
        0..=9 => {
            resource.state = state;
            if told {
                set(&mut attributes, "status", text(state));
            }
        }
        10 if !told => resource.state = "limbo",
        11 => resource.state = random.word(STATES),
        12 => set(&mut attributes, "status", odd_state(random)),
        _ => {}
    }
    if random.chance(25) {
        let id = random.word(PEOPLE);
        let told = attributes.iter().any(|(name, _)| name == "author");
        if !told || random.chance(10) {
            resource.owner = Owner {
                id,
                roles: some_names(random, &["author", "editor", "ghost"], 2),
            };
        }
    } else if random.chance(20) {
        resource.owner.roles = some_names(random, &["author", "editor", "chief"], 2);
    }
    if random.chance(25) {
        resource.local_roles = local_roles(random);
        resource.block_inheritance = random.chance(25);
    }
    if random.chance(20) {
        resource.ancestors = (0..random.between(1, 2))
            .map(|_| Ancestor {
                collection: random.word(&["articles", "notes", "nowhere"]),
                id: random.word(&["", "1", "2"]),
                local_roles: local_roles(random),
                block_inheritance: random.chance(20),
            })
            .collect();
    }
    if random.chance(60) {
        resource.content_digest = random.word(&["d1", "d2"]);
    }
    resource.any_item = random.chance(14);
    resource.attributes = Object::new(attributes);
    resource
}

fn set(entries: &mut Entries, name: &'static str, value: Value<'static>) {
    entries.retain(|(known, _)| known != name);
    entries.push((name.into(), value));
}

fn object(entries: Entries) -> Value<'static> {
    Value::Object(Object::new(entries))
}

fn attribute(random: &mut Random, collection: &str, name: &str, holds: Holds) -> Value<'static> {
    if random.chance(8) {
        return Value::Null;
    }
    match (collection, name) {
        ("articles", "author") if random.chance(50) => {
            let mut person: Entries = vec![("id".into(), condition::value(random, Holds::Person))];
            if random.chance(85) {
                person.push(("desk".into(), maybe_null(random, Holds::Text)));
            }
            if random.chance(60) {
                person.push(("roles".into(), text(random.word(&["author", "editor"]))));
            }
            object(person)
        }
        ("articles", "category") if random.chance(60) => object(vec![
            ("slug".into(), maybe_null(random, Holds::Text)),
            ("label".into(), maybe_null(random, Holds::Text)),
        ]),
        ("articles", "comments") => rows(random, comment),
        ("notes", "rows" | "more") => rows(random, row),
        ("notes", "deep") => object(vec![("x".into(), maybe_null(random, Holds::Anything))]),
        ("notes", "many") => condition::value(random, Holds::Tags),
        _ => maybe_null(random, holds),
    }
}

fn rows(random: &mut Random, make: fn(&mut Random) -> Value<'static>) -> Value<'static> {
    let count = *random.pick(&[0, 1, 2, 2, 3]);
    if count > 0 && random.chance(4) {
        // Keys alone: nothing is told of the related items.
        return Value::List((0..count).map(|at| Value::Number(at as f64 + 1.0)).collect());
    }
    Value::List((0..count).map(|_| make(random)).collect())
}

fn comment(random: &mut Random) -> Value<'static> {
    let mut entries: Entries = Vec::new();
    for (path, holds) in condition::fields("comments") {
        if random.chance(90) {
            entries.push((path[0].into(), maybe_null(random, *holds)));
        }
    }
    for key in ["id", "number"] {
        entries.push((key.into(), condition::value(random, Holds::Rows)));
    }
    object(entries)
}

fn row(random: &mut Random) -> Value<'static> {
    let mut entries: Entries = vec![("id".into(), Value::Number(1.0))];
    for name in ["x", "y"] {
        if random.chance(92) {
            entries.push((name.into(), maybe_null(random, Holds::Anything)));
        }
    }
    object(entries)
}

fn context(random: &mut Random, now: Timestamp) -> Context<'static> {
    let mut attributes = Entries::new();
    if random.chance(75) {
        attributes.push(("mode".into(), text(random.word(&["alpha", "beta", "draft"]))));
    }
    if random.chance(70) {
        attributes.push(("deep".into(), object(vec![("x".into(), text("alpha"))])));
    }
    if random.chance(40) {
        let part = [
            text("7"),
            Value::Number(7.0),
            Value::Bool(true),
            text(""),
            Value::Null,
        ];
        attributes.push(("part".into(), random.pick(&part).clone()));
    }
    Context {
        ip: random.word(ADDRESSES),
        now,
        explanation: random.word(&["", "", " ", "because", "because"]),
        approvals: Vec::new(),
        comment_author_id: random.word(&["", "ann", "bob"]),
        attributes: Object::new(attributes),
    }
}

fn approval(random: &mut Random, transition: &'static str) -> Approval<'static> {
    Approval {
        subject_id: random.word(&["ann", "bob", "cy", "7", "dee", ""]),
        roles: some_names(random, &["author", "editor", "chief", "basic"], 2),
        transition: if random.chance(90) { transition } else { "note" },
        content_digest: random.word(&["d1", "d1", "d2", ""]),
    }
}

fn ask(random: &mut Random, query: &mut Query<'static>) {
    let pool = field_names(query.resource.collection);
    if random.chance(30) && matches!(query.resource.collection, "articles" | "notes") {
        query.transition = match random.below(30) {
            0 => "vanish",
            _ => random.word(&["submit", "release", "revise", "note", "pull"]),
        };
        if random.chance(75) {
            query.context.approvals = (0..random.between(1, 4))
                .map(|_| approval(random, query.transition))
                .collect();
        }
        if random.chance(15) {
            query.action = random.word(&["update", "publish", "read"]);
        }
        if random.chance(15) {
            query.changes = changes(random, query.resource.collection, 1);
        }
        return;
    }
    query.action = match random.below(40) {
        0 => "fly",
        1 => "make",
        2 => "peek",
        3 => "add",
        4..=8 => "create",
        9..=19 => "read",
        20..=31 => "update",
        32..=34 => "delete",
        _ => "publish",
    };
    match query.action {
        "read" | "peek" => {
            if random.chance(75) {
                query.fields = some_names(random, pool, 3);
            }
            if random.chance(15) {
                query.fields.push("*");
            }
        }
        "delete" | "fly" => {}
        _ => {
            if random.chance(25) {
                query.fields = some_names(random, pool, 2);
            }
            if random.chance(75) {
                query.changes = changes(random, query.resource.collection, 3);
            }
            if random.chance(25) {
                query.to_state = random.word(STATES);
                if random.chance(60) && !query.context.explanation.trim().is_empty() {
                    let transition = random.word(&["submit", "release", "pull"]);
                    query.context.approvals = (0..random.between(1, 3))
                        .map(|_| approval(random, transition))
                        .collect();
                }
            }
        }
    }
    if random.chance(15) {
        query.filter_fields = some_names(random, pool, 2);
    }
}

fn changes(random: &mut Random, collection: &str, most: usize) -> Object<'static> {
    let mut entries = Entries::new();
    let plain: Vec<_> = condition::fields(collection)
        .iter()
        .filter(|(path, holds)| path.len() == 1 && *holds != Holds::Rows)
        .collect();
    for (path, holds) in random.some(&plain, 0, most) {
        entries.push((path[0].into(), maybe_null(random, *holds)));
    }
    Object::new(entries)
}
