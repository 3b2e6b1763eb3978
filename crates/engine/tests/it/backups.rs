//! Backups and point-in-time recovery against a model that remembers each moment, over reopenings and crashes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headwater_engine::{
    Action, BackupKind, Database, EngineError, EngineOptions, IndexChange, IndexKind,
    IndexProjection, NewIndex, StreamView, Table, TableStatus, Throughput,
};
use headwater_model::{
    AttributeValue, Clock, EncodedItem, Item, KeyAttribute, KeyType, ManualClock, SeededRng,
};
use headwater_state::Direction;

use crate::support::{
    START_MS, command, create, delete, entries, get, item, new_table, open, options, put, scan,
    until, verify,
};

type Model = BTreeMap<String, i64>;

const PATIENCE: Duration = Duration::from_secs(20);

fn short() -> EngineOptions {
    EngineOptions {
        retention_ms: 1_000,
        ..options(2)
    }
}

fn items(database: &Database, table: &Table) -> Model {
    let found = scan(database, table, 37, Direction::Forward);
    let pair = |item: Item| match (item.get("pk"), item.get("v")) {
        (Some(AttributeValue::S(key)), Some(AttributeValue::N(number))) => {
            (key.clone(), number.to_i64().unwrap())
        }
        other => panic!("{other:?}"),
    };
    found.into_iter().map(pair).collect()
}

async fn write_some(
    database: &Database,
    table: &Arc<Table>,
    model: &mut Model,
    rng: &SeededRng,
    count: u64,
) {
    for _ in 0..count {
        let key = format!("k{}", rng.below(60));
        if rng.below(4) == 0 {
            delete(database, table, &key).await.unwrap();
            model.remove(&key);
        } else {
            let value = rng.below(1_000) as i64;
            put(database, table, &key, value).await.unwrap();
            model.insert(key, value);
        }
    }
}

fn checked(folder: &Path, database: Database) {
    database.close();
    drop(database);
    let verified = verify(folder).unwrap();
    assert!(verified.is_clean(), "{verified:?}");
}

#[tokio::test]
async fn a_backup_holds_the_items_of_its_moment_and_gives_them_back() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let rng = SeededRng::new(3);
    let mut database = open(Some(folder.path()), &clock, short());
    let mut new = new_table("t", Some(StreamView::NewImage));
    new.indexes = vec![by_value()];
    let mut table = database.create_table(new).await.unwrap().table;
    let mut model = Model::new();
    let mut backups = Vec::new();
    for round in 0..4 {
        write_some(&database, &table, &mut model, &rng, 150).await;
        let name = format!("backup-{round}");
        let backup = database.create_backup("", "t", &name).await.unwrap();
        assert_eq!(backup.whole, None);
        let digits = format!("{:014}-", backup.created_ms);
        assert!(backup.label.starts_with(&digits), "{}", backup.label);
        if round == 2 {
            // The copy has not begun: it is made of the table as it is after the restart, which is the same.
            database.close();
            drop((table, database));
            database = open(Some(folder.path()), &clock, short());
            table = database.table("", "t").unwrap();
        }
        database.run_due().await.unwrap();
        backups.push((backup.id, model.clone()));
        clock.advance_ms(10);
    }
    let listed = database.backups("").await.unwrap();
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|backup| backup.whole.is_some()));
    database.delete_table("", "t").await.unwrap();
    drop(table);
    for (id, wanted) in &backups {
        let mut definition = database.backups("").await.unwrap()[0].table.clone();
        definition.name = format!("restored-{id}");
        let restored = database.restore_backup(*id, definition).await.unwrap();
        let busy = database.delete_backup(*id).await;
        assert!(matches!(busy, Err(EngineError::BackupInUse)));
        assert_eq!(
            restored.record().status(clock.now_ms()),
            TableStatus::Creating
        );
        let refused = put(&database, &restored, "k", 1).await;
        assert!(matches!(refused, Err(EngineError::TableNotFound { .. })));
        database.run_due().await.unwrap();
        assert_eq!(&items(&database, &restored), wanted);
        assert_eq!(restored.record().stream, None);
        let index = restored.index("by-value").unwrap().id();
        put(&database, &restored, "new", 5).await.unwrap();
        assert_eq!(restored.item_count(), wanted.len() as u64 + 1);
        database.delete_backup(*id).await.unwrap();
        database.close();
        assert_eq!(
            database.index_counts(index).unwrap().0,
            wanted.len() as u64 + 1
        );
        drop((restored, database));
        database = open(Some(folder.path()), &clock, short());
    }
    assert!(database.backups("").await.unwrap().is_empty());
    checked(folder.path(), database);
}

