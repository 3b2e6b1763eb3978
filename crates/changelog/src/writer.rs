//! The writer: one thread that makes the queue durable, group by group.
//!
//! It takes whatever waits, without ever waiting for more: while one group is on its way to the disk the next one
//! gathers by itself. A group goes out as one write and one fsync, into one segment; then it is shown to readers,
//! and only then acknowledged.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use headwater_model::Sequence;
use parking_lot::Mutex;

use crate::block::{BlockBuilder, DecodedBlock};
use crate::change::Group;
use crate::entry::EntryWalk;
use crate::error::LogError;
use crate::feed::Feed;
use crate::files::LogFile;
use crate::interval::{self, Syncer};
use crate::keeper::{self, Job, Keeper};
use crate::log::Shared;
use crate::options::Durability;
use crate::queue::Pending;
use crate::room::LOOK_INTERVAL;
use crate::segment::{SEGMENT_HEADER_BYTES, Segment, SegmentHeader, SegmentState};
use crate::stats::Counters;

/// A log that has seen this many bytes is worth a segment made ahead.
const PREPARE_AFTER_BYTES: u64 = 1 << 20;

/// With interval durability, sequences are reserved for so long at a time: an fsync more in each such time, and as far as
/// sequences may be ahead of the clock after a crash; those of crashes that follow each other faster add up.
const CEILING_AHEAD_MS: u64 = 5_000;

/// The segment that is written to.
pub(crate) struct ActiveFile {
    pub(crate) segment: Arc<Segment>,
    pub(crate) file: Arc<dyn LogFile>,
    /// How far it is written.
    pub(crate) written: AtomicU64,
    /// How far it is known to be on disk.
    pub(crate) synced: AtomicU64,
    /// Whether its space was zeroed ahead.
    zeroed: bool,
    /// Nothing more is written to it: the next group goes into a new segment.
    ended: bool,
    /// A sync has failed: the system may have dropped what it could not write, and another sync would not tell. Held while
    /// one runs: of two at a time, the system tells one alone.
    failed: Mutex<bool>,
}

impl ActiveFile {
    /// `safe` bytes of it are written and on disk.
    pub(crate) fn new(
        segment: Arc<Segment>,
        file: Arc<dyn LogFile>,
        safe: u64,
        zeroed: bool,
    ) -> Self {
        Self {
            segment,
            file,
            written: AtomicU64::new(safe),
            synced: AtomicU64::new(safe),
            zeroed,
            ended: false,
            failed: Mutex::new(false),
        }
    }

    /// One of an earlier process, all of it on disk.
    pub(crate) fn ended(segment: Arc<Segment>, file: Arc<dyn LogFile>) -> Self {
        let end = segment.end();
        Self {
            ended: true,
            ..Self::new(segment, file, end, false)
        }
    }

    /// Whether its header, which comes with its first group, is as safe as it will ever be.
    pub(crate) fn has_safe_header(&self, syncs: bool) -> bool {
        let safe = if syncs { &self.synced } else { &self.written };
        safe.load(Ordering::Acquire) > 0
    }

    /// Syncs what is written, if there is anything new.
    pub(crate) fn sync(&self, shared: &Shared) -> Result<(), LogError> {
        let written = self.written.load(Ordering::Acquire);
        if written <= self.synced.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut failed = self.failed.lock();
        if written <= self.synced.load(Ordering::Acquire) {
            return Ok(());
        }
        if *failed {
            let reason = format!("cannot sync {} after an earlier failure", self.segment.name);
            return Err(LogError::Poisoned {
                reason: reason.into(),
            });
        }
        let written = self.written.load(Ordering::Acquire);
        let synced = shared.sync(&*self.file, &self.segment.name);
        synced.inspect_err(|_| *failed = true)?;
        self.synced.store(written, Ordering::Release);
        Ok(())
    }
}

/// Held by the log; when it goes, the threads end.
pub(crate) struct Stop {
    pub(crate) groups_taken: bool,
    stopping: Arc<AtomicBool>,
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
    }
}

