//! Tables and streams over their lives: phases, retention, deletion, limits of memory.

use headwater_changelog::{Change, LogError, ReadLimit};
use headwater_engine::{
    EngineError, EngineOptions, StreamChange, StreamView, TableChange, TableStatus,
};
use headwater_model::{Clock, ManualClock, SeededRng, Sequence};
use headwater_state::Direction;

use crate::support::{
    START_MS, create, delete, get, new_table, noise, open, options, put, records, scan, until,
};

const HOUR_MS: u64 = 3_600_000;

#[tokio::test]
async fn phases_follow_the_clock() {
    let clock = ManualClock::new(START_MS);
    let database = open(
        None,
        &clock,
        EngineOptions {
            transition_ms: 500,
            ..options(1)
        },
    );
    let view = database.create_table(new_table("t", None)).await.unwrap();
    assert_eq!(view.status, TableStatus::Creating);
    assert_eq!(
        database.describe("", "t").await.unwrap().status,
        TableStatus::Creating
    );
    let refused = put(&database, &view.table, "a", 1).await.unwrap_err();
    assert!(matches!(refused, EngineError::TableNotFound { .. }));
    let refused = delete(&database, &view.table, "a").await.unwrap_err();
    assert!(
        matches!(refused, EngineError::TableNotFound { .. }),
        "though nothing would change"
    );
    let busy = database.delete_table("", "t").await.err().unwrap();
    assert!(matches!(
        busy,
        EngineError::TableInUse {
            status: TableStatus::Creating,
            ..
        }
    ));
    clock.advance_ms(500);
    assert_eq!(
        database.describe("", "t").await.unwrap().status,
        TableStatus::Active
    );
    put(&database, &view.table, "a", 1).await.unwrap();
    let outdated = TableChange {
        seen: Some(view.record.clone()),
        ..TableChange::default()
    };
    let change = TableChange {
        stream: Some(StreamChange::Enable(StreamView::KeysOnly)),
        seen: Some(view.table.record()),
        ..TableChange::default()
    };
    let updated = database.update_table("", "t", change).await.unwrap();
    assert_eq!(updated.status, TableStatus::Updating);
    assert_eq!(
        updated.latest_stream.unwrap().status(clock.now_ms()),
        "ENABLING"
    );
    put(&database, &view.table, "a", 2).await.unwrap();
    clock.advance_ms(500);
    let refused = database.update_table("", "t", outdated).await.err();
    assert!(matches!(refused, Some(EngineError::TableChanged { .. })));
    let deleted = database.delete_table("", "t").await.unwrap();
    assert_eq!(deleted.status, TableStatus::Deleting);
    let gone = put(&database, &view.table, "a", 3).await.unwrap_err();
    assert!(matches!(gone, EngineError::TableNotFound { .. }));
    clock.advance_ms(500);
    assert!(database.describe("", "t").await.is_err());
    database.create_table(new_table("t", None)).await.unwrap();
}

#[tokio::test]
async fn a_deleted_table_leaves_its_stream_and_none_of_its_items() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, options(2));
    let table = create(&database, "t", Some(StreamView::NewImage)).await;
    for index in 0..50 {
        put(&database, &table, &format!("k{index}"), index)
            .await
            .unwrap();
    }
    let stream = table.record().stream.unwrap();
    database.delete_table("", "t").await.unwrap();
    let again = create(&database, "t", None).await;
    assert_eq!(scan(&database, &again, 100, Direction::Forward), []);
    assert_eq!(records(&database, stream, 10).len(), 50);
    let shards = database.shards(stream).await.unwrap();
    assert!(shards.iter().all(|shard| shard.end.is_some()));
    database.close();
    drop((table, again, database));

    let database = open(Some(folder.path()), &clock, options(2));
    assert_eq!(records(&database, stream, 10).len(), 50);
    assert_eq!(database.table("", "t").unwrap().item_count(), 0);
    clock.advance_ms(25 * HOUR_MS);
    database.run_due().await.unwrap();
    assert_eq!(database.streams().await.unwrap().len(), 0);
    database.close();
}

