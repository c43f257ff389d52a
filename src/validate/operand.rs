//! What can be compared with what.

use jiff::Timestamp;

use crate::policy::collection::Field;
use crate::policy::condition::{Leaf, Operand, OwnerPart, Variable};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::span::Spanned;
use crate::vocab::operator::{Function, Operand as Right, Operator};
use crate::vocab::time::{from_milliseconds, parse_instant, parse_time_of_day};
use crate::vocab::value::{Value, is_twin, number_text};

use super::names::Names;
use super::report::Report;
use super::subject::{Shape, Subject, name_variable};

/// Why a comparison can never be meant as it stands.
pub(super) struct Problem {
    pub(super) code: Code,
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// Says what is wrong with a comparison of this subject.
pub(super) fn find_problem(subject: &Subject, leaf: &Leaf) -> Option<Problem> {
    let applied;
    let subject = match leaf.function {
        None => subject,
        Some(function) => {
            let countable = function == Function::Count && subject.many;
            if !countable && !subject.shape.has(function) {
                let message = format!(
                    "`{}` is not for {}",
                    function.name(),
                    strip_comma(subject.described())
                );
                return Some(Problem::error(message, None));
            }
            let name = format!("{}({})", function.name(), subject.name);
            let (what, shape) = match function {
                Function::Joined => ("a text", Shape::Text),
                Function::Year
                | Function::Month
                | Function::Week
                | Function::Day
                | Function::Weekday
                | Function::Hour
                | Function::Minute
                | Function::Second
                | Function::Count => ("a number", Shape::Number),
            };
            applied = Subject {
                name,
                what: what.to_owned(),
                shape,
                many: false,
            };
            &applied
        }
    };
    let of_list = subject.many && matches!(leaf.operator, Operator::Empty | Operator::Nempty);
    if !of_list && !subject.shape.takes(leaf.operator) {
        let message = format!(
            "`{}` is not for {}",
            leaf.operator.name(),
            strip_comma(subject.described())
        );
        let fitting = Operator::ALL
            .iter()
            .filter(|operator| subject.shape.takes(**operator));
        let fitting: Vec<String> = fitting.map(|operator| quote(operator.name())).collect();
        return Some(Problem::error(
            message,
            Some(format!("what fits it is {}", fitting.join(", "))),
        ));
    }
    let comparison = Comparison {
        subject,
        operator: leaf.operator,
    };
    match leaf.operator.operand() {
        Right::Scalar => comparison.check_one(Use::Equal, &leaf.right),
        Right::Ordered => comparison.check_one(Use::Order, &leaf.right),
        Right::Text => comparison.check_one(Use::Text, &leaf.right),
        Right::List => comparison.check_list(&leaf.right),
        Right::Pair => comparison.check_pair(&leaf.right),
        // The reader has seen to these.
        Right::Flag | Right::Pattern | Right::Geometry => None,
    }
}

/// Checks the value that a field is preset with.
pub(super) fn check_preset(
    names: &Names<'_>,
    name: &Spanned<String>,
    fields: &[&Field],
    value: &Operand,
    report: &mut Report<'_>,
) {
    let path = std::slice::from_ref(name);
    let unfit = |field: &&Field| {
        let subject = Subject::of_field(names, path, field);
        let structured =
            subject.many || field.relation.is_some() || matches!(subject.shape, Shape::Json | Shape::Csv);
        let (list, null) = match value {
            Operand::Value(value) => (
                matches!(value, Value::List(_) | Value::Object(_)),
                *value == Value::Null,
            ),
            Operand::Variable(variable) => (is_list(variable), false),
            Operand::List(_) => (true, false),
        };
        let free = matches!(subject.shape, Shape::Unknown | Shape::Json | Shape::Geometry);
        let fits = null || free || list && structured;
        let comparison = Comparison {
            subject: &subject,
            operator: Operator::Eq,
        };
        (!fits)
            .then(|| comparison.check_one(Use::Equal, value))
            .flatten()
            .map(|problem| (problem, subject.described()))
    };
    let problems: Vec<_> = fields.iter().map_while(unfit).collect();
    if let Some((problem, described)) = problems.first().filter(|_| problems.len() == fields.len()) {
        let message = format!("{described} cannot be preset with {}", show_operand(value));
        let diagnostic = if problem.code == Code::WrongOperand {
            Diagnostic::new(problem.code, name.span, message)
        } else {
            Diagnostic::new(problem.code, name.span, problem.message.as_str()).severity(problem.severity)
        };
        report.add(diagnostic);
    }
}

/// How an operator looks at its right side.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Equal,
    Order,
    Text,
}

struct Comparison<'s> {
    subject: &'s Subject,
    operator: Operator,
}

