//! Invocations of type `Event`: taken at once, carried out in the background, tried again when the
//! function fails (triggers.md section 10). They are kept in memory only and end with the server.

use std::sync::Arc;

use headwater_model::{Clock, Rng};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::functions::{Invocation, InvokeError, Runtimes};
use crate::registry::Functions;

const RETRIES_MAX: u32 = 2;
/// The first retry waits for one of these, the second one for two.
const RETRY_PAUSE_MS: u64 = 60_000;
/// Pause after a call that did not reach the function.
const UNREACHED_PAUSE_MS: u64 = 1_000;
/// It doubles with each such call in a row, up to this (Lambda guide, asynchronous invocation).
const UNREACHED_PAUSE_MS_MAX: u64 = 5 * 60_000;
const AGE_MS_MAX: u64 = 6 * 60 * 60 * 1_000;
/// What an event costs beside its payload.
const OVERHEAD_BYTES: usize = 1_024;

/// The events that are waiting or running.
pub(crate) struct Events {
    functions: Arc<Functions>,
    runtimes: Arc<Runtimes>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    /// One for each byte.
    room: Arc<Semaphore>,
    tasks: Mutex<JoinSet<()>>,
}

/// One event, and the room that it takes.
pub(super) struct Event {
    pub(super) namespace: String,
    pub(super) function: String,
    pub(super) invocation: Invocation,
}

/// There is no room for one more event.
#[derive(Debug)]
pub(super) struct Full;

impl Events {
    pub(crate) fn new(
        functions: Arc<Functions>,
        runtimes: Arc<Runtimes>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        bytes_max: usize,
    ) -> Self {
        Self {
            functions,
            runtimes,
            clock,
            rng,
            room: Arc::new(Semaphore::new(bytes_max.min(Semaphore::MAX_PERMITS))),
            tasks: Mutex::default(),
        }
    }

    /// Takes an event; it will be carried out without anybody waiting for it.
    pub(super) fn submit(&self, event: Event) -> Result<(), Full> {
        let bytes = event.invocation.bytes() + OVERHEAD_BYTES;
        let bytes = u32::try_from(bytes).map_err(|_| Full)?;
        let room = self.room.clone().try_acquire_many_owned(bytes);
        let room = room.map_err(|_| Full)?;
        let work = Work {
            functions: self.functions.clone(),
            runtimes: self.runtimes.clone(),
            clock: self.clock.clone(),
            rng: self.rng.clone(),
            taken_ms: self.clock.now_ms(),
            event,
            _room: room,
        };
        let mut tasks = self.tasks.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work.run());
        Ok(())
    }

    /// Drops all events; an invocation that runs is left to itself.
    pub(crate) async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        if !tasks.is_empty() {
            tracing::info!(events = tasks.len(), "events are dropped at the end");
        }
        tasks.shutdown().await;
    }
}

struct Work {
    functions: Arc<Functions>,
    runtimes: Arc<Runtimes>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    taken_ms: u64,
    event: Event,
    _room: OwnedSemaphorePermit,
}

impl Work {
    async fn run(self) {
        let mut failures = 0;
        let mut unreached = 0;
        loop {
            let age_ms = self.clock.now_ms().saturating_sub(self.taken_ms);
            if age_ms > AGE_MS_MAX {
                return self.drop_event("it is too old");
            }
            let pause_ms = match self.call().await {
                Some(Ok(true)) => return,
                Some(Ok(false)) => {
                    failures += 1;
                    unreached = 0;
                    RETRY_PAUSE_MS * u64::from(failures)
                }
                Some(Err(InvokeError::ShuttingDown)) => return,
                Some(Err(error)) => {
                    tracing::warn!(function = %self.event.function, %error, "an event did not reach its function");
                    unreached += 1;
                    unreached_pause_ms(unreached)
                }
                None => return self.drop_event("its function does not exist any more"),
            };
            if failures > RETRIES_MAX {
                return self.drop_event("its retries are used up");
            }
            let now_ms = self.clock.now_ms();
            self.clock.sleep_until(now_ms + pause_ms).await;
        }
    }

    /// Whether the function succeeded; `None` if there is none.
    async fn call(&self) -> Option<Result<bool, InvokeError>> {
        let event = &self.event;
        let qualifier = event.invocation.qualifier.as_deref();
        let target = self
            .functions
            .resolve(&event.namespace, &event.function, qualifier)?;
        let function = target.pick(&*self.rng);
        let invocation = event.invocation.clone();
        let result = self.runtimes.invoke(&function.config, invocation).await;
        Some(result.map(|result| result.function_error.is_none()))
    }

    fn drop_event(&self, reason: &str) {
        tracing::warn!(
            function = %self.event.function,
            request = %self.event.invocation.request_id,
            "an event is dropped: {reason}"
        );
    }
}

/// How long to wait after calls in a row that did not reach the function.
fn unreached_pause_ms(times: u32) -> u64 {
    let doublings = times.saturating_sub(1).min(UNREACHED_PAUSE_MS_MAX.ilog2());
    (UNREACHED_PAUSE_MS << doublings).min(UNREACHED_PAUSE_MS_MAX)
}
