//! One shard of a mapping: it is read into lanes, and each lane delivers one batch after the other.

use std::panic::resume_unwind;
use std::sync::Arc;

use headwater_expression::filter::Filters;
use headwater_model::Sequence;
use headwater_streams::{ShardFollower, StreamDescription};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::registry::{Checkpoint, LaneCheckpoint, MappingRecord, OpenWindow};

use super::backoff::{Pause, pause_ms};
use super::board::{Counts, add};
use super::delivery::{Shared, Stop, stopped};
use super::event::{ENVELOPE_BYTES_MAX, EVENT_BYTES_MAX};
use super::job::{Job, JobEnd, PROBLEM, Work};
use super::lane::{BatchRules, Due, Lane, Reached};
use super::progress::{LanePlace, Progress};
use super::read_ahead::Held;
use super::reader::{Read, ReadError, Reader};
use super::window::start_of;

/// Batches of a shard that are read ahead for each of its lanes, when there are several: what one waits for lies
/// behind records of the others.
const AHEAD_PER_LANE: usize = 4;
/// Pages that are read at once when some records were found: enough for the largest batch.
const PAGES_AT_ONCE: usize = 100;
/// Most records that are read at once.
const READ_MAX: usize = 1_000;
/// What is read at once has about so many bytes at most. Records are read one by one where there is room for less.
const READ_BYTES: usize = 1024 * 1024;
/// How often progress past records that nobody wants is written.
const FILTERED_NOTE_MS: u64 = 1_000;
/// How often it is looked whether all records of a window that is over were read.
const WINDOW_LOOK_MS: u64 = 20;

/// What the API tells of records that were past their retention; ours.
pub(super) const RECORDS_LOST: &str =
    "PROBLEM: Records may have expired before they were delivered";

/// How the delivery of a shard ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Everything of it was delivered or given up.
    Finished,
    /// It was told to stop.
    Stopped,
}

/// The delivery of one shard.
pub(super) struct ShardDelivery {
    pub(super) shared: Arc<Shared>,
    pub(super) mapping: watch::Receiver<Arc<MappingRecord>>,
    pub(super) stop: watch::Receiver<Stop>,
    pub(super) stream: Arc<StreamDescription>,
    pub(super) shard: u32,
    pub(super) progress: Arc<Progress>,
}

/// What a shard's records go through on their way to lanes. A change of it begins with the checkpoint again.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shape {
    lanes: usize,
    filters: Vec<String>,
    tumbling_ms: u64,
}

impl Shape {
    fn of(mapping: &MappingRecord) -> Self {
        let settings = &mapping.settings;
        let tumbling_ms = u64::from(settings.tumbling_window_s) * 1_000;
        // The state of a window belongs to the whole shard.
        let lanes = match tumbling_ms {
            0 => settings.parallelization_factor.max(1),
            _ => 1,
        };
        Self {
            lanes,
            filters: settings.filters.clone(),
            tumbling_ms,
        }
    }
}

/// Why a pass over a shard ended.
enum PassEnd {
    Finished,
    Stopped,
    /// The mapping has another shape now.
    Changed,
}

impl ShardDelivery {
    /// Delivers from `follower` on, with the lanes of a checkpoint.
    pub(super) async fn run(mut self, follower: ShardFollower, checkpoint: Checkpoint) -> End {
        let _shown = self.shared.board.show(self.progress.clone());
        self.passes(follower, checkpoint).await
    }

    async fn passes(&mut self, mut follower: ShardFollower, mut checkpoint: Checkpoint) -> End {
        loop {
            let shape = Shape::of(&self.mapping.borrow_and_update());
            let pass = Pass::new(self, shape, follower, &checkpoint);
            match pass.run().await {
                PassEnd::Finished => {
                    self.progress.note_end();
                    return End::Finished;
                }
                PassEnd::Stopped => return End::Stopped,
                PassEnd::Changed => {}
            }
            checkpoint = self.progress.checkpoint();
            let (streams, stream) = (&self.shared.streams, self.stream.stream.clone());
            follower = streams.follow_from(stream, self.shard, checkpoint.position);
        }
    }
}

