//! Kinesis streaming destinations at work: the changes of a table, sent to a Kinesis stream
//! ([docs/adr/0027](../../../../docs/adr/0027-kinesis-destinations.md)).
//!
//! Each destination that is enabled has a task that reads the shards of its table's streams, the hidden ones too, and
//! sends what it reads. One that was disabled has it until all from before is sent; what is enabled again for the same
//! Kinesis stream waits for that, as its records come later.
//!
//! Invariant: a checkpoint moves only behind records that the service took, that it refuses for what they are, or that are past
//! their retention; so each other record is sent at least once, and the records of an item arrive in their order.

mod delivery;
mod put_records;
mod record;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use headwater_model::{Clock, Sequence};
use headwater_operations::{Api, KinesisRecord};
use headwater_wire::sigv4::Credentials;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::destinations::DestinationSettings;
use crate::functions::WallClock;
use crate::registry::{Documents, StoreError};
use headwater_outgoing::{HttpClient, Url};

use delivery::Delivery;

/// A destination, by its table's number and the first change that goes there: each enabling is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Key {
    table: u32,
    from: u64,
}

/// How far a destination has got, as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Checkpoint {
    key: Key,
    /// The next sequence number to send, by shard; [`Sequence::MAX`] behind its end.
    positions: BTreeMap<u32, u64>,
    /// Whether it was disabled, and all is sent.
    is_done: bool,
}

/// What is known of a destination here.
enum Work {
    /// It has not begun since the server started.
    Waits {
        /// As its table remembered it last; none if that was before the server started.
        destination: Option<Destination>,
        positions: BTreeMap<u32, u64>,
    },
    /// It has a task, which sends to a Kinesis stream of this ARN.
    Runs { arn: String },
    /// All is sent.
    Done,
}

/// A destination of a table that is there.
#[derive(Clone, Debug)]
struct Destination {
    key: Key,
    namespace: String,
    table_name: String,
    region: String,
    record: KinesisRecord,
}

/// How a destination is doing, since the server started.
#[derive(Clone, Debug, Default)]
struct Progress {
    sent: u64,
    failures: u64,
    refused: u64,
    lost: bool,
    last_failure: Option<String>,
}

/// What all deliveries share.
struct Shared {
    api: Arc<Api>,
    endpoint: Url,
    credentials: Credentials,
    client: HttpClient,
    checkpoints: Documents,
    progress: Mutex<BTreeMap<Key, Progress>>,
    clock: Arc<dyn Clock>,
    /// Signatures hold by the real time.
    wall: WallClock,
}

/// The destinations that are at work.
pub(crate) struct Kinesis {
    shared: Option<Arc<Shared>>,
    stop: watch::Sender<bool>,
    task: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Key {
    fn document_key(self) -> String {
        format!("{}/{}", self.table, self.from)
    }
}

impl Kinesis {
    /// Begins to send, if there is an endpoint to send to.
    pub(crate) async fn open(
        api: &Arc<Api>,
        settings: &DestinationSettings,
        clock: Arc<dyn Clock>,
        wall: WallClock,
    ) -> Result<Self, StoreError> {
        let stop = watch::Sender::new(false);
        let Some(endpoint) = settings.kinesis.clone() else {
            return Ok(Self {
                shared: None,
                stop,
                task: Mutex::default(),
            });
        };
        let checkpoints = Documents::open(api, "kinesis").await?;
        let known: Vec<Checkpoint> = checkpoints.load().await?;
        let shared = Arc::new(Shared {
            api: api.clone(),
            endpoint,
            credentials: settings.credentials.clone(),
            client: HttpClient::default(),
            checkpoints,
            progress: Mutex::default(),
            clock,
            wall,
        });
        let task = tokio::spawn(supervise(shared.clone(), known, stop.subscribe()));
        Ok(Self {
            shared: Some(shared),
            stop,
            task: Mutex::new(Some(task)),
        })
    }

    /// Stops all of them, each when its request is answered or given up.
    pub(crate) async fn stop(&self) {
        self.stop.send_replace(true);
        let task = self.task.lock().take();
        if let Some(task) = task
            && let Err(error) = task.await
            && error.is_panic()
        {
            tracing::error!("the supervision of Kinesis destinations ended with a panic");
        }
    }

    /// How the destinations of a namespace are doing.
    pub(crate) fn statuses(&self, namespace: &str) -> Value {
        let Some(shared) = &self.shared else {
            return json!({ "destinations": [] });
        };
        let now_ms = shared.clock.now_ms();
        let progress = shared.progress.lock();
        let all = destinations(&shared.api).into_iter();
        let shown = all.filter(|one| one.namespace == namespace).map(|one| {
            let progress = progress.get(&one.key).cloned().unwrap_or_default();
            json!({
                "table": one.table_name,
                "streamArn": one.record.arn,
                "status": one.record.status(now_ms),
                "sent": progress.sent,
                "failures": progress.failures,
                "refused": progress.refused,
                "lostRecords": progress.lost,
                "lastFailure": progress.last_failure,
            })
        });
        json!({ "destinations": shown.collect::<Vec<_>>() })
    }
}

impl Drop for Kinesis {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().take() {
            task.abort();
        }
    }
}

