//! How long decisions take, and how that grows with the policy.
//!
//! `cargo bench` measures everything, `cargo bench --bench decisions -- check/hit` a part; `-- --test` runs each once.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a benchmark fails by panicking"
)]

mod sample;

use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use placet::compile::compile;
use placet::engine::check::check;
use placet::engine::plan::plan;
use placet::engine::query::Query;
use placet::engine::{actions, fields, transitions};
use placet::load::discover::{ScanLimits, read_root};
use placet::load::load;
use placet::load::profile::read_policy;
use placet::model::Model;
use placet::observe::counts::{CallCounts, DecisionCounts};
use placet::vocab::call::Call;
use placet::vocab::effect::{Effect, Reason};
use placet::vocab::value::{Object, Value};

use sample::Size;

const RULES: [usize; 5] = [10, 100, 1_000, 10_000, 100_000];

/// Asks once, and sees to it that the answer is the one that is meant to be measured.
fn expect(model: &Model, query: &Query<'_>, allow: bool) {
    let decision = check(model, query).expect("a question that makes sense");
    assert_eq!(decision.is_allow(), allow, "{decision:?} to {query:?}");
}

fn bench_check(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("check");
    let fields = sample::condition_fields();
    for rules in RULES {
        let size = Size::of_rules(rules);
        let (model, collection) = (size.model(), size.collection());
        let questions = [
            ("hit", sample::hit(&collection), true),
            ("miss", sample::miss(&collection), false),
            ("condition", sample::condition("one", &fields), true),
        ];
        for (name, query, allow) in &questions {
            expect(&model, query, *allow);
            group.bench_function(BenchmarkId::new(*name, rules), |bencher| {
                bencher.iter(|| check(black_box(&model), black_box(query)));
            });
        }
    }
}

fn bench_roles(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("roles");
    for roles in [4, 64, 1_000] {
        let size = Size { rules: 1_000, roles };
        let (model, collection, last) = (size.model(), size.collection(), size.last_role());
        let held = ["author", last.as_str()];
        let mut query = sample::hit(&collection);
        query.subject.roles = (&held as &[_]).into();
        expect(&model, &query, true);
        group.bench_function(BenchmarkId::new("hit", roles), |bencher| {
            bencher.iter(|| check(black_box(&model), black_box(&query)));
        });
    }
}

fn bench_conditions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("leaves");
    let model = Size::of_rules(1_000).model();
    let fields = sample::condition_fields();
    for (leaves, action) in [(1, "one"), (10, "ten")] {
        let query = sample::condition(action, &fields);
        expect(&model, &query, true);
        group.bench_function(BenchmarkId::from_parameter(leaves), |bencher| {
            bencher.iter(|| check(black_box(&model), black_box(&query)));
        });
    }
}

/// Returns the sample of Directus, compiled.
fn magazine() -> std::sync::Arc<Model> {
    sample_profile("magazine")
}

/// Returns a sample profile, compiled.
fn sample_profile(id: &str) -> std::sync::Arc<Model> {
    profile(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"), id)
}

/// Returns a profile below a root, compiled.
fn profile(root: &Path, id: &str) -> std::sync::Arc<Model> {
    let scan = read_root(root, &ScanLimits::default()).expect("a readable directory");
    let (policy, sources) = read_policy(&scan, id).expect("a profile without errors");
    std::sync::Arc::new(compile(&policy, &sources))
}

/// Returns a question about the sample of Directus: an author hands over a draft of her own.
fn hand_over() -> Query<'static> {
    let mut query = sample::question("update", "articles", "", "");
    query.subject.id = "ann";
    query.subject.roles = (&["5c3f1c0e-6a3e-4d39-9d53-0b1a6a2f1a01"] as &[_]).into();
    query.resource.attributes = Object::new(vec![
        ("status".into(), Value::Text("draft".into())),
        ("user_created".into(), Value::Text("ann".into())),
    ]);
    query.changes = Object::new(vec![("status".into(), Value::Text("ready_for_review".into()))]);
    query
}

fn bench_directus(criterion: &mut Criterion) {
    let (model, query) = (magazine(), hand_over());
    expect(&model, &query, true);
    criterion.bench_function("directus/update", |bencher| {
        bencher.iter(|| check(black_box(&model), black_box(&query)));
    });
}

