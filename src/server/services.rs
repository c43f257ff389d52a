//! The one place where services are registered.

use std::error::Error;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::observe::counts::CallCounts;
use crate::rpc::DecisionService;
use crate::rpc::admin::AdminService;
use crate::rpc::proto::DESCRIPTOR_SET;
use crate::rpc::proto::v1::policy_admin_service_server::PolicyAdminServiceServer;
use crate::rpc::proto::v1::policy_decision_service_server::PolicyDecisionServiceServer;
use crate::server::config::{Call, Listener};
use crate::server::health::HealthService;
use crate::store::PolicyStore;
use crate::store::rounds::Rounds;
use crate::store::watch::Inlet;

/// Holds what the services of the daemon share.
#[derive(Clone, Debug)]
pub struct Daemon {
    /// What is served.
    pub store: Arc<PolicyStore>,
    /// Which reloads have ended; with the inlet, a way to ask for one and to wait for it.
    pub rounds: Rounds,
    /// A way to wake the reload.
    pub inlet: Inlet,
    /// Cancelled when the daemon begins to stop: streams without an end of their own must end then.
    pub stopping: CancellationToken,
    /// When the daemon was started.
    pub started_at: Timestamp,
    /// What is counted of calls.
    pub calls: Arc<CallCounts>,
    /// The largest message that a service shall decode.
    pub message_bytes_max: usize,
}

/// Routes requests to services.
pub type Services = Routes;

/// Registers every service that a listener offers.
pub fn register(
    daemon: &Daemon,
    listener: &Listener,
    health: HealthService,
) -> Result<Services, Box<dyn Error + Send + Sync>> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let (store, bytes) = (&daemon.store, daemon.message_bytes_max);
    let decisions = DecisionService::new(Arc::clone(store), Timestamp::now).telling(listener.detail);
    let admin = AdminService::new(
        Arc::clone(store),
        daemon.rounds.clone(),
        daemon.inlet.clone(),
        daemon.stopping.clone(),
        daemon.started_at,
    );
    let admin = if listener.allows(Call::Administer) {
        admin
    } else {
        admin.read_only()
    };
    let mut routes = Routes::new(health);
    if listener.allows(Call::Decide) {
        routes =
            routes.add_service(PolicyDecisionServiceServer::new(decisions).max_decoding_message_size(bytes));
    }
    if listener.allows(Call::Status) || listener.allows(Call::Administer) {
        routes = routes.add_service(PolicyAdminServiceServer::new(admin).max_decoding_message_size(bytes));
    }
    Ok(routes
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?))
}
