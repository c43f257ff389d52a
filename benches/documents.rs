//! What a million grants on documents cost: the time to load them and to reload one changed line, memory, and decisions.
//!
//! `cargo bench --bench documents` prints the tables; `-- --test` goes through all of it once, with a thousand. The daemon runs as a
//! process of its own; decisions are timed in this one.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a benchmark prints, and fails by panicking"
)]

#[path = "sample/daemon.rs"]
mod daemon;

use std::fmt::Write;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use placet::engine::check::check;
use placet::engine::plan::plan;
use placet::engine::query::{Query, Resource, Subject};
use placet::load::discover::{ScanLimits, read_root};
use placet::load::load;
use placet::model::Model;
use placet::rpc::proto::v1;
use placet::rpc::proto::v1::policy_decision_service_client::PolicyDecisionServiceClient;
use placet::vocab::effect::Effect;
use tokio::runtime::{Builder, Runtime};

use daemon::Daemon;

/// The allocator of the daemon, so that times compare.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let count = if is_test { 1_000 } else { 1_000_000 };
    for (form, ids) in [
        (Form::Lines, Ids::Short),
        (Form::Lines, Ids::Uuids),
        (Form::List, Ids::Short),
    ] {
        serve(&runtime, count, form, ids, if is_test { 2 } else { 10 });
    }
    decide(count, if is_test { 1_000 } else { 1_000_000 });
}

/// How the grants are written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// `document_grants.jsonl`
    Lines,
    /// `document_grants.json`
    List,
}

/// What ids look like.
#[derive(Clone, Copy, Debug)]
enum Ids {
    Short,
    Uuids,
}

impl Ids {
    /// Returns the id of a number.
    fn of(self, kind: &str, number: u64) -> String {
        match self {
            Ids::Short => format!("{kind}-{number}"),
            Ids::Uuids => {
                // Any constant without a pattern spreads numbers over all digits.
                let word = (number + 1).wrapping_mul(0x243f_6a88_85a3_08d3);
                let other = word.rotate_left(29) ^ kind.len() as u64;
                format!(
                    "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
                    word >> 32,
                    word & 0xffff,
                    (word >> 16) & 0xfff,
                    other & 0xfff,
                    other >> 16
                )
            }
        }
    }
}

/// People, each of whom has about ten grants.
const USERS: u64 = 100_000;

const COLLECTIONS: [&str; 3] = ["articles", "pages", "media"];

const ACTIONS: [&str; 4] = [
    r#"["read"]"#,
    r#"["read", "update"]"#,
    r#"["read", "update", "publish"]"#,
    r#"["read", "update", "publish", "delete"]"#,
];

fn user(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9) % USERS
}

