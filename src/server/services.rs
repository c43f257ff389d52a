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
use crate::server::health::HealthService;
use crate::server::tally::Tally;
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
    /// The clock of requests that name no time.
    pub now: fn() -> Timestamp,
    /// When the daemon was started.
    pub started_at: Timestamp,
    /// What is counted of calls.
    pub calls: Arc<CallCounts>,
    /// What is counted of connections and refusals.
    pub tally: Arc<Tally>,
    /// The largest message that a service shall decode.
    pub message_bytes_max: usize,
}

/// Holds every service.
#[derive(Clone, Debug)]
pub struct Services {
    /// Who answers decisions, from bytes to bytes.
    pub decisions: DecisionService,
    /// Who answers everything else.
    pub routes: Routes,
}

/// Registers every service; which of them a listener offers, and to whom, is the matter of its door.
pub fn register(daemon: &Daemon, health: HealthService) -> Result<Services, Box<dyn Error + Send + Sync>> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let (store, bytes) = (&daemon.store, daemon.message_bytes_max);
    let decisions = DecisionService::new(Arc::clone(store), daemon.now);
    let admin = AdminService::new(
        Arc::clone(store),
        daemon.rounds.clone(),
        daemon.inlet.clone(),
        daemon.stopping.clone(),
        daemon.started_at,
    );
    let routes = Routes::new(health)
        .add_service(PolicyAdminServiceServer::new(admin).max_decoding_message_size(bytes))
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .prepare();
    Ok(Services { decisions, routes })
}
