//! The question: who wants to do what to which item, and what the request tells about it.

use std::ops::Deref;

use jiff::Timestamp;

use crate::vocab::value::Object;

/// Names of a request, in its order: borrowed where a list of them is at hand, so that asking costs nothing.
#[derive(Clone, Debug)]
pub enum Names<'a> {
    /// A list that somebody else keeps.
    Borrowed(&'a [&'a str]),
    /// A list of its own.
    Owned(Vec<&'a str>),
}

impl<'a> Names<'a> {
    /// Returns no names.
    pub fn new() -> Self {
        Names::Borrowed(&[])
    }

    /// Adds a name at the end.
    pub fn push(&mut self, name: &'a str) {
        match self {
            Names::Owned(names) => names.push(name),
            Names::Borrowed(names) => {
                let mut owned = names.to_vec();
                owned.push(name);
                *self = Names::Owned(owned);
            }
        }
    }
}

impl Default for Names<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Deref for Names<'a> {
    type Target = [&'a str];

    fn deref(&self) -> &Self::Target {
        match self {
            Names::Borrowed(names) => names,
            Names::Owned(names) => names,
        }
    }
}

impl<'a> FromIterator<&'a str> for Names<'a> {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        Names::Owned(names.into_iter().collect())
    }
}

impl<'a> From<&'a [&'a str]> for Names<'a> {
    fn from(names: &'a [&'a str]) -> Self {
        Names::Borrowed(names)
    }
}

impl<'n, 'a> IntoIterator for &'n Names<'a> {
    type Item = &'n &'a str;
    type IntoIter = std::slice::Iter<'n, &'a str>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A question about one action or transition on one item.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    /// Who asks.
    pub subject: Subject<'a>,
    /// About which item.
    pub resource: Resource<'a>,
    /// From where, when, and with what else at hand.
    pub context: Context<'a>,
    /// The action; may be empty if a transition is named.
    pub action: &'a str,
    /// The transition; empty if none is named.
    pub transition: &'a str,
    /// The state afterwards; empty if it stays or the changes tell.
    pub to_state: &'a str,
    /// Fields that are read (`*`: whatever may be read), or written with values that are not known.
    pub fields: Names<'a>,
    /// Fields by which the request selects or sorts.
    pub filter_fields: Names<'a>,
    /// Proposed values.
    pub changes: Object<'a>,
}

impl<'a> Query<'a> {
    /// Returns an empty question of an anonymous subject at a moment.
    pub fn at(now: Timestamp) -> Self {
        Self {
            subject: Subject::default(),
            resource: Resource::default(),
            context: Context {
                ip: "",
                now,
                explanation: "",
                approvals: Vec::new(),
                comment_author_id: "",
                attributes: Object::default(),
            },
            action: "",
            transition: "",
            to_state: "",
            fields: Names::new(),
            filter_fields: Names::new(),
            changes: Object::default(),
        }
    }
}

/// Who asks.
#[derive(Clone, Debug, Default)]
pub struct Subject<'a> {
    /// The id; empty for visitors.
    pub id: &'a str,
    /// Roles held site-wide.
    pub roles: Names<'a>,
    /// Groups belonged to.
    pub groups: Names<'a>,
    /// What conditions read as `$CURRENT_USER.x`.
    pub attributes: Object<'a>,
}

/// The item in question.
#[derive(Clone, Debug, Default)]
pub struct Resource<'a> {
    /// The collection.
    pub collection: &'a str,
    /// The id; empty for an item that is not saved yet.
    pub id: &'a str,
    /// The workflow state.
    pub state: &'a str,
    /// The owner.
    pub owner: Owner<'a>,
    /// Stored values, related items nested in them.
    pub attributes: Object<'a>,
    /// Roles given on this item.
    pub local_roles: Vec<LocalRoles<'a>>,
    /// Whether roles and grants given on ancestors do not come down here.
    pub block_inheritance: bool,
    /// The containers, root first.
    pub ancestors: Vec<Ancestor<'a>>,
    /// An opaque digest of the content; approvals given for another one do not count.
    pub content_digest: &'a str,
    /// Whether the question is "for some item?".
    pub any_item: bool,
}

/// The owner of an item.
#[derive(Clone, Debug, Default)]
pub struct Owner<'a> {
    /// The id; empty if unowned or told by an attribute.
    pub id: &'a str,
    /// Roles that the owner holds.
    pub roles: Names<'a>,
}

/// Roles given on one item or container.
#[derive(Clone, Debug)]
pub struct LocalRoles<'a> {
    /// To whom.
    pub holder: Holder<'a>,
    /// Which roles.
    pub roles: Names<'a>,
}

/// To whom local roles are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder<'a> {
    /// To a user, by id.
    User(&'a str),
    /// To the members of a group.
    Group(&'a str),
}

impl<'a> Resource<'a> {
    /// Returns the containers whose roles and grants come down to the item, each with its number, counted from the root: what lies
    /// above a node that blocks does not.
    #[inline]
    pub(super) fn inherited(&self) -> impl Iterator<Item = (usize, &Ancestor<'a>)> {
        let blocks = |ancestor: &Ancestor<'_>| ancestor.block_inheritance;
        let first = if self.block_inheritance {
            self.ancestors.len()
        } else {
            self.ancestors.iter().rposition(blocks).unwrap_or(0)
        };
        self.ancestors.iter().enumerate().skip(first)
    }
}

/// A container of the item: what it contributes to local roles, and by its name to grants on documents.
#[derive(Clone, Debug, Default)]
pub struct Ancestor<'a> {
    /// The collection.
    pub collection: &'a str,
    /// The id; an empty one names no document.
    pub id: &'a str,
    /// Roles given on it.
    pub local_roles: Vec<LocalRoles<'a>>,
    /// Whether roles and grants given above do not come down here.
    pub block_inheritance: bool,
}

/// What surrounds the request.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The address that the request comes from, as text; empty if unknown.
    pub ip: &'a str,
    /// The moment of the decision.
    pub now: Timestamp,
    /// The explanation that was given.
    pub explanation: &'a str,
    /// Approvals that were given.
    pub approvals: Vec<Approval<'a>>,
    /// Who wrote the comment in question.
    pub comment_author_id: &'a str,
    /// What conditions read as `$CONTEXT.x`.
    pub attributes: Object<'a>,
}

/// An approval that somebody gave.
#[derive(Clone, Debug)]
pub struct Approval<'a> {
    /// Who approved.
    pub subject_id: &'a str,
    /// With which roles.
    pub roles: Names<'a>,
    /// Which transition.
    pub transition: &'a str,
    /// For which content.
    pub content_digest: &'a str,
}

/// Why a question cannot be answered at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Neither an action nor a transition is named.
    #[error("name an action or a transition")]
    NoAction,
    /// Two parts of the request tell one fact differently.
    #[error("`{first}` and `{second}` tell different values")]
    Conflict {
        /// The one field of the request.
        first: &'static str,
        /// The other field of the request.
        second: &'static str,
    },
    /// A part of the request holds a value that it may not hold.
    #[error("`{field}` may not be `{value}`")]
    Unfit {
        /// The field of the request.
        field: &'static str,
        /// What it holds.
        value: &'static str,
    },
}
