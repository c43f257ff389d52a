//! Nick's recordings: each vector as requests of the wire contract, and the answers compared.

mod ask;
mod http;
mod judge;
mod lists;
mod site;
mod strict;
mod tests;

use super::door;
use super::{Judged, Tally, find_folder, read_lines};
use ask::{Asked, Case, Unasked};
use lists::Lists;
use site::Sites;

/// The file of the recordings, and its name in reports.
const FILE: &str = "vectors.jsonl";

/// Asks every vector in the mode in which it was recorded.
pub(crate) fn run() {
    let Some(folder) = find_folder("nick") else { return };
    let vectors = read_lines(&folder.join(FILE));
    let root = tempfile::tempdir().unwrap();
    let sites = Sites::write(&folder, &vectors, root.path(), &["exact"]);
    let door = door::open(root.path());
    let lists = Lists::open("nick", root.path());
    let mut tally = Tally::default();
    for vector in &vectors {
        let case = Case::new(vector, sites.of(vector));
        let judged = match ask::ask(&case, "exact") {
            Ok(asked) => {
                let compared = match &asked {
                    Asked::Decision(request) | Asked::Listing(_, request) => {
                        lists.compare(request, door.as_ref())
                    }
                    Asked::Transitions(_) | Asked::Execution(..) | Asked::Addable(..) => Ok(()),
                };
                match compared {
                    Ok(()) => judge::judge(&case, &asked, door.as_ref()),
                    Err(text) => Judged::disagree(text),
                }
            }
            Err(Unasked::Apart(reason)) => Judged::apart(&reason),
            Err(Unasked::Unknown(what)) => Judged::disagree(format!("no request asks {what}")),
        };
        tally.count(vector["id"].as_str().unwrap_or("?"), judged);
    }
    // On lines of their own, behind what the test harness has begun to print.
    print!("\n{}", tally.report(&format!("nick/{FILE}"), "exact"));
    print!("{}", lists.report());
    assert_eq!(tally.disagreements(), 0, "some cases are not as recorded");
}

/// Asks every vector in both modes: they differ where a rule says so, and nowhere else.
pub(crate) fn run_strict() {
    let Some(folder) = find_folder("nick") else { return };
    let vectors = read_lines(&folder.join(FILE));
    let root = tempfile::tempdir().unwrap();
    let sites = Sites::write(&folder, &vectors, root.path(), &["exact", "strict"]);
    let door = door::open(root.path());
    let mut differences = strict::Differences::default();
    for vector in &vectors {
        let case = Case::new(vector, sites.of(vector));
        if let Ok(asked) = ask::ask(&case, "exact") {
            differences.compare(&case, &asked, door.as_ref());
        }
    }
    print!("{}", differences.report());
    assert_eq!(
        differences.unexplained(),
        0,
        "the modes differ where no rule says so"
    );
}
