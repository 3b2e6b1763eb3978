//! The limit of item collections against a model that knows every size: what is refused, over restarts, with collections
//! that are forgotten, and while others write.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use headwater_engine::{
    Action, Command, Database, EngineError, EngineOptions, Identity, IndexKind, IndexProjection,
    ItemCommand, NewIndex, NewTable, Refusal, ReturnValues, Table, Throughput,
};
use headwater_expression::{Placeholders, Update};
use headwater_model::limits::ITEM_SIZE_BYTES_MAX;
use headwater_model::{
    AttributeValue, EncodedItem, Item, KeyAttribute, KeySchema, KeyType, ManualClock, SeededRng,
};
use headwater_state::Direction;

use crate::support::{START_MS, new_table, open, options, scan};

/// Items by partition and sort value.
type Model = BTreeMap<(String, i64), Item>;

const PARTITIONS: u64 = 3;

fn limited(bytes_max: u64, known_max: usize) -> EngineOptions {
    EngineOptions {
        item_collection_bytes_max: bytes_max,
        known_collections_max: known_max,
        ..options(1)
    }
}

fn index(name: &str, kind: IndexKind, sort: &str, projection: IndexProjection) -> NewIndex {
    NewIndex {
        name: name.to_owned(),
        kind,
        partition: vec![KeyAttribute::new("pk", KeyType::S)],
        sort: vec![KeyAttribute::new(sort, KeyType::S)],
        projection,
        throughput: Throughput::default(),
        on_demand: None,
        warm: Throughput::default(),
        vector: None,
    }
}

/// Two local indexes count, the global one does not.
fn definition(name: &str) -> NewTable {
    let mut new = new_table(name, None);
    new.schema = KeySchema::new(
        KeyAttribute::new("pk", KeyType::S),
        Some(KeyAttribute::new("sk", KeyType::N)),
    );
    new.indexes = vec![
        index("keys", IndexKind::Local, "a", IndexProjection::KeysOnly),
        index("all", IndexKind::Local, "b", IndexProjection::All),
        index("global", IndexKind::Global, "a", IndexProjection::All),
    ];
    new
}

async fn create(database: &Database) -> Arc<Table> {
    database.create_table(definition("t")).await.unwrap().table
}

fn key(partition: &str, sort: i64) -> Item {
    Item::from([
        ("pk", AttributeValue::S(partition.to_owned())),
        ("sk", AttributeValue::N(sort.into())),
    ])
}

fn item(partition: &str, sort: i64, a: bool, b: bool, data: usize) -> Item {
    let mut item = key(partition, sort);
    let text = |len| AttributeValue::S("x".repeat(len));
    if a {
        item.insert("a".to_owned(), text(5));
    }
    if b {
        item.insert("b".to_owned(), text(3));
    }
    item.insert("data".to_owned(), text(data));
    item
}

/// Bytes of an item with its entries in local indexes, counted by hand.
fn size(item: &Item) -> i64 {
    let of = |name: &str| {
        item.get(name)
            .map_or(0, |value| name.len() + value.size_bytes())
    };
    let keys = of("pk") + of("sk");
    let in_keys = if item.contains("a") {
        keys + of("a")
    } else {
        0
    };
    let own = keys + of("a") + of("b") + of("data");
    let in_all = if item.contains("b") { own } else { 0 };
    (own + in_keys + in_all) as i64
}

fn size_of(model: &Model, partition: &str) -> i64 {
    let items = model.iter().filter(|((of, _), _)| of == partition);
    items.map(|(_, item)| size(item)).sum()
}

fn command(table: &Arc<Table>, key: &Item, action: Action) -> ItemCommand {
    ItemCommand {
        table: table.clone(),
        key: table.schema().storage_key_of_key(key).unwrap(),
        condition: None,
        action,
        returns: ReturnValues::None,
        return_item_on_failure: false,
    }
}

fn put_of(table: &Arc<Table>, item: &Item) -> ItemCommand {
    let key = table.schema().key_of_item(item).unwrap();
    command(table, &key, Action::Put(EncodedItem::encode(item)))
}

