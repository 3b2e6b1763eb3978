//! What changed in a table between two moments: what each item was before, and what it is after. What incremental exports
//! are made of.
//!
//! The log is gone through once for each part of the keys whose values fit into memory.

use std::collections::{BTreeMap, VecDeque, btree_map};

use bytes::Bytes;
use headwater_changelog::Change;
use headwater_model::{EncodedItem, Sequence};

use crate::database::Database;
use crate::error::EngineError;
use crate::history_holds::HistoryHold;
use crate::past_items::Part;
use crate::table::Table;

/// Bytes of values that are held at once; what has more is gone through several times.
const HELD_BYTES_MAX: usize = 64 << 20;
/// What a key costs beside its bytes and values.
const OVERHEAD_BYTES: usize = 128;

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
    /// Set when what changed was measured.
    parts: Option<VecDeque<Part>>,
    current: btree_map::IntoIter<Bytes, Net>,
    _hold: HistoryHold,
}

/// What several changes of an item come to.
struct Net {
    before: Option<Bytes>,
    after: Option<Bytes>,
    last: Sequence,
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
            parts: None,
            current: BTreeMap::new().into_iter(),
            _hold: self.hold_history(window.0),
        }
    }
}

impl ChangedItems {
    /// The next one, by part of the keys and then by key; `None` behind the last. An item that was made and removed
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
                        key,
                        before: net.before.map(EncodedItem::from_bytes),
                        after: net.after.map(EncodedItem::from_bytes),
                        changed: net.last,
                    }));
                }
            }
            match self.next_part()? {
                Some(part) => self.current = self.net_changes(part)?.into_iter(),
                None => return Ok(None),
            }
        }
    }

    fn next_part(&mut self) -> Result<Option<Part>, EngineError> {
        if let Some(parts) = &mut self.parts {
            return Ok(parts.pop_front());
        }
        let mut bytes = 0;
        self.show(&mut |_, change| bytes += change.size_bytes() + OVERHEAD_BYTES)?;
        let mut parts = VecDeque::from(Part::split(bytes, HELD_BYTES_MAX));
        let first = parts.pop_front();
        self.parts = Some(parts);
        Ok(first)
    }

    fn net_changes(&self, part: Part) -> Result<BTreeMap<Bytes, Net>, EngineError> {
        let mut changed: BTreeMap<Bytes, Net> = BTreeMap::new();
        self.show(&mut |sequence, change| {
            if !part.holds(&change.key) {
                return;
            }
            if let Some(net) = changed.get_mut(change.key.as_ref()) {
                net.after = own(&change.new);
                net.last = sequence;
                return;
            }
            let net = Net {
                before: own(&change.old),
                after: own(&change.new),
                last: sequence,
            };
            changed.insert(Bytes::copy_from_slice(&change.key), net);
        })?;
        Ok(changed)
    }

    fn show(&self, show: &mut dyn FnMut(Sequence, &Change)) -> Result<(), EngineError> {
        self.database.show_history(self.table, self.window, show)
    }
}

/// A copy that does not hold the whole block of the log that it was read in.
fn own(value: &Option<Bytes>) -> Option<Bytes> {
    value.as_ref().map(|value| Bytes::copy_from_slice(value))
}
