//! Answers against expectations.

use placet::rpc::proto::v1::{CheckRequest, Effect};
use serde_json::Value;

use super::super::Judged;
use super::super::door::Door;
use super::ask::{Asked, Case};

/// Asks the door and compares.
pub(crate) fn judge(case: &Case<'_>, asked: &Asked, door: &dyn Door) -> Judged {
    let mut comparison = Comparison::new(&case.json["expect"]);
    if comparison.fails_in_the_cms() {
        return Judged::apart("the recorded release fails with a 500");
    }
    let found = match asked {
        Asked::Decision(request) => comparison.decision(request, door),
        Asked::Transitions(request) => door
            .list_allowed_transitions(request)
            .map_err(broken)
            .map(|answer| {
                let ids: Vec<Value> = answer
                    .transitions
                    .iter()
                    .map(|open| Value::from(open.id.as_str()))
                    .collect();
                comparison.whole(&Value::Array(ids));
            }),
        Asked::Execution(request, _) => comparison
            .decision(request, door)
            .and_then(|()| comparison.state_after(case, asked, door)),
        Asked::Addable(request, types) => {
            let overall = request
                .as_deref()
                .map_or(Ok(()), |request| comparison.decision(request, door));
            overall.and_then(|()| comparison.addable(types, door))
        }
        Asked::Listing(listed, view) => comparison
            .truth("listed", listed, door)
            .and_then(|()| comparison.truth("view", view, door)),
    };
    match found {
        Ok(()) => comparison.finish(),
        Err(text) => Judged::disagree(text),
    }
}

/// Tells whether a question is answered with an allow.
pub(crate) fn is_allowed(request: &CheckRequest, door: &dyn Door) -> Result<bool, String> {
    let answer = door.check(request).map_err(broken)?;
    let decision = answer.decision.ok_or("the answer has no decision")?;
    Ok(decision.effect() == Effect::Allow)
}

fn broken(status: tonic::Status) -> String {
    format!("the request is refused: {status}")
}

/// An expectation, what differed, and which of its keys were compared.
struct Comparison<'e> {
    expect: &'e Value,
    compared: Vec<&'static str>,
    wrong: Vec<String>,
    unchecked: Vec<(String, &'static str)>,
}

impl<'e> Comparison<'e> {
    fn new(expect: &'e Value) -> Self {
        Self {
            expect,
            compared: Vec::new(),
            wrong: Vec::new(),
            unchecked: Vec::new(),
        }
    }

    fn fails_in_the_cms(&self) -> bool {
        self.expect["status"].as_u64().is_some_and(|status| status >= 500)
    }

    fn decision(&mut self, request: &CheckRequest, door: &dyn Door) -> Result<(), String> {
        let expected = self
            .expected_effect()
            .ok_or_else(|| format!("no decision in {}", self.expect))?;
        let found = is_allowed(request, door)?;
        self.note("the decision", &Value::from(expected), &Value::from(found));
        Ok(())
    }

    /// The forms of a decision: a word, a status under `deny`, `ok`, a word under `decision`.
    fn expected_effect(&mut self) -> Option<bool> {
        let word = |value: &Value| match value.as_str() {
            Some("allow") => Some(true),
            Some("deny") => Some(false),
            Some(_) | None => value.as_bool(),
        };
        if let Some(effect) = word(self.expect) {
            return Some(effect);
        }
        if let Some(ok) = self.expect.get("ok") {
            self.compared.push("ok");
            return ok.as_bool();
        }
        if let Some(decision) = self.expect.get("decision") {
            self.compared.push("decision");
            return word(decision);
        }
        for (key, effect) in [("deny", false), ("allow", true)] {
            if let Some(value) = self.expect.get(key) {
                self.compared.push(key);
                if value.is_number() {
                    self.unchecked.push((key.to_owned(), "HTTP status"));
                }
                return Some(effect);
            }
        }
        None
    }

    /// A refused execution leaves the state as it is; another leads where the workflow says.
    fn state_after(&mut self, case: &Case<'_>, asked: &Asked, door: &dyn Door) -> Result<(), String> {
        let Some(expected) = self.expect.get("state_after") else {
            return Ok(());
        };
        let Asked::Execution(request, describe) = asked else {
            return Ok(());
        };
        self.compared.push("state_after");
        let found = if is_allowed(request, door)? {
            let answer = door.describe_workflow(describe).map_err(broken)?;
            let workflow = answer.workflow.ok_or("the answer has no workflow")?;
            let transition = workflow
                .transitions
                .into_iter()
                .find(|known| known.id == request.transition);
            Value::from(transition.ok_or("the workflow lacks the transition")?.to_state)
        } else {
            case.json["state"].clone()
        };
        self.note("the state afterwards", expected, &found);
        Ok(())
    }

    fn addable(&mut self, types: &[(String, CheckRequest)], door: &dyn Door) -> Result<(), String> {
        let mut found = Vec::new();
        for (kind, request) in types {
            if is_allowed(request, door)? {
                found.push(kind.as_str());
            }
        }
        let expected = self.expect.get("addable").unwrap_or(self.expect);
        self.compared.push("addable");
        // In which order the CMS shows its types is its own affair.
        let mut expected: Vec<&str> = expected
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        expected.sort_unstable();
        found.sort_unstable();
        self.note("the addable types", &Value::from(expected), &Value::from(found));
        Ok(())
    }

    fn truth(&mut self, key: &'static str, request: &CheckRequest, door: &dyn Door) -> Result<(), String> {
        self.compared.push(key);
        let found = is_allowed(request, door)?;
        self.note(key, &self.expect[key], &Value::from(found));
        Ok(())
    }

    fn whole(&mut self, found: &Value) {
        self.note("the list", self.expect, found);
    }

    fn note(&mut self, what: &str, expected: &Value, found: &Value) {
        if expected != found {
            self.wrong
                .push(format!("{what}: expected {expected}, found {found}"));
        }
    }

    fn finish(mut self) -> Judged {
        for key in self.expect.as_object().into_iter().flat_map(|keys| keys.keys()) {
            if !self.compared.contains(&key.as_str()) {
                let why = match key.as_str() {
                    "status" => "HTTP status",
                    "error" => "name of the error in the CMS",
                    _ => "not known to a decision point",
                };
                self.unchecked.push((key.clone(), why));
            }
        }
        Judged::of(&self.wrong, self.unchecked)
    }
}
