//! Answers against expectations.

use placet::rpc::proto::v1::{LeftOut, Reason};
use serde_json::{Value, json};

use super::super::Judged;
use super::ask::{Asker, Question, Verdict, from_struct};
use super::read::{Reading, Wanted, finds_nothing, keys, names};

/// Asks and compares.
pub(crate) fn judge(asker: &Asker<'_>) -> Judged {
    let vector = asker.vector;
    if vector.get("share").is_some() {
        return Judged::apart("share token: two subjects in one question");
    }
    let user = vector["user"].as_str().unwrap_or("public");
    let status = asker.world.user(user).map(|user| &user["status"]);
    if status.is_some_and(|status| *status != "active") {
        return Judged::apart("login: Directus lets only active people in, and asks nothing about others");
    }
    let mut comparison = Comparison {
        expect: &vector["expect"],
        compared: Vec::new(),
        wrong: Vec::new(),
        unchecked: Vec::new(),
    };
    match comparison.run(asker) {
        Ok(()) => comparison.finish(),
        Err(text) => Judged::disagree(text),
    }
}

struct Comparison<'e> {
    expect: &'e Value,
    compared: Vec<&'static str>,
    wrong: Vec<String>,
    unchecked: Vec<(String, &'static str)>,
}

impl Comparison<'_> {
    fn run(&mut self, asker: &Asker<'_>) -> Result<(), String> {
        let vector = asker.vector;
        let collection = vector["collection"].as_str().unwrap_or_default();
        let text = |key: &str| vector[key].as_str().unwrap_or_default();
        match (text("op"), text("action")) {
            ("set-ip_access", _) => self.setting(asker),
            ("permissions/me", _) => self.summary(asker),
            ("list", "read") => self.list(asker, collection),
            ("filter-by", "read") => self.filtered(asker, collection),
            ("query", "read") => self.query(asker, collection),
            ("", "read") => self.item(asker, collection),
            ("", "create") => self.creation(asker, collection),
            ("", "update") => {
                let verdict = asker.update(collection, &ids(vector), &vector["payload"])?;
                self.verdict(&verdict);
                Ok(())
            }
            ("", action @ ("delete" | "share")) => {
                let verdict = asker.each(collection, &ids(vector), action, None)?;
                self.verdict(&verdict);
                Ok(())
            }
            (op, action) => Err(format!("no request asks `{op}` `{action}`")),
        }
    }

    /// A policy with such networks is refused when it is saved, and a profile with it when it is loaded.
    fn setting(&mut self, asker: &Asker<'_>) -> Result<(), String> {
        let question = Question {
            action: "read",
            collection: "articles",
            ..Question::default()
        };
        let is_loaded = asker.ask(&question).is_ok();
        self.note("allowed", &Value::from(is_loaded));
        self.skip(
            "error_code",
            "the profile is not loaded, so no decision has a code",
        );
        Ok(())
    }

    fn list(&mut self, asker: &Asker<'_>, collection: &str) -> Result<(), String> {
        let wanted = Wanted {
            fields: names(&asker.vector["query_fields"]),
            ..Wanted::default()
        };
        let reading = asker.read(collection, &wanted)?;
        self.reading(&reading);
        if let Some(expected) = self.expect.get("titles") {
            let mut titles: Vec<Value> = reading.items.iter().map(|shown| shown.value("title")).collect();
            let mut expected = expected.as_array().cloned().unwrap_or_default();
            titles.sort_by_key(Value::to_string);
            expected.sort_by_key(Value::to_string);
            self.compared.push("titles");
            self.compare("titles", &json!(expected), &json!(titles));
        }
        if self.expect.get("sort_by_id").is_some() {
            let sorted = Wanted {
                filter_fields: vec!["id".to_owned()],
                ..wanted
            };
            let found = match asker.read(collection, &sorted)?.verdict {
                Verdict::Allowed => "allowed".to_owned(),
                Verdict::Refused { code, .. } => code,
            };
            self.note("sort_by_id", &Value::from(found));
        }
        Ok(())
    }

    /// A list of those items whose field holds what the recording looked for.
    fn filtered(&mut self, asker: &Asker<'_>, collection: &str) -> Result<(), String> {
        let field = asker.vector["filter_field"].as_str().unwrap_or_default();
        let mut reading = asker.read(
            collection,
            &Wanted {
                fields: names(&asker.vector["query_fields"]),
                filter_fields: vec![field.to_owned()],
                ..Wanted::default()
            },
        )?;
        reading.items.retain(|shown| shown.item[field] == SOUGHT);
        self.reading(&reading);
        Ok(())
    }

    fn query(&mut self, asker: &Asker<'_>, collection: &str) -> Result<(), String> {
        let query = asker.vector["query"].as_str().unwrap_or_default();
        let (key, value) = query
            .split_once('=')
            .ok_or_else(|| format!("no request asks `{query}`"))?;
        let mut wanted = Wanted {
            fields: vec!["*".to_owned()],
            ..Wanted::default()
        };
        if key == "sort" {
            wanted.filter_fields = vec![value.trim_start_matches('-').to_owned()];
        } else if key == "search" {
            return self.search(asker, collection, value);
        } else if key.starts_with("aggregate[") && value == "*" {
            // Nothing is asked of any field.
            let reading = asker.read(collection, &Wanted::default())?;
            self.verdict(&reading.verdict);
            let function = key.trim_start_matches("aggregate[").trim_end_matches(']');
            self.note("data", &json!([{ function: reading.items.len() }]));
            return Ok(());
        } else if let Some(path) = key.strip_prefix("filter") {
            return self.filter(asker, collection, path, value);
        } else {
            return Err(format!("no request asks `{query}`"));
        }
        let reading = asker.read(collection, &wanted)?;
        self.reading(&reading);
        Ok(())
    }

    /// `filter[category][name][_eq]=News`: each step must be in reach in its own collection.
    fn filter(&mut self, asker: &Asker<'_>, collection: &str, path: &str, value: &str) -> Result<(), String> {
        let steps: Vec<&str> = path.trim_matches(['[', ']']).split("][").collect();
        let Some((operator, steps)) = steps.split_last().filter(|(operator, _)| **operator == "_eq") else {
            return Err(format!("no request asks `{path}`"));
        };
        let _ = operator;
        let mut home = collection;
        for step in steps {
            let question = Question {
                action: "read",
                collection: home,
                filter_fields: vec![(*step).to_owned()],
                ..Question::default()
            };
            let verdict = asker.ask(&question)?;
            if let Verdict::Refused { reason, .. } = &verdict
                && !finds_nothing(*reason)
            {
                self.verdict(&verdict);
                return Ok(());
            }
            home = asker
                .world
                .related(home, step)
                .map_or("", |(collection, _)| collection);
        }
        let wanted = Wanted {
            fields: vec!["*".to_owned()],
            ..Wanted::default()
        };
        let mut reading = asker.read(collection, &wanted)?;
        reading.items.retain(|shown| {
            let mut values = vec![asker.world.expanded(collection, &shown.item)];
            for step in steps {
                values = values
                    .iter()
                    .flat_map(|value| match &value[*step] {
                        Value::Array(rows) => rows.clone(),
                        one => vec![one.clone()],
                    })
                    .collect();
            }
            values.iter().any(|found| found == value)
        });
        self.reading(&reading);
        Ok(())
    }

    /// A search looks into the fields of text that are in reach.
    fn search(&mut self, asker: &Asker<'_>, collection: &str, term: &str) -> Result<(), String> {
        let wanted = Wanted {
            fields: vec!["*".to_owned()],
            ..Wanted::default()
        };
        let mut reading = asker.read(collection, &wanted)?;
        let term = term.to_lowercase();
        reading.items.retain(|shown| {
            let texts = shown.reached.iter().filter(|field| {
                matches!(
                    asker.world.kind(collection, field),
                    Some("string" | "text" | "csv")
                )
            });
            texts
                .filter_map(|field| shown.item[field].as_str())
                .any(|text| text.to_lowercase().contains(&term))
        });
        self.reading(&reading);
        Ok(())
    }

    fn item(&mut self, asker: &Asker<'_>, collection: &str) -> Result<(), String> {
        let id = &asker.vector["item_id"];
        let fields = names(&asker.vector["query_fields"]);
        if fields.iter().any(|field| field.contains('.')) {
            match asker.read_nested(collection, id, &fields)? {
                Ok(data) => {
                    self.verdict(&Verdict::Allowed);
                    self.note("data", &data);
                }
                Err(verdict) => self.verdict(&verdict),
            }
            return Ok(());
        }
        let reading = asker.read(
            collection,
            &Wanted {
                fields,
                filter_fields: vec!["id".to_owned()],
                only: Some(id.clone()),
                bare: false,
            },
        )?;
        let Some(found) = reading.items.first() else {
            let verdict = match reading.verdict {
                Verdict::Allowed => super::read::not_found(),
                refused @ Verdict::Refused { .. } => refused,
            };
            self.verdict(&verdict);
            return Ok(());
        };
        self.verdict(&Verdict::Allowed);
        let is_null =
            |field: &&String| found.item[field.as_str()].is_null() || is_list(asker, collection, field);
        let is_open = |field: &&String| found.open.contains(field);
        let sorted = |mut fields: Vec<&String>| {
            fields.sort();
            json!(fields)
        };
        let (nulls, values): (Vec<_>, Vec<_>) = found.reached.iter().partition(is_null);
        let (shown, masked): (Vec<_>, Vec<_>) = values.into_iter().partition(is_open);
        self.note_sorted("fields", &sorted(shown));
        self.note_sorted("masked", &sorted(masked));
        self.note_sorted("null_in_item", &sorted(nulls));
        Ok(())
    }

    fn creation(&mut self, asker: &Asker<'_>, collection: &str) -> Result<(), String> {
        let payload = &asker.vector["payload"];
        let (verdict, decision) = asker.create(collection, payload)?;
        self.verdict(&verdict);
        let Some(stored) = self.expect.get("stored").and_then(Value::as_object) else {
            return Ok(());
        };
        self.compared.push("stored");
        let presets = decision
            .and_then(|decision| decision.obligations?.presets)
            .map(|presets| from_struct(&presets))
            .unwrap_or_default();
        for (field, expected) in stored {
            let written = payload.get(field).or(presets.get(field));
            match written {
                Some(value)
                    if value.is_object()
                        || value.is_array() && asker.world.related(collection, field).is_some() =>
                {
                    self.unchecked
                        .push((format!("stored.{field}"), "the key of a nested item"));
                }
                Some(value) if is_moment(value) => {
                    self.unchecked.push((format!("stored.{field}"), "`$NOW` varies"));
                }
                Some(value) => {
                    let (expected, value) = (plain(expected), plain(value));
                    self.compare(
                        "stored",
                        &json!({ field.as_str(): expected }),
                        &json!({ field.as_str(): value }),
                    );
                }
                None => self.unchecked.push((
                    "stored".to_owned(),
                    "neither submitted nor preset: the database, or Directus, makes it",
                )),
            }
        }
        Ok(())
    }

    /// What `/permissions/me` tells: how far each action goes, with which fields and presets.
    fn summary(&mut self, asker: &Asker<'_>) -> Result<(), String> {
        let none = json!({ "access": "none" });
        for collection in ["articles", "comments", "categories"] {
            for action in ["read", "create", "update", "delete", "share"] {
                let expected = self.expect[collection].get(action).unwrap_or(&none).clone();
                // Columns that must have a value get one, so that nothing but rights is asked.
                let demanded = asker.world.demanded(collection);
                let question = Question {
                    action,
                    collection,
                    changes: (action == "create").then_some(&demanded),
                    ..Question::default()
                };
                let decision = asker.decide(&question)?;
                let what = |key: &str| format!("{collection}.{action}.{key}");
                let access = match (super::ask::verdict(&decision), decision.conditional) {
                    (Verdict::Allowed, false) => "full",
                    (Verdict::Allowed, true) => "partial",
                    (
                        Verdict::Refused {
                            reason: Reason::NoGrant,
                            ..
                        },
                        _,
                    ) => "none",
                    // The column must be opened for a value to be given to it.
                    (Verdict::Refused { .. }, _) => "partial",
                };
                let presets = decision.obligations.and_then(|obligations| obligations.presets);
                if action == "create" && access != "none" && expected["access"] != "none" {
                    self.unchecked.push((
                        "access of create".to_owned(),
                        "full or partial is told by item rules, which creation does not ask",
                    ));
                } else if access == "full" && expected["access"] == "partial" {
                    self.unchecked.push((
                        format!("access of {action}"),
                        "partial as soon as one row has a rule, though another opens all",
                    ));
                } else {
                    self.compare(&what("access"), &expected["access"], &Value::from(access));
                }
                if let Some(expected) = expected.get("presets") {
                    let found = presets.map(|presets| from_struct(&presets)).unwrap_or_default();
                    self.compare(&what("presets"), &plain_values(expected), &plain_values(&found));
                }
                self.summary_fields(asker, collection, action, &expected)?;
            }
            for key in ["articles", "comments", "categories"] {
                self.compared.push(key);
            }
        }
        Ok(())
    }

    fn summary_fields(
        &mut self,
        asker: &Asker<'_>,
        collection: &str,
        action: &str,
        expected: &Value,
    ) -> Result<(), String> {
        let names_fields = matches!(action, "read" | "create" | "update");
        if expected.get("fields").is_some() && !names_fields {
            self.unchecked
                .push((format!("fields of {action}"), "they mean nothing for this action"));
        }
        if !names_fields || expected["access"] == "none" {
            return Ok(());
        }
        let all: Vec<String> = asker
            .world
            .fields(collection)
            .into_iter()
            .map(str::to_owned)
            .collect();
        let answer = asker.fields(action, collection, None, &all)?;
        // What is demanded of values is another matter than which fields are open.
        let is_demand = |left: &LeftOut| left.reason() == Reason::Violation;
        let demanded = answer.denied.into_iter().filter(is_demand).map(|left| left.field);
        let mut found: Vec<String> = answer.allowed.into_iter().chain(demanded).collect();
        let mut wanted: Vec<String> = match expected.get("fields").and_then(Value::as_array) {
            Some(fields) if fields.contains(&Value::from("*")) => all,
            Some(fields) => fields
                .iter()
                .map(|field| field.as_str().unwrap().to_owned())
                .collect(),
            None => Vec::new(),
        };
        found.sort();
        wanted.sort();
        self.compare(
            &format!("{collection}.{action}.fields"),
            &json!(wanted),
            &json!(found),
        );
        Ok(())
    }

    fn reading(&mut self, reading: &Reading) {
        self.verdict(&reading.verdict);
        self.note("count", &Value::from(reading.items.len()));
        match self.expect.get("ids") {
            Some(Value::Null) => self.skip("ids", "bare keys were not recorded"),
            Some(_) => self.note("ids", &keys(&reading.items)),
            None => {}
        }
    }

    /// Compares the decision, its code and the fields at fault. A vector with a list and no decision is an allowed list.
    fn verdict(&mut self, found: &Verdict) {
        let allowed = self
            .expect
            .get("allowed")
            .and_then(Value::as_bool)
            .unwrap_or(true);
        self.compared.push("allowed");
        self.compare("allowed", &Value::from(allowed), &Value::from(found.is_allowed()));
        let Verdict::Refused { code, violations, .. } = found else {
            return;
        };
        if self.expect["status"].as_u64().is_some_and(|status| status >= 500) {
            self.skip("error_code", "a 500 is a defect of the recorded release");
        } else {
            self.note("error_code", &Value::from(code.as_str()));
        }
        if let Some(expected) = self.expect.get("validation").and_then(Value::as_array) {
            let mut expected: Vec<Value> = expected
                .iter()
                .map(|entry| json!([field_of(&entry["field"]), entry["type"]]))
                .collect();
            expected.sort_by_key(Value::to_string);
            expected.dedup();
            self.compared.push("validation");
            let found = json!(violations);
            self.compare("validation", &json!(expected), &found);
        }
    }

    /// Compares one key of the expectation, if it is there.
    fn note(&mut self, key: &'static str, found: &Value) {
        if let Some(expected) = self.expect.get(key) {
            self.compared.push(key);
            self.compare(key, expected, found);
        }
    }

    fn note_sorted(&mut self, key: &'static str, found: &Value) {
        if let Some(expected) = self.expect.get(key) {
            let mut names: Vec<Value> = expected.as_array().cloned().unwrap_or_default();
            names.sort_by_key(Value::to_string);
            self.compared.push(key);
            self.compare(key, &json!(names), found);
        }
    }

    fn skip(&mut self, key: &'static str, why: &'static str) {
        if self.expect.get(key).is_some() {
            self.compared.push(key);
            self.unchecked.push((key.to_owned(), why));
        }
    }

    fn compare(&mut self, what: &str, expected: &Value, found: &Value) {
        if expected != found {
            self.wrong
                .push(format!("{what}: expected {expected}, found {found}"));
        }
    }

    fn finish(mut self) -> Judged {
        for key in self.expect.as_object().into_iter().flat_map(|keys| keys.keys()) {
            if !self.compared.contains(&key.as_str()) {
                match key.as_str() {
                    "status" => self.unchecked.push((key.clone(), "HTTP status")),
                    _ => self.wrong.push(format!("{key}: nothing compares it")),
                }
            }
        }
        Judged::of(&self.wrong, self.unchecked)
    }
}

/// The value that the recording filtered by.
const SOUGHT: &str = "secret";

/// The keys of the items that a vector names.
pub(crate) fn ids(vector: &Value) -> Vec<Value> {
    match vector.get("item_ids").and_then(Value::as_array) {
        Some(ids) => ids.clone(),
        None => vec![vector["item_id"].clone()],
    }
}

/// A field without the function around it.
fn field_of(field: &Value) -> Value {
    let written = field.as_str().unwrap_or_default();
    let bare = written
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    Value::from(bare.unwrap_or(written))
}

/// Tells whether a field stands for a list of items, which the recording counted as nothing.
fn is_list(asker: &Asker<'_>, collection: &str, field: &str) -> bool {
    asker
        .world
        .related(collection, field)
        .is_some_and(|(_, back)| back.is_some())
}

fn is_moment(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok())
}

fn plain_values(value: &Value) -> Value {
    let entries = value.as_object().into_iter().flatten();
    let entries = entries.map(|(key, value)| (key.clone(), plain(value)));
    Value::Object(entries.collect())
}

/// Numbers are doubles on the wire, whole or not.
fn plain(value: &Value) -> Value {
    value.as_f64().map_or_else(|| value.clone(), Value::from)
}
