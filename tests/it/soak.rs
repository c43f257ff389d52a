//! A long run of everything at once: all listeners under load, profiles and certificates replaced, clients that vanish.
//!
//! ```console
//! $ cargo test --profile ci --test it -- soak:: --ignored --nocapture
//! $ PLACET_SOAK_SECONDS=1200 cargo test --profile ci --test it -- soak:: --ignored --nocapture
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use placet::rpc::proto::v1;
use placet::rpc::proto::v1::policy_decision_service_client::PolicyDecisionServiceClient;
use tonic::transport::{Channel, Endpoint};

use crate::hostile::{memory, percentile};
use crate::serve::{BROKEN, GRANTS, OTHER_GRANTS};
use crate::serving::{LISTENERS, Papers, TOKEN, connect_unix, everything, question, start, write_callers};

/// Seconds of the form that runs in CI.
const SECONDS: u64 = 120;

/// Which effect each digest has shown; one digest never shows two.
type Effects = Arc<std::sync::Mutex<BTreeMap<String, v1::Effect>>>;

#[derive(Debug, Default)]
struct Sums {
    calls: AtomicU64,
    decisions: AtomicU64,
}

/// Asks again and again over one connection; each answer must be that of the version that it names.
async fn ask(channel: Channel, rounds: u32, effects: &Effects, sums: &Sums) {
    let mut client = PolicyDecisionServiceClient::new(channel);
    let item = v1::CheckItem {
        action: question().action,
        resource: question().resource,
        ..v1::CheckItem::default()
    };
    let judge = |snapshot: Option<v1::SnapshotInfo>, effect: v1::Effect| {
        let digest = snapshot.unwrap().digest;
        let first = *effects.lock().unwrap().entry(digest.clone()).or_insert(effect);
        assert_eq!(first, effect, "two answers of {digest}");
    };
    for round in 0..rounds {
        sums.calls.fetch_add(1, Ordering::Relaxed);
        if round % 4 == 0 {
            let request = v1::CheckBatchRequest {
                subject: question().subject,
                checks: vec![item.clone(); 20],
                ..v1::CheckBatchRequest::default()
            };
            let answer = client.check_batch(request).await.unwrap().into_inner();
            assert_eq!(answer.results.len(), 20);
            for result in answer.results {
                let Some(v1::check_result::Result::Decision(decision)) = result.result else {
                    panic!("{result:?}");
                };
                sums.decisions.fetch_add(1, Ordering::Relaxed);
                judge(answer.snapshot.clone(), decision.effect());
            }
        } else {
            let answer = client.check(question()).await.unwrap().into_inner();
            sums.decisions.fetch_add(1, Ordering::Relaxed);
            judge(answer.snapshot, answer.decision.unwrap().effect());
        }
    }
}

/// Replaces profiles every 100 ms, good and broken ones, and now and then a certificate.
fn disturb(root: &std::path::Path, papers: &Papers, stop: &AtomicBool) -> u64 {
    let file = root.join("news/grants.json");
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        let grants = match round % 3 {
            0 => BROKEN,
            1 => OTHER_GRANTS,
            _ => GRANTS,
        };
        fs::write(file.with_extension("new"), grants).unwrap();
        fs::rename(file.with_extension("new"), &file).unwrap();
        if round % 20 == 0 {
            papers.issue("server", "localhost");
            write_callers(papers, TOKEN);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    round
}

#[test]
#[ignore = "it takes two minutes or as long as it is told to"]
fn nothing_goes_wrong_however_long_it_takes() {
    let seconds = std::env::var("PLACET_SOAK_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let papers = Arc::new(Papers::new());
    write_callers(&papers, TOKEN);
    let (mut daemon, at) = start(&everything(&papers), LISTENERS, papers.directory.path());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let clear = Endpoint::from_shared(format!("http://{}", at("grpc"))).unwrap();
    let calm = runtime.block_on(clear.connect()).unwrap();
    let quiet = runtime.block_on(percentile(&calm, Duration::from_secs(3), 99));
    println!("quiet: p99 {quiet:?}, {} MiB", memory(daemon.pid()));

    let (effects, sums) = (Effects::default(), Arc::new(Sums::default()));
    let stop = Arc::new(AtomicBool::new(false));
    let (root, sheets, stops) = (daemon.root.clone(), Arc::clone(&papers), Arc::clone(&stop));
    let disturber = std::thread::spawn(move || disturb(&root, &sheets, &stops));
    let begun = Instant::now();
    let mut sizes = Vec::new();
    while begun.elapsed() < Duration::from_secs(seconds) {
        runtime.block_on(async {
            let socket = connect_unix(papers.path("placet.sock")).await.unwrap();
            let plain = clear.connect().await.unwrap();
            // A certificate may be replaced between its two files; whoever connects then tries again.
            let (tls, _) = papers.connect(at("tls"), false).await.unwrap();
            let (mutual, _) = papers.connect(at("mutual"), true).await.unwrap();
            let jobs = [socket, plain.clone(), tls, mutual].map(|channel| {
                let (effects, sums) = (Arc::clone(&effects), Arc::clone(&sums));
                tokio::spawn(async move { ask(channel, 100, &effects, &sums).await })
            });
            // One vanishes in the middle of what it asked.
            let (other, sum) = (Effects::default(), Arc::new(Sums::default()));
            let vanishing = tokio::spawn(async move { ask(plain, 1000, &other, &sum).await });
            tokio::time::sleep(Duration::from_millis(20)).await;
            vanishing.abort();
            for job in jobs {
                job.await.unwrap();
            }
        });
        sizes.push(memory(daemon.pid()));
    }
    let under = runtime.block_on(percentile(&calm, Duration::from_secs(3), 99));
    stop.store(true, Ordering::Relaxed);
    let reloads = disturber.join().unwrap();
    let (early, late) = (sizes[sizes.len() / 4], sizes[sizes.len() - 1]);
    println!(
        "{} calls, {} decisions of {} versions in {:?}, {reloads} edits; p99 {under:?} while reloading against {quiet:?} quiet; \
         {early} MiB after a quarter, {late} MiB at the end",
        sums.calls.load(Ordering::Relaxed),
        sums.decisions.load(Ordering::Relaxed),
        effects.lock().unwrap().len(),
        begun.elapsed(),
    );
    assert_eq!(effects.lock().unwrap().len(), 2, "both versions answered");
    assert!(late <= early + 32, "memory grows: {sizes:?}");
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code(), Some(0));
}
