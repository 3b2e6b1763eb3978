//! What changed in a table between two moments: what each item was before, and what it is after. What incremental exports
//! are made of.
//!
//! The log is gone through once for each part of the keys whose values fit into memory.

use std::collections::{BTreeMap, btree_map};

use bytes::Bytes;
use headwater_changelog::Change;
use headwater_model::{EncodedItem, Sequence};

use crate::database::Database;
use crate::error::EngineError;
use crate::first_keys::{FirstKeys, Held};
use crate::history_holds::HistoryHold;
use crate::table::Table;

/// Bytes of values that are held at once; what has more is gone through several times.
const HELD_BYTES_MAX: usize = 64 << 20;

/// An item that was changed.
#[derive(Clone, Debug)]
pub struct ChangedItem {
    /// Its key in the table.
    pub key: Bytes,
    /// The item before the first change, if it was there.
    pub before: Option<EncodedItem>,
    /// The item after the last change, if it is still there.
    pub after: Option<EncodedItem>,
    /// The place of the last change.
    pub changed: Sequence,
}

/// The items that were changed. The log of the time is kept as long as this is.
pub struct ChangedItems {
    database: Database,
    table: u32,
    window: (Sequence, Sequence),
    /// From which key on the next part goes; `None` behind the last part.
    from: Option<Vec<u8>>,
    current: btree_map::IntoIter<Box<[u8]>, Net>,
    _hold: HistoryHold,
}

/// What several changes of an item come to.
struct Net {
    before: Option<Bytes>,
    after: Option<Bytes>,
    last: Sequence,
}

impl Held for Net {
    fn held_bytes(&self) -> usize {
        let values = [&self.before, &self.after].into_iter().flatten();
        values.map(Bytes::len).sum()
    }
}

impl Database {
    /// The items of a table that were changed from `from_ms` on and before `to_ms`, which is not in the future. The table
    /// has point-in-time recovery, and all of the time lies in its window.
    pub fn items_changed(&self, table: &Table, from_ms: u64, to_ms: u64) -> ChangedItems {
        let window = (Sequence::first_at_ms(from_ms), Sequence::first_at_ms(to_ms));
        ChangedItems {
            database: self.clone(),
            table: table.id(),
            window,
            from: Some(Vec::new()),
            current: BTreeMap::new().into_iter(),
            _hold: self.hold_history(window.0),
        }
    }
}

impl ChangedItems {
    /// The next one, in the order of the keys; `None` behind the last. An item that was made and removed
    /// within the time is none. Reads the log, for long if much changed.
    ///
    /// # Errors
    /// [`EngineError::Log`] if the log does not reach back to the beginning; [`EngineError::NoHistory`] if the table had
    /// no point-in-time recovery for some of the time.
    pub fn next_item(&mut self) -> Result<Option<ChangedItem>, EngineError> {
        loop {
            for (key, net) in self.current.by_ref() {
                if net.before.is_some() || net.after.is_some() {
                    return Ok(Some(ChangedItem {
                        key: Bytes::from(key.into_vec()),
                        before: net.before.map(EncodedItem::from_bytes),
                        after: net.after.map(EncodedItem::from_bytes),
                        changed: net.last,
                    }));
                }
            }
            match self.from.clone() {
                Some(from) => self.current = self.net_changes(from)?.into_iter(),
                None => return Ok(None),
            }
        }
    }

    fn net_changes(&mut self, from: Vec<u8>) -> Result<BTreeMap<Box<[u8]>, Net>, EngineError> {
        let mut changed = FirstKeys::new(from, HELD_BYTES_MAX);
        self.show(&mut |sequence, change| {
            let first = || Net {
                before: own(&change.old),
                after: own(&change.new),
                last: sequence,
            };
            changed.update(&change.key, first, |net: &mut Net| {
                net.after = own(&change.new);
                net.last = sequence;
            });
        })?;
        self.from = changed.until().map(<[u8]>::to_vec);
        Ok(changed.into_values())
    }

    fn show(&self, show: &mut dyn FnMut(Sequence, &Change)) -> Result<(), EngineError> {
        self.database.show_history(self.table, self.window, show)
    }
}

/// A copy that does not hold the whole block of the log that it was read in.
fn own(value: &Option<Bytes>) -> Option<Bytes> {
    value.as_ref().map(|value| Bytes::copy_from_slice(value))
}
