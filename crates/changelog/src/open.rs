//! Opening: what a crash may have left behind is put in order, what it cannot have left behind is refused.
//!
//! 1. Leave out the segments below the trim point, whose removal was not finished; nobody waits for it.
//! 2. Read every other segment's header and footer; scan the blocks of those without a footer. What looks like the footer
//!    of a plain one may be a client's, so the newest ones' blocks are walked first.
//! 3. Cut the torn tail of the last one; damage is an error (see `block.rs` for how they differ).
//! 4. Check that the segments join on to each other, and the first one to the trim point; and that they do not break off
//!    before what is known to have been durable.
//! 5. Remove what was made ahead; on a full disk, all files that hold nothing.
//! 6. Seal what was not sealed, start a new segment, remove files that hold nothing. Without any room on the disk the log
//!    opens nevertheless, for its readers: footers are written, and the new segment is made, once there is some.
//!
//! A segment whose header never reached the disk holds nothing that was acknowledged: its header and first group
//! share one fsync. That the others join on without it is the proof, or of the oldest one that the next joins on to the trim
//! point.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use headwater_model::{Clock, Sequence};

use crate::block::BlockFault;
use crate::error::{LogError, SYNC};
use crate::files::{Files, LogFile};
use crate::found::{self, Found};
use crate::index::SegmentIndex;
use crate::log::Shared;
use crate::options::LogOptions;
use crate::scan;
use crate::seal;
use crate::search;
use crate::segment::{SEGMENT_HEADER_BYTES, Segment, SegmentHeader, SegmentState, SegmentSummary};
use crate::trim::Trimming;
use crate::trim_point::TrimPoint;
use crate::writer::ActiveFile;

/// Name of the file that becomes the next segment.
pub(crate) const PREPARED_NAME: &str = "next.tmp";

/// With less free space than this, room is made for the footers and the segment that opening writes.
const ROOM_BYTES_MIN: u64 = 1 << 20;

/// As much is written again at once.
const WRITE_AGAIN_BYTES: usize = 1 << 20;

/// What opening found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Sealed segments with something in them.
    pub segments: usize,
    /// Sequence of the last change in the log, or of the last one trimmed.
    pub last: Sequence,
    /// Segments that had no valid footer and were scanned.
    pub scanned_segments: usize,
    /// Bytes of an unfinished group that were cut off, 0 after a clean end.
    pub torn_bytes: u64,
}

/// A segment whose contents are known.
struct Known<'f> {
    found: Found<'f>,
    header: SegmentHeader,
    /// Of a sealed one the summary alone: the indexes of all would be as large as the log is long.
    state: SegmentState,
    /// How far it is known to have been on disk.
    synced_to: u64,
    /// Bytes behind the last block, up to the last one that is not zero.
    torn_bytes: u64,
}

impl Known<'_> {
    /// The last sequence up to and with this segment.
    fn last(&self) -> Sequence {
        self.summary().last.max(self.header.base)
    }

    fn summary(&self) -> Cow<'_, SegmentSummary> {
        match &self.state {
            SegmentState::Open(index) => {
                Cow::Owned(SegmentSummary::new(self.found.id, index, index.end, false))
            }
            SegmentState::Sealed(sealed) => Cow::Borrowed(&sealed.summary),
        }
    }

    /// Where its blocks end.
    fn end(&self) -> u64 {
        match &self.state {
            SegmentState::Open(index) => index.end,
            SegmentState::Sealed(sealed) => sealed.end,
        }
    }
}

/// A log that is ready to be written to.
pub(crate) struct Opened {
    pub(crate) shared: Shared,
    pub(crate) active: Arc<ActiveFile>,
    /// Number of the segment after it.
    pub(crate) id_next: u64,
    /// Segments for whose footers there was no room.
    pub(crate) unsealed: Vec<Arc<ActiveFile>>,
    pub(crate) trimming: Trimming,
    pub(crate) report: OpenReport,
}

