//! The state store over sorted runs in one file.
//!
//! - What is applied stays in an ordered map in memory (`memory.rs`). A checkpoint writes it as a *run*: entries in key
//!   order, in blocks with checksums, with an index for every few blocks and a filter for every million keys (`run.rs`,
//!   `section.rs`, `filter.rs`). When the map is full before a checkpoint comes, it becomes a run as well, that is
//!   durable with the next checkpoint.
//! - A reader looks into the map and then into the runs, the newest first. The first that knows the key tells.
//! - A thread merges runs, so that there are few of them and superseded values go (`plan.rs`, `merging.rs`).
//! - The file is divided into chunks that belong to runs or are free (`disk.rs`). What is named by the head on the disk
//!   is never written to. A checkpoint writes new runs and their list into free chunks, syncs, writes a head that names
//!   the list and syncs again; a crash leaves the head before or this one (`head.rs`). Nothing is repaired at opening; the
//!   head is written once more, as a failed sync may have left it in the system's memory alone.
//! - The log is the store's write-ahead log: what is in memory only comes from there again.
//! - Damage is an error for whoever needs the block that it is in, and for nobody else.

mod block;
mod cache;
mod cursor;
mod disk;
mod filter;
mod gaps;
mod head;
mod memory;
mod merging;
mod opened_head;
mod parts;
mod plan;
mod root;
mod run;
mod section;
mod stop;
mod view;

use crate::file::FileBackend;
use crate::meter::{Meter, Metered};
use crate::read_only::WritesInMemory;
use crate::space::{Patience, Waiting};
use crate::{
    Batch, EncryptedBackend, Snapshot, Space, StateError, StateOptions, StateStats, StateStore,
};
use arc_swap::ArcSwap;
use cache::BlockCache;
use disk::{Disk, Owned};
use filter::FilterRoom;
use gaps::Gaps;
pub(crate) use head::EMPTY_BYTES;
use head::Head;
use memory::Memory;
use merging::{Control, RUNS_MAX};
use opened_head::{RUNS_SKIPPED, open_head, write_again};
use parking_lot::Mutex;
pub(crate) use parts::read_as_parts;
use redb::StorageBackend;
use run::{Run, RunWriter};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use stop::Stop;
use view::View;
use xxhash_rust::xxh3::xxh3_64;

/// The part of the cache that is kept for what is not written yet.
const MEMORY_PART: usize = 4;
/// The part of the cache that is kept for filters.
const FILTER_PART: usize = 8;
/// Most bytes of a key and its value.
const ENTRY_BYTES_MAX: usize = 64 << 20;
/// A [`StateStore`] of sorted runs in one file.
pub struct RunStore {
    shared: Arc<Shared>,
    /// Held while a batch or checkpoint runs.
    writing: Mutex<()>,
    merging: Option<JoinHandle<()>>,
}

/// What the store and its merging thread share.
struct Shared {
    disk: Arc<Disk>,
    cache: Arc<BlockCache>,
    filter_room: Arc<FilterRoom>,
    view: ArcSwap<View>,
    /// Held while the view changes.
    installing: Mutex<()>,
    durable: Mutex<Durable>,
    durable_position: AtomicU64,
    /// Whether the head is sure to be on the disk: there may have been no room to write it again when it was found.
    is_head_safe: AtomicBool,
    next_run: AtomicU64,
    stop: Arc<Stop>,
    control: Control,
    meter: Arc<Meter>,
    patience: Arc<Patience>,
    memory_bytes_max: usize,
    start_bytes_max: usize,
    /// Bytes in memory that are to be written.
    unwritten_bytes: Arc<AtomicUsize>,
    /// Merges that have ended, and the bytes of keys and values that they have gone through.
    merges: AtomicU64,
    merged_bytes: AtomicU64,
}

/// What the head on the disk says, and what it reaches.
struct Durable {
    head: Head,
    _list: Owned,
    runs: Arc<[Arc<Run>]>,
    /// What heads reach that may be on the disk or not.
    uncertain: Vec<(Owned, Arc<[Arc<Run>]>)>,
}

impl Durable {
    /// Whether a view whose memory is empty shows what this has.
    fn is(&self, view: &View) -> bool {
        let ids = |runs: &[Arc<Run>]| runs.iter().map(|run| run.id()).collect::<Vec<_>>();
        self.head.position == view.position && ids(&self.runs) == ids(&view.runs)
    }
}

