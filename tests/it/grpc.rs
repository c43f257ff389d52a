//! The door of the daemon: every call over TCP, answered as in process.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use placet::rpc::DecisionService;
use placet::rpc::encode::Detail;
use placet::rpc::json;
use placet::rpc::proto::v1;
use placet::rpc::proto::v1::policy_decision_service_client::PolicyDecisionServiceClient;
use placet::store::PolicyStore;
use placet::store::reload::{ReloadConfig, Reloader};
use prost::Message;
use serde_json::json;
use tonic::Code;

use crate::decisions::project;
use crate::serve::Daemon;

const NOW: &str = "2026-03-01T12:00:00Z";

/// Serves the profiles of a directory in process.
pub(crate) fn local(root: &Path) -> DecisionService {
    let store = Arc::new(PolicyStore::new(None));
    let (mut reloader, _rounds) = Reloader::new(ReloadConfig::new(root), Arc::clone(&store));
    reloader.reload();
    DecisionService::new(store, || NOW.parse::<Timestamp>().unwrap())
}

/// Reads a message from JSON.
pub(crate) fn message<M: Message + Default>(name: &str, json: serde_json::Value) -> M {
    json::from_json(name, &json).unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

/// Serves two of the samples from a copy.
pub(crate) fn samples() -> Daemon {
    Daemon::start(
        |root| {
            for profile in ["editorial", "newsroom"] {
                copy(&project("policies").join(profile), &root.join(profile));
            }
        },
        &[],
    )
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Takes away what differs from one asking to the next.
fn settle(decision: Option<&mut v1::Decision>) {
    if let Some(decision) = decision {
        assert!(!decision.id.is_empty());
        decision.id.clear();
    }
}

fn settle_snapshot(snapshot: &mut Option<v1::SnapshotInfo>) {
    let snapshot = snapshot.as_mut().unwrap();
    assert!(snapshot.loaded_at.take().is_some());
    assert_eq!(snapshot.digest.len(), 64);
}

#[tokio::test]
async fn check_answers_as_in_process() {
    let daemon = samples();
    let service = local(&daemon.root);
    let mut client = PolicyDecisionServiceClient::new(daemon.connect().await);
    let cases = [
        (
            json!({
                "profile": "editorial", "action": "create", "explain": true,
                "subject": {"id": "7", "roles": ["author"]}, "context": {"now": NOW},
                "resource": {"collection": "articles", "state": "draft"}, "changes": {"title": "T"},
            }),
            v1::Reason::Allowed,
        ),
        (
            json!({
                "profile": "newsroom", "action": "update", "explain": true,
                "subject": {"id": "7", "roles": ["intern"]}, "context": {"now": NOW},
                "resource": {"collection": "articles", "id": "1", "state": "draft", "owner": {"id": "7"}},
            }),
            v1::Reason::ExplanationRequired,
        ),
        (
            json!({"profile": "editorial", "action": "read", "resource": {"collection": "pages"}}),
            v1::Reason::UnknownCollection,
        ),
        (
            json!({"profile": "editorial", "action": "fly", "resource": {"collection": "articles"}}),
            v1::Reason::UnknownAction,
        ),
        (
            json!({"profile": "editorial", "transition": "fly", "resource": {"collection": "articles"}}),
            v1::Reason::UnknownTransition,
        ),
        (
            json!({
                "profile": "editorial", "action": "update", "subject": {"id": "7", "roles": ["pilot"]},
                "resource": {"collection": "articles", "state": "draft"},
            }),
            v1::Reason::UnknownRole,
        ),
    ];
    for (case, reason) in cases {
        let request: v1::CheckRequest = message("CheckRequest", case);
        let mut here = service.check(&request).unwrap();
        let mut there = client.check(request).await.unwrap().into_inner();
        for answer in [&mut here, &mut there] {
            settle(answer.decision.as_mut());
            settle_snapshot(&mut answer.snapshot);
        }
        assert_eq!(here.decision.as_ref().unwrap().reason(), reason);
        assert_eq!(here, there);
    }
}

#[tokio::test]
async fn lists_answer_as_in_process() {
    let daemon = samples();
    let service = local(&daemon.root);
    let mut client = PolicyDecisionServiceClient::new(daemon.connect().await);

    let request: v1::ListAllowedActionsRequest = message(
        "ListAllowedActionsRequest",
        json!({
            "profile": "newsroom", "subject": {"id": "7", "roles": ["staff"]}, "context": {"now": NOW},
            "resource": {"collection": "articles", "id": "1", "state": "review"},
        }),
    );
    let mut here = service.list_allowed_actions(&request).unwrap();
    let mut there = client.list_allowed_actions(request).await.unwrap().into_inner();
    for answer in [&mut here, &mut there] {
        settle_snapshot(&mut answer.snapshot);
        answer
            .actions
            .iter_mut()
            .for_each(|action| settle(action.decision.as_mut()));
    }
    let titles: Vec<&str> = here.actions.iter().map(|action| action.title.as_str()).collect();
    assert_eq!(titles.get(..4).unwrap(), ["Create", "Read", "Update", "Delete"]);
    assert_eq!(here, there);

    let request: v1::ListAllowedTransitionsRequest = message(
        "ListAllowedTransitionsRequest",
        json!({
            "profile": "editorial", "subject": {"id": "7", "roles": ["editor"]}, "context": {"now": NOW},
            "resource": {
                "collection": "articles", "id": "1", "state": "ready_for_review", "content_digest": "d",
                "attributes": {"featured": true, "title": "T", "body": "B"},
            },
            "include_denied": true, "locale": "de-AT", "explain": true,
        }),
    );
    let mut here = service.list_allowed_transitions(&request).unwrap();
    let mut there = client
        .list_allowed_transitions(request)
        .await
        .unwrap()
        .into_inner();
    settle_snapshot(&mut here.snapshot);
    settle_snapshot(&mut there.snapshot);
    let titles: Vec<&str> = here.denied.iter().map(|option| option.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "Veröffentlichen",
            "Auf der Titelseite veröffentlichen",
            "Zurückgeben"
        ]
    );
    assert_eq!(here, there);

    let request: v1::FilterFieldsRequest = message(
        "FilterFieldsRequest",
        json!({
            "profile": "newsroom", "subject": {"id": "7", "roles": ["intern"]}, "operation": "OPERATION_READ",
            "resource": {"collection": "articles", "id": "1", "state": "published"},
            "document": {"id": 1, "title": "T", "notes": "secret"}, "filter_fields": ["title", "notes"],
        }),
    );
    let mut here = service.filter_fields(&request).unwrap();
    let mut there = client.filter_fields(request).await.unwrap().into_inner();
    settle_snapshot(&mut here.snapshot);
    settle_snapshot(&mut there.snapshot);
    assert_eq!(here.allowed, ["id", "title"]);
    assert_eq!(here.document.as_ref().unwrap().fields.len(), 2);
    assert_eq!(
        here.filter_fields
            .iter()
            .map(|each| each.usable)
            .collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(here, there);

    let request: v1::DescribeWorkflowRequest = message(
        "DescribeWorkflowRequest",
        json!({"profile": "editorial", "collection": "articles", "explain": true}),
    );
    let mut here = service.describe_workflow(&request).unwrap();
    let mut there = client.describe_workflow(request).await.unwrap().into_inner();
    settle_snapshot(&mut here.snapshot);
    settle_snapshot(&mut there.snapshot);
    let workflow = here.workflow.as_ref().unwrap();
    assert_eq!(
        (workflow.initial_state.as_str(), workflow.states.len()),
        ("draft", 3)
    );
    assert_eq!(here, there);
}

#[tokio::test]
async fn a_batch_answers_as_its_checks_and_a_bad_one_fails_alone() {
    let daemon = samples();
    let service = local(&daemon.root);
    let mut client = PolicyDecisionServiceClient::new(daemon.connect().await);
    let subject = json!({"id": "7", "roles": ["intern"]});
    let common = json!({"now": NOW, "attributes": {"mode": "a", "channel": "web"}});
    let resource = json!({"collection": "articles", "id": "1", "state": "draft", "owner": {"id": "7"}});
    let request: v1::CheckBatchRequest = message(
        "CheckBatchRequest",
        json!({
            "profile": "newsroom", "subject": subject, "context": common,
            "checks": [
                {"id": "bare", "action": "update", "resource": resource},
                {"id": "why", "action": "update", "resource": resource, "context": {"explanation": "typo"}},
                {"id": "bad", "action": "up\u{1}date", "resource": {"collection": "articles", "local_roles": [{}]}},
                {"id": "none", "resource": resource},
                {"id": "bare", "action": "update", "resource": resource},
            ],
        }),
    );
    let results = client
        .check_batch(request.clone())
        .await
        .unwrap()
        .into_inner()
        .results;
    let here = service.check_batch(&request).unwrap().results;
    assert_eq!(
        results
            .iter()
            .map(|result| result.id.as_str())
            .collect::<Vec<_>>(),
        ["bare", "why", "bad", "none", "bare"]
    );
    let decision = |result: &v1::CheckResult| match result.result.clone() {
        Some(v1::check_result::Result::Decision(mut decision)) => {
            settle(Some(&mut decision));
            decision
        }
        other => panic!("{other:?}"),
    };
    let single = |context: serde_json::Value| {
        let request: v1::CheckRequest = message(
            "CheckRequest",
            json!({
                "profile": "newsroom", "subject": subject, "context": context, "action": "update", "resource": resource,
            }),
        );
        let mut answer = service.check(&request).unwrap().decision.unwrap();
        settle(Some(&mut answer));
        answer
    };
    let bare = single(common.clone());
    assert_eq!(bare.reason(), v1::Reason::ExplanationRequired);
    let why =
        single(json!({"now": NOW, "explanation": "typo", "attributes": {"mode": "a", "channel": "web"}}));
    assert_eq!(why.reason(), v1::Reason::Allowed);
    for results in [&results, &here] {
        assert_eq!(decision(&results[0]), bare);
        assert_eq!(decision(&results[1]), why);
        // What one check brought along is gone for the next.
        assert_eq!(decision(&results[4]), bare);
        let error = |index: usize| match &results[index].result {
            Some(v1::check_result::Result::Error(error)) => error.clone(),
            other => panic!("{other:?}"),
        };
        let fields: Vec<String> = error(2)
            .field_violations
            .into_iter()
            .map(|each| each.field)
            .collect();
        assert_eq!(
            fields,
            ["checks[2].action", "checks[2].resource.local_roles[0].holder"]
        );
        assert_eq!(error(3).field_violations[0].field, "checks[3].action");
        assert_eq!(error(3).code, i32::from(Code::InvalidArgument));
    }
}

#[test]
fn a_context_of_ones_own_is_laid_over_the_common_one() {
    let directory = tempfile::tempdir().unwrap();
    let profile = directory.path().join("desk");
    fs::create_dir(&profile).unwrap();
    let grants = json!({"grants": [
        {"roles": ["everyone"], "collections": ["articles"], "actions": ["read"],
         "when": {"_and": [{"$CONTEXT.mode": "a"}, {"$CONTEXT.channel": "web"}]}},
        {"roles": ["everyone"], "collections": ["articles"], "actions": ["update"], "networks": ["10.0.0.0/8"]},
    ]});
    fs::write(profile.join("grants.json"), grants.to_string()).unwrap();
    fs::write(
        profile.join("profile.json"),
        r#"{"id": "desk", "dialect": "native"}"#,
    )
    .unwrap();
    let service = local(directory.path());
    let resource = json!({"collection": "articles"});
    let request: v1::CheckBatchRequest = message(
        "CheckBatchRequest",
        json!({
            "context": {"ip": "192.0.2.1", "attributes": {"mode": "b", "channel": "web"}},
            "checks": [
                {"action": "read", "resource": resource},
                {"action": "read", "resource": resource, "context": {"attributes": {"mode": "a"}}},
                {"action": "read", "resource": resource, "context": {"attributes": {"mode": "a", "channel": "x"}}},
                {"action": "update", "resource": resource},
                {"action": "update", "resource": resource, "context": {"ip": "10.1.1.1"}},
            ],
        }),
    );
    let effects: Vec<bool> = service
        .check_batch(&request)
        .unwrap()
        .results
        .into_iter()
        .map(|result| match result.result {
            Some(v1::check_result::Result::Decision(decision)) => decision.effect() == v1::Effect::Allow,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(effects, [false, true, false, false, true]);
}

#[test]
fn a_list_agrees_with_check_on_each_of_its_entries() {
    let service = local(&project("policies"));
    for role in ["intern", "staff", "manager", "administrator", "nobody"] {
        for state in ["", "draft", "review", "published", "locked", "lost"] {
            let subject = json!({"id": "7", "roles": [role]});
            let resource = json!({"collection": "articles", "id": "1", "state": state, "owner": {"id": "7"}});
            let base = json!({"profile": "newsroom", "subject": subject, "resource": resource});
            let with = |key: &str, value: &str| {
                let mut request = base.clone();
                request[key] = json!(value);
                service
                    .check(&message("CheckRequest", request))
                    .unwrap()
                    .decision
                    .unwrap()
            };
            let actions = service
                .list_allowed_actions(&message("ListAllowedActionsRequest", base.clone()))
                .unwrap()
                .actions;
            assert_eq!(actions.len(), 8);
            for action in actions {
                let (mut listed, mut checked) = (action.decision.unwrap(), with("action", &action.action));
                settle(Some(&mut listed));
                settle(Some(&mut checked));
                // What is written by default names the moment.
                listed.obligations = None;
                checked.obligations = None;
                assert_eq!(listed, checked, "{role} {state} {}", action.action);
            }
            if state.is_empty() {
                continue;
            }
            let mut request = base.clone();
            request["include_denied"] = json!(true);
            let answer = service
                .list_allowed_transitions(&message("ListAllowedTransitionsRequest", request))
                .unwrap();
            for option in answer.transitions.iter().chain(&answer.denied) {
                let checked = with("transition", &option.id);
                assert_eq!(option.reason(), checked.reason(), "{role} {state} {}", option.id);
                assert_eq!(option.missing, checked.missing, "{role} {state} {}", option.id);
                assert_eq!(option.message, checked.message, "{role} {state} {}", option.id);
            }
        }
    }
}

#[test]
fn how_much_is_told_can_be_bounded() {
    let request: v1::CheckRequest = message(
        "CheckRequest",
        json!({
            "profile": "newsroom", "action": "update", "explain": true, "subject": {"id": "7", "roles": ["intern"]},
            "resource": {"collection": "articles", "id": "1", "state": "draft", "owner": {"id": "7"}},
        }),
    );
    let service = local(&project("policies"));
    let ask = |detail| {
        let answer = service.clone().telling(detail).check(&request).unwrap();
        (answer.decision.unwrap(), answer.trace.unwrap())
    };
    let (full, trace) = ask(Detail::Full);
    assert!(
        !full.message.is_empty() && !full.missing.is_empty() && !trace.withheld && !trace.events.is_empty()
    );
    assert_eq!(full.grants[0].id, "intern-update");
    assert_eq!(
        full.grants[0].origin.as_ref().unwrap().file,
        "newsroom/grants.json"
    );
    let (code, trace) = ask(Detail::Code);
    assert!(trace.withheld && trace.events.is_empty() && trace.roles.is_empty());
    assert_eq!(
        (code.reason(), code.message.as_str(), code.missing.len()),
        (full.reason(), "", 0)
    );
    assert_eq!(
        (code.grants[0].id.as_str(), &code.grants[0].origin),
        ("intern-update", &None)
    );
    let (none, trace) = ask(Detail::None);
    assert!(trace.withheld && none.grants.is_empty() && none.message.is_empty());
    assert_eq!(none.effect(), full.effect());
}