pub(crate) fn open(
    files: Arc<dyn Files>,
    options: LogOptions,
    clock: &dyn Clock,
) -> Result<Opened, LogError> {
    let mut found = found::find_segments(&*files, options.key())?;
    let id_next = found.last().map_or(1, |found| found.id + 1);
    let mut trim_point = TrimPoint::read(&*files, &found)?;
    let trimmed = match &mut trim_point {
        Some(point) => point.finish(&mut found, options.syncs())?,
        None => Vec::new(),
    };
    let point = trim_point.as_ref();
    let mut lost = point.and_then(|point| point.lost_beginning(&found));
    let known_id = trim_point.as_ref().map(TrimPoint::store_id);
    let store_id = store_id(&found, known_id, &options, clock)?;
    let (unborn, born): (Vec<Found<'_>>, Vec<Found<'_>>) =
        found.into_iter().partition(|found| found.header.is_none());
    let mut report = OpenReport::default();
    let known = know_all(born, &mut report)?;
    for unborn in &unborn {
        check_unborn(unborn, lost.take())?;
    }
    check_chain(&known)?;
    check_reaches(&known, &unborn, options.reaches)?;

    let last = known.last().map_or(Sequence::ZERO, Known::last);
    report.torn_bytes = known.last().map_or(0, |last| last.torn_bytes);
    report.last = last;
    let (kept, mut empty): (Vec<Known<'_>>, Vec<Known<'_>>) = known
        .into_iter()
        .partition(|known| known.summary().entries > 0);
    // Without any segment, nothing would say where the log ends.
    let joint = kept.is_empty().then(|| empty.pop()).flatten();
    report.segments = kept.len();
    let oldest = kept.first().map_or(last, |first| first.header.base);
    remove_prepared(&*files)?;
    let mut trimmed = names(trimmed);
    let mut nothing = names(unborn);
    nothing.extend(names(empty.into_iter().map(|known| known.found)));
    if lacks_room(&*files) {
        remove_all(&*files, &mut trimmed)?;
        remove_all(&*files, &mut nothing)?;
    }
    let trim_point = match trim_point {
        Some(point) => point,
        None => TrimPoint::create(&*files, store_id, oldest, options.syncs())?,
    };
    let mut shard_ends = HashMap::new();
    let mut ended = Ended::default();
    for known in kept {
        let summary = known.summary();
        shard_ends.extend(summary.shards.iter().map(|shard| (shard.shard, shard.last)));
        ended.add(known, options.syncs())?;
    }
    let header = SegmentHeader::new(store_id, id_next, last, options.encryption.as_ref())?;
    let mut started = start_segment(&*files, &options, &header);
    if started.as_ref().is_err_and(LogError::is_no_room) {
        // What holds nothing may be all the room that there is.
        remove_all(&*files, &mut nothing)?;
        started = start_segment(&*files, &options, &header);
    }
    let active = match started {
        Ok(active) => {
            nothing.extend(names(joint.map(|known| known.found)));
            ended.segments.push(active.segment.clone());
            active
        }
        Err(error) if error.is_no_room() => {
            if let Some(joint) = joint {
                ended.add(joint, options.syncs())?;
            }
            let Some(end) = ended.last(&*files)? else {
                return Err(error);
            };
            tracing::error!(%error, "disk full: the log opens for readers, writes are refused until there is room");
            end
        }
        Err(error) => return Err(error),
    };
    // Not synced: what comes back after a power loss is found empty once more.
    remove_all(&*files, &mut nothing)?;
    let Ended { segments, unsealed } = ended;
    Ok(Opened {
        shared: Shared::new(options, files, trim_point, segments, shard_ends, last),
        active,
        id_next: id_next + 1,
        unsealed,
        trimming: Trimming::new(trimmed.into_iter()),
        report,
    })
}

fn store_id(
    found: &[Found<'_>],
    known: Option<[u8; 16]>,
    options: &LogOptions,
    clock: &dyn Clock,
) -> Result<[u8; 16], LogError> {
    let mut ids = found
        .iter()
        .filter_map(|found| found.header.map(|header| (header.store_id, &found.name)));
    let Some((first, _)) = ids.next() else {
        return Ok(known.or(options.store_id).unwrap_or_else(|| {
            let mut id = *b"headwater\0\0\0\0\0\0\0";
            id[8..].copy_from_slice(&clock.now_ms().to_be_bytes());
            id
        }));
    };
    match ids.find(|(id, _)| *id != first) {
        Some((_, name)) => Err(LogError::damaged(
            name,
            0,
            "the segment belongs to another store",
        )),
        None => Ok(first),
    }
}

fn know_all<'f>(born: Vec<Found<'f>>, report: &mut OpenReport) -> Result<Vec<Known<'f>>, LogError> {
    let mut known = Vec::with_capacity(born.len());
    for found in born {
        // Those without a header went elsewhere.
        let Some(header) = found.header else { continue };
        if let Some(index) = found.footer()? {
            let size_bytes = found.size_bytes;
            known.push(Known {
                state: SegmentState::Sealed(seal::sealed(found.id, &index, size_bytes)),
                found,
                header,
                synced_to: size_bytes,
                torn_bytes: 0,
            });
            continue;
        }
        report.scanned_segments += 1;
        let (index, synced_to, torn_bytes) = scan_segment(&found, header.base)?;
        known.push(Known {
            found,
            header,
            state: SegmentState::Open(index),
            synced_to,
            torn_bytes,
        });
    }
    Ok(known)
}

