//! One comparison of an item rule: its operand, cast to the type of the field, and the null that a variable may be.

use crate::policy::condition::{Condition, Operand, Variable};
use crate::source::diagnostic::Diagnostic;
use crate::vocab::operator::{FieldType, Operator};
use crate::vocab::time::{from_milliseconds, instant_text, parse_instant, parse_time_of_day};
use crate::vocab::value::{Value, number_text};

use super::Mode;
use super::directus_build::{Look, yes};
use super::directus_filter::Fault;
use super::directus_item::{Context, TextCase};
use super::directus_schema::Class;
use super::directus_value::{Arg, constant, js_number, number, text, text_number};

/// A comparison whose field and operator fit.
pub(super) struct Comparison<'c, 'd> {
    pub(super) context: Context<'c>,
    pub(super) look: Look,
    pub(super) class: Class,
    pub(super) operator: Operator,
    pub(super) diagnostics: &'d mut Vec<Diagnostic>,
}

/// An operand as the database compares it with a field.
pub(super) enum Cast {
    /// A constant, or a fact of the request.
    Operand(Operand),
    /// Something that no value of the field equals.
    Unequal,
}

impl Comparison<'_, '_> {
    /// Tells whether the operator wants a list.
    pub(super) fn wants_list(&self) -> bool {
        matches!(
            self.operator,
            Operator::In | Operator::Nin | Operator::Between | Operator::Nbetween
        )
    }

    /// Lowers a comparison with one value.
    pub(super) fn lower_one(&mut self, arg: &Arg) -> Result<Condition, Fault> {
        use Operator as O;
        let look = self.look.clone();
        let is_off = *arg == Arg::Bool(false);
        match self.operator {
            O::Null | O::Nnull | O::Empty | O::Nempty => {
                let operator = match (self.operator, is_off) {
                    (O::Null, false) | (O::Nnull, true) => O::Null,
                    (O::Nnull, false) | (O::Null, true) => O::Nnull,
                    (O::Empty, false) | (O::Nempty, true) => O::Empty,
                    (_, _) => O::Nempty,
                };
                Ok(look.flag(operator))
            }
            O::Eq => self.lower_equal(arg),
            O::Neq => self.lower_unequal(arg),
            O::Lt | O::Lte | O::Gt | O::Gte => self.lower_order(self.operator, arg),
            O::Contains
            | O::Icontains
            | O::StartsWith
            | O::IstartsWith
            | O::EndsWith
            | O::IendsWith
            | O::Ncontains
            | O::Nicontains
            | O::NstartsWith
            | O::NistartsWith
            | O::NendsWith
            | O::NiendsWith => Ok(self.lower_text(arg)),
            O::Intersects | O::Nintersects | O::IntersectsBbox | O::NintersectsBbox => {
                if matches!(arg, Arg::Object(_)) {
                    Ok(look.leaf(self.operator, constant(arg)))
                } else {
                    Err(self.misfit("a geometry"))
                }
            }
            O::In
            | O::Nin
            | O::Between
            | O::Nbetween
            | O::Is
            | O::Ieq
            | O::Nieq
            | O::Like
            | O::Nlike
            | O::IsText
            | O::IsNumber
            | O::Regex
            | O::Submitted => Err(self.misfit("another operator")),
        }
    }

    fn misfit(&self, wanted: &str) -> Fault {
        let message = format!("`{}` wants {wanted}", self.operator.name());
        Fault::query(self.look.span, message)
    }

    fn is_strict(&self) -> bool {
        self.context.mode == Mode::Strict
    }

    /// In mode `exact`, warns of a fact that makes the rule ask for null, or for zero, when it is null.
    fn warn_null(&mut self, variable: &Variable, what: &str) {
        // The id of the subject is null for visitors alone, and the names of their rules say so.
        let has_path = match variable {
            Variable::CurrentUser(path) | Variable::CurrentRole(path) => !path.is_empty(),
            Variable::CurrentRoles(_) | Variable::CurrentPolicies(_) => false,
            Variable::Now(_) | Variable::Context(_) | Variable::Owner(_) | Variable::Item => false,
        };
        if !self.is_strict() && has_path {
            let message = format!("where the variable is null, the rule {what}");
            self.context.fails_open(self.look.span, message, self.diagnostics);
        }
    }

