//! The condition language as a person writes it: the filter syntax of Directus, without its silent corners.
//!
//! An object with several keys means all of them. A key is a group (`_and`, `_or`, `_not`), a fact of the request
//! (`$CONTEXT.mode`), or a field; below a field stand operators, further fields (a relation path), groups, which are lifted
//! over the path, and questions about related items (`_some`). A field whose name begins with `_` or `$` is written with
//! that character twice. Only the shape is judged here; whether fields exist and fit their operands, `validate` knows.
//!
//! Recursion is bounded by the nesting that [`crate::source::json::parse`] lets through.

use crate::policy::condition::{Coded, Condition, Leaf, Left, Node as Question, Operand, Related, Variable};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::{Json, Member, Node};
use crate::source::span::{Span, Spanned};
use crate::vocab::operator::{Function, Operand as Wanted, Operator};
use crate::vocab::value::Value;

use super::operand::{read_operand, wrong_operand};
use super::reader::{self, Empty};
use super::variable::{is_variable, read_variable};

/// Reads a condition; `{}` is none.
pub(super) fn read_condition(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<Condition> {
    if json.as_object().is_some_and(<[Member]>::is_empty) {
        return None;
    }
    Reader { diagnostics }.read_group(json, &Place::Top)
}

/// What the keys of an object are about.
#[derive(Clone, Debug)]
enum Place {
    /// The item as a whole.
    Top,
    /// A field of it, or a path through relations.
    Field(Vec<Spanned<String>>),
    /// A function of a field.
    Function(Function, Vec<Spanned<String>>),
    /// A fact of the request.
    Fact(Variable),
}

struct Reader<'d> {
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl Reader<'_> {
    /// Reads an object of questions about the place; below a field any other value asks for equality.
    fn read_group(&mut self, json: &Json, place: &Place) -> Option<Condition> {
        match &json.node {
            Node::Object(members) if members.is_empty() => self.refuse_empty(json.span),
            Node::Object(members) => {
                let is_code = |member: &&Member| member.key.value == CODE;
                let read = |member| self.read_member(member, place);
                let asking = members.iter().filter(|member| !is_code(member));
                let parts: Vec<_> = asking.map(read).collect();
                match members.iter().find(is_code) {
                    Some(code) if parts.is_empty() => self.refuse_empty(code.key.span),
                    Some(code) => self.read_coded(code, parts, json.span),
                    None => join(parts, Question::All, json.span),
                }
            }
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::List(_) => match place {
                Place::Top => {
                    reader::wrong_type(json, "a condition", "an object", self.diagnostics);
                    None
                }
                Place::Field(_) | Place::Function(..) | Place::Fact(_) => {
                    self.read_leaf(Operator::Eq, json, json.span, place)
                }
            },
        }
    }

    /// Reads `_code`: what the failure of the other keys beside it is called.
    fn read_coded(
        &mut self,
        member: &Member,
        parts: Vec<Option<Condition>>,
        span: Span,
    ) -> Option<Condition> {
        let code = reader::read_id(&member.value, "`_code`", Empty::Refused, self.diagnostics);
        let condition = join(parts, Question::All, span)?;
        let coded = Coded {
            code: code?,
            condition: Box::new(condition),
        };
        Some(Condition {
            node: Question::Coded(coded),
            span,
        })
    }

    fn read_member(&mut self, member: &Member, place: &Place) -> Option<Condition> {
        let Member { key, value } = member;
        let span = key.span.to(value.span);
        match key.value.as_str() {
            "_and" => self.read_list(value, Question::All, span, place),
            "_or" => self.read_list(value, Question::Any, span, place),
            "_not" => {
                reader::read_members(value, "`_not`", self.diagnostics)?;
                let inner = self.read_group(value, place)?;
                Some(Condition {
                    node: Question::Not(Box::new(inner)),
                    span,
                })
            }
            "_neutral" => self.read_neutral(value, span, place),
            "_some" => self.read_related(member, place, false, false),
            "_none" => self.read_related(member, place, true, false),
            "_some_permitted" => self.read_related(member, place, false, true),
            "_none_permitted" => self.read_related(member, place, true, true),
            "_json" => self.read_json_paths(member, place),
            _ => self.read_named(key, value, place),
        }
    }

    fn read_list(
        &mut self,
        json: &Json,
        group: fn(Vec<Condition>) -> Question,
        span: Span,
        place: &Place,
    ) -> Option<Condition> {
        let values = reader::read_list(json, "a group of conditions", self.diagnostics)?;
        if values.is_empty() {
            return self.refuse_empty(json.span);
        }
        let mut parts = Vec::with_capacity(values.len());
        for value in values {
            let object = reader::read_members(value, "an element of a group", self.diagnostics);
            parts.push(object.and_then(|_| self.read_group(value, place)));
        }
        join(parts, group, span)
    }

    fn read_neutral(&mut self, value: &Json, span: Span, place: &Place) -> Option<Condition> {
        if !matches!(place, Place::Top) {
            return self.misplaced("_neutral", span, "it is about no field");
        }
        if value.as_bool() != Some(true) {
            return wrong_operand("_neutral", "`true`", value, self.diagnostics);
        }
        Some(Condition {
            node: Question::Neutral,
            span,
        })
    }

    fn read_related(
        &mut self,
        Member { key, value }: &Member,
        place: &Place,
        none: bool,
        permitted: bool,
    ) -> Option<Condition> {
        let Place::Field(path) = place else {
            return self.misplaced(
                &key.value,
                key.span,
                "it belongs below a field that lists related items",
            );
        };
        reader::read_members(value, &quote(&key.value), self.diagnostics)?;
        let condition = Box::new(self.read_group(value, &Place::Top)?);
        let related = Related {
            path: path.clone(),
            none,
            permitted,
            condition,
        };
        Some(Condition {
            node: Question::Related(related),
            span: key.span.to(value.span),
        })
    }

    /// Reads `{"_json": {"a.b": …}}`: paths below a field that holds JSON.
    fn read_json_paths(&mut self, Member { key, value }: &Member, place: &Place) -> Option<Condition> {
        let Place::Field(path) = place else {
            return self.misplaced("_json", key.span, "it belongs below a field that holds JSON");
        };
        let members = reader::read_members(value, "`_json`", self.diagnostics)?;
        if members.is_empty() {
            return self.refuse_empty(value.span);
        }
        let mut parts = Vec::with_capacity(members.len());
        for Member { key, value } in members {
            let steps: Vec<_> = key.value.split('.').collect();
            let known = steps.iter().all(|step| {
                reader::check_id(
                    step,
                    key.span,
                    "a step of a path",
                    Empty::Refused,
                    self.diagnostics,
                )
            });
            let steps = steps
                .into_iter()
                .map(|step| Spanned::new(step.to_owned(), key.span));
            let place = Place::Field(path.iter().cloned().chain(steps).collect());
            let part = self.read_group(value, &place);
            parts.push(part.filter(|_| known));
        }
        join(parts, Question::All, key.span.to(value.span))
    }

    /// Reads a key that is a fact, an operator, a function of a field, or a field.
    fn read_named(&mut self, key: &Spanned<String>, value: &Json, place: &Place) -> Option<Condition> {
        let name = key.value.as_str();
        let path = match place {
            Place::Top if is_variable(name) => {
                let fact = read_variable(name, key.span, self.diagnostics)?;
                return self.read_group(value, &Place::Fact(fact));
            }
            Place::Top => &[],
            _ if is_word(name) => return self.read_operator(key, value, place),
            Place::Field(path) => path.as_slice(),
            Place::Function(..) | Place::Fact(_) => {
                return self.misplaced(name, key.span, "only operators stand below a function or a fact");
            }
        };
        if let Some((function, field)) = split_call(name) {
            let function = self.find_function(function, key.span)?;
            let path = self.extend(path, field, key.span)?;
            return self.read_group(value, &Place::Function(function, path));
        }
        let path = self.extend(path, name, key.span)?;
        self.read_group(value, &Place::Field(path))
    }

    /// Adds a field to a path; a leading `_` or `$` of its name is written twice.
    fn extend(&mut self, path: &[Spanned<String>], name: &str, span: Span) -> Option<Vec<Spanned<String>>> {
        let field = if is_word(name) {
            return self.unknown_word(name, span);
        } else if is_variable(name) {
            return self.misplaced(name, span, "a fact of the request stands below no field");
        } else if name.starts_with(['_', '$']) {
            name.get(1..).unwrap_or_default()
        } else {
            name
        };
        let known = reader::check_id(field, span, "a field", Empty::Refused, self.diagnostics);
        let field = Spanned::new(field.to_owned(), span);
        known.then(|| path.iter().cloned().chain([field]).collect())
    }

    fn find_function(&mut self, name: &str, span: Span) -> Option<Function> {
        let found = Function::find(name);
        if found.is_none() {
            let message = format!("there is no function {}", quote(name));
            let mut diagnostic = Diagnostic::new(Code::UnknownFunction, span, message);
            diagnostic.help = reader::suggestion(name, Function::ALL.map(Function::name));
            self.diagnostics.push(diagnostic);
        }
        found
    }

    fn read_operator(&mut self, key: &Spanned<String>, value: &Json, place: &Place) -> Option<Condition> {
        let Some(operator) = Operator::find(&key.value) else {
            return self.unknown_word(&key.value, key.span);
        };
        if operator == Operator::Submitted && !matches!(place, Place::Field(_)) {
            return self.misplaced(&key.value, key.span, "only a field can be submitted");
        }
        self.read_leaf(operator, value, key.span.to(value.span), place)
    }

    fn read_leaf(
        &mut self,
        operator: Operator,
        value: &Json,
        span: Span,
        place: &Place,
    ) -> Option<Condition> {
        let (left, function) = match place {
            // INVARIANT: whoever reads a leaf has come below a field or a fact; `read_group` sees to it.
            Place::Top => return None,
            Place::Field(path) => (Left::Field(path.clone()), None),
            Place::Function(function, path) => (Left::Field(path.clone()), Some(*function)),
            Place::Fact(fact) => (Left::Fact(fact.clone()), None),
        };
        let leaf = |operator, right| {
            let leaf = Leaf {
                left,
                function,
                operator,
                right,
            };
            Condition {
                node: Question::Leaf(leaf),
                span,
            }
        };
        if operator.operand() != Wanted::Flag {
            return read_operand(operator, value, self.diagnostics).map(|right| leaf(operator, right));
        }
        let yes = Operand::Value(Value::Bool(true));
        match value.as_bool() {
            Some(true) => Some(leaf(operator, yes)),
            Some(false) => Some(match opposite(operator) {
                Some(opposite) => leaf(opposite, yes),
                None => Condition {
                    node: Question::Not(Box::new(leaf(operator, yes))),
                    span,
                },
            }),
            None => wrong_operand(operator.name(), "`true` or `false`", value, self.diagnostics),
        }
    }

    fn refuse_empty<T>(&mut self, span: Span) -> Option<T> {
        self.diagnostics.push(
            Diagnostic::new(
                Code::EmptyGroup,
                span,
                "an empty group of conditions is neither true nor false",
            )
            .help("leave it out, or say what is meant"),
        );
        None
    }

    fn unknown_word<T>(&mut self, name: &str, span: Span) -> Option<T> {
        let diagnostic = if Operator::find(name).is_some() {
            Diagnostic::new(
                Code::UnknownOperator,
                span,
                format!("the operator {} stands below no field", quote(name)),
            )
            .help(format!("write `{{\"field\": {{\"{name}\": …}}}}`"))
        } else {
            let words = Operator::ALL.iter().map(|operator| operator.name()).chain(WORDS);
            let near = reader::suggestion(name, words)
                .map(|near| format!("{near} "))
                .unwrap_or_default();
            let escape = quote(&format!("_{name}"));
            Diagnostic::new(
                Code::UnknownOperator,
                span,
                format!("there is no operator {}", quote(name)),
            )
            .help(format!("{near}a field of this name is written {escape}"))
        };
        self.diagnostics.push(diagnostic);
        None
    }

    fn misplaced<T>(&mut self, name: &str, span: Span, reason: &str) -> Option<T> {
        let message = format!("{} cannot stand here: {reason}", quote(name));
        self.complain(Code::UnknownOperator, span, message)
    }

    fn complain<T>(&mut self, code: Code, span: Span, message: String) -> Option<T> {
        self.diagnostics.push(Diagnostic::new(code, span, message));
        None
    }
}

