//! The file in chunks of 64 KiB: which are free, and what reads and writes them.
//!
//! The first chunk has the heads. Every other one belongs to a run or a list of runs, or is free. Nobody writes to a chunk
//! that the last head on the disk reaches: whoever owns chunks gives them back when nothing reaches them any more.

use super::head::place_of_copy;
use super::io_error;
use crate::{Space, StateError};
use parking_lot::Mutex;
use redb::StorageBackend;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub(super) const CHUNK_BYTES: usize = 64 << 10;
/// The chunks in front of all others.
pub(super) const HEAD_CHUNKS: u32 = 1;
/// By how many chunks a file grows at once, at most and at least.
const GROWTH_CHUNKS_MAX: u32 = 256;
const GROWTH_CHUNKS_MIN: u32 = 4;
/// A file is cut when so many chunks and such a part of it are free at its end.
const CUT_CHUNKS_MIN: u32 = 256;
const CUT_PART: u32 = 4;
/// Chunks that lie together are worth telling the system of if they are so many.
const LEFT_CHUNKS_MIN: u32 = 16;

/// A run of neighbouring chunks: the first, and how many.
pub(super) type Range = (u32, u32);

/// The file of a store.
pub(super) struct Disk {
    backend: Box<dyn StorageBackend>,
    /// What takes hints on the use of the file.
    space: Option<Arc<dyn Space>>,
    chunks: Mutex<Chunks>,
    /// Bytes of the chunks that are free.
    free_bytes: Arc<AtomicU64>,
    /// Held while the length of the file changes, which may take as long as there is no room: those who give chunks back
    /// don't wait for that.
    resizing: Mutex<()>,
    /// Held while the file is synced. Whether that failed once: what it was to make safe may be gone, and a later sync would
    /// not say so.
    sync_failed: Mutex<bool>,
}

struct Chunks {
    /// Free chunks by the first of each range; ranges never touch.
    free: BTreeMap<u32, u32>,
    free_count: u32,
    /// Chunks of the file.
    end: u32,
}

impl Disk {
    /// A file in which everything behind the heads is free.
    pub(super) fn new(
        backend: Box<dyn StorageBackend>,
        space: Option<Arc<dyn Space>>,
        free_bytes: Arc<AtomicU64>,
    ) -> io::Result<Self> {
        if let Some(space) = &space {
            space.expect_random_reads();
        }
        let length = backend.len()?;
        let end = u32::try_from(length / CHUNK_BYTES as u64).map_err(io::Error::other)?;
        // A file may be shorter than that: the heads' chunk is theirs nevertheless.
        let end = end.max(HEAD_CHUNKS);
        let mut chunks = Chunks {
            free: BTreeMap::new(),
            free_count: 0,
            end,
        };
        if end > HEAD_CHUNKS {
            chunks.give((HEAD_CHUNKS, end - HEAD_CHUNKS));
        }
        free_bytes.store(offset_of(chunks.free_count), Relaxed);
        Ok(Self {
            backend,
            space,
            chunks: Mutex::new(chunks),
            free_bytes,
            resizing: Mutex::default(),
            sync_failed: Mutex::default(),
        })
    }

