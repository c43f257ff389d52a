//! Prints a policy line by line, as the golden files hold it.

use std::fmt::Write;

use placet::policy::condition::{Condition, Left, Node, Operand, Variable};
use placet::policy::grant::{Held, Selection};
use placet::policy::workflow::Target;
use placet::policy::{Policy, Selector, Title};
use placet::source::diagnostic::Diagnostic;
use placet::source::file::SourceMap;
use placet::source::span::{Span, Spanned};
use placet::vocab::effect::Effect;

use super::Reading;

/// Prints what was read: complaints first, then the policy.
pub(crate) fn print(reading: &Reading) -> String {
    let Reading {
        map,
        policy,
        diagnostics,
    } = reading;
    let mut out = String::new();
    for diagnostic in diagnostics {
        writeln!(out, "{}", complaint(diagnostic, map)).unwrap();
    }
    let anonymous = policy
        .settings
        .anonymous_id
        .as_ref()
        .map_or("", |id| id.value.as_str());
    writeln!(
        out,
        "anonymous is {anonymous}; absent is {}",
        if policy.settings.absent_is_null {
            "null"
        } else {
            "open"
        }
    )
    .unwrap();
    for role in &policy.roles {
        let implicit = role
            .implicit
            .map_or(String::new(), |implicit| format!(" = {}", implicit.name()));
        let declared = if role.declared { "" } else { " (undeclared)" };
        writeln!(
            out,
            "role {}{}{implicit}{declared}",
            role.id.value,
            title(&role.title)
        )
        .unwrap();
    }
    print_people(policy, &mut out);
    print_collections(policy, &mut out);
    print_workflows(reading, &mut out);
    print_rules(reading, &mut out);
    out
}

fn print_people(policy: &Policy, out: &mut String) {
    for group in &policy.groups {
        writeln!(
            out,
            "group {}{}: {}",
            group.id.value,
            title(&group.title),
            names(&group.roles)
        )
        .unwrap();
    }
    for user in &policy.users {
        writeln!(
            out,
            "user {}: {} in {}",
            user.id.value,
            names(&user.roles),
            names(&user.groups)
        )
        .unwrap();
    }
}

fn print_collections(policy: &Policy, out: &mut String) {
    for action in &policy.actions {
        let listed = action
            .listed_by
            .as_ref()
            .map_or(String::new(), |by| format!(", listings ask {}", by.value));
        let inside = if action.inside { " inside" } else { "" };
        let operation = format!("{}{inside}", action.operation.name());
        writeln!(
            out,
            "action {}{} {operation}{listed}",
            action.id.value,
            title(&action.title)
        )
        .unwrap();
    }
    for kind in &policy.collections {
        let workflow = kind
            .workflow
            .as_ref()
            .map_or("none", |workflow| workflow.value.as_str());
        let fields: Vec<_> = kind
            .fields
            .iter()
            .map(|field| field.name.value.as_str())
            .collect();
        writeln!(
            out,
            "collection {}{} workflow {workflow}",
            kind.id.value,
            title(&kind.title)
        )
        .unwrap();
        writeln!(out, "  fields {}", fields.join(", ")).unwrap();
    }
}

fn print_rules(reading: &Reading, out: &mut String) {
    let Reading { map, policy, .. } = reading;
    for grant in &policy.grants {
        let effect = if grant.effect == Effect::Allow {
            "allow"
        } else {
            "deny"
        };
        let fields = match &grant.fields {
            Selector::Any => String::new(),
            Selector::Only(_) | Selector::Except(_) => format!(" fields {}", selector(&grant.fields)),
        };
        writeln!(
            out,
            "{effect}{}{fields} [{}]",
            selection(&grant.selection),
            place(grant.origin, map)
        )
        .unwrap();
    }
    for constraint in &policy.constraints {
        let require = constraint.require.as_ref().map_or(String::new(), condition);
        let origin = place(constraint.origin, map);
        writeln!(
            out,
            "require{} {require} [{origin}]",
            selection(&constraint.selection)
        )
        .unwrap();
    }
}