    fn equals(&self, operand: Operand) -> Condition {
        let folds =
            self.context.case == TextCase::Insensitive && self.is_texts() && !is_constant_number(&operand);
        self.look
            .leaf(if folds { Operator::Ieq } else { Operator::Eq }, operand)
    }

    fn is_texts(&self) -> bool {
        matches!(
            self.class,
            Class::Typed(FieldType::String | FieldType::Text | FieldType::Csv)
        )
    }

    fn lower_equal(&mut self, arg: &Arg) -> Result<Condition, Fault> {
        let look = self.look.clone();
        if let Arg::Null = arg {
            return Ok(look.flag(Operator::Null));
        }
        if let Arg::Facts(variable) = arg {
            return Ok(match path_of(variable) {
                // A list without any value is null.
                [_, ..] if !self.is_strict() => look.all(vec![
                    look.fact(variable, Operator::Empty, yes()),
                    look.flag(Operator::Null),
                ]),
                _ => look.never(),
            });
        }
        if let Some(variable) = arg.fact() {
            let variable = variable.clone();
            self.warn_null(
                &variable,
                "matches items whose field is null, or whose related item is missing",
            );
            let operand = Operand::Variable(variable.clone());
            if self.is_strict() {
                return Ok(self.equals(operand));
            }
            if self.context.case == TextCase::Insensitive && self.is_texts() {
                let is_null = look.all(vec![look.is_null(&variable), look.flag(Operator::Null)]);
                return Ok(look.any(vec![is_null, self.equals(operand)]));
            }
            return Ok(look.leaf(Operator::Is, operand));
        }
        Ok(match self.cast(arg)? {
            Cast::Operand(operand) => self.equals(operand),
            Cast::Unequal => look.never(),
        })
    }

    fn lower_unequal(&mut self, arg: &Arg) -> Result<Condition, Fault> {
        let look = self.look.clone();
        let is_there = look.flag(Operator::Nnull);
        if let Arg::Null = arg {
            return Ok(is_there);
        }
        if let Arg::Facts(_) = arg {
            return Ok(is_there);
        }
        let folds = self.context.case == TextCase::Insensitive && self.is_texts();
        if let Some(variable) = arg.fact() {
            let operand = Operand::Variable(variable.clone());
            if self.is_strict() {
                let operator = if folds { Operator::Nieq } else { Operator::Neq };
                return Ok(look.leaf(operator, operand));
            }
            let variable = variable.clone();
            self.warn_null(&variable, "matches every item whose field is not null");
            if folds {
                let differs = look.leaf(Operator::Nieq, operand);
                let is_null = look.all(vec![look.is_null(&variable), is_there]);
                return Ok(look.any(vec![differs, is_null]));
            }
            let is_same = look.leaf(Operator::Is, operand);
            return Ok(look.all(vec![is_there, look.not(is_same)]));
        }
        Ok(match self.cast(arg)? {
            Cast::Operand(operand) if folds && !is_constant_number(&operand) => {
                look.leaf(Operator::Nieq, operand)
            }
            Cast::Operand(operand) => look.leaf(Operator::Neq, operand),
            Cast::Unequal => is_there,
        })
    }

