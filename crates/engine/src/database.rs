//! The database: it owns log, state, overlay and catalog, and opens them into a consistent whole.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use headwater_changelog::{FilesLock, Log, LogError, Removed, SegmentSummary};
use headwater_model::{Clock, Rng, Sequence};
use headwater_state::{StateStats, StateStore};
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::applier::Applier;
use crate::backfill::FilledIndexes;
use crate::catalog::Catalog;
use crate::data_folder::DataFolder;
use crate::error::EngineError;
use crate::features::Unknown;
use crate::history_holds::HistoryHolds;
use crate::item_collections::KnownCollections;
use crate::latches::Latches;
use crate::log_needs::{DurableNeeds, LogNeeds};
use crate::options::EngineOptions;
use crate::overlay::Overlay;
use crate::verify::Verification;

/// Longest time between two looks at what is due.
const DUE_INTERVAL_MS_MAX: u64 = 60_000;
/// Time until upkeep that failed is tried again.
const UPKEEP_RETRY_MS: u64 = 5_000;
/// Files of trimmed segments that are removed in one go, and open until their space is free.
const REMOVED_FILES: usize = 128;

/// All permits that nobody has, if there are any.
fn take_all(held: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    let count = u32::try_from(held.available_permits()).ok()?;
    let taken = held.clone().try_acquire_many_owned(count).ok()?;
    (count > 0).then_some(taken)
}

/// Gives the space of removed files back, and removes what there was no permit for.
fn free(mut removed: Removed, log: &Log, mut permits: OwnedSemaphorePermit) {
    loop {
        let (count, left) = (removed.len(), removed.left);
        // Those that were not needed are for others.
        drop(permits.split(permits.num_permits().saturating_sub(count)));
        drop(removed);
        if left == 0 {
            return;
        }
        removed = match log.remove_trimmed(permits.num_permits()) {
            Ok(more) if more.is_empty() => return,
            Ok(more) => more,
            Err(error) => {
                tracing::warn!(%error, "a trimmed segment keeps its file until the next look");
                return;
            }
        };
    }
}

/// An open database. Clones share it.
#[derive(Clone)]
pub struct Database {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) options: EngineOptions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) log: Arc<Log>,
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) overlay: Arc<Overlay>,
    pub(crate) latches: Latches,
    pub(crate) catalog: Catalog,
    /// Sizes of item collections.
    pub(crate) collections: Arc<KnownCollections>,
    /// When it was opened, by its clock.
    pub(crate) opened_ms: u64,
    /// Wakes the keeper when something may have become due earlier.
    pub(crate) due: Arc<Notify>,
    /// Wakes whoever copies items into new tables.
    pub(crate) copy_due: Notify,
    /// Held by whoever does.
    pub(crate) copying: tokio::sync::Mutex<()>,
    pub(crate) filled_indexes: Arc<FilledIndexes>,
    /// Of whoever reads the history of tables.
    pub(crate) history_holds: Arc<Mutex<HistoryHolds>>,
    /// What the catalog on the disk keeps the log for.
    stored_needs: Mutex<DurableNeeds>,
    applier: Mutex<Option<JoinHandle<()>>>,
    /// A permit for each removed file that may be open until its space is free.
    held_files: Arc<Semaphore>,
    /// Of the data folder, if there is one.
    folder_lock: Mutex<Option<FilesLock>>,
    pub(crate) folder: OnceLock<DataFolder>,
    pub(crate) verification: Verification,
    is_closing: AtomicBool,
}

/// What opening found and did.
#[derive(Clone, Copy, Debug)]
pub struct Opened {
    /// Entries that were applied from the log.
    pub replayed: usize,
    /// Position of the state after that.
    pub position: Sequence,
}