    pub(super) fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.backend.read(offset, out)
    }

    pub(super) fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.backend.write(offset, data)
    }

    /// Bytes of the file that nobody has.
    pub(super) fn free_bytes(&self) -> u64 {
        self.free_bytes.load(Relaxed)
    }

    /// Whether chunks lie in the file.
    pub(super) fn has(&self, ranges: &[Range]) -> bool {
        let end = self.chunks.lock().end;
        let ends = ranges.iter().map(|range| range.0.checked_add(range.1));
        ends.into_iter()
            .all(|range_end| range_end.is_some_and(|range_end| range_end <= end))
    }

    /// What the heads are written to.
    pub(super) fn backend(&self) -> &dyn StorageBackend {
        &*self.backend
    }

    /// Makes everything durable that was written. After one failure, whatever its reason, it fails for good.
    pub(super) fn sync(&self) -> io::Result<()> {
        let mut failed = self.sync_failed.lock();
        if *failed {
            return Err(io::Error::other("an earlier sync failed"));
        }
        self.backend.sync_data().map_err(|error| {
            *failed = true;
            // Nobody is to take it for a lack of room that can be waited for.
            io::Error::other(format!("the file could not be synced: {error}"))
        })
    }

    /// Makes the chunks the caller's, who found them on the disk; false if somebody else's are among them, or they lie
    /// outside of the file.
    pub(super) fn claim(self: &Arc<Self>, ranges: &[Range]) -> Option<Owned> {
        let mut owned = Owned {
            disk: self.clone(),
            ranges: Vec::with_capacity(ranges.len()),
        };
        for range in ranges {
            if !self.chunks.lock().take_range(*range) {
                return None;
            }
            owned.ranges.push(*range);
        }
        let free_count = self.chunks.lock().free_count;
        self.free_bytes.store(offset_of(free_count), Relaxed);
        Some(owned)
    }

    /// No chunks; some can be added.
    pub(super) fn owner(self: &Arc<Self>) -> Owned {
        Owned {
            disk: self.clone(),
            ranges: Vec::new(),
        }
    }

    /// Cuts the file if much is free at its end.
    pub(super) fn cut(&self) -> io::Result<()> {
        self.cut_if(|count, end| count >= CUT_CHUNKS_MIN && count >= end / CUT_PART)
    }

    /// Cuts off whatever is free at the end, for others to have its room.
    pub(super) fn cut_all(&self) -> io::Result<()> {
        self.cut_if(|_, _| true)
    }

    /// Cuts off what is free at the end, if so many chunks of so many are to be.
    fn cut_if(&self, is_much: impl FnOnce(u32, u32) -> bool) -> io::Result<()> {
        let _resizing = self.resizing.lock();
        let taken = self.chunks.lock().take_end(is_much);
        let Some(range) = taken else {
            return Ok(());
        };
        // It takes long when they are many: nobody who gives chunks back waits for it, as they may serve.
        let cut = self.backend.set_len(offset_of(range.0));
        let mut chunks = self.chunks.lock();
        if cut.is_err() {
            chunks.end += range.1;
            chunks.give(range);
        }
        self.free_bytes.store(offset_of(chunks.free_count), Relaxed);
        cut
    }

    /// Takes `count` chunks, the free ones at the front first.
    fn take(&self, count: u32, ranges: &mut Vec<Range>) -> io::Result<()> {
        loop {
            let mut chunks = self.chunks.lock();
            if chunks.free_count >= count {
                chunks.take(count, ranges);
                self.free_bytes.store(offset_of(chunks.free_count), Relaxed);
                return Ok(());
            }
            drop(chunks);
            self.grow(count)?;
        }
    }

    /// Makes the file longer, unless so many chunks are free meanwhile.
    fn grow(&self, count: u32) -> io::Result<()> {
        let _resizing = self.resizing.lock();
        let (end, free_count) = {
            let chunks = self.chunks.lock();
            (chunks.end, chunks.free_count)
        };
        let Some(missing) = count.checked_sub(free_count).filter(|missing| *missing > 0) else {
            return Ok(());
        };
        let growth = (end / 8).clamp(GROWTH_CHUNKS_MIN, GROWTH_CHUNKS_MAX);
        let growth = growth.max(missing);
        let new_end = end
            .checked_add(growth)
            .ok_or_else(|| io::Error::other("the file is as large as it can be"))?;
        self.backend.set_len(offset_of(new_end))?;
        let mut chunks = self.chunks.lock();
        chunks.end = new_end;
        chunks.give((end, growth));
        self.free_bytes.store(offset_of(chunks.free_count), Relaxed);
        Ok(())
    }
}

impl Chunks {
    /// Takes chunks, of which there are enough.
    fn take(&mut self, count: u32, ranges: &mut Vec<Range>) {
        let mut left = count;
        while left > 0 {
            let Some((first, found)) = self.free.pop_first() else {
                return;
            };
            let taken = found.min(left);
            if taken < found {
                self.free.insert(first + taken, found - taken);
            }
            append(ranges, (first, taken));
            self.free_count -= taken;
            left -= taken;
        }
    }

    /// Takes what is free at the end out of the file, if so many chunks of so many are to be.
    fn take_end(&mut self, is_much: impl FnOnce(u32, u32) -> bool) -> Option<Range> {
        let (&first, &count) = self.free.last_key_value()?;
        if first + count < self.end || !is_much(count, self.end) {
            return None;
        }
        self.free.remove(&first);
        self.free_count -= count;
        self.end = first;
        Some((first, count))
    }

