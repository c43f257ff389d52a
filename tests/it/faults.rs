//! What goes wrong around the daemon: nobody takes its log, its disk is full, it is killed.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use placet::rpc::proto::v1;
use placet::rpc::proto::v1::policy_decision_service_client::PolicyDecisionServiceClient;
use tonic::transport::Channel;

use crate::http::{get, metrics, value};
use crate::serve::{Daemon, GRANTS, OTHER_GRANTS, PATIENCE, placet, write_profile};

/// A daemon whose log nobody reads.
struct Mute {
    daemon: Daemon,
    address: SocketAddr,
}

impl Mute {
    fn start(root: &Path, address: Option<SocketAddr>, log: Stdio) -> Self {
        let address = address.unwrap_or_else(free);
        let text = address.to_string();
        let options = ["--listen", &text, "--log-level", "trace"];
        let daemon = Daemon::start_unread(root, placet(&[]), &options, log);
        Self { daemon, address }
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
        self.daemon.signal("TERM");
        self.daemon.wait().code()
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
    let text = daemon.daemon.unread();
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
        daemon.daemon.kill();
        drop(held);
        let grants = if round % 2 == 0 { OTHER_GRANTS } else { GRANTS };
        write_profile(root.path(), "news", grants);
        daemon = Mute::start(root.path(), Some(address), Stdio::null());
    }
    assert!(daemon.ask("update").await);
    assert_eq!(daemon.end(), Some(0));
}

/// The beginning of HTTP/2: whoever sends it is a guest, and may stay.
pub(crate) const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Prepares the binary with so few descriptors.
fn placet_with_descriptors(count: usize) -> Command {
    let binary = placet(&[]);
    let script = format!("ulimit -n {count}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command
        .args(["-c", &script])
        .arg(binary.get_program())
        .stdin(Stdio::null());
    for (name, value) in binary.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// Returns how long a process has been at work so far.
fn work_of(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = text.rsplit_once(") ").unwrap();
    // The times in user and kernel mode, in hundredths of a second.
    let ticks = fields
        .split(' ')
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// Asks over a connection that stays whether the process lives.
fn scrape(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: placet\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nok\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.extend(byte);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn without_descriptors_it_serves_those_who_are_there_and_accepts_again_afterwards() {
    let root = tempfile::tempdir().unwrap();
    write_profile(root.path(), "news", GRANTS);
    let options = ["--http-listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"];
    let mut daemon = Daemon::start_at(root.path(), placet_with_descriptors(96), &options);
    let addresses = daemon.addresses();
    let at = |name: &str| -> SocketAddr { addresses[name].parse().unwrap() };
    let held = Channel::from_shared(format!("http://{}", at("grpc")))
        .unwrap()
        .connect()
        .await
        .unwrap();
    assert_eq!(crate::serving::check(&held).await.unwrap(), v1::Effect::Allow);
    // One who scrapes without a break is served to the end as well.
    let mut scraper = TcpStream::connect(at("http")).unwrap();
    scrape(&mut scraper);

    let flood: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(at("grpc")).unwrap();
            stream.write_all(GREETING).unwrap();
            stream
        })
        .collect();
    let line = daemon.wait_for("cannot accept connections");
    assert!(
        line["help"].as_str().unwrap().contains("no descriptor is left"),
        "{line}"
    );
    let (before, begun) = (work_of(daemon.pid()), Instant::now());
    // Health and HTTP are knocked at too while nothing can be accepted.
    let knocking = [
        TcpStream::connect(at("health")).unwrap(),
        TcpStream::connect(at("http")).unwrap(),
    ];
    let mut answers = 0_u64;
    while begun.elapsed() < Duration::from_secs(2) {
        assert_eq!(crate::serving::check(&held).await.unwrap(), v1::Effect::Allow);
        scrape(&mut scraper);
        answers += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let worked = work_of(daemon.pid()).saturating_sub(before);
    println!(
        "{answers} answers meanwhile, and {worked:?} of work in {:?}",
        begun.elapsed()
    );
    assert!(answers >= 10, "{answers}");
    assert!(worked < Duration::from_secs(1), "it spins: {worked:?} of work");
    // An edit that cannot be read takes nothing away.
    write_profile(root.path(), "news", OTHER_GRANTS);
    tokio::time::sleep(Duration::from_millis(300)).await;
    crate::serving::check(&held).await.unwrap();

    drop((flood, knocking, scraper));
    let begun = Instant::now();
    while !matches!(ask(at("grpc"), "update").await, Ok(v1::Effect::Allow)) {
        assert!(
            begun.elapsed() < PATIENCE,
            "it does not accept again, or the edit is lost"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(get(at("http"), "/healthz", "").0, 200);
    let health = Channel::from_shared(format!("http://{}", at("health")))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut health = tonic_health::pb::health_client::HealthClient::new(health);
    assert!(crate::serve::health(&mut health, "").await.is_some());
    let page = metrics(at("http"));
    assert!(
        value(&page, "placet_connections{serves=\"grpc\"}") <= Some(2.0),
        "{page}"
    );
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code(), Some(0));
}
