//! The calls of the contract, as the log and the metrics name them.

/// A call that a client can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// `Check`.
    Check,
    /// `CheckBatch`.
    CheckBatch,
    /// `ListAllowedActions`.
    ListAllowedActions,
    /// `ListAllowedTransitions`.
    ListAllowedTransitions,
    /// `FilterFields`.
    FilterFields,
    /// `PlanQuery`.
    PlanQuery,
    /// `DescribeWorkflow`.
    DescribeWorkflow,
    /// `GetStatus`.
    GetStatus,
    /// `Reload`.
    Reload,
    /// `WatchStatus`.
    WatchStatus,
    /// Anything else: health, reflection, and what does not exist.
    Other,
}

impl Call {
    /// Every call, in the order of the contract.
    pub const ALL: [Self; 11] = [
        Self::Check,
        Self::CheckBatch,
        Self::ListAllowedActions,
        Self::ListAllowedTransitions,
        Self::FilterFields,
        Self::PlanQuery,
        Self::DescribeWorkflow,
        Self::GetStatus,
        Self::Reload,
        Self::WatchStatus,
        Self::Other,
    ];

    /// Returns the name in the contract; `other` for what is not in it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Check => "Check",
            Self::CheckBatch => "CheckBatch",
            Self::ListAllowedActions => "ListAllowedActions",
            Self::ListAllowedTransitions => "ListAllowedTransitions",
            Self::FilterFields => "FilterFields",
            Self::PlanQuery => "PlanQuery",
            Self::DescribeWorkflow => "DescribeWorkflow",
            Self::GetStatus => "GetStatus",
            Self::Reload => "Reload",
            Self::WatchStatus => "WatchStatus",
            Self::Other => "other",
        }
    }
}
