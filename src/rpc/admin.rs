//! `PolicyAdminService`: what is served, and a way to make the daemon look at its files.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::proto::v1;
use super::proto::v1::policy_admin_service_server::PolicyAdminService;
use super::violation::Path;
use super::{convert, snapshot_info, status};
use crate::source::diagnostic::{Diagnostic, Severity};
use crate::source::file::SourceMap;
use crate::source::span::Span;
use crate::store::PolicyStore;
use crate::store::rounds::Rounds;
use crate::store::snapshot::{Entry, Files, Published};
use crate::store::watch::Inlet;
use crate::vocab::limits::{DIAGNOSTICS_TOLD_MAX, NAME_BYTES_MAX};

/// Tells what a store serves, and reloads it.
#[derive(Clone, Debug)]
pub struct AdminService {
    store: Arc<PolicyStore>,
    rounds: Rounds,
    inlet: Inlet,
    stopping: CancellationToken,
    started_at: Timestamp,
}

impl AdminService {
    /// Makes the service; it ends its streams when `stopping` is cancelled.
    pub fn new(
        store: Arc<PolicyStore>,
        rounds: Rounds,
        inlet: Inlet,
        stopping: CancellationToken,
        started_at: Timestamp,
    ) -> Self {
        Self {
            store,
            rounds,
            inlet,
            stopping,
            started_at,
        }
    }

    fn reload_status(&self) -> v1::ReloadStatus {
        let round = self.rounds.latest();
        v1::ReloadStatus {
            reloads: round.number,
            failures: round.failures,
            swaps: round.swaps,
            last_at: round.ended.map(|ended| convert::moment(ended.wall)),
            last_took: round.ended.map(|_| convert::duration(round.took)),
            last_good_at: round.last_good.map(|good| convert::moment(good.wall)),
            running_for: self
                .rounds
                .running_since()
                .map(|since| convert::duration(since.elapsed())),
            has_events: self.inlet.has_events(),
            is_unread: round.failure.is_some(),
            frozen_mounts: round.frozen.to_vec(),
        }
    }

    async fn reload_all(&self, wanted: &str) -> Result<v1::ReloadResponse, Status> {
        check_name(wanted)?;
        let before = marks(&self.store.current());
        let round = tokio::select! {
            round = self.rounds.ask(&self.inlet) => round.map_err(|_| status::stopping())?,
            () = self.stopping.cancelled() => return Err(status::stopping()),
        };
        if round.failure.is_some() {
            return Err(status::unreadable_root());
        }
        let published = self.store.current();
        let mut results: Vec<v1::ReloadResult> = chosen(&published, wanted)
            .map(|(id, entry)| v1::ReloadResult {
                outcome: outcome(before.get(id), entry).into(),
                status: Some(profile_status(&published, id, entry)),
            })
            .collect();
        let gone = before.keys().filter(|id| !published.entries().contains_key(*id));
        results.extend(
            gone.filter(|id| wanted.is_empty() || ***id == *wanted)
                .map(|id| v1::ReloadResult {
                    outcome: v1::ReloadOutcome::Removed.into(),
                    status: Some(removed(id)),
                }),
        );
        if results.is_empty() && !wanted.is_empty() {
            return Err(status::unknown_profile(wanted));
        }
        results.sort_by(|one, other| result_id(one).cmp(result_id(other)));
        Ok(v1::ReloadResponse { results })
    }
}

