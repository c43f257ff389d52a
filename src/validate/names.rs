//! What is called what: the names of a policy, each kind in its own table.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::policy::collection::{Collection, Field};
use crate::policy::grant::Selection;
use crate::policy::role::{Implicit, Role, RoleKind};
use crate::policy::{Action, Policy, Selector};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::span::Spanned;
use crate::vocab::effect::{Effect, Operation};

use super::flow::{Flow, collect_states};
use super::reach::Facts;
use super::report::Report;

/// The names of a policy, and what stands behind them.
pub(super) struct Names<'p> {
    pub(super) policy: &'p Policy,
    pub(super) roles: FxHashMap<&'p str, &'p Role>,
    /// Implicit roles that exist under their own words, since no declared role stands for them.
    pub(super) implicit: Vec<&'static str>,
    groups: FxHashSet<&'p str>,
    /// Declared actions.
    actions: FxHashMap<&'p str, &'p Action>,
    /// Actions and collections that rules name positively; they are known if the profile declares none of their kind.
    named_actions: FxHashSet<&'p str>,
    named_collections: FxHashSet<&'p str>,
    collections: FxHashMap<&'p str, usize>,
    workflows: FxHashMap<&'p str, usize>,
    /// Declared collections, in order.
    pub(super) places: Vec<Place<'p>>,
    /// Workflows, in order.
    pub(super) flows: Vec<Flow<'p>>,
    /// The workflows that have a state of this name.
    pub(super) states: FxHashMap<&'p str, Vec<usize>>,
    /// Every field of any collection: one of those that are declared alike.
    pub(super) fields: FxHashMap<&'p str, Vec<&'p Field>>,
    /// The key fields of all collections, which need not be listed among their fields.
    pub(super) keys: FxHashSet<&'p str>,
    /// Roles that another role, a group or a known user brings.
    brought: FxHashSet<&'p str>,
    /// States that a grant names for items which are made.
    pub(super) creatable: FxHashSet<&'p str>,
    /// What holds for a rule that is about all collections.
    pub(super) everywhere: Facts,
}

/// A declared collection.
pub(super) struct Place<'p> {
    pub(super) collection: &'p Collection,
    /// The declared fields by name.
    pub(super) fields: FxHashMap<&'p str, &'p Field>,
    /// The workflow, if it exists.
    pub(super) flow: Option<usize>,
}

impl Place<'_> {
    /// Tells whether items of the collection have states at all.
    pub(super) fn has_states(&self) -> bool {
        self.collection.state_field.is_some() || self.collection.workflow.is_some()
    }

    /// Returns the name of the field that holds the key.
    pub(super) fn key(&self) -> &str {
        self.collection.key.as_ref().map_or("id", |key| &key.value)
    }
}

impl<'p> Names<'p> {
    /// Collects the names of a policy; of two equal ids the first counts.
    pub(super) fn new(policy: &'p Policy) -> Self {
        let mut workflows = FxHashMap::default();
        for (index, workflow) in policy.workflows.iter().enumerate() {
            workflows.entry(workflow.id.value.as_str()).or_insert(index);
        }
        let mut flows: Vec<Flow<'p>> = policy.workflows.iter().map(Flow::new).collect();
        let mut collections = FxHashMap::default();
        let mut places: Vec<Place<'p>> = Vec::with_capacity(policy.collections.len());
        for (index, collection) in policy.collections.iter().enumerate() {
            collections.entry(collection.id.value.as_str()).or_insert(index);
            let workflow = collection.workflow.as_ref();
            let flow = workflow.and_then(|id| workflows.get(id.value.as_str()).copied());
            if let Some(flow) = flow.and_then(|flow: usize| flows.get_mut(flow)) {
                flow.places.push(index);
            }
            places.push(Place {
                collection,
                fields: by_name(&collection.fields),
                flow,
            });
        }
        let mut names = Self {
            policy,
            roles: FxHashMap::default(),
            implicit: Vec::new(),
            groups: policy
                .groups
                .iter()
                .map(|group| group.id.value.as_str())
                .collect(),
            actions: policy
                .actions
                .iter()
                .rev()
                .map(|action| (action.id.value.as_str(), action))
                .collect(),
            named_actions: FxHashSet::default(),
            named_collections: FxHashSet::default(),
            collections,
            workflows,
            states: collect_states(&flows),
            fields: collect_fields(&places),
            keys: policy
                .collections
                .iter()
                .map(|each| each.key.as_ref().map_or("id", |key| &key.value))
                .collect(),
            brought: FxHashSet::default(),
            creatable: FxHashSet::default(),
            everywhere: Facts::default(),
            places,
            flows,
        };
        names.collect_roles();
        names.collect_brought();
        names.collect_named();
        names.collect_creatable();
        let everywhere = 0..names.places.len();
        names.everywhere = Facts::new(&names, everywhere, names.places.is_empty());
        names
    }

