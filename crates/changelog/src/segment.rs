//! A segment: one file of the log. Header, blocks, and once it is sealed a footer.
//!
//! ```text
//! offset 0   magic     "hwlogseg"
//!        8   version   u16  1
//!        10  flags     u16  bit 0 encrypted, bit 1 made beside a file with the trim point,
//!                        bit 2 the entries say what their reader has to know,
//!                        bit 3 the checksums of the blocks depend on the store id
//!        12  zero      u32
//!        16  store id  16 bytes
//!        32  id        u64
//!        40  base      u64  last sequence of all segments before: where this one joins on
//!        48  salt      12 bytes, random in an encrypted segment, else zero
//!        60  crc       u32
//!        64  blocks
//! ```
//!
//! `base` chains the segments: a file that is missing, or has lost its end, is noticed because the next one does
//! not join on. It also carries the sequence over when all older segments are trimmed.

use std::sync::Arc;

use headwater_cipher::{LogKey, SALT_BYTES, SegmentCipher};
use headwater_model::Sequence;
use parking_lot::RwLock;

use crate::block::Place;
use crate::error::LogError;
use crate::files::LogFile;
use crate::index::SegmentIndex;
use crate::options::LogEncryption;

/// Length of a segment's header.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 64;

const MAGIC: &[u8; 8] = b"hwlogseg";
const VERSION: u16 = 1;
const FLAG_ENCRYPTED: u16 = 1;
const FLAG_TRIM_POINT: u16 = 2;
const FLAG_NAMES_FEATURES: u16 = 4;
const FLAG_SEEDED: u16 = 8;
/// All that this version knows.
const FLAGS: u16 = FLAG_ENCRYPTED | FLAG_TRIM_POINT | FLAG_NAMES_FEATURES | FLAG_SEEDED;
const SUFFIX: &str = ".hwl";
const ID_DIGITS: usize = 20;

/// The file's name: a number, so that it gives nothing away.
pub(crate) fn name(id: u64) -> String {
    format!("{id:0width$}{SUFFIX}", width = ID_DIGITS)
}

/// Whether a file of this name is a segment of a log.
pub fn is_segment(name: &str) -> bool {
    id_of(name).is_some()
}

/// The id in a file's name, if it is one of a segment.
pub(crate) fn id_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let valid = digits.len() == ID_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if valid { digits.parse().ok() } else { None }
}

/// The header of a segment's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) store_id: [u8; 16],
    pub(crate) id: u64,
    pub(crate) base: Sequence,
    /// What the key of an encrypted segment depends on beside the store's; `None` in a plain one.
    pub(crate) salt: Option<[u8; SALT_BYTES]>,
    /// Whether the log kept its trim point in a file when it was made, as all do now. Versions that don't know that
    /// file refuse the segment: what they trim would be missing.
    pub(crate) has_trim_point: bool,
    /// Whether the entries say what their reader has to know, as all do now (docs/adr/0028). Versions that don't look
    /// for that refuse the segment: they would not follow what they don't know.
    pub(crate) names_features: bool,
    /// Whether the checksums of its blocks depend on the store's id, as all do now: a client, which does not know it, can't
    /// write what passes for a block into an item.
    pub(crate) is_seeded: bool,
}

impl SegmentHeader {
    /// The header of a new segment, encrypted if the log is.
    ///
    /// # Errors
    /// [`LogError::NoRandomness`].
    pub(crate) fn new(
        store_id: [u8; 16],
        id: u64,
        base: Sequence,
        encryption: Option<&LogEncryption>,
    ) -> Result<Self, LogError> {
        Ok(Self {
            store_id,
            id,
            base,
            salt: encryption.map(LogEncryption::salt).transpose()?,
            has_trim_point: true,
            names_features: true,
            is_seeded: true,
        })
    }

    /// What the checksums of its blocks begin with.
    pub(crate) fn seed(&self) -> u32 {
        match self.is_seeded {
            true => seed_of(&self.store_id),
            false => 0,
        }
    }

