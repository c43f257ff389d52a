//! The map in `src/lib.rs` is true: it names every room once, in an order in which rooms import only what stands above them,
//! and every file that it sends people to is there.

use std::fs;

use crate::decisions::project;

/// Returns the lines of the map.
fn map() -> Vec<String> {
    let text = fs::read_to_string(project("src/lib.rs")).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("//!"));
    lines.map(|line| line.trim().to_owned()).collect()
}

/// Returns the rooms of the table, in its order.
fn rooms() -> Vec<String> {
    let lines = map();
    let table = lines.iter().skip_while(|line| *line != "# The rooms");
    let rows = table.filter_map(|line| line.strip_prefix("| [`")?.split('`').next());
    rows.map(str::to_owned).collect()
}

#[test]
fn names_every_room_once() {
    let text = fs::read_to_string(project("src/lib.rs")).unwrap();
    let declared = text
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let mut declared: Vec<_> = declared.collect();
    let mut rooms = rooms();
    declared.sort_unstable();
    rooms.sort_unstable();
    assert_eq!(rooms, declared);
}

#[test]
fn puts_rooms_below_what_they_import() {
    let rooms = rooms();
    let mut findings = Vec::new();
    for (index, room) in rooms.iter().enumerate() {
        for file in fs::read_dir(project(&format!("src/{room}"))).unwrap() {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let imports = text.lines().filter_map(|line| line.strip_prefix("use crate::"));
            for import in imports {
                let other = import.split([':', ';', ' ']).next().unwrap();
                let above = rooms.iter().position(|name| name == other);
                if above.is_none_or(|above| above > index) {
                    findings.push(format!("{}: {other} does not stand above {room}", path.display()));
                }
            }
        }
    }
    assert!(findings.is_empty(), "\n  {}\n", findings.join("\n  "));
}

#[test]
fn leads_to_files_that_are_there() {
    let map = map().join("\n");
    let quoted = map.split('`').skip(1).step_by(2);
    let is_path = |text: &&str| text.contains(['/', '.']) && !text.contains([' ', '<', '$', ':', '(', '…']);
    let paths: Vec<_> = quoted.filter(is_path).collect();
    assert!(paths.len() >= 20, "only {paths:?} were found");
    let lost = |path: &&&str| {
        let places = [
            (**path).to_owned(),
            format!("src/{path}"),
            format!("proto/placet/v1/{path}"),
        ];
        !places.iter().any(|place| project(place).exists())
    };
    let lost: Vec<_> = paths.iter().filter(lost).collect();
    assert!(lost.is_empty(), "the map leads to {lost:?}");
}
