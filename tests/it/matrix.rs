//! Access at a glance: for every sample profile one page that says who may do what in which state.
//!
//! A change of a profile, or of how it is decided, shows up as a change of `tests/corpus/matrix/<profile>.txt`, where a
//! reviewer sees it. `UPDATE_GOLDEN=1` rewrites the pages.

use std::fmt::Write;

use placet::engine::check::check;
use placet::engine::decision::Rule;
use placet::model::Model;
use placet::model::collection::Collection;
use placet::model::id::{CollectionId, StateId, TransitionId};
use placet::model::role::RoleKind;
use placet::vocab::effect::Operation;
use serde_json::{Value as Json, json};

use crate::ask;
use crate::decisions::{load_all, project};
use crate::native::assert_golden;

/// An address that the sample profiles know.
const KNOWN_ADDRESS: &str = "192.0.2.10";

/// The order of rows in a state.
const ORDER: [Operation; 5] = [
    Operation::Create,
    Operation::Read,
    Operation::Update,
    Operation::Delete,
    Operation::Other,
];

const LEGEND: &str = "\
Y any item   r items of somebody with the same role, and own ones   o own items   . none
! an explanation is demanded   + approvals are demanded   @ only from certain addresses   ? if attributes of the item permit
`visitor` has not signed in, `signed in` has and holds no role; -> is a transition
";

/// Somebody who asks: the heading of a column, and the roles.
struct Column {
    heading: String,
    id: &'static str,
    roles: Vec<String>,
}

/// What is asked of each column: an action or a transition on items of a collection in a state.
struct Row<'m> {
    collection: &'m str,
    state: Option<&'m str>,
    label: String,
    action: &'m str,
    transition: &'m str,
    operation: Operation,
    /// The type of what would be added, where the action asks about that.
    child: Option<&'m str>,
}

/// The action of Nick's menus that asks which types may be added, by `$CONTEXT.child`.
const ASKS_CHILD: &str = "Addable";

#[test]
fn matrix() {
    for profile in load_all(&project("policies")) {
        let page = write_page(&profile.id, profile.model.as_ref().unwrap());
        let golden = project("tests/corpus/matrix").join(format!("{}.txt", profile.id));
        assert_golden(&golden, &page);
    }
}

/// Writes the page of a profile.
fn write_page(id: &str, model: &Model) -> String {
    let columns = columns(model);
    let all = rows(model);
    // Of many collections those where only administrators may do anything are left out.
    let is_long = model.collections.len() > 10;
    let is_open = |row: &Row<'_>| {
        columns.iter().any(|column| {
            let asked = question(row, column, &[]);
            let query = ask::query(&asked);
            let decision = check(model, &query).unwrap();
            decision.is_allow() && !matches!(decision.deciding.as_slice(), [Rule::Administrator(_)])
        })
    };
    let open: Vec<&str> = all
        .iter()
        .filter(|row| is_open(row))
        .map(|row| row.collection)
        .collect();
    let rows: Vec<_> = all
        .into_iter()
        .filter(|row| !is_long || open.contains(&row.collection))
        .filter(|row| !is_wide(model) || is_told(model, row))
        .collect();
    let roles: Vec<&str> = columns
        .iter()
        .flat_map(|column| &column.roles)
        .map(String::as_str)
        .collect();
    let width = |each: &Row<'_>| each.label.chars().count();
    let label_width = rows.iter().map(width).max().unwrap_or(0).max(8);
    let state_width = rows
        .iter()
        .filter_map(|row| row.state)
        .map(str::len)
        .max()
        .unwrap_or(0)
        .max(5);
    let mut page = format!("Who may do what in `{id}`\n\n{LEGEND}");
    let mut last = (None, None);
    let mut seen: Vec<(&str, String)> = Vec::new();
    for row in &rows {
        if last.0 != Some(row.collection) {
            let title = if row.collection.is_empty() {
                "(no collection)"
            } else {
                row.collection
            };
            let _ = write!(
                page,
                "\n{title}\n  {:state_width$}  {:label_width$}",
                "state", "action"
            );
            for column in &columns {
                let _ = write!(page, "  {}", column.heading);
            }
            page.push('\n');
            last = (Some(row.collection), None);
            seen.clear();
        }
        let marks: Vec<String> = columns
            .iter()
            .map(|column| mark(model, row, column, &roles))
            .collect();
        // Of many actions those are left out that are for the same people as in a state before.
        let same = (row.action, marks.join(" "));
        if is_wide(model) && row.transition.is_empty() && seen.contains(&same) {
            continue;
        }
        seen.push(same);
        let shown = if last.1 == Some(row.state) {
            ""
        } else {
            row.state.unwrap_or("-")
        };
        last.1 = Some(row.state);
        let mut line = format!("  {shown:state_width$}  {:label_width$}", row.label);
        for (column, mark) in columns.iter().zip(&marks) {
            let _ = write!(line, "  {mark:width$}", width = column.heading.chars().count());
        }
        page.push_str(line.trim_end());
        page.push('\n');
    }
    page
}

