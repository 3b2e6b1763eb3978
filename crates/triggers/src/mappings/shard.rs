//! One shard of a mapping: batch after batch, each until it succeeds or is given up.

use std::sync::Arc;

use headwater_streams::StreamDescription;
use tokio::sync::watch;

use crate::functions::{Invocation, InvokeError};
use crate::registry::{Checkpoint, Failing, FunctionRecord, MappingRecord, ShardKey, uuid};

use super::backoff::pause_ms;
use super::batch::{Batch, Batches, Next, ReadError};
use super::delivery::{Shared, Stop, stopped};

/// What the API tells of the last batch (triggers.md section 1, recorded).
const RESULT_OK: &str = "OK";
const RESULT_FAILED: &str = "PROBLEM: Function call failed";
/// What a batch that could not be read, or did not reach a function, tells; ours.
const PROBLEM: &str = "PROBLEM: ";
const FUNCTION_MISSING: &str = "Function does not exist";

/// How the delivery of a shard ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Everything of it was delivered or given up.
    Finished,
    /// It was told to stop.
    Stopped,
}

/// Whether to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Stop,
}

/// What came of a call.
enum Call {
    Done,
    /// The function failed.
    Failed,
    /// The function was not reached, which is no attempt.
    NotReached(String),
    Stopped,
}

fn revision(function: &Arc<FunctionRecord>) -> String {
    function.config.revision.clone()
}

/// The delivery of one shard.
pub(super) struct ShardDelivery {
    pub(super) shared: Arc<Shared>,
    pub(super) mapping: watch::Receiver<Arc<MappingRecord>>,
    pub(super) stop: watch::Receiver<Stop>,
    pub(super) key: ShardKey,
    pub(super) stream: Arc<StreamDescription>,
    pub(super) batches: Batches,
    /// The batch that had failed when delivery stopped, if one had.
    pub(super) failing: Option<Failing>,
    /// Revision of the function at the last call, if there was a function.
    pub(super) called: Option<String>,
}