/// A contributor edits a draft that waits for review, and looks at what else he may do with it.
fn bench_apostrophe(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apostrophe");
    let model = sample_profile("museum");
    let mut query = sample::question("edit", "exhibition", "submitted", "");
    query.subject.id = "ann";
    query.subject.roles = (&["contributor"] as &[_]).into();
    query.resource.id = "e1";
    query.resource.attributes = Object::new(vec![("aposMode".into(), Value::Text("draft".into()))]);
    query.changes = Object::new(vec![("title".into(), Value::Text("T".into()))]);
    expect(&model, &query, true);
    group.bench_function("edit", |bencher| {
        bencher.iter(|| check(black_box(&model), black_box(&query)));
    });
    let open = transitions::list(&model, &query).expect("a question that makes sense");
    assert_eq!(open.len(), 9, "{open:?}");
    group.bench_function("transitions", |bencher| {
        bencher.iter(|| transitions::list(&model, black_box(&query)))
    });
    group.finish();
}

fn bench_lists(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lists");
    let size = Size::of_rules(1_000);
    let (model, collection) = (size.model(), size.collection());
    let query = sample::hit(&collection);
    let open = transitions::list(&model, &query).expect("a question that makes sense");
    assert_eq!(open.len(), 3, "{open:?}");
    group.bench_function("transitions", |bencher| {
        bencher.iter(|| transitions::list(&model, black_box(&query)))
    });
    group.bench_function("actions", |bencher| {
        bencher.iter(|| actions::list(&model, black_box(&query)))
    });
    let kept = fields::filter(&model, &query).expect("a question that makes sense");
    assert_eq!((kept.allowed.len(), kept.denied.len()), (8, 2), "{kept:?}");
    group.bench_function("fields", |bencher| {
        bencher.iter(|| fields::filter(&model, black_box(&query)))
    });
}

fn bench_batch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("batch");
    let size = Size::of_rules(1_000);
    let (model, collection) = (size.model(), size.collection());
    let queries: Vec<_> = (0..100)
        .map(|index| {
            if index % 2 == 0 {
                sample::hit(&collection)
            } else {
                sample::miss(&collection)
            }
        })
        .collect();
    group.throughput(Throughput::Elements(100));
    group.bench_function("100", |bencher| {
        bencher.iter(|| {
            queries
                .iter()
                .filter(|query| check(&model, query).is_ok_and(|answer| answer.is_allow()))
                .count()
        });
    });
}

/// What the metrics cost: a decision alone and counted, and a call, with and without another thread that counts in the same cells.
fn bench_counting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("counting");
    let size = Size::of_rules(1_000);
    let (model, collection) = (size.model(), size.collection());
    let query = sample::hit(&collection);
    let (counts, calls) = (DecisionCounts::default(), CallCounts::default());
    let decide = || check(black_box(&model), black_box(&query)).expect("a question that makes sense");
    group.bench_function("decision", |bencher| bencher.iter(decide));
    group.bench_function("decision, counted", |bencher| {
        bencher.iter(|| {
            let decision = decide();
            counts.add(black_box(Call::Check), decision.effect, decision.reason);
            decision.is_allow()
        });
    });
    let count_decision = || {
        counts.add(
            black_box(Call::Check),
            black_box(Effect::Allow),
            black_box(Reason::Allowed),
        )
    };
    let count_call = || {
        let begun = Instant::now();
        calls.add(black_box(Call::Check), black_box(0), begun.elapsed());
    };
    group.bench_function("a decision", |bencher| bencher.iter(count_decision));
    group.bench_function("a call", |bencher| bencher.iter(count_call));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                count_decision();
                count_call();
            }
        });
        group.bench_function("a decision, shared", |bencher| bencher.iter(count_decision));
        group.bench_function("a call, shared", |bencher| bencher.iter(count_call));
        done.store(true, Ordering::Relaxed);
    });
}

fn bench_build(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("build");
    group.sample_size(10);
    let size = Size::of_rules(100_000);
    let (policy, sources) = size.policy();
    group.bench_function("compile/100000", |bencher| {
        bencher.iter_batched(|| (), |()| compile(&policy, &sources), BatchSize::PerIteration);
    });
    let scan = size.scan();
    group.bench_function("load/100000", |bencher| {
        bencher.iter_batched(|| (), |()| load(&scan, &[]), BatchSize::PerIteration);
    });
}

