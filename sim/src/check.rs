//! The checks after each reopening, while nothing is going on.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use headwater_changelog::{Change, ReadLimit};
use headwater_engine::{Direction, LogError, ShardRecord};
use headwater_model::{AttributeValue, EncodedItem, KeySchema, SeededRng, Sequence};

use crate::follower::{Follower, image};
use crate::history::{Explained, StreamedChange, explain};
use crate::interval::forget_lost_end;
use crate::ledger::Book;
use crate::world::{VALUE, World, number_of, scan, storage_key};
use crate::writers::TALLY_KEY;

/// Shards by number with their records.
pub(crate) type Records = BTreeMap<String, Vec<StreamedChange>>;

/// Checks everything; gives the stream's records by shard.
///
/// # Errors
/// The first thing that does not fit.
pub(crate) async fn check(
    world: &World,
    rng: &SeededRng,
    book: &Book,
    before: &Records,
    follower: &mut Follower,
) -> Result<Records> {
    let records = read_all(world, rng).await?;
    if world.archive.is_none() {
        check_kept(before, &records)?;
    }
    let all: Vec<StreamedChange> = records.values().flatten().cloned().collect();
    let explained = explain(&all, book)?;
    check_tables(world, rng, &explained).await?;
    let archive = world.archive.as_deref();
    follower.check(&records, archive, false)?;
    follower.catch_up(world, rng).await?;
    follower.check(&records, archive, true)?;
    Ok(records)
}

/// The checks for a store that may have lost the end of its log; gives how many acknowledged changes it lost.
///
/// # Errors
/// The first thing that does not fit.
pub(crate) async fn check_beginning(
    world: &World,
    rng: &SeededRng,
    mut book: Book,
) -> Result<usize> {
    let records = read_all(world, rng).await?;
    let all: Vec<StreamedChange> = records.into_values().flatten().collect();
    let lost = forget_lost_end(&mut book, &all)?;
    let explained = explain(&all, &book)?;
    check_tables(world, rng, &explained).await?;
    Ok(lost)
}

/// All shards, their lineage checked, with all their records; with those that were trimmed, if there is an archive.
pub(crate) async fn read_all(world: &World, rng: &SeededRng) -> Result<Records> {
    let shards: Vec<ShardRecord> = world
        .database
        .shards(world.stream)
        .await?
        .iter()
        .map(|shard| (**shard).clone())
        .collect();
    check_lineage(world, &shards)?;
    let mut records = Records::new();
    for shard in &shards {
        records.insert(shard.id(), read(world, shard, rng)?);
    }
    match &world.archive {
        Some(archive) => archive.take_in(&shards, records),
        None => Ok(records),
    }
}

/// Parents end before their children begin, children share their parent's range, and the open shards are all hashes.
fn check_lineage(world: &World, shards: &[ShardRecord]) -> Result<()> {
    let by_number: BTreeMap<u32, &ShardRecord> =
        shards.iter().map(|shard| (shard.number, shard)).collect();
    for shard in shards {
        let id = shard.id();
        if let Some(end) = shard.end {
            ensure!(shard.start <= end, "{id} ends before it begins");
        }
        let Some(parent) = shard.parent else { continue };
        let Some(known) = by_number.get(&parent) else {
            let archive = world.archive.as_deref();
            let is_gone = archive.is_some_and(|archive| archive.knows(parent));
            ensure!(is_gone, "the parent of {id} is not listed");
            continue;
        };
        let parent = known;
        let end = parent.end.context("the parent of a shard is open")?;
        ensure!(end < shard.start, "{id} begins before its parent ends");
        ensure!(
            parent.hash_first <= shard.hash_first && shard.hash_last <= parent.hash_last,
            "{id} is not within its parent's range"
        );
    }
    let mut open: Vec<&ShardRecord> = shards.iter().filter(|shard| shard.end.is_none()).collect();
    open.sort_by_key(|shard| shard.hash_first);
    let mut next = 0;
    for shard in open {
        let first = u64::from(shard.hash_first);
        ensure!(first == next, "open shards leave or share hashes at {next}");
        next = u64::from(shard.hash_last) + 1;
    }
    ensure!(
        next == u64::from(u32::MAX) + 1,
        "open shards end at hash {next}"
    );
    Ok(())
}

