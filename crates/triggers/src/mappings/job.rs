//! One batch of a lane, or the end of its window, until it is done or given up (triggers.md sections 5 to 8).

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use headwater_model::Sequence;
use headwater_streams::StreamDescription;
use tokio::sync::watch;

use crate::destinations::Sent;
use crate::functions::{Invocation, InvokeError, InvokeResult};
use crate::registry::{
    Condition, LastCall, MappingRecord, NewDeadLetter, OpenWindow, Target, Trial, qualifier_of,
    uuid,
};

use super::answer::{Answer, AnswerRules};
use super::backoff::pause_ms;
use super::batch::Batch;
use super::board::{Counts, add};
use super::delivery::{Shared, Stop, stopped, stopped_now};
use super::event::{ENVELOPE_BYTES_MAX, EVENT_BYTES_MAX, WindowView, event};
use super::progress::{FailedBatch, LanePlace, LastBatch, Progress};
use super::read_ahead::Held;
use super::record::PendingRecord;
use super::turns::Turn;
use super::verdict::{Fault, RetryRules, Verdict, judge};
use super::window::{NO_STATE, STATE_BYTES_MAX};

/// What the API tells of the last batch (triggers.md section 1, recorded).
const RESULT_OK: &str = "OK";
const RESULT_FAILED: &str = "PROBLEM: Function call failed";
/// What a batch that could not be read, or did not reach a function, tells; ours.
pub(super) const PROBLEM: &str = "PROBLEM: ";
const FUNCTION_MISSING: &str = "Function does not exist";

/// What a job is to do.
pub(super) enum Work {
    Batch(Batch),
    /// The last call of a tumbling window.
    CloseWindow,
}

/// How a job ended.
pub(super) enum JobEnd {
    Done {
        lane: usize,
        /// The window as it is now.
        window: Option<OpenWindow>,
    },
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
    Answered(InvokeResult),
    /// The function failed.
    Failed(InvokeResult),
    /// The function was not reached, which is no attempt.
    NotReached(String),
    /// It was told to stop, or failed while the server ends, which says nothing of the batch.
    Stopped,
}

/// What came of waiting for a turn.
enum Wait {
    Turn(Turn),
    /// All of the batch became too old before.
    TooOld,
    Stopped,
}

/// A lane at work.
pub(super) struct Job {
    pub(super) shared: Arc<Shared>,
    pub(super) mapping: watch::Receiver<Arc<MappingRecord>>,
    pub(super) stop: watch::Receiver<Stop>,
    /// None if nothing of it can be read any more; then there are no batches.
    pub(super) stream: Option<Arc<StreamDescription>>,
    pub(super) progress: Arc<Progress>,
    pub(super) counts: Arc<Counts>,
    pub(super) lane: usize,
    /// Batches of the lane from before that come behind this one.
    pub(super) later: Vec<Trial>,
    /// The tumbling window that the records are in.
    pub(super) window: Option<OpenWindow>,
    /// Revision of the function at the last call, if there was a function.
    pub(super) called: Option<String>,
    /// The memory of its records.
    pub(super) _held: Held,
}

impl Job {
    pub(super) async fn run(mut self, work: Work) -> JobEnd {
        let flow = match work {
            Work::Batch(batch) => self.deliver_all(batch).await,
            Work::CloseWindow => self.close_window().await,
        };
        match flow {
            Flow::On => JobEnd::Done {
                lane: self.lane,
                window: self.window,
            },
            Flow::Stop => JobEnd::Stopped,
        }
    }

    /// Delivers a batch and what it is split into, in order.
    async fn deliver_all(&mut self, batch: Batch) -> Flow {
        let mut waiting = VecDeque::from([batch]);
        while let Some(batch) = waiting.pop_front() {
            if self.deliver(batch, &mut waiting).await == Flow::Stop {
                return Flow::Stop;
            }
        }
        Flow::On
    }

