//! Changes of what rules speak about: roles, people, actions, collections, workflows, and what holds for a profile as a whole.

use std::rc::Rc;

use placet::policy::collection::{Collection, Field, Filtering, OwnerFact, Unreadable, Unwritable};
use placet::policy::role::{Administrator, Group, Implicit, Role, RoleKind, User};
use placet::policy::workflow::{ApprovalRule, State, Target, Transition, Workflow};
use placet::policy::{Action, Policy, Settings};
use placet::vocab::effect::Operation;
use placet::vocab::value::Object;

use super::condition::{self, Place};
use super::{About, Change};
use crate::generate::name;

const NAMES: &[&str] = &[
    "absent: null",
    "absent: open",
    "anonymous_id",
    "role: inherits",
    "role: attributes",
    "role: networks",
    "role of kind policy",
    "role of kind part",
    "role: administrator",
    "role: administrator of anything",
    "group: roles",
    "group: context",
    "user: roles",
    "user: groups",
    "action: operation",
    "collection: state_field",
    "collection: initial_state",
    "collection: owner",
    "collection: owner's roles",
    "collection: workflow",
    "collection: key",
    "collection: fields",
    "collection: other_fields",
    "collection: type of a field",
    "collection: relation to one",
    "collection: relation to many",
    "unreadable: refuse",
    "unreadable: omit",
    "unwritable: refuse",
    "unwritable: drop",
    "filtering: covered",
    "filtering: reach",
    "workflow: closed",
    "workflow: open",
    "workflow: initial_state",
    "state: what it offers",
    "transition",
    "transition: to a state",
    "transition: to by a map",
    "transition: to not said",
    "transition: no action",
    "transition: one action",
    "transition: two actions",
    "transition: from",
    "transition: when",
    "transition: explain",
    "transition: opens",
    "transition: closes",
    "approvals: one person",
    "approvals: several people",
    "approvals: several rules",
    "approvals: roles",
    "approvals: users",
    "approvals: content_bound",
];

/// The names of the constructs that [`changes`] changes.
pub(crate) fn names() -> Vec<String> {
    let implicit = Implicit::ALL
        .iter()
        .flat_map(|which| [implicit_name(*which, true), implicit_name(*which, false)]);
    NAMES
        .iter()
        .map(|name| (*name).to_owned())
        .chain(implicit)
        .collect()
}

fn implicit_name(which: Implicit, declared: bool) -> String {
    let how = if declared { "declared" } else { "by its usual name" };
    format!("implicit role: {}, {how}", which.name())
}

/// Lists changes of everything but rules.
pub(crate) fn changes(policy: &Policy) -> Vec<Change> {
    let Policy {
        settings: general,
        roles,
        groups,
        users,
        actions,
        collections,
        // The rules have a file of their own.
        grants: _,
        constraints: _,
        document_grants: _,
        workflows,
    } = policy;
    let mut changes = Vec::new();
    settings(general, &mut changes);
    for which in Implicit::ALL {
        implicit(policy, which, &mut changes);
    }
    roles
        .iter()
        .enumerate()
        .for_each(|(at, each)| role(at, each, &mut changes));
    groups
        .iter()
        .enumerate()
        .for_each(|(at, each)| group(at, each, &mut changes));
    users
        .iter()
        .enumerate()
        .for_each(|(at, each)| user(at, each, &mut changes));
    actions
        .iter()
        .enumerate()
        .for_each(|(at, each)| action(at, each, &mut changes));
    for (at, each) in collections.iter().enumerate() {
        let first = changes.len();
        collection(at, each, &mut changes);
        let (id, is_related) = (
            each.id.value.clone(),
            !matches!(each.id.value.as_str(), "articles" | "notes"),
        );
        let about: About = Rc::new(move |query| {
            let asked = query.resource.collection;
            asked == id || is_related && asked == "articles"
        });
        changes[first..]
            .iter_mut()
            .for_each(|change| change.about = Some(about.clone()));
    }
    for (at, each) in workflows.iter().enumerate() {
        let first = changes.len();
        workflow(at, each, &mut changes);
        let users: Vec<String> = collections
            .iter()
            .filter(|collection| {
                collection
                    .workflow
                    .as_ref()
                    .is_some_and(|id| id.value == each.id.value)
            })
            .map(|collection| collection.id.value.clone())
            .collect();
        let about: About = Rc::new(move |query| users.iter().any(|user| user == query.resource.collection));
        changes[first..]
            .iter_mut()
            .for_each(|change| change.about = Some(about.clone()));
    }
    changes
}

