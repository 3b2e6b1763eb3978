//! Vector indexes: a search finds, at any moment, what a look at every item of the table finds, whatever was written,
//! added, removed, closed or lost in between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Poll;

use headwater_engine::{
    Action, Database, EngineError, IndexChange, IndexKind, IndexProjection, Neighbour, NewIndex,
    Refusal, SearchKey, Table, Throughput, VectorRecord, VectorSearch,
};
use headwater_model::{
    AttributeValue, DistanceFunction, EncodedItem, Item, KeyAttribute, KeyType, ManualClock,
    SeededRng, Vector,
};

use crate::indexes::{change, check_folder, fast, filled};
use crate::support::{START_MS, command, delete, new_table, open, until_applied};

const DIMENSIONS: usize = 3;

/// An index by tenant, with a filter, or one without a search schema.
fn new_index(name: &str, distance: DistanceFunction, by_tenant: bool) -> NewIndex {
    let key = |name: &str, kind, is_filter| SearchKey {
        attribute: KeyAttribute::new(name, kind),
        is_filter,
    };
    let search = match by_tenant {
        true => vec![key("g", KeyType::S, false), key("v", KeyType::N, true)],
        false => Vec::new(),
    };
    let partition = search.iter().filter(|one| !one.is_filter);
    NewIndex {
        name: name.to_owned(),
        kind: IndexKind::Vector,
        partition: partition.map(|one| one.attribute.clone()).collect(),
        sort: Vec::new(),
        projection: match by_tenant {
            true => IndexProjection::KeysOnly,
            false => IndexProjection::All,
        },
        throughput: Throughput::default(),
        on_demand: None,
        warm: Throughput::default(),
        vector: Some(VectorRecord::new(
            "e".to_owned(),
            DIMENSIONS as u32,
            distance,
            &search,
        )),
    }
}

fn vector(components: &[i64]) -> AttributeValue {
    let numbers = components
        .iter()
        .map(|one| AttributeValue::N((*one).into()));
    AttributeValue::L(numbers.collect())
}

/// An item with a tenant, a filter's value and a vector, or without some of them.
fn item(rng: &SeededRng, key: &str) -> Item {
    let value = (rng.below(4) > 0).then(|| rng.below(3) as i64);
    let mut item = crate::support::item(key, value);
    if rng.below(4) > 0 {
        let tenant = ["x", "y"][rng.below(2) as usize];
        item.insert("g".to_owned(), AttributeValue::S(tenant.to_owned()));
    }
    if rng.below(5) > 0 {
        let components: Vec<i64> = (0..DIMENSIONS).map(|_| rng.below(5) as i64 - 2).collect();
        item.insert("e".to_owned(), vector(&components));
    }
    item
}

async fn put(database: &Database, table: &Arc<Table>, key: &str, item: &Item) {
    let action = Action::Put(EncodedItem::encode(item));
    database.write(command(table, key, action)).await.unwrap();
}

fn components(item: &Item) -> Option<Vec<f64>> {
    let AttributeValue::L(elements) = item.get("e")? else {
        return None;
    };
    let number = |element: &AttributeValue| match element {
        AttributeValue::N(number) => number.to_string().parse().unwrap(),
        other => panic!("{other:?}"),
    };
    Some(elements.iter().map(number).collect())
}

/// The score, in the words of the documentation.
fn naive(distance: DistanceFunction, one: &[f64], other: &[f64]) -> f64 {
    let dot =
        |one: &[f64], other: &[f64]| -> f64 { one.iter().zip(other).map(|(a, b)| a * b).sum() };
    match distance {
        DistanceFunction::DotProduct => dot(one, other),
        DistanceFunction::Euclidean => {
            let squares = one.iter().zip(other).map(|(a, b)| (a - b) * (a - b));
            squares.sum::<f64>().sqrt()
        }
        DistanceFunction::Cosine => match (dot(one, one), dot(other, other)) {
            (0.0, _) | (_, 0.0) => 1.0,
            (own, others) => 1.0 - dot(one, other) / (own * others).sqrt(),
        },
    }
}

struct Asked<'a> {
    index: &'a str,
    query: &'a [i64],
    tenant: Option<&'a str>,
    filter: Option<i64>,
    top: usize,
}

