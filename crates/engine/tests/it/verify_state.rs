//! What verification makes of a state that can't be read in part or at all: findings, beside everything else that it checks.

use std::fs;
use std::ops::{Bound, ControlFlow};
use std::path::Path;

use headwater_changelog::ChangeKind;
use headwater_engine::{Action, RequestToken};
use headwater_model::{EncodedItem, ManualClock};
use headwater_state::{Direction, StateOptions};

use crate::support::{START_MS, command, create, item, open, options, verify};
use crate::verify::{
    append, change, change_state, finds, flip, hash, state_key, storage_key, store, wait_for_result,
};

/// Tokens by their age.
const AGES: u32 = u32::MAX - 2;

/// The keys under a number of the state.
fn keys_under(folder: &Path, number: u32) -> Vec<Vec<u8>> {
    let state = headwater_state::open_file(&folder.join("state"), StateOptions::default()).unwrap();
    let (from, to) = (state_key(number, b""), state_key(number + 1, b""));
    let (from, to) = (Bound::Included(&from[..]), Bound::Excluded(&to[..]));
    let mut keys = Vec::new();
    let snapshot = state.snapshot();
    snapshot
        .scan(from, to, Direction::Forward, &mut |key, _| {
            keys.push(key.to_vec());
            ControlFlow::Continue(())
        })
        .unwrap();
    keys
}

/// Flips a bit wherever something stands: a run that was merged leaves it where it was.
fn flip_each(path: &Path, wanted: &[u8], at: usize) {
    let whole = fs::read(path).unwrap();
    let windows = whole.windows(wanted.len()).enumerate();
    let places = windows.filter(|(_, window)| *window == wanted);
    let places: Vec<usize> = places.map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|place| flip(path, place + at));
}

/// What finds tokens by their age is in another block than they are.
#[tokio::test(flavor = "multi_thread")]
async fn damage_to_the_ages_of_tokens_is_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, options(2));
    let table = create(&database, "t", None).await;
    for number in 0..5 {
        let key = format!("key {number}");
        let put = Action::Put(EncodedItem::encode(&item(&key, Some(number))));
        let token = RequestToken::new("", &key, 7);
        let put = command(&table, &key, put);
        database.transact(put, Some(token)).await.unwrap();
    }
    database.close();
    drop((database, table));
    let wanted = keys_under(folder.path(), AGES).remove(0);
    flip_each(&folder.path().join("state"), &wanted, 6);

    let expected = ["tokens of transactions", "by its age", "damaged"];
    let verified = verify(folder.path()).unwrap();
    assert!(finds(&verified, &expected), "{verified:?}");
    assert!(finds(&verified, &["state", "damaged"]), "{verified:?}");
    assert_eq!(verified.items, 5, "the rest is checked");
    let database = open(Some(folder.path()), &clock, options(2));
    database.start_verification().unwrap().unwrap();
    let verified = wait_for_result(&database);
    assert!(finds(&verified, &expected), "{verified:?}");
    assert_eq!(verified.items, 5, "the rest is checked");
    let last = database.last_verification().unwrap();
    assert_eq!(last.findings, verified.findings_total);
    database.close();
}

/// The state is gone, or nothing of it can be read: the entries of the log are checked among each other nevertheless.
#[tokio::test]
async fn without_a_state_the_log_is_checked_by_itself() {
    let folder = store().await;
    let there = "key number 149";
    append(
        folder.path(),
        vec![change(there, ChangeKind::Insert, 0, None)],
    );
    let key = hash(&state_key(1, &storage_key(there)));
    let expected = ["table number 1", &key, "an insert follows a value"];
    let path = folder.path().join("state");
    fs::remove_file(&path).unwrap();
    let verified = verify(folder.path()).unwrap();
    assert!(finds(&verified, &expected), "{verified:?}");
    assert_eq!(verified.findings_total, 1, "{verified:?}");
    fs::write(&path, vec![7; 100_000]).unwrap();
    let verified = verify(folder.path()).unwrap();
    assert!(finds(&verified, &expected), "{verified:?}");
    assert!(finds(&verified, &["state"]), "{verified:?}");
}

/// In a large catalog a block may begin among the names of features. Where it begins is no name.
#[tokio::test]
async fn damage_to_a_name_of_a_feature_is_no_unknown_feature() {
    let folder = store().await;
    let text = |name: &str| format!("\"{}\"", name.repeat(1_000)).into_bytes();
    change_state(folder.path(), |_, batch| {
        for name in ["backups", "imports"] {
            let key = state_key(0, format!("r{name}").as_bytes());
            batch.put(key, text(name).into());
        }
    });
    let verified = verify(folder.path()).unwrap();
    assert!(verified.is_clean(), "{verified:?}");
    flip_each(&folder.path().join("state"), &text("imports"), 100);
    let verified = verify(folder.path()).unwrap();
    assert!(finds(&verified, &["catalog", "damaged"]), "{verified:?}");
    assert_eq!(verified.tables, 2, "the rest is checked");
}
