//! The head that an opening begins with: found and made safe, or the first of a new file.

use super::head::{self, EMPTY_BYTES, Head};
use super::{damaged, io_error};
use crate::StateError;
use crate::space::is_no_room;
use redb::StorageBackend;
use std::io;

/// By how many numbers of runs a store goes on when it is opened: those that were given since the last head are not given
/// again, so that what is left of them on the disk is nobody's. The head that it goes on with is written before any run.
pub(super) const RUNS_SKIPPED: u64 = 1 << 20;

/// The newest head of a file, and whether it is safe; a new file gets its first one.
pub(super) fn open_head(backend: &impl StorageBackend) -> Result<(Head, bool), StateError> {
    let error = |source| io_error("opening", source);
    let length = backend.len().map_err(error)?;
    match Head::read(backend, length)? {
        Some(mut head) => {
            let mut is_safe = is_written_again(&head, backend)?;
            if is_safe {
                head.skip_runs(RUNS_SKIPPED);
                is_safe = is_written_again(&head, backend)?;
            }
            return Ok((head, is_safe));
        }
        None if length > EMPTY_BYTES || !head::is_unfinished(backend, length)? => {
            let detail = "the file does not begin as a state does";
            return Err(damaged("opening", detail.to_owned()));
        }
        None if length > 0 => {
            tracing::warn!("state store was never finished being created; creating it anew");
        }
        None => {}
    }
    let head = Head::first();
    let create = || {
        backend.set_len(0)?;
        backend.set_len(EMPTY_BYTES)?;
        head.write(backend)?;
        backend.sync_data()
    };
    create().map_err(|source| io_error("creating", source))?;
    Ok((head, true))
}

/// Writes a head that was found once more, before anything else is written; false if there is no room for that.
fn is_written_again(head: &Head, backend: &impl StorageBackend) -> Result<bool, StateError> {
    match write_again(head, backend) {
        Ok(()) => Ok(true),
        Err(error) if is_no_room(&error) => {
            tracing::warn!(%error, "no room to write the state's head again; it is tried again before anything is written");
            Ok(false)
        }
        Err(source) => Err(io_error("opening", source)),
    }
}

/// A sync may have failed in the process before: then the system shows a head that is not on the disk, takes it for
/// written, and would leave it out of the next sync as well. What only the head before reaches would be written to.
pub(super) fn write_again(head: &Head, backend: &dyn StorageBackend) -> io::Result<()> {
    // A crash while it was made may have left the file shorter.
    if backend.len()? < EMPTY_BYTES {
        backend.set_len(EMPTY_BYTES)?;
    }
    head.write(backend)?;
    backend.sync_data()
}