/// Whether there are so many actions that a page with all of them would be read by nobody.
fn is_wide(model: &Model) -> bool {
    model.actions.len() > 20
}

/// Whether a row of a wide page tells something: not of a collection of the CMS itself, nor of an action that is nothing but what
/// a transition asks.
fn is_told(model: &Model, row: &Row<'_>) -> bool {
    let asked = model.action_names.id(row.action).is_some_and(|action| {
        model
            .transitions
            .iter()
            .any(|transition| transition.actions.contains(&action))
    });
    !row.collection.starts_with('@') && !asked
}

fn columns(model: &Model) -> Vec<Column> {
    let roles = &model.roles;
    let implicit = [
        &roles.everyone,
        &roles.anonymous,
        &roles.authenticated,
        &roles.roleless,
        &roles.owner,
    ];
    let claimable = roles
        .names
        .names()
        .zip(&roles.rows)
        .enumerate()
        .filter(|(index, (_, row))| {
            row.kind == RoleKind::Role
                && !implicit
                    .iter()
                    .any(|ids| ids.iter().any(|id| id.index() == *index))
        });
    let mut columns = vec![
        Column {
            heading: "visitor".to_owned(),
            id: "",
            roles: Vec::new(),
        },
        Column {
            heading: "signed in".to_owned(),
            id: "me",
            roles: Vec::new(),
        },
    ];
    // A key says nothing to a reader.
    let is_key = |name: &str| name.len() == 36 && name.matches('-').count() == 4;
    columns.extend(claimable.map(|(_, (name, row))| {
        Column {
            heading: row
                .title
                .text
                .as_deref()
                .filter(|_| is_key(name))
                .unwrap_or(name)
                .to_owned(),
            id: "me",
            roles: vec![name.to_owned()],
        }
    }));
    columns
}

fn rows(model: &Model) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for (index, name) in model.collection_names.names().enumerate() {
        let collection = model.collection(CollectionId::new(index)).unwrap();
        for (state, offers) in states(model, collection) {
            let mut actions: Vec<_> = model.action_names.names().zip(&model.actions).collect();
            // Actions that no file declares come in the order in which rules name them, which says nothing.
            actions.sort_by_key(|(_, action)| ORDER.iter().position(|each| *each == action.operation));
            for (action_name, action) in actions {
                let children: Vec<Option<&str>> = if action_name == ASKS_CHILD {
                    model.collection_names.names().map(Some).collect()
                } else {
                    vec![None]
                };
                rows.extend(children.into_iter().map(|child| Row {
                    collection: name,
                    state,
                    label: child.map_or_else(
                        || action_name.to_owned(),
                        |child| format!("{action_name} {child}"),
                    ),
                    action: action_name,
                    transition: "",
                    operation: action.on_item(),
                    child,
                }));
            }
            rows.extend(offers.iter().map(|offer| {
                let transition = model.transition(*offer).unwrap();
                Row {
                    collection: name,
                    state,
                    label: format!("-> {}", transition.name),
                    action: "",
                    transition: &transition.name,
                    operation: Operation::Other,
                    child: None,
                }
            }));
        }
    }
    rows
}