#[tokio::test]
async fn a_table_is_restored_to_any_moment_of_its_window() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let rng = SeededRng::new(5);
    let mut database = open(Some(folder.path()), &clock, short());
    let mut table = database
        .create_table(new_table("t", None))
        .await
        .unwrap()
        .table;
    let mut model = Model::new();
    write_some(&database, &table, &mut model, &rng, 100).await;
    clock.advance_ms(5_000);
    let record = database.change_recovery("", "t", Some(1)).await.unwrap();
    assert_eq!(
        record.pitr.unwrap().earliest_ms(clock.now_ms()),
        clock.now_ms()
    );
    let mut moments = vec![(clock.now_ms(), model.clone())];
    for round in 0..8 {
        clock.advance_ms(60_000);
        write_some(&database, &table, &mut model, &rng, 120).await;
        moments.push((clock.now_ms(), model.clone()));
        // Streams keep a second here; what recovery needs stays.
        database.run_due().await.unwrap();
        if round % 3 == 2 {
            database.close();
            drop((table, database));
            database = open(Some(folder.path()), &clock, short());
            table = database.table("", "t").unwrap();
        }
    }
    clock.advance_ms(60_000);
    for (number, (at_ms, wanted)) in moments.iter().enumerate() {
        let mut definition = (*table.record()).clone();
        definition.name = format!("r{number}");
        let restored = database
            .restore_to_time(&table, *at_ms, definition)
            .await
            .unwrap();
        // Writes go on, and don't show.
        write_some(&database, &table, &mut model, &rng, 5).await;
        let mut restored = restored;
        if number % 4 == 1 {
            database.close();
            drop((table, restored, database));
            database = open(Some(folder.path()), &clock, short());
            table = database.table("", "t").unwrap();
            restored = database.table("", &format!("r{number}")).unwrap();
        }
        database.run_due().await.unwrap();
        assert_eq!(&items(&database, &restored), wanted, "moment {number}");
        let restore = restored.record().restore.clone().unwrap();
        assert!(!restore.is_in_progress());
        assert_eq!(restore.at_ms, *at_ms);
    }
    assert_eq!(items(&database, &table), model);
    drop(table);
    checked(folder.path(), database);
}

#[tokio::test]
async fn large_items_and_large_histories_are_gone_through_in_parts() {
    const ITEM_BYTES: usize = 300_000;
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, short());
    let table = database
        .create_table(new_table("t", None))
        .await
        .unwrap()
        .table;
    database.change_recovery("", "t", Some(1)).await.unwrap();
    let large = |key: &str, byte: u8| {
        let mut item = item(key, Some(i64::from(byte)));
        let bytes = AttributeValue::B(vec![byte; ITEM_BYTES].into());
        item.insert("b".to_owned(), bytes);
        item
    };
    for number in 0..60 {
        let key = format!("k{number}");
        let action = Action::Put(EncodedItem::encode(&large(&key, 1)));
        database.write(command(&table, &key, action)).await.unwrap();
    }
    let at_ms = clock.now_ms();
    clock.advance_ms(1_000);
    // More than fits into one part: 72 MB of earlier values.
    for byte in 2..6 {
        for number in 0..60 {
            let key = format!("k{number}");
            let action = Action::Put(EncodedItem::encode(&large(&key, byte)));
            database.write(command(&table, &key, action)).await.unwrap();
        }
    }
    for number in 0..30 {
        delete(&database, &table, &format!("k{number}"))
            .await
            .unwrap();
    }
    let mut definition = (*table.record()).clone();
    definition.name = "r".to_owned();
    let restored = database
        .restore_to_time(&table, at_ms, definition)
        .await
        .unwrap();
    database.run_due().await.unwrap();
    assert_eq!(restored.item_count(), 60);
    for number in 0..60 {
        let key = format!("k{number}");
        assert_eq!(get(&database, &restored, &key), Some(large(&key, 1)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_deleted_table_with_recovery_stays_as_a_backup_of_its_last_moment() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let rng = SeededRng::new(7);
    let database = open(Some(folder.path()), &clock, short());
    let mut new = new_table("t", Some(StreamView::NewImage));
    new.indexes = vec![by_value()];
    let table = database.create_table(new).await.unwrap().table;
    let expiring = database.change_time_to_live("", "t", "expires", true);
    expiring.await.unwrap();
    database.change_recovery("", "t", Some(1)).await.unwrap();
    let mut model = Model::new();
    write_some(&database, &table, &mut model, &rng, 100).await;
    // A restore that has not begun to copy goes on.
    let before = (clock.now_ms(), model.clone());
    clock.advance_ms(1_000);
    let mut definition = (*table.record()).clone();
    definition.name = "before".to_owned();
    let restored = database.restore_to_time(&table, before.0, definition);
    restored.await.unwrap();
    // Writers until the table is gone: what they were told is in the backup, and nothing else.
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (database, table) = (database.clone(), table.clone());
            tokio::spawn(async move {
                let mut written = Model::new();
                for number in 0.. {
                    let key = format!("w{writer}-{number}");
                    if put(&database, &table, &key, number).await.is_err() {
                        break;
                    }
                    written.insert(key, number);
                }
                written
            })
        })
        .collect();
    while table.item_count() < 300 {
        tokio::task::yield_now().await;
    }
    database.delete_table("", "t").await.unwrap();
    for writer in writers {
        model.extend(writer.await.unwrap());
    }
    assert!(model.len() >= 200);
    let gone = database.table("", "t");
    assert!(matches!(gone, Err(EngineError::TableNotFound { .. })));
    let backup = database.backups("").await.unwrap().remove(0);
    assert_eq!(backup.kind, BackupKind::System);
    assert_eq!(backup.whole.unwrap().0, model.len() as u64);
    database.close();
    drop((table, database));
    let verified = verify(folder.path()).unwrap();
    assert!(verified.is_clean(), "{verified:?}");
    let database = open(Some(folder.path()), &clock, short());
    let mut definition = backup.table.clone();
    definition.name = "again".to_owned();
    let again = database.restore_backup(backup.id, definition);
    let again = again.await.unwrap();
    // It is over, but a table is being restored from it.
    clock.set_ms(backup.expires_ms().unwrap());
    database.run_due().await.unwrap();
    assert_eq!(items(&database, &again), model);
    let index = entries(&database, &again, "by-value", 50, Direction::Forward);
    assert_eq!(index.len(), model.len());
    let restored = database.table("", "before").unwrap();
    assert_eq!(items(&database, &restored), before.1);
    database.run_due().await.unwrap();
    assert!(database.backups("").await.unwrap().is_empty());
    drop((again, restored));
    checked(folder.path(), database);
}

