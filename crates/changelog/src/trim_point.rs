//! Up to where the log is trimmed, and how far its sequences may have gone, in a file of its own.
//!
//! ```text
//! two slots, each in a disk sector of its own
//! offset 0   magic     "hwltrim\0"
//!        8   version   u16  1
//!        10  zero      6 bytes
//!        16  store id  16 bytes
//!        32  sequence  u64  last sequence that is trimmed, 0 while none is
//!        40  ceiling   u64  no sequence beyond it was shown to anybody, 0 if the log itself says where they end
//!        48  turn      u64  grows with each writing of the file: the newer of two slots has the higher one
//!        56  crc       u32 over all before, then 4 bytes of zero
//! ```
//!
//! Trimming first writes the new point over the older slot and syncs it; from then on the segments below are worth
//! nothing, whether their files are gone or not. So any number of files costs one fsync, a power loss may bring back
//! any of them, and a segment that is missing above the point is noticed. Nothing is allocated, so that a disk that is
//! full can be trimmed.
//!
//! The ceiling is for [`crate::Durability::Interval`]: a power loss takes entries that readers have seen, and a clock that
//! is then behind theirs would give their sequences out again. It is on disk before anything beyond the one before it
//! is written.

use std::io;
use std::sync::Arc;

use headwater_model::Sequence;

use crate::error::LogError;
use crate::files::{Files, LogFile};
use crate::found::Found;

/// The file's name.
pub(crate) const TRIM_POINT_NAME: &str = "trimmed";

const MAGIC: &[u8; 8] = b"hwltrim\0";
const VERSION: u16 = 1;
const SLOT_BYTES: usize = 64;
/// Slots are as far apart as what a disk writes at once.
const SLOT_OFFSETS: [u64; 2] = [0, 512];

/// What a slot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    store_id: [u8; 16],
    sequence: Sequence,
    ceiling: Sequence,
    turn: u64,
}

/// The file with the trim point.
pub(crate) struct TrimPoint {
    file: Arc<dyn LogFile>,
    /// Which slot holds `point`.
    slot: usize,
    point: Point,
}

impl TrimPoint {
    /// What the folder's file says. `None` without a file, or with one whose making a crash cut short, if no segment
    /// in `found` was made beside one.
    ///
    /// # Errors
    /// [`LogError::Damaged`] if it is missing or not valid and should be there, [`LogError::Unsupported`] for a newer
    /// form, [`LogError::Io`].
    pub(crate) fn read(files: &dyn Files, found: &[Found<'_>]) -> Result<Option<Self>, LogError> {
        let made = found
            .iter()
            .any(|found| found.header.is_some_and(|header| header.has_trim_point));
        let file = match files.open(TRIM_POINT_NAME) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(LogError::io("open", TRIM_POINT_NAME, error)),
        };
        let newest = match &file {
            Some(file) => newest_slot(&**file)?,
            None => None,
        };
        match (file, newest) {
            (Some(file), Some((slot, point))) => Ok(Some(Self { file, slot, point })),
            (Some(_), None) if made => Err(LogError::damaged(
                TRIM_POINT_NAME,
                0,
                "it does not say up to where the log is trimmed; restore it from a copy of the folder",
            )),
            (None, _) if made => Err(LogError::damaged(
                TRIM_POINT_NAME,
                0,
                "the file is missing; restore it from a copy of the folder",
            )),
            _ => Ok(None),
        }
    }

    /// Makes the file anew. The caller syncs the folder.
    pub(crate) fn create(
        files: &dyn Files,
        store_id: [u8; 16],
        sequence: Sequence,
        sync: bool,
    ) -> Result<Self, LogError> {
        let error = |action| move |error| LogError::io(action, TRIM_POINT_NAME, error);
        match files.remove(TRIM_POINT_NAME) {
            Err(refusal) if refusal.kind() != io::ErrorKind::NotFound => {
                return Err(error("remove")(refusal));
            }
            _ => {}
        }
        let file = files.create(TRIM_POINT_NAME).map_err(error("create"))?;
        let point = Point {
            store_id,
            sequence,
            ceiling: Sequence::ZERO,
            turn: 0,
        };
        let slot = encode(&point);
        for offset in SLOT_OFFSETS {
            file.write_at(&slot, offset).map_err(error("write"))?;
        }
        if sync {
            file.sync_data().map_err(error(crate::error::SYNC))?;
        }
        Ok(Self {
            file,
            slot: 0,
            point,
        })
    }

