//! The runner itself: what it asks, and that a wrong answer is seen.

use std::cell::RefCell;

use placet::rpc::proto::v1::{
    CheckRequest, CheckResponse, Decision, DescribeWorkflowRequest, DescribeWorkflowResponse, Effect,
    FilterFieldsRequest, FilterFieldsResponse, ListAllowedTransitionsRequest, ListAllowedTransitionsResponse,
    PlanQueryRequest, PlanQueryResponse, TransitionOption, Workflow, WorkflowTransition,
};
use serde_json::{Value, json};
use tonic::Status;

use super::super::door::Door;
use super::super::{Judged, Outcome};
use super::ask::{self, Case, Unasked};
use super::judge;
use super::site::{Site, Sites};

/// A door that lets through what is on its list, and remembers the questions.
struct Scripted {
    allows: Vec<&'static str>,
    asked: RefCell<Vec<CheckRequest>>,
}

impl Door for Scripted {
    fn check(&self, request: &CheckRequest) -> Result<CheckResponse, Status> {
        self.asked.borrow_mut().push(request.clone());
        let child = request
            .context
            .iter()
            .flat_map(|context| &context.attributes)
            .flat_map(|all| all.fields.values());
        let child = child.map(|value| format!(" {value:?}")).collect::<String>();
        let name = format!("{}{}{child}", request.action, request.transition);
        let allowed = self
            .allows
            .iter()
            .any(|entry| entry.split('+').all(|part| name.contains(part)));
        let effect = if allowed { Effect::Allow } else { Effect::Deny };
        let decision = Some(Decision {
            effect: effect.into(),
            ..Decision::default()
        });
        Ok(CheckResponse {
            decision,
            ..CheckResponse::default()
        })
    }

    fn list_allowed_transitions(
        &self,
        _: &ListAllowedTransitionsRequest,
    ) -> Result<ListAllowedTransitionsResponse, Status> {
        let open = |id: &&str| TransitionOption {
            id: (*id).to_owned(),
            ..TransitionOption::default()
        };
        let transitions = self.allows.iter().map(open).collect();
        Ok(ListAllowedTransitionsResponse {
            transitions,
            ..ListAllowedTransitionsResponse::default()
        })
    }

    fn filter_fields(&self, _: &FilterFieldsRequest) -> Result<FilterFieldsResponse, Status> {
        Err(Status::unimplemented("nobody asks for fields here"))
    }

    fn plan_query(&self, _: &PlanQueryRequest) -> Result<PlanQueryResponse, Status> {
        Ok(PlanQueryResponse::default())
    }

    fn describe_workflow(&self, _: &DescribeWorkflowRequest) -> Result<DescribeWorkflowResponse, Status> {
        let transition = |id: &str, to: &str| WorkflowTransition {
            id: id.to_owned(),
            to_state: to.to_owned(),
            ..WorkflowTransition::default()
        };
        let transitions = vec![transition("print", "printed"), transition("drop", "dropped")];
        let workflow = Some(Workflow {
            transitions,
            ..Workflow::default()
        });
        Ok(DescribeWorkflowResponse {
            workflow,
            ..DescribeWorkflowResponse::default()
        })
    }
}