impl Comparison<'_> {
    fn check_one(&self, usage: Use, operand: &Operand) -> Option<Problem> {
        match operand {
            Operand::Value(value) => self.check_value(usage, value),
            Operand::Variable(variable) => self.check_variable(usage, variable),
            Operand::List(_) => {
                Some(self.misfit(operand, Some("a list stands under `_in` and `_nin`".to_owned())))
            }
        }
    }

    fn check_list(&self, operand: &Operand) -> Option<Problem> {
        let check = |element: &Operand| match element {
            Operand::Value(Value::Null) => {
                let message = format!("null in a list of `{}` matches nothing", self.operator.name());
                let help = Some("`_null` asks whether there is nothing".to_owned());
                Some(Problem {
                    severity: Severity::Warning,
                    ..Problem::error(message, help)
                })
            }
            Operand::Variable(variable) if is_list(variable) => None,
            Operand::Value(_) | Operand::Variable(_) | Operand::List(_) => {
                self.check_one(Use::Equal, element)
            }
        };
        worst(elements(operand).iter().filter_map(check))
    }

    fn check_pair(&self, operand: &Operand) -> Option<Problem> {
        let ends = elements(operand);
        let problem = worst(ends.iter().filter_map(|end| self.check_one(Use::Order, end)));
        if problem.is_some() {
            return problem;
        }
        let [Operand::Value(first), Operand::Value(last)] = ends.as_slice() else {
            return None;
        };
        let reversed = match (first, last) {
            (Value::Number(first), Value::Number(last)) => first > last,
            (Value::Text(first), Value::Text(last)) => parse_instant(first)
                .zip(parse_instant(last))
                .is_some_and(|(first, last)| first > last),
            _ => false,
        };
        reversed.then(|| {
            let message = format!("`{}` has its ends in the wrong order", self.operator.name());
            Problem {
                severity: Severity::Warning,
                ..Problem::error(message, Some("the smaller value comes first".to_owned()))
            }
        })
    }

    fn check_value(&self, usage: Use, value: &Value<'static>) -> Option<Problem> {
        if *value == Value::Null {
            let message = format!(
                "`{}` matches nothing when it compares with null",
                self.operator.name()
            );
            let help = Some("`_null` asks whether there is nothing".to_owned());
            return (self.operator != Operator::Is).then(|| Problem::error(message, help));
        }
        let fits = match usage {
            Use::Text => matches!(value, Value::Text(_) | Value::Number(_)),
            Use::Order => self.orders(value),
            Use::Equal => self.equals(value),
        };
        if fits {
            return self.check_zone(value);
        }
        let help = match (self.subject.shape, value) {
            (Shape::Boolean, Value::Text(text)) if text == "true" || text == "false" => {
                Some(format!("write {text} without quotes"))
            }
            (Shape::Item, _) => Some("`$ITEM` is `saved`, `new` or `none`".to_owned()),
            (Shape::Day | Shape::Moment, Value::Text(_)) => {
                Some("a moment is written like `2026-01-31` or `2026-01-31T09:30:00Z`".to_owned())
            }
            _ => None,
        };
        Some(self.misfit(&Operand::Value(value.clone()), help))
    }

    fn equals(&self, value: &Value<'_>) -> bool {
        let scalar = matches!(value, Value::Bool(_) | Value::Number(_) | Value::Text(_));
        match (self.subject.shape, value) {
            (Shape::Geometry, _) => true,
            (Shape::Json, _) => self.operator == Operator::Is || scalar,
            (Shape::Unknown, _) => scalar,
            (Shape::Text | Shape::Csv | Shape::Uuid | Shape::Hash | Shape::Roles, _) => {
                matches!(value, Value::Text(_) | Value::Number(_))
            }
            (Shape::Number, Value::Text(text)) => text.parse().is_ok_and(|number: f64| is_twin(number, text)),
            (Shape::Number, _) => matches!(value, Value::Number(_)),
            (Shape::Boolean, _) => matches!(value, Value::Bool(_)),
            (Shape::Item, _) => {
                matches!(value, Value::Text(text) if ["saved", "new", "none"].contains(&text.as_ref()))
            }
            (Shape::Day | Shape::Moment | Shape::TimeOfDay, _) => self.orders(value),
        }
    }

    fn orders(&self, value: &Value<'_>) -> bool {
        let is_number = |text: &str| text.parse().is_ok_and(|number: f64| number.is_finite());
        match (self.subject.shape, value) {
            (Shape::Day | Shape::Moment, Value::Text(text)) => parse_instant(text).is_some(),
            (Shape::Day | Shape::Moment, Value::Number(number)) => from_milliseconds(*number).is_some(),
            (Shape::TimeOfDay, Value::Text(text)) => parse_time_of_day(text).is_some(),
            (Shape::TimeOfDay, _) => false,
            (_, Value::Number(_)) => true,
            (Shape::Number, Value::Text(text)) => is_number(text),
            (_, Value::Text(text)) => {
                is_number(text) || parse_instant(text).is_some() || parse_time_of_day(text).is_some()
            }
            (_, Value::Null | Value::Bool(_) | Value::List(_) | Value::Object(_)) => false,
        }
    }

    /// Warns of a time without a zone where moments are stored.
    fn check_zone(&self, value: &Value<'_>) -> Option<Problem> {
        let Value::Text(text) = value else { return None };
        // A day alone is commonly meant to begin at midnight in UTC.
        let vague = text.len() > 10 && text.parse::<Timestamp>().is_err() && parse_instant(text).is_some();
        (self.subject.shape == Shape::Moment && vague).then(|| Problem {
            code: Code::AmbiguousTime,
            severity: Code::AmbiguousTime.severity(),
            message: format!("the time {} names no zone, and is read as UTC", quote(text)),
            help: Some("end it with `Z`, or with an offset like `+02:00`".to_owned()),
        })
    }

    fn check_variable(&self, usage: Use, variable: &Variable) -> Option<Problem> {
        let shape = self.subject.shape;
        let operand = Operand::Variable(variable.clone());
        if is_list(variable) {
            let help = "it is a list, which stands under `_in` and `_nin`".to_owned();
            return Some(self.misfit(&operand, Some(help)));
        }
        let fits = match variable {
            Variable::Now(_) => {
                usage != Use::Text
                    && matches!(
                        shape,
                        Shape::Unknown | Shape::Text | Shape::Number | Shape::Day | Shape::Moment
                    )
            }
            Variable::Item => {
                usage != Use::Order && matches!(shape, Shape::Unknown | Shape::Text | Shape::Item)
            }
            Variable::Owner(_) => !is_no_id(shape),
            Variable::CurrentUser(path) | Variable::CurrentRole(path) => {
                !(path.is_empty() && is_no_id(shape))
            }
            Variable::CurrentRoles(_) | Variable::CurrentPolicies(_) | Variable::Context(_) => true,
        };
        (!fits).then(|| self.misfit(&operand, None))
    }

    fn misfit(&self, operand: &Operand, help: Option<String>) -> Problem {
        let (operator, subject) = (self.operator.name(), self.subject.described());
        let message = format!(
            "`{operator}` cannot compare {subject} with {}",
            show_operand(operand)
        );
        Problem::error(message, help)
    }
}

