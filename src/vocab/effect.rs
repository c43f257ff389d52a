//! Effects, reasons and operations: the words of a decision.

/// What a grant, or a decision, does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    /// The action may go on.
    Allow,
    /// The action is refused.
    Deny,
}

/// Why a decision is as it is; stable words of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Allowed.
    Allowed,
    /// No grant of the subject's roles is for this collection, action and state.
    NoGrant,
    /// Grants are in reach, but none matches this item or request.
    NoMatchingGrant,
    /// A deny refuses.
    Denied,
    /// A field is named by no grant in reach.
    FieldOutOfReach,
    /// A field is in reach, but no matching grant covers it on this item.
    FieldNotCovered,
    /// The item as it would be breaks a `validate`, `require` or `submitted` condition.
    Violation,
    /// The request does not come from a network that a constraint demands.
    Network,
    /// An explanation is demanded and none was given.
    ExplanationRequired,
    /// A transition lacks approvals.
    ApprovalMissing,
    /// The transition, or the change of state, is not open from this state now.
    NotOffered,
    /// The profile does not know the collection.
    UnknownCollection,
    /// The profile does not know the action.
    UnknownAction,
    /// The workflow does not know the transition.
    UnknownTransition,
    /// The subject names roles, and none of them is known.
    UnknownRole,
    /// A rule needs a fact that the request does not tell.
    MissingAttribute,
    /// A rule that was found broken when it was loaded refuses whatever it touches.
    BrokenRule,
    /// Evaluation went wrong; refused to be safe.
    Fault,
}

impl Reason {
    /// Every reason, in the order of the wire.
    pub const ALL: [Reason; 18] = [
        Reason::Allowed,
        Reason::NoGrant,
        Reason::NoMatchingGrant,
        Reason::Denied,
        Reason::FieldOutOfReach,
        Reason::FieldNotCovered,
        Reason::Violation,
        Reason::Network,
        Reason::ExplanationRequired,
        Reason::ApprovalMissing,
        Reason::NotOffered,
        Reason::UnknownCollection,
        Reason::UnknownAction,
        Reason::UnknownTransition,
        Reason::UnknownRole,
        Reason::MissingAttribute,
        Reason::BrokenRule,
        Reason::Fault,
    ];

    /// Returns the word as people and logs see it (`NO_GRANT`).
    pub fn name(self) -> &'static str {
        match self {
            Reason::Allowed => "ALLOWED",
            Reason::NoGrant => "NO_GRANT",
            Reason::NoMatchingGrant => "NO_MATCHING_GRANT",
            Reason::Denied => "DENIED",
            Reason::FieldOutOfReach => "FIELD_OUT_OF_REACH",
            Reason::FieldNotCovered => "FIELD_NOT_COVERED",
            Reason::Violation => "VIOLATION",
            Reason::Network => "NETWORK",
            Reason::ExplanationRequired => "EXPLANATION_REQUIRED",
            Reason::ApprovalMissing => "APPROVAL_MISSING",
            Reason::NotOffered => "NOT_OFFERED",
            Reason::UnknownCollection => "UNKNOWN_COLLECTION",
            Reason::UnknownAction => "UNKNOWN_ACTION",
            Reason::UnknownTransition => "UNKNOWN_TRANSITION",
            Reason::UnknownRole => "UNKNOWN_ROLE",
            Reason::MissingAttribute => "MISSING_ATTRIBUTE",
            Reason::BrokenRule => "BROKEN_RULE",
            Reason::Fault => "FAULT",
        }
    }
}

/// What kind of work an action does on an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Looks at an item; the fields are those asked for.
    Read,
    /// Makes an item; `state` is the state of the future item.
    Create,
    /// Changes an item.
    Update,
    /// Removes an item.
    Delete,
    /// Anything else: publish, share, comment.
    Other,
}

impl Operation {
    /// Returns what an action does that nobody declares, by its name.
    pub fn usual(action: &str) -> Self {
        match action {
            "create" => Operation::Create,
            "read" => Operation::Read,
            "update" => Operation::Update,
            "delete" => Operation::Delete,
            _ => Operation::Other,
        }
    }

    /// Returns the word of the native format and the wire (`READ`).
    pub fn name(self) -> &'static str {
        match self {
            Operation::Read => "READ",
            Operation::Create => "CREATE",
            Operation::Update => "UPDATE",
            Operation::Delete => "DELETE",
            Operation::Other => "OTHER",
        }
    }
}
