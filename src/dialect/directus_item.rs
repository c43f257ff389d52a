//! Item rules: what Directus makes of a rule on a stored item, in words of the neutral policy.
//!
//! Directus turns a rule into SQL. A part of it that yields no clause is *neutral* and drops out; operands are cast to the type
//! of the field; a variable that is null asks for null. All of that is written out here.

use crate::policy::condition::{Condition, Node, Related as Quantified};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::json::Json;
use crate::source::span::{Span, Spanned};
use crate::vocab::operator::{FieldType, Function, Operator};

use super::Mode;
use super::directus_build::{Look, always, group, neutral};
use super::directus_filter::{Fault, Filter, INTERNAL, Related, Test, read_filter};
use super::directus_schema::{Class, CollectionRow, Schema};
use super::directus_test::Comparison;
use super::directus_value::{read_arg, read_args};

/// How the database compares text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TextCase {
    /// Letter case counts (PostgreSQL, Oracle).
    Sensitive,
    /// Letter case does not count (MySQL, MariaDB, SQL Server with their usual collations).
    Insensitive,
    /// It counts in `_eq`, and not between A and Z in patterns (SQLite).
    #[default]
    AsciiLike,
}

/// What holds for every rule of a profile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'c> {
    pub(super) schema: &'c Schema,
    pub(super) mode: Mode,
    pub(super) case: TextCase,
    /// Whether `_json` is understood, as it is since Directus 12.
    pub(super) has_json: bool,
}

impl Context<'_> {
    /// Complains about a part of a rule that lets through more than it seems to ask.
    pub(super) fn fails_open(
        self,
        span: Span,
        message: impl Into<String>,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let severity = match self.mode {
            Mode::Strict => Severity::Error,
            Mode::Exact => Severity::Warning,
        };
        diagnostics.push(Diagnostic::new(Code::FailsOpen, span, message.into()).severity(severity));
    }
}

/// What a path leads to.
pub(super) enum Target {
    /// Nothing that Directus makes a clause of.
    Nothing,
    /// A field, or a list of related items compared by their keys.
    Field(Class),
}

/// Reads item rules.
pub(super) struct ItemReader<'c, 'd> {
    pub(super) context: Context<'c>,
    pub(super) diagnostics: &'d mut Vec<Diagnostic>,
}

impl ItemReader<'_, '_> {
    /// Reads a rule on the items of a collection; `{}` is none.
    pub(super) fn read_rule(&mut self, json: &Json, collection: &str) -> Result<Option<Condition>, Fault> {
        let filter = read_filter(json)?;
        if let Filter::Empty(_) = filter {
            return Ok(None);
        }
        let lowered = self.lower(&filter, collection, false)?;
        Ok(Some(lowered.unwrap_or_else(|| neutral(json.span))))
    }

    /// Lowers a part of a rule; `None` if it is neutral.
    fn lower(
        &mut self,
        filter: &Filter<'_>,
        collection: &str,
        is_inside: bool,
    ) -> Result<Option<Condition>, Fault> {
        match filter {
            Filter::Empty(span) | Filter::Hollow(span) => {
                self.is_neutral(*span, "`{}` asks nothing here");
                Ok(None)
            }
            Filter::All(parts, span) => {
                let parts = self.lower_parts(parts, *span, collection, is_inside)?;
                Ok((!parts.is_empty()).then(|| group(parts, Node::All, *span)))
            }
            Filter::Any(parts, span) => {
                let is_all = |part: &Filter<'_>| matches!(part, Filter::Empty(_));
                if parts.iter().any(is_all) {
                    // What else stands there is read, since a mistake in it counts.
                    for part in parts.iter().filter(|part| !is_all(part)) {
                        self.lower(part, collection, is_inside)?;
                    }
                    self.is_neutral(*span, "one of the group is `{}`, which is anything");
                    return Ok(None);
                }
                let lowered = self.lower_parts(parts, *span, collection, is_inside)?;
                Ok((!lowered.is_empty()).then(|| group(lowered, Node::Any, *span)))
            }
            Filter::Test(test) => self.lower_test(test, collection),
            Filter::Related(related) => self.lower_related(related, collection, is_inside),
            Filter::Stray(key) => Err(Fault::query(
                key.span,
                format!("the operator {} stands below no field", quote(&key.value)),
            )),
        }
    }