/// The word for what the failure of a condition is called.
const CODE: &str = "_code";

/// Words of the language that are no operators of a leaf.
const WORDS: [&str; 10] = [
    "_code",
    "_and",
    "_or",
    "_not",
    "_neutral",
    "_some",
    "_none",
    "_some_permitted",
    "_none_permitted",
    "_json",
];

/// Joins the parts of a group, unless one of them could not be read; one part alone needs no group.
fn join(
    parts: Vec<Option<Condition>>,
    group: fn(Vec<Condition>) -> Question,
    span: Span,
) -> Option<Condition> {
    let mut parts: Vec<Condition> = parts.into_iter().collect::<Option<_>>()?;
    if parts.len() == 1 {
        return parts.pop();
    }
    Some(Condition {
        node: group(parts),
        span,
    })
}

/// Tells whether a key is a word of the language rather than a name: one `_` in front.
fn is_word(name: &str) -> bool {
    name.starts_with('_') && !name.starts_with("__")
}

/// Splits `year(published_at)`; a name with a blank in front of its bracket is a name.
fn split_call(name: &str) -> Option<(&str, &str)> {
    let (function, field) = name.strip_suffix(')')?.split_once('(')?;
    let plain = !function.is_empty()
        && function
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain.then_some((function, field))
}

/// Returns the operator that holds for a known value exactly if this one does not.
fn opposite(operator: Operator) -> Option<Operator> {
    const PAIRS: [[Operator; 2]; 2] = [
        [Operator::Null, Operator::Nnull],
        [Operator::Empty, Operator::Nempty],
    ];
    PAIRS.into_iter().find_map(|[one, other]| {
        (operator == one)
            .then_some(other)
            .or_else(|| (operator == other).then_some(one))
    })
}
