//! Blocks: the unit that is compressed, checked and read. One block holds one or more whole entries.
//!
//! ```text
//! offset 0   magic       u16  0x4248 ("HB")
//!        2   version     u8   1
//!        3   flags       u8   bit 0 lz4, bit 1 encrypted
//!        4   raw_len     u32  length of the entries
//!        8   stored_len  u32  length of the body that follows the header
//!        12  crc         u32  see below
//!        16  first       u64  sequence of the first entry's first change
//!        24  entries     u32
//!        28  synced_to   u32  how far the file was known to be on disk when this block was written
//!        32  body, then zeros up to the next multiple of 8
//! ```
//!
//! The crc covers segment id, block offset, the header without the crc, and the body, and begins with what follows from
//! the store's id: a block is valid in its own place only, so that a copy of a block inside of somebody's item is never
//! taken for one, nor what a client makes up who knows the place.
//!
//! An encrypted body is what is stored otherwise, sealed with AES-256-GCM under the key of its segment, with its
//! offset as the nonce and the header (crc left out) as associated data; the tag stands at the end of the body. The
//! crc covers what is stored, so that damage is told from a torn tail without the key.
//!
//! `synced_to` is what tells a torn tail from damage: if a block at `p` is bad and a valid one behind it says
//! `synced_to > p`, then `p` had been on disk before: damage. Otherwise `p` belongs to a sync group that never
//! finished and nobody was told that it had.

use std::borrow::Cow;

use bytes::Bytes;
use headwater_cipher::{Part, SegmentCipher, TAG_BYTES};
use headwater_model::Sequence;

use crate::entry::{
    CorruptEntry, ENTRY_BYTES_MAX, ENTRY_OVERHEAD_BYTES_MAX, EntryDraft, EntryWalk, RecordAt,
};

/// Length of a block's header.
pub(crate) const HEADER_BYTES: usize = 32;
/// Every block starts at a multiple of this.
pub(crate) const ALIGNMENT: u64 = 8;

const MAGIC: u16 = 0x4248;
const VERSION: u8 = 1;
const FLAG_LZ4: u8 = 1;
const FLAG_ENCRYPTED: u8 = 2;
/// Where the crc stands in a header.
const CRC_RANGE: std::ops::Range<usize> = 12..16;
const RAW_BYTES_MAX: usize = ENTRY_BYTES_MAX + ENTRY_OVERHEAD_BYTES_MAX;
/// Rough cost of a decoded block beyond its bytes, for the caches' bounds.
const DECODED_OVERHEAD_BYTES: usize = 160;

/// Where a block stands: part of what its checksum covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    /// What the checksums of the segment's blocks begin with; 0 in those of formats up to 5.
    pub(crate) seed: u32,
}

/// Why bytes are not a valid block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BlockFault {
    #[error("no block starts here")]
    NoBlock,
    #[error("the block is cut off")]
    Cut,
    #[error("the block's checksum does not match")]
    Checksum,
    #[error(
        "it has a block of version {version} with flags {flags:#04x}, this version knows {VERSION}"
    )]
    Unsupported { version: u8, flags: u8 },
    #[error("the block's body does not decompress")]
    Compression,
    #[error("the block does not decrypt with the store's key")]
    Decryption,
    #[error("the block is not encrypted as its segment is")]
    OtherEncryption,
    #[error("the block could not be encrypted")]
    Encryption,
    #[error("{0}")]
    Entry(#[from] CorruptEntry),
}

/// A block's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    version: u8,
    flags: u8,
    pub(crate) raw_len: u32,
    pub(crate) stored_len: u32,
    crc: u32,
    pub(crate) first: Sequence,
    pub(crate) entries: u32,
    pub(crate) synced_to: u32,
}

impl Header {
    /// Reads a header; says nothing yet about its checksum.
    pub(crate) fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, BlockFault> {
        let u32_at = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let header = Self {
            version: bytes[2],
            flags: bytes[3],
            raw_len: u32_at(4),
            stored_len: u32_at(8),
            crc: u32_at(12),
            first: Sequence(u64::from(u32_at(16)) | u64::from(u32_at(20)) << 32),
            entries: u32_at(24),
            synced_to: u32_at(28),
        };
        let plausible = u16::from_le_bytes([bytes[0], bytes[1]]) == MAGIC
            && header.raw_len as usize <= RAW_BYTES_MAX
            && header.stored_len as usize <= header.raw_len as usize + header.tag_len()
            && header.entries != 0;
        if plausible {
            Ok(header)
        } else {
            Err(BlockFault::NoBlock)
        }
    }

