//! Verifying a running database, on a thread of its own while writes go on. One run at a time; the last one's
//! result is kept.

use std::sync::Arc;
use std::thread::JoinHandle;

use headwater_changelog::{Entry, Log, LogError, LogVisitor, VerifyReport};
use headwater_model::{Clock, Sequence};
use headwater_state::{Snapshot, StateStore};
use parking_lot::Mutex;

use super::source::Source;
use super::{Finding, Progress, Verified, ended};
use crate::data_folder::DataFolder;
use crate::database::Database;
use crate::error::EngineError;
use crate::keys;

/// Bytes of keys whose last values are held at once; a log of more is read several times.
const PASS_BYTES_MAX: usize = 96 << 20;
/// Items read from one snapshot, which keeps pages from being reused for as long.
const ITEMS_PER_BATCH_MAX: usize = 2_000;
/// Bytes read in a second at most, so that most of the disk and of a processor is left to others.
const BYTES_PER_SECOND_MAX: u64 = 32 << 20;

/// A verification is running already.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a verification is running; its progress is at GET /_headwater/verify")]
pub struct VerificationRunning;

/// Where a verification is.
#[derive(Clone, Debug)]
pub enum VerificationStatus {
    /// None was started.
    Never,
    /// One is running.
    Running {
        /// Percent of the bytes that it expects to read.
        percent: u64,
        /// Bytes read.
        done_bytes: u64,
        /// Seconds since it began.
        seconds: u64,
    },
    /// The last one is over.
    Done {
        /// What it found.
        verified: Arc<Verified>,
        /// How long it took.
        seconds: u64,
    },
    /// The last one could not finish.
    Failed {
        /// Why.
        reason: String,
    },
}

/// What a verification that went to its end came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationEnd {
    /// How much is wrong.
    pub findings: u64,
    /// When it ended, milliseconds since the epoch.
    pub ended_ms: u64,
}

/// The run of a database, if there was one.
#[derive(Default)]
pub(crate) struct Verification {
    run: Mutex<Option<Run>>,
    /// Of the last run that went to its end, also while another one is under way.
    last: Arc<Mutex<Option<VerificationEnd>>>,
}

struct Run {
    progress: Arc<Progress>,
    outcome: Arc<Mutex<Option<VerificationStatus>>>,
    thread: Option<JoinHandle<()>>,
}

impl Verification {
    /// Ends a run and waits for it.
    pub(crate) fn end(&self) {
        let Some(mut run) = self.run.lock().take() else {
            return;
        };
        run.progress.end();
        if run
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("a verification ended with a panic");
        }
    }
}

impl Database {
    /// Starts a verification beside everything else. [`Database::verification`] says how it goes.
    ///
    /// # Errors
    /// [`VerificationRunning`] while one is; [`EngineError::Io`] if no thread can be started.
    pub fn start_verification(&self) -> Result<Result<(), VerificationRunning>, EngineError> {
        let mut current = self.inner.verification.run.lock();
        if current
            .as_ref()
            .is_some_and(|run| run.outcome.lock().is_none())
        {
            return Ok(Err(VerificationRunning));
        }
        let progress = Arc::new(Progress::new(Some(BYTES_PER_SECOND_MAX)));
        let outcome = Arc::new(Mutex::new(None));
        let live = Live {
            log: self.inner.log.clone(),
            state: self.inner.state.clone(),
            folder: self.inner.folder.get().cloned(),
            clock: self.inner.clock.clone(),
            last: self.inner.verification.last.clone(),
        };
        let thread = {
            let (progress, outcome) = (progress.clone(), outcome.clone());
            std::thread::Builder::new()
                .name("headwater-verify".to_owned())
                .spawn(move || {
                    let unfinished = Unfinished(&outcome);
                    let status = live.verify(&progress);
                    unfinished.done(status);
                })
                .map_err(|error| EngineError::Io {
                    what: "starting the thread of a verification".to_owned(),
                    error,
                })?
        };
        *current = Some(Run {
            progress,
            outcome,
            thread: Some(thread),
        });
        Ok(Ok(()))
    }