/// Makes the index from the blocks; gives how far they are known to have been on disk. What follows the last valid one
/// must not have been; gives its length.
pub(crate) fn scan_segment(
    found: &Found<'_>,
    base: Sequence,
) -> Result<(SegmentIndex, u64, u64), LogError> {
    let mut synced_to = 0;
    let start = SEGMENT_HEADER_BYTES as u64;
    let mut window = found.window(found.size_bytes)?;
    let mut index = SegmentIndex::new(base, start);
    let stop = scan::walk(&mut window, found.id, start, |offset, header, block| {
        synced_to = synced_to.max(u64::from(header.synced_to));
        if block.first <= index.last {
            return Err(LogError::damaged(
                &found.name,
                offset,
                "its sequences do not follow those before",
            ));
        }
        index.add(offset, &block);
        Ok(())
    })?;
    let Some(torn_to) = scan::last_nonzero(&mut window, stop.offset)? else {
        return Ok((index, synced_to, 0));
    };
    // A valid checksum over something else than entries was never written by a log.
    let written_so = !matches!(
        stop.fault,
        BlockFault::NoBlock | BlockFault::Cut | BlockFault::Checksum
    );
    if written_so || search::was_synced(&mut window, found.id, stop.offset, index.last)? {
        return Err(LogError::damaged(&found.name, stop.offset, stop.fault));
    }
    Ok((index, synced_to, torn_to + 1 - stop.offset))
}

/// A segment without a header may only hold a first group that never finished. The header shares its disk sector
/// with the start of the first block, so that block cannot be whole either. `lost` says what is known to be missing.
pub(crate) fn check_unborn(found: &Found<'_>, lost: Option<String>) -> Result<(), LogError> {
    for window in found.windows() {
        let mut window = window?;
        let first_is_whole = window.is_whole(found.id, SEGMENT_HEADER_BYTES as u64)?;
        if first_is_whole || search::was_synced(&mut window, found.id, 0, Sequence::ZERO)? {
            return Err(LogError::damaged(
                &found.name,
                0,
                "the segment's header is not valid, but blocks follow",
            ));
        }
    }
    match lost {
        Some(detail) => Err(LogError::damaged(&found.name, 0, detail)),
        None => Ok(()),
    }
}

