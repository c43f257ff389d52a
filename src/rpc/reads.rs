//! Which facts the rules read: what a caller has to send so that nothing stays open.

use std::collections::{BTreeMap, BTreeSet};

use super::proto::v1;
use crate::model::Model;
use crate::model::condition::{Leaf, Node, Operand, Program, Variable};
use crate::model::grant::{Scope, Selection};
use crate::model::id::{ActionId, CollectionId, ConditionId};

/// The facts of one pair.
type Paths = BTreeSet<String>;

/// Where the request comes from, which networks of rules and roles look at.
const ADDRESS: &str = "$CONTEXT.ip";

/// Lists, for each collection and action with rules that read facts, the paths of these facts.
pub(super) fn list(model: &Model) -> Vec<v1::RuleReads> {
    let mut reads: BTreeMap<(&str, &str), Paths> = BTreeMap::new();
    for (collection, collection_name) in model.collection_names.names().enumerate() {
        let id = CollectionId::new(collection);
        for (action, action_name) in model.action_names.names().enumerate() {
            let paths = of_pair(model, id, ActionId::new(action));
            if !paths.is_empty() {
                reads.insert((collection_name, action_name), paths);
            }
        }
        of_transitions(model, id, collection_name, &mut reads);
    }
    let write = |((collection, action), paths): ((&str, &str), Paths)| v1::RuleReads {
        collection: collection.to_owned(),
        action: action.to_owned(),
        paths: paths.into_iter().collect(),
    };
    reads.into_iter().map(write).collect()
}

fn of_pair(model: &Model, collection: CollectionId, action: ActionId) -> Paths {
    let mut paths = Paths::new();
    for (_, grant) in model.grants_for(Some(collection), action) {
        if grant.selection.except_collections.contains(&collection) {
            continue;
        }
        of_selection(model, collection, &grant.selection, &mut paths);
        of_condition(model, grant.validate, &mut paths);
        if grant.networks.is_some() || model.roles.has_networks {
            paths.insert(ADDRESS.to_owned());
        }
        of_groups(model, &mut paths);
    }
    let constraints = model
        .constraint_slots
        .find(Some(collection), action)
        .filter_map(|id| model.constraint(id));
    for constraint in constraints {
        if constraint.selection.except_collections.contains(&collection) {
            continue;
        }
        of_selection(model, collection, &constraint.selection, &mut paths);
        of_condition(model, constraint.require, &mut paths);
        of_condition(model, constraint.submitted, &mut paths);
        if constraint.networks.is_some() {
            paths.insert(ADDRESS.to_owned());
        }
        constraint
            .presets
            .iter()
            .for_each(|(_, value)| of_operand(value, &mut paths));
    }
    paths
}

/// Whose groups count in some contexts only is asked of every rule.
fn of_groups(model: &Model, paths: &mut Paths) {
    let groups = model.roles.groups.iter().filter(|_| model.roles.has_contexts);
    let contexts = groups.flat_map(|group| &group.context);
    paths.extend(contexts.map(|within| within.name.to_string()));
}

/// The `when` of a transition is read by whoever asks for one of its actions.
fn of_transitions<'m>(
    model: &'m Model,
    id: CollectionId,
    collection: &'m str,
    reads: &mut BTreeMap<(&'m str, &'m str), Paths>,
) {
    let workflow = model
        .collection(id)
        .and_then(|row| row.workflow)
        .and_then(|id| model.workflow(id));
    let transitions = workflow.into_iter().flat_map(|workflow| &workflow.transitions);
    for transition in transitions.filter_map(|id| model.transition(*id)) {
        let mut paths = Paths::new();
        of_condition(model, transition.when, &mut paths);
        for action in transition.actions.iter().filter(|_| !paths.is_empty()) {
            let action = model.action_names.name(action.index());
            reads
                .entry((collection, action))
                .or_default()
                .extend(paths.iter().cloned());
        }
    }
}

fn of_selection(model: &Model, collection: CollectionId, selection: &Selection, paths: &mut Paths) {
    of_condition(model, selection.when, paths);
    let row = model.collection(collection);
    match selection.scope {
        Scope::Any => {}
        Scope::Mine | Scope::Role => {
            paths.insert(
                row.and_then(|row| row.owner_field.as_deref())
                    .unwrap_or("$OWNER.id")
                    .to_owned(),
            );
        }
    }
    if selection.scope == Scope::Role {
        let roles = row.and_then(|row| row.owner_roles.as_deref());
        paths.insert(roles.map_or_else(|| "$OWNER.roles".to_owned(), |path| path.join(".")));
    }
}

fn of_condition(model: &Model, id: Option<ConditionId>, paths: &mut Paths) {
    if let Some(program) = id.and_then(|id| model.condition(id)) {
        of_program(program, "", paths);
    }
}

/// Gathers the paths of a program whose fields lie below `prefix`.
fn of_program(program: &Program, prefix: &str, paths: &mut Paths) {
    of_node(&program.root, prefix, paths);
}

fn of_node(node: &Node, prefix: &str, paths: &mut Paths) {
    match node {
        Node::All(nodes) | Node::Any(nodes) => nodes.iter().for_each(|node| of_node(node, prefix, paths)),
        Node::Not(node) | Node::Coded(_, node) => of_node(node, prefix, paths),
        Node::Neutral => {}
        Node::Related(related) => {
            let path = format!("{prefix}{}", related.text);
            of_program(&related.program, &format!("{path}."), paths);
            paths.insert(path);
        }
        Node::Leaf(leaf) => of_leaf(leaf, prefix, paths),
    }
}

fn of_leaf(leaf: &Leaf, prefix: &str, paths: &mut Paths) {
    let prefix = if leaf.name.starts_with('$') { "" } else { prefix };
    paths.insert(format!("{prefix}{}", leaf.name));
    of_operand(&leaf.right, paths);
}

fn of_operand(operand: &Operand, paths: &mut Paths) {
    let mut add = |name: &str, path: &[Box<str>]| {
        paths.insert(if path.is_empty() {
            name.to_owned()
        } else {
            format!("{name}.{}", path.join("."))
        });
    };
    match operand {
        Operand::Value(_) => {}
        Operand::List(list) => list.iter().for_each(|each| of_operand(each, paths)),
        Operand::Variable(Variable::CurrentUser(path)) => add("$CURRENT_USER", path),
        Operand::Variable(Variable::Context(path)) => add("$CONTEXT", path),
        Operand::Variable(Variable::OwnerId) => add("$OWNER.id", &[]),
        Operand::Variable(Variable::OwnerRoles) => add("$OWNER.roles", &[]),
        // These are told by every request, or by the profile.
        Operand::Variable(
            Variable::Now(_)
            | Variable::CurrentRole(_)
            | Variable::CurrentRoles(_)
            | Variable::CurrentPolicies(_)
            | Variable::Item,
        ) => {}
    }
}
