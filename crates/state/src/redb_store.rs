//! The state store over redb: a B-tree in one file, driven as a view of the log.
//!
//! What redb gives, and how it is used:
//! - A batch is a commit with `Durability::None`. Its pages stay in redb's write buffer (at most half
//!   of the cache, spilled to free space of the file beyond that), and pages that were written and
//!   superseded since the last durable commit are reused at once, so the file grows with what changes
//!   between two checkpoints and not with the number of batches. A read transaction pins the pages
//!   it sees, hence exactly one is kept, renewed after each commit.
//! - A checkpoint is a durable commit with quick repair: the allocator's state is saved with it, and
//!   opening after a crash takes milliseconds instead of a walk through the whole file. It implies
//!   two-phase commit, so the file always opens at the last checkpoint.
//! - The position is kept in a table beside the data and changes in the same commit.
//! - Each value carries a checksum that every read looks at (`value.rs`), and a panic over a damaged page
//!   becomes an error (`unwind.rs`).
//! - Dropping the store commits what was applied, unless it was abandoned. That is a checkpoint as well.

mod closing;
mod failure;
mod meta;
mod prefetch;
mod snapshot;
mod unwind;
mod value;

use crate::file::FileBackend;
use crate::meter::{Meter, Metered};
use crate::read_only::WritesInMemory;
use crate::space::{Patience, Waiting};
use crate::{
    Batch, EncryptedBackend, Operation, Snapshot, Space, StateError, StateOptions, StateStats,
    StateStore,
};
use arc_swap::ArcSwap;
use closing::Closing;
use failure::Failure;
use parking_lot::Mutex;
use redb::{
    Database, Durability, ReadableDatabase, StorageBackend, TableDefinition, WriteTransaction,
};
use snapshot::RedbSnapshot;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use unwind::or_damaged;
use value::ValueForm;

const DATA: TableDefinition<&[u8], &[u8]> = TableDefinition::new("data");
/// A [`StateStore`] in one redb file.
pub struct RedbStore {
    /// Before the database, so that closing finds no reader and can trim the file.
    shared: ArcSwap<RedbSnapshot>,
    form: ValueForm,
    database: Closing,
    /// Held while a batch or checkpoint runs; holds the failure that stopped the store.
    writing: Mutex<Option<String>>,
    failure: Failure,
    durable: AtomicU64,
    meter: Arc<Meter>,
    patience: Arc<Patience>,
    options: StateOptions,
}

impl RedbStore {
    /// Opens or creates the store in `backend`, encrypted if the options have a cipher.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if the backend holds something else, [`StateError::NotEncrypted`] if it holds a plain
    /// store and the options have a cipher, [`StateError::UnknownFormat`] for a newer layout, [`StateError::Io`] if
    /// reading or writing fails.
    pub fn open(backend: impl StorageBackend, options: StateOptions) -> Result<Self, StateError> {
        Self::open_with_space(backend, None, options)
    }

    /// As [`RedbStore::open`], over a backend whose disk tells what room it has.
    ///
    /// # Errors
    /// Those of [`RedbStore::open`].
    pub fn open_with_space(
        backend: impl StorageBackend,
        space: Option<Arc<dyn Space>>,
        options: StateOptions,
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
        options: StateOptions,
    ) -> Result<Self, StateError> {
        clear_unfinished_creation(&backend)?;
        let patience = Arc::new({
            // Most bytes that redb holds back and may have to write at once.
            let buffered_bytes_max = options.cache_bytes as u64 / 2;
            Patience::new(space, move |room| {
                room.unplaced_bytes.min(buffered_bytes_max)
            })
        });
        let (metered, meter) = Metered::new(Waiting::new(backend, patience.clone()));
        let failure = Failure::default();
        let (database, form, snapshot) = or_damaged("opening", || {
            let database = open_database(metered, &options)?;
            let form = meta::form(&database, options.checksums)?;
            let snapshot = read_snapshot(&database, form, &failure)?;
            Ok((database, form, snapshot))
        })?;
        Ok(Self {
            durable: AtomicU64::new(snapshot.position),
            shared: ArcSwap::from_pointee(snapshot),
            form,
            database: Closing::new(database),
            writing: Mutex::new(None),
            failure,
            meter,
            patience,
            options,
        })
    }

    /// Opens the store in `backend` without changing it: whatever is written stays in memory.
    ///
    /// # Errors
    /// Those of [`RedbStore::open`].
    pub fn open_read_only(
        backend: impl StorageBackend,
        options: StateOptions,
    ) -> Result<Self, StateError> {
        let backend = WritesInMemory::new(backend).map_err(|source| StateError::Io {
            doing: "opening",
            source,
        })?;
        Self::open(backend, options)
    }