    /// How the verification that was started last goes, or what it found.
    pub fn verification(&self) -> VerificationStatus {
        let current = self.inner.verification.run.lock();
        let Some(run) = &*current else {
            return VerificationStatus::Never;
        };
        let outcome = run.outcome.lock().clone();
        outcome.unwrap_or_else(|| VerificationStatus::Running {
            percent: run.progress.percent(),
            done_bytes: run.progress.done_bytes(),
            seconds: run.progress.seconds(),
        })
    }

    /// What the last verification that went to its end came to, if there was one since the start.
    pub fn last_verification(&self) -> Option<VerificationEnd> {
        *self.inner.verification.last.lock()
    }
}

/// Says that a run failed if it never said anything else, after a panic too.
struct Unfinished<'a>(&'a Mutex<Option<VerificationStatus>>);

impl Unfinished<'_> {
    fn done(self, status: VerificationStatus) {
        *self.0.lock() = Some(status);
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0
            .lock()
            .get_or_insert_with(|| VerificationStatus::Failed {
                reason: "it ended with a panic, which the server's log shows".to_owned(),
            });
    }
}

struct Live {
    log: Arc<Log>,
    state: Arc<dyn StateStore>,
    /// The data folder, if there is one.
    folder: Option<DataFolder>,
    clock: Arc<dyn Clock>,
    last: Arc<Mutex<Option<VerificationEnd>>>,
}

impl Live {
    fn verify(&self, progress: &Progress) -> VerificationStatus {
        progress.expect_more(self.log.stats().stored_bytes);
        match super::run(self, progress) {
            Ok(mut verified) => {
                let goes_on = || progress.look().is_continue();
                if let Err(error) = self.state.check_start(&goes_on) {
                    let detail = format!("the next start needs it: {error}");
                    verified.find(Finding::at("state", detail));
                }
                for finding in &verified.findings {
                    tracing::error!(%finding, "verification found damage");
                }
                *self.last.lock() = Some(VerificationEnd {
                    findings: verified.findings_total,
                    ended_ms: self.clock.now_ms(),
                });
                VerificationStatus::Done {
                    verified: Arc::new(verified),
                    seconds: progress.seconds(),
                }
            }
            Err(error) => VerificationStatus::Failed {
                reason: error.to_string(),
            },
        }
    }
}

impl Source for Live {
    fn is_live(&self) -> bool {
        true
    }

    fn pass_bytes_max(&self) -> usize {
        PASS_BYTES_MAX
    }

    fn items_per_batch_max(&self) -> usize {
        ITEMS_PER_BATCH_MAX
    }

    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.state.snapshot()
    }

    fn check_log(&self, visitor: &mut dyn LogVisitor) -> Result<VerifyReport, EngineError> {
        Ok(self.log.check(visitor)?)
    }

    fn check_reach(&self, report: &VerifyReport, applied: Sequence, verified: &mut Verified) {
        if applied > self.log.durable() {
            let detail = format!("it holds position {applied}, which is not durable in the log");
            verified.find(Finding::at("state", detail));
        }
        let checkpoint = self.log.checkpoint();
        let kept_from = checkpoint.next();
        // After a start on a full disk it may be unknown what is safe, until there is room for a checkpoint.
        let is_known = checkpoint > Sequence::ZERO || applied == Sequence::ZERO;
        if is_known && report.oldest > kept_from {
            let oldest = report.oldest;
            let detail = format!(
                "the log begins at {oldest}, but the state's checkpoint needs it from {kept_from} on"
            );
            verified.find(Finding::at("log", detail));
        }
        // The server holds the key that was read at its start; without the file, no other start does.
        if let Some(folder) = self.folder.as_ref().filter(|_| self.log.is_encrypted())
            && let Err(error) = keys::key_id(folder.path())
        {
            verified.find(Finding::at("file key", error.to_string()));
        }
        if self
            .folder
            .as_ref()
            .is_some_and(|folder| !folder.has_state())
        {
            let detail = "it is gone, or another one; what the server has open is lost when it stops, so back up first";
            verified.find(Finding::at("file state", detail));
        }
    }

    fn changes_between(
        &self,
        after: Sequence,
        until: Sequence,
        progress: &Progress,
        visit: &mut dyn FnMut(&Entry),
    ) -> Result<bool, EngineError> {
        for entry in self.log.read_from(after) {
            if progress.look().is_break() {
                return Err(ended());
            }
            match entry {
                Ok(entry) if entry.first > until => break,
                Ok(entry) => visit(&entry),
                Err(LogError::Trimmed { .. }) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}