/// The table was deleted before, or while, its items were copied: the backup was empty, or gone.
#[tokio::test]
async fn a_table_stays_while_it_is_backed_up() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, short());
    let table = create(&database, "t", None).await;
    for number in 0..100 {
        put(&database, &table, &format!("k{number}"), number)
            .await
            .unwrap();
    }
    let backup = database.create_backup("", "t", "backup").await.unwrap();
    let refused = database.delete_table("", "t").await;
    assert!(matches!(refused, Err(EngineError::TableInUse { .. })));
    database.run_due().await.unwrap();
    database.delete_table("", "t").await.unwrap();
    let mut definition = database.backups("").await.unwrap()[0].table.clone();
    definition.name = "again".to_owned();
    let again = database.restore_backup(backup.id, definition);
    let again = again.await.unwrap();
    database.run_due().await.unwrap();
    assert_eq!(items(&database, &again).len(), 100);
    drop((again, table));
    checked(folder.path(), database);
}

/// The door refused the item for the sake of the index, and the restored table was given up.
#[tokio::test]
async fn an_item_that_an_index_leaves_out_is_restored_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, short());
    let table = create(&database, "t", None).await;
    let mut odd = item("odd", None);
    odd.insert("v".to_owned(), AttributeValue::S("no number".to_owned()));
    let put_odd = command(&table, "odd", Action::Put(EncodedItem::encode(&odd)));
    database.write(put_odd).await.unwrap();
    put(&database, &table, "even", 2).await.unwrap();
    let index = crate::indexes::change(&database, IndexChange::Create(by_value()));
    index.await.unwrap();
    crate::indexes::filled(&database, &table, "by-value").await;
    let backup = database.create_backup("", "t", "backup").await.unwrap();
    database.run_due().await.unwrap();
    let mut definition = (*table.record()).clone();
    definition.name = "again".to_owned();
    let again = database.restore_backup(backup.id, definition);
    let again = again.await.unwrap();
    database.run_due().await.unwrap();
    assert_eq!(get(&database, &again, "odd"), Some(odd));
    assert_eq!(get(&database, &again, "even"), Some(item("even", Some(2))));
    let index = entries(&database, &again, "by-value", 50, Direction::Forward);
    assert_eq!(index.len(), 1);
    drop((again, table));
    checked(folder.path(), database);
}

