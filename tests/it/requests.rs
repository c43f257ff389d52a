//! What is seen of every request: how it is found again, what is counted of it, and what the log says.

use std::net::SocketAddr;

use placet::rpc::proto::v1;
use placet::rpc::proto::v1::policy_admin_service_client::PolicyAdminServiceClient;
use placet::rpc::proto::v1::policy_decision_service_client::PolicyDecisionServiceClient;
use serde_json::Value;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::http::{metrics, value};
use crate::serve::{Daemon, GRANTS, write_profile};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn start() -> (Daemon, SocketAddr, Channel) {
    let options = [
        "--http-listen",
        "127.0.0.1:0",
        "--log-level",
        "info,placet::server=debug",
    ];
    let daemon = Daemon::start(|root| write_profile(root, "news", GRANTS), &options);
    let addresses = daemon.addresses();
    let (grpc, http) = (&addresses["grpc"], addresses["http"].parse().unwrap());
    let channel = Channel::from_shared(format!("http://{grpc}"))
        .unwrap()
        .connect()
        .await;
    (daemon, http, channel.unwrap())
}

fn check(profile: &str) -> v1::CheckRequest {
    v1::CheckRequest {
        profile: profile.to_owned(),
        action: "read".to_owned(),
        resource: Some(v1::Resource {
            collection: "articles".to_owned(),
            ..v1::Resource::default()
        }),
        ..v1::CheckRequest::default()
    }
}

fn with<M>(message: M, headers: &[(&'static str, &[u8])]) -> Request<M> {
    let mut request = Request::new(message);
    let mut plain = std::mem::take(request.metadata_mut()).into_headers();
    for (name, value) in headers {
        plain.insert(*name, value.to_vec().try_into().unwrap());
    }
    *request.metadata_mut() = MetadataMap::from_headers(plain);
    request
}

fn found(answer: &MetadataMap) -> [Option<String>; 2] {
    ["x-request-id", "traceparent"]
        .map(|name| answer.get(name).map(|value| value.to_str().unwrap().to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn ids_are_repeated_in_answers_and_stand_in_the_log() {
    let (daemon, _, channel) = start().await;
    let mut decisions = PolicyDecisionServiceClient::new(channel.clone());
    let mut administration = PolicyAdminServiceClient::new(channel);
    let sound = [("x-request-id", &b"r-1"[..]), ("traceparent", TRACE.as_bytes())];
    let expected = [Some("r-1".to_owned()), Some(TRACE.to_owned())];

    let answer = decisions.check(with(check("news"), &sound)).await.unwrap();
    assert_eq!(found(answer.metadata()), expected);
    let line = daemon.wait_for("call ended");
    let field = |line: &Value, name: &str| line[name].as_str().map(str::to_owned);
    assert_eq!(
        ["call", "code", "request_id", "trace_id"].map(|name| field(&line, name)),
        ["Check", "Ok", "r-1", "4bf92f3577b34da6a3ce929d0e0e4736"].map(|text| Some(text.to_owned()))
    );

    let status = decisions.check(with(check("other"), &sound)).await.unwrap_err();
    assert_eq!(
        (status.code(), found(status.metadata())),
        (Code::NotFound, expected.clone())
    );
    assert_eq!(
        field(&daemon.wait_for("call ended"), "code"),
        Some("NotFound".to_owned())
    );
    let answer = administration
        .get_status(with(v1::GetStatusRequest::default(), &sound))
        .await
        .unwrap();
    assert_eq!(found(answer.metadata()), expected);
    assert_eq!(
        field(&daemon.wait_for("call ended"), "call"),
        Some("GetStatus".to_owned())
    );

    // What is malformed, or would act on a terminal, is neither repeated nor logged.
    let odd = [("x-request-id", &b"a\tb"[..]), ("traceparent", &b"00-zz-1-1"[..])];
    let answer = decisions.check(with(check("news"), &odd)).await.unwrap();
    assert_eq!(found(answer.metadata()), [None, None]);
    let line = daemon.wait_for("call ended");
    assert_eq!(
        [&line["request_id"], &line["trace_id"]],
        [&Value::Null, &Value::Null],
        "{line}"
    );
    let quotes = [("x-request-id", &br#""},{"message":"forged"#[..])];
    let answer = decisions.check(with(check("news"), &quotes)).await.unwrap();
    assert_eq!(
        found(answer.metadata())[0].as_deref(),
        Some(r#""},{"message":"forged"#)
    );
    let line = daemon.wait_for("call ended");
    assert_eq!(
        line["request_id"], r#""},{"message":"forged"#,
        "the line is one object still"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn calls_are_counted_by_status_with_their_durations() {
    let (_daemon, http, channel) = start().await;
    let mut client = PolicyDecisionServiceClient::new(channel.clone());
    for profile in ["news", "news", "stranger"] {
        let _ = client.check(check(profile)).await;
    }
    let empty = v1::CheckBatchRequest::default();
    assert_eq!(
        client.check_batch(empty).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    let mut administration = PolicyAdminServiceClient::new(channel);
    administration
        .get_status(v1::GetStatusRequest::default())
        .await
        .unwrap();
    let page = metrics(http);
    let calls = |call: &str, code: &str| {
        value(
            &page,
            &format!("placet_calls_total{{call=\"{call}\",code=\"{code}\"}}"),
        )
    };
    assert_eq!(calls("Check", "OK"), Some(2.0), "{page}");
    assert_eq!(calls("Check", "NOT_FOUND"), Some(1.0), "{page}");
    assert_eq!(calls("CheckBatch", "INVALID_ARGUMENT"), Some(1.0), "{page}");
    assert_eq!(calls("GetStatus", "OK"), Some(1.0), "{page}");
    let count = value(&page, "placet_call_duration_seconds_count{call=\"Check\"}");
    assert_eq!(count, Some(3.0), "{page}");
    let below_a_minute = value(
        &page,
        "placet_call_duration_seconds_bucket{le=\"60\",call=\"Check\"}",
    )
    .or_else(|| {
        value(
            &page,
            "placet_call_duration_seconds_bucket{call=\"Check\",le=\"60\"}",
        )
    });
    assert_eq!(below_a_minute, Some(3.0), "{page}");
    assert_eq!(
        value(&page, "placet_connections{serves=\"grpc\"}"),
        Some(1.0),
        "{page}"
    );
    assert_eq!(
        value(&page, "placet_connections_accepted_total{serves=\"grpc\"}"),
        Some(1.0),
        "{page}"
    );
    assert_eq!(
        value(&page, "placet_requests_refused_total{why=\"malformed\"}"),
        Some(1.0),
        "{page}"
    );
    assert_eq!(value(&page, "placet_panics_total"), Some(0.0), "{page}");
}
