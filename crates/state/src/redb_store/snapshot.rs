//! A snapshot: one read transaction with its table opened once, shared by all readers.

use crate::store::excludes_everything;
use crate::{Direction, Snapshot, StateError, Visit};
use bytes::Bytes;
use redb::ReadOnlyTable;
use std::ops::Bound;

/// The content at one position. The table keeps its read transaction alive.
pub(super) struct RedbSnapshot {
    pub(super) position: u64,
    pub(super) table: ReadOnlyTable<&'static [u8], &'static [u8]>,
}

impl Snapshot for RedbSnapshot {
    fn position(&self) -> u64 {
        self.position
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        let found = self
            .table
            .get(key)
            .map_err(|e| StateError::from_redb("reading a key", e))?;
        Ok(found.map(|guard| Bytes::copy_from_slice(guard.value())))
    }

    fn scan(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        if excludes_everything(from, to) {
            return Ok(());
        }
        let error = |e| StateError::from_redb("scanning", redb::Error::from(e));
        let mut range = self.table.range::<&[u8]>((from, to)).map_err(error)?;
        loop {
            let next = match direction {
                Direction::Forward => range.next(),
                Direction::Backward => range.next_back(),
            };
            let Some(entry) = next else { return Ok(()) };
            let (key, value) = entry.map_err(error)?;
            if visit(key.value(), value.value()).is_break() {
                return Ok(());
            }
        }
    }
}