#[tokio::test]
async fn whole_segments_leave_the_log_when_every_record_is_past_its_retention() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, options(1));
    let table = create(&database, "t", Some(StreamView::NewAndOldImages)).await;
    let mut kept = new_table("kept", Some(StreamView::NewAndOldImages));
    kept.retention_ms = Some(72 * HOUR_MS);
    let long = database.create_table(kept).await.unwrap().table;
    put(&database, &long, "first", 1).await.unwrap();
    for index in 0..3_000 {
        put(
            &database,
            &table,
            &format!("key number {}", index % 50),
            index,
        )
        .await
        .unwrap();
    }
    let segments = database.log().segments().len();
    assert!(segments > 2, "{segments}");
    let checkpointed = || async {
        let position = database.log().durable();
        while database.applied() < position {
            tokio::task::yield_now().await;
        }
    };
    checkpointed().await;
    clock.advance_ms(25 * HOUR_MS);
    database.run_due().await.unwrap();
    assert_eq!(
        database.log().segments().len(),
        segments,
        "the long retention holds the oldest segment"
    );
    let stream = table.record().stream.unwrap();
    let trim = database.trim_point(&database.streams().await.unwrap()[0]);
    assert!(trim.ms() >= clock.now_ms() - 24 * HOUR_MS);
    assert_eq!(stream, database.streams().await.unwrap()[0].id);
    // Everything is past both retentions now; the log goes as far as the checkpoint allows.
    clock.advance_ms(72 * HOUR_MS);
    put(&database, &table, "later", 1).await.unwrap();
    let mut left = segments;
    while left > 2 {
        database.run_due().await.unwrap();
        left = database.log().segments().len();
        tokio::task::yield_now().await;
    }
    assert!(get(&database, &table, "key number 7").is_some());
    database.close();
}

/// A segment holds records of many hours. It goes when the last of a shard is past its retention, not the first.
#[tokio::test]
async fn a_segment_stays_for_the_last_of_its_records() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, options(1));
    let table = create(&database, "t", Some(StreamView::NewImage)).await;
    let plain = create(&database, "plain", None).await;
    let stream = table.record().stream.unwrap();
    put(&database, &table, "early", 1).await.unwrap();
    clock.advance_ms(20 * HOUR_MS);
    put(&database, &table, "late", 1).await.unwrap();
    let (shard, late, _) = records(&database, stream, 10).pop().unwrap();
    let rng = SeededRng::new(1);
    for index in 0..2_000 {
        let key = format!("{index} {}", noise(&rng, 100));
        put(&database, &plain, &key, index).await.unwrap();
    }
    let log = database.log();
    let first = log.segments().remove(0);
    assert!(first.last > late && first.last < log.durable());
    // The state needs none of it any more.
    until("a checkpoint", || log.checkpoint() >= log.durable()).await;

    clock.advance_ms(5 * HOUR_MS);
    database.run_due().await.unwrap();
    let left = records(&database, stream, 10);
    let is_late = |(of, sequence, _): &(u32, Sequence, Change)| (*of, *sequence) == (shard, late);
    assert!(left.iter().any(is_late), "{left:?}");
    assert!(log.oldest() <= late);
    clock.advance_ms(20 * HOUR_MS);
    database.run_due().await.unwrap();
    assert!(log.oldest() > late);
    let limit = ReadLimit {
        records: 1,
        bytes: 1 << 20,
    };
    let gone = log.read_shard(shard, late, limit).err();
    assert!(matches!(gone, Some(LogError::Trimmed { .. })), "{gone:?}");
    database.close();
}

#[tokio::test]
async fn streams_of_one_millisecond_have_labels_of_their_own() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, options(1));
    let mut labels = Vec::new();
    for _ in 0..3 {
        let table = create(&database, "t", Some(StreamView::NewImage)).await;
        let view = database.describe("", "t").await.unwrap();
        let stream = view.latest_stream.unwrap();
        let found = database.stream("", "t", &stream.label).unwrap();
        assert_eq!(Some(found.id), table.record().stream);
        labels.push(stream.label.clone());
        database.delete_table("", "t").await.unwrap();
    }
    assert!(labels.is_sorted_by(|a, b| a < b), "{labels:?}");
    database.close();
}

#[tokio::test]
async fn settings_and_protection_hold() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, options(1));
    let mut new = new_table("t", None);
    new.deletion_protection = true;
    let table = database.create_table(new).await.unwrap().table;
    let refused = database.delete_table("", "t").await.err().unwrap();
    assert!(matches!(refused, EngineError::DeletionProtected { .. }));
    let disable = TableChange {
        stream: Some(StreamChange::Disable),
        ..TableChange::default()
    };
    let refused = database.update_table("", "t", disable).await.err().unwrap();
    assert!(matches!(refused, EngineError::StreamNotEnabled { .. }));
    let enable = |view| TableChange {
        stream: Some(StreamChange::Enable(view)),
        ..TableChange::default()
    };
    database
        .update_table("", "t", enable(StreamView::OldImage))
        .await
        .unwrap();
    let refused = database
        .update_table("", "t", enable(StreamView::OldImage))
        .await
        .err()
        .unwrap();
    assert!(matches!(refused, EngineError::StreamEnabled { .. }));
    put(&database, &table, "a", 1).await.unwrap();
    delete(&database, &table, "a").await.unwrap();
    let stream = table.record().stream.unwrap();
    let changes = records(&database, stream, 10);
    assert!(changes[0].2.old.is_none() && changes[1].2.old.is_some());
    let open = TableChange {
        deletion_protection: Some(false),
        ..TableChange::default()
    };
    database.update_table("", "t", open).await.unwrap();
    database.delete_table("", "t").await.unwrap();
    let (names, more) = database.list_tables("", None, 10).await.unwrap();
    assert_eq!((names, more), (vec![], false));
}
