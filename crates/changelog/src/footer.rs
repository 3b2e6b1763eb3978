//! The footer: a sealed segment's index at its end, so that opening reads no blocks.
//!
//! ```text
//! footer  = first u64, last u64, end u64, blocks u64, entries u64, changes u64, raw_bytes u64,
//!           varint shards, shard*
//! shard   = varint shard, varint(first - segment's first), varint(last - first), varint listed,
//!           (varint sequence step, varint offset step)*
//! trailer = magic "hwlogend", footer offset u64, footer length u32, footer crc u32, version u16, flags u16, crc u32
//! ```
//!
//! In an encrypted segment the footer is sealed like a block (flag 1), with the trailer's place as the nonce. It is
//! written more than once only with the same content: that of the blocks before it.
//!
//! The footer starts where the blocks end; the trailer is the file's last 32 bytes. A footer says nothing that
//! the blocks do not: one that is missing or broken is made again from a scan. The time range of a segment is
//! that of its sequences.
//!
//! None of its checksums has a secret. A plain segment without a footer may end in what a client wrote into an item, and
//! that may look like one; so a footer is believed only behind blocks that end there, or before a segment that has one
//! (`open.rs`). A later version keeps the trailer's length, and its magic, version and crc where they are, and begins its
//! footer with neither a block's magic nor eight zeros.

use std::borrow::Cow;
use std::collections::BTreeMap;

use headwater_cipher::{Part, SegmentCipher, TAG_BYTES};
use headwater_model::Sequence;

use crate::index::{Listed, SegmentIndex, ShardSpan};
use crate::varint;

pub(crate) const TRAILER_BYTES: usize = 32;

const MAGIC: &[u8; 8] = b"hwlogend";
const VERSION: u16 = 1;
const FLAG_ENCRYPTED: u32 = 1 << 16;
/// No footer is larger: an index entry takes 64 KiB of blocks per shard, but shards may be many.
const FOOTER_BYTES_MAX: u32 = 256 << 20;

/// What the trailer says about the footer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trailer {
    pub(crate) offset: u64,
    pub(crate) length: u32,
    crc: u32,
    encrypted: bool,
}

impl Trailer {
    /// Reads the last bytes of a file of `file_len`; `None` if they are not a trailer that fits.
    pub(crate) fn parse(bytes: &[u8; TRAILER_BYTES], file_len: u64) -> Option<Self> {
        let u32_at = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let trailer = Self {
            offset: u64::from(u32_at(8)) | u64::from(u32_at(12)) << 32,
            length: u32_at(16),
            crc: u32_at(20),
            encrypted: u32_at(24) & FLAG_ENCRYPTED != 0,
        };
        let fits = trailer.length <= FOOTER_BYTES_MAX
            && trailer
                .offset
                .checked_add(u64::from(trailer.length) + TRAILER_BYTES as u64)
                == Some(file_len);
        let known = version(bytes) == Some(u32::from(VERSION));
        (known && fits).then_some(trailer)
    }

    /// What to say of a trailer that is whole and of a version that is not known here.
    pub(crate) fn unsupported(bytes: &[u8; TRAILER_BYTES]) -> Option<String> {
        let found = version(bytes).filter(|found| *found != u32::from(VERSION))?;
        Some(format!(
            "its footer is of version {found}, this version knows {VERSION}"
        ))
    }
}

/// Whether these are the bytes of a trailer, of whatever version.
pub(crate) fn is_trailer(bytes: &[u8; TRAILER_BYTES]) -> bool {
    version(bytes).is_some()
}

/// The version in a trailer; `None` if the bytes are none.
fn version(bytes: &[u8; TRAILER_BYTES]) -> Option<u32> {
    let u32_at =
        |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let whole = &bytes[..8] == MAGIC && u32_at(28) == crc32fast::hash(&bytes[..28]);
    whole.then(|| u32_at(24) & !FLAG_ENCRYPTED)
}

