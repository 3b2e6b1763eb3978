//! Reading a batch's keys ahead of its write transaction.
//!
//! A write transaction reads the leaf of each key one after the other; with leaves evicted from
//! memory that is one disk wait per key. Several readers wait at the same time.

use super::snapshot::RedbSnapshot;
use super::unwind::or_damaged;
use crate::StateError;

/// Looks up every key, in `threads` runs of neighbours. The first error is returned.
pub(super) fn read_ahead(
    snapshot: &RedbSnapshot,
    keys: &[&[u8]],
    threads: usize,
) -> Result<(), StateError> {
    if threads == 0 || keys.is_empty() {
        return Ok(());
    }
    let run = keys.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let readers: Vec<_> = keys
            .chunks(run)
            .map(|run| scope.spawn(move || touch(snapshot, run)))
            .collect();
        readers.into_iter().try_for_each(|reader| {
            reader
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}

fn touch(snapshot: &RedbSnapshot, keys: &[&[u8]]) -> Result<(), StateError> {
    or_damaged("reading ahead", || {
        for key in keys {
            snapshot
                .table
                .get(*key)
                .map_err(|e| StateError::from_redb("reading ahead", e))?;
        }
        Ok(())
    })
}