/// One pass over a shard with settings of one shape.
struct Pass<'d> {
    delivery: &'d mut ShardDelivery,
    counts: Arc<Counts>,
    shape: Shape,
    reader: Reader,
    lanes: Vec<Lane>,
    /// The memory of what is in the lanes; batches take theirs with them.
    held: Held,
    /// Whether a lane is at work, and the function's revision at its last call.
    busy: Vec<bool>,
    jobs: JoinSet<JobEnd>,
    /// Tells the jobs to stop.
    halt: watch::Sender<Stop>,
    window: Option<OpenWindow>,
    /// Every record of the open window is before it; set when the window's time is over.
    window_barrier: Option<Sequence>,
    /// What is noted when all that was read is done may be behind it: records that nobody wants were passed, or went to
    /// several lanes, of which the last to be done need not have had the last of them.
    has_passed: bool,
    failed_reads: u32,
    /// Until when a shard that could not be read is let be.
    let_be: Pause,
}

impl<'d> Pass<'d> {
    fn new(
        delivery: &'d mut ShardDelivery,
        shape: Shape,
        follower: ShardFollower,
        checkpoint: &Checkpoint,
    ) -> Self {
        let (stream_arn, region) = {
            let stream = &delivery.stream.stream;
            (stream.arn(), stream.region.clone())
        };
        let position = follower.position();
        let lanes = lanes(&shape, checkpoint);
        // One of another length is closed before anything else.
        let window = checkpoint.window.clone();
        let places = lanes.iter().map(|lane| lane.place(position)).collect();
        delivery.progress.begin(position, places, window.clone());
        let mut let_be = Pause::NONE;
        // They compiled when they were given; a version that knows them no more must not let all through.
        let filters = Filters::parse(&shape.filters).unwrap_or_else(|error| {
            let_be = Pause::FOR_EVER;
            delivery.progress.note_problem(format!("{PROBLEM}{error}"));
            Filters::default()
        });
        let mapping = &delivery.progress.key().mapping;
        let clock = delivery.shared.clock.clone();
        Self {
            counts: delivery.shared.board.counts(mapping),
            reader: Reader::new(follower, stream_arn, region, shape.lanes, filters, clock),
            busy: vec![false; lanes.len()],
            lanes,
            held: delivery.shared.read_ahead.shard(),
            jobs: JoinSet::new(),
            halt: watch::Sender::new(Stop::No),
            window,
            window_barrier: None,
            has_passed: false,
            failed_reads: 0,
            let_be,
            shape,
            delivery,
        }
    }

    async fn run(mut self) -> PassEnd {
        loop {
            self.fill().await;
            let next_ms = self.start_jobs().min(self.note_passed());
            if self.is_finished() {
                return PassEnd::Finished;
            }
            let clock = self.delivery.shared.clock.clone();
            let now_ms = clock.now_ms();
            let limit = self.room();
            let lacks_room = limit == 0 && self.held.room() == 0 && self.idle_lanes() > 0;
            let again_ms = self.let_be.end_ms(now_ms);
            let reads = limit > 0 && !self.reader.has_ended() && again_ms.is_none();
            let wake_ms = next_ms.min(again_ms.unwrap_or(u64::MAX));
            tokio::select! {
                biased;
                () = stopped(&mut self.delivery.stop) => return self.halt(PassEnd::Stopped).await,
                changed = self.delivery.mapping.changed() => match changed {
                    Ok(()) if self.has_shape() => {}
                    Ok(()) => return self.halt(PassEnd::Changed).await,
                    Err(_) => return self.halt(PassEnd::Stopped).await,
                },
                Some(ended) = self.jobs.join_next() => self.take_end(ended),
                // How much more may be read is known when it is there.
                read = self.reader.next(1), if reads => self.take_read(read),
                () = self.held.has_room(), if lacks_room => {}
                () = clock.sleep_until(wake_ms) => {}
            }
        }
    }

