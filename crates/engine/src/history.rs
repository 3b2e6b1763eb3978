//! What an item was: the changes of one key, as far back as the log reaches.
//!
//! The log is read from the front, all of it, since it has no index by key; a call reads a bounded part, and whoever
//! wants more goes on where it ended.

use headwater_changelog::{ChangeKind, Identity, LogError};
use headwater_model::{EncodedItem, Sequence, StorageKey};

use crate::database::Database;
use crate::error::EngineError;
use crate::table::Table;

/// Entries of the log that one call looks at: about half a second's.
const ENTRIES_PER_CALL_MAX: usize = 100_000;
/// Bytes of changes, of whatever item, after which a call ends.
const CHANGES_BYTES_MAX: usize = 64 << 20;
/// Bytes of versions after which a call ends.
const VERSIONS_BYTES_MAX: usize = 1 << 20;

/// An item after a change.
#[derive(Clone, Debug)]
pub struct Version {
    /// The place of the change in the log.
    pub sequence: Sequence,
    /// Insert, modify or remove.
    pub kind: ChangeKind,
    /// Client or service.
    pub identity: Identity,
    /// The item; `None` if the change removed it.
    pub item: Option<EncodedItem>,
    /// The item before, where the log kept it.
    pub before: Option<EncodedItem>,
}

/// A part of an item's history.
#[derive(Clone, Debug, Default)]
pub struct HistoryPage {
    /// In the order in which they were made.
    pub versions: Vec<Version>,
    /// Where to go on; `None` if the log was read to its end.
    pub next: Option<Sequence>,
    /// The first change that the log still holds, of whatever table.
    pub since: Sequence,
}

impl Database {
    /// The changes of an item behind a position, [`Sequence::ZERO`] for the oldest: those in the log that are durable at
    /// the call. It reads files and takes up to a second: not for a thread that serves others. It ends early when nobody
    /// wants it any more.
    ///
    /// # Errors
    /// [`EngineError::Log`]: damage in the log.
    pub fn history(
        &self,
        table: &Table,
        key: &StorageKey,
        after: Sequence,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<HistoryPage, EngineError> {
        loop {
            let since = self.inner.log.oldest();
            // One below the first that is kept.
            let from = after.max(Sequence(since.0.saturating_sub(1)));
            match self.read_history(table, key, from, is_wanted) {
                // Trimmed meanwhile: what is left begins later.
                Err(EngineError::Log(LogError::Trimmed { .. })) => continue,
                read => {
                    return read.map(|page| HistoryPage { since, ..page });
                }
            }
        }
    }

    fn read_history(
        &self,
        table: &Table,
        key: &StorageKey,
        from: Sequence,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<HistoryPage, EngineError> {
        let mut page = HistoryPage::default();
        let (mut bytes, mut seen_bytes) = (0, 0);
        for (count, entry) in self.inner.log.read_from(from).enumerate() {
            let entry = entry?;
            let last = entry.last();
            for (at, change) in entry.changes.into_iter().enumerate() {
                seen_bytes += change.size_bytes();
                if change.table != table.id() || change.key != key.bytes() {
                    continue;
                }
                // As it was read it would keep all that was read with it.
                let change = change.detached();
                bytes += change.size_bytes();
                page.versions.push(Version {
                    sequence: entry.first.offset(at as u64),
                    kind: change.kind,
                    identity: change.identity,
                    item: change.new.map(EncodedItem::from_bytes),
                    before: change.old.map(EncodedItem::from_bytes),
                });
            }
            let is_full = count + 1 >= ENTRIES_PER_CALL_MAX
                || seen_bytes >= CHANGES_BYTES_MAX
                || bytes >= VERSIONS_BYTES_MAX;
            if is_full || !is_wanted() {
                page.next = Some(last);
                break;
            }
        }
        Ok(page)
    }
}
