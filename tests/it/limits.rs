//! Every maximum that the contract promises: what is as large as it may be is answered, one more is refused by name.

use std::fs;
use std::time::{Duration, Instant};

use placet::rpc::proto::v1;
use placet::rpc::proto::v1::local_role::Holder;
use placet::rpc::{Budget, DecisionService};
use placet::vocab::call::Call;
use prost::Message;
use prost_types::value::Kind;
use prost_types::{Struct, Timestamp, Value};
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::decisions::project;
use crate::grpc::{local, message};
use crate::statuses::nested;

/// Puts something of a size into a request.
type Fill = fn(&mut v1::CheckRequest, usize);

/// A maximum, the path of the complaint, and how to reach it.
type Row = (usize, &'static str, Fill);

fn subject(request: &mut v1::CheckRequest) -> &mut v1::Subject {
    request.subject.get_or_insert_default()
}

fn context(request: &mut v1::CheckRequest) -> &mut v1::Context {
    request.context.get_or_insert_default()
}

fn resource(request: &mut v1::CheckRequest) -> &mut v1::Resource {
    request.resource.get_or_insert_default()
}

fn text(size: usize) -> String {
    "x".repeat(size)
}

fn texts(size: usize) -> Vec<String> {
    (0..size).map(|index| index.to_string()).collect()
}

fn values(size: usize) -> Option<Struct> {
    let null = || Value {
        kind: Some(Kind::NullValue(0)),
    };
    Some(Struct {
        fields: texts(size).into_iter().map(|name| (name, null())).collect(),
    })
}

fn approval() -> v1::Approval {
    v1::Approval {
        subject_id: "8".to_owned(),
        ..v1::Approval::default()
    }
}

fn local_role() -> v1::LocalRole {
    v1::LocalRole {
        holder: Some(Holder::SubjectId("8".to_owned())),
        ..v1::LocalRole::default()
    }
}

const NAMES: [Row; 13] = [
    (1024, "profile", |request, size| request.profile = text(size)),
    (1024, "digest", |request, size| request.digest = text(size)),
    (1024, "action", |request, size| request.action = text(size)),
    (1024, "to_state", |request, size| request.to_state = text(size)),
    (1024, "transition", |request, size| {
        request.transition = text(size)
    }),
    (1024, "subject.id", |request, size| {
        subject(request).id = text(size)
    }),
    (1024, "subject.roles[0]", |request, size| {
        subject(request).roles = vec![text(size)]
    }),
    (1024, "resource.collection", |request, size| {
        resource(request).collection = text(size)
    }),
    (1024, "resource.id", |request, size| {
        resource(request).id = text(size)
    }),
    (1024, "resource.owner.id", |request, size| {
        resource(request).owner.get_or_insert_default().id = text(size)
    }),
    (1024, "context.comment_author_id", |request, size| {
        context(request).comment_author_id = text(size)
    }),
    (256, "resource.content_digest", |request, size| {
        resource(request).content_digest = text(size)
    }),
    (16 * 1024, "context.explanation", |request, size| {
        context(request).explanation = text(size)
    }),
];

const LISTS: [Row; 12] = [
    (1024, "fields", |request, size| request.fields = texts(size)),
    (1024, "filter_fields", |request, size| {
        request.filter_fields = texts(size)
    }),
    (256, "subject.roles", |request, size| {
        subject(request).roles = texts(size)
    }),
    (256, "subject.groups", |request, size| {
        subject(request).groups = texts(size)
    }),
    (256, "resource.owner.roles", |request, size| {
        resource(request).owner.get_or_insert_default().roles = texts(size);
    }),
    (256, "context.approvals", |request, size| {
        context(request).approvals = vec![approval(); size]
    }),
    (256, "context.approvals[0].roles", |request, size| {
        context(request).approvals = vec![v1::Approval {
            roles: texts(size),
            ..approval()
        }];
    }),
    (1024, "resource.local_roles", |request, size| {
        resource(request).local_roles = vec![local_role(); size]
    }),
    (256, "resource.local_roles[0].roles", |request, size| {
        resource(request).local_roles = vec![v1::LocalRole {
            roles: texts(size),
            ..local_role()
        }];
    }),
    (64, "resource.ancestors", |request, size| {
        resource(request).ancestors = vec![v1::Ancestor::default(); size];
    }),
    (1024, "resource.ancestors[0].local_roles", |request, size| {
        let node = v1::Ancestor {
            local_roles: vec![local_role(); size],
            ..v1::Ancestor::default()
        };
        resource(request).ancestors = vec![node];
    }),
    (256, "resource.ancestors[0].owner.roles", |request, size| {
        let owner = v1::Owner {
            roles: texts(size),
            ..v1::Owner::default()
        };
        resource(request).ancestors = vec![v1::Ancestor {
            owner: Some(owner),
            ..v1::Ancestor::default()
        }];
    }),
];

const OBJECTS: [Row; 8] = [
    (10_000, "subject.attributes", |request, size| {
        subject(request).attributes = values(size)
    }),
    (10_000, "context.attributes", |request, size| {
        context(request).attributes = values(size)
    }),
    (10_000, "resource.attributes", |request, size| {
        resource(request).attributes = values(size)
    }),
    (10_000, "changes", |request, size| request.changes = values(size)),
    (32, "subject.attributes.a", |request, size| {
        subject(request).attributes = Some(nested(size))
    }),
    (32, "context.attributes.a", |request, size| {
        context(request).attributes = Some(nested(size))
    }),
    (32, "resource.attributes.a", |request, size| {
        resource(request).attributes = Some(nested(size))
    }),
    (32, "changes.a", |request, size| {
        request.changes = Some(nested(size))
    }),
];

fn service() -> DecisionService {
    local(&project("policies"))
}

fn fields(status: &Status) -> Vec<String> {
    let violations = status
        .get_details_bad_request()
        .map(|details| details.field_violations);
    violations
        .unwrap_or_default()
        .into_iter()
        .map(|each| each.field)
        .collect()
}

#[test]
fn of_every_part_of_a_question() {
    let service = service();
    for (max, path, fill) in NAMES.iter().chain(&LISTS).chain(&OBJECTS) {
        let ask = |size| {
            let mut request: v1::CheckRequest = message(
                "CheckRequest",
                json!({"profile": "editorial", "action": "read", "resource": {"collection": "articles"}}),
            );
            fill(&mut request, size);
            service.check(&request)
        };
        // An unknown profile or digest is another status than one that is too long.
        let fits = ask(*max).map_or_else(|status| status.code(), |_| Code::Ok);
        assert!(
            [Code::Ok, Code::NotFound, Code::FailedPrecondition].contains(&fits),
            "{path}: {fits:?}"
        );
        let status = ask(max + 1).unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{path}");
        let complained = fields(&status);
        assert_eq!(complained.len(), 1, "{path}: {complained:?}");
        assert!(complained[0].starts_with(path), "{path}: {complained:?}");
    }
}

#[test]
fn nested_values_count_as_well() {
    let service = service();
    let list = Kind::ListValue(prost_types::ListValue {
        values: vec![
            Value {
                kind: Some(Kind::BoolValue(true))
            };
            10_000
        ],
    });
    let request = v1::CheckRequest {
        profile: "editorial".to_owned(),
        action: "update".to_owned(),
        changes: Some(Struct {
            fields: [("a".to_owned(), Value { kind: Some(list) })].into(),
        }),
        ..v1::CheckRequest::default()
    };
    assert_eq!(fields(&service.check(&request).unwrap_err()), ["changes"]);
}

#[test]
fn of_other_calls() {
    let service = service();
    let batch = |count| v1::CheckBatchRequest {
        profile: "editorial".to_owned(),
        checks: vec![
            v1::CheckItem {
                action: "read".to_owned(),
                ..v1::CheckItem::default()
            };
            count
        ],
        ..v1::CheckBatchRequest::default()
    };
    assert_eq!(service.check_batch(&batch(1000)).unwrap().results.len(), 1000);
    for count in [0, 1001] {
        assert_eq!(
            fields(&service.check_batch(&batch(count)).unwrap_err()),
            ["checks"]
        );
    }
    let document = |document| v1::FilterFieldsRequest {
        profile: "editorial".to_owned(),
        operation: v1::Operation::Read.into(),
        document,
        ..v1::FilterFieldsRequest::default()
    };
    assert_eq!(
        fields(&service.filter_fields(&document(values(10_001))).unwrap_err()),
        ["document"]
    );
    let deep = service.filter_fields(&document(Some(nested(33)))).unwrap_err();
    assert!(fields(&deep)[0].starts_with("document.a[0]"));
    let plan = |count| v1::PlanQueryRequest {
        profile: "editorial".to_owned(),
        action: "read".to_owned(),
        targets: vec![1; count],
        ..v1::PlanQueryRequest::default()
    };
    assert_ne!(
        service
            .plan_query(&plan(8))
            .map_or_else(|status| status.code(), |_| Code::Ok),
        Code::InvalidArgument
    );
    assert_eq!(fields(&service.plan_query(&plan(9)).unwrap_err()), ["targets"]);
    let transitions = v1::ListAllowedTransitionsRequest {
        profile: "editorial".to_owned(),
        locale: text(1025),
        ..v1::ListAllowedTransitionsRequest::default()
    };
    assert_eq!(
        fields(&service.list_allowed_transitions(&transitions).unwrap_err()),
        ["locale"]
    );
}

#[test]
fn a_batch_ends_when_its_time_is_over() {
    let batch = v1::CheckBatchRequest {
        profile: "editorial".to_owned(),
        checks: vec![
            v1::CheckItem {
                action: "read".to_owned(),
                ..v1::CheckItem::default()
            };
            10
        ],
        ..v1::CheckBatchRequest::default()
    };
    let ask = |until| {
        let budget = Budget::until(until);
        service().answer(Call::CheckBatch, &batch.encode_to_vec(), budget, &mut Vec::new())
    };
    ask(None).unwrap();
    ask(Some(Instant::now() + Duration::from_secs(60))).unwrap();
    let status = ask(Some(Instant::now())).unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let service = service();
    let bad: [(&str, Fill); 8] = [
        ("context.approvals[0].subject_id", |request, _| {
            context(request).approvals = vec![v1::Approval::default()];
        }),
        ("resource.local_roles[0].holder", |request, _| {
            resource(request).local_roles = vec![v1::LocalRole::default()];
        }),
        ("context.ip", |request, _| {
            context(request).ip = "10.0.0".to_owned()
        }),
        ("context.now", |request, _| {
            context(request).now = Some(Timestamp {
                seconds: i64::MAX,
                nanos: 0,
            })
        }),
        ("context.now", |request, _| {
            context(request).now = Some(Timestamp {
                seconds: 0,
                nanos: -1,
            })
        }),
        ("fields[0]", |request, _| request.fields = vec![String::new()]),
        ("changes.a", |request, _| {
            let infinite = Value {
                kind: Some(Kind::NumberValue(f64::INFINITY)),
            };
            request.changes = Some(Struct {
                fields: [("a".to_owned(), infinite)].into(),
            });
        }),
        ("changes.a", |request, _| {
            request.changes = Some(Struct {
                fields: [("a".to_owned(), Value { kind: None })].into(),
            });
        }),
    ];
    for (path, fill) in bad {
        let mut request: v1::CheckRequest = message(
            "CheckRequest",
            json!({"profile": "editorial", "action": "update"}),
        );
        fill(&mut request, 0);
        let status = service.check(&request).unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![path.to_owned()])
        );
    }
}

