//! Which rules and conditions a question may touch: where the searches for what is missing, and for when an answer changes,
//! look.

use crate::model::Model;
use crate::model::bits::Bits;
use crate::model::condition::{Leaf, Left, Node, Operand, Program, Variable};
use crate::model::grant::{Mask, Scope};
use crate::model::id::{ActionId, CollectionId, ConditionId, TransitionId};
use crate::vocab::effect::Effect;
use crate::vocab::network::Network;

use super::query::Query;

/// The rules that a question may touch.
pub(super) struct Touched<'q> {
    pub(super) programs: Vec<Condition<'q>>,
    /// Transitions of the workflow.
    pub(super) transitions: Vec<TransitionId>,
    /// Roles that rules name in such a way that holding them may allow; `None` if any role may.
    pub(super) roles: Option<Bits>,
    /// What constraints write into fields.
    pub(super) presets: Vec<(&'q str, &'q Operand)>,
    /// Networks that some allow or constraint demands.
    pub(super) networks: Vec<&'q [Network]>,
    /// Whether some allow is for one's own items, or for those of people with the same role.
    pub(super) is_scoped: bool,
    /// Whether some condition on the item looks at who owns it.
    pub(super) reads_owner: bool,
}

/// A condition, and of what it is asked.
pub(super) struct Condition<'q> {
    pub(super) program: &'q Program,
    /// The path to the list of related items; empty for the item of the question.
    path: Vec<&'q str>,
}

impl<'q> Condition<'q> {
    /// Visits every leaf, with the path to the list of related items that it is asked of.
    pub(super) fn each_leaf(&self, visit: &mut impl FnMut(&'q Leaf, &[&'q str])) {
        each_leaf(&self.program.root, &mut self.path.clone(), visit);
    }
}

/// Finds the rules that a question may touch: those of its action, and of the actions of its workflow's transitions.
pub(super) fn touched<'q>(model: &'q Model, query: &Query<'q>) -> Touched<'q> {
    let collection = model
        .collection_names
        .find(query.resource.collection)
        .map(CollectionId::new);
    let workflow = collection
        .and_then(|id| model.collection(id))
        .and_then(|row| row.workflow);
    let transitions = workflow
        .and_then(|id| model.workflow(id))
        .map_or(Vec::new(), |workflow| workflow.transitions.clone());
    let mut actions: Vec<ActionId> = model
        .action_names
        .find(query.action)
        .map(ActionId::new)
        .into_iter()
        .collect();
    let mut touched = Touched {
        programs: Vec::new(),
        transitions,
        roles: Some(Bits::default()),
        presets: Vec::new(),
        networks: Vec::new(),
        is_scoped: false,
        reads_owner: false,
    };
    for transition in touched.transitions.iter().filter_map(|id| model.transition(*id)) {
        actions.extend(transition.actions.iter());
        let when = transition.when.and_then(|when| model.condition(when));
        touched.programs.extend(when.map(|program| Condition {
            program,
            path: Vec::new(),
        }));
    }
    actions.sort_unstable();
    actions.dedup();
    for action in actions {
        touch(model, collection, action, &mut touched, &[], 0);
    }
    let reads_roles = |condition: &Condition<'_>| reads_roles(&condition.program.root);
    if touched.programs.iter().any(reads_roles) {
        touched.roles = None;
    }
    let owner_field = collection
        .and_then(|id| model.collection(id))
        .and_then(|row| row.owner_field.as_deref());
    touched.reads_owner = touched
        .programs
        .iter()
        .any(|condition| reads_owner(condition, owner_field));
    touched
}

/// Whether a condition on the item looks at its owner, by the field that holds him or as a fact.
fn reads_owner(condition: &Condition<'_>, owner_field: Option<&str>) -> bool {
    let mut reads = false;
    condition.each_leaf(&mut |leaf, prefix| {
        each_variable(&leaf.right, &mut |variable| {
            reads |= matches!(variable, Variable::OwnerId);
        });
        reads |= match &leaf.left {
            Left::Fact(variable) => matches!(variable, Variable::OwnerId),
            Left::Field(path) => {
                prefix.is_empty()
                    && path
                        .first()
                        .is_some_and(|first| owner_field == Some(first.as_ref()))
            }
        };
    });
    reads
}

/// Whether a condition looks at the roles of the subject.
fn reads_roles(root: &Node) -> bool {
    let mut reads = false;
    let mut look = |variable: &Variable| {
        reads |= matches!(
            variable,
            Variable::CurrentRole(_) | Variable::CurrentRoles(_) | Variable::CurrentPolicies(_)
        );
    };
    each_leaf(root, &mut Vec::new(), &mut |leaf, _| {
        if let Left::Fact(variable) = &leaf.left {
            look(variable);
        }
        each_variable(&leaf.right, &mut look);
    });
    reads
}

fn each_variable(operand: &Operand, visit: &mut impl FnMut(&Variable)) {
    match operand {
        Operand::Value(_) => {}
        Operand::Variable(variable) => visit(variable),
        Operand::List(parts) => parts.iter().for_each(|part| each_variable(part, visit)),
    }
}

