//! Walking the blocks of a segment file.

use std::sync::Arc;

use headwater_cipher::SegmentCipher;

use crate::block::{self, ALIGNMENT, BlockFault, DecodedBlock, HEADER_BYTES, Header, Place};
use crate::error::LogError;
use crate::files::LogFile;

/// Read ahead of a sequential reader.
pub(crate) const READ_AHEAD_BYTES: usize = 1 << 20;

/// Zeros are skipped by as much at once.
const ZERO_PAGE_BYTES: usize = 1024;
const ZERO_WORD: [u8; ALIGNMENT as usize] = [0; ALIGNMENT as usize];

/// A part of a file in memory, moved along by its reader.
pub(crate) struct Window {
    name: String,
    file: Arc<dyn LogFile>,
    cipher: Option<Arc<SegmentCipher>>,
    /// What the checksums of the file's blocks begin with.
    seed: u32,
    buffer: Vec<u8>,
    start: u64,
    /// Nothing is read from here on.
    limit: u64,
}

impl Window {
    pub(crate) fn new(
        name: &str,
        file: Arc<dyn LogFile>,
        cipher: Option<Arc<SegmentCipher>>,
        seed: u32,
        limit: u64,
    ) -> Self {
        Self {
            name: name.to_owned(),
            file,
            cipher,
            seed,
            buffer: Vec::new(),
            start: 0,
            limit,
        }
    }

    /// Where the reader's part of the file ends.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// The place of a block of the file, which is that of `segment`.
    pub(crate) fn place(&self, segment: u64, offset: u64) -> Place {
        Place {
            segment,
            offset,
            seed: self.seed,
        }
    }

    /// `length` bytes at `offset`, fewer only where the file or the limit ends.
    pub(crate) fn bytes(&mut self, offset: u64, length: usize) -> Result<&[u8], LogError> {
        let length =
            length.min(usize::try_from(self.limit.saturating_sub(offset)).unwrap_or(usize::MAX));
        let held = self.start + self.buffer.len() as u64;
        if offset < self.start || offset + length as u64 > held {
            self.refill(offset, length)?;
        }
        let from = (offset - self.start) as usize;
        let to = (from + length).min(self.buffer.len());
        Ok(self.buffer.get(from..to).unwrap_or_default())
    }

    /// What is in memory from `offset` on; at least a header if the file holds one.
    fn held(&mut self, offset: u64) -> Result<&[u8], LogError> {
        let end = self.start + self.buffer.len() as u64;
        let inside = offset >= self.start && offset + HEADER_BYTES as u64 <= end;
        if !inside {
            self.refill(offset, HEADER_BYTES)?;
        }
        Ok(self
            .buffer
            .get((offset - self.start) as usize..)
            .unwrap_or_default())
    }

    fn refill(&mut self, offset: u64, length: usize) -> Result<(), LogError> {
        let left = usize::try_from(self.limit.saturating_sub(offset)).unwrap_or(usize::MAX);
        self.buffer
            .resize(length.max(READ_AHEAD_BYTES).min(left), 0);
        self.start = offset;
        let read = self.file.read_full_at(&mut self.buffer, offset);
        let read = read.map_err(|error| LogError::io("read", &self.name, error))?;
        self.buffer.truncate(read);
        Ok(())
    }

    /// The header of the block at `offset`, unchecked.
    pub(crate) fn header(&mut self, offset: u64) -> Result<Result<Header, BlockFault>, LogError> {
        let bytes = self.bytes(offset, HEADER_BYTES)?;
        Ok(bytes
            .first_chunk::<HEADER_BYTES>()
            .ok_or(BlockFault::Cut)
            .and_then(Header::parse))
    }

    /// Whether a block with a valid checksum stands at `offset`; it is not decoded.
    pub(crate) fn is_whole(&mut self, segment: u64, offset: u64) -> Result<bool, LogError> {
        let Ok(header) = self.header(offset)? else {
            return Ok(false);
        };
        let place = self.place(segment, offset);
        let bytes = self.bytes(offset, header.unpadded_len())?;
        Ok(block::check(place, &header, bytes).is_ok())
    }