/// All destinations of tables that are there, the disabled ones too.
fn destinations(api: &Api) -> Vec<Destination> {
    let tables = api.database().kinesis_tables().into_iter();
    let all = tables.flat_map(|table| {
        let of_table = table.kinesis.iter().map(|record| Destination {
            key: Key {
                table: table.id,
                from: record.from.0,
            },
            namespace: table.namespace.clone(),
            table_name: table.name.clone(),
            region: table.region.clone(),
            record: record.clone(),
        });
        of_table.collect::<Vec<_>>()
    });
    all.collect()
}

/// The destinations, and their tasks.
struct Supervision {
    shared: Arc<Shared>,
    known: BTreeMap<Key, Work>,
    tasks: JoinSet<Option<Key>>,
    stop: watch::Receiver<bool>,
}

/// Begins a delivery for each destination that comes, until all is to stop. Those from before the server started go on at
/// their checkpoints.
async fn supervise(shared: Arc<Shared>, stored: Vec<Checkpoint>, mut stop: watch::Receiver<bool>) {
    let mut durable = shared.api.database().log().watch();
    let stored = stored.into_iter().map(|one| {
        let work = match one.is_done {
            true => Work::Done,
            false => Work::Waits {
                destination: None,
                positions: one.positions,
            },
        };
        (one.key, work)
    });
    let mut supervision = Supervision {
        shared,
        known: stored.collect(),
        tasks: JoinSet::new(),
        stop: stop.clone(),
    };
    let mut looked_at = None;
    loop {
        durable.mark_unchanged();
        let changed_at = supervision.shared.api.database().catalog_changed_at();
        if looked_at.replace(changed_at) != Some(changed_at) {
            supervision.look().await;
        }
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            moved = durable.changed() => if moved.is_err() { break },
            Some(ended) = supervision.tasks.join_next() => {
                supervision.note(ended);
                // Another one may have waited for it.
                looked_at = None;
            }
        }
    }
    while let Some(ended) = supervision.tasks.join_next().await {
        supervision.note(ended);
    }
}

impl Supervision {
    /// Begins what can begin, and forgets what is gone. What its table forgot since the server started, or was deleted with,
    /// is sent to its end all the same.
    async fn look(&mut self) {
        let mut present = HashSet::new();
        for one in destinations(&self.shared.api) {
            present.insert(one.key);
            let work = self.known.entry(one.key).or_insert(Work::Waits {
                destination: None,
                positions: BTreeMap::new(),
            });
            if let Work::Waits { destination, .. } = work {
                *destination = Some(one);
            }
        }
        let unknown = self.known.iter().filter(|(key, work)| {
            let has_nothing = match work {
                Work::Waits { destination, .. } => destination.is_none(),
                Work::Runs { .. } => false,
                Work::Done => true,
            };
            has_nothing && !present.contains(key)
        });
        let gone: Vec<Key> = unknown.map(|(key, _)| *key).collect();
        for key in gone {
            self.known.remove(&key);
            self.shared.forget(key).await;
        }
        self.begin();
    }

    /// Begins the destinations that wait for no other. The earlier ones of a table come first.
    fn begin(&mut self) {
        let running = self.known.iter().filter_map(|(key, work)| match work {
            Work::Runs { arn } => Some((key.table, arn.clone())),
            Work::Waits { .. } | Work::Done => None,
        });
        // The streams of Kinesis to which an earlier destination still sends.
        let mut busy: HashSet<(u32, String)> = running.collect();
        for (key, work) in &mut self.known {
            let Work::Waits {
                destination: Some(one),
                positions,
            } = work
            else {
                continue;
            };
            let arn = one.record.arn.clone();
            if busy.insert((key.table, arn.clone())) {
                let (one, positions) = (one.clone(), std::mem::take(positions));
                *work = Work::Runs { arn };
                let delivery =
                    Delivery::new(self.shared.clone(), one, positions, self.stop.clone());
                self.tasks.spawn(delivery.run());
            }
        }
    }

    fn note(&mut self, ended: Result<Option<Key>, tokio::task::JoinError>) {
        match ended {
            Ok(Some(done)) => {
                self.known.insert(done, Work::Done);
            }
            Ok(None) => {}
            Err(error) if error.is_panic() => {
                tracing::error!(
                    "a Kinesis destination ended with a panic; it goes on at the next start"
                );
            }
            Err(_) => {}
        }
    }
}

/// Returns when all is to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Without a sender nobody is left who could want anything.
    let _ = stop.wait_for(|stop| *stop).await;
}

impl Shared {
    async fn keep(
        &self,
        key: Key,
        positions: &BTreeMap<u32, Sequence>,
        is_done: bool,
    ) -> Result<(), StoreError> {
        let checkpoint = Checkpoint {
            key,
            positions: positions.iter().map(|(shard, at)| (*shard, at.0)).collect(),
            is_done,
        };
        self.checkpoints.put(&key.document_key(), &checkpoint).await
    }

    async fn forget(&self, key: Key) {
        self.progress.lock().remove(&key);
        if let Err(error) = self.checkpoints.delete(&key.document_key()).await {
            tracing::warn!(%error, "the checkpoint of a Kinesis destination was not removed");
        }
    }

    fn note(&self, key: Key, note: impl FnOnce(&mut Progress)) {
        note(self.progress.lock().entry(key).or_default());
    }
}
