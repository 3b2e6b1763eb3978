//! Verifying a stopped store: every checksum of the log, and the state against the log as far as the log
//! reaches.

use std::collections::HashMap;
use std::path::Path;

use headwater_changelog::{Log, LogOptions, Problem};
use headwater_cipher::UserKey;
use headwater_model::{Clock, SeededRng, Sequence};
use headwater_state::{RedbStore, StateStore};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::clock::SystemClock;
use crate::error::{EngineError, state_behind};
use crate::keys::{self, StoreKeys};
use crate::record::{CATALOG_TABLE, document_key, state_key};
use crate::storage::{LOG_FOLDER, OpenError, StorageOptions, lock_folder, log_files, open_state};

/// Keys that are compared in one pass over the log; a larger log takes more passes.
const KEYS_PER_PASS_MAX: u64 = 4 << 20;

/// What was checked, and what was found.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Segments of the log.
    pub segments: usize,
    /// Blocks of the log.
    pub blocks: u64,
    /// Entries of the log.
    pub entries: u64,
    /// Keys whose last value in the log was compared with the state.
    pub keys_compared: u64,
    /// Position that the state holds.
    pub applied: Sequence,
    /// Last position of the log.
    pub log_end: Sequence,
    /// Everything that is wrong, a sentence each.
    pub findings: Vec<String>,
}

/// Verifies the store in `folder`, which no server may have open, with the key that it was encrypted with, if it was.
///
/// # Errors
/// [`OpenError`] if the folder can't be read at all; damage is not an error but a finding.
pub fn verify(folder: &Path, key: Option<&UserKey>) -> Result<Verified, OpenError> {
    let log_folder = folder.join(LOG_FOLDER);
    if !log_folder.is_dir() {
        return Err(OpenError::Folder {
            folder: folder.to_owned(),
            error: std::io::Error::new(
                std::io::ErrorKind::NotFound,
                "it holds no log; is it the folder that the server was started with?",
            ),
        });
    }
    let _lock = lock_folder(folder)?;
    let files = log_files(folder)?;
    // For the salt of a segment that stays empty.
    let rng = std::sync::Arc::new(SeededRng::new(SystemClock.now_ms()));
    let keys = keys::data_key(folder, key)?.map(|data| StoreKeys::new(&data, rng));
    let log_key = keys.as_ref().map(|keys| &keys.log.key);
    let report = headwater_changelog::verify(files.as_ref(), log_key)?;
    let mut verified = Verified {
        segments: report.segments,
        blocks: report.blocks,
        entries: report.entries,
        log_end: report.last,
        findings: report.problems.iter().map(finding).collect(),
        ..Verified::default()
    };
    let mut storage = StorageOptions::default();
    storage.state.verify = true;
    let state = match open_state(folder, &storage, keys.as_ref()) {
        Ok(state) => state,
        Err(error) => {
            verified
                .findings
                .push(format!("the state can't be read: {error}"));
            return Ok(verified);
        }
    };
    verified.applied = Sequence(state.position());
    if verified.applied > verified.log_end {
        verified.findings.push(format!(
            "the state holds position {} but the log ends at {}",
            verified.applied, verified.log_end
        ));
    }
    if verified.findings.is_empty() {
        let (log, _) = Log::open(
            files,
            LogOptions {
                encryption: keys.map(|keys| keys.log),
                ..LogOptions::default()
            },
            std::sync::Arc::new(SystemClock),
        )?;
        if verified.applied.next() < log.oldest() {
            verified
                .findings
                .push(state_behind(&verified.applied, &log.oldest()));
        }
        compare(&log, &state, &mut verified)?;
        log.close()?;
    }
    Ok(verified)
}

fn finding(problem: &Problem) -> String {
    format!(
        "log file {} at byte {}: {}",
        problem.file, problem.offset, problem.detail
    )
}

/// The last value that the log gives a key, as a digest; `None` if it was deleted.
type LastValues = HashMap<u128, (Vec<u8>, Option<u64>)>;

/// Compares the last value of each key in the applied part of the log with the state, in as many passes
/// over the log as keep the memory bounded.
fn compare(log: &Log, state: &RedbStore, verified: &mut Verified) -> Result<(), EngineError> {
    let passes = verified.entries.div_ceil(KEYS_PER_PASS_MAX).max(1);
    let snapshot = state.snapshot();
    // What was trimmed is past its retention and in the state; the log reaches back to here.
    let before = Sequence(log.oldest().0.saturating_sub(1));
    for pass in 0..passes {
        let mut last = LastValues::new();
        for entry in log.read_from(before) {
            let entry = entry?;
            if entry.first > verified.applied {
                break;
            }
            for change in &entry.changes {
                let key = state_key(change.table, &change.key);
                let digest = xxh3_128(&key);
                if digest as u64 % passes == pass {
                    last.insert(digest, (key, change.new.as_deref().map(xxh3_64)));
                }
            }
        }
        for (key, expected) in last.into_values() {
            if is_swept(&key, snapshot.as_ref())? {
                continue;
            }
            let found = snapshot.get(&key)?.as_deref().map(xxh3_64);
            verified.keys_compared += 1;
            if found != expected {
                verified
                    .findings
                    .push(describe(&key, expected.is_some(), found.is_some()));
            }
        }
    }
    Ok(())
}

/// Items of a dropped table, and the note that it was dropped, leave the state without a log entry.
fn is_swept(key: &[u8], snapshot: &dyn headwater_state::Snapshot) -> Result<bool, EngineError> {
    let table = key
        .first_chunk::<4>()
        .map_or(CATALOG_TABLE, |bytes| u32::from_be_bytes(*bytes));
    if table == CATALOG_TABLE {
        return Ok(key.get(4) == Some(&document_key::DROPPED));
    }
    let document = state_key(CATALOG_TABLE, &document_key::of(document_key::TABLE, table));
    Ok(snapshot.get(&document)?.is_none())
}

fn describe(key: &[u8], in_log: bool, in_state: bool) -> String {
    let table = key
        .first_chunk::<4>()
        .map_or(0, |bytes| u32::from_be_bytes(*bytes));
    let what = match (in_log, in_state) {
        (true, true) => "log and state hold different values",
        (true, false) => "the log has a value, the state has none",
        _ => "the log has deleted it, the state has a value",
    };
    format!("table {table}, key {:032x}: {what}", xxh3_128(key))
}
