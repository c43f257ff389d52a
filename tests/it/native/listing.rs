//! Prints a policy as compact text, one line a thing, without places: what a golden file holds.
//!
//! Every type is taken apart in full, so that a new field cannot be forgotten here.

use std::fmt::Write;

use placet::policy::collection::{Collection, Field, OwnerFact};
use placet::policy::condition::{Coded, Condition, Leaf, Left, Node, Operand, OwnerPart, Related, Variable};
use placet::policy::document::DocumentGrant;
use placet::policy::grant::{Constraint, Grant, Selection, TargetStates};
use placet::policy::role::{Group, Role, User, Within};
use placet::policy::workflow::{ApprovalRule, State, Target, Transition, Workflow};
use placet::policy::{Action, Codes, Policy, Selector, Settings, Title};
use placet::source::span::Spanned;
use placet::vocab::value::{Object, Value};

pub(crate) fn print_policy(policy: &Policy) -> String {
    let Policy {
        settings,
        roles,
        groups,
        users,
        actions,
        collections,
        grants,
        constraints,
        workflows,
        document_grants,
    } = policy;
    let Settings {
        absent_is_null,
        anonymous_id,
        codes,
    } = settings;
    let mut out = Lines::default();
    out.line(
        "settings",
        &[
            ("absent_is_null", flag(*absent_is_null)),
            ("anonymous_id", anonymous_id.as_ref().map(quoted)),
            ("codes", (!codes.is_empty()).then(|| format!("{codes:?}"))),
        ],
    );
    roles.iter().for_each(|each| print_role(each, &mut out));
    print_people(groups, users, &mut out);
    actions.iter().for_each(|each| print_action(each, &mut out));
    collections
        .iter()
        .for_each(|each| print_collection(each, &mut out));
    grants.iter().for_each(|each| print_grant(each, &mut out));
    constraints
        .iter()
        .for_each(|each| print_constraint(each, &mut out));
    workflows.iter().for_each(|each| print_workflow(each, &mut out));
    for grant in document_grants.iter() {
        let DocumentGrant {
            collection,
            document,
            actions,
            roles,
            users,
            groups,
            descendants,
            origin: _,
        } = &grant;
        let head = format!("document {} {}", quoted(collection), quoted(document));
        out.line(
            &head,
            &[
                ("actions", names(actions)),
                ("roles", names(roles)),
                ("users", names(users)),
                ("groups", names(groups)),
                ("descendants", descendants.then(String::new)),
            ],
        );
    }
    out.text
}

pub(super) fn print_condition(Condition { node, span: _ }: &Condition) -> String {
    let list = |conditions: &[Condition]| {
        let texts: Vec<_> = conditions.iter().map(print_condition).collect();
        texts.join(", ")
    };
    match node {
        Node::All(parts) => format!("all({})", list(parts)),
        Node::Any(parts) => format!("any({})", list(parts)),
        Node::Not(inner) => format!("not({})", print_condition(inner)),
        Node::Neutral => "neutral".to_owned(),
        Node::Coded(Coded { code, condition }) => {
            format!("coded {} ({})", quoted(code), print_condition(condition))
        }
        Node::Related(Related {
            path,
            none,
            permitted,
            condition,
        }) => {
            let word = if *none { "none" } else { "some" };
            let permitted = if *permitted { "_permitted" } else { "" };
            format!(
                "{word}{permitted} {} ({})",
                dotted(path),
                print_condition(condition)
            )
        }
        Node::Leaf(Leaf {
            left,
            function,
            operator,
            right,
        }) => {
            let left = match left {
                Left::Field(path) => dotted(path),
                Left::Fact(fact) => print_variable(fact),
            };
            let left = function.map_or(left.clone(), |function| format!("{}({left})", function.name()));
            format!("{left} {} {}", operator.name(), print_operand(right))
        }
    }
}

#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    /// Writes a thing and whatever of it is not as usual.
    fn line(&mut self, head: &str, fields: &[(&str, Option<String>)]) {
        self.text.push_str(head);
        for (name, value) in fields {
            match value.as_deref() {
                None => {}
                Some("") => write!(self.text, " · {name}").unwrap(),
                Some(value) => write!(self.text, " · {name} {value}").unwrap(),
            }
        }
        self.text.push('\n');
    }
}

