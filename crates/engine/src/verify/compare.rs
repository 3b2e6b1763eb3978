//! The last value that the log gives each key, against the state.

use std::collections::{BTreeMap, HashMap};

use headwater_changelog::Entry;
use headwater_model::{EncodedItem, Sequence};
use headwater_state::{Snapshot, StateError};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::catalog::Known;
use super::source::Source;
use super::{Finding, Progress, Verified, ended, unreadable};
use crate::error::EngineError;
use crate::first_keys::{FirstKeys, Held};
use crate::record::{CATALOG_TABLE, document_key, state_key};
use crate::token::{self, NUMBER_BYTES, TOKEN_TABLE};

/// Bytes that a comparison counts as, for progress and pace: about one page.
const COMPARED_BYTES: u64 = 4096;

/// A value by its digest; `None` for a key that was deleted.
type Digest = Option<u64>;

/// The last values of the first keys from some key on.
pub(super) struct LastValues {
    keys: FirstKeys<LastOf>,
}

/// The last value of a key that is known.
struct LastOf {
    value: Digest,
    position: Sequence,
}

impl Held for LastOf {
    fn held_bytes(&self) -> usize {
        0
    }
}

struct Last {
    key: Box<[u8]>,
    value: Digest,
    position: Sequence,
}

impl LastValues {
    /// Of keys of the state from `from` on.
    pub(super) fn new(from: Vec<u8>, bytes_max: usize) -> Self {
        LastValues {
            keys: FirstKeys::new(from, bytes_max),
        }
    }

    /// From which key on the log has more; `None` if these are all.
    pub(super) fn until(&self) -> Option<&[u8]> {
        self.keys.until()
    }

    /// Values that were seen need not be the last ones of their keys.
    pub(super) fn forget(&mut self) {
        self.keys.clear();
    }

    pub(super) fn entry(&mut self, entry: &Entry) {
        for (ordinal, change) in entry.changes.iter().enumerate() {
            let key = state_key(change.table, &change.key);
            let position = entry.first.offset(ordinal as u64);
            let value = || change.new.as_deref().map(xxh3_64);
            let first = || LastOf {
                value: value(),
                position,
            };
            self.keys.update(&key, first, |last| {
                last.value = value();
                last.position = position;
            });
        }
    }

    /// In the order of the state, so that neighbours share pages.
    fn into_sorted(self) -> BTreeMap<Box<[u8]>, LastOf> {
        self.keys.into_values()
    }
}

/// A key whose value in the state is another than expected.
struct Differs {
    last: Last,
    found: Digest,
    /// The state's position when it was found.
    seen_at: Sequence,
}

/// Compares each key with the state. The keys are of what was `applied` when the log was read; what was written since is
/// looked up there.
pub(super) fn with_state(
    source: &dyn Source,
    progress: &Progress,
    known: &Known,
    (last, applied): (LastValues, Sequence),
    verified: &mut Verified,
) -> Result<(), EngineError> {
    let keys = last.into_sorted();
    progress.expect_more((keys.len() as u64).saturating_mul(COMPARED_BYTES));
    let mut differs = HashMap::new();
    let keys = keys.into_iter().map(|(key, last)| Last {
        key,
        value: last.value,
        position: last.position,
    });
    let mut keys = keys.peekable();
    while keys.peek().is_some() {
        let snapshot = source.snapshot();
        let seen_at = Sequence(snapshot.position());
        let mut compared = 0;
        for last in keys.by_ref().take(source.items_per_batch_max()) {
            compared += 1;
            let mut find = |detail| {
                verified.find(Finding::of_key(known.name_of(&last.key), &last.key, detail));
            };
            let found = match snapshot.get(&last.key) {
                Ok(found) => found.as_deref().map(xxh3_64),
                Err(error) => {
                    // The scan names it too, unless it can't get there.
                    find(unreadable::detail(error)?);
                    continue;
                }
            };
            if found == last.value {
                match lacks_age(snapshot.as_ref(), &last) {
                    Ok(false) => {}
                    Ok(true) => find("nothing finds the token by its age".to_owned()),
                    Err(error) => {
                        let error = unreadable::detail(error)?;
                        find(format!("what finds the token by its age: {error}"));
                    }
                }
            } else {
                let hash = xxh3_128(&last.key);
                differs.insert(
                    hash,
                    Differs {
                        last,
                        found,
                        seen_at,
                    },
                );
            }
            verified.keys_compared += 1;
        }
        drop(snapshot);
        if progress.advance(compared * COMPARED_BYTES).is_break() {
            return Err(ended());
        }
    }
    settle(source, progress, applied, &mut differs)?;
    let mut differs: Vec<Differs> = differs.into_values().collect();
    differs.retain(|differs| differs.found != differs.last.value);
    differs.sort_unstable_by(|a, b| a.last.key.cmp(&b.last.key));
    for differs in differs {
        let finding = describe(known, &differs);
        match is_swept(source, &differs) {
            Ok(true) => {}
            Ok(false) => verified.find(finding),
            Err(error) => {
                let error = unreadable::detail(error)?;
                let detail = format!(
                    "{}, and whether its table was dropped can't be read: {error}",
                    finding.detail
                );
                verified.find(Finding { detail, ..finding });
            }
        }
    }
    Ok(())
}