    fn take_range(&mut self, (first, count): Range) -> bool {
        let Some((&start, &length)) = self.free.range(..=first).next_back() else {
            return false;
        };
        let (Some(end), free_end) = (first.checked_add(count), start + length) else {
            return false;
        };
        if count == 0 || end > free_end {
            return false;
        }
        self.free.remove(&start);
        self.free_count -= count;
        if start < first {
            self.free.insert(start, first - start);
        }
        if end < free_end {
            self.free.insert(end, free_end - end);
        }
        true
    }

    fn give(&mut self, (mut first, mut count): Range) {
        self.free_count += count;
        if let Some((&before, &length)) = self.free.range(..first).next_back()
            && before + length == first
        {
            self.free.remove(&before);
            (first, count) = (before, length + count);
        }
        if let Some(after) = self.free.remove(&(first + count)) {
            count += after;
        }
        self.free.insert(first, count);
    }
}

/// Chunks that belong to somebody; dropping this gives them back.
pub(super) struct Owned {
    disk: Arc<Disk>,
    ranges: Vec<Range>,
}

impl Owned {
    pub(super) fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// Tells the system that nobody is about to read these chunks. Takes long when they are many.
    pub(super) fn leave_page_cache(&self) {
        if let Some(space) = &self.disk.space {
            let large = self
                .ranges
                .iter()
                .filter(|range| range.1 >= LEFT_CHUNKS_MIN);
            large.for_each(|(first, count)| {
                space.leave_page_cache(offset_of(*first), offset_of(*count))
            });
        }
    }

    /// Adds chunks until the stream of bytes in them can reach to `end`.
    pub(super) fn reach(&mut self, end: u64, map: &mut ChunkMap) -> io::Result<()> {
        let missing = end.saturating_sub(map.end).div_ceil(CHUNK_BYTES as u64);
        let missing = u32::try_from(missing).map_err(io::Error::other)?;
        let mut taken = Vec::new();
        let done = self.disk.take(missing, &mut taken);
        // Also what was taken before it failed.
        for range in taken {
            append(&mut self.ranges, range);
            map.add(range);
        }
        done
    }

    pub(super) fn map(&self) -> ChunkMap {
        ChunkMap::new(&self.ranges)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let mut chunks = self.disk.chunks.lock();
        for range in &self.ranges {
            chunks.give(*range);
        }
        self.disk
            .free_bytes
            .store(offset_of(chunks.free_count), Relaxed);
    }
}

fn append(ranges: &mut Vec<Range>, (first, count): Range) {
    match ranges.last_mut() {
        Some(last) if last.0 + last.1 == first => last.1 += count,
        _ => ranges.push((first, count)),
    }
}

fn offset_of(chunk: u32) -> u64 {
    u64::from(chunk) * CHUNK_BYTES as u64
}

/// Where the bytes of a stream lie that goes through chunks.
#[derive(Clone, Default)]
pub(super) struct ChunkMap {
    /// Place in the stream and in the file of each run of chunks.
    starts: Vec<(u64, u64)>,
    end: u64,
}

impl ChunkMap {
    pub(super) fn new(ranges: &[Range]) -> Self {
        let mut map = Self::default();
        ranges.iter().for_each(|range| map.add(*range));
        map
    }

    fn add(&mut self, (first, count): Range) {
        self.starts.push((self.end, offset_of(first)));
        self.end += offset_of(count);
    }

    /// The parts of a stretch of the stream: place in the file, and which bytes of the stretch.
    fn parts(
        &self,
        place: u64,
        length: usize,
    ) -> impl Iterator<Item = (u64, std::ops::Range<usize>)> {
        let mut index = self.starts.partition_point(|start| start.0 <= place);
        let mut done = 0;
        std::iter::from_fn(move || {
            if done == length {
                return None;
            }
            let (stream, file) = *self.starts.get(index.checked_sub(1)?)?;
            let at = place + done as u64;
            let end = self.starts.get(index).map_or(self.end, |next| next.0);
            index += 1;
            let part = usize::try_from(end - at)
                .unwrap_or(length)
                .min(length - done);
            let range = done..done + part;
            done += part;
            Some((file + (at - stream), range))
        })
    }

