//! Validations: what Directus demands of a payload, in words of the neutral policy, with the names that it gives to failures.
//!
//! A validation looks at what is submitted and at nothing else; a field that is not submitted passes everything but
//! `_submitted` and functions. Values are compared as JavaScript compares them: the number 5 is not the text `5`, unless `_eq`
//! asks.

use crate::policy::condition::{Condition, Node, Operand, Variable};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::json::Json;
use crate::source::span::Span;
use crate::vocab::operator::{Function, Operator};
use crate::vocab::time::parse_instant;
use crate::vocab::value::Value;

use super::Mode;
use super::directus_build::{Look, group, yes};
use super::directus_filter::{Fault, Filter, Test, read_filter};
use super::directus_item::Context;
use super::directus_pattern::{Pattern, read_pattern};
use super::directus_value::{Arg, constant, js_number, number, read_arg, read_args, text, text_number};

/// Reads validations.
pub(super) struct ValidationReader<'c, 'd> {
    pub(super) context: Context<'c>,
    pub(super) diagnostics: &'d mut Vec<Diagnostic>,
}

impl ValidationReader<'_, '_> {
    /// Reads a validation; `None` if it demands nothing.
    pub(super) fn read(&mut self, json: &Json) -> Result<Option<Condition>, Fault> {
        let filter = read_filter(json)?;
        if matches!(filter, Filter::Empty(_)) {
            return Ok(None);
        }
        self.lower(&filter)
    }

    fn lower(&mut self, filter: &Filter<'_>) -> Result<Option<Condition>, Fault> {
        match filter {
            Filter::Empty(span) | Filter::Hollow(span) => Err(Fault::internal(
                *span,
                "`{}` in a validation makes Directus fail with a 500",
            )),
            Filter::All(parts, span) => Ok(self
                .lower_parts(parts)?
                .and_then(|parts| (!parts.is_empty()).then(|| group(parts, Node::All, *span)))),
            Filter::Any(parts, span) => self.lower_any(parts, *span),
            Filter::Test(test) => self.lower_test(test),
            Filter::Related(related) => {
                self.passes(related.span, "a question about related items");
                Ok(None)
            }
            Filter::Stray(key) => {
                self.passes(key.span, &format!("the operator {}", quote(&key.value)));
                Ok(None)
            }
        }
    }