impl Database {
    /// Opens the database over an opened log and state: brings the state up to the end of the log, reads
    /// the catalog and starts the applier.
    ///
    /// # Errors
    /// [`EngineError::StateAheadOfLog`] if log files are missing, [`EngineError::StateBehindLog`] if the
    /// state was lost and the log has been trimmed; [`EngineError::UnknownFeatures`]; damage in log, state or catalog.
    pub fn open(
        log: Log,
        state: Arc<dyn StateStore>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        options: EngineOptions,
    ) -> Result<(Database, Opened), EngineError> {
        Unknown::of_state(state.snapshot().as_ref())?.refuse()?;
        let log = Arc::new(log);
        let end = log.durable();
        if state.position() > end.0 {
            return Err(EngineError::StateAheadOfLog {
                state: state.position(),
                log: end.0,
            });
        }
        check_reaches(Sequence(state.position()), &log)?;
        let due = Arc::new(Notify::new());
        let filled = Arc::new(FilledIndexes::new(due.clone()));
        let (filling, settings) = (filled.clone(), options.clone());
        let mut applier = Applier::new(state.clone(), log.clone(), settings, filling)?;
        let replayed = applier.replay()?;
        log.checkpointed(Sequence(state.durable_position()));
        let catalog = Catalog::load(state.snapshot().as_ref())?;
        let needs = LogNeeds::of(&catalog.maps.read(), end, options.retention_ms);
        let position = Sequence(state.position());
        let overlay = Arc::new(Overlay::new(
            options.overlay_bytes_max,
            options.item_cache_bytes_max,
            position,
        ));
        state.set_waits_for_room(true);
        let thread = spawn_applier(applier, &log, &state, overlay.clone())?;
        let inner = Inner {
            collections: Arc::new(KnownCollections::new(options.known_collections_max)),
            options,
            opened_ms: clock.now_ms(),
            clock,
            rng,
            log,
            state,
            overlay,
            latches: Latches::new(),
            catalog,
            due,
            copy_due: Notify::new(),
            copying: tokio::sync::Mutex::default(),
            filled_indexes: filled,
            history_holds: Arc::default(),
            stored_needs: Mutex::new(DurableNeeds::new(needs)),
            applier: Mutex::new(Some(thread)),
            held_files: Arc::new(Semaphore::new(REMOVED_FILES)),
            folder_lock: Mutex::new(None),
            folder: OnceLock::new(),
            verification: Verification::default(),
            is_closing: AtomicBool::new(false),
        };
        let database = Database {
            inner: Arc::new(inner),
        };
        database.name_features()?;
        Ok((database, Opened { replayed, position }))
    }

    /// The change log, for readers.
    pub fn log(&self) -> &Log {
        &self.inner.log
    }

    /// A time, in milliseconds, that no change that was made so far is after: the clock's, unless that was set back.
    pub fn latest_ms(&self) -> u64 {
        let appended_ms = self.inner.log.appended().ms();
        self.inner.clock.now_ms().max(appended_ms)
    }

    /// How far the last change lies ahead of the clock: some seconds at most, unless the clock was set back.
    pub fn log_ahead_ms(&self) -> u64 {
        let appended_ms = self.inner.log.appended().ms();
        appended_ms.saturating_sub(self.inner.clock.now_ms())
    }

    /// The clock that the database runs on.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// The settings that it was opened with.
    pub fn options(&self) -> &EngineOptions {
        &self.inner.options
    }

