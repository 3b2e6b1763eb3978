//! One mapping at work: a task for each shard that may be read, children after their parents.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use headwater_model::{Clock, Sequence};
use headwater_streams::{
    ShardFollower, ShardView, Start, StreamDescription, Streams, StreamsError, shard_number,
};
use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinSet};

use crate::destinations::{Destinations, Sent};
use crate::functions::Runtimes;
use crate::registry::{
    Checkpoint, Checkpoints, DeadLetters, Functions, MappingRecord, NewDeadLetter, Origin,
    ShardKey, uuid,
};

use super::backoff::pause_ms;
use super::board::{Board, add};
use super::gone::GoneStream;
use super::progress::Progress;
use super::read_ahead::ReadAhead;
use super::shard::{End, RECORDS_LOST, ShardDelivery};
use super::turns::Turns;

/// What all deliveries work with.
pub(crate) struct Shared {
    pub(crate) streams: Streams,
    pub(crate) functions: Arc<Functions>,
    pub(crate) runtimes: Arc<Runtimes>,
    pub(crate) checkpoints: Arc<Checkpoints>,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) destinations: Destinations,
    pub(crate) board: Arc<Board>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) turns: Turns,
    pub(crate) read_ahead: Arc<ReadAhead>,
    /// The server ends. Functions may fail because of it: they are signalled too, or what they call is gone.
    pub(crate) ending: AtomicBool,
}

impl Shared {
    /// Begins the end, for which deliveries are told to stop later on.
    pub(super) fn begin_end(&self) {
        self.ending.store(true, Ordering::SeqCst);
    }

    /// Whether no call may begin, and none that fails says anything of its batch.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }

    /// Sends a batch that was given up to its destination.
    pub(super) async fn send(&self, batch: &NewDeadLetter, payload: &Bytes) -> Sent {
        let unique = uuid(self.streams.database().rng().as_ref());
        let clock = self.clock.as_ref();
        self.destinations.send(batch, payload, &unique, clock).await
    }
}

/// Whether and how a delivery is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    No,
    /// Let invocations that run come to their end.
    AfterInvocations,
    /// Leave everything as it is; records may be delivered again.
    Now,
}

/// Returns when a delivery is told to stop, or when nobody is left who could tell.
pub(super) async fn stopped(stop: &mut watch::Receiver<Stop>) {
    // The reference would keep the sender waiting.
    drop(stop.wait_for(|stop| *stop != Stop::No).await);
}

pub(super) async fn stopped_now(stop: &mut watch::Receiver<Stop>) {
    drop(stop.wait_for(|stop| *stop == Stop::Now).await);
}

/// The task that a mapping runs in.
pub(super) struct Delivery {
    shared: Arc<Shared>,
    mapping: watch::Receiver<Arc<MappingRecord>>,
    stop: watch::Receiver<Stop>,
    /// The shards that are delivered now: numbers and ids.
    running: BTreeMap<u32, String>,
    /// Numbers of those that are done with.
    finished: BTreeSet<u32>,
    tasks: JoinSet<End>,
    /// Which shard a task delivers.
    shard_of: HashMap<task::Id, u32>,
    /// The shards whose tasks broke off, until they are done with.
    broken: BTreeMap<u32, Broken>,
}

/// A shard whose task ended by a panic.
#[derive(Clone, Copy)]
struct Broken {
    /// Where it was to begin.
    position: Sequence,
    /// How often in a row.
    times: u32,
}

impl Delivery {
    pub(super) fn new(
        shared: Arc<Shared>,
        mapping: watch::Receiver<Arc<MappingRecord>>,
        stop: watch::Receiver<Stop>,
    ) -> Self {
        Self {
            shared,
            mapping,
            stop,
            running: BTreeMap::new(),
            finished: BTreeSet::new(),
            tasks: JoinSet::new(),
            shard_of: HashMap::new(),
            broken: BTreeMap::new(),
        }
    }

    /// Delivers until it is told to stop.
    pub(super) async fn run(mut self) {
        let mut failures = 0;
        while let Err(error) = self.follow().await {
            if let StreamsError::StreamNotFound { .. } = error {
                self.finish_gone_stream().await;
                break;
            }
            failures += 1;
            let uuid = self.mapping.borrow().uuid.clone();
            tracing::warn!(mapping = %uuid, %error, "the stream of a mapping cannot be read");
            let clock = self.shared.clock.clone();
            tokio::select! {
                () = stopped(&mut self.stop) => break,
                () = clock.sleep_until(clock.now_ms() + pause_ms(failures)) => {}
            }
        }
        self.end().await;
    }

    /// The stream was disabled, and is past its retention. Shards that are still at work come to their end by themselves.
    async fn finish_gone_stream(&mut self) {
        while !self.tasks.is_empty() {
            tokio::select! {
                () = stopped(&mut self.stop) => return,
                _ = self.tasks.join_next() => {}
            }
        }
        let gone = GoneStream {
            shared: self.shared.clone(),
            mapping: self.mapping.clone(),
            stop: self.stop.clone(),
        };
        gone.finish().await;
    }

