//! Verifying a folder that no server has open. Nothing in it changes.

use std::io;
use std::path::Path;
use std::sync::Arc;

use headwater_changelog::{Entry, LogVisitor, StoppedLog, VerifyReport};
use headwater_cipher::UserKey;
use headwater_model::{Clock, SeededRng, Sequence};
use headwater_state::{Snapshot, StateStore};

use super::catalog::Known;
use super::history::History;
use super::source::Source;
use super::unreadable::{is_of_the_state, or_finding};
use super::{Finding, Progress, Verified};
use crate::clock::SystemClock;
use crate::error::{EngineError, state_behind};
use crate::features::Unknown;
use crate::keys::{self, KeyError, StoreKeys};
use crate::reencrypt;
use crate::storage::{
    LOG_FOLDER, OpenError, in_folder, lock_folder, log_files, open_state_to_read,
};

/// Bytes of keys whose last values are held at once; a log of more is read several times.
const PASS_BYTES_MAX: usize = 768 << 20;
const ITEMS_PER_BATCH_MAX: usize = 20_000;

/// Verifies the store in `folder`, which no server may have open, with the key that it was encrypted with, if it was.
///
/// # Errors
/// [`OpenError`] if the folder can't be read at all, uses what this version does not know, or `progress` was told to
/// end; damage is not an error but a finding.
pub fn verify(
    folder: &Path,
    key: Option<&UserKey>,
    progress: &Progress,
) -> Result<Verified, OpenError> {
    let log_folder = folder.join(LOG_FOLDER);
    if !log_folder.is_dir() {
        let reason = "it holds no log; is it the folder that the server was started with?";
        let error = io::Error::new(io::ErrorKind::NotFound, reason);
        return Err(in_folder(folder, error));
    }
    let _lock = lock_folder(folder)?;
    if reencrypt::is_unfinished(folder).map_err(|error| in_folder(folder, error))? {
        return Err(KeyError::Busy {
            folder: folder.to_owned(),
            what: "start the server once, which finishes it",
        }
        .into());
    }
    // Nothing is encrypted here that outlives this run.
    let rng = Arc::new(SeededRng::new(SystemClock.now_ms()));
    let keys = keys::data_key(folder, key)?.map(|data| StoreKeys::new(&data, rng));
    let log_key = keys.as_ref().map(|keys| keys.log.key.clone());
    let log = StoppedLog::open(log_files(folder)?, log_key)?;
    // What is wrong with the files is said when they are checked.
    progress.expect_more(log.size_bytes().unwrap_or_default());
    let mut damage = Vec::new();
    let state = open_or_say_why(folder, keys.as_ref(), &mut damage)?;
    let (checked, state_format) = match state {
        None => (only_log(&log, progress), 0),
        Some(state) => {
            let stopped = Stopped { log, state };
            let checked = super::run(&stopped, progress);
            (checked, stopped.state.format())
        }
    };
    let mut verified = match checked {
        // Damage that was found is not to be lost, whatever keeps the rest from being checked.
        Err(error) if !damage.is_empty() && progress.look().is_continue() => {
            let mut verified = Verified {
                not_compared: true,
                ..Verified::default()
            };
            verified.find(Finding::at("store", format!("not checked: {error}")));
            verified
        }
        checked => checked?,
    };
    verified.state_format = state_format;
    damage.into_iter().for_each(|found| verified.find(found));
    Ok(verified)
}

/// Opens the state with all its pages checked. One that has a damaged page is opened nevertheless, so that what is
/// on it can be named.
fn open_or_say_why(
    folder: &Path,
    keys: Option<&StoreKeys>,
    damage: &mut Vec<Finding>,
) -> Result<Option<Arc<dyn StateStore>>, OpenError> {
    for check_pages in [true, false] {
        match open_state_to_read(folder, keys, check_pages) {
            Ok(state) => return Ok(Some(state)),
            // The second time, what is damaged may look like anything.
            Err(_) if !damage.is_empty() => {}
            Err(error) if is_of_the_state(&error) => {
                damage.push(Finding::at("state", error.to_string()));
            }
            Err(error) => return Err(EngineError::from(error).into()),
        }
    }
    Ok(None)
}

fn only_log(log: &StoppedLog, progress: &Progress) -> Result<Verified, EngineError> {
    let mut verified = Verified {
        not_compared: true,
        ..Verified::default()
    };
    let checked = check_log(log, progress, &mut verified);
    or_finding(checked, &mut verified)?;
    Ok(verified)
}

fn check_log(
    log: &StoppedLog,
    progress: &Progress,
    verified: &mut Verified,
) -> Result<(), EngineError> {
    let known = Known::default();
    let mut seen = Log {
        progress,
        history: History::new(&known),
        unknown: Unknown::default(),
    };
    let report = log.check(&mut seen)?;
    seen.unknown.refuse()?;
    verified.take_log(&report);
    seen.history.finish(&known, verified);
    Ok(())
}

/// Sees the log when there is no state to compare it with.
struct Log<'a> {
    progress: &'a Progress,
    history: History<'a>,
    unknown: Unknown,
}

impl LogVisitor for Log<'_> {
    fn block(&mut self, stored_bytes: u64) -> std::ops::ControlFlow<()> {
        self.progress.advance(stored_bytes)
    }

    fn entry(&mut self, entry: &Entry) {
        self.unknown.entry(entry);
        self.history.items(entry);
    }

    fn gap(&mut self) {
        self.history.forget_items();
    }
}

pub(super) struct Stopped {
    pub(super) log: StoppedLog,
    pub(super) state: Arc<dyn StateStore>,
}

impl Source for Stopped {
    fn is_live(&self) -> bool {
        false
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
        // A log that was trimmed to nothing goes on from where it was trimmed.
        let end = report.last.max(Sequence(report.oldest.0.saturating_sub(1)));
        // What was not read may be what is missing.
        if applied > end && report.unread_files == 0 {
            let finding = match &report.torn_at {
                None => Finding::at(
                    "state",
                    format!(
                        "it holds position {applied}, but the log ends at {end}: log files are missing"
                    ),
                ),
                Some((file, offset)) => {
                    // It was durable, and nothing that a crash left.
                    verified.torn_bytes = 0;
                    Finding::of_log(
                        file,
                        *offset,
                        format!(
                            "the log ends at {end} here, but the state holds position {applied}"
                        ),
                    )
                }
            };
            verified.find(finding);
        }
        if applied.next() < report.oldest {
            let detail = state_behind(&applied, &report.oldest);
            verified.find(Finding::at("state", detail));
        }
        if let Some(Err(error)) = report.store_id.map(|id| self.state.check_owner(id)) {
            verified.find(Finding::at("state", error.to_string()));
        }
    }

    fn changes_between(
        &self,
        _: Sequence,
        _: Sequence,
        _: &Progress,
        _: &mut dyn FnMut(&Entry),
    ) -> Result<bool, EngineError> {
        // All snapshots are of one position.
        Ok(true)
    }
}