    /// Calls the function with a batch until nothing of it is left. What it is split into goes before what waits.
    async fn deliver(&mut self, mut batch: Batch, waiting: &mut VecDeque<Batch>) -> Flow {
        let mut unreached = 0;
        loop {
            let was_tried = batch.calls > 0 || unreached > 0;
            if self.give_up_old(&mut batch, was_tried, waiting).await == Flow::Stop {
                return Flow::Stop;
            }
            if batch.records.is_empty() {
                return Flow::On;
            }
            self.cut(&mut batch, waiting);
            if self.rules().is_given_up(batch.len(), batch.failures) {
                let condition = Condition::RetryAttemptsExhausted;
                return self.give_up(&batch, condition, waiting).await;
            }
            let turn = match self.turn(&batch).await {
                Wait::Turn(turn) => turn,
                Wait::TooOld => continue,
                Wait::Stopped => return Flow::Stop,
            };
            // Its first records may have become too old while others did not. Those keep the turn: where turns are rare
            // they would be too old as well before the next one.
            // More of them may become so while they are given up.
            let mut count = 0;
            while batch.records.len() != count {
                count = batch.records.len();
                if self.give_up_old(&mut batch, was_tried, waiting).await == Flow::Stop {
                    return Flow::Stop;
                }
            }
            if batch.records.is_empty() {
                return Flow::On;
            }
            if *self.stop.borrow() != Stop::No {
                return Flow::Stop;
            }
            // Settings may have come while it waited for its turn.
            self.cut(&mut batch, waiting);
            let (fault, pause_after) = match self.call(turn, &batch, false, false).await {
                Call::Stopped => return Flow::Stop,
                Call::NotReached(why) => {
                    unreached += 1;
                    self.note_trial(&batch, waiting, Some(format!("{PROBLEM}{why}")));
                    self.show_trouble(&batch, &why, None);
                    (None, unreached)
                }
                Call::Failed(result) => {
                    batch.last_call = LastCall::failed(&result);
                    (Some(Fault::Whole), 0)
                }
                Call::Answered(result) => {
                    let answer = Answer::read(&result.payload, &batch.records, self.answer_rules());
                    if answer.fault.is_some() && self.shared.is_ending() {
                        return Flow::Stop;
                    }
                    if self.take_state(answer.state).await == Flow::Stop {
                        return Flow::Stop;
                    }
                    let Some((fault, reason)) = answer.fault else {
                        self.note_done(&batch, waiting);
                        return Flow::On;
                    };
                    batch.last_call = LastCall::reported(&result, reason);
                    (Some(fault), 0)
                }
            };
            let nth = match fault {
                None => pause_after,
                Some(fault) => {
                    unreached = 0;
                    batch.calls = batch.calls.saturating_add(1);
                    add(&self.counts.failed_calls, 1);
                    let error = batch.last_call.error.as_deref().unwrap_or_default();
                    self.show_trouble(&batch, error, Some(fault));
                    match judge(batch.len(), batch.failures, fault, self.rules()) {
                        Verdict::Split { at } => {
                            return self.split(batch, at, waiting);
                        }
                        Verdict::GiveUp { done } => {
                            self.count_done(done);
                            batch.take_first(done);
                            let condition = Condition::RetryAttemptsExhausted;
                            return self.give_up(&batch, condition, waiting).await;
                        }
                        Verdict::Retry { done, failures } => {
                            self.count_done(done);
                            batch.take_first(done);
                            batch.failures = failures;
                        }
                    }
                    self.note_trial(&batch, waiting, Some(RESULT_FAILED.to_owned()));
                    // What was split off waits for nothing.
                    if batch.failures == 0 {
                        continue;
                    }
                    batch.failures
                }
            };
            if self.pause(nth, &batch).await == Flow::Stop {
                return Flow::Stop;
            }
        }
    }

    /// A batch from before the mapping's batches became smaller keeps as many records as they have now, with its failures.
    /// What is behind them goes by itself, with retries of its own.
    fn cut(&self, batch: &mut Batch, waiting: &mut VecDeque<Batch>) {
        let records_max = self.mapping.borrow().settings.batch_size;
        if batch.len() <= records_max {
            return;
        }
        let first = batch.take_first(records_max);
        let mut rest = std::mem::replace(batch, first);
        rest.failures = 0;
        rest.last_call = LastCall::default();
        waiting.push_front(rest);
    }

