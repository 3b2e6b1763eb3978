//! A follower of the stream that outlives the database: it keeps iterators and the records that it got, goes on
//! after each reopening, and must see every record once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use headwater_engine::{EngineError, LogError};
use headwater_model::{AttributeValue, EncodedItem, SeededRng, Sequence};
use headwater_streams::{RecordView, Start, StreamsError};

use crate::archive::Archive;
use crate::check::Records;
use crate::history::{Image, StreamedChange};
use crate::world::{VALUE, World, is_no_room, mark_of, number_of};

const SHARDS_MAX: usize = 10_000;
/// Longest wait for something new before it looks whether it is to stop.
const PATIENCE: Duration = Duration::from_millis(2);

/// Longest time that it reads nothing if the log is trimmed, by the clock of the store: the log may be gone by then.
const NAP_MS_MAX: u64 = 90_000;

/// How far it has come in one shard.
#[derive(Clone, Default)]
pub(crate) struct Progress {
    iterator: Option<String>,
    last: Option<Sequence>,
    records: Vec<StreamedChange>,
    /// It was told that the shard has ended.
    ended: bool,
    /// Where it read from the horizon on, by how many records it had; and the latest time by then.
    horizons: BTreeMap<usize, u64>,
}

#[derive(Clone, Default)]
pub(crate) struct Follower {
    shards: BTreeMap<String, Progress>,
    /// How often it was told that records are gone.
    pub(crate) gaps: usize,
}

/// Follows until told to stop.
pub(crate) async fn run(world: Arc<World>, seed: u64, mut follower: Follower) -> Result<Follower> {
    let rng = SeededRng::new(seed);
    let mut durable = world.database.log().watch();
    while !world.stopped() {
        match world.answered(follower.round(&world, &rng)).await? {
            Ok(_) => {}
            Err(_) if world.is_dark() => break,
            Err(error) if is_of_a_failed_log(&world, &error) => break,
            Err(error) if is_of_a_full_disk(&error) => {}
            Err(error) => return Err(error),
        }
        if let Some(archive) = world.archive.as_deref().filter(|_| rng.below(3) == 0) {
            let until_ms = archive.latest_ms() + rng.below(NAP_MS_MAX);
            while archive.latest_ms() < until_ms && !world.stopped() {
                tokio::time::sleep(PATIENCE).await;
            }
        }
        // The log's end wakes nobody.
        if let Ok(Err(_)) = tokio::time::timeout(PATIENCE, durable.changed()).await {
            break;
        }
    }
    Ok(follower)
}

impl Follower {
    /// Reads everything that is there now.
    pub(crate) async fn catch_up(&mut self, world: &World, rng: &SeededRng) -> Result<()> {
        while self.round(world, rng).await? {}
        Ok(())
    }

    /// Looks once at each shard whose parent is read to its end; whether there was anything new.
    async fn round(&mut self, world: &World, rng: &SeededRng) -> Result<bool> {
        let description = world
            .streams
            .describe("", &world.arn, None, None, SHARDS_MAX)
            .await?;
        let mut news = false;
        let listed: BTreeMap<String, Option<String>> = description
            .shards
            .into_iter()
            .map(|view| (view.shard.id(), view.parent_id))
            .collect();
        let archive = world.archive.as_deref();
        if archive.is_some() {
            news |= self.read_unlisted(world, rng, &listed)?;
        }
        for (id, parent) in &listed {
            let parent_open = parent
                .as_ref()
                .is_some_and(|parent| match self.shards.get(parent) {
                    Some(known) => !known.ended,
                    None => archive.is_none() || listed.contains_key(parent),
                });
            let progress = self.shards.entry(id.clone()).or_default();
            if progress.ended || parent_open {
                continue;
            }
            news |= progress
                .look(world, id, rng, &mut self.gaps)
                .with_context(|| format!("following {id}"))?;
        }
        Ok(news)
    }