impl Problem {
    fn error(message: String, help: Option<String>) -> Self {
        Self {
            code: Code::WrongOperand,
            severity: Severity::Error,
            message,
            help,
        }
    }
}

/// Returns the first of the most severe problems.
fn worst(problems: impl Iterator<Item = Problem>) -> Option<Problem> {
    problems.reduce(|worst, next| {
        if next.severity > worst.severity {
            next
        } else {
            worst
        }
    })
}

/// Returns the elements of a list, constant or not; a variable is taken for its elements.
fn elements(operand: &Operand) -> Vec<Operand> {
    match operand {
        Operand::Value(Value::List(values)) => values.iter().cloned().map(Operand::Value).collect(),
        Operand::Value(_) | Operand::Variable(_) => vec![operand.clone()],
        Operand::List(parts) => parts.clone(),
    }
}

fn is_list(variable: &Variable) -> bool {
    match variable {
        Variable::CurrentRoles(_) | Variable::CurrentPolicies(_) | Variable::Owner(OwnerPart::Roles) => true,
        Variable::Now(_) | Variable::CurrentUser(_) | Variable::CurrentRole(_) | Variable::Context(_) => {
            false
        }
        Variable::Owner(OwnerPart::Id) | Variable::Item => false,
    }
}

/// Tells whether such values can never be the id of a person or role.
fn is_no_id(shape: Shape) -> bool {
    matches!(
        shape,
        Shape::Boolean | Shape::Day | Shape::Moment | Shape::TimeOfDay | Shape::Geometry | Shape::Item
    )
}

fn strip_comma(mut described: String) -> String {
    if described.ends_with(',') {
        described.pop();
    }
    described
}

fn show_operand(operand: &Operand) -> String {
    match operand {
        Operand::Value(Value::Null) => "null".to_owned(),
        Operand::Value(Value::Bool(value)) => format!("`{value}`"),
        Operand::Value(Value::Number(number)) => format!("the number {}", number_text(*number)),
        Operand::Value(Value::Text(text)) => format!("the text {}", quote(text)),
        Operand::Value(Value::List(_)) | Operand::List(_) => "a list".to_owned(),
        Operand::Value(Value::Object(_)) => "an object".to_owned(),
        Operand::Variable(variable) => quote(&name_variable(variable)),
    }
}
