//! Shards: ranges of partition hashes over time. A shard is closed and its children are opened by one
//! catalog entry, so that no reader sees an end without what comes after it, nor the other way round.

use std::sync::Arc;

use headwater_model::Sequence;

use crate::catalog::Maps;
use crate::catalog_change::{AT_COMMIT, AT_COMMIT_MS, CatalogChange};
use crate::database::Database;
use crate::error::EngineError;
use crate::record::{BillingMode, NextNumbers, ShardRecord, StreamRecord, Throughput};
use crate::table::Table;

/// Open shards of a new stream on an on-demand table (streams.md section 5: recorded answers).
const SHARDS_ON_DEMAND: u32 = 4;
/// Write capacity units that one shard stands for on a provisioned table (developer guide: partitions).
const WRITE_UNITS_PER_SHARD: u64 = 1_000;
/// Most open shards that a stream is given without being asked.
const SHARDS_BY_THROUGHPUT_MAX: u64 = 64;
/// Most open shards that a stream has after one was split.
const OPEN_SHARDS_MAX: usize = 1_024;
/// Most shards that one entry of the log rolls over or forgets, which keeps it far from the most that an entry holds.
const SHARDS_PER_CHANGE_MAX: usize = 1_024;

impl Database {
    /// How many shards a new stream opens with.
    pub(crate) fn shard_count(&self, billing: BillingMode, throughput: Throughput) -> u32 {
        if let Some(count) = self.inner.options.shards {
            return count.max(1);
        }
        match billing {
            BillingMode::PayPerRequest => SHARDS_ON_DEMAND,
            BillingMode::Provisioned => throughput
                .write
                .div_ceil(WRITE_UNITS_PER_SHARD)
                .clamp(1, SHARDS_BY_THROUGHPUT_MAX) as u32,
        }
    }

    /// Shards of a stream, in the order of their ids, as far as they still can be read. Waits until what
    /// it shows is durable.
    ///
    /// # Errors
    /// [`EngineError::Log`] if the log takes no more.
    pub async fn shards(&self, stream: u32) -> Result<Vec<Arc<ShardRecord>>, EngineError> {
        self.durable(|| self.shards_now(stream)).await
    }

    /// As [`Database::shards`], without waiting: a shard may be listed whose opening is not durable yet.
    pub fn shards_now(&self, stream: u32) -> Vec<Arc<ShardRecord>> {
        let maps = self.inner.catalog.maps.read();
        maps.shards_of(stream).cloned().collect()
    }

    /// A shard of a stream by its number.
    pub fn shard(&self, stream: u32, number: u32) -> Option<Arc<ShardRecord>> {
        let maps = self.inner.catalog.maps.read();
        maps.shards.get(&stream)?.get(&number).cloned()
    }

    /// The stream of a shard by its number, while the shard is known.
    pub fn stream_of_shard(&self, number: u32) -> Option<u32> {
        let maps = self.inner.catalog.maps.read();
        maps.stream_of_shard.get(&number).copied()
    }

    /// Streams whose record is still kept, in the order of their creation. Waits until what it shows is
    /// durable.
    ///
    /// # Errors
    /// [`EngineError::Log`] if the log takes no more.
    pub async fn streams(&self) -> Result<Vec<Arc<StreamRecord>>, EngineError> {
        self.durable(|| {
            let maps = self.inner.catalog.maps.read();
            maps.streams.values().cloned().collect()
        })
        .await
    }

    /// A stream by its table's name and its label; not a hidden one.
    pub fn stream(
        &self,
        namespace: &str,
        table_name: &str,
        label: &str,
    ) -> Option<Arc<StreamRecord>> {
        let maps = self.inner.catalog.maps.read();
        maps.streams_of_name(namespace, table_name)
            .find(|stream| !stream.hidden && stream.label == label)
            .cloned()
    }

    /// The oldest sequence number that readers of a stream may still ask for.
    pub fn trim_point(&self, stream: &StreamRecord) -> Sequence {
        self.retention_edge(stream).max(self.inner.log.oldest())
    }

