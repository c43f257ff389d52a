//! What can be done with a document beside the raw checks: the operations of Apostrophe as the transitions of a workflow.
//!
//! The state of a document in one locale follows from its draft and its published copy, which the client looks at. Each
//! operation asks an action of its own, `op:` and its name, so that no raw check answers to its name; that every operation
//! first looks for the copy through the filter of `edit` is in who gets that action.

use crate::policy::grant::{Constraint, Grant, Selection};
use crate::policy::workflow::{State, Target, Transition, Workflow};
use crate::policy::{Action, Codes, Policy, Selector, Title};
use crate::source::span::{Span, Spanned};
use crate::vocab::effect::{Effect, Operation as Work};
use crate::vocab::operator::Operator;
use crate::vocab::value::Value;

use super::Mode;
use super::apostrophe_condition::Conditions;
use super::apostrophe_lower::{Allow, Lowering, those};
use super::apostrophe_right::{Holder, Level, Rights, World, several};
use super::apostrophe_type::{DocType, Kind};
use super::apostrophe_union::{CREATE_LIVE, DELETE_LIVE, Demand, EDIT_LIVE};

/// The states: a draft alone.
const DRAFT: &str = "draft";
const SUBMITTED: &str = "submitted";
const ARCHIVED: &str = "archived";
/// A draft and a published copy.
const LIVE: &str = "live";
const LIVE_MODIFIED: &str = "live-modified";
const LIVE_SUBMITTED: &str = "live-submitted";
const ARCHIVED_LIVE: &str = "archived-live";

const STATES: [&str; 7] = [
    DRAFT,
    SUBMITTED,
    LIVE,
    LIVE_MODIFIED,
    LIVE_SUBMITTED,
    ARCHIVED,
    ARCHIVED_LIVE,
];
const WITHOUT_PUBLISHED: [&str; 3] = [DRAFT, SUBMITTED, ARCHIVED];
const WITH_PUBLISHED: [&str; 4] = [LIVE, LIVE_MODIFIED, LIVE_SUBMITTED, ARCHIVED_LIVE];

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Save,
    SaveLive,
    Submit,
    Dismiss,
    Publish,
    Unpublish,
    Archive,
    Restore,
    DeleteDraft,
    DeleteLive,
    Revert,
    UndoPublish,
    Share,
    Unshare,
    Localize,
    Move,
    /// Opens the published copy, if there is one.
    ViewLive,
}

/// Who may do an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    /// Who may edit the draft.
    Edit,
    /// Who may edit the published copy.
    EditLive,
    /// Who may edit and publish.
    Publish,
    /// Who may edit the draft and take the published copy away.
    DeleteLive,
}

impl Guard {
    fn lets(self, rights: &Rights) -> bool {
        match self {
            Guard::Edit => rights.edit != Level::None,
            Guard::EditLive => rights.edit == Level::Any,
            Guard::Publish => rights.edit == Level::Any && rights.publish,
            Guard::DeleteLive => rights.edit == Level::Any && rights.delete,
        }
    }
}

impl Guard {
    /// Returns the rights that may come from several groups; `None` if it asks for one alone.
    fn demand(self) -> Option<Demand<'static>> {
        match self {
            Guard::Edit => None,
            Guard::EditLive | Guard::Publish => Some(EDIT_LIVE),
            Guard::DeleteLive => Some(DELETE_LIVE),
        }
    }
}

impl Operation {
    /// Every operation, in the order in which states offer them.
    const ALL: [Operation; 17] = [
        Operation::Save,
        Operation::SaveLive,
        Operation::Submit,
        Operation::Dismiss,
        Operation::Publish,
        Operation::Unpublish,
        Operation::Archive,
        Operation::Restore,
        Operation::DeleteDraft,
        Operation::DeleteLive,
        Operation::Revert,
        Operation::UndoPublish,
        Operation::Share,
        Operation::Unshare,
        Operation::Localize,
        Operation::Move,
        Operation::ViewLive,
    ];

