//! The room `rpc`: the doors of the daemon, from the wire to the engine and back.
//!
//! **In** comes a message of the contract in `proto/placet/v1`; `decode.rs` checks it against every limit and borrows a question
//! from it, the engine answers, and [`encode`] writes names, origins and sentences. **Out** goes a message, or a status that
//! only `status.rs` can make.
//!
//! What holds here:
//!
//! * A request takes the table of profiles once, batches included, so that all of its answers come from one version.
//! * A denial is an answer. Only a request that makes no sense, or that no profile can answer, ends in a status.
//! * Each call is a plain function of [`DecisionService`], which tools and tests call as they are; the service of the
//!   transport is a shell around it (`service.rs`).
//! * Types of the wire and types of the engine meet in `decode.rs`, `encode.rs`, `convert.rs` and `trace.rs` alone.
//! * No status and no log repeats what a policy says, nor anything of a person but names that the caller sent.
//!
//! Read `check.rs` first, then `decode.rs`; each other call has a file of its own.

mod actions;
pub mod admin;
mod batch;
mod check;
mod convert;
mod decode;
mod describe;
pub mod encode;
mod fields;
pub mod json;
mod plan;
pub mod proto;
mod reads;
mod service;
mod status;
mod trace;
mod transitions;
mod violation;
mod words;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use tonic::Status;

use crate::engine;
use crate::engine::decision::Decision;
use crate::engine::missing::Budget;
use crate::engine::query::Query;
use crate::model::Model;
use crate::store::PolicyStore;
use crate::store::snapshot::{Published, Snapshot, Unserved};
use decode::Decoder;
use encode::{Detail, Encoder, Outlook};
use proto::v1;

/// Answers the questions of the contract from what a store serves.
///
/// Clones share the store and count decisions together; they may differ in how much they tell.
#[derive(Clone, Debug)]
pub struct DecisionService {
    store: Arc<PolicyStore>,
    clock: fn() -> Timestamp,
    detail: Detail,
    ids: Arc<DecisionIds>,
}

impl DecisionService {
    /// Makes a service that tells everything; `clock` is the time of requests that name none.
    pub fn new(store: Arc<PolicyStore>, clock: fn() -> Timestamp) -> Self {
        Self {
            store,
            clock,
            detail: Detail::Full,
            ids: Arc::new(DecisionIds::new()),
        }
    }

    /// Returns the same service, telling as much as `detail` says.
    #[must_use]
    pub fn telling(self, detail: Detail) -> Self {
        Self { detail, ..self }
    }

    fn decoder(&self) -> Decoder {
        Decoder::new((self.clock)())
    }

    fn encoder<'m>(&self, snapshot: &'m Snapshot) -> Encoder<'m> {
        Encoder {
            model: &snapshot.model,
            detail: self.detail,
        }
    }
}

/// Returns the version that answers a request.
fn find<'p>(published: &'p Published, profile: &str, digest: &str) -> Result<&'p Snapshot, Status> {
    let snapshot = published.find(profile).map_err(|why| {
        let name = if profile.is_empty() {
            published.default_id().map_or("", |id| id)
        } else {
            profile
        };
        match why {
            _ if published.revision() == 0 => status::not_ready(),
            Unserved::Unknown => status::unknown_profile(name),
            Unserved::NeverLoaded => status::never_loaded(name),
            Unserved::NoDefault if published.entries().is_empty() => status::not_ready(),
            Unserved::NoDefault => status::no_default_profile(),
        }
    })?;
    if !digest.is_empty() && digest != &*snapshot.digest {
        return Err(status::other_digest(&snapshot.profile, &snapshot.digest));
    }
    Ok(snapshot)
}

/// Writes which version answers.
fn snapshot_info(snapshot: &Snapshot) -> v1::SnapshotInfo {
    v1::SnapshotInfo {
        profile: snapshot.profile.to_string(),
        generation: snapshot.generation,
        digest: snapshot.digest.to_string(),
        loaded_at: Some(convert::moment(snapshot.loaded_at)),
        stale: snapshot.is_stale,
    }
}

/// Finds what an answer tells beyond its decision; the answers of one request share the budget.
fn outlook<'q>(
    model: &'q Model,
    query: &'q Query<'q>,
    decision: &Decision<'_>,
    detail: Detail,
    budget: &mut Budget,
) -> Outlook<'q> {
    let tells_ways = detail == Detail::Full && !decision.is_allow();
    Outlook {
        missing: if tells_ways {
            engine::missing::missing(model, query, decision, budget)
        } else {
            Vec::new()
        },
        valid_until: engine::validity::valid_until(model, query, decision),
    }
}

/// Names decisions, for the audit log.
#[derive(Debug)]
struct DecisionIds {
    process: u64,
    next: AtomicU64,
}

impl DecisionIds {
    fn new() -> Self {
        // The keys of a hasher are random, which is all that is needed to tell processes apart.
        Self {
            process: RandomState::new().hash_one("placet"),
            next: AtomicU64::new(1),
        }
    }

    fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}-{number:x}", self.process)
    }
}