    /// Starts shards as their parents finish. Returns when it is told to stop.
    async fn follow(&mut self) -> Result<(), StreamsError> {
        let mapping = self.mapping.borrow().clone();
        let streams = self.shared.streams.clone();
        let stream = streams
            .describe(&mapping.namespace, &mapping.stream_arn, None, None, 0)
            .await?;
        let stream = Arc::new(stream);
        loop {
            let shards = streams.shards(&stream.stream).await?;
            self.forget_gone_shards(&mapping, &shards);
            self.finish_gone_shards(&mapping, &stream, &shards);
            self.start_shards(&mapping, &stream, &shards)?;
            loop {
                tokio::select! {
                    biased;
                    () = stopped(&mut self.stop) => return Ok(()),
                    Some(ended) = self.tasks.join_next_with_id() => {
                        if self.take_end(ended) {
                            break;
                        }
                    }
                }
            }
        }
    }

    /// Notes how a shard's task ended; whether others may start now.
    fn take_end(&mut self, ended: Result<(task::Id, End), JoinError>) -> bool {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some(number) = self.shard_of.remove(&id) else {
            return false;
        };
        let shard = self.running.remove(&number).unwrap_or_default();
        match ended {
            Ok((_, End::Finished)) => {
                self.finish(number);
                true
            }
            Ok((_, End::Stopped)) => false,
            Err(error) => {
                self.note_broken(number, shard, &error);
                true
            }
        }
    }

    /// A shard is done with.
    fn finish(&mut self, number: u32) {
        self.broken.remove(&number);
        self.finished.insert(number);
    }

    /// The shard is delivered again from its checkpoint on, after a pause that grows while it gets no further.
    fn note_broken(&mut self, number: u32, shard: String, error: &JoinError) {
        let mapping = self.mapping.borrow().uuid.clone();
        let key = ShardKey { mapping, shard };
        let position = self
            .shared
            .checkpoints
            .get(&key)
            .unwrap_or_default()
            .position;
        let before = self.broken.get(&number);
        let times = match before.filter(|before| before.position == position) {
            Some(before) => before.times.saturating_add(1),
            None => 1,
        };
        self.broken.insert(number, Broken { position, times });
        tracing::error!(
            mapping = %key.mapping,
            shard = %key.shard,
            %error,
            times,
            "the delivery of a shard broke off and begins again at its checkpoint"
        );
    }

    /// Brings shards to their end that are past their retention, and had not come to it before: nothing of them can be
    /// read, which is told, and a window that is open has its last call.
    fn finish_gone_shards(
        &mut self,
        mapping: &MappingRecord,
        stream: &Arc<StreamDescription>,
        shards: &[ShardView],
    ) {
        for (id, checkpoint) in self.shared.checkpoints.of_mapping(&mapping.uuid) {
            let Some(number) = shard_number(&id) else {
                continue;
            };
            let is_listed = shards.iter().any(|view| view.shard.number == number);
            if is_listed || checkpoint.ended || self.running.contains_key(&number) {
                continue;
            }
            let (streams, position) = (&self.shared.streams, checkpoint.position);
            let follower = streams.follow_from(stream.stream.clone(), number, position);
            self.start(stream, number, id, follower, checkpoint);
        }
    }

