//! The house rules that no compiler checks: who may import whom, how long a file may be, that nothing lies around unused.

mod paths;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use paths::SourceFile;

/// A room of the house: what it may import, and which paths must not stand in its code.
struct Room {
    name: &'static str,
    imports: &'static [&'static str],
    never: &'static [&'static [&'static str]],
}

const DISK: &[&str] = &["std::fs", "tokio::fs"];
const SYSTEM: &[&str] = &["std::env", "std::process"];
const ASYNC: &[&str] = &[
    "tokio",
    "tokio_stream",
    "tokio_util",
    "std::thread",
    "std::sync::Mutex",
];
const CLOCK: &[&str] = &[
    "std::time::SystemTime",
    "std::time::Instant",
    "Timestamp::now",
    "Zoned::now",
];
const WIRE: &[&str] = &["prost", "prost_types", "tonic", "tonic_types"];
const JSON: &[&str] = &["serde_json"];

/// Who may import whom, from the ground up. Every room may import itself.
const ROOMS: &[Room] = &[
    Room {
        name: "vocab",
        imports: &[],
        never: &[DISK, SYSTEM, ASYNC, CLOCK, WIRE, JSON],
    },
    Room {
        name: "source",
        imports: &["vocab"],
        never: &[DISK, SYSTEM, ASYNC, CLOCK, WIRE],
    },
    Room {
        name: "policy",
        imports: &["source", "vocab"],
        never: &[DISK, SYSTEM, ASYNC, CLOCK, WIRE, JSON],
    },
    Room {
        name: "model",
        imports: &["vocab"],
        never: &[DISK, SYSTEM, ASYNC, CLOCK, WIRE, JSON],
    },
    Room {
        name: "dialect",
        imports: &["policy", "source", "vocab"],
        never: &[DISK, SYSTEM, ASYNC, CLOCK, WIRE],
    },
    Room {
        name: "validate",
        imports: &["policy", "source", "vocab"],
        never: &[DISK, SYSTEM, ASYNC, CLOCK, WIRE, JSON],
    },
    Room {
        name: "engine",
        imports: &["model", "vocab"],
        never: &[DISK, SYSTEM, ASYNC, CLOCK, WIRE, JSON],
    },
    Room {
        name: "target",
        imports: &["engine", "model", "vocab"],
        never: &[DISK, SYSTEM, ASYNC, CLOCK, WIRE],
    },
    Room {
        name: "compile",
        imports: &["validate", "policy", "model", "source", "vocab"],
        never: &[DISK, SYSTEM, ASYNC, CLOCK, WIRE, JSON],
    },
    Room {
        name: "load",
        imports: &[
            "source", "dialect", "policy", "validate", "compile", "model", "vocab",
        ],
        never: &[&["tokio"], WIRE],
    },
    Room {
        name: "suite",
        imports: &["engine", "model", "source", "vocab"],
        never: &[WIRE],
    },
    Room {
        name: "observe",
        imports: &["engine", "model", "vocab"],
        never: &[],
    },
    Room {
        name: "store",
        imports: &["load", "model", "source", "observe", "vocab"],
        never: &[WIRE],
    },
    Room {
        name: "rpc",
        imports: &[
            "load", "store", "engine", "target", "model", "observe", "source", "vocab",
        ],
        never: &[DISK],
    },
    Room {
        name: "server",
        imports: &["rpc", "store", "observe", "source", "vocab"],
        never: &[],
    },
    Room {
        name: "cli",
        imports: &[
            "vocab", "source", "policy", "model", "dialect", "validate", "engine", "target", "compile",
            "load", "suite", "observe", "store", "rpc", "server",
        ],
        never: &[],
    },
];

/// Paths that are used in spite of the table, each with its room and the reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "server",
    "crate::source::diagnostic::did_you_mean",
    "an option that names no profile gets the suggestion that a mistyped name in a file gets",
)];

/// Lines of code that a file may have, tests aside.
const FILE_LINES_MAX: usize = 800;

/// Folders of `tests/corpus` and the module of the tests that reads every file of this kind in them.
const CORPUS: &[(&str, &str, &str)] = &[
    ("matrix", "txt", "matrix"),
    ("answers", "json", "written"),
    ("decisions", "json", "decisions"),
    ("diagnostics", "case", "diagnostics"),
    ("dialects/directus-legacy", "", "legacy"),
    ("dialects/native", "", "native"),
    ("dialects/nick", "", "nick"),
    ("dialects/directus", "", "directus"),
    ("dialects/apostrophe", "", "apostrophe"),
    ("cli", "txt", "cli"),
];

/// Single files of the corpus that belong to another test than their folder.
const CORPUS_FILES: &[(&str, &str)] = &[("decisions/newsroom.json", "samples")];

