//! The log itself: what callers hold, and what its threads share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;

use headwater_model::{Clock, Sequence};
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use crate::block::{DecodedBlock, Place};
use crate::cache::Cache;
use crate::change::Group;
use crate::entry::EntryDraft;
use crate::error::{LogError, SYNC};
use crate::feed::{Feed, WhyHeld};
use crate::files::{Files, FilesLock, LogFile};
use crate::index::SegmentIndex;
use crate::open::{self, OpenReport, Opened};
use crate::options::{Durability, LogOptions};
use crate::position::{DurablePosition, Ended};
use crate::queue::{Appended, Queue};
use crate::replay::EntryReader;
use crate::room::Room;
use crate::segment::{self, Segment, SegmentSet, SegmentSummary};
use crate::shard::{ReadLimit, ShardPage};
use crate::stats::{Counters, LogStats};
use crate::tail::TailCache;
use crate::trim::{Removed, Trimming};
use crate::trim_point::TrimPoint;
use crate::trimmed_ends::TrimmedEnds;
use crate::writer::{self, ActiveFile};

/// What the log's threads and readers share.
pub(crate) struct Shared {
    pub(crate) options: LogOptions,
    pub(crate) files: Arc<dyn Files>,
    pub(crate) store_id: [u8; 16],
    pub(crate) queue: Queue,
    pub(crate) position: DurablePosition,
    pub(crate) segments: SegmentSet,
    pub(crate) tail: TailCache,
    /// The last record of each shard, so that a reader who is caught up looks at nothing else.
    pub(crate) shard_ends: RwLock<HashMap<u32, Sequence>>,
    pub(crate) trimmed_ends: TrimmedEnds,
    pub(crate) trim_point: Mutex<TrimPoint>,
    pub(crate) blocks: Cache<Place, Arc<DecodedBlock>>,
    pub(crate) footers: Cache<u64, Arc<SegmentIndex>>,
    pub(crate) open_files: Cache<u64, Arc<dyn LogFile>>,
    pub(crate) groups: Mutex<Option<Feed>>,
    pub(crate) counters: Counters,
    pub(crate) room: Room,
    /// The segment that is written to, for syncs on request.
    pub(crate) active: Mutex<Option<Arc<ActiveFile>>>,
    checkpointed: AtomicU64,
}

impl Shared {
    pub(crate) fn new(
        options: LogOptions,
        files: Arc<dyn Files>,
        trim_point: TrimPoint,
        segments: Vec<Arc<Segment>>,
        shard_ends: HashMap<u32, Sequence>,
        last: Sequence,
    ) -> Self {
        let oldest = segment::oldest(&segments);
        Self {
            queue: Queue::new(last, trim_point.ceiling(), options.queue_bytes_max),
            position: DurablePosition::new(last),
            segments: SegmentSet::new(segments),
            tail: TailCache::new(options.tail_cache_bytes, last),
            shard_ends: RwLock::new(shard_ends),
            trimmed_ends: TrimmedEnds::new(oldest),
            store_id: trim_point.store_id(),
            trim_point: Mutex::new(trim_point),
            blocks: Cache::new(options.block_cache_bytes),
            footers: Cache::new(options.footer_cache_bytes),
            open_files: Cache::new(options.open_files_max),
            groups: Mutex::new(None),
            counters: Counters::default(),
            room: Room::default(),
            active: Mutex::new(None),
            checkpointed: AtomicU64::new(0),
            options,
            files,
        }
    }

    /// Up to where the state is known to hold the log durably.
    pub(crate) fn checkpointed(&self) -> Sequence {
        Sequence(self.checkpointed.load(Ordering::Acquire))
    }

    /// Stops the log for good after a failure.
    pub(crate) fn poison(&self, error: &LogError) {
        let reason: Arc<str> = error.to_string().into();
        tracing::error!(%reason, "the log stops acknowledging writes");
        self.queue.end(Ended::Poisoned(reason.clone()));
        self.position.end(Ended::Poisoned(reason));
    }