    /// The cipher of the segment; `None` for a plain one.
    ///
    /// # Errors
    /// [`LogError::Encrypted`] without a key, [`LogError::NotEncrypted`] for a plain segment of a log with one.
    pub(crate) fn cipher(
        &self,
        key: Option<&LogKey>,
    ) -> Result<Option<Arc<SegmentCipher>>, LogError> {
        match (self.salt, key) {
            (None, None) => Ok(None),
            (Some(salt), Some(key)) => Ok(Some(Arc::new(key.segment(self.id, &salt)))),
            (Some(_), None) => Err(LogError::Encrypted {
                file: name(self.id),
            }),
            (None, Some(_)) => Err(LogError::NotEncrypted {
                file: name(self.id),
            }),
        }
    }

    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut out = [0; SEGMENT_HEADER_BYTES];
        out[..8].copy_from_slice(MAGIC);
        out[8..10].copy_from_slice(&VERSION.to_le_bytes());
        let mut flags = 0;
        if let Some(salt) = &self.salt {
            flags |= FLAG_ENCRYPTED;
            out[48..60].copy_from_slice(salt);
        }
        if self.has_trim_point {
            flags |= FLAG_TRIM_POINT;
        }
        if self.names_features {
            flags |= FLAG_NAMES_FEATURES;
        }
        if self.is_seeded {
            flags |= FLAG_SEEDED;
        }
        out[10..12].copy_from_slice(&flags.to_le_bytes());
        out[16..32].copy_from_slice(&self.store_id);
        out[32..40].copy_from_slice(&self.id.to_le_bytes());
        out[40..48].copy_from_slice(&self.base.0.to_le_bytes());
        let crc = crc32fast::hash(&out[..60]);
        out[60..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads the header; `None` if the bytes are not one.
    pub(crate) fn decode(file: &str, bytes: &[u8]) -> Result<Option<Self>, LogError> {
        let Some(bytes) = bytes.first_chunk::<SEGMENT_HEADER_BYTES>() else {
            return Ok(None);
        };
        let u64_at = |at: usize| {
            bytes[at..at + 8]
                .iter()
                .rev()
                .fold(0u64, |value, byte| value << 8 | u64::from(*byte))
        };
        if &bytes[..8] != MAGIC || u64_at(56) >> 32 != u64::from(crc32fast::hash(&bytes[..60])) {
            return Ok(None);
        }
        let (version, flags) = (u64_at(8) as u16, (u64_at(8) >> 16) as u16);
        if version != VERSION || flags & !FLAGS != 0 {
            let detail = format!(
                "its format is {version} with flags {flags:#x}, this version knows format {VERSION}"
            );
            return Err(LogError::Unsupported {
                file: file.to_owned(),
                detail,
            });
        }
        let mut store_id = [0; 16];
        store_id.copy_from_slice(&bytes[16..32]);
        Ok(Some(Self {
            store_id,
            id: u64_at(32),
            base: Sequence(u64_at(40)),
            salt: (flags & FLAG_ENCRYPTED != 0).then(|| std::array::from_fn(|at| bytes[48 + at])),
            has_trim_point: flags & FLAG_TRIM_POINT != 0,
            names_features: flags & FLAG_NAMES_FEATURES != 0,
            is_seeded: flags & FLAG_SEEDED != 0,
        }))
    }

    pub(crate) fn read(file: &str, handle: &dyn LogFile) -> Result<Option<Self>, LogError> {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        let read = handle
            .read_full_at(&mut bytes, 0)
            .map_err(|error| LogError::io("read", file, error))?;
        Self::decode(file, &bytes[..read])
    }
}

/// What the checksums of blocks of a store begin with.
pub(crate) fn seed_of(store_id: &[u8; 16]) -> u32 {
    crc32fast::hash(store_id)
}

/// First and last record of a shard in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardSummary {
    /// The shard.
    pub shard: u32,
    /// Its first record in the segment.
    pub first: Sequence,
    /// Its last record in the segment.
    pub last: Sequence,
}

/// What a segment holds, as far as retention needs it.
#[derive(Clone, Debug)]
pub struct SegmentSummary {
    /// Number of the segment; grows, never used twice.
    pub id: u64,
    /// Sequence of the first change (of the last one before, while the segment is empty).
    pub first: Sequence,
    /// Sequence of the last change (of the last one before, while the segment is empty).
    pub last: Sequence,
    /// Bytes in the file that are in use.
    pub bytes: u64,
    /// Entries in it.
    pub entries: u64,
    /// Changes in them.
    pub changes: u64,
    /// False for the one that is written to.
    pub sealed: bool,
    /// By shard number.
    pub shards: Arc<[ShardSummary]>,
}

impl SegmentSummary {
    pub(crate) fn new(id: u64, index: &SegmentIndex, bytes: u64, sealed: bool) -> Self {
        let shards = index.shards.iter();
        Self {
            id,
            first: index.first,
            last: index.last,
            bytes,
            entries: index.entries,
            changes: index.changes,
            sealed,
            shards: shards
                .map(|(shard, span)| ShardSummary {
                    shard: *shard,
                    first: span.first,
                    last: span.last,
                })
                .collect(),
        }
    }

