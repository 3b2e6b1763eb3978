//! What a byte of a log's files is for, and so what must be said when it changes.

use headwater_cipher::LogKey;
use headwater_model::Sequence;

use crate::block::{HEADER_BYTES, Header};
use crate::error::LogError;
use crate::files::Files;
use crate::found::{self, Found};
use crate::scan;
use crate::segment::{self, SEGMENT_HEADER_BYTES};
use crate::trim_point::TRIM_POINT_NAME;

/// A slot of the file with the trim point, without the zeros at its end.
const SLOT_BYTES: usize = 60;
const SLOT_OFFSETS: [usize; 2] = [0, 512];

/// What a byte is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A change of it must be found in its file: headers with blocks behind them, blocks, the zeros behind a block,
    /// footers, the newer trim point.
    Counts,
    /// It belongs to a block of the last segment that nothing later proves to have been on disk. Damage there looks like
    /// a group that a crash cut short; everything from this sequence on may be cut off.
    Tail(Sequence),
    /// Nothing that is written depends on it: segments below the trim point or without blocks, what stands behind the
    /// last block, the last segment's footer, which is made again from the blocks, the older trim point.
    Idle,
}

/// What the byte of a file is for, in a folder without damage that nobody has open.
///
/// # Errors
/// Whatever reading or damage gives.
pub fn part(
    files: &dyn Files,
    key: Option<&LogKey>,
    name: &str,
    offset: usize,
) -> Result<Part, LogError> {
    let found = found::find_segments(files, key)?;
    let slots = slots(files)?;
    if name == TRIM_POINT_NAME {
        return Ok(part_of_trim_point(&found, slots, offset));
    }
    let trimmed_to = slots.into_iter().flatten().max();
    let below = |found: &Found<'_>| {
        let base = found.header.map(|header| header.base);
        base.is_some_and(|base| Some(base) <= trimmed_to)
    };
    let kept = found.iter().rposition(below).unwrap_or(0);
    let is_last = |id: u64| {
        let last = found.iter().rev().find(|found| found.header.is_some());
        last.is_some_and(|last| last.id == id)
    };
    match found[kept..]
        .iter()
        .find(|found| segment::name(found.id) == name)
    {
        Some(found) if found.header.is_some() => {
            part_of_segment(found, is_last(found.id), offset as u64)
        }
        _ => Ok(Part::Idle),
    }
}

/// The points that the slots hold, if they are whole.
fn slots(files: &dyn Files) -> Result<[Option<Sequence>; 2], LogError> {
    let error = |error| LogError::io("read", TRIM_POINT_NAME, error);
    let mut bytes = [0; SLOT_OFFSETS[1] + SLOT_BYTES];
    if let Ok(file) = files.open(TRIM_POINT_NAME) {
        file.read_full_at(&mut bytes, 0).map_err(error)?;
    }
    Ok(SLOT_OFFSETS.map(|at| {
        let (content, crc) = bytes[at..at + SLOT_BYTES].split_at(SLOT_BYTES - 4);
        let whole = crc == crc32fast::hash(content).to_le_bytes() && content[0] != 0;
        let sequence = content[32..40].iter().rev();
        whole.then(|| Sequence(sequence.fold(0, |value, byte| value << 8 | u64::from(*byte))))
    }))
}

fn part_of_trim_point(found: &[Found<'_>], slots: [Option<Sequence>; 2], offset: usize) -> Part {
    let hit = SLOT_OFFSETS
        .iter()
        .position(|at| (*at..at + SLOT_BYTES).contains(&offset));
    let Some(slot) = hit else { return Part::Idle };
    let (this, other) = (slots[slot], slots[1 - slot]);
    // The other one is as good if segments begin there: files whose removal was not finished.
    let begins_at = |point: Sequence| {
        let headers = found.iter().filter_map(|found| found.header);
        headers.into_iter().any(|header| header.base == point)
    };
    let made = found
        .iter()
        .any(|found| found.header.is_some_and(|header| header.has_trim_point));
    match other {
        Some(other) if Some(other) >= this || begins_at(other) => Part::Idle,
        _ if made && this.is_some() => Part::Counts,
        _ => Part::Idle,
    }
}

fn part_of_segment(found: &Found<'_>, is_last: bool, offset: u64) -> Result<Part, LogError> {
    let mut blocks: Vec<(u64, Header)> = Vec::new();
    let mut window = found.window(found.size_bytes)?;
    let start = SEGMENT_HEADER_BYTES as u64;
    let stop = scan::walk(&mut window, found.id, start, |at, header, _| {
        blocks.push((at, header));
        Ok(())
    })?;
    let sealed = found.footer()?.is_some();
    if blocks.is_empty() {
        return Ok(Part::Idle);
    }
    if offset < start {
        return Ok(Part::Counts);
    }
    if offset >= stop.offset {
        return Ok(match sealed && !is_last {
            true => Part::Counts,
            false => Part::Idle,
        });
    }
    let proven = blocks.iter().map(|(_, header)| u64::from(header.synced_to));
    let proven = proven.max().unwrap_or_default();
    let inside = blocks.iter().rev().find(|(at, _)| *at <= offset);
    Ok(match inside {
        Some((at, header)) if is_last && *at >= proven && !(sealed && found.cipher.is_some()) => {
            // The footer of a plain one proves that blocks were there, as far as their headers lead up to it.
            let body_len = if sealed {
                0
            } else {
                u64::from(header.stored_len)
            };
            match offset < at + HEADER_BYTES as u64 + body_len {
                true => Part::Tail(header.first),
                false => Part::Counts,
            }
        }
        _ => Part::Counts,
    })
}