fn io_error(doing: &'static str, source: io::Error) -> StateError {
    match source.kind() {
        io::ErrorKind::InvalidData => damaged(doing, "a place lies outside of the file".to_owned()),
        _ => StateError::Io { doing, source },
    }
}

fn damaged(doing: &'static str, detail: String) -> StateError {
    StateError::Damaged { doing, detail }
}

/// Where the magic number of such a store stands, at one place at least.
pub(crate) fn head_places() -> impl Iterator<Item = u64> {
    head::places()
}

pub(crate) fn is_magic(start: &[u8]) -> bool {
    start.starts_with(&head::MAGIC)
}

/// Whether the backend holds such a store that is not encrypted. What can't be read there is told when heads are read.
fn is_plain(backend: &impl StorageBackend) -> Result<bool, StateError> {
    let length = backend
        .len()
        .map_err(|source| io_error("opening", source))?;
    let is_magic_at = |place: u64| {
        let mut start = [0; head::MAGIC.len()];
        let is_inside = place + start.len() as u64 <= length;
        is_inside && backend.read(place, &mut start).is_ok() && is_magic(&start)
    };
    Ok(head::places().any(is_magic_at))
}

impl RunStore {
    /// Opens or creates the store in `backend`, encrypted if the options have a cipher.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if the backend holds something else, [`StateError::NotEncrypted`] if it holds a plain
    /// store and the options have a cipher, [`StateError::UnknownFormat`] for a newer layout, [`StateError::Io`] if
    /// reading or writing fails.
    pub fn open(backend: impl StorageBackend, options: StateOptions) -> Result<Self, StateError> {
        Self::open_with_space(backend, None, options)
    }

    /// As [`RunStore::open`], over a backend whose disk tells what room it has.
    ///
    /// # Errors
    /// Those of [`RunStore::open`].
    pub fn open_with_space(
        backend: impl StorageBackend,
        space: Option<Arc<dyn Space>>,
        options: StateOptions,
    ) -> Result<Self, StateError> {
        let mut store = Self::open_any(backend, space, &options)?;
        let shared = store.shared.clone();
        let merging = std::thread::Builder::new()
            .name("state-merging".to_owned())
            .spawn(move || shared.keep_merging())
            .map_err(|source| io_error("starting the thread that merges", source))?;
        store.merging = Some(merging);
        store.shared.control.wake();
        Ok(store)
    }

    /// Opens the store in `backend` without changing it: whatever is written stays in memory.
    ///
    /// # Errors
    /// Those of [`RunStore::open`].
    pub fn open_read_only(
        backend: impl StorageBackend,
        options: StateOptions,
    ) -> Result<Self, StateError> {
        let backend = WritesInMemory::new(backend).map_err(|source| io_error("opening", source))?;
        let store = Self::open_any(backend, None, &options)?;
        // Nobody merges.
        store.shared.control.end();
        Ok(store)
    }

    /// Opens or creates the store in the file at `path`, which no other process may have open.
    ///
    /// # Errors
    /// Those of [`RunStore::open`], and [`StateError::Locked`].
    pub fn open_file(path: &Path, options: StateOptions) -> Result<Self, StateError> {
        let backend = FileBackend::open(path)?.with_cold_reads(options.cold_reads.clone());
        let space = backend.space()?;
        Self::open_with_space(backend, Some(space), options)
    }

    /// A store without a file, gone when it is dropped.
    ///
    /// # Errors
    /// None that are expected; creation goes the way of a file's.
    pub fn in_memory(options: StateOptions) -> Result<Self, StateError> {
        let options = StateOptions {
            cipher: None,
            ..options
        };
        Self::open(redb::backends::InMemoryBackend::new(), options)
    }

    fn open_any(
        backend: impl StorageBackend,
        space: Option<Arc<dyn Space>>,
        options: &StateOptions,
    ) -> Result<Self, StateError> {
        match options.cipher.clone() {
            None => Self::open_plain(backend, space, options),
            Some(_) if is_plain(&backend)? => Err(StateError::NotEncrypted),
            Some(cipher) => {
                Self::open_plain(EncryptedBackend::new(backend, cipher), space, options)
            }
        }
    }