    /// Opens or creates the store in the file at `path`, which no other process may have open.
    ///
    /// # Errors
    /// Those of [`RedbStore::open`], and [`StateError::Locked`].
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
        Self::open_plain(redb::backends::InMemoryBackend::new(), None, options)
    }

    /// Reads the pages of `keys` (sorted) with several threads, so that a write transaction, which
    /// is one thread, finds them in memory. [`StateStore::apply`] does this by itself for large
    /// batches.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn prefetch(&self, keys: &[&[u8]]) -> Result<(), StateError> {
        prefetch::read_ahead(&self.shared.load(), keys, self.options.prefetch_threads)
    }

    /// Reading ahead costs each key's search twice, which only pays when pages can be missing.
    fn prefetch_batch(&self, operations: &[Operation]) -> Result<(), StateError> {
        let fits_in_cache = self.meter.read().file_bytes <= self.options.cache_bytes as u64;
        if fits_in_cache || operations.len() < self.options.prefetch_keys_min {
            return Ok(());
        }
        let keys: Vec<&[u8]> = operations.iter().map(|(key, _)| key.as_ref()).collect();
        self.prefetch(&keys)
    }

    fn commit_batch(&self, operations: &[Operation], position: u64) -> Result<(), StateError> {
        let mut transaction = self
            .database
            .get()?
            .begin_write()
            .map_err(|e| StateError::from_redb("beginning a batch", e))?;
        transaction
            .set_durability(Durability::None)
            .map_err(|e| StateError::from_redb("beginning a batch", e))?;
        write_operations(&transaction, operations, self.form)?;
        meta::write_position(&transaction, position)?;
        transaction
            .commit()
            .map_err(|e| StateError::from_redb("applying a batch", e))
    }

    fn commit_durably(&self) -> Result<(), StateError> {
        let mut transaction = self
            .database
            .get()?
            .begin_write()
            .map_err(|e| StateError::from_redb("beginning a checkpoint", e))?;
        transaction.set_quick_repair(true);
        transaction
            .commit()
            .map_err(|e| StateError::from_redb("writing a checkpoint", e))
    }

    fn refresh_snapshot(&self) -> Result<(), StateError> {
        let snapshot = or_damaged("opening a snapshot", || {
            read_snapshot(self.database.get()?, self.form, &self.failure)
        })?;
        self.shared.store(Arc::new(snapshot));
        Ok(())
    }
}

impl StateStore for RedbStore {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.shared.load_full()
    }

    fn apply(&self, batch: Batch, position: u64) -> Result<(), StateError> {
        let mut stopped = self.writing.lock();
        refuse_if_stopped(&stopped)?;
        let applied = self.position();
        if position < applied {
            return Err(StateError::OutOfOrder { position, applied });
        }
        let operations = batch.into_sorted();
        self.failure.note(stop_on_failure(&mut stopped, || {
            self.prefetch_batch(&operations)?;
            self.patience.writing(|| {
                or_damaged("applying a batch", || {
                    self.commit_batch(&operations, position)
                })
            })?;
            self.refresh_snapshot()
        }))
    }

    fn checkpoint(&self) -> Result<u64, StateError> {
        let mut stopped = self.writing.lock();
        refuse_if_stopped(&stopped)?;
        let position = self.position();
        self.failure.note(stop_on_failure(&mut stopped, || {
            self.patience
                .writing(|| or_damaged("writing a checkpoint", || self.commit_durably()))?;
            self.durable.store(position, Ordering::Release);
            // The old read transaction would keep superseded pages from being reused.
            self.refresh_snapshot()
        }))?;
        Ok(position)
    }

    fn position(&self) -> u64 {
        self.shared.load().position
    }

    fn durable_position(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    fn look_for_room(&self) -> Result<(), StateError> {
        self.patience.look()
    }

    fn await_room(&self) {
        self.patience.wait();
    }

    fn set_waits_for_room(&self, waits: bool) {
        self.patience.set_waits(waits);
    }

    fn abandon(&self) {
        self.patience.abandon();
    }

    fn no_room(&self) -> Option<String> {
        self.patience.reason()
    }

    fn failure(&self) -> Option<String> {
        self.failure.reason()
    }

    fn stats(&self) -> StateStats {
        self.meter.read()
    }

    fn format(&self) -> u64 {
        meta::format_of(self.form)
    }

    fn claim(&self, store_id: [u8; 16]) -> Result<(), StateError> {
        let mut stopped = self.writing.lock();
        refuse_if_stopped(&stopped)?;
        self.failure.note(stop_on_failure(&mut stopped, || {
            or_damaged("reading the identity", || {
                meta::claim(self.database.get()?, store_id)
            })?;
            self.refresh_snapshot()
        }))
    }

    fn check_owner(&self, store_id: [u8; 16]) -> Result<(), StateError> {
        or_damaged("reading the identity", || {
            meta::is_claimed(self.database.get()?, store_id).map(drop)
        })
    }
}