    /// The store that the file belongs to.
    pub(crate) fn store_id(&self) -> [u8; 16] {
        self.point.store_id
    }

    /// The last sequence that is trimmed; zero while none is.
    pub(crate) fn sequence(&self) -> Sequence {
        self.point.sequence
    }

    /// Sequences up to here may have been shown to readers, whether the log still has them or not.
    pub(crate) fn ceiling(&self) -> Sequence {
        self.point.ceiling
    }

    /// Moves the point on. When this returns, what lies below never comes back.
    pub(crate) fn advance(&mut self, sequence: Sequence, sync: bool) -> Result<(), LogError> {
        let point = Point {
            sequence,
            ..self.point
        };
        self.write(point, sync)
    }

    /// Moves the ceiling. When this returns, sequences up to it may be shown.
    pub(crate) fn move_ceiling(&mut self, ceiling: Sequence, sync: bool) -> Result<(), LogError> {
        let point = Point {
            ceiling,
            ..self.point
        };
        self.write(point, sync)
    }

    /// Over the older slot.
    fn write(&mut self, point: Point, sync: bool) -> Result<(), LogError> {
        let error = |action| move |error| LogError::io(action, TRIM_POINT_NAME, error);
        let point = Point {
            turn: self.point.turn + 1,
            ..point
        };
        let other = 1 - self.slot;
        self.file
            .write_at(&encode(&point), SLOT_OFFSETS[other])
            .map_err(error("write"))?;
        if sync {
            self.file.sync_data().map_err(error(crate::error::SYNC))?;
        }
        self.slot = other;
        self.point = point;
        Ok(())
    }

