//! The heads of the file, and the list of runs that the newest one names.
//!
//! Two heads are written in turns, each twice: the one that is not being written is whole at any time, and a bit that
//! flips in one copy harms nothing. The head with the highest number counts.
//!
//! ```text
//! head, at 0 and 4,096 or at 8,192 and 12,288, by its number
//! magic        "hwruns\r\n"
//! format       u32
//! id length    u32, 16, or 0 while the store has none
//! number       u64
//! position     u64, that the content stands for
//! store id     16 bytes
//! next run     u64
//! list         bytes u64, checksum u64, chunks: ranges u32, then first and count of each, u32
//! checksum     u64, at 4,088
//! ```
//! Lists and roots are written twice as well, the copy at the next multiple of 4,096 behind. In files of the first
//! versions there is none, and what stands there has another checksum.
//!
//! The list has for each run, the newest first: its number, place and length of its root, the root's checksum, all u64,
//! and the chunks that the root lies in, as above.

use super::disk::{CHUNK_BYTES, ChunkMap, Disk, HEAD_CHUNKS, Owned, Range, StreamWriter};
use super::{damaged, io_error};
use crate::StateError;
use redb::StorageBackend;
use std::io;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

pub(super) const MAGIC: [u8; 8] = *b"hwruns\r\n";
/// The format after those that were trees.
pub(super) const FORMAT: u32 = 3;
const HEAD_BYTES: usize = 4096;
/// A head and its copy.
const COPIES_BYTES: u64 = 2 * HEAD_BYTES as u64;
const CHECKSUM_BYTES: usize = 8;
/// Ranges of a list's chunks that a head can name.
const LIST_RANGES_MAX: usize = 400;

/// What a head says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) number: u64,
    pub(super) position: u64,
    pub(super) store_id: Option<[u8; 16]>,
    pub(super) next_run: u64,
    list_bytes: u64,
    list_checksum: u64,
    list_chunks: Vec<Range>,
}

/// Where a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunPlace {
    pub(super) run: u64,
    pub(super) root: u64,
    pub(super) root_bytes: u64,
    pub(super) root_checksum: u64,
    /// The chunks from the one with the root's first byte on.
    pub(super) root_chunks: Vec<Range>,
}

impl RunPlace {
    /// Reads the root.
    pub(super) fn read(&self, disk: &Disk) -> Result<Vec<u8>, StateError> {
        self.twice().read(disk)
    }

    /// Whether the root itself is as it was written; [`RunPlace::read`] may have read its copy.
    pub(super) fn check(&self, disk: &Disk) -> Result<(), StateError> {
        self.twice().read_first(disk).map(drop)
    }

    /// Where the root stands in the file.
    #[cfg(test)]
    pub(super) fn offset(&self) -> u64 {
        self.twice().offset()
    }

    fn twice(&self) -> Twice<'_> {
        Twice {
            chunks: &self.root_chunks,
            place: self.root % CHUNK_BYTES as u64,
            length: self.root_bytes,
            checksum: self.root_checksum,
        }
    }
}

/// What is written twice.
struct Twice<'a> {
    chunks: &'a [Range],
    place: u64,
    length: u64,
    checksum: u64,
}

impl Twice<'_> {
    /// Reads what is there, or its copy.
    fn read(&self, disk: &Disk) -> Result<Vec<u8>, StateError> {
        let error = match self.read_first(disk) {
            Err(error) => error,
            read => return read,
        };
        let copy = place_of_copy(self.place, self.length).ok_or_else(wrong)?;
        match self.read_at(copy, disk) {
            Ok(bytes) => {
                tracing::error!(%error, "its copy is whole and was read instead");
                Ok(bytes)
            }
            Err(_) => Err(error),
        }
    }

    #[cfg(test)]
    fn offset(&self) -> u64 {
        u64::from(self.chunks[0].0) * CHUNK_BYTES as u64 + self.place
    }

    fn read_first(&self, disk: &Disk) -> Result<Vec<u8>, StateError> {
        self.read_at(self.place, disk)
    }

    fn read_at(&self, place: u64, disk: &Disk) -> Result<Vec<u8>, StateError> {
        // A wrong length would ask for any amount of memory.
        let chunks_bytes: u64 = self.chunks.iter().map(|range| u64::from(range.1)).sum();
        let is_inside = place
            .checked_add(self.length)
            .is_some_and(|end| end <= chunks_bytes.saturating_mul(CHUNK_BYTES as u64));
        if !is_inside || !disk.has(self.chunks) {
            return Err(wrong());
        }
        let length = usize::try_from(self.length).map_err(|_| wrong())?;
        let bytes = ChunkMap::new(self.chunks).read(disk, place, length)?;
        match xxh3_64(&bytes) == self.checksum {
            true => Ok(bytes),
            false => Err(wrong()),
        }
    }
}

fn wrong() -> StateError {
    damaged(
        "opening",
        "a list of runs or of blocks is not what was written".to_owned(),
    )
}

