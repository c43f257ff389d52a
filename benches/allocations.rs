//! How often a decision asks the system for memory: never on the common path, and this fails if it does.
//!
//! `cargo bench --bench allocations` prints the table.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails by panicking"
)]

mod sample;

use std::fs;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use placet::engine::check::check;
use placet::engine::query::Ancestor;
use placet::load::discover::{ScanLimits, read_root};
use placet::load::load;
use placet::model::Model;
use placet::observe::counts::{CallCounts, DecisionCounts};
use placet::vocab::call::Call;
use placet::vocab::effect::{Effect, Reason};

use serde_json::json;

use sample::Size;

/// Returns the newsroom with a grant on the document that questions are about, by which it is allowed what it is not otherwise.
fn with_document_grants(size: Size, collection: &str) -> Arc<Model> {
    let root = tempfile::tempdir().expect("a temporary directory");
    size.write(root.path());
    let grant = json!({
        "collection": collection, "id": "item-4711", "actions": ["update"], "users": ["user-1"], "descendants": true,
    });
    fs::write(
        root.path().join("newsroom/document_grants.jsonl"),
        grant.to_string(),
    )
    .expect("a file");
    let scan = read_root(root.path(), &ScanLimits::default()).expect("a readable directory");
    let model = load(&scan, &[])[0].model.clone().expect("a good profile");
    let query = sample::miss(collection);
    let effect = check(&model, &query).expect("an answer").effect;
    assert_eq!(effect, Effect::Allow, "the grant on the document decides");
    model
}

fn main() -> ExitCode {
    let size = Size::of_rules(1_000);
    let (model, collection, fields) = (size.model(), size.collection(), sample::condition_fields());
    let mut writing = sample::hit(&collection);
    let written = ["title", "body"];
    writing.fields = (&written as &[_]).into();
    let mut moving = sample::hit(&collection);
    moving.transition = "to-review";
    let shared = with_document_grants(size, &collection);
    let mut on_document = sample::miss(&collection);
    on_document.fields = (&written as &[_]).into();
    let mut below = sample::miss(&collection);
    below.resource.id = "item-4712";
    below.resource.ancestors = vec![Ancestor {
        collection: &collection,
        id: "item-4711",
        ..Ancestor::default()
    }];
    // What is asked, and how many allocations it may cost.
    let questions = [
        ("hit", sample::hit(&collection), 0),
        ("miss", sample::miss(&collection), 0),
        ("one leaf", sample::condition("one", &fields), 0),
        ("ten leaves", sample::condition("ten", &fields), 0),
        ("two fields", writing, 0),
        ("a transition", moving, 0),
    ];
    let of_shared = [
        ("on a document", sample::miss(&collection), 0),
        ("fields of it", on_document, 0),
        ("below it", below, 0),
    ];
    let questions = questions.iter().map(|question| (&model, question));
    let of_shared = of_shared.iter().map(|question| (&shared, question));
    let mut failed = false;
    for (model, (name, query, allowed)) in questions.chain(of_shared) {
        drop(black_box(check(model, query)));
        let seen = allocation_counter::measure(|| drop(black_box(check(model, black_box(query)))));
        let verdict = if seen.count_total > *allowed {
            "TOO MANY"
        } else {
            ""
        };
        println!(
            "{name:>14}: {:3} allocations, {:6} bytes {verdict}",
            seen.count_total, seen.bytes_total
        );
        failed |= seen.count_total > *allowed;
    }
    let (counts, calls) = (DecisionCounts::default(), CallCounts::default());
    let counted = allocation_counter::measure(|| {
        counts.add(black_box(Call::Check), Effect::Allow, Reason::Allowed);
        calls.add(black_box(Call::Check), 0, Duration::from_micros(20));
    });
    println!("{:>14}: {:3} allocations", "counting", counted.count_total);
    failed |= counted.count_total > 0;
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