    fn name(self) -> &'static str {
        match self {
            Operation::Save => "save",
            Operation::SaveLive => "save-live",
            Operation::Submit => "submit",
            Operation::Dismiss => "dismiss",
            Operation::Publish => "publish",
            Operation::Unpublish => "unpublish",
            Operation::Archive => "archive",
            Operation::Restore => "restore",
            Operation::DeleteDraft => "delete-draft",
            Operation::DeleteLive => "delete-live",
            Operation::Revert => "revert-to-published",
            Operation::UndoPublish => "undo-publish",
            Operation::Share => "share",
            Operation::Unshare => "unshare",
            Operation::Localize => "localize",
            Operation::Move => "move",
            Operation::ViewLive => "view-live",
        }
    }

    /// The states in which the copy that it works on exists.
    fn sources(self) -> &'static [&'static str] {
        match self {
            Operation::SaveLive
            | Operation::Unpublish
            | Operation::DeleteLive
            | Operation::UndoPublish
            | Operation::ViewLive => &WITH_PUBLISHED,
            Operation::Save
            | Operation::Submit
            | Operation::Dismiss
            | Operation::Publish
            | Operation::Archive
            | Operation::Restore
            | Operation::DeleteDraft
            | Operation::Revert
            | Operation::Share
            | Operation::Unshare
            | Operation::Localize
            | Operation::Move => &STATES,
        }
    }

    /// The states that offer it.
    fn offers(self, mode: Mode) -> &'static [&'static str] {
        match self {
            Operation::Save | Operation::Submit | Operation::DeleteDraft => &STATES,
            Operation::SaveLive => &[LIVE, LIVE_MODIFIED, LIVE_SUBMITTED],
            Operation::Dismiss => &[SUBMITTED, LIVE_SUBMITTED],
            Operation::Publish => &[DRAFT, SUBMITTED, LIVE_MODIFIED, LIVE_SUBMITTED],
            Operation::Unpublish | Operation::DeleteLive | Operation::ViewLive => &WITH_PUBLISHED,
            Operation::Archive | Operation::Share | Operation::Localize | Operation::Move => {
                &[DRAFT, SUBMITTED, LIVE, LIVE_MODIFIED, LIVE_SUBMITTED]
            }
            Operation::Restore => &[ARCHIVED, ARCHIVED_LIVE],
            Operation::Revert => &[LIVE_MODIFIED, LIVE_SUBMITTED],
            Operation::UndoPublish => &[LIVE],
            // It makes no sense where nothing is shared, which only mode `strict` asks.
            Operation::Unshare => match mode {
                Mode::Strict => &STATES,
                Mode::Exact => &[],
            },
        }
    }

    /// The state afterwards; `None` if only the CMS knows.
    fn target(self, from: &'static str, autopublish: bool) -> Option<&'static str> {
        let without_published = |from| match from {
            LIVE_SUBMITTED | SUBMITTED => SUBMITTED,
            ARCHIVED_LIVE | ARCHIVED => ARCHIVED,
            _ => DRAFT,
        };
        Some(match (self, from) {
            (Operation::Save, DRAFT | SUBMITTED | LIVE_MODIFIED | LIVE_SUBMITTED) if autopublish => LIVE,
            (Operation::Save | Operation::Publish, ARCHIVED) if autopublish => ARCHIVED_LIVE,
            (Operation::Save, LIVE) if autopublish => LIVE,
            (Operation::Save | Operation::SaveLive | Operation::UndoPublish, LIVE) => LIVE_MODIFIED,
            (Operation::Submit, DRAFT) => SUBMITTED,
            (Operation::Submit, LIVE | LIVE_MODIFIED) => LIVE_SUBMITTED,
            (Operation::Publish, ARCHIVED | ARCHIVED_LIVE) => ARCHIVED_LIVE,
            (Operation::Publish, _) => LIVE,
            (Operation::Unpublish | Operation::DeleteLive, from) => without_published(from),
            (Operation::Archive, LIVE | LIVE_MODIFIED | LIVE_SUBMITTED | ARCHIVED_LIVE) if autopublish => {
                ARCHIVED_LIVE
            }
            (Operation::Archive, ARCHIVED_LIVE) => ARCHIVED_LIVE,
            (Operation::Archive, _) => ARCHIVED,
            (Operation::Restore, ARCHIVED) => DRAFT,
            (Operation::Restore, ARCHIVED_LIVE) => LIVE,
            (Operation::Revert, LIVE_MODIFIED | LIVE_SUBMITTED) => LIVE,
            (Operation::Dismiss | Operation::DeleteDraft, _) => return None,
            (
                Operation::Save
                | Operation::SaveLive
                | Operation::Submit
                | Operation::Restore
                | Operation::Revert
                | Operation::UndoPublish
                | Operation::Share
                | Operation::Unshare
                | Operation::Localize
                | Operation::Move
                | Operation::ViewLive,
                from,
            ) => from,
        })
    }

    /// Who may do it with a document that has a published copy or none; `None` if that is a matter of viewing.
    fn guard(self, found: &DocType, live: bool, mode: Mode) -> Option<Guard> {
        let auto = found.autopublish;
        // A draft that is published at once is as good as the published copy.
        let edit = if auto { Guard::EditLive } else { Guard::Edit };
        // Who changes what is live publishes.
        let edit_live = match mode {
            Mode::Strict => Guard::Publish,
            Mode::Exact => Guard::EditLive,
        };
        Some(match self {
            Operation::ViewLive => return None,
            Operation::Save if auto && live => edit_live,
            Operation::Save if auto => Guard::Publish,
            Operation::Localize if auto => Guard::Publish,
            Operation::SaveLive => edit_live,
            Operation::Save
            | Operation::Submit
            | Operation::Revert
            | Operation::Share
            | Operation::Unshare
            | Operation::Localize => Guard::Edit,
            Operation::Dismiss | Operation::Publish | Operation::UndoPublish => Guard::Publish,
            Operation::Unpublish | Operation::DeleteLive => Guard::DeleteLive,
            Operation::Archive | Operation::DeleteDraft if live => Guard::DeleteLive,
            // Pages come back from the archive by being moved.
            Operation::Restore if live && found.kind == Kind::Page => Guard::Publish,
            Operation::Move if live => Guard::Publish,
            Operation::Archive | Operation::Restore | Operation::DeleteDraft | Operation::Move => edit,
        })
    }

    /// Tells whether documents of the type know it.
    fn is_for(self, kind: Kind) -> bool {
        self != Operation::Move || kind == Kind::Page
    }

    /// Returns the code with which it is refused to everybody, administrators too; `None` if it is not.
    fn refusal(self, found: &DocType) -> Option<&'static str> {
        let stays = found.is_fixed() && matches!(self, Operation::Archive | Operation::Move);
        if stays {
            return Some("invalid");
        }
        (found.singleton && self == Operation::Unpublish).then_some("forbidden")
    }

    fn action(self) -> String {
        format!("op:{}", self.name())
    }
}