    fn check(&self, place: u64, length: usize) -> io::Result<()> {
        match place.checked_add(length as u64) {
            Some(end) if end <= self.end => Ok(()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Reads `length` bytes of the stream.
    pub(super) fn read(
        &self,
        disk: &Disk,
        place: u64,
        length: usize,
    ) -> Result<Vec<u8>, StateError> {
        // First, so that no damaged length asks for any amount of memory.
        self.check(place, length)
            .map_err(|source| io_error("reading", source))?;
        let mut out = vec![0; length];
        self.read_into(disk, place, &mut out)?;
        Ok(out)
    }

    /// Fills `out` with the bytes of the stream from `place` on.
    pub(super) fn read_into(
        &self,
        disk: &Disk,
        place: u64,
        out: &mut [u8],
    ) -> Result<(), StateError> {
        self.check(place, out.len())
            .and_then(|()| {
                self.parts(place, out.len())
                    .try_for_each(|(offset, range)| disk.read(offset, &mut out[range]))
            })
            .map_err(|source| io_error("reading", source))
    }

    pub(super) fn write(&self, disk: &Disk, place: u64, data: &[u8]) -> io::Result<()> {
        self.check(place, data.len())?;
        self.parts(place, data.len())
            .try_for_each(|(offset, range)| disk.write(offset, &data[range]))
    }
}

/// Writes a stream of bytes from its beginning on into new chunks.
pub(super) struct StreamWriter {
    disk: Arc<Disk>,
    chunks: Owned,
    map: ChunkMap,
    /// Bytes that are written.
    written: u64,
    /// What comes behind them.
    pub(super) buffer: Vec<u8>,
    /// Up to where it was synced.
    synced: u64,
}

/// Bytes that are written at once.
const BUFFER_BYTES: usize = 1 << 20;
/// Bytes that wait for the disk at most: what the log syncs meanwhile does not wait for more.
const SYNC_BYTES: u64 = 4 << 20;
/// What the last bytes of a stream are filled up to.
const PAGE_BYTES: usize = 4096;

impl StreamWriter {
    pub(super) fn new(disk: Arc<Disk>) -> Self {
        Self {
            chunks: disk.owner(),
            map: ChunkMap::default(),
            disk,
            written: 0,
            buffer: Vec::new(),
            synced: 0,
        }
    }

    /// Where the next byte of the buffer will stand.
    pub(super) fn place(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Writes what is in the buffer if that is much.
    pub(super) fn write_if_full(&mut self) -> io::Result<()> {
        while self.buffer.len() >= BUFFER_BYTES {
            self.write(BUFFER_BYTES)?;
        }
        Ok(())
    }

    fn write(&mut self, count: usize) -> io::Result<()> {
        let end = self.written + count as u64;
        self.chunks.reach(end, &mut self.map)?;
        self.map
            .write(&self.disk, self.written, &self.buffer[..count])?;
        self.buffer.drain(..count);
        self.written += count as u64;
        if self.written - self.synced >= SYNC_BYTES {
            self.synced = self.written;
            self.disk.sync()?;
        }
        Ok(())
    }

    /// Adds a copy of the last bytes of the buffer, where [`place_of_copy`] says.
    pub(super) fn repeat(&mut self, count: usize) {
        let start = self.buffer.len() - count;
        let end = self.place();
        let copy = place_of_copy(end - count as u64, count as u64).unwrap_or(end);
        let padded = self.buffer.len() + (copy - end) as usize;
        self.buffer.resize(padded, 0);
        self.buffer.extend_from_within(start..start + count);
    }

    /// Takes the chunks that all bytes up to `end` need, so that they can be told before the last bytes are known.
    pub(super) fn reach(&mut self, end: u64) -> io::Result<&[Range]> {
        self.chunks.reach(end, &mut self.map)?;
        Ok(self.chunks.ranges())
    }

    /// Writes the rest.
    pub(super) fn finish(mut self) -> io::Result<Owned> {
        self.write_if_full()?;
        let filled = self.buffer.len().next_multiple_of(PAGE_BYTES);
        self.buffer.resize(filled, 0);
        if filled > 0 {
            self.write(filled)?;
        }
        Ok(self.chunks)
    }
}

#[cfg(test)]
mod tests;