    /// Whether a closed shard is past the retention of its stream. Where the log begins does not count: a shard without
    /// records keeps no segment of it, and is listed as its parent and children are.
    pub fn is_past_retention(&self, stream: &StreamRecord, shard: &ShardRecord) -> bool {
        let edge = self.retention_edge(stream);
        shard.end.is_some_and(|end| end < edge)
    }

    /// The first sequence number within the retention of a stream, whatever the log still has.
    pub fn retention_edge(&self, stream: &StreamRecord) -> Sequence {
        let retention_ms = stream
            .retention_ms
            .unwrap_or(self.inner.options.retention_ms);
        Sequence::first_at_ms(self.inner.clock.now_ms().saturating_sub(retention_ms))
    }

    /// Closes an open shard and opens `children` shards in its place, each with an even part of its range.
    ///
    /// # Errors
    /// [`EngineError::ShardNotOpen`]; [`EngineError::TooManyShards`]; [`EngineError::Log`].
    pub async fn split_shard(
        &self,
        stream: u32,
        number: u32,
        children: u32,
    ) -> Result<Vec<Arc<ShardRecord>>, EngineError> {
        let position = {
            let _change = self.inner.catalog.change.lock();
            let shard = self
                .shard(stream, number)
                .filter(|shard| shard.end.is_none())
                .ok_or(EngineError::ShardNotOpen { number })?;
            self.check_open_shards(stream, children)?;
            self.replace_shards(stream, &[shard], children.max(1))?
        };
        self.inner.log.wait_durable(position).await?;
        let shards = self.shards_now(stream);
        Ok(shards
            .into_iter()
            .filter(|shard| shard.parent == Some(number))
            .collect())
    }

    /// Whether one shard of a stream may become so many. A stream that was given more at its beginning keeps them.
    fn check_open_shards(&self, stream: u32, children: u32) -> Result<(), EngineError> {
        let maps = self.inner.catalog.maps.read();
        let open = maps.shards_of(stream).filter(|shard| shard.end.is_none());
        if children > 1 && open.count() - 1 + children as usize > OPEN_SHARDS_MAX {
            return Err(EngineError::TooManyShards {
                most: OPEN_SHARDS_MAX,
            });
        }
        Ok(())
    }

    /// Refuses another stream while too many that were disabled are kept for their readers.
    pub(crate) fn check_disabled_shards(&self) -> Result<(), EngineError> {
        let most = self.inner.options.disabled_shards_max;
        match self.inner.catalog.maps.read().disabled_shards >= most {
            true => Err(EngineError::TooManyDisabledShards { most }),
            false => Ok(()),
        }
    }

    /// Rolls every shard over that has reached its age. Returns when that is durable.
    pub(crate) async fn roll_due_shards(&self) -> Result<(), EngineError> {
        let mut position = Sequence::ZERO;
        {
            let _change = self.inner.catalog.change.lock();
            for (stream, due) in self.due_shards() {
                for some in due.chunks(SHARDS_PER_CHANGE_MAX) {
                    position = self.replace_shards(stream, some, 1)?;
                }
            }
        }
        Ok(self.inner.log.wait_durable(position).await?)
    }

    fn due_shards(&self) -> Vec<(u32, Vec<Arc<ShardRecord>>)> {
        let now_ms = self.inner.clock.now_ms();
        let age_ms = self.inner.options.shard_age_ms;
        let maps = self.inner.catalog.maps.read();
        let is_due =
            |shard: &&Arc<ShardRecord>| shard.end.is_none() && shard.due_ms(age_ms) <= now_ms;
        maps.streams
            .values()
            .map(|stream| {
                (
                    stream.id,
                    maps.shards_of(stream.id).filter(is_due).cloned().collect(),
                )
            })
            .filter(|(_, due): &(u32, Vec<_>)| !due.is_empty())
            .collect()
    }

