//! Enforcement of throughput, where it is wanted: what a table, or a global index, may read and write in a second, and
//! the capacity of up to five minutes that was not used (guide).
//!
//! Each is a bucket into which units flow. Who comes while there is something in it is let in, and takes out what the
//! request turns out to need, more than there is too: then the next ones wait until the debt is paid. So a request that
//! needs more than a second's units is served in the end. Buckets are in memory only. That of a new table holds what one
//! second brings; so does every bucket when the database is opened.

use std::collections::BTreeMap;

use headwater_model::{AttributeValue, StorageKey, capacity};

use crate::command::{ItemCommand, Outcome, Refusal};
use crate::database::Database;
use crate::decide::Decided;
use crate::error::EngineError;
use crate::index::{Index, Indexes};
use crate::index_record::{IndexKind, IndexRecord};
use crate::record::{BillingMode, TableRecord};
use crate::table::Table;

/// How many seconds' worth of unused units a bucket keeps (guide: burst capacity).
const BURST_SECONDS: f64 = 300.0;

/// What units are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ThroughputUse {
    /// Reading.
    Read,
    /// Writing.
    Write,
}

/// A table or index whose throughput a request would exceed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceededThroughput {
    /// Its ARN.
    pub arn: String,
    /// Whether it is an index.
    pub is_index: bool,
    /// What for.
    pub usage: ThroughputUse,
    /// Whether the bound is the maximum of an on-demand table, and not provisioned.
    pub is_on_demand: bool,
}

/// Why an item command is not carried out now: at least one.
pub type Throttled = Vec<ExceededThroughput>;

/// Whom a read that is not let in was for, so that contributor insights count it.
#[derive(Clone, Copy)]
pub enum ReadOf<'a> {
    /// One item.
    Item(&'a StorageKey),
    /// The partition with these values.
    Partition(&'a [AttributeValue]),
    /// All there is.
    Everything,
}

/// The buckets of a table and its indexes.
#[derive(Debug, Default)]
pub(crate) struct Buckets(BTreeMap<(u32, ThroughputUse), Bucket>);

#[derive(Debug)]
struct Bucket {
    units: f64,
    at_ms: u64,
}

/// What flows into a bucket.
#[derive(Clone, Copy)]
struct Flow {
    per_second: f64,
    is_on_demand: bool,
}

impl Bucket {
    fn fill(&mut self, flow: Flow, now_ms: u64) {
        let passed_ms = now_ms.saturating_sub(self.at_ms);
        let grown = self.units + flow.per_second * passed_ms as f64 / 1000.0;
        self.units = grown.min(flow.per_second * BURST_SECONDS);
        self.at_ms = self.at_ms.max(now_ms);
    }
}

impl Buckets {
    /// What is in a bucket now.
    fn units(&mut self, key: (u32, ThroughputUse), flow: Flow, since_ms: u64, now_ms: u64) -> f64 {
        let bucket = self.0.entry(key).or_insert(Bucket {
            units: flow.per_second,
            at_ms: since_ms,
        });
        bucket.fill(flow, now_ms);
        bucket.units
    }

    fn take(&mut self, key: (u32, ThroughputUse), units: f64) {
        if let Some(bucket) = self.0.get_mut(&key) {
            bucket.units -= units;
        }
    }

    /// Forgets the buckets of indexes that are gone.
    fn keep(&mut self, record: &TableRecord) {
        let most = 2 * (1 + record.indexes.len());
        if self.0.len() > most {
            self.0.retain(|(id, _), _| {
                *id == record.id || record.indexes.iter().any(|index| index.id == *id)
            });
        }
    }
}

/// A bucket of a table, with what there is to know of it.
struct Resource<'a> {
    table: &'a Table,
    key: (u32, ThroughputUse),
    flow: Flow,
    arn: String,
    is_index: bool,
}

