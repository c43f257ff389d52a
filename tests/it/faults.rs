//! What goes wrong around the daemon: nobody takes its log, its disk is full, it is killed.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use placet::rpc::proto::v1;
use placet::rpc::proto::v1::policy_decision_service_client::PolicyDecisionServiceClient;
use tonic::transport::Channel;

use crate::serve::{GRANTS, OTHER_GRANTS, PATIENCE, placet, write_profile};

/// A process that is killed in the end; nobody reads its log.
struct Mute {
    process: Child,
    address: SocketAddr,
}

impl Mute {
    fn start(root: &Path, address: Option<SocketAddr>, log: Stdio) -> Self {
        let address = address.unwrap_or_else(free);
        let text = address.to_string();
        let mut command = placet(&[
            "--listen",
            &text,
            "--log-level",
            "trace",
            "--log-format",
            "json",
            "--profiles",
        ]);
        let process = command
            .arg(root)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { process, address }
    }

    /// Asks until there is an answer.
    async fn ask(&self, action: &str) -> bool {
        let begun = Instant::now();
        loop {
            match ask(self.address, action).await {
                Ok(effect) => return effect == v1::Effect::Allow,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn end(&mut self) -> Option<i32> {
        let pid = self.process.id().to_string();
        let killed = std::process::Command::new("kill").args(["-TERM", &pid]).status();
        assert!(killed.unwrap().success());
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "the daemon does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns an address that was free a moment ago.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn ask(address: SocketAddr, action: &str) -> Result<v1::Effect, Box<dyn std::error::Error>> {
    let channel = Channel::from_shared(format!("http://{address}"))?
        .connect()
        .await?;
    let request = v1::CheckRequest {
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
    let answer = PolicyDecisionServiceClient::new(channel).check(request).await?;
    Ok(answer.into_inner().decision.unwrap().effect())
}

#[tokio::test]
async fn a_full_disk_for_the_log_holds_nothing_up() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let Ok(full) = full else {
        println!("skipped: this system has no full disk at hand");
        return;
    };
    assert!(full.metadata().unwrap().file_type().is_char_device());
    let root = tempfile::tempdir().unwrap();
    write_profile(root.path(), "news", GRANTS);
    let mut daemon = Mute::start(root.path(), None, full.into());
    assert!(daemon.ask("read").await);
    write_profile(root.path(), "news", OTHER_GRANTS);
    let begun = Instant::now();
    while !daemon.ask("update").await {
        assert!(begun.elapsed() < PATIENCE, "the edit is not taken up");
    }
    assert_eq!(daemon.end(), Some(0));
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_nothing_up() {
    let root = tempfile::tempdir().unwrap();
    write_profile(root.path(), "news", GRANTS);
    // A pipe of 64 KiB; at the level `trace` it is full long before the end.
    let mut daemon = Mute::start(root.path(), None, Stdio::piped());
    let mut slowest = Duration::ZERO;
    for _ in 0..300 {
        let begun = Instant::now();
        assert!(daemon.ask("read").await);
        slowest = slowest.max(begun.elapsed());
    }
    println!("the slowest of 300 calls took {slowest:?}");
    for grants in [OTHER_GRANTS, GRANTS, OTHER_GRANTS] {
        write_profile(root.path(), "news", grants);
        let action = if grants == GRANTS { "read" } else { "update" };
        let begun = Instant::now();
        while !daemon.ask(action).await {
            assert!(begun.elapsed() < PATIENCE, "the edit is not taken up");
        }
    }
    assert_eq!(daemon.end(), Some(0));
    let mut text = Vec::new();
    daemon
        .process
        .stderr
        .take()
        .unwrap()
        .read_to_end(&mut text)
        .unwrap();
    assert!(
        text.len() >= 60_000,
        "the pipe was never full: {} bytes",
        text.len()
    );
}

#[tokio::test]
async fn killed_it_starts_again_at_its_address_with_what_the_files_say() {
    let root = tempfile::tempdir().unwrap();
    write_profile(root.path(), "news", GRANTS);
    let mut daemon = Mute::start(root.path(), None, Stdio::null());
    let address = daemon.address;
    for round in 0..3 {
        let action = if round % 2 == 0 { "read" } else { "update" };
        assert!(daemon.ask(action).await, "round {round}");
        // The kill meets open connections, which linger at the address.
        let held = Channel::from_shared(format!("http://{address}"))
            .unwrap()
            .connect()
            .await;
        daemon.process.kill().unwrap();
        daemon.process.wait().unwrap();
        drop(held);
        let grants = if round % 2 == 0 { OTHER_GRANTS } else { GRANTS };
        write_profile(root.path(), "news", grants);
        daemon = Mute::start(root.path(), Some(address), Stdio::null());
    }
    assert!(daemon.ask("update").await);
    assert_eq!(daemon.end(), Some(0));
}