async fn search(
    database: &Database,
    table: &Table,
    asked: &Asked<'_>,
) -> Result<Vec<Neighbour>, EngineError> {
    let index = table.index(asked.index).unwrap();
    let query = Vector::of_value(&vector(asked.query), asked.query.len()).unwrap();
    let tenant = asked
        .tenant
        .map(|tenant| AttributeValue::S(tenant.to_owned()));
    let filter = asked
        .filter
        .map(|value| ("v".to_owned(), AttributeValue::N(value.into())));
    let filters: Vec<_> = filter.into_iter().collect();
    let search = VectorSearch {
        index: &index,
        query: &query,
        partition: tenant.as_ref(),
        filters: &filters,
        top: asked.top,
    };
    let show = |entry: &EncodedItem| Ok(EncodedItem::encode(&index.searched_item(entry, true)?));
    database.nearest(table, &search, show).await
}

/// Compares a search with a look at all items.
async fn check(
    database: &Database,
    table: &Table,
    model: &BTreeMap<String, Item>,
    distance: DistanceFunction,
    asked: &Asked<'_>,
) {
    let found = search(database, table, asked).await.unwrap();
    let query: Vec<f64> = asked.query.iter().map(|one| *one as f64).collect();
    let text = |item: &Item, name: &str| match item.get(name) {
        Some(AttributeValue::S(text)) => Some(text.clone()),
        _ => None,
    };
    let number = |item: &Item| match item.get("v") {
        Some(AttributeValue::N(number)) => number.to_i64(),
        _ => None,
    };
    let matching = model.iter().filter(|(_, item)| {
        (asked.tenant.is_none() || text(item, "g").as_deref() == asked.tenant)
            && (asked.filter.is_none() || number(item) == asked.filter)
    });
    let scored = matching.filter_map(|(key, item)| {
        let score = naive(distance, &query, &components(item)?);
        Some((key.clone(), score))
    });
    let scores: BTreeMap<String, f64> = scored.collect();
    let mut best: Vec<f64> = scores.values().copied().collect();
    best.sort_by(f64::total_cmp);
    if distance.is_larger_nearer() {
        best.reverse();
    }
    best.truncate(asked.top);
    assert_eq!(found.len(), best.len());
    let mut seen = Vec::new();
    for (neighbour, best) in found.iter().zip(best) {
        let item = neighbour.item.decode().unwrap();
        let key = text(&item, "pk").unwrap();
        assert!((neighbour.score - scores[&key]).abs() < 1e-6);
        assert!((neighbour.score - best).abs() < 1e-6, "the nearest first");
        let mut whole = model[&key].clone();
        if asked.tenant.is_some() {
            whole.retain(|name, _| ["pk", "g", "v", "e"].contains(&name));
        }
        assert_eq!(item, whole);
        assert!(!seen.contains(&key), "an item is found once");
        seen.push(key);
    }
}

#[tokio::test]
async fn a_search_finds_what_a_look_at_every_item_finds() {
    for seed in 0..6 {
        run(seed).await;
    }
}

async fn run(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let rng = SeededRng::new(seed);
    let clock = ManualClock::new(START_MS);
    let distances = [
        DistanceFunction::Cosine,
        DistanceFunction::Euclidean,
        DistanceFunction::DotProduct,
    ];
    let (plain, by_tenant) = (distances[seed as usize % 3], distances[seed as usize / 2]);
    let mut database = open(Some(folder.path()), &clock, fast());
    let mut new = new_table("t", None);
    new.indexes = vec![new_index("plain", plain, false)];
    let mut table = database.create_table(new).await.unwrap().table;
    let mut model = BTreeMap::new();
    let mut has_second = false;
    for _ in 0..200 {
        let key = format!("k{}", rng.below(30));
        match rng.below(100) {
            0..=64 => {
                let item = item(&rng, &key);
                put(&database, &table, &key, &item).await;
                model.insert(key, item);
            }
            65..=79 => {
                delete(&database, &table, &key).await.unwrap();
                model.remove(&key);
            }
            80..=83 if has_second => {
                let gone = IndexChange::Delete(IndexKind::Vector, "tenant".to_owned());
                change(&database, gone).await.unwrap();
                has_second = false;
            }
            80..=83 => {
                let new = IndexChange::Create(new_index("tenant", by_tenant, true));
                change(&database, new).await.unwrap();
                has_second = true;
            }
            84..=85 => {
                database.close();
                drop((table, database));
                database = open(Some(folder.path()), &clock, fast());
                table = database.table("", "t").unwrap();
            }
            _ => {
                let query: Vec<i64> = (0..DIMENSIONS).map(|_| rng.below(5) as i64 - 2).collect();
                let mut asked = Asked {
                    index: "plain",
                    query: &query,
                    tenant: None,
                    filter: None,
                    top: 1 + rng.below(12) as usize,
                };
                check(&database, &table, &model, plain, &asked).await;
                if has_second {
                    filled(&database, &table, "tenant").await;
                    asked.index = "tenant";
                    asked.tenant = Some(["x", "y", "z"][rng.below(3) as usize]);
                    asked.filter = (rng.below(2) == 0).then(|| rng.below(3) as i64);
                    check(&database, &table, &model, by_tenant, &asked).await;
                }
            }
        }
    }
    if has_second {
        filled(&database, &table, "tenant").await;
    }
    database.close();
    drop((table, database));
    check_folder(folder.path());
}

