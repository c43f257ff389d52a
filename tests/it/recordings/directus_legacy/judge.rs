//! Answers against expectations.

use std::collections::BTreeSet;

use placet::rpc::proto::v1::{CheckRequest, Decision, Effect, ListAllowedTransitionsRequest, Reason};
use serde_json::Value;

use super::super::Judged;
use super::super::door::Door;
use super::ask::{Asked, Case};
use super::filter::{grid, passes};
use super::lists::{self, Lists};

/// Asks the door and compares.
pub(crate) fn judge(case: &Case<'_>, door: &dyn Door, lists: &Lists) -> Judged {
    let asked = match case.ask() {
        Ok(asked) => asked,
        Err(what) => return Judged::disagree(format!("no request asks {what}")),
    };
    let mut comparison = Comparison::new(case);
    let found = match &asked {
        Asked::Decision(request) => comparison.decision(request, door, lists),
        Asked::Targets(request) => comparison.targets(request, door),
        Asked::List(request) => comparison.list(request, door, lists),
    };
    match found {
        Ok(()) => comparison.finish(),
        Err(text) => Judged::disagree(text),
    }
}

/// Returns the code of the CMS in the answer to a case.
pub(crate) fn code(case: &Case<'_>, door: &dyn Door) -> Option<String> {
    match case.ask().ok()? {
        Asked::Decision(request) | Asked::List(request) => Some(ask(&request, door).ok()?.cms_code),
        Asked::Targets(_) => None,
    }
}

fn ask(request: &CheckRequest, door: &dyn Door) -> Result<Decision, String> {
    let answer = door
        .check(request)
        .map_err(|status| format!("the request is refused: {status}"))?;
    answer
        .decision
        .ok_or_else(|| "the answer has no decision".to_owned())
}

fn is_allowed(decision: &Decision) -> bool {
    decision.effect() == Effect::Allow
}

/// The words of the recordings for why something is refused, and the reasons that say so.
const REASONS: [(&str, &[Reason]); 8] = [
    ("explain", &[Reason::ExplanationRequired]),
    ("field_read", &[Reason::FieldNotCovered, Reason::FieldOutOfReach]),
    ("field_write", &[Reason::FieldNotCovered, Reason::FieldOutOfReach]),
    // An address that is spelt otherwise is the right one, and still refused.
    ("ip", &[Reason::Network, Reason::Violation]),
    ("level", &[Reason::NoGrant, Reason::NoMatchingGrant]),
    ("no_row", &[Reason::NoGrant, Reason::NoMatchingGrant]),
    ("soft_delete", &[Reason::Denied]),
    ("status", &[Reason::NoGrant, Reason::NoMatchingGrant]),
];

/// An expectation, what differed, and which of its keys were compared.
struct Comparison<'c> {
    case: &'c Case<'c>,
    /// The keys that tell what is expected; in the table they stand beside the question.
    expect: Vec<(&'c str, &'c Value)>,
    compared: Vec<&'static str>,
    wrong: Vec<String>,
    unchecked: Vec<(String, &'static str)>,
}

impl<'c> Comparison<'c> {
    fn new(case: &'c Case<'c>) -> Self {
        let expect = match &case.json["expect"] {
            Value::Object(members) => members.iter().map(|(key, value)| (key.as_str(), value)).collect(),
            Value::Null => Vec::new(),
            word => vec![("decision", word)],
        };
        let beside = [
            ("explain_required", "explain_required"),
            ("expect_targets", "targets"),
        ];
        let beside = beside
            .into_iter()
            .filter_map(|(key, name)| Some((name, case.json.get(key)?)));
        Self {
            case,
            expect: expect.into_iter().chain(beside).collect(),
            compared: Vec::new(),
            wrong: Vec::new(),
            unchecked: Vec::new(),
        }
    }

