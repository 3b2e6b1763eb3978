//! Whoever reads a table while it is deleted and its items are swept hears that it is gone, not that it has no items.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use headwater_changelog::{Log, LogOptions, MemoryFiles};
use headwater_engine::{Action, Database, EngineError, EngineOptions, Table};
use headwater_expression::{Condition, ExpressionKind, Placeholders};
use headwater_model::{EncodedItem, ManualClock, SeededRng};
use headwater_state::{Batch, Snapshot, StateError, StateOptions, StateStats, StateStore};

use crate::support::{
    START_MS, command, create, item, options, put, try_get, until, until_applied, with_condition,
};
use crate::verify::{document, state_key};

const PATIENCE: Duration = Duration::from_secs(20);

thread_local! {
    /// Where this thread waits.
    static GATE: RefCell<Option<Gate>> = const { RefCell::new(None) };
}

struct Gate {
    /// Snapshots that are taken before.
    looks: usize,
    arrived: SyncSender<()>,
    go: Receiver<()>,
}

/// A state whose snapshots a thread can be made to wait for.
struct Gated(Arc<dyn StateStore>);

impl StateStore for Gated {
    fn stats(&self) -> StateStats {
        self.0.stats()
    }

    fn format(&self) -> u64 {
        self.0.format()
    }

    fn claim(&self, store_id: [u8; 16]) -> Result<(), StateError> {
        self.0.claim(store_id)
    }

    fn check_owner(&self, store_id: [u8; 16]) -> Result<(), StateError> {
        self.0.check_owner(store_id)
    }

    fn snapshot(&self) -> Arc<dyn Snapshot> {
        match GATE.take() {
            Some(gate) if gate.looks > 0 => GATE.set(Some(Gate {
                looks: gate.looks - 1,
                ..gate
            })),
            Some(gate) => {
                gate.arrived.send(()).unwrap();
                gate.go.recv_timeout(PATIENCE).unwrap();
            }
            None => {}
        }
        self.0.snapshot()
    }

    fn apply(&self, batch: Batch, position: u64) -> Result<(), StateError> {
        self.0.apply(batch, position)
    }

    fn checkpoint(&self) -> Result<u64, StateError> {
        self.0.checkpoint()
    }

    fn position(&self) -> u64 {
        self.0.position()
    }

    fn durable_position(&self) -> u64 {
        self.0.durable_position()
    }
}

/// Deletes the table that something works on, which waits after so many looks at the state; what that gave.
async fn delete_below<T: Send + 'static>(
    looks: usize,
    work: impl AsyncFnOnce(Database, Arc<Table>) -> T + Send + 'static,
) -> T
where
{
    let store = headwater_state::in_memory(StateOptions::default()).unwrap();
    let clock = Arc::new(ManualClock::new(START_MS));
    let files = Arc::new(MemoryFiles::new());
    let (log, _) = Log::open(files, LogOptions::default(), clock.clone()).unwrap();
    let options = EngineOptions {
        item_cache_bytes_max: 0,
        ..options(1)
    };
    let rng = Arc::new(SeededRng::new(1));
    let state = Arc::new(Gated(store.clone()));
    let (database, _) = Database::open(log, state, clock, rng, options).unwrap();
    let table = create(&database, "t", None).await;
    create(&database, "kept", None).await;
    put(&database, &table, "a", 1).await.unwrap();
    until_applied(&database).await;

    let (arrived, has_arrived) = sync_channel(1);
    let (go, may_go) = sync_channel(1);
    let working = {
        let (database, table) = (database.clone(), table.clone());
        let runtime = tokio::runtime::Handle::current();
        std::thread::spawn(move || {
            let go = may_go;
            GATE.set(Some(Gate { looks, arrived, go }));
            runtime.block_on(work(database, table))
        })
    };
    let waiting = tokio::task::spawn_blocking(move || has_arrived.recv_timeout(PATIENCE));
    waiting.await.unwrap().unwrap();
    database.delete_table("", "t").await.unwrap();
    let dropped = state_key(0, &document(b'd', table.id()));
    until("the sweep ends", || {
        let is_applied = database.applied() >= database.log().durable();
        is_applied && store.snapshot().get(&dropped).unwrap().is_none()
    })
    .await;
    go.send(()).unwrap();
    let done = tokio::task::spawn_blocking(move || working.join().unwrap());
    let done = done.await.unwrap();
    database.close();
    done
}

fn is_not_found<T>(result: &Result<T, EngineError>) -> bool {
    matches!(result, Err(EngineError::TableNotFound { .. }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_of_a_table_that_is_swept_meanwhile_is_not_said_to_be_absent() {
    let got = delete_below(0, async |database, table| try_get(&database, &table, "a")).await;
    assert!(is_not_found(&got), "{got:?}");

    let got = delete_below(1, async |database: Database, table: Arc<Table>| {
        let key = command(&table, "a", Action::Delete).items.remove(0).key;
        database.get_together(&[(table, key)]).await
    });
    let got = got.await;
    assert!(is_not_found(&got), "{got:?}");
}

// The first look is before the latches are held.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_changes_nothing_is_not_answered_by_a_table_that_is_swept_meanwhile() {
    let failed = delete_below(1, async |database: Database, table: Arc<Table>| {
        let mut placeholders = Placeholders::new(None, None).unwrap();
        let text = "attribute_exists(pk)";
        let condition = Condition::parse(ExpressionKind::Condition, text, &mut placeholders);
        let put = Action::Put(EncodedItem::encode(&item("a", Some(2))));
        let command = with_condition(command(&table, "a", put), condition.unwrap());
        database.write(command).await
    });
    let failed = failed.await;
    assert!(is_not_found(&failed), "{failed:?}");

    let unchanged = delete_below(1, async |database: Database, table: Arc<Table>| {
        database.write(command(&table, "a", Action::Delete)).await
    });
    let unchanged = unchanged.await;
    assert!(is_not_found(&unchanged), "{unchanged:?}");
}

// Each item is looked at before the latches are held and under them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_in_a_transaction_does_not_hold_for_a_table_that_is_swept_meanwhile() {
    let done = delete_below(3, async |database: Database, table: Arc<Table>| {
        let kept = database.table("", "kept").unwrap();
        let put = Action::Put(EncodedItem::encode(&item("x", Some(1))));
        let mut whole = command(&kept, "x", put);
        let mut placeholders = Placeholders::new(None, None).unwrap();
        let text = "attribute_not_exists(pk)";
        let condition = Condition::parse(ExpressionKind::Condition, text, &mut placeholders);
        let check = with_condition(command(&table, "a", Action::Check), condition.unwrap());
        whole.items.extend(check.items);
        let done = database.transact(whole, None).await;
        (done, try_get(&database, &kept, "x").unwrap())
    });
    let (done, put) = done.await;
    assert!(is_not_found(&done), "{done:?}");
    assert_eq!(put, None);
}
