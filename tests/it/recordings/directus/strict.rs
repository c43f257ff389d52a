//! Where mode `strict` answers otherwise than `exact`: kind by kind, and nowhere else.
//!
//! The kinds are those in which Directus lets through more than a rule says. Whether a profile has one of them is told by the
//! complaints of `exact` about it, not by an answer of the recording, nor by an id.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::super::door::Door;
use super::ask::{Asker, Question, Verdict};
use super::judge;
use super::lists::Lists;
use super::read::{Wanted, names};
use super::world::World;

const REFUSED: &str = "a rule that fails, or lets everything through, is an error: the profile is not loaded";
const NULL: &str = "a variable that is null matches nothing";
const LITERAL: &str = "`%` and `_` in a pattern are themselves";
const QUANTIFIED: &str = "a group below `_some` or `_none` is counted";
const FILTERED: &str = "a field filters and sorts only items on which it is shown";

/// The differences found, by kind.
#[derive(Default)]
pub(crate) struct Differences {
    questions: usize,
    by_kind: BTreeMap<&'static str, usize>,
    unexplained: Vec<String>,
}

/// What one mode answers: the verdict, and the keys of what is found.
#[derive(Debug, PartialEq)]
enum Answer {
    NotLoaded,
    Given(Verdict, Vec<Value>),
}

impl Differences {
    /// Asks in both modes and attributes what differs.
    pub(crate) fn compare(
        &mut self,
        about: (&World, &Lists),
        door: &dyn Door,
        profile: &str,
        vector: &Value,
    ) {
        let id = vector["id"].as_str().unwrap_or("?");
        let ask = |mode: &str| {
            let asker = Asker::new(about, door, format!("{profile}-{mode}"), vector);
            answer(&asker)
        };
        let (exact, strict) = match (ask("exact"), ask("strict")) {
            (Ok(Some(exact)), Ok(Some(strict))) => (exact, strict),
            (Ok(None), Ok(None)) => return,
            (exact, strict) => {
                self.unexplained.push(format!("{id}: {exact:?}, {strict:?}"));
                return;
            }
        };
        self.questions += 1;
        if exact == strict {
            return;
        }
        match kind(vector, &exact, &strict) {
            Some(kind) => *self.by_kind.entry(kind).or_default() += 1,
            None => self
                .unexplained
                .push(format!("{id}: exact {exact:?}, strict {strict:?}")),
        }
    }

    /// Returns how many answers no kind explains.
    pub(crate) fn unexplained(&self) -> usize {
        self.unexplained.len()
    }

    /// Returns the list: what is not explained, then each kind with its number.
    pub(crate) fn report(&self) -> String {
        let mut out = String::new();
        for line in &self.unexplained {
            writeln!(out, "  {line}").unwrap();
        }
        let differ: usize = self.by_kind.values().sum();
        let (questions, unexplained) = (self.questions, self.unexplained.len());
        writeln!(
            out,
            "directus strict against exact: {questions} questions, {differ} differ, {unexplained} unexplained"
        )
        .unwrap();
        for (kind, count) in &self.by_kind {
            writeln!(out, "  differ {count}: {kind}").unwrap();
        }
        out
    }
}

/// Asks the question of a vector; `None` for those that no decision point is asked, or that are about something else.
fn answer(asker: &Asker<'_>) -> Result<Option<Answer>, String> {
    let vector = asker.vector;
    let text = |key: &str| vector[key].as_str().unwrap_or_default();
    let collection = text("collection");
    let is_asked = vector.get("share").is_none() && text("op") != "permissions/me" && text("op") != "query";
    if !is_asked || collection.is_empty() {
        return Ok(None);
    }
    let question = Question {
        action: "read",
        collection,
        ..Question::default()
    };
    if let Err(status) = asker.ask(&question) {
        let is_missing = status.contains("Unavailable") || status.contains("unavailable");
        return if is_missing {
            Ok(Some(Answer::NotLoaded))
        } else {
            Err(status)
        };
    }
    let given = match text("action") {
        "read" => {
            let mut wanted = Wanted {
                fields: names(&vector["query_fields"]),
                only: vector.get("item_id").cloned(),
                // Of lists it is enough to know which items are found.
                bare: vector.get("item_id").is_none(),
                ..Wanted::default()
            };
            wanted.fields.retain(|field| !field.contains('.'));
            wanted
                .filter_fields
                .extend(vector["filter_field"].as_str().map(str::to_owned));
            let reading = asker.read(collection, &wanted)?;
            let shown = reading
                .items
                .iter()
                .map(|shown| Value::from(format!("{} {:?}", shown.item["id"], shown.open)));
            (reading.verdict, shown.collect())
        }
        "create" => (asker.create(collection, &vector["payload"])?.0, Vec::new()),
        "update" => (
            asker.update(collection, &judge::ids(vector), &vector["payload"])?,
            Vec::new(),
        ),
        action => (
            asker.each(collection, &judge::ids(vector), action, None)?,
            Vec::new(),
        ),
    };
    Ok(Some(Answer::Given(given.0, given.1)))
}

/// Tells which kind of difference a vector may show, by what its rules are written with.
fn kind(vector: &Value, exact: &Answer, strict: &Answer) -> Option<&'static str> {
    if let Answer::Given(..) = exact
        && *strict == Answer::NotLoaded
    {
        return carries_rules(vector).then_some(REFUSED);
    }
    // Apart from groups that are counted at last, `strict` never finds more, nor allows more.
    let (Answer::Given(loose, many), Answer::Given(tight, few)) = (exact, strict) else {
        return None;
    };
    let rules = ["permissions", "validation", "rows", "extra_rows"].map(|key| vector[key].to_string());
    let has = |word: &str| rules.iter().any(|rules| rules.contains(word));
    let is_tighter =
        (loose.is_allowed() || !tight.is_allowed()) && few.iter().all(|item| many.contains(item));
    if vector.get("filter_field").is_some() && is_tighter {
        return Some(FILTERED);
    }
    if (has("_some") || has("_none")) && (has("_and") || has("_or") || has(",")) {
        return Some(QUANTIFIED);
    }
    if !is_tighter && !has("_n") {
        return None;
    }
    if has("$CURRENT_") || !carries_rules(vector) {
        return Some(NULL);
    }
    (has("%") || has("_contains\":\"_") || has("with\":\"_") || has("a_b")).then_some(LITERAL)
}

/// Tells whether a vector brings rules of its own.
fn carries_rules(vector: &Value) -> bool {
    [
        "permissions",
        "validation",
        "rows",
        "extra_rows",
        "policy_ip_access",
    ]
    .iter()
    .any(|key| vector.get(*key).is_some())
}
