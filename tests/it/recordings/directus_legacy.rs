//! Recordings of Directus 7 and 8: each case as requests of the wire contract, and the answers compared.
//!
//! The cases were worked out from the sources, the tests and the documentation of Directus. Where reasonable people may read
//! these differently, a case says so; such cases are asked as well, and counted apart by what they contest.

mod ask;
mod filter;
mod judge;
mod lists;
mod site;

use std::path::Path;

use serde_json::Value;

use super::door;
use super::{Judged, Outcome, Tally, find_folder, read_lines};
use ask::Case;
pub(crate) use lists::Lists;
use site::Sites;

/// The name of the folder.
const SYSTEM: &str = "directus-legacy";
/// The files of the recordings.
const VECTORS: &str = "vectors.jsonl";
const DECISIONS: &str = "example-decisions.json";

/// What a file holds: its name, its cases, and what each of them shares with the others.
struct File {
    name: &'static str,
    cases: Vec<Value>,
}

/// Reads both files; a case of the table gets what the table says of all of them.
fn read_files(folder: &Path) -> [File; 2] {
    let vectors = read_lines(&folder.join(VECTORS));
    let text = std::fs::read_to_string(folder.join(DECISIONS)).unwrap();
    let table: Value = serde_json::from_str(&text).unwrap();
    let share = |case: &Value| {
        let mut case = case.clone();
        for key in ["rows_file", "collection"] {
            case[key] = table[key].clone();
        }
        case
    };
    let decisions = table["cases"].as_array().unwrap().iter().map(share).collect();
    [
        File {
            name: DECISIONS,
            cases: decisions,
        },
        File {
            name: VECTORS,
            cases: vectors,
        },
    ]
}

/// Asks every case.
pub(crate) fn run() {
    let Some(folder) = find_folder(SYSTEM) else { return };
    let mut disagreements = 0;
    for file in read_files(&folder) {
        let mut tally = Tally::default();
        let lists = Lists::open("directus_legacy");
        for (json, judged) in file.cases.iter().zip(judge_all(&folder, &file.cases, &lists)) {
            tally.count(
                json["id"].as_str().unwrap_or("?"),
                apart_if_contested(json, judged),
            );
        }
        // On lines of their own, behind what the test harness has begun to print.
        print!("\n{}", tally.report(&format!("{SYSTEM}/{}", file.name), "strict"));
        print!("{}", lists.report());
        disagreements += tally.disagreements();
    }
    assert_eq!(disagreements, 0, "some cases are not as recorded");
}

/// Asks cases of the profiles that they name, and judges the answers.
pub(crate) fn judge_all(folder: &Path, cases: &[Value], lists: &Lists) -> Vec<Judged> {
    let root = tempfile::tempdir().unwrap();
    let sites = Sites::write(folder, cases, root.path());
    let door = door::open(root.path());
    let judge = |json| judge::judge(&Case::new(json, sites.of(json)), door.as_ref(), lists);
    cases.iter().map(judge).collect()
}

/// Counts a contested case apart, by what it contests and whether the answer is the one that was chosen.
fn apart_if_contested(json: &Value, judged: Judged) -> Judged {
    let name = match &json["contested"] {
        Value::Null | Value::Bool(false) => return judged,
        Value::String(name) => name.clone(),
        _ => {
            let about = json.get("note").unwrap_or(&json["action"]);
            about.as_str().unwrap_or_default().to_owned()
        }
    };
    let how = match judged.outcome {
        Outcome::Agree => "answered as chosen",
        Outcome::Apart(_) => "not asked",
        Outcome::Disagree(_) => "answered otherwise",
    };
    Judged::apart(&format!("contested ({name}), {how}"))
}

/// Compares the codes of refusals with those of the API, where the case tells one.
///
/// A code says more than a decision: the API may have stopped earlier, at something that the documented reading does not
/// know. So each difference is printed, and only cases in which the API decides as documented must have the same code.
pub(crate) fn run_codes() {
    let Some(folder) = find_folder(SYSTEM) else { return };
    let (mut same, mut others) = (0, Vec::new());
    for file in read_files(&folder) {
        let root = tempfile::tempdir().unwrap();
        let sites = Sites::write(&folder, &file.cases, root.path());
        let door = door::open(root.path());
        let told = file.cases.iter().filter(|json| json["php_8_8_1"].is_null());
        for json in told.filter(|json| json["expect"]["decision"] == "deny" && json["contested"].is_null()) {
            let Some(expected) = json["php_error"]["code"].as_u64() else {
                continue;
            };
            let case = Case::new(json, sites.of(json));
            let found = judge::code(&case, door.as_ref());
            if found.as_deref() == Some(expected.to_string().as_str()) {
                same += 1;
            } else {
                let id = json["id"].as_str().unwrap_or("?");
                others.push(format!("{id}: the API says {expected}, found {found:?}"));
            }
        }
    }
    println!(
        "\ncodes of {SYSTEM}: {same} as the API has them, {} others",
        others.len()
    );
    others.iter().for_each(|line| println!("  {line}"));
    assert!(same >= 10, "only {same} codes were compared");
    assert!(
        others.len() * 10 <= same,
        "{} codes are not those of the API",
        others.len()
    );
}