    /// Casts an operand to the type of the field.
    fn cast(&self, arg: &Arg) -> Result<Cast, Fault> {
        let kind = match self.class {
            Class::Typed(kind) => kind,
            Class::Other | Class::Open => {
                return Ok(if matches!(arg, Arg::List(_) | Arg::Object(_)) {
                    Cast::Unequal
                } else {
                    Cast::Operand(constant(arg))
                });
            }
        };
        let or_unequal = |operand: Option<Operand>| operand.map_or(Cast::Unequal, Cast::Operand);
        Ok(match kind {
            FieldType::String | FieldType::Text | FieldType::Csv | FieldType::Uuid => {
                or_unequal(cast_text(arg))
            }
            FieldType::Integer | FieldType::BigInteger | FieldType::Float | FieldType::Decimal => {
                return self.cast_number(arg);
            }
            FieldType::Boolean => or_unequal(cast_boolean(arg)),
            FieldType::Date | FieldType::DateTime | FieldType::Timestamp => or_unequal(moment(arg)),
            FieldType::Time => {
                let is_time = match arg {
                    Arg::Text(text) => parse_time_of_day(text).is_some(),
                    Arg::Now(_) => true,
                    Arg::Null
                    | Arg::Bool(_)
                    | Arg::Number(_)
                    | Arg::Fact(_)
                    | Arg::Facts(_)
                    | Arg::List(_)
                    | Arg::Object(_) => false,
                };
                or_unequal(is_time.then(|| constant(arg)))
            }
            FieldType::Json | FieldType::Hash | FieldType::Geometry | FieldType::Alias => Cast::Unequal,
        })
    }

