//! A snapshot: one read transaction with its table opened once, shared by all readers.

use super::failure::Failure;
use super::unwind::or_damaged;
use super::value::ValueForm;
use crate::store::excludes_everything;
use crate::{Direction, Snapshot, StateError, VisitChecked};
use bytes::Bytes;
use redb::ReadOnlyTable;
use std::ops::Bound;

/// The content at one position. The table keeps its read transaction alive.
pub(super) struct RedbSnapshot {
    pub(super) position: u64,
    pub(super) form: ValueForm,
    pub(super) table: ReadOnlyTable<&'static [u8], &'static [u8]>,
    pub(super) failure: Failure,
}

impl Snapshot for RedbSnapshot {
    fn position(&self) -> u64 {
        self.position
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        self.failure.note(or_damaged("reading a key", || {
            let found = self
                .table
                .get(key)
                .map_err(|e| StateError::from_redb("reading a key", e))?;
            let Some(guard) = found else { return Ok(None) };
            let value = self.form.value(key, guard.value())?;
            Ok(Some(Bytes::copy_from_slice(value)))
        }))
    }

    fn scan_checked(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
        visit: &mut VisitChecked<'_>,
    ) -> Result<(), StateError> {
        self.failure.note(self.visit(from, to, direction, visit))
    }
}

impl RedbSnapshot {
    fn visit(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
        visit: &mut VisitChecked<'_>,
    ) -> Result<(), StateError> {
        if excludes_everything(from, to) {
            return Ok(());
        }
        let error = |e| StateError::from_redb("scanning", redb::Error::from(e));
        let mut range = or_damaged("scanning", || {
            self.table.range::<&[u8]>((from, to)).map_err(error)
        })?;
        loop {
            let next = or_damaged("scanning", || {
                let next = match direction {
                    Direction::Forward => range.next(),
                    Direction::Backward => range.next_back(),
                };
                next.transpose().map_err(error)
            })?;
            let Some((key, value)) = next else {
                return Ok(());
            };
            let (key, stored) = or_damaged("scanning", || Ok((key.value(), value.value())))?;
            if visit(key, self.form.value(key, stored)).is_break() {
                return Ok(());
            }
        }
    }
}