/// Returns an intern's question about an item of the newsroom that is kept as rows of Directus 7 and 8.
fn rows_question<'q>(action: &'q str, state: &'q str, fields: &'q [&'q str]) -> Query<'q> {
    let mut query = Query::at(Timestamp::UNIX_EPOCH);
    query.subject.id = "31";
    query.subject.roles = (&["3"] as &[_]).into();
    query.context.explanation = "because";
    query.action = action;
    query.fields = fields.into();
    query.resource.collection = "articles";
    query.resource.id = "900";
    query.resource.state = state;
    query.resource.owner.id = "31";
    query.resource.owner.roles = (&["3"] as &[_]).into();
    query
}

/// One row is several grants: staying, moving, and moving where the next status forbids or demands more.
fn bench_directus_legacy(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("directus-legacy");
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let scan = read_root(&policies, &ScanLimits::default()).expect("a readable directory");
    let (policy, sources) = read_policy(&scan, "newsroom-legacy").expect("a good profile");
    let model = compile(&policy, &sources);
    let questions = [
        (
            "update",
            rows_question("update", "draft", &["title", "body"]),
            true,
        ),
        ("read", rows_question("read", "review", &["title", "body"]), true),
        (
            "refused",
            rows_question("update", "review", &["title", "body"]),
            false,
        ),
    ];
    for (name, query, allow) in &questions {
        expect(&model, query, *allow);
        group.bench_function(*name, |bencher| {
            bencher.iter(|| check(black_box(&model), black_box(query)));
        });
    }
    let query = rows_question("update", "draft", &[]);
    let open = transitions::list(&model, &query).expect("a question that makes sense");
    let allowed = open.iter().filter(|offer| offer.decision.is_allow()).count();
    assert_eq!(allowed, 1, "{open:?}");
    group.bench_function("transitions", |bencher| {
        bencher.iter(|| transitions::list(&model, black_box(&query)))
    });
}

/// Returns a profile of one collection that so many grants are for, each with a condition of its own.
fn wide(grants: usize) -> std::sync::Arc<Model> {
    let grants: Vec<_> = (0..grants)
        .map(|index| {
            serde_json::json!({
                "roles": ["author"], "collections": ["articles"], "actions": ["read"],
                "when": {"section": {"_eq": index}, "desk": {"_eq": format!("desk {index}")}},
            })
        })
        .collect();
    let root = tempfile::tempdir().expect("a temporary directory");
    let directory = root.path().join("wide");
    std::fs::create_dir(&directory).expect("a directory");
    let roles = serde_json::json!({"roles": [{"id": "author"}, {"id": "reader"}]});
    let grants = serde_json::json!({ "grants": grants });
    for (name, content) in [("roles.json", roles), ("grants.json", grants)] {
        std::fs::write(directory.join(name), content.to_string()).expect("a file");
    }
    profile(root.path(), "wide")
}

/// Plans a listing, and sees to it that there is something to be filtered.
fn expect_filter(model: &Model, query: &Query<'_>) {
    let plan = plan(model, query, false).expect("a question that makes sense");
    assert!(!plan.filter.is_always() && !plan.filter.is_never(), "{plan:?}");
}

fn bench_plans(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    for rules in RULES {
        let size = Size::of_rules(rules);
        let (model, collection) = (size.model(), size.collection());
        let query = sample::hit(&collection);
        expect_filter(&model, &query);
        group.bench_function(BenchmarkId::new("update", rules), |bencher| {
            bencher.iter(|| plan(black_box(&model), black_box(&query), false));
        });
    }
    let mut query = sample::question("read", "articles", "", "");
    query.subject.roles = (&["author"] as &[_]).into();
    for grants in [10, 1_000] {
        let model = wide(grants);
        expect_filter(&model, &query);
        group.bench_function(BenchmarkId::new("conditions", grants), |bencher| {
            bencher.iter(|| plan(black_box(&model), black_box(&query), false));
        });
    }
    let (model, mut query) = (
        sample_profile("newsroom"),
        sample::question("read", "articles", "", ""),
    );
    query.subject.roles = (&["intern"] as &[_]).into();
    expect_filter(&model, &query);
    group.bench_function("newsroom", |bencher| {
        bencher.iter(|| plan(black_box(&model), black_box(&query), false));
    });
    query.fields = (&["title", "body", "notes"] as &[_]).into();
    group.bench_function("newsroom with three fields", |bencher| {
        bencher.iter(|| plan(black_box(&model), black_box(&query), false));
    });
}

criterion_group!(
    benches,
    bench_plans,
    bench_directus_legacy,
    bench_check,
    bench_roles,
    bench_conditions,
    bench_directus,
    bench_apostrophe,
    bench_lists,
    bench_batch,
    bench_counting,
    bench_build
);
criterion_main!(benches);