    fn open_plain(
        backend: impl StorageBackend,
        space: Option<Arc<dyn Space>>,
        options: &StateOptions,
    ) -> Result<Self, StateError> {
        let unwritten_bytes = Arc::new(AtomicUsize::new(0));
        let free_bytes = Arc::new(AtomicU64::new(0));
        let (unwritten, free) = (unwritten_bytes.clone(), free_bytes.clone());
        let patience = Arc::new(Patience::new(space.clone(), move |_| {
            let unwritten = unwritten.load(Ordering::Relaxed) as u64;
            unwritten.saturating_sub(free.load(Ordering::Relaxed))
        }));
        let (metered, meter) = Metered::new(Waiting::new(backend, patience.clone()));
        let memory_bytes_max = options.cache_bytes / MEMORY_PART;
        let filter_bytes_max = options.cache_bytes / FILTER_PART;
        let filter_room = Arc::new(FilterRoom::new(filter_bytes_max));
        let block_bytes_max = options.cache_bytes - memory_bytes_max - filter_bytes_max;
        let cache = Arc::new(BlockCache::new(block_bytes_max as u64));
        let stop = Arc::new(Stop::default());
        let (head, is_safe) = open_head(&metered)?;
        let disk = Disk::new(Box::new(metered), space, free_bytes)
            .map_err(|source| io_error("opening", source))?;
        let disk = Arc::new(disk);
        let (places, list) = head.runs(&disk)?;
        let runs = places
            .into_iter()
            .map(|place| Run::open(place, &disk, &cache, &filter_room).map(Arc::new))
            .collect::<Result<Arc<[_]>, _>>()?;
        if options.verify {
            head.check_list(&disk)?;
            runs.iter().try_for_each(|run| run.check())?;
        }
        let memory = Arc::new(Memory::new(memory_bytes_max));
        let view = View {
            position: head.position,
            batch: 0,
            gaps: Arc::new(Gaps::new(memory.clone())),
            memory,
            runs: runs.clone(),
            stop: stop.clone(),
        };
        let shared = Shared {
            disk,
            cache,
            filter_room,
            view: ArcSwap::from_pointee(view),
            installing: Mutex::default(),
            // Of a head that may be gone with the power, nobody is to rely on the position.
            durable_position: AtomicU64::new(if is_safe { head.position } else { 0 }),
            is_head_safe: AtomicBool::new(is_safe),
            next_run: AtomicU64::new(head.next_run + RUNS_SKIPPED),
            durable: Mutex::new(Durable {
                head,
                _list: list,
                runs,
                uncertain: Vec::new(),
            }),
            stop,
            control: Control::default(),
            meter,
            patience,
            memory_bytes_max,
            start_bytes_max: options.start_bytes_max,
            unwritten_bytes,
            merges: AtomicU64::new(0),
            merged_bytes: AtomicU64::new(0),
        };
        Ok(Self {
            shared: Arc::new(shared),
            writing: Mutex::default(),
            merging: None,
        })
    }

    fn end_merging(&mut self) {
        self.shared.control.end();
        if let Some(merging) = self.merging.take()
            && merging.join().is_err()
        {
            tracing::error!(
                "merging of the state's runs ended with a panic; they stay as they were"
            );
        }
    }
}

impl Shared {
    fn new_run(&self) -> RunWriter {
        let id = self.next_run.fetch_add(1, Ordering::Relaxed);
        RunWriter::new(
            id,
            self.disk.clone(),
            self.cache.clone(),
            self.filter_room.clone(),
        )
    }

    /// Writes what is in memory as a run, not durably yet. Only whoever applies calls it.
    fn flush(&self) -> Result<(), StateError> {
        let view = self.view.load_full();
        if view.memory.is_empty() {
            return Ok(());
        }
        self.make_head_safe()?;
        self.await_fewer_runs();
        let mut writer = self.new_run();
        let (from, to) = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
        let mut cursor = view.memory.cursor(from, to, false, view.batch);
        while let Some(key) = cursor.key() {
            let value = cursor.value();
            if value.is_some() || View::is_needed(&view.runs, key) {
                writer.add(key, value)?;
            }
            cursor.advance();
        }
        let run = writer.finish()?.map(Arc::new);
        let memory = Arc::new(Memory::new(self.memory_bytes_max));
        view.gaps.go_on_in(memory.clone());
        self.install(|view| View {
            memory,
            runs: run.iter().chain(view.runs.iter()).cloned().collect(),
            ..view.clone()
        });
        self.unwritten_bytes.store(0, Ordering::Relaxed);
        self.control.wake();
        Ok(())
    }

    fn is_head_safe(&self) -> bool {
        self.is_head_safe.load(Ordering::Acquire)
    }

    /// Writes the head that was found at opening once more, if there was no room for that then. Whoever is about to write
    /// does this first.
    fn make_head_safe(&self) -> Result<(), StateError> {
        match self.is_head_safe() {
            true => Ok(()),
            false => self.make_this_safe(&self.durable.lock().head),
        }
    }

