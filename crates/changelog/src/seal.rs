//! Sealing: a segment that is written to no more gets its footer, and is cut to its true length.

use headwater_cipher::SegmentCipher;

use crate::block::BlockFault;
use crate::error::{LogError, SYNC};
use crate::files::LogFile;
use crate::footer;
use crate::index::SegmentIndex;
use crate::segment::{SealedSegment, SegmentSummary};

/// Writes the footer behind the last block. The blocks are on disk already; a crash in here costs a scan.
pub(crate) fn write_footer(
    id: u64,
    name: &str,
    file: &dyn LogFile,
    index: &SegmentIndex,
    cipher: Option<&SegmentCipher>,
    sync: bool,
) -> Result<SealedSegment, LogError> {
    let footer = footer::encode(index, cipher)
        .ok_or_else(|| LogError::damaged(name, index.end, BlockFault::Encryption))?;
    let size_bytes = index.end + footer.len() as u64;
    file.set_size_bytes(index.end)
        .map_err(|error| LogError::io("cut", name, error))?;
    file.write_at(&footer, index.end)
        .map_err(|error| LogError::io("write", name, error))?;
    if sync {
        file.sync_data()
            .map_err(|error| LogError::io(SYNC, name, error))?;
    }
    Ok(sealed(id, index, size_bytes))
}

/// The sealed form of a segment whose footer is written.
pub(crate) fn sealed(id: u64, index: &SegmentIndex, size_bytes: u64) -> SealedSegment {
    SealedSegment {
        summary: SegmentSummary::new(id, index, size_bytes, true),
        end: index.end,
    }
}
