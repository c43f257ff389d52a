//! Reading: lists and items, with the fields that are shown and those that are masked, and what is nested in them.

use placet::rpc::proto::v1::Reason;
use serde_json::{Map, Value, json};

use super::ask::{Asker, Question, Verdict};

/// What a client reads.
pub(crate) struct Reading {
    pub(crate) verdict: Verdict,
    /// The items that are found, with the fields of each that may be shown.
    pub(crate) items: Vec<Shown>,
}

/// An item as it is shown.
pub(crate) struct Shown {
    pub(crate) item: Value,
    /// Fields that were asked for and are in reach.
    pub(crate) reached: Vec<String>,
    /// Those of them that are shown on this item.
    pub(crate) open: Vec<String>,
}

/// What is asked for.
#[derive(Default)]
pub(crate) struct Wanted {
    /// `*`, or names; none: nothing but the item itself.
    pub(crate) fields: Vec<String>,
    pub(crate) filter_fields: Vec<String>,
    /// Only the item of this key.
    pub(crate) only: Option<Value>,
    /// Only which items are found, not what is shown of them.
    pub(crate) bare: bool,
}

impl Asker<'_> {
    /// Reads a list: one question about the list, and one about each item.
    pub(crate) fn read(&self, collection: &str, wanted: &Wanted) -> Result<Reading, String> {
        let question = Question {
            action: "read",
            collection,
            fields: wanted.fields.clone(),
            filter_fields: wanted.filter_fields.clone(),
            ..Question::default()
        };
        let verdict = self.ask(&question)?;
        if let Verdict::Refused { reason, .. } = &verdict
            && !finds_nothing(*reason)
        {
            self.lists
                .compare(collection, &self.plan(&question)?, &verdict, &[])?;
            return Ok(Reading {
                verdict,
                items: Vec::new(),
            });
        }
        let asked = if wanted.fields.iter().any(|field| field == "*") {
            let names = self.world.fields(collection);
            names.into_iter().map(str::to_owned).collect()
        } else {
            wanted.fields.clone()
        };
        let mut reached: Vec<String> = Vec::new();
        if !wanted.bare {
            reached = self.fields("read", collection, None, &asked)?.allowed;
        }
        // Of a collection without any right to read, lists of related items are left out.
        for field in reached.clone() {
            if let Some((child, Some(_))) = self.world.related(collection, &field)
                && self.is_closed(child)?
            {
                reached.retain(|other| *other != field);
            }
        }
        let mut items = Vec::new();
        for item in self.world.items(collection) {
            if wanted.only.as_ref().is_some_and(|id| item["id"] != *id) {
                continue;
            }
            let about = Question {
                item: Some(item),
                ..question.clone()
            };
            match self.ask(&about)? {
                Verdict::Allowed => {}
                Verdict::Refused { reason, .. } if finds_nothing(reason) => continue,
                refused @ Verdict::Refused { .. } => {
                    return Err(format!("of one item it is {refused:?}"));
                }
            }
            let open = if wanted.bare {
                Vec::new()
            } else {
                self.fields("read", collection, Some(item), &reached)?.allowed
            };
            items.push(Shown {
                item: item.clone(),
                reached: reached.clone(),
                open,
            });
        }
        if wanted.only.is_none() {
            self.lists
                .compare(collection, &self.plan(&question)?, &verdict, &items)?;
        }
        Ok(Reading {
            verdict: Verdict::Allowed,
            items,
        })
    }

    /// Tells whether nothing at all may be read in a collection.
    fn is_closed(&self, collection: &str) -> Result<bool, String> {
        let verdict = self.ask(&Question {
            action: "read",
            collection,
            ..Question::default()
        })?;
        Ok(matches!(
            verdict,
            Verdict::Refused {
                reason: Reason::NoGrant,
                ..
            }
        ))
    }

    /// Reads one item by its key with nested fields (`category.name`), and returns the answer as the API has it.
    pub(crate) fn read_nested(
        &self,
        collection: &str,
        id: &Value,
        paths: &[String],
    ) -> Result<Result<Value, Verdict>, String> {
        let mut wanted = Wanted {
            filter_fields: vec!["id".to_owned()],
            only: Some(id.clone()),
            ..Wanted::default()
        };
        let mut nested: Vec<(&str, &str, Vec<String>)> = Vec::new();
        for path in paths {
            let Some((field, below)) = path.split_once('.') else {
                wanted.fields.push(path.clone());
                continue;
            };
            let (child, _) = self
                .world
                .related(collection, field)
                .ok_or_else(|| format!("no relation `{field}`"))?;
            match nested.iter_mut().find(|(known, ..)| *known == field) {
                Some((.., fields)) => fields.push(below.to_owned()),
                None => nested.push((field, child, vec![below.to_owned()])),
            }
        }
        // Of a collection without any right to read, the key is left out; else all names must be in reach.
        let mut kept = Vec::new();
        for (field, child, fields) in nested {
            if self.is_closed(child)? {
                continue;
            }
            let named = self.ask(&Question {
                action: "read",
                collection: child,
                fields: fields.clone(),
                ..Question::default()
            })?;
            if let Verdict::Refused { reason, .. } = &named
                && !finds_nothing(*reason)
            {
                return Ok(Err(named));
            }
            wanted.fields.push(field.to_owned());
            kept.push((field, child, fields));
        }
        let reading = self.read(collection, &wanted)?;
        let Some(found) = reading.items.first() else {
            return Ok(Err(match reading.verdict {
                Verdict::Allowed => not_found(),
                refused @ Verdict::Refused { .. } => refused,
            }));
        };
        let mut data = Map::new();
        for path in paths.iter().filter(|path| !path.contains('.')) {
            data.insert(path.clone(), found.value(path));
        }
        for (field, child, fields) in kept {
            let mut rows = Vec::new();
            for row in self.world.children(collection, &found.item, field) {
                let below = Wanted {
                    fields: fields.clone(),
                    only: Some(row["id"].clone()),
                    ..Wanted::default()
                };
                for shown in self.read(child, &below)?.items {
                    let entries = fields.iter().map(|field| (field.clone(), shown.value(field)));
                    rows.push(Value::Object(entries.collect()));
                }
            }
            let is_list = self
                .world
                .related(collection, field)
                .is_some_and(|(_, back)| back.is_some());
            let value = if is_list {
                Value::Array(rows)
            } else {
                rows.into_iter().next().unwrap_or(Value::Null)
            };
            data.insert(field.to_owned(), value);
        }
        Ok(Ok(Value::Object(data)))
    }
}

