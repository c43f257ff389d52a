//! Where mode `strict` answers otherwise than `exact`: rule by rule, and nowhere else.
//!
//! What `strict` must answer is told by questions to `exact`: a transition is open if it is allowed and listed; site-wide
//! work is allowed if it is without the place; something can be added if it is allowed and addable. No verdict of the
//! recording is looked at here, nor an id.

use std::collections::BTreeMap;
use std::fmt::Write;

use placet::rpc::proto::v1::{CheckRequest, ListAllowedTransitionsRequest, Resource};
use serde_json::Value;
use tonic::Code;

use super::super::door::Door;
use super::ask::{Asked, Case};
use super::judge::is_allowed;

const NOT_OFFERED: &str =
    "a transition is executed only where the state offers it and its permission is asked";
const SITE_WIDE: &str =
    "site-wide work asks for roles held on the site, not on the document that was addressed";
const CHILD: &str = "a child is added only where its type may be";
const REFUSED: &str = "a site in which a transition leads to a state that does not exist is not loaded";

/// The differences found, by rule.
#[derive(Default)]
pub(crate) struct Differences {
    questions: usize,
    by_rule: BTreeMap<&'static str, Vec<String>>,
    unexplained: Vec<String>,
}

impl Differences {
    /// Asks in both modes and attributes what differs.
    pub(crate) fn compare(&mut self, case: &Case<'_>, asked: &Asked, door: &dyn Door) {
        let id = case.json["id"].as_str().unwrap_or("?");
        if leads_nowhere(&case.json["overlay"]) {
            self.refused(id, asked, door);
            return;
        }
        match asked {
            Asked::Transitions(request) => self.transitions(id, request, door),
            Asked::Decision(request) | Asked::Execution(request, _) => self.check(id, request, door),
            Asked::Addable(request, types) => {
                for request in request
                    .as_deref()
                    .into_iter()
                    .chain(types.iter().map(|(_, request)| request))
                {
                    self.check(id, request, door);
                }
            }
            Asked::Listing(listed, view) => {
                self.check(id, listed, door);
                self.check(id, view, door);
            }
        }
    }

    /// Returns how many answers no rule explains.
    pub(crate) fn unexplained(&self) -> usize {
        self.unexplained.len()
    }

    /// Returns the list: what is not explained, then each rule with its cases.
    pub(crate) fn report(&self) -> String {
        let mut out = String::new();
        for line in &self.unexplained {
            writeln!(out, "  {line}").unwrap();
        }
        let differ: usize = self.by_rule.values().map(Vec::len).sum();
        let (questions, unexplained) = (self.questions, self.unexplained.len());
        writeln!(
            out,
            "nick strict against exact: {questions} questions, {differ} differ, {unexplained} unexplained"
        )
        .unwrap();
        for (rule, cases) in &self.by_rule {
            writeln!(out, "  differ {}: {rule} ({})", cases.len(), cases.join(", ")).unwrap();
        }
        out
    }

    /// A site that `exact` loads with a warning and `strict` not at all answers nothing.
    fn refused(&mut self, id: &str, asked: &Asked, door: &dyn Door) {
        self.questions += 1;
        let mut strict = CheckRequest {
            action: "View".to_owned(),
            ..CheckRequest::default()
        };
        strict.profile = in_strict(asked.profile());
        match door.check(&strict) {
            Err(status) if status.code() == Code::Unavailable => {
                self.by_rule.entry(REFUSED).or_default().push(id.to_owned());
            }
            answer => self
                .unexplained
                .push(format!("{id}: strict loads the site: {answer:?}")),
        }
    }

