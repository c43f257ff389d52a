//! Ids of compiled things: dense numbers that mean nothing outside their own model.

use std::num::NonZeroU32;

/// Declares id types.
macro_rules! ids {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {
        $(
            $(#[doc = $doc])+
            ///
            /// It holds the position plus one, so that an id and none fit in one word.
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct $name(NonZeroU32);

            impl $name {
                /// Returns the id of a position.
                #[inline]
                pub fn new(index: usize) -> Self {
                    // Capacity is checked by `validate`; a position beyond it becomes an id that nothing has.
                    let index = u32::try_from(index).unwrap_or(u32::MAX);
                    Self(NonZeroU32::MIN.saturating_add(index))
                }

                /// Returns the position.
                #[inline]
                pub fn index(self) -> usize {
                    (self.0.get() - 1) as usize
                }
            }

            impl From<NonZeroU32> for $name {
                #[inline]
                fn from(next: NonZeroU32) -> Self {
                    Self(next)
                }
            }

            impl Default for $name {
                fn default() -> Self {
                    Self(NonZeroU32::MIN)
                }
            }
        )+
    };
}

ids! {
    /// A role.
    RoleId;
    /// A group.
    GroupId;
    /// A collection.
    CollectionId;
    /// An action.
    ActionId;
    /// A state; states of several workflows with one name share it.
    StateId;
    /// A field name; fields of several collections with one name share it.
    FieldId;
    /// A workflow.
    WorkflowId;
    /// A transition of a workflow, numbered through all workflows.
    TransitionId;
    /// A condition program.
    ConditionId;
    /// A grant.
    GrantId;
    /// A constraint.
    ConstraintId;
    /// A grant on one document.
    DocumentGrantId;
    /// Where something was declared.
    OriginId;
}
