//! The whole of the triggers: opened over the API's facade, asked over HTTP, stopped at the end.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use headwater_model::{Clock, Rng};
use headwater_operations::Api;
use headwater_streams::Streams;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use crate::api::{Events, remove_unused};
use crate::destinations::{DestinationSettings, Destinations};
use crate::functions::{CodeStore, PROCESSES_PER_FUNCTION_MAX, Runtimes};
use crate::kinesis::Kinesis;
use crate::manage::{OneAtATime, Redrives};
use crate::mappings::{Board, Deliveries, ReadAhead, Shared, Turns};
use crate::registry::{
    Blobs, Checkpoints, DeadLetterBounds, DeadLetters, Documents, Functions, Mappings, StoreError,
};

/// How often it is tried to settle changes whose outcome is open.
const SETTLE_INTERVAL_MS: u64 = 1_000;

/// Changes that are under way or wait for others, with or without somebody who waits for their answers.
const CHANGES_MAX: usize = 256;

/// Settings of the triggers.
#[derive(Clone, Debug)]
pub struct TriggersSettings {
    /// Batches of all mappings that are at one function at once, unless it has reserved concurrency: as many as it has
    /// processes. How many are at all functions follows from the number of all processes.
    pub deliveries_per_function_max: usize,
    /// Bytes of the records that mappings have read and not done with.
    pub read_ahead_bytes_max: usize,
    /// Bytes of the payloads of invocations of type `Event` that wait or run; more are refused.
    pub event_bytes_max: usize,
    /// Batches that were given up and are kept; the oldest make room for new ones.
    pub dead_letters_max: usize,
    /// Bytes of their payloads.
    pub dead_letter_bytes_max: usize,
    /// Where batches that are given up can be sent.
    pub destinations: DestinationSettings,
    /// How long running invocations may go on when the server stops, in milliseconds.
    pub stop_grace_ms: u64,
}

impl Default for TriggersSettings {
    fn default() -> Self {
        Self {
            deliveries_per_function_max: PROCESSES_PER_FUNCTION_MAX,
            read_ahead_bytes_max: 256 << 20,
            event_bytes_max: 64 << 20,
            dead_letters_max: 10_000,
            dead_letter_bytes_max: 256 << 20,
            destinations: DestinationSettings::default(),
            stop_grace_ms: 2_000,
        }
    }
}

/// Why the triggers could not be opened: their system tables refused, or hold something damaged.
#[derive(Debug, thiserror::Error)]
#[error("the functions and mappings cannot be loaded: {0}")]
pub struct OpenError(Box<dyn std::error::Error + Send + Sync>);

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self(Box::new(error))
    }
}

/// Functions, mappings and their deliveries.
pub struct Triggers {
    pub(crate) api: Arc<Api>,
    pub(crate) runtimes: Arc<Runtimes>,
    pub(crate) code: Arc<CodeStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) functions: Arc<Functions>,
    pub(crate) mappings: Arc<Mappings>,
    pub(crate) checkpoints: Arc<Checkpoints>,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) board: Arc<Board>,
    pub(crate) deliveries: Deliveries,
    pub(crate) kinesis: Kinesis,
    pub(crate) events: Events,
    /// Held while functions or mappings are changed.
    pub(crate) changes: Arc<tokio::sync::Mutex<()>>,
    changes_places: Arc<Semaphore>,
    pub(crate) redrives: Redrives,
    /// Counting the lags of mappings, which reads files.
    pub(crate) counting: OneAtATime,
    stop_grace_ms: u64,
    keepers: Mutex<Vec<JoinHandle<()>>>,
}