    /// How many of the newest segments no trim takes: those that say where the log ends. The one before the last is one of
    /// them until the last one's header is safe. To be asked after the list of segments was taken.
    pub(crate) fn segments_to_leave(&self) -> usize {
        let active = self.active.lock();
        let is_born = active
            .as_ref()
            .is_none_or(|active| active.has_safe_header(self.options.syncs()));
        if is_born { 1 } else { 2 }
    }

    /// An fsync, unless the durability mode has none.
    pub(crate) fn sync(&self, file: &dyn LogFile, name: &str) -> Result<(), LogError> {
        if self.options.syncs() {
            Counters::add(&self.counters.syncs, 1);
            file.sync_data()
                .map_err(|error| LogError::io(SYNC, name, error))?;
        }
        Ok(())
    }

    pub(crate) fn sync_dir(&self) -> Result<(), LogError> {
        if self.options.syncs() {
            self.files
                .sync_dir()
                .map_err(|error| LogError::io(SYNC, "the log's folder", error))?;
        }
        Ok(())
    }
}

/// A commit log: entries go in at the end, become durable in groups, and are read by shard or all together.
///
/// All methods may be called from many threads. Dropping the log shuts it down.
pub struct Log {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    /// One trim at a time.
    trimming: Mutex<Trimming>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    stop: Mutex<Option<writer::Stop>>,
    lock: Mutex<Option<FilesLock>>,
}

impl Log {
    /// Opens the log in `files`, or begins one. Cuts a torn tail, refuses damage, and starts a new segment.
    pub fn open(
        files: Arc<dyn Files>,
        options: LogOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, OpenReport), LogError> {
        options.check()?;
        let lock = take_lock(&*files)?;
        let Opened {
            shared,
            active,
            id_next,
            unsealed,
            trimming,
            report,
        } = open::open(files, options, &*clock)?;
        let shared = Arc::new(shared);
        let (threads, stop) = writer::start(shared.clone(), active, id_next, unsealed)?;
        let log = Self {
            shared,
            clock,
            trimming: Mutex::new(trimming),
            threads: Mutex::new(threads),
            stop: Mutex::new(Some(stop)),
            lock: Mutex::new(Some(lock)),
        };
        Ok((log, report))
    }

    /// What is wrong with the file with the trim point; `None` if it says what the log goes by.
    pub(crate) fn trim_point_fault(&self) -> Result<Option<String>, LogError> {
        let known = self.shared.trim_point.lock();
        let Some(stored) = TrimPoint::read(&*self.shared.files, &[])? else {
            return Ok(Some(
                "it does not say up to where the log is trimmed".to_owned(),
            ));
        };
        if stored.store_id() != known.store_id() {
            return Ok(Some("it belongs to another store".to_owned()));
        }
        let (stored, known) = (stored.sequence(), known.sequence());
        Ok((stored != known).then(|| {
            format!("it says that the log is trimmed up to {stored}, but the log goes by {known}")
        }))
    }

    /// Enqueues an entry: no I/O, one short lock. Wait for `last` to know that it is durable.
    pub fn append(&self, draft: EntryDraft) -> Result<Appended, LogError> {
        self.shared
            .queue
            .push(self.clock.now_ms(), draft.changes_len(), |_| Ok(draft))
    }

    /// Enqueues an entry whose content depends on its own first sequence. `build` runs under the queue's lock: it
    /// must be short, and must not use the log. If it fails, no sequence is taken.
    pub fn append_with(
        &self,
        changes: usize,
        build: impl FnOnce(Sequence) -> Result<EntryDraft, LogError>,
    ) -> Result<Appended, LogError> {
        self.shared.queue.push(self.clock.now_ms(), changes, build)
    }

    /// Everything up to here is durable and can be read.
    pub fn durable(&self) -> Sequence {
        self.shared.position.get()
    }

    /// The last sequence given out, durable or not.
    pub fn appended(&self) -> Sequence {
        self.shared.queue.last()
    }

    /// Resolves when everything up to `sequence` is durable; an error says that it never will be.
    pub async fn wait_durable(&self, sequence: Sequence) -> Result<(), LogError> {
        self.shared.position.wait(sequence).await
    }