/// The actions with which documents are made, and the state in which they begin.
const CREATIONS: [(&str, &str); 2] = [("op:create", DRAFT), ("op:create-live", LIVE)];

/// Returns the actions of operations.
pub(super) fn operation_actions(origin: Span) -> Vec<Action> {
    let action = |id: String, operation| Action {
        id: Spanned::new(id, origin),
        title: Title::default(),
        operation,
        inside: false,
        listed_by: None,
        codes: Codes::default(),
        origin,
    };
    let made = CREATIONS.map(|(id, _)| action(id.to_owned(), Work::Create));
    let others = Operation::ALL.map(|operation| action(operation.action(), Work::Other));
    made.into_iter().chain(others).collect()
}

/// Returns the workflow of a type; types without drafts have none.
pub(super) fn workflow_of(found: &DocType) -> Option<&'static str> {
    if !found.localized || found.name.value.is_empty() {
        return None;
    }
    Some(workflow_name(found.kind, found.autopublish))
}

fn workflow_name(kind: Kind, autopublish: bool) -> &'static str {
    match (kind, autopublish) {
        (Kind::Piece, false) => "piece",
        (Kind::Piece, true) => "autopublished-piece",
        (Kind::Page, false) => "page",
        (Kind::Page, true) => "autopublished-page",
    }
}

