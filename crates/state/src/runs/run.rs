//! A run: keys in order with the values that they had at some time, in blocks that never change.

use super::block::{BLOCK_BYTES, Block, BlockBuilder, damaged_at, unseal, unseal_slice};
use super::cache::BlockCache;
use super::disk::{CHUNK_BYTES, ChunkMap, Disk, Owned, StreamWriter};
use super::filter::{self, FILTER_KEYS, FilterRoom, Kept};
use super::head::{RunPlace, place_of_copy, taken_twice};
use super::root::{FilterPlace, Root, Totals};
use super::section::{Section, SectionBuilder, separator};
use super::{damaged, io_error};
use crate::StateError;
use crate::cold::has_begun;
use bytes::Bytes;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use xxhash_rust::xxh3::xxh3_64;

/// Keys that differ in so many bytes at their beginning are not in one block: what they are of stands there, and damage to
/// one is to leave the others whole.
const KIND_BYTES: usize = 4;

/// A run on the disk. Its chunks are free again when nobody has it any more.
pub(super) struct Run {
    pub(super) place: RunPlace,
    pub(super) root: Root,
    disk: Arc<Disk>,
    map: ChunkMap,
    cache: Arc<BlockCache>,
    /// The filters of the root, as far as they are in memory; `None` inside for one that can't be read.
    filters: Vec<OnceLock<Option<Kept>>>,
    /// Something in it can't be read: it stays as it is, for others to be read.
    is_damaged: AtomicBool,
    chunks: Owned,
}

/// A value that a run has for a key: `None` inside says that it was deleted.
pub(super) type Found = Option<Option<Bytes>>;

impl Run {
    pub(super) fn open(
        place: RunPlace,
        disk: &Arc<Disk>,
        cache: &Arc<BlockCache>,
        room: &Arc<FilterRoom>,
    ) -> Result<Self, StateError> {
        let bytes = place.read(disk)?;
        let root = Root::decode(&bytes).ok_or_else(|| damaged_at(place.run, place.root))?;
        let chunks = disk.claim(&root.chunks).ok_or_else(taken_twice)?;
        let filters = root.filters.iter().map(|_| OnceLock::new()).collect();
        let mut run = Self::new(place, root, disk, cache, chunks);
        run.filters = filters;
        run.keep_filters(room, || true);
        Ok(run)
    }

    /// Reads those filters that are not in memory and fit there, while `goes_on`. Instead of one that can't be read, blocks tell.
    pub(super) fn keep_filters(&self, room: &Arc<FilterRoom>, goes_on: impl Fn() -> bool) {
        for (filter, kept) in self.root.filters.iter().zip(&self.filters) {
            if kept.get().is_some() || !room.fits(filter.lines) {
                continue;
            }
            if !goes_on() {
                return;
            }
            match self.filter_lines(filter).map(|lines| room.keep(lines)) {
                Ok(Some(lines)) => kept.get_or_init(|| Some(lines)),
                Ok(None) => continue,
                Err(_) => kept.get_or_init(|| None),
            };
        }
    }

    /// How many of its filters are in memory, and how many it has.
    #[cfg(test)]
    pub(super) fn filters_kept(&self) -> (usize, usize) {
        let is_kept = |kept: &&OnceLock<_>| matches!(kept.get(), Some(Some(_)));
        let kept = self.filters.iter().filter(is_kept);
        (kept.count(), self.filters.len())
    }

    /// Where its first and last block stand.
    #[cfg(test)]
    pub(super) fn ends(&self) -> [u64; 2] {
        let place = |section, last: bool| {
            let section: Section = self.section(section).unwrap();
            let index = if last { section.count() - 1 } else { 0 };
            section.place(index).unwrap().0
        };
        [place(0, false), place(self.root.sections() - 1, true)]
    }

    #[cfg(test)]
    pub(super) fn flip_byte(&self, place: u64) {
        let mut byte = self.map.read(&self.disk, place, 1).unwrap();
        byte[0] ^= 1;
        self.map.write(&self.disk, place, &byte).unwrap();
    }

    fn filter_lines(&self, filter: &FilterPlace) -> Result<Vec<u8>, StateError> {
        let length = filter::pages_bytes(filter.lines);
        let pages = Bytes::from(self.map.read(&self.disk, filter.place, length)?);
        filter::lines_in(&pages, filter.lines, self.id(), filter.place)
    }

