//! The processes of one function: who may run, who waits idle, and when its code has changed.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
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
    /// One for each invocation that runs, unless concurrency is reserved.
    pub(super) permits: Arc<Semaphore>,
    pub(super) log: Arc<FunctionLog>,
    load: Mutex<Load>,
    /// By version.
    idle: Mutex<HashMap<String, Idle>>,
    checked: tokio::sync::Mutex<Option<Checked>>,
}

/// How many invocations there are, and how many there may be.
#[derive(Default)]
struct Load {
    running: usize,
    reserved: Option<usize>,
}

/// Idle processes of the newest generation of one version, the longest idle first.
#[derive(Default)]
struct Idle {
    generation: Generation,
    processes: VecDeque<(Instant, Process)>,
}

struct Checked {
    folder: PathBuf,
    at: Instant,
    fingerprint: u64,
}

/// The place of an invocation that runs or waits.
pub(super) struct Place {
    pool: Arc<FunctionPool>,
    /// Whether it is one of those that are reserved for the function.
    pub(super) is_reserved: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pool.load().running -= 1;
    }
}

impl FunctionPool {
    pub(super) fn new(log: FunctionLog, processes_max: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(processes_max)),
            log: Arc::new(log),
            load: Mutex::default(),
            idle: Mutex::default(),
            checked: tokio::sync::Mutex::default(),
        }
    }

    /// Sets how many invocations may run at once; `None` leaves it to the settings.
    pub(super) fn reserve(&self, invocations_max: Option<usize>) {
        self.load().reserved = invocations_max;
    }

    /// A place for one more invocation, unless all that are reserved for the function are taken.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Place> {
        let mut load = self.load();
        if load.reserved.is_some_and(|max| load.running >= max) {
            return None;
        }
        load.running += 1;
        Some(Place {
            pool: self.clone(),
            is_reserved: load.reserved.is_some(),
        })
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

    async fn fingerprint(&self, path: &Path) -> u64 {
        let mut checked = self.checked.lock().await;
        if let Some(known) = checked
            .as_ref()
            .filter(|known| known.folder == path && known.at.elapsed() < FINGERPRINT_AGE_MAX)
        {
            return known.fingerprint;
        }
        let folder = path.to_owned();
        // A walk that is cut off by a shutdown counts as an empty folder.
        let fingerprint = tokio::task::spawn_blocking(move || fingerprint(&folder))
            .await
            .unwrap_or(0);
        *checked = Some(Checked {
            folder: path.to_owned(),
            at: Instant::now(),
            fingerprint,
        });
        fingerprint
    }

    /// An idle process of this version and generation; idle ones of another generation of it end.
    pub(super) fn take(&self, version: &str, generation: Generation) -> Option<Process> {
        let mut idle = self.idle();
        let idle = idle.entry(version.to_owned()).or_default();
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
    pub(super) fn give_back(&self, version: &str, generation: Generation, process: Process) {
        let mut idle = self.idle();
        let Some(idle) = idle.get_mut(version) else {
            return;
        };
        if idle.generation == generation && !process.has_exited() {
            idle.processes.push_back((Instant::now(), process));
        }
    }

    pub(super) fn idle_len(&self) -> usize {
        self.idle().values().map(|idle| idle.processes.len()).sum()
    }

    /// Since when the longest idle process has been idle.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.idle().values().filter_map(Idle::since).min()
    }

    /// Ends the processes that have been idle since before a moment, which may be all.
    pub(super) fn end_idle_before(&self, moment: Instant) {
        for idle in self.idle().values_mut() {
            while idle.since().is_some_and(|since| since <= moment) {
                idle.processes.pop_front();
            }
        }
    }

    /// Ends the process that has been idle for longest.
    pub(super) fn end_longest_idle(&self) {
        let mut idle = self.idle();
        let longest = idle.values_mut().filter(|idle| idle.since().is_some());
        if let Some(longest) = longest.min_by_key(|idle| idle.since()) {
            longest.processes.pop_front();
        }
    }

    /// Ends the idle processes of a version; busy ones end after their invocation.
    pub(super) fn end_version(&self, version: &str) {
        self.idle().remove(version);
    }

    pub(super) fn end_all_idle(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<String, Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn load(&self) -> MutexGuard<'_, Load> {
        self.load.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn since(&self) -> Option<Instant> {
        self.processes.front().map(|(since, _)| *since)
    }
}
