//! The items of a table as they are, or as they were at a moment, a chunk at a time: what backups, restores and exports
//! are made of.
//!
//! Items as they were: those of now, with each key that changed since set back to what the first change since found.
//! The log has that, because tables with point-in-time recovery keep the item before in each entry.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headwater_changelog::{Change, ChangeKind, LogError};
use headwater_model::{EncodedItem, Sequence};
use headwater_state::{Direction, Snapshot};

use crate::database::Database;
use crate::error::EngineError;
use crate::first_keys::{FirstKeys, Held};
use crate::history_holds::HistoryHold;
use crate::record::state_key;
use crate::table::Table;

/// Items of one chunk.
const CHUNK_ITEMS_MAX: usize = 200;
/// Bytes of items of one chunk, about.
const CHUNK_BYTES_MAX: usize = 256 << 10;
/// Bytes of earlier values that are held at once; a history with more is gone through several times.
const UNDONE_BYTES_MAX: usize = 64 << 20;
/// Time between two looks at how far the state is.
const APPLIED_LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// Items by their keys.
pub(crate) type Chunk = Vec<(Vec<u8>, Bytes)>;

/// The items of a table at a moment. The log since is kept as long as this is.
pub struct PastItems {
    database: Database,
    source: Source,
    /// From which key on the next part goes; `None` behind the last part.
    from: Option<Vec<u8>>,
    current: Option<Current>,
    _hold: Option<HistoryHold>,
}

/// The items of a table, and the log since.
struct Source {
    snapshot: Arc<dyn Snapshot>,
    table: u32,
    before: Option<Sequence>,
}

/// The part that is being gone through: the keys whose earlier values fit into memory.
struct Current {
    /// The first key behind the part; `None` if it is the last one.
    until: Option<Vec<u8>>,
    /// What each key was before it was changed since; `None` if it was not there.
    undone: BTreeMap<Box<[u8]>, Before>,
    /// Behind which key of the state to go on; `None` behind the last.
    from: Option<Bound<Vec<u8>>>,
}

/// What a key was.
struct Before(Option<Bytes>);

impl Held for Before {
    fn held_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, Bytes::len)
    }
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
            // The applier may wait for room on the disk.
            self.check_stays_open()?;
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
            from: Some(Vec::new()),
            current: None,
            _hold: None,
        })
    }

    /// Shows the changes of a table from `from` on and before `until`, in order, with their sequence numbers. The log is
    /// that of a table with point-in-time recovery: whatever there was before a change stands in it.
    ///
    /// # Errors
    /// [`LogError::Closed`] when the database is about to be closed.
    pub(crate) fn show_history(
        &self,
        table: u32,
        (from, until): (Sequence, Sequence),
        show: &mut dyn FnMut(Sequence, &Change),
    ) -> Result<(), EngineError> {
        for entry in self.inner.log.read_from(Sequence(from.0.saturating_sub(1))) {
            self.check_stays_open()?;
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
            let Some(from) = self.from.clone() else {
                return Ok(None);
            };
            let current = self.part(from)?;
            self.from = current.until.clone();
            self.current = Some(current);
        }
    }

    fn part(&self, from: Vec<u8>) -> Result<Current, EngineError> {
        let first = Bound::Included(self.source.key(&from));
        let mut undone = FirstKeys::new(from, UNDONE_BYTES_MAX);
        self.changes_since(&mut |change| {
            // A copy, which does not hold the whole block of the log.
            let before = || Before(change.old.as_ref().map(|old| Bytes::copy_from_slice(old)));
            undone.update(&change.key, before, |_| {});
        })?;
        Ok(Current {
            until: undone.until().map(<[u8]>::to_vec),
            undone: undone.into_values(),
            from: Some(first),
        })
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

impl Current {
    fn next(&mut self, source: &Source) -> Result<Option<Chunk>, EngineError> {
        let Some(from) = self.from.clone() else {
            return Ok(self.gone());
        };
        let (mut chunk, last) = source.chunk(&from, self.until.as_deref())?;
        chunk.retain_mut(|(key, value)| match self.undone.remove(key.as_slice()) {
            Some(Before(Some(before))) => {
                *value = before;
                true
            }
            Some(Before(None)) => false,
            None => true,
        });
        self.from = last.map(Bound::Excluded);
        Ok(Some(chunk))
    }

    /// What is not there any more.
    fn gone(&mut self) -> Option<Chunk> {
        let mut chunk = Chunk::new();
        while chunk.len() < CHUNK_ITEMS_MAX / 4
            && let Some((key, Before(before))) = self.undone.pop_first()
        {
            chunk.extend(before.map(|before| (key.into_vec(), before)));
        }
        (!chunk.is_empty()).then_some(chunk)
    }
}

impl Source {
    fn key(&self, key: &[u8]) -> Vec<u8> {
        state_key(self.table, key)
    }

    /// Items behind `from` and before the key `until`, by their keys in the table; and the last state key if there may be
    /// more.
    fn chunk(
        &self,
        from: &Bound<Vec<u8>>,
        until: Option<&[u8]>,
    ) -> Result<(Chunk, Option<Vec<u8>>), EngineError> {
        let to = match until {
            Some(until) => self.key(until),
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