    fn new(
        place: RunPlace,
        root: Root,
        disk: &Arc<Disk>,
        cache: &Arc<BlockCache>,
        chunks: Owned,
    ) -> Self {
        Self {
            place,
            root,
            disk: disk.clone(),
            map: chunks.map(),
            cache: cache.clone(),
            filters: Vec::new(),
            is_damaged: AtomicBool::new(false),
            chunks,
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.place.run
    }

    pub(super) fn totals(&self) -> Totals {
        self.root.totals
    }

    /// Tells the system that nobody is about to read it.
    pub(super) fn leave_page_cache(&self) {
        self.chunks.leave_page_cache();
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Relaxed)
    }

    /// What it has for a key with this hash.
    pub(super) fn get(&self, key: &[u8], hash: u64) -> Result<Found, StateError> {
        if !self.may_have(key, hash) {
            return Ok(None);
        }
        let section = self.section(self.root.search(key))?;
        let index = section.search(key).ok_or_else(|| self.wrong())?;
        let (place, length) = section.place(index).ok_or_else(|| self.wrong())?;
        if let Some(found) = self.cache.get(self.id(), place) {
            return self.find(&found, key);
        }
        // Of keys at random most blocks are not asked for again soon: those are read past a full cache, and without memory
        // of their own.
        if self.cache.is_worth_keeping(self.id(), place) {
            return self.find(&self.read(place, length)?, key);
        }
        let mut buffer = [0; BLOCK_BYTES];
        let large;
        let block = match buffer.get_mut(..length) {
            Some(buffer) => {
                self.map.read_into(&self.disk, place, buffer)?;
                buffer
            }
            None => {
                large = self.map.read(&self.disk, place, length)?;
                large.as_slice()
            }
        };
        self.cache.note_wanted(self.id(), place);
        self.find_in(block, place, key)
    }

    /// As [`Run::find`], in a block as it stands on the disk.
    fn find_in(&self, sealed: &[u8], place: u64, key: &[u8]) -> Result<Found, StateError> {
        let content = self.note(unseal_slice(sealed, self.id(), place))?;
        self.find(content, key)
    }

    /// What a block has for a key.
    fn find(&self, content: &[u8], key: &[u8]) -> Result<Found, StateError> {
        let block = Block::new(content).ok_or_else(|| self.wrong())?;
        let (at, is_there) = block.search(key).ok_or_else(|| self.wrong())?;
        if !is_there {
            return Ok(None);
        }
        let entry = block.entry(at).ok_or_else(|| self.wrong())?;
        // A copy: a value that somebody keeps is not to keep its block.
        Ok(Some(entry.value(&block).map(Bytes::copy_from_slice)))
    }

    /// Whether it may have an entry for a key; it surely has none if not.
    pub(super) fn may_have(&self, key: &[u8], hash: u64) -> bool {
        if !self.root.may_span(key) {
            return false;
        }
        let filters = &self.root.filters;
        let index = filters.partition_point(|filter| filter.first_key.as_slice() <= key);
        let Some(index) = index.checked_sub(1) else {
            return true;
        };
        if let Some(Some(kept)) = self.filters.get(index).and_then(OnceLock::get) {
            return kept.may_have(hash);
        }
        // A filter that can't be read says nothing, and blocks tell.
        let FilterPlace { place, lines, .. } = filters[index];
        let page = place + (filter::page_of(lines, hash) * filter::PAGE_BYTES) as u64;
        match self.cached(page, filter::PAGE_BYTES) {
            Ok(page) => filter::page_may_have(&page, lines, hash),
            // What this run has is asked for again. What older ones have can be begun to be read meanwhile.
            Err(_) if has_begun() => false,
            Err(_) => true,
        }
    }

    pub(super) fn section(&self, index: usize) -> Result<Section, StateError> {
        let (place, length) = self.root.section(index).ok_or_else(|| self.wrong())?;
        Section::new(self.cached(place, length)?).ok_or_else(|| self.wrong())
    }

    pub(super) fn block(&self, section: &Section, index: usize) -> Result<Block, StateError> {
        let (place, length) = section.place(index).ok_or_else(|| self.wrong())?;
        Block::new(self.cached(place, length)?).ok_or_else(|| self.wrong())
    }

    fn cached(&self, place: u64, length: usize) -> Result<Bytes, StateError> {
        match self.cache.get(self.id(), place) {
            Some(found) => Ok(found),
            None => self.read(place, length),
        }
    }

    /// Reads what is kept in the cache then.
    fn read(&self, place: u64, length: usize) -> Result<Bytes, StateError> {
        let read = Bytes::from(self.map.read(&self.disk, place, length)?);
        let content = self.note(unseal(&read, self.id(), place))?;
        self.cache.put(self.id(), place, content.clone());
        Ok(content)
    }