    /// Whether all that the database writes is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.inner.log.is_encrypted()
    }

    /// The randomness that it was opened with.
    pub fn rng(&self) -> &Arc<dyn Rng> {
        &self.inner.rng
    }

    /// Bytes in the overlay: in the log, and not yet in the state.
    pub fn overlay_bytes(&self) -> usize {
        self.inner.overlay.bytes()
    }

    /// Why writes are refused for lack of room on the disk, if they are. Reads go on, and so do writes when there is
    /// room again.
    pub fn no_room(&self) -> Option<Arc<str>> {
        let of_log = self.inner.log.no_room();
        of_log.or_else(|| self.inner.state.no_room().map(Arc::from))
    }

    /// What goes through the state's file, and what it holds.
    pub fn state_stats(&self) -> StateStats {
        self.inner.state.stats()
    }

    /// What failed in the state's file, if something did: then what is not in memory may not be read, and writes end, until
    /// the database is opened again.
    pub fn state_failure(&self) -> Option<String> {
        self.inner.state.failure()
    }

    /// Refuses what would write more onto a full disk.
    pub(crate) fn check_room(&self) -> Result<(), EngineError> {
        match self.no_room() {
            None => Ok(()),
            Some(reason) => Err(LogError::NoRoom { reason }.into()),
        }
    }

    /// Position up to which the state holds the log.
    pub fn applied(&self) -> Sequence {
        Sequence(self.inner.state.position())
    }

    /// Does what is due by the clock: finishes deletions, rolls shards over, forgets what is past its
    /// retention, deletes expired items, makes backups and restores. Returns when that is durable; [`Database::keep`] does it when its time has
    /// come.
    ///
    /// # Errors
    /// [`EngineError::Log`] if the log takes no more.
    pub async fn run_due(&self) -> Result<(), EngineError> {
        self.run_upkeep().await?;
        while self.expire_items().await? {}
        self.finish_copies().await
    }

    async fn run_upkeep(&self) -> Result<(), EngineError> {
        let changed = self.change_what_is_due().await;
        // Trimming needs no room, and makes some.
        self.trim_log().await?;
        changed
    }

    async fn change_what_is_due(&self) -> Result<(), EngineError> {
        self.drop_gone_tables().await?;
        self.settle_indexes().await?;
        self.expire_backups().await?;
        self.roll_due_shards().await?;
        self.expire_shards().await
    }

    /// Keeps the database by its clock until the log ends or this future is dropped.
    pub async fn keep(&self) {
        tokio::join!(self.keep_up(), self.keep_expiring(), self.keep_copying());
    }

    /// Copies items into tables that are being made while the log takes them.
    async fn keep_copying(&self) {
        loop {
            let database = self.clone();
            let pass = apart(async move { database.finish_copies().await }).await;
            if self.inner.log.poisoned().is_some() {
                return;
            }
            match pass {
                Ok(()) => self.inner.copy_due.notified().await,
                Err(error) => {
                    tracing::warn!(%error, "copying items into a new table failed and is tried again");
                    let now_ms = self.inner.clock.now_ms();
                    let retry_ms = now_ms.saturating_add(UPKEEP_RETRY_MS);
                    self.inner.clock.sleep_until(retry_ms).await;
                }
            }
        }
    }

    /// Deletes expired items while the log takes them.
    async fn keep_expiring(&self) {
        let (mut more, mut failed) = (false, false);
        loop {
            let now_ms = self.inner.clock.now_ms();
            if !more {
                let next_ms = now_ms.saturating_add(self.inner.options.ttl_interval_ms.max(1));
                self.inner.clock.sleep_until(next_ms).await;
            }
            if self.inner.log.poisoned().is_some() {
                return;
            }
            let database = self.clone();
            let pass = apart(async move { database.expire_items().await }).await;
            // What is expired stays so until the next pass.
            more = match pass {
                Ok(more) => {
                    failed = false;
                    more
                }
                // Said once: a full disk stays so for many passes.
                Err(error) => {
                    if !failed {
                        tracing::warn!(%error, "expired items stay, and are deleted later");
                    }
                    failed = true;
                    false
                }
            };
        }
    }

    async fn keep_up(&self) {
        loop {
            let next_ms = self.next_due_ms();
            tokio::select! {
                () = self.inner.clock.sleep_until(next_ms) => {}
                () = self.inner.due.notified() => {}
            }
            let database = self.clone();
            let Err(error) = apart(async move { database.run_upkeep().await }).await else {
                continue;
            };
            if self.inner.log.poisoned().is_some() {
                tracing::error!(%error, "upkeep ends");
                return;
            }
            // What is due stays due: without a pause it would be tried at once.
            tracing::warn!(%error, "upkeep failed and is tried again");
            let retry_ms = self.inner.clock.now_ms().saturating_add(UPKEEP_RETRY_MS);
            self.inner.clock.sleep_until(retry_ms).await;
        }
    }

    fn next_due_ms(&self) -> u64 {
        let now_ms = self.inner.clock.now_ms();
        let maps = self.inner.catalog.maps.read();
        let shards = maps.shards.values().flat_map(|shards| shards.values());
        let rolls = shards
            .filter(|shard| shard.end.is_none())
            .map(|shard| shard.due_ms(self.inner.options.shard_age_ms));
        let phases = maps
            .all_tables()
            .flat_map(|table| table.state.read().record.phases_end_ms())
            .filter(|until_ms| *until_ms > now_ms);
        rolls.chain(phases).min().unwrap_or(u64::MAX).clamp(
            now_ms.saturating_add(1),
            now_ms.saturating_add(DUE_INTERVAL_MS_MAX),
        )
    }

    /// Drops the segments of which nothing may be read any more, and then removes their files. No lock of the catalog is
    /// held meanwhile.
    async fn trim_log(&self) -> Result<(), EngineError> {
        let now_ms = self.inner.clock.now_ms();
        let log = &self.inner.log;
        let durable = log.durable();
        // A power loss takes none of it back.
        log.sync()?;
        let present = {
            let maps = self.inner.catalog.maps.read();
            Arc::new(LogNeeds::of(
                &maps,
                durable,
                self.inner.options.retention_ms,
            ))
        };
        let stored = self.inner.stored_needs.lock().follow(&present, durable);
        let (by_present, by_stored) = (present.at(now_ms), stored.at(now_ms));
        let readers = self.readers_need();
        let is_needed = |segment: &SegmentSummary| {
            segment.last > stored.as_of
                || by_stored(segment)
                || by_present(segment)
                || readers.is_some_and(|since| segment.last >= since)
        };
        log.trim(&|segment| !is_needed(segment))?;
        log.retain_trimmed(&|shard| present.knows_shard(shard));
        self.remove_trimmed().await
    }

    /// Removes the files of trimmed segments, beside the threads that serve. Nobody waits until their space is free;
    /// while as many files as may be held are held for that, those who free it remove the rest.
    async fn remove_trimmed(&self) -> Result<(), EngineError> {
        let (log, held) = (self.inner.log.clone(), self.inner.held_files.clone());
        let removing = tokio::task::spawn_blocking(move || {
            let Some(permits) = take_all(&held) else {
                return Ok(());
            };
            let removed = log.remove_trimmed(permits.num_permits())?;
            if !removed.is_empty() {
                tokio::task::spawn_blocking(move || free(removed, &log, permits));
            }
            Ok(())
        });
        let removed = removing.await.map_err(|error| EngineError::Io {
            what: "removing files of the log".to_owned(),
            error: error.into(),
        })?;
        removed.map_err(|error: LogError| error.into())
    }

    /// Holds the lock of the data folder for as long as the database is open.
    pub(crate) fn keep_until_closed(&self, folder: &Path, lock: Option<FilesLock>) {
        *self.inner.folder_lock.lock() = lock;
        self.inner.folder.get_or_init(|| DataFolder::new(folder));
    }

    /// Ends what goes through the log for long, with [`LogError::Closed`]: exports, restores, verification. Whoever waits for
    /// one before closing says so first.
    pub fn end_long_reads(&self) {
        self.inner.is_closing.store(true, Ordering::Relaxed);
    }

    pub(crate) fn check_stays_open(&self) -> Result<(), EngineError> {
        match self.inner.is_closing.load(Ordering::Relaxed) {
            true => Err(LogError::Closed.into()),
            false => Ok(()),
        }
    }

    /// Stops taking writes, makes everything durable and checkpoints the state. Blocks while it does.
    pub fn close(&self) {
        self.end_long_reads();
        self.inner.collections.end_and_wait();
        self.inner.close();
    }
}

