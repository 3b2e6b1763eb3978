//! A full disk below the log, the state or both: writes are refused, reads and streams go on, and with room
//! everything goes on, with nothing lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use headwater_changelog::testing::FaultyFiles;
use headwater_changelog::{Log, LogOptions, MemoryFiles};
use headwater_engine::{Database, EngineError, EngineOptions, LogError, StreamView, Table};
use headwater_model::{ManualClock, SeededRng};
use headwater_state::testing::FaultyDisk;
use headwater_state::{Batch, Snapshot, StateError, StateOptions, StateStats, StateStore};

use crate::support::{START_MS, create, get, options, put, records, until};

const PATIENCE: Duration = Duration::from_secs(30);
const WRITERS: i64 = 4;

struct Disks {
    files: FaultyFiles,
    state: FaultyDisk,
}

impl Disks {
    fn open(&self) -> Database {
        let clock = Arc::new(ManualClock::new(START_MS));
        let log_options = LogOptions {
            segment_bytes: 64 << 10,
            ..LogOptions::default()
        };
        let (log, _) = Log::open(Arc::new(self.files.clone()), log_options, clock.clone()).unwrap();
        let state_options = StateOptions {
            cache_bytes: 256 << 10,
            ..StateOptions::default()
        };
        let space = Arc::new(self.state.clone());
        let state =
            headwater_state::open(self.state.backend(), Some(space), state_options).unwrap();
        let options = EngineOptions {
            overlay_bytes_max: 100_000,
            // The state is asked often, in replay too, whether what it has in memory is to be written.
            apply_bytes_max: 10_000,
            ..options(2)
        };
        let rng = Arc::new(SeededRng::new(1));
        Database::open(log, state, clock, rng, options).unwrap().0
    }

    fn fill_up(&self, log: bool, state: bool) {
        if log {
            self.files
                .set_disk_size_bytes(Some(self.files.used_bytes() + 20_000));
        }
        if state {
            self.state
                .set_size_bytes(Some(self.state.placed_bytes() + 100_000));
        }
    }

    fn take_what_is_left(&self, log: bool, state: bool) {
        if log {
            self.files
                .set_disk_size_bytes(Some(self.files.used_bytes()));
        }
        if state {
            self.state.set_size_bytes(Some(self.state.placed_bytes()));
        }
    }

    fn make_room(&self) {
        self.files.set_disk_size_bytes(None);
        self.state.set_size_bytes(None);
    }
}

/// Writes until there is no room; gives the keys that were acknowledged, and the one that was not.
async fn write_until_full(database: Database, table: Arc<Table>, writer: i64) -> (i64, String) {
    for index in 0.. {
        let key = format!("{writer} {index} {}", "k".repeat(500));
        match put(&database, &table, &key, index).await {
            Ok(_) => {}
            Err(EngineError::Log(LogError::NoRoom { .. })) => return (index, key),
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!()
}

async fn fill(database: &Database, table: &Arc<Table>) -> Vec<(i64, String)> {
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write_until_full(database.clone(), table.clone(), writer)))
        .collect();
    let mut counts = Vec::new();
    for writer in writers {
        let full = tokio::time::timeout(PATIENCE, writer).await;
        counts.push(full.expect("a writer hangs").unwrap());
    }
    counts
}

fn check(database: &Database, table: &Table, counts: &[(i64, String)]) {
    for (writer, (acknowledged, _)) in counts.iter().enumerate() {
        for index in 0..*acknowledged {
            let key = format!("{writer} {index} {}", "k".repeat(500));
            assert!(get(database, table, &key).is_some(), "{writer} {index}");
        }
    }
    assert!(get(database, table, "before").is_some());
    let stream = table.record().stream.unwrap();
    let mut seen: Vec<_> = records(database, stream, 100)
        .into_iter()
        .map(|(_, _, change)| change.key)
        .collect();
    let all = seen.len() as i64;
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len() as i64, all, "each change once");
    // Besides: those that were not told, and the ones before, refused and after.
    let acknowledged: i64 = counts.iter().map(|(count, _)| count).sum();
    assert!((acknowledged..=acknowledged + WRITERS + 3).contains(&all));
}