    /// All blocks of a section, read at once and past the cache.
    pub(super) fn blocks_of(&self, index: usize) -> Result<Vec<Block>, StateError> {
        let (place, length) = self.root.section(index).ok_or_else(|| self.wrong())?;
        let read = Bytes::from(self.map.read(&self.disk, place, length)?);
        let section = self.note(unseal(&read, self.id(), place))?;
        let section = Section::new(section).ok_or_else(|| self.wrong())?;
        let (first, _) = section.place(0).ok_or_else(|| self.wrong())?;
        let length = place.checked_sub(first).ok_or_else(|| self.wrong())? as usize;
        let all = Bytes::from(self.map.read(&self.disk, first, length)?);
        (0..section.count())
            .map(|index| {
                let (place, length) = section.place(index).ok_or_else(|| self.wrong())?;
                let from = (place - first) as usize;
                let to = from.saturating_add(length);
                if to > all.len() {
                    return Err(self.wrong());
                }
                let content = self.note(unseal(&all.slice(from..to), self.id(), place))?;
                Block::new(content).ok_or_else(|| self.wrong())
            })
            .collect()
    }

    /// Reads what has been in memory since it was opened: the root and the filters.
    pub(super) fn check_start(&self, goes_on: &dyn Fn() -> bool) -> Result<(), StateError> {
        self.place.check(&self.disk)?;
        for filter in self.root.filters.iter().take_while(|_| goes_on()) {
            self.note(self.filter_lines(filter))?;
        }
        Ok(())
    }

    /// Reads all of it and checks that every key is in its order.
    pub(super) fn check(&self) -> Result<(), StateError> {
        self.check_start(&|| true)?;
        let mut last: Option<Vec<u8>> = None;
        let mut entries = 0;
        for index in 0..self.root.sections() {
            for block in self.blocks_of(index)? {
                for at in 0..block.count() {
                    let entry = block.entry(at).ok_or_else(|| self.wrong())?;
                    let key = entry.key(&block);
                    if last.as_deref().is_some_and(|last| last >= key) {
                        return Err(self.wrong());
                    }
                    last = Some(key.to_vec());
                    entries += 1;
                }
            }
        }
        match entries == self.root.totals.entries {
            true => Ok(()),
            false => Err(self.wrong()),
        }
    }

    /// Its bytes are those that were written, but they don't make sense.
    pub(super) fn wrong(&self) -> StateError {
        self.is_damaged.store(true, Ordering::Relaxed);
        damaged_at(self.id(), self.place.root)
    }

    /// Takes bytes that the disk does not give back for wrong ones: whoever merges leaves the run as it is.
    pub(super) fn unreadable(&self, error: StateError) -> StateError {
        self.is_damaged.store(true, Ordering::Relaxed);
        match error {
            StateError::Io { doing, source } => {
                damaged(doing, format!("run {}: {source}", self.id()))
            }
            error => error,
        }
    }

    fn note<T>(&self, result: Result<T, StateError>) -> Result<T, StateError> {
        result.inspect_err(|_| self.is_damaged.store(true, Ordering::Relaxed))
    }
}

/// Writes a run of entries that come in the order of their keys.
pub(super) struct RunWriter {
    id: u64,
    disk: Arc<Disk>,
    cache: Arc<BlockCache>,
    room: Arc<FilterRoom>,
    stream: StreamWriter,
    block: BlockBuilder,
    section: SectionBuilder,
    root: Root,
    /// Separators of the block and section that are being made.
    block_separator: Vec<u8>,
    section_separator: Vec<u8>,
    /// Of the keys since the last filter, the first of which is here.
    hashes: Vec<u64>,
    filter_key: Vec<u8>,
    /// Filters that stand behind the section that is being made.
    pending: Vec<(Vec<u8>, Vec<u8>)>,
    filters: Vec<OnceLock<Option<Kept>>>,
}

impl RunWriter {
    pub(super) fn new(
        id: u64,
        disk: Arc<Disk>,
        cache: Arc<BlockCache>,
        room: Arc<FilterRoom>,
    ) -> Self {
        Self {
            id,
            stream: StreamWriter::new(disk.clone()),
            disk,
            cache,
            room,
            block: BlockBuilder::default(),
            section: SectionBuilder::default(),
            root: Root::default(),
            block_separator: Vec::new(),
            section_separator: Vec::new(),
            hashes: Vec::new(),
            filter_key: Vec::new(),
            pending: Vec::new(),
            filters: Vec::new(),
        }
    }

