//! What the engine itself says of an item: the condition is the `when` of the only grant.

use std::fs;
use std::sync::Arc;

use placet::engine::check::check;
use placet::load::discover::{ScanLimits, read_root};
use placet::load::{LoadedProfile, load};
use placet::model::Model;
use placet::vocab::effect::Effect;
use serde_json::{Value as Json, json};

use crate::ask;

/// Profiles with one grant each, by name.
pub(crate) struct Oracle {
    profiles: Vec<Arc<LoadedProfile>>,
}

impl Oracle {
    /// Loads a profile for each condition; `collections` is what all of them declare.
    pub(crate) fn load(collections: &Json, conditions: &[(String, Json)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for (name, condition) in conditions {
            let directory = root.path().join(name);
            fs::create_dir_all(&directory).unwrap();
            let grant = json!({"roles": ["everyone"], "collections": ["things"], "actions": ["read"], "when": condition});
            for (file, json) in [
                ("collections.json", json!({ "collections": collections })),
                ("grants.json", json!({ "grants": [grant] })),
            ] {
                fs::write(directory.join(file), json.to_string()).unwrap();
            }
        }
        let scan = read_root(root.path(), &ScanLimits::default()).unwrap();
        Self {
            profiles: load(&scan, &[]),
        }
    }

    /// Returns the model of a condition; `None` if no profile may say it.
    pub(crate) fn model(&self, name: &str) -> Option<&Model> {
        let found = self
            .profiles
            .iter()
            .find(|profile| profile.id.as_ref() == name)
            .unwrap();
        found.model.as_deref()
    }
}

/// Tells whether the condition of a model holds of an item.
pub(crate) fn holds(model: &Model, item: &Json, context: &Json) -> bool {
    let question = json!({
        "action": "read",
        "resource": {"collection": "things", "attributes": item},
        "context": {"attributes": context},
    });
    let query = ask::query(&question);
    check(model, &query).unwrap().effect == Effect::Allow
}
