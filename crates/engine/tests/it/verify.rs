//! Verification finds what is wrong, by name, and only that: each check is shown to fail.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use headwater_changelog::{Change, ChangeKind, DiskFiles, EntryDraft, Identity, Log, LogOptions};
use headwater_engine::{
    Action, Database, EngineError, LogError, OpenError, StreamView, VerificationEnd,
    VerificationStatus, Verified,
};
use headwater_model::{
    AttributeValue, Clock, EncodedItem, KeyAttribute, KeySchema, KeyType, ManualClock, SeededRng,
    Sequence,
};
use headwater_state::{Batch, StateOptions, StateStore};
use xxhash_rust::xxh3::xxh3_128;

use crate::support::{
    START_MS, command, create, delete, get, item, noise, open, options, put, try_open,
    until_applied, verify,
};

const SECTOR_BYTES: usize = 512;

/// A stopped store with a table and its stream, over several segments, and a table without a stream.
pub async fn store() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, options(2));
    let streamed = create(&database, "streamed", Some(StreamView::NewAndOldImages)).await;
    let plain = create(&database, "plain", None).await;
    for index in 0..600 {
        let key = format!("key number {}", index % 150);
        put(&database, &streamed, &key, index).await.unwrap();
        if index % 7 == 0 {
            delete(&database, &streamed, &key).await.unwrap();
        }
        if index % 100 == 50 {
            let stream = streamed.record().stream.unwrap();
            let open = database.shards_now(stream);
            let shard = open.iter().find(|shard| shard.end.is_none()).unwrap();
            database.split_shard(stream, shard.number, 2).await.unwrap();
        }
        if index % 5 == 0 {
            put(&database, &plain, &key, index).await.unwrap();
        }
        clock.advance_ms(1);
    }
    database.close();
    folder
}

fn schema() -> KeySchema {
    KeySchema::new(KeyAttribute::new("pk", KeyType::S), None)
}

pub fn storage_key(key: &str) -> Bytes {
    let key = schema().storage_key_of_key(&item(key, None)).unwrap();
    key.into_bytes()
}

pub fn state_key(table: u32, key: &[u8]) -> Bytes {
    [&table.to_be_bytes()[..], key].concat().into()
}

pub fn hash(state_key: &[u8]) -> String {
    format!("{:032x}", xxh3_128(state_key))
}

fn value(key: &str, value: i64) -> Bytes {
    EncodedItem::encode(&item(key, Some(value))).into_bytes()
}

/// Writes into the state behind the server's back.
pub fn change_state(folder: &Path, change: impl FnOnce(&dyn StateStore, &mut Batch)) {
    let path = folder.join("state");
    let state = headwater_state::open_file(&path, StateOptions::default()).unwrap();
    let mut batch = Batch::new();
    change(&*state, &mut batch);
    state.apply(batch, state.position()).unwrap();
    state.checkpoint().unwrap();
}

/// Changes a document of the catalog, which is JSON.
fn change_document(folder: &Path, key: &[u8], change: impl FnOnce(&mut serde_json::Value)) {
    let key = state_key(0, key);
    change_state(folder, |state, batch| {
        let stored = state.snapshot().get(&key).unwrap().unwrap();
        let mut document = serde_json::from_slice(&stored).unwrap();
        change(&mut document);
        batch.put(key.clone(), document.to_string().into());
    });
}

pub fn document(kind: u8, number: u32) -> Vec<u8> {
    [&[kind][..], &number.to_be_bytes()].concat()
}

/// Whether one finding has all of these parts.
pub fn finds(verified: &Verified, parts: &[&str]) -> bool {
    let has_all = |text: String| parts.iter().all(|part| text.contains(part));
    verified
        .findings
        .iter()
        .any(|found| has_all(found.to_string()))
}

#[track_caller]
fn assert_finds(folder: &Path, parts: &[&str]) {
    let verified = verify(folder).unwrap();
    assert!(finds(&verified, parts), "{parts:?} not in {verified:?}");
}

fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for folder in [folder.to_owned(), folder.join("log")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && path.file_name().unwrap() != "LOCK" {
                all.insert(path.clone(), fs::read(path).unwrap());
            }
        }
    }
    all
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let all = contents(folder).into_keys();
    all.filter(|path| path.extension().is_some_and(|end| end == "hwl"))
        .collect()
}

pub fn flip(path: &Path, offset: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[offset] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_whole_store_is_clean_counted_and_not_changed() {
    let folder = store().await;
    let before = contents(folder.path());
    let verified = verify(folder.path()).unwrap();
    assert!(verified.is_clean(), "{verified:?}");
    assert_eq!(contents(folder.path()), before);
    assert_eq!((verified.tables, verified.tables_counted), (2, 2));
    assert!(
        verified.segments >= 2 && verified.blocks > 100,
        "{verified:?}"
    );
    assert!(verified.items > 150 && verified.keys_compared > 150);
    assert!(verified.records > 600 && verified.shards > 6);
    assert_eq!(verified.applied, verified.log_end);
    assert_eq!(verified.state_format, 3);
}

#[tokio::test]
async fn a_flipped_bit_anywhere_in_the_log_is_named_by_file_and_offset() {
    let folder = store().await;
    let path = segments(folder.path())[0].clone();
    let whole = fs::read(&path).unwrap();
    let size = whole.len();
    // Header, first block's header and body, something in the middle, footer, trailer.
    for offset in [
        3,
        20,
        44,
        64 + 5,
        64 + 14,
        64 + 40,
        size / 2,
        size - 40,
        size - 10,
    ] {
        flip(&path, offset);
        let verified = verify(folder.path());
        let named = match &verified {
            Ok(verified) => finds(verified, &["log file", ".hwl at byte"]),
            Err(OpenError::Engine(EngineError::Log(LogError::Unsupported { file, .. }))) => {
                file.ends_with(".hwl")
            }
            Err(_) => false,
        };
        assert!(named, "{offset} of {size}: {verified:?}");
        fs::write(&path, &whole).unwrap();
    }
}

/// Without the state it would be taken for what a crash left of a group, and cut.
#[tokio::test]
async fn damage_of_the_last_group_that_the_state_has_is_no_torn_tail() {
    let folder = store().await;
    let clock = ManualClock::new(START_MS + 60_000);
    let database = open(Some(folder.path()), &clock, options(2));
    let table = database.table("", "plain").unwrap();
    put(&database, &table, "last", 1).await.unwrap();
    until_applied(&database).await;
    database.close();
    drop((database, table));
    let path = segments(folder.path()).pop().unwrap();
    let whole = fs::read(&path).unwrap();
    flip(&path, 64 + 40);
    let damaged = fs::read(&path).unwrap();
    let file = path.file_name().unwrap().to_str().unwrap();
    let assert_refused_at = |byte: u64| {
        let place = format!("log file {file} at byte {byte}");
        assert_finds(folder.path(), &[&place, "but the state holds position"]);
        let refused = try_open(Some(folder.path()), &clock, options(2));
        let refused = refused.err().unwrap().to_string();
        let tells = refused.contains(file) && refused.contains("were durable");
        assert!(tells, "{refused}");
    };
    assert_refused_at(64);
    assert!(fs::read(&path).unwrap() == damaged, "something was cut");
    // With its header it looks like a segment that was never begun.
    flip(&path, 20);
    assert_refused_at(0);
    assert!(path.exists());

    fs::write(&path, whole).unwrap();
    let database = open(Some(folder.path()), &clock, options(2));
    let table = database.table("", "plain").unwrap();
    assert_eq!(get(&database, &table, "last"), Some(item("last", Some(1))));
    database.close();
}

#[tokio::test]
async fn damaged_pages_of_the_state_are_found_and_values_named_by_their_keys() {
    let folder = store().await;
    let path = folder.path().join("state");
    let whole = fs::read(&path).unwrap();
    let wanted = value("key number 149", 599);
    // Wherever it stands: a run that was merged leaves it where it was, and nobody reads that.
    let windows = whole.windows(wanted.len()).enumerate();
    let places = windows.filter(|(_, window)| *window == wanted);
    let places: Vec<usize> = places.map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|at| flip(&path, at + 10));
    let key = state_key(1, &storage_key("key number 149"));
    let verified = verify(folder.path()).unwrap();
    assert!(finds(&verified, &["state:", "damaged"]), "{verified:?}");
    let expected = ["table streamed", &hash(&key), "checksum"];
    assert!(finds(&verified, &expected), "{verified:?}");
    assert!(
        !format!("{verified:?}").contains("key number"),
        "{verified:?}"
    );

    // Every page that is in use, its header and its content; free ones may hold anything.
    let mut found = 0;
    for page in (0..whole.len()).step_by(4096) {
        for offset in [0, 30, SECTOR_BYTES] {
            fs::write(&path, &whole).unwrap();
            flip(&path, page + offset);
            found += usize::from(!verify(folder.path()).unwrap().is_clean());
        }
    }
    assert!(found > 3, "{found}");
}