    /// Adds an entry; its key is greater than those before.
    pub(super) fn add(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), StateError> {
        let bytes = key.len() + value.map_or(0, <[u8]>::len);
        if u32::try_from(bytes).is_err() {
            return Err(StateError::TooLarge { bytes });
        }
        if self.block.is_full_with(bytes) || self.begins_otherwise(key) {
            self.finish_block()?;
        }
        let totals = &mut self.root.totals;
        if totals.entries == 0 {
            self.root.first_key = key.to_vec();
        }
        if self.block.is_empty() {
            let separator = separator(&self.root.last_key, key);
            self.block_separator.clear();
            if totals.entries > 0 {
                self.block_separator.extend_from_slice(separator);
            }
            if self.section.blocks() == 0 {
                self.section_separator.clone_from(&self.block_separator);
            }
        }
        totals.entries += 1;
        totals.deleted += u64::from(value.is_none());
        totals.bytes += bytes as u64;
        let hash = xxh3_64(key);
        if self.hashes.len() == FILTER_KEYS {
            self.finish_filter();
        }
        if self.hashes.is_empty() {
            self.filter_key = key.to_vec();
        }
        self.hashes.push(hash);
        self.block.add(key, value);
        self.root.last_key.clear();
        self.root.last_key.extend_from_slice(key);
        Ok(())
    }

    /// Whether a key is of another kind than the one before.
    fn begins_otherwise(&self, key: &[u8]) -> bool {
        let kind = |key: &'_ [u8]| key.first_chunk::<KIND_BYTES>().copied();
        kind(key) != kind(&self.root.last_key)
    }

    fn finish_block(&mut self) -> Result<(), StateError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let place = self.stream.place();
        let buffer = &mut self.stream.buffer;
        self.block.finish(buffer, self.id, place);
        let length = (self.stream.place() - place) as usize;
        self.section.add_block(&self.block_separator, place, length);
        if self.section.is_full() {
            self.finish_section();
        }
        self.stream
            .write_if_full()
            .map_err(|source| io_error("writing a run", source))
    }

    fn finish_section(&mut self) {
        if self.section.blocks() == 0 {
            return;
        }
        let place = self.stream.place();
        let buffer = &mut self.stream.buffer;
        self.section.finish(buffer, self.id, place);
        let length = (self.stream.place() - place) as usize;
        self.root
            .add_section(&self.section_separator, place, length);
        for (first_key, filter) in std::mem::take(&mut self.pending) {
            self.put_filter(first_key, filter);
        }
    }

    fn finish_filter(&mut self) {
        let first_key = std::mem::take(&mut self.filter_key);
        self.pending
            .push((first_key, filter::lines_of(&self.hashes)));
        self.hashes.clear();
    }

    fn put_filter(&mut self, first_key: Vec<u8>, filter: Vec<u8>) {
        let place = self.stream.place();
        filter::put_pages(&filter, &mut self.stream.buffer, self.id, place);
        self.root.filters.push(FilterPlace {
            first_key,
            place,
            lines: filter::lines(&filter),
        });
        let kept = self.room.keep(filter);
        self.filters.push(
            kept.map(|kept| OnceLock::from(Some(kept)))
                .unwrap_or_default(),
        );
    }

    /// Writes what is left and the root, not durably yet; `None` if there was no entry.
    pub(super) fn finish(mut self) -> Result<Option<Run>, StateError> {
        if self.root.totals.entries == 0 {
            return Ok(None);
        }
        // Before the last section, behind which it stands.
        self.finish_filter();
        self.finish_block()?;
        self.finish_section();
        let error = |source| io_error("writing a run", source);
        let root_place = self.stream.place();
        let root_bytes = loop {
            let root_bytes = self.root.encode();
            let length = root_bytes.len() as u64;
            let copy = place_of_copy(root_place, length).unwrap_or(root_place);
            let end = copy + length;
            let chunks = self.stream.reach(end).map_err(error)?;
            if chunks == self.root.chunks {
                break root_bytes;
            }
            self.root.chunks = chunks.to_vec();
        };
        self.stream.buffer.extend_from_slice(&root_bytes);
        self.stream.repeat(root_bytes.len());
        let chunks = self.stream.finish().map_err(error)?;
        self.root.index();
        let place = RunPlace {
            run: self.id,
            root: root_place,
            root_bytes: root_bytes.len() as u64,
            root_checksum: xxh3_64(&root_bytes),
            root_chunks: chunks_from(chunks.ranges(), root_place),
        };
        let mut run = Run::new(place, self.root, &self.disk, &self.cache, chunks);
        run.filters = self.filters;
        Ok(Some(run))
    }
}

/// The chunks of a stream from the one on in which `place` lies.
fn chunks_from(ranges: &[(u32, u32)], place: u64) -> Vec<(u32, u32)> {
    let mut skipped = (place / CHUNK_BYTES as u64) as u32;
    let mut rest = Vec::new();
    for (first, count) in ranges {
        let skip = skipped.min(*count);
        skipped -= skip;
        if skip < *count {
            rest.push((first + skip, count - skip));
        }
    }
    rest
}