    fn check(&mut self, id: &str, exact: &CheckRequest, door: &dyn Door) {
        self.questions += 1;
        let strict = CheckRequest {
            profile: in_strict(&exact.profile),
            ..exact.clone()
        };
        let answers = is_allowed(exact, door).and_then(|exact| Ok((exact, is_allowed(&strict, door)?)));
        let expected = expect_strict(exact, door);
        match (answers, expected) {
            (Ok((exact, strict)), Ok((expected, rule))) => {
                if strict != expected {
                    let rule = rule.unwrap_or("no rule speaks of it");
                    self.unexplained.push(format!(
                        "{id}: exact {exact}, strict {strict}, expected {expected}: {rule}"
                    ));
                } else if exact != strict {
                    self.by_rule
                        .entry(rule.unwrap_or("no rule"))
                        .or_default()
                        .push(id.to_owned());
                }
            }
            (Err(text), _) | (_, Err(text)) => self.unexplained.push(format!("{id}: {text}")),
        }
    }

    fn transitions(&mut self, id: &str, exact: &ListAllowedTransitionsRequest, door: &dyn Door) {
        self.questions += 1;
        let strict = ListAllowedTransitionsRequest {
            profile: in_strict(&exact.profile),
            ..exact.clone()
        };
        match (list(exact, door), list(&strict, door)) {
            (Ok(exact), Ok(strict)) if exact == strict => {}
            (exact, strict) => self
                .unexplained
                .push(format!("{id}: exact lists {exact:?}, strict {strict:?}")),
        }
    }
}

/// What `strict` must answer, and the rule that says so where it can be another answer than that of `exact`.
fn expect_strict(request: &CheckRequest, door: &dyn Door) -> Result<(bool, Option<&'static str>), String> {
    let exact = is_allowed(request, door)?;
    if !request.transition.is_empty() {
        let question = ListAllowedTransitionsRequest {
            profile: request.profile.clone(),
            subject: request.subject.clone(),
            context: request.context.clone(),
            resource: request.resource.clone(),
            ..ListAllowedTransitionsRequest::default()
        };
        let listed = list(&question, door)?.contains(&request.transition);
        return Ok((exact && listed, Some(NOT_OFFERED)));
    }
    match request.action.as_str() {
        "Manage Users" | "Manage Site" => {
            let bare = request.resource.as_ref().map(|resource| Resource {
                collection: resource.collection.clone(),
                id: resource.id.clone(),
                state: resource.state.clone(),
                ..Resource::default()
            });
            let question = CheckRequest {
                resource: bare,
                ..request.clone()
            };
            Ok((is_allowed(&question, door)?, Some(SITE_WIDE)))
        }
        "Add" if request.context.is_some() => {
            let question = CheckRequest {
                action: "Addable".to_owned(),
                ..request.clone()
            };
            Ok((exact && is_allowed(&question, door)?, Some(CHILD)))
        }
        _ => Ok((exact, None)),
    }
}

fn list(request: &ListAllowedTransitionsRequest, door: &dyn Door) -> Result<Vec<String>, String> {
    let answer = door
        .list_allowed_transitions(request)
        .map_err(|status| status.to_string())?;
    Ok(answer
        .transitions
        .into_iter()
        .map(|transition| transition.id)
        .collect())
}

/// Tells whether a workflow of the overlay has a transition to a state that it does not have.
fn leads_nowhere(overlay: &Value) -> bool {
    let workflows = overlay["workflows.json"]["workflows"].as_array();
    workflows
        .into_iter()
        .flatten()
        .map(|workflow| &workflow["json"])
        .any(|json| {
            let targets = json["transitions"]
                .as_object()
                .into_iter()
                .flat_map(|all| all.values());
            let named = targets.filter_map(|transition| transition["new_state"].as_str());
            // An overlay that merges into a workflow may mean a state of the layer below.
            let mut missing = named.filter(|target| json["states"].get(target).is_none());
            missing.any(|target| !CORE_STATES.contains(&target))
        })
}

/// The states of the one workflow that ships with Nick, which overlays merge into.
const CORE_STATES: [&str; 3] = ["private", "pending", "published"];

fn in_strict(profile: &str) -> String {
    profile.replace("-exact", "-strict")
}
