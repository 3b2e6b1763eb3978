//! Gets and writes of keys whose blocks are not in memory, over a state whose reads end when the test says so.

use std::ops::Bound;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use bytes::Bytes;
use headwater_changelog::testing::FaultyFiles;
use headwater_changelog::{Log, LogOptions};
use headwater_engine::{ColdRead, Database, EngineOptions, Table};
use headwater_model::{AttributeValue, EncodedItem, ManualClock, SeededRng, StorageKey};
use headwater_state::{
    Batch, Direction, Snapshot, Sought, StateError, StateOptions, StateStats, StateStore,
    VisitChecked,
};
use tokio::sync::Semaphore;

use crate::support::{create, item, options, put};

/// A disk on which some keys have to be waited for.
struct Disk {
    /// A part of these keys, if there are any.
    cold: Mutex<Option<&'static str>>,
    /// Reads may end.
    ends: Semaphore,
    /// They bring nothing into memory, which they tell or not.
    brings_nothing: AtomicBool,
    fails: AtomicBool,
    begun: AtomicUsize,
    /// Reads of cold keys that a thread waited for.
    waited: AtomicUsize,
}

impl Disk {
    fn is_cold(&self, key: &[u8]) -> bool {
        let cold = self.cold.lock().unwrap();
        cold.is_some_and(|cold| key.windows(cold.len()).any(|part| part == cold.as_bytes()))
    }

    fn counts(&self) -> (usize, usize) {
        (self.begun.load(SeqCst), self.waited.load(SeqCst))
    }
}

struct OnDisk<S: ?Sized>(Arc<S>, Arc<Disk>);

impl Snapshot for OnDisk<dyn Snapshot> {
    fn position(&self) -> u64 {
        self.0.position()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        self.1
            .waited
            .fetch_add(usize::from(self.1.is_cold(key)), SeqCst);
        self.0.get(key)
    }

    fn seek(&self, key: &[u8]) -> Result<Sought, StateError> {
        if !self.1.is_cold(key) {
            return self.0.get(key).map(Sought::Value);
        }
        self.1.begun.fetch_add(1, SeqCst);
        let disk = self.1.clone();
        Ok(Sought::Waits(ColdRead::new(async move {
            disk.ends.acquire().await.unwrap().forget();
            if !disk.brings_nothing.load(SeqCst) && !disk.fails.load(SeqCst) {
                disk.cold.lock().unwrap().take();
            }
            !disk.fails.load(SeqCst)
        })))
    }

    fn scan_checked(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
        visit: &mut VisitChecked<'_>,
    ) -> Result<(), StateError> {
        self.0.scan_checked(from, to, direction, visit)
    }
}

impl StateStore for OnDisk<dyn StateStore> {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        Arc::new(OnDisk(self.0.snapshot(), self.1.clone()))
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
}

/// A table with `far` and `near`, both of which only the state has; then `far` becomes cold.
async fn far_and_near() -> (Database, Arc<Table>, Arc<Disk>) {
    let disk = Arc::new(Disk {
        cold: Mutex::new(None),
        ends: Semaphore::new(0),
        brings_nothing: AtomicBool::new(false),
        fails: AtomicBool::new(false),
        begun: AtomicUsize::new(0),
        waited: AtomicUsize::new(0),
    });
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    let log_options = LogOptions {
        preallocate: false,
        ..LogOptions::default()
    };
    let (log, _) = Log::open(Arc::new(FaultyFiles::new(1)), log_options, clock.clone()).unwrap();
    let state = headwater_state::in_memory(StateOptions::default()).unwrap();
    let state = Arc::new(OnDisk(state, disk.clone()));
    let options = EngineOptions {
        item_cache_bytes_max: 0,
        ..options(1)
    };
    let rng = Arc::new(SeededRng::new(1));
    let (database, _) = Database::open(log, state, clock, rng, options).unwrap();
    let table = create(&database, "t", None).await;
    for key in ["far", "near"] {
        put(&database, &table, key, 1).await.unwrap();
    }
    applied(&database).await;
    *disk.cold.lock().unwrap() = Some("far");
    (database, table, disk)
}

async fn applied(database: &Database) {
    while database.log().checkpoint() < database.log().durable() {
        tokio::task::yield_now().await;
    }
}

fn key(table: &Table, key: &str) -> StorageKey {
    table.schema().storage_key_of_key(&item(key, None)).unwrap()
}

fn number(item: Option<EncodedItem>) -> AttributeValue {
    item.unwrap().get("v").unwrap().unwrap()
}

fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.into())
}

#[tokio::test]
async fn a_get_of_what_is_not_in_memory_waits_without_its_thread_and_gives_what_is_there_then() {
    let (database, table, disk) = far_and_near().await;
    let (far, near) = (key(&table, "far"), key(&table, "near"));
    let mut get = pin!(database.get(&table, &far));
    assert!(
        get.as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    // There is one thread, and it serves others.
    assert_eq!(number(database.get(&table, &near).await.unwrap()), n(1));
    put(&database, &table, "near", 2).await.unwrap();
    // One who goes away leaves nothing behind.
    {
        let mut gone = pin!(database.get(&table, &far));
        assert!(
            gone.as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
    }
    // The item changes while it is read.
    disk.cold.lock().unwrap().take();
    put(&database, &table, "far", 3).await.unwrap();
    applied(&database).await;
    disk.ends.add_permits(1);
    assert_eq!(number(get.await.unwrap()), n(3));
    assert_eq!(disk.counts(), (2, 0));
}

#[tokio::test]
async fn a_write_of_what_is_not_in_memory_keeps_nobody() {
    let (database, table, disk) = far_and_near().await;
    let mut write = pin!(put(&database, &table, "far", 4));
    assert!(
        write
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    for number in 5..10 {
        put(&database, &table, "near", number).await.unwrap();
    }
    assert!(
        write
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    disk.ends.add_permits(1);
    write.await.unwrap();
    assert_eq!(
        number(database.get(&table, &key(&table, "far")).await.unwrap()),
        n(4)
    );
    assert_eq!(table.item_count(), 2);
    assert_eq!(disk.counts(), (1, 0));
}

#[tokio::test]
async fn what_does_not_come_into_memory_is_waited_for_by_a_thread_in_the_end() {
    let (database, table, disk) = far_and_near().await;
    disk.ends.add_permits(1_000);
    disk.brings_nothing.store(true, SeqCst);
    let far = key(&table, "far");
    assert_eq!(number(database.get(&table, &far).await.unwrap()), n(1));
    let (begun, waited) = disk.counts();
    assert!(
        (2..100).contains(&begun) && waited == 1,
        "{begun} and {waited}"
    );
    // One that failed is not begun again and again: a disk may take long for each.
    disk.fails.store(true, SeqCst);
    assert_eq!(number(database.get(&table, &far).await.unwrap()), n(1));
    assert_eq!(disk.counts(), (begun + 1, 2));
}