/// Writes a little site with two types and a document, and hands over what the runner knows of it.
fn with_site<T>(vector: &Value, use_it: impl FnOnce(&Site) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("profiles/base");
    std::fs::create_dir_all(base.join("types")).unwrap();
    std::fs::create_dir_all(base.join("documents")).unwrap();
    for (name, text) in [
        ("types/b.json", r#"{"id":"Book"}"#),
        ("types/a.json", r#"{"id":"Atlas"}"#),
        (
            "documents/_root.json",
            r#"{"type":"Atlas","workflow_state":"open"}"#,
        ),
        (
            "documents/a.b.json",
            r#"{"type":"Book","workflow_state":"shut","owner":"amy","inherit_roles":false}"#,
        ),
        (
            "documents/a.json",
            r#"{"type":"Book","sharing":{"groups":[{"id":"g","roles":["R"]}]}}"#,
        ),
    ] {
        std::fs::write(base.join(name), text).unwrap();
    }
    let root = tempfile::tempdir().unwrap();
    let sites = Sites::write(
        folder.path(),
        std::slice::from_ref(vector),
        root.path(),
        &["exact"],
    );
    use_it(sites.of(vector))
}

fn vector(rest: Value) -> Value {
    let mut vector = json!({ "profile": ["base"], "type": "Book", "state": "open", "user": { "id": "amy", "roles": ["R"] } });
    vector
        .as_object_mut()
        .unwrap()
        .extend(rest.as_object().unwrap().clone());
    vector
}

/// Asks a vector of a door that allows these, and returns the outcome with the questions.
fn run(rest: Value, allows: &[&'static str]) -> (Judged, Vec<CheckRequest>) {
    let vector = vector(rest);
    let door = Scripted {
        allows: allows.to_vec(),
        asked: RefCell::default(),
    };
    let judged = with_site(&vector, |site| {
        let case = Case::new(&vector, site);
        match ask::ask(&case, "exact") {
            Ok(asked) => judge::judge(&case, &asked, &door),
            Err(Unasked::Apart(reason)) => Judged::apart(&reason),
            Err(Unasked::Unknown(what)) => Judged::disagree(what),
        }
    });
    (judged, door.asked.into_inner())
}

/// A vector, what a right door allows, and what a wrong one does.
type Row = (Value, &'static [&'static str], &'static [&'static str]);

fn rows() -> [Row; 12] {
    [
        (
            json!({ "check": { "permission": "View" }, "expect": "allow" }),
            &["View"],
            &[],
        ),
        (
            json!({ "check": { "permission": "View" }, "expect": "deny" }),
            &[],
            &["View"],
        ),
        (
            json!({ "check": { "operation": "delete" }, "expect": { "deny": 403, "error": "x" } }),
            &["View"],
            &["Modify"],
        ),
        (
            json!({ "check": { "operation": "create Atlas in" }, "expect": "allow" }),
            &["Add+Atlas"],
            &["Add+Book"],
        ),
        (
            json!({ "check": { "operation": "move unreadable /src into" }, "expect": "allow" }),
            &["Add"],
            &["Modify"],
        ),
        (
            json!({ "check": { "available_transitions": true }, "expect": ["b", "a"] }),
            &["b", "a"],
            &["a", "b"],
        ),
        (
            json!({ "check": { "execute": "print" }, "expect": { "ok": true, "status": 200, "state_after": "printed" } }),
            &["print"],
            &[],
        ),
        (
            json!({ "check": { "execute": "drop" }, "expect": { "ok": false, "status": 401, "state_after": "open" } }),
            &[],
            &["drop"],
        ),
        (
            json!({ "check": { "addable_types": true }, "expect": ["Book"] }),
            &["Addable+Book"],
            &["Addable"],
        ),
        (
            json!({ "check": { "listed": "/x" }, "expect": { "listed": false, "view": true } }),
            &["View"],
            &["Listed", "View"],
        ),
        (
            json!({ "check": { "http": "GET /@types" }, "expect": { "status": 200, "decision": "allow", "addable": ["Atlas"] } }),
            &["View", "Addable+Atlas"],
            &["View"],
        ),
        (
            json!({ "check": { "http": "POST /a/@workflow/print" }, "expect": { "status": 401, "decision": "deny" } }),
            &["View"],
            &["print"],
        ),
    ]
}

#[test]
fn a_right_answer_agrees_and_a_wrong_one_does_not() {
    for (rest, right, wrong) in rows() {
        let (judged, _) = run(rest.clone(), right);
        assert_eq!(judged.outcome, Outcome::Agree, "{rest}");
        let (judged, _) = run(rest.clone(), wrong);
        assert!(
            matches!(judged.outcome, Outcome::Disagree(_)),
            "{rest}: {:?}",
            judged.outcome
        );
    }
}

#[test]
fn a_transition_that_leads_elsewhere_is_seen() {
    let expect = json!({ "ok": true, "status": 200, "state_after": "dropped" });
    let (judged, _) = run(
        json!({ "check": { "execute": "print" }, "expect": expect }),
        &["print"],
    );
    let text = r#"the state afterwards: expected "dropped", found "printed""#;
    assert_eq!(judged.outcome, Outcome::Disagree(text.to_owned()));
    assert_eq!(judged.unchecked, [("status".to_owned(), "HTTP status")]);
}

#[test]
fn what_cannot_be_asked_is_apart_and_what_is_not_known_is_wrong() {
    let cases = [
        (
            json!({ "user": { "id": "x" }, "check": { "permission": "View" }, "expect": "allow" }),
            "token probe",
        ),
        (
            json!({ "check": { "execute": "t", "include_children": true }, "expect": {} }),
            "recursive execution",
        ),
        (
            json!({ "check": { "execute": "t" }, "expect": { "ok": false, "status": 500 } }),
            "the recorded release fails",
        ),
        (
            json!({ "check": { "http": "POST /@login" }, "expect": { "status": 200 } }),
            "login, token",
        ),
        (
            json!({ "check": { "http": "GET /nothing" }, "expect": { "status": 404 } }),
            "no such document",
        ),
    ];
    for (rest, reason) in cases {
        let (judged, asked) = run(rest.clone(), &[]);
        let Outcome::Apart(found) = &judged.outcome else {
            panic!("{rest}: {:?}", judged.outcome)
        };
        assert!(found.starts_with(reason), "{rest}: {found}");
        assert!(asked.is_empty(), "{rest}");
    }
    for check in [
        json!({ "operation": "dance" }),
        json!({ "rain": 1 }),
        json!({ "http": "BREW /pot" }),
        json!({}),
    ] {
        let (judged, _) = run(json!({ "check": check, "expect": "allow" }), &["View"]);
        assert!(
            matches!(judged.outcome, Outcome::Disagree(_)),
            "{check}: {:?}",
            judged.outcome
        );
    }
}

#[test]
fn a_request_tells_who_asks_and_where() {
    let chain = json!([
        { "path": "/", "owner": "bob", "inherit_roles": false, "sharing": { "users": [{ "id": "amy", "roles": ["E"] }] } },
        { "path": "/a", "owner": "amy", "inherit_roles": false, "sharing": {} },
    ]);
    let user = json!({ "id": "amy", "roles": ["R"], "groups": ["g"], "owner": false, "local_roles": ["L"] });
    let rest = json!({ "chain": chain, "user": user, "check": { "permission": "View" }, "expect": "allow" });
    let (_, asked) = run(rest, &["View"]);
    let [request] = asked.as_slice() else {
        panic!("{asked:?}")
    };
    let (subject, resource) = (
        request.subject.as_ref().unwrap(),
        request.resource.as_ref().unwrap(),
    );
    assert_eq!(
        (subject.roles.as_slice(), subject.groups.as_slice()),
        (&["R".to_owned()][..], &["g".to_owned()][..])
    );
    assert_eq!(
        (resource.collection.as_str(), resource.state.as_str()),
        ("Book", "open")
    );
    assert_eq!(resource.owner.as_ref().unwrap().id, "amy");
    assert!(resource.block_inheritance, "only the root has nothing to block");
    assert!(
        !resource.ancestors[0].block_inheritance,
        "the root has nothing to block"
    );
    assert_eq!(resource.local_roles[0].roles, ["L"]);
    assert_eq!(resource.ancestors[0].local_roles[0].roles, ["E"]);
}

#[test]
fn users_lose_what_an_overlay_purges() {
    let user = json!({ "id": "amy", "roles": ["R"], "groups": ["g"] });
    for (overlay, roles, groups) in [
        (json!({ "roles.json": { "purge": true, "roles": [] } }), 0, 1),
        (json!({ "groups.json": { "purge": true, "groups": [] } }), 1, 0),
        (json!({ "users.json": { "purge": true, "users": [] } }), 0, 0),
        (json!({ "roles.json": { "purge": false, "roles": [] } }), 1, 1),
    ] {
        let rest =
            json!({ "overlay": overlay, "user": user, "check": { "permission": "View" }, "expect": "allow" });
        let (_, asked) = run(rest, &["View"]);
        let subject = asked[0].subject.as_ref().unwrap();
        assert_eq!(
            (subject.roles.len(), subject.groups.len()),
            (roles, groups),
            "{overlay}"
        );
    }
}

#[test]
fn a_document_of_the_profile_is_found_by_its_path() {
    let check = json!({ "http": "PATCH /a/b" });
    let (_, asked) = run(
        json!({ "check": check, "expect": { "decision": "allow" } }),
        &["Modify"],
    );
    let resource = asked[0].resource.as_ref().unwrap();
    assert_eq!(
        (resource.collection.as_str(), resource.state.as_str()),
        ("Book", "shut")
    );
    assert_eq!(resource.owner.as_ref().unwrap().id, "amy");
    assert!(resource.block_inheritance);
    let paths: Vec<_> = resource
        .ancestors
        .iter()
        .map(|ancestor| ancestor.id.as_str())
        .collect();
    assert_eq!(paths, ["/", "/a"]);
    assert_eq!(resource.ancestors[1].local_roles[0].roles, ["R"]);
}
