//! How long an edit takes to be served, how long a large policy takes to be reloaded, and what questions feel of reloads.
//!
//! `cargo bench --bench reload` prints three tables; `-- --test` goes through each once. The daemon runs as a process of its own,
//! asked over loopback; rounds with and without reloads take turns, so that a machine that is busy otherwise is busy in both.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "a benchmark prints, and fails by panicking"
)]

#[allow(dead_code, reason = "the benchmarks share this page, each uses a part of it")]
mod sample;

#[path = "sample/daemon.rs"]
#[allow(dead_code, reason = "the benchmarks share this page, each uses a part of it")]
mod daemon;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use placet::rpc::proto::v1;
use placet::rpc::proto::v1::policy_decision_service_client::PolicyDecisionServiceClient;
use placet::store::PolicyStore;
use placet::store::reload::{ReloadConfig, Reloader};
use tokio::runtime::{Builder, Runtime};
use tonic::transport::Channel;

use daemon::Daemon;
use sample::Size;

/// How many questions are in flight at once.
const ASKERS: usize = 4;

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    edit_to_served(&runtime, if is_test { 3 } else { 100 });
    let rules = if is_test { 1_000 } else { 100_000 };
    reload_of(rules, if is_test { 2 } else { 10 });
    let (rounds, length) = if is_test {
        (1, Duration::from_millis(300))
    } else {
        (7, Duration::from_secs(3))
    };
    feel(&runtime, rounds, length);
}

/// Starts a daemon with the samples.
fn start(runtime: &Runtime) -> Daemon {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    Daemon::start(runtime, |directory| copy(&samples, directory))
}

fn grants(daemon: &Daemon) -> Edit {
    let file = daemon.directory.path().join("editorial/grants.json");
    let text = fs::read_to_string(&file).expect("the grants of the sample");
    Edit { file, text, count: 0 }
}

/// A file that is edited again and again, each time into another version of the same policy.
struct Edit {
    file: PathBuf,
    text: String,
    count: usize,
}

impl Edit {
    fn save(&mut self) {
        self.count += 1;
        let text = format!("{}{}", self.text, "\n".repeat(self.count));
        fs::write(&self.file, text).expect("an edit");
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).expect("a directory");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn question() -> v1::CheckRequest {
    v1::CheckRequest {
        profile: "editorial".to_owned(),
        action: "read".to_owned(),
        subject: Some(v1::Subject {
            id: "7".to_owned(),
            roles: vec!["author".to_owned()],
            ..v1::Subject::default()
        }),
        resource: Some(v1::Resource {
            collection: "articles".to_owned(),
            state: "published".to_owned(),
            ..v1::Resource::default()
        }),
        ..v1::CheckRequest::default()
    }
}

async fn ask(client: &mut PolicyDecisionServiceClient<Channel>) -> v1::SnapshotInfo {
    let answer = client.check(question()).await.expect("an answer").into_inner();
    let decision = answer.decision.expect("a decision");
    assert_eq!(decision.effect(), v1::Effect::Allow, "{decision:?}");
    answer.snapshot.expect("a version")
}

/// Saves a file and asks until the answer comes from another version.
fn edit_to_served(runtime: &Runtime, edits: usize) {
    let daemon = start(runtime);
    let mut client = PolicyDecisionServiceClient::new(daemon.channel.clone());
    let mut edit = grants(&daemon);
    let mut times = Vec::new();
    for _ in 0..edits {
        let before = runtime.block_on(ask(&mut client)).digest;
        let begun = Instant::now();
        edit.save();
        while runtime.block_on(ask(&mut client)).digest == before {
            thread::sleep(Duration::from_micros(500));
        }
        times.push(begun.elapsed());
        thread::sleep(Duration::from_millis(150));
    }
    println!("edit to served ({edits} edits of a sample, 20 ms of quiet included)");
    println!("  {}", spread(&mut times));
}

/// Edits one rule of a large policy and reloads it.
fn reload_of(rules: usize, edits: usize) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    Size::of_rules(rules).write(directory.path());
    let store = Arc::new(PolicyStore::new(None));
    let (mut reloader, rounds) = Reloader::new(ReloadConfig::new(directory.path()), Arc::clone(&store));
    let mut first = Times::default();
    first.take(|| _ = reloader.reload());
    let file = directory.path().join("newsroom/grants.json");
    let text = fs::read_to_string(&file).expect("the grants");
    let (mut changed, mut same) = (Times::default(), Times::default());
    for edit in 0..edits {
        let action = if edit % 2 == 0 { "comment" } else { "update" };
        let edited = text.replacen("\"update\"", &format!("\"{action}\""), 1);
        fs::write(&file, edited).expect("an edit");
        for times in [&mut changed, &mut same] {
            times.take(|| _ = reloader.reload());
        }
    }
    // The first edit may be none, as the text begins with one of the two actions.
    assert!(rounds.latest().swaps >= edits as u64, "{:?}", rounds.latest());
    println!("reload of {rules} rules ({} KiB)", text.len() / 1024);
    for (what, times) in [
        ("at the start", &mut first),
        ("one rule changed", &mut changed),
        ("nothing changed", &mut same),
    ] {
        println!("  {what:<18} {}", spread(&mut times.wall));
        if !times.worked.is_empty() {
            println!("  {:<18} {}", "- working", spread(&mut times.worked));
        }
    }
}