    /// The block at `offset`, checked and decoded.
    pub(crate) fn block(
        &mut self,
        segment: u64,
        offset: u64,
    ) -> Result<Result<(Header, DecodedBlock), BlockFault>, LogError> {
        let header = match self.header(offset)? {
            Ok(header) => header,
            Err(fault) => return Ok(Err(fault)),
        };
        let cipher = self.cipher.clone();
        let place = self.place(segment, offset);
        let bytes = self.bytes(offset, header.unpadded_len())?;
        let block = DecodedBlock::decode(place, &header, cipher.as_deref(), bytes);
        Ok(block.map(|block| (header, block)))
    }
}

/// Where a walk over blocks stopped, and what stood there.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) offset: u64,
    pub(crate) fault: BlockFault,
}

/// Visits the blocks from `offset` on, until there is no valid one.
pub(crate) fn walk(
    window: &mut Window,
    segment: u64,
    mut offset: u64,
    mut visit: impl FnMut(u64, Header, DecodedBlock) -> Result<(), LogError>,
) -> Result<Stop, LogError> {
    loop {
        match window.block(segment, offset)? {
            Ok((header, block)) => {
                let end = block.end;
                visit(offset, header, block)?;
                offset = end;
            }
            Err(fault @ BlockFault::Unsupported { .. }) => {
                return Err(LogError::Unsupported {
                    file: window.name.clone(),
                    detail: fault.to_string(),
                });
            }
            Err(fault) => return Ok(Stop { offset, fault }),
        }
    }
}

/// Where the blocks from `offset` on end, by their headers alone: those that are whole in what a crash leaves are right.
pub(crate) fn end_of_headers(window: &mut Window, mut offset: u64) -> Result<u64, LogError> {
    while let Ok(header) = window.header(offset)?
        && header.end(offset) <= window.limit
    {
        offset = header.end(offset);
    }
    Ok(offset)
}

/// Whether a crash may have left this of a block that should begin at `offset`: nothing, its beginning, or zeros.
pub(crate) fn may_be_torn(window: &mut Window, offset: u64) -> Result<bool, LogError> {
    let bytes = window.bytes(offset, ALIGNMENT as usize)?;
    Ok(bytes.len() < ALIGNMENT as usize || is_zero(bytes) || block::begins(bytes))
}

/// The place of a word that is not zero, at `offset` or later; else where less than a header is left.
pub(crate) fn skip_zeros(window: &mut Window, mut offset: u64) -> Result<u64, LogError> {
    loop {
        let held = window.held(offset)?;
        // No page is looked at for each of its words.
        if held.first_chunk().is_some_and(|word| *word != ZERO_WORD) {
            return Ok(offset);
        }
        let pages = held.chunks_exact(ZERO_PAGE_BYTES);
        let mut zeros = pages.take_while(|page| is_zero(page)).count() * ZERO_PAGE_BYTES;
        let (words, _) = held[zeros..].as_chunks::<{ ALIGNMENT as usize }>();
        let behind = words.iter().position(|word| *word != ZERO_WORD);
        zeros += behind.unwrap_or(words.len()) * ALIGNMENT as usize;
        offset += zeros as u64;
        if behind.is_some() || zeros <= HEADER_BYTES {
            return Ok(offset);
        }
    }
}

/// Without an early end, so that it runs at the speed of memory.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |all, byte| all | byte) == 0
}

/// The last byte from `from` on that is not zero.
pub(crate) fn last_nonzero(window: &mut Window, from: u64) -> Result<Option<u64>, LogError> {
    let (mut at, mut found) = (from, None);
    while at < window.limit {
        let bytes = window.bytes(at, READ_AHEAD_BYTES)?;
        if bytes.is_empty() {
            break;
        }
        if !is_zero(bytes) {
            let last = bytes.iter().rposition(|byte| *byte != 0);
            found = last.map(|last| at + last as u64);
        }
        at += bytes.len() as u64;
    }
    Ok(found)
}
