//! Writing: one item, several, and what is nested in a payload.

use placet::rpc::proto::v1::Decision;
use serde_json::{Value, json};

use super::ask::{Asker, Question, Verdict, verdict};
use super::read::not_found;

/// What a write comes to: the verdict, and of an allowed creation what decided.
pub(crate) type Written = (Verdict, Option<Decision>);

impl Asker<'_> {
    /// Asks to create an item, and whatever its payload nests.
    pub(crate) fn create(&self, collection: &str, payload: &Value) -> Result<Written, String> {
        let question = Question {
            action: "create",
            collection,
            changes: Some(payload),
            ..Question::default()
        };
        let decision = self.decide(&question)?;
        let mut worst = verdict(&decision);
        for nested in self.nested(collection, None, payload)? {
            worst = first_refusal(worst, nested);
        }
        Ok((worst, Some(decision)))
    }

    /// Asks to change items; access to all of them comes before what is demanded of the values.
    pub(crate) fn update(&self, collection: &str, ids: &[Value], payload: &Value) -> Result<Verdict, String> {
        let mut worst = self.each(collection, ids, "update", Some(payload))?;
        for item in ids.iter().filter_map(|id| self.world.item(collection, id)) {
            for nested in self.nested(collection, Some(item), payload)? {
                worst = first_refusal(worst, nested);
            }
        }
        Ok(worst)
    }

    /// Asks one question about each of some items, all of which must be there.
    pub(crate) fn each(
        &self,
        collection: &str,
        ids: &[Value],
        action: &str,
        changes: Option<&Value>,
    ) -> Result<Verdict, String> {
        let mut worst = Verdict::Allowed;
        for (index, id) in ids.iter().enumerate() {
            // A key that stands twice finds one item, and one is missing.
            let is_known = !ids[..index].contains(id);
            let verdict = match self.world.item(collection, id).filter(|_| is_known) {
                Some(item) => self.ask(&Question {
                    action,
                    collection,
                    item: Some(item),
                    changes,
                    ..Question::default()
                })?,
                None => not_found(),
            };
            worst = first_refusal(worst, verdict);
        }
        Ok(worst)
    }

    /// Asks for what a payload does to related items.
    fn nested(
        &self,
        collection: &str,
        item: Option<&Value>,
        payload: &Value,
    ) -> Result<Vec<Verdict>, String> {
        let mut verdicts = Vec::new();
        for (field, value) in payload.as_object().into_iter().flatten() {
            let Some((child, back)) = self.world.related(collection, field) else {
                continue;
            };
            match back {
                None if value.is_object() => verdicts.push(self.write_one(child, value)?),
                None => {}
                Some(back) => verdicts.extend(self.write_list(collection, item, field, child, back, value)?),
            }
        }
        Ok(verdicts)
    }

    /// An object with a known key changes that item, any other makes one.
    fn write_one(&self, collection: &str, value: &Value) -> Result<Verdict, String> {
        if self.world.item(collection, &value["id"]).is_some() {
            let mut changes = value.clone();
            changes.as_object_mut().unwrap().remove("id");
            return self.update(collection, &[value["id"].clone()], &changes);
        }
        Ok(self.create(collection, value)?.0)
    }

    fn write_list(
        &self,
        collection: &str,
        item: Option<&Value>,
        field: &str,
        child: &str,
        back: &str,
        value: &Value,
    ) -> Result<Vec<Verdict>, String> {
        let mut verdicts = Vec::new();
        let key = |value: &Value| {
            if value.is_object() {
                value["id"].clone()
            } else {
                value.clone()
            }
        };
        let detach = json!({ back: null });
        if let Some(values) = value.as_array() {
            for value in values.iter().filter(|value| value.is_object()) {
                verdicts.push(self.write_one(child, value)?);
            }
            let kept: Vec<Value> = values.iter().map(key).collect();
            let known = item
                .map(|item| self.world.children(collection, item, field))
                .unwrap_or_default();
            for gone in known.iter().filter(|row| !kept.contains(&row["id"])) {
                verdicts.push(self.update(child, &[gone["id"].clone()], &detach)?);
            }
            return Ok(verdicts);
        }
        for part in ["create", "update"] {
            for value in value[part].as_array().into_iter().flatten() {
                verdicts.push(self.write_one(child, value)?);
            }
        }
        for gone in value["delete"].as_array().into_iter().flatten() {
            verdicts.push(self.update(child, &[key(gone)], &detach)?);
        }
        Ok(verdicts)
    }
}

/// Of two verdicts the refusal; access comes before what is demanded of values.
fn first_refusal(one: Verdict, other: Verdict) -> Verdict {
    let weight = |verdict: &Verdict| match verdict {
        Verdict::Allowed => 0,
        Verdict::Refused { violations, .. } if !violations.is_empty() => 1,
        Verdict::Refused { .. } => 2,
    };
    if weight(&other) > weight(&one) { other } else { one }
}
