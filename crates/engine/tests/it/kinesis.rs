//! Kinesis destinations in the catalog: every change while one is enabled is in a stream with both images, whatever
//! becomes of the table's own stream meanwhile, and what is there for that alone is found by nobody.

use std::collections::BTreeMap;

use headwater_engine::{
    Database, EngineError, KinesisPrecision, KinesisRefusal, StreamChange, StreamView, TableChange,
};
use headwater_model::{ManualClock, SeededRng, Sequence};

use crate::support::{START_MS, create, open, options, put, records, verify};

const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";

#[derive(Debug)]
struct Seen {
    sequence: Sequence,
    /// Without the item before.
    is_new: bool,
    /// With the item before and after.
    has_both: bool,
}

/// The changes of a table in its streams from one place to another, in order.
fn changes(database: &Database, table: u32, from: Sequence, until: Sequence) -> Vec<Seen> {
    let mut out = Vec::new();
    for stream in database.streams_of_table(table) {
        let of_stream = records(database, stream.id, 7).into_iter();
        out.extend(of_stream.map(|(_, sequence, change)| Seen {
            sequence,
            is_new: change.old.is_none(),
            has_both: change.old.is_some() && change.new.is_some(),
        }));
    }
    out.retain(|one| from <= one.sequence && one.sequence <= until);
    out.sort_by_key(|one| one.sequence);
    out
}

async fn set_stream(database: &Database, view: Option<StreamView>) {
    let wanted = match view {
        Some(view) => StreamChange::Enable(view),
        None => StreamChange::Disable,
    };
    let change = TableChange {
        stream: Some(wanted),
        ..TableChange::default()
    };
    database.update_table("", "t", change).await.unwrap();
}

#[tokio::test]
async fn each_change_is_in_one_stream_while_the_own_one_comes_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let rng = SeededRng::new(11);
    let mut database = open(Some(folder.path()), &clock, options(2));
    let mut table = create(&database, "t", None).await;
    let mut own: Option<StreamView> = None;
    let mut is_enabled = false;
    let mut written: Vec<(String, bool)> = Vec::new();
    let mut seen_keys: BTreeMap<String, i64> = BTreeMap::new();
    let mut rounds = 0;
    for step in 0..400 {
        clock.advance_ms(1);
        match rng.below(12) {
            0 => {
                own = match own {
                    Some(_) => None,
                    None => Some([StreamView::KeysOnly, StreamView::NewImage][step % 2]),
                };
                set_stream(&database, own).await;
            }
            1 if !is_enabled => {
                database.enable_kinesis("", "t", ARN, None).await.unwrap();
                (is_enabled, written) = (true, Vec::new());
            }
            2 if is_enabled => {
                let ended = database.disable_kinesis("", "t", ARN).await.unwrap();
                is_enabled = false;
                rounds += 1;
                let found = changes(&database, table.id(), ended.from, ended.until.unwrap());
                assert_eq!(found.len(), written.len());
                for (found, (_, is_new)) in found.iter().zip(&written) {
                    assert_eq!(
                        (found.is_new, found.has_both),
                        (*is_new, !is_new),
                        "{found:?}"
                    );
                }
            }
            3 => {
                database.close();
                drop(database);
                let verified = verify(folder.path()).unwrap();
                assert!(verified.is_clean(), "{verified:?}");
                database = open(Some(folder.path()), &clock, options(2));
                table = database.table("", "t").unwrap();
            }
            _ => {
                let key = format!("k{}", rng.below(20));
                put(&database, &table, &key, step as i64).await.unwrap();
                let is_new = seen_keys.insert(key.clone(), step as i64).is_none();
                written.push((key, is_new));
            }
        }
        let record = table.record();
        assert_eq!(record.stream.is_some(), own.is_some());
        let is_hidden = is_enabled && own.is_none();
        assert_eq!(record.hidden_stream.is_some(), is_hidden);
        if let Some(hidden) = record.hidden_stream {
            let streams = database.streams_of_table(table.id());
            let hidden = streams.iter().find(|one| one.id == hidden).unwrap();
            let found = database.stream("", "t", &hidden.label);
            assert!(found.is_none_or(|found| !found.hidden));
        }
    }
    assert!(rounds > 3, "only {rounds}");
}

#[tokio::test]
async fn a_table_that_goes_takes_its_hidden_stream_along() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, options(1));
    let table = create(&database, "t", None).await;
    let enabled = database
        .enable_kinesis("", "t", ARN, Some(KinesisPrecision::Microsecond))
        .await
        .unwrap();
    put(&database, &table, "a", 1).await.unwrap();
    database.delete_table("", "t").await.unwrap();
    assert!(database.kinesis_tables().is_empty());
    let streams = database.streams_of_table(table.id());
    let [hidden] = streams.as_slice() else {
        panic!("{streams:?}");
    };
    assert!(hidden.hidden && hidden.disabled_ms.is_some());
    let shards = database.shards_now(hidden.id);
    assert!(shards.iter().all(|shard| shard.end.is_some()));
    let left = changes(&database, table.id(), enabled.from, Sequence::MAX);
    assert_eq!(left.len(), 1);
    database.close();
    drop(database);
    let verified = verify(folder.path()).unwrap();
    assert!(verified.is_clean(), "{verified:?}");
}

#[tokio::test]
async fn what_is_remembered_is_bounded_and_survives() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, options(1));
    create(&database, "t", None).await;
    for number in 0..30 {
        clock.advance_ms(1);
        let arn = format!("{ARN}{number}");
        database.enable_kinesis("", "t", &arn, None).await.unwrap();
        let again = database.enable_kinesis("", "t", &arn, None).await;
        let refused = again.unwrap_err();
        assert!(matches!(
            refused,
            EngineError::Kinesis(KinesisRefusal::Enabled)
        ));
        database.disable_kinesis("", "t", &arn).await.unwrap();
    }
    let before = database.table("", "t").unwrap().record();
    assert_eq!(before.kinesis.len(), 20);
    assert_eq!(before.kinesis[0].arn, format!("{ARN}29"));
    database.close();
    drop(database);
    let database = open(Some(folder.path()), &clock, options(1));
    let after = database.table("", "t").unwrap().record();
    assert_eq!(after.kinesis, before.kinesis);
}