/// Writes a grant: of ten, seven are for a user, two for a group, one for both.
fn write_grant(text: &mut String, ids: Ids, number: u64, salt: u64) {
    let collection = COLLECTIONS[(number % 3) as usize];
    let actions = ACTIONS[((number + salt) % 4) as usize];
    let (id, holder) = (ids.of("document", number), ids.of("user", user(number)));
    write!(
        text,
        r#"{{"collection": "{collection}", "id": "{id}", "actions": {actions}"#
    )
    .expect("text");
    let group = number % 200;
    match number % 10 {
        0..7 => write!(text, r#", "users": ["{holder}"]"#),
        7..9 => write!(text, r#", "groups": ["desk-{group}"]"#),
        _ => write!(
            text,
            r#", "users": ["{holder}"], "groups": ["desk-{group}"], "descendants": true"#
        ),
    }
    .expect("text");
    text.push('}');
}

fn grants(count: u64, form: Form, ids: Ids, salt: u64) -> String {
    let mut text = String::new();
    if form == Form::List {
        text.push_str("{\"document_grants\": [\n");
    }
    for number in 0..count {
        write_grant(&mut text, ids, number, salt);
        let is_last = number + 1 == count;
        text.push_str(if form == Form::List && !is_last {
            ",\n"
        } else {
            "\n"
        });
    }
    if form == Form::List {
        text.push_str("]}\n");
    }
    text
}

fn file_name(form: Form) -> &'static str {
    match form {
        Form::Lines => "document_grants.jsonl",
        Form::List => "document_grants.json",
    }
}

/// Writes a profile with an ordinary grant beside those on documents.
fn write_profile(root: &Path, document_grants: Option<(&str, &str)>) {
    let profile = root.join("shares");
    fs::create_dir_all(&profile).expect("a directory");
    let groups: Vec<String> = (0..200).map(|n| format!(r#"{{"id": "desk-{n}"}}"#)).collect();
    let groups = format!(r#"{{"groups": [{}]}}"#, groups.join(","));
    let files = [
        ("profile.json", r#"{"dialect": "native"}"#),
        ("roles.json", r#"{"roles": [{"id": "author"}, {"id": "reader"}]}"#),
        ("groups.json", groups.as_str()),
        (
            "collections.json",
            r#"{"collections": [{"id": "articles"}, {"id": "pages"}, {"id": "media"}]}"#,
        ),
        (
            "grants.json",
            r#"{"grants": [{"roles": ["author"], "collections": ["articles", "pages", "media"], "actions": ["read", "update"]}]}"#,
        ),
    ];
    for (name, text) in files.into_iter().chain(document_grants) {
        fs::write(profile.join(name), text).expect("a file");
    }
}

/// Loads, edits and replaces the grants under a running daemon.
fn serve(runtime: &Runtime, count: u64, form: Form, ids: Ids, edits: u64) {
    let text = grants(count, form, ids, 0);
    println!("{count} grants, {form:?}, {ids:?} ids: {} MiB", text.len() >> 20);
    let mut begun = Instant::now();
    let daemon = Daemon::start(runtime, |root| {
        write_profile(root, Some((file_name(form), &text)));
        begun = Instant::now();
    });
    println!("  start until ready          {:>8.2?}", begun.elapsed());
    let show = |what: &str| {
        let [now, peak] = ["VmRSS", "VmHWM"].map(|name| {
            daemon
                .memory(name)
                .map_or_else(|| "?".to_owned(), |mebibytes| mebibytes.to_string())
        });
        println!("  {what:<26} {now:>5} MiB resident, {peak} MiB at the peak");
    };
    // What was freed goes back to the system a moment later.
    let rest = Duration::from_millis(if count > 1_000 { 3_000 } else { 200 });
    thread::sleep(rest);
    show("after loading");
    let mut client = PolicyDecisionServiceClient::new(daemon.channel.clone());
    let mut digest = || runtime.block_on(ask(&mut client));
    let file = daemon.directory.path().join("shares").join(file_name(form));
    let mut times = Vec::new();
    daemon.forget_peak();
    for edit in 0..edits {
        let before = digest();
        let text = text.replacen(&grant(ids, count / 2, 0), &grant(ids, count / 2, edit + 1), 1);
        let begun = replace(&file, &text);
        times.push(wait_for_another(&before, &mut digest, begun));
        thread::sleep(rest / 4);
    }
    times.sort();
    let (half, most) = (times[times.len() / 2], times[times.len() - 1]);
    println!("  one line edited to served  {half:>8.2?} (p50), {most:.2?} (max of {edits})");
    thread::sleep(rest);
    show("after these edits");
    daemon.forget_peak();
    let before = digest();
    let other = grants(count, form, ids, 1);
    let begun = replace(&file, &other);
    let took = wait_for_another(&before, &mut digest, begun);
    println!("  every line edited          {took:>8.2?}");
    thread::sleep(rest);
    show("after that");
}

fn grant(ids: Ids, number: u64, salt: u64) -> String {
    let mut text = String::new();
    write_grant(&mut text, ids, number, salt);
    text
}

/// Puts a file in the place of another one, as careful editors do, and returns when that was.
fn replace(file: &Path, text: &str) -> Instant {
    let aside = file.with_extension("new");
    fs::write(&aside, text).expect("a file");
    let begun = Instant::now();
    fs::rename(&aside, file).expect("another file");
    begun
}

fn wait_for_another(before: &str, digest: &mut impl FnMut() -> String, begun: Instant) -> Duration {
    while digest() == before {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "the edit is not served"
        );
        thread::sleep(Duration::from_millis(1));
    }
    begun.elapsed()
}

async fn ask(client: &mut PolicyDecisionServiceClient<tonic::transport::Channel>) -> String {
    let request = v1::CheckRequest {
        action: "read".to_owned(),
        subject: Some(v1::Subject {
            id: "somebody".to_owned(),
            roles: vec!["author".to_owned()],
            ..v1::Subject::default()
        }),
        resource: Some(v1::Resource {
            collection: "articles".to_owned(),
            id: "document-0".to_owned(),
            ..v1::Resource::default()
        }),
        ..v1::CheckRequest::default()
    };
    let answer = client.check(request).await.expect("an answer").into_inner();
    answer.snapshot.expect("a version").digest
}

fn model(count: u64, ids: Ids) -> Arc<Model> {
    let root = tempfile::tempdir().expect("a temporary directory");
    let text = grants(count, Form::Lines, ids, 0);
    let documents = (count > 0).then_some(("document_grants.jsonl", text.as_str()));
    write_profile(root.path(), documents);
    let scan = read_root(root.path(), &ScanLimits::default()).expect("a readable directory");
    load(&scan, &[])[0].model.clone().expect("a good profile")
}

/// A question about a document.
#[derive(Clone)]
struct Question {
    collection: &'static str,
    document: String,
    user: String,
}

/// Times decisions on documents with a grant, and without.
fn decide(count: u64, questions: u64) {
    println!("one decision, {count} grants ({questions} questions, median of 7 rounds)");
    for ids in [Ids::Short, Ids::Uuids] {
        let (with, without) = (model(count, ids), model(0, ids));
        // Of every ten documents the first one is a user's.
        let granted: Vec<Question> = (0..questions)
            .map(|n| n.wrapping_mul(0x9e37_79b1) % count / 10 * 10)
            .map(|n| Question {
                collection: COLLECTIONS[(n % 3) as usize],
                document: ids.of("document", n),
                user: ids.of("user", user(n)),
            })
            .collect();
        let mut others = granted.clone();
        others.iter_mut().for_each(|question| question.document.push('x'));
        let rows = [
            ("by a role, no grants on documents", &without, &others, true),
            ("by a role, on a document without a grant", &with, &others, true),
            ("by a grant on the document", &with, &granted, false),
        ];
        for (what, model, asked, by_role) in rows {
            // Of one document everything is at hand; of any document nothing is.
            let times = [&asked[..], &asked[..1]].map(|asked| {
                let mut rounds: Vec<Duration> =
                    (0..7).map(|_| round(model, asked, questions, by_role)).collect();
                rounds.sort();
                rounds[3].as_secs_f64() * 1e9 / questions as f64
            });
            println!(
                "  {:<6} {what:<42} {:>5.0} ns on any document, {:>5.0} ns on one",
                format!("{ids:?}"),
                times[0],
                times[1]
            );
        }
        let mut rounds: Vec<Duration> = (0..7).map(|_| plans(&with, &granted)).collect();
        rounds.sort();
        println!(
            "  {:<6} {:<42} {:>5.0} us for anybody",
            format!("{ids:?}"),
            "a list, by grants on documents",
            rounds[3].as_secs_f64() * 1e6
        );
    }
}

/// Plans some lists, each of another user, and returns the time of one.
fn plans(model: &Model, asked: &[Question]) -> Duration {
    let begun = Instant::now();
    let lists = asked.iter().step_by(asked.len().div_ceil(50));
    let mut count = 0;
    for question in lists {
        let mut query = Query::at(Timestamp::UNIX_EPOCH);
        query.subject = Subject {
            id: &question.user,
            roles: ["reader"].as_slice().into(),
            ..Subject::default()
        };
        query.action = "read";
        query.resource.collection = question.collection;
        let made = plan(black_box(model), black_box(&query), false).expect("a plan");
        assert!(!made.filter.is_never() && !made.filter.is_always());
        count += 1;
    }
    begun.elapsed() / count
}

/// Asks so many questions, these in turn.
fn round(model: &Model, asked: &[Question], questions: u64, by_role: bool) -> Duration {
    let roles: &[&str] = if by_role { &["author"] } else { &["reader"] };
    let begun = Instant::now();
    for question in asked
        .iter()
        .cycle()
        .take(usize::try_from(questions).expect("a number"))
    {
        let mut query = Query::at(Timestamp::UNIX_EPOCH);
        query.subject = Subject {
            id: &question.user,
            roles: roles.into(),
            ..Subject::default()
        };
        query.action = "read";
        query.resource = Resource {
            collection: question.collection,
            id: &question.document,
            ..Resource::default()
        };
        let decision = check(black_box(model), black_box(&query)).expect("an answer");
        assert_eq!(decision.effect, Effect::Allow);
    }
    begun.elapsed()
}
