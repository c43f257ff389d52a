//! The shell that the transport calls: each call is passed on as it is.

use tonic::{Request, Response, Status};

use super::DecisionService;
use super::proto::v1;
use super::proto::v1::policy_decision_service_server::PolicyDecisionService;

#[tonic::async_trait]
impl PolicyDecisionService for DecisionService {
    async fn check(&self, request: Request<v1::CheckRequest>) -> Result<Response<v1::CheckResponse>, Status> {
        DecisionService::check(self, request.get_ref()).map(Response::new)
    }

    async fn check_batch(
        &self,
        request: Request<v1::CheckBatchRequest>,
    ) -> Result<Response<v1::CheckBatchResponse>, Status> {
        DecisionService::check_batch(self, request.get_ref()).map(Response::new)
    }

    async fn list_allowed_actions(
        &self,
        request: Request<v1::ListAllowedActionsRequest>,
    ) -> Result<Response<v1::ListAllowedActionsResponse>, Status> {
        DecisionService::list_allowed_actions(self, request.get_ref()).map(Response::new)
    }

    async fn list_allowed_transitions(
        &self,
        request: Request<v1::ListAllowedTransitionsRequest>,
    ) -> Result<Response<v1::ListAllowedTransitionsResponse>, Status> {
        DecisionService::list_allowed_transitions(self, request.get_ref()).map(Response::new)
    }

    async fn filter_fields(
        &self,
        request: Request<v1::FilterFieldsRequest>,
    ) -> Result<Response<v1::FilterFieldsResponse>, Status> {
        DecisionService::filter_fields(self, request.get_ref()).map(Response::new)
    }

    async fn plan_query(
        &self,
        request: Request<v1::PlanQueryRequest>,
    ) -> Result<Response<v1::PlanQueryResponse>, Status> {
        DecisionService::plan_query(self, request.get_ref()).map(Response::new)
    }

    async fn describe_workflow(
        &self,
        request: Request<v1::DescribeWorkflowRequest>,
    ) -> Result<Response<v1::DescribeWorkflowResponse>, Status> {
        DecisionService::describe_workflow(self, request.get_ref()).map(Response::new)
    }
}