    fn has_shape(&mut self) -> bool {
        Shape::of(&self.delivery.mapping.borrow_and_update()) == self.shape
    }

    /// How many records may be read now.
    fn room(&self) -> usize {
        let batch_size = self.delivery.mapping.borrow().settings.batch_size;
        let lanes = self.lanes.len();
        let ahead = if lanes > 1 { AHEAD_PER_LANE } else { 1 };
        let records: usize = self.lanes.iter().map(Lane::len).sum();
        let bytes: usize = self.lanes.iter().map(Lane::bytes).sum();
        // With no room in memory: until each lane that is not at work has one, past a few of those that are.
        let has_nothing = |(lane, is_busy): (&Lane, &bool)| !is_busy && lane.len() == 0;
        let is_needed =
            records < lanes * AHEAD_PER_LANE && self.lanes.iter().zip(&self.busy).any(has_nothing);
        let read_max = match self.held.room() {
            READ_BYTES.. => READ_MAX,
            0 if !is_needed => 0,
            _ => 1,
        };
        match bytes < EVENT_BYTES_MAX * lanes {
            true => (batch_size * lanes * ahead)
                .saturating_sub(records)
                .min(read_max),
            false => 0,
        }
    }

    fn idle_lanes(&self) -> usize {
        self.busy.iter().filter(|is_busy| !**is_busy).count()
    }

    /// Reads what is there, as far as there is room; records that were found wait for a few pages more at most.
    async fn fill(&mut self) {
        let now_ms = self.delivery.shared.clock.now_ms();
        let mut is_let_be = self.let_be.end_ms(now_ms).is_some();
        let mut pages = 0;
        while !is_let_be && !self.reader.has_ended() && !self.is_told() {
            let limit = self.room();
            let has_found = self.lanes.iter().any(|lane| lane.len() > 0);
            if limit == 0 || has_found && pages >= PAGES_AT_ONCE {
                break;
            }
            let before = self.reader.position();
            let read = self.reader.poll(limit);
            is_let_be = read.is_err();
            let is_empty = read.as_ref().is_ok_and(Read::is_empty);
            self.take_read(read);
            if is_empty && self.reader.position() == before {
                break;
            }
            pages += 1;
            self.note_passed();
            // A long way must not keep others from this thread.
            tokio::task::yield_now().await;
        }
        let waiting = self.lanes.iter().map(Lane::len).sum();
        let progress = &self.delivery.progress;
        progress.read_to(self.reader.position(), waiting);
    }

    /// Whether there is news of the mapping.
    fn is_told(&self) -> bool {
        *self.delivery.stop.borrow() != Stop::No
            || self.delivery.mapping.has_changed().unwrap_or(true)
    }

    fn take_read(&mut self, read: Result<Read, ReadError>) {
        let progress = self.delivery.progress.clone();
        if self.reader.take_lost() {
            tracing::warn!(
                mapping = %progress.key().mapping,
                shard = %progress.key().shard,
                "records may have been past their retention before they were delivered"
            );
            add(&self.counts.lost, 1);
            progress.note_problem(RECORDS_LOST.to_owned());
        }
        match read {
            Ok(read) => {
                self.failed_reads = 0;
                add(&self.counts.filtered, read.filtered);
                let is_spread = self.lanes.len() > 1 && !read.records.is_empty();
                self.has_passed |= read.filtered > 0 || is_spread;
                for (lane, record) in read.records {
                    self.held.grow(self.lanes[lane].push(record));
                }
                self.place_idle_lanes();
                progress.read_to(self.reader.position(), 0);
            }
            Err(error) => {
                self.failed_reads = self.failed_reads.saturating_add(1);
                let now_ms = self.delivery.shared.clock.now_ms();
                self.let_be = Pause::of(now_ms, pause_ms(self.failed_reads));
                tracing::error!(
                    mapping = %progress.key().mapping,
                    shard = %progress.key().shard,
                    %error,
                    "a shard cannot be read"
                );
                progress.note_problem(format!("{PROBLEM}{error}"));
            }
        }
    }