    fn put(&self, out: &mut [u8]) {
        out[0..2].copy_from_slice(&MAGIC.to_le_bytes());
        out[2] = self.version;
        out[3] = self.flags;
        out[4..8].copy_from_slice(&self.raw_len.to_le_bytes());
        out[8..12].copy_from_slice(&self.stored_len.to_le_bytes());
        out[12..16].copy_from_slice(&self.crc.to_le_bytes());
        out[16..24].copy_from_slice(&self.first.0.to_le_bytes());
        out[24..28].copy_from_slice(&self.entries.to_le_bytes());
        out[28..32].copy_from_slice(&self.synced_to.to_le_bytes());
    }

    /// Whether the checksum is right for a body with this one.
    pub(crate) fn has_body(&self, place: Place, body_crc: u32) -> bool {
        let mut bytes = [0; HEADER_BYTES];
        self.put(&mut bytes);
        let mut crc = checksum_of_head(place, &bytes);
        let body_len = u64::from(self.stored_len);
        crc.combine(&crc32fast::Hasher::new_with_initial_len(body_crc, body_len));
        crc.finalize() == self.crc
    }

    fn is_encrypted(&self) -> bool {
        self.flags & FLAG_ENCRYPTED != 0
    }

    /// Bytes of the body that are no content.
    fn tag_len(&self) -> usize {
        if self.is_encrypted() { TAG_BYTES } else { 0 }
    }

    /// Length of header and body.
    pub(crate) fn unpadded_len(&self) -> usize {
        HEADER_BYTES + self.stored_len as usize
    }

    /// Offset of the next block when this one stands at `offset`.
    pub(crate) fn end(&self, offset: u64) -> u64 {
        padded(offset + self.unpadded_len() as u64)
    }
}

/// Whether bytes begin as a block does.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC.to_le_bytes())
}

/// The next place where a block may start.
pub(crate) fn padded(offset: u64) -> u64 {
    offset.next_multiple_of(ALIGNMENT)
}

fn checksum(place: Place, header: &[u8], body: &[u8]) -> u32 {
    let mut crc = checksum_of_head(place, header);
    crc.update(body);
    crc.finalize()
}

fn checksum_of_head(place: Place, header: &[u8]) -> crc32fast::Hasher {
    let mut crc = crc32fast::Hasher::new_with_initial(place.seed);
    crc.update(&place.segment.to_le_bytes());
    crc.update(&place.offset.to_le_bytes());
    crc.update(&header[..CRC_RANGE.start]);
    crc.update(&header[CRC_RANGE.end..HEADER_BYTES]);
    crc
}

/// The header with the crc left out, which covers the sealed body and so comes after it.
fn associated(header: &[u8]) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes.copy_from_slice(&header[..HEADER_BYTES]);
    bytes[CRC_RANGE].fill(0);
    bytes
}

/// Gathers entries for one block.
#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    raw: Vec<u8>,
    first: Sequence,
    last: Sequence,
    entries: u32,
    changes: u32,
    records: Vec<RecordAt>,
}

impl BlockBuilder {
    pub(crate) fn with_capacity(raw_bytes: usize) -> Self {
        Self {
            raw: Vec::with_capacity(raw_bytes),
            ..Self::default()
        }
    }

    pub(crate) fn push(&mut self, first: Sequence, draft: &EntryDraft) {
        debug_assert!(self.entries == 0 || first > self.last);
        if self.entries == 0 {
            self.first = first;
        }
        draft.put(self.first, first, &mut self.raw, &mut self.records);
        self.last = first.offset(draft.changes_len() as u64 - 1);
        self.entries += 1;
        self.changes += draft.changes_len() as u32;
    }