impl<'a> Resource<'a> {
    /// The bucket of a table or one of its global indexes; `None` if nothing bounds it.
    fn of(
        table: &'a Table,
        record: &TableRecord,
        index: Option<&IndexRecord>,
        usage: ThroughputUse,
    ) -> Option<Self> {
        let provisioned = index.map_or(record.throughput, |index| index.throughput);
        let maxima = index.map_or(record.on_demand, |index| index.on_demand);
        let (provisioned, maximum) = match usage {
            ThroughputUse::Read => (provisioned.read, maxima.and_then(|maxima| maxima.read_max)),
            ThroughputUse::Write => (
                provisioned.write,
                maxima.and_then(|maxima| maxima.write_max),
            ),
        };
        let flow = match record.billing {
            BillingMode::Provisioned => Flow {
                per_second: provisioned as f64,
                is_on_demand: false,
            },
            BillingMode::PayPerRequest => Flow {
                per_second: maximum? as f64,
                is_on_demand: true,
            },
        };
        Some(Resource {
            table,
            key: (index.map_or(record.id, |index| index.id), usage),
            flow,
            arn: match index {
                Some(index) => format!("{}/index/{}", record.arn(), index.name),
                None => record.arn(),
            },
            is_index: index.is_some(),
        })
    }

    fn exceeded(&self) -> ExceededThroughput {
        ExceededThroughput {
            arn: self.arn.clone(),
            is_index: self.is_index,
            usage: self.key.1,
            is_on_demand: self.flow.is_on_demand,
        }
    }
}

/// Units that a command takes out of buckets.
struct Taken<'a> {
    resource: Resource<'a>,
    units: f64,
}

impl Database {
    /// Whether throughput is enforced.
    pub fn enforces_throughput(&self) -> bool {
        self.inner.options.enforce_throughput
    }

    /// Lets a read of a table or index in, or not. Whoever is let in tells by [`Database::charge_read`] what it took.
    ///
    /// # Errors
    /// [`EngineError::Throttled`] with one element.
    pub fn admit_read(
        &self,
        table: &Table,
        index: Option<&Index>,
        of: ReadOf<'_>,
    ) -> Result<(), EngineError> {
        if !self.enforces_throughput() {
            return Ok(());
        }
        let record = table.record();
        let index = index.filter(|index| index.record().kind == IndexKind::Global);
        let of_index = index.map(Index::record);
        let resource = Resource::of(table, &record, of_index, ThroughputUse::Read);
        match resource.filter(|resource| self.units_in(resource) <= 0.0) {
            None => Ok(()),
            Some(resource) => {
                table.count_throttled_read(index, of);
                Err(EngineError::Throttled(vec![Some(vec![
                    resource.exceeded(),
                ])]))
            }
        }
    }

    /// Takes what a read needed.
    pub fn charge_read(&self, table: &Table, index: Option<&Index>, units: f64) {
        if !self.enforces_throughput() || units == 0.0 {
            return;
        }
        let index = index.filter(|index| index.record().kind == IndexKind::Global);
        let id = index.map_or(table.id(), Index::id);
        let mut buckets = table.buckets.lock();
        buckets.take((id, ThroughputUse::Read), units);
    }

    /// Lets writes in as far as can be known before they are decided: by their tables.
    pub(crate) fn admit_writes(&self, items: &[ItemCommand]) -> Result<(), EngineError> {
        let throttled = items.iter().map(|item| {
            let record = item.table.record();
            let resource = Resource::of(&item.table, &record, None, ThroughputUse::Write);
            let resource = resource.filter(|resource| self.units_in(resource) <= 0.0);
            resource.map(|resource| {
                item.table.count_throttled(&item.key);
                vec![resource.exceeded()]
            })
        });
        refuse(throttled.collect())
    }

    /// Takes what writes need, now that it is known, `factor` times; none takes anything if one of them is not let in.
    /// Of several writes a later one finds what earlier ones leave.
    pub(crate) fn charge_writes(
        &self,
        items: &[ItemCommand],
        indexes: &[Indexes],
        decisions: &[Option<Decided>],
        outcomes: &[Outcome],
        factor: f64,
    ) -> Result<(), EngineError> {
        let mut taken: BTreeMap<(u32, ThroughputUse), Taken<'_>> = BTreeMap::new();
        let mut throttled = Vec::with_capacity(items.len());
        for (place, (item, outcome)) in items.iter().zip(outcomes).enumerate() {
            let needs = needs(item, outcome);
            let exceeded: Vec<&Resource<'_>> = needs
                .iter()
                .filter(|need| {
                    let before = taken.get(&need.resource.key);
                    let before = before.map_or(0.0, |taken| taken.units * factor);
                    self.units_in(&need.resource) <= before
                })
                .map(|need| &need.resource)
                .collect();
            if exceeded.is_empty() {
                for need in needs {
                    let units = need.units;
                    let key = need.resource.key;
                    let same = taken.entry(key).or_insert(Taken { units: 0.0, ..need });
                    same.units += units;
                }
                throttled.push(None);
                continue;
            }
            let is_exceeded = |id: u32| exceeded.iter().any(|resource| resource.key.0 == id);
            if is_exceeded(item.table.id()) {
                item.table.count_throttled(&item.key);
            }
            if let Some(decided) = &decisions[place] {
                let entries = decided.entries.iter();
                let entries = entries.filter(|entry| is_exceeded(entry.index));
                item.table.count_throttled_entries(&indexes[place], entries);
            }
            let reasons = exceeded.into_iter().map(Resource::exceeded);
            throttled.push(Some(reasons.collect()));
        }
        refuse(throttled)?;
        for one in taken.into_values() {
            let mut buckets = one.resource.table.buckets.lock();
            buckets.take(one.resource.key, one.units * factor);
        }
        Ok(())
    }