/// Footer and trailer of a segment; `None` if the footer could not be sealed.
pub(crate) fn encode(index: &SegmentIndex, cipher: Option<&SegmentCipher>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let totals = [
        index.first.0,
        index.last.0,
        index.end,
        index.blocks,
        index.entries,
        index.changes,
        index.raw_bytes,
    ];
    for total in totals {
        out.extend_from_slice(&total.to_le_bytes());
    }
    varint::put(&mut out, index.shards.len() as u64);
    for (shard, span) in &index.shards {
        put_span(&mut out, index.first, *shard, span);
    }
    let mut flags = 0;
    if let Some(cipher) = cipher {
        let tag = cipher.seal(Part::Footer, index.end, MAGIC, &mut out).ok()?;
        out.extend_from_slice(&tag);
        flags = FLAG_ENCRYPTED;
    }
    let (length, crc) = (out.len() as u32, crc32fast::hash(&out));
    let trailer = out.len();
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&index.end.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&(u32::from(VERSION) | flags).to_le_bytes());
    let crc = crc32fast::hash(&out[trailer..]);
    out.extend_from_slice(&crc.to_le_bytes());
    Some(out)
}

fn put_span(out: &mut Vec<u8>, base: Sequence, shard: u32, span: &ShardSpan) {
    varint::put(out, u64::from(shard));
    varint::put(out, span.first.0 - base.0);
    varint::put(out, span.last.0 - span.first.0);
    varint::put(out, span.listed.len() as u64);
    let (mut sequence, mut offset) = (span.first.0, 0);
    for listed in &span.listed {
        varint::put(out, listed.sequence.0 - sequence);
        varint::put(out, u64::from(listed.offset - offset));
        (sequence, offset) = (listed.sequence.0, listed.offset);
    }
}

/// Decodes a footer; `None` if it is not what was written.
pub(crate) fn decode(
    trailer: Trailer,
    cipher: Option<&SegmentCipher>,
    footer: &[u8],
) -> Option<SegmentIndex> {
    if footer.len() != trailer.length as usize || crc32fast::hash(footer) != trailer.crc {
        return None;
    }
    let footer = &*open(trailer, cipher, footer)?;
    let mut at = 0;
    let first = take_u64(footer, &mut at)?;
    let mut index = SegmentIndex::new(Sequence(first), 0);
    index.last = Sequence(take_u64(footer, &mut at)?);
    index.end = take_u64(footer, &mut at)?;
    index.blocks = take_u64(footer, &mut at)?;
    index.entries = take_u64(footer, &mut at)?;
    index.changes = take_u64(footer, &mut at)?;
    index.raw_bytes = take_u64(footer, &mut at)?;
    index.shards = take_shards(footer, &mut at, index.first)?;
    (at == footer.len() && index.end == trailer.offset && index.first <= index.last)
        .then_some(index)
}

/// The footer as it was before it was sealed.
fn open<'a>(
    trailer: Trailer,
    cipher: Option<&SegmentCipher>,
    footer: &'a [u8],
) -> Option<Cow<'a, [u8]>> {
    match (trailer.encrypted, cipher) {
        (false, None) => Some(Cow::Borrowed(footer)),
        (true, Some(cipher)) => {
            let (sealed, tag) = footer.split_last_chunk::<TAG_BYTES>()?;
            let mut opened = sealed.to_vec();
            cipher
                .open(Part::Footer, trailer.offset, MAGIC, &mut opened, *tag)
                .ok()?;
            Some(Cow::Owned(opened))
        }
        _ => None,
    }
}

fn take_u64(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let value = bytes.get(*at..*at + 8)?.try_into().ok()?;
    *at += 8;
    Some(u64::from_le_bytes(value))
}

fn take_shards(footer: &[u8], at: &mut usize, base: Sequence) -> Option<BTreeMap<u32, ShardSpan>> {
    let mut shards = BTreeMap::new();
    for _ in 0..varint::take(footer, at)? {
        let shard = varint::take_u32(footer, at)?;
        let first = base.0.checked_add(varint::take(footer, at)?)?;
        let last = first.checked_add(varint::take(footer, at)?)?;
        let (mut sequence, mut offset) = (first, 0u32);
        let mut listed = Vec::new();
        for _ in 0..varint::take(footer, at)? {
            sequence = sequence.checked_add(varint::take(footer, at)?)?;
            offset = offset.checked_add(varint::take_u32(footer, at)?)?;
            listed.push(Listed {
                sequence: Sequence(sequence),
                offset,
            });
        }
        let span = ShardSpan {
            first: Sequence(first),
            last: Sequence(last),
            listed,
        };
        if shards.insert(shard, span).is_some() {
            return None;
        }
    }
    Some(shards)
}