    /// Starts what may be read and is not; the shards come parents first.
    fn start_shards(
        &mut self,
        mapping: &MappingRecord,
        stream: &Arc<StreamDescription>,
        shards: &[ShardView],
    ) -> Result<(), StreamsError> {
        for view in shards {
            let number = view.shard.number;
            if self.running.contains_key(&number) || self.finished.contains(&number) {
                continue;
            }
            let key = ShardKey {
                mapping: mapping.uuid.clone(),
                shard: view.shard.id(),
            };
            let checkpoint = self.shared.checkpoints.get(&key);
            if is_over(mapping, view, checkpoint.as_ref()) {
                self.finish(number);
                continue;
            }
            if self.waits_for_parent(view, shards) {
                continue;
            }
            let follower = match self.follower(mapping, stream, view, checkpoint.as_ref()) {
                Ok(follower) => follower,
                // It has expired since it was listed.
                Err(StreamsError::ShardNotFound) => {
                    self.finish(number);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let checkpoint = match checkpoint {
                Some(checkpoint) => checkpoint,
                None => self.first_checkpoint(mapping, view, shards, &key, follower.position()),
            };
            self.start(stream, number, key.shard, follower, checkpoint);
        }
        Ok(())
    }

    /// Notes that a shard begins. That its parent expired before it was begun, and so was never delivered, is told.
    fn first_checkpoint(
        &self,
        mapping: &MappingRecord,
        view: &ShardView,
        shards: &[ShardView],
        key: &ShardKey,
        position: Sequence,
    ) -> Checkpoint {
        let mut checkpoint = Checkpoint::at(position);
        if self.misses_parent(mapping, view, shards) {
            tracing::warn!(
                mapping = %key.mapping,
                shard = %key.shard,
                "the shards before this one were past their retention before they were delivered"
            );
            add(&self.shared.board.counts(&key.mapping).lost, 1);
            checkpoint.result = Some(RECORDS_LOST.to_owned());
            checkpoint.at_ms = self.shared.clock.now_ms();
        }
        self.shared.checkpoints.note(key, checkpoint.clone());
        checkpoint
    }

    /// Whether the shard that this one goes on from is gone, and was to be delivered first. What was gone when the mapping
    /// was made is none of it.
    fn misses_parent(
        &self,
        mapping: &MappingRecord,
        view: &ShardView,
        shards: &[ShardView],
    ) -> bool {
        let shard = &view.shard;
        let is_later = shard.opened_ms > mapping.created_ms && shard.start > mapping.start;
        let is_gone = shard.parent.is_some_and(|parent| {
            let is_listed = shards.iter().any(|other| other.shard.number == parent);
            !is_listed && !self.finished.contains(&parent)
        });
        is_later && is_gone
    }

    /// Starts a shard.
    fn start(
        &mut self,
        stream: &Arc<StreamDescription>,
        number: u32,
        shard: String,
        follower: ShardFollower,
        checkpoint: Checkpoint,
    ) {
        let key = ShardKey {
            mapping: self.mapping.borrow().uuid.clone(),
            shard: shard.clone(),
        };
        let delivery = ShardDelivery {
            progress: Arc::new(Progress::new(
                self.shared.checkpoints.clone(),
                self.shared.clock.clone(),
                key,
                &checkpoint,
            )),
            shared: self.shared.clone(),
            mapping: self.mapping.clone(),
            stop: self.stop.clone(),
            stream: stream.clone(),
            shard: number,
        };
        self.running.insert(number, shard);
        let broken = self.broken.get(&number);
        let pause_ms = broken.map(|broken| pause_ms(broken.times));
        let run = run_after(pause_ms, delivery, follower, checkpoint);
        let task = self.tasks.spawn(run);
        self.shard_of.insert(task.id(), number);
    }

    /// Whether the shard that this one goes on from is still to be delivered.
    fn waits_for_parent(&self, view: &ShardView, shards: &[ShardView]) -> bool {
        view.shard.parent.is_some_and(|parent| {
            let is_listed = shards.iter().any(|other| other.shard.number == parent);
            self.running.contains_key(&parent) || is_listed && !self.finished.contains(&parent)
        })
    }

    fn follower(
        &self,
        mapping: &MappingRecord,
        stream: &StreamDescription,
        view: &ShardView,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<ShardFollower, StreamsError> {
        let (streams, shard) = (&self.shared.streams, &view.shard);
        let stream = stream.stream.clone();
        match checkpoint {
            Some(checkpoint) => Ok(streams.follow_from(stream, shard.number, checkpoint.position)),
            // What the mapping found is taken as it is; what came later must not be missed.
            None if mapping.origin == Origin::TrimHorizon
                && shard.opened_ms <= mapping.created_ms =>
            {
                streams.follow(stream, shard.number, Start::TrimHorizon)
            }
            None => {
                let from = shard.start.max(mapping.start);
                Ok(streams.follow_from(stream, shard.number, from))
            }
        }
    }

    /// Forgets shards that are past their retention, once they came to their end.
    fn forget_gone_shards(&mut self, mapping: &MappingRecord, shards: &[ShardView]) {
        let known: BTreeSet<u32> = shards.iter().map(|view| view.shard.number).collect();
        let is_parent = |number| shards.iter().any(|view| view.shard.parent == Some(number));
        self.finished
            .retain(|number| known.contains(number) || is_parent(*number));
        let ids: BTreeSet<String> = shards.iter().map(|view| view.shard.id()).collect();
        let checkpoints = &self.shared.checkpoints;
        checkpoints.retain(&mapping.uuid, |shard, checkpoint| {
            !checkpoint.ended || ids.contains(shard)
        });
    }

    async fn end(mut self) {
        while *self.stop.borrow() != Stop::Now && !self.tasks.is_empty() {
            tokio::select! {
                _ = self.tasks.join_next() => {}
                () = stopped_now(&mut self.stop) => break,
            }
        }
        self.tasks.shutdown().await;
        if let Err(error) = self.shared.checkpoints.flush().await {
            tracing::error!(%error, "checkpoints could not be written");
        }
    }
}

/// Delivers a shard, after a pause if it broke off before.
async fn run_after(
    pause_ms: Option<u64>,
    mut delivery: ShardDelivery,
    follower: ShardFollower,
    checkpoint: Checkpoint,
) -> End {
    if let Some(pause_ms) = pause_ms {
        let clock = delivery.shared.clock.clone();
        tokio::select! {
            () = stopped(&mut delivery.stop) => return End::Stopped,
            () = clock.sleep_until(clock.now_ms() + pause_ms) => {}
        }
    }
    delivery.run(follower, checkpoint).await
}

/// Whether nothing of a shard is to be delivered.
fn is_over(mapping: &MappingRecord, view: &ShardView, checkpoint: Option<&Checkpoint>) -> bool {
    match checkpoint {
        Some(checkpoint) => checkpoint.ended,
        None => view.shard.end.is_some_and(|end| end < mapping.start),
    }
}