    fn place_idle_lanes(&self) {
        for (number, lane) in self.lanes.iter().enumerate() {
            if !self.busy[number] {
                let place = lane.place(self.reader.position());
                self.delivery.progress.place(number, place);
            }
        }
    }

    /// A mapping that wants few of its records, or whose lanes were not done in the order of their records, gets further
    /// all the same. Gives the time at which that is due.
    fn note_passed(&mut self) -> u64 {
        let is_idle = self.jobs.is_empty() && self.lanes.iter().all(|lane| lane.len() == 0);
        if !self.has_passed || !is_idle {
            return u64::MAX;
        }
        let progress = &self.delivery.progress;
        let pause = Pause::of(progress.noted_ms(), FILTERED_NOTE_MS);
        if let Some(due_ms) = pause.end_ms(self.delivery.shared.clock.now_ms()) {
            return due_ms;
        }
        progress.note_places();
        self.has_passed = false;
        u64::MAX
    }

    /// Starts what is due; gives the time at which more will be.
    fn start_jobs(&mut self) -> u64 {
        let mut next_ms = u64::MAX;
        for lane in 0..self.lanes.len() {
            if self.busy[lane] {
                continue;
            }
            match self.work(lane) {
                Ok(work) => self.start(lane, work),
                Err(Due::At(ms)) => next_ms = next_ms.min(ms),
                Err(Due::Now | Due::NotYet) => {}
            }
        }
        next_ms
    }

    /// What an idle lane is to do now, or when it has something to do.
    fn work(&mut self, lane: usize) -> Result<Work, Due> {
        if self.has_outgrown_window() {
            return match lane {
                0 => Ok(Work::CloseWindow),
                _ => Err(Due::NotYet),
            };
        }
        let window_due = self.window_due(lane);
        if window_due == Due::Now {
            return Ok(Work::CloseWindow);
        }
        let rules = self.batch_rules();
        let reached = Reached {
            position: self.reader.position(),
            is_last: self.reader.has_ended() || self.room() == 0,
            now_ms: self.delivery.shared.clock.now_ms(),
        };
        match (self.lanes[lane].due(&rules, &reached), window_due) {
            (Due::Now, _) => {
                let created_ms = self.lanes[lane].first_created_ms();
                let batch = self.lanes[lane].take(&rules).ok_or(Due::NotYet)?;
                if self.shape.tumbling_ms > 0 && self.window.is_none() {
                    let of = |created_ms| OpenWindow::of(created_ms, self.shape.tumbling_ms);
                    self.window = created_ms.map(of);
                }
                Ok(Work::Batch(batch))
            }
            (Due::At(batch_ms), Due::At(window_ms)) => Err(Due::At(batch_ms.min(window_ms))),
            (due @ Due::At(_), _) | (_, due) => Err(due),
        }
    }

    /// Whether the open window was begun with another length, or while windows tumbled.
    fn has_outgrown_window(&self) -> bool {
        let window = self.window.as_ref();
        window.is_some_and(|window| window.length_ms != self.shape.tumbling_ms)
    }

    /// When the open window is to be closed: with the first record behind it, with the shard, or with its time, when
    /// all that was written in its time was read.
    fn window_due(&mut self, lane: usize) -> Due {
        let Some(window) = &self.window else {
            return Due::NotYet;
        };
        let length_ms = self.shape.tumbling_ms;
        let end_ms = window.start_ms + length_ms;
        if let Some(created_ms) = self.lanes[lane].first_created_ms() {
            let is_behind = start_of(created_ms, length_ms) != window.start_ms;
            return if is_behind { Due::Now } else { Due::NotYet };
        }
        if self.reader.has_ended() {
            return Due::Now;
        }
        let now_ms = self.delivery.shared.clock.now_ms();
        if now_ms < end_ms {
            return Due::At(end_ms);
        }
        let log = self.delivery.shared.streams.database().log();
        let barrier = *self.window_barrier.get_or_insert_with(|| log.appended());
        match self.reader.position() > barrier {
            true => Due::Now,
            false => Due::At(now_ms + WINDOW_LOOK_MS),
        }
    }

