//! The door of the daemon: every call over TCP, answered as in process, and what a call can fail with.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use placet::rpc::DecisionService;
use placet::rpc::encode::Detail;
use placet::rpc::json;
use placet::rpc::proto::v1;
use placet::rpc::proto::v1::policy_admin_service_client::PolicyAdminServiceClient;
use placet::rpc::proto::v1::policy_decision_service_client::PolicyDecisionServiceClient;
use placet::store::PolicyStore;
use placet::store::reload::{ReloadConfig, Reloader};
use prost::Message;
use prost::bytes::{Buf, BufMut};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use serde_json::json;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

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

fn samples() -> Daemon {
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

/// A request of each call that makes sense, but for the profile.
fn calls() -> [(&'static str, Vec<u8>); 7] {
    let collection = json!({"collection": "articles"});
    let check: v1::CheckRequest = message("CheckRequest", json!({"action": "read", "resource": collection}));
    let batch: v1::CheckBatchRequest = message(
        "CheckBatchRequest",
        json!({"checks": [{"action": "read", "resource": collection}]}),
    );
    let actions: v1::ListAllowedActionsRequest =
        message("ListAllowedActionsRequest", json!({"resource": collection}));
    let transitions: v1::ListAllowedTransitionsRequest =
        message("ListAllowedTransitionsRequest", json!({"resource": collection}));
    let fields: v1::FilterFieldsRequest = message(
        "FilterFieldsRequest",
        json!({"resource": collection, "operation": "OPERATION_READ"}),
    );
    let plan: v1::PlanQueryRequest = message(
        "PlanQueryRequest",
        json!({"action": "read", "collection": "articles"}),
    );
    let describe: v1::DescribeWorkflowRequest =
        message("DescribeWorkflowRequest", json!({"collection": "articles"}));
    [
        ("Check", check.encode_to_vec()),
        ("CheckBatch", batch.encode_to_vec()),
        ("ListAllowedActions", actions.encode_to_vec()),
        ("ListAllowedTransitions", transitions.encode_to_vec()),
        ("FilterFields", fields.encode_to_vec()),
        ("PlanQuery", plan.encode_to_vec()),
        ("DescribeWorkflow", describe.encode_to_vec()),
    ]
}

/// The fields that all requests share have one number, so that these bytes are the beginning of any.
fn head(json: serde_json::Value) -> Vec<u8> {
    message::<v1::CheckRequest>("CheckRequest", json).encode_to_vec()
}

/// Sends bytes as they are.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}

async fn send(channel: &Channel, call: &str, parts: &[&[u8]]) -> Status {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::try_from(format!("/placet.v1.PolicyDecisionService/{call}")).unwrap();
    let answer: Result<tonic::Response<Vec<u8>>, Status> =
        client.unary(Request::new(parts.concat()), path, Raw).await;
    match answer {
        Ok(_) => Status::ok(""),
        Err(status) => status,
    }
}

fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}

fn fields(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().unwrap().field_violations;
    violations.into_iter().map(|each| each.field).collect()
}

#[tokio::test]
async fn every_call_refuses_what_it_cannot_answer_with_the_same_status() {
    let daemon = samples();
    let channel = daemon.connect().await;
    for (call, valid) in calls() {
        let good = send(&channel, call, &[&valid, &head(json!({"profile": "editorial"}))]).await;
        let expected = if call == "PlanQuery" {
            Code::Unimplemented
        } else {
            Code::Ok
        };
        assert_eq!(good.code(), expected, "{call}: {good:?}");

        let status = send(&channel, call, &[&valid, &head(json!({"profile": "no\u{7f}pe"}))]).await;
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec!["profile".to_owned()]),
            "{call}"
        );

        let status = send(&channel, call, &[&valid, &head(json!({"profile": "nope"}))]).await;
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::NotFound, "UNKNOWN_PROFILE"),
            "{call}"
        );
        assert_eq!(status.get_details_resource_info().unwrap().resource_name, "nope");

        let status = send(&channel, call, &[&valid]).await;
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "NO_DEFAULT_PROFILE"),
            "{call}"
        );

        let pinned = head(json!({"profile": "editorial", "digest": "00"}));
        let status = send(&channel, call, &[&valid, &pinned]).await;
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::FailedPrecondition, "OTHER_DIGEST"),
            "{call}"
        );

        let controls = head(json!({
            "profile": "editorial", "subject": {"id": "a\u{1}", "roles": ["b", "c\n"]}, "context": {"ip": "here"},
        }));
        let status = send(&channel, call, &[&valid, &controls]).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{call}");
        assert_eq!(
            fields(&status),
            ["subject.id", "subject.roles[1]", "context.ip"],
            "{call}"
        );
        assert!(!status.message().chars().any(char::is_control));
    }
}

