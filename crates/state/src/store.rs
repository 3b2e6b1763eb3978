//! The two traits of the room: a store that takes batches, and a snapshot to read from.

use crate::{Batch, ColdRead, StateError, StateStats};
use bytes::Bytes;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

/// An ordered map of bytes that is driven by a log. One thread applies and checkpoints; any number
/// of threads read snapshots.
pub trait StateStore: Send + Sync {
    /// The content after the last applied batch. Cheap: the snapshot is shared until the next batch.
    /// A store cannot reuse the space of what a live snapshot still sees: hold it for a page of
    /// results, not for a session.
    fn snapshot(&self) -> Arc<dyn Snapshot>;

    /// Applies a batch and moves to `position` in one step, visible to snapshots taken afterwards
    /// and not durable yet. Positions never go back.
    ///
    /// # Errors
    /// After [`StateError::Io`] nothing of the batch is visible, and the store refuses further
    /// batches until it is opened again.
    fn apply(&self, batch: Batch, position: u64) -> Result<(), StateError>;

    /// Makes everything applied so far durable and returns the position that now is.
    ///
    /// # Errors
    /// After an error the store opens either at this checkpoint or at the one before it.
    fn checkpoint(&self) -> Result<u64, StateError>;

    /// Makes nothing durable any more, when the store is dropped neither: what was applied since the last checkpoint
    /// is to come from the log again. Snapshots go on.
    fn abandon(&self) {}

    /// The position of the last applied batch; 0 for a new store.
    fn position(&self) -> u64;

    /// Looks whether what a batch or checkpoint may write has room on the disk. Readers can be kept by a write that
    /// finds none, so ask before either.
    ///
    /// # Errors
    /// [`StateError::NoRoom`].
    fn look_for_room(&self) -> Result<(), StateError> {
        Ok(())
    }

    /// Returns when [`Self::look_for_room`] finds room, or nobody is to wait for it.
    fn await_room(&self) {}

    /// Whether to wait when there is no room; at first not. Without it, a batch or checkpoint that finds none fails
    /// and stops the store.
    fn set_waits_for_room(&self, _waits: bool) {}

    /// Why there is no room, if the last look or write found none.
    fn no_room(&self) -> Option<String> {
        None
    }

    /// What failed, if a read or write of the storage did. Then no batch is taken until the store is opened again; what
    /// the disk gives can be read, but of a tree only what is in memory.
    fn failure(&self) -> Option<String> {
        None
    }

    /// The position that a crash now would leave: that of the last checkpoint (or, after a failed
    /// checkpoint, possibly of that one).
    fn durable_position(&self) -> u64;

    /// Size and traffic of the file.
    fn stats(&self) -> StateStats;

    /// The number of the file's format. Formats 1 and 2 are trees, and format 1 has no checksums of values: what a read
    /// of it gives is as good as the disk. Format 3 is sorted runs.
    fn format(&self) -> u64;

    /// Reads anew what the next opening begins with and what has stayed in memory since this one, so that damage is known
    /// while everything can still be read. Breaks off when `goes_on` says so.
    ///
    /// # Errors
    /// [`StateError::Damaged`], or what the storage says.
    fn check_start(&self, _goes_on: &dyn Fn() -> bool) -> Result<(), StateError> {
        Ok(())
    }

    /// Makes sure that the state belongs to the store of this identity, which its log carries. A state that
    /// knows none yet takes this one, durably.
    ///
    /// # Errors
    /// [`StateError::OtherStore`] if it is the state of another store's log; errors of reading and writing.
    fn claim(&self, store_id: [u8; 16]) -> Result<(), StateError>;

    /// Makes sure that the state does not belong to another store than this, and writes nothing: a file that may be
    /// damaged can be looked at.
    ///
    /// # Errors
    /// [`StateError::OtherStore`] if it does; errors of reading.
    fn check_owner(&self, store_id: [u8; 16]) -> Result<(), StateError>;
}

/// What a scan calls with each key and value, until it breaks.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// What a scan calls with each key and its value, or what is wrong with the value, until it breaks. Of a block that can't
/// be read it is the beginning of its first key.
pub type VisitChecked<'a> = dyn FnMut(&[u8], Result<&[u8], StateError>) -> ControlFlow<()> + 'a;

/// An unchanging view of the whole content at one position.
pub trait Snapshot: Send + Sync {
    /// The position whose content this is.
    fn position(&self) -> u64;

    /// The value of `key`.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if the value is not the one that was written; when the store cannot be
    /// read.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StateError>;

    /// As [`Snapshot::get`], for those who can wait without a thread: a value that the disk has to be waited for may be
    /// begun to be read instead.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    fn seek(&self, key: &[u8]) -> Result<Sought, StateError> {
        self.get(key).map(Sought::Value)
    }

    /// Visits the keys between `from` and `to` in byte order, or backwards, until `visit` breaks.
    /// Bounds that exclude each other visit nothing.
    ///
    /// # Errors
    /// As [`Snapshot::get`], at the first value that is damaged.
    fn scan(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        let mut failure = None;
        self.scan_checked(from, to, direction, &mut |key, value| match value {
            Ok(value) => visit(key, value),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        })?;
        failure.map_or(Ok(()), Err)
    }

    /// As [`Snapshot::scan`], but it ends when about so many deleted keys were passed, and gives the last of them: nothing is
    /// there up to it that was not visited.
    ///
    /// # Errors
    /// As [`Snapshot::scan`].
    fn scan_within(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
        _deleted_max: usize,
        visit: &mut Visit<'_>,
    ) -> Result<Option<Vec<u8>>, StateError> {
        // For stores that keep nothing of what was deleted.
        self.scan(from, to, direction, visit).map(|()| None)
    }

    /// As [`Snapshot::scan`], for checking: a damaged value does not end it, nor a block that the storage does not give
    /// back.
    ///
    /// # Errors
    /// When nothing behind a place can be read, because a page of a tree is damaged, too.
    fn scan_checked(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
        visit: &mut VisitChecked<'_>,
    ) -> Result<(), StateError>;
}

/// What [`Snapshot::seek`] came to.
#[derive(Debug)]
pub enum Sought {
    /// The value, if there is one.
    Value(Option<Bytes>),
    /// It was not in memory: whoever waited for this asks again, which may take several turns.
    Waits(ColdRead),
}

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// From the smallest key on.
    #[default]
    Forward,
    /// From the largest key on.
    Backward,
}

/// Whether no key can lie between the bounds. (`BTreeMap::range` panics on such bounds.)
pub(crate) fn excludes_everything(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (
            Bound::Included(low) | Bound::Excluded(low),
            Bound::Included(high) | Bound::Excluded(high),
        ) => low >= high,
    }
}