/// Until what was held is durable as well.
async fn until_there_is_room(database: &Database) {
    let room = async {
        while database.no_room().is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, room).await.expect("no room");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_are_refused_reads_go_on_and_with_room_all_goes_on() {
    for (log, state) in [(true, false), (false, true), (true, true)] {
        let disks = Disks {
            files: FaultyFiles::new(1),
            state: FaultyDisk::new(),
        };
        let database = disks.open();
        let table = create(&database, "t", Some(StreamView::KeysOnly)).await;
        put(&database, &table, "before", 1).await.unwrap();
        disks.fill_up(log, state);
        let counts = fill(&database, &table).await;
        check(&database, &table, &counts);
        let refused = put(&database, &table, "refused", 1).await;
        assert!(matches!(
            refused,
            Err(EngineError::Log(LogError::NoRoom { .. }))
        ));
        let refused = database
            .create_table(crate::support::new_table("u", None))
            .await;
        assert!(refused.is_err(), "nor is a table made");
        disks.make_room();
        until_there_is_room(&database).await;
        put(&database, &table, "after", 1).await.unwrap();
        check(&database, &table, &counts);
        database.close();
        drop((table, database));
        let database = disks.open();
        let table = database.table("", "t").unwrap();
        assert!(get(&database, &table, "after").is_some());
        check(&database, &table, &counts);
        database.close();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_ends_on_a_full_disk_and_begins_again_with_what_it_acknowledged() {
    for (log, state) in [(true, false), (false, true), (true, true)] {
        let disks = Disks {
            files: FaultyFiles::new(1),
            state: FaultyDisk::new(),
        };
        let database = disks.open();
        let table = create(&database, "t", Some(StreamView::KeysOnly)).await;
        put(&database, &table, "before", 1).await.unwrap();
        disks.fill_up(log, state);
        let counts = fill(&database, &table).await;
        let closing = database.clone();
        let closed = tokio::task::spawn_blocking(move || closing.close());
        tokio::time::timeout(PATIENCE, closed)
            .await
            .expect("closing hangs")
            .unwrap();
        drop((table, database));
        disks.take_what_is_left(log, state);
        // There is no place for anything at all, and everything can be read.
        let database = disks.open();
        let table = database.table("", "t").unwrap();
        check(&database, &table, &counts);
        if log {
            let refused = put(&database, &table, "refused", 1).await;
            assert!(matches!(
                refused,
                Err(EngineError::Log(LogError::NoRoom { .. }))
            ));
        }
        disks.make_room();
        until_there_is_room(&database).await;
        put(&database, &table, "after", 1).await.unwrap();
        check(&database, &table, &counts);
        database.close();
    }
}

/// A state that is made to wait for room, and to say so.
pub struct Held {
    store: Arc<dyn StateStore>,
    pub is_full: AtomicBool,
    pub waits: AtomicBool,
    says_so: AtomicBool,
}

impl Held {
    pub fn new(store: Arc<dyn StateStore>) -> Self {
        Held {
            store,
            is_full: AtomicBool::new(false),
            waits: AtomicBool::new(false),
            says_so: AtomicBool::new(false),
        }
    }
}

impl StateStore for Held {
    fn stats(&self) -> StateStats {
        self.store.stats()
    }

    fn format(&self) -> u64 {
        self.store.format()
    }

    fn claim(&self, store_id: [u8; 16]) -> Result<(), StateError> {
        self.store.claim(store_id)
    }

    fn check_owner(&self, store_id: [u8; 16]) -> Result<(), StateError> {
        self.store.check_owner(store_id)
    }

    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.store.snapshot()
    }

    fn apply(&self, batch: Batch, position: u64) -> Result<(), StateError> {
        self.store.apply(batch, position)
    }

    fn checkpoint(&self) -> Result<u64, StateError> {
        self.store.checkpoint()
    }

    fn position(&self) -> u64 {
        self.store.position()
    }

    fn durable_position(&self) -> u64 {
        self.store.durable_position()
    }

    fn await_room(&self) {
        while self.is_full.load(Ordering::SeqCst) {
            self.waits.store(true, Ordering::SeqCst);
            std::thread::yield_now();
        }
    }

    fn set_waits_for_room(&self, waits: bool) {
        if !waits {
            self.is_full.store(false, Ordering::SeqCst);
        }
    }

    fn no_room(&self) -> Option<String> {
        let says_so = self.says_so.load(Ordering::SeqCst);
        says_so.then(|| "the disk is full".to_owned())
    }
}

/// A table with a stream, one of whose writes is durable and waits for the state, which waits for room.
async fn waiting_for_room(log_options: LogOptions) -> (Database, Arc<Table>, Arc<Held>) {
    let store = headwater_state::in_memory(StateOptions::default()).unwrap();
    let state = Arc::new(Held::new(store));
    let clock = Arc::new(ManualClock::new(START_MS));
    let (log, _) = Log::open(Arc::new(MemoryFiles::new()), log_options, clock.clone()).unwrap();
    let rng = Arc::new(SeededRng::new(1));
    let (database, _) = Database::open(log, state.clone(), clock, rng, options(1)).unwrap();
    let table = create(&database, "t", Some(StreamView::KeysOnly)).await;
    until("all is applied", || {
        database.applied() == database.log().durable()
    })
    .await;
    state.is_full.store(true, Ordering::SeqCst);
    put(&database, &table, "waits for room", 1).await.unwrap();
    let waits = || state.waits.load(Ordering::SeqCst);
    until("the state waits", waits).await;
    (database, table, state)
}

/// The state waited for room, the groups on their way to it filled their queue, and the log's writer waited behind
/// them: writes that were past the door already had no answer for as long as the disk was full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_behind_a_full_queue_of_groups_are_told_of_the_full_disk() {
    let log_options = LogOptions {
        queued_groups_max: 1,
        ..LogOptions::default()
    };
    let (database, table, state) = waiting_for_room(log_options).await;
    put(&database, &table, "queued", 1).await.unwrap();
    put(&database, &table, "in the writer's hands", 1)
        .await
        .unwrap();

    let appended = database.log().appended();
    let behind: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (database, table) = (database.clone(), table.clone());
            tokio::spawn(async move { put(&database, &table, &format!("{writer}"), 1).await })
        })
        .collect();
    let all = appended.offset(WRITERS as u64);
    until("all are past the door", || database.log().appended() >= all).await;
    state.says_so.store(true, Ordering::SeqCst);
    for write in behind {
        let told = tokio::time::timeout(PATIENCE, write).await;
        let told = told.expect("a write has no answer").unwrap();
        assert!(
            matches!(told, Err(EngineError::Log(LogError::NoRoom { .. }))),
            "{told:?}"
        );
    }
    let stream = table.record().stream.unwrap();
    assert!(get(&database, &table, "in the writer's hands").is_some());
    assert!(get(&database, &table, "0").is_none(), "not durable");
    assert_eq!(records(&database, stream, 10).len(), 3, "streams go on");

    state.says_so.store(false, Ordering::SeqCst);
    state.is_full.store(false, Ordering::SeqCst);
    until("all is durable", || {
        database.log().durable() == database.log().appended()
    })
    .await;
    put(&database, &table, "after", 1).await.unwrap();
    let read = records(&database, stream, 100);
    assert_eq!(read.len(), 4 + WRITERS as usize, "each once");
    assert!(read.windows(2).all(|pair| pair[0].1 < pair[1].1));
    for writer in 0..WRITERS {
        assert!(get(&database, &table, &format!("{writer}")).is_some());
    }
    database.close();
}

/// It waited for the state for as long as the disk was full, and whoever stopped the server waited for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_waits_for_room_ends_when_the_database_is_about_to_close() {
    let (database, table, _) = waiting_for_room(LogOptions::default()).await;
    let export = {
        let (database, table) = (database.clone(), table.clone());
        tokio::spawn(async move { database.items_at(&table, START_MS).await.map(drop) })
    };
    tokio::task::yield_now().await;
    database.end_long_reads();
    let ended = tokio::time::timeout(PATIENCE, export).await;
    let ended = ended.expect("it goes on waiting").unwrap();
    assert!(
        matches!(ended, Err(EngineError::Log(LogError::Closed))),
        "{ended:?}"
    );
    database.close();
}