/// Starts the log's threads. Segments without a footer get one; the one after `active` has the number `id_next`.
pub(crate) fn start(
    shared: Arc<Shared>,
    active: Arc<ActiveFile>,
    id_next: u64,
    unsealed: Vec<Arc<ActiveFile>>,
) -> Result<(Vec<JoinHandle<()>>, Stop), LogError> {
    let stopping = Arc::new(AtomicBool::new(false));
    *shared.active.lock() = Some(active.clone());
    let (keeper, keeper_thread) = keeper::start(shared.clone(), stopping.clone())?;
    for file in unsealed {
        keeper.send(Job::Seal(file));
    }
    let mut threads = Vec::new();
    let syncer = match shared.options.durability {
        Durability::Interval(ms) => {
            let (syncer, thread) = interval::start(shared.clone(), active.clone(), ms)?;
            threads.push(thread);
            Some(syncer)
        }
        Durability::Sync | Durability::Memory => None,
    };
    let writer = Writer {
        shared: shared.clone(),
        active,
        id_next,
        keeper,
        syncer,
        to_seal: None,
        out: Vec::new(),
        blocks: Vec::new(),
    };
    // The writer ends first: its going is what ends the others.
    threads.insert(0, spawn(&shared, "log-writer", move || writer.run())?);
    threads.push(keeper_thread);
    Ok((
        threads,
        Stop {
            groups_taken: false,
            stopping,
        },
    ))
}

/// Starts one of the log's threads. If it panics, the log ends: nobody waits for what never comes.
pub(crate) fn spawn(
    shared: &Arc<Shared>,
    name: &'static str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, LogError> {
    let guard = EndOnPanic {
        shared: shared.clone(),
        name,
    };
    let thread = thread::Builder::new().name(name.to_owned()).spawn(|| {
        let _guard = guard;
        work();
    });
    thread.map_err(|error| LogError::io("start the thread", name, error))
}

struct EndOnPanic {
    shared: Arc<Shared>,
    name: &'static str,
}

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            let reason = format!("the thread {} panicked", self.name);
            self.shared.poison(&LogError::Poisoned {
                reason: reason.into(),
            });
            self.shared.groups.lock().take();
        }
    }
}

struct Writer {
    shared: Arc<Shared>,
    active: Arc<ActiveFile>,
    id_next: u64,
    keeper: Keeper,
    syncer: Option<Syncer>,
    /// The segment before, until the active one's header is on disk.
    to_seal: Option<Arc<ActiveFile>>,
    /// The group's bytes, kept to save allocations.
    out: Vec<u8>,
    blocks: Vec<(u64, Arc<DecodedBlock>)>,
}

impl Writer {
    fn run(mut self) {
        let mut backlog = VecDeque::new();
        let mut done_bytes = 0;
        self.shared.look_for_room();
        while self.drain(&mut backlog, done_bytes) {
            done_bytes = 0;
            self.shared.look_for_room();
            if backlog.is_empty() {
                continue;
            }
            let group = take_group(&mut backlog, self.shared.options.group_bytes_max);
            done_bytes = group.iter().map(|pending| pending.draft.size_bytes()).sum();
            if let Err(error) = self.commit(group) {
                self.shared.poison(&error);
                break;
            }
        }
        match self.active.sync(&self.shared) {
            Ok(()) => {
                self.lower_ceiling();
                self.seal_before();
            }
            Err(error) => self.shared.poison(&error),
        }
        self.shared.position.end(self.shared.queue.why());
        self.shared.groups.lock().take();
    }

    /// See [`crate::queue::Queue::drain`]; while there is no room the writer looks for some.
    fn drain(&self, backlog: &mut VecDeque<Pending>, done_bytes: usize) -> bool {
        let patience = self.shared.room.reason().map(|_| LOOK_INTERVAL);
        self.shared.queue.drain(backlog, done_bytes, patience)
    }

    fn commit(&mut self, group: Vec<Pending>) -> Result<(), LogError> {
        self.raise_ceiling(&group)?;
        self.find_room(&group)?;
        self.encode(group)?;
        self.write()?;
        self.publish();
        self.look_after_segments();
        Ok(())
    }

    /// Before anybody sees sequences that a power loss might take: that they are never given out again is on disk.
    fn raise_ceiling(&self, group: &[Pending]) -> Result<(), LogError> {
        let Some(last) = group.last().map(Pending::last) else {
            return Ok(());
        };
        if self.syncer.is_none() || last <= self.shared.trim_point.lock().ceiling() {
            return Ok(());
        }
        let ceiling = Sequence::first_at_ms(last.ms().saturating_add(CEILING_AHEAD_MS)).max(last);
        Counters::add(&self.shared.counters.syncs, 1);
        // The lock is let go between two attempts: trimming makes room.
        self.shared
            .with_room(|| self.shared.trim_point.lock().move_ceiling(ceiling, true))
    }