/// What a shorter window left behind is trimmed, whatever the window is later.
#[tokio::test]
async fn a_longer_window_does_not_reach_behind_a_shorter_one() {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, short());
    create(&database, "t", None).await;
    database.change_recovery("", "t", Some(35)).await.unwrap();
    clock.advance_ms(30 * DAY_MS);
    for (days, reaches_days) in [(20, 20), (1, 1), (35, 1)] {
        let record = database.change_recovery("", "t", Some(days)).await.unwrap();
        let earliest_ms = record.pitr.unwrap().earliest_ms(clock.now_ms());
        assert_eq!(
            clock.now_ms() - earliest_ms,
            reaches_days * DAY_MS,
            "{days}"
        );
    }
    clock.advance_ms(DAY_MS);
    let record = database.table("", "t").unwrap().record().pitr;
    let earliest_ms = record.unwrap().earliest_ms(clock.now_ms());
    assert_eq!(clock.now_ms() - earliest_ms, 2 * DAY_MS);
}

/// Changes after that had no item before them, which the restore goes back over.
#[tokio::test]
async fn recovery_stays_on_while_a_table_is_made_of_what_was() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, short());
    let table = create(&database, "t", None).await;
    database.change_recovery("", "t", Some(1)).await.unwrap();
    put(&database, &table, "k", 1).await.unwrap();
    let at_ms = clock.now_ms();
    clock.advance_ms(1_000);
    let mut definition = (*table.record()).clone();
    definition.name = "before".to_owned();
    let before = database.restore_to_time(&table, at_ms, definition);
    let before = before.await.unwrap();
    let refused = database.change_recovery("", "t", None).await;
    assert!(matches!(refused, Err(EngineError::TableInUse { .. })));
    put(&database, &table, "k", 2).await.unwrap();
    database.run_due().await.unwrap();
    assert_eq!(
        items(&database, &before),
        Model::from([("k".to_owned(), 1)])
    );
    database.change_recovery("", "t", None).await.unwrap();
    drop((before, table));
    checked(folder.path(), database);
}

/// The clock was set back: what was written with the later time of before is before "now" all the same.
#[tokio::test]
async fn the_latest_moment_is_not_before_the_last_change() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, short());
    let table = create(&database, "t", None).await;
    database.change_recovery("", "t", Some(1)).await.unwrap();
    clock.set_ms(START_MS + 3_600_000);
    put(&database, &table, "k", 1).await.unwrap();
    clock.set_ms(START_MS + 10_000);
    put(&database, &table, "k", 2).await.unwrap();
    let mut definition = (*table.record()).clone();
    definition.name = "latest".to_owned();
    let latest = database.restore_to_time(&table, database.latest_ms(), definition);
    let latest = latest.await.unwrap();
    database.run_due().await.unwrap();
    assert_eq!(
        items(&database, &latest),
        Model::from([("k".to_owned(), 2)])
    );
}

fn by_value() -> NewIndex {
    NewIndex {
        name: "by-value".to_owned(),
        kind: IndexKind::Global,
        partition: vec![KeyAttribute::new("v", KeyType::N)],
        sort: Vec::new(),
        projection: IndexProjection::All,
        throughput: Throughput::default(),
        on_demand: None,
        warm: Throughput::default(),
        vector: None,
    }
}

/// A backup and a restore are carried out though whoever asked went away before they were durable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_for_is_done_when_nobody_waits_for_it() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, short());
    let keeping = database.clone();
    let kept = tokio::spawn(async move { keeping.keep().await });
    let table = create(&database, "t", None).await;
    put(&database, &table, "a", 1).await.unwrap();
    // With the first one, whoever copies is known to wait for the next.
    let first = database.create_backup("", "t", "first").await.unwrap();
    until_whole(&database, "first").await;
    gone_at_once(database.create_backup("", "t", "second")).await;
    until_whole(&database, "second").await;

    let mut definition = first.table.clone();
    definition.name = "restored".to_owned();
    gone_at_once(database.restore_backup(first.id, definition)).await;
    until("a restored table", || {
        let restored = database.table("", "restored");
        restored.is_ok_and(|table| table.record().status(START_MS) == TableStatus::Active)
    })
    .await;
    kept.abort();
    database.close();
}

async fn until_whole(database: &Database, name: &str) {
    let is_whole = async || {
        let backups = database.backups("").await.unwrap();
        backups
            .iter()
            .any(|one| one.name == name && one.whole.is_some())
    };
    let whole = async {
        while !is_whole().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, whole).await.expect(name);
}

/// Polls a future once, and drops it.
async fn gone_at_once<F: Future>(future: F) {
    tokio::select! {
        biased;
        _ = future => {}
        () = std::future::ready(()) => {}
    }
}
