//! Opening a state of whatever kind is there: new ones are sorted runs, those of earlier versions a tree.

use crate::file::FileBackend;
use crate::runs::EMPTY_BYTES;
use crate::{RedbStore, RunStore, Space, StateError, StateOptions, StateStore, redb_store, runs};
use headwater_cipher::UNIT_BYTES;
use redb::StorageBackend;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Opens or creates the store in `backend`, whose disk may tell what room it has. It is encrypted if the options have a
/// cipher.
///
/// # Errors
/// [`StateError::Damaged`] if the backend holds something else, [`StateError::NotEncrypted`] if it holds a plain
/// store and the options have a cipher, [`StateError::UnknownFormat`] for a newer layout, [`StateError::Io`] if
/// reading or writing fails.
pub fn open(
    backend: impl StorageBackend,
    space: Option<Arc<dyn Space>>,
    options: StateOptions,
) -> Result<Arc<dyn StateStore>, StateError> {
    Ok(match is_tree(&backend, &options)? {
        true => Arc::new(RedbStore::open_with_space(backend, space, options)?),
        false => Arc::new(RunStore::open_with_space(backend, space, options)?),
    })
}

/// Opens or creates the store in the file at `path`, which no other process may have open.
///
/// # Errors
/// Those of [`open`], and [`StateError::Locked`].
pub fn open_file(path: &Path, options: StateOptions) -> Result<Arc<dyn StateStore>, StateError> {
    let backend = FileBackend::open(path)?.with_cold_reads(options.cold_reads.clone());
    let space = backend.space()?;
    open(backend, Some(space), options)
}

/// Opens the store in `backend` without changing it: whatever is written stays in memory.
///
/// # Errors
/// Those of [`open`].
pub fn open_read_only(
    backend: impl StorageBackend,
    options: StateOptions,
) -> Result<Arc<dyn StateStore>, StateError> {
    Ok(match is_tree(&backend, &options)? {
        true => Arc::new(RedbStore::open_read_only(backend, options)?),
        false => Arc::new(RunStore::open_read_only(backend, options)?),
    })
}

/// A store without a file, gone when it is dropped.
///
/// # Errors
/// None that are expected; creation goes the way of a file's.
pub fn in_memory(options: StateOptions) -> Result<Arc<dyn StateStore>, StateError> {
    Ok(Arc::new(RunStore::in_memory(options)?))
}

/// Whether there is a tree. What is neither is taken for one if it is more than an unfinished beginning of runs. One that
/// is zeros could be an unfinished tree, which holds nothing: what has something behind them lost its heads.
fn is_tree(backend: &impl StorageBackend, options: &StateOptions) -> Result<bool, StateError> {
    let io = |source| StateError::Io {
        doing: "opening",
        source,
    };
    let length = backend.len().map_err(io)?;
    let mut unread = None;
    let mut start_at = |place: u64| {
        let mut start = [0; UNIT_BYTES];
        if place + start.len() as u64 <= length
            && let Err(error) = backend.read(place, &mut start)
        {
            // Another head may tell what there is.
            (start, unread) = ([0; UNIT_BYTES], Some(error));
        }
        let mut plain = start;
        if let Some(cipher) = &options.cipher {
            cipher.decrypt(place, &mut plain);
        }
        [start, plain]
    };
    let start = start_at(0);
    if start.iter().any(|start| redb_store::is_magic(start)) {
        return Ok(true);
    }
    let mut starts = runs::head_places().flat_map(start_at);
    if starts.any(|start| runs::is_magic(&start)) {
        return Ok(false);
    }
    drop(starts);
    match unread {
        Some(error) => Err(io(error)),
        None if length <= EMPTY_BYTES => Ok(false),
        None if start[0] != [0; UNIT_BYTES] || !redb_store::may_be_unfinished(length) => Ok(true),
        None => Ok(!holds_something(backend, EMPTY_BYTES, length).map_err(io)?),
    }
}

/// Whether a short file has anything but zeros in a range.
fn holds_something(backend: &impl StorageBackend, from: u64, to: u64) -> io::Result<bool> {
    let mut piece = vec![0; usize::try_from(to - from).map_err(io::Error::other)?];
    backend.read(from, &mut piece)?;
    Ok(piece.iter().any(|byte| *byte != 0))
}