    fn split(&self, mut batch: Batch, at: usize, waiting: &mut VecDeque<Batch>) -> Flow {
        batch.failures = 0;
        batch.last_call = LastCall::default();
        let first = batch.take_first(at);
        waiting.push_front(batch);
        self.note_trial(&first, waiting, Some(RESULT_FAILED.to_owned()));
        waiting.push_front(first);
        Flow::On
    }

    fn rules(&self) -> RetryRules {
        let mapping = self.mapping.borrow();
        RetryRules {
            retries_max: mapping.settings.retries_max,
            bisects: mapping.settings.bisects,
        }
    }

    fn answer_rules(&self) -> AnswerRules {
        AnswerRules {
            reports_item_failures: self.mapping.borrow().settings.reports_item_failures,
            has_state: self.window.is_some(),
        }
    }

    /// Before when a record must have been made to be too old now, in milliseconds since the epoch.
    fn age_edge_ms(&self) -> u64 {
        let settings = &self.mapping.borrow().settings;
        let age_max = settings.record_age_s_max;
        age_max.map_or(0, |seconds| {
            let age_ms = u64::from(seconds) * 1_000;
            self.shared.clock.now_ms().saturating_sub(age_ms)
        })
    }

    /// Gives up the records that are older than the mapping allows, or past their retention. A batch that was just
    /// read is delivered, though its records be trimmed meanwhile.
    async fn give_up_old(
        &mut self,
        batch: &mut Batch,
        was_tried: bool,
        waiting: &mut VecDeque<Batch>,
    ) -> Flow {
        let edge_ms = self.age_edge_ms();
        let database = self.shared.streams.database();
        let trim_point = self
            .stream
            .as_ref()
            .map_or(Sequence::ZERO, |stream| database.trim_point(&stream.stream));
        let is_old = |record: &PendingRecord| {
            record.created_ms < edge_ms || was_tried && record.sequence < trim_point
        };
        let old = batch.records.iter().take_while(|record| is_old(record));
        let count = old.count();
        if count == 0 {
            return Flow::On;
        }
        let old = batch.take_first(count);
        if !batch.records.is_empty() {
            waiting.push_front(batch.clone());
        }
        let condition = Condition::RecordAgeExceeded;
        let flow = self.give_up(&old, condition, waiting).await;
        if !batch.records.is_empty() {
            waiting.pop_front();
        }
        flow
    }

    /// Hands a batch to its destination, or else to the dead-letter store, and goes on behind it when it is there.
    async fn give_up(
        &mut self,
        batch: &Batch,
        condition: Condition,
        waiting: &VecDeque<Batch>,
    ) -> Flow {
        let mut letter = self.dead_letter(batch, condition);
        tracing::warn!(
            mapping = %letter.mapping,
            shard = %letter.shard,
            records = letter.records,
            first = %letter.first,
            last = %letter.last,
            calls = letter.calls,
            "a batch is given up: {}",
            condition.as_str()
        );
        let payload = event(&batch.records, None);
        let sent = tokio::select! {
            biased;
            () = stopped_now(&mut self.stop) => return Flow::Stop,
            sent = self.shared.send(&letter, &payload) => sent,
        };
        let was_taken = sent == Sent::Taken;
        if was_taken {
            add(&self.counts.sent, 1);
        }
        if let Sent::Failed(reason) = sent {
            tracing::warn!(mapping = %letter.mapping, %reason, "a destination did not take a batch");
            add(&self.counts.unsent, 1);
            letter.destination_error = Some(reason);
        }
        if !was_taken && self.keep(&letter, &payload).await == Flow::Stop {
            return Flow::Stop;
        }
        add(&self.counts.dropped, batch.len());
        self.note_behind(batch, waiting, RESULT_FAILED);
        Flow::On
    }

