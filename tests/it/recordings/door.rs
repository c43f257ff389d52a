//! The door through which recordings are asked: the requests of the wire contract, without a socket.

use std::path::Path;

use placet::rpc::proto::v1::{
    CheckRequest, CheckResponse, DescribeWorkflowRequest, DescribeWorkflowResponse,
    ListAllowedTransitionsRequest, ListAllowedTransitionsResponse,
};
use tonic::Status;

/// Answers requests as the daemon does.
pub(crate) trait Door {
    /// Decides one question.
    fn check(&self, request: &CheckRequest) -> Result<CheckResponse, Status>;

    /// Lists transitions.
    fn list_allowed_transitions(
        &self,
        request: &ListAllowedTransitionsRequest,
    ) -> Result<ListAllowedTransitionsResponse, Status>;

    /// Describes a workflow.
    fn describe_workflow(
        &self,
        request: &DescribeWorkflowRequest,
    ) -> Result<DescribeWorkflowResponse, Status>;
}

/// Opens a door to the profiles of a directory; `None` as long as there is no service to ask.
pub(crate) fn open(_root: &Path) -> Option<Box<dyn Door>> {
    None
}
