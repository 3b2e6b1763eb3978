//! The signals that end a server, and what becomes of work that a signal comes into.
//!
//! The first signal stops a server that serves. Before, and again while it stops, a signal ends it at once: opening may be
//! long, and stopping may wait for what never comes. That is no worse than a crash, which loses nothing.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

/// A signal that follows another so soon is the same one: a shell and the program that started the server may both pass it on.
const ECHO: Duration = Duration::from_millis(500);

/// SIGTERM and SIGINT, caught from when this is made.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    last: Option<Instant>,
}

impl Signals {
    /// # Errors
    /// What the system says.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            last: None,
        })
    }

    /// Returns at a signal.
    pub(crate) async fn next(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
            if self.last.is_none_or(|last| last.elapsed() > ECHO) {
                self.last = Some(Instant::now());
                return;
            }
        }
    }

    /// What comes of `work`; `None` if a signal comes first.
    pub(crate) async fn unless_sent<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = Box::pin(work);
        tokio::select! {
            biased;
            done = &mut work => Some(done),
            () = self.next() => {
                // To drop it may be to wait for the same.
                std::mem::forget(work);
                None
            }
        }
    }
}