    fn collect_roles(&mut self) {
        for role in &self.policy.roles {
            self.roles.entry(&role.id.value).or_insert(role);
        }
        let taken: FxHashSet<Implicit> = self
            .policy
            .roles
            .iter()
            .filter_map(|role| role.implicit)
            .collect();
        let free = Implicit::ALL
            .into_iter()
            .filter(|implicit| !taken.contains(implicit));
        self.implicit = free
            .map(Implicit::name)
            .filter(|name| !self.roles.contains_key(name))
            .collect();
    }

    fn collect_brought(&mut self) {
        let policy = self.policy;
        let inherited = policy.roles.iter().flat_map(|role| &role.inherits);
        let of_groups = policy.groups.iter().flat_map(|group| &group.roles);
        let of_users = policy.users.iter().flat_map(|user| &user.roles);
        let brought = inherited.chain(of_groups).chain(of_users);
        let of_documents = policy.document_grants.kinds().flat_map(|kind| kind.roles());
        let of_documents = of_documents.map(|role| role.name);
        self.brought = brought
            .map(|name| name.value.as_str())
            .chain(of_documents)
            .collect();
    }

    fn collect_named(&mut self) {
        let policy = self.policy;
        let grants = policy.grants.iter().map(|grant| &grant.selection);
        for selection in grants.chain(policy.constraints.iter().map(|constraint| &constraint.selection)) {
            self.named_actions.extend(only(&selection.actions));
            self.named_collections.extend(only(&selection.collections));
        }
        for kind in policy.document_grants.kinds() {
            self.named_actions
                .extend(kind.actions().map(|action| action.name));
            self.named_collections.insert(kind.collection().name);
        }
        for transition in policy.workflows.iter().flat_map(|workflow| &workflow.transitions) {
            self.named_actions
                .extend(transition.actions.iter().map(|action| action.value.as_str()));
        }
    }

    fn collect_creatable(&mut self) {
        let allows = self
            .policy
            .grants
            .iter()
            .filter(|grant| grant.effect == Effect::Allow);
        let creates = allows.filter(|grant| match &grant.selection.actions {
            Selector::Any => true,
            Selector::Only(actions) => actions
                .iter()
                .any(|name| self.operation(&name.value) == Operation::Create),
            Selector::Except(actions) => actions
                .iter()
                .all(|name| self.operation(&name.value) != Operation::Create),
        });
        self.creatable = creates.flat_map(|grant| only(&grant.selection.states)).collect();
    }

    /// Tells whether the role exists.
    pub(super) fn has_role(&self, name: &str) -> bool {
        self.roles.contains_key(name) || self.implicit.contains(&name)
    }

    /// Tells whether the role is held implicitly in this way, and in no other.
    pub(super) fn is_only(&self, implicit: Implicit, name: &str) -> bool {
        let stands_for = match self.roles.get(name) {
            Some(role) => role.implicit == Some(implicit) && role.kind != RoleKind::Role,
            None => implicit.name() == name && self.implicit.contains(&name),
        };
        stands_for && !self.brought.contains(name)
    }

    /// Returns the index of a declared collection.
    pub(super) fn find_place(&self, name: &str) -> Option<usize> {
        self.collections.get(name).copied()
    }

    /// Returns the kind of work that an action does.
    pub(super) fn operation(&self, action: &str) -> Operation {
        match (self.actions.get(action), action) {
            // What happens inside of the item is nothing that is done to it.
            (Some(action), _) if action.inside => Operation::Other,
            (Some(action), _) => action.operation,
            (None, "create") => Operation::Create,
            (None, "read") => Operation::Read,
            (None, "update") => Operation::Update,
            (None, "delete") => Operation::Delete,
            (None, _) => Operation::Other,
        }
    }

    pub(super) fn check_role(&self, name: &Spanned<String>, report: &mut Report<'_>) {
        if !self.has_role(&name.value) {
            let known = self.roles.keys().chain(&self.implicit).copied();
            let message = format!("there is no role {}", quote(&name.value));
            report.unknown(Code::UnknownRole, message, name, known);
        }
    }

    pub(super) fn check_group(&self, name: &Spanned<String>, report: &mut Report<'_>) {
        if !self.groups.contains(name.value.as_str()) {
            let message = format!("there is no group {}", quote(&name.value));
            report.unknown(Code::UnknownGroup, message, name, self.groups.iter().copied());
        }
    }

    pub(super) fn check_workflow(&self, name: &Spanned<String>, report: &mut Report<'_>) {
        if !self.workflows.contains_key(name.value.as_str()) {
            let message = format!("there is no workflow {}", quote(&name.value));
            report.unknown(
                Code::UnknownWorkflow,
                message,
                name,
                self.workflows.keys().copied(),
            );
        }
    }

    pub(super) fn check_action(&self, name: &Spanned<String>, report: &mut Report<'_>) {
        if self.actions.is_empty() {
            report.check_id("action", name);
        } else if !self.actions.contains_key(name.value.as_str()) {
            let message = format!("there is no action {}", quote(&name.value));
            report.unknown(Code::UnknownAction, message, name, self.actions.keys().copied());
        }
    }

