//! The profiles that the cases are asked of: the rows and facts of each, as files of the dialect.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// Every profile that a file of cases needs, under one root.
pub(crate) struct Sites {
    sites: BTreeMap<String, Site>,
}

/// One profile.
pub(crate) struct Site {
    /// Its id.
    pub(crate) profile: String,
    /// What is known of the collection.
    pub(crate) facts: Value,
}

impl Sites {
    /// Writes each different profile once.
    pub(crate) fn write(folder: &Path, cases: &[Value], root: &Path) -> Self {
        let mut sites = BTreeMap::new();
        for case in cases {
            let profile = format!("site-{}", sites.len());
            sites
                .entry(key(case))
                .or_insert_with(|| write_site(folder, case, root, profile));
        }
        Self { sites }
    }

    /// Returns the profile of a case.
    pub(crate) fn of(&self, case: &Value) -> &Site {
        &self.sites[&key(case)]
    }
}

/// What makes two cases ask the same profile.
fn key(case: &Value) -> String {
    [
        "rows_file",
        "rows",
        "collection",
        "collection_facts",
        "roles",
        "user",
    ]
    .map(|key| {
        if key == "user" {
            case["user"]["roles"].to_string()
        } else {
            case[key].to_string()
        }
    })
    .join("|")
}

fn write_site(folder: &Path, case: &Value, root: &Path, profile: String) -> Site {
    let directory = root.join(&profile);
    fs::create_dir_all(&directory).unwrap();
    let write = |name: &str, json: &Value| fs::write(directory.join(name), json.to_string()).unwrap();
    write("profile.json", &json!({"dialect": "directus-legacy"}));
    let collection = case["collection"].as_str().unwrap_or_default();
    if let Some(name) = case["rows_file"].as_str() {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        let example: Value = serde_json::from_str(&text).unwrap();
        write("directus_permissions.json", &json!({"data": example["data"]}));
        write("directus_roles.json", &example["directus_roles"]);
        write("directus_users.json", &json!({"data": example["users"]}));
        write(
            "collections.json",
            &json!({"collections": example["collections"]}),
        );
        let facts = example["collections"][collection].clone();
        return Site { profile, facts };
    }
    let rows = case["rows"].as_array().cloned().unwrap_or_default();
    write("directus_roles.json", &roles(case, &rows));
    write("directus_permissions.json", &json!({"data": rows}));
    let facts = case["collection_facts"].clone();
    if facts.is_object() {
        write("collections.json", &json!({"collections": {collection: facts}}));
    }
    Site { profile, facts }
}

/// The roles that the case names, with their lists of addresses.
fn roles(case: &Value, rows: &[Value]) -> Value {
    let mut ids: BTreeSet<String> = BTreeSet::new();
    let named = rows.iter().map(|row| &row["role"]);
    let held = case["user"]["roles"].as_array().into_iter().flatten();
    ids.extend(named.chain(held).chain([&case["role"]]).filter_map(id));
    ids.extend(
        case["roles"]
            .as_object()
            .into_iter()
            .flat_map(|roles| roles.keys().cloned()),
    );
    let row = |id: &String| json!({"id": id, "ip_whitelist": case["roles"][id]["ip_whitelist"]});
    Value::Array(ids.iter().map(row).collect())
}

/// Returns a key as text.
pub(crate) fn id(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
