//! Looks at the files of certificates, keys and callers, and takes what is new in them.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::observe::with_causes;
use crate::server::callers::CallerBook;
use crate::server::tls::{Identity, Lifetime};
use crate::vocab::limits::SECRETS_EVERY;

/// All that is read from files and may be replaced, but for profiles.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets {
    pub(super) identities: Vec<(Arc<str>, Arc<Identity>)>,
    pub(super) books: Vec<(Arc<str>, Arc<CallerBook>)>,
}

impl Secrets {
    /// Looks at the files again and again, and at once when it is asked to, until the daemon ends.
    pub(super) async fn follow(self, ask: Arc<Notify>, stop: CancellationToken) {
        if self.identities.is_empty() && self.books.is_empty() {
            return;
        }
        let mut said: Vec<Lifetime> = Vec::new();
        loop {
            self.complain_of_age(&mut said);
            tokio::select! {
                () = stop.cancelled() => return,
                () = ask.notified() => {}
                () = tokio::time::sleep(SECRETS_EVERY) => {}
            }
            let secrets = self.clone();
            // Reading can wait for a slow disk, which nobody else should.
            if tokio::task::spawn_blocking(move || secrets.refresh())
                .await
                .is_err()
            {
                tracing::error!("looking at certificates and callers failed");
            }
        }
    }

    fn refresh(&self) {
        for (listener, identity) in &self.identities {
            let path = identity.path().display();
            match identity.refresh() {
                Ok(false) => {}
                Ok(true) => tracing::info!(%listener, certificate = %path, "certificate is replaced"),
                Err(error) => tracing::error!(
                    %listener, certificate = %path, reason = with_causes(&error),
                    "certificate cannot be replaced, the last good one stays"
                ),
            }
        }
        for (listener, book) in &self.books {
            let path = book.path().display();
            match book.refresh() {
                Ok(false) => {}
                Ok(true) => tracing::info!(%listener, callers = %path, "callers are replaced"),
                Err(error) => tracing::error!(
                    %listener, callers = %path, reason = with_causes(&error),
                    "callers cannot be replaced, the last good ones stay"
                ),
            }
        }
    }

    /// Complains of certificates that are over or soon will be, each time that this changes.
    fn complain_of_age(&self, said: &mut Vec<Lifetime>) {
        let now = Timestamp::now();
        let ages: Vec<Lifetime> = self
            .identities
            .iter()
            .map(|(_, each)| each.lifetime(now))
            .collect();
        if *said == ages {
            return;
        }
        for (age, (listener, identity)) in ages.iter().zip(&self.identities) {
            let path = identity.path().display();
            match age {
                Lifetime::Good => {}
                Lifetime::Ending(end) => {
                    tracing::warn!(%listener, certificate = %path, %end, "certificate is about to end");
                }
                Lifetime::Over(end) => {
                    tracing::error!(%listener, certificate = %path, %end, "certificate has ended, clients refuse it");
                }
            }
        }
        *said = ages;
    }
}
