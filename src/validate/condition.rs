//! Conditions: whether the fields exist, and whether what is compared can be compared.

use crate::policy::condition::{Condition, Leaf, Left, Node, Operand, Related, Variable};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::span::Spanned;
use crate::vocab::limits::{CONDITION_DEPTH_MAX, CONDITION_NODES_MAX};
use crate::vocab::operator::{FieldType, Operator};
use crate::vocab::value::Value;

use super::names::Names;
use super::operand::find_problem;
use super::path::{Resolved, check_path, related};
use super::reach::Reach;
use super::report::Report;
use super::subject::{Subject, name_variable};

/// Checks a condition of a rule; complaints about fields and operands are no more severe than `severity`.
pub(super) fn check_condition(
    names: &Names<'_>,
    reach: &Reach,
    condition: &Condition,
    severity: Severity,
    report: &mut Report<'_>,
) {
    let mut walk = Walk {
        names,
        severity,
        nodes: 0,
        report,
    };
    walk.check(condition, reach, 0);
    if walk.nodes > CONDITION_NODES_MAX {
        let message = format!(
            "the condition has {} parts, more than {CONDITION_NODES_MAX}",
            walk.nodes
        );
        walk.report
            .add(Diagnostic::new(Code::TooManyRules, condition.span, message));
    }
}

struct Walk<'w, 'p, 'd> {
    names: &'w Names<'p>,
    severity: Severity,
    nodes: usize,
    report: &'w mut Report<'d>,
}

impl Walk<'_, '_, '_> {
    fn check(&mut self, condition: &Condition, reach: &Reach, depth: usize) {
        self.nodes = self.nodes.saturating_add(1);
        if depth > CONDITION_DEPTH_MAX {
            let message = format!("conditions lie in each other deeper than {CONDITION_DEPTH_MAX}");
            self.report
                .add(Diagnostic::new(Code::NestedTooDeep, condition.span, message));
            return;
        }
        match &condition.node {
            Node::All(parts) | Node::Any(parts) => {
                if parts.is_empty() {
                    let message = "the group of conditions is empty";
                    self.report
                        .add(Diagnostic::new(Code::EmptyGroup, condition.span, message));
                }
                parts.iter().for_each(|part| self.check(part, reach, depth + 1));
            }
            Node::Not(inner) => self.check(inner, reach, depth + 1),
            Node::Coded(coded) => self.check(&coded.condition, reach, depth + 1),
            Node::Neutral => {}
            Node::Related(about) => self.check_related(about, reach, depth),
            Node::Leaf(leaf) => self.check_leaf(condition, leaf, reach),
        }
    }

    fn check_related(&mut self, about: &Related, reach: &Reach, depth: usize) {
        let open = || Reach::of_places(Vec::new(), true);
        let inner = match check_path(self.names, reach, &about.path, self.severity, self.report) {
            Resolved::Nowhere => open(),
            Resolved::Open => {
                self.demand_relation(about, about.permitted);
                open()
            }
            Resolved::Fields(fields) => {
                let lists = fields.iter().any(|field| match (&field.relation, field.kind) {
                    (Some(relation), _) => relation.many,
                    (None, kind) => {
                        !about.permitted && matches!(kind, None | Some(FieldType::Json | FieldType::Alias))
                    }
                });
                self.demand_relation(about, !lists);
                related(self.names, &fields).unwrap_or_else(open)
            }
        };
        self.check(&about.condition, &inner, depth + 1);
    }

    /// Reports a quantifier over a field that is no list of related items.
    fn demand_relation(&mut self, about: &Related, lacking: bool) {
        let Some(field) = about.path.last().filter(|_| lacking) else {
            return;
        };
        let word = match (about.none, about.permitted) {
            (false, false) => "_some",
            (true, false) => "_none",
            (false, true) => "_some_permitted",
            (true, true) => "_none_permitted",
        };
        let message = format!(
            "`{word}` needs a list of related items, and {} is none",
            quote(&field.value)
        );
        let help = "declare the field with `relation` and `many`";
        let diagnostic = Diagnostic::new(Code::NoRelation, field.span, message).help(help);
        self.report.add(diagnostic.severity(self.severity));
    }

    fn check_leaf(&mut self, condition: &Condition, leaf: &Leaf, reach: &Reach) {
        let subjects = match &leaf.left {
            Left::Field(path) => match check_path(self.names, reach, path, self.severity, self.report) {
                Resolved::Nowhere => return,
                Resolved::Open => vec![Subject::unknown(path)],
                Resolved::Fields(fields) => fields
                    .iter()
                    .map(|field| Subject::of_field(self.names, path, field))
                    .collect(),
            },
            Left::Fact(fact) => {
                self.check_role_names(condition, leaf, fact);
                vec![Subject::of_fact(fact)]
            }
        };
        // A rule about several collections may be meant for those in which the field is of the right type.
        let mut problems = subjects.iter().map(|subject| find_problem(subject, leaf));
        let first = problems.next().flatten();
        if let Some(problem) = first.filter(|_| problems.all(|problem| problem.is_some())) {
            let severity = problem.severity.min(self.severity);
            let diagnostic =
                Diagnostic::new(problem.code, condition.span, problem.message).severity(severity);
            self.report.add(Diagnostic {
                help: problem.help,
                ..diagnostic
            });
        }
    }

    /// Checks the roles with which a role of the subject is compared.
    fn check_role_names(&mut self, condition: &Condition, leaf: &Leaf, fact: &Variable) {
        let asks_role = match fact {
            Variable::CurrentRole(path) | Variable::CurrentRoles(path) | Variable::CurrentPolicies(path) => {
                path.is_empty()
            }
            Variable::Now(_) | Variable::CurrentUser(_) | Variable::Context(_) => false,
            Variable::Owner(_) | Variable::Item => false,
        };
        let compares = matches!(
            leaf.operator,
            Operator::Eq
                | Operator::Neq
                | Operator::Is
                | Operator::In
                | Operator::Nin
                | Operator::Contains
                | Operator::Ncontains
        );
        if !(asks_role && compares) {
            return;
        }
        for role in literal_texts(&leaf.right)
            .into_iter()
            .filter(|role| !self.names.has_role(role))
        {
            let known = self.names.roles.keys().chain(&self.names.implicit).copied();
            let message = format!(
                "there is no role {}, with which {} is compared",
                quote(role),
                quote(&name_variable(fact))
            );
            let name = Spanned::new(role.to_owned(), condition.span);
            self.report.unknown(Code::UnknownRole, message, &name, known);
        }
    }
}

fn literal_texts(operand: &Operand) -> Vec<&str> {
    match operand {
        Operand::Value(Value::Text(text)) => vec![text],
        Operand::Value(Value::List(values)) => {
            let texts = values.iter().filter_map(|value| {
                if let Value::Text(text) = value {
                    Some(text)
                } else {
                    None
                }
            });
            texts.map(AsRef::as_ref).collect()
        }
        Operand::Value(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => Vec::new(),
        Operand::Variable(_) => Vec::new(),
        Operand::List(parts) => parts.iter().flat_map(literal_texts).collect(),
    }
}