async fn write(database: &Database, items: Vec<ItemCommand>) -> Result<(), EngineError> {
    let identity = Identity::None;
    let written = database.write(Command { items, identity }).await;
    written.map(|_| ())
}

/// Whether the write was carried out; it may be refused only for the size of collections.
fn is_taken(written: Result<(), EngineError>) -> bool {
    match written {
        Ok(()) => true,
        Err(EngineError::Refused(refusals)) => {
            let mut reasons = refusals.iter().flatten();
            assert!(reasons.all(|reason| matches!(reason, Refusal::CollectionTooLarge)));
            false
        }
        Err(error) => panic!("{error}"),
    }
}

fn known(database: &Database, table: &Table, partition: &str) -> Option<(i64, bool)> {
    let value = AttributeValue::S(partition.to_owned());
    let prefix = table.schema().partition_prefix(&value).unwrap();
    let size = database.collection_size(table, &prefix);
    size.map(|size| (size.bytes as i64, size.is_exact))
}

/// Waits until as much is known of a collection as makes a difference. To put what is there looks at it and changes nothing.
async fn measured(database: &Database, table: &Arc<Table>, there: &Item, limit: i64) {
    let Some(AttributeValue::S(partition)) = there.get("pk") else {
        panic!("{there:?}");
    };
    let measured = async {
        loop {
            write(database, vec![put_of(table, there)]).await.unwrap();
            match known(database, table, partition) {
                Some((bytes, is_exact)) if is_exact || bytes >= limit => return,
                _ => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(60), measured).await;
    done.expect("a measurement ends");
}

async fn measured_all(database: &Database, table: &Arc<Table>, model: &Model, limit: i64) {
    let truly: i64 = model.values().map(size).sum();
    assert_eq!(table.size_with_local_indexes() as i64, truly);
    // With one more item, and its entries.
    if truly + 3 * ITEM_SIZE_BYTES_MAX as i64 <= limit {
        return;
    }
    for partition in 0..PARTITIONS {
        let partition = format!("p{partition}");
        let mut items = model.iter().filter(|((of, _), _)| *of == partition);
        if let Some((_, there)) = items.next() {
            measured(database, table, there, limit).await;
            let truly = size_of(model, &partition);
            match known(database, table, &partition) {
                Some((bytes, true)) => assert_eq!(bytes, truly, "{partition}"),
                Some((bytes, false)) => assert!(bytes <= truly && bytes >= limit),
                None => panic!("{partition} is not known"),
            }
        }
    }
}

/// What a command makes of the model, and whether the limit lets it.
fn expected(model: &Model, changes: &[((String, i64), Option<Item>)], limit: i64) -> Option<Model> {
    let mut after = model.clone();
    for (key, item) in changes {
        match item {
            Some(item) => after.insert(key.clone(), item.clone()),
            None => after.remove(key),
        };
    }
    let is_allowed = |partition: &str| {
        let (before, after) = (size_of(model, partition), size_of(&after, partition));
        after <= before || after <= limit
    };
    let mut changed = changes.iter().map(|((partition, _), _)| partition);
    changed
        .all(|partition| is_allowed(partition))
        .then_some(after)
}

struct Run {
    seed: u64,
    limit: u64,
    known_max: usize,
    /// Bytes of an item's data, at most.
    data_max: u64,
    steps: usize,
    /// Whether to await measurements: collections have several pages.
    awaits: bool,
}

impl Run {
    async fn check(self) {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(START_MS);
        let rng = SeededRng::new(self.seed);
        let mut limit = self.limit;
        let mut database = open(Some(folder.path()), &clock, limited(limit, self.known_max));
        let mut table = create(&database).await;
        let mut model = Model::new();
        let (mut taken, mut refused) = (0, 0);
        for step in 0..self.steps {
            if rng.below(40) == 0 {
                database.close();
                drop((table, database));
                // A lower one than what is there, too.
                limit = self.limit / (1 + rng.below(3));
                database = open(Some(folder.path()), &clock, limited(limit, self.known_max));
                table = database.table("", "t").unwrap();
            }
            if self.awaits {
                measured_all(&database, &table, &model, limit as i64).await;
            }
            let (mut items, mut changes) = (Vec::new(), Vec::new());
            for _ in 0..1 + rng.below(4) * rng.below(2) {
                self.add(&rng, &table, &model, &mut items, &mut changes);
            }
            let expected = expected(&model, &changes, limit as i64);
            let is_taken = is_taken(write(&database, items).await);
            assert_eq!(
                is_taken,
                expected.is_some(),
                "seed {}, step {step}: {changes:?}",
                self.seed
            );
            taken += usize::from(is_taken);
            refused += usize::from(!is_taken);
            model = expected.unwrap_or(model);
        }
        let scanned = scan(&database, &table, 100, Direction::Forward);
        assert_eq!(scanned.len(), model.len());
        let truly: i64 = model.values().map(size).sum();
        assert_eq!(table.size_with_local_indexes() as i64, truly);
        assert!(
            taken > self.steps / 4 && refused > self.steps / 20,
            "{taken} {refused}"
        );
        database.close();
    }

    /// Adds a put, an update or a deletion of an item that the command does not have yet.
    fn add(
        &self,
        rng: &SeededRng,
        table: &Arc<Table>,
        model: &Model,
        items: &mut Vec<ItemCommand>,
        changes: &mut Vec<((String, i64), Option<Item>)>,
    ) {
        let (partition, sort) = (format!("p{}", rng.below(PARTITIONS)), rng.below(12) as i64);
        let place = (partition.clone(), sort);
        if changes.iter().any(|(other, _)| *other == place) {
            return;
        }
        let (a, b) = (rng.below(2) == 0, rng.below(2) == 0);
        let data = rng.below(self.data_max) as usize;
        match rng.below(10) {
            0..=1 => {
                let action = Action::Delete;
                items.push(command(table, &key(&partition, sort), action));
                changes.push((place, None));
            }
            2..=5 => {
                let item = item(&partition, sort, a, b, data);
                items.push(put_of(table, &item));
                changes.push((place, Some(item)));
            }
            _ => {
                let key = key(&partition, sort);
                let mut item = model.get(&place).cloned().unwrap_or(key.clone());
                let text = AttributeValue::S("y".repeat(data));
                item.insert("data".to_owned(), text.clone());
                item.insert("b".to_owned(), AttributeValue::S("zz".to_owned()));
                item.remove("a");
                let values = [
                    (":d".to_owned(), text),
                    (":b".to_owned(), AttributeValue::S("zz".to_owned())),
                ];
                let names = [("#d".to_owned(), "data".to_owned())];
                let mut placeholders =
                    Placeholders::new(Some(names.into()), Some(values.into())).unwrap();
                let text = "SET #d = :d, b = :b REMOVE a";
                let update = Update::parse(text, &mut placeholders).unwrap();
                let action = Action::Update {
                    update,
                    key: key.clone(),
                };
                items.push(command(table, &key, action));
                changes.push((place, Some(item)));
            }
        }
    }
}

#[tokio::test]
async fn what_the_model_has_no_room_for_is_refused_and_nothing_else() {
    for seed in 0..6 {
        let run = Run {
            seed,
            limit: 20_000,
            known_max: 100,
            data_max: 4_000,
            steps: 400,
            awaits: false,
        };
        run.check().await;
    }
}

#[tokio::test]
async fn the_same_with_collections_that_are_forgotten_and_measured_anew() {
    for seed in 10..14 {
        let run = Run {
            seed,
            limit: 20_000,
            known_max: 1 + seed as usize % 2,
            data_max: 4_000,
            steps: 300,
            awaits: false,
        };
        run.check().await;
    }
}

#[tokio::test]
async fn the_same_with_collections_of_several_pages() {
    for seed in 20..22 {
        let run = Run {
            seed,
            limit: 3_000_000,
            known_max: 100,
            data_max: 195_000,
            steps: 120,
            awaits: true,
        };
        run.check().await;
    }
}

/// Writers go on while a collection of several pages is measured, over and over.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_measurement_is_exact_whatever_is_written_meanwhile() {
    const LIMIT: u64 = 20_000_000;
    const ROUNDS: u64 = 25;
    const WRITERS: i64 = 4;
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, limited(LIMIT, 1));
    let table = create(&database).await;
    for sort in 0..120 {
        let item = item("p0", sort, true, sort % 2 == 0, 30_000);
        write(&database, vec![put_of(&table, &item)]).await.unwrap();
    }
    // Once the table is so large that its collections are looked at.
    for sort in 0..320 {
        let item = item("other", sort, false, false, 50_000);
        write(&database, vec![put_of(&table, &item)]).await.unwrap();
    }
    let mut met = 0;
    for round in 0..ROUNDS {
        // Only one is known: this one forgets the other.
        write(
            &database,
            vec![put_of(&table, &item("other", 0, false, false, 50_000))],
        )
        .await
        .unwrap();
        assert_eq!(known(&database, &table, "p0"), None);
        let writers = (0..WRITERS).map(|writer| {
            let (database, table) = (database.clone(), table.clone());
            tokio::spawn(async move {
                let rng = SeededRng::new(round * 100 + writer as u64);
                let mut met = 0;
                for _ in 0..60 {
                    // Each has items of its own.
                    let sort = rng.below(30) as i64 * WRITERS + writer;
                    let data = 20_000 + rng.below(20_000) as usize;
                    let item = item(
                        "p0",
                        sort,
                        data.is_multiple_of(2),
                        data.is_multiple_of(3),
                        data,
                    );
                    let command = match rng.below(4) {
                        0 => command(&table, &key("p0", sort), Action::Delete),
                        _ => put_of(&table, &item),
                    };
                    write(&database, vec![command]).await.unwrap();
                    let known = known(&database, &table, "p0");
                    met += usize::from(known.is_some_and(|(_, is_exact)| !is_exact));
                }
                met
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            met += writer.await.unwrap();
        }
        let items = scan(&database, &table, 1_000, Direction::Forward);
        let of_p0 = |item: &&Item| item.get("pk") == Some(&AttributeValue::S("p0".to_owned()));
        let there: Vec<&Item> = items.iter().filter(of_p0).collect();
        measured(&database, &table, there[0], LIMIT as i64).await;
        let truly: i64 = there.iter().map(|item| size(item)).sum();
        assert_eq!(
            known(&database, &table, "p0"),
            Some((truly, true)),
            "round {round}"
        );
    }
    assert!(met > 0, "no write met a measurement");
    database.close();
}

/// Many find room for one more item at the same moment, and only as many as there is room for get it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_at_the_same_moment_do_not_share_room() {
    let clock = ManualClock::new(START_MS);
    // Odd numbers of five digits, so that all have one size.
    let one = size(&item("p", 10_001, true, true, 1_000));
    let database = open(None, &clock, limited(10 * one as u64, 100));
    let table = create(&database).await;
    let writers = (0..100).map(|number| 10_001 + 2 * number);
    let writers = writers.map(|sort| {
        let (database, table) = (database.clone(), table.clone());
        let item = item("p", sort, true, true, 1_000);
        tokio::spawn(async move { is_taken(write(&database, vec![put_of(&table, &item)]).await) })
    });
    let mut taken = 0;
    for writer in writers.collect::<Vec<_>>() {
        taken += i64::from(writer.await.unwrap());
    }
    assert_eq!(taken, 10);
    assert_eq!(known(&database, &table, "p"), Some((10 * one, true)));
}

#[tokio::test]
async fn far_below_the_limit_nothing_is_looked_at() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, limited(6_000_000, 100));
    let table = create(&database).await;
    let put = |sort| put_of(&table, &item("p", sort, false, false, 300_000));
    // The next item could have 400 KB and two entries as large.
    for sort in 0..15 {
        assert_eq!(known(&database, &table, "p"), None, "{sort}");
        write(&database, vec![put(sort)]).await.unwrap();
    }
    write(&database, vec![put(15), put(16)]).await.unwrap();
    assert!(known(&database, &table, "p").is_some());
    let without = database.create_table(NewTable {
        indexes: Vec::new(),
        ..definition("without")
    });
    let without = without.await.unwrap().table;
    let unlimited = open(None, &clock, limited(0, 100));
    let free = create(&unlimited).await;
    for sort in 0..30 {
        let item = item("p", sort, true, true, 195_000);
        write(&database, vec![put_of(&without, &item)])
            .await
            .unwrap();
        write(&unlimited, vec![put_of(&free, &item)]).await.unwrap();
    }
    assert_eq!(known(&database, &without, "p"), None);
    assert_eq!(known(&unlimited, &free, "p"), None);
}