    /// As [`Shared::make_head_safe`], with the lock of what is durable in the caller's hands.
    fn make_this_safe(&self, head: &Head) -> Result<(), StateError> {
        if self.is_head_safe() {
            return Ok(());
        }
        // Again all of it after a failed sync: nothing else was written that it was to make safe.
        write_again(head, self.disk.backend())
            .map_err(|source| io_error("writing the head again", source))?;
        self.durable_position
            .store(head.position, Ordering::Release);
        self.is_head_safe.store(true, Ordering::Release);
        Ok(())
    }

    fn install(&self, change: impl FnOnce(&View) -> View) {
        let _installing = self.installing.lock();
        let view = change(&self.view.load());
        self.view.store(Arc::new(view));
    }

    /// Writes a list of runs and a head that names it, and makes it all durable.
    fn publish(
        &self,
        durable: &mut Durable,
        position: u64,
        runs: Arc<[Arc<Run>]>,
    ) -> Result<(), StateError> {
        // Somebody else may have failed while this was waited for.
        self.stop.check()?;
        self.make_this_safe(&durable.head)?;
        let error = |source| io_error("writing a checkpoint", source);
        let mut head = durable.head.clone();
        head.number += 1;
        head.position = position;
        head.next_run = self.next_run.load(Ordering::Relaxed);
        let places: Vec<_> = runs.iter().map(|run| run.place.clone()).collect();
        let list = head.write_list(&self.disk, &places).map_err(error)?;
        let written = self
            .disk
            .sync()
            .and_then(|()| head.write(self.disk.backend()))
            .and_then(|()| self.disk.sync());
        if let Err(source) = written {
            // The head may be on the disk: nothing that it reaches may be written to. And what a failed sync was to make
            // safe may be gone, for lack of room too. So nobody goes on, while nobody else has the lock.
            durable.uncertain.push((list, runs));
            return self.stop.note_write(Err(error(source)));
        }
        *durable = Durable {
            head,
            _list: list,
            runs,
            uncertain: Vec::new(),
        };
        self.durable_position.store(position, Ordering::Release);
        self.disk.cut().map_err(error)
    }

    fn checkpoint(&self) -> Result<u64, StateError> {
        self.flush()?;
        let mut durable = self.durable.lock();
        let view = self.view.load_full();
        let position = view.position;
        if durable.is(&view) {
            self.make_this_safe(&durable.head)?;
            return Ok(position);
        }
        self.publish(&mut durable, position, view.runs.clone())?;
        drop((durable, view));
        // Nobody has what was merged before any more, and so there may be a place for filters.
        self.control.wake();
        Ok(position)
    }

    fn apply(&self, batch: Batch, position: u64) -> Result<(), StateError> {
        if self.is_memory_full() {
            self.flush()?;
        }
        let view = self.view.load_full();
        let number = view.batch + 1;
        let operations = batch.into_sorted();
        for (key, value) in &operations {
            let hash = xxh3_64(key);
            view.memory.put(key, hash, number, value.as_deref());
        }
        let bytes = view.memory.bytes();
        self.unwritten_bytes.store(bytes, Ordering::Relaxed);
        let put = operations.iter().filter(|(_, value)| value.is_some());
        let put = put.map(|(key, _)| key.as_ref());
        view.gaps.show(number, put, || {
            self.install(|view| View {
                position,
                batch: number,
                ..view.clone()
            });
        });
        Ok(())
    }

    /// A start that finds the disk full keeps more in memory than usual, so that what the log still has can be read.
    fn is_memory_full(&self) -> bool {
        let bytes = self.view.load().memory.bytes();
        if bytes < self.memory_bytes_max {
            return false;
        }
        let may_grow = bytes < self.start_bytes_max && !self.patience.waits();
        !(may_grow && self.patience.look().is_err())
    }

    /// See [`StateStore::check_start`]. Nobody waits for it.
    fn check_start(&self, goes_on: &dyn Fn() -> bool) -> Result<(), StateError> {
        let durable = || {
            let durable = self.durable.lock();
            (durable.head.clone(), durable.runs.clone())
        };
        let (mut head, mut runs) = durable();
        // Until the head is safe, the one before it may count.
        while self.is_head_safe() {
            let checked = head.check(self.disk.backend());
            let checked = checked.and_then(|()| head.check_list(&self.disk));
            let (head_now, runs_now) = durable();
            if checked.is_err() && head_now.number != head.number {
                // A checkpoint came meanwhile, and may have written over it.
                (head, runs) = (head_now, runs_now);
                continue;
            }
            checked?;
            let mut runs = runs.iter().take_while(|_| goes_on());
            return runs.try_for_each(|run| run.check_start(goes_on));
        }
        Ok(())
    }

