//! The calls of `PolicyDecisionService` by name, from the bytes of a request to those of its answer.

use tonic::Status;

use super::out::Out;
use super::proto::v1::policy_decision_service_server::SERVICE_NAME;
use super::{Budget, DecisionService, status};
use crate::vocab::call::Call;

/// Returns the name of the call in a path such as `/placet.v1.PolicyDecisionService/Check`; none if the path leads to another
/// service.
pub fn in_path(path: &str) -> Option<&str> {
    path.strip_prefix('/')?
        .strip_prefix(SERVICE_NAME)?
        .strip_prefix('/')
}

/// Returns the call of `PolicyDecisionService` that has a name, if there is one.
pub fn find(name: &str) -> Option<Call> {
    const CALLS: [Call; 7] = [
        Call::Check,
        Call::CheckBatch,
        Call::ListAllowedActions,
        Call::ListAllowedTransitions,
        Call::FilterFields,
        Call::PlanQuery,
        Call::DescribeWorkflow,
    ];
    CALLS.into_iter().find(|call| call.name() == name)
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
        let out = &mut Out::new(out);
        match call {
            Call::Check => self.write_check(message, out),
            Call::CheckBatch => self.write_check_batch(message, budget, out),
            Call::ListAllowedActions => self.write_allowed_actions(message, out),
            Call::ListAllowedTransitions => self.write_allowed_transitions(message, out),
            Call::FilterFields => self.write_filtered_fields(message, out),
            Call::PlanQuery => self.write_plan(message, out),
            Call::DescribeWorkflow => self.write_workflow(message, out),
            Call::GetStatus | Call::Reload | Call::WatchStatus | Call::Other => Err(status::unknown_call()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_by_their_paths() {
        let name = in_path("/placet.v1.PolicyDecisionService/CheckBatch");
        assert_eq!(name.and_then(find), Some(Call::CheckBatch));
        assert_eq!(
            in_path("/placet.v1.PolicyDecisionService/Fly").and_then(find),
            None
        );
        assert_eq!(in_path("/grpc.health.v1.Health/Check"), None);
        assert_eq!(in_path("placet.v1.PolicyDecisionService/Check"), None);
    }
}