fn print_people(groups: &[Group], users: &[User], out: &mut Lines) {
    for Group {
        id,
        title,
        roles,
        context,
        origin: _,
    } in groups
    {
        let within = |within: &Within| {
            let values = names(&within.values).unwrap_or_default();
            format!("{} in {values}", quoted(&within.attribute))
        };
        let context: Vec<String> = context.iter().map(within).collect();
        out.line(
            &format!("group {}", quoted(id)),
            &[
                ("title", print_title(title)),
                ("roles", names(roles)),
                ("context", (!context.is_empty()).then(|| context.join(", "))),
            ],
        );
    }
    for User {
        id,
        roles,
        groups,
        origin: _,
    } in users
    {
        out.line(
            &format!("user {}", quoted(id)),
            &[("roles", names(roles)), ("groups", names(groups))],
        );
    }
}

fn print_action(action: &Action, out: &mut Lines) {
    let Action {
        id,
        title,
        operation,
        inside,
        listed_by,
        codes: Codes { by_reason, any_item },
        origin: _,
    } = action;
    let fields = [
        ("title", print_title(title)),
        ("inside", inside.then(|| "true".to_owned())),
        ("listed_by", listed_by.as_ref().map(quoted)),
        ("codes", (!by_reason.is_empty()).then(|| format!("{by_reason:?}"))),
        (
            "any_item_codes",
            (!any_item.is_empty()).then(|| format!("{any_item:?}")),
        ),
    ];
    out.line(&format!("action {} {}", quoted(id), operation.name()), &fields);
}

fn print_role(role: &Role, out: &mut Lines) {
    let Role {
        id,
        title,
        inherits,
        attributes,
        networks,
        kind,
        administrator,
        implicit,
        declared,
        origin: _,
    } = role;
    out.line(
        &format!("role {} {kind:?}", quoted(id)),
        &[
            ("title", print_title(title)),
            ("inherits", names(inherits)),
            (
                "attributes",
                (!attributes.is_empty()).then(|| print_object(attributes)),
            ),
            (
                "networks",
                networks.as_ref().map(|networks| networks.len().to_string()),
            ),
            ("administrator", unless_default(administrator)),
            ("implicit", implicit.map(|implicit| format!("{implicit:?}"))),
            ("undeclared", flag(!declared)),
        ],
    );
}

