//! The door through which recordings are asked: the requests of the wire contract, without a socket.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use placet::rpc::DecisionService;
use placet::rpc::proto::v1::{
    CheckRequest, CheckResponse, DescribeWorkflowRequest, DescribeWorkflowResponse, FilterFieldsRequest,
    FilterFieldsResponse, ListAllowedTransitionsRequest, ListAllowedTransitionsResponse, PlanQueryRequest,
    PlanQueryResponse,
};
use placet::store::PolicyStore;
use placet::store::reload::{ReloadConfig, Reloader};
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

    /// Tells which fields may be read or written.
    fn filter_fields(&self, request: &FilterFieldsRequest) -> Result<FilterFieldsResponse, Status>;

    /// Plans a listing.
    fn plan_query(&self, request: &PlanQueryRequest) -> Result<PlanQueryResponse, Status>;

    /// Describes a workflow.
    fn describe_workflow(
        &self,
        request: &DescribeWorkflowRequest,
    ) -> Result<DescribeWorkflowResponse, Status>;
}

impl Door for DecisionService {
    fn check(&self, request: &CheckRequest) -> Result<CheckResponse, Status> {
        Self::check(self, request)
    }

    fn list_allowed_transitions(
        &self,
        request: &ListAllowedTransitionsRequest,
    ) -> Result<ListAllowedTransitionsResponse, Status> {
        Self::list_allowed_transitions(self, request)
    }

    fn filter_fields(&self, request: &FilterFieldsRequest) -> Result<FilterFieldsResponse, Status> {
        Self::filter_fields(self, request)
    }

    fn plan_query(&self, request: &PlanQueryRequest) -> Result<PlanQueryResponse, Status> {
        Self::plan_query(self, request)
    }

    fn describe_workflow(
        &self,
        request: &DescribeWorkflowRequest,
    ) -> Result<DescribeWorkflowResponse, Status> {
        Self::describe_workflow(self, request)
    }
}

/// Opens a door to the profiles of a directory.
pub(crate) fn open(root: &Path) -> Box<dyn Door> {
    let store = Arc::new(PolicyStore::new(None));
    let (mut reloader, _rounds) = Reloader::new(ReloadConfig::new(root), Arc::clone(&store));
    reloader.reload();
    Box::new(DecisionService::new(store, Timestamp::now))
}
