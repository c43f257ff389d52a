//! Questions near a rule of a policy: about its collection, by somebody who holds one of its roles, on an item in one of its
//! states, with values near those that its conditions compare. Chance has a part in each of these, so that what a rule asks is
//! met and is missed.

use placet::engine::query::{Ancestor, Approval, Holder, LocalRoles, Names, Query, Resource};
use placet::policy::grant::{Held, Scope, Selection};
use placet::policy::role::{Implicit, RoleKind};
use placet::policy::workflow::{Target, Transition, Workflow};
use placet::policy::{Policy, Selector};
use placet::vocab::effect::{Effect, Operation};
use placet::vocab::value::Object;

use super::random::Random;
use super::values::{self, set};
use super::{ADDRESSES, PEOPLE, STATES, query, text};
use crate::reference::bind::operation;
use crate::reference::intern;

/// What a question is near to.
#[derive(Clone, Copy)]
enum Goal {
    Grant(usize),
    Constraint(usize),
    Document(usize),
    Transition(usize, usize),
}

/// Makes a question near one of the rules of a policy.
pub(crate) fn near(random: &mut Random, policy: &Policy) -> Query<'static> {
    let mut goals = Vec::new();
    for (at, grant) in policy.grants.iter().enumerate() {
        let weight = if grant.effect == Effect::Allow { 3 } else { 2 };
        goals.extend(std::iter::repeat_n(Goal::Grant(at), weight));
    }
    for at in 0..policy.constraints.len() {
        goals.extend([Goal::Constraint(at), Goal::Constraint(at), Goal::Constraint(at)]);
    }
    for (at, grant) in policy.document_grants.iter().enumerate() {
        // What gives roles alone decides only where an allow names the role, too.
        let times = if grant.actions.is_empty() { 5 } else { 1 };
        goals.extend(std::iter::repeat_n(at, times).map(Goal::Document));
    }
    for (flow, workflow) in policy.workflows.iter().enumerate() {
        goals.extend((0..workflow.transitions.len()).map(|at| Goal::Transition(flow, at)));
    }
    if goals.is_empty() || random.chance(10) {
        return query::query(random);
    }
    if random.chance(5) {
        return of_unknown_names(random, policy);
    }
    match *random.pick(&goals) {
        Goal::Grant(at) => {
            let grant = &policy.grants[at];
            let mut query = near_rule(random, policy, &grant.selection);
            if let Some(networks) = &grant.networks {
                come_from(random, &mut query, networks.is_empty());
            }
            fit_fields(random, policy, &mut query, &grant.fields);
            if let Some(validate) = &grant.validate {
                values::meet(random, &mut query, validate, true);
            }
            query
        }
        Goal::Constraint(at) => {
            let constraint = &policy.constraints[at];
            let mut query = near_rule(random, policy, &constraint.selection);
            for condition in constraint.require.iter().chain(&constraint.submitted) {
                values::meet(random, &mut query, condition, true);
            }
            query
        }
        Goal::Document(at) => near_document(random, policy, at),
        Goal::Transition(flow, at) => near_transition(random, policy, flow, at),
    }
}

/// Makes a question with a name that no policy knows, mostly by somebody who may be allowed anything.
fn of_unknown_names(random: &mut Random, policy: &Policy) -> Query<'static> {
    let collection = random.word(&["ghosts", "articles", "notes"]);
    let mut query = query::plain(random, collection);
    query.action = random.word(&["fly", "read", "update", "create"]);
    query::ask_action(random, &mut query);
    if random.chance(20) {
        query.transition = "vanish";
    }
    if policy.roles.iter().any(|role| role.id.value == "root") && random.chance(80) {
        query.subject.roles.push("root");
    }
    query
}