    fn replace_shards(
        &self,
        stream: u32,
        parents: &[Arc<ShardRecord>],
        children: u32,
    ) -> Result<Sequence, EngineError> {
        let mut change = CatalogChange::default();
        let table = {
            let maps = self.inner.catalog.maps.read();
            let mut next = maps.next;
            for parent in parents {
                let range = (parent.hash_first, parent.hash_last);
                change.shards.push(ShardRecord {
                    end: Some(AT_COMMIT),
                    ..(**parent).clone()
                });
                change
                    .shards
                    .extend(open(stream, Some(parent), range, children, &mut next));
            }
            change.next = Some(next);
            table_of_stream(&maps, stream)
        };
        let open_tables: Vec<Arc<Table>> = table.into_iter().collect();
        self.commit_catalog(change, &open_tables)
    }

    /// Forgets shards and streams of which nothing can be read any more.
    pub(crate) async fn expire_shards(&self) -> Result<(), EngineError> {
        loop {
            let position = {
                let _change = self.inner.catalog.change.lock();
                let change = self.expired();
                if change.is_empty() {
                    return Ok(());
                }
                self.commit_catalog(change, &[])?
            };
            self.inner.log.wait_durable(position).await?;
        }
    }

    /// Whether a closed shard has no records that the log still keeps.
    fn is_without_records(&self, shard: &ShardRecord) -> bool {
        let log = &self.inner.log;
        // The durable position first: what is behind it is known to have records, if it has.
        let is_closed = shard.end.is_some_and(|end| end <= log.durable());
        is_closed && !log.has_records(shard.number)
    }

    /// Some of what nothing can be read of any more, and of what has nothing to be read if there is too much of it; a stream
    /// is the last of its shards.
    fn expired(&self) -> CatalogChange {
        let mut change = CatalogChange::default();
        let maps = self.inner.catalog.maps.read();
        let kept_max = self.inner.options.disabled_shards_max / 2;
        let mut surplus = maps.disabled_shards.saturating_sub(kept_max);
        for stream in maps.streams.values() {
            let is_disabled = stream.disabled_ms.is_some();
            let mut left = 0;
            // All of a stream: whoever reads finds no shard without its parent, while that has records.
            let is_surplus = surplus > 0
                && is_disabled
                && maps
                    .shards_of(stream.id)
                    .all(|shard| self.is_without_records(shard));
            for shard in maps.shards_of(stream.id) {
                let is_full = change.removed_shards.len() >= SHARDS_PER_CHANGE_MAX;
                let is_surplus = is_surplus && surplus > 0;
                if is_full || !(self.is_past_retention(stream, shard) || is_surplus) {
                    left += 1;
                    continue;
                }
                change.removed_shards.push((stream.id, shard.number));
                surplus = surplus.saturating_sub(usize::from(is_disabled));
            }
            if left == 0 && is_disabled {
                change.removed_streams.push(stream.id);
            }
        }
        change
    }
}

fn table_of_stream(maps: &Maps, stream: u32) -> Option<Arc<Table>> {
    let record = maps.streams.get(&stream)?;
    let table = maps
        .tables
        .get(&record.namespace)?
        .get(&record.table_name)?;
    (table.id() == record.table_id).then(|| table.clone())
}

/// The first shards of a stream.
pub(crate) fn initial(stream: u32, count: u32, next: &mut NextNumbers) -> Vec<ShardRecord> {
    open(stream, None, (0, u32::MAX), count, next)
}

fn open(
    stream: u32,
    parent: Option<&ShardRecord>,
    (first, last): (u32, u32),
    count: u32,
    next: &mut NextNumbers,
) -> Vec<ShardRecord> {
    let width = u64::from(last - first) + 1;
    let count = u64::from(count).min(width);
    (0..count)
        .map(|index| {
            let number = next.shard;
            next.shard += 1;
            ShardRecord {
                number,
                stream,
                opened_ms: AT_COMMIT_MS,
                parent: parent.map(|parent| parent.number),
                parent_opened_ms: parent.map(|parent| parent.opened_ms),
                hash_first: (u64::from(first) + width * index / count) as u32,
                hash_last: (u64::from(first) + width * (index + 1) / count - 1) as u32,
                start: AT_COMMIT,
                end: None,
            }
        })
        .collect()
}
