//! What a call can fail with: one status per cause, the same for every call, with details that programs can read.

use std::fs;
use std::sync::Arc;

use jiff::Timestamp;
use placet::rpc::DecisionService;
use placet::rpc::proto::v1;
use placet::store::PolicyStore;
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
use crate::grpc::{local, message, samples};

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
        assert_eq!(good.code(), Code::Ok, "{call}: {good:?}");

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
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "MALFORMED_MESSAGE"),
            "{call}: {status:?}"
        );
        let status = send(&channel, call, &[&valid, &oversized]).await;
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
            "{call}: {status:?}"
        );
        let status = send(&channel, call, &[&valid, &abyss]).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{call}: {status:?}");
        let status = send(&channel, call, &[&valid, &deep]).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{call}: {status:?}");
        assert!(
            fields(&status)[0].starts_with("subject.attributes.a[0][0]"),
            "{call}: {status:?}"
        );
        let good = send(&channel, call, &[&valid, &fits]).await;
        assert_eq!(good.code(), Code::Ok, "{call}: {good:?}");
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
    assert_eq!(answer.reason(), v1::Reason::UnknownCollection);
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
