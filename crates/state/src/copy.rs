//! Copying a state file byte by byte into another one, from one encryption to another.

use crate::{EncryptedBackend, FileBackend, StateError};
use headwater_cipher::SectorCipher;
use redb::StorageBackend;
use std::path::Path;
use std::sync::Arc;

/// Bytes that are copied at once.
const PIECE_BYTES: usize = 1 << 20;

/// Copies the state file `from`, which nobody has open, to the new file `to`; `None` is a plain file. When it returns,
/// the copy is on disk. The tree is not looked at: one that was not closed cleanly is repaired when the copy is opened,
/// as the original would be. `progress` is told of the bytes that were copied.
///
/// # Errors
/// [`StateError::Locked`], [`StateError::Io`].
pub fn copy_file(
    from: &Path,
    from_cipher: Option<Arc<SectorCipher>>,
    to: &Path,
    to_cipher: Option<Arc<SectorCipher>>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), StateError> {
    let (from, to) = (backend(from, from_cipher)?, backend(to, to_cipher)?);
    copy(&*from, &*to, progress).map_err(|source| StateError::Io {
        doing: "copying its file",
        source,
    })
}

fn backend(
    path: &Path,
    cipher: Option<Arc<SectorCipher>>,
) -> Result<Box<dyn StorageBackend>, StateError> {
    let file = FileBackend::open(path)?;
    Ok(match cipher {
        Some(cipher) => Box::new(EncryptedBackend::new(file, cipher)),
        None => Box::new(file),
    })
}

fn copy(
    from: &dyn StorageBackend,
    to: &dyn StorageBackend,
    progress: &mut dyn FnMut(u64),
) -> std::io::Result<()> {
    let length = from.len()?;
    to.set_len(length)?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut offset = 0;
    while offset < length {
        let count =
            usize::try_from(length - offset).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        let piece = &mut piece[..count];
        from.read(offset, piece)?;
        // What was never written stays so.
        if piece.iter().any(|byte| *byte != 0) {
            to.write(offset, piece)?;
        }
        offset += count as u64;
        progress(count as u64);
    }
    to.sync_data()
}
