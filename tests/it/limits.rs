//! Every maximum that the contract promises: what is as large as it may be is answered, one more is refused by name.

use std::fs;
use std::net::SocketAddr;
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
use crate::faults::GREETING;
use crate::grpc::{local, message};
use crate::hostile::{call, framed, open};
use crate::http::{metrics, value};
use crate::serve::{Daemon, GRANTS, write_profile};
use crate::serving::{check, question};
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

fn code_of(answer: &tonic::codegen::http::Response<h2::RecvStream>) -> &str {
    answer.headers()["grpc-status"].to_str().unwrap()
}

#[tokio::test]
async fn headers_beyond_one_limit_get_a_status_and_beyond_the_other_431() {
    let daemon = Daemon::start(|root| write_profile(root, "news", GRANTS), &[]);
    let mut sender = open(daemon.address()).await.unwrap();
    let good = framed(0, &question().encode_to_vec());
    let cases = [
        (15 * 1024, Ok("0")),
        (17 * 1024, Ok("8")),
        (60 * 1024, Ok("8")),
        (66 * 1024, Err(431)),
        (15 * 1024, Ok("0")),
    ];
    for (bytes, expected) in cases {
        let long = "x".repeat(bytes);
        let (answer, mut body) = sender.send_request(call(&[("x-long", &long)]), false).unwrap();
        let _ = body.send_data(good.clone(), true);
        let answer = answer.await.unwrap();
        match expected {
            Err(status) => assert_eq!(answer.status().as_u16(), status, "{bytes}"),
            Ok("0") => {
                let mut body = answer.into_body();
                while body.data().await.is_some() {}
                assert_eq!(
                    body.trailers().await.unwrap().unwrap()["grpc-status"],
                    "0",
                    "{bytes}"
                );
            }
            Ok(code) => assert_eq!(code_of(&answer), code, "{bytes}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn old_connections_are_asked_to_end_and_no_call_is_lost() {
    let daemon = Daemon::start(
        |root| write_profile(root, "news", GRANTS),
        &["--connection-age-seconds", "1", "--http-listen", "127.0.0.1:0"],
    );
    let addresses = daemon.addresses();
    let (grpc, http): (SocketAddr, SocketAddr) = (
        addresses["grpc"].parse().unwrap(),
        addresses["http"].parse().unwrap(),
    );
    let channel = tonic::transport::Channel::from_shared(format!("http://{grpc}")).unwrap();
    let channel = channel.connect().await.unwrap();
    // One begins a call before it is told to go, and finishes it afterwards.
    let stream = tokio::net::TcpStream::connect(grpc).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    let ended = tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let (answer, mut body) = sender.send_request(call(&[]), false).unwrap();
    let begun = Instant::now();
    let (mut calls, mut unsent) = (0.0, 0);
    while begun.elapsed() < Duration::from_millis(3500) {
        match check(&channel).await {
            Ok(effect) => {
                assert_eq!(effect, v1::Effect::Allow);
                calls += 1.0;
            }
            // The client heard of the end before it sent the call, which may be sent again.
            Err(status) => {
                assert!(format!("{status:?}").contains("NO_ERROR"), "{status:?}");
                unsent += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let refused = match sender.clone().ready().await {
        Ok(mut sender) => match sender.send_request(call(&[]), true) {
            Ok((answer, _)) => answer.await.is_err(),
            Err(_) => true,
        },
        Err(_) => true,
    };
    assert!(refused, "it may begin no more calls");
    body.send_data(framed(0, &question().encode_to_vec()), true)
        .unwrap();
    let mut body = answer.await.unwrap().into_body();
    while body.data().await.is_some() {}
    assert_eq!(body.trailers().await.unwrap().unwrap()["grpc-status"], "0");
    drop((body, sender));
    ended.await.unwrap().unwrap();
    let page = metrics(http);
    let accepted = value(&page, "placet_connections_accepted_total{serves=\"grpc\"}").unwrap();
    println!(
        "{calls} calls over {} connections, {unsent} not sent",
        accepted - 1.0
    );
    assert!(unsent <= 4, "{unsent} calls were not sent");
    let decisions =
        "placet_decisions_total{profile=\"news\",call=\"Check\",effect=\"ALLOW\",reason=\"ALLOWED\"}";
    assert_eq!(
        value(&page, decisions),
        Some(calls + 1.0),
        "none is lost, and none decided twice"
    );
    assert!((4.0..=8.0).contains(&accepted), "{accepted} connections");
}

/// What a client sees that asks for too much over HTTP/2, as the last column of the table says it.
#[tokio::test]
async fn streams_and_frames_beyond_the_limits_are_refused_by_http2() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let daemon = Daemon::start(|root| write_profile(root, "news", GRANTS), &[]);
    let address = daemon.address();
    // The daemon tells its limits in its first frame; a client that keeps to them waits.
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(GREETING).await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "SETTINGS");
    let mut settings = vec![0; usize::from(head[2])];
    stream.read_exact(&mut settings).await.unwrap();
    let told = |id: u16| {
        let entry = settings.chunks(6).find(|entry| entry[..2] == id.to_be_bytes());
        entry.map(|entry| u32::from_be_bytes(entry[2..].try_into().unwrap()))
    };
    assert_eq!(told(3), Some(256), "streams of a connection");
    assert_eq!(told(4), Some(1024 * 1024), "window of a stream");
    assert_eq!(told(5), Some(64 * 1024), "a frame");
    assert_eq!(told(6), Some(64 * 1024), "headers");
    // The window of the connection begins with 65,535 bytes, as the protocol has it, and the daemon makes it larger.
    let mut more = None;
    while more.is_none() {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let mut body = vec![0; usize::from(head[2])];
        stream.read_exact(&mut body).await.unwrap();
        // WINDOW_UPDATE, of no single stream.
        if head[3] == 8 && head[5..] == [0; 4] {
            more = Some(u32::from_be_bytes(body.try_into().unwrap()));
        }
    }
    assert_eq!(65_535 + more.unwrap(), 4 * 1024 * 1024);
    // A frame that is larger ends the connection: 70,000 bytes of DATA on a stream.
    stream
        .write_all(&[0x01, 0x11, 0x70, 0, 0, 0, 0, 0, 1])
        .await
        .unwrap();
    let _ = stream.write_all(&[0; 70_000]).await;
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    assert!(read.is_ok(), "the connection does not end");
    // FRAME_SIZE_ERROR is told by GOAWAY.
    let goaway = rest
        .windows(9)
        .position(|frame| frame[3] == 7 && frame[..2] == [0, 0]);
    assert!(goaway.is_some(), "{rest:?}");

    // So do streams that are no requests, when there are more than can be remembered.
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(GREETING).await.unwrap();
    let mut flood = Vec::new();
    for number in 0..5_000_u32 {
        let id = (2 * number + 1).to_be_bytes();
        // HEADERS with `:status: 200`, which is no request; it is reset by the daemon.
        flood.extend([0, 0, 1, 1, 5]);
        flood.extend(id);
        flood.push(0x88);
    }
    let _ = stream.write_all(&flood).await;
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    assert!(read.is_ok(), "the connection does not end");
    assert!(open(address).await.is_some(), "others are served");
}

/// Which test sees what a client sees beyond a limit; each stands as `file::name`.
const SEEN: &[(&str, &str)] = &[
    ("NAME_BYTES_MAX", "limits::of_every_part_of_a_question"),
    ("LIST_ENTRIES_MAX", "limits::of_every_part_of_a_question"),
    ("CLAIMED_ROLES_MAX", "limits::of_every_part_of_a_question"),
    ("CLAIMED_GROUPS_MAX", "limits::of_every_part_of_a_question"),
    ("LOCAL_ROLES_MAX", "limits::of_every_part_of_a_question"),
    ("ANCESTORS_MAX", "limits::of_every_part_of_a_question"),
    ("APPROVALS_MAX", "limits::of_every_part_of_a_question"),
    ("EXPLANATION_BYTES_MAX", "limits::of_every_part_of_a_question"),
    ("CONTENT_DIGEST_BYTES_MAX", "limits::of_every_part_of_a_question"),
    ("ATTRIBUTE_VALUES_MAX", "limits::of_every_part_of_a_question"),
    ("ATTRIBUTE_DEPTH_MAX", "limits::of_every_part_of_a_question"),
    ("BATCH_CHECKS_MAX", "limits::of_other_calls"),
    ("PLAN_TARGETS_MAX", "limits::of_other_calls"),
    ("PLAN_NODES_MAX", "plan::filters_are_no_larger_than_said"),
    ("PLAN_DEPTH_MAX", "plan::filters_are_no_larger_than_said"),
    ("PLAN_IDS_MAX", "plan::filters_are_no_larger_than_said"),
    ("PLAN_PRESETS_MAX", "plan::filters_are_no_larger_than_said"),
    ("WORK_TIME_MAX", "limits::a_batch_ends_when_its_time_is_over"),
    (
        "CONNECTIONS_MAX",
        "serving::connections_beyond_the_limit_and_silent_ones_are_closed",
    ),
    (
        "HANDSHAKE_TIME_MAX",
        "serving::connections_beyond_the_limit_and_silent_ones_are_closed",
    ),
    (
        "ACCEPTS_PER_SECOND_MAX",
        "src/server/greeter::in_a_second_it_takes_no_more_than_it_may_and_a_few_at_once",
    ),
    (
        "WASTE_PER_SECOND_MAX",
        "hostile::who_takes_his_calls_back_is_slowed_and_nobody_else_is",
    ),
    (
        "AGED_TIME_MAX",
        "soak::an_old_connection_that_does_not_end_is_cut",
    ),
    (
        "REQUESTS_IN_FLIGHT_MAX",
        "src/server/door::where_there_is_too_much_each_connection_keeps_its_share",
    ),
    (
        "GATHERED_BYTES_MAX",
        "src/server/door::parts_of_messages_are_counted_in_and_out",
    ),
    (
        "BODY_TIME_MAX",
        "hostile::a_message_that_does_not_come_is_waited_for_no_longer_than_said",
    ),
    ("REQUEST_TIME_MAX", "src/server/door::what_takes_too_long_is_late"),
    ("HTTP_HEAD_TIME_MAX", "http::clients_of_http_cannot_hold_it_up"),
    ("HTTP_CONNECTIONS_MAX", "http::clients_of_http_cannot_hold_it_up"),
    (
        "STREAMS_PER_CONNECTION_MAX",
        "limits::streams_and_frames_beyond_the_limits_are_refused_by_http2",
    ),
    (
        "FRAME_BYTES_MAX",
        "limits::streams_and_frames_beyond_the_limits_are_refused_by_http2",
    ),
    (
        "RESET_STREAMS_MAX",
        "limits::streams_and_frames_beyond_the_limits_are_refused_by_http2",
    ),
    (
        "HTTP_CONNECTION_TIME_MAX",
        "src/server/side::a_connection_for_http_ends_however_busy_it_is",
    ),
    (
        "CONNECTION_WINDOW_BYTES",
        "limits::streams_and_frames_beyond_the_limits_are_refused_by_http2",
    ),
    (
        "STREAM_WINDOW_BYTES",
        "limits::streams_and_frames_beyond_the_limits_are_refused_by_http2",
    ),
    (
        "HEADER_BYTES_MAX",
        "limits::headers_beyond_one_limit_get_a_status_and_beyond_the_other_431",
    ),
    (
        "HEADER_BYTES_READ_MAX",
        "limits::headers_beyond_one_limit_get_a_status_and_beyond_the_other_431",
    ),
    ("KEEPALIVE_PATIENCE", "soak::a_peer_that_is_dead_is_noticed"),
];

/// Limits whose other side no test sees, and why.
const UNSEEN: &[(&str, &str)] = &[("BACKLOG_MAX", "the system keeps it, and rounds it as it likes")];

/// Whether a client of the daemon sees what the last column of the table says.
fn concerns_clients(beyond: &str) -> bool {
    let statuses = [
        "INVALID_ARGUMENT",
        "RESOURCE_EXHAUSTED",
        "DEADLINE_EXCEEDED",
        "431",
    ];
    let ends = [
        "connection ends",
        "connection is closed",
        "client wait",
        "next ones wait",
    ];
    statuses.iter().chain(&ends).any(|words| beyond.contains(words))
}

#[test]
fn what_a_client_sees_beyond_each_limit_is_seen_by_a_test() {
    let readme = fs::read_to_string(project("README.md")).unwrap();
    let (_, table) = readme.split_once("\n## Limits\n").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let mut told = Vec::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").collect();
        let name = cells[0].trim().trim_matches('`');
        if concerns_clients(cells.last().unwrap()) {
            told.push(name.to_owned());
        }
    }
    assert!(told.len() > 25, "{told:?}");
    for name in &told {
        let seen = SEEN.iter().filter(|(limit, _)| limit == name).count();
        let unseen = UNSEEN.iter().filter(|(limit, _)| limit == name).count();
        assert_eq!(seen + unseen, 1, "which test sees what lies beyond {name}?");
    }
    for (name, _) in SEEN.iter().chain(UNSEEN) {
        assert!(
            told.iter().any(|limit| limit == name),
            "{name} concerns no client"
        );
    }
    for (name, test) in SEEN {
        let (file, function) = test.rsplit_once("::").unwrap();
        let path = if file.starts_with("src/") {
            format!("{file}.rs")
        } else {
            format!("tests/it/{file}.rs")
        };
        let source = fs::read_to_string(project(&path)).unwrap();
        let (before, _) = source
            .split_once(&format!("fn {function}("))
            .unwrap_or_else(|| panic!("{name}: there is no test {test}"));
        let marks = &before[before.trim_end().rfind("\n\n").unwrap_or(0)..];
        assert!(
            marks.contains("test]") || marks.contains("tokio::test("),
            "{name}: {test} is no test"
        );
    }
}
