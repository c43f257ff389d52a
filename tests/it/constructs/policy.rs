//! Changes of grants, constraints and document grants.

use std::rc::Rc;

use placet::engine::query::Query;
use placet::policy::condition::Operand;
use placet::policy::document::DocumentGrant;
use placet::policy::grant::{Constraint, Grant, Held, Scope, Selection};
use placet::policy::{Policy, Selector};
use placet::source::span::Spanned;
use placet::vocab::effect::Effect;

use super::condition::{self, Place};
use super::{About, Change};

/// Constructs of rules.
const NAMES: &[&str] = &[
    "allow",
    "allow: validate",
    "allow: explain",
    "allow: networks",
    "allow: when",
    "allow: neutral",
    "deny that refuses",
    "deny of fields",
    "deny: networks",
    "deny: when",
    "broken rule",
    "constraint",
    "constraint: when",
    "constraint: require",
    "constraint: submitted",
    "constraint: networks",
    "preset: a value",
    "preset: a variable",
    "preset: a list",
    "fields: any",
    "fields: a list",
    "fields: none",
    "fields: all but",
    "denied fields: a list",
    "denied fields: all but",
    "to_states: any",
    "to_states: a list",
    "to_states: all but",
    "to_states: same",
    "held: site",
    "held: shared",
    "scope: role",
    "scope: mine",
    "document grant",
    "document grant: actions",
    "document grant: roles",
    "document grant: users",
    "document grant: groups",
    "document grant: descendants",
];
const SELECTORS: &[&str] = &["roles", "collections", "actions", "states"];
const KINDS: &[&str] = &["any", "a list", "all but"];

/// The names of the constructs that [`changes`] changes.
pub(crate) fn names() -> Vec<String> {
    let selectors = SELECTORS
        .iter()
        .flat_map(|selector| KINDS.iter().map(move |kind| format!("{selector}: {kind}")));
    NAMES
        .iter()
        .map(|name| (*name).to_owned())
        .chain(selectors)
        .collect()
}

/// Where the rules of a policy stand.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    Grant(usize),
    Constraint(usize),
}

impl Rule {
    pub(crate) fn selection(self, policy: &mut Policy) -> &mut Selection {
        match self {
            Rule::Grant(at) => &mut policy.grants[at].selection,
            Rule::Constraint(at) => &mut policy.constraints[at].selection,
        }
    }
}

/// Lists changes of the rules of a policy.
pub(crate) fn changes(policy: &Policy) -> Vec<Change> {
    let mut changes = Vec::new();
    for (at, each) in policy.grants.iter().enumerate() {
        let first = changes.len();
        grant(at, each, &mut changes);
        say_about(&each.selection, &mut changes[first..]);
    }
    for (at, each) in policy.constraints.iter().enumerate() {
        let first = changes.len();
        constraint(at, each, &mut changes);
        say_about(&each.selection, &mut changes[first..]);
    }
    for (at, each) in policy.document_grants.iter().enumerate() {
        document_grant(at, &each, &mut changes);
    }
    changes
}

/// A rule matters to questions about its collections, and to those whose conditions count related items that it admits; and to
/// those about its actions, or about transitions and moves, which ask for other actions as well.
fn say_about(selection: &Selection, changes: &mut [Change]) {
    let (collections, actions) = (selection.collections.clone(), selection.actions.clone());
    let in_collection = move |query: &Query<'static>| {
        let asked = query.resource.collection;
        collections.selects(asked) || asked == "articles" && collections.selects("comments")
    };
    let with_action = move |query: &Query<'static>| {
        let moves = !query.transition.is_empty() || !query.to_state.is_empty();
        moves || query.changes.get("status").is_some() || actions.selects(query.action)
    };
    let about: [About; 2] = [Rc::new(in_collection), Rc::new(with_action)];
    for change in changes {
        let changes = |selector: &str| change.names[0].starts_with(selector);
        let [collection, action] = about.clone();
        change.about = Some(if changes("collections:") {
            action
        } else if changes("actions:") {
            collection
        } else {
            Rc::new(move |query| collection(query) && action(query))
        });
    }
}

