//! The HTTP side: probes and metrics, and who is told what.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use placet::rpc::proto::v1;
use placet::rpc::proto::v1::policy_decision_service_client::PolicyDecisionServiceClient;
use placet::server::metrics::METRICS;
use regex::Regex;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::serve::{BROKEN, Daemon, GRANTS, PATIENCE, write_profile};

/// A daemon with all of its listeners, and where they are.
struct House {
    daemon: Daemon,
    grpc: String,
    http: SocketAddr,
    health: String,
}

fn house(grants: &str) -> House {
    let options = [
        "--http-listen",
        "127.0.0.1:0",
        "--health-listen",
        "127.0.0.1:0",
        "--default-profile",
        "news",
    ];
    let daemon = Daemon::start(
        |root| {
            write_profile(root, "news", GRANTS);
            write_profile(root, "shop", grants);
        },
        &options,
    );
    let addresses = daemon.addresses();
    House {
        daemon,
        grpc: addresses["grpc"].clone(),
        http: addresses["http"].parse().unwrap(),
        health: addresses["health"].clone(),
    }
}

/// Asks for a page and returns status, headers and text.
pub(crate) fn get(address: SocketAddr, path: &str, headers: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: placet\r\n{headers}Connection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), text.to_owned())
}

pub(crate) fn metrics(address: SocketAddr) -> String {
    let (status, head, text) = get(address, "/metrics", "");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    text
}