impl ShardDelivery {
    pub(super) async fn run(mut self) -> End {
        let mut failed_reads = 0;
        loop {
            let records_max = self.mapping.borrow_and_update().batch_size;
            let last = self.failing.map(|failing| failing.last);
            let next = tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return End::Stopped,
                changed = self.mapping.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return End::Stopped,
                },
                next = self.batches.next(records_max, last) => next,
            };
            self.warn_of_losses();
            let flow = match next {
                Ok(Next::Batch(batch)) => {
                    failed_reads = 0;
                    self.deliver(batch).await
                }
                Ok(Next::Ended) => {
                    self.note_end();
                    return End::Finished;
                }
                Err(error) => {
                    failed_reads += 1;
                    self.report_read(&error);
                    self.rest(failed_reads).await
                }
            };
            if flow == Flow::Stop {
                return End::Stopped;
            }
        }
    }

    /// Calls the function with a batch until it succeeds or is given up.
    async fn deliver(&mut self, batch: Batch) -> Flow {
        let mut failures = self.failures_before(&batch);
        let mut unreached = 0;
        loop {
            if let Some(reason) = self.given_up(&batch, failures, failures + unreached > 0) {
                self.give_up(&batch, failures, reason);
                return Flow::On;
            }
            let pause_after = match self.call(&batch).await {
                Call::Done => {
                    self.note_done(RESULT_OK);
                    return Flow::On;
                }
                Call::Failed => {
                    failures += 1;
                    unreached = 0;
                    self.note_failing(&batch, failures, RESULT_FAILED.to_owned());
                    failures
                }
                Call::NotReached(why) => {
                    unreached += 1;
                    self.note_failing(&batch, failures, format!("{PROBLEM}{why}"));
                    unreached
                }
                Call::Stopped => return Flow::Stop,
            };
            if self.pause(pause_after, failures).await == Flow::Stop {
                return Flow::Stop;
            }
        }
    }

    /// How often this very batch has failed before delivery stopped.
    fn failures_before(&mut self, batch: &Batch) -> u32 {
        match self.failing.take() {
            Some(failing) if batch.first <= failing.last => failing.failures,
            _ => 0,
        }
    }

    /// Why a batch is not called any more, if it is not.
    fn given_up(&self, batch: &Batch, failures: u32, tried: bool) -> Option<&'static str> {
        if self.is_exhausted(failures) {
            return Some("its retries are used up");
        }
        let stream = &self.stream.stream;
        let trim_point = self.shared.streams.database().trim_point(stream);
        (tried && batch.last < trim_point).then_some("its records are past their retention")
    }

    fn is_exhausted(&self, failures: u32) -> bool {
        let retries_max = self.mapping.borrow().retries_max;
        retries_max.is_some_and(|retries_max| failures > retries_max)
    }

    async fn call(&mut self, batch: &Batch) -> Call {
        let shared = self.shared.clone();
        let _permit = tokio::select! {
            biased;
            () = stopped(&mut self.stop) => return Call::Stopped,
            permit = shared.permits.acquire() => match permit {
                Ok(permit) => permit,
                Err(_) => return Call::Stopped,
            },
        };
        let function = self.function();
        self.called = function.as_ref().map(revision);
        let Some(function) = function else {
            return Call::NotReached(FUNCTION_MISSING.to_owned());
        };
        let invocation = Invocation {
            request_id: uuid(shared.streams.database().rng().as_ref()),
            payload: batch.event.clone(),
            ..Invocation::default()
        };
        match shared.runtimes.invoke(&function.config, invocation).await {
            Ok(result) if result.function_error.is_none() => Call::Done,
            Ok(_) => Call::Failed,
            Err(InvokeError::ShuttingDown) => Call::Stopped,
            Err(error) => Call::NotReached(error.to_string()),
        }
    }

    /// The function as it is now.
    fn function(&self) -> Option<Arc<FunctionRecord>> {
        let mapping = self.mapping.borrow();
        let functions = &self.shared.functions;
        functions.get(&mapping.namespace, &mapping.function_name)
    }

    /// Waits before a shard is read again.
    async fn rest(&mut self, nth: u32) -> Flow {
        let clock = &self.shared.clock;
        tokio::select! {
            () = stopped(&mut self.stop) => Flow::Stop,
            () = clock.sleep_until(clock.now_ms() + pause_ms(nth)) => Flow::On,
        }
    }

    /// Waits before a batch is tried again; less if it is given up meanwhile, or if the function is another
    /// one than that of the last call.
    async fn pause(&mut self, nth: u32, failures: u32) -> Flow {
        let clock = &self.shared.clock;
        let mut over = clock.sleep_until(clock.now_ms() + pause_ms(nth));
        let mut functions = self.shared.functions.watch();
        while !self.is_exhausted(failures) && self.function().as_ref().map(revision) == self.called
        {
            tokio::select! {
                () = stopped(&mut self.stop) => return Flow::Stop,
                () = &mut over => break,
                _ = functions.changed() => {}
                changed = self.mapping.changed() => if changed.is_err() {
                    return Flow::Stop;
                },
            }
        }
        Flow::On
    }

    fn give_up(&self, batch: &Batch, failures: u32, reason: &str) {
        tracing::warn!(
            mapping = %self.key.mapping,
            shard = %self.key.shard,
            records = batch.records,
            first = %batch.first,
            last = %batch.last,
            failures,
            "a batch is given up: {reason}"
        );
        self.note_done(RESULT_FAILED);
    }

    /// The batch is behind us.
    fn note_done(&self, result: &str) {
        self.note(Checkpoint {
            result: Some(result.to_owned()),
            ..Checkpoint::at(self.batches.position())
        });
    }

    /// The batch is still before us.
    fn note_failing(&self, batch: &Batch, failures: u32, result: String) {
        self.note(Checkpoint {
            failing: (failures > 0).then_some(Failing {
                failures,
                last: batch.last,
            }),
            result: Some(result),
            ..Checkpoint::at(batch.first)
        });
    }

    fn note_end(&self) {
        let before = self.shared.checkpoints.get(&self.key).unwrap_or_default();
        let ended = Checkpoint {
            ended: true,
            result: before.result,
            at_ms: before.at_ms,
            ..Checkpoint::at(self.batches.position())
        };
        self.shared.checkpoints.note(&self.key, ended);
    }

    fn note(&self, checkpoint: Checkpoint) {
        let at_ms = self.shared.clock.now_ms();
        let checkpoint = Checkpoint {
            at_ms,
            ..checkpoint
        };
        self.shared.checkpoints.note(&self.key, checkpoint);
    }

    fn warn_of_losses(&mut self) {
        if self.batches.lost() {
            tracing::warn!(
                mapping = %self.key.mapping,
                shard = %self.key.shard,
                "records were past their retention before they were delivered"
            );
        }
    }

    fn report_read(&self, error: &ReadError) {
        tracing::error!(
            mapping = %self.key.mapping,
            shard = %self.key.shard,
            %error,
            "a shard cannot be read"
        );
        let before = self.shared.checkpoints.get(&self.key);
        self.note(Checkpoint {
            failing: self.failing,
            result: Some(format!("{PROBLEM}{error}")),
            ..before.unwrap_or_else(|| Checkpoint::at(self.batches.position()))
        });
    }
}