    /// All that was shown is on disk: after a shutdown, sequences go by the clock at once. If this fails, the next start
    /// leaves some out.
    fn lower_ceiling(&self) {
        let shown = self.shared.queue.last().max(self.shared.queue.floor());
        let mut point = self.shared.trim_point.lock();
        if self.syncer.is_some() && shown < point.ceiling() {
            let lowered = point.move_ceiling(shown, true);
            let _ = lowered.inspect_err(|error| tracing::debug!(%error, "sequences stay reserved"));
        }
    }

    /// Rolls over to the next segment if this group does not fit, or if a zeroed one is ready and this one is not.
    fn find_room(&mut self, group: &[Pending]) -> Result<(), LogError> {
        if self.active.ended {
            return self.roll();
        }
        let raw_bytes: u64 = group
            .iter()
            .map(|pending| pending.raw_bytes_max() as u64)
            .sum();
        let written = self.active.written.load(Ordering::Relaxed);
        if written <= SEGMENT_HEADER_BYTES as u64 {
            return Ok(());
        }
        let full = written + raw_bytes > self.shared.options.segment_bytes;
        if full || (!self.active.zeroed && self.keeper.has_prepared()) {
            self.roll()
        } else {
            Ok(())
        }
    }

    fn roll(&mut self) -> Result<(), LogError> {
        self.active.sync(&self.shared)?;
        self.seal_before();
        let base = last_sequence(&self.active.segment);
        let options = &self.shared.options;
        let header = SegmentHeader::new(
            self.shared.store_id,
            self.id_next,
            base,
            options.encryption.as_ref(),
        )?;
        let segment = Arc::new(Segment::open(&header, options.key())?);
        let (file, zeroed) = self.keeper.take_file(&self.shared, &segment.name)?;
        self.id_next += 1;
        self.shared.sync_dir()?;
        let active = Arc::new(ActiveFile::new(segment.clone(), file, 0, zeroed));
        self.to_seal = Some(std::mem::replace(&mut self.active, active));
        *self.shared.active.lock() = Some(self.active.clone());
        if let Some(syncer) = &self.syncer {
            syncer.follow(self.active.clone());
        }
        self.shared.segments.push(segment);
        self.out.extend_from_slice(&header.encode());
        Ok(())
    }