    /// What it has not read to its end, and is past its retention now.
    fn read_unlisted(
        &mut self,
        world: &World,
        rng: &SeededRng,
        listed: &BTreeMap<String, Option<String>>,
    ) -> Result<bool> {
        let mut news = false;
        for (id, progress) in &mut self.shards {
            if !progress.ended && !listed.contains_key(id) {
                news |= progress
                    .look(world, id, rng, &mut self.gaps)
                    .with_context(|| format!("following {id}, which is gone"))?;
            }
        }
        Ok(news)
    }

    /// It has exactly the beginning of each shard, or all of it; less what was trimmed before it came, if there is an
    /// archive, and it was told or began at the horizon.
    ///
    /// # Errors
    /// The first shard that does not fit.
    pub(crate) fn check(
        &self,
        records: &Records,
        archive: Option<&Archive>,
        all: bool,
    ) -> Result<()> {
        for (shard, progress) in &self.shards {
            let there = records.get(shard).map_or(&[][..], Vec::as_slice);
            progress
                .check(there, archive, all)
                .with_context(|| format!("the follower of {shard}"))?;
        }
        let is_missed = |shard: &str, records: &[StreamedChange]| {
            let is_there = |record: &StreamedChange| {
                archive.is_none_or(|archive| !archive.may_be_gone(record.sequence))
            };
            !self.shards.contains_key(shard) && (archive.is_none() || records.iter().any(is_there))
        };
        let missed = records
            .iter()
            .find(|(shard, records)| all && is_missed(shard, records));
        ensure!(
            missed.is_none(),
            "the follower missed {:?}",
            missed.map(|(shard, _)| shard)
        );
        Ok(())
    }
}

impl Progress {
    fn check(&self, there: &[StreamedChange], archive: Option<&Archive>, all: bool) -> Result<()> {
        let mut left = there;
        for (count, seen) in self.records.iter().enumerate() {
            let skipped = left.iter().position(|record| record == seen);
            let skipped = skipped.with_context(|| {
                format!(
                    "its record {} of {} is not there",
                    count + 1,
                    self.records.len()
                )
            })?;
            self.check_skipped(count, &left[..skipped], archive)?;
            left = &left[skipped + 1..];
        }
        if all || self.ended {
            self.check_skipped(self.records.len(), left, archive)?;
        }
        Ok(())
    }

    /// Nothing may be missing unless it was gone when reading went on at the horizon.
    fn check_skipped(
        &self,
        count: usize,
        skipped: &[StreamedChange],
        archive: Option<&Archive>,
    ) -> Result<()> {
        let Some(last) = skipped.last() else {
            return Ok(());
        };
        let by_ms = self.horizons.get(&count).copied();
        let is_gone = archive
            .zip(by_ms)
            .is_some_and(|(archive, by_ms)| archive.may_be_gone_by(last.sequence, by_ms));
        ensure!(
            is_gone,
            "{} records up to {} are missing behind the {count} that it has (horizon read at {by_ms:?})",
            skipped.len(),
            last.sequence
        );
        Ok(())
    }

    /// Reads a page. Told that records are gone it goes on at the horizon; told so of the shard, it is at its end.
    fn look(
        &mut self,
        world: &World,
        shard: &str,
        rng: &SeededRng,
        gaps: &mut usize,
    ) -> Result<bool> {
        // Forgotten now and then, to go on behind the last record instead.
        self.iterator = self.iterator.take().filter(|_| rng.below(8) > 0);
        let from_horizon = self.iterator.is_none() && self.last.is_none();
        let count = self.records.len();
        let read = self.read(world, shard, rng);
        let Some(archive) = &world.archive else {
            return read;
        };
        let told = match &read {
            Ok(_) => None,
            Err(error) => error.downcast_ref::<StreamsError>(),
        };
        match told {
            Some(StreamsError::Trimmed) => {
                (self.iterator, self.last) = (None, None);
                *gaps += 1;
                Ok(true)
            }
            Some(StreamsError::ShardNotFound) => {
                self.horizons.insert(count, archive.latest_ms());
                self.ended = true;
                *gaps += 1;
                Ok(true)
            }
            _ => {
                if from_horizon {
                    self.horizons.insert(count, archive.latest_ms());
                }
                read
            }
        }
    }

