//! The calls of `PolicyDecisionService` by name, from the bytes of a request to those of its answer.

use prost::Message;
use tonic::Status;

use super::proto::v1;
use super::proto::v1::policy_decision_service_server::SERVICE_NAME;
use super::{Budget, DecisionService, status};

/// Names a call of `PolicyDecisionService`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
}

impl Call {
    /// All calls, in the order of the contract.
    pub const ALL: [Self; 7] = [
        Self::Check,
        Self::CheckBatch,
        Self::ListAllowedActions,
        Self::ListAllowedTransitions,
        Self::FilterFields,
        Self::PlanQuery,
        Self::DescribeWorkflow,
    ];

    /// Returns the name of the call in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Check => "Check",
            Self::CheckBatch => "CheckBatch",
            Self::ListAllowedActions => "ListAllowedActions",
            Self::ListAllowedTransitions => "ListAllowedTransitions",
            Self::FilterFields => "FilterFields",
            Self::PlanQuery => "PlanQuery",
            Self::DescribeWorkflow => "DescribeWorkflow",
        }
    }

    /// Returns the call of a name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.name() == name)
    }

    /// Returns the name of a call in a path such as `/placet.v1.PolicyDecisionService/Check`; none if the path leads to
    /// another service.
    pub fn in_path(path: &str) -> Option<&str> {
        path.strip_prefix('/')?
            .strip_prefix(SERVICE_NAME)?
            .strip_prefix('/')
    }
}

impl DecisionService {
    /// Answers a call: reads `message` as its request, and appends its answer to `out`. The door and the tools come by here.
    ///
    /// # Errors
    ///
    /// A status if the bytes are no request, the request makes no sense, or no profile can answer it. What was appended to
    /// `out` until then means nothing.
    pub fn answer(
        &self,
        call: Call,
        message: &[u8],
        budget: Budget,
        out: &mut Vec<u8>,
    ) -> Result<(), Status> {
        fn read<M: Message + Default>(bytes: &[u8]) -> Result<M, Status> {
            M::decode(bytes).map_err(|error| status::malformed(&error.to_string()))
        }
        fn write(answer: &impl Message, out: &mut Vec<u8>) -> Result<(), Status> {
            answer.encode(out).map_err(|_| status::fault())
        }
        match call {
            Call::Check => write(&self.check(&read(message)?)?, out),
            Call::CheckBatch => write(
                &self.check_batch_within(&read::<v1::CheckBatchRequest>(message)?, budget)?,
                out,
            ),
            Call::ListAllowedActions => write(&self.list_allowed_actions(&read(message)?)?, out),
            Call::ListAllowedTransitions => write(&self.list_allowed_transitions(&read(message)?)?, out),
            Call::FilterFields => write(&self.filter_fields(&read(message)?)?, out),
            Call::PlanQuery => write(&self.plan_query(&read(message)?)?, out),
            Call::DescribeWorkflow => write(&self.describe_workflow(&read(message)?)?, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_by_their_paths() {
        let name = Call::in_path("/placet.v1.PolicyDecisionService/CheckBatch");
        assert_eq!(name.and_then(Call::named), Some(Call::CheckBatch));
        assert_eq!(
            Call::in_path("/placet.v1.PolicyDecisionService/Fly").and_then(Call::named),
            None
        );
        assert_eq!(Call::in_path("/grpc.health.v1.Health/Check"), None);
        assert_eq!(Call::in_path("placet.v1.PolicyDecisionService/Check"), None);
    }
}