    fn expected(&mut self, key: &'static str) -> Option<&'c Value> {
        let found = self.expect.iter().find(|(name, _)| *name == key)?.1;
        self.compared.push(key);
        Some(found)
    }

    fn decision(&mut self, request: &CheckRequest, door: &dyn Door, lists: &Lists) -> Result<(), String> {
        let found = ask(request, door)?;
        if let Some(item) = self.case.listed(request) {
            // The list of items of which this is allowed holds this item if it is.
            let judged = [lists::Judged {
                item,
                is_allowed: is_allowed(&found),
            }];
            lists.compare(request, &self.case.site.facts, &judged, door)?;
        }
        self.effect(&found)?;
        self.reason(&found);
        if let Some(expected) = self.expected("explain_required") {
            let required = found
                .obligations
                .is_some_and(|obligations| obligations.explanation_required)
                || found.reason == i32::from(Reason::ExplanationRequired);
            self.note("explain_required", expected, &Value::from(required));
        }
        Ok(())
    }

    fn effect(&mut self, found: &Decision) -> Result<(), String> {
        let expected = self.expected("decision").ok_or("no decision is expected")?;
        let word = if is_allowed(found) { "allow" } else { "deny" };
        if expected != word {
            let reason = found.reason().as_str_name();
            self.wrong.push(format!(
                "the decision: expected {expected}, found {word} ({reason}: {})",
                found.message
            ));
        }
        Ok(())
    }

    fn reason(&mut self, found: &Decision) {
        let Some(expected) = self.expected("reason") else {
            return;
        };
        match REASONS.iter().find(|(word, _)| expected == word) {
            Some((_, reasons)) if reasons.contains(&found.reason()) => {}
            Some(_) => {
                let reason = found.reason().as_str_name();
                self.wrong
                    .push(format!("the reason: expected {expected}, found {reason}"));
            }
            None => self
                .unchecked
                .push((format!("reason {expected}"), "a word that no reason stands for")),
        }
    }

    /// In which order a list names statuses is not recorded.
    fn targets(&mut self, request: &ListAllowedTransitionsRequest, door: &dyn Door) -> Result<(), String> {
        let answer = door
            .list_allowed_transitions(request)
            .map_err(|status| format!("the request is refused: {status}"))?;
        let expected = self.expected("targets").ok_or("no targets are expected")?;
        let expected: BTreeSet<&str> = expected
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let found: BTreeSet<&str> = answer
            .transitions
            .iter()
            .map(|open| open.to_state.as_str())
            .collect();
        if expected != found || found.len() != answer.transitions.len() {
            self.wrong
                .push(format!("the targets: expected {expected:?}, found {found:?}"));
        }
        Ok(())
    }

    /// A filter lets an item through exactly if the item may be read. What is added because fields select or sort comes on
    /// top of what a list without them shows.
    fn list(&mut self, request: &CheckRequest, door: &dyn Door, lists: &Lists) -> Result<(), String> {
        let mut judged = Vec::new();
        let Some(filter) = self.expected("filter") else {
            let found = ask(request, door)?;
            for item in grid(self.case) {
                let is_allowed = is_allowed(&ask(&self.case.about(request, &item), door)?);
                judged.push(lists::Judged { item, is_allowed });
            }
            lists.compare(request, &self.case.site.facts, &judged, door)?;
            return self.effect(&found);
        };
        for item in grid(self.case) {
            let mut expected = passes(filter, &self.case.site.facts, &item)
                .ok_or_else(|| format!("no request asks the filter {filter}"))?;
            if !request.filter_fields.is_empty() {
                let bare = CheckRequest {
                    filter_fields: Vec::new(),
                    ..request.clone()
                };
                expected &= is_allowed(&ask(&self.case.about(&bare, &item), door)?);
            }
            let found = ask(&self.case.about(request, &item), door)?;
            if is_allowed(&found) != expected {
                let reason = found.reason().as_str_name();
                self.wrong.push(format!(
                    "the filter: expected {expected} for {item:?}, found {reason}"
                ));
            }
            judged.push(lists::Judged {
                item,
                is_allowed: expected,
            });
        }
        lists.compare(request, &self.case.site.facts, &judged, door)
    }

    fn note(&mut self, what: &str, expected: &Value, found: &Value) {
        if expected != found {
            self.wrong
                .push(format!("{what}: expected {expected}, found {found}"));
        }
    }

    fn finish(mut self) -> Judged {
        for (key, _) in &self.expect {
            if !self.compared.contains(key) {
                self.unchecked
                    .push(((*key).to_owned(), "not known to a decision point"));
            }
        }
        Judged::of(&self.wrong, self.unchecked)
    }
}
