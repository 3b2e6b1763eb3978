//! What the database does by its clock: it stands in nobody's way, and extreme settings mean what they say.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use headwater_changelog::testing::{Fault, FaultyFiles};
use headwater_changelog::{Files, FilesLock, Log, LogFile, LogOptions, MemoryFiles, Unlinked};
use headwater_engine::{Action, Database, EngineError, EngineOptions, StorageOptions, StreamView};
use headwater_model::{ManualClock, SeededRng, Sequence};
use headwater_state::StateOptions;
use parking_lot::Mutex;

use crate::support::{
    START_MS, command, create, get, new_table, open, options, put, records, try_open, verify,
};

const HOUR_MS: u64 = 3_600_000;
/// Files of trimmed segments that may wait for their space to be free.
const FILES_HELD_MAX: usize = 128;
const PATIENCE: Duration = Duration::from_secs(20);

/// Files in memory whose removal, or only the freeing of their space, takes until the test says so.
struct SlowToRemove {
    files: MemoryFiles,
    removing: Sender<()>,
    go_on: Arc<Mutex<Receiver<()>>>,
    frees_slowly: bool,
}

/// Space that is free when the test says so.
struct NotFree(Arc<Mutex<Receiver<()>>>, Sender<()>);

impl Drop for NotFree {
    fn drop(&mut self) {
        // The test ends the waiting by letting go of its end, and may be over.
        let _ = self.0.lock().recv();
        let _ = self.1.send(());
    }
}

impl Files for SlowToRemove {
    fn location(&self) -> String {
        self.files.location()
    }