    fn batch_rules(&self) -> BatchRules {
        let mapping = self.delivery.mapping.borrow();
        let settings = &mapping.settings;
        let state = self.window.as_ref().map_or(0, |window| window.state.len());
        BatchRules {
            records_max: settings.batch_size,
            bytes_max: EVENT_BYTES_MAX.saturating_sub(ENVELOPE_BYTES_MAX + state),
            wait_ms: u64::from(settings.batching_window_s) * 1_000,
            tumbling_ms: (self.shape.tumbling_ms > 0).then_some(self.shape.tumbling_ms),
        }
    }

    fn start(&mut self, lane: usize, work: Work) {
        let delivery = &*self.delivery;
        // What is read while the lane is at work comes behind this.
        let first = match &work {
            Work::Batch(batch) => batch.first(),
            Work::CloseWindow => {
                let first = self.lanes[lane].first();
                first.unwrap_or_else(|| self.reader.position())
            }
        };
        let later = self.lanes[lane].trials();
        let again = match &work {
            Work::Batch(batch) if batch.calls > 0 => Some(batch.trial()),
            Work::Batch(_) | Work::CloseWindow => None,
        };
        let bytes = match &work {
            Work::Batch(batch) => batch.bytes(),
            Work::CloseWindow => 0,
        };
        let place = LanePlace {
            first: Some(first),
            trials: again.into_iter().chain(later.iter().cloned()).collect(),
        };
        delivery.progress.place(lane, place);
        let waiting = self.lanes.iter().map(Lane::len).sum();
        delivery.progress.show(|shown| shown.waiting = waiting);
        let job = Job {
            shared: delivery.shared.clone(),
            mapping: delivery.mapping.clone(),
            stop: self.halt.subscribe(),
            stream: Some(delivery.stream.clone()),
            progress: delivery.progress.clone(),
            counts: self.counts.clone(),
            lane,
            later,
            window: self.window.clone(),
            called: None,
            _held: self.held.split(bytes),
        };
        self.busy[lane] = true;
        self.jobs.spawn(job.run(work));
    }

    fn take_end(&mut self, ended: Result<JobEnd, JoinError>) {
        match ended {
            Ok(JobEnd::Done { lane, window }) => {
                if self.window.as_ref().map(|w| w.start_ms) != window.as_ref().map(|w| w.start_ms) {
                    self.window_barrier = None;
                }
                self.window = window;
                self.busy[lane] = false;
                self.place_idle_lanes();
            }
            // The pass is told to stop too, or will be: the lane has what it had, and stays busy.
            Ok(JobEnd::Stopped) => {}
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    resume_unwind(panic);
                }
            }
        }
    }

    /// Whether nothing is left to do.
    fn is_finished(&self) -> bool {
        self.reader.has_ended()
            && !self.busy.contains(&true)
            && self.window.is_none()
            && self.lanes.iter().all(|lane| lane.len() == 0)
    }

    /// Lets invocations that run come to their end, and no more.
    async fn halt(mut self, end: PassEnd) -> PassEnd {
        self.halt.send_replace(Stop::AfterInvocations);
        while let Some(ended) = self.jobs.join_next().await {
            self.take_end(ended);
        }
        if self.has_passed {
            self.delivery.progress.note_places();
        }
        end
    }
}

/// The lanes of a shape, as far as a checkpoint of the same number of lanes says.
fn lanes(shape: &Shape, checkpoint: &Checkpoint) -> Vec<Lane> {
    if checkpoint.lanes.len() == shape.lanes {
        let resumed = checkpoint.lanes.iter().cloned();
        return resumed.map(Lane::resumed).collect();
    }
    let new = || {
        Lane::resumed(LaneCheckpoint {
            done: checkpoint.position,
            trials: Vec::new(),
        })
    };
    std::iter::repeat_with(new).take(shape.lanes).collect()
}