/// Attributes that nest this deep.
pub(crate) fn nested(depth: usize) -> Struct {
    let mut value = Value {
        kind: Some(Kind::BoolValue(true)),
    };
    for _ in 1..depth {
        value = Value {
            kind: Some(Kind::ListValue(ListValue { values: vec![value] })),
        };
    }
    Struct {
        fields: [("a".to_owned(), value)].into(),
    }
}

#[tokio::test]
async fn every_call_survives_what_is_no_request() {
    let daemon = samples();
    let channel = daemon.connect().await;
    let with_attributes = |attributes| {
        let subject = v1::Subject {
            attributes: Some(attributes),
            ..v1::Subject::default()
        };
        v1::CheckRequest {
            profile: "editorial".to_owned(),
            subject: Some(subject),
            ..v1::CheckRequest::default()
        }
        .encode_to_vec()
    };
    let long = Value {
        kind: Some(Kind::StringValue("x".repeat(4 * 1024 * 1024))),
    };
    let oversized = with_attributes(Struct {
        fields: [("a".to_owned(), long)].into(),
    });
    let (fits, deep, abyss) = (
        with_attributes(nested(32)),
        with_attributes(nested(33)),
        with_attributes(nested(200)),
    );
    for (call, valid) in calls() {
        let status = send(&channel, call, &[&[0x12, 0x05, 0xff]]).await;
        assert_eq!(status.code(), Code::Internal, "{call}: {status:?}");
        let status = send(&channel, call, &[&valid, &oversized]).await;
        assert_eq!(status.code(), Code::OutOfRange, "{call}: {status:?}");
        let status = send(&channel, call, &[&valid, &abyss]).await;
        assert_eq!(status.code(), Code::Internal, "{call}: {status:?}");
        let status = send(&channel, call, &[&valid, &deep]).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{call}: {status:?}");
        assert!(
            fields(&status)[0].starts_with("subject.attributes.a[0][0]"),
            "{call}: {status:?}"
        );
        let good = send(&channel, call, &[&valid, &fits]).await;
        let expected = if call == "PlanQuery" {
            Code::Unimplemented
        } else {
            Code::Ok
        };
        assert_eq!(good.code(), expected, "{call}: {good:?}");
    }
}

#[tokio::test]
async fn a_request_full_of_mistakes_gets_a_status_that_fits_a_trailer() {
    let daemon = samples();
    let channel = daemon.connect().await;
    let names: Vec<String> = (0..1000)
        .map(|index| format!("{}\u{1}{index}", "é".repeat(300)))
        .collect();
    let attributes = names.iter().map(|name| {
        let value = Value { kind: None };
        (name.clone(), value)
    });
    let request = v1::CheckRequest {
        profile: "editorial".to_owned(),
        fields: names.clone(),
        changes: Some(Struct {
            fields: attributes.collect(),
        }),
        ..v1::CheckRequest::default()
    };
    let status = send(&channel, "Check", &[&request.encode_to_vec()]).await;
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert!(status.details().len() < 6 * 1024, "{}", status.details().len());
    assert!(
        status.message().ends_with("further ones are not listed)"),
        "{}",
        status.message()
    );
    assert!(fields(&status).len() <= 32);
}