fn pick_name(random: &mut Random, selector: &Selector, all: &[&'static str]) -> &'static str {
    match selector {
        Selector::Only(names) if !names.is_empty() && random.chance(95) => intern(&random.pick(names).value),
        Selector::Any | Selector::Only(_) => random.word(all),
        Selector::Except(_) => {
            let others: Vec<&'static str> = all
                .iter()
                .copied()
                .filter(|name| selector.selects(name))
                .collect();
            if others.is_empty() || random.chance(15) {
                random.word(all)
            } else {
                random.word(&others)
            }
        }
    }
}

const ACTIONS: &[&str] = &["read", "update", "create", "update", "publish", "delete"];

fn near_rule(random: &mut Random, policy: &Policy, selection: &Selection) -> Query<'static> {
    let collection = pick_name(random, &selection.collections, &["articles", "articles", "notes"]);
    let mut query = query::plain(random, collection);
    query.action = pick_name(random, &selection.actions, ACTIONS);
    query::ask_action(random, &mut query);
    fit(random, policy, &mut query, selection);
    // A rule that does not allow says something where another one does.
    let allows: Vec<&Selection> = policy
        .grants
        .iter()
        .filter(|grant| grant.effect == Effect::Allow)
        .map(|grant| &grant.selection)
        .filter(|allow| allow.collections.selects(collection) && allow.actions.selects(query.action))
        .collect();
    if !allows.is_empty() {
        let allow = *random.pick(&allows);
        hold_role(random, policy, &mut query, allow);
    }
    query
}

/// Makes a question fit a selection, collection and action aside.
fn fit(random: &mut Random, policy: &Policy, query: &mut Query<'static>, selection: &Selection) {
    let creates = operation(policy, query.action) == Operation::Create;
    if creates && random.chance(50) {
        // Nobody tells the state of the new item, so that it begins where the workflow says.
        put_in_state(random, query, "", true);
    } else if selection.states != Selector::Any && random.chance(85) {
        let state = pick_name(random, &selection.states, STATES);
        put_in_state(random, query, state, creates);
    }
    if let Some(targets) = &selection.to_states
        && !creates
        && random.chance(80)
    {
        let state = pick_name(random, &targets.selector, STATES);
        move_to(random, query, state);
    }
    hold_role(random, policy, query, selection);
    match selection.scope {
        Scope::Any => {}
        Scope::Mine => own(random, query),
        Scope::Role => {
            let role = query.subject.roles.first().copied().unwrap_or("author");
            match random.below(3) {
                0 => query.resource.owner.roles = std::iter::once(role).collect(),
                1 => set(&mut query.resource.attributes, &["meta", "roles"], text(role)),
                _ => {
                    query.resource.owner.id = "";
                    set(&mut query.resource.attributes, &["author", "id"], text("cy"));
                    set(&mut query.resource.attributes, &["author", "roles"], text(role));
                }
            }
            let is_unowned = query.resource.attributes.get("author").is_none();
            if is_unowned && query.resource.owner.id.is_empty() && random.chance(70) {
                query.resource.owner.id = "cy";
            }
        }
    }
    if let Some(when) = &selection.when {
        values::meet(random, query, when, false);
    }
}

/// Puts the item into a state, told in one way or another.
fn put_in_state(random: &mut Random, query: &mut Query<'static>, state: &'static str, creates: bool) {
    let without = |object: &Object<'static>| values::without(object, "status");
    query.resource.attributes = without(&query.resource.attributes);
    query.resource.state = "";
    if creates {
        query.changes = without(&query.changes);
        query.to_state = "";
    }
    if state.is_empty() {
        return;
    }
    match random.below(if creates { 4 } else { 3 }) {
        0 => query.resource.state = state,
        1 => set(&mut query.resource.attributes, &["status"], text(state)),
        2 => {
            query.resource.state = state;
            set(&mut query.resource.attributes, &["status"], text(state));
        }
        _ => set(&mut query.changes, &["status"], text(state)),
    }
}

fn move_to(random: &mut Random, query: &mut Query<'static>, state: &'static str) {
    query.changes = values::without(&query.changes, "status");
    query.to_state = "";
    match random.below(20) {
        0..=9 => query.to_state = state,
        10 => {
            let odd = query::odd_state(random);
            set(&mut query.changes, &["status"], odd);
        }
        _ => set(&mut query.changes, &["status"], text(state)),
    }
}

fn own(random: &mut Random, query: &mut Query<'static>) {
    if query.subject.id.is_empty() || random.chance(20) {
        query.subject.id = random.word(PEOPLE);
    }
    if random.chance(85) {
        own_by(random, query, query.subject.id);
    }
}

fn own_by(random: &mut Random, query: &mut Query<'static>, id: &'static str) {
    query.resource.attributes = values::without(&query.resource.attributes, "author");
    query.resource.owner.id = "";
    match random.below(3) {
        0 => query.resource.owner.id = id,
        1 => set(&mut query.resource.attributes, &["author"], text(id)),
        _ => {
            set(&mut query.resource.attributes, &["author", "id"], text(id));
            if random.chance(60) {
                let roles = text(random.word(&["author", "editor"]));
                set(&mut query.resource.attributes, &["author", "roles"], roles);
            }
        }
    }
}

/// Makes the subject hold a role of a selection, in one of the ways in which roles are held.
fn hold_role(random: &mut Random, policy: &Policy, query: &mut Query<'static>, selection: &Selection) {
    if random.chance(8) {
        return;
    }
    let role = match &selection.roles {
        Selector::Any => return,
        Selector::Only(names) if !names.is_empty() => intern(&random.pick(names).value),
        Selector::Only(_) => return,
        Selector::Except(_) => pick_name(random, &selection.roles, super::PLAIN_ROLES),
    };
    let shares = selection.held != Held::Anywhere && random.chance(50);
    hold(random, policy, query, role, shares, 2);
}

fn hold(
    random: &mut Random,
    policy: &Policy,
    query: &mut Query<'static>,
    role: &'static str,
    shares: bool,
    depth: usize,
) {
    let declared = policy.roles.iter().find(|each| each.id.value == role);
    let implicit = declared.map_or_else(
        || Implicit::ALL.into_iter().find(|which| which.name() == role),
        |role| role.implicit,
    );
    match implicit {
        Some(Implicit::Everyone) => return,
        Some(Implicit::Anonymous) => {
            query.subject.id = random.word(&["", "guest", "guest"]);
            return;
        }
        Some(Implicit::Authenticated) => {
            if query.subject.id.is_empty() || query.subject.id == "guest" {
                query.subject.id = random.word(PEOPLE);
            }
            return;
        }
        Some(Implicit::Roleless) => {
            query.subject.roles = Names::new();
            query.subject.groups = Names::new();
            return;
        }
        Some(Implicit::Owner) => return own(random, query),
        None => {}
    }
    if let Some(networks) = declared.and_then(|role| role.networks.as_ref()) {
        come_from(random, query, networks.is_empty());
    }
    let is_role = declared.is_some_and(|role| role.kind == RoleKind::Role);
    let groups = policy
        .groups
        .iter()
        .filter(|group| group.roles.iter().any(|each| each.value == role));
    let groups: Vec<&'static str> = groups.map(|group| intern(&group.id.value)).collect();
    let users = policy
        .users
        .iter()
        .filter(|user| user.roles.iter().any(|each| each.value == role));
    let users: Vec<&'static str> = users.map(|user| intern(&user.id.value)).collect();
    let heirs = policy
        .roles
        .iter()
        .filter(|each| each.inherits.iter().any(|parent| parent.value == role));
    let heirs: Vec<&'static str> = heirs.map(|heir| intern(&heir.id.value)).collect();
    match random.below(10) {
        0 if !groups.is_empty() => query.subject.groups.push(random.word(&groups)),
        1 if !users.is_empty() => query.subject.id = random.word(&users),
        2 | 3 if !heirs.is_empty() && depth > 0 => {
            let heir = random.word(&heirs);
            hold(random, policy, query, heir, shares, depth - 1);
        }
        4..=6 if is_role => share(random, query, role),
        _ if is_role && shares => share(random, query, role),
        _ if is_role => query.subject.roles.push(role),
        _ if !heirs.is_empty() && depth > 0 => {
            let heir = random.word(&heirs);
            hold(random, policy, query, heir, shares, depth - 1);
        }
        _ if !groups.is_empty() => query.subject.groups.push(random.word(&groups)),
        _ if !users.is_empty() => query.subject.id = random.word(&users),
        // A role that nobody may claim, claimed all the same.
        _ => query.subject.roles.push(role),
    }
}

/// Gives a role on the item, or on a container above it, which the item may block.
fn share(random: &mut Random, query: &mut Query<'static>, role: &'static str) {
    query.subject.roles = query
        .subject
        .roles
        .iter()
        .copied()
        .filter(|each| *each != role || random.chance(10))
        .collect();
    let by_group = random.chance(35);
    if by_group && query.subject.groups.is_empty() {
        query.subject.groups.push(random.word(super::GROUPS));
    }
    if query.subject.id.is_empty() {
        query.subject.id = random.word(PEOPLE);
    }
    let holder = if by_group {
        Holder::Group(query.subject.groups[0])
    } else {
        Holder::User(query.subject.id)
    };
    let given = LocalRoles {
        holder,
        roles: std::iter::once(role).collect(),
    };
    let resource = &mut query.resource;
    if random.chance(40) {
        resource.local_roles.push(given);
        return;
    }
    resource.block_inheritance = random.chance(35);
    resource.ancestors.insert(
        0,
        Ancestor {
            local_roles: vec![given],
            ..Ancestor::default()
        },
    );
    if random.chance(50) {
        resource.ancestors.push(Ancestor {
            block_inheritance: random.chance(65),
            ..Ancestor::default()
        });
    }
}

fn come_from(random: &mut Random, query: &mut Query<'static>, nowhere: bool) {
    if nowhere || random.chance(70) {
        query.context.ip = ADDRESSES[random.below(4)];
    }
}

/// Asks for fields that a selector selects, and for others.
fn fit_fields(random: &mut Random, policy: &Policy, query: &mut Query<'static>, fields: &Selector) {
    if operation(policy, query.action) == Operation::Read && random.chance(8) {
        // Whatever may be read, and nothing else.
        query.fields = std::iter::once("*").collect();
        return;
    }
    if *fields == Selector::Any || random.chance(25) {
        if random.chance(12) {
            let field = random.word(super::policy::field_names(query.resource.collection));
            query.filter_fields = std::iter::once(field).collect();
        }
        return;
    }
    let pool = super::policy::field_names(query.resource.collection);
    let count = random.between(1, 2);
    let mut asked: Names<'static> = (0..count).map(|_| pick_name(random, fields, pool)).collect();
    if random.chance(40) {
        asked.push(random.word(pool));
    }
    match operation(policy, query.action) {
        Operation::Read => {
            query.fields = asked;
            if random.chance(60) {
                query.fields.push("*");
            }
        }
        Operation::Create | Operation::Update | Operation::Delete | Operation::Other => {
            if random.chance(40) {
                query.fields = asked;
            } else {
                query.changes = Object::default();
                for name in asked.iter().filter(|name| **name != "status") {
                    let value = values::of_field(random, query.resource.collection, name);
                    set(&mut query.changes, &[name], value);
                }
            }
        }
    }
    if random.chance(45) {
        let field = if random.chance(50) {
            pick_name(random, fields, pool)
        } else {
            random.word(pool)
        };
        query.filter_fields = std::iter::once(field).collect();
    }
}

fn near_document(random: &mut Random, policy: &Policy, at: usize) -> Query<'static> {
    let grant = policy.document_grants.iter().nth(at).expect("there are so many");
    let mut query = query::plain(random, intern(&grant.collection.value));
    query.action = if grant.actions.is_empty() {
        random.word(&["read", "read", "update", "publish"])
    } else {
        intern(&random.pick(&grant.actions).value)
    };
    query::ask_action(random, &mut query);
    if !grant.roles.is_empty() && random.chance(90) {
        // What the document gives is seen where nothing else gives it.
        query.subject.roles = Names::new();
    }
    if grant.descendants && random.chance(60) {
        below(random, &mut query.resource, intern(&grant.document.value));
    } else if random.chance(90) {
        query.resource.id = intern(&grant.document.value);
    }
    if !grant.users.is_empty() && (grant.groups.is_empty() || random.chance(50)) {
        query.subject.id = intern(&random.pick(&grant.users).value);
    } else if !grant.groups.is_empty() {
        query
            .subject
            .groups
            .push(intern(&random.pick(&grant.groups).value));
    }
    query
}