    fn cast_number(&self, arg: &Arg) -> Result<Cast, Fault> {
        if let Arg::List(values) = arg {
            // Each element is cast, and then no number equals a list.
            let is_number = |value: &Value<'_>| match value {
                Value::Text(text) => text_number(text).is_some(),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Object(_) => true,
            };
            return if values.iter().all(is_number) {
                Ok(Cast::Unequal)
            } else {
                Err(self.misfit("numbers for this field"))
            };
        }
        js_number(arg)
            .map(|value| Cast::Operand(number(value)))
            .ok_or_else(|| self.misfit("a number for this field"))
    }

    fn is_number(&self) -> bool {
        matches!(
            self.class,
            Class::Typed(FieldType::Integer | FieldType::BigInteger | FieldType::Float | FieldType::Decimal)
        )
    }

    /// Lowers less and greater.
    fn lower_order(&mut self, operator: Operator, arg: &Arg) -> Result<Condition, Fault> {
        let look = self.look.clone();
        match arg {
            Arg::Null if self.is_number() => {
                self.context
                    .fails_open(look.span, "null stands for zero here", self.diagnostics);
                Ok(look.leaf(operator, number(0.0)))
            }
            Arg::Null => Ok(look.never()),
            Arg::Fact(variable) => {
                let compared = look.leaf(operator, Operand::Variable(variable.clone()));
                if !self.is_number() || self.is_strict() {
                    return Ok(compared);
                }
                let variable = variable.clone();
                self.warn_null(&variable, "compares with zero");
                let with_zero = look.leaf(operator, number(0.0));
                Ok(look.any(vec![compared, look.all(vec![look.is_null(&variable), with_zero])]))
            }
            Arg::Facts(_) | Arg::List(_) | Arg::Object(_) => Err(self.misfit("one value")),
            Arg::Now(_) if self.is_number() => Err(self.misfit("a number for this field")),
            Arg::Bool(_) | Arg::Number(_) | Arg::Text(_) | Arg::Now(_) => match self.cast(arg)? {
                Cast::Operand(operand) => Ok(look.leaf(operator, operand)),
                // SQLite counts whatever is text as greater than the numbers in which it keeps moments.
                Cast::Unequal => {
                    let message = "this is no moment, and SQLite takes it for one after all others";
                    self.context.fails_open(look.span, message, self.diagnostics);
                    Ok(if matches!(operator, Operator::Lt | Operator::Lte) {
                        look.flag(Operator::Nnull)
                    } else {
                        look.never()
                    })
                }
            },
        }
    }

    /// Lowers a comparison with a list; `None` if it is neutral.
    pub(super) fn lower_list(&mut self, args: &[Arg]) -> Result<Option<Condition>, Fault> {
        let look = self.look.clone();
        if self.operator == Operator::In {
            return self.lower_in(args).map(Some);
        }
        if self.operator == Operator::Nin {
            return self.lower_nin(args).map(Some);
        }
        let [low, high] = args else {
            let message = "this wants two values, and without them Directus passes over it";
            self.context.fails_open(look.span, message, self.diagnostics);
            return Ok(None);
        };
        let is_inside = self.operator == Operator::Between;
        let (below, above) = if is_inside {
            (Operator::Gte, Operator::Lte)
        } else {
            (Operator::Lt, Operator::Gt)
        };
        let parts = vec![self.lower_order(below, low)?, self.lower_order(above, high)?];
        Ok(Some(if is_inside {
            look.all(parts)
        } else {
            look.any(parts)
        }))
    }

    /// Casts the elements of a list: those that a value may equal, and whether null is among them.
    fn elements(&mut self, args: &[Arg]) -> Result<(Vec<Operand>, bool), Fault> {
        let mut operands = Vec::with_capacity(args.len());
        let mut has_null = false;
        for arg in args {
            match arg {
                Arg::Null if self.is_number() => {
                    let message = "null in the list stands for zero here";
                    self.context.fails_open(self.look.span, message, self.diagnostics);
                    operands.push(number(0.0));
                }
                Arg::Null => has_null = true,
                Arg::Fact(variable) | Arg::Facts(variable) => {
                    operands.push(Operand::Variable(variable.clone()))
                }
                Arg::Bool(_)
                | Arg::Number(_)
                | Arg::Text(_)
                | Arg::Now(_)
                | Arg::List(_)
                | Arg::Object(_) => match self.cast(arg)? {
                    Cast::Operand(operand) => operands.push(operand),
                    Cast::Unequal => {}
                },
            }
        }
        Ok((operands, has_null))
    }

    fn lower_in(&mut self, args: &[Arg]) -> Result<Condition, Fault> {
        let look = self.look.clone();
        let (operands, _) = self.elements(args)?;
        let mut parts = vec![self.is_among(operands)];
        if self.is_number() && !self.is_strict() {
            for variable in args.iter().filter_map(Arg::fact) {
                self.warn_null(variable, "compares with zero");
                let is_zero = look.leaf(Operator::Eq, number(0.0));
                parts.push(look.all(vec![look.is_null(variable), is_zero]));
            }
        }
        Ok(look.any(parts))
    }

    fn is_among(&self, operands: Vec<Operand>) -> Condition {
        let look = &self.look;
        if self.context.case == TextCase::Insensitive && self.is_texts() && !operands.is_empty() {
            let equals = |operand| look.leaf(Operator::Ieq, operand);
            let has_list = operands.iter().any(is_list);
            if !has_list {
                return look.any(operands.into_iter().map(equals).collect());
            }
        }
        look.leaf(Operator::In, list(operands))
    }

    fn lower_nin(&mut self, args: &[Arg]) -> Result<Condition, Fault> {
        let look = self.look.clone();
        if args.is_empty() {
            return Ok(look.always());
        }
        let (operands, has_null) = self.elements(args)?;
        if has_null {
            return Ok(look.never());
        }
        let is_all_lists = operands.iter().all(is_list) && !operands.is_empty();
        let mut parts = Vec::new();
        let folds =
            self.context.case == TextCase::Insensitive && self.is_texts() && !operands.iter().any(is_list);
        if operands.is_empty() {
            parts.push(look.flag(Operator::Nnull));
        } else if folds {
            parts.extend(
                operands
                    .into_iter()
                    .map(|operand| look.leaf(Operator::Nieq, operand)),
            );
        } else {
            parts.push(look.leaf(Operator::Nin, list(operands)));
        }
        for arg in args {
            if let Arg::Fact(variable) = arg {
                parts.push(self.is_no_null(variable));
            } else if let Arg::Facts(variable) = arg
                && !path_of(variable).is_empty()
            {
                parts.push(look.fact(variable, Operator::Nempty, yes()));
            }
        }
        let condition = look.all(parts);
        // Of no role at all, everything is none, null too.
        let lists: Vec<_> = args
            .iter()
            .filter_map(Arg::facts)
            .filter(|variable| path_of(variable).is_empty())
            .map(|variable| look.fact(variable, Operator::Empty, yes()))
            .collect();
        if is_all_lists && !lists.is_empty() && lists.len() == args.len() {
            return Ok(look.any(vec![condition, look.all(lists)]));
        }
        Ok(condition)
    }

    /// What a fact in a list of `_nin` must be for the list to have an outside.
    fn is_no_null(&self, variable: &Variable) -> Condition {
        let look = &self.look;
        if self.is_number() && !self.is_strict() {
            let is_other = look.leaf(Operator::Neq, number(0.0));
            return look.any(vec![look.is_there(variable), is_other]);
        }
        look.is_there(variable)
    }
}

