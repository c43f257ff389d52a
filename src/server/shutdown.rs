//! Signals: SIGTERM and SIGINT stop the daemon, SIGHUP makes it look at its files.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::store::PolicyStore;
use crate::store::journal::log_asked;
use crate::store::rounds::Rounds;
use crate::store::watch::Inlet;

/// Cancels `stop` at the first SIGTERM or SIGINT, and `hurry` at the second.
pub fn stop_on_signals(stop: CancellationToken, hurry: CancellationToken) -> io::Result<JoinHandle<()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::spawn(async move {
        for (token, message) in [(stop, "stopping"), (hurry, "stopping at once")] {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, then = message, "signal received");
            token.cancel();
        }
    }))
}

/// Asks for a reload at every SIGHUP, waits for it, and logs whatever is wrong then; and for a look at certificates and callers.
/// Signals meanwhile lead to one more.
pub fn reload_on_hangup(
    inlet: Inlet,
    rounds: Rounds,
    store: Arc<PolicyStore>,
    secrets: Arc<Notify>,
) -> io::Result<JoinHandle<()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::info!(signal = "SIGHUP", then = "reloading", "signal received");
            secrets.notify_one();
            match rounds.ask(&inlet).await {
                Ok(round) => log_asked(&store.current(), &round),
                Err(_) => return,
            }
        }
    }))
}