fn settings(settings: &Settings, changes: &mut Vec<Change>) {
    let Settings {
        absent_is_null,
        anonymous_id,
        // What a CMS calls a reason is no part of a decision.
        codes: _,
    } = settings;
    let name = if *absent_is_null {
        "absent: null"
    } else {
        "absent: open"
    };
    changes.push(Change::new(name, |policy| policy.settings.absent_is_null ^= true));
    if anonymous_id.is_some() {
        changes.push(Change::new("anonymous_id", |policy| {
            policy.settings.anonymous_id = None;
        }));
    }
}

/// Gives an implicit role to nobody: a role that nothing names is declared for its kind instead.
fn implicit(policy: &Policy, which: Implicit, changes: &mut Vec<Change>) {
    let declared = policy.roles.iter().any(|role| role.implicit == Some(which));
    changes.push(Change::new(
        implicit_name(which, declared),
        move |policy: &mut Policy| {
            for role in policy
                .roles
                .iter_mut()
                .filter(|role| role.implicit == Some(which))
            {
                role.implicit = None;
            }
            let mut nobody = policy.roles[0].clone();
            nobody.id = name("a role that nothing names");
            nobody.kind = RoleKind::Part;
            nobody.inherits.clear();
            nobody.networks = None;
            nobody.administrator = Administrator::No;
            nobody.implicit = Some(which);
            policy.roles.push(nobody);
        },
    ));
}

fn role(at: usize, role: &Role, changes: &mut Vec<Change>) {
    let Role {
        id: _,
        title: _,
        inherits,
        attributes,
        networks,
        kind,
        administrator,
        // Implicit roles are changed all at once.
        implicit: _,
        declared: _,
        origin: _,
    } = role;
    for index in 0..inherits.len() {
        changes.push(Change::new("role: inherits", move |policy| {
            policy.roles[at].inherits.remove(index);
        }));
    }
    if !attributes.is_empty() {
        changes.push(Change::new("role: attributes", move |policy| {
            policy.roles[at].attributes = Object::default();
        }));
    }
    if networks.is_some() {
        changes.push(Change::new("role: networks", move |policy| {
            policy.roles[at].networks = None;
        }));
    }
    let of_kind = match kind {
        RoleKind::Role => None,
        RoleKind::Policy => Some("role of kind policy"),
        RoleKind::Part => Some("role of kind part"),
    };
    changes.extend(of_kind.map(|name| {
        Change::new(name, move |policy: &mut Policy| {
            policy.roles[at].kind = RoleKind::Role;
        })
    }));
    let powerful = match administrator {
        Administrator::No => None,
        Administrator::Known => Some(("role: administrator", Administrator::No)),
        Administrator::Anything => Some(("role: administrator of anything", Administrator::Known)),
    };
    changes.extend(powerful.map(|(name, less)| {
        Change::new(name, move |policy: &mut Policy| {
            policy.roles[at].administrator = less;
        })
    }));
}

fn group(at: usize, group: &Group, changes: &mut Vec<Change>) {
    let Group {
        id: _,
        title: _,
        roles,
        context,
        origin: _,
    } = group;
    if !context.is_empty() {
        changes.push(Change::new("group: context", move |policy| {
            policy.groups[at].context.clear();
        }));
    }
    if !roles.is_empty() {
        changes.push(Change::new("group: roles", move |policy| {
            policy.groups[at].roles.clear();
        }));
    }
}

fn user(at: usize, user: &User, changes: &mut Vec<Change>) {
    let User {
        id: _,
        roles,
        groups,
        origin: _,
    } = user;
    if !roles.is_empty() {
        changes.push(Change::new("user: roles", move |policy| {
            policy.users[at].roles.clear();
        }));
    }
    if !groups.is_empty() {
        changes.push(Change::new("user: groups", move |policy| {
            policy.users[at].groups.clear();
        }));
    }
}