    fn lock(&self) -> io::Result<Option<FilesLock>> {
        self.files.lock()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn LogFile>> {
        self.files.create(name)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn LogFile>> {
        self.files.open(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.files.list()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        if self.files.list()?.iter().any(|known| known == name) {
            self.removing.send(()).map_err(io::Error::other)?;
            self.go_on.lock().recv().map_err(io::Error::other)?;
        }
        self.files.remove(name)
    }

    fn unlink(&self, name: &str) -> io::Result<Unlinked> {
        if !self.frees_slowly {
            self.remove(name)?;
            return Ok(Box::new(()));
        }
        self.files.remove(name)?;
        Ok(Box::new(NotFree(self.go_on.clone(), self.removing.clone())))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.files.rename(from, to)
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        self.files.free_bytes()
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.files.sync_dir()
    }
}

/// A database over these files, with small segments and its state in memory.
fn open_over(files: impl Files + 'static, clock: &ManualClock, options: EngineOptions) -> Database {
    open_with_segments(64 << 10, files, clock, options)
}

fn open_with_segments(
    segment_bytes: u64,
    files: impl Files + 'static,
    clock: &ManualClock,
    options: EngineOptions,
) -> Database {
    let log_options = LogOptions {
        segment_bytes,
        preallocate: false,
        ..LogOptions::default()
    };
    let clock = Arc::new(clock.clone());
    let (log, _) = Log::open(Arc::new(files), log_options, clock.clone()).unwrap();
    let state = headwater_state::in_memory(StateOptions::default()).unwrap();
    let rng = Arc::new(SeededRng::new(1));
    Database::open(log, state, clock, rng, options).unwrap().0
}

/// Writes some segments of records and waits until a checkpoint holds them.
async fn fill(database: &Database, view: StreamView) -> u32 {
    let table = create(database, "t", Some(view)).await;
    for index in 0..2_000 {
        let key = format!("key number {}", index % 50);
        put(database, &table, &key, index).await.unwrap();
    }
    // The checkpoint that makes sealed segments droppable.
    while database.log().checkpoint() < database.log().durable() {
        tokio::task::yield_now().await;
    }
    table.record().stream.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_can_be_made_while_a_segment_is_removed() {
    let (removing, removal) = channel();
    let (go_on, gate) = channel();
    let files = SlowToRemove {
        files: MemoryFiles::new(),
        removing,
        go_on: Arc::new(Mutex::new(gate)),
        frees_slowly: false,
    };
    let clock = ManualClock::new(START_MS);
    let database = open_over(files, &clock, options(1));
    fill(&database, StreamView::NewAndOldImages).await;
    clock.advance_ms(25 * HOUR_MS);

    let upkeep = tokio::spawn({
        let database = database.clone();
        async move { database.run_due().await }
    });
    tokio::task::spawn_blocking(move || removal.recv_timeout(PATIENCE).unwrap())
        .await
        .unwrap();
    // On a thread of its own: if it is blocked, it blocks no timer of the test.
    let (made, answer) = channel();
    let creating = database.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let created = runtime.block_on(creating.create_table(new_table("other", None)));
        made.send(created.is_ok()).unwrap();
    });
    let made = tokio::task::spawn_blocking(move || answer.recv_timeout(Duration::from_secs(5)));
    let made = made.await.unwrap();
    drop(go_on);
    assert_eq!(made, Ok(true), "the catalog was locked during the removal");
    // The removal was refused at last, which upkeep reports.
    assert!(upkeep.await.unwrap().is_err());
    database.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_the_space_of_trimmed_files() {
    let (freed, frees) = channel();
    let (go_on, gate) = channel();
    let memory = MemoryFiles::new();
    let files = SlowToRemove {
        files: memory.clone(),
        removing: freed,
        go_on: Arc::new(Mutex::new(gate)),
        frees_slowly: true,
    };
    let clock = ManualClock::new(START_MS);
    // So small that there are more of them than may be held.
    let database = open_with_segments(1024, files, &clock, options(1));
    fill(&database, StreamView::NewAndOldImages).await;
    let before = database.log().segments();
    let files_before = memory.list().unwrap();
    let gone = || {
        let files = memory.list().unwrap();
        let names = files_before.iter();
        names.filter(|name| !files.contains(name)).count()
    };
    clock.advance_ms(25 * HOUR_MS);
    let trimmed = tokio::time::timeout(PATIENCE, database.run_due());
    trimmed.await.unwrap().unwrap();
    let trimmed = || {
        let oldest = database.log().segments()[0].id;
        before.iter().filter(|segment| segment.id < oldest).count()
    };
    assert!(trimmed() > FILES_HELD_MAX, "{} segments trimmed", trimmed());
    assert_eq!(gone(), FILES_HELD_MAX);
    assert!(frees.try_recv().is_err(), "nothing is free yet");

    // The next look does not wait either, and those who free space remove what is left.
    let looked = tokio::time::timeout(PATIENCE, database.run_due());
    looked.await.unwrap().unwrap();
    drop(go_on);
    for _ in 0..trimmed() {
        frees.recv_timeout(PATIENCE).unwrap();
    }
    assert_eq!(gone(), trimmed());
    database.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upkeep_goes_on_after_a_panic() {
    let files = FaultyFiles::new(1);
    let clock = ManualClock::new(START_MS);
    // Nothing but trimming is due, so that it is what panics.
    let options = EngineOptions {
        shard_age_ms: u64::MAX,
        ..options(1)
    };
    let database = open_over(files.clone(), &clock, options);
    fill(&database, StreamView::NewAndOldImages).await;
    let before = database.log().segments().len();
    files.inject(0, Fault::Panic);
    clock.advance_ms(25 * HOUR_MS);
    let upkeep = tokio::spawn({
        let database = database.clone();
        async move { database.keep().await }
    });
    let trimmed = async {
        while database.log().segments().len() == before {
            clock.advance_ms(1_000);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, trimmed).await.unwrap();
    assert!(!upkeep.is_finished());
    upkeep.abort();
    database.close();
}

#[tokio::test]
async fn an_endless_retention_keeps_everything() {
    let clock = ManualClock::new(START_MS);
    let endless = EngineOptions {
        retention_ms: u64::MAX - 7,
        ..options(1)
    };
    let database = open(None, &clock, endless);
    let stream = fill(&database, StreamView::NewAndOldImages).await;
    assert!(database.log().segments().len() > 2);
    clock.advance_ms(10_000 * HOUR_MS);
    database.run_due().await.unwrap();
    assert_eq!(records(&database, stream, 1_000).len(), 2_000);
    database.close();
}

#[tokio::test]
async fn shards_of_endless_age_are_never_rolled_over() {
    let clock = ManualClock::new(START_MS);
    let endless = EngineOptions {
        shard_age_ms: u64::MAX - 7,
        ..options(1)
    };
    let database = open(None, &clock, endless);
    let table = create(&database, "t", Some(StreamView::KeysOnly)).await;
    clock.advance_ms(10_000 * HOUR_MS);
    database.run_due().await.unwrap();
    let stream = table.record().stream.unwrap();
    assert_eq!(database.shards(stream).await.unwrap().len(), 1);
    database.close();
}

#[tokio::test]
async fn a_lost_state_under_a_trimmed_log_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, options(1));
    fill(&database, StreamView::NewAndOldImages).await;
    clock.advance_ms(25 * HOUR_MS);
    database.run_due().await.unwrap();
    assert!(database.log().oldest() > Sequence::ZERO);
    database.close();
    drop(database);
    std::fs::remove_file(folder.path().join("state")).unwrap();

    let refusal = try_open(Some(folder.path()), &clock, options(1)).err();
    let refusal = refusal.unwrap().to_string();
    let expected = [
        "state file is missing or empty",
        "put back the file `state`",
    ];
    for part in expected {
        assert!(refusal.contains(part), "{refusal}");
    }
    let findings = verify(folder.path()).unwrap().findings;
    assert!(findings[0].detail.contains(expected[0]), "{findings:?}");
}

#[tokio::test]
async fn a_state_of_another_store_is_refused_and_one_without_an_identity_is_taken() {
    let clock = ManualClock::new(START_MS);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (folder, seed) in folders.iter().zip([1, 2]) {
        let database = open_seeded(folder.path(), &clock, seed);
        create(&database, "t", None).await;
        database.close();
    }
    let [own, other] = folders.each_ref().map(|folder| folder.path().join("state"));
    std::fs::copy(&other, &own).unwrap();
    let refusal = try_open(Some(folders[0].path()), &clock, options(1)).err();
    let refusal = refusal.unwrap().to_string();
    assert!(refusal.contains("belongs to another store"), "{refusal}");

    // Made by a version that kept no identity in the state.
    std::fs::remove_file(&own).unwrap();
    drop(headwater_state::open_file(&own, StateOptions::default()).unwrap());
    let database = open(Some(folders[0].path()), &clock, options(1));
    assert!(database.table("", "t").is_ok());
    database.close();
    drop(database);
    let state = headwater_state::open_file(&own, StateOptions::default()).unwrap();
    assert!(state.claim([0; 16]).is_err(), "it has been taken");
}

fn open_seeded(folder: &std::path::Path, clock: &ManualClock, seed: u64) -> Database {
    let rng = Arc::new(SeededRng::new(seed));
    let storage = StorageOptions::default();
    let clock = Arc::new(clock.clone());
    let opened = headwater_engine::open(Some(folder), storage, clock, rng, options(1));
    opened.unwrap().0
}

/// A shard that is rolled over before its first record keeps no segment of the log. It is listed all the same, until its
/// retention is over: its child names it. Seed 0 of the power losses met one that was forgotten at once.
#[tokio::test]
async fn an_empty_shard_is_listed_until_its_retention_is_over() {
    let clock = ManualClock::new(START_MS);
    let one_hour = EngineOptions {
        shard_age_ms: HOUR_MS,
        ..options(1)
    };
    let database = open(None, &clock, one_hour);
    let idle = create(&database, "idle", Some(StreamView::NewImage)).await;
    let stream = idle.record().stream.unwrap();
    clock.advance_ms(HOUR_MS);
    database.run_due().await.unwrap();
    let busy = create(&database, "busy", None).await;
    for index in 0..2_000 {
        let key = format!("key number {}", index % 50);
        put(&database, &busy, &key, index).await.unwrap();
    }
    while database.log().checkpoint() < database.log().durable() {
        tokio::task::yield_now().await;
    }
    database.run_due().await.unwrap();
    database.run_due().await.unwrap();
    let shards = database.shards(stream).await.unwrap();
    assert!(database.log().oldest() > shards[0].end.unwrap());
    assert_eq!(shards.len(), 2);
    assert_eq!(shards[1].parent, Some(shards[0].number));
    clock.advance_ms(25 * HOUR_MS);
    database.run_due().await.unwrap();
    let shards = database.shards(stream).await.unwrap();
    assert!(shards.iter().all(|shard| shard.number > 1), "{shards:?}");
    database.close();
}

/// A pass that looks for expired items begins before the time to live is disabled, and comes to an item after: whoever was
/// told that it is disabled keeps the item, also if another attribute holds the times by now.
#[tokio::test]
async fn nothing_expires_by_a_time_to_live_that_was_disabled() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, options(1));
    let table = create(&database, "t", Some(StreamView::NewImage)).await;
    let stream = table.record().stream.unwrap();
    let enable = |attribute: &'static str, enabled| {
        database.change_time_to_live("", "t", attribute, enabled)
    };
    enable("v", true).await.unwrap();
    let old = table.record().ttl.clone().unwrap().index;
    let expire = async |index: u32| {
        let action = Action::Expire {
            attribute: "v".to_owned(),
            now_s: START_MS / 1_000,
            index,
        };
        database.write(command(&table, "a", action)).await
    };
    put(&database, &table, "a", START_MS as i64 / 1_000 - 60)
        .await
        .unwrap();
    enable("v", false).await.unwrap();
    let refused = expire(old).await;
    assert!(matches!(refused, Err(EngineError::TimeToLiveDisabled)));
    enable("other", true).await.unwrap();
    let refused = expire(old).await;
    assert!(matches!(refused, Err(EngineError::TimeToLiveDisabled)));
    database.run_due().await.unwrap();
    assert!(get(&database, &table, "a").is_some());
    assert_eq!(records(&database, stream, 10).len(), 1);
    let new = table.record().ttl.clone().unwrap().index;
    expire(new).await.unwrap();
    assert!(get(&database, &table, "a").is_none());
    database.close();
}

