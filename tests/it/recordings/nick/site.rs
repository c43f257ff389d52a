//! The sites that the vectors are asked of: layers of real profiles, an overlay, groups that only the recording had.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Every site that a file of vectors needs, written as profiles under one root.
pub(crate) struct Sites {
    sites: BTreeMap<String, Site>,
}

/// One site.
pub(crate) struct Site {
    /// The id of the profile, without its mode.
    name: String,
    /// The ids of the types.
    pub(crate) types: Vec<String>,
    /// The documents by path.
    pub(crate) documents: BTreeMap<String, Value>,
    /// Users lost these when the overlay was loaded, because it purges what they were linked to.
    pub(crate) lost_roles: bool,
    pub(crate) lost_groups: bool,
}

impl Site {
    /// Returns the id of the profile in a mode.
    pub(crate) fn profile(&self, mode: &str) -> String {
        format!("{}-{mode}", self.name)
    }
}

impl Sites {
    /// Writes each different site once per mode.
    pub(crate) fn write(folder: &Path, vectors: &[Value], root: &Path, modes: &[&str]) -> Self {
        let mut sites = BTreeMap::new();
        for vector in vectors {
            let name = format!("site-{}", sites.len());
            sites
                .entry(key(vector))
                .or_insert_with(|| write_site(folder, vector, root, name, modes));
        }
        Self { sites }
    }

    /// Returns the site of a vector.
    pub(crate) fn of(&self, vector: &Value) -> &Site {
        &self.sites[&key(vector)]
    }
}

/// What makes two vectors ask the same site.
fn key(vector: &Value) -> String {
    format!(
        "{}|{}|{}",
        vector["profile"], vector["overlay"], vector["groups_extra"]
    )
}

fn write_site(folder: &Path, vector: &Value, root: &Path, name: String, modes: &[&str]) -> Site {
    let mut types = Vec::new();
    let mut documents = BTreeMap::new();
    let overlay = vector["overlay"].as_object();
    for mode in modes {
        let profile = root.join(format!("{name}-{mode}"));
        let mut layers: Vec<String> = Vec::new();
        for layer in vector["profile"]
            .as_array()
            .unwrap()
            .iter()
            .map(|layer| layer.as_str().unwrap())
        {
            if overlay.is_none() || !layer.contains(':') {
                copy_json(&find_layer(folder, layer), &profile.join(layer));
                layers.push(layer.to_owned());
            }
        }
        if let Some(groups) = vector.get("groups_extra") {
            write_layer(
                &profile.join("groups_extra"),
                [("groups.json", &json!({ "groups": groups }))],
            );
            layers.push("groups_extra".to_owned());
        }
        if let Some(overlay) = overlay {
            write_layer(
                &profile.join("overlay"),
                overlay.iter().map(|(name, json)| (name.as_str(), json)),
            );
            layers.push("overlay".to_owned());
        }
        let file = json!({ "dialect": "nick", "mode": mode, "layers": layers });
        write_json(&profile.join("profile.json"), &file);
        types.clear();
        for layer in &layers {
            types.extend(read_types(&profile.join(layer)));
            documents.extend(read_documents(&profile.join(layer)));
        }
    }
    types.sort();
    types.dedup();
    let purges =
        |file: &str| overlay.is_some_and(|files| files.get(file).is_some_and(|file| file["purge"] == true));
    let lost_users = purges("users.json");
    Site {
        name,
        types,
        documents,
        lost_roles: lost_users || purges("roles.json"),
        lost_groups: lost_users || purges("groups.json"),
    }
}

fn find_layer(folder: &Path, layer: &str) -> PathBuf {
    let own = folder.join("profiles").join(layer);
    let packed = folder.join("packages").join(layer).join("profiles/default");
    [own, packed]
        .into_iter()
        .find(|path| path.is_dir())
        .unwrap_or_else(|| panic!("no profile `{layer}`"))
}

fn copy_json(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_json(&path, &target);
        } else if path.extension().is_some_and(|ending| ending == "json") {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Writes files as a layer; Nick passes over a directory that does not say who it is.
fn write_layer<'f>(layer: &Path, files: impl IntoIterator<Item = (&'f str, &'f Value)>) {
    let name = layer.file_name().unwrap().to_str().unwrap();
    write_json(&layer.join("metadata.json"), &json!({ "id": name }));
    for (name, json) in files {
        write_json(&layer.join(name), json);
    }
}

fn write_json(path: &Path, json: &Value) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, json.to_string()).unwrap();
}

fn read_types(layer: &Path) -> Vec<String> {
    let id = |json: Value| json["id"].as_str().map(str::to_owned);
    read_directory(&layer.join("types"))
        .filter_map(|(_, json)| id(json))
        .collect()
}

/// The documents of a layer by path: dots in the name of the file are slashes.
fn read_documents(layer: &Path) -> BTreeMap<String, Value> {
    let path = |name: String| match name.as_str() {
        "_root" => "/".to_owned(),
        name => format!("/{}", name.replace('.', "/")),
    };
    read_directory(&layer.join("documents"))
        .map(|(name, json)| (path(name), json))
        .collect()
}

fn read_directory(directory: &Path) -> impl Iterator<Item = (String, Value)> {
    let entries = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (
                name,
                serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap(),
            )
        })
}
