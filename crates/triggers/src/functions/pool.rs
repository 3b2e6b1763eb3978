//! The processes of one function: who may run, who waits idle, and when its code has changed.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::config::{CodeSource, FunctionConfig};
use super::fingerprint::fingerprint;
use super::log::FunctionLog;
use super::process::Process;

/// A folder is looked at for changes at most this often.
const FINGERPRINT_AGE_MAX: Duration = Duration::from_millis(250);

/// Processes with equal code and configuration; others never serve the same invocations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Generation(u64);

pub(super) struct FunctionPool {
    /// One for each invocation that runs.
    pub(super) permits: Arc<Semaphore>,
    pub(super) log: Arc<FunctionLog>,
    idle: Mutex<Idle>,
    checked: tokio::sync::Mutex<Option<Checked>>,
}

/// Idle processes of the newest generation, the longest idle first.
#[derive(Default)]
struct Idle {
    generation: Generation,
    processes: VecDeque<(Instant, Process)>,
}

struct Checked {
    at: Instant,
    fingerprint: u64,
}

impl FunctionPool {
    pub(super) fn new(log: FunctionLog, processes_max: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(processes_max)),
            log: Arc::new(log),
            idle: Mutex::default(),
            checked: tokio::sync::Mutex::default(),
        }
    }

    /// The generation that an invocation needs now: configuration, and code if it is reloaded.
    pub(super) async fn generation(&self, config: &FunctionConfig) -> Generation {
        let mut hasher = DefaultHasher::new();
        config.hash(&mut hasher);
        if let CodeSource::Directory { path, reload: true } = &config.code {
            self.fingerprint(path).await.hash(&mut hasher);
        }
        Generation(hasher.finish())
    }

    async fn fingerprint(&self, path: &std::path::Path) -> u64 {
        let mut checked = self.checked.lock().await;
        if let Some(known) = checked
            .as_ref()
            .filter(|known| known.at.elapsed() < FINGERPRINT_AGE_MAX)
        {
            return known.fingerprint;
        }
        let folder = path.to_owned();
        // A walk that is cut off by a shutdown counts as an empty folder.
        let fingerprint = tokio::task::spawn_blocking(move || fingerprint(&folder))
            .await
            .unwrap_or(0);
        *checked = Some(Checked {
            at: Instant::now(),
            fingerprint,
        });
        fingerprint
    }

    /// An idle process of this generation; idle ones of another generation end.
    pub(super) fn take(&self, generation: Generation) -> Option<Process> {
        let mut idle = self.idle();
        if idle.generation != generation {
            idle.processes.clear();
            idle.generation = generation;
        }
        // The newest first: the others may then end of idleness.
        std::iter::from_fn(|| idle.processes.pop_back())
            .map(|(_, process)| process)
            .find(|process| !process.has_exited())
    }

    /// Keeps a process for later, unless it became outdated while it was busy.
    pub(super) fn give_back(&self, generation: Generation, process: Process) {
        let mut idle = self.idle();
        if idle.generation == generation && !process.has_exited() {
            idle.processes.push_back((Instant::now(), process));
        }
    }

    pub(super) fn idle_len(&self) -> usize {
        self.idle().processes.len()
    }

    /// Since when the longest idle process has been idle.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.idle().processes.front().map(|(since, _)| *since)
    }

    /// Ends the processes that have been idle since before a moment, which may be all.
    pub(super) fn end_idle_before(&self, moment: Instant) {
        let mut idle = self.idle();
        while idle
            .processes
            .front()
            .is_some_and(|(since, _)| *since <= moment)
        {
            idle.processes.pop_front();
        }
    }

    /// Ends the process that has been idle for longest.
    pub(super) fn end_longest_idle(&self) {
        self.idle().processes.pop_front();
    }

    pub(super) fn end_all_idle(&self) {
        self.idle().processes.clear();
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
