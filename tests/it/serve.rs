//! The daemon as a process: it starts, tells its health, notices edits, and ends when told to.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

/// How long anything may take before a test fails; a hundred times what is usual.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

const ROLES: &str = r#"{"roles": [{"id": "editor"}]}"#;
pub(crate) const GRANTS: &str =
    r#"{"grants": [{"roles": ["editor"], "collections": ["articles"], "actions": ["read"]}]}"#;
pub(crate) const OTHER_GRANTS: &str =
    r#"{"grants": [{"roles": ["editor"], "collections": ["articles"], "actions": ["update"]}]}"#;
pub(crate) const BROKEN: &str =
    r#"{"grants": [{"roles": ["edtior"], "collections": ["articles"], "actions": ["read"]}]}"#;

pub(crate) fn write_profile(root: &Path, name: &str, grants: &str) {
    let directory = root.join(name);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("roles.json"), ROLES).unwrap();
    fs::write(directory.join("grants.json"), grants).unwrap();
}

/// Prepares the binary, deaf to the environment of whoever runs the tests.
pub(crate) fn placet(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_placet"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PLACET_")) {
        command.env_remove(name);
    }
    // Tests run side by side, and these addresses have fixed ports.
    command.envs([
        ("PLACET_HTTP_LISTEN", "off"),
        ("PLACET_ADMIN_LISTEN", "off"),
        ("PLACET_LISTEN_ALLOW", "decide,status,administer"),
    ]);
    command.args(arguments).stdin(Stdio::null());
    command
}

