//! The mappings that are at work.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::registry::MappingRecord;

use super::delivery::{Delivery, Shared, Stop};
use super::supervision::run_to_its_end;

/// What a mapping's delivery is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    /// Told to stop; an invocation is still running.
    Stopping,
    Stopped,
}

struct Running {
    mapping: watch::Sender<Arc<MappingRecord>>,
    stop: watch::Sender<Stop>,
    task: JoinHandle<()>,
}

/// All deliveries, by the UUIDs of their mappings.
pub(crate) struct Deliveries {
    shared: Arc<Shared>,
    running: Mutex<HashMap<String, Running>>,
}

impl Deliveries {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            running: Mutex::default(),
        }
    }

    /// Begins the delivery of a mapping that is not running, unless the server ends.
    pub(crate) fn start(&self, mapping: Arc<MappingRecord>) {
        if self.shared.is_ending() {
            return;
        }
        let uuid = mapping.uuid.clone();
        let mapping = watch::Sender::new(mapping);
        let stop = watch::Sender::new(Stop::No);
        let (shared, settings, told) = (self.shared.clone(), mapping.subscribe(), stop.subscribe());
        let delivery = move || Delivery::new(shared.clone(), settings.clone(), told.clone()).run();
        let clock = self.shared.clock.clone();
        let task = tokio::spawn(run_to_its_end(
            uuid.clone(),
            delivery,
            clock,
            stop.subscribe(),
        ));
        let running = Running {
            mapping,
            stop,
            task,
        };
        self.running.lock().insert(uuid, running);
    }

    /// Gives a running delivery the mapping's new settings.
    pub(crate) fn update(&self, mapping: Arc<MappingRecord>) {
        if let Some(running) = self.running.lock().get(&mapping.uuid) {
            running.mapping.send_replace(mapping);
        }
    }

    /// Lets a delivery stop when its invocations have ended.
    pub(crate) fn stop(&self, uuid: &str) {
        if let Some(running) = self.running.lock().get(uuid) {
            running.stop.send_replace(Stop::AfterInvocations);
        }
    }

    /// Stops a delivery for good, at once, and returns when nothing of it runs any more.
    pub(crate) async fn abandon(&self, uuid: &str) {
        let running = self.running.lock().remove(uuid);
        if let Some(running) = running {
            running.stop.send_replace(Stop::Now);
            join(running.task).await;
        }
    }

    pub(crate) fn phase(&self, uuid: &str) -> Phase {
        match self.running.lock().get(uuid) {
            Some(running) if running.task.is_finished() => Phase::Stopped,
            Some(running) if *running.stop.borrow() == Stop::No => Phase::Running,
            Some(_) => Phase::Stopping,
            None => Phase::Stopped,
        }
    }

    /// From now on nothing begins, and no failure of a function counts.
    pub(crate) fn begin_end(&self) {
        self.shared.begin_end();
    }

    /// Stops all deliveries. Invocations that run longer than `grace_ms` are left to themselves. Whoever may be in the
    /// middle of [`Deliveries::start`] must have been waited for.
    pub(crate) async fn stop_all(&self, grace_ms: u64) {
        self.begin_end();
        let all: Vec<Running> = self
            .running
            .lock()
            .drain()
            .map(|(_, running)| running)
            .collect();
        for running in &all {
            running.stop.send_replace(Stop::AfterInvocations);
        }
        let (stops, tasks): (Vec<_>, Vec<_>) = all
            .into_iter()
            .map(|running| (running.stop, running.task))
            .unzip();
        let clock = &self.shared.clock;
        let mut grace = clock.sleep_until(clock.now_ms() + grace_ms);
        let mut ends = std::pin::pin!(async {
            for task in tasks {
                join(task).await;
            }
        });
        tokio::select! {
            () = &mut ends => return,
            () = &mut grace => {}
        }
        for stop in &stops {
            stop.send_replace(Stop::Now);
        }
        ends.await;
    }
}

async fn join(task: JoinHandle<()>) {
    if let Err(error) = task.await
        && error.is_panic()
    {
        tracing::error!("the delivery of a mapping ended with a panic");
    }
}