impl Inner {
    fn close(&self) {
        // First, so that nothing below waits for room while its end is waited for.
        self.state.set_waits_for_room(false);
        self.verification.end();
        self.collections.end();
        self.log.shutdown();
        if let Some(applier) = self.applier.lock().take()
            && applier.join().is_err()
        {
            tracing::error!(
                "the applier ended with a panic; the log will be replayed at the next start"
            );
        }
        // What is applied may be missing in the log, and the state may never be ahead of it.
        if self.log.poisoned().is_some() {
            self.state.abandon();
        }
        self.folder_lock.lock().take();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// Whether the log goes on where the state ends.
fn check_reaches(state: Sequence, log: &Log) -> Result<(), EngineError> {
    let oldest = log.oldest();
    if state.next() < oldest {
        return Err(EngineError::StateBehindLog { state, oldest });
    }
    Ok(())
}

fn spawn_applier(
    applier: Applier,
    log: &Log,
    state: &Arc<dyn StateStore>,
    overlay: Arc<Overlay>,
) -> Result<JoinHandle<()>, EngineError> {
    let state = state.clone();
    let groups = log.groups_with(move || state.no_room());
    let groups = groups.ok_or(LogError::Closed)?;
    std::thread::Builder::new()
        .name("headwater-apply".to_owned())
        .spawn(move || applier.run(&groups, &overlay))
        .map_err(|error| EngineError::Io {
            what: "starting the applier thread".to_owned(),
            error,
        })
}

/// A task of its own, so that a panic ends this pass and not the upkeep.
async fn apart<T: Send + 'static>(
    pass: impl Future<Output = Result<T, EngineError>> + Send + 'static,
) -> Result<T, EngineError> {
    let mut task = JoinSet::new();
    task.spawn(pass);
    match task.join_next().await {
        Some(Ok(result)) => result,
        Some(Err(error)) => Err(EngineError::Io {
            what: "upkeep".to_owned(),
            error: error.into(),
        }),
        None => Err(LogError::Closed.into()),
    }
}