fn finish(arguments: &[&str]) -> Output {
    let output = placet(arguments).output().unwrap();
    assert!(output.status.code().is_some(), "{output:?}");
    output
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running daemon; killed if a test fails.
pub(crate) struct Daemon {
    process: Child,
    log: Receiver<Value>,
    pub(crate) root: PathBuf,
    _directory: Option<TempDir>,
}

impl Daemon {
    pub(crate) fn start(prepare: impl FnOnce(&Path), options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("profiles");
        fs::create_dir(&root).unwrap();
        prepare(&root);
        let mut daemon = Self::start_at(&root, placet(&[]), options);
        daemon._directory = Some(directory);
        daemon
    }

    /// Starts the daemon for a directory that outlives it; the command is one that [`placet`] prepared.
    pub(crate) fn start_at(root: &Path, command: Command, options: &[&str]) -> Self {
        let options = [&["--listen", "127.0.0.1:0"], options].concat();
        let mut daemon = Self::start_unread(root, command, &options, Stdio::piped());
        let (sender, log) = channel();
        let stderr = daemon.process.stderr.take().unwrap();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let parsed = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(parsed).is_err() {
                    return;
                }
            }
        });
        daemon.log = log;
        daemon
    }

    /// The same, but nobody reads the log; the options say where to listen.
    pub(crate) fn start_unread(root: &Path, mut command: Command, options: &[&str], log: Stdio) -> Self {
        command
            .args(["--log-format", "json", "--profiles"])
            .arg(root)
            .args(options)
            .stdout(Stdio::null())
            .stderr(log);
        Self {
            process: command.spawn().unwrap(),
            log: channel().1,
            root: root.to_path_buf(),
            _directory: None,
        }
    }

    /// Waits until it is ready, and returns where its listeners are, by name.
    pub(crate) fn addresses(&self) -> BTreeMap<String, String> {
        let deadline = Instant::now() + PATIENCE;
        let mut found = BTreeMap::new();
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(rest).expect("it does not become ready");
            let text = |key: &str| line[key].as_str().unwrap().to_owned();
            match line["message"].as_str() {
                Some("listening") => drop(found.insert(text("listener"), text("address"))),
                Some("ready") => return found,
                _ => {}
            }
        }
    }

    /// Waits until it is ready, and returns where it serves gRPC.
    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses()["grpc"].parse().unwrap()
    }

    /// Kills it, as a machine that fails does.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Reads what is left of a log that nobody read.
    pub(crate) fn unread(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut log = self.process.stderr.take().unwrap();
        log.read_to_end(&mut text).unwrap();
        text
    }

    /// Waits for a line of the log.
    pub(crate) fn wait_for(&self, message: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while let Ok(line) = self
            .log
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            if line["message"] == message {
                return line;
            }
            seen.push(line);
        }
        panic!("no line `{message}` in {seen:#?}");
    }

    pub(crate) async fn connect(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.address())).unwrap();
        endpoint.connect().await.unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let status = Command::new("kill")
            .args([&format!("-{name}"), pid.as_str()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("the daemon does not end");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Asks for the health under a name; none if the name is unknown.
pub(crate) async fn health(client: &mut HealthClient<Channel>, name: &str) -> Option<ServingStatus> {
    let request = HealthCheckRequest {
        service: name.to_owned(),
    };
    match client.check(request).await {
        Ok(answer) => Some(answer.into_inner().status()),
        Err(status) if status.code() == tonic::Code::NotFound => None,
        Err(status) => panic!("{status}"),
    }
}

#[tokio::test]
async fn good_profiles_are_served_and_a_broken_one_is_not_serving_by_name() {
    let daemon = Daemon::start(
        |root| {
            write_profile(root, "news", GRANTS);
            write_profile(root, "shop", BROKEN);
        },
        &["--default-profile", "news"],
    );
    let mut client = HealthClient::new(daemon.connect().await);
    let expected = [
        ("", Some(ServingStatus::Serving)),
        ("liveness", Some(ServingStatus::Serving)),
        ("placet.v1.PolicyDecisionService", Some(ServingStatus::Serving)),
        ("placet.v1.PolicyAdminService", Some(ServingStatus::Serving)),
        ("profile/news", Some(ServingStatus::Serving)),
        ("profile/shop", Some(ServingStatus::NotServing)),
        ("profile/other", None),
    ];
    for (name, status) in expected {
        let asked = Instant::now();
        // The first table is published a moment before health follows it.
        while health(&mut client, name).await != status {
            assert!(asked.elapsed() < PATIENCE, "`{name}` does not become {status:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    write_profile(&daemon.root, "shop", GRANTS);
    let begun = Instant::now();
    assert_eq!(daemon.wait_for("profile is served")["profile"], "shop");
    println!("a fix was noticed after {:?}", begun.elapsed());
    while health(&mut client, "profile/shop").await != Some(ServingStatus::Serving) {
        assert!(begun.elapsed() < PATIENCE);
    }
}

#[tokio::test]
async fn an_edit_is_served_within_a_moment() {
    let daemon = Daemon::start(|root| write_profile(root, "news", GRANTS), &[]);
    daemon.connect().await;
    for generation in 2..=11_u64 {
        let grants = if generation % 2 == 0 { OTHER_GRANTS } else { GRANTS };
        let begun = Instant::now();
        fs::write(daemon.root.join("news/grants.json"), grants).unwrap();
        let line = daemon.wait_for("profile is served");
        println!("generation {generation} was served after {:?}", begun.elapsed());
        assert_eq!(line["generation"], generation);
        assert_ne!(line["digest"], line["old_digest"]);
        assert_eq!(
            ["rules_added", "rules_changed", "rules_removed"].map(|field| line[field].as_u64().unwrap()),
            [0, 1, 0]
        );
        let line = daemon.wait_for("profiles are read");
        assert_eq!((&line["changed"], &line["broken"]), (&1.into(), &0.into()));
        assert!(line["milliseconds"].as_f64().unwrap() > 0.0);
    }
    fs::write(daemon.root.join("news/grants.json"), BROKEN).unwrap();
    let line = daemon.wait_for("profile is broken, its last good version stays");
    assert_eq!(
        (&line["profile"], &line["generation"]),
        (&"news".into(), &11.into())
    );
    let diagnostics = line["diagnostics"].as_str().unwrap();
    assert!(diagnostics.contains("error[unknown-role]"), "{diagnostics}");
    assert!(diagnostics.contains("news/grants.json:1:24"), "{diagnostics}");
    assert!(diagnostics.contains("did you mean `editor`?"), "{diagnostics}");
}

#[tokio::test]
async fn reflection_shows_the_contract_in_both_versions() {
    let daemon = Daemon::start(|root| write_profile(root, "news", GRANTS), &[]);
    let channel = daemon.connect().await;
    let wanted = [
        "grpc.health.v1.Health",
        "placet.v1.PolicyAdminService",
        "placet.v1.PolicyDecisionService",
    ];

    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let mut answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
    let v1::server_reflection_response::MessageResponse::ListServicesResponse(list) = answer else {
        panic!("{answer:?}");
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    assert!(
        wanted.iter().all(|name| names.iter().any(|other| other == name)),
        "{names:?}"
    );

    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let symbol = "placet.v1.PolicyDecisionService.Check".to_owned();
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(symbol),
        ),
    };
    let mut answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
    assert!(
        matches!(
            answer,
            v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_)
        ),
        "{answer:?}"
    );
}

// The client must go on answering while the test waits for the process.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn told_to_stop_it_says_not_serving_and_ends_with_0_although_somebody_watches() {
    for signal in ["TERM", "INT"] {
        let mut daemon = Daemon::start(
            |root| write_profile(root, "news", GRANTS),
            &["--drain-seconds", "15"],
        );
        let mut client = HealthClient::new(daemon.connect().await);
        let request = HealthCheckRequest {
            service: String::new(),
        };
        let mut watch = client.watch(request).await.unwrap().into_inner();
        // It may be asked a moment before health follows the first table.
        while watch.next().await.unwrap().unwrap().status() != ServingStatus::Serving {}
        let begun = Instant::now();
        daemon.signal(signal);
        let last = tokio::time::timeout(PATIENCE, watch.next()).await.unwrap();
        assert_eq!(last.unwrap().unwrap().status(), ServingStatus::NotServing);
        assert_eq!(daemon.wait().code(), Some(0));
        println!("{signal} ended the daemon after {:?}", begun.elapsed());
        assert!(
            begun.elapsed() < Duration::from_secs(14),
            "the watcher held up the end"
        );
    }
}

#[test]
fn without_a_good_profile_it_ends_with_3_and_says_why() {
    let directory = tempfile::tempdir().unwrap();
    write_profile(directory.path(), "news", BROKEN);
    let root = directory.path().to_str().unwrap();
    let output = finish(&["--listen", "127.0.0.1:0", "--profiles", root]);
    let text = stderr(&output);
    assert_eq!(code(&output), 3, "{text}");
    for part in [
        "news/grants.json:1:24",
        "did you mean `editor`?",
        "placet: no profile in",
        "placet validate",
    ] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
}

#[test]
fn a_taken_port_ends_it_with_7_and_a_remedy() {
    let directory = tempfile::tempdir().unwrap();
    write_profile(directory.path(), "news", GRANTS);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = finish(&[
        "--listen",
        &address,
        "--profiles",
        directory.path().to_str().unwrap(),
    ]);
    let text = stderr(&output);
    assert_eq!(code(&output), 7, "{text}");
    assert!(text.contains(&format!("cannot listen on `{address}`")), "{text}");
    assert!(text.contains("--listen"), "{text}");
}

#[test]
fn what_cannot_be_meant_ends_with_a_code_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    write_profile(directory.path(), "news", GRANTS);
    write_profile(directory.path(), "shop", GRANTS);
    let root = directory.path().to_str().unwrap();
    let cases: [(&[&str], i32, &str); 7] = [
        (&["--listn", "127.0.0.1:0"], 2, "--listen"),
        (&["vallidate"], 2, "validate"),
        (&["--listen", "nowhere"], 2, "nowhere"),
        (&["--log-level", "=="], 2, "no log level"),
        (&["--drain-seconds", "4000"], 2, "4000"),
        (
            &["--profiles", "/nonexistent", "--listen", "127.0.0.1:0"],
            4,
            "does not exist",
        ),
        (
            &[
                "--profiles",
                root,
                "--listen",
                "127.0.0.1:0",
                "--default-profile",
                "nwes",
            ],
            2,
            "did you mean `news`?",
        ),
    ];
    for (arguments, expected, part) in cases {
        let output = finish(arguments);
        let text = stderr(&output);
        assert_eq!(code(&output), expected, "{arguments:?}: {text}");
        assert!(text.contains(part), "{arguments:?}: {text}");
    }
    assert_eq!(code(&finish(&["--help"])), 0);
    assert_eq!(code(&finish(&["--version"])), 0);
}

#[test]
fn validate_tells_what_is_wrong_and_where() {
    let directory = tempfile::tempdir().unwrap();
    write_profile(directory.path(), "news", GRANTS);
    let root = directory.path().to_str().unwrap().to_owned();
    let good = finish(&["validate", &root]);
    assert_eq!(code(&good), 0);
    assert_eq!(
        String::from_utf8_lossy(&good.stdout),
        "1 profile: good; 0 errors, 0 warnings\n"
    );

    write_profile(directory.path(), "shop", BROKEN);
    let bad = finish(&["--profiles", &root, "validate"]);
    let text = String::from_utf8_lossy(&bad.stdout).into_owned();
    assert_eq!(code(&bad), 3);
    assert!(text.contains("shop/grants.json:1:24"), "{text}");
    assert!(
        text.ends_with("2 profiles: 1 good, 1 broken; 1 error, 0 warnings\n"),
        "{text}"
    );
    assert!(
        !text.contains('\u{1b}'),
        "no colours where no terminal is: {text:?}"
    );
    let colored = finish(&["validate", &root, "--color", "always"]);
    assert!(String::from_utf8_lossy(&colored.stdout).contains('\u{1b}'));

    let machine = finish(&["validate", &root, "--format", "json"]);
    assert_eq!(code(&machine), 3);
    let json: Value = serde_json::from_slice(&machine.stdout).unwrap();
    assert_eq!(
        (&json["good"], &json["broken"], &json["errors"]),
        (&1.into(), &1.into(), &1.into())
    );
    let shop = &json["profiles"][1];
    assert_eq!((&shop["id"], &shop["good"]), (&"shop".into(), &false.into()));
    let diagnostic = &shop["diagnostics"][0];
    assert_eq!(
        (&diagnostic["code"], &diagnostic["line"]),
        (&"unknown-role".into(), &1.into())
    );

    assert_eq!(code(&finish(&["validate", "/nonexistent"])), 4);
}

#[test]
fn warnings_count_as_errors_if_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let idle = r#"{"grants": [{"roles": ["editor"], "collections": [], "actions": ["read"]}]}"#;
    write_profile(directory.path(), "news", idle);
    let root = directory.path().to_str().unwrap();
    assert_eq!(code(&finish(&["validate", root])), 0);
    assert_eq!(code(&finish(&["validate", root, "--deny-warnings"])), 3);
}

#[test]
fn output_into_a_closed_pipe_is_no_fault() {
    let directory = tempfile::tempdir().unwrap();
    write_profile(directory.path(), "news", GRANTS);
    let mut command = placet(&["validate", directory.path().to_str().unwrap()]);
    let mut process = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(process.stdout.take());
    let mut text = String::new();
    process.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!((process.wait().unwrap().code(), text.as_str()), (Some(0), ""));
}