/// A stream's shards that are open, and where those end that are closed.
fn shards(database: &Database, stream: u32) -> (usize, BTreeSet<Sequence>) {
    let shards = database.shards_now(stream);
    let open = shards.iter().filter(|shard| shard.end.is_none()).count();
    (open, shards.iter().filter_map(|shard| shard.end).collect())
}

#[tokio::test]
async fn many_shards_are_rolled_over_and_forgotten_by_several_entries() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, options(2_500));
    create(&database, "many", Some(StreamView::KeysOnly)).await;
    let stream = database.streams().await.unwrap()[0].id;
    clock.advance_ms(4 * HOUR_MS);
    database.run_due().await.unwrap();
    let (open, ends) = shards(&database, stream);
    assert_eq!((open, ends.len()), (2_500, 3));
    assert_eq!(database.shards_now(stream).len(), 5_000);
    clock.advance_ms(25 * HOUR_MS);
    database.run_due().await.unwrap();
    // Those that were open for so long are closed now, and kept for the retention.
    let (open, ends) = shards(&database, stream);
    assert_eq!((open, ends.len()), (2_500, 3));
    assert_eq!(database.shards_now(stream).len(), 5_000);
    database.close();
}

/// Whoever reads a shard waits for its parent. One without records between two that have some is not forgotten before them,
/// however many shards there are.
#[tokio::test]
async fn a_stream_with_records_keeps_all_of_its_shards() {
    let clock = ManualClock::new(START_MS);
    let few = EngineOptions {
        disabled_shards_max: 2,
        shard_age_ms: HOUR_MS,
        ..options(1)
    };
    let database = open(None, &clock, few);
    let table = create(&database, "t", Some(StreamView::KeysOnly)).await;
    let stream = table.record().stream.unwrap();
    put(&database, &table, "a", 1).await.unwrap();
    for _ in 0..2 {
        clock.advance_ms(2 * HOUR_MS);
        database.run_due().await.unwrap();
    }
    put(&database, &table, "a", 2).await.unwrap();
    assert_eq!(database.shards_now(stream).len(), 3);
    database.delete_table("", "t").await.unwrap();
    database.run_due().await.unwrap();
    assert_eq!(database.shards_now(stream).len(), 3);
    clock.advance_ms(25 * HOUR_MS);
    database.run_due().await.unwrap();
    assert_eq!(database.shards_now(stream).len(), 0);
    database.close();
}