/// Puts the item below a document, perhaps with something between, perhaps behind what blocks.
fn below(random: &mut Random, resource: &mut Resource<'static>, id: &'static str) {
    let above = Ancestor {
        collection: std::mem::replace(&mut resource.collection, random.word(&["articles", "notes"])),
        id,
        ..Ancestor::default()
    };
    resource.ancestors.push(above);
    if random.chance(40) {
        resource.ancestors.push(Ancestor {
            block_inheritance: random.chance(40),
            ..Ancestor::default()
        });
    }
    resource.block_inheritance = random.chance(15);
}

fn near_transition(random: &mut Random, policy: &Policy, flow: usize, at: usize) -> Query<'static> {
    let workflow: &Workflow = &policy.workflows[flow];
    let transition = &workflow.transitions[at];
    let collection = if workflow.id.value == "flow" {
        "articles"
    } else {
        "notes"
    };
    let mut query = query::plain(random, collection);
    query.filter_fields = Names::new();
    let offering: Vec<&'static str> = workflow
        .states
        .iter()
        .filter(|state| {
            state
                .transitions
                .iter()
                .any(|each| each.value == transition.id.value)
        })
        .map(|state| intern(&state.id.value))
        .collect();
    let from = match &transition.from {
        Some(from) if random.chance(85) => pick_name(random, from, STATES),
        _ if offering.is_empty() || random.chance(8) => random.word(STATES),
        _ => random.word(&offering),
    };
    put_in_state(random, &mut query, from, false);
    let target = match &transition.to {
        Target::State(to) => Some(intern(&to.value)),
        Target::Map(pairs) => pairs
            .iter()
            .find(|(state, _)| state.value == from)
            .map(|(_, to)| intern(&to.value)),
        Target::Unknown => None,
    };
    match target {
        // A move without a name: a closed workflow looks for the transition.
        Some(target) if random.chance(35) => {
            query.action = transition
                .actions
                .first()
                .map_or("update", |action| intern(&action.value));
            move_to(random, &mut query, target);
        }
        Some(_) | None => query.transition = intern(&transition.id.value),
    }
    if !query.transition.is_empty() && random.chance(12) {
        query.action = random.word(&["update", "publish", "read"]);
    }
    for action in &transition.actions {
        let allows: Vec<&Selection> = policy
            .grants
            .iter()
            .filter(|grant| grant.effect == Effect::Allow)
            .map(|grant| &grant.selection)
            .filter(|allow| allow.collections.selects(collection) && allow.actions.selects(&action.value))
            .collect();
        if !allows.is_empty() {
            let allow = *random.pick(&allows);
            hold_role(random, policy, &mut query, allow);
        }
    }
    if let Some(when) = &transition.when {
        values::meet(random, &mut query, when, false);
    }
    if random.chance(60) {
        query.context.explanation = "because";
    }
    if !transition.approvals.is_empty() {
        approve(random, &mut query, transition);
    }
    query
}

fn approve(random: &mut Random, query: &mut Query<'static>, transition: &Transition) {
    if random.chance(85) {
        query.resource.content_digest = "d1";
    }
    let name = intern(&transition.id.value);
    for rule in &transition.approvals {
        let least = usize::from(random.chance(80));
        for _ in 0..rule.count as usize * least + usize::from(random.chance(20)) {
            let by_name = !rule.users.is_empty() && random.chance(60);
            let subject_id = if by_name {
                intern(&random.pick(&rule.users).value)
            } else {
                random.word(&["ann", "bob", "cy", "7", "dee", "eve", "max"])
            };
            let role = if rule.roles.is_empty() || random.chance(40) {
                random.word(super::PLAIN_ROLES)
            } else {
                intern(&random.pick(&rule.roles).value)
            };
            let content_digest = if random.chance(60) {
                query.resource.content_digest
            } else {
                "d2"
            };
            query.context.approvals.push(Approval {
                subject_id,
                roles: std::iter::once(role).collect(),
                transition: if random.chance(95) { name } else { "note" },
                content_digest,
            });
        }
    }
}
