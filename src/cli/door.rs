//! Who answers: the profiles of this machine, in process, or a daemon.

use std::error::Error as _;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;
use tokio::runtime::Runtime;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::cli::Globals;
use crate::cli::daemon::{CallArgs, CallError, Line};
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::rpc::DecisionService;
use crate::rpc::proto::v1;
use crate::rpc::proto::v1::policy_decision_service_client::PolicyDecisionServiceClient;
use crate::source::render;
use crate::store::PolicyStore;
use crate::store::reload::{ReloadConfig, Reloader};

/// Answers requests, from here or from afar.
pub(super) struct Door {
    runtime: Runtime,
    place: Place,
}

enum Place {
    Here {
        service: DecisionService,
        store: Arc<PolicyStore>,
    },
    There(PolicyDecisionServiceClient<Line>),
}

/// Says why there is no answer.
#[derive(Debug, Error)]
pub(super) enum DoorError {
    /// The process cannot even wait.
    #[error("cannot start")]
    Start(#[source] std::io::Error),
    /// The profiles cannot be read, for the reason given.
    #[error("{0}")]
    Root(Arc<str>),
    /// The daemon cannot be called.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The answer is that there is none.
    #[error("{}", .0.message())]
    Refused(Status),
}

/// How long a daemon may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl Door {
    /// Opens the daemon at `address`, or else the local profiles.
    pub(super) fn open(globals: &Globals, address: Option<(&str, &CallArgs)>) -> Result<Self, DoorError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(DoorError::Start)?;
        let place = match address {
            Some((address, call)) => {
                let line = runtime.block_on(call.connect(address, PATIENCE))?;
                Place::There(PolicyDecisionServiceClient::new(line))
            }
            None => runtime.block_on(load(globals))?,
        };
        Ok(Self { runtime, place })
    }

    /// Asks `Check`.
    pub(super) fn check(&mut self, request: v1::CheckRequest) -> Result<v1::CheckResponse, DoorError> {
        match &mut self.place {
            Place::Here { service, .. } => service.check(&request),
            Place::There(client) => self
                .runtime
                .block_on(client.check(request))
                .map(tonic::Response::into_inner),
        }
        .map_err(DoorError::Refused)
    }

    /// Asks `ListAllowedTransitions`.
    pub(super) fn transitions(
        &mut self,
        request: v1::ListAllowedTransitionsRequest,
    ) -> Result<v1::ListAllowedTransitionsResponse, DoorError> {
        match &mut self.place {
            Place::Here { service, .. } => service.list_allowed_transitions(&request),
            Place::There(client) => self
                .runtime
                .block_on(client.list_allowed_transitions(request))
                .map(tonic::Response::into_inner),
        }
        .map_err(DoorError::Refused)
    }

    /// Asks `FilterFields`.
    pub(super) fn fields(
        &mut self,
        request: v1::FilterFieldsRequest,
    ) -> Result<v1::FilterFieldsResponse, DoorError> {
        match &mut self.place {
            Place::Here { service, .. } => service.filter_fields(&request),
            Place::There(client) => self
                .runtime
                .block_on(client.filter_fields(request))
                .map(tonic::Response::into_inner),
        }
        .map_err(DoorError::Refused)
    }

    /// Asks `PlanQuery`.
    pub(super) fn plan(&mut self, request: v1::PlanQueryRequest) -> Result<v1::PlanQueryResponse, DoorError> {
        match &mut self.place {
            Place::Here { service, .. } => service.plan_query(&request),
            Place::There(client) => self
                .runtime
                .block_on(client.plan_query(request))
                .map(tonic::Response::into_inner),
        }
        .map_err(DoorError::Refused)
    }

    /// Writes what is wrong with a local profile that could not answer.
    pub(super) fn complain(&self, profile: &str, output: &mut Output) {
        let Place::Here { store, .. } = &self.place else {
            return;
        };
        let published = store.current();
        let id = if profile.is_empty() {
            published.default_id().map_or("", |id| id)
        } else {
            profile
        };
        for loaded in published
            .entries()
            .get(id)
            .into_iter()
            .flat_map(|entry| entry.latest())
        {
            output.error_text(&render::render_text(&loaded.diagnostics, &loaded.sources, false));
        }
    }
}

impl DoorError {
    /// Returns the exit code that this ends with.
    pub(super) fn exit(&self, is_remote: bool) -> Exit {
        match self {
            Self::Start(_) | Self::Root(_) => Exit::Unavailable,
            Self::Call(error) if error.is_usage() => Exit::Usage,
            Self::Call(_) => Exit::Unavailable,
            // The daemon has said nothing of the kind: the connection broke.
            Self::Refused(status) if status.source().is_some() => Exit::Unavailable,
            Self::Refused(status) => match status.code() {
                Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition | Code::OutOfRange => {
                    Exit::Usage
                }
                Code::Unavailable if is_remote => Exit::Unavailable,
                Code::Unavailable => Exit::BadProfile,
                Code::DeadlineExceeded
                | Code::ResourceExhausted
                | Code::Cancelled
                | Code::PermissionDenied
                | Code::Unauthenticated
                | Code::Unimplemented => Exit::Unavailable,
                Code::Ok
                | Code::Unknown
                | Code::AlreadyExists
                | Code::Aborted
                | Code::Internal
                | Code::DataLoss => Exit::Fault,
            },
        }
    }

    /// Returns what to do about it, if that is known.
    pub(super) fn help(&self) -> Option<String> {
        match self {
            Self::Root(_) => {
                Some("say where the profiles are with `--profiles` (`PLACET_PROFILES`)".to_owned())
            }
            Self::Call(error) => error.help().map(str::to_owned),
            Self::Start(_) => None,
            Self::Refused(status) if status.source().is_some() => Some(
                "the connection broke; where the daemon speaks TLS, say `--tls-ca`, and where it asks for a certificate, \
                 `--tls-certificate` and `--tls-key`"
                    .to_owned(),
            ),
            Self::Refused(status) => {
                let details = status.get_error_details();
                let violations = details
                    .bad_request()
                    .map_or(&[][..], |request| &request.field_violations);
                // The first one is in the message already.
                let more: Vec<_> = violations
                    .iter()
                    .skip(1)
                    .map(|each| format!("{}: {}", each.field, each.description))
                    .collect();
                (!more.is_empty()).then(|| format!("also {}", more.join("; ")))
            }
        }
    }
}

async fn load(globals: &Globals) -> Result<Place, DoorError> {
    let store = Arc::new(PolicyStore::new(
        globals.default_profile.as_deref().filter(|id| !id.is_empty()),
    ));
    let (mut reloader, rounds) = Reloader::new(ReloadConfig::new(globals.root()), Arc::clone(&store));
    reloader.reload();
    let failure = rounds.first().await.ok().and_then(|round| round.failure);
    if let Some(reason) = failure {
        return Err(DoorError::Root(reason));
    }
    let service = DecisionService::new(Arc::clone(&store), Timestamp::now);
    Ok(Place::Here { service, store })
}

/// A daemon, for commands that only a daemon can answer.
pub(super) struct Remote {
    runtime: Runtime,
    /// The way to it.
    pub(super) line: Line,
}

impl Remote {
    /// Connects to the daemon at `address`, and waits for it and for its answers as long as `patience` says.
    pub(super) fn open(address: &str, call: &CallArgs, patience: Duration) -> Result<Self, DoorError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(DoorError::Start)?;
        let line = runtime.block_on(call.connect(address, patience))?;
        Ok(Self { runtime, line })
    }

    /// Waits for an answer.
    pub(super) fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }
}