#[tokio::test]
async fn what_nobody_knows_is_a_denial_or_an_empty_answer() {
    let service = local(&project("policies"));
    let base = json!({"profile": "editorial", "resource": {"collection": "pages"}});
    let actions = service
        .list_allowed_actions(&message("ListAllowedActionsRequest", base.clone()))
        .unwrap()
        .actions;
    let reasons: Vec<_> = actions
        .iter()
        .map(|action| action.decision.as_ref().unwrap().reason())
        .collect();
    assert_eq!(reasons, vec![v1::Reason::UnknownCollection; 4]);
    let answer = service
        .list_allowed_transitions(&message("ListAllowedTransitionsRequest", base.clone()))
        .unwrap();
    assert!(answer.transitions.is_empty() && answer.denied.is_empty());
    let mut request = base.clone();
    request["fields"] = json!(["title"]);
    request["operation"] = json!("OPERATION_UPDATE");
    let answer = service
        .filter_fields(&message("FilterFieldsRequest", request))
        .unwrap();
    assert_eq!(
        (answer.allowed.len(), answer.denied[0].reason()),
        (0, v1::Reason::UnknownCollection)
    );
    for (field, name, reason_word) in [
        ("collection", "pages", "UNKNOWN_COLLECTION"),
        ("id", "nope", "UNKNOWN_WORKFLOW"),
    ] {
        let request = json!({"profile": "editorial", field: name});
        let status = service
            .describe_workflow(&message("DescribeWorkflowRequest", request))
            .unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::NotFound, reason_word)
        );
    }
    let request = json!({"profile": "newsroom", "collection": "photos"});
    let status = service
        .describe_workflow(&message("DescribeWorkflowRequest", request))
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::NotFound, "NO_WORKFLOW")
    );
}

#[test]
fn questions_that_contradict_themselves_name_the_field() {
    let service = local(&project("policies"));
    let resource = json!({"collection": "articles", "state": "draft", "attributes": {"status": "published"}});
    let request = json!({"profile": "editorial", "action": "read", "resource": resource});
    let status = service.check(&message("CheckRequest", request)).unwrap_err();
    assert_eq!(
        (status.code(), fields(&status)),
        (Code::InvalidArgument, vec!["resource.state".to_owned()])
    );
    let request = json!({"profile": "editorial", "resource": {"collection": "articles"}});
    let status = service.check(&message("CheckRequest", request)).unwrap_err();
    assert_eq!(fields(&status), ["action"]);
    for (operation, action) in [
        ("OPERATION_DELETE", ""),
        ("OPERATION_READ", "update"),
        ("OPERATION_UNSPECIFIED", ""),
    ] {
        let request = json!({
            "profile": "editorial", "operation": operation, "action": action, "resource": {"collection": "articles"},
        });
        let status = service
            .filter_fields(&message("FilterFieldsRequest", request))
            .unwrap_err();
        assert_eq!(fields(&status), ["operation"], "{operation} {action}");
    }
    for request in [
        json!({"profile": "editorial"}),
        json!({"profile": "editorial", "id": "a", "collection": "b"}),
    ] {
        let status = service
            .describe_workflow(&message("DescribeWorkflowRequest", request))
            .unwrap_err();
        assert_eq!(fields(&status), ["id"]);
    }
}