    /// Appends the block to `out`, whose next byte goes to `place`, and gives its decoded form.
    pub(crate) fn finish(
        mut self,
        place: Place,
        synced_to: u32,
        cipher: Option<&SegmentCipher>,
        out: &mut Vec<u8>,
    ) -> Result<DecodedBlock, BlockFault> {
        debug_assert!(self.entries > 0 && place.offset.is_multiple_of(ALIGNMENT));
        let content = Content {
            raw: &self.raw,
            first: self.first,
            entries: self.entries,
        };
        let end = content.put(place, synced_to, cipher, out)?;
        self.records
            .sort_unstable_by_key(|record| (record.shard, record.sequence));
        Ok(DecodedBlock {
            first: self.first,
            last: self.last,
            entries: self.entries,
            changes: self.changes,
            end,
            raw: Bytes::from(self.raw),
            records: self.records,
        })
    }
}

/// What a block says, wherever it stands.
pub(crate) struct Content<'a> {
    /// The entries, one behind the other.
    pub(crate) raw: &'a [u8],
    /// Sequence of the first entry's first change.
    pub(crate) first: Sequence,
    pub(crate) entries: u32,
}

impl Content<'_> {
    /// Appends the block to `out`: header, compressed and perhaps sealed body, padding. Gives the offset at which the
    /// next block starts.
    pub(crate) fn put(
        &self,
        place: Place,
        synced_to: u32,
        cipher: Option<&SegmentCipher>,
        out: &mut Vec<u8>,
    ) -> Result<u64, BlockFault> {
        let start = out.len();
        out.resize(start + HEADER_BYTES, 0);
        let mut header = Header {
            version: VERSION,
            flags: compress_or_copy(self.raw, out),
            raw_len: self.raw.len() as u32,
            stored_len: 0,
            crc: 0,
            first: self.first,
            entries: self.entries,
            synced_to,
        };
        if cipher.is_some() {
            header.flags |= FLAG_ENCRYPTED;
        }
        header.stored_len = (out.len() - start - HEADER_BYTES + header.tag_len()) as u32;
        let (head, body) = out[start..].split_at_mut(HEADER_BYTES);
        header.put(head);
        if let Some(cipher) = cipher {
            let tag = cipher
                .seal(Part::Block, place.offset, head, body)
                .map_err(|_| BlockFault::Encryption)?;
            out.extend_from_slice(&tag);
        }
        let (head, body) = out[start..].split_at_mut(HEADER_BYTES);
        header.crc = checksum(place, head, body);
        header.put(head);
        let end = header.end(place.offset);
        out.resize(start + (end - place.offset) as usize, 0);
        Ok(end)
    }
}

/// Appends the body to `out`: compressed, or as it is when that is no longer.
fn compress_or_copy(raw: &[u8], out: &mut Vec<u8>) -> u8 {
    let start = out.len();
    out.resize(
        start + lz4_flex::block::get_maximum_output_size(raw.len()),
        0,
    );
    match lz4_flex::block::compress_into(raw, &mut out[start..]) {
        Ok(compressed) if compressed < raw.len() => {
            out.truncate(start + compressed);
            FLAG_LZ4
        }
        _ => {
            out.truncate(start);
            out.extend_from_slice(raw);
            0
        }
    }
}

/// A block in memory: entries as they were encoded, and where the records of each shard lie.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DecodedBlock {
    pub(crate) first: Sequence,
    pub(crate) last: Sequence,
    pub(crate) entries: u32,
    pub(crate) changes: u32,
    /// Offset in the file at which the next block starts.
    pub(crate) end: u64,
    pub(crate) raw: Bytes,
    /// Sorted by shard, then sequence; shard 0 is left out.
    records: Vec<RecordAt>,
}

impl DecodedBlock {
    /// Checks and decodes header and body, which `bytes` must hold whole.
    pub(crate) fn decode(
        place: Place,
        header: &Header,
        cipher: Option<&SegmentCipher>,
        bytes: &[u8],
    ) -> Result<Self, BlockFault> {
        let bytes = bytes.get(..header.unpadded_len()).ok_or(BlockFault::Cut)?;
        check(place, header, bytes)?;
        if header.version != VERSION || header.flags & !(FLAG_LZ4 | FLAG_ENCRYPTED) != 0 {
            return Err(BlockFault::Unsupported {
                version: header.version,
                flags: header.flags,
            });
        }
        let body = open_body(place, header, cipher, bytes)?;
        let raw = if header.flags & FLAG_LZ4 == 0 {
            body.into_owned()
        } else {
            lz4_flex::block::decompress(&body, header.raw_len as usize)
                .map_err(|_| BlockFault::Compression)?
        };
        if raw.len() != header.raw_len as usize {
            return Err(BlockFault::Compression);
        }
        Self::index(header, header.end(place.offset), Bytes::from(raw))
    }