/// Where the copy begins of something; apart from it, so that one bad block of a disk takes one of them.
pub(super) fn place_of_copy(place: u64, length: u64) -> Option<u64> {
    let end = place.checked_add(length)?;
    end.checked_next_multiple_of(HEAD_BYTES as u64)
}

/// Takes numbers from the front of some bytes.
pub(super) struct Taking<'a>(pub(super) &'a [u8]);

impl<'a> Taking<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes(4)?.try_into().ok()?))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes(8)?.try_into().ok()?))
    }

    pub(super) fn ranges(&mut self) -> Option<Vec<Range>> {
        let count = self.u32()? as usize;
        // Of damaged bytes, no more is taken than there can be.
        if count > self.0.len() / 8 {
            return None;
        }
        (0..count)
            .map(|_| Some((self.u32()?, self.u32()?)))
            .collect()
    }
}

pub(super) fn put_ranges(out: &mut Vec<u8>, ranges: &[Range]) {
    out.extend_from_slice(&(ranges.len() as u32).to_le_bytes());
    for (first, count) in ranges {
        out.extend_from_slice(&first.to_le_bytes());
        out.extend_from_slice(&count.to_le_bytes());
    }
}

impl Head {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        let id_bytes = self.store_id.map_or(0, |id| id.len() as u32);
        out.extend_from_slice(&id_bytes.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.position.to_le_bytes());
        out.extend_from_slice(&self.store_id.unwrap_or_default());
        out.extend_from_slice(&self.next_run.to_le_bytes());
        out.extend_from_slice(&self.list_bytes.to_le_bytes());
        out.extend_from_slice(&self.list_checksum.to_le_bytes());
        put_ranges(&mut out, &self.list_chunks);
        out.resize(HEAD_BYTES - CHECKSUM_BYTES, 0);
        let checksum = xxh3_64(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    /// `None` if this is no whole head.
    fn decode(bytes: &[u8]) -> Option<Result<Self, StateError>> {
        let (content, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>()?;
        match u64::from_le_bytes(*checksum) == xxh3_64(content) {
            true => Self::of_content(content),
            false => None,
        }
    }

    /// What a head without its checksum says.
    pub(super) fn of_content(content: &[u8]) -> Option<Result<Self, StateError>> {
        if !content.starts_with(&MAGIC) {
            return None;
        }
        let mut taking = Taking(&content[MAGIC.len()..]);
        let format = taking.u32()?;
        if format != FORMAT {
            return Some(Err(StateError::UnknownFormat {
                found: u64::from(format),
                known: u64::from(FORMAT),
            }));
        }
        let has_id = taking.u32()? > 0;
        let (number, position) = (taking.u64()?, taking.u64()?);
        let id: [u8; 16] = taking.bytes(16)?.try_into().ok()?;
        Some(Ok(Self {
            number,
            position,
            store_id: has_id.then_some(id),
            next_run: taking.u64()?,
            list_bytes: taking.u64()?,
            list_checksum: taking.u64()?,
            list_chunks: taking.ranges()?,
        }))
    }

    /// The head of a new file.
    pub(super) fn first() -> Self {
        Self {
            number: 1,
            next_run: 1,
            ..Self::default()
        }
    }

    /// Becomes the next head: the same, but runs are numbered so much higher.
    pub(super) fn skip_runs(&mut self, count: u64) {
        self.number += 1;
        self.next_run = self.next_run.saturating_add(count);
    }

    fn offset(number: u64) -> u64 {
        number % 2 * COPIES_BYTES
    }

    /// The newest head of a file; `None` if it has none. A place that can't be read has none, as long as its copy can:
    /// what stands in neither may be the newest, and taking the one before would have it written over.
    pub(super) fn read(
        backend: &dyn StorageBackend,
        file_bytes: u64,
    ) -> Result<Option<Self>, StateError> {
        let mut newest: Option<Self> = None;
        let (mut unknown, mut unread) = (None, None);
        let mut unread_pair = None;
        for offset in places().filter(|offset| offset + HEAD_BYTES as u64 <= file_bytes) {
            let mut bytes = vec![0; HEAD_BYTES];
            if let Err(error) = backend.read(offset, &mut bytes) {
                tracing::error!(%error, offset, "a head of the state can't be read; others are looked for");
                if unread_pair == Some(offset / COPIES_BYTES) {
                    return Err(io_error("opening", error));
                }
                (unread, unread_pair) = (Some(error), Some(offset / COPIES_BYTES));
                continue;
            }
            match Self::decode(&bytes) {
                Some(Ok(head))
                    if newest
                        .as_ref()
                        .is_none_or(|known| known.number < head.number) =>
                {
                    newest = Some(head);
                }
                Some(Err(error)) => unknown = Some(error),
                _ => {}
            }
        }
        match (unknown, newest, unread) {
            (Some(error), ..) => Err(error),
            (None, None, Some(source)) => Err(io_error("opening", source)),
            (None, newest, _) => Ok(newest),
        }
    }

    /// The runs that it names, and the chunks of their list.
    pub(super) fn runs(&self, disk: &Arc<Disk>) -> Result<(Vec<RunPlace>, Owned), StateError> {
        let owned = disk.claim(&self.list_chunks).ok_or_else(taken_twice)?;
        if self.list_bytes == 0 {
            return Ok((Vec::new(), owned));
        }
        let list = self.list().read(disk)?;
        let mut taking = Taking(&list);
        let mut runs = Vec::new();
        while !taking.0.is_empty() {
            let run = place_of(&mut taking);
            runs.push(
                run.ok_or_else(|| damaged("opening", "the list of runs ends in one".to_owned()))?,
            );
        }
        Ok((runs, owned))
    }

    /// Whether the head and its copy are on the disk as they were written.
    pub(super) fn check(&self, backend: &dyn StorageBackend) -> Result<(), StateError> {
        let written = self.encode();
        for copy in 0..2 {
            let offset = Self::offset(self.number) + copy * HEAD_BYTES as u64;
            let mut bytes = vec![0; HEAD_BYTES];
            let read = backend.read(offset, &mut bytes);
            read.map_err(|source| io_error("reading the head", source))?;
            if bytes != written {
                let detail = format!("the head at byte {offset} is not what was written");
                return Err(damaged("reading the head", detail));
            }
        }
        Ok(())
    }

    /// Whether the list itself is as it was written; [`Head::runs`] may have read its copy.
    pub(super) fn check_list(&self, disk: &Disk) -> Result<(), StateError> {
        match self.list_bytes {
            0 => Ok(()),
            _ => self.list().read_first(disk).map(drop),
        }
    }

    /// Where the head, its copy and the list stand in the file.
    #[cfg(test)]
    pub(super) fn offsets(&self) -> [u64; 3] {
        let head = Self::offset(self.number);
        [head, head + HEAD_BYTES as u64, self.list().offset()]
    }

    fn list(&self) -> Twice<'_> {
        Twice {
            chunks: &self.list_chunks,
            place: 0,
            length: self.list_bytes,
            checksum: self.list_checksum,
        }
    }

    /// Writes a list of runs, not durably yet; gives the chunks that it lies in.
    pub(super) fn write_list(&mut self, disk: &Arc<Disk>, runs: &[RunPlace]) -> io::Result<Owned> {
        let mut writer = StreamWriter::new(disk.clone());
        for run in runs {
            let numbers = [run.run, run.root, run.root_bytes, run.root_checksum];
            for number in numbers {
                writer.buffer.extend_from_slice(&number.to_le_bytes());
            }
            put_ranges(&mut writer.buffer, &run.root_chunks);
        }
        self.list_bytes = writer.place();
        self.list_checksum = xxh3_64(&writer.buffer);
        writer.repeat(self.list_bytes as usize);
        let owned = writer.finish()?;
        if owned.ranges().len() > LIST_RANGES_MAX {
            return Err(io::Error::other("the list of runs lies in too many places"));
        }
        self.list_chunks = owned.ranges().to_vec();
        Ok(owned)
    }

    /// Writes the head, not durably yet.
    pub(super) fn write(&self, backend: &dyn StorageBackend) -> io::Result<()> {
        let bytes = self.encode();
        let offset = Self::offset(self.number);
        backend.write(offset, &[bytes.as_slice(), &bytes].concat())
    }
}

pub(super) fn taken_twice() -> StateError {
    damaged(
        "opening",
        "two runs have the same place in the file, or one lies outside of it".to_owned(),
    )
}

fn place_of(taking: &mut Taking<'_>) -> Option<RunPlace> {
    Some(RunPlace {
        run: taking.u64()?,
        root: taking.u64()?,
        root_bytes: taking.u64()?,
        root_checksum: taking.u64()?,
        root_chunks: taking.ranges()?,
    })
}

/// Where heads are written.
pub(super) fn places() -> impl Iterator<Item = u64> {
    (0..4).map(|at| at * HEAD_BYTES as u64)
}

/// Whether a file without a head is one that a crash left while it was made: what is not a torn head was never written.
pub(super) fn is_unfinished(
    backend: &dyn StorageBackend,
    file_bytes: u64,
) -> Result<bool, StateError> {
    for place in places().filter(|place| place + MAGIC.len() as u64 <= file_bytes) {
        let mut start = [0; MAGIC.len()];
        backend
            .read(place, &mut start)
            .map_err(|source| io_error("opening", source))?;
        if start != MAGIC && start != [0; MAGIC.len()] {
            return Ok(false);
        }
    }
    Ok(file_bytes == 0 || file_bytes >= HEAD_BYTES as u64)
}

/// Bytes of a file that has heads and nothing else.
pub(crate) const EMPTY_BYTES: u64 = HEAD_CHUNKS as u64 * CHUNK_BYTES as u64;