/// Returns the value of one line of the metrics.
pub(crate) fn value(page: &str, name: &str) -> Option<f64> {
    let line = page
        .lines()
        .find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

/// Waits until the page says something.
fn await_value(address: SocketAddr, name: &str, expected: f64) {
    let begun = Instant::now();
    loop {
        let page = metrics(address);
        let found = value(&page, name);
        if found == Some(expected) {
            return;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{name} is {found:?} and not {expected} in\n{page}"
        );
        thread::sleep(Duration::from_millis(5));
    }
}

async fn ask(grpc: &str, profile: &str, action: &str) -> Result<v1::CheckResponse, tonic::Status> {
    let channel = Channel::from_shared(format!("http://{grpc}"))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let request = v1::CheckRequest {
        profile: profile.to_owned(),
        action: action.to_owned(),
        subject: Some(v1::Subject {
            roles: vec!["editor".to_owned()],
            ..v1::Subject::default()
        }),
        resource: Some(v1::Resource {
            collection: "articles".to_owned(),
            ..v1::Resource::default()
        }),
        ..v1::CheckRequest::default()
    };
    let answer = PolicyDecisionServiceClient::new(channel).check(request).await;
    answer.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn decisions_are_counted_by_profile_call_effect_and_reason() {
    let house = house(GRANTS);
    for _ in 0..3 {
        ask(&house.grpc, "", "read").await.unwrap();
    }
    ask(&house.grpc, "news", "update").await.unwrap();
    ask(&house.grpc, "shop", "read").await.unwrap();
    for name in ["stranger-one", "\"}\n placet_x{", "stranger-two"] {
        ask(&house.grpc, name, "read").await.unwrap_err();
    }
    let page = metrics(house.http);
    let decided = |profile: &str, effect: &str, reason: &str| {
        let labels = format!("profile=\"{profile}\",call=\"Check\",effect=\"{effect}\",reason=\"{reason}\"");
        value(&page, &format!("placet_decisions_total{{{labels}}}"))
    };
    assert_eq!(decided("news", "ALLOW", "ALLOWED"), Some(3.0), "{page}");
    assert_eq!(decided("news", "DENY", "UNKNOWN_ACTION"), Some(1.0), "{page}");
    assert_eq!(decided("shop", "ALLOW", "ALLOWED"), Some(1.0), "{page}");
    // What a client invents appears nowhere.
    assert!(!page.contains("stranger"), "{page}");
    assert!(!page.contains("placet_x"), "{page}");

    // A new version of the profile counts on.
    write_profile(&house.daemon.root, "news", crate::serve::OTHER_GRANTS);
    await_value(house.http, "placet_profile_generation{profile=\"news\"}", 2.0);
    ask(&house.grpc, "news", "update").await.unwrap();
    let page = metrics(house.http);
    let labels = "profile=\"news\",call=\"Check\",effect=\"ALLOW\",reason=\"ALLOWED\"";
    assert_eq!(
        value(&page, &format!("placet_decisions_total{{{labels}}}")),
        Some(4.0),
        "{page}"
    );
}

#[test]
fn the_state_of_profiles_and_reloads_is_shown() {
    let house = house(BROKEN);
    let page = metrics(house.http);
    assert_eq!(
        value(&page, "placet_profile_served{profile=\"news\"}"),
        Some(1.0),
        "{page}"
    );
    assert_eq!(value(&page, "placet_profile_served{profile=\"shop\"}"), Some(0.0));
    assert_eq!(value(&page, "placet_profile_stale{profile=\"news\"}"), Some(0.0));
    assert_eq!(value(&page, "placet_profile_stale{profile=\"shop\"}"), None);
    assert_eq!(
        value(&page, "placet_profile_rules{profile=\"news\",kind=\"grant\"}"),
        Some(1.0)
    );
    assert_eq!(
        value(
            &page,
            "placet_profile_complaints{profile=\"shop\",severity=\"error\"}"
        ),
        Some(1.0)
    );
    assert_eq!(value(&page, "placet_ready"), Some(1.0));
    assert_eq!(
        value(&page, "placet_reloads_total{outcome=\"broken\"}"),
        Some(1.0),
        "{page}"
    );
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        value(&page, &format!("placet_build_info{{version=\"{version}\"}}")),
        Some(1.0),
        "{page}"
    );
    let age = value(&page, "placet_profile_age_seconds{profile=\"news\"}").unwrap();
    let uptime = value(&page, "placet_uptime_seconds").unwrap();
    assert!((0.0..=uptime).contains(&age), "{age} of {uptime}");

    write_profile(&house.daemon.root, "shop", GRANTS);
    await_value(house.http, "placet_profile_served{profile=\"shop\"}", 1.0);
    write_profile(&house.daemon.root, "news", BROKEN);
    await_value(house.http, "placet_profile_stale{profile=\"news\"}", 1.0);
    fs::remove_dir_all(&house.daemon.root).unwrap();
    await_value(house.http, "placet_profile_stale{profile=\"shop\"}", 1.0);
    let page = metrics(house.http);
    assert!(
        value(&page, "placet_reloads_total{outcome=\"unreadable\"}") >= Some(1.0),
        "{page}"
    );
    assert!(
        value(&page, "placet_reloads_total{outcome=\"published\"}") >= Some(1.0),
        "{page}"
    );
    let reloads = value(&page, "placet_reload_duration_seconds_count").unwrap();
    assert_eq!(
        value(&page, "placet_reload_duration_seconds_bucket{le=\"+Inf\"}"),
        Some(reloads),
        "{page}"
    );
    assert!(value(&page, "placet_reload_duration_seconds_sum") > Some(0.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_metric_is_named_once_and_in_both_forms() {
    let house = house(GRANTS);
    ask(&house.grpc, "", "read").await.unwrap();
    let page = metrics(house.http);
    let (_, head, open) = get(
        house.http,
        "/metrics",
        "Accept: application/openmetrics-text; version=1.0.0\r\n",
    );
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{head}"
    );
    assert!(open.ends_with("# EOF\n"), "{open}");
    let sample =
        Regex::new(r#"^[a-z_]+(\{[a-z]+="(?:[^"\\]|\\.)*"(,[a-z]+="(?:[^"\\]|\\.)*")*\})? [0-9.e+-]+$"#)
            .unwrap();
    for text in [&page, &open] {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            assert!(sample.is_match(line), "{line}");
        }
        for (name, ..) in METRICS {
            let helps = text.lines().filter(|line| {
                let name_of = line
                    .strip_prefix("# HELP ")
                    .and_then(|rest| rest.split(' ').next());
                name_of.is_some_and(|of| of.trim_end_matches("_total").trim_end_matches("_info") == name)
            });
            assert_eq!(helps.count(), 1, "{name} in\n{text}");
        }
    }
    let all: Vec<_> = page.lines().filter(|line| line.starts_with("# TYPE ")).collect();
    assert_eq!(all.len(), METRICS.len(), "{all:#?}");
}

#[test]
fn readme_lists_every_metric() {
    let readme = fs::read_to_string(crate::decisions::project("README.md")).unwrap();
    for (name, kind, labels, _) in METRICS {
        let shown = match kind.as_str() {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        };
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() {
            "–".to_owned()
        } else {
            labels.join(", ")
        };
        let row = format!("| `{shown}` | {} | {labels} | ", kind.as_str());
        assert!(readme.contains(&row), "README has no row that starts with {row}");
    }
}

#[test]
fn probes_are_told_what_health_says() {
    let mut house = house(BROKEN);
    let ask = |path: &str| {
        let (status, head, text) = get(house.http, path, "");
        assert!(head.contains("cache-control: no-store"), "{head}");
        (status, text)
    };
    let begun = Instant::now();
    // The first table is published a moment before health follows it.
    while ask("/readyz").0 != 200 {
        assert!(begun.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(ask("/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(ask("/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(ask("/readyz/news"), (200, "ready\n".to_owned()));
    assert_eq!(ask("/readyz/shop"), (503, "not ready\n".to_owned()));
    assert_eq!(ask("/readyz/other"), (404, "unknown\n".to_owned()));
    assert_eq!(get(house.http, "/other", "").0, 404);
    let mut stream = TcpStream::connect(house.http).unwrap();
    write!(
        stream,
        "DELETE /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");

    // A stopping daemon is not ready, and alive to the end.
    let held = TcpStream::connect(&*house.grpc).unwrap();
    house.daemon.signal("TERM");
    let begun = Instant::now();
    while house.daemon.is_running() {
        assert!(begun.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(5));
    }
    drop(held);
    assert!(TcpStream::connect(house.http).is_err());
}

#[tokio::test]
async fn health_has_a_listener_of_its_own() {
    let house = house(GRANTS);
    let channel = Channel::from_shared(format!("http://{}", house.health))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut client = HealthClient::new(channel.clone());
    for name in ["", "liveness", "profile/news"] {
        let begun = Instant::now();
        loop {
            let service = name.to_owned();
            let answer = client.check(HealthCheckRequest { service }).await.unwrap();
            if answer.into_inner().status == 1 {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "`{name}` does not serve");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let status = ask(&house.health, "", "read").await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unimplemented);
}

#[test]
fn clients_of_http_cannot_hold_it_up() {
    let house = house(GRANTS);
    // Half a head, and nothing at all: as many as there is room for, but one.
    let mut held = Vec::new();
    for index in 0..63 {
        let mut stream = TcpStream::connect(house.http).unwrap();
        if index % 2 == 0 {
            write!(stream, "GET /metrics HT").unwrap();
        }
        held.push(stream);
    }
    let begun = Instant::now();
    assert_eq!(get(house.http, "/healthz", "").0, 200);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    // A head beyond the limit is refused, and not gathered.
    let mut stream = TcpStream::connect(house.http).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let line = format!("GET /{} HTTP/1.1\r\n", "a".repeat(64 * 1024));
    let _ = stream.write_all(line.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    // Those that send nothing are put out, and there is room again.
    let begun = Instant::now();
    let mut byte = [0; 1];
    for mut stream in held {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        while matches!(stream.read(&mut byte), Ok(1)) {}
    }
    println!("idle connections were closed after {:?}", begun.elapsed());
    assert_eq!(get(house.http, "/healthz", "").0, 200);
}

#[test]
fn connections_and_requests_are_counted_by_what_is_served() {
    let house = house(GRANTS);
    assert_eq!(get(house.http, "/healthz", "").0, 200);
    assert_eq!(get(house.http, "/readyz/other", "").0, 404);
    assert_eq!(get(house.http, "/invented", "").0, 404);
    let say = |address: &str, words: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(words).unwrap();
        stream
    };
    let http = house.http.to_string();
    // Two who stay, and one who talks nonsense, at each door.
    let mut nonsense = Vec::new();
    let mut guests = Vec::new();
    for (address, words) in [
        (&http, &b"GET"[..]),
        (&house.health, crate::faults::GREETING),
        (&house.grpc, crate::faults::GREETING),
    ] {
        guests.extend([say(address, words), say(address, words)]);
        nonsense.push(say(
            address,
            b"\0 this is neither HTTP/1 nor HTTP/2, however long one listens\r\n\r\n",
        ));
    }
    for serves in ["http", "health", "grpc"] {
        let refused = format!("placet_connections_refused_total{{serves=\"{serves}\",why=\"handshake\"}}");
        await_value(house.http, &refused, 1.0);
        let open = format!("placet_connections{{serves=\"{serves}\"}}");
        // Whoever asks for the page is there too.
        await_value(house.http, &open, if serves == "http" { 3.0 } else { 2.0 });
        let full = format!("placet_connections_refused_total{{serves=\"{serves}\",why=\"full\"}}");
        await_value(house.http, &full, 0.0);
    }
    let page = metrics(house.http);
    let counted = |page_name: &str, code: u16| {
        let labels = format!("page=\"{page_name}\",code=\"{code}\"");
        value(&page, &format!("placet_http_requests_total{{{labels}}}"))
    };
    assert_eq!(counted("/healthz", 200), Some(1.0), "{page}");
    assert_eq!(counted("/readyz/{profile}", 404), Some(1.0), "{page}");
    assert_eq!(counted("other", 404), Some(1.0), "{page}");
    assert!(counted("/metrics", 200) >= Some(1.0), "{page}");
    assert!(!page.contains("invented"), "{page}");
    for serves in ["health", "grpc"] {
        let accepted = format!("placet_connections_accepted_total{{serves=\"{serves}\"}}");
        assert_eq!(value(&page, &accepted), Some(3.0), "{page}");
    }

    // More than there is room for: one waits until the others are put out.
    let mut crowd: Vec<_> = (0..64)
        .map(|_| say(&http, b"GET /healthz HTTP/1.1\r\n"))
        .collect();
    let page = metrics(house.http);
    assert!(
        value(&page, "placet_connections_delayed_total{serves=\"http\"}") >= Some(1.0),
        "{page}"
    );
    crowd.clear();
    guests.clear();
    await_value(house.http, "placet_connections{serves=\"health\"}", 0.0);
    await_value(house.http, "placet_connections{serves=\"http\"}", 1.0);
}

#[test]
fn an_address_of_http_that_is_taken_ends_the_start_with_7() {
    let directory = tempfile::tempdir().unwrap();
    write_profile(directory.path(), "news", GRANTS);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let root = directory.path().to_str().unwrap();
    for option in ["--http-listen", "--health-listen"] {
        let arguments = ["--listen", "127.0.0.1:0", option, &address, "--profiles", root];
        let output = crate::serve::placet(&arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(7), "{text}");
        assert!(text.contains(&format!("cannot listen on `{address}`")), "{text}");
        assert!(text.contains(option), "{text}");
    }
}