    fn index(header: &Header, end: u64, raw: Bytes) -> Result<Self, BlockFault> {
        let (mut last, mut entries, mut changes) = (header.first, 0u32, 0u32);
        let mut records = Vec::new();
        for entry in EntryWalk::new(&raw, header.first) {
            let entry = entry?;
            entry.records(&raw, &mut records)?;
            last = entry.last();
            entries += 1;
            changes += entry.changes;
        }
        if entries != header.entries {
            return Err(CorruptEntry(
                "the block holds another number of entries than its header says",
            )
            .into());
        }
        records.sort_unstable_by_key(|record| (record.shard, record.sequence));
        Ok(Self {
            first: header.first,
            last,
            entries,
            changes,
            end,
            raw,
            records,
        })
    }

    /// The same block where the next one starts at `end`.
    pub(crate) fn ending_at(self, end: u64) -> Self {
        Self { end, ..self }
    }

    /// The records of a shard from a sequence on.
    pub(crate) fn shard_records(&self, shard: u32, from: Sequence) -> &[RecordAt] {
        let start = self
            .records
            .partition_point(|record| (record.shard, record.sequence) < (shard, from));
        let count = self.records[start..].partition_point(|record| record.shard == shard);
        &self.records[start..start + count]
    }

    /// First and last record of each shard, by shard.
    pub(crate) fn shards(&self) -> impl Iterator<Item = (u32, Sequence, Sequence)> {
        self.records
            .chunk_by(|a, b| a.shard == b.shard)
            .map(|run| (run[0].shard, run[0].sequence, run[run.len() - 1].sequence))
    }

    /// Memory it takes.
    pub(crate) fn weight_bytes(&self) -> usize {
        DECODED_OVERHEAD_BYTES + self.raw.len() + self.records.len() * size_of::<RecordAt>()
    }
}

/// The body of a checked block as it was before it was sealed.
fn open_body<'a>(
    place: Place,
    header: &Header,
    cipher: Option<&SegmentCipher>,
    bytes: &'a [u8],
) -> Result<Cow<'a, [u8]>, BlockFault> {
    let (head, body) = bytes.split_at(HEADER_BYTES);
    match (header.is_encrypted(), cipher) {
        (false, None) => Ok(Cow::Borrowed(body)),
        (true, Some(cipher)) => {
            let (sealed, tag) = body
                .split_last_chunk::<TAG_BYTES>()
                .ok_or(BlockFault::Decryption)?;
            let mut opened = sealed.to_vec();
            cipher
                .open(
                    Part::Block,
                    place.offset,
                    &associated(head),
                    &mut opened,
                    *tag,
                )
                .map_err(|_| BlockFault::Decryption)?;
            Ok(Cow::Owned(opened))
        }
        _ => Err(BlockFault::OtherEncryption),
    }
}

/// Checks the checksum of a whole block.
pub(crate) fn check(place: Place, header: &Header, bytes: &[u8]) -> Result<(), BlockFault> {
    let bytes = bytes.get(..header.unpadded_len()).ok_or(BlockFault::Cut)?;
    let (head, body) = bytes.split_at(HEADER_BYTES);
    if checksum(place, head, body) == header.crc {
        Ok(())
    } else {
        Err(BlockFault::Checksum)
    }
}

/// Gives a whole block a right checksum, for fuzz targets.
pub(crate) fn mend(place: Place, bytes: &mut [u8]) {
    let (head, body) = bytes.split_at_mut(HEADER_BYTES);
    let crc = checksum(place, head, body);
    head[12..16].copy_from_slice(&crc.to_le_bytes());
}

#[cfg(test)]
mod tests;
