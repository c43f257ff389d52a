//! The room `store`: what is served now, and how that changes.
//!
//! **In** come wakes of the [`watch`]er; **out** goes one table of [`snapshot`]s, which requests read without waiting.
//!
//! What holds here:
//!
//! * A request takes the table once, by [`PolicyStore::current`], and answers from it to the end.
//! * Only [`reload`] builds and publishes, on one thread of its own; all good profiles of a scan appear in one swap.
//! * A failed reload changes nothing but what is said about it: each broken, vanished or unreadable profile keeps its last good
//!   version, and says that it is stale.
//! * Memory of old versions, and what loading needed, is given back on the reload thread, never by a request.
//!
//! * Nothing waits for the time of day, and no age is computed from it: it may jump ([`clock`]).
//!
//! Read [`snapshot`] first, then [`reload`]; how changes are noticed is [`watch`], and when, [`schedule`].

pub mod clock;
pub mod eyes;
mod graves;
pub mod journal;
pub mod mount;
pub mod reload;
pub mod rounds;
pub mod schedule;
pub mod snapshot;
mod surplus;
mod trail;
pub mod watch;

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch as channel;

use crate::store::snapshot::Published;

/// Holds the one table of profiles that requests are answered from.
#[derive(Debug)]
pub struct PolicyStore {
    published: ArcSwap<Published>,
    revisions: channel::Sender<u64>,
}

impl PolicyStore {
    /// Makes a store that serves nothing yet; `default_profile` answers requests that name no profile.
    pub fn new(default_profile: Option<&str>) -> Self {
        let published = Published::empty(default_profile);
        let revisions = channel::Sender::new(published.revision());
        Self {
            published: ArcSwap::from_pointee(published),
            revisions,
        }
    }

    /// Returns the table as it is now. A request calls this once, so that all of its parts see the same versions.
    pub fn current(&self) -> Guard<Arc<Published>> {
        self.published.load()
    }

    /// Returns a receiver that notices every change of the table, for whoever tells others of it.
    pub fn subscribe(&self) -> channel::Receiver<u64> {
        self.revisions.subscribe()
    }

    /// Swaps the table and returns the old one, which the caller must keep until no request holds it.
    fn publish(&self, published: Published) -> Arc<Published> {
        let revision = published.revision();
        let old = self.published.swap(Arc::new(published));
        self.revisions.send_replace(revision);
        old
    }
}
