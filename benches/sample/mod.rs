//! A newsroom of any size to measure on, and questions about it.
//!
//! Each collection has the same workflow of four states and 24 rules, which give four roles what they may do in each state:
//! with anybody's items, with those of people in the same role, or with their own. So the number of rules grows with the number
//! of collections, as it does in real systems, and no question concerns more than a few of them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use placet::compile::compile;
use placet::engine::query::{Owner, Query, Resource, Subject};
use placet::load::discover::{Scan, ScanLimits, read_root};
use placet::load::load;
use placet::load::profile::read_policy;
use placet::model::Model;
use placet::source::file::SourceMap;
use placet::validate::ValidPolicy;
use placet::vocab::value::{Object, Value};
use serde_json::{Value as Json, json};

/// The rules of one collection: role, action, states, and whose items.
const RULES: [(&str, &str, &[&str], &str); 24] = [
    ("author", "update", &["draft"], "mine"),
    ("author", "read", &["draft"], "mine"),
    ("author", "create", &["draft"], "any"),
    ("author", "delete", &["draft"], "mine"),
    ("author", "read", &["review"], "role"),
    ("author", "comment", &["review"], "role"),
    ("author", "read", &["published", "archived"], "any"),
    ("editor", "read", &["draft"], "role"),
    ("editor", "update", &["draft"], "role"),
    ("editor", "comment", &["draft"], "role"),
    ("editor", "read", &["review"], "any"),
    ("editor", "update", &["review"], "any"),
    ("editor", "comment", &["review"], "any"),
    ("editor", "delete", &["review"], "role"),
    ("editor", "read", &["published", "archived"], "any"),
    ("editor", "update", &["published"], "role"),
    ("chief", "create", &["draft", "review", "published"], "any"),
    (
        "chief",
        "read",
        &["draft", "review", "published", "archived"],
        "any",
    ),
    (
        "chief",
        "update",
        &["draft", "review", "published", "archived"],
        "any",
    ),
    (
        "chief",
        "delete",
        &["draft", "review", "published", "archived"],
        "any",
    ),
    (
        "chief",
        "comment",
        &["draft", "review", "published", "archived"],
        "any",
    ),
    ("reader", "read", &["published"], "any"),
    ("reader", "comment", &["published"], "any"),
    ("reader", "read", &["archived"], "any"),
];

const STATES: [&str; 4] = ["draft", "review", "published", "archived"];

/// How large a newsroom is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// How many rules.
    pub(crate) rules: usize,
    /// How many roles, four at least.
    pub(crate) roles: usize,
}

impl Size {
    /// Returns the size of a newsroom with so many rules and its four roles.
    pub(crate) fn of_rules(rules: usize) -> Self {
        Self { rules, roles: 4 }
    }

    fn collections(self) -> usize {
        self.rules.div_ceil(RULES.len())
    }

    /// Returns the name of a collection in the middle.
    pub(crate) fn collection(self) -> String {
        collection_name(self.collections() / 2)
    }

    /// Returns the name of the last role; not every benchmark asks for it.
    #[allow(dead_code, reason = "the benchmarks share this page, each uses a part of it")]
    pub(crate) fn last_role(self) -> String {
        if self.roles > 4 {
            extra_role(self.roles - 5)
        } else {
            "reader".to_owned()
        }
    }

    /// Writes the newsroom as a profile below `root`.
    pub(crate) fn write(self, root: &Path) {
        let profile = root.join("newsroom");
        fs::create_dir(&profile).expect("a directory");
        for (name, content) in self.files() {
            fs::write(profile.join(name), content.to_string()).expect("a file");
        }
    }

    /// Reads the newsroom as the daemon reads a directory.
    pub(crate) fn scan(self) -> Scan {
        let root = tempfile::tempdir().expect("a temporary directory");
        self.write(root.path());
        read_root(root.path(), &ScanLimits::default()).expect("a readable directory")
    }

    /// Returns the newsroom, checked, and the text that its places point into.
    pub(crate) fn policy(self) -> (ValidPolicy, SourceMap) {
        let scan = self.scan();
        read_policy(&scan, "newsroom").unwrap_or_else(|| panic!("{:#?}", load(&scan, &[])[0].diagnostics))
    }

    /// Returns the newsroom, compiled.
    pub(crate) fn model(self) -> Arc<Model> {
        let (policy, sources) = self.policy();
        Arc::new(compile(&policy, &sources))
    }