    /// Follows the durable position.
    pub fn watch(&self) -> watch::Receiver<Sequence> {
        self.shared.position.watch()
    }

    /// The feed of durable groups in order, exactly those beyond [`Self::durable`] at this call; given out once.
    /// When the receiver falls behind by [`LogOptions::queued_groups_max`], the writer waits for it. It ends with
    /// the log.
    pub fn groups(&self) -> Option<Receiver<Arc<Group>>> {
        self.feed(Arc::new(|| None))
    }

    /// As [`Self::groups`], for a receiver with a disk of its own: `no_room` says why it waits for room there, if it does.
    /// Those who wait for the log while it waits for such a receiver are sent away after a second with
    /// [`LogError::NoRoom`], as [`Self::no_room`] has it.
    pub fn groups_with(
        &self,
        no_room: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> Option<Receiver<Arc<Group>>> {
        self.feed(Arc::new(no_room))
    }

    fn feed(&self, why_held: Arc<WhyHeld>) -> Option<Receiver<Arc<Group>>> {
        // The stop handle is gone after shutdown; then there are no groups to come.
        let taken = self
            .stop
            .lock()
            .as_mut()
            .is_none_or(|stop| std::mem::replace(&mut stop.groups_taken, true));
        if taken {
            return None;
        }
        let options = &self.shared.options;
        let (feed, receiver) =
            Feed::new(options.queued_groups_max, options.queue_bytes_max, why_held);
        *self.shared.groups.lock() = Some(feed);
        Some(receiver)
    }

    /// All durable entries that end after `after`, up to what is durable now.
    pub fn read_from(&self, after: Sequence) -> EntryReader {
        EntryReader::new(self.shared.clone(), after)
    }

    /// A page of a shard's records from `from` on.
    pub fn read_shard(
        &self,
        shard: u32,
        from: Sequence,
        limit: ReadLimit,
    ) -> Result<ShardPage, LogError> {
        self.shared.read_shard(shard, from, limit)
    }

    /// Whether the log has records of a shard that are durable and not trimmed.
    pub fn has_records(&self, shard: u32) -> bool {
        self.shared.shard_ends.read().contains_key(&shard)
    }

    /// Whether records of a shard from `from` on were trimmed. Of what was trimmed before the log was opened that is not
    /// known, and taken to be so; of shards that were let go, it is taken not to be.
    pub fn has_trimmed(&self, shard: u32, from: Sequence) -> bool {
        self.shared.trimmed_ends.reach(shard, from)
    }

    /// Lets what [`Self::has_trimmed`] knows go, except of shards that are wanted.
    pub fn retain_trimmed(&self, is_wanted: &dyn Fn(u32) -> bool) {
        self.shared.trimmed_ends.retain(is_wanted);
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The identity of the store, as every segment carries it.
    pub fn store_id(&self) -> [u8; 16] {
        self.shared.store_id
    }

    /// The trim point: entries below are gone. [`Sequence::ZERO`] while none are.
    pub fn oldest(&self) -> Sequence {
        self.shared.segments.oldest()
    }

    /// Up to where the state is known to hold the log durably; sealed segments below may be dropped.
    pub fn checkpoint(&self) -> Sequence {
        self.shared.checkpointed()
    }

    /// Says what the state holds durably. Segments with anything later are never dropped.
    pub fn checkpointed(&self, position: Sequence) {
        self.shared
            .checkpointed
            .fetch_max(position.0, Ordering::AcqRel);
    }

    /// Drops sealed segments from the oldest on, while they are checkpointed and `may_drop` agrees; gives their number. It
    /// waits for one fsync, whatever the number. Their files are left to [`Log::remove_trimmed`].
    ///
    /// # Errors
    /// [`LogError::Io`] if the trim point can't be written; then nothing is dropped.
    pub fn trim(&self, may_drop: &dyn Fn(&SegmentSummary) -> bool) -> Result<usize, LogError> {
        self.trimming.lock().trim(&self.shared, may_drop)
    }

    /// Removes files of segments that are trimmed, `files_max` at most, those that an earlier run has left too. That
    /// is quick; what takes long is dropping what it gives.
    ///
    /// # Errors
    /// [`LogError::Io`] if one can't be removed; the next call tries it again.
    pub fn remove_trimmed(&self, files_max: usize) -> Result<Removed, LogError> {
        self.trimming.lock().remove(&self.shared, files_max)
    }

    /// All segments, oldest first.
    pub fn segments(&self) -> Vec<SegmentSummary> {
        self.shared
            .segments
            .list()
            .iter()
            .map(|segment| segment.summary())
            .collect()
    }

    /// Counters and sizes.
    pub fn stats(&self) -> LogStats {
        let shared = &self.shared;
        let list = shared.segments.list();
        LogStats {
            queued_bytes: shared.queue.bytes() as u64,
            tail_cache_bytes: shared.tail.bytes() as u64,
            block_cache_bytes: shared.blocks.weight() as u64,
            footer_cache_bytes: shared.footers.weight() as u64,
            segments: list.len() as u64,
            stored_bytes: list.iter().map(|segment| segment.summary().bytes).sum(),
            ..shared.counters.read()
        }
    }

    /// Syncs what is acknowledged and, with [`crate::Durability::Interval`], may not be on disk yet. After that,
    /// everything up to the durable position at the time of the call survives a power loss.
    pub fn sync(&self) -> Result<(), LogError> {
        if self.shared.options.durability == Durability::Sync {
            // Nothing is acknowledged before it is on disk; what is under way is the writer's.
            return Ok(());
        }
        let active = self.shared.active.lock().clone();
        let result = active.map_or(Ok(()), |active| active.sync(&self.shared));
        result.inspect_err(|error| self.shared.poison(error))
    }

    /// Stops the log for good, because what depends on it has failed: nothing more is acknowledged.
    pub fn poison(&self, reason: &str) {
        self.shared.poison(&LogError::Poisoned {
            reason: reason.into(),
        });
    }

    /// Whether all that the log writes is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.shared.options.encryption.is_some()
    }

    /// Why the log stopped acknowledging, if a failure made it.
    pub fn poisoned(&self) -> Option<Arc<str>> {
        self.shared.position.poisoned()
    }

    /// Why there is no room on the disk, if there is none: what is appended now may have to wait for long. Those who
    /// wait for a write that found no room are sent away after a second, with [`LogError::NoRoom`]; the write itself
    /// stays in its place and is tried again until it succeeds or the log is shut down.
    pub fn no_room(&self) -> Option<Arc<str>> {
        self.shared.room.reason()
    }

    /// Takes no more entries, makes those in the queue durable, and ends the threads. May be called again.
    /// Readers go on working. The feed of groups must be read or dropped until it ends.
    pub fn shutdown(&self) {
        self.shared.room.give_up();
        self.shared.queue.end(Ended::Closed);
        drop(self.stop.lock().take());
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the log panicked");
            }
        }
        self.trimming.lock().leave();
        self.lock.lock().take();
    }

    /// Shuts down and says whether everything that was appended is safe.
    pub fn close(self) -> Result<(), LogError> {
        self.shutdown();
        let all = self.durable() >= self.appended();
        match self.shared.position.why() {
            LogError::Closed if all => Ok(()),
            why => Err(why),
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.shutdown();
    }
}

pub(crate) fn take_lock(files: &dyn Files) -> Result<FilesLock, LogError> {
    let lock = files
        .lock()
        .map_err(|error| LogError::io("lock", &files.location(), error))?;
    lock.ok_or_else(|| LogError::Locked {
        folder: files.location(),
    })
}

/// The error for a file that cannot be opened: trimmed meanwhile, or a true failure.
pub(crate) fn missing_segment(
    shared: &Shared,
    segment: &Segment,
    error: std::io::Error,
) -> LogError {
    let list = shared.segments.list();
    if list.first().is_none_or(|oldest| oldest.id > segment.id) {
        return LogError::Trimmed {
            oldest: segment::oldest(&list),
        };
    }
    LogError::io("open", &segment.name, error)
}
