//! The conditions that Apostrophe's own code asks of a request and of a document.

use crate::policy::condition::{Condition, Left, Node, Operand, Variable};
use crate::source::span::{Span, Spanned};
use crate::vocab::operator::Operator;
use crate::vocab::value::Value;

use super::Mode;

/// Makes conditions that all stand at one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conditions {
    pub(super) mode: Mode,
    pub(super) span: Span,
}

impl Conditions {
    /// The request runs in draft mode.
    ///
    /// Apostrophe looks at nothing but the request. In mode `strict` a request that does not say so is one for the copy that it
    /// is about.
    pub(super) fn drafting(self) -> Condition {
        let told = self.context("mode", Operator::Eq, text(DRAFT));
        match self.mode {
            Mode::Exact => told,
            Mode::Strict => self.any(vec![
                told,
                self.all(vec![
                    self.context("mode", Operator::Null, Value::Bool(true)),
                    self.field(APOS_MODE, Operator::Eq, text(DRAFT)),
                ]),
            ]),
        }
    }

    /// The document is of this copy, or of a type without copies.
    pub(super) fn copy(self, copy: &str) -> Condition {
        self.any(vec![
            self.field(APOS_MODE, Operator::Null, Value::Bool(true)),
            self.field(APOS_MODE, Operator::Eq, text(copy)),
        ])
    }

    /// The document is for everybody, or there is none in question.
    pub(super) fn public_or_none(self) -> Condition {
        self.any(vec![self.public(), self.no_document()])
    }

    /// The document is for everybody.
    fn public(self) -> Condition {
        self.field(VISIBILITY, Operator::Eq, text("public"))
    }

    /// The document is for everybody, or for everybody who has signed in.
    fn public_or_login(self) -> Condition {
        let words = ["public", "loginRequired"].map(|word| self.name(word));
        self.field_in(VISIBILITY, &words)
    }

    /// What visitors find in lists: public documents as they are published, and the draft of which they hold the share key
    /// in the place of its published copy.
    pub(super) fn found_by_visitors(self) -> Condition {
        let shared = self.all(vec![
            self.same("_id", "share_id"),
            self.same("aposShareKey", "share_key"),
            self.context("share_key", Operator::Nempty, Value::Bool(true)),
            self.field(APOS_MODE, Operator::Eq, text(DRAFT)),
        ]);
        let not_replaced = self.any(vec![
            self.context("share_id", Operator::Empty, Value::Bool(true)),
            self.context("share_key", Operator::Empty, Value::Bool(true)),
            self.not(self.same("_id", "share_published_id")),
        ]);
        self.all(vec![
            self.public(),
            self.any(vec![self.copy(PUBLISHED), shared]),
            not_replaced,
        ])
    }

    /// What signed-in people without a right find in lists.
    pub(super) fn found_by_guests(self) -> Condition {
        self.all(vec![self.public_or_login(), self.copy(PUBLISHED)])
    }

    /// The document is a draft, or was never published, and it is saved.
    pub(super) fn deleted_as_draft(self) -> Condition {
        self.all(vec![
            self.saved(),
            self.any(vec![
                self.field("lastPublishedAt", Operator::Empty, Value::Bool(true)),
                self.field(APOS_MODE, Operator::Eq, text(DRAFT)),
            ]),
        ])
    }

    fn saved(self) -> Condition {
        self.item("saved")
    }

    /// The question is about a type, not about a document.
    fn no_document(self) -> Condition {
        self.item("none")
    }

    fn item(self, word: &str) -> Condition {
        let left = Left::Fact(Variable::Item);
        Condition::compare(left, Operator::Eq, Operand::Value(text(word)), self.span)
    }

    /// The document waits for review, and the subject has submitted it.
    pub(super) fn submitted_by_oneself(self) -> Condition {
        let left = Left::Field(vec![self.name(SUBMITTED), self.name("byId")]);
        let right = Operand::Variable(Variable::CurrentUser(Vec::new()));
        Condition::compare(left, Operator::Eq, right, self.span)
    }

    /// The document waits for review.
    pub(super) fn submitted(self) -> Condition {
        self.field(SUBMITTED, Operator::Nnull, Value::Bool(true))
    }

    /// Asks what a check asks and, of a document, what a list asks; the request may ask for one of them alone.
    ///
    /// `None` stands for what always holds.
    pub(super) fn check_and_list(
        self,
        check: Option<Condition>,
        list: Option<Condition>,
    ) -> Option<Condition> {
        let check = check.map(|check| self.any(vec![check, self.evaluates("criteria")]));
        let list = list.map(|list| self.any(vec![list, self.evaluates("can"), self.no_document()]));
        self.both(check, list)
    }

    /// The raw check alone was asked for, or there is no document that a list could hold.
    pub(super) fn only_check(self) -> Condition {
        self.any(vec![self.evaluates("can"), self.no_document()])
    }

    fn evaluates(self, word: &str) -> Condition {
        self.context("evaluate", Operator::Eq, text(word))
    }

    /// Both of two conditions that may be absent.
    pub(super) fn both(self, one: Option<Condition>, other: Option<Condition>) -> Option<Condition> {
        match (one, other) {
            (Some(one), Some(other)) => Some(self.all(vec![one, other])),
            (one, other) => one.or(other),
        }
    }

    /// A field is one of these texts.
    pub(super) fn field_in(self, field: &str, values: &[Spanned<String>]) -> Condition {
        let values = values.iter().map(|value| Operand::Value(text(&value.value)));
        let left = Left::Field(vec![self.name(field)]);
        Condition::compare(left, Operator::In, Operand::List(values.collect()), self.span)
    }

    /// Compares a fact of the request with a constant.
    pub(super) fn context(self, fact: &str, operator: Operator, value: Value<'static>) -> Condition {
        let left = Left::Fact(Variable::Context(vec![fact.to_owned()]));
        Condition::compare(left, operator, Operand::Value(value), self.span)
    }

    /// Compares a field with a constant.
    pub(super) fn field(self, field: &str, operator: Operator, value: Value<'static>) -> Condition {
        let left = Left::Field(vec![self.name(field)]);
        Condition::compare(left, operator, Operand::Value(value), self.span)
    }

    fn same(self, field: &str, fact: &str) -> Condition {
        let left = Left::Field(vec![self.name(field)]);
        let right = Operand::Variable(Variable::Context(vec![fact.to_owned()]));
        Condition::compare(left, Operator::Eq, right, self.span)
    }

    /// All of these.
    pub(super) fn all(self, parts: Vec<Condition>) -> Condition {
        Condition {
            node: Node::All(parts),
            span: self.span,
        }
    }

    /// One of these at least.
    pub(super) fn any(self, parts: Vec<Condition>) -> Condition {
        Condition {
            node: Node::Any(parts),
            span: self.span,
        }
    }

    /// Not this.
    pub(super) fn not(self, part: Condition) -> Condition {
        Condition {
            node: Node::Not(Box::new(part)),
            span: self.span,
        }
    }

    fn name(self, name: &str) -> Spanned<String> {
        Spanned::new(name.to_owned(), self.span)
    }
}

/// The word for drafts, in requests and in documents.
pub(super) const DRAFT: &str = "draft";
/// The word for published copies.
pub(super) const PUBLISHED: &str = "published";
const APOS_MODE: &str = "aposMode";
const VISIBILITY: &str = "visibility";
const SUBMITTED: &str = "submitted";

/// Returns a text as a value.
pub(super) fn text(text: &str) -> Value<'static> {
    Value::Text(text.to_owned().into())
}