#[tonic::async_trait]
impl PolicyAdminService for AdminService {
    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let request = request.get_ref();
        let published = self.store.current();
        check_profile(&published, &request.profile)?;
        let mut profiles = Vec::new();
        for (id, entry) in chosen(&published, &request.profile) {
            let mut status = profile_status(&published, id, entry);
            if request.include_reads
                && let Some(snapshot) = &entry.snapshot
            {
                status.reads = super::reads::list(&snapshot.model);
            }
            profiles.push(status);
        }
        Ok(Response::new(v1::GetStatusResponse {
            profiles,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: Some(convert::moment(self.started_at)),
            reload: Some(self.reload_status()),
        }))
    }

    async fn reload(
        &self,
        request: Request<v1::ReloadRequest>,
    ) -> Result<Response<v1::ReloadResponse>, Status> {
        self.reload_all(&request.get_ref().profile)
            .await
            .map(Response::new)
    }

    type WatchStatusStream = Pin<Box<dyn Stream<Item = Result<v1::WatchStatusResponse, Status>> + Send>>;

    async fn watch_status(
        &self,
        request: Request<v1::WatchStatusRequest>,
    ) -> Result<Response<Self::WatchStatusStream>, Status> {
        let wanted = request.into_inner().profile;
        check_profile(&self.store.current(), &wanted)?;
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(follow(self.clone(), wanted, sender));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// Sends what is served, and whatever changes of it, until the caller or the daemon has enough.
async fn follow(
    service: AdminService,
    wanted: String,
    sender: mpsc::Sender<Result<v1::WatchStatusResponse, Status>>,
) {
    let mut revisions = service.store.subscribe();
    let mut told: Option<Marks> = None;
    loop {
        revisions.mark_unchanged();
        let (message, marks) = news(&service.store.current(), &wanted, told.as_ref());
        told = Some(marks);
        // A caller that reads slowly waits here, and afterwards is told the state as it is then.
        if (message.initial || !message.profiles.is_empty()) && sender.send(Ok(message)).await.is_err() {
            return;
        }
        tokio::select! {
            changed = revisions.changed() => if changed.is_err() { return },
            () = sender.closed() => return,
            () = service.stopping.cancelled() => {
                let _ = sender.send(Err(status::stopping())).await;
                return;
            }
        }
    }
}

/// What tells two states of a profile apart.
type Marks = BTreeMap<Arc<str>, Mark>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    generation: Option<u64>,
    is_stale: bool,
    is_expired: bool,
    attempted_at: Timestamp,
}

fn marks(published: &Published) -> Marks {
    published
        .entries()
        .iter()
        .map(|(id, entry)| (Arc::clone(id), mark(entry)))
        .collect()
}

fn mark(entry: &Entry) -> Mark {
    Mark {
        generation: entry.snapshot.as_ref().map(|snapshot| snapshot.generation),
        is_stale: entry.snapshot.as_ref().is_some_and(|snapshot| snapshot.is_stale),
        is_expired: entry.is_expired,
        attempted_at: entry.attempted_at,
    }
}

/// Writes what changed since `told`; without it, everything.
fn news(published: &Published, wanted: &str, told: Option<&Marks>) -> (v1::WatchStatusResponse, Marks) {
    let now = marks(published);
    let is_new = |id: &Arc<str>| told.and_then(|told| told.get(id)) != now.get(id);
    let mut profiles: Vec<_> = chosen(published, wanted)
        .filter(|(id, _)| is_new(id))
        .map(|(id, entry)| profile_status(published, id, entry))
        .collect();
    let gone = told
        .into_iter()
        .flat_map(BTreeMap::keys)
        .filter(|id| !now.contains_key(*id));
    profiles.extend(
        gone.filter(|id| wanted.is_empty() || ***id == *wanted)
            .map(|id| removed(id)),
    );
    profiles.sort_by(|one, other| status_id(one).cmp(status_id(other)));
    (
        v1::WatchStatusResponse {
            profiles,
            initial: told.is_none(),
        },
        now,
    )
}

fn check_name(name: &str) -> Result<(), Status> {
    let path = Path::ROOT.name("profile");
    if name.len() > NAME_BYTES_MAX {
        return Err(status::invalid_field(
            &path,
            format!("has more than {NAME_BYTES_MAX} bytes"),
        ));
    }
    if name.chars().any(char::is_control) {
        return Err(status::invalid_field(&path, "has a control character"));
    }
    Ok(())
}

fn check_profile(published: &Published, name: &str) -> Result<(), Status> {
    check_name(name)?;
    if name.is_empty() || published.entries().contains_key(name) {
        return Ok(());
    }
    Err(status::unknown_profile(name))
}

fn chosen<'p>(
    published: &'p Published,
    wanted: &'p str,
) -> impl Iterator<Item = (&'p Arc<str>, &'p Arc<Entry>)> {
    published
        .entries()
        .iter()
        .filter(move |(id, _)| wanted.is_empty() || &***id == wanted)
}

fn outcome(before: Option<&Mark>, entry: &Entry) -> v1::ReloadOutcome {
    match &entry.files {
        Files::Broken(_) | Files::Gone | Files::Unread(_) => v1::ReloadOutcome::Failed,
        Files::Served if before.map(|mark| mark.generation) == Some(mark(entry).generation) => {
            v1::ReloadOutcome::Unchanged
        }
        Files::Served => v1::ReloadOutcome::Changed,
    }
}