impl Triggers {
    /// Loads what was created before and starts the deliveries of the mappings that are enabled. Needs a
    /// tokio runtime around it. `clock` is the one that tests may move: retries wait by it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(
        api: Arc<Api>,
        runtimes: Arc<Runtimes>,
        code: Arc<CodeStore>,
        clock: Arc<dyn Clock>,
        settings: TriggersSettings,
    ) -> Result<Arc<Self>, OpenError> {
        let functions = Functions::open(Documents::open(&api, "functions").await?, &code).await?;
        let functions = Arc::new(functions);
        let all = functions.all();
        runtimes
            .keep_logs_of(all.iter().map(|function| &function.config))
            .await;
        for function in all {
            if let Some(reserved) = function.whole.reserved_concurrency {
                runtimes.reserve(&function.config, Some(reserved));
            }
        }
        let mappings = Documents::open(&api, "mappings").await?;
        let mappings = Arc::new(Mappings::open(mappings).await?);
        let known: HashSet<String> = mappings.all().iter().map(|m| m.uuid.clone()).collect();
        let blobs = Blobs::open(&api).await?;
        let checkpoints = Documents::open(&api, "checkpoints").await?;
        let checkpoints = Arc::new(Checkpoints::open(checkpoints, blobs.clone(), &known).await?);
        let letters = Documents::open(&api, "dead-letters").await?;
        let bounds = DeadLetterBounds {
            letters_max: settings.dead_letters_max,
            bytes_max: settings.dead_letter_bytes_max,
        };
        let dead_letters = Arc::new(DeadLetters::open(letters, blobs, bounds).await?);
        let board = Arc::new(Board::default());
        let wall = runtimes.wall_clock();
        let kinesis = Kinesis::open(&api, &settings.destinations, clock.clone(), wall).await?;
        let deliveries = Deliveries::new(Arc::new(Shared {
            streams: api.streams().clone(),
            functions: functions.clone(),
            runtimes: runtimes.clone(),
            checkpoints: checkpoints.clone(),
            dead_letters: dead_letters.clone(),
            destinations: Destinations::new(settings.destinations, runtimes.wall_clock()),
            board: board.clone(),
            clock: clock.clone(),
            turns: Turns::new(
                runtimes.processes_max(),
                settings.deliveries_per_function_max,
            ),
            read_ahead: ReadAhead::new(settings.read_ahead_bytes_max),
            ending: AtomicBool::new(false),
        }));
        let events = Events::new(
            functions.clone(),
            runtimes.clone(),
            clock.clone(),
            api.database().rng().clone(),
            settings.event_bytes_max,
        );
        let changes = Arc::default();
        let keeper = tokio::spawn(checkpoints.clone().keep(clock.clone()));
        let settler = Settler {
            streams: api.streams().clone(),
            changes: Arc::clone(&changes),
            functions: functions.clone(),
            mappings: mappings.clone(),
            runtimes: runtimes.clone(),
            code: code.clone(),
            clock: clock.clone(),
        };
        let keepers = vec![keeper, tokio::spawn(settler.keep())];
        let triggers = Arc::new(Self {
            api,
            runtimes,
            code,
            clock,
            functions,
            mappings,
            checkpoints,
            dead_letters,
            board,
            deliveries,
            kinesis,
            events,
            changes,
            changes_places: Arc::new(Semaphore::new(CHANGES_MAX)),
            redrives: Redrives::default(),
            counting: OneAtATime::default(),
            stop_grace_ms: settings.stop_grace_ms,
            keepers: Mutex::new(keepers),
        });
        triggers.remove_unused_packages().await;
        triggers.start_enabled();
        Ok(triggers)
    }

    fn start_enabled(&self) {
        for mapping in self.mappings.all() {
            if mapping.enabled {
                self.deliveries.start(mapping);
            }
        }
    }

    /// Begins no more batches, and lets those that are at functions end within the grace that the settings give. Call it
    /// while requests are still served: functions that find nobody there would fail.
    pub async fn stop_deliveries(&self) {
        // Before anything that waits: functions may have been told to end together with the server.
        self.deliveries.begin_end();
        // Changes from before may have started something; later ones do not.
        drop(self.changes.lock().await);
        self.deliveries.stop_all(self.stop_grace_ms).await;
    }

    /// Stops delivering, unless that is done, writes the checkpoints and ends all processes of functions. Call it before
    /// the database is closed, and when no more requests come.
    pub async fn stop(&self) {
        self.stop_deliveries().await;
        let _change = self.changes.lock().await;
        self.events.stop().await;
        self.kinesis.stop().await;
        // After this the keeper has nothing left to write, and nobody notes anything any more.
        if let Err(error) = self.checkpoints.flush().await {
            tracing::error!(%error, "checkpoints could not be written");
        }
        // The end may come before there was room.
        for settled in [self.functions.settle().await, self.mappings.settle().await] {
            if let Err(error) = settled {
                tracing::error!(%error, "a change that was refused may be there after the next start");
            }
        }
        self.keepers
            .lock()
            .drain(..)
            .for_each(|keeper| keeper.abort());
        self.runtimes.shutdown().await;
    }

    /// A place for a change, unless too many are under way.
    pub(crate) fn place_for_a_change(&self) -> Option<OwnedSemaphorePermit> {
        self.changes_places.clone().try_acquire_owned().ok()
    }

    pub(crate) fn streams(&self) -> &Streams {
        self.api.streams()
    }

    pub(crate) fn rng(&self) -> &dyn Rng {
        self.api.database().rng().as_ref()
    }
}

/// Makes the tables hold what is known of functions and mappings, after changes whose outcome is open.
struct Settler {
    streams: Streams,
    changes: Arc<tokio::sync::Mutex<()>>,
    functions: Arc<Functions>,
    mappings: Arc<Mappings>,
    runtimes: Arc<Runtimes>,
    code: Arc<CodeStore>,
    clock: Arc<dyn Clock>,
}

impl Settler {
    /// Does so when there is room again, for as long as the future is kept.
    async fn keep(self) {
        loop {
            tokio::select! {
                () = self.functions.in_doubt() => {}
                () = self.mappings.in_doubt() => {}
            }
            while let Err(error) = self.settle().await {
                tracing::warn!(%error, "the outcome of a change of a function or a mapping is open");
                let now_ms = self.clock.now_ms();
                self.clock.sleep_until(now_ms + SETTLE_INTERVAL_MS).await;
            }
        }
    }

    async fn settle(&self) -> Result<(), StoreError> {
        let _change = self.changes.lock().await;
        self.functions.settle().await?;
        // Those that what was refused would have needed.
        remove_unused(&self.streams, &self.functions, &self.runtimes, &self.code).await;
        self.mappings.settle().await
    }
}

impl Drop for Triggers {
    fn drop(&mut self) {
        let keepers = self.keepers.get_mut().drain(..);
        keepers.for_each(|keeper| keeper.abort());
    }
}