/// Whether a key is a token whose second key is missing.
fn lacks_age(snapshot: &dyn Snapshot, last: &Last) -> Result<bool, StateError> {
    if table_of(&last.key) != TOKEN_TABLE {
        return Ok(false);
    }
    let age_key = token::age_key(last.position, &last.key[NUMBER_BYTES..]);
    Ok(snapshot.get(&age_key)?.is_none())
}

/// Brings what is expected up to the position at which each key was looked at. The log is read from `since` on, up to where
/// the reading before has seen all of it: what came before is in `differs` already.
fn settle(
    source: &dyn Source,
    progress: &Progress,
    since: Sequence,
    differs: &mut HashMap<u128, Differs>,
) -> Result<(), EngineError> {
    let Some(until) = differs.values().map(|differs| differs.seen_at).max() else {
        return Ok(());
    };
    let whole = source.changes_between(since, until, progress, &mut |entry| {
        for (ordinal, change) in entry.changes.iter().enumerate() {
            let position = entry.first.offset(ordinal as u64);
            let hash = xxh3_128(&state_key(change.table, &change.key));
            if let Some(differs) = differs.get_mut(&hash)
                && position <= differs.seen_at
                && position > differs.last.position
            {
                differs.last.value = change.new.as_deref().map(xxh3_64);
                differs.last.position = position;
            }
        }
    })?;
    if !whole {
        // The proof was trimmed.
        differs.retain(|_, differs| differs.seen_at == differs.last.position);
    }
    Ok(())
}

/// Items of a dropped table, the note that it was dropped, and old tokens leave the state without a log entry.
fn is_swept(source: &dyn Source, differs: &Differs) -> Result<bool, StateError> {
    let key = &differs.last.key;
    match table_of(key) {
        CATALOG_TABLE => Ok(key.get(4) == Some(&document_key::DROPPED)),
        TOKEN_TABLE => {
            let is_gone = differs.found.is_none();
            Ok(is_gone && token::was_collected(differs.last.position, differs.seen_at))
        }
        table => {
            let document = state_key(CATALOG_TABLE, &document_key::of(document_key::TABLE, table));
            Ok(source.snapshot().get(&document)?.is_none())
        }
    }
}

pub(super) fn table_of(key: &[u8]) -> u32 {
    let number = key.first_chunk::<4>();
    number.map_or(CATALOG_TABLE, |bytes| u32::from_be_bytes(*bytes))
}

fn describe(known: &Known, differs: &Differs) -> Finding {
    let last = &differs.last;
    let detail = match (last.value.is_some(), differs.found.is_some()) {
        (true, true) => "log and state hold different values",
        (true, false) => "the log has a value, the state has none",
        _ => "the log has deleted it, the state has a value",
    };
    Finding::of_key(known.name_of(&last.key), &last.key, detail).position(last.position)
}

/// Size of an item as its table counts it.
pub(super) fn size_of(value: &[u8]) -> i64 {
    EncodedItem::from_bytes(bytes::Bytes::copy_from_slice(value)).size_bytes() as i64
}