/// What a range of times holds is no item; nothing of it is damage while it is swept.
#[tokio::test]
async fn what_is_left_of_a_range_that_was_dropped_is_no_finding() {
    let folder = store().await;
    change_state(folder.path(), |_, batch| {
        batch.put(state_key(99, b"a time and a key"), Bytes::new());
        batch.put(state_key(99, &storage_key("a")), value("a", 1));
    });
    let verified = verify(folder.path()).unwrap();
    assert_eq!(verified.findings_total, 2, "{verified:?}");
    change_state(folder.path(), |_, batch| {
        batch.put(state_key(0, &document(b'd', 99)), Bytes::new());
    });
    let verified = verify(folder.path()).unwrap();
    assert!(verified.is_clean(), "{verified:?}");
}

#[tokio::test]
async fn a_state_that_differs_from_the_log_is_named_by_table_and_key() {
    let [wrong, gone, more] = ["key number 149", "key number 148", "key number 3000"];
    let folder = store().await;
    change_state(folder.path(), |_, batch| {
        batch.put(state_key(1, &storage_key(wrong)), value(wrong, 7_777));
        batch.delete(state_key(1, &storage_key(gone)));
        batch.put(state_key(2, &storage_key(more)), value(more, 1));
        batch.put(state_key(2, &storage_key("other")), value(more, 1));
        batch.put(
            state_key(2, &storage_key("nothing")),
            Bytes::from_static(b"\x05\0\0\0\x01"),
        );
        batch.put(state_key(99, &storage_key(more)), value(more, 1));
    });
    let verified = verify(folder.path()).unwrap();
    let hash_of = |table: u32, key: &str| hash(&state_key(table, &storage_key(key)));
    for expected in [
        [
            "table streamed",
            &hash_of(1, wrong),
            "position",
            "different values",
        ],
        [
            "table streamed",
            &hash_of(1, gone),
            "position",
            "the state has none",
        ],
        [
            "table plain",
            &hash_of(2, "other"),
            "",
            "another key than its own",
        ],
        ["table plain", &hash_of(2, "nothing"), "", "corrupt item"],
        [
            "table number 99",
            &hash_of(99, more),
            "",
            "not in the catalog",
        ],
        ["table plain", "items of", "but counts", ""],
        ["table streamed", "items of", "but counts", ""],
    ] {
        assert!(
            finds(&verified, &expected),
            "{expected:?} not in {verified:?}"
        );
    }
    assert_eq!(verified.findings_total, 7, "{verified:?}");
}

