//! Filling an index that was added to a table: the applier goes through the items in key order, a step at a time, while
//! writes go on. Changes of items that it has passed are followed; those that it has not are found when it comes by.
//!
//! How far it is stands in the state beside the entries, in the same transaction: a crash takes back both.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use bytes::Bytes;
use headwater_model::{CorruptItem, EncodedItem};
use headwater_state::{Batch, Direction, Snapshot};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::catalog::number_of;
use crate::derived::Derived;
use crate::error::EngineError;
use crate::record::{CATALOG_TABLE, document_key, state_key};

/// Bytes of items that one step looks at, about.
const STEP_BYTES_MAX: usize = 1 << 20;

const OPEN: u8 = 0;
const FILLED: u8 = 1;

/// Indexes that hold all their entries, durably, and are to be told readable.
pub(crate) struct FilledIndexes {
    ids: Mutex<Vec<u32>>,
    due: Arc<Notify>,
}

impl FilledIndexes {
    pub(crate) fn new(due: Arc<Notify>) -> Self {
        FilledIndexes {
            ids: Mutex::default(),
            due,
        }
    }

    pub(crate) fn contains(&self, index: u32) -> bool {
        self.ids.lock().contains(&index)
    }

    pub(crate) fn forget(&self, index: u32) {
        self.ids.lock().retain(|id| *id != index);
    }

    fn add(&self, index: u32) {
        self.ids.lock().push(index);
        self.due.notify_one();
    }
}

/// How far an index is filled.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Progress {
    /// Up to this key of its table, which is done; empty at the beginning.
    UpTo(Vec<u8>),
    /// All of it.
    Filled,
}

/// The indexes that are being filled.
pub(crate) struct Backfills {
    by_index: BTreeMap<u32, Progress>,
    /// Filled since the last checkpoint.
    unsaved: Vec<u32>,
    filled: Arc<FilledIndexes>,
    /// Items that one step looks at.
    step_items_max: usize,
}

/// What a step found.
pub(crate) struct Step {
    /// The entries and how far the index is now.
    pub(crate) batch: Batch,
    /// The index.
    pub(crate) index: u32,
    /// Entries that were added, and their bytes.
    pub(crate) growth: (i64, i64),
}

impl Backfills {
    /// What the state knows; it is durable.
    pub(crate) fn load(
        snapshot: &dyn Snapshot,
        filled: Arc<FilledIndexes>,
        step_items_max: usize,
    ) -> Result<Self, EngineError> {
        let mut by_index = BTreeMap::new();
        let from = state_key(CATALOG_TABLE, &document_key::of(document_key::BACKFILL, 0));
        let to = state_key(CATALOG_TABLE, &[document_key::BACKFILL + 1]);
        snapshot.scan(
            Bound::Included(&from),
            Bound::Excluded(&to),
            Direction::Forward,
            &mut |key, value| {
                if let Some(index) = number_of(&key[4..]) {
                    by_index.insert(index, Progress::decode(value));
                }
                ControlFlow::Continue(())
            },
        )?;
        let is_filled = |(index, progress): (&u32, &Progress)| {
            (*progress == Progress::Filled).then_some(*index)
        };
        by_index
            .iter()
            .filter_map(is_filled)
            .for_each(|index| filled.add(index));
        Ok(Backfills {
            by_index,
            unsaved: Vec::new(),
            filled,
            step_items_max: step_items_max.max(1),
        })
    }

    /// Whether there is more to do.
    pub(crate) fn is_open(&self) -> bool {
        self.by_index
            .values()
            .any(|progress| *progress != Progress::Filled)
    }

