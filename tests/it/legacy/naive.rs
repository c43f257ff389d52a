//! Rows read literally: for each role the row of the status, the levels in order, the lists. Written from the description of
//! Directus 7 and 8 alone; it shares nothing with the reader, and knows no grants.

use std::collections::BTreeMap;

/// A row as the file has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) role: u32,
    /// `None` for the whole collection.
    pub(crate) status: Option<&'static str>,
    pub(crate) levels: BTreeMap<&'static str, &'static str>,
    pub(crate) comment: Option<&'static str>,
    pub(crate) explain: &'static str,
    pub(crate) unreadable: Vec<&'static str>,
    pub(crate) unwritable: Vec<&'static str>,
    pub(crate) statuses: Vec<&'static str>,
}

/// What is known of the collection.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) has_status: bool,
    pub(crate) has_owner: bool,
    pub(crate) default: &'static str,
    /// The statuses, and whether items get there by being deleted.
    pub(crate) statuses: Vec<(&'static str, bool)>,
}

/// A question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// `None` for a visitor.
    pub(crate) caller: Option<&'static str>,
    pub(crate) roles: Vec<u32>,
    pub(crate) action: &'static str,
    pub(crate) status: Option<&'static str>,
    pub(crate) owner: Option<&'static str>,
    pub(crate) owner_role: Option<u32>,
    pub(crate) new_status: Option<&'static str>,
    pub(crate) fields: Vec<&'static str>,
    pub(crate) own_comment: bool,
}

/// An answer: whether it is yes, and then whether it needs an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    No,
    Yes { explain: bool },
}

const YES: Answer = Answer::Yes { explain: false };

/// The name of the field with the status.
pub(crate) const STATUS: &str = "status";

/// The rows of one role.
struct RowsOf<'r> {
    facts: &'r Facts,
    rows: Vec<&'r Row>,
}

impl<'r> RowsOf<'r> {
    fn creation(&self) -> Option<&'r Row> {
        self.rows
            .iter()
            .rev()
            .find(|row| row.status == Some("$create"))
            .copied()
    }

    fn find(&self, status: Option<&str>) -> Option<&'r Row> {
        let mut ordinary = self.rows.iter().filter(|row| row.status != Some("$create"));
        let is_workflow = ordinary.clone().any(|row| row.status.is_some());
        if !is_workflow {
            return ordinary.next().copied();
        }
        if !self.facts.has_status {
            return None;
        }
        ordinary
            .find(|row| status.is_some() && row.status == status)
            .copied()
    }
}

fn rank(level: &str) -> u32 {
    match level {
        "mine" => 1,
        "role" => 2,
        "full" => 3,
        _ => 0,
    }
}

/// The level that an item asks for.
fn needed(facts: &Facts, question: &Question, role: u32) -> u32 {
    let Some(caller) = question.caller.filter(|_| facts.has_owner) else {
        return 3;
    };
    match question.owner {
        Some(owner) if owner == caller => 1,
        Some(_) if question.owner_role == Some(role) => 2,
        _ => 3,
    }
}

/// Answers a question by all roles: one that allows is enough, and it needs an explanation only if all that allow do.
pub(crate) fn decide(facts: &Facts, rows: &[Row], question: &Question) -> Answer {
    if question.roles.contains(&1) {
        return YES;
    }
    let mut roles = question.roles.clone();
    if question.caller.is_none() {
        roles.push(2);
    }
    let answers: Vec<Answer> = roles
        .iter()
        .map(|role| {
            let rows = RowsOf {
                facts,
                rows: rows.iter().filter(|row| row.role == *role).collect(),
            };
            decide_for(facts, &rows, question, *role)
        })
        .collect();
    let allowing: Vec<bool> = answers
        .iter()
        .filter_map(|answer| match answer {
            Answer::No => None,
            Answer::Yes { explain } => Some(*explain),
        })
        .collect();
    if allowing.is_empty() {
        return Answer::No;
    }
    Answer::Yes {
        explain: !allowing.contains(&false),
    }
}

fn decide_for(facts: &Facts, rows: &RowsOf<'_>, question: &Question, role: u32) -> Answer {
    let soft = |status: Option<&str>| {
        facts
            .statuses
            .iter()
            .any(|(name, soft)| *soft && Some(*name) == status)
    };
    if question.action == "create" {
        return create(facts, rows, question);
    }
    if facts.has_status && soft(question.status) {
        return Answer::No;
    }
    let Some(row) = rows.find(question.status) else {
        return Answer::No;
    };
    let needed = needed(facts, question, role);
    let reaches = |action: &str| rank(row.levels.get(action).copied().unwrap_or("none")) >= needed;
    match question.action {
        "read" => {
            let is_shown = question.fields.is_empty()
                || question
                    .fields
                    .iter()
                    .any(|field| !row.unreadable.contains(field));
            answer(reaches("read") && is_shown)
        }
        "delete" => answer(reaches("delete")),
        "update" => {
            let moves = question
                .new_status
                .filter(|status| facts.has_status && Some(*status) != question.status);
            match moves {
                Some(status) if soft(Some(status)) => answer(reaches("delete")),
                Some(status) => change(rows, row, question, Some(status), reaches("update")),
                None => change(rows, row, question, None, reaches("update")),
            }
        }
        action => comment(row, question, action, reaches("read")),
    }
}

fn answer(yes: bool) -> Answer {
    if yes { YES } else { Answer::No }
}

fn create(facts: &Facts, rows: &RowsOf<'_>, question: &Question) -> Answer {
    let status = if facts.has_status {
        question.new_status.or(Some(facts.default))
    } else {
        None
    };
    let Some(row) = rows.find(status) else {
        return Answer::No;
    };
    if rank(row.levels.get("create").copied().unwrap_or("none")) == 0 {
        return Answer::No;
    }
    let creation = rows.creation();
    if let Some(status) = status {
        let barred = |row: &Row| row.statuses.contains(&status);
        if creation.is_some_and(barred) || row.status.is_none() && barred(row) {
            return Answer::No;
        }
    }
    let written = question
        .fields
        .iter()
        .copied()
        .chain(question.new_status.map(|_| STATUS));
    for field in written {
        if row.unwritable.contains(&field) || creation.is_some_and(|row| row.unwritable.contains(&field)) {
            return Answer::No;
        }
    }
    Answer::Yes {
        explain: matches!(row.explain, "create" | "always"),
    }
}

fn change(
    rows: &RowsOf<'_>,
    row: &Row,
    question: &Question,
    status: Option<&'static str>,
    reaches: bool,
) -> Answer {
    let next = status.and_then(|status| rows.find(Some(status)));
    let demands = |row: &Row| matches!(row.explain, "update" | "always");
    let written = question.fields.iter().copied().chain(status.map(|_| STATUS));
    let is_refused = written.into_iter().any(|field| {
        row.unwritable.contains(&field) || next.is_some_and(|next| next.unwritable.contains(&field))
    });
    if !reaches || is_refused || status.is_some_and(|status| row.statuses.contains(&status)) {
        return Answer::No;
    }
    Answer::Yes {
        explain: demands(row) || next.is_some_and(demands),
    }
}

fn comment(row: &Row, question: &Question, action: &str, reads: bool) -> Answer {
    let has = match row.comment {
        None | Some("update") => 3,
        Some("read") => 1,
        Some("create") => 2,
        Some("full") => 4,
        Some(_) => 0,
    };
    let own = question.own_comment && question.caller.is_some();
    let needs = match action {
        "comment.read" => 1,
        "comment.create" => 2,
        _ if own => 3,
        _ => 4,
    };
    answer(reads && has >= needs)
}
