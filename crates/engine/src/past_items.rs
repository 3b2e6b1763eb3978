//! The items of a table as they are, or as they were at a moment, a chunk at a time: what backups, restores and exports
//! are made of.
//!
//! Items as they were: those of now, with each key that changed since set back to what the first change since found.
//! The log has that, because tables with point-in-time recovery keep the item before in each entry.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headwater_changelog::{Change, ChangeKind, LogError};
use headwater_model::{EncodedItem, KeySchema, Sequence};
use headwater_state::{Direction, Snapshot};

use crate::database::Database;
use crate::error::EngineError;
use crate::history_holds::HistoryHold;
use crate::record::state_key;
use crate::table::Table;

/// Items of one chunk.
const CHUNK_ITEMS_MAX: usize = 200;
/// Bytes of items of one chunk, about.
const CHUNK_BYTES_MAX: usize = 256 << 10;
/// Bytes of earlier values that are held at once; a history with more is gone through several times.
const UNDONE_BYTES_MAX: usize = 64 << 20;
/// What a value costs beside its bytes.
const UNDONE_OVERHEAD_BYTES: usize = 96;
/// Time between two looks at how far the state is.
const APPLIED_LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// Items by their keys.
pub(crate) type Chunk = Vec<(Vec<u8>, Bytes)>;

/// The items of a table at a moment. The log since is kept as long as this is.
pub struct PastItems {
    database: Database,
    source: Source,
    /// Set when what changed since was measured.
    parts: Option<VecDeque<Part>>,
    current: Option<Current>,
    _hold: Option<HistoryHold>,
}

/// A part of a table, by the first and last hash of its keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    first: u32,
    last: u32,
}

/// The items of a table, and the log since.
struct Source {
    snapshot: Arc<dyn Snapshot>,
    table: u32,
    before: Option<Sequence>,
}

/// The part that is being gone through.
struct Current {
    part: Part,
    /// What each key was before it was changed since; `None` if it was not there.
    undone: BTreeMap<Vec<u8>, Option<Bytes>>,
    /// Behind which key of the state to go on; `None` behind the last.
    from: Option<Bound<Vec<u8>>>,
}

impl Database {
    /// The items of a table as they were after all changes that were made until `at_ms`. The table has point-in-time
    /// recovery, and the moment lies in its window.
    ///
    /// # Errors
    /// [`EngineError::Log`] if the log ended. What was trimmed is told by [`PastItems::next_items`].
    pub async fn items_at(&self, table: &Table, at_ms: u64) -> Result<PastItems, EngineError> {
        let before = Sequence::first_at_ms(at_ms.saturating_add(1));
        let hold = self.hold_history(before);
        let mut items = self.past_items(table.id(), Some(before)).await?;
        items._hold = Some(hold);
        Ok(items)
    }

    /// The items of the table with this number, with changes from `before` on undone.
    pub(crate) async fn past_items(
        &self,
        table: u32,
        before: Option<Sequence>,
    ) -> Result<PastItems, EngineError> {
        let durable = self.inner.log.durable();
        while self.applied() < durable {
            if self.inner.log.poisoned().is_some() {
                return Err(LogError::Closed.into());
            }
            tokio::time::sleep(APPLIED_LOOK_INTERVAL).await;
        }
        Ok(PastItems {
            database: self.clone(),
            source: Source {
                snapshot: self.inner.state.snapshot(),
                table,
                before,
            },
            parts: None,
            current: None,
            _hold: None,
        })
    }

    /// Shows the changes of a table from `from` on and before `until`, in order, with their sequence numbers. The log is
    /// that of a table with point-in-time recovery: whatever there was before a change stands in it.
    pub(crate) fn show_history(
        &self,
        table: u32,
        (from, until): (Sequence, Sequence),
        show: &mut dyn FnMut(Sequence, &Change),
    ) -> Result<(), EngineError> {
        for entry in self.inner.log.read_from(Sequence(from.0.saturating_sub(1))) {
            let entry = entry?;
            if entry.first >= until {
                break;
            }
            let mut sequence = entry.first;
            for change in &entry.changes {
                if change.table == table && sequence >= from && sequence < until {
                    if change.kind != ChangeKind::Insert && change.old.is_none() {
                        return Err(EngineError::NoHistory);
                    }
                    show(sequence, change);
                }
                sequence = sequence.next();
            }
        }
        Ok(())
    }
}

impl PastItems {
    /// Some more items, in the order of their keys but for those that are gone by now; `None` behind the last. Reads the
    /// disk, for long if much changed since.
    ///
    /// # Errors
    /// [`EngineError::Log`] if the log does not reach back to the moment; [`EngineError::NoHistory`] if the table had no
    /// point-in-time recovery for some time since; [`EngineError::State`].
    pub fn next_items(&mut self) -> Result<Option<Vec<EncodedItem>>, EngineError> {
        let chunk = self.next_chunk()?;
        let items = |chunk: Chunk| {
            let values = chunk.into_iter().map(|(_, value)| value);
            values.map(EncodedItem::from_bytes).collect()
        };
        Ok(chunk.map(items))
    }

