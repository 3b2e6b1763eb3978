//! Verification of what is derived from items, their entries in indexes and their times to live: each thing that can be
//! wrong is found from both sides.

use std::fs;
use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use headwater_engine::{Action, Database, Index, Table};
use headwater_model::{AttributeValue, EncodedItem, Item, ManualClock};
use headwater_state::{Direction, StateStore};

use crate::indexes::{by_number, item, keys_only};
use crate::support::{START_MS, command, create, delete, new_table, open, options, verify};
use crate::verify::{change_state, document, finds, hash, state_key, storage_key};

/// Seconds from which on the items expire: long after the test.
const EXPIRY_S: i64 = 2_000_000_000;

fn expiring(key: &str, number: i64) -> Item {
    let mut item = item(key, Some("group"), Some(number));
    let times = [("t", EXPIRY_S + number), ("other", number)];
    for (name, value) in times {
        item.insert(name.to_owned(), AttributeValue::N(value.into()));
    }
    item
}

async fn put(database: &Database, table: &Arc<Table>, key: &str, number: i64) {
    let action = Action::Put(EncodedItem::encode(&expiring(key, number)));
    database.write(command(table, key, action)).await.unwrap();
}

fn times_of(table: &Table) -> u32 {
    table.record().ttl.as_ref().unwrap().index
}

/// A stopped store with a table that has two indexes and times to live, and one with times alone.
struct Store {
    folder: tempfile::TempDir,
    whole: Vec<u8>,
    by_number: Arc<Index>,
    keys_only: Arc<Index>,
    /// The tables, and the numbers under which their times are.
    tables: [(u32, u32); 2],
}