#[tokio::test]
async fn documents_of_the_catalog_must_decode_and_agree() {
    let folder = store().await;
    let whole = fs::read(folder.path().join("state")).unwrap();
    let again = |change: &dyn Fn(&Path), expected: &[&str]| {
        fs::write(folder.path().join("state"), &whole).unwrap();
        change(folder.path());
        assert_finds(folder.path(), expected);
    };
    let shard = |number: u32, name: &'static str, to: serde_json::Value| {
        move |folder: &Path| {
            change_document(folder, &document(b'h', number), |shard| {
                shard[name] = to.clone();
            });
        }
    };
    // Shards 1 and 2 are the stream's first ones; the first split closed shard 1 and opened 3 and 4.
    again(
        &shard(14, "hash_last", 5.into()),
        &["table streamed", "cover each hash once"],
    );
    again(
        &shard(3, "start", 0.into()),
        &["shard 3", "begins before its parent 1 ends"],
    );
    again(
        &shard(1, "end", serde_json::Value::Null),
        &["shard 3", "its parent 1 is open"],
    );
    again(
        &shard(3, "hash_last", u32::MAX.into()),
        &["shard 3", "no part of its parent 1"],
    );
    again(
        &shard(3, "stream", 9.into()),
        &["shard 3", "its stream 9 is missing"],
    );
    again(
        &shard(2, "start", (u64::MAX / 2).into()),
        &["shard 2", "lies before its shard begins"],
    );
    again(
        &shard(1, "end", 1.into()),
        &["shard 1", "lies behind the end of its shard"],
    );
    again(&shard(3, "parent", 2.into()), &["shard 3"]);
    again(
        &|folder| change_document(folder, &document(b't', 1), |table| table["id"] = 7.into()),
        &["catalog", "names number 7 inside"],
    );
    again(
        &|folder| change_document(folder, b"i", |next| next["shard"] = 2.into()),
        &["catalog", "is to be given out next"],
    );
    again(
        &|folder| {
            change_state(folder, |_, batch| {
                batch.put(state_key(0, &document(b's', 1)), Bytes::from_static(b"{"));
            });
        },
        &["catalog", "does not decode"],
    );
    again(
        &|folder| {
            change_state(folder, |_, batch| {
                batch.put(state_key(0, &document(b'n', 2)), vec![9; 16].into());
            });
        },
        &["table plain", "but counts"],
    );
}

/// Appends entries that no server would write, and brings the state up to them.
pub fn append(folder: &Path, changes: Vec<Change>) {
    let files = Arc::new(DiskFiles::open(folder.join("log")).unwrap());
    let clock = Arc::new(ManualClock::new(START_MS + 10_000));
    let (log, _) = Log::open(files, LogOptions::default(), clock).unwrap();
    for change in &changes {
        let draft = EntryDraft::new(std::slice::from_ref(change)).unwrap();
        log.append(draft).unwrap();
    }
    let end = log.appended();
    log.close().unwrap();
    let state = headwater_state::open_file(&folder.join("state"), StateOptions::default()).unwrap();
    let mut batch = Batch::new();
    for change in changes {
        let key = state_key(change.table, &change.key);
        match change.new {
            Some(new) => batch.put(key, new),
            None => batch.delete(key),
        }
    }
    state.apply(batch, end.0).unwrap();
    state.checkpoint().unwrap();
}

pub fn change(key: &str, kind: ChangeKind, shard: u32, old: Option<Bytes>) -> Change {
    Change {
        table: 1,
        shard,
        kind,
        identity: Identity::None,
        key: storage_key(key),
        new: (kind != ChangeKind::Remove).then(|| value(key, 1)),
        old_size_bytes: old.as_ref().map_or(0, |old| {
            EncodedItem::from_bytes(old.clone()).size_bytes() as u32
        }),
        old,
    }
}

#[tokio::test]
async fn changes_in_the_log_must_follow_each_other_and_lie_in_their_shards() {
    let folder = store().await;
    let there = "key number 149";
    append(
        folder.path(),
        vec![
            change(there, ChangeKind::Insert, 0, None),
            change("a", ChangeKind::Insert, 0, None),
            change("a", ChangeKind::Modify, 0, Some(value("a", 8))),
            change("a", ChangeKind::Modify, 0, None),
            change("b", ChangeKind::Insert, 0, None),
            change("b", ChangeKind::Remove, 0, Some(value("b", 1))),
            change("b", ChangeKind::Remove, 0, None),
            change("c", ChangeKind::Insert, 1, None),
            change("d", ChangeKind::Insert, 5_000, None),
        ],
    );
    let verified = verify(folder.path()).unwrap();
    let hash_of = |key: &str| hash(&state_key(1, &storage_key(key)));
    for expected in [
        [
            "table streamed",
            &hash_of(there),
            "an insert follows a value",
        ],
        ["table streamed", &hash_of("a"), "the old image is not"],
        ["table streamed", &hash_of("a"), "the old size is not"],
        [
            "table streamed",
            &hash_of("b"),
            "a removal follows no value",
        ],
        ["shard 1", &hash_of("c"), "behind the end of its shard"],
        ["shard 5000", &hash_of("d"), "never opened"],
    ] {
        assert!(
            finds(&verified, &expected),
            "{expected:?} not in {verified:?}"
        );
    }
}