fn grant(at: usize, grant: &Grant, changes: &mut Vec<Change>) {
    let Grant {
        id: _,
        effect,
        selection: selected,
        validate,
        fields,
        explain,
        networks,
        broken,
        // A code is written, and decides nothing.
        code: _,
        origin: _,
    } = grant;
    let is_allow = *effect == Effect::Allow;
    let takes = *fields != Selector::Any;
    let whole = match (is_allow, broken, takes) {
        (_, Some(_), _) => "broken rule",
        (true, None, _) => "allow",
        (false, None, false) => "deny that refuses",
        (false, None, true) => "deny of fields",
    };
    changes.push(Change::new(whole, move |policy| {
        policy.grants.remove(at);
    }));
    if broken.is_some() {
        return;
    }
    let kind = if is_allow { "allow" } else { "deny" };
    selection(Rule::Grant(at), selected, kind, changes);
    if let Some(validate) = validate {
        changes.push(Change::new("allow: validate", move |policy| {
            policy.grants[at].validate = None;
        }));
        condition::changes(Place::Validate(at), validate, changes);
    }
    if *explain {
        changes.push(Change::new("allow: explain", move |policy| {
            policy.grants[at].explain = false;
        }));
    }
    if networks.is_some() {
        changes.push(Change::new(format!("{kind}: networks"), move |policy| {
            policy.grants[at].networks = None;
        }));
    }
    let (name, other) = match (is_allow, fields) {
        (true, Selector::Any) => ("fields: any", Selector::Only(Vec::new())),
        (true, Selector::Only(names)) if names.is_empty() => ("fields: none", Selector::Any),
        (true, Selector::Only(_)) => ("fields: a list", Selector::Any),
        (true, Selector::Except(_)) => ("fields: all but", Selector::Any),
        (false, Selector::Any) => return,
        (false, Selector::Only(_)) => ("denied fields: a list", Selector::Only(Vec::new())),
        (false, Selector::Except(_)) => ("denied fields: all but", Selector::Except(Vec::new())),
    };
    changes.push(Change::new(name, move |policy| {
        policy.grants[at].fields = other.clone();
    }));
}

fn constraint(at: usize, constraint: &Constraint, changes: &mut Vec<Change>) {
    let Constraint {
        id: _,
        selection: selected,
        require,
        submitted,
        networks,
        presets,
        code: _,
        origin: _,
    } = constraint;
    changes.push(Change::new("constraint", move |policy| {
        policy.constraints.remove(at);
    }));
    selection(Rule::Constraint(at), selected, "constraint", changes);
    if let Some(require) = require {
        changes.push(Change::new("constraint: require", move |policy| {
            policy.constraints[at].require = None;
        }));
        condition::changes(Place::Require(at), require, changes);
    }
    if let Some(submitted) = submitted {
        changes.push(Change::new("constraint: submitted", move |policy| {
            policy.constraints[at].submitted = None;
        }));
        condition::changes(Place::Submitted(at), submitted, changes);
    }
    if networks.is_some() {
        changes.push(Change::new("constraint: networks", move |policy| {
            policy.constraints[at].networks = None;
        }));
    }
    for (index, (_, operand)) in presets.iter().enumerate() {
        let mut names = vec![match operand {
            Operand::Value(_) => "preset: a value".to_owned(),
            Operand::Variable(_) => "preset: a variable".to_owned(),
            Operand::List(_) => "preset: a list".to_owned(),
        }];
        names.extend(condition::operand_names(operand));
        changes.push(Change {
            names,
            edits: vec![Box::new(move |policy| {
                policy.constraints[at].presets.remove(index);
            })],
            about: None,
        });
    }
}

/// A selector that is for what another one is not for: nothing for any, any for everything else.
fn opposite(selector: &Selector) -> Selector {
    match selector {
        Selector::Any => Selector::Only(Vec::new()),
        Selector::Only(_) | Selector::Except(_) => Selector::Any,
    }
}

fn kind_of(selector: &Selector) -> &'static str {
    match selector {
        Selector::Any => "any",
        Selector::Only(_) => "a list",
        Selector::Except(_) => "all but",
    }
}