#[test]
fn rooms_import_only_what_stands_above_them() {
    let mut findings = Vec::new();
    let mut stale: BTreeSet<_> = EXCEPTIONS.iter().map(|(room, path, _)| (*room, *path)).collect();
    for file in sources() {
        let Some(room) = file.module.first() else { continue };
        let Some(row) = ROOMS.iter().find(|row| row.name == room) else {
            findings.push(format!("{}: `{room}` is not in the table of rooms", file.name));
            continue;
        };
        for path in &file.paths {
            let place = format!("{}:{}", file.name, path.line);
            let exception = EXCEPTIONS
                .iter()
                .find(|(in_room, used, _)| in_room == room && path.contains(used));
            if let Some((in_room, used, _)) = exception {
                stale.remove(&(*in_room, *used));
            } else if let Some(target) = path.room() {
                if target != row.name && !row.imports.contains(&target) {
                    findings.push(format!("{place}: `{room}` must not import `{target}`"));
                }
            } else if let Some(word) = row.never.concat().iter().find(|word| path.contains(word)) {
                findings.push(format!("{place}: `{room}` must not see `{word}`"));
            }
        }
    }
    findings.extend(
        stale
            .iter()
            .map(|(room, path)| format!("`{room}` no longer needs `{path}`: strike it out")),
    );
    report(&findings);
}

#[test]
fn the_table_of_rooms_is_the_house() {
    for (index, room) in ROOMS.iter().enumerate() {
        let above: BTreeSet<_> = ROOMS[..index].iter().map(|room| room.name).collect();
        for import in room.imports {
            assert!(
                above.contains(import),
                "`{}` imports `{import}` from below",
                room.name
            );
        }
    }
    let rooms: BTreeSet<_> = ROOMS.iter().map(|room| room.name.to_owned()).collect();
    let found: BTreeSet<_> = sources()
        .iter()
        .filter_map(|file| file.module.first().cloned())
        .collect();
    let strange: Vec<_> = found.difference(&rooms).collect();
    assert!(strange.is_empty(), "rooms without a row: {strange:?}");
    assert!(found.len() >= 10, "the sources were not found");
}

#[test]
fn a_room_has_one_floor_and_opens_with_its_page() {
    let mut findings = Vec::new();
    for file in sources() {
        let deep = file.module.len() > 2 && file.module.last().is_none_or(|last| last != "tests");
        if deep {
            findings.push(format!("{}: a room in a room; make it two rooms", file.name));
        }
        if file.name.ends_with("/mod.rs") && !file.text.starts_with("//!") {
            findings.push(format!("{}: does not open with a page about the room", file.name));
        }
        for line in &file.reexports {
            findings.push(format!(
                "{}:{line}: a second path to a name (`pub use`)",
                file.name
            ));
        }
    }
    report(&findings);
}

#[test]
fn files_are_short_enough() {
    let findings: Vec<_> = sources()
        .iter()
        .filter(|file| file.code_lines > FILE_LINES_MAX)
        .map(|file| {
            let (name, lines) = (&file.name, file.code_lines);
            format!("{name}: {lines} lines of code, {FILE_LINES_MAX} are the limit; split it by subject")
        })
        .collect();
    report(&findings);
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let words = ["todo", "unimplemented"].map(|word| format!("{word}!"));
    let notes = [["FIX", "ME"].concat(), ["X", "XX"].concat()];
    let marks = ["<".repeat(7) + " ", ">".repeat(7) + " "];
    let mut findings = Vec::new();
    for (name, text) in tracked_texts() {
        for (index, line) in text.lines().enumerate() {
            let rust = name.ends_with(".rs") && words.iter().any(|word| line.contains(word.as_str()));
            let note = notes.iter().any(|note| has_word(line, note));
            let conflict = marks.iter().any(|mark| line.starts_with(mark.as_str()));
            if rust || note || conflict {
                findings.push(format!("{name}:{}: {}", index + 1, line.trim()));
            }
        }
    }
    report(&findings);
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    let folders = ["work", "root", "home", "Users", "farm"].map(|folder| format!("/{folder}/"));
    let hosts = ["registry.", "static.", "index.", "files."];
    let mut findings = Vec::new();
    for (name, text) in tracked_texts() {
        for (index, line) in text.lines().enumerate() {
            let folder = folders.iter().any(|folder| names_folder(line, folder));
            let host = line
                .split("://")
                .skip(1)
                .any(|rest| hosts.iter().any(|host| rest.starts_with(host)));
            if folder || host {
                findings.push(format!("{name}:{}: {}", index + 1, line.trim()));
            }
        }
    }
    report(&findings);
}