fn action(at: usize, action: &Action, changes: &mut Vec<Change>) {
    let Action {
        id: _,
        title: _,
        operation,
        // Plans ask this one, decisions do not.
        listed_by: _,
        // Rare: the corpus of the native dialect and of Nick asks for it.
        inside: _,
        // Codes are written, and decide nothing.
        codes: _,
        origin: _,
    } = action;
    let other = match operation {
        Operation::Read => Operation::Update,
        Operation::Create | Operation::Update | Operation::Delete | Operation::Other => Operation::Read,
    };
    changes.push(Change::new("action: operation", move |policy| {
        policy.actions[at].operation = other;
    }));
}

fn collection(at: usize, collection: &Collection, changes: &mut Vec<Change>) {
    let Collection {
        id: _,
        title: _,
        // It has no say in decisions.
        table: _,
        state_field,
        initial_state,
        owner,
        workflow,
        key,
        fields,
        lists_fields,
        unreadable,
        unwritable,
        filtering,
        origin: _,
    } = collection;
    let mut dropped = |name: &str, there: bool, edit: fn(&mut Collection)| {
        if there {
            changes.push(Change::new(name, move |policy| {
                edit(&mut policy.collections[at]);
            }));
        }
    };
    dropped("collection: state_field", state_field.is_some(), |each| {
        each.state_field = None;
    });
    dropped("collection: initial_state", initial_state.is_some(), |each| {
        each.initial_state = None;
    });
    dropped("collection: workflow", workflow.is_some(), |each| {
        each.workflow = None;
    });
    dropped("collection: key", key.is_some(), |each| each.key = None);
    dropped("collection: fields", !fields.is_empty(), |each| {
        each.fields.clear()
    });
    dropped(
        "collection: other_fields",
        !fields.is_empty() && !lists_fields,
        |each| {
            each.lists_fields = true;
        },
    );
    dropped("collection: owner", owner.is_some(), |each| each.owner = None);
    if let Some(OwnerFact { field: _, roles }) = owner {
        dropped("collection: owner's roles", roles.is_some(), |each| {
            each.owner.iter_mut().for_each(|owner| owner.roles = None);
        });
    }
    match unreadable {
        Unreadable::Refuse => dropped("unreadable: refuse", true, |each| {
            each.unreadable = Unreadable::Omit;
        }),
        Unreadable::Omit => dropped("unreadable: omit", true, |each| {
            each.unreadable = Unreadable::Refuse;
        }),
    }
    match unwritable {
        Unwritable::Refuse => dropped("unwritable: refuse", true, |each| {
            each.unwritable = Unwritable::Drop;
        }),
        Unwritable::Drop => dropped("unwritable: drop", true, |each| {
            each.unwritable = Unwritable::Refuse;
        }),
    }
    match filtering {
        Filtering::Covered => dropped("filtering: covered", true, |each| {
            each.filtering = Filtering::Reach;
        }),
        Filtering::Reach => dropped("filtering: reach", true, |each| {
            each.filtering = Filtering::Covered;
        }),
    }
    for (index, each) in fields.iter().enumerate() {
        field(at, index, each, changes);
    }
}

fn field(at: usize, index: usize, field: &Field, changes: &mut Vec<Change>) {
    let Field {
        name: _,
        column: _,
        kind,
        relation,
    } = field;
    let find = move |policy: &mut Policy, edit: fn(&mut Field)| {
        edit(&mut policy.collections[at].fields[index]);
    };
    if kind.is_some() {
        changes.push(Change::new("collection: type of a field", move |policy| {
            find(policy, |field| field.kind = None);
        }));
    }
    if let Some(relation) = relation {
        let name = if relation.many {
            "collection: relation to many"
        } else {
            "collection: relation to one"
        };
        changes.push(Change::new(name, move |policy| {
            find(policy, |field| field.relation = None);
        }));
    }
}