fn profile_status(published: &Published, id: &Arc<str>, entry: &Entry) -> v1::ProfileStatus {
    let latest = entry.latest();
    let served = entry.snapshot.as_ref().map(|snapshot| &snapshot.loaded);
    let about = served.or_else(|| latest.first());
    let info = match &entry.snapshot {
        Some(snapshot) => snapshot_info(snapshot),
        None => v1::SnapshotInfo {
            profile: id.to_string(),
            ..v1::SnapshotInfo::default()
        },
    };
    let state = match &entry.snapshot {
        None => v1::ProfileState::NeverLoaded,
        Some(_) if entry.is_expired => v1::ProfileState::Expired,
        Some(snapshot) if snapshot.is_stale => v1::ProfileState::Stale,
        Some(_) => v1::ProfileState::Current,
    };
    let complaints = latest
        .iter()
        .map(|loaded| loaded.diagnostics.len())
        .sum::<usize>();
    v1::ProfileStatus {
        snapshot: Some(info),
        state: state.into(),
        title: about.map_or_else(|| id.to_string(), |loaded| loaded.title.clone()),
        dialect: about.map_or("", |loaded| loaded.dialect).to_owned(),
        mode: about.map_or("", |loaded| loaded.mode).to_owned(),
        is_default: published.default_id() == Some(id),
        last_attempt_at: Some(convert::moment(entry.attempted_at)),
        diagnostics: latest
            .iter()
            .flat_map(|loaded| write_diagnostics(&loaded.diagnostics, &loaded.sources))
            .take(DIAGNOSTICS_TOLD_MAX)
            .collect(),
        diagnostics_dropped: u32::try_from(complaints.saturating_sub(DIAGNOSTICS_TOLD_MAX))
            .unwrap_or(u32::MAX),
        reads: Vec::new(),
        age: served_since(entry).map(|since| convert::duration(since.elapsed())),
        stale_since: entry.stale_since.map(|since| convert::moment(since.wall)),
        stale_for: entry
            .stale_since
            .map(|since| convert::duration(since.steady.elapsed())),
        problem: entry.problem(),
    }
}

fn served_since(entry: &Entry) -> Option<Instant> {
    entry.snapshot.as_ref().map(|snapshot| snapshot.served_since)
}

fn removed(id: &str) -> v1::ProfileStatus {
    v1::ProfileStatus {
        snapshot: Some(v1::SnapshotInfo {
            profile: id.to_owned(),
            ..v1::SnapshotInfo::default()
        }),
        state: v1::ProfileState::Removed.into(),
        title: id.to_owned(),
        ..v1::ProfileStatus::default()
    }
}

fn write_diagnostics(
    diagnostics: &[Diagnostic],
    sources: &SourceMap,
) -> impl Iterator<Item = v1::Diagnostic> {
    diagnostics
        .iter()
        .map(move |diagnostic| write_diagnostic(diagnostic, sources))
}

fn write_diagnostic(diagnostic: &Diagnostic, sources: &SourceMap) -> v1::Diagnostic {
    let end = sources.end_position(diagnostic.span);
    let severity = match diagnostic.severity {
        Severity::Warning => v1::Severity::Warning,
        Severity::Error => v1::Severity::Error,
    };
    let label = |label: &crate::source::diagnostic::Label| v1::DiagnosticLabel {
        origin: Some(origin(label.span, sources)),
        message: label.message.clone(),
    };
    v1::Diagnostic {
        code: diagnostic.code.name().to_owned(),
        severity: severity.into(),
        message: diagnostic.message.clone(),
        origin: Some(origin(diagnostic.span, sources)),
        end_line: end.line,
        end_column: end.column,
        help: diagnostic.help.clone().unwrap_or_default(),
        labels: diagnostic.labels.iter().map(label).collect(),
    }
}

fn origin(span: Span, sources: &SourceMap) -> v1::Origin {
    let position = sources.position(span);
    v1::Origin {
        file: sources.path(span.file).to_owned(),
        line: position.line,
        column: position.column,
    }
}

fn status_id(status: &v1::ProfileStatus) -> &str {
    status.snapshot.as_ref().map_or("", |snapshot| &snapshot.profile)
}

fn result_id(result: &v1::ReloadResult) -> &str {
    result.status.as_ref().map_or("", status_id)
}
