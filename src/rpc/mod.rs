//! The room `rpc`: the doors of the daemon, from the wire to the engine and back.
//!
//! **In** comes a message of the contract in `proto/placet/v1`; `decode.rs` checks it against every limit and borrows a question
//! from it, the engine answers, and [`encode`] writes names, origins and sentences straight into the bytes that are sent
//! (`out.rs`). **Out** goes a message, or a status that only `status.rs` can make.
//!
//! What holds here:
//!
//! * A request takes the table of profiles once, batches included, so that all of its answers come from one version.
//! * A denial is an answer. Only a request that makes no sense, or that no profile can answer, ends in a status.
//! * Each call is a plain function of [`DecisionService`], which tools and tests call as they are; [`service`] finds it by its
//!   name and goes from bytes to bytes, which is all that the door of the daemon knows of it.
//! * An answer is written once, as bytes; tools and tests that want it as a message read those.
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
mod out;
mod plan;
pub mod proto;
mod reads;
pub mod service;
pub(crate) mod status;
mod trace;
mod transitions;
mod violation;
mod wire;
mod words;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use prost::Message;
use tonic::Status;

use crate::engine;
use crate::engine::decision::Decision;
use crate::engine::missing::Trials;
use crate::engine::query::Query;
use crate::model::Model;
use crate::store::PolicyStore;
use crate::store::snapshot::{Published, Snapshot, Unserved};
use crate::vocab::call::Call;
use decode::{Asked, Decoder, Numbers};
use encode::{Detail, Encoder, Outlook};
use out::{Nested, Out, Words};
use proto::{fields as field, v1};
use wire::{Broken, Field};

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

    /// Takes the bytes of a request apart; see [`Asked::read`].
    fn read<'a>(
        &self,
        bytes: &'a [u8],
        shared: &[Numbers],
        own: impl FnMut(Field<'a>) -> Result<(), Broken>,
    ) -> Result<Asked<'a>, Status> {
        Asked::read(bytes, shared, own).map_err(|broken| status::malformed(&broken.to_string()))
    }

    /// Answers a request that is there as a message, with a message.
    fn ask<A: Message + Default>(&self, call: Call, request: &impl Message) -> Result<A, Status> {
        let mut answer = Vec::new();
        self.answer(call, &request.encode_to_vec(), Budget::default(), &mut answer)?;
        A::decode(answer.as_slice()).map_err(|_| status::fault())
    }

    fn decoder(&self) -> Decoder {
        Decoder::new((self.clock)())
    }

    fn encoder<'m>(&self, snapshot: &'m Snapshot, call: Call) -> Encoder<'m> {
        Encoder {
            model: &snapshot.model,
            detail: self.detail,
            counts: &snapshot.counts,
            call,
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
            Unserved::Expired => status::stale_too_long(name),
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
fn write_snapshot(out: &mut Out<'_>, to: Nested, snapshot: &Snapshot) {
    out.part(to, |out| write_version(out, snapshot));
}

/// Returns which version answers, as a message.
fn snapshot_info(snapshot: &Snapshot) -> v1::SnapshotInfo {
    out::message(|out| write_version(out, snapshot))
}

fn write_version(out: &mut Out<'_>, snapshot: &Snapshot) {
    use field::snapshot_info as to;
    out.text(to::PROFILE, &snapshot.profile);
    out.number(to::GENERATION, snapshot.generation);
    out.text(to::DIGEST, &snapshot.digest);
    out.moment(to::LOADED_AT, Some(snapshot.loaded_at));
    out.flag(to::STALE, snapshot.is_stale);
}

/// Finds what an answer tells beyond its decision; the answers of one request share the budget.
fn outlook<'q>(
    model: &'q Model,
    query: &'q Query<'q>,
    decision: &Decision<'_>,
    detail: Detail,
    budget: &mut Trials,
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

/// Says until when a request may be worked on.
///
/// A decision is a matter of microseconds, so only batches look at it, between their questions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budget {
    until: Option<Instant>,
}

impl Budget {
    /// Ends at a moment; without one, never.
    pub fn until(moment: Option<Instant>) -> Self {
        Self { until: moment }
    }

    /// Tells whether the time is over.
    pub fn is_over(self) -> bool {
        self.until.is_some_and(|moment| moment <= Instant::now())
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

    fn next(&self) -> DecisionId {
        DecisionId {
            process: self.process,
            number: self.next.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// Names one decision.
#[derive(Clone, Copy, Debug)]
struct DecisionId {
    process: u64,
    number: u64,
}

impl DecisionId {
    fn write(self, out: &mut Words<'_>) {
        out.hex(self.process, 16).put("-").hex(self.number, 1);
    }
}
