//! Ids of compiled things: dense numbers that mean nothing outside their own model.

/// Declares id types.
macro_rules! ids {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct $name(u32);

            impl $name {
                /// Returns the id of a position.
                pub fn new(index: usize) -> Self {
                    // Capacity is checked by `validate`; a position beyond it becomes an id that nothing has.
                    Self(u32::try_from(index).unwrap_or(u32::MAX))
                }

                /// Returns the position.
                pub fn index(self) -> usize {
                    self.0 as usize
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
