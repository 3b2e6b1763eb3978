//! Checking a whole log, open or not: every checksum, the order, the chain, footers against the blocks. It reads
//! the files themselves and no cache, and hands each entry to whoever wants to know more about them.

mod live;

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use headwater_cipher::LogKey;
use headwater_model::Sequence;
use rustix::io::Errno;

use crate::block::DecodedBlock;
use crate::change::Entry;
use crate::entry::EntryWalk;
use crate::error::LogError;
use crate::files::{Files, FilesLock};
use crate::footer;
use crate::found::{self, Found};
use crate::index::SegmentIndex;
use crate::log::take_lock;
use crate::open;
use crate::scan::{self, Window};
use crate::search;
use crate::segment::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::trim_point::{TRIM_POINT_NAME, TrimPoint};

/// Disks write no less than this at once.
const SECTOR_BYTES: u64 = 512;

/// Something that is not as the log wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// File name inside the log's folder.
    pub file: String,
    /// Where in the file.
    pub offset: u64,
    /// What was found.
    pub detail: String,
}

/// What a check of a log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Segments looked at.
    pub segments: usize,
    /// Valid blocks.
    pub blocks: u64,
    /// Entries in them.
    pub entries: u64,
    /// Changes in them.
    pub changes: u64,
    /// Their bytes before compression.
    pub raw_bytes: u64,
    /// First sequence found.
    pub first: Sequence,
    /// Last sequence found.
    pub last: Sequence,
    /// Bytes of the blocks, as they are stored.
    pub stored_bytes: u64,
    /// The trim point: entries below are gone. [`Sequence::ZERO`] while none are.
    pub oldest: Sequence,
    /// The identity that the first segment carries.
    pub store_id: Option<[u8; 16]>,
    /// Bytes behind the last whole block that the next opening will cut. Not a problem: they were never
    /// acknowledged.
    pub torn_bytes: u64,
    /// Where they begin: the file, and the offset in it; or the start of a segment that holds nothing valid.
    pub torn_at: Option<(String, u64)>,
    /// Segments without a footer, which the next opening will scan. Not a problem.
    pub unsealed_segments: usize,
    /// Segments below the trim point, which are still to be removed. Not a problem, and not looked at.
    pub trimmed_segments: usize,
    /// Segments that could not be read to their ends, each of which is a problem.
    pub unread_files: usize,
    /// Empty if all is well.
    pub problems: Vec<Problem>,
}

impl VerifyReport {
    /// Whether everything is as the log wrote it.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, file: &str, offset: u64, detail: impl ToString) {
        self.problems.push(Problem {
            file: file.to_owned(),
            offset,
            detail: detail.to_string(),
        });
    }

    /// Damage is a problem, and a file that the disk does not give back; other errors end the check.
    fn problem_of(&mut self, error: LogError) -> Result<(), LogError> {
        match error {
            LogError::Damaged {
                file,
                offset,
                detail,
            } => self.problem(&file, offset, detail),
            LogError::Io {
                action,
                file,
                source,
            } if is_of_a_file(&source) => {
                let detail = format!("the system can't {action} it: {source}");
                self.problem(&file, 0, detail);
            }
            error => return Err(error),
        }
        Ok(())
    }

    fn count(&mut self, block: &DecodedBlock) {
        if self.blocks == 0 {
            self.first = block.first;
        }
        self.last = block.last;
        self.blocks += 1;
        self.entries += u64::from(block.entries);
        self.changes += u64::from(block.changes);
        self.raw_bytes += block.raw.len() as u64;
    }
}

