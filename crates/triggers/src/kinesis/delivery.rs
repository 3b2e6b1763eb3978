//! One destination: reads the shards of its table's streams in turn, and sends what it reads.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use headwater_model::Sequence;
use headwater_streams::{RecordView, StreamsError};
use tokio::sync::watch;

use crate::mappings::pause_ms;

use super::put_records::{Entry, Taken, put_records};
use super::record::entry;
use super::{Destination, Key, Shared, destinations, stopped};

/// Records that are read at once.
const PAGE_RECORDS: usize = 500;

/// The sending of one destination.
pub(super) struct Delivery {
    shared: Arc<Shared>,
    destination: Destination,
    /// The next sequence number to send, by shard.
    positions: BTreeMap<u32, Sequence>,
    stop: watch::Receiver<bool>,
    /// Requests that failed in a row.
    failures: u32,
}

/// Why a delivery ends.
enum End {
    /// All that it had to send is sent, or can go nowhere any more.
    Done,
    /// The server stops, or the log does.
    Stopped,
}

/// What one look at all shards came to.
#[derive(Default)]
struct Round {
    /// Something was read, so that another look may find more.
    progressed: bool,
    /// A shard has, or may get, records that are to be sent.
    unfinished: bool,
}

impl Delivery {
    pub(super) fn new(
        shared: Arc<Shared>,
        destination: Destination,
        positions: BTreeMap<u32, u64>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let positions = positions.into_iter();
        Delivery {
            shared,
            destination,
            positions: positions.map(|(shard, at)| (shard, Sequence(at))).collect(),
            stop,
            failures: 0,
        }
    }

    /// Sends until all is to stop, or all is sent; then gives the destination's key.
    pub(super) async fn run(mut self) -> Option<Key> {
        let key = self.destination.key;
        match self.deliver().await {
            End::Done => {
                if let Err(error) = self.shared.keep(key, &self.positions, true).await {
                    tracing::warn!(%error, "that a Kinesis destination is done was not kept; it is looked at again");
                }
                Some(key)
            }
            End::Stopped => None,
        }
    }