fn check_chain(known: &[Known<'_>]) -> Result<(), LogError> {
    for (known, next) in known.iter().zip(&known[1.min(known.len())..]) {
        if known.last() != next.header.base {
            let (here, there) = (known.last(), next.header.base);
            let detail = format!(
                "its entries end at {here}, but {} joins on to {there}",
                next.found.name
            );
            return Err(LogError::damaged(&known.found.name, known.end(), detail));
        }
    }
    Ok(())
}

/// A group that was durable is no torn tail, which would be cut, nor one of a segment that was never begun.
fn check_reaches(
    known: &[Known<'_>],
    unborn: &[Found<'_>],
    reaches: Sequence,
) -> Result<(), LogError> {
    let end = known.last().map_or(Sequence::ZERO, Known::last);
    if end >= reaches {
        return Ok(());
    }
    let detail = format!("the entries end at {end}, but those up to {reaches} were durable");
    match (unborn.last(), known.last()) {
        (Some(unborn), _) => Err(LogError::damaged(&unborn.name, 0, detail)),
        (None, Some(last)) if last.torn_bytes > 0 => {
            Err(LogError::damaged(&last.found.name, last.end(), detail))
        }
        _ => Ok(()),
    }
}

/// The segments of earlier processes.
#[derive(Default)]
struct Ended {
    segments: Vec<Arc<Segment>>,
    /// The newest ones, for whose footers there was no room.
    unsealed: Vec<Arc<ActiveFile>>,
}

impl Ended {
    /// Gives a segment its footer. If there is no room for one it stays without, and can be read as well; so do those behind
    /// it, see `rule_out_footers` in `found.rs`.
    fn add(&mut self, known: Known<'_>, sync: bool) -> Result<(), LogError> {
        let Known {
            found,
            header,
            state,
            synced_to,
            ..
        } = known;
        let index = match state {
            SegmentState::Sealed(_) => {
                let segment = Segment::new(&header, found.cipher, state);
                self.segments.push(Arc::new(segment));
                return Ok(());
            }
            SegmentState::Open(index) => index,
        };
        let file = found.file()?;
        // A process that was killed may have left blocks that were never synced. A footer must not reach the disk before
        // them: it would vouch for blocks that are not there.
        if sync {
            write_again(&found.name, &*file, synced_to, index.end)?;
            // The torn tail goes here and not with the footer, which there may be no room for.
            let cut = file.set_size_bytes(index.end);
            cut.map_err(|error| LogError::io("cut", &found.name, error))?;
            let synced = file.sync_data();
            synced.map_err(|error| LogError::io(SYNC, &found.name, error))?;
        }
        let cipher = found.cipher.as_deref();
        let write = || seal::write_footer(found.id, &found.name, &*file, &index, cipher, sync);
        let is_in_turn = self.unsealed.is_empty();
        let state = match is_in_turn.then(write) {
            Some(Ok(sealed)) => SegmentState::Sealed(sealed),
            Some(Err(error)) if !error.is_no_room() => return Err(error),
            Some(Err(_)) | None => SegmentState::Open(index),
        };
        let segment = Arc::new(Segment::new(&header, found.cipher, state));
        if !segment.is_sealed() {
            let unsealed = ActiveFile::ended(segment.clone(), file);
            self.unsealed.push(Arc::new(unsealed));
        }
        self.segments.push(segment);
        Ok(())
    }

    /// The last of them, to write behind it.
    fn last(&self, files: &dyn Files) -> Result<Option<Arc<ActiveFile>>, LogError> {
        let Some(last) = self.segments.last() else {
            return Ok(None);
        };
        if let Some(unsealed) = self.unsealed.last() {
            return Ok(Some(unsealed.clone()));
        }
        let file = files.open(&last.name);
        let file = file.map_err(|error| LogError::io("open", &last.name, error))?;
        Ok(Some(Arc::new(ActiveFile::ended(last.clone(), file))))
    }
}

/// Writes what is there once more. An fsync may have failed in the process before: then the system shows bytes that
/// are not on disk, takes them for written, and would leave them out of the next fsync as well.
fn write_again(name: &str, file: &dyn LogFile, from: u64, to: u64) -> Result<(), LogError> {
    let mut buffer = vec![0; WRITE_AGAIN_BYTES];
    let mut at = from;
    while at < to {
        let length = (to - at).min(WRITE_AGAIN_BYTES as u64) as usize;
        let read = file.read_full_at(&mut buffer[..length], at);
        let read = read.map_err(|error| LogError::io("read", name, error))?;
        let written = file.write_at(&buffer[..read], at);
        written.map_err(|error| LogError::io("write", name, error))?;
        if read < length {
            break;
        }
        at += length as u64;
    }
    Ok(())
}

/// Makes the log's first segment after opening; it is safe, name and all, before anything relies on it. If there is no
/// room for it, nothing of it is left.
fn start_segment(
    files: &dyn Files,
    options: &LogOptions,
    header: &SegmentHeader,
) -> Result<Arc<ActiveFile>, LogError> {
    let segment = Arc::new(Segment::open(header, options.key())?);
    let name = &segment.name;
    let error = |action| move |error| LogError::io(action, name, error);
    let file = files.create(name).map_err(error("create"))?;
    if let Err(refused) = file.write_at(&header.encode(), 0) {
        files.remove(name).map_err(error("remove"))?;
        return Err(error("write")(refused));
    }
    if options.syncs() {
        file.sync_data().map_err(error(SYNC))?;
        files.sync_dir().map_err(error(SYNC))?;
    }
    let written = SEGMENT_HEADER_BYTES as u64;
    Ok(Arc::new(ActiveFile::new(segment, file, written, false)))
}

fn names<'f>(found: impl IntoIterator<Item = Found<'f>>) -> Vec<String> {
    found.into_iter().map(|found| found.name).collect()
}

/// A disk that does not tell is taken to have room.
fn lacks_room(files: &dyn Files) -> bool {
    let free_bytes = files.free_bytes().ok().flatten();
    free_bytes.is_some_and(|free_bytes| free_bytes < ROOM_BYTES_MIN)
}

/// Removes files of which nothing is needed, and forgets their names.
fn remove_all(files: &dyn Files, names: &mut Vec<String>) -> Result<(), LogError> {
    for name in names.drain(..) {
        let removed = files.remove(&name);
        removed.map_err(|error| LogError::io("remove", &name, error))?;
    }
    Ok(())
}

/// A segment that was made ahead and not used is worth nothing.
pub(crate) fn remove_prepared(files: &dyn Files) -> Result<(), LogError> {
    match files.remove(PREPARED_NAME) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(LogError::io("remove", PREPARED_NAME, error))
        }
        _ => Ok(()),
    }
}
