//! The recorded world: its items with what they are related to, its people, and the profiles that the vectors are asked of.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

/// How far relations are followed from an item.
const DEPTH: usize = 3;

/// What the recording was made of.
pub(crate) struct World {
    setup: Value,
    /// Items with what they are related to, made once.
    expanded: RefCell<BTreeMap<String, Value>>,
}

/// A relation as seen from one side.
struct Link<'w> {
    field: &'w str,
    collection: &'w str,
    /// Of a list: the field of the related items that points back.
    back: Option<&'w str>,
}

impl World {
    /// Reads `setup.json` of a folder.
    pub(crate) fn read(folder: &Path) -> Self {
        Self {
            setup: read_json(&folder.join("setup.json")),
            expanded: RefCell::default(),
        }
    }

    /// Returns when it was recorded.
    pub(crate) fn now(&self) -> &str {
        self.setup["now"].as_str().unwrap()
    }

    /// Returns a person by the key of the recording.
    pub(crate) fn user(&self, key: &str) -> Option<&Value> {
        self.rows("users").find(|user| user["key"] == key)
    }

    /// Returns the items of a collection as they are stored.
    pub(crate) fn items(&self, collection: &str) -> Vec<&Value> {
        self.setup["items"][collection]
            .as_array()
            .into_iter()
            .flatten()
            .collect()
    }

    /// Returns all rows of a collection, people and roles among them.
    pub(crate) fn all(&self, collection: &str) -> Vec<&Value> {
        match collection {
            "directus_users" => self.rows("users").collect(),
            "directus_roles" => self.rows("roles").collect(),
            _ => self.items(collection),
        }
    }

    /// Returns an item as it is stored.
    pub(crate) fn item(&self, collection: &str, id: &Value) -> Option<&Value> {
        self.items(collection).into_iter().find(|item| item["id"] == *id)
    }

    /// Returns the names of the declared fields of a collection.
    pub(crate) fn fields(&self, collection: &str) -> Vec<&str> {
        self.rows("fields")
            .filter(|field| field["collection"] == collection)
            .map(|field| field["field"].as_str().unwrap())
            .collect()
    }

    /// Returns the declared type of a field.
    pub(crate) fn kind(&self, collection: &str, name: &str) -> Option<&str> {
        self.rows("fields")
            .find(|field| field["collection"] == collection && field["field"] == name)
            .and_then(|field| field["type"].as_str())
    }

    /// Returns a value for each field that must have one and gets none by default.
    pub(crate) fn demanded(&self, collection: &str) -> Value {
        let demanded = self.rows("fields").filter(|field| {
            field["collection"] == collection
                && field["nullable"] == false
                && field["default"].is_null()
                && field["primary_key"] != true
        });
        let value = |field: &Value| (field["field"].as_str().unwrap().to_owned(), Value::from("x"));
        Value::Object(demanded.map(value).collect())
    }

    /// Returns the collection that a field leads to, and the field of its items that points back, if it stands for a list.
    pub(crate) fn related(&self, collection: &str, field: &str) -> Option<(&str, Option<&str>)> {
        self.links(collection)
            .into_iter()
            .find(|link| link.field == field)
            .map(|link| (link.collection, link.back))
    }

    /// Returns an item with the items that it is related to in the place of their keys.
    pub(crate) fn expanded(&self, collection: &str, item: &Value) -> Value {
        let key = format!("{collection} {}", item["id"]);
        let mut known = self.expanded.borrow_mut();
        known
            .entry(key)
            .or_insert_with(|| self.expand(collection, item, DEPTH))
            .clone()
    }

    /// Returns the items that a field of an item stands for.
    pub(crate) fn children(&self, collection: &str, item: &Value, field: &str) -> Vec<&Value> {
        match self.related(collection, field) {
            Some((child, Some(back))) => self
                .items(child)
                .into_iter()
                .filter(|row| row[back] == item["id"])
                .collect(),
            Some((child, None)) => self.row(child, &item[field]).into_iter().collect(),
            None => Vec::new(),
        }
    }

    fn expand(&self, collection: &str, item: &Value, depth: usize) -> Value {
        let mut expanded: Map<String, Value> = item.as_object().unwrap().clone();
        expanded.remove("key");
        if depth == 0 {
            return Value::Object(expanded);
        }
        for link in self.links(collection) {
            let value = match link.back {
                Some(_) => {
                    let children = self.children(collection, item, link.field);
                    children
                        .into_iter()
                        .map(|child| self.expand(link.collection, child, depth - 1))
                        .collect()
                }
                None => match self.row(link.collection, &item[link.field]) {
                    Some(row) => self.expand(link.collection, row, depth - 1),
                    None => continue,
                },
            };
            expanded.insert(link.field.to_owned(), value);
        }
        Value::Object(expanded)
    }

    fn row(&self, collection: &str, id: &Value) -> Option<&Value> {
        match collection {
            "directus_users" => self.rows("users").find(|row| row["id"] == *id),
            "directus_roles" => self.rows("roles").find(|row| row["id"] == *id),
            _ => self.item(collection, id),
        }
    }

    fn links(&self, collection: &str) -> Vec<Link<'_>> {
        let mut links = Vec::new();
        if collection == "directus_users" {
            links.push(Link {
                field: "role",
                collection: "directus_roles",
                back: None,
            });
        }
        for relation in self.rows("relations") {
            let text = |key: &str| relation[key].as_str().unwrap();
            if relation["collection"] == collection {
                links.push(Link {
                    field: text("field"),
                    collection: text("related_collection"),
                    back: None,
                });
            }
            if relation["related_collection"] == collection && relation["one_field"].is_string() {
                links.push(Link {
                    field: text("one_field"),
                    collection: text("collection"),
                    back: Some(text("field")),
                });
            }
        }
        links
    }

    fn rows(&self, key: &str) -> impl Iterator<Item = &Value> {
        self.setup[key].as_array().into_iter().flatten()
    }
}