fn workflow(at: usize, workflow: &Workflow, changes: &mut Vec<Change>) {
    let Workflow {
        id: _,
        title: _,
        description: _,
        initial_state,
        closed,
        states,
        transitions,
        origin: _,
    } = workflow;
    let kind = if *closed {
        "workflow: closed"
    } else {
        "workflow: open"
    };
    changes.push(Change::new(kind, move |policy| {
        policy.workflows[at].closed ^= true;
    }));
    if initial_state.is_some() {
        changes.push(Change::new("workflow: initial_state", move |policy| {
            policy.workflows[at].initial_state = None;
        }));
    }
    for (index, state) in states.iter().enumerate() {
        let State {
            id: _,
            title: _,
            description: _,
            transitions,
            origin: _,
        } = state;
        for offer in 0..transitions.len() {
            changes.push(Change::new("state: what it offers", move |policy| {
                policy.workflows[at].states[index].transitions.remove(offer);
            }));
        }
    }
    for (index, each) in transitions.iter().enumerate() {
        transition(at, index, each, changes);
    }
}

fn transition(flow: usize, at: usize, transition: &Transition, changes: &mut Vec<Change>) {
    let Transition {
        id: _,
        title: _,
        description: _,
        to,
        actions,
        from,
        // Lists heed it, decisions do not.
        listed: _,
        when,
        explain,
        opens,
        closes,
        approvals,
        origin: _,
    } = transition;
    let mut changed = |name: &str, there: bool, edit: fn(&mut Transition)| {
        if there {
            changes.push(Change::new(name, move |policy| {
                edit(&mut policy.workflows[flow].transitions[at]);
            }));
        }
    };
    match to {
        Target::State(_) => changed("transition: to a state", true, |each| each.to = Target::Unknown),
        Target::Map(_) => changed("transition: to by a map", true, |each| each.to = Target::Unknown),
        Target::Unknown => changed("transition: to not said", true, |each| {
            each.to = Target::State(name("draft"));
        }),
    }
    match actions.len() {
        0 => changed("transition: no action", true, |each| {
            each.actions = vec![name("update")];
        }),
        1 => changed("transition: one action", true, |each| each.actions.clear()),
        _ => {
            changed("transition: two actions", true, |each| {
                each.actions.remove(0);
            });
            changed("transition: two actions", true, |each| {
                each.actions.remove(1);
            });
        }
    }
    changed("transition: from", from.is_some(), |each| each.from = None);
    changed("transition: when", when.is_some(), |each| each.when = None);
    changed("transition: explain", *explain, |each| each.explain = false);
    changed("transition: opens", opens.is_some(), |each| each.opens = None);
    changed("transition: closes", closes.is_some(), |each| each.closes = None);
    changes.push(Change::new("transition", move |policy| {
        policy.workflows[flow].transitions.remove(at);
    }));
    if let Some(when) = when {
        condition::changes(Place::Transition(flow, at), when, changes);
    }
    let several = approvals.len() > 1;
    for (index, each) in approvals.iter().enumerate() {
        approval(flow, at, index, several, each, changes);
    }
}

fn approval(
    flow: usize,
    at: usize,
    index: usize,
    several: bool,
    rule: &ApprovalRule,
    changes: &mut Vec<Change>,
) {
    let ApprovalRule {
        count,
        roles,
        users,
        content_bound,
        origin: _,
    } = rule;
    let mut changed = |name: &str, there: bool, edit: fn(&mut ApprovalRule)| {
        if there {
            changes.push(Change::new(name, move |policy| {
                edit(&mut policy.workflows[flow].transitions[at].approvals[index]);
            }));
        }
    };
    changed("approvals: one person", *count == 1, |rule| rule.count = 0);
    changed("approvals: several people", *count > 1, |rule| rule.count = 1);
    changed("approvals: several rules", several, |rule| rule.count = 0);
    changed("approvals: roles", !roles.is_empty(), |rule| rule.roles.clear());
    changed("approvals: users", !users.is_empty(), |rule| rule.users.clear());
    changed("approvals: content_bound", *content_bound, |rule| {
        rule.content_bound = false;
    });
}
