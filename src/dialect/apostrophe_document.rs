//! Grants of single documents to users and groups, another part of the extension "Advanced Permission".
//!
//! What somebody may do with one document is a role that he holds there: `doc:view`, `doc:edit` or `doc:publish`, each with all that
//! those before it have. A grant in a file gives it, or the request does as a role on the document.

use crate::policy::Policy;
use crate::policy::role::Role;
use crate::source::span::{Span, Spanned};

use super::apostrophe_right::{Holder, Level, Rights, Sight, Who};

/// How far a grant of a document goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    View,
    Edit,
    Publish,
}

impl Reach {
    const ALL: [Reach; 3] = [Reach::View, Reach::Edit, Reach::Publish];

    fn name(self) -> &'static str {
        match self {
            Reach::View => "view",
            Reach::Edit => "edit",
            Reach::Publish => "publish",
        }
    }

    /// Returns what it lets do with the document.
    pub(super) fn rights(self) -> Rights {
        Rights {
            view: true,
            edit: match self {
                Reach::View => Level::None,
                Reach::Edit => Level::Draft,
                Reach::Publish => Level::Any,
            },
            publish: self == Reach::Publish,
            ..Rights::default()
        }
    }

    /// Returns which copies it shows.
    pub(super) fn sight(self) -> Sight {
        match self {
            Reach::View => Sight::Reader,
            Reach::Edit | Reach::Publish => Sight::Member,
        }
    }
}

/// Makes the roles that are held on documents, and returns who holds rights by them.
pub(super) fn hold_documents(origin: Span, policy: &mut Policy) -> Vec<Holder> {
    let mut hold = |reach: Reach| {
        let id = Spanned::new(format!("doc:{}", reach.name()), origin);
        policy.roles.push(Role::new(id.clone(), origin));
        Holder {
            role: id,
            who: Who::Document(reach),
        }
    };
    Reach::ALL.map(&mut hold).into()
}
