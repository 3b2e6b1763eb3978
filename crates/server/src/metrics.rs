//! Metrics of the server, in the text form that Prometheus reads. Labels of operations come from the operation table.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use headwater_operations::Api;
use headwater_triggers::Triggers;
use headwater_wire::{ApiError, Operation};

use crate::load::Load;
use crate::trigger_metrics;

#[derive(Default)]
struct Counter {
    requests: AtomicU64,
    client_errors: AtomicU64,
    server_errors: AtomicU64,
    microseconds: AtomicU64,
}

/// Name, help text and value of a family of counters.
type Family = (&'static str, &'static str, fn(&Counter) -> u64);

/// Counters of a server.
pub struct Metrics {
    operations: Vec<Counter>,
    connections: AtomicU64,
}

/// A connection that is counted. It is no more once this is dropped, which a panic of its handler does too.
pub(crate) struct Connected<'m>(&'m Metrics);

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Metrics {
            operations: Operation::ALL.iter().map(|_| Counter::default()).collect(),
            connections: AtomicU64::new(0),
        }
    }

    /// Counts a connection that was accepted for as long as what this gives is kept.
    pub(crate) fn connected(&self) -> Connected<'_> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Connected(self)
    }

    /// Counts an answered request.
    pub(crate) fn count(&self, operation: Operation, took: Duration, error: Option<&ApiError>) {
        let Some(counter) = self.operations.get(operation as usize) else {
            return;
        };
        counter.requests.fetch_add(1, Ordering::Relaxed);
        counter
            .microseconds
            .fetch_add(took.as_micros() as u64, Ordering::Relaxed);
        match error {
            Some(error) if error.is_server_fault() => {
                counter.server_errors.fetch_add(1, Ordering::Relaxed)
            }
            Some(_) => counter.client_errors.fetch_add(1, Ordering::Relaxed),
            None => 0,
        };
    }

    /// The page for Prometheus.
    pub(crate) fn page(&self, api: &Api, load: &Load, triggers: &Triggers) -> String {
        let mut out = String::new();
        let families: [Family; 4] = [
            ("requests", "Requests answered", |c| {
                c.requests.load(Ordering::Relaxed)
            }),
            ("client_errors", "Requests answered with a 4xx error", |c| {
                c.client_errors.load(Ordering::Relaxed)
            }),
            ("server_errors", "Requests answered with a 5xx error", |c| {
                c.server_errors.load(Ordering::Relaxed)
            }),
            (
                "microseconds",
                "Time spent on requests, microseconds",
                |c| c.microseconds.load(Ordering::Relaxed),
            ),
        ];
        for (name, help, value) in families {
            let _ = writeln!(out, "# HELP headwater_{name}_total {help}");
            let _ = writeln!(out, "# TYPE headwater_{name}_total counter");
            for (counter, operation) in self.operations.iter().zip(Operation::ALL) {
                if counter.requests.load(Ordering::Relaxed) > 0 {
                    let _ = writeln!(
                        out,
                        "headwater_{name}_total{{operation=\"{}\"}} {}",
                        operation.name(),
                        value(counter)
                    );
                }
            }
        }
        let _ = writeln!(
            out,
            "# HELP headwater_refused_total Requests refused because of load"
        );
        let _ = writeln!(out, "# TYPE headwater_refused_total counter");
        for (reason, count) in load.refused() {
            let _ = writeln!(
                out,
                "headwater_refused_total{{reason=\"{reason}\"}} {count}"
            );
        }
        let database = api.database();
        let log = database.log();
        let (log_stats, state) = (log.stats(), database.state_stats());
        for (name, help, value) in [
            (
                "log_written_bytes",
                "Bytes written to the log",
                log_stats.written_bytes,
            ),
            (
                "state_written_bytes",
                "Bytes written to the state's file",
                state.written_bytes,
            ),
            (
                "state_read_bytes",
                "Bytes read from the state's file",
                state.read_bytes,
            ),
            ("state_merges", "Merges of runs of the state", state.merges),
            (
                "state_merged_bytes",
                "Bytes of keys and values that merges have gone through",
                state.merged_bytes,
            ),
        ] {
            let _ = writeln!(out, "# HELP headwater_{name}_total {help}");
            let _ = writeln!(out, "# TYPE headwater_{name}_total counter");
            let _ = writeln!(out, "headwater_{name}_total {value}");
        }
        for (name, help, value) in [
            (
                "connections",
                "Connections that are open",
                self.connections.load(Ordering::Relaxed),
            ),
            ("writes", "Writes under way", load.writes() as u64),
            (
                "reply_bytes",
                "Bytes of replies that are not sent yet",
                load.reply_bytes() as u64,
            ),
            (
                "overlay_bytes",
                "Bytes in the log and not yet in the state",
                database.overlay_bytes() as u64,
            ),
            ("log_segments", "Segments of the log", log_stats.segments),
            (
                "log_bytes",
                "Bytes of the log's segments",
                log_stats.stored_bytes,
            ),
            (
                "state_bytes",
                "Length of the state's file",
                state.file_bytes,
            ),
            (
                "state_free_bytes",
                "Bytes of the state's file that hold nothing",
                state.free_bytes,
            ),
            (
                "state_memory_bytes",
                "Bytes of the state that are in none of its runs yet",
                state.memory_bytes,
            ),
            ("state_runs", "Runs of the state", state.runs),
            (
                "log_durable_ms",
                "Time of the last durable change, milliseconds since the epoch",
                log.durable().ms(),
            ),
            (
                "log_ahead_seconds",
                "How far the last change lies ahead of the clock, seconds; more than some after a start only if the clock was set back",
                database.log_ahead_ms() / 1_000,
            ),
            (
                "state_applied_ms",
                "Time of the last change in the state, milliseconds since the epoch",
                database.applied().ms(),
            ),
            (
                "log_poisoned",
                "1 if the log has failed and takes no more writes",
                u64::from(log.poisoned().is_some()),
            ),
            (
                "state_failed",
                "1 if the state's file has failed: nothing is written until a restart, and what is not in memory may not be read",
                u64::from(database.state_failure().is_some()),
            ),
            (
                "disk_full",
                "1 if there is no room on the disk and writes are refused until there is",
                u64::from(database.no_room().is_some()),
            ),
        ] {
            let _ = writeln!(out, "# HELP headwater_{name} {help}");
            let _ = writeln!(out, "# TYPE headwater_{name} gauge");
            let _ = writeln!(out, "headwater_{name} {value}");
        }
        if let Some(last) = database.last_verification() {
            for (name, help, value) in [
                (
                    "findings",
                    "What the last live verification has found to be wrong",
                    last.findings,
                ),
                (
                    "ended_seconds",
                    "When the last live verification ended, seconds since the epoch",
                    last.ended_ms / 1_000,
                ),
            ] {
                let _ = writeln!(out, "# HELP headwater_verify_{name} {help}");
                let _ = writeln!(out, "# TYPE headwater_verify_{name} gauge");
                let _ = writeln!(out, "headwater_verify_{name} {value}");
            }
        }
        trigger_metrics::write(&mut out, &triggers.numbers());
        out
    }
}