/// Returns the selector for states.
pub(super) fn state_names(states: &[&str], span: Span) -> Selector {
    if states.is_empty() {
        Selector::Any
    } else {
        several(states, span)
    }
}

/// Adds the workflows that types have, and what binds administrators as well.
pub(super) fn add_workflows(world: &World<'_>, policy: &mut Policy, origin: Span) {
    for kind in [Kind::Piece, Kind::Page] {
        for autopublish in [false, true] {
            let name = workflow_name(kind, autopublish);
            let is_used = world.types.iter().any(|found| workflow_of(found) == Some(name));
            if is_used {
                policy
                    .workflows
                    .push(workflow(kind, autopublish, world.mode, origin));
            }
        }
    }
    for found in world.types.iter().filter(|found| workflow_of(found).is_some()) {
        bind_everybody(found, world.mode, policy);
    }
}

fn workflow(kind: Kind, autopublish: bool, mode: Mode, origin: Span) -> Workflow {
    let at = |name: &str| Spanned::new(name.to_owned(), origin);
    let operations = Operation::ALL
        .into_iter()
        .filter(|operation| operation.is_for(kind));
    let states = STATES.into_iter().map(|state| {
        let offered = operations
            .clone()
            .filter(|operation| operation.offers(mode).contains(&state));
        State {
            id: at(state),
            title: Title::default(),
            description: Title::default(),
            transitions: offered.map(|operation| at(operation.name())).collect(),
            origin,
        }
    });
    let states = states.collect();
    let transitions = operations
        .map(|operation| transition(operation, autopublish, mode, origin))
        .collect();
    Workflow {
        id: at(workflow_name(kind, autopublish)),
        title: Title::default(),
        description: Title::default(),
        initial_state: Some(at(DRAFT)),
        closed: true,
        states,
        transitions,
        origin,
    }
}

fn transition(operation: Operation, autopublish: bool, mode: Mode, origin: Span) -> Transition {
    let at = |name: &str| Spanned::new(name.to_owned(), origin);
    let make = Conditions { mode, span: origin };
    let pairs: Option<Vec<_>> = operation
        .sources()
        .iter()
        .map(|from| Some((at(from), at(operation.target(from, autopublish)?))))
        .collect();
    let when = match operation {
        Operation::UndoPublish => Some(make.context("has_previous", Operator::Eq, Value::Bool(true))),
        Operation::Unshare if mode == Mode::Strict => {
            Some(make.field("aposShareKey", Operator::Nempty, Value::Bool(true)))
        }
        Operation::Save
        | Operation::SaveLive
        | Operation::Submit
        | Operation::Dismiss
        | Operation::Publish
        | Operation::Unpublish
        | Operation::Archive
        | Operation::Restore
        | Operation::DeleteDraft
        | Operation::DeleteLive
        | Operation::Revert
        | Operation::Share
        | Operation::Unshare
        | Operation::Localize
        | Operation::Move
        | Operation::ViewLive => None,
    };
    let from = match mode {
        Mode::Strict => None,
        Mode::Exact => Some(several(operation.sources(), origin)),
    };
    Transition {
        id: at(operation.name()),
        title: Title::default(),
        description: Title::default(),
        to: pairs.map_or(Target::Unknown, Target::Map),
        actions: vec![at(&operation.action())],
        from,
        listed: operation != Operation::ViewLive && !operation.offers(mode).is_empty(),
        when,
        explain: false,
        opens: None,
        closes: None,
        approvals: Vec::new(),
        origin,
    }
}