    async fn deliver(&mut self) -> End {
        let mut durable = self.shared.api.database().log().watch();
        loop {
            let now = *durable.borrow_and_update();
            let is_over = !self.refresh();
            let round = match self.round(now).await {
                Ok(round) => round,
                Err(end) => return end,
            };
            if is_over && !round.unfinished {
                return End::Done;
            }
            if round.progressed {
                continue;
            }
            tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return End::Stopped,
                moved = durable.changed() => if moved.is_err() { return End::Stopped },
            }
        }
    }

    /// Takes over what the catalog says of the destination now; false if nothing new is to be sent.
    fn refresh(&mut self) -> bool {
        let key = self.destination.key;
        let all = destinations(&self.shared.api).into_iter();
        let of_table = all.filter(|one| one.key.table == key.table);
        let (found, others): (Vec<_>, Vec<_>) = of_table.partition(|one| one.key == key);
        if let Some(found) = found.into_iter().next() {
            self.destination = found;
            return self.destination.record.is_enabled();
        }
        // Its table is gone, or remembers only later ones, before which it was disabled.
        let later = others.iter().map(|one| one.key.from);
        if let (None, Some(next)) = (self.destination.record.until, later.min()) {
            self.destination.record.until = Some(Sequence(next.saturating_sub(1)));
        }
        false
    }

    /// Whether the table is still there. It remembers some destination, if not this one.
    fn has_table(&self) -> bool {
        let table = self.destination.key.table;
        let tables = self.shared.api.database().kinesis_tables();
        tables.iter().any(|record| record.id == table)
    }

    /// Looks at all shards that may be read, once. `durable` was durable before.
    async fn round(&mut self, durable: Sequence) -> Result<Round, End> {
        let mut round = Round::default();
        let api = self.shared.api.clone();
        let database = api.database();
        let streams = database.streams_of_table(self.destination.key.table);
        let shards = streams
            .iter()
            .flat_map(|stream| database.shards_now(stream.id));
        let numbers: HashSet<u32> = shards.map(|shard| shard.number).collect();
        self.forget_shards(&numbers);
        for stream in streams {
            // A stream that is enabled, or not read to its end, comes before the next one.
            let mut ended = stream.disabled_ms.is_some();
            for shard in database.shards_now(stream.id) {
                let from = self.position(shard.number, shard.start);
                let until = self.destination.record.until.unwrap_or(Sequence::MAX);
                let last = shard.end.unwrap_or(Sequence::MAX).min(until);
                let is_behind = |at: Sequence| shard.end.is_some_and(|end| at > end);
                if from > last {
                    ended &= is_behind(from);
                    continue;
                }
                let parent = shard
                    .parent
                    .and_then(|parent| database.shard(stream.id, parent));
                let waits = parent.is_some_and(|parent| {
                    let at = self.position(parent.number, parent.start);
                    parent.end.is_none_or(|end| at <= end)
                });
                if waits {
                    round.unfinished = true;
                    ended = false;
                    continue;
                }
                let mut follower = api
                    .streams()
                    .follow_from(stream.clone(), shard.number, from);
                let page = match follower.poll(PAGE_RECORDS) {
                    Ok(page) => page,
                    Err(error) => {
                        self.unreadable(&error).await?;
                        round.unfinished = true;
                        round.progressed = true;
                        ended = false;
                        continue;
                    }
                };
                if page.lost {
                    self.lost();
                }
                let next = match page.ended {
                    true => Sequence::MAX,
                    false => page.next,
                };
                round.unfinished |= next <= last && last < Sequence::MAX;
                ended &= is_behind(next);
                round.progressed |= page.ended || (next > from && next <= durable);
                let found = !page.records.is_empty();
                if found {
                    // It may have been disabled while what other shards had was sent: before some of these then.
                    self.refresh();
                }
                self.send_all(stream.id, page.records).await?;
                self.positions.insert(shard.number, next);
                if found || page.ended {
                    round.progressed = true;
                    self.keep().await?;
                }
            }
            if !ended {
                break;
            }
        }
        Ok(round)
    }

    /// Forgets the places in shards that are no longer known, being past their retention.
    fn forget_shards(&mut self, known: &HashSet<u32>) {
        let is_known = |shard: &u32| known.contains(shard);
        let unread = self.positions.iter();
        let mut unread = unread.filter(|(shard, at)| !is_known(shard) && **at < Sequence::MAX);
        if unread.next().is_some() {
            self.lost();
        }
        self.positions.retain(|shard, _| is_known(shard));
    }

    fn position(&self, shard: u32, start: Sequence) -> Sequence {
        let from = Sequence(self.destination.key.from);
        let stored = self.positions.get(&shard).copied();
        stored.unwrap_or(from.max(start))
    }

    /// Sends the records of a page that are the destination's, those of an item one after the other.
    async fn send_all(&mut self, stream: u32, records: Vec<RecordView>) -> Result<(), End> {
        let from = Sequence(self.destination.key.from);
        let until = self.destination.record.until.unwrap_or(Sequence::MAX);
        let of_here = records
            .into_iter()
            .filter(|record| from <= record.sequence() && record.sequence() <= until);
        let mut entries = Vec::new();
        for record in of_here {
            match entry(&record, &self.destination) {
                Ok(entry) => entries.push(entry),
                Err(error) => {
                    tracing::error!(%error, "a record could not be written down for Kinesis");
                    self.refused("a record could not be written down");
                }
            }
        }
        while !entries.is_empty() {
            entries = self.send_some(stream, &entries).await?;
        }
        Ok(())
    }

    /// Leaves out what is past its retention: what was read is held no longer than the log would be.
    fn within_retention(&self, stream: u32, mut entries: Vec<Entry>) -> Vec<Entry> {
        let database = self.shared.api.database();
        let mut streams = database
            .streams_of_table(self.destination.key.table)
            .into_iter();
        let found = streams.find(|one| one.id == stream);
        // A stream is forgotten when all of it is past its retention.
        let edge = found.map_or(Sequence::MAX, |stream| database.trim_point(&stream));
        let count = entries.len();
        entries.retain(|entry| entry.sequence >= edge);
        if entries.len() < count {
            self.lost();
        }
        entries
    }

    /// Sends one request; gives what is still to be sent, in order.
    async fn send_some(&mut self, stream: u32, entries: &[Entry]) -> Result<Vec<Entry>, End> {
        let (batch, mut later) = Entry::split(entries);
        let sent = put_records(&self.shared, &self.destination, &batch);
        let taken = tokio::select! {
            biased;
            () = stopped(&mut self.stop) => return Err(End::Stopped),
            taken = sent => taken,
        };
        match taken {
            Taken::All => {
                self.failures = 0;
                let count = batch.len() as u64;
                self.shared.note(self.destination.key, |noted| {
                    noted.sent += count;
                    noted.last_failure = None;
                });
                Ok(later)
            }
            Taken::Except { failed, reason } => {
                let count = (batch.len() - failed.len()) as u64;
                self.shared
                    .note(self.destination.key, |noted| noted.sent += count);
                self.failed(&reason).await?;
                let mut left: Vec<Entry> = failed
                    .into_iter()
                    .filter_map(|place| batch.get(place).cloned())
                    .collect();
                left.append(&mut later);
                left.sort_by_key(|entry| entry.sequence);
                Ok(self.within_retention(stream, left))
            }
            Taken::NoStream { reason } if !self.has_table() => {
                let Destination {
                    table_name, record, ..
                } = &self.destination;
                tracing::warn!(table = %table_name, stream = %record.arn, %reason, "the table is gone, and its Kinesis stream; what was not sent is left out");
                Err(End::Done)
            }
            // It may be made yet, while the records wait.
            Taken::NoStream { reason } => {
                self.failed(&reason).await?;
                Ok(self.within_retention(stream, entries.to_vec()))
            }
            Taken::Refused { reason } if batch.len() == 1 => {
                self.refused(&reason);
                Ok(later)
            }
            // Which of them it is shows when each goes alone.
            Taken::Refused { .. } => {
                for one in &batch {
                    self.send_alone(stream, one).await?;
                }
                Ok(later)
            }
        }
    }

    async fn send_alone(&mut self, stream: u32, one: &Entry) -> Result<(), End> {
        let mut left = vec![one.clone()];
        while !left.is_empty() {
            left = Box::pin(self.send_some(stream, &left)).await?;
        }
        Ok(())
    }

    /// A request failed; waits before the next one, longer with each.
    async fn failed(&mut self, reason: &str) -> Result<(), End> {
        self.failures = self.failures.saturating_add(1);
        // Until when it is enabled: the table may have forgotten that by the time it gets on.
        self.refresh();
        let Destination {
            table_name, record, ..
        } = &self.destination;
        // The first of a row is told, not each.
        if self.failures == 1 {
            tracing::warn!(table = %table_name, stream = %record.arn, %reason, "Kinesis does not take records; they are sent again");
        }
        self.shared.note(self.destination.key, |noted| {
            noted.failures += 1;
            noted.last_failure = Some(reason.to_owned());
        });
        self.pause().await
    }

    async fn pause(&mut self) -> Result<(), End> {
        let clock = self.shared.clock.clone();
        let until_ms = clock.now_ms().saturating_add(pause_ms(self.failures));
        tokio::select! {
            biased;
            () = stopped(&mut self.stop) => Err(End::Stopped),
            () = clock.sleep_until(until_ms) => Ok(()),
        }
    }

    /// A record that the service does not take for what it is, such as its size, holds up no other.
    fn refused(&self, reason: &str) {
        let Destination {
            table_name, record, ..
        } = &self.destination;
        tracing::error!(table = %table_name, stream = %record.arn, %reason, "Kinesis refuses a record, which is left out");
        self.shared.note(self.destination.key, |noted| {
            noted.refused += 1;
            noted.last_failure = Some(reason.to_owned());
        });
    }

    fn lost(&self) {
        let Destination {
            table_name, record, ..
        } = &self.destination;
        tracing::error!(table = %table_name, stream = %record.arn, "records were, or may have been, past their retention before Kinesis took them");
        self.shared
            .note(self.destination.key, |noted| noted.lost = true);
    }

    async fn unreadable(&mut self, error: &StreamsError) -> Result<(), End> {
        self.failed(&format!("the records can't be read: {error}"))
            .await
    }

    async fn keep(&mut self) -> Result<(), End> {
        let kept = self
            .shared
            .keep(self.destination.key, &self.positions, false)
            .await;
        match kept {
            Ok(()) => Ok(()),
            // Nothing is lost by it: what is sent again is sent at least once.
            Err(error) => {
                self.failed(&format!("the checkpoint was not kept: {error}"))
                    .await
            }
        }
    }
}