fn selection(rule: Rule, selection: &Selection, kind: &str, changes: &mut Vec<Change>) {
    let Selection {
        roles,
        held,
        collections,
        actions,
        states,
        to_states,
        scope,
        when,
    } = selection;
    type Part = fn(&mut Selection) -> &mut Selector;
    let parts: [(&str, &Selector, Part); 4] = [
        ("roles", roles, |selection| &mut selection.roles),
        ("collections", collections, |selection| &mut selection.collections),
        ("actions", actions, |selection| &mut selection.actions),
        ("states", states, |selection| &mut selection.states),
    ];
    for (name, selector, part) in parts {
        let other = opposite(selector);
        let name = format!("{name}: {}", kind_of(selector));
        changes.push(Change::new(name, move |policy| {
            *part(rule.selection(policy)) = other.clone();
        }));
    }
    if let Some(targets) = to_states {
        let name = format!("to_states: {}", kind_of(&targets.selector));
        changes.push(Change::new(name, move |policy| {
            rule.selection(policy).to_states = None;
        }));
        if targets.same {
            changes.push(Change::new("to_states: same", move |policy| {
                let targets = &mut rule.selection(policy).to_states;
                targets.iter_mut().for_each(|targets| targets.same = false);
            }));
        }
    }
    let anywhere = |name: &str| {
        Change::new(name, move |policy: &mut Policy| {
            rule.selection(policy).held = Held::Anywhere;
        })
    };
    match held {
        Held::Anywhere => {}
        Held::Site => changes.push(anywhere("held: site")),
        Held::Shared => changes.push(anywhere("held: shared")),
        Held::Aside => changes.push(anywhere("held: aside")),
    }
    let unscoped = |name: &str| {
        Change::new(name, move |policy: &mut Policy| {
            rule.selection(policy).scope = Scope::Any;
        })
    };
    match scope {
        Scope::Any => {}
        Scope::Role => changes.push(unscoped("scope: role")),
        Scope::Mine => changes.push(unscoped("scope: mine")),
    }
    if let Some(when) = when {
        if crate::reference::condition::is_neutral(when) && kind == "allow" {
            // The same allow with a condition that always holds is one that does not drop out.
            changes.push(Change::new("allow: neutral", move |policy| {
                rule.selection(policy).when = Some(condition::always());
            }));
        }
        changes.push(Change::new(format!("{kind}: when"), move |policy| {
            rule.selection(policy).when = None;
        }));
        condition::changes(Place::When(rule), when, changes);
    }
}

fn document_grant(at: usize, grant: &DocumentGrant, changes: &mut Vec<Change>) {
    let DocumentGrant {
        collection: _,
        document: _,
        actions,
        roles,
        users,
        groups,
        descendants,
        origin: _,
    } = grant;
    if *descendants {
        changes.push(Change::new("document grant: descendants", move |policy| {
            edit_grants(policy, |grants| grants[at].descendants = false);
        }));
    }
    changes.push(Change::new("document grant", move |policy| {
        edit_grants(policy, |grants| drop(grants.remove(at)));
    }));
    type Part = fn(&mut DocumentGrant) -> &mut Vec<Spanned<String>>;
    let parts: [(&str, usize, Part); 4] = [
        ("actions", actions.len(), |grant| &mut grant.actions),
        ("roles", roles.len(), |grant| &mut grant.roles),
        ("users", users.len(), |grant| &mut grant.users),
        ("groups", groups.len(), |grant| &mut grant.groups),
    ];
    for (name, count, part) in parts {
        if count > 0 {
            changes.push(Change::new(format!("document grant: {name}"), move |policy| {
                edit_grants(policy, |grants| part(&mut grants[at]).clear());
            }));
        }
    }
}

fn edit_grants(policy: &mut Policy, edit: impl FnOnce(&mut Vec<DocumentGrant>)) {
    let mut grants: Vec<DocumentGrant> = policy.document_grants.iter().collect();
    edit(&mut grants);
    policy.document_grants = grants.into_iter().collect();
}
