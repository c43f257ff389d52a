//! Who has which right on which type: the roles of Apostrophe, and the groups of its extension.

use crate::policy::Selector;
use crate::source::span::{Span, Spanned};

use super::Mode;
use super::apostrophe_document::Reach;
use super::apostrophe_group::GroupRow;
use super::apostrophe_type::{DocType, Rank};

/// How far a right to write reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    #[default]
    None,
    /// In requests that run in draft mode.
    Draft,
    /// In all requests.
    Any,
}

impl Level {
    /// Tells whether the right counts in a request that runs in draft mode or not.
    pub(super) fn covers(self, drafting: bool) -> bool {
        match self {
            Level::None => false,
            Level::Draft => drafting,
            Level::Any => true,
        }
    }
}

/// What somebody may do with documents of one type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rights {
    pub(super) view: bool,
    pub(super) create: Level,
    pub(super) edit: Level,
    pub(super) publish: bool,
    /// To take published copies away.
    pub(super) delete: bool,
}

/// What lists of documents hold for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sight {
    /// Published documents for everybody.
    Visitor,
    /// Published documents for everybody, or for everybody who has signed in.
    Guest,
    /// The published copy, for whomever it is.
    Reader,
    /// Every copy.
    Member,
}

/// Who holds rights.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    /// The role that stands for it.
    pub(super) role: Spanned<String>,
    pub(super) who: Who,
}

/// What kind of holder it is.
#[derive(Clone, Debug)]
pub(super) enum Who {
    /// Whoever has not signed in, or has no role that is known.
    Visitor,
    /// Whoever has signed in, where groups take the place of roles.
    Member,
    /// One of the roles, administrators aside.
    Role(Rank),
    /// A group with a grid of permissions, administrators aside.
    Group(GroupRow),
    /// Whoever was granted this one document.
    Document(Reach),
}

/// Everything that rights depend on.
#[derive(Clone, Debug)]
pub(super) struct World<'t> {
    pub(super) mode: Mode,
    pub(super) types: &'t [DocType],
    pub(super) holders: Vec<Holder>,
    /// The permissions that the project has invented.
    pub(super) custom: Vec<String>,
}

/// The actions that Apostrophe's own code knows.
pub(super) const ACTIONS: [&str; 7] = [
    "view",
    "view-draft",
    "create",
    "edit",
    "publish",
    "delete",
    "upload-attachment",
];

impl World<'_> {
    /// Returns a type.
    pub(super) fn find(&self, name: &str) -> Option<&DocType> {
        self.types.iter().find(|found| found.name.value == name)
    }

    /// Returns the permissions for which a field may ask.
    pub(super) fn rights_known(&self) -> Vec<&str> {
        let custom = self.custom.iter().map(String::as_str);
        ACTIONS.into_iter().chain(custom).collect()
    }

    /// Returns what somebody may do with documents of a type; `None` stands for questions without a type.
    pub(super) fn rights(&self, holder: &Holder, found: Option<&DocType>) -> Rights {
        let is_barred =
            |bar: fn(&DocType) -> Option<Rank>, rank: Rank| found.and_then(bar).is_some_and(|bar| rank < bar);
        let views = |rank| !is_barred(|found| found.view_role, rank);
        match &holder.who {
            // Nobody is no role, and what compares roles does not stop him.
            Who::Visitor => Rights {
                view: self.mode == Mode::Exact || found.is_none_or(|found| found.view_role.is_none()),
                ..Rights::default()
            },
            Who::Member => Rights {
                view: views(Rank::Guest),
                ..Rights::default()
            },
            Who::Role(rank) => {
                let writes = match rank {
                    Rank::Guest => Level::None,
                    Rank::Contributor => Level::Draft,
                    Rank::Editor | Rank::Admin => Level::Any,
                };
                let edit = if is_barred(|found| found.edit_role, *rank) {
                    Level::None
                } else {
                    writes
                };
                let publish = *rank >= Rank::Editor && !is_barred(|found| found.publish_role, *rank);
                Rights {
                    view: views(*rank),
                    create: edit,
                    edit,
                    publish,
                    delete: publish,
                }
            }
            Who::Group(group) => group.rights(found, views(Rank::Editor)),
            Who::Document(reach) => reach.rights(),
        }
    }

    /// Returns what lists hold for somebody who views documents of a type.
    pub(super) fn sight(holder: &Holder) -> Sight {
        match &holder.who {
            Who::Visitor => Sight::Visitor,
            Who::Member | Who::Role(Rank::Guest) => Sight::Guest,
            Who::Role(Rank::Contributor | Rank::Editor | Rank::Admin) | Who::Group(_) => Sight::Member,
            Who::Document(reach) => reach.sight(),
        }
    }

    /// Tells whether somebody may have requests run in draft mode, and uses the interface for programs without limits.
    pub(super) fn drafts(&self, holder: &Holder) -> bool {
        match &holder.who {
            Who::Visitor | Who::Member => false,
            Who::Role(rank) => *rank >= Rank::Contributor,
            Who::Group(group) => group.has_any_right(),
            Who::Document(reach) => *reach >= Reach::Edit,
        }
    }

    /// Tells whether somebody has a right on documents of a type, without a document in question.
    pub(super) fn permits(&self, holder: &Holder, action: &str, doc_type: &str, drafting: bool) -> bool {
        let Some(found) = self.find(doc_type) else {
            return false;
        };
        // A grant of one document is none of its type: there its holder is like everybody who has signed in.
        let signed_in = Rights {
            view: found.view_role.is_none_or(|bar| bar <= Rank::Guest),
            ..Rights::default()
        };
        let rights = match &holder.who {
            Who::Document(_) => signed_in,
            Who::Visitor | Who::Member | Who::Role(_) | Who::Group(_) => self.rights(holder, Some(found)),
        };
        match action {
            "view" => rights.view,
            "view-draft" | "upload-attachment" => self.drafts(holder),
            "create" => rights.create.covers(drafting),
            "edit" => rights.edit.covers(drafting),
            "publish" => rights.publish,
            "delete" => rights.delete,
            custom => match &holder.who {
                Who::Group(group) => group.has_custom(custom, found),
                Who::Visitor | Who::Member | Who::Role(_) | Who::Document(_) => false,
            },
        }
    }
}

/// Returns the selector for one name.
pub(super) fn only(name: &Spanned<String>) -> Selector {
    Selector::Only(vec![name.clone()])
}

/// Returns the selector for several names that stand at one place.
pub(super) fn several(names: &[&str], span: Span) -> Selector {
    Selector::Only(
        names
            .iter()
            .map(|name| Spanned::new((*name).to_owned(), span))
            .collect(),
    )
}
