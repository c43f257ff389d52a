//! What the daemon says of its health, by name.
//!
//! | name | SERVING when |
//! |---|---|
//! | empty | requests that name no profile can be answered; without a default profile: any request at all |
//! | `liveness` | always |
//! | `placet.v1.PolicyDecisionService` | as the empty name |
//! | `placet.v1.PolicyAdminService` | from the start until the daemon stops |
//! | `profile/<id>` | the profile is served, stale or not (but not for longer than `--max-stale`) |

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService as Inner};

use crate::rpc::proto::v1::{policy_admin_service_server, policy_decision_service_server};
use crate::store::PolicyStore;
use crate::store::snapshot::Published;

/// Answers `grpc.health.v1.Health`.
pub type HealthService = HealthServer<Inner>;

/// The name under which the mere life of the process is told.
pub const LIVENESS: &str = "liveness";

const READINESS: &str = "";
const DECISIONS: &str = policy_decision_service_server::SERVICE_NAME;
const ADMINISTRATION: &str = policy_admin_service_server::SERVICE_NAME;

/// Tells the health service what to say.
#[derive(Clone, Debug)]
pub struct Health {
    reporter: HealthReporter,
    /// What was said last: a watcher shall not hear the same twice.
    said: Arc<Mutex<BTreeMap<String, bool>>>,
}

impl Health {
    /// Makes the health service; it says NOT_SERVING of everything that needs a profile.
    pub async fn start() -> (Self, HealthService) {
        let reporter = HealthReporter::new();
        let service = HealthServer::new(Inner::from_health_reporter(reporter.clone()));
        let health = Self {
            reporter,
            said: Arc::default(),
        };
        // The reporter begins with SERVING for the empty name.
        health.say(READINESS, false).await;
        health.say(DECISIONS, false).await;
        health.say(ADMINISTRATION, true).await;
        health.say(LIVENESS, true).await;
        (health, service)
    }

    /// Says what the store serves, now and after every change, until `stop` is cancelled.
    pub async fn follow(&self, store: &PolicyStore, stop: &CancellationToken) {
        let mut revisions = store.subscribe();
        loop {
            revisions.mark_unchanged();
            let published = Arc::clone(&store.current());
            self.report(&published).await;
            tokio::select! {
                () = stop.cancelled() => return,
                changed = revisions.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Says NOT_SERVING of everything but life.
    pub async fn stop(&self) {
        for name in self.names().into_iter().filter(|name| name != LIVENESS) {
            self.say(&name, false).await;
        }
    }

    /// Ends the streams of all watchers, which would otherwise keep their connections open.
    pub async fn close(mut self) {
        for name in self.names() {
            self.reporter.clear_service_status(&name).await;
        }
    }

    /// Tells whether the empty name is said to be SERVING.
    pub fn is_ready(&self) -> bool {
        self.lock().get(READINESS) == Some(&true)
    }

    /// Tells whether a profile is said to be SERVING; nothing if there is no such profile.
    pub fn is_profile_ready(&self, id: &str) -> Option<bool> {
        self.lock().get(&profile_name(id)).copied()
    }

    async fn report(&self, published: &Published) {
        let is_ready = published.is_ready();
        self.say(READINESS, is_ready).await;
        self.say(DECISIONS, is_ready).await;
        for (id, entry) in published.entries() {
            self.say(&profile_name(id), entry.served().is_some()).await;
        }
        for name in self.names() {
            let gone = name
                .strip_prefix(PROFILE_PREFIX)
                .is_some_and(|id| !published.entries().contains_key(id));
            if gone {
                self.say(&name, false).await;
                self.forget(&name).await;
            }
        }
    }

    async fn say(&self, name: &str, is_serving: bool) {
        let before = self.lock().insert(name.to_owned(), is_serving);
        if before != Some(is_serving) {
            let status = if is_serving {
                ServingStatus::Serving
            } else {
                ServingStatus::NotServing
            };
            self.reporter.set_service_status(name, status).await;
        }
    }

    async fn forget(&self, name: &str) {
        self.lock().remove(name);
        self.reporter.clone().clear_service_status(name).await;
    }

    fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, bool>> {
        // Each change of the map is whole in itself, whoever panicked.
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const PROFILE_PREFIX: &str = "profile/";

fn profile_name(id: &str) -> String {
    format!("{PROFILE_PREFIX}{id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Request;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_check_response::ServingStatus as Wire;
    use tonic_health::pb::health_server::Health as _;

    async fn ask(health: &Health, name: &str) -> Option<Wire> {
        let request = Request::new(HealthCheckRequest {
            service: name.to_owned(),
        });
        let answer = Inner::from_health_reporter(health.reporter.clone())
            .check(request)
            .await;
        answer.ok().map(|answer| answer.into_inner().status())
    }

    #[tokio::test]
    async fn nothing_that_needs_a_profile_serves_before_there_is_one() {
        let (health, _service) = Health::start().await;
        health.report(&Published::empty(None)).await;
        let names = [READINESS, DECISIONS, ADMINISTRATION, LIVENESS, "profile/news"];
        let mut told = Vec::new();
        for name in names {
            told.push(ask(&health, name).await);
        }
        let (yes, no) = (Some(Wire::Serving), Some(Wire::NotServing));
        assert_eq!(told, [no, no, yes, yes, None]);
        health.stop().await;
        assert_eq!(ask(&health, ADMINISTRATION).await, no);
        assert_eq!(ask(&health, LIVENESS).await, yes);
    }
}
