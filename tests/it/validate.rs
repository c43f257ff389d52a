//! Policies that are too large, too deep or too wrong to stand in a file of the corpus.

use placet::policy::Policy;
use placet::policy::Selector;
use placet::policy::condition::{Condition, Leaf, Left, Node, Operand};
use placet::policy::grant::{Grant, Selection};
use placet::policy::role::Role;
use placet::source::code::Code;
use placet::source::diagnostic::Diagnostic;
use placet::source::span::{FileId, Span, Spanned};
use placet::validate::validate;
use placet::vocab::effect::Effect;
use placet::vocab::limits::{CONDITION_DEPTH_MAX, CONDITION_NODES_MAX, ROLES_MAX};
use placet::vocab::operator::Operator;
use placet::vocab::value::Value;

#[test]
fn an_empty_policy_is_valid() {
    let mut diagnostics = Vec::new();
    let valid = validate(Policy::default(), &mut diagnostics).unwrap();
    assert!(valid.policy().grants.is_empty());
    assert_eq!(diagnostics, []);
}

#[test]
fn an_error_of_the_reader_makes_the_policy_invalid() {
    let mut diagnostics = vec![Diagnostic::new(
        Code::UnknownKey,
        at(0),
        "the key `x` means nothing",
    )];
    assert!(validate(Policy::default(), &mut diagnostics).is_none());
    assert_eq!(diagnostics.len(), 1);
}

#[test]
fn a_profile_has_at_most_so_many_roles() {
    let roles = |count| {
        (0..count)
            .map(|number| role(&format!("role {number}"), number))
            .collect()
    };
    let full = Policy {
        roles: roles(ROLES_MAX),
        ..Policy::default()
    };
    let mut diagnostics = Vec::new();
    assert!(validate(full, &mut diagnostics).is_some(), "{diagnostics:?}");
    let overfull = Policy {
        roles: roles(ROLES_MAX + 2),
        ..Policy::default()
    };
    assert!(validate(overfull, &mut diagnostics).is_none());
    let message = format!("the profile has {} roles, more than {ROLES_MAX}", ROLES_MAX + 2);
    assert_eq!(
        diagnostics,
        [Diagnostic::new(Code::TooManyRules, at(ROLES_MAX), message)]
    );
}

#[test]
fn a_chain_of_inheritance_may_be_as_long_as_there_are_roles() {
    let mut roles: Vec<Role> = (0..ROLES_MAX)
        .map(|number| role(&format!("{number}"), number))
        .collect();
    for (number, role) in roles.iter_mut().enumerate().skip(1) {
        role.inherits = vec![name(&format!("{}", number - 1))];
    }
    let mut closed = roles.clone();
    closed[0].inherits = vec![name(&format!("{}", ROLES_MAX - 1))];
    let mut diagnostics = Vec::new();
    assert!(
        validate(
            Policy {
                roles,
                ..Policy::default()
            },
            &mut diagnostics
        )
        .is_some()
    );
    assert!(
        validate(
            Policy {
                roles: closed,
                ..Policy::default()
            },
            &mut diagnostics
        )
        .is_none()
    );
    let codes: Vec<Code> = diagnostics.iter().map(|each| each.code).collect();
    assert_eq!(codes, [Code::Cycle]);
}

#[test]
fn conditions_have_a_depth() {
    let nest = |depth| (0..depth).fold(leaf(), |inner, _| condition(Node::Not(Box::new(inner))));
    assert_eq!(complaints(nest(CONDITION_DEPTH_MAX)), []);
    assert_eq!(complaints(nest(CONDITION_DEPTH_MAX + 1)), [Code::NestedTooDeep]);
}

#[test]
fn conditions_have_a_size() {
    let any = |count| condition(Node::Any((1..count).map(|_| leaf()).collect()));
    assert_eq!(complaints(any(CONDITION_NODES_MAX)), []);
    assert_eq!(complaints(any(CONDITION_NODES_MAX + 1)), [Code::TooManyRules]);
    assert_eq!(complaints(condition(Node::Any(Vec::new()))), [Code::EmptyGroup]);
}

#[test]
fn each_of_many_wrong_names_is_reported_and_only_some_get_a_hint() {
    let roles: Vec<Role> = (0..1000)
        .map(|number| role(&format!("role {number}"), number))
        .collect();
    let grants = (0..2000)
        .map(|number| grant(&[&format!("rolle {number}")], None, number))
        .collect();
    let mut diagnostics = Vec::new();
    assert!(
        validate(
            Policy {
                roles,
                grants,
                ..Policy::default()
            },
            &mut diagnostics
        )
        .is_none()
    );
    assert_eq!(diagnostics.len(), 2000);
    assert!(diagnostics.iter().all(|each| each.code == Code::UnknownRole));
    assert_eq!(diagnostics[0].help.as_deref(), Some("did you mean `role 0`?"));
    assert_eq!(diagnostics[1999].help, None);
}

fn complaints(when: Condition) -> Vec<Code> {
    let grants = vec![grant(&["everyone"], Some(when), 0)];
    let mut diagnostics = Vec::new();
    let valid = validate(
        Policy {
            grants,
            ..Policy::default()
        },
        &mut diagnostics,
    );
    assert_eq!(valid.is_some(), diagnostics.is_empty());
    diagnostics.iter().map(|each| each.code).collect()
}

fn at(place: usize) -> Span {
    let place = u32::try_from(place).unwrap();
    Span::new(FileId::new(0), place, place + 1)
}

fn name(text: &str) -> Spanned<String> {
    Spanned::new(text.to_owned(), at(0))
}

fn role(id: &str, place: usize) -> Role {
    Role::new(Spanned::new(id.to_owned(), at(place)), at(place))
}

fn grant(roles: &[&str], when: Option<Condition>, place: usize) -> Grant {
    let roles = Selector::Only(roles.iter().copied().map(name).collect());
    let actions = Selector::Only(vec![name("read")]);
    let selection = Selection {
        roles,
        actions,
        when,
        ..Selection::default()
    };
    Grant::new(Effect::Allow, selection, Selector::Any, at(place))
}

fn condition(node: Node) -> Condition {
    Condition { node, span: at(0) }
}

fn leaf() -> Condition {
    let right = Operand::Value(Value::Text("draft".into()));
    let left = Left::Field(vec![name("status")]);
    condition(Node::Leaf(Leaf {
        left,
        function: None,
        operator: Operator::Eq,
        right,
    }))
}