    /// Where the shard's records lie in this segment.
    pub fn shard(&self, shard: u32) -> Option<ShardSummary> {
        self.shards
            .binary_search_by_key(&shard, |summary| summary.shard)
            .ok()
            .map(|at| self.shards[at])
    }
}

/// A segment of an open log.
pub(crate) struct Segment {
    pub(crate) id: u64,
    pub(crate) base: Sequence,
    pub(crate) name: String,
    /// `None` in a plain segment.
    pub(crate) cipher: Option<Arc<SegmentCipher>>,
    /// What the checksums of its blocks begin with.
    seed: u32,
    pub(crate) state: RwLock<SegmentState>,
}

pub(crate) enum SegmentState {
    /// Written to, or waiting for its footer: the index is here.
    Open(SegmentIndex),
    /// The index is in the footer.
    Sealed(SealedSegment),
}

pub(crate) struct SealedSegment {
    pub(crate) summary: SegmentSummary,
    /// Where the blocks end.
    pub(crate) end: u64,
}

impl Segment {
    pub(crate) fn new(
        header: &SegmentHeader,
        cipher: Option<Arc<SegmentCipher>>,
        state: SegmentState,
    ) -> Self {
        Self {
            id: header.id,
            base: header.base,
            name: name(header.id),
            cipher,
            seed: header.seed(),
            state: RwLock::new(state),
        }
    }

    pub(crate) fn seed(&self) -> u32 {
        self.seed
    }

    /// The place of a block of it.
    pub(crate) fn place(&self, offset: u64) -> Place {
        Place {
            segment: self.id,
            offset,
            seed: self.seed,
        }
    }

    /// A segment without blocks, to be written to.
    pub(crate) fn open(header: &SegmentHeader, key: Option<&LogKey>) -> Result<Self, LogError> {
        let index = SegmentIndex::new(header.base, SEGMENT_HEADER_BYTES as u64);
        let cipher = header.cipher(key)?;
        Ok(Self::new(header, cipher, SegmentState::Open(index)))
    }

    pub(crate) fn summary(&self) -> SegmentSummary {
        match &*self.state.read() {
            SegmentState::Open(index) => SegmentSummary::new(self.id, index, index.end, false),
            SegmentState::Sealed(sealed) => sealed.summary.clone(),
        }
    }

    /// Whether it holds a record of the shard at `from` or later.
    pub(crate) fn may_hold(&self, shard: u32, from: Sequence) -> bool {
        match &*self.state.read() {
            SegmentState::Open(index) => index
                .shards
                .get(&shard)
                .is_some_and(|span| span.last >= from),
            SegmentState::Sealed(sealed) => sealed
                .summary
                .shard(shard)
                .is_some_and(|span| span.last >= from),
        }
    }

    /// Where its blocks end at present.
    pub(crate) fn end(&self) -> u64 {
        match &*self.state.read() {
            SegmentState::Open(index) => index.end,
            SegmentState::Sealed(sealed) => sealed.end,
        }
    }

    pub(crate) fn is_sealed(&self) -> bool {
        matches!(&*self.state.read(), SegmentState::Sealed(_))
    }
}

/// The segments of an open log, oldest first; the last one is written to.
pub(crate) struct SegmentSet {
    list: RwLock<Arc<Vec<Arc<Segment>>>>,
}

impl SegmentSet {
    pub(crate) fn new(list: Vec<Arc<Segment>>) -> Self {
        Self {
            list: RwLock::new(Arc::new(list)),
        }
    }

    pub(crate) fn list(&self) -> Arc<Vec<Arc<Segment>>> {
        self.list.read().clone()
    }

    pub(crate) fn push(&self, segment: Arc<Segment>) {
        Arc::make_mut(&mut self.list.write()).push(segment);
    }

    pub(crate) fn drop_oldest(&self, count: usize) {
        Arc::make_mut(&mut self.list.write()).drain(..count);
    }

    /// The trim point: entries below are gone.
    pub(crate) fn oldest(&self) -> Sequence {
        oldest(&self.list.read())
    }
}

/// The trim point of a list of segments.
pub(crate) fn oldest(list: &[Arc<Segment>]) -> Sequence {
    match list.first().map(|segment| segment.base) {
        None | Some(Sequence::ZERO) => Sequence::ZERO,
        Some(base) => base.next(),
    }
}

/// Which segment may hold `sequence`.
pub(crate) fn position(list: &[Arc<Segment>], sequence: Sequence) -> usize {
    list.partition_point(|segment| segment.base < sequence)
        .saturating_sub(1)
}