/// Who sees what a check of the log reads.
pub trait LogVisitor {
    /// A block was read, of so many bytes on disk. A break ends the check with [`LogError::Closed`].
    fn block(&mut self, _stored_bytes: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// A valid entry, in the order of the log.
    fn entry(&mut self, entry: &Entry);

    /// What comes next was to follow, but something between was trimmed meanwhile and not read.
    fn gap(&mut self) {}
}

/// Looks at nothing but the log itself.
struct Nobody;

impl LogVisitor for Nobody {
    fn entry(&mut self, _: &Entry) {}
}

/// Reads and checks everything; changes nothing. An error means that it could not be read, problems are in the
/// report.
pub fn verify(files: &dyn Files, key: Option<&LogKey>) -> Result<VerifyReport, LogError> {
    let _lock = take_lock(files)?;
    check_all(files, key, &mut Nobody)
}

/// A log that nobody has open, kept from others while it is checked.
pub struct StoppedLog {
    files: Arc<dyn Files>,
    key: Option<LogKey>,
    _lock: FilesLock,
}

impl StoppedLog {
    /// Takes the log's lock. `key` is that of its blocks, if it is encrypted.
    pub fn open(files: Arc<dyn Files>, key: Option<LogKey>) -> Result<Self, LogError> {
        let lock = take_lock(&*files)?;
        Ok(Self {
            files,
            key,
            _lock: lock,
        })
    }

    /// Reads and checks everything; changes nothing. May be called again.
    pub fn check(&self, visitor: &mut dyn LogVisitor) -> Result<VerifyReport, LogError> {
        check_all(&*self.files, self.key.as_ref(), visitor)
    }

    /// Bytes of all files, for a first guess of how long a check takes.
    pub fn size_bytes(&self) -> Result<u64, LogError> {
        let found = found::find_segments(&*self.files, self.key.as_ref())?;
        Ok(found.iter().map(|found| found.size_bytes).sum())
    }
}

fn check_all(
    files: &dyn Files,
    key: Option<&LogKey>,
    visitor: &mut dyn LogVisitor,
) -> Result<VerifyReport, LogError> {
    let mut found = found::find_segments_and_unread(files, key)?;
    let mut chain = Chain::new(visitor);
    let mut lost = None;
    match TrimPoint::read(files, &found) {
        Ok(Some(point)) => {
            leave_trimmed(&point, &mut found, &mut chain.report);
            lost = point.lost_beginning(&found);
        }
        Ok(None) => {}
        Err(error) => chain.report.problem_of(error)?,
    }
    // Where the next one begins.
    let mut next_bases = Vec::with_capacity(found.len());
    let mut next_base = None;
    for segment in found.iter().rev() {
        next_bases.push(next_base);
        next_base = segment.header.map(|header| header.base).or(next_base);
    }
    for (segment, next_base) in found.iter_mut().zip(next_bases.into_iter().rev()) {
        if let Some(error) = segment.unread.take() {
            chain.or_unread(Err(error))?;
            continue;
        }
        let Some(header) = segment.header else {
            check_unborn(segment, lost.take(), &mut chain.report);
            continue;
        };
        chain.join(segment, &header);
        let may_be_torn = next_base.is_none_or(|base| base == header.base);
        let checked = chain.segment(segment, &header, may_be_torn);
        chain.or_unread(checked)?;
    }
    Ok(chain.report)
}

/// Leaves out segments whose removal was not finished, which the next opening goes on with. Segments that are missing
/// are a problem, and the ones that are there are checked.
fn leave_trimmed(point: &TrimPoint, found: &mut Vec<Found<'_>>, report: &mut VerifyReport) {
    let trimmed = point.count_trimmed(found);
    if let Some(detail) = point.fault(&found[trimmed..]) {
        report.problem(TRIM_POINT_NAME, 0, detail);
    }
    report.trimmed_segments = trimmed;
    found.drain(..trimmed);
}

/// A check on its way from segment to segment.
struct Chain<'a> {
    report: VerifyReport,
    before: Option<SegmentHeader>,
    /// Whether the one before could not be read to its end.
    is_unread: bool,
    visitor: &'a mut dyn LogVisitor,
}

impl<'a> Chain<'a> {
    fn new(visitor: &'a mut dyn LogVisitor) -> Self {
        Self {
            report: VerifyReport::default(),
            before: None,
            is_unread: false,
            visitor,
        }
    }