#[tokio::test]
async fn the_administration_tells_reloads_and_watches() {
    let daemon = samples();
    let mut client = PolicyAdminServiceClient::new(daemon.connect().await);
    let all = v1::GetStatusRequest {
        profile: String::new(),
        include_reads: true,
    };
    let status = client.get_status(all).await.unwrap().into_inner();
    let ids = |profiles: &[v1::ProfileStatus]| -> Vec<(String, v1::ProfileState)> {
        profiles
            .iter()
            .map(|profile| {
                (
                    profile.snapshot.as_ref().unwrap().profile.clone(),
                    profile.state(),
                )
            })
            .collect()
    };
    let current = v1::ProfileState::Current;
    assert_eq!(
        ids(&status.profiles),
        [
            ("editorial".to_owned(), current),
            ("newsroom".to_owned(), current)
        ]
    );
    assert_eq!(
        (status.version.as_str(), status.profiles[0].is_default),
        (env!("CARGO_PKG_VERSION"), false)
    );
    assert_eq!(
        (
            status.profiles[0].dialect.as_str(),
            status.profiles[0].mode.as_str()
        ),
        ("native", "strict")
    );
    let update = status.profiles[0]
        .reads
        .iter()
        .find(|reads| reads.action == "update")
        .unwrap();
    assert_eq!(update.paths, ["author", "body", "featured", "title"]);
    let comment = status.profiles[1]
        .reads
        .iter()
        .find(|reads| reads.action == "comment.delete")
        .unwrap();
    assert!(
        comment.paths.contains(&"$CONTEXT.comment_author_id".to_owned()),
        "{comment:?}"
    );
    assert!(comment.paths.contains(&"$CURRENT_USER".to_owned()), "{comment:?}");

    let mut stream = client
        .watch_status(v1::WatchStatusRequest::default())
        .await
        .unwrap()
        .into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert!(first.initial);
    assert_eq!(ids(&first.profiles).len(), 2);

    let grants = daemon.root.join("editorial/grants.json");
    let good = fs::read_to_string(&grants).unwrap();
    fs::write(&grants, format!("{good}\n")).unwrap();
    let news = stream.message().await.unwrap().unwrap();
    assert_eq!(
        (news.initial, ids(&news.profiles)),
        (false, vec![("editorial".to_owned(), current)])
    );
    assert_eq!(news.profiles[0].snapshot.as_ref().unwrap().generation, 2);

    fs::write(&grants, "{").unwrap();
    let results = client
        .reload(v1::ReloadRequest::default())
        .await
        .unwrap()
        .into_inner()
        .results;
    let broken = results[0].status.as_ref().unwrap();
    assert_eq!(broken.state(), v1::ProfileState::Stale);
    assert_eq!(
        (broken.diagnostics.len(), results[0].outcome()),
        (1, v1::ReloadOutcome::Failed)
    );
    assert_eq!(
        broken.diagnostics[0].origin.as_ref().unwrap().file,
        "editorial/grants.json"
    );
    assert_eq!(results[1].outcome(), v1::ReloadOutcome::Unchanged);

    for (name, code) in [("nope", Code::NotFound), ("a\u{1}", Code::InvalidArgument)] {
        let profile = name.to_owned();
        let request = v1::GetStatusRequest {
            profile: profile.clone(),
            include_reads: false,
        };
        assert_eq!(client.get_status(request).await.unwrap_err().code(), code);
        let request = v1::ReloadRequest {
            profile: profile.clone(),
        };
        assert_eq!(client.reload(request).await.unwrap_err().code(), code);
        assert_eq!(
            client
                .watch_status(v1::WatchStatusRequest { profile })
                .await
                .unwrap_err()
                .code(),
            code
        );
    }
}

#[test]
fn a_profile_that_was_never_good_is_unavailable() {
    let directory = tempfile::tempdir().unwrap();
    let profile = directory.path().join("broken");
    fs::create_dir(&profile).unwrap();
    fs::write(profile.join("grants.json"), "{").unwrap();
    let service = local(directory.path());
    let request: v1::CheckRequest = message("CheckRequest", json!({"profile": "broken", "action": "read"}));
    let status = service.check(&request).unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unavailable, "NEVER_LOADED")
    );
    assert!(status.get_details_retry_info().is_some());
    let empty = DecisionService::new(Arc::new(PolicyStore::new(None)), Timestamp::now);
    let status = empty.check(&request).unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unavailable, "NOT_READY")
    );
}
