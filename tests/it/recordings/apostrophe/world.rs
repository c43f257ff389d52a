//! The project that was recorded, as profiles of its own form.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::lists::Lists;

/// What of the recorded project no file of the recordings says: which of its types are pages.
const PAGES: [&str; 5] = [
    "default-page",
    "secure-page",
    "@apostrophecms/home-page",
    "@apostrophecms/archive-page",
    "@apostrophecms/any-page-type",
];

/// The project.
pub(crate) struct World {
    /// The options of each type.
    pub(crate) types: Value,
    /// The documents that lists were made of, by id.
    pub(crate) docs: Vec<Value>,
    /// The names of the fields with rules, in their order.
    pub(crate) fields: Vec<String>,
    /// Where queries of MongoDB are run, if there is such an engine.
    pub(crate) lists: Lists,
}

impl World {
    /// Reads the project, and writes a profile per mode, and one with the fields that have rules.
    pub(crate) fn write(folder: &Path, root: &Path) -> Self {
        let read = |name: &str| -> Value {
            let text = fs::read_to_string(folder.join(name)).unwrap();
            serde_json::from_str(&text).unwrap()
        };
        let mut types = read("types.json");
        for (name, options) in types.as_object_mut().unwrap() {
            if PAGES.contains(&name.as_str()) {
                options["kind"] = json!("page");
            }
        }
        // The order of the file is that of the schema.
        let text = fs::read_to_string(folder.join("field-rules.json")).unwrap();
        let place = |name: &String| text.find(&format!("\"{name}\": {{")).unwrap();
        let rules = read("field-rules.json");
        let rules = rules.as_object().unwrap();
        let mut docs: Vec<Value> = read("criteria-docs.json").as_array().unwrap().clone();
        docs.sort_by(|a, b| a["_id"].as_str().cmp(&b["_id"].as_str()));
        write_profile(&root.join("exact"), "exact", &types);
        write_profile(&root.join("strict"), "strict", &known_roles(&types));
        let mut ruled = types.clone();
        ruled["article"]["fields"] = rules.iter().map(field).collect();
        // Everybody may ask for every field, as far as permissions let him.
        let shown: Map<String, Value> = rules.keys().map(|name| (name.clone(), json!(1))).collect();
        ruled["article"]["publicApiProjection"] = Value::Object(shown);
        write_profile(&root.join("fields"), "exact", &ruled);
        let mut fields: Vec<String> = rules.keys().cloned().collect();
        fields.sort_by_key(place);
        Self {
            types,
            docs,
            fields,
            lists: Lists::start(),
        }
    }

    /// Tells whether there is a draft and a published copy of documents of a type.
    pub(crate) fn is_localized(&self, doc_type: &str) -> bool {
        self.types[doc_type]["localized"] != false
    }

    /// Tells whether a type is one of pages.
    pub(crate) fn is_page(&self, doc_type: &str) -> bool {
        self.types[doc_type]["kind"] == "page"
    }
}

/// Mode `strict` refuses role options that name no role; in the real system they say as much as none.
fn known_roles(types: &Value) -> Value {
    let mut types = types.clone();
    for options in types.as_object_mut().unwrap().values_mut() {
        for key in ["viewRole", "editRole", "publishRole"] {
            let known = ["guest", "contributor", "editor", "admin"];
            if options[key].as_str().is_some_and(|role| !known.contains(&role)) {
                options[key] = json!(false);
            }
        }
    }
    types
}

fn field((name, rules): (&String, &Value)) -> Value {
    let mut field = rules.clone();
    field["name"] = json!(name);
    field["type"] = json!("string");
    field
}

fn write_profile(directory: &Path, mode: &str, types: &Value) {
    fs::create_dir(directory).unwrap();
    let profile = json!({"dialect": "apostrophe", "mode": mode});
    for (name, json) in [("profile.json", &profile), ("types.json", types)] {
        fs::write(directory.join(name), json.to_string()).unwrap();
    }
}