#[tokio::test]
async fn files_that_do_not_belong_together_are_found() {
    let [folder, other] = [store().await, store().await];
    let state = folder.path().join("state");
    change_state(folder.path(), |_, _| {});
    // The ids of both stores come from one seed: make the other one's another.
    fs::remove_file(&state).unwrap();
    let stranger = headwater_state::open_file(&state, StateOptions::default()).unwrap();
    stranger.claim([9; 16]).unwrap();
    drop(stranger);
    assert_finds(folder.path(), &["state", "another store"]);

    let first = segments(other.path()).remove(0);
    let renamed = first.with_file_name(format!("{:020}.hwl", 900));
    fs::rename(&first, &renamed).unwrap();
    assert_finds(
        other.path(),
        &["log file", "900.hwl", "names another segment"],
    );
    fs::rename(renamed, first).unwrap();
    let last = segments(other.path()).pop().unwrap();
    let before_last = segments(other.path()).into_iter().nth_back(1).unwrap();
    fs::remove_file(last).unwrap();
    fs::remove_file(before_last).unwrap();
    assert_finds(other.path(), &["state", "log files are missing"]);
}

pub fn wait_for_result(database: &Database) -> Arc<Verified> {
    loop {
        match database.verification() {
            VerificationStatus::Running { .. } => std::thread::yield_now(),
            VerificationStatus::Done { verified, .. } => return verified,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_running_database_is_clean_under_writers_and_goes_on_meanwhile() {
    let folder = store().await;
    let clock = ManualClock::new(START_MS + 10_000);
    let database = open(Some(folder.path()), &clock, options(2));
    assert!(matches!(database.verification(), VerificationStatus::Never));
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for writer in 0..4 {
        let (database, stop) = (database.clone(), stop.clone());
        writers.push(tokio::spawn(async move {
            let tables = ["streamed", "plain"].map(|name| database.table("", name).unwrap());
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                let key = format!("key number {}", (count * 7 + writer) % 400);
                let table = &tables[count as usize % 2];
                put(&database, table, &key, count).await.unwrap();
                if count % 3 == 0 {
                    delete(&database, table, &key).await.unwrap();
                }
                count += 1;
            }
            count
        }));
    }
    for _ in 0..5 {
        let from = database.applied();
        database.start_verification().unwrap().unwrap();
        let watched = database.clone();
        let verified = tokio::task::spawn_blocking(move || wait_for_result(&watched));
        let verified = verified.await.unwrap();
        assert!(verified.is_clean() && verified.live, "{verified:?}");
        assert!(verified.items > 100 && verified.keys_compared > 100);
        assert_eq!(verified.tables_counted, 2);
        while database.applied() < Sequence(from.0 + 20) {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.await.unwrap() > 10);
    }
    database.close();
    drop(database);
    let verified = verify(folder.path()).unwrap();
    assert!(verified.is_clean(), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_under_a_running_database_is_found() {
    let folder = store().await;
    let state = folder.path().join("state");
    let whole = fs::read(&state).unwrap();
    // Two of the table that are in different blocks, in whatever runs they are.
    let mut stored: Vec<(Vec<u8>, Vec<usize>, String)> = (0..150)
        .map(|number| {
            let name = format!("key number {number}");
            // As it stands in the file: a key and its value. A run that was merged leaves them where they were.
            let key = state_key(1, &storage_key(&name));
            let wanted = [&key[..], &value(&name, 450 + number)].concat();
            let windows = whole.windows(wanted.len()).enumerate();
            let places = windows.filter(|(_, window)| *window == wanted);
            (key.to_vec(), places.map(|(at, _)| at).collect(), name)
        })
        .filter(|(_, places, _): &(_, Vec<usize>, _)| !places.is_empty())
        .collect();
    stored.sort();
    let (_, places, last) = stored.last().unwrap();
    let is_far = |at: &usize| places.iter().all(|place| at.abs_diff(*place) > 8192);
    let far = stored.iter().find(|(_, at, _)| at.iter().all(is_far));
    let (_, _, first) = far.unwrap();
    places.iter().for_each(|at| flip(&state, at + 40));
    let clock = ManualClock::new(START_MS + 10_000);
    let database = open(Some(folder.path()), &clock, options(2));
    let run = || {
        database.start_verification().unwrap().unwrap();
        wait_for_result(&database)
    };
    let key = hash(&state_key(1, &storage_key(last)));
    let verified = run();
    assert!(
        finds(&verified, &["table streamed", &key, "checksum"]),
        "{verified:?}"
    );
    // Each item of the block is named.
    assert!(verified.findings_total < 100, "{verified:?}");

    // Nobody is given the value, nor a decision that rests on it.
    let table = database.table("", "streamed").unwrap();
    let key = table.schema().storage_key_of_key(&item(last, None));
    assert!(database.get(&table, &key.unwrap()).await.is_err());
    assert!(put(&database, &table, last, 1).await.is_err());
    put(&database, &table, first, 1).await.unwrap();

    let sealed = &segments(folder.path())[0];
    flip(sealed, 64 + 40);
    let verified = run();
    assert!(
        finds(&verified, &["log file", ".hwl at byte 64", "checksum"]),
        "{verified:?}"
    );
    flip(sealed, 64 + 40);
    flip(sealed, fs::read(sealed).unwrap().len() - 5);
    assert!(finds(&run(), &["log file", "footer"]));

    let away = |path: &Path| fs::rename(path, path.with_extension("away")).unwrap();
    away(sealed);
    let missing = sealed.file_name().unwrap().to_str().unwrap();
    let verified = run();
    assert!(
        finds(&verified, &["log file", missing, "can't open"]),
        "{verified:?}"
    );
    assert!(verified.items > 100, "{verified:?}");
    assert!(!finds(&verified, &["file state"]), "{verified:?}");
    away(&state);
    fs::copy(state.with_extension("away"), &state).unwrap();
    assert!(finds(&run(), &["file state", "another one"]));
    database.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_at_a_time_and_what_is_trimmed_meanwhile_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let rng = SeededRng::new(5);
    let database = open(Some(folder.path()), &clock, options(2));
    let table = create(&database, "streamed", Some(StreamView::NewAndOldImages)).await;
    // A run reads 32 MB in a second at most, so this takes it more than one.
    for index in 0..120 {
        let mut large = item(&format!("key {}", index % 40), Some(index));
        large.insert("noise".to_owned(), AttributeValue::S(noise(&rng, 300_000)));
        let large = EncodedItem::encode(&large);
        let put = command(&table, &format!("key {}", index % 40), Action::Put(large));
        database.write(put).await.unwrap();
    }
    database.close();
    drop((database, table));
    let database = open(Some(folder.path()), &clock, options(2));
    database.start_verification().unwrap().unwrap();
    let second = database.start_verification().unwrap();
    assert!(second.unwrap_err().to_string().contains("is running"));
    let before = database.log().segments().len();
    clock.advance_ms(25 * 3_600_000);
    assert!(
        matches!(database.verification(), VerificationStatus::Running { .. }),
        "it is over before the trimming begins"
    );
    database.run_due().await.unwrap();
    assert!(database.log().segments().len() < before - 3);
    assert_eq!(database.last_verification(), None);
    let verified = wait_for_result(&database);
    assert!(verified.is_clean(), "{verified:?}");
    assert_eq!(verified.items, 40);
    let last = VerificationEnd {
        findings: 0,
        ended_ms: clock.now_ms(),
    };
    assert_eq!(database.last_verification(), Some(last));
    database.start_verification().unwrap().unwrap();
    // Until the next one has ended.
    assert_eq!(database.last_verification(), Some(last));
    // Times that come under a number of their own are none of its items.
    let expiring = database.change_time_to_live("", "streamed", "v", true);
    expiring.await.unwrap();
    let verified = wait_for_result(&database);
    assert!(verified.is_clean(), "{verified:?}");
    database.close();
}