    /// Puts a batch into the dead-letter store, however often that takes.
    async fn keep(&mut self, letter: &NewDeadLetter, payload: &Bytes) -> Flow {
        let rng = self.shared.streams.database().rng();
        let (unique, mut failures) = (uuid(rng.as_ref()), 0);
        let letters = self.shared.dead_letters.clone();
        while let Err(error) = letters.add(letter.clone(), payload, &unique).await {
            failures += 1;
            tracing::error!(mapping = %letter.mapping, %error, "a batch that was given up cannot be kept");
            self.progress.show_error(&format!("{PROBLEM}{error}"), None);
            if self.rest(failures).await == Flow::Stop {
                return Flow::Stop;
            }
        }
        Flow::On
    }

    fn dead_letter(&self, batch: &Batch, condition: Condition) -> NewDeadLetter {
        // Of one that is too old nothing is told (recorded).
        let last = match condition {
            Condition::RetryAttemptsExhausted => batch.last_call.clone(),
            Condition::RecordAgeExceeded => LastCall::default(),
        };
        let mapping = self.mapping.borrow();
        let made = |record: Option<&PendingRecord>| record.map_or(0, |record| record.created_ms);
        let rng = self.shared.streams.database().rng();
        NewDeadLetter {
            namespace: mapping.namespace.clone(),
            mapping: mapping.uuid.clone(),
            function_arn: mapping.function_arn.clone(),
            stream_arn: mapping.stream_arn.clone(),
            shard: self.progress.key().shard.clone(),
            first: batch.first(),
            last: batch.last(),
            first_ms: made(batch.records.first()),
            last_ms: made(batch.records.last()),
            records: batch.len(),
            condition,
            // One at least, even if it was too old at once (recorded).
            calls: batch.calls.max(1),
            response: last.response,
            error: last.error,
            request_id: last.request_id.unwrap_or_else(|| uuid(rng.as_ref())),
            dropped_ms: self.shared.clock.now_ms(),
            destination: mapping.settings.destination.clone(),
            destination_error: None,
        }
    }