/// All records of a shard, in pages of some size.
fn read(world: &World, shard: &ShardRecord, rng: &SeededRng) -> Result<Vec<StreamedChange>> {
    let log = world.database.log();
    let id = shard.id();
    let mut records: Vec<StreamedChange> = Vec::new();
    // Segments without stream records go as soon as the state has them.
    let mut from = shard.start.max(log.oldest());
    while from <= log.durable() {
        let limit = ReadLimit {
            records: 1 + rng.below(100) as usize,
            bytes: 1 << rng.below(16),
        };
        let page = match log.read_shard(shard.number, from, limit) {
            Err(LogError::Trimmed { .. }) if world.archive.is_some() => {
                // What was read before is gone as well, or would leave a hole.
                records.clear();
                from = from.max(log.oldest());
                continue;
            }
            page => page?,
        };
        ensure!(page.next > from, "reading {id} does not get on at {from}");
        for record in page.records {
            let last = records.last().map(|record| record.sequence);
            let next = record.sequence;
            ensure!(
                last.is_none_or(|last| last < next) && from <= next && next < page.next,
                "{id}: {next} stands behind {last:?} in the page from {from} to {}",
                page.next
            );
            ensure!(
                shard.end.is_none_or(|end| next <= end),
                "{id}: {next} stands behind the end"
            );
            records.push(change_of(world, shard, next, &record.change)?);
        }
        from = page.next;
    }
    Ok(records)
}

fn change_of(
    world: &World,
    shard: &ShardRecord,
    sequence: Sequence,
    change: &Change,
) -> Result<StreamedChange> {
    let hash = KeySchema::partition_hash(&change.key);
    ensure!(
        (shard.hash_first..=shard.hash_last).contains(&hash),
        "{sequence} is in the wrong shard"
    );
    let key = world.main.schema().decode_key(&change.key)?;
    let Some(AttributeValue::S(key)) = key.get("pk") else {
        anyhow::bail!("{sequence} has no key");
    };
    let image_of = |bytes: &Option<_>| {
        let item = bytes.clone().map(EncodedItem::from_bytes);
        item.as_ref().map(image).transpose()
    };
    Ok(StreamedChange {
        shard: shard.id(),
        sequence,
        key: key.clone(),
        kind: change.kind,
        old: image_of(&change.old)?,
        new: image_of(&change.new)?,
    })
}

/// What was there after the last reopening is there, and new records stand behind it.
fn check_kept(before: &Records, now: &Records) -> Result<()> {
    for (shard, old) in before {
        let new = now.get(shard).with_context(|| format!("{shard} is gone"))?;
        ensure!(
            new.starts_with(old),
            "{shard} had {} records, now it has {} and they differ",
            old.len(),
            new.len()
        );
    }
    Ok(())
}

/// Tables hold what the stream makes of them, whichever way they are read.
async fn check_tables(world: &World, rng: &SeededRng, explained: &Explained) -> Result<()> {
    let database = &world.database;
    for direction in [Direction::Forward, Direction::Backward] {
        let limit = (rng.below(2) == 0).then_some(1 + rng.below(6) as usize);
        let mut found = BTreeMap::new();
        for item in scan(database, &world.main, limit, direction)? {
            let Some(AttributeValue::S(key)) = item.get("pk")? else {
                anyhow::bail!("an item has no key");
            };
            found.insert(key, image(&item)?);
        }
        ensure!(
            found == explained.items,
            "the table is not the replay of its stream: {found:?} but {:?}",
            explained.items
        );
    }
    for (key, image) in &explained.items {
        let mark = world.look(key).await?;
        ensure!(mark == Some(image.mark), "{key} is {mark:?}");
    }
    let mut size_bytes = 0;
    for image in explained.items.values() {
        size_bytes += EncodedItem::from_bytes(image.whole.clone().into()).size_bytes() as u64;
    }
    let counted = (world.main.item_count(), world.main.size_bytes());
    let expected = (explained.items.len() as u64, size_bytes);
    ensure!(
        counted == expected,
        "counts are {counted:?}, not {expected:?}"
    );
    let tally = {
        let key = storage_key(&world.tally, TALLY_KEY)?;
        database.get(&world.tally, &key).await?
    };
    let tally = tally.map_or(Ok(0), |item| number_of(&item, VALUE))?;
    ensure!(
        tally == explained.of_several,
        "{tally} commands of several items are counted, the stream has {}",
        explained.of_several
    );
    Ok(())
}