    /// Waits while there are too many runs, if merging makes them fewer.
    fn await_fewer_runs(&self) {
        self.control
            .wait_while(|merging| self.view.load().runs.len() >= RUNS_MAX + merging);
    }
}

impl StateStore for RunStore {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.shared.view.load_full()
    }

    fn apply(&self, batch: Batch, position: u64) -> Result<(), StateError> {
        let _writing = self.writing.lock();
        let shared = &self.shared;
        shared.stop.check()?;
        if let Some(bytes) = batch
            .largest_bytes()
            .filter(|bytes| *bytes > ENTRY_BYTES_MAX)
        {
            return Err(StateError::TooLarge { bytes });
        }
        let applied = self.position();
        if position < applied {
            return Err(StateError::OutOfOrder { position, applied });
        }
        let applied = shared.patience.writing(|| shared.apply(batch, position));
        shared.stop.note_write(applied)
    }

    fn checkpoint(&self) -> Result<u64, StateError> {
        let _writing = self.writing.lock();
        let shared = &self.shared;
        shared.stop.check()?;
        let saved = shared.patience.writing(|| shared.checkpoint());
        shared.stop.note_write(saved)
    }

    fn position(&self) -> u64 {
        self.shared.view.load().position
    }

    fn durable_position(&self) -> u64 {
        self.shared.durable_position.load(Ordering::Acquire)
    }

    fn look_for_room(&self) -> Result<(), StateError> {
        self.shared.patience.look()
    }

    fn await_room(&self) {
        self.shared.patience.wait();
    }

    fn set_waits_for_room(&self, waits: bool) {
        self.shared.patience.set_waits(waits);
    }

    fn abandon(&self) {
        self.shared.control.end();
        self.shared.patience.abandon();
    }

    fn no_room(&self) -> Option<String> {
        self.shared.patience.reason()
    }

    fn failure(&self) -> Option<String> {
        self.shared.stop.reason().map(str::to_owned)
    }

    fn stats(&self) -> StateStats {
        let shared = &self.shared;
        let view = shared.view.load();
        StateStats {
            free_bytes: shared.disk.free_bytes(),
            memory_bytes: view.memory.bytes() as u64,
            runs: view.runs.len() as u64,
            merges: shared.merges.load(Ordering::Relaxed),
            merged_bytes: shared.merged_bytes.load(Ordering::Relaxed),
            ..shared.meter.read()
        }
    }

    fn format(&self) -> u64 {
        u64::from(head::FORMAT)
    }

    fn check_start(&self, goes_on: &dyn Fn() -> bool) -> Result<(), StateError> {
        self.shared.check_start(goes_on)
    }

    fn claim(&self, store_id: [u8; 16]) -> Result<(), StateError> {
        let _writing = self.writing.lock();
        let shared = &self.shared;
        shared.stop.check()?;
        let mut durable = shared.durable.lock();
        match durable.head.store_id {
            Some(known) if known == store_id => return Ok(()),
            Some(_) => return Err(StateError::OtherStore),
            None => {}
        }
        // What is written again is the head that was found.
        shared
            .stop
            .note_write(shared.make_this_safe(&durable.head))?;
        durable.head.store_id = Some(store_id);
        let (position, runs) = (durable.head.position, durable.runs.clone());
        let published = shared.publish(&mut durable, position, runs);
        shared.stop.note_write(published)
    }

    fn check_owner(&self, store_id: [u8; 16]) -> Result<(), StateError> {
        match self.shared.durable.lock().head.store_id {
            Some(known) if known != store_id => Err(StateError::OtherStore),
            _ => Ok(()),
        }
    }
}

impl Drop for RunStore {
    fn drop(&mut self) {
        self.end_merging();
        let view = self.shared.view.load_full();
        let is_left = !view.memory.is_empty() || !self.shared.durable.lock().is(&view);
        if !is_left || self.shared.patience.is_abandoned() || self.failure().is_some() {
            return;
        }
        if let Err(error) = self.checkpoint() {
            tracing::error!(%error, "the state opens at its last checkpoint; the log has what came after");
        }
    }
}

#[cfg(test)]
mod tests;