/// The profiles that some vectors are asked of.
pub(crate) struct Profiles<'v> {
    /// Each different profile: its name, and a vector that says what is in it.
    profiles: BTreeMap<String, (String, &'v Value)>,
    vectors: Vec<(usize, String)>,
}

/// The keys of a vector that change what is in force.
const CARRIED: [&str; 6] = [
    "permissions",
    "validation",
    "rows",
    "extra_rows",
    "policy_ip_access",
    "ip_access",
];

impl<'v> Profiles<'v> {
    /// Shares vectors out so that those of one part need at most so many different profiles.
    pub(crate) fn chunks(vectors: &'v [Value], most: usize) -> Vec<Self> {
        let mut chunks: Vec<Self> = Vec::new();
        for (index, vector) in vectors.iter().enumerate() {
            let key = key(vector);
            let home = chunks.iter().position(|chunk| chunk.profiles.contains_key(&key));
            let home = home.unwrap_or_else(|| {
                if chunks.last().is_none_or(|last| last.profiles.len() >= most) {
                    chunks.push(Self {
                        profiles: BTreeMap::new(),
                        vectors: Vec::new(),
                    });
                }
                chunks.len() - 1
            });
            let chunk = &mut chunks[home];
            let name = format!("world-{}", chunk.profiles.len());
            let (name, _) = chunk.profiles.entry(key).or_insert((name, vector));
            chunk.vectors.push((index, name.clone()));
        }
        chunks
    }

    /// Returns the vectors by their place in the file, with the profile that each is asked of.
    pub(crate) fn vectors(&self) -> impl Iterator<Item = (usize, &str)> {
        self.vectors.iter().map(|(index, name)| (*index, name.as_str()))
    }

    /// Writes each profile once per mode: the bodies of the API, with the rows that the vectors carry among them.
    pub(crate) fn write(&self, folder: &Path, root: &Path, modes: &[&str]) {
        let body = |name: &str| read_json(&folder.join(format!("raw-{name}.json")));
        let bodies = ["roles", "policies", "access", "permissions", "schema-snapshot"].map(body);
        let setup = read_json(&folder.join("setup.json"));
        for (name, vector) in self.profiles.values() {
            let [roles, mut policies, access, mut permissions, snapshot] = bodies.clone();
            let rows = rows_of(vector, &setup);
            permissions["data"].as_array_mut().unwrap().extend(rows);
            let networks = vector.get("policy_ip_access").or(vector.get("ip_access"));
            if let Some(networks) = networks {
                let policies = policies["data"].as_array_mut().unwrap();
                let policy = policies.iter_mut().find(|policy| policy["name"] == "ip").unwrap();
                policy["ip_access"] = networks.clone();
            }
            for mode in modes {
                let profile = root.join(format!("{name}-{mode}"));
                fs::create_dir_all(&profile).unwrap();
                let write = |file: &str, json: &Value| {
                    fs::write(profile.join(file), json.to_string()).unwrap();
                };
                write("profile.json", &json!({ "dialect": "directus", "mode": mode }));
                write("roles.json", &roles);
                write("policies.json", &policies);
                write("access.json", &access);
                write("permissions.json", &permissions);
                write("snapshot.json", &snapshot);
            }
        }
    }
}

/// What makes two vectors ask the same profile.
fn key(vector: &Value) -> String {
    CARRIED
        .iter()
        .filter(|key| vector.get(**key).is_some())
        .map(|key| {
            let whose = if *key == "rows" {
                &Value::Null
            } else {
                &vector["user"]
            };
            format!("{key} {whose} {} {}|", vector["action"], vector[*key])
        })
        .collect()
}

/// The rows that a vector carries, as the API would answer them.
fn rows_of(vector: &Value, setup: &Value) -> Vec<Value> {
    let user = vector["user"].as_str().unwrap_or_default();
    let row = |action: &str, collection: &str| {
        json!({
            "policy": policy_of(user, setup), "collection": collection, "action": action,
            "permissions": {}, "validation": null, "presets": null, "fields": ["*"],
        })
    };
    let collection = vector["collection"].as_str().unwrap_or_default();
    let mut rows = Vec::new();
    if let Some(rule) = vector.get("permissions") {
        let mut read = row("read", collection);
        read["permissions"] = rule.clone();
        rows.push(read);
    }
    if let Some(validation) = vector.get("validation") {
        let mut write = row(vector["action"].as_str().unwrap(), collection);
        write["validation"] = validation.clone();
        rows.push(write);
        rows.push(row("read", collection));
    }
    for key in ["rows", "extra_rows"] {
        for carried in vector[key].as_array().into_iter().flatten() {
            let mut full = row("", collection);
            for (key, value) in carried.as_object().unwrap() {
                full[key] = value.clone();
            }
            rows.push(full);
        }
    }
    for (number, row) in rows.iter_mut().enumerate() {
        if row.get("id").is_none() {
            row["id"] = json!(900_000 + number);
        }
    }
    rows
}

/// The policy that is attached to a person.
fn policy_of(user: &str, setup: &Value) -> Value {
    let all = |key: &str| setup[key].as_array().into_iter().flatten();
    let id = all("users").find(|row| row["key"] == user).map(|row| &row["id"]);
    let attached = all("access").find(|row| Some(&row["user"]) == id && !row["user"].is_null());
    attached.map_or(Value::Null, |row| row["policy"].clone())
}

fn read_json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
