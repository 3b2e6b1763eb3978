//! A stream that is past its retention as a whole, since it was disabled: nothing of it can be read any more.

use std::sync::Arc;

use tokio::sync::watch;

use crate::registry::{Checkpoint, MappingRecord, ShardKey};

use super::board::add;
use super::delivery::{Shared, Stop, stopped, stopped_now};
use super::job::{Job, JobEnd, Work};
use super::progress::{LanePlace, Progress};
use super::shard::{End, RECORDS_LOST};

/// A mapping of such a stream.
pub(super) struct GoneStream {
    pub(super) shared: Arc<Shared>,
    pub(super) mapping: watch::Receiver<Arc<MappingRecord>>,
    pub(super) stop: watch::Receiver<Stop>,
}

impl GoneStream {
    /// Brings the shards to their end that had not come to it: that something may be lost is told, and a window that is
    /// open has its last call. Returns when it is told to stop.
    pub(super) async fn finish(mut self) {
        let mapping = self.mapping.borrow().uuid.clone();
        for (shard, checkpoint) in self.shared.checkpoints.of_mapping(&mapping) {
            if checkpoint.ended {
                continue;
            }
            let key = ShardKey {
                mapping: mapping.clone(),
                shard,
            };
            let mut stop = self.stop.clone();
            let end = tokio::select! {
                biased;
                () = stopped_now(&mut stop) => return,
                end = self.finish_shard(key, checkpoint) => end,
            };
            if end == End::Stopped {
                return;
            }
        }
        stopped(&mut self.stop).await;
    }

    async fn finish_shard(&self, key: ShardKey, checkpoint: Checkpoint) -> End {
        let shared = &self.shared;
        let counts = shared.board.counts(&key.mapping);
        tracing::warn!(
            mapping = %key.mapping,
            shard = %key.shard,
            "the stream is past its retention, and records may not have been delivered before"
        );
        add(&counts.lost, 1);
        let (checkpoints, clock) = (shared.checkpoints.clone(), shared.clock.clone());
        let progress = Arc::new(Progress::new(checkpoints, clock, key, &checkpoint));
        let (position, window) = (checkpoint.position, checkpoint.window);
        progress.begin(position, vec![LanePlace::default()], window.clone());
        let _shown = shared.board.show(progress.clone());
        progress.note_problem(RECORDS_LOST.to_owned());
        if window.is_some() {
            let job = Job {
                shared: shared.clone(),
                mapping: self.mapping.clone(),
                stop: self.stop.clone(),
                stream: None,
                progress: progress.clone(),
                counts,
                lane: 0,
                later: Vec::new(),
                window,
                called: None,
                _held: shared.read_ahead.shard(),
            };
            if let JobEnd::Stopped = job.run(Work::CloseWindow).await {
                return End::Stopped;
            }
            // It outlasts the call, which says nothing of the records.
            progress.note_problem(RECORDS_LOST.to_owned());
        }
        progress.note_end();
        End::Finished
    }
}