/// Returns what the database compares text with.
fn cast_text(arg: &Arg) -> Option<Operand> {
    match arg {
        Arg::Text(_) => Some(constant(arg)),
        Arg::Number(value) => Some(text(number_text(*value))),
        // The database knows no truth values.
        Arg::Bool(value) => Some(text(if *value { "1" } else { "0" })),
        Arg::Null | Arg::Now(_) | Arg::Fact(_) | Arg::Facts(_) | Arg::List(_) | Arg::Object(_) => None,
    }
}

/// Returns the truth value that an operand writes.
fn cast_boolean(arg: &Arg) -> Option<Operand> {
    let written = match arg {
        Arg::Bool(value) => return Some(constant(&Arg::Bool(*value))),
        Arg::Number(value) => Some(*value),
        Arg::Text(text) if !text.trim().is_empty() => js_number(arg),
        Arg::Text(_)
        | Arg::Null
        | Arg::Now(_)
        | Arg::Fact(_)
        | Arg::Facts(_)
        | Arg::List(_)
        | Arg::Object(_) => None,
    };
    written
        .filter(|value| *value == 0.0 || *value == 1.0)
        .map(|value| constant(&Arg::Bool(value == 1.0)))
}

/// Returns a moment as an operand.
fn moment(arg: &Arg) -> Option<Operand> {
    match arg {
        Arg::Now(_) => Some(constant(arg)),
        Arg::Text(written) => match parse_instant(written) {
            Some(_) => Some(constant(arg)),
            // JavaScript reads a year, and a year with a month, as their first moment.
            None => {
                let first = match written.len() {
                    4 => format!("{written}-01-01"),
                    7 => format!("{written}-01"),
                    _ => return None,
                };
                parse_instant(&first).map(|_| text(first))
            }
        },
        Arg::Number(value) => from_milliseconds(*value).map(|moment| text(instant_text(moment))),
        Arg::Null | Arg::Bool(_) | Arg::Fact(_) | Arg::Facts(_) | Arg::List(_) | Arg::Object(_) => None,
    }
}

/// Returns the operands as one: a lone list of facts as itself, else a list of all.
fn list(mut operands: Vec<Operand>) -> Operand {
    if operands.len() == 1
        && operands.iter().any(is_list)
        && let Some(only) = operands.pop()
    {
        return only;
    }
    Operand::List(operands)
}

fn is_list(operand: &Operand) -> bool {
    matches!(
        operand,
        Operand::Variable(Variable::CurrentRoles(_) | Variable::CurrentPolicies(_))
    )
}

fn is_constant_number(operand: &Operand) -> bool {
    matches!(operand, Operand::Value(Value::Number(_)))
}

fn path_of(variable: &Variable) -> &[String] {
    match variable {
        Variable::CurrentUser(path)
        | Variable::CurrentRole(path)
        | Variable::CurrentRoles(path)
        | Variable::CurrentPolicies(path)
        | Variable::Context(path) => path,
        Variable::Now(_) | Variable::Owner(_) | Variable::Item => &[],
    }
}