    /// Whether an index waits for a checkpoint to be readable.
    pub(crate) fn waits_for_checkpoint(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// What was filled is durable now.
    pub(crate) fn checkpointed(&mut self) {
        self.unsaved
            .drain(..)
            .for_each(|index| self.filled.add(index));
    }

    /// Whether the index was taken up, filled or not.
    pub(crate) fn knows(&self, index: u32) -> bool {
        self.by_index.contains_key(&index)
    }

    /// Takes up an index. That of an empty table is filled.
    pub(crate) fn begin(&mut self, index: u32, is_empty: bool, batch: &mut Batch) {
        let progress = match is_empty {
            true => Progress::Filled,
            false => Progress::UpTo(Vec::new()),
        };
        batch.put(document(index), progress.encode());
        self.by_index.insert(index, progress);
        if is_empty {
            self.unsaved.push(index);
        }
    }

    /// An index is readable, as the log has it. One of a state that was made anew from the log, or is older than its filling,
    /// stays among those to fill.
    pub(crate) fn end_if_filled(&mut self, index: u32, batch: &mut Batch) {
        if self.by_index.get(&index) == Some(&Progress::Filled) {
            self.end(index, batch);
        }
    }

    /// Whether an index is still to be filled.
    pub(crate) fn is_unfilled(&self, index: u32) -> bool {
        matches!(self.by_index.get(&index), Some(Progress::UpTo(_)))
    }

    /// An index is readable, with all its entries, or gone.
    pub(crate) fn end(&mut self, index: u32, batch: &mut Batch) {
        if self.by_index.remove(&index).is_some() {
            batch.delete(document(index));
            self.unsaved.retain(|id| *id != index);
            self.filled.forget(index);
        }
    }

    /// Whether the index's entry for the item under this key of its table is there already.
    pub(crate) fn has_passed(&self, index: u32, table_key: &[u8]) -> bool {
        match self.by_index.get(&index) {
            Some(Progress::UpTo(key)) => table_key <= key.as_slice(),
            Some(Progress::Filled) | None => true,
        }
    }

    /// The next step of an index that is `wanted`; `find` gives what is being filled, with its table's number. `None` if there
    /// is none.
    pub(crate) fn step(
        &mut self,
        snapshot: &dyn Snapshot,
        wanted: impl Fn(u32) -> bool,
        find: impl Fn(u32) -> Option<(u32, Derived)>,
    ) -> Result<Option<Step>, EngineError> {
        let open = self
            .by_index
            .iter_mut()
            .filter(|(index, _)| wanted(**index))
            .find_map(|(index, progress)| match progress {
                Progress::UpTo(key) => Some((*index, std::mem::take(key), progress)),
                Progress::Filled => None,
            });
        let Some((id, from, progress)) = open else {
            return Ok(None);
        };
        let mut step = Step {
            batch: Batch::new(),
            index: id,
            growth: (0, 0),
        };
        let last = match find(id) {
            Some((table, derived)) => {
                step.fill(snapshot, table, &derived, &from, self.step_items_max)?
            }
            // Its table went away: the document that says so ends it.
            None => None,
        };
        *progress = match last {
            Some(key) => Progress::UpTo(key),
            None => Progress::Filled,
        };
        step.batch.put(document(id), progress.encode());
        if *progress == Progress::Filled {
            self.unsaved.push(id);
        }
        Ok(Some(step))
    }
}

impl Step {
    /// Adds entries of the items behind `from`; gives the last item's key if there may be more.
    fn fill(
        &mut self,
        snapshot: &dyn Snapshot,
        table: u32,
        derived: &Derived,
        from: &[u8],
        items_max: usize,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        let (from, to) = (state_key(table, from), state_key(table + 1, b""));
        let (mut items, mut bytes, mut last) = (0, 0, None);
        let mut failure = None;
        snapshot.scan(
            Bound::Excluded(&from),
            Bound::Excluded(&to),
            Direction::Forward,
            &mut |key, value| {
                items += 1;
                bytes += value.len();
                if let Err(corrupt) = self.add(derived, &key[4..], value) {
                    failure = Some(corrupt);
                    return ControlFlow::Break(());
                }
                if items < items_max && bytes < STEP_BYTES_MAX {
                    return ControlFlow::Continue(());
                }
                last = Some(key[4..].to_vec());
                ControlFlow::Break(())
            },
        )?;
        match failure {
            Some(corrupt) => Err(corrupt.into()),
            None => Ok(last),
        }
    }

    fn add(&mut self, derived: &Derived, key: &[u8], value: &[u8]) -> Result<(), CorruptItem> {
        let item = EncodedItem::from_bytes(Bytes::copy_from_slice(value));
        if let Some((key, value)) = derived.entry(key, &item)? {
            self.growth.0 += 1;
            self.growth.1 += EncodedItem::from_bytes(value.clone()).size_bytes() as i64;
            self.batch
                .put(Bytes::from(state_key(self.index, &key)), value);
        }
        Ok(())
    }
}

impl Progress {
    fn encode(&self) -> Bytes {
        match self {
            Progress::UpTo(key) => [&[OPEN], key.as_slice()].concat().into(),
            Progress::Filled => Bytes::from_static(&[FILLED]),
        }
    }

    fn decode(bytes: &[u8]) -> Self {
        match bytes.split_first() {
            Some((&FILLED, _)) => Progress::Filled,
            Some((_, key)) => Progress::UpTo(key.to_vec()),
            None => Progress::UpTo(Vec::new()),
        }
    }
}

/// Whether the document of an index that is being filled says that it is.
pub(crate) fn is_filled(document: &[u8]) -> bool {
    Progress::decode(document) == Progress::Filled
}

fn document(index: u32) -> Bytes {
    let key = document_key::of(document_key::BACKFILL, index);
    Bytes::from(state_key(CATALOG_TABLE, &key))
}