    /// The same with keys. Chunks may be empty.
    pub(crate) fn next_chunk(&mut self) -> Result<Option<Chunk>, EngineError> {
        loop {
            if let Some(current) = &mut self.current {
                if let Some(chunk) = current.next(&self.source)? {
                    return Ok(Some(chunk));
                }
                self.current = None;
            }
            let Some(part) = self.next_part()? else {
                return Ok(None);
            };
            self.current = Some(Current {
                part,
                undone: self.undone(part)?,
                from: Some(Bound::Included(self.source.key(part.first))),
            });
        }
    }

    fn next_part(&mut self) -> Result<Option<Part>, EngineError> {
        if let Some(parts) = &mut self.parts {
            return Ok(parts.pop_front());
        }
        let mut bytes = 0;
        self.changes_since(&mut |change| {
            let before = change.old.as_ref().map_or(0, Bytes::len);
            bytes += change.key.len() + before + UNDONE_OVERHEAD_BYTES;
        })?;
        let mut parts = VecDeque::from(Part::split(bytes, UNDONE_BYTES_MAX));
        let first = parts.pop_front();
        self.parts = Some(parts);
        Ok(first)
    }

    fn undone(&self, part: Part) -> Result<BTreeMap<Vec<u8>, Option<Bytes>>, EngineError> {
        let mut undone = BTreeMap::new();
        self.changes_since(&mut |change| {
            if part.holds(&change.key) && !undone.contains_key(change.key.as_ref()) {
                // A copy, which does not hold the whole block of the log.
                let before = change.old.as_ref().map(|old| Bytes::copy_from_slice(old));
                undone.insert(change.key.to_vec(), before);
            }
        })?;
        Ok(undone)
    }

    /// Shows each change that is to be undone, in order.
    fn changes_since(&self, show: &mut dyn FnMut(&Change)) -> Result<(), EngineError> {
        let Some(before) = self.source.before else {
            return Ok(());
        };
        let until = Sequence(self.source.snapshot.position()).next();
        self.database
            .show_history(self.source.table, (before, until), &mut |_, change| {
                show(change);
            })
    }
}

impl Part {
    /// The parts to go through, so that of so many bytes those of one part fit into memory.
    pub(crate) fn split(bytes: usize, bytes_max: usize) -> Vec<Part> {
        let count = (bytes / bytes_max + 1) as u64;
        let first = |part: u64| ((part << 32) / count) as u32;
        let part = |part: u64| Part {
            first: first(part),
            last: match part + 1 == count {
                true => u32::MAX,
                false => first(part + 1) - 1,
            },
        };
        (0..count).map(part).collect()
    }

    pub(crate) fn holds(self, key: &[u8]) -> bool {
        (self.first..=self.last).contains(&KeySchema::partition_hash(key))
    }
}

impl Current {
    fn next(&mut self, source: &Source) -> Result<Option<Chunk>, EngineError> {
        let Some(from) = self.from.take() else {
            return Ok(self.gone());
        };
        let (mut chunk, last) = source.chunk(&from, self.part)?;
        chunk.retain_mut(|(key, value)| match self.undone.remove(key.as_slice()) {
            Some(Some(before)) => {
                *value = before;
                true
            }
            Some(None) => false,
            None => true,
        });
        self.from = last.map(Bound::Excluded);
        Ok(Some(chunk))
    }

    /// What is not there any more.
    fn gone(&mut self) -> Option<Chunk> {
        let mut chunk = Chunk::new();
        while chunk.len() < CHUNK_ITEMS_MAX / 4
            && let Some((key, before)) = self.undone.pop_first()
        {
            chunk.extend(before.map(|before| (key, before)));
        }
        (!chunk.is_empty()).then_some(chunk)
    }
}

impl Source {
    fn key(&self, hash: u32) -> Vec<u8> {
        state_key(self.table, &hash.to_be_bytes())
    }

    /// Items of a part behind `from`, by their keys in the table; and the last state key if there may be more.
    fn chunk(
        &self,
        from: &Bound<Vec<u8>>,
        part: Part,
    ) -> Result<(Chunk, Option<Vec<u8>>), EngineError> {
        let to = match part.last.checked_add(1) {
            Some(next) => self.key(next),
            None => state_key(self.table + 1, b""),
        };
        let (mut items, mut bytes, mut last) = (Vec::new(), 0, None);
        let from = from.as_ref().map(Vec::as_slice);
        let to = Bound::Excluded(to.as_slice());
        self.snapshot
            .scan(from, to, Direction::Forward, &mut |key, value| {
                items.push((key[4..].to_vec(), Bytes::copy_from_slice(value)));
                bytes += value.len();
                if items.len() < CHUNK_ITEMS_MAX && bytes < CHUNK_BYTES_MAX {
                    return ControlFlow::Continue(());
                }
                last = Some(key.to_vec());
                ControlFlow::Break(())
            })?;
        Ok((items, last))
    }
}