    /// One branch without a demand makes the whole group pass.
    fn lower_any(&mut self, parts: &[Filter<'_>], span: Span) -> Result<Option<Condition>, Fault> {
        let mut lowered = Vec::with_capacity(parts.len());
        for part in parts {
            lowered.push(self.lower(part)?);
        }
        if lowered.is_empty() {
            self.passes(span, "an empty group");
        }
        let lowered: Option<Vec<_>> = lowered.into_iter().collect();
        Ok(lowered
            .filter(|parts| !parts.is_empty())
            .map(|parts| group(parts, Node::Any, span)))
    }

    fn lower_parts(&mut self, parts: &[Filter<'_>]) -> Result<Option<Vec<Condition>>, Fault> {
        let mut lowered = Vec::with_capacity(parts.len());
        for part in parts {
            lowered.extend(self.lower(part)?);
        }
        Ok(Some(lowered))
    }

    /// Complains about a part that every payload passes.
    fn passes(&mut self, span: Span, what: &str) {
        let message = format!("{what} demands nothing in a validation: every payload passes");
        self.context.fails_open(span, message, self.diagnostics);
    }

    fn lower_test(&mut self, test: &Test<'_>) -> Result<Option<Condition>, Fault> {
        let function = match &test.function {
            None => None,
            Some(word) => match Function::find(&word.value).filter(|found| *found != Function::Joined) {
                Some(function) => Some(function),
                None => {
                    let message = format!("Directus has no function {}", quote(&word.value));
                    return Err(Fault::internal(word.span, message));
                }
            },
        };
        let look = Look {
            path: test.path.clone(),
            function,
            span: test.span,
        };
        let demand = Demand {
            context: self.context,
            look: look.clone(),
            diagnostics: self.diagnostics,
        };
        let Some(condition) = demand.lower(test)? else {
            return Ok(None);
        };
        if look.path.len() > 1 {
            // The way leads into an object of the payload, and anything else in its place is no object.
            let is_object = look.any(vec![look.flag(Operator::Null), look.flag(Operator::Nnull)]);
            return Ok(Some(look.all(vec![
                look.coded("required", is_object.clone()),
                look.any(vec![look.not(is_object), condition]),
            ])));
        }
        Ok(Some(condition))
    }
}

/// One demand on one field.
struct Demand<'c, 'd> {
    context: Context<'c>,
    look: Look,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl Demand<'_, '_> {
    fn lower(mut self, test: &Test<'_>) -> Result<Option<Condition>, Fault> {
        use Operator as O;
        let look = self.look.clone();
        let schema = self.context.schema;
        let word = test.operator.value.as_str();
        let Some(operator) = Operator::find(word) else {
            self.passes(word);
            return Ok(None);
        };
        Ok(Some(match operator {
            O::Null | O::Nnull | O::Submitted => {
                self.warn_flag(word, test, &read_arg(test.operand, schema)?);
                let is_presence = operator == O::Submitted;
                let code = if is_presence {
                    "required"
                } else {
                    code_of(operator)
                };
                look.coded(code, look.flag(operator))
            }
            // Only text without any character is empty here, and null is not.
            O::Empty => look.coded("empty", look.leaf(O::Is, text(""))),
            O::Nempty => {
                let is_empty = look.leaf(O::Is, text(""));
                look.coded("nempty", look.any(vec![self.is_absent(), look.not(is_empty)]))
            }
            O::Eq => self.equal(&read_arg(test.operand, schema)?),
            O::Neq => self.unequal(&read_arg(test.operand, schema)?),
            O::In | O::Nin => {
                let args = read_args(test.operand, schema)?;
                if args.is_empty() {
                    self.passes(&format!("{word}: []"));
                    return Ok(None);
                }
                self.member(operator == O::In, &args)
            }
            O::Lt | O::Lte | O::Gt | O::Gte => {
                let arg = read_arg(test.operand, schema)?;
                let order = self.order(operator, &arg)?;
                look.all(vec![order.0, order.1])
            }
            O::Between | O::Nbetween => self.between(operator, &read_args(test.operand, schema)?)?,
            O::Contains | O::Ncontains | O::Icontains => {
                self.text(operator, &read_arg(test.operand, schema)?)
            }
            O::StartsWith
            | O::NstartsWith
            | O::IstartsWith
            | O::NistartsWith
            | O::EndsWith
            | O::NendsWith
            | O::IendsWith
            | O::NiendsWith => self.text(operator, &read_arg(test.operand, schema)?),
            O::Regex => return self.regex(test).map(Some),
            O::Is
            | O::Ieq
            | O::Nieq
            | O::Nicontains
            | O::Like
            | O::Nlike
            | O::IsText
            | O::IsNumber
            | O::Intersects
            | O::Nintersects
            | O::IntersectsBbox
            | O::NintersectsBbox => {
                self.passes(word);
                return Ok(None);
            }
        }))
    }

    fn passes(&mut self, word: &str) {
        let message = format!("`{word}` demands nothing in a validation: every payload passes");
        self.context.fails_open(self.look.span, message, self.diagnostics);
    }

    fn warn_flag(&mut self, word: &str, test: &Test<'_>, arg: &Arg) {
        if *arg == Arg::Bool(false) {
            let message = format!("Directus does not look at the operand of `{word}` in a validation");
            self.warn(Code::IgnoredPart, test.operand.span, message);
        }
    }

    fn warn(&mut self, code: Code, span: Span, message: String) {
        self.diagnostics
            .push(Diagnostic::new(code, span, message).severity(Severity::Warning));
    }

    /// What names a failure depends on.
    fn guarded(&self, guard: Condition, code: &str, condition: Condition) -> Condition {
        let look = &self.look;
        look.all(vec![
            look.coded("required", guard.clone()),
            look.coded(code, look.any(vec![look.not(guard), condition])),
        ])
    }

    fn is_text(&self) -> Condition {
        self.look.flag(Operator::IsText)
    }

    fn equal(&mut self, arg: &Arg) -> Condition {
        let look = self.look.clone();
        match arg {
            Arg::Null => look.coded("null", look.flag(Operator::Null)),
            Arg::Bool(_) | Arg::Now(_) => look.coded("eq", look.leaf(Operator::Eq, constant(arg))),
            Arg::Number(value) => look.coded("in", look.leaf(Operator::Eq, number(*value))),
            Arg::Text(written) if written.is_empty() => {
                look.coded("empty", look.leaf(Operator::Eq, text("")))
            }
            Arg::Text(written) => {
                let code = if text_number(written).is_some() {
                    "in"
                } else {
                    "eq"
                };
                look.coded(code, look.leaf(Operator::Eq, text(written.clone())))
            }
            Arg::Fact(variable) => {
                let equals = look.leaf(Operator::Eq, Operand::Variable(variable.clone()));
                if self.context.mode == Mode::Strict {
                    return look.coded("eq", look.all(vec![look.is_there(variable), equals]));
                }
                look.all(vec![
                    look.coded(
                        "null",
                        look.any(vec![look.is_there(variable), look.flag(Operator::Null)]),
                    ),
                    look.coded("eq", look.any(vec![look.is_null(variable), equals])),
                ])
            }
            Arg::Facts(_) | Arg::List(_) | Arg::Object(_) => self.impossible("eq"),
        }
    }

    fn unequal(&mut self, arg: &Arg) -> Condition {
        let look = self.look.clone();
        match arg {
            Arg::Null => look.coded("nnull", look.flag(Operator::Nnull)),
            Arg::Bool(_) | Arg::Now(_) => look.coded("neq", look.leaf(Operator::Neq, constant(arg))),
            Arg::Number(value) => look.coded("nin", look.leaf(Operator::Neq, number(*value))),
            Arg::Text(written) if written.is_empty() => {
                look.coded("nempty", look.leaf(Operator::Neq, text("")))
            }
            Arg::Text(written) => {
                let code = if text_number(written).is_some() {
                    "nin"
                } else {
                    "neq"
                };
                look.coded(code, look.leaf(Operator::Neq, text(written.clone())))
            }
            Arg::Fact(variable) => {
                let is_same = look.leaf(Operator::Is, Operand::Variable(variable.clone()));
                let differs = look.any(vec![self.is_absent(), look.not(is_same)]);
                look.all(vec![
                    look.coded(
                        "nnull",
                        look.any(vec![look.is_there(variable), look.flag(Operator::Nnull)]),
                    ),
                    look.coded("neq", look.any(vec![look.is_null(variable), differs])),
                ])
            }
            // Nothing that is submitted is the same list or object.
            Arg::Facts(_) | Arg::List(_) | Arg::Object(_) => look.always(),
        }
    }

    fn is_absent(&self) -> Condition {
        self.look.not(self.look.flag(Operator::Submitted))
    }

    /// Something that no payload with the field passes.
    fn impossible(&self, code: &str) -> Condition {
        self.look.coded(
            code,
            self.look
                .leaf(Operator::In, Operand::Value(Value::List(Vec::new()))),
        )
    }

    /// Membership, without the likeness of a number and the text that writes it.
    fn member(&mut self, is_in: bool, args: &[Arg]) -> Condition {
        let look = self.look.clone();
        let code = match (is_in, args.len()) {
            (true, 1) => "eq",
            (true, _) => "in",
            (false, 1) => "neq",
            (false, _) => "nin",
        };
        let facts: Vec<&Variable> = args
            .iter()
            .filter_map(|arg| match arg {
                Arg::Fact(variable) | Arg::Facts(variable) => Some(variable),
                Arg::Null
                | Arg::Bool(_)
                | Arg::Number(_)
                | Arg::Text(_)
                | Arg::Now(_)
                | Arg::List(_)
                | Arg::Object(_) => None,
            })
            .collect();
        let texts: Vec<Operand> = args
            .iter()
            .filter(|arg| matches!(arg, Arg::Text(_) | Arg::Now(_)))
            .map(constant)
            .collect();
        let others: Vec<Operand> = args
            .iter()
            .filter(|arg| matches!(arg, Arg::Bool(_) | Arg::Number(_)))
            .map(constant)
            .collect();
        let with_facts = |mut operands: Vec<Operand>| {
            operands.extend(
                facts
                    .iter()
                    .map(|variable| Operand::Variable((*variable).clone())),
            );
            Operand::List(operands)
        };
        let is_text = self.is_text();
        let mut parts = vec![
            look.all(vec![is_text.clone(), look.leaf(Operator::In, with_facts(texts))]),
            look.all(vec![
                look.not(is_text),
                look.leaf(Operator::In, with_facts(others)),
            ]),
        ];
        if args.contains(&Arg::Null) {
            parts.push(look.flag(Operator::Null));
        }
        for variable in args.iter().filter_map(Arg::fact) {
            if self.context.mode == Mode::Exact {
                parts.push(look.all(vec![look.is_null(variable), look.flag(Operator::Null)]));
            }
        }
        let is_member = look.any(parts);
        let passes = if is_in { is_member } else { look.not(is_member) };
        look.coded(code, look.any(vec![self.is_absent(), passes]))
    }

    /// What must hold for a value to be ordered at all, and the order; each with the name of its failure.
    fn order(&mut self, operator: Operator, arg: &Arg) -> Result<(Condition, Condition), Fault> {
        let look = self.look.clone();
        let code = code_of(operator);
        let is_number = look.flag(Operator::IsNumber);
        let is_moment = look.any(vec![
            look.leaf(Operator::Gte, text(EPOCH)),
            look.leaf(Operator::Lt, text(EPOCH)),
        ]);
        let (guard, compared) = match (arg, js_number(arg)) {
            (_, Some(value)) => (is_number, look.leaf(operator, number(value))),
            (Arg::Now(_), _) => (is_moment, look.leaf(operator, constant(arg))),
            (Arg::Text(written), _) if parse_instant(written).is_some() => {
                (is_moment, look.leaf(operator, constant(arg)))
            }
            (Arg::Fact(variable), _) => {
                let compared = look.leaf(operator, Operand::Variable(variable.clone()));
                let with_zero = look.all(vec![look.is_null(variable), look.leaf(operator, number(0.0))]);
                let compared = match self.context.mode {
                    Mode::Strict => compared,
                    Mode::Exact => look.any(vec![compared, with_zero]),
                };
                (look.any(vec![is_number, is_moment]), compared)
            }
            (_, None) => {
                let message = format!("`{}` wants a number or a moment", operator.name());
                return Err(Fault::internal(look.span, message));
            }
        };
        let ordered = look.coded(code, look.any(vec![look.not(guard.clone()), compared]));
        Ok((look.coded("required", guard), ordered))
    }

    fn between(&mut self, operator: Operator, args: &[Arg]) -> Result<Condition, Fault> {
        let [low, high] = args else {
            let message = format!("`{}` wants two values", operator.name());
            return Err(Fault::internal(self.look.span, message));
        };
        let (first, last) = if operator == Operator::Between {
            (Operator::Gte, Operator::Lte)
        } else {
            // Directus wants both here, which no value passes if the ends are in order.
            let message =
                "Directus demands a value below the first and above the second, which none is".to_owned();
            self.warn(Code::BrokenRule, self.look.span, message);
            (Operator::Lt, Operator::Gt)
        };
        let (guard, above) = self.order(first, low)?;
        let (_, below) = self.order(last, high)?;
        Ok(self.look.all(vec![guard, above, below]))
    }

    fn text(&mut self, operator: Operator, arg: &Arg) -> Condition {
        let look = self.look.clone();
        let code = if operator == Operator::Icontains {
            "contains"
        } else {
            code_of(operator)
        };
        let is_part = matches!(
            operator,
            Operator::Contains | Operator::Ncontains | Operator::Icontains
        );
        // What is neither text nor, for parts, a list makes Directus fail with a 500; it passes nothing here.
        let compare = |operand: Operand| {
            let compared = look.leaf(operator, operand);
            if is_part {
                look.coded(code, compared)
            } else {
                self.guarded(self.is_text(), code, compared)
            }
        };
        match arg {
            Arg::Text(_) => compare(constant(arg)),
            Arg::Fact(variable) => {
                let is_text = look.fact(variable, Operator::IsText, yes());
                let compared = compare(Operand::Variable(variable.clone()));
                let is_true = look.coded("eq", look.leaf(Operator::Eq, yes()));
                look.all(vec![
                    look.any(vec![look.not(is_text.clone()), compared]),
                    look.any(vec![is_text, is_true]),
                ])
            }
            // With anything but text, Directus asks whether the value is true.
            Arg::Null
            | Arg::Bool(_)
            | Arg::Number(_)
            | Arg::Now(_)
            | Arg::Facts(_)
            | Arg::List(_)
            | Arg::Object(_) => look.coded("eq", look.leaf(Operator::Eq, yes())),
        }
    }

    fn regex(&mut self, test: &Test<'_>) -> Result<Condition, Fault> {
        let look = self.look.clone();
        let arg = read_arg(test.operand, self.context.schema)?;
        let written = match &arg {
            Arg::Text(written) => written.clone(),
            Arg::Fact(_) | Arg::Facts(_) => {
                let message = "a pattern that a request tells cannot be compiled here".to_owned();
                self.unsupported(test.operand.span, message);
                return Ok(self.impossible("regex"));
            }
            Arg::Null | Arg::Bool(_) | Arg::Number(_) | Arg::Now(_) | Arg::List(_) | Arg::Object(_) => {
                return Ok(look.coded("eq", look.leaf(Operator::Eq, yes())));
            }
        };
        match read_pattern(&written) {
            Pattern::Fits(pattern) => {
                let matches = look.leaf(Operator::Regex, text(pattern));
                Ok(self.guarded(self.is_text(), "regex", matches))
            }
            Pattern::Invalid(reason) => Err(Fault::internal(test.operand.span, reason)),
            Pattern::Unsupported(reason) => {
                self.unsupported(test.operand.span, reason);
                Ok(self.impossible("regex"))
            }
        }
    }

    /// Says that a part cannot be decided here; whatever it is about is then refused.
    fn unsupported(&mut self, span: Span, message: String) {
        let severity = match self.context.mode {
            Mode::Strict => Severity::Error,
            Mode::Exact => Severity::Warning,
        };
        let help = "whatever it is asked of is refused";
        self.diagnostics.push(
            Diagnostic::new(Code::Unsupported, span, message)
                .severity(severity)
                .help(help),
        );
    }
}

/// Returns what Directus calls a failure of an operator.
fn code_of(operator: Operator) -> &'static str {
    operator.name().trim_start_matches('_')
}

/// Any moment: a value that is before it, or not, is one.
const EPOCH: &str = "1970-01-01T00:00:00Z";