#[tokio::test]
async fn a_table_is_filled_beyond_the_limit_and_then_only_shrinks() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, limited(10_000, 100));
    let table = database
        .create_table_to_fill(definition("t"))
        .await
        .unwrap()
        .table;
    let with_time = |sort: i64| {
        let mut item = item("p", sort, true, false, 1_000);
        let time = AttributeValue::N((START_MS as i64 / 1_000 - 100).into());
        item.insert("t".to_owned(), time);
        item
    };
    let items = (0..20)
        .map(|sort| put_of(&table, &with_time(sort)))
        .collect();
    let identity = Identity::None;
    database.fill(Command { items, identity }).await.unwrap();
    database.end_filling(&table).await.unwrap();
    let grows = || put_of(&table, &item("p", 0, true, false, 1_100));
    let shrinks = || put_of(&table, &item("p", 0, true, false, 900));
    let other = || put_of(&table, &item("q", 0, true, false, 1_100));
    let write = async |items| write(&database, items).await;
    assert!(!is_taken(write(vec![grows()]).await));
    let refused = write(vec![other(), grows(), shrinks_other(&table)]).await;
    let Err(EngineError::Refused(refusals)) = refused else {
        panic!("{refused:?}");
    };
    assert!(matches!(
        refusals[..],
        [None, Some(Refusal::CollectionTooLarge), None]
    ));
    assert!(is_taken(write(vec![shrinks()]).await));
    // Another item makes the room.
    let deleted = command(&table, &key("p", 1), Action::Delete);
    assert!(is_taken(write(vec![grows(), deleted]).await));
    assert!(!is_taken(
        write(vec![put_of(&table, &item("p", 1, false, false, 0))]).await
    ));
    database
        .change_time_to_live("", "t", "t", true)
        .await
        .unwrap();
    let expired = async {
        while table.item_count() > 1 {
            database.run_due().await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let expired = tokio::time::timeout(Duration::from_secs(60), expired).await;
    expired.expect("what has expired is deleted, and makes room");
    assert!(is_taken(
        write(vec![put_of(&table, &item("p", 1, true, true, 1_000))]).await
    ));
}

fn shrinks_other(table: &Arc<Table>) -> ItemCommand {
    command(table, &key("q", 5), Action::Delete)
}

/// More collections than are measured at a time: each has its turn, and whoever closes the database waits for none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collections_wait_for_their_turn_to_be_measured() {
    // About what the table has.
    const LIMIT: u64 = 19_000_000;
    const COLLECTIONS: usize = 6;
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let mut database = open(Some(folder.path()), &clock, limited(LIMIT, 100));
    let mut table = create(&database).await;
    let of = |number: usize| format!("p{number}");
    for number in 0..COLLECTIONS {
        for sort in 0..8 {
            let put = |sort| put_of(&table, &item(&of(number), sort, false, false, 390_000));
            write(&database, vec![put(sort)]).await.unwrap();
        }
    }
    let truly = (0..8).map(|sort| size(&item("p0", sort, false, false, 390_000)));
    let truly: i64 = truly.sum();
    for round in 0..5 {
        database.close();
        drop((table, database));
        database = open(Some(folder.path()), &clock, limited(LIMIT, 100));
        table = database.table("", "t").unwrap();
        for number in 0..COLLECTIONS {
            let there = item(&of(number), 0, false, false, 390_000);
            write(&database, vec![put_of(&table, &there)])
                .await
                .unwrap();
        }
        if round % 2 == 0 {
            continue;
        }
        // Nobody writes to them any more.
        let all = async {
            let is_known = |number| known(&database, &table, &of(number)) == Some((truly, true));
            while !(0..COLLECTIONS).all(is_known) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let all = tokio::time::timeout(Duration::from_secs(60), all).await;
        all.expect("all are measured");
    }
    database.close();
}