#[test]
fn every_file_of_the_corpus_is_read() {
    let main = read("tests/it/main.rs");
    let mut findings = Vec::new();
    for name in tracked() {
        let Some(inside) = name.strip_prefix("tests/corpus/") else {
            continue;
        };
        let single = CORPUS_FILES
            .iter()
            .find(|(file, _)| *file == inside)
            .map(|(_, test)| *test);
        let reader = single.or_else(|| {
            let rule = CORPUS.iter().find(|(folder, kind, _)| {
                inside
                    .strip_prefix(folder)
                    .is_some_and(|rest| rest.starts_with('/'))
                    && (kind.is_empty() || inside.ends_with(&format!(".{kind}")))
            });
            rule.map(|(_, _, test)| *test)
        });
        let Some(test) = reader else {
            findings.push(format!(
                "{name}: no test reads this folder, or files of this kind in it"
            ));
            continue;
        };
        if !main.lines().any(|line| line == format!("mod {test};")) {
            findings.push(format!(
                "{name}: the test that reads it, `{test}`, is not in `tests/it/main.rs`"
            ));
        }
    }
    report(&findings);
}

#[test]
fn every_file_is_a_module() {
    let files = tracked();
    let mut findings = Vec::new();
    for name in &files {
        let Some((folder, file)) = name.rsplit_once('/') else {
            continue;
        };
        let Some(module) = file.strip_suffix(".rs") else {
            continue;
        };
        let ours = folder.starts_with("src") || folder.starts_with("tests/it");
        if !ours || ["mod", "lib", "main"].contains(&module) {
            continue;
        }
        let mut parents = ["mod", "lib", "main"]
            .map(|parent| format!("{folder}/{parent}.rs"))
            .to_vec();
        parents.push(format!("{folder}.rs"));
        let declaration = format!("mod {module};");
        let declared = parents
            .iter()
            .filter(|parent| files.contains(parent))
            .any(|parent| {
                let text = read(parent);
                text.lines().any(|line| {
                    let line = line.trim_end();
                    line == declaration
                        || line.starts_with("pub") && line.ends_with(&format!(" {declaration}"))
                })
            });
        if !declared {
            findings.push(format!(
                "{name}: no module says `mod {module};`, so nobody compiles it"
            ));
        }
    }
    report(&findings);
}

#[test]
fn every_limit_stands_in_the_readme() {
    let limits: Vec<_> = read("src/vocab/limits.rs")
        .lines()
        .filter_map(|line| {
            line.strip_prefix("pub const ")?
                .split(':')
                .next()
                .map(str::to_owned)
        })
        .collect();
    assert!(limits.len() > 10, "the limits were not found: {limits:?}");
    let unique: BTreeSet<_> = limits.iter().collect();
    assert_eq!(unique.len(), limits.len(), "a limit is there twice");

    let readme = fs::read_to_string(root().join("README.md")).unwrap_or_default();
    let Some(section) = section(&readme, "Limits") else {
        return;
    };
    let findings: Vec<_> = limits
        .iter()
        .filter(|limit| !section.contains(&format!("`{limit}`")))
        .map(|limit| format!("README.md: `{limit}` is missing under \"Limits\""))
        .collect();
    report(&findings);
}

/// Returns what stands under a heading, up to the next one of the same rank.
fn section<'a>(text: &'a str, title: &str) -> Option<&'a str> {
    let rank = |line: &str| line.bytes().take_while(|byte| *byte == b'#').count();
    let mut start = None;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        match start {
            None if rank(line) > 0 && line.trim_start_matches('#').trim() == title => {
                start = Some((offset + line.len(), rank(line)));
            }
            Some((from, above)) if (1..=above).contains(&rank(line)) => return text.get(from..offset),
            _ => {}
        }
        offset += line.len();
    }
    start.and_then(|(from, _)| text.get(from..))
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|part| part == word)
}

/// Tells whether a line names something inside a folder at the root of the file system.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + folder.len()..].chars().next();
        before.is_none_or(|c| !c.is_alphanumeric() && !"._-}*$".contains(c))
            && after.is_some_and(|c| c.is_alphanumeric() || c == '.')
    })
}

fn report(findings: &[String]) {
    assert!(findings.is_empty(), "\n  {}\n", findings.join("\n  "));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns every Rust file under `src`.
fn sources() -> Vec<SourceFile> {
    let mut files = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let name = path
                    .strip_prefix(root())
                    .unwrap()
                    .to_string_lossy()
                    .replace('\\', "/");
                files.push(SourceFile::read(name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

/// Returns the names of all files that belong to the project: those in the index that are still there.
fn tracked() -> Vec<String> {
    let listing = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git is needed to tell the project's files from others");
    assert!(
        listing.status.success(),
        "{}",
        String::from_utf8_lossy(&listing.stderr)
    );
    let names = String::from_utf8(listing.stdout).unwrap();
    let names: BTreeSet<_> = names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    assert!(
        names.contains("Cargo.toml"),
        "the files of the project were not found"
    );
    names
        .into_iter()
        .filter(|name| root().join(name).is_file())
        .collect()
}

/// Returns the name and content of every text file of the project.
fn tracked_texts() -> impl Iterator<Item = (String, String)> {
    tracked().into_iter().filter_map(|name| {
        let text = fs::read_to_string(root().join(&name)).ok()?;
        Some((name, text))
    })
}