/// Returns the states of a collection with what they offer; one without a name if it has no workflow.
fn states<'m>(model: &'m Model, collection: &Collection) -> Vec<(Option<&'m str>, &'m [TransitionId])> {
    let name = |id: StateId| model.state_names.name(id.index());
    match collection.workflow.and_then(|id| model.workflow(id)) {
        Some(workflow) => workflow
            .states
            .iter()
            .map(|state| (Some(name(state.id)), &*state.offers))
            .collect(),
        None => vec![(None, &[])],
    }
}

/// Adds the approvals of people whom a rule names.
fn approve_by_name(model: &Model, row: &Row<'_>, roles: &[&str], question: &mut Json) {
    let rules = model
        .transitions
        .iter()
        .flat_map(|transition| &transition.approvals);
    let named = rules.flat_map(|rule| &rule.users).map(
        |id| json!({"subject_id": id, "roles": roles, "transition": row.transition, "content_digest": "d1"}),
    );
    let approvals = question["context"]["approvals"].as_array_mut().unwrap();
    approvals.extend(named);
}

/// Asks about somebody else's item, one of a peer, and an own one, and returns the widest that is allowed.
fn mark(model: &Model, row: &Row<'_>, column: &Column, roles: &[&str]) -> String {
    let owners: &[(&str, &str, bool)] = &[("Y", "stranger", false), ("r", "peer", true), ("o", "me", true)];
    for (sign, owner, is_peer) in owners {
        if (row.operation == Operation::Create && *sign != "Y") || (column.id.is_empty() && *sign == "o") {
            continue;
        }
        let mut question = question(row, column, roles);
        approve_by_name(model, row, roles, &mut question);
        if row.operation != Operation::Create {
            question["resource"]["id"] = json!("1");
            question["resource"]["owner"]["id"] = json!(owner);
            if *is_peer {
                question["resource"]["owner"]["roles"] = json!(column.roles);
            }
        }
        if let Some(suffix) = suffix(model, &mut question) {
            return format!("{sign}{suffix}");
        }
    }
    ".".to_owned()
}

fn question(row: &Row<'_>, column: &Column, roles: &[&str]) -> Json {
    // More than enough people have approved; the decision tells whether that was asked for.
    let approvals: Vec<Json> = (1..=9)
        .map(|number| {
            json!({
                "subject_id": format!("approver {number}"),
                "roles": roles,
                "transition": row.transition,
                "content_digest": "d1",
            })
        })
        .collect();
    json!({
        "subject": {"id": column.id, "roles": column.roles},
        "resource": {
            "collection": row.collection,
            "state": row.state.unwrap_or(""),
            "any_item": true,
            "content_digest": "d1",
        },
        "context": {
            "explanation": "because", "ip": KNOWN_ADDRESS, "approvals": approvals,
            "attributes": row.child.map_or_else(|| json!({}), |child| json!({ "child": child })),
        },
        "action": row.action,
        "transition": row.transition,
    })
}

/// Returns the marks of what is demanded beyond the grant; `None` if the question is refused.
fn suffix(model: &Model, question: &mut Json) -> Option<String> {
    let mut suffix = String::new();
    {
        let query = ask::query(question);
        let decision = check(model, &query).unwrap();
        // Values that must be submitted are for who creates to give.
        let lacks_values = !decision.violations.is_empty()
            && decision
                .violations
                .iter()
                .all(|violation| violation.operator == "_submitted");
        if lacks_values {
            return Some("?".to_owned());
        }
        if !decision.is_allow() {
            return None;
        }
        let marks = [
            (decision.explanation_required, '!'),
            (decision.approvals.iter().any(|each| each.needed > 0), '+'),
            (decision.conditional, '?'),
        ];
        suffix.extend(marks.iter().filter(|(is_so, _)| *is_so).map(|(_, mark)| mark));
    }
    question["context"]["ip"] = json!("");
    if !check(model, &ask::query(question)).unwrap().is_allow() {
        suffix.push('@');
    }
    Some(suffix)
}