    /// The iterator that it has, or one behind its last record, or at the horizon.
    fn iterator(&mut self, world: &World, shard: &str, rng: &SeededRng) -> Result<String> {
        if let Some(iterator) = self.iterator.take() {
            return Ok(iterator);
        }
        let Some(last) = self.last else {
            let iterator = world
                .streams
                .iterator("", &world.arn, shard, Start::TrimHorizon)?;
            return Ok(iterator.to_string());
        };
        if rng.below(4) == 0 {
            let at = Start::AtSequence(last);
            let at = world.streams.iterator("", &world.arn, shard, at)?;
            let page = world.streams.read("", &at.to_string(), 1)?;
            let first = page.records.first().map(RecordView::sequence);
            let archive = world.archive.as_deref();
            ensure!(
                first == Some(last) || archive.is_some_and(|archive| archive.may_be_gone(last)),
                "the last record {last} is not there any more, but {first:?}"
            );
        }
        let after = Start::AfterSequence(last);
        let iterator = world.streams.iterator("", &world.arn, shard, after)?;
        Ok(iterator.to_string())
    }

    fn read(&mut self, world: &World, shard: &str, rng: &SeededRng) -> Result<bool> {
        let iterator = self.iterator(world, shard, rng)?;
        let limit = 1 + rng.below(60) as usize;
        let page = match world.streams.read("", &iterator, limit) {
            Err(StreamsError::ExpiredIterator { .. }) => return Ok(true),
            read => read?,
        };
        let news = !page.records.is_empty();
        for view in page.records {
            ensure!(
                self.last < Some(view.sequence()),
                "{} follows {:?}",
                view.sequence(),
                self.last
            );
            self.last = Some(view.sequence());
            // The clock was set back, and the horizon with it.
            let known = self.records.last().map(|record| record.sequence);
            if known >= self.last {
                continue;
            }
            self.records.push(change_of(shard, &view)?);
        }
        self.ended = page.next.is_none();
        self.iterator = page.next.map(|next| next.to_string());
        Ok(news || self.ended)
    }
}

fn change_of(shard: &str, view: &RecordView) -> Result<StreamedChange> {
    let Some(AttributeValue::S(key)) = view.keys().get("pk")? else {
        anyhow::bail!("record {} has no key", view.sequence());
    };
    Ok(StreamedChange {
        shard: shard.to_owned(),
        sequence: view.sequence(),
        key,
        kind: view.kind(),
        old: view.old_image().as_ref().map(image).transpose()?,
        new: view.new_image().as_ref().map(image).transpose()?,
    })
}

/// An item as the history knows it.
pub(crate) fn image(item: &EncodedItem) -> Result<Image> {
    Ok(Image {
        mark: mark_of(item)?,
        value: number_of(item, VALUE)?,
        whole: item.bytes().to_vec(),
    })
}

/// Listing shards waits for the catalog, and a change of it may wait for room.
fn is_of_a_full_disk(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<StreamsError>() {
        Some(StreamsError::Engine(error)) => is_no_room(error),
        _ => false,
    }
}

/// Listing shards waits for the catalog, which a failed log never makes durable; and old segments can't be read
/// from a disk without power. Otherwise reading goes on after a failure.
fn is_of_a_failed_log(world: &World, error: &anyhow::Error) -> bool {
    match error.downcast_ref::<StreamsError>() {
        Some(StreamsError::Engine(EngineError::Log(
            LogError::Poisoned { .. } | LogError::Closed,
        ))) => true,
        Some(_) => world.log_goes_dark.load(Ordering::SeqCst),
        None => false,
    }
}