    /// The next segment need not go on where the last one that was read ended.
    fn gap(&mut self) {
        if self.before.take().is_some() {
            self.visitor.gap();
        }
    }

    /// Names a file that the disk does not give back, or that is not the segment that it should be, and goes on behind it.
    fn or_unread(&mut self, checked: Result<(), LogError>) -> Result<(), LogError> {
        let Err(error) = checked else {
            return Ok(());
        };
        self.report.problem_of(error)?;
        self.is_unread = true;
        self.report.unread_files += 1;
        self.gap();
        Ok(())
    }

    /// Whether a segment goes on where the one before ended.
    fn join(&mut self, segment: &Found<'_>, header: &SegmentHeader) {
        let report = &mut self.report;
        match self.before {
            None => {
                report.store_id = Some(header.store_id);
                // Of one that was not read nobody says that it was trimmed.
                if header.base != Sequence::ZERO && !self.is_unread {
                    report.oldest = header.base.next();
                }
            }
            Some(before) => {
                if header.store_id != before.store_id {
                    report.problem(&segment.name, 16, "the segment belongs to another store");
                }
                let last = report.last.max(before.base);
                if header.base != last {
                    let detail = format!(
                        "it joins on to {}, but the entries before end at {last}",
                        header.base
                    );
                    report.problem(&segment.name, 40, detail);
                }
            }
        }
        report.segments += 1;
        self.before = Some(*header);
        self.is_unread = false;
    }
}

/// Whether an error says something of the file, and not of this process: what it may have, and what it may read.
pub fn is_of_a_file(error: &io::Error) -> bool {
    let of_process = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOMEM,
        Errno::ACCESS,
        Errno::PERM,
    ];
    let of_process = of_process.map(|errno| Some(errno.raw_os_error()));
    !of_process.contains(&error.raw_os_error())
}

fn check_unborn(found: &Found<'_>, lost: Option<String>, report: &mut VerifyReport) {
    match open::check_unborn(found, lost) {
        Ok(()) => report.torn_at = Some((found.name.clone(), 0)),
        Err(error) => report.problem(&found.name, 0, error),
    }
    report.segments += 1;
    report.unsealed_segments += 1;
}

/// A walk over one segment that goes on behind damage.
struct Walk<'a> {
    found: &'a Found<'a>,
    window: Window,
    index: SegmentIndex,
    whole: bool,
}

impl Chain<'_> {
    /// Checks all of a segment's file.
    fn segment(
        &mut self,
        found: &Found<'_>,
        header: &SegmentHeader,
        may_be_torn: bool,
    ) -> Result<(), LogError> {
        let footer = found.footer()?;
        let end = footer.as_ref().map(|footer| footer.end);
        let (walk, stopped) = self.blocks(found, header, end)?;
        match footer {
            Some(footer) if walk.whole && footer != walk.index => {
                self.report.problem(
                    &found.name,
                    footer.end,
                    "the footer does not say what the blocks hold",
                );
            }
            Some(_) => {}
            None => check_unsealed(&walk, stopped, may_be_torn, &mut self.report)?,
        }
        Ok(())
    }

    /// Checks a segment's blocks up to `end`; gives what was found and where it ended.
    fn blocks<'f>(
        &mut self,
        found: &'f Found<'f>,
        header: &SegmentHeader,
        end: Option<u64>,
    ) -> Result<(Walk<'f>, u64), LogError> {
        let start = SEGMENT_HEADER_BYTES as u64;
        let window = found.window(end.unwrap_or(found.size_bytes))?;
        let mut walk = Walk {
            found,
            window,
            index: SegmentIndex::new(header.base, start),
            whole: true,
        };
        let stopped = walk.run(start, end, &mut self.report, self.visitor)?;
        Ok((walk, stopped))
    }
}