    /// Packs the group into blocks: `out` gets their bytes, `blocks` their decoded forms.
    fn encode(&mut self, group: Vec<Pending>) -> Result<(), LogError> {
        let start = self.active.written.load(Ordering::Relaxed);
        let synced_to = self.active.synced.load(Ordering::Acquire) as u32;
        for entries in pack(&group, self.shared.options.block_bytes_max) {
            let raw_bytes = entries.iter().map(Pending::raw_bytes_max).sum();
            let mut builder = BlockBuilder::with_capacity(raw_bytes);
            for pending in entries {
                builder.push(pending.first, &pending.draft);
            }
            let offset = start + self.out.len() as u64;
            let segment = &self.active.segment;
            let place = segment.place(offset);
            let block = builder.finish(place, synced_to, segment.cipher.as_deref(), &mut self.out);
            let block = block.map_err(|fault| LogError::damaged(&segment.name, offset, fault))?;
            self.blocks.push((offset, Arc::new(block)));
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), LogError> {
        let start = self.active.written.load(Ordering::Relaxed);
        let name = &self.active.segment.name;
        self.shared.with_room(|| {
            let written = self.active.file.write_at(&self.out, start);
            written.map_err(|error| LogError::io("write", name, error))
        })?;
        self.active
            .written
            .store(start + self.out.len() as u64, Ordering::Release);
        Counters::add(&self.shared.counters.written_bytes, self.out.len() as u64);
        self.out.clear();
        if self.shared.options.durability == Durability::Sync {
            self.active.sync(&self.shared)?;
        }
        Ok(())
    }

    /// Shows the group to readers, then acknowledges it.
    fn publish(&mut self) {
        let Some(last) = self.blocks.last().map(|(_, block)| block.last) else {
            return;
        };
        if let SegmentState::Open(index) = &mut *self.active.segment.state.write() {
            for (offset, block) in &self.blocks {
                index.add(*offset, block);
            }
        }
        let blocks: Vec<Arc<DecodedBlock>> =
            self.blocks.drain(..).map(|(_, block)| block).collect();
        self.shared.tail.push(&blocks);
        {
            let mut ends = self.shared.shard_ends.write();
            ends.extend(
                blocks
                    .iter()
                    .flat_map(|block| block.shards())
                    .map(|(shard, _, last)| (shard, last)),
            );
        }
        self.count(&blocks);
        // Under the lock of the feed, so that whoever takes it gets exactly what is not durable yet.
        let feed = {
            let groups = self.shared.groups.lock();
            let acknowledged = self.shared.position.advance(last);
            groups.clone().filter(|_| acknowledged)
        };
        if let Some(feed) = feed {
            self.feed(&feed, &blocks, last);
        }
    }

    fn count(&self, blocks: &[Arc<DecodedBlock>]) {
        let counters = &self.shared.counters;
        Counters::add(&counters.groups, 1);
        Counters::add(&counters.blocks, blocks.len() as u64);
        Counters::add(
            &counters.entries,
            blocks.iter().map(|block| u64::from(block.entries)).sum(),
        );
        Counters::add(
            &counters.changes,
            blocks.iter().map(|block| u64::from(block.changes)).sum(),
        );
        Counters::add(
            &counters.raw_bytes,
            blocks.iter().map(|block| block.raw.len() as u64).sum(),
        );
    }

    /// Hands the group to the applier.
    fn feed(&self, feed: &Feed, blocks: &[Arc<DecodedBlock>], last: Sequence) {
        let walk = |block: &Arc<DecodedBlock>| -> Vec<_> {
            EntryWalk::new(&block.raw, block.first)
                .map(|entry| entry.and_then(|entry| entry.decode(&block.raw)))
                .collect()
        };
        let entries: Result<Vec<_>, _> = blocks.iter().flat_map(walk).collect();
        match entries {
            Ok(entries) => {
                let held = feed.hold(blocks.iter().map(|block| block.raw.len()).sum());
                let group = Group {
                    entries,
                    last,
                    held,
                };
                if !feed.hand_over(group, &self.shared) {
                    self.shared.groups.lock().take();
                }
            }
            // What was just encoded decodes, or the program is wrong: then nothing more may be acknowledged.
            Err(corrupt) => {
                self.shared
                    .poison(&LogError::damaged(&self.active.segment.name, 0, corrupt))
            }
        }
    }

    fn look_after_segments(&mut self) {
        let shared = self.shared.clone();
        let options = &shared.options;
        if !options.syncs() || self.active.synced.load(Ordering::Acquire) > 0 {
            self.seal_before();
        }
        let quarter = options.segment_bytes / 4;
        let worth = if self.active.zeroed {
            quarter
        } else {
            PREPARE_AFTER_BYTES.min(quarter)
        };
        let written = self.active.written.load(Ordering::Relaxed);
        if options.preallocate && options.syncs() && written >= worth {
            self.keeper.prepare();
        }
    }

    /// The segment before may be sealed, and so trimmed, now that the active one's header carries the chain on.
    fn seal_before(&mut self) {
        if let Some(before) = self.to_seal.take() {
            self.keeper.send(Job::Seal(before));
        }
    }
}

fn last_sequence(segment: &Segment) -> Sequence {
    match &*segment.state.read() {
        SegmentState::Open(index) => index.last,
        SegmentState::Sealed(sealed) => sealed.summary.last,
    }
}

/// The entries of the next group: at least one, then as many as fit.
fn take_group(backlog: &mut VecDeque<Pending>, bytes_max: usize) -> Vec<Pending> {
    let mut bytes = 0;
    let fitting = backlog.iter().take_while(|pending| {
        bytes += pending.raw_bytes_max();
        bytes <= bytes_max
    });
    let count = fitting.count().max(1).min(backlog.len());
    backlog.drain(..count).collect()
}

/// Splits a group into runs that each make a block: at least one entry, then as many as fit.
fn pack(group: &[Pending], bytes_max: usize) -> impl Iterator<Item = &[Pending]> {
    let mut rest = group;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = rest.iter().take_while(|pending| {
            bytes += pending.raw_bytes_max();
            bytes <= bytes_max
        });
        let count = fitting.count().max(1).min(rest.len());
        let (run, behind) = rest.split_at(count);
        rest = behind;
        (!run.is_empty()).then_some(run)
    })
}
