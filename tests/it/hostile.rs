//! Clients that mean harm: whatever they do, those who behave are answered, and the daemon stays small.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use h2::client::SendRequest;
use prost::Message;
use prost::bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tonic::codegen::http::Request;
use tonic::transport::{Channel, Endpoint};

use crate::http::{metrics, value};
use crate::serve::{Daemon, GRANTS, write_profile};
use crate::serving::{check, question};

/// How long each side of the comparison is measured.
const TIME: Duration = Duration::from_millis(500);

/// Returns the time below which so many of a hundred calls are answered, asked one after the other for a while.
pub(crate) async fn percentile(channel: &Channel, time: Duration, percent: usize) -> Duration {
    let mut times = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < time {
        let asked = Instant::now();
        check(channel).await.unwrap();
        times.push(asked.elapsed());
    }
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100]
}

pub(crate) fn framed(packed: u8, message: &[u8]) -> Bytes {
    let mut bytes = vec![packed];
    bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    bytes.extend(message);
    bytes.into()
}

pub(crate) fn call(headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::post("http://localhost/placet.v1.PolicyDecisionService/Check")
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

pub(crate) async fn open(address: SocketAddr) -> Option<SendRequest<Bytes>> {
    let stream = TcpStream::connect(address).await.ok()?;
    let (sender, connection) = h2::client::handshake(stream).await.ok()?;
    tokio::spawn(connection);
    sender.ready().await.ok()
}

/// What an attacker does, over and over; it tells how often it did.
#[derive(Clone, Copy, Debug)]
enum Attack {
    /// Connects and says nothing.
    Silence,
    /// Begins HTTP/2 and sends its headers byte by byte.
    SlowHeaders,
    /// Opens streams and never sends the messages.
    Stalled,
    /// Opens streams and resets them at once.
    Resets,
    /// Sends headers that are too large.
    Headers,
    /// Sends a few bytes that become many.
    Bombs,
    /// Connects and goes away.
    Connections,
}

const ATTACKS: [Attack; 7] = [
    Attack::Silence,
    Attack::SlowHeaders,
    Attack::Stalled,
    Attack::Resets,
    Attack::Headers,
    Attack::Bombs,
    Attack::Connections,
];

async fn attack(kind: Attack, address: SocketAddr, stop: Arc<AtomicBool>, done: Arc<AtomicU64>) {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    if matches!(kind, Attack::Bombs) {
        packer.write_all(&vec![0; 32 * 1024 * 1024]).unwrap();
    }
    let bomb = framed(1, &packer.finish().unwrap());
    let long = "x".repeat(8 * 1024);
    let mut kept = Vec::new();
    let mut streams = Vec::new();
    let mut connection = None;
    while !stop.load(Ordering::Relaxed) {
        done.fetch_add(1, Ordering::Relaxed);
        match kind {
            Attack::Silence if kept.len() < 200 => kept.extend(TcpStream::connect(address).await),
            Attack::SlowHeaders => {
                if kept.len() < 50
                    && let Ok(mut stream) = TcpStream::connect(address).await
                {
                    let head =
                        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\xff\x01\x04\0\0\0\x01";
                    let _ = stream.write_all(head).await;
                    kept.push(stream);
                }
                for stream in &mut kept {
                    let _ = stream.write_all(b"x").await;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Attack::Silence => tokio::time::sleep(Duration::from_millis(10)).await,
            Attack::Connections => drop(TcpStream::connect(address).await),
            Attack::Stalled | Attack::Resets | Attack::Headers | Attack::Bombs => {
                let Some(mut sender) = (match connection.take() {
                    Some(sender) => Some(sender),
                    None => open(address).await,
                }) else {
                    continue;
                };
                let ready = tokio::time::timeout(Duration::from_millis(50), async {
                    std::future::poll_fn(|context| sender.poll_ready(context)).await
                });
                if !matches!(ready.await, Ok(Ok(()))) {
                    streams.clear();
                    continue;
                }
                let request = match kind {
                    Attack::Headers => call(&[("a", &long), ("b", &long), ("c", &long)]),
                    Attack::Bombs => call(&[("grpc-encoding", "gzip")]),
                    _ => call(&[]),
                };
                let Ok((answer, mut body)) = sender.send_request(request, false) else {
                    continue;
                };
                match kind {
                    Attack::Stalled => streams.push((answer, body)),
                    Attack::Resets => body.send_reset(h2::Reason::CANCEL),
                    Attack::Bombs => {
                        let _ = body.send_data(bomb.clone(), true);
                        let _ = tokio::time::timeout(Duration::from_secs(1), answer).await;
                    }
                    _ => drop(tokio::time::timeout(Duration::from_millis(200), answer).await),
                }
                connection = Some(sender);
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Returns the resident memory of a process in MiB.
pub(crate) fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or_default()
        / 1024
}

/// How many windows, without and with the attack in turn, are compared.
const ROUNDS: usize = 3;

pub(crate) fn median<T: PartialOrd + Copy>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
    sorted[sorted.len() / 2]
}

#[test]
fn those_who_behave_are_answered_whatever_others_do() {
    let daemon = Daemon::start(|root| write_profile(root, "news", GRANTS), &[]);
    let address = daemon.address();
    let calm = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let channel = calm.block_on(async {
        Endpoint::from_shared(format!("http://{address}"))
            .unwrap()
            .connect()
            .await
            .unwrap()
    });
    for kind in ATTACKS {
        let (mut quiets, mut unders, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let mut times = 0;
        for _ in 0..ROUNDS {
            let quiet = calm.block_on(percentile(&channel, TIME, 99));
            let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
            let (stops, doing) = (Arc::clone(&stop), Arc::clone(&done));
            let attacker = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(attack(kind, address, stops, doing));
                runtime.shutdown_background();
            });
            let begun = Instant::now();
            while done.load(Ordering::Relaxed) == 0 && begun.elapsed() < crate::serve::PATIENCE {
                std::thread::sleep(Duration::from_millis(10));
            }
            let under = calm.block_on(percentile(&channel, TIME, 99));
            stop.store(true, Ordering::Relaxed);
            attacker.join().unwrap();
            times += done.load(Ordering::Relaxed);
            assert!(times > 0, "{kind:?} did nothing");
            quiets.push(quiet);
            unders.push(under);
            ratios.push(under.as_secs_f64() / quiet.as_secs_f64());
        }
        let (quiet, under, mebibytes) = (median(&quiets), median(&unders), memory(daemon.pid()));
        let ratio = median(&ratios);
        println!("{kind:?} ({times} times): p99 {under:?} against {quiet:?} ({ratio:.2}x), {mebibytes} MiB");
        // Attacker, victim and daemon share the machine, so this says no more than that nobody starves.
        let bound = Duration::from_secs(5).max(quiet * 50);
        assert!(under < bound, "{kind:?}: {under:?} against {quiet:?}");
        assert!(mebibytes < 512, "{kind:?}: {mebibytes} MiB");
    }
}

/// Returns the processor time that a process has used, in seconds.
fn worked(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Behind the name, which is in brackets, stand the state and ten numbers, and then the ticks.
    let (_, numbers) = stat.rsplit_once(')').unwrap();
    let ticks = numbers.split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

#[test]
fn who_takes_his_calls_back_is_slowed_and_nobody_else_is() {
    let daemon = Daemon::start(
        |root| write_profile(root, "news", GRANTS),
        &["--http-listen", "127.0.0.1:0"],
    );
    let addresses = daemon.addresses();
    let at = |name: &str| addresses[name].parse::<SocketAddr>().unwrap();
    let (address, pages) = (at("grpc"), at("http"));
    let slowed = || value(&metrics(pages), "placet_connections_slowed_total").unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let channel = runtime.block_on(async {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        endpoint.connect().await.unwrap()
    });
    runtime.block_on(async {
        let calls = (0..2000).map(|_| {
            tokio::spawn({
                let channel = channel.clone();
                async move { check(&channel).await }
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap().unwrap();
        }
    });
    assert_eq!(slowed(), 0.0);

    let before = worked(daemon.pid());
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let attacker = runtime.spawn(attack(
        Attack::Resets,
        address,
        Arc::clone(&stop),
        Arc::clone(&done),
    ));
    std::thread::sleep(Duration::from_secs(2));
    stop.store(true, Ordering::Relaxed);
    runtime.block_on(attacker).unwrap();
    let worked = worked(daemon.pid()) - before;
    assert!(slowed() > 0.0, "{done:?} streams were reset");
    // It would be two seconds, and what is allowed of them is a hundredth, more if it was compiled for debugging.
    assert!(worked < 1.0, "{worked} s of work for {done:?} streams");
    runtime.block_on(check(&channel)).unwrap();
}

#[tokio::test]
async fn a_message_that_does_not_come_is_waited_for_no_longer_than_said() {
    let daemon = Daemon::start(|root| write_profile(root, "news", GRANTS), &[]);
    let address = daemon.address();
    let mut sender = open(address).await.unwrap();
    let begun = Instant::now();
    let (late, _body) = sender.send_request(call(&[]), false).unwrap();
    let (hurried, _other) = sender
        .send_request(call(&[("grpc-timeout", "300m")]), false)
        .unwrap();
    let code = |answer: &tonic::codegen::http::Response<h2::RecvStream>| {
        answer.headers()["grpc-status"].to_str().unwrap().to_owned()
    };
    let answer = hurried.await.unwrap();
    assert_eq!(
        code(&answer),
        "4",
        "DEADLINE_EXCEEDED, at the deadline of the caller"
    );
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let answer = late.await.unwrap();
    assert_eq!(code(&answer), "4");
    assert!(begun.elapsed() >= Duration::from_secs(10) && begun.elapsed() < Duration::from_secs(20));

    // What is no frame is refused, and the connection goes on.
    let good = framed(0, &question().encode_to_vec());
    let cases = [
        (good.slice(..3), "3"),
        (good.slice(..good.len() - 1), "3"),
        (Bytes::from([&good[..], &good[..]].concat()), "3"),
        (framed(7, &good[5..]), "3"),
        (framed(1, &good[5..]), "3"),
        (Bytes::from_static(&[0, 255, 255, 255, 255]), "8"),
    ];
    for (bytes, expected) in cases {
        let (answer, mut body) = sender.send_request(call(&[]), false).unwrap();
        body.send_data(bytes.clone(), true).unwrap();
        assert_eq!(code(&answer.await.unwrap()), expected, "{bytes:?}");
    }
    let (answer, mut body) = sender.send_request(call(&[]), false).unwrap();
    // In pieces it is the same message.
    for piece in good.chunks(7) {
        body.send_data(Bytes::copy_from_slice(piece), false).unwrap();
        tokio::task::yield_now().await;
    }
    body.send_data(Bytes::new(), true).unwrap();
    let mut body = answer.await.unwrap().into_body();
    assert!(!body.data().await.unwrap().unwrap().is_empty());
    assert_eq!(body.trailers().await.unwrap().unwrap()["grpc-status"], "0");
}