    /// Takes what it costs that conditions were looked at and did not hold.
    pub(crate) fn charge_refused(
        &self,
        items: &[ItemCommand],
        refusals: &[Option<Refusal>],
        factor: f64,
    ) {
        for (item, refusal) in items.iter().zip(refusals) {
            if let Some(Refusal::ConditionFailed { size_bytes, .. }) = refusal {
                let units = capacity::write_units(*size_bytes) * factor;
                let mut buckets = item.table.buckets.lock();
                buckets.take((item.table.id(), ThroughputUse::Write), units);
            }
        }
    }

    fn units_in(&self, resource: &Resource<'_>) -> f64 {
        let record = resource.table.record();
        let since_ms = record.created_ms.max(self.inner.opened_ms);
        let mut buckets = resource.table.buckets.lock();
        buckets.keep(&record);
        let now_ms = self.inner.clock.now_ms();
        buckets.units(resource.key, resource.flow, since_ms, now_ms)
    }
}

/// What a write needs: of its table, with the local indexes, and of each global index that it changes.
fn needs<'a>(item: &'a ItemCommand, outcome: &Outcome) -> Vec<Taken<'a>> {
    let record = item.table.record();
    let writes = outcome.index_writes.iter();
    let local = writes.filter(|write| write.kind == IndexKind::Local);
    let size_bytes = outcome.old_size_bytes.max(outcome.new_size_bytes);
    let own = capacity::write_units(size_bytes) + local.map(|write| write.units).sum::<f64>();
    let of_table = Resource::of(&item.table, &record, None, ThroughputUse::Write);
    let of_table = of_table.map(|resource| Taken {
        resource,
        units: own,
    });
    let global = outcome.index_writes.iter();
    let global = global.filter(|write| write.kind == IndexKind::Global);
    let of_indexes = global.filter_map(|write| {
        let mut indexes = record.indexes.iter();
        let index = indexes.find(|index| index.name == write.index)?;
        let resource = Resource::of(&item.table, &record, Some(index), ThroughputUse::Write)?;
        Some(Taken {
            resource,
            units: write.units,
        })
    });
    of_table.into_iter().chain(of_indexes).collect()
}

fn refuse(throttled: Vec<Option<Throttled>>) -> Result<(), EngineError> {
    match throttled.iter().any(Option::is_some) {
        true => Err(EngineError::Throttled(throttled)),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (u32, ThroughputUse) = (1, ThroughputUse::Read);

    fn flow(per_second: f64) -> Flow {
        Flow {
            per_second,
            is_on_demand: false,
        }
    }

    #[test]
    fn a_bucket_fills_with_time_and_holds_five_minutes() {
        let mut buckets = Buckets::default();
        let mut at =
            |per_second: f64, now_ms: u64| buckets.units(KEY, flow(per_second), 1_000, now_ms);
        assert_eq!(at(10.0, 1_000), 10.0);
        assert_eq!(at(10.0, 1_500), 15.0);
        // A clock that goes back brings nothing, and nothing twice.
        assert_eq!(at(10.0, 1_200), 15.0);
        assert_eq!(at(10.0, 1_600), 16.0);
        assert_eq!(at(10.0, 10_000_000), 3_000.0);
        assert_eq!(at(2.0, 10_000_000), 600.0);
    }

    #[test]
    fn a_debt_is_paid_by_what_flows_in() {
        let mut buckets = Buckets::default();
        assert_eq!(buckets.units(KEY, flow(5.0), 0, 0), 5.0);
        buckets.take(KEY, 25.0);
        assert_eq!(buckets.units(KEY, flow(5.0), 0, 3_000), -5.0);
        assert_eq!(buckets.units(KEY, flow(5.0), 0, 5_000), 5.0);
    }
}