impl Shown {
    /// Returns what is shown of a field: null if it is masked.
    pub(crate) fn value(&self, field: &str) -> Value {
        if self.open.iter().any(|open| open == field) {
            self.item[field].clone()
        } else {
            Value::Null
        }
    }
}

/// Tells whether a refusal means that no item is found, rather than that nothing may be asked.
pub(crate) fn finds_nothing(reason: Reason) -> bool {
    matches!(reason, Reason::NoMatchingGrant | Reason::FieldNotCovered)
}

/// The answer for an item that is not there, or not found.
pub(crate) fn not_found() -> Verdict {
    Verdict::Refused {
        code: "FORBIDDEN".to_owned(),
        violations: Vec::new(),
        reason: Reason::NoMatchingGrant,
    }
}

/// Returns the list of names in a query.
pub(crate) fn names(query: &Value) -> Vec<String> {
    let written = query.as_str().unwrap_or("*");
    written.split(',').map(|name| name.trim().to_owned()).collect()
}

/// Returns the keys of what is shown, null where the key is masked.
pub(crate) fn keys(items: &[Shown]) -> Value {
    let mut ids: Vec<Value> = items.iter().map(|shown| shown.value("id")).collect();
    ids.sort_by_key(|id| id.as_i64());
    json!(ids)
}