/// Shards of deleted tables stay for their readers; but if there are many, not those that have nothing to be read.
#[tokio::test]
async fn streams_of_deleted_tables_are_no_more_than_may_be() {
    const SHARDS_MAX: usize = 32;
    let clock = ManualClock::new(START_MS);
    let few = EngineOptions {
        disabled_shards_max: SHARDS_MAX,
        ..options(4)
    };
    let database = open(None, &clock, few);
    let view = Some(StreamView::KeysOnly);
    let kept = async || {
        database.run_due().await.unwrap();
        let streams = database.streams().await.unwrap();
        let shards = streams.iter().map(|one| database.shards_now(one.id).len());
        (streams.len(), shards.sum::<usize>())
    };
    create(&database, "stays", view).await;
    for _ in 0..20 {
        create(&database, "goes", view).await;
        database.delete_table("", "goes").await.unwrap();
        kept().await;
    }
    assert_eq!(kept().await, (1 + 4, 4 + SHARDS_MAX / 2));
    // Those with records are kept; with them there may be too many.
    let mut written = 0;
    let refused = loop {
        let table = match database.create_table(new_table("goes", view)).await {
            Ok(view) => view.table,
            Err(refused) => break refused,
        };
        for key in 0..40 {
            put(&database, &table, &key.to_string(), 1).await.unwrap();
        }
        database.delete_table("", "goes").await.unwrap();
        written += 1;
        kept().await;
    };
    assert!(
        matches!(
            refused,
            EngineError::TooManyDisabledShards { most: SHARDS_MAX }
        ),
        "{refused}"
    );
    assert_eq!(written, SHARDS_MAX / 4);
    assert_eq!(kept().await, (1 + written, 4 + SHARDS_MAX));
    create(&database, "without", None).await;
    clock.advance_ms(25 * HOUR_MS);
    kept().await;
    create(&database, "goes", view).await;
    database.close();
}

#[tokio::test]
async fn a_stream_has_no_more_open_shards_by_splitting_than_it_may() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, options(1_000));
    create(&database, "many", Some(StreamView::KeysOnly)).await;
    let stream = database.streams().await.unwrap()[0].id;
    let first = database.shards_now(stream)[0].number;
    database.split_shard(stream, first, 25).await.unwrap();
    let last = database.shards_now(stream).pop().unwrap().number;
    let error = database.split_shard(stream, last, 2).await.unwrap_err();
    assert!(
        matches!(error, EngineError::TooManyShards { most: 1_024 }),
        "{error}"
    );
    let (open, ends) = shards(&database, stream);
    assert_eq!((open, ends.len()), (1_024, 1));
    // In place of one there may be another.
    database.split_shard(stream, last, 1).await.unwrap();
    database.close();
}