    fn lower_parts(
        &mut self,
        parts: &[Filter<'_>],
        span: Span,
        collection: &str,
        is_inside: bool,
    ) -> Result<Vec<Condition>, Fault> {
        if parts.is_empty() {
            self.is_neutral(span, "the group is empty");
        }
        let mut lowered = Vec::with_capacity(parts.len());
        for part in parts {
            lowered.extend(self.lower(part, collection, is_inside)?);
        }
        Ok(lowered)
    }

    fn is_neutral(&mut self, span: Span, what: &str) {
        let message = format!("{what}, so Directus passes over this part of the rule");
        self.context.fails_open(span, message, self.diagnostics);
    }

    fn lower_test(&mut self, test: &Test<'_>, collection: &str) -> Result<Option<Condition>, Fault> {
        if test.inner > 0 && !self.context.has_json {
            let message = "`_json` came with Directus 12";
            return Err(Fault::query(test.span, message));
        }
        let target = self.resolve(collection, &test.path, test.inner)?;
        let Target::Field(mut class) = target else {
            self.is_neutral(test.span, "the rule goes on below a field that is no relation");
            return Ok(None);
        };
        let mut look = Look {
            path: test.path.clone(),
            function: None,
            span: test.span,
        };
        if let Some(function) = &test.function {
            look.function = Some(self.find_function(function, class, collection, &test.path)?);
            class = Class::Typed(FieldType::Float);
        }
        let Some(operator) = Operator::find(&test.operator.value).filter(|operator| takes(class, *operator))
        else {
            let field = test.path.last().map_or("", |step| step.value.as_str());
            let message = format!(
                "Directus has no operator {} for the field {}{}",
                quote(&test.operator.value),
                quote(field),
                describe(class)
            );
            return Err(Fault::query(test.operator.span, message));
        };
        if class == Class::Typed(FieldType::Csv) && !matches!(operator, Operator::Null | Operator::Nnull) {
            // The database holds the list as one text.
            look.function = Some(Function::Joined);
        }
        let mut comparison = Comparison {
            context: self.context,
            look,
            class,
            operator,
            diagnostics: self.diagnostics,
        };
        if comparison.wants_list() {
            let args = read_args(test.operand, self.context.schema)?;
            comparison.lower_list(&args)
        } else {
            let arg = read_arg(test.operand, self.context.schema)?;
            comparison.lower_one(&arg).map(Some)
        }
    }

    fn lower_related(
        &mut self,
        related: &Related<'_>,
        collection: &str,
        is_inside: bool,
    ) -> Result<Option<Condition>, Fault> {
        let word = if related.none { "_none" } else { "_some" };
        let home = self.context.schema.find(collection);
        let field = match related.path.as_slice() {
            [only] if !is_inside => home.and_then(|home| home.field(&only.value)),
            _ => None,
        };
        let child = field
            .and_then(|field| field.relation.as_ref())
            .filter(|relation| relation.many)
            .map(|relation| relation.collection.value.clone());
        let is_open = !is_inside && related.path.len() == 1 && field.is_none() && is_open(self.context, home);
        let Some(child) = child.or_else(|| is_open.then(String::new)) else {
            let message =
                format!("`{word}` belongs below a field of the item itself that lists related items");
            return Err(Fault::query(related.span, message));
        };
        let content = read_filter(related.content)?;
        if content.is_group() && self.context.mode == Mode::Exact || matches!(content, Filter::Empty(_)) {
            let what = format!("a group, or nothing, stands below `{word}`");
            self.is_neutral(related.span, &what);
            return Ok(None);
        }
        let inner = self.lower(&content, &child, true)?;
        let condition = inner.unwrap_or_else(|| always(content.span()));
        let quantified = Quantified {
            path: related.path.clone(),
            none: related.none,
            permitted: !child.is_empty(),
            condition: Box::new(condition),
        };
        Ok(Some(Condition {
            node: Node::Related(quantified),
            span: related.span,
        }))
    }

    /// Follows a path through the relations of a collection.
    pub(super) fn resolve(
        &self,
        collection: &str,
        path: &[Spanned<String>],
        inner: usize,
    ) -> Result<Target, Fault> {
        let outer = path.len().saturating_sub(inner);
        let mut home = self.context.schema.find(collection);
        let mut class = Class::Open;
        for (index, step) in path.iter().take(outer).enumerate() {
            let Some(field) = home.and_then(|home| home.field(&step.value)) else {
                if is_open(self.context, home) {
                    return Ok(Target::Field(Class::Open));
                }
                let id = home.map_or("", |home| home.id.value.as_str());
                let message = format!("there is no field {} in {}", quote(&step.value), quote(id));
                let mut fault = Fault::query(step.span, message);
                if index > 0 {
                    fault.code = INTERNAL;
                }
                return Err(fault);
            };
            let relation = field.relation.as_ref();
            class = field.class;
            let is_last = index + 1 == outer;
            let is_alias = class == Class::Typed(FieldType::Alias);
            if relation.is_none() && (is_alias || !is_last) {
                return Ok(Target::Nothing);
            }
            home = relation.and_then(|relation| self.context.schema.find(&relation.collection.value));
            if relation.is_some() && is_alias {
                class = home
                    .and_then(CollectionRow::key)
                    .map_or(Class::Open, |key| key.class);
            }
            if relation.is_some() && home.is_none() && !is_last {
                return Ok(Target::Field(Class::Open));
            }
        }
        if inner > 0 {
            if !matches!(class, Class::Typed(FieldType::Json) | Class::Open) {
                let span = path.last().map(|step| step.span);
                let message = "`_json` is for fields that hold JSON";
                return Err(Fault::query(
                    span.unwrap_or(Span::new(crate::source::span::FileId::new(0), 0, 0)),
                    message,
                ));
            }
            class = Class::Open;
        }
        Ok(Target::Field(class))
    }

    /// Finds a function, if it is for the field.
    fn find_function(
        &self,
        function: &Spanned<String>,
        class: Class,
        collection: &str,
        path: &[Spanned<String>],
    ) -> Result<Function, Fault> {
        let is_list = self.is_list(collection, path);
        let found = Function::find(&function.value).filter(|found| match found {
            Function::Year | Function::Month | Function::Week | Function::Day | Function::Weekday => {
                matches!(
                    class,
                    Class::Open | Class::Typed(FieldType::Date | FieldType::DateTime | FieldType::Timestamp)
                )
            }
            Function::Hour | Function::Minute | Function::Second => matches!(
                class,
                Class::Open | Class::Typed(FieldType::DateTime | FieldType::Timestamp)
            ),
            Function::Count => is_list || matches!(class, Class::Open | Class::Typed(FieldType::Json)),
            Function::Joined => false,
        });
        found.ok_or_else(|| {
            let field = path.last().map_or("", |step| step.value.as_str());
            let message = format!(
                "Directus has no function {} of the field {}{}",
                quote(&function.value),
                quote(field),
                describe(class)
            );
            Fault::query(function.span, message)
        })
    }

    fn is_list(&self, collection: &str, path: &[Spanned<String>]) -> bool {
        let mut home = self.context.schema.find(collection);
        let mut is_many = false;
        for step in path {
            let relation = home
                .and_then(|home| home.field(&step.value))
                .and_then(|field| field.relation.as_ref());
            is_many = relation.is_some_and(|relation| relation.many);
            home = relation.and_then(|relation| self.context.schema.find(&relation.collection.value));
        }
        is_many
    }
}

/// Tells whether a collection may have fields that nobody declared.
fn is_open(context: Context<'_>, home: Option<&CollectionRow>) -> bool {
    !context.schema.is_known || home.is_none_or(|home| !home.is_closed)
}

/// Returns what a field is, for messages.
fn describe(class: Class) -> String {
    match class {
        Class::Typed(kind) => format!(", which is of type {}", kind.name()),
        Class::Other | Class::Open => String::new(),
    }
}

/// Tells whether Directus has an operator for fields of a type.
fn takes(class: Class, operator: Operator) -> bool {
    use Operator as O;
    let is_text = matches!(
        operator,
        O::Eq
            | O::Neq
            | O::Contains
            | O::Ncontains
            | O::Icontains
            | O::StartsWith
            | O::NstartsWith
            | O::IstartsWith
            | O::NistartsWith
            | O::EndsWith
            | O::NendsWith
            | O::IendsWith
            | O::NiendsWith
            | O::Empty
            | O::Nempty
            | O::Null
            | O::Nnull
            | O::In
            | O::Nin
    );
    let is_number = matches!(
        operator,
        O::Eq
            | O::Neq
            | O::Lt
            | O::Lte
            | O::Gt
            | O::Gte
            | O::Between
            | O::Nbetween
            | O::Null
            | O::Nnull
            | O::In
            | O::Nin
    );
    let is_geometry = matches!(
        operator,
        O::Intersects | O::Nintersects | O::IntersectsBbox | O::NintersectsBbox
    );
    let is_null = matches!(operator, O::Null | O::Nnull);
    let is_empty = matches!(operator, O::Empty | O::Nempty);
    let is_equal = matches!(operator, O::Eq | O::Neq);
    match class {
        Class::Open => is_text || is_number || is_geometry,
        Class::Other | Class::Typed(FieldType::Timestamp) => {
            is_number || is_empty || matches!(operator, O::Contains | O::Ncontains)
        }
        Class::Typed(kind) => match kind {
            FieldType::String | FieldType::Text | FieldType::Csv => is_text,
            FieldType::Integer
            | FieldType::BigInteger
            | FieldType::Float
            | FieldType::Decimal
            | FieldType::Date
            | FieldType::Time
            | FieldType::DateTime
            | FieldType::Timestamp => is_number,
            FieldType::Boolean => is_equal || is_null,
            FieldType::Uuid => is_equal || is_null || matches!(operator, O::In | O::Nin),
            FieldType::Json | FieldType::Alias => is_null,
            FieldType::Hash => is_empty || is_null,
            FieldType::Geometry => is_equal || is_null || is_geometry,
        },
    }
}