fn refuse_if_stopped(stopped: &Option<String>) -> Result<(), StateError> {
    match stopped {
        None => Ok(()),
        Some(reason) => Err(StateError::Stopped {
            reason: reason.clone(),
        }),
    }
}

/// Runs a write. A failure that only reopening heals stops the store: a half-known state must not be
/// built upon.
fn stop_on_failure(
    stopped: &mut Option<String>,
    write: impl FnOnce() -> Result<(), StateError>,
) -> Result<(), StateError> {
    write().inspect_err(|error| {
        if error.remedy() != crate::Remedy::FixTheCall {
            *stopped = Some(error.to_string());
        }
    })
}

fn write_operations(
    transaction: &WriteTransaction,
    operations: &[Operation],
    form: ValueForm,
) -> Result<(), StateError> {
    let error = |e: redb::Error| StateError::from_redb("applying a batch", e);
    let mut table = transaction.open_table(DATA).map_err(|e| error(e.into()))?;
    let mut buffer = Vec::new();
    for (key, value) in operations {
        match value {
            Some(value) => table.insert(key.as_ref(), form.stored(key, value, &mut buffer)),
            None => table.remove(key.as_ref()),
        }
        .map_err(|e| error(e.into()))?;
    }
    Ok(())
}

fn open_database(
    backend: impl StorageBackend,
    options: &StateOptions,
) -> Result<Database, StateError> {
    Database::builder()
        .set_cache_size(options.cache_bytes)
        .set_check_integrity_on_open(options.verify)
        .set_repair_callback(|_| {
            tracing::warn!("state store was not closed cleanly and is being repaired");
        })
        .create_with_backend(backend)
        .map_err(|e| StateError::from_redb("opening", e))
}

fn read_snapshot(
    database: &Database,
    form: ValueForm,
    failure: &Failure,
) -> Result<RedbSnapshot, StateError> {
    let error = |e: redb::Error| StateError::from_redb("opening a snapshot", e);
    let transaction = database.begin_read().map_err(|e| error(e.into()))?;
    let position = meta::position(&transaction)?;
    let table = transaction.open_table(DATA).map_err(|e| error(e.into()))?;
    Ok(RedbSnapshot {
        position,
        form,
        table,
        failure: failure.clone(),
    })
}

const MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";

/// Whether the backend holds a redb file that is not encrypted.
fn is_plain(backend: &impl StorageBackend) -> Result<bool, StateError> {
    let io = |source| StateError::Io {
        doing: "opening",
        source,
    };
    if backend.len().map_err(io)? < MAGIC.len() as u64 {
        return Ok(false);
    }
    let mut start = [0; MAGIC.len()];
    backend.read(0, &mut start).map_err(io)?;
    Ok(is_magic(&start))
}

/// Whether a file begins as redb's do.
pub(crate) fn is_magic(start: &[u8]) -> bool {
    start.starts_with(&MAGIC)
}

/// Whether a file is so short that it may be one that was never finished being created.
pub(crate) fn may_be_unfinished(length: u64) -> bool {
    const NEW_FILE_BYTES_MAX: u64 = 2 << 20;
    length <= NEW_FILE_BYTES_MAX
}

/// redb makes a new file large enough first and then writes its header, whose magic number it syncs
/// before anything is committed. A crash between the two leaves a file that redb refuses for ever, though nothing
/// was ever stored in it: start over.
fn clear_unfinished_creation(backend: &impl StorageBackend) -> Result<(), StateError> {
    const MAGIC_BYTES: usize = 9;
    let io = |source| StateError::Io {
        doing: "opening",
        source,
    };
    let length = backend.len().map_err(io)?;
    if length == 0 || !may_be_unfinished(length) {
        return Ok(());
    }
    let mut start = [0; MAGIC_BYTES];
    let known = start
        .len()
        .min(usize::try_from(length).unwrap_or(MAGIC_BYTES));
    backend.read(0, &mut start[..known]).map_err(io)?;
    if start != [0; MAGIC_BYTES] {
        return Ok(());
    }
    tracing::warn!("state store was never finished being created; creating it anew");
    backend.set_len(0).map_err(io)?;
    backend.sync_data().map_err(io)
}