impl Store {
    async fn new() -> Store {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(START_MS);
        let database = open(Some(folder.path()), &clock, options(1));
        let mut new = new_table("t", None);
        new.indexes = vec![by_number(), keys_only()];
        let indexed = database.create_table(new).await.unwrap().table;
        let timed = create(&database, "timed", None).await;
        for table in [&indexed, &timed] {
            let name = &table.record().name;
            let enabled = database.change_time_to_live("", name, "t", true).await;
            enabled.unwrap();
            for number in 0..50 {
                put(&database, table, &format!("k{number}"), number).await;
            }
        }
        let tables = [&indexed, &timed].map(|table| (table.id(), times_of(table)));
        let [by_number, keys_only] = ["by-number", "keys"].map(|name| indexed.index(name).unwrap());
        database.close();
        drop((indexed, timed, database));
        let whole = fs::read(folder.path().join("state")).unwrap();
        let verified = verify(folder.path()).unwrap();
        assert!(verified.is_clean(), "{verified:?}");
        // Entries of both indexes, and times of both tables.
        assert_eq!(verified.entries_compared, 4 * 50);
        Store {
            folder,
            whole,
            by_number,
            keys_only,
            tables,
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    /// After this change of the whole state these are found, by all of their parts, and nothing else.
    #[track_caller]
    fn assert_finds(
        &self,
        change: impl FnOnce(&dyn StateStore, &mut headwater_state::Batch),
        expected: &[&[&str]],
    ) {
        fs::write(self.state(), &self.whole).unwrap();
        change_state(self.path(), change);
        let verified = verify(self.path()).unwrap();
        for parts in expected {
            assert!(finds(&verified, parts), "{parts:?} not in {verified:?}");
        }
        assert_eq!(
            verified.findings_total,
            expected.len() as u64,
            "{verified:?}"
        );
    }
}

/// The key of the state under which an index has the entry of an item, and the entry.
fn entry(state: &dyn StateStore, index: &Index, of: &str) -> (Bytes, Bytes) {
    let [from, to] = [0, 1].map(|edge| state_key(index.id() + edge, b""));
    let (from, to) = (Bound::Included(&from[..]), Bound::Excluded(&to[..]));
    let (wanted, mut found) = (storage_key(of), None);
    let snapshot = state.snapshot();
    let scanned = snapshot.scan(from, to, Direction::Forward, &mut |key, value| {
        if index.schema().table_key(&key[4..]).unwrap() != wanted {
            return ControlFlow::Continue(());
        }
        found = Some([key, value].map(Bytes::copy_from_slice).into());
        ControlFlow::Break(())
    });
    scanned.unwrap();
    found.unwrap()
}

fn time_key(times: u32, second: i64, of: &str) -> Bytes {
    let key = [&second.to_be_bytes()[..], &storage_key(of)].concat();
    state_key(times, &key)
}

#[tokio::test]
async fn entries_of_indexes_must_be_those_of_the_items() {
    let store = Store::new().await;
    let [(table, _), _] = store.tables;
    let key = hash(&state_key(table, &storage_key("k7")));
    let counts = "but counts";
    let state = headwater_state::open_file(&store.state(), Default::default()).unwrap();
    let in_numbers = entry(&*state, &store.by_number, "k7");
    let in_keys = entry(&*state, &store.keys_only, "k7");
    drop(state);
    let [of_numbers, of_keys] = [&in_numbers, &in_keys].map(|(key, _)| hash(key));
    let (numbers, keys) = ("index by-number of table t", "index keys of table t");

    for (removed, name, place) in [
        (&in_numbers.0, "by-number", numbers),
        (&in_keys.0, "keys", keys),
    ] {
        let none = format!("index {name} has no entry of the item");
        store.assert_finds(
            |_, batch| batch.delete(removed.clone()),
            &[&["table t", &key, &none], &[place, "items of", counts]],
        );
    }

    // As long as the one that it was, so that the counts are right.
    let mut other = expiring("k7", 7);
    other.insert("other".to_owned(), AttributeValue::N(8_i64.into()));
    let other = EncodedItem::encode(&other).into_bytes();
    assert_eq!(other.len(), in_numbers.1.len());
    store.assert_finds(
        |_, batch| batch.put(in_numbers.0.clone(), other),
        &[
            &[
                "table t",
                &key,
                "index by-number has another entry of the item",
            ],
            &[numbers, &of_numbers, "the entry is not what the item gives"],
        ],
    );

    // The item's values, under the key of another entry.
    let moved = in_keys.0.len() - storage_key("k7").len();
    let moved = Bytes::from([&in_keys.0[..moved], &storage_key("gone")].concat());
    assert_ne!(hash(&moved), of_keys);
    store.assert_finds(
        |_, batch| batch.put(moved.clone(), in_keys.1.clone()),
        &[
            &[keys, &hash(&moved), "an entry of an item that is not there"],
            &[keys, "items of", counts],
        ],
    );

    let counted = state_key(0, &document(b'n', store.keys_only.id()));
    store.assert_finds(
        |_, batch| batch.put(counted, vec![9; 16].into()),
        &[&[keys, "it has 50 items of", counts]],
    );
}

#[tokio::test]
async fn times_to_live_must_be_those_of_the_items() {
    let store = Store::new().await;
    for ((table, times), name) in store.tables.into_iter().zip(["table t", "table timed"]) {
        let key = hash(&state_key(table, &storage_key("k7")));
        let place = format!("times to live of {name}");
        let [right, wrong] = [7, 8].map(|number| time_key(times, EXPIRY_S + number, "k7"));
        store.assert_finds(
            |state, batch| {
                assert!(state.snapshot().get(&right).unwrap().is_some());
                batch.delete(right.clone());
            },
            &[&[name, &key, "the item's time to live is not known"]],
        );
        let missing = time_key(times, EXPIRY_S, "gone");
        store.assert_finds(
            |_, batch| batch.put(missing.clone(), Bytes::new()),
            &[&[
                &place,
                &hash(&missing),
                "a time to live of an item that is not there",
            ]],
        );
        store.assert_finds(
            |_, batch| batch.put(wrong.clone(), Bytes::new()),
            &[&[&place, &hash(&wrong), "the time to live is not the item's"]],
        );
        store.assert_finds(
            |_, batch| {
                batch.delete(right.clone());
                batch.put(wrong.clone(), Bytes::new());
            },
            &[
                &[name, &key, "the item's time to live is not known"],
                &[&place, &hash(&wrong), "the time to live is not the item's"],
            ],
        );
    }
}

/// The time that an item had before is found by the item that it was, which nothing else of this table asks for.
#[tokio::test]
async fn a_table_with_times_alone_keeps_none_of_earlier_items() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, options(1));
    let table = create(&database, "t", None).await;
    let enabled = database.change_time_to_live("", "t", "t", true).await;
    enabled.unwrap();
    for round in 0..3 {
        for number in 0..60 {
            put(&database, &table, &format!("k{number}"), number + round).await;
        }
    }
    for number in 0..20 {
        delete(&database, &table, &format!("k{number}"))
            .await
            .unwrap();
    }
    database.close();
    drop((table, database));
    let verified = verify(folder.path()).unwrap();
    assert!(verified.is_clean(), "{verified:?}");
    assert_eq!(verified.entries_compared, 40);
}