fn touch<'q>(
    model: &'q Model,
    collection: Option<CollectionId>,
    action: ActionId,
    touched: &mut Touched<'q>,
    path: &[&'q str],
    depth: usize,
) {
    let program = |id: Option<ConditionId>| {
        let program = id.and_then(|id| model.condition(id));
        program.map(|program| Condition {
            program,
            path: path.to_vec(),
        })
    };
    let first = touched.programs.len();
    for (_, grant) in model.grants_for(collection, action) {
        touched.programs.extend(program(grant.selection.when));
        touched.programs.extend(program(grant.validate));
        if grant.effect == Effect::Allow && depth == 0 {
            touched.networks.extend(grant.networks.as_deref());
            touched.is_scoped |= grant.selection.scope != Scope::Any;
        }
        if depth == 0 {
            let allows = grant.effect == Effect::Allow;
            touch_roles(model, &grant.selection.roles, allows, touched);
            if allows && grant.selection.when.is_some() && !grant.neutral {
                // Beside an allow with a condition, neutral ones do not count.
                touch_roles(model, &grant.selection.roles, false, touched);
            }
        }
    }
    let constraints = model
        .constraint_slots
        .find(collection, action)
        .filter_map(|id| model.constraint(id));
    for constraint in constraints {
        touched.programs.extend(program(constraint.selection.when));
        touched.programs.extend(program(constraint.require));
        touched.programs.extend(program(constraint.submitted));
        if depth == 0 {
            let names = &model.field_names;
            let presets = constraint.presets.iter();
            touched
                .presets
                .extend(presets.map(|(field, operand)| (names.name(field.index()), operand)));
            touched.networks.extend(constraint.networks.as_deref());
            // It asks something of whoever it is for, and may bring what others ask.
            touch_roles(model, &constraint.selection.roles, false, touched);
            if !constraint.presets.is_empty() {
                touch_roles(model, &constraint.selection.roles, true, touched);
            }
        }
    }
    if depth >= crate::vocab::limits::PERMITTED_DEPTH_MAX {
        return;
    }
    let mut related = Vec::new();
    for condition in touched.programs.iter().skip(first) {
        permitted(&condition.program.root, &condition.path, &mut related);
    }
    for (collection, path) in related {
        touch(model, Some(collection), action, touched, &path, depth + 1);
    }
}

/// Holding a role helps if an allow, or a constraint that presets what others demand, is for it (`brings`). It also ends being
/// without roles: where another rule is for those who are, or for what that brings, any role helps.
fn touch_roles(model: &Model, roles: &Mask<Bits>, brings: bool, touched: &mut Touched<'_>) {
    let mut roleless = model
        .roles
        .roleless
        .iter()
        .filter_map(|role| model.roles.row(*role));
    match (roles, &mut touched.roles) {
        (Mask::Only(roles), Some(all)) if brings => all.union(roles),
        (Mask::Any | Mask::Except(_), _) if brings => touched.roles = None,
        (Mask::Only(roles), _) if !brings && roleless.any(|row| row.closure.intersects(roles)) => {
            touched.roles = None;
        }
        (Mask::Except(roles), _) if !brings && roleless.any(|row| !row.closure.is_within(roles)) => {
            touched.roles = None;
        }
        (Mask::Any | Mask::Only(_) | Mask::Except(_), _) => {}
    }
}

/// Adds the collections of which a condition counts only permitted items, each with the path to these items.
fn permitted<'q>(node: &'q Node, path: &[&'q str], found: &mut Vec<(CollectionId, Vec<&'q str>)>) {
    match node {
        Node::All(parts) | Node::Any(parts) => parts.iter().for_each(|part| permitted(part, path, found)),
        Node::Not(part) | Node::Coded(_, part) => permitted(part, path, found),
        Node::Neutral | Node::Leaf(_) => {}
        Node::Related(related) => {
            let steps = related.path.iter().map(AsRef::as_ref);
            let path: Vec<&'q str> = path.iter().copied().chain(steps).collect();
            permitted(&related.program.root, &path, found);
            found.extend(related.permitted.map(|collection| (collection, path)));
        }
    }
}

/// Visits every leaf, with the path to the list of related items that it is asked of.
fn each_leaf<'p>(node: &'p Node, prefix: &mut Vec<&'p str>, visit: &mut impl FnMut(&'p Leaf, &[&'p str])) {
    match node {
        Node::All(parts) | Node::Any(parts) => parts.iter().for_each(|part| each_leaf(part, prefix, visit)),
        Node::Not(part) | Node::Coded(_, part) => each_leaf(part, prefix, visit),
        Node::Neutral => {}
        Node::Related(related) => {
            let length = prefix.len();
            prefix.extend(related.path.iter().map(AsRef::as_ref));
            each_leaf(&related.program.root, prefix, visit);
            prefix.truncate(length);
        }
        Node::Leaf(leaf) => visit(leaf, prefix),
    }
}
