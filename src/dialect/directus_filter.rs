//! The filter language of Directus: one rule, brought into the shape in which Directus looks at it.
//!
//! An object with several keys is a group of all of them, any other value where an object of operators is expected asks for
//! equality, and groups below a field are lifted above it.

use crate::source::json::{Json, Member, Node};
use crate::source::span::{Span, Spanned};

/// A rule.
#[derive(Clone, Debug)]
pub(super) enum Filter<'j> {
    /// `{}`.
    Empty(Span),
    /// `{}` below a field.
    Hollow(Span),
    /// All of a group.
    All(Vec<Filter<'j>>, Span),
    /// One of a group.
    Any(Vec<Filter<'j>>, Span),
    /// A question about a field.
    Test(Test<'j>),
    /// Some, or none, of the items that a field lists.
    Related(Related<'j>),
    /// An operator that stands below no field.
    Stray(Spanned<String>),
}

/// A question about a field.
#[derive(Clone, Debug)]
pub(super) struct Test<'j> {
    pub(super) path: Vec<Spanned<String>>,
    /// How many steps of the path lie inside of a value that is JSON.
    pub(super) inner: usize,
    pub(super) function: Option<Spanned<String>>,
    pub(super) operator: Spanned<String>,
    pub(super) operand: &'j Json,
    pub(super) span: Span,
}

/// A question about the items that a field lists.
#[derive(Clone, Debug)]
pub(super) struct Related<'j> {
    pub(super) path: Vec<Spanned<String>>,
    pub(super) none: bool,
    pub(super) content: &'j Json,
    pub(super) span: Span,
}

/// Why a rule makes every request fail that it is looked at for.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// The code with which Directus reports it.
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) span: Span,
}

/// The code of a rule that is no query.
pub(super) const INVALID_QUERY: &str = "INVALID_QUERY";
/// The code of a rule that Directus stumbles over.
pub(super) const INTERNAL: &str = "INTERNAL_SERVER_ERROR";
/// The code of what may not be done, or not be known.
pub(super) const FORBIDDEN: &str = "FORBIDDEN";

impl Fault {
    /// A rule that is no query.
    pub(super) fn query(span: Span, message: impl Into<String>) -> Self {
        Self {
            code: INVALID_QUERY,
            message: message.into(),
            span,
        }
    }

    /// A rule that Directus stumbles over.
    pub(super) fn internal(span: Span, message: impl Into<String>) -> Self {
        Self {
            code: INTERNAL,
            ..Self::query(span, message)
        }
    }
}

/// Brings a rule into shape.
pub(super) fn read_filter(json: &Json) -> Result<Filter<'_>, Fault> {
    match &json.node {
        Node::Object(members) => read_members(members, json.span, &Place::default()),
        Node::List(values) if values.is_empty() => Ok(Filter::Empty(json.span)),
        Node::Null => Err(Fault::internal(json.span, "null stands where a rule should")),
        Node::List(_) | Node::Bool(_) | Node::Number(_) | Node::Text(_) => Err(Fault::query(
            json.span,
            format!("{} stands where a rule should", json.kind()),
        )),
    }
}

impl Filter<'_> {
    /// Tells whether the rule, as Directus has it in shape, begins with a group.
    pub(super) fn is_group(&self) -> bool {
        match self {
            Filter::All(..) | Filter::Any(..) => true,
            Filter::Empty(_)
            | Filter::Hollow(_)
            | Filter::Test(_)
            | Filter::Related(_)
            | Filter::Stray(_) => false,
        }
    }

    /// Returns where the rule stands.
    pub(super) fn span(&self) -> Span {
        match self {
            Filter::Empty(span) | Filter::Hollow(span) | Filter::All(_, span) | Filter::Any(_, span) => *span,
            Filter::Test(test) => test.span,
            Filter::Related(related) => related.span,
            Filter::Stray(key) => key.span,
        }
    }
}

/// The field that keys are about.
#[derive(Clone, Debug, Default)]
struct Place {
    path: Vec<Spanned<String>>,
    inner: usize,
    function: Option<Spanned<String>>,
}

impl Place {
    fn below(&self, step: Spanned<String>, inner: usize) -> Self {
        let mut path = self.path.clone();
        path.push(step);
        Self {
            path,
            inner: self.inner + inner,
            function: None,
        }
    }

    fn is_top(&self) -> bool {
        self.path.is_empty()
    }
}

fn read_members<'j>(members: &'j [Member], span: Span, place: &Place) -> Result<Filter<'j>, Fault> {
    match members {
        [] if place.is_top() => Ok(Filter::Empty(span)),
        [] => Ok(Filter::Hollow(span)),
        [only] => read_member(only, place),
        several => {
            let parts: Result<_, _> = several.iter().map(|member| read_member(member, place)).collect();
            Ok(Filter::All(parts?, span))
        }
    }
}