fn print_collection(collection: &Collection, out: &mut Lines) {
    let Collection {
        id,
        title,
        table,
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
    let owner = owner.as_ref().map(|OwnerFact { field, roles }| {
        let roles = roles
            .as_ref()
            .map(|path| format!(" roles {}", dotted(path)))
            .unwrap_or_default();
        format!("{}{roles}", field.value)
    });
    let field = |field: &Field| {
        let Field {
            name,
            column,
            kind,
            relation,
        } = field;
        let kind = kind.map(|kind| format!(": {}", kind.name())).unwrap_or_default();
        let relation = relation.as_ref().map(|to| {
            let via = to.foreign_key.as_ref().map(|key| format!(" via {}", key.value));
            let many = if to.many { "[]" } else { "" };
            format!(" -> {}{many}{}", to.collection.value, via.unwrap_or_default())
        });
        let column = column.as_ref().map(|column| format!(" in {}", column.value));
        format!(
            "{}{kind}{}{}",
            name.value,
            relation.unwrap_or_default(),
            column.unwrap_or_default()
        )
    };
    let others = (!lists_fields && !fields.is_empty()).then(|| "others".to_owned());
    let listed: Vec<String> = fields.iter().map(field).chain(others).collect();
    let fields = (*lists_fields || !listed.is_empty()).then(|| listed.join(", "));
    out.line(
        &format!("collection {}", quoted(id)),
        &[
            ("title", print_title(title)),
            ("table", table.as_ref().map(quoted)),
            ("state_field", state_field.as_ref().map(quoted)),
            ("initial_state", initial_state.as_ref().map(quoted)),
            ("owner", owner),
            ("workflow", workflow.as_ref().map(quoted)),
            ("key", key.as_ref().map(quoted)),
            ("fields", fields.map(|fields| format!("[{fields}]"))),
            ("unreadable", unless_default(unreadable)),
            ("unwritable", unless_default(unwritable)),
            ("filtering", unless_default(filtering)),
        ],
    );
}

fn print_grant(grant: &Grant, out: &mut Lines) {
    let Grant {
        id,
        effect,
        selection,
        validate,
        fields,
        explain,
        networks,
        broken,
        code,
        origin: _,
    } = grant;
    let mut parts = print_selection(selection);
    parts.extend([
        ("validate", validate.as_ref().map(print_condition)),
        ("fields", print_selector(fields)),
        ("explain", flag(*explain)),
        (
            "networks",
            networks.as_ref().map(|networks| networks.len().to_string()),
        ),
        ("broken", broken.clone()),
        ("code", code.clone()),
    ]);
    let id = id
        .as_ref()
        .map(|id| format!(" {}", quoted(id)))
        .unwrap_or_default();
    out.line(&format!("{}{id}", format!("{effect:?}").to_lowercase()), &parts);
}

fn print_constraint(constraint: &Constraint, out: &mut Lines) {
    let Constraint {
        id,
        selection,
        require,
        submitted,
        networks,
        presets,
        code,
        origin: _,
    } = constraint;
    let preset = |(field, operand): &(Spanned<String>, Operand)| {
        format!("{} = {}", field.value, print_operand(operand))
    };
    let presets = (!presets.is_empty()).then(|| presets.iter().map(preset).collect::<Vec<_>>().join(", "));
    let mut parts = print_selection(selection);
    parts.extend([
        ("require", require.as_ref().map(print_condition)),
        ("submitted", submitted.as_ref().map(print_condition)),
        (
            "networks",
            networks.as_ref().map(|networks| networks.len().to_string()),
        ),
        ("presets", presets),
        ("code", code.clone()),
    ]);
    let id = id
        .as_ref()
        .map(|id| format!(" {}", quoted(id)))
        .unwrap_or_default();
    out.line(&format!("constraint{id}"), &parts);
}

fn print_selection(selection: &Selection) -> Vec<(&'static str, Option<String>)> {
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
    let to_states = to_states.as_ref().map(|TargetStates { selector, same }| {
        let same = if *same { " and same" } else { "" };
        format!("{}{same}", print_selector(selector).unwrap())
    });
    vec![
        ("roles", print_selector(roles)),
        ("held", unless_default(held)),
        ("collections", print_selector(collections)),
        ("actions", print_selector(actions)),
        ("states", print_selector(states)),
        ("to_states", to_states),
        ("scope", unless_default(scope)),
        ("when", when.as_ref().map(print_condition)),
    ]
}

fn print_workflow(workflow: &Workflow, out: &mut Lines) {
    let Workflow {
        id,
        title,
        description,
        initial_state,
        closed,
        states,
        transitions,
        origin: _,
    } = workflow;
    out.line(
        &format!("workflow {}", quoted(id)),
        &[
            ("title", print_title(title)),
            ("description", print_title(description)),
            ("initial_state", initial_state.as_ref().map(quoted)),
            ("open", flag(!closed)),
        ],
    );
    for State {
        id,
        title,
        description,
        transitions,
        origin: _,
    } in states
    {
        out.line(
            &format!("  state {}", quoted(id)),
            &[
                ("title", print_title(title)),
                ("description", print_title(description)),
                ("offers", names(transitions)),
            ],
        );
    }
    transitions.iter().for_each(|each| print_transition(each, out));
}

fn print_transition(transition: &Transition, out: &mut Lines) {
    let Transition {
        id,
        title,
        description,
        to,
        actions,
        from,
        listed,
        when,
        explain,
        opens,
        closes,
        approvals,
        origin: _,
    } = transition;
    let to = match to {
        Target::State(state) => quoted(state),
        Target::Map(pairs) => {
            let pair =
                |(from, to): &(Spanned<String>, Spanned<String>)| format!("{} > {}", from.value, to.value);
            format!("[{}]", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        Target::Unknown => "unknown".to_owned(),
    };
    out.line(
        &format!("  transition {}", quoted(id)),
        &[
            ("title", print_title(title)),
            ("description", print_title(description)),
            ("to", Some(to)),
            ("actions", names(actions)),
            (
                "from",
                from.as_ref()
                    .map(|from| print_selector(from).unwrap_or_else(|| "any".to_owned())),
            ),
            ("unlisted", flag(!listed)),
            ("when", when.as_ref().map(print_condition)),
            ("explain", flag(*explain)),
            ("opens", opens.map(|instant| instant.to_string())),
            ("closes", closes.map(|instant| instant.to_string())),
        ],
    );
    for ApprovalRule {
        count,
        roles,
        users,
        content_bound,
        origin: _,
    } in approvals
    {
        let parts = [
            ("roles", names(roles)),
            ("users", names(users)),
            ("content_bound", flag(*content_bound)),
        ];
        out.line(&format!("    approval {count}"), &parts);
    }
}

fn print_operand(operand: &Operand) -> String {
    match operand {
        Operand::Value(value) => print_value(value),
        Operand::Variable(variable) => print_variable(variable),
        Operand::List(operands) => {
            format!(
                "[{}]",
                operands.iter().map(print_operand).collect::<Vec<_>>().join(", ")
            )
        }
    }
}

fn print_variable(variable: &Variable) -> String {
    let path = |head: &str, path: &[String]| {
        std::iter::once(head)
            .chain(path.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(".")
    };
    match variable {
        Variable::Now(None) => "$NOW".to_owned(),
        Variable::Now(Some(step)) => format!("$NOW({} {:?})", step.amount, step.unit),
        Variable::CurrentUser(steps) => path("$CURRENT_USER", steps),
        Variable::CurrentRole(steps) => path("$CURRENT_ROLE", steps),
        Variable::CurrentRoles(steps) => path("$CURRENT_ROLES", steps),
        Variable::CurrentPolicies(steps) => path("$CURRENT_POLICIES", steps),
        Variable::Context(steps) => path("$CONTEXT", steps),
        Variable::Owner(OwnerPart::Id) => "$OWNER.id".to_owned(),
        Variable::Owner(OwnerPart::Roles) => "$OWNER.roles".to_owned(),
        Variable::Item => "$ITEM".to_owned(),
    }
}

fn print_value(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::List(values) => format!(
            "[{}]",
            values.iter().map(print_value).collect::<Vec<_>>().join(", ")
        ),
        Value::Object(object) => print_object(object),
    }
}

fn print_object(object: &Object<'_>) -> String {
    let member = |(name, value)| format!("{name:?}: {}", print_value(value));
    format!("{{{}}}", object.iter().map(member).collect::<Vec<_>>().join(", "))
}

fn print_title(Title { text, locales }: &Title) -> Option<String> {
    let text = text.as_ref().map(|text| format!("{text:?}"))?;
    Some(if locales.is_empty() {
        text
    } else {
        format!("{text} {locales:?}")
    })
}

fn print_selector(selector: &Selector) -> Option<String> {
    match selector {
        Selector::Any => None,
        Selector::Only(only) => Some(bare(only)),
        Selector::Except(except) => Some(format!("except {}", bare(except))),
    }
}

fn bare(names: &[Spanned<String>]) -> String {
    let names: Vec<_> = names.iter().map(|name| name.value.as_str()).collect();
    format!("[{}]", names.join(", "))
}

fn names(names: &[Spanned<String>]) -> Option<String> {
    (!names.is_empty()).then(|| bare(names))
}

fn dotted(path: &[Spanned<String>]) -> String {
    path.iter()
        .map(|step| step.value.as_str())
        .collect::<Vec<_>>()
        .join(".")
}

fn quoted(name: &Spanned<String>) -> String {
    format!("{:?}", name.value)
}

fn flag(yes: bool) -> Option<String> {
    yes.then(String::new)
}

fn unless_default<T: Default + PartialEq + std::fmt::Debug>(value: &T) -> Option<String> {
    (*value != T::default()).then(|| format!("{value:?}").to_lowercase())
}