    /// Waits until the function may be called.
    async fn turn(&mut self, batch: &Batch) -> Wait {
        let shared = self.shared.clone();
        loop {
            if shared.is_ending() {
                return Wait::Stopped;
            }
            let mapping = self.mapping.borrow_and_update().clone();
            let (namespace, name) = (&mapping.namespace, &mapping.function_name);
            let function = shared.functions.get(namespace, name);
            let is_reserved =
                function.is_some_and(|function| function.whole.reserved_concurrency.is_some());
            let old = shared.clock.sleep_until(self.old_at_ms(batch));
            tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return Wait::Stopped,
                turn = shared.turns.take(namespace, name, is_reserved) => {
                    return turn.map_or(Wait::Stopped, Wait::Turn);
                }
                () = old => return Wait::TooOld,
                changed = self.mapping.changed() => if changed.is_err() {
                    return Wait::Stopped;
                },
            }
        }
    }

    async fn call(&mut self, _turn: Turn, batch: &Batch, is_final: bool, is_early: bool) -> Call {
        let shared = self.shared.clone();
        // It may have been the turn of a call that the end has broken off.
        if shared.is_ending() {
            return Call::Stopped;
        }
        let target = self.target();
        self.called = target.as_ref().map(Target::revision);
        let Some(target) = target else {
            add(&self.counts.unreached, 1);
            return Call::NotReached(FUNCTION_MISSING.to_owned());
        };
        let invocation = Invocation {
            request_id: uuid(shared.streams.database().rng().as_ref()),
            payload: self.event(&batch.records, is_final, is_early),
            qualifier: qualifier_of(&self.mapping.borrow().function_arn).map(str::to_owned),
            ..Invocation::default()
        };
        let function = target.pick(shared.streams.database().rng().as_ref());
        self.progress.show(|shown| shown.in_flight += 1);
        let result = shared.runtimes.invoke(&function.config, invocation).await;
        self.progress
            .show(|shown| shown.in_flight = shown.in_flight.saturating_sub(1));
        match result {
            Ok(result) => {
                add(&self.counts.calls, 1);
                match result.function_error {
                    None => Call::Answered(result),
                    Some(_) if shared.is_ending() => Call::Stopped,
                    Some(_) => Call::Failed(result),
                }
            }
            Err(InvokeError::ShuttingDown) => Call::Stopped,
            Err(error) => {
                add(&self.counts.unreached, 1);
                Call::NotReached(error.to_string())
            }
        }
    }

    fn event(&self, records: &[PendingRecord], is_final: bool, is_early: bool) -> Bytes {
        let stream_arn = match &self.stream {
            Some(stream) => stream.stream.arn(),
            None => self.mapping.borrow().stream_arn.clone(),
        };
        let view = self.window.as_ref().map(|window| WindowView {
            window,
            shard_id: &self.progress.key().shard,
            stream_arn: &stream_arn,
            is_final,
            is_early,
        });
        event(records, view.as_ref())
    }

    /// The function, or the version of it that is mapped, as it is now.
    fn target(&self) -> Option<Target> {
        let mapping = self.mapping.borrow();
        let (functions, arn) = (&self.shared.functions, &mapping.function_arn);
        functions.resolve(
            &mapping.namespace,
            &mapping.function_name,
            qualifier_of(arn),
        )
    }

    /// The window goes on with this state; one that is too long ends it early, and it begins anew.
    async fn take_state(&mut self, state: Option<Bytes>) -> Flow {
        let (Some(state), Some(window)) = (state, &mut self.window) else {
            return Flow::On;
        };
        let bytes = state.len();
        // What does not fit into an event is not shown.
        if bytes + ENVELOPE_BYTES_MAX <= EVENT_BYTES_MAX {
            window.state = state;
        }
        if bytes <= STATE_BYTES_MAX {
            return Flow::On;
        }
        if self.call_until_done(true).await == Flow::Stop {
            return Flow::Stop;
        }
        if let Some(window) = &mut self.window {
            window.state = Bytes::from_static(NO_STATE);
        }
        Flow::On
    }

    /// One that the mapping's settings have left behind ends early.
    async fn close_window(&mut self) -> Flow {
        let tumbling_ms = u64::from(self.mapping.borrow().settings.tumbling_window_s) * 1_000;
        let window = self.window.as_ref();
        let is_early = window.is_some_and(|window| window.length_ms != tumbling_ms);
        if self.call_until_done(is_early).await == Flow::Stop {
            return Flow::Stop;
        }
        self.window = None;
        self.progress.note_window_closed(RESULT_OK);
        Flow::On
    }

    /// The last call of a window, which the shard waits for.
    async fn call_until_done(&mut self, is_early: bool) -> Flow {
        let (mut failures, none) = (0, Batch::default());
        loop {
            let turn = match self.turn(&none).await {
                Wait::Turn(turn) => turn,
                // No record is.
                Wait::TooOld => continue,
                Wait::Stopped => return Flow::Stop,
            };
            let (why, result) = match self.call(turn, &none, true, is_early).await {
                Call::Answered(_) => return Flow::On,
                Call::Stopped => return Flow::Stop,
                Call::Failed(result) => {
                    add(&self.counts.failed_calls, 1);
                    let why = LastCall::failed(&result).error.unwrap_or_default();
                    (why, RESULT_FAILED.to_owned())
                }
                Call::NotReached(why) => {
                    let result = format!("{PROBLEM}{why}");
                    (why, result)
                }
            };
            failures += 1;
            self.progress.note_result(result);
            self.progress.show_error(&why, None);
            self.progress.show(|shown| shown.attempts = failures);
            if self.pause(failures, &none).await == Flow::Stop {
                return Flow::Stop;
            }
        }
    }

    /// Waits before a batch is tried again; less if it is given up meanwhile, or if the function is another
    /// one than that of the last call.
    async fn pause(&mut self, nth: u32, batch: &Batch) -> Flow {
        let clock = self.shared.clock.clone();
        let now_ms = clock.now_ms();
        let mut functions = self.shared.functions.watch();
        let mut over = clock.sleep_until(now_ms + pause_ms(nth));
        while !self.is_over(batch) && self.target().as_ref().map(Target::revision) == self.called {
            let old = clock.sleep_until(self.old_at_ms(batch));
            tokio::select! {
                () = stopped(&mut self.stop) => return Flow::Stop,
                () = &mut over => break,
                // Whether it is too old is told by the clock.
                () = old => {}
                _ = functions.changed() => {}
                changed = self.mapping.changed() => if changed.is_err() {
                    return Flow::Stop;
                },
            }
        }
        Flow::On
    }

    /// Whether a batch is to be given up now, by the mapping as it is now.
    fn is_over(&self, batch: &Batch) -> bool {
        let edge_ms = self.age_edge_ms();
        let is_old = batch
            .records
            .last()
            .is_some_and(|last| last.created_ms < edge_ms);
        is_old || self.rules().is_given_up(batch.len(), batch.failures)
    }

    /// When the whole batch is too old, in milliseconds since the epoch.
    fn old_at_ms(&self, batch: &Batch) -> u64 {
        let age_max = self.mapping.borrow().settings.record_age_s_max;
        match (age_max, batch.records.last()) {
            (Some(seconds), Some(last)) => last.created_ms + u64::from(seconds) * 1_000 + 1,
            _ => u64::MAX,
        }
    }

    /// Waits before something of our own is tried again.
    async fn rest(&mut self, nth: u32) -> Flow {
        let clock = &self.shared.clock;
        tokio::select! {
            () = stopped(&mut self.stop) => Flow::Stop,
            () = clock.sleep_until(clock.now_ms() + pause_ms(nth)) => Flow::On,
        }
    }

    /// Shows what a batch failed with; no fault means that the function was not reached.
    fn show_trouble(&self, batch: &Batch, error: &str, fault: Option<Fault>) {
        let failed = fault.map(|fault| FailedBatch::of(&batch.records, fault));
        self.progress.show_error(error, failed);
        self.progress.show(|shown| shown.attempts = batch.calls);
    }

    fn count_done(&self, records: usize) {
        add(&self.counts.records, records);
    }

    fn note_done(&self, batch: &Batch, waiting: &VecDeque<Batch>) {
        self.count_done(batch.len());
        let now_ms = self.shared.clock.now_ms();
        let last = batch.records.last();
        let last = LastBatch {
            records: batch.len(),
            done_ms: now_ms,
            age_ms: last.map_or(0, |last| now_ms.saturating_sub(last.created_ms)),
        };
        self.progress.show(|shown| {
            shown.last_batch = Some(last);
            shown.attempts = 0;
        });
        self.note_behind(batch, waiting, RESULT_OK);
    }

    /// The batch is behind us.
    fn note_behind(&self, batch: &Batch, waiting: &VecDeque<Batch>, result: &str) {
        let next = waiting.front().map(Batch::first);
        let place = LanePlace {
            first: Some(next.unwrap_or_else(|| batch.last().next())),
            trials: self.trials(None, waiting),
        };
        self.note(place, Some(result.to_owned()));
    }

    /// The batch is still before us.
    fn note_trial(&self, batch: &Batch, waiting: &VecDeque<Batch>, result: Option<String>) {
        let place = LanePlace {
            first: Some(batch.first()),
            trials: self.trials(Some(batch), waiting),
        };
        self.note(place, result);
    }

    fn trials(&self, batch: Option<&Batch>, waiting: &VecDeque<Batch>) -> Vec<Trial> {
        let ours = batch.into_iter().chain(waiting).map(Batch::trial);
        ours.chain(self.later.iter().cloned()).collect()
    }

    fn note(&self, place: LanePlace, result: Option<String>) {
        let window = self.window.as_ref();
        self.progress.note(self.lane, place, window, result);
    }
}
