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

use crate::history::{Image, StreamedChange};
use crate::world::{VALUE, World, is_no_room, mark_of, number_of};

const SHARDS_MAX: usize = 10_000;
/// Longest wait for something new before it looks whether it is to stop.
const PATIENCE: Duration = Duration::from_millis(2);

/// How far it has come in one shard.
#[derive(Clone, Default)]
pub(crate) struct Progress {
    iterator: Option<String>,
    last: Option<Sequence>,
    pub(crate) records: Vec<StreamedChange>,
    /// It was told that the shard has ended.
    pub(crate) ended: bool,
}

#[derive(Clone, Default)]
pub(crate) struct Follower {
    pub(crate) shards: BTreeMap<String, Progress>,
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
        for view in description.shards {
            let id = view.shard.id();
            let parent_open = view
                .parent_id
                .as_ref()
                .is_some_and(|parent| self.shards.get(parent).is_none_or(|known| !known.ended));
            let progress = self.shards.entry(id.clone()).or_default();
            if progress.ended || parent_open {
                continue;
            }
            news |= progress
                .read(world, &id, rng)
                .with_context(|| format!("following {id}"))?;
        }
        Ok(news)
    }
}

impl Progress {
    /// Forgets the iterator now and then, to go on behind the last record instead.
    fn iterator(&mut self, world: &World, shard: &str, rng: &SeededRng) -> Result<String> {
        let kept = self.iterator.take().filter(|_| rng.below(8) > 0);
        if let Some(iterator) = kept {
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
            ensure!(
                first == Some(last),
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
            let last = self.last.replace(view.sequence());
            ensure!(
                last < Some(view.sequence()),
                "{} follows {last:?}",
                view.sequence()
            );
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