    /// Takes the segments whose removal was not finished from the front of `found`, which is in order; gives them, to be
    /// removed. On a full disk of a file system that needs room for it, their files are left to the next opening.
    ///
    /// # Errors
    /// [`LogError::Damaged`] if a segment above the point is missing, or another store's point lies here.
    pub(crate) fn finish<'f>(
        &mut self,
        found: &mut Vec<Found<'f>>,
        sync: bool,
    ) -> Result<Vec<Found<'f>>, LogError> {
        let trimmed = self.split_trimmed(found)?;
        if trimmed.is_empty() {
            return Ok(trimmed);
        }
        // An fsync may have failed in the process before: what the system shows need not be on disk.
        match self.advance(self.sequence(), sync) {
            Ok(()) => Ok(trimmed),
            Err(error) if error.is_no_room() => {
                tracing::warn!(%error, "files of trimmed segments stay until the next start");
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    /// As [`Self::finish`], but nothing is written.
    pub(crate) fn split_trimmed<'f>(
        &self,
        found: &mut Vec<Found<'f>>,
    ) -> Result<Vec<Found<'f>>, LogError> {
        let trimmed = self.count_trimmed(found);
        match self.fault(&found[trimmed..]) {
            Some(detail) => Err(LogError::damaged(TRIM_POINT_NAME, 0, detail)),
            None => Ok(found.drain(..trimmed).collect()),
        }
    }

    /// How many segments at the front lie below the point: those that the next one joins on to below it.
    pub(crate) fn count_trimmed(&self, found: &[Found<'_>]) -> usize {
        let joins_below = |found: &Found<'_>| {
            found
                .header
                .is_some_and(|header| header.base <= self.sequence())
        };
        found.iter().rposition(joins_below).unwrap_or(0)
    }

    /// What is wrong with the segments that should begin at the point; `None` if nothing is.
    pub(crate) fn fault(&self, kept: &[Found<'_>]) -> Option<String> {
        let first = kept.iter().find_map(|found| Some((found, found.header?)));
        // A first segment without a valid header is looked at when all are.
        let header_is_lost = kept.first().is_some_and(|found| found.header.is_none());
        match first {
            Some(_) if header_is_lost => None,
            Some((_, header)) if header.store_id != self.store_id() => {
                Some("it belongs to another store".to_owned())
            }
            Some((found, header)) if header.base != self.sequence() => Some(format!(
                "the log is trimmed up to {}, but its first segment, {}, joins on to {}: segments are missing; restore \
                 them from a copy of the folder",
                self.sequence(),
                found.name,
                header.base
            )),
            None if self.sequence() > Sequence::ZERO => Some(format!(
                "the log is trimmed up to {}, but all of its segments are missing; restore them from a copy of the \
                 folder",
                self.sequence()
            )),
            _ => None,
        }
    }

    /// What is missing if the first segment, which has no header, had one: it held what the first one that has a header
    /// joins on to. One that was never begun held nothing.
    pub(crate) fn lost_beginning(&self, kept: &[Found<'_>]) -> Option<String> {
        // One that can't be read is told of as that.
        let lacks_header = |first: &&Found<'_>| first.header.is_none() && first.unread.is_none();
        kept.first().filter(lacks_header)?;
        let (next, header) = kept.iter().find_map(|found| Some((found, found.header?)))?;
        (header.base != self.sequence()).then(|| {
            format!(
                "the segment's header is not valid, and the entries from {} to {}, which {} joins on to, are missing; \
                 restore it from a copy of the folder",
                self.sequence().next(),
                header.base,
                next.name
            )
        })
    }
}

/// The valid slot with the later point; both slots are the same in a new file.
fn newest_slot(file: &dyn LogFile) -> Result<Option<(usize, Point)>, LogError> {
    let mut newest: Option<(usize, Point)> = None;
    for (slot, offset) in SLOT_OFFSETS.into_iter().enumerate() {
        let mut bytes = [0; SLOT_BYTES];
        let read = file
            .read_full_at(&mut bytes, offset)
            .map_err(|error| LogError::io("read", TRIM_POINT_NAME, error))?;
        let Some(found) = decode(&bytes[..read])? else {
            continue;
        };
        // Versions before this one write no turn.
        let age = |point: &Point| (point.sequence, point.turn);
        if newest.is_none_or(|(_, newest)| age(&found) > age(&newest)) {
            newest = Some((slot, found));
        }
    }
    Ok(newest)
}

fn encode(point: &Point) -> [u8; SLOT_BYTES] {
    let mut out = [0; SLOT_BYTES];
    out[..8].copy_from_slice(MAGIC);
    out[8..10].copy_from_slice(&VERSION.to_le_bytes());
    out[16..32].copy_from_slice(&point.store_id);
    out[32..40].copy_from_slice(&point.sequence.0.to_le_bytes());
    out[40..48].copy_from_slice(&point.ceiling.0.to_le_bytes());
    out[48..56].copy_from_slice(&point.turn.to_le_bytes());
    let crc = crc32fast::hash(&out[..56]);
    out[56..60].copy_from_slice(&crc.to_le_bytes());
    out
}

/// What a slot says; `None` if it is not whole.
fn decode(bytes: &[u8]) -> Result<Option<Point>, LogError> {
    let Some(bytes) = bytes.first_chunk::<SLOT_BYTES>() else {
        return Ok(None);
    };
    let (content, crc) = bytes.split_at(56);
    if &content[..8] != MAGIC || crc[..4] != crc32fast::hash(content).to_le_bytes() {
        return Ok(None);
    }
    let version = u16::from_le_bytes([content[8], content[9]]);
    if version != VERSION {
        return Err(LogError::Unsupported {
            file: TRIM_POINT_NAME.to_owned(),
            detail: format!("its format is {version}, this version knows format {VERSION}"),
        });
    }
    let number_at = |at: usize| {
        let bytes = content[at..at + 8].iter().rev();
        bytes.fold(0, |value, byte| value << 8 | u64::from(*byte))
    };
    Ok(Some(Point {
        store_id: std::array::from_fn(|at| content[16 + at]),
        sequence: Sequence(number_at(32)),
        ceiling: Sequence(number_at(40)),
        turn: number_at(48),
    }))
}