/// Adds what administrators cannot do either.
fn bind_everybody(found: &DocType, mode: Mode, policy: &mut Policy) {
    let make = Conditions {
        mode,
        span: found.origin,
    };
    let select = |operations: &[Operation]| {
        let actions: Vec<String> = operations.iter().map(|operation| operation.action()).collect();
        let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
        Selection {
            collections: super::apostrophe_right::only(&found.name),
            actions: several(&actions, found.origin),
            ..Selection::default()
        }
    };
    let mut refuse = |operations: &[Operation], code: &str| {
        let deny = Grant::new(Effect::Deny, select(operations), Selector::Any, found.origin);
        policy.grants.push(Grant {
            code: Some(code.to_owned()),
            ..deny
        });
    };
    for operation in Operation::ALL {
        if let Some(code) = operation.refusal(found) {
            refuse(&[operation], code);
        }
    }
    if found.kind == Kind::Piece {
        return;
    }
    let mut demand = |selection, require| {
        policy.constraints.push(Constraint {
            require: Some(require),
            code: Some("invalid".to_owned()),
            ..Constraint::new(selection, found.origin)
        });
    };
    // A parked page has its place in the code of the project.
    let parked = make.field("parked", Operator::Empty, Value::Bool(true));
    demand(select(&[Operation::Archive, Operation::Move]), parked);
    let below_published = || make.context("parent_published", Operator::Eq, Value::Bool(true));
    demand(select(&[Operation::Publish]), below_published());
    let mut moving = select(&[Operation::Move]);
    moving.states = several(&[LIVE, LIVE_MODIFIED, LIVE_SUBMITTED], found.origin);
    demand(moving, below_published());
}

impl Lowering<'_, '_> {
    /// Grants the operations on documents of a type.
    pub(super) fn grant_operations(&mut self, found: &DocType, holders: &[(&Holder, Rights)]) {
        let make = self.conditions(found.origin);
        for operation in Operation::ALL {
            if !operation.is_for(found.kind) || operation.refusal(found).is_some() {
                continue;
            }
            let action = operation.action();
            let actions = [action.as_str()];
            let [without, with] = [false, true].map(|live| operation.guard(found, live, make.mode));
            let (Some(without), Some(with)) = (without, with) else {
                self.grant_sight(found, holders, &actions);
                continue;
            };
            let by_state = [(without, &WITHOUT_PUBLISHED[..]), (with, &WITH_PUBLISHED[..])];
            let in_all = [(with, &[][..])];
            let guards = if without == with {
                &in_all[..]
            } else {
                &by_state[..]
            };
            for (guard, states) in guards {
                let holders = those(holders, |rights| guard.lets(rights));
                let allow = Allow {
                    states,
                    ..Allow::of(&actions, None)
                };
                self.allow(found, &holders, allow.clone());
                if let Some(demand) = guard.demand() {
                    self.complete(found, demand, &allow);
                }
            }
            if operation == Operation::Dismiss {
                // Who does not publish takes back what he has submitted himself.
                let holders = those(holders, |rights| {
                    Guard::Edit.lets(rights) && !Guard::Publish.lets(rights)
                });
                let mine = Some(make.submitted_by_oneself());
                self.allow(found, &holders, Allow::of(&actions, mine));
            }
        }
        self.grant_creation(found, holders);
    }

    fn grant_creation(&mut self, found: &DocType, holders: &[(&Holder, Rights)]) {
        let strict = self.world.mode == Mode::Strict;
        for (action, state) in CREATIONS {
            let live = state == LIVE;
            let creating = those(holders, |rights| {
                let level = if live {
                    rights.create == Level::Any
                } else {
                    rights.create != Level::None
                };
                level && (rights.publish || !(found.autopublish || (strict && live)))
            });
            let (actions, states) = ([action], [state]);
            let allow = Allow {
                states: &states,
                ..Allow::of(&actions, None)
            };
            self.allow(found, &creating, allow.clone());
            if live || found.autopublish {
                self.complete(found, CREATE_LIVE, &allow);
            }
        }
    }
}