impl Walk<'_> {
    /// Checks blocks until `end`, or without one until nothing valid follows; gives where it stopped.
    fn run(
        &mut self,
        mut offset: u64,
        end: Option<u64>,
        report: &mut VerifyReport,
        visitor: &mut dyn LogVisitor,
    ) -> Result<u64, LogError> {
        loop {
            if end.is_some_and(|end| offset >= end) {
                return Ok(offset);
            }
            match self.window.block(self.found.id, offset)? {
                Ok((header, block)) => {
                    let length = header.unpadded_len() as u64;
                    self.check_block(offset, length, block, report, visitor)?;
                    report.stored_bytes += length;
                    if visitor.block(length).is_break() {
                        return Err(LogError::Closed);
                    }
                    offset = header.end(offset);
                }
                Err(fault) => {
                    let (window, id) = (&mut self.window, self.found.id);
                    let last = report.last.max(self.index.last);
                    let synced = end.is_some() || search::was_synced(window, id, offset, last)?;
                    if !synced {
                        return Ok(offset);
                    }
                    self.whole = false;
                    report.problem(&self.found.name, offset, fault);
                    let later = search::find_block(window, id, offset + 1, last, |_| true)?;
                    let Some(later) = later else {
                        return Ok(offset);
                    };
                    offset = later;
                }
            }
        }
    }

    fn check_block(
        &mut self,
        offset: u64,
        length: u64,
        block: DecodedBlock,
        report: &mut VerifyReport,
        visitor: &mut dyn LogVisitor,
    ) -> Result<(), LogError> {
        let name = &self.found.name;
        if block.first <= report.last.max(self.index.last) {
            report.problem(name, offset, "its sequences do not follow those before");
            self.whole = false;
        }
        let padding = self
            .window
            .bytes(offset + length, (block.end - offset - length) as usize)?;
        if padding.iter().any(|byte| *byte != 0) {
            report.problem(
                name,
                offset + length,
                "the bytes behind the block are not zero",
            );
        }
        report.count(&block);
        for place in EntryWalk::new(&block.raw, block.first) {
            match place.and_then(|place| place.decode(&block.raw)) {
                Ok(entry) => visitor.entry(&entry),
                Err(corrupt) => report.problem(name, offset, corrupt),
            }
        }
        if self.whole {
            self.index.add(offset, &block);
        }
        Ok(())
    }
}

/// A segment without a footer ends in zeros, in what reached the disk of a footer that was never finished, or, if it
/// is the last one with entries, in the remains of a group that was never acknowledged. Nothing but those is in one that was
/// removed at a start, since it held no entries, and is there again after a power loss: the next one begins where it does.
fn check_unsealed(
    walk: &Walk<'_>,
    end: u64,
    may_be_torn: bool,
    report: &mut VerifyReport,
) -> Result<(), LogError> {
    report.unsealed_segments += 1;
    let found = walk.found;
    let mut window = found.window(found.size_bytes)?;
    let Some(last) = scan::last_nonzero(&mut window, end)? else {
        return Ok(());
    };
    let bytes = last + 1 - end;
    if may_be_torn {
        report.torn_bytes += bytes;
        report.torn_at = Some((found.name.clone(), end));
        return Ok(());
    }
    let footer = footer::encode(&walk.index, found.cipher.as_deref()).unwrap_or_default();
    let stored = window.bytes(end, bytes as usize)?;
    if walk.whole && !is_part_of(stored, &footer, end) {
        report.problem(
            &found.name,
            end,
            format!("{bytes} bytes that are neither blocks nor a footer"),
        );
    }
    Ok(())
}

/// Whether what stands at `offset` is `wanted`, less some disk sectors that were never written.
fn is_part_of(stored: &[u8], wanted: &[u8], offset: u64) -> bool {
    let sector = |at: usize| (offset + at as u64) / SECTOR_BYTES;
    let mut at = 0;
    while at < stored.len() {
        let length = (at..stored.len())
            .take_while(|next| sector(*next) == sector(at))
            .count();
        let part = &stored[at..at + length];
        if wanted.get(at..at + length) != Some(part) && part.iter().any(|byte| *byte != 0) {
            return false;
        }
        at += length;
    }
    true
}
