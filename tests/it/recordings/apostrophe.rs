//! Recordings of Apostrophe: each row as requests of the wire contract, and the answers compared.
//!
//! The files hold decisions of its own code (`can`, `criteria`, `list`, `fields`) and what came of requests to a running site
//! (`workflow`, `access`); `seed-table` holds what its documentation says, which is what mode `strict` decides.

mod ask;
mod file;
mod lists;
mod operation;
mod probe;
mod strict;
mod table;
mod world;

use std::path::Path;

use serde_json::Value;

use super::door::{self, Door};
use super::{Judged, Tally, find_folder, read_lines};
use world::World;

/// The name of the folder.
const SYSTEM: &str = "apostrophe";

/// A kind of row, and how it is asked and judged.
type Judge = fn(&World, &dyn Door, &Value) -> Judged;

/// The files, the mode in which each was recorded, and how its rows are judged.
const FILES: [(&str, &str, Judge); 7] = [
    ("can.jsonl", "exact", file::can),
    ("criteria.jsonl", "exact", file::criteria),
    ("list.jsonl", "exact", file::list),
    ("workflow.jsonl", "exact", operation::judge),
    ("access.jsonl", "exact", probe::judge),
    ("fields.jsonl", "exact", file::fields),
    ("seed-table.jsonl", "strict", table::judge),
];

/// Asks every row of every file.
pub(crate) fn run() {
    let Some(folder) = find_folder(SYSTEM) else { return };
    let root = tempfile::tempdir().unwrap();
    let world = World::write(&folder, root.path());
    let door = door::open(root.path());
    let mut disagreements = 0;
    for (name, mode, judge) in FILES {
        let mut tally = Tally::default();
        for row in read_file(&folder, name) {
            let judged = judge(&world, door.as_ref(), &row);
            tally.count(row["id"].as_str().unwrap_or("?"), judged);
        }
        // On lines of their own, behind what the test harness has begun to print.
        print!("\n{}", tally.report(&format!("{SYSTEM}/{name}"), mode));
        disagreements += tally.disagreements();
    }
    print!("{}", world.lists.report());
    assert_eq!(disagreements, 0, "some cases are not as recorded");
}

/// Asks raw checks, workflow and access in both modes: they differ where a rule says so, and nowhere else.
pub(crate) fn run_strict() {
    let Some(folder) = find_folder(SYSTEM) else { return };
    let root = tempfile::tempdir().unwrap();
    let world = World::write(&folder, root.path());
    let door = door::open(root.path());
    let mut differences = strict::Differences::default();
    for row in read_file(&folder, "can.jsonl") {
        differences.compare_check(&world, door.as_ref(), &row);
    }
    for row in read_file(&folder, "workflow.jsonl") {
        differences.compare_operation(&world, door.as_ref(), &row);
    }
    print!("\n{}", differences.report());
    assert_eq!(
        differences.unexplained(),
        0,
        "the modes differ where no rule says so"
    );
}

fn read_file(folder: &Path, name: &str) -> Vec<Value> {
    let rows = read_lines(&folder.join(name));
    assert!(!rows.is_empty(), "{name} is empty");
    rows
}