/// How long something took, and for how much of this the thread was at work; the latter is true on a busy machine as well.
#[derive(Default)]
struct Times {
    wall: Vec<Duration>,
    worked: Vec<Duration>,
}

impl Times {
    fn take(&mut self, work: impl FnOnce()) {
        let (begun, before) = (Instant::now(), worked());
        work();
        self.wall.push(begun.elapsed());
        self.worked
            .extend(worked().zip(before).map(|(after, before)| after - before));
    }
}

/// Returns for how long this thread has been at work so far, where Linux tells it.
fn worked() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// Asks without a pause, with and without an edit every 100 ms.
fn feel(runtime: &Runtime, rounds: usize, length: Duration) {
    let daemon = start(runtime);
    let mut table = Vec::new();
    // Nobody measures the first requests of a process.
    runtime.block_on(ask_for(&daemon.channel, length / 4));
    for _ in 0..rounds {
        let mut quiet = runtime.block_on(ask_for(&daemon.channel, length));
        let over = Arc::new(AtomicBool::new(false));
        let editor = thread::spawn({
            let (mut edit, over) = (grants(&daemon), Arc::clone(&over));
            move || {
                while !over.load(Ordering::Relaxed) {
                    edit.save();
                    thread::sleep(Duration::from_millis(100));
                }
                fs::write(&edit.file, &edit.text).expect("the last edit");
                edit.count
            }
        });
        let mut busy = runtime.block_on(ask_for(&daemon.channel, length));
        over.store(true, Ordering::Relaxed);
        let edits = editor.join().expect("an editor");
        thread::sleep(Duration::from_millis(100));
        table.push((
            [percentile(&mut quiet, 0.5), percentile(&mut busy, 0.5)],
            [percentile(&mut quiet, 0.99), percentile(&mut busy, 0.99)],
            busy.len() as f64 / quiet.len() as f64,
            edits,
        ));
    }
    println!("checks while a sample is edited every 100 ms, to checks without ({ASKERS} in flight)");
    println!("  p50 without, with    p99 without, with    ratio of p99    of throughput   edits");
    let mut ratios = Vec::new();
    for (half, most, throughput, edits) in &table {
        let ratio = most[1].as_secs_f64() / most[0].as_secs_f64();
        ratios.push(ratio);
        println!(
            "  {:>8.0?} {:>8.0?}    {:>8.0?} {:>8.0?}    {ratio:>8.2}        {throughput:>8.2}    {edits:>8}",
            half[0], half[1], most[0], most[1]
        );
    }
    ratios.sort_by(f64::total_cmp);
    println!("  median of the ratios of p99: {:.2}", ratios[ratios.len() / 2]);
}

/// Asks for so long, and returns how long each answer took.
async fn ask_for(channel: &Channel, length: Duration) -> Vec<Duration> {
    let end = Instant::now() + length;
    let askers: Vec<_> = (0..ASKERS)
        .map(|_| {
            let mut client = PolicyDecisionServiceClient::new(channel.clone());
            async move {
                let mut times = Vec::new();
                while Instant::now() < end {
                    let begun = Instant::now();
                    ask(&mut client).await;
                    times.push(begun.elapsed());
                }
                times
            }
        })
        .collect();
    let mut tasks = tokio::task::JoinSet::new();
    askers.into_iter().for_each(|asker| drop(tasks.spawn(asker)));
    tasks.join_all().await.concat()
}

fn percentile(times: &mut [Duration], part: f64) -> Duration {
    times.sort();
    times[((times.len() - 1) as f64 * part).round() as usize]
}

fn spread(times: &mut [Duration]) -> String {
    let [half, most, all] = [0.5, 0.95, 1.0].map(|part| percentile(times, part));
    format!("p50 {half:.1?}, p95 {most:.1?}, max {all:.1?}")
}