fn read_member<'j>(member: &'j Member, place: &Place) -> Result<Filter<'j>, Fault> {
    let Member { key, value } = member;
    let span = key.span.to(value.span);
    match key.value.as_str() {
        word @ ("_and" | "_or") => {
            let Some(values) = value.as_list() else {
                let message = format!("`{word}` wants a list, not {}", value.kind());
                return Err(Fault::internal(value.span, message));
            };
            let parts: Result<Vec<_>, _> = values.iter().map(|value| read_element(value, place)).collect();
            let parts = parts?;
            Ok(if word == "_and" {
                Filter::All(parts, span)
            } else {
                Filter::Any(parts, span)
            })
        }
        _ if place.is_top() && key.value.starts_with('_') => Ok(Filter::Stray(key.clone())),
        word @ ("_some" | "_none") => Ok(Filter::Related(Related {
            path: place.path.clone(),
            none: word == "_none",
            content: value,
            span,
        })),
        "_json" => read_json_paths(value, place, span),
        _ if key.value.starts_with('_') => Ok(Filter::Test(Test {
            path: place.path.clone(),
            inner: place.inner,
            function: place.function.clone(),
            operator: key.clone(),
            operand: value,
            span,
        })),
        _ => read_value(value, &step_into(place, key)),
    }
}

/// An element of a group: above all fields a rule, below one what may stand below it.
fn read_element<'j>(value: &'j Json, place: &Place) -> Result<Filter<'j>, Fault> {
    if place.is_top() {
        read_filter(value)
    } else {
        read_value(value, place)
    }
}

/// What stands below a field: an object of operators, or a value that it must equal.
fn read_value<'j>(value: &'j Json, place: &Place) -> Result<Filter<'j>, Fault> {
    match &value.node {
        Node::Object(members) => read_members(members, value.span, place),
        Node::Null => Err(Fault::internal(
            value.span,
            "null stands where operators should; `{\"_null\": true}` asks for null",
        )),
        // JavaScript takes a list for an object whose keys are numbers.
        Node::List(values) => {
            let step = |(index, value): (usize, &'j Json)| {
                let key = Spanned::new(index.to_string(), value.span);
                read_value(value, &place.below(key, 0))
            };
            let mut parts = values
                .iter()
                .enumerate()
                .map(step)
                .collect::<Result<Vec<_>, _>>()?;
            match parts.len() {
                0 => Ok(Filter::Hollow(value.span)),
                1 => Ok(parts.remove(0)),
                _ => Ok(Filter::All(parts, value.span)),
            }
        }
        Node::Bool(_) | Node::Number(_) | Node::Text(_) => Ok(Filter::Test(Test {
            path: place.path.clone(),
            inner: place.inner,
            function: place.function.clone(),
            operator: Spanned::new("_eq".to_owned(), value.span),
            operand: value,
            span: place
                .path
                .last()
                .map_or(value.span, |step| step.span.to(value.span)),
        })),
    }
}

/// Goes to a field, or to a function of one.
fn step_into(place: &Place, key: &Spanned<String>) -> Place {
    let call = key.value.strip_suffix(')').and_then(|call| call.split_once('('));
    match call {
        Some((function, field)) => {
            let mut inside = place.below(Spanned::new(field.to_owned(), key.span), 0);
            inside.function = Some(Spanned::new(function.to_owned(), key.span));
            inside
        }
        None => place.below(key.clone(), 0),
    }
}

/// Reads `{"_json": {"a.b": …}}` of Directus 12.
fn read_json_paths<'j>(value: &'j Json, place: &Place, span: Span) -> Result<Filter<'j>, Fault> {
    let Some(members) = value.as_object() else {
        let message = format!("`_json` wants an object of paths, not {}", value.kind());
        return Err(Fault::query(value.span, message));
    };
    let mut parts = Vec::with_capacity(members.len());
    for Member { key, value } in members {
        let word = key.value.as_str();
        if matches!(word, "_and" | "_or") {
            let values = value.as_list().unwrap_or_default();
            let inner: Result<Vec<_>, _> = values
                .iter()
                .map(|value| read_json_paths(value, place, value.span))
                .collect();
            parts.push(if word == "_and" {
                Filter::All(inner?, value.span)
            } else {
                Filter::Any(inner?, value.span)
            });
            continue;
        }
        let mut here = place.clone();
        for step in word.split('.') {
            here = here.below(Spanned::new(step.to_owned(), key.span), 1);
        }
        parts.push(read_value(value, &here)?);
    }
    Ok(match parts.len() {
        0 => Filter::Hollow(span),
        1 => parts.remove(0),
        _ => Filter::All(parts, span),
    })
}