const WIDE_ITEMS: i64 = 2_000;
const WIDE: usize = 512;

/// A table with an index that a search goes through in many steps.
async fn wide() -> (Database, Arc<Table>) {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, fast());
    let mut index = new_index("wide", DistanceFunction::Euclidean, false);
    index.vector = Some(VectorRecord::new(
        "e".to_owned(),
        WIDE as u32,
        DistanceFunction::Euclidean,
        &[],
    ));
    index.projection = IndexProjection::KeysOnly;
    let mut new = new_table("t", None);
    new.indexes = vec![index];
    let table = database.create_table(new).await.unwrap().table;
    let mut puts = tokio::task::JoinSet::new();
    for number in 0..WIDE_ITEMS {
        let (database, table) = (database.clone(), table.clone());
        puts.spawn(async move {
            let key = format!("k{number}");
            let mut item = crate::support::item(&key, None);
            let mut components = vec![0; WIDE];
            components[WIDE - 1] = number;
            item.insert("e".to_owned(), vector(&components));
            put(&database, &table, &key, &item).await;
        });
    }
    puts.join_all().await;
    (database, table)
}

#[tokio::test]
async fn a_search_of_an_index_of_many_steps_sees_all_of_it() {
    let (database, table) = wide().await;
    let mut query = vec![0; WIDE];
    query[WIDE - 1] = WIDE_ITEMS / 2;
    let asked = Asked {
        index: "wide",
        query: &query,
        tenant: None,
        filter: None,
        top: 5,
    };
    let found = search(&database, &table, &asked).await.unwrap();
    let scores: Vec<f64> = found.iter().map(|one| one.score).collect();
    assert_eq!(scores, [0.0, 1.0, 1.0, 2.0, 2.0]);
}

/// A deleted table kept the record of its index, and the sweep overtook the search: what was left was all.
#[tokio::test]
async fn a_search_whose_table_is_deleted_and_swept_meanwhile_is_refused() {
    let (database, table) = wide().await;
    until_applied(&database).await;
    let query = [0; WIDE];
    let asked = Asked {
        index: "wide",
        query: &query,
        tenant: None,
        filter: None,
        top: 5,
    };
    let mut searching = std::pin::pin!(search(&database, &table, &asked));
    let first = std::future::poll_fn(|context| Poll::Ready(searching.as_mut().poll(context)));
    assert!(first.await.is_pending(), "it has steps");
    database.delete_table("", "t").await.unwrap();
    until_applied(&database).await;
    let found = searching.await;
    assert!(
        matches!(found, Err(EngineError::TableNotFound { .. })),
        "{} found",
        found.map_or(0, |found| found.len())
    );
}

#[tokio::test]
async fn an_item_whose_vector_does_not_fit_is_refused() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, fast());
    let mut new = new_table("t", None);
    new.indexes = vec![new_index("plain", DistanceFunction::Cosine, false)];
    let table = database.create_table(new).await.unwrap().table;
    let mut wrong = crate::support::item("a", None);
    wrong.insert("e".to_owned(), vector(&[1, 2]));
    let action = Action::Put(EncodedItem::encode(&wrong));
    let refused = database.write(command(&table, "a", action)).await;
    let Err(EngineError::Refused(refusals)) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        matches!(&refusals[0], Some(Refusal::IndexKey { error, .. }) if error.index == "plain" && error.kind == IndexKind::Vector)
    );
    assert_eq!(table.item_count(), 0);
}