#[test]
fn complaints_about_a_request_end_somewhere() {
    let request = v1::CheckRequest {
        profile: "editorial".to_owned(),
        fields: vec![String::new(); 1000],
        ..v1::CheckRequest::default()
    };
    let status = service().check(&request).unwrap_err();
    assert_eq!(fields(&status).len(), 32);
    assert_eq!(
        status.message(),
        "fields[0]: is empty (and 31 more) (968 further ones are not listed)"
    );
}

#[test]
fn a_trace_ends_somewhere() {
    let directory = tempfile::tempdir().unwrap();
    let profile = directory.path().join("many");
    fs::create_dir(&profile).unwrap();
    let grant = |index: usize| {
        json!({
            "id": format!("grant-{index}"), "roles": ["everyone"], "collections": ["articles"], "actions": ["read"],
            "when": {"a": {"_eq": index}},
        })
    };
    let grants: Vec<_> = (0..1100).map(grant).collect();
    fs::write(profile.join("grants.json"), json!({"grants": grants}).to_string()).unwrap();
    fs::write(
        profile.join("profile.json"),
        r#"{"id": "many", "dialect": "native"}"#,
    )
    .unwrap();
    let request: v1::CheckRequest = message(
        "CheckRequest",
        json!({
            "action": "read", "explain": true, "resource": {"collection": "articles", "attributes": {"a": -1}},
        }),
    );
    let trace = local(directory.path()).check(&request).unwrap().trace.unwrap();
    assert_eq!((trace.events.len(), trace.truncated), (1000, true));
}
