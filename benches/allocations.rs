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

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use placet::engine::check::check;
use placet::observe::counts::{CallCounts, DecisionCounts};
use placet::vocab::call::Call;
use placet::vocab::effect::{Effect, Reason};

use sample::Size;

fn main() -> ExitCode {
    let size = Size::of_rules(1_000);
    let (model, collection, fields) = (size.model(), size.collection(), sample::condition_fields());
    let mut writing = sample::hit(&collection);
    let written = ["title", "body"];
    writing.fields = (&written as &[_]).into();
    let mut moving = sample::hit(&collection);
    moving.transition = "to-review";
    // What is asked, and how many allocations it may cost.
    let questions = [
        ("hit", sample::hit(&collection), 0),
        ("miss", sample::miss(&collection), 0),
        ("one leaf", sample::condition("one", &fields), 0),
        ("ten leaves", sample::condition("ten", &fields), 0),
        ("two fields", writing, 0),
        ("a transition", moving, 0),
    ];
    let mut failed = false;
    for (name, query, allowed) in &questions {
        drop(black_box(check(&model, query)));
        let seen = allocation_counter::measure(|| drop(black_box(check(&model, black_box(query)))));
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
