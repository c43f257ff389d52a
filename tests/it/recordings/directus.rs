//! Recordings of Directus: each vector as requests of the wire contract, and the answers compared.

pub(crate) mod ask;
mod judge;
mod lists;
mod read;
mod strict;
mod world;
mod write;

use super::door::{self, Door};
use super::{Judged, Tally, find_folder, read_lines};
use ask::Asker;
use lists::Lists;
use world::{Profiles, World};

/// The file of the recordings, and its name in reports.
const FILE: &str = "vectors.jsonl";

/// How many different profiles are loaded at a time.
const PROFILES_AT_A_TIME: usize = 200;

/// Asks every vector in the mode in which it was recorded.
pub(crate) fn run() {
    let Some(folder) = find_folder("directus") else {
        return;
    };
    let world = World::read(&folder);
    let vectors = read_lines(&folder.join(FILE));
    let lists = Lists::open(&world, "directus_exact");
    let mut judged: Vec<(usize, Judged)> = Vec::with_capacity(vectors.len());
    for profiles in Profiles::chunks(&vectors, PROFILES_AT_A_TIME) {
        let root = tempfile::tempdir().unwrap();
        profiles.write(&folder, root.path(), &["exact"]);
        let door = door::open(root.path());
        for (index, profile) in profiles.vectors() {
            let about = (&world, &lists);
            let asker = Asker::new(about, door.as_ref(), format!("{profile}-exact"), &vectors[index]);
            judged.push((index, judge::judge(&asker)));
        }
    }
    judged.sort_by_key(|(index, _)| *index);
    let mut tally = Tally::default();
    for (index, judged) in judged {
        tally.count(vectors[index]["id"].as_str().unwrap_or("?"), judged);
    }
    // On lines of their own, behind what the test harness has begun to print.
    print!("\n{}", tally.report(&format!("directus/{FILE}"), "exact"));
    print!("{}", lists.report());
    assert_eq!(tally.disagreements(), 0, "some cases are not as recorded");
}

/// Asks every vector in both modes: they differ where a rule says so, and nowhere else.
pub(crate) fn run_strict() {
    let Some(folder) = find_folder("directus") else {
        return;
    };
    let world = World::read(&folder);
    let vectors = read_lines(&folder.join(FILE));
    let lists = Lists::open(&world, "directus_strict");
    let mut differences = strict::Differences::default();
    for profiles in Profiles::chunks(&vectors, PROFILES_AT_A_TIME) {
        let root = tempfile::tempdir().unwrap();
        profiles.write(&folder, root.path(), &["exact", "strict"]);
        let door: Box<dyn Door> = door::open(root.path());
        for (index, profile) in profiles.vectors() {
            differences.compare((&world, &lists), door.as_ref(), profile, &vectors[index]);
        }
    }
    print!("\n{}{}", differences.report(), lists.report());
    assert_eq!(
        differences.unexplained(),
        0,
        "the modes differ where no rule says so"
    );
}