/// Prints one complaint: severity, code, place, what is underlined, message.
pub(crate) fn complaint(diagnostic: &Diagnostic, map: &SourceMap) -> String {
    let text = map
        .slice(diagnostic.span)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let text: String = text.chars().take(40).collect();
    format!(
        "{} {} {} ⟨{text}⟩ {}",
        diagnostic.severity.name(),
        diagnostic.code.name(),
        place(diagnostic.span, map),
        diagnostic.message
    )
}

fn print_workflows(reading: &Reading, out: &mut String) {
    for workflow in &reading.policy.workflows {
        let initial = workflow
            .initial_state
            .as_ref()
            .map_or("nowhere", |state| state.value.as_str());
        writeln!(
            out,
            "workflow {}{} starts {initial}",
            workflow.id.value,
            title(&workflow.title)
        )
        .unwrap();
        for state in &workflow.states {
            let offers = names(&state.transitions);
            writeln!(
                out,
                "  state {}{} offers {offers}",
                state.id.value,
                title(&state.title)
            )
            .unwrap();
        }
        for transition in &workflow.transitions {
            let to = match &transition.to {
                Target::State(state) => state.value.as_str(),
                Target::Map(_) => "a map",
                Target::Unknown => "somewhere",
            };
            let from = transition
                .from
                .as_ref()
                .map_or("where it is offered".to_owned(), selector);
            let listed = if transition.listed { "" } else { " unlisted" };
            let (id, asks) = (&transition.id.value, names(&transition.actions));
            writeln!(
                out,
                "  transition {id}{} to {to} from {from} asks {asks}{listed}",
                title(&transition.title)
            )
            .unwrap();
        }
    }
}

fn selection(selection: &Selection) -> String {
    let mut text = String::new();
    let parts = [
        ("roles", &selection.roles),
        ("collections", &selection.collections),
        ("actions", &selection.actions),
        ("states", &selection.states),
    ];
    for (name, part) in parts {
        if *part != Selector::Any {
            write!(text, " {name} {}", selector(part)).unwrap();
        }
    }
    match selection.held {
        Held::Anywhere => {}
        Held::Site => text.push_str(" held site"),
        Held::Shared => text.push_str(" held shared"),
        Held::Aside => text.push_str(" held aside"),
    }
    assert!(
        selection.to_states.is_none() && selection.when.is_none(),
        "the listing does not print these"
    );
    text
}

fn selector(selector: &Selector) -> String {
    match selector {
        Selector::Any => "any".to_owned(),
        Selector::Only(list) => names(list),
        Selector::Except(list) => format!("except {}", names(list)),
    }
}

fn condition(condition: &Condition) -> String {
    match &condition.node {
        Node::Any(parts) => parts.iter().map(self::condition).collect::<Vec<_>>().join(" or "),
        Node::Leaf(leaf) => {
            let Left::Fact(Variable::Context(path)) = &leaf.left else {
                panic!("{leaf:?}")
            };
            let right = match &leaf.right {
                Operand::List(values) => {
                    let values: Vec<_> = values.iter().map(|value| format!("{value:?}")).collect();
                    let value = |text: &String| text.split('"').nth(1).unwrap().to_owned();
                    format!("({})", values.iter().map(value).collect::<Vec<_>>().join(", "))
                }
                Operand::Value(_) | Operand::Variable(_) => String::new(),
            };
            format!("$CONTEXT.{} {}{right}", path.join("."), leaf.operator.name())
        }
        Node::All(_) | Node::Not(_) | Node::Coded(_) | Node::Neutral | Node::Related(_) => {
            panic!("{condition:?}")
        }
    }
}

fn title(title: &Title) -> String {
    title
        .text
        .as_ref()
        .map_or(String::new(), |text| format!(" {text:?}"))
}

fn names(names: &[Spanned<String>]) -> String {
    let names: Vec<_> = names.iter().map(|name| name.value.as_str()).collect();
    format!("({})", names.join(", "))
}

fn place(span: Span, map: &SourceMap) -> String {
    format!("{}:{}", map.path(span.file), map.position(span))
}