    pub(super) fn check_collection(&self, name: &Spanned<String>, report: &mut Report<'_>) {
        if self.places.is_empty() {
            report.check_text("collection", name);
        } else if !self.collections.contains_key(name.value.as_str()) {
            let message = format!("there is no collection {}", quote(&name.value));
            report.unknown(
                Code::UnknownCollection,
                message,
                name,
                self.collections.keys().copied(),
            );
        }
    }

    /// Checks the names that a rule uses for roles, collections and actions.
    pub(super) fn check_selection(&self, selection: &Selection, report: &mut Report<'_>) {
        for role in selection.roles.names() {
            self.check_role(role, report);
        }
        for collection in selection.collections.names() {
            self.check_collection(collection, report);
        }
        for action in selection.actions.names() {
            self.check_action(action, report);
        }
        if self.places.is_empty() {
            check_except(
                Code::UnknownCollection,
                "collection",
                &selection.collections,
                &self.named_collections,
                report,
            );
        }
        if self.actions.is_empty() {
            check_except(
                Code::UnknownAction,
                "action",
                &selection.actions,
                &self.named_actions,
                report,
            );
        }
    }
}

/// Checks that ids are there, can be printed, and are one thing's alone.
pub(super) fn validate_ids(names: &Names<'_>, report: &mut Report<'_>) {
    let policy = names.policy;
    let roles = || policy.roles.iter().map(|role| &role.id);
    let groups = || policy.groups.iter().map(|group| &group.id);
    let users = || policy.users.iter().map(|user| &user.id);
    let actions = || policy.actions.iter().map(|action| &action.id);
    let workflows = || policy.workflows.iter().map(|workflow| &workflow.id);
    let grants = || policy.grants.iter().filter_map(|grant| grant.id.as_ref());
    let constraints = || {
        policy
            .constraints
            .iter()
            .filter_map(|constraint| constraint.id.as_ref())
    };
    roles().for_each(|id| report.check_id("role", id));
    groups().for_each(|id| report.check_id("group", id));
    users().for_each(|id| report.check_id("user", id));
    actions().for_each(|id| report.check_id("action", id));
    workflows().for_each(|id| report.check_id("workflow", id));
    grants().for_each(|id| report.check_id("grant", id));
    constraints().for_each(|id| report.check_id("constraint", id));
    policy
        .collections
        .iter()
        .for_each(|collection| report.check_text("collection", &collection.id));
    policy
        .settings
        .anonymous_id
        .iter()
        .for_each(|id| report.check_id("anonymous user", id));
    report.check_unique("role", roles());
    report.check_unique("group", groups());
    report.check_unique("user", users());
    report.check_unique("action", actions());
    report.check_unique("workflow", workflows());
    report.check_unique("grant", grants());
    report.check_unique("constraint", constraints());
    report.check_unique(
        "collection",
        policy.collections.iter().map(|collection| &collection.id),
    );
}

fn only(selector: &Selector) -> impl Iterator<Item = &str> {
    let names = match selector {
        Selector::Only(names) => names.as_slice(),
        Selector::Any | Selector::Except(_) => &[],
    };
    names.iter().map(|name| name.value.as_str())
}

/// Warns of an exception that is spelt almost like a name which rules use: it would except nothing.
fn check_except(
    code: Code,
    kind: &str,
    selector: &Selector,
    named: &FxHashSet<&str>,
    report: &mut Report<'_>,
) {
    let Selector::Except(exceptions) = selector else {
        return;
    };
    for name in exceptions
        .iter()
        .filter(|name| !named.contains(name.value.as_str()))
    {
        if let Some(hint) = report.hint(&name.value, named.iter().copied()) {
            let message = format!(
                "no rule names {kind} {}, so excepting it changes nothing",
                quote(&name.value)
            );
            report.add(
                Diagnostic::new(code, name.span, message)
                    .severity(Severity::Warning)
                    .help(hint),
            );
        }
    }
}

fn by_name(fields: &[Field]) -> FxHashMap<&str, &Field> {
    fields
        .iter()
        .rev()
        .map(|field| (field.name.value.as_str(), field))
        .collect()
}

fn collect_fields<'p>(places: &[Place<'p>]) -> FxHashMap<&'p str, Vec<&'p Field>> {
    let mut fields: FxHashMap<&str, Vec<&Field>> = FxHashMap::default();
    for (name, field) in places.iter().flat_map(|place| &place.fields) {
        add_unlike(fields.entry(name).or_default(), field);
    }
    fields
}

/// Adds a field unless one that is declared alike is there.
pub(super) fn add_unlike<'p>(fields: &mut Vec<&'p Field>, field: &'p Field) {
    let relation = |field: &'p Field| {
        field
            .relation
            .as_ref()
            .map(|it| (it.collection.value.as_str(), it.many))
    };
    if !fields
        .iter()
        .any(|each| each.kind == field.kind && relation(each) == relation(field))
    {
        fields.push(field);
    }
}