    fn files(self) -> [(&'static str, Json); 5] {
        let four = ["author", "editor", "chief", "reader"].map(str::to_owned);
        let roles: Vec<Json> = four
            .into_iter()
            .chain((0..self.roles.saturating_sub(4)).map(extra_role))
            .map(|id| json!({"id": id}))
            .collect();
        let collections: Vec<Json> = (0..self.collections())
            .map(collection)
            .chain([conditional()])
            .collect();
        [
            ("profile.json", json!({"id": "newsroom", "dialect": "native"})),
            ("roles.json", json!({"roles": roles})),
            ("collections.json", json!({"collections": collections})),
            ("grants.json", json!({"grants": self.grants()})),
            ("workflows.json", workflows()),
        ]
    }

    fn grants(self) -> Vec<Json> {
        let rules = (0..self.rules).map(|index| {
            let (role, action, states, scope) = RULES[index % RULES.len()];
            let mut grant = json!({
                "roles": [role], "collections": [collection_name(index / RULES.len())], "actions": [action],
                "states": states, "scope": scope,
            });
            if index % RULES.len() == 0 {
                grant["fields"] = json!({"except": ["slug", "featured"]});
            }
            grant
        });
        let leaf = |n: usize| json!({format!("f{n}"): {"_eq": n}});
        let leaves: Vec<Json> = (0..10).map(leaf).collect();
        let conditions = [
            json!({"roles": ["author"], "collections": ["conditional"], "actions": ["one"], "when": leaf(0)}),
            json!({"roles": ["author"], "collections": ["conditional"], "actions": ["ten"], "when": {"_and": leaves}}),
        ];
        let extra = (0..self.roles.saturating_sub(4)).map(|index| {
            json!({"roles": [extra_role(index)], "collections": [self.collection()], "actions": ["read"]})
        });
        rules.chain(conditions).chain(extra).collect()
    }
}

fn extra_role(index: usize) -> String {
    format!("desk-{index}")
}

fn collection_name(index: usize) -> String {
    format!("articles-{index}")
}

fn collection(index: usize) -> Json {
    json!({
        "id": collection_name(index), "workflow": "publication", "state_field": "status",
        "owner": {"field": "created_by", "roles": "created_by.role"},
        "fields": ["id", "status", "title", "slug", "body", "teaser", "featured", "created_by", "created_on", "section"],
    })
}

fn conditional() -> Json {
    let fields: Vec<String> = (0..10).map(|n| format!("f{n}")).collect();
    json!({"id": "conditional", "fields": fields})
}

/// Every state offers a way to every other one.
fn workflows() -> Json {
    let states = STATES.iter().map(|state| {
        let ways: Vec<String> = STATES
            .iter()
            .filter(|to| *to != state)
            .map(|to| format!("to-{to}"))
            .collect();
        ((*state).to_owned(), json!({"transitions": ways}))
    });
    let transitions = STATES
        .iter()
        .map(|to| (format!("to-{to}"), json!({"to": to, "actions": ["update"]})));
    json!({"workflows": [{
        "id": "publication", "initial_state": "draft",
        "states": states.collect::<serde_json::Map<_, _>>(),
        "transitions": transitions.collect::<serde_json::Map<_, _>>(),
    }]})
}

/// Returns a question as a CMS asks it: somebody with two roles, about an item of another author of the same role.
pub(crate) fn question<'a>(
    action: &'a str,
    collection: &'a str,
    state: &'a str,
    owner: &'a str,
) -> Query<'a> {
    let mut query = Query::at(Timestamp::UNIX_EPOCH);
    query.subject = Subject {
        id: "user-1",
        roles: (&["author", "reader"] as &[_]).into(),
        ..Subject::default()
    };
    query.context.ip = "192.0.2.7";
    query.action = action;
    query.resource = Resource {
        collection,
        id: "item-4711",
        state,
        owner: Owner {
            id: owner,
            roles: (&["author"] as &[_]).into(),
        },
        attributes: Object::new(vec![
            ("title".into(), Value::Text("Floods recede".into())),
            ("section".into(), Value::Number(7.0)),
        ]),
        ..Resource::default()
    };
    query
}

/// Returns an allow: an author edits a draft of her own.
pub(crate) fn hit(collection: &str) -> Query<'_> {
    question("update", collection, "draft", "user-1")
}

/// Returns a deny: an author edits a draft of somebody else.
pub(crate) fn miss(collection: &str) -> Query<'_> {
    question("update", collection, "draft", "user-2")
}

/// Returns an allow with a condition of one leaf (`one`) or ten (`ten`).
pub(crate) fn condition<'a>(action: &'a str, fields: &'a [String]) -> Query<'a> {
    let mut query = question(action, "conditional", "", "user-1");
    let entries = fields
        .iter()
        .zip(0u32..)
        .map(|(name, n)| (name.as_str().into(), Value::Number(n.into())));
    query.resource.attributes = Object::new(entries.collect());
    query
}

/// Returns the names of the fields that the conditions look at.
pub(crate) fn condition_fields() -> Vec<String> {
    (0..10).map(|n| format!("f{n}")).collect()
}
