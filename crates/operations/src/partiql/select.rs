//! SELECT: reads of partitions, one after the other, or a scan; in pages.

use std::collections::HashMap;

use headwater_engine::{Direction, Index, IndexKind, KeyRange, PageRequest, ReadOf};
use headwater_expression::partiql::{Columns, PartiqlError, PartitionRead, ReadPlan, Select};
use headwater_expression::{Condition, IndexKeyCondition, ResolvedKeyCondition, SortCondition};
use headwater_model::{EncodedItem, KeySchema, capacity, limits};
use headwater_wire::ApiError;
use headwater_wire::messages::{items, statements, vectors};

use super::next_token::{self, Place};
use super::refused;
use crate::api::{Api, RequestContext};
use crate::capacity::Used;
use crate::failure::{internal, of_items};
use crate::read_target::ReadTarget;
use crate::{key, key_range};

/// Which page of a SELECT is wanted.
pub(crate) struct Paging<'a> {
    pub(crate) limit: Option<i64>,
    pub(crate) next_token: Option<&'a str>,
    /// Of the statement.
    pub(crate) digest: u128,
}

/// A page of a SELECT.
pub(crate) struct SelectPage {
    pub(crate) items: Vec<EncodedItem>,
    pub(crate) next_token: Option<String>,
    pub(crate) last_evaluated_key: Option<EncodedItem>,
    pub(crate) used: Used,
}

/// What a SELECT reads, and how.
pub(crate) struct SelectTarget {
    target: ReadTarget,
    reads: Vec<KeyRange>,
    direction: Direction,
    filter: Option<Condition>,
    columns: Option<Columns>,
    /// Whether items come from the table in place of a local index's entries.
    fetch: bool,
    consistent: bool,
}

impl SelectTarget {
    /// Finds table and index, and what is to be read of them.
    pub(crate) fn new(
        api: &Api,
        select: Select,
        consistent: bool,
        context: &RequestContext,
    ) -> Result<Self, ApiError> {
        let table = api.table_of(&select.source.table, context)?;
        let index = match &select.source.index {
            None => None,
            Some(name) => {
                let index = table.index(name).ok_or_else(statements::index_not_found)?;
                check_index(&index, consistent)?;
                Some(index)
            }
        };
        let target = ReadTarget { table, index };
        let of_table = target.index.as_ref().map(|_| target.table.schema());
        let plan = ReadPlan::new(&select, &single_keys(&target), of_table).map_err(refused)?;
        let fetch = check_projected(&target, &plan, select.columns.as_ref())?;
        let (reads, direction, filter) = match plan {
            ReadPlan::Scan { filter } => {
                let everything = key_range::of_segment(0, 1);
                (vec![everything], Direction::Forward, filter)
            }
            ReadPlan::Partitions {
                reads,
                descending,
                filter,
                ..
            } => {
                let direction = match descending {
                    Some(true) => Direction::Backward,
                    Some(false) | None => Direction::Forward,
                };
                let order = descending.map(|_| direction);
                (ranges(&target, reads, order)?, direction, filter)
            }
        };
        Ok(SelectTarget {
            target,
            reads,
            direction,
            filter,
            columns: select.columns,
            fetch,
            consistent,
        })
    }

    /// Reads a page: at most `limit` items, at most 1 MB before the filter, of all partitions together.
    pub(crate) fn page(&self, api: &Api, paging: &Paging<'_>) -> Result<SelectPage, ApiError> {
        let index = self.target.index.as_deref();
        api.admit_read(&self.target.table, index, ReadOf::Everything)?;
        let mut limit = paging.limit.and_then(|limit| usize::try_from(limit).ok());
        let mut bytes_left = limits::PAGE_SIZE_BYTES_MAX;
        let mut start = self.start(paging)?;
        let mut items = Vec::new();
        let mut used = Used::default();
        let first = start.as_ref().map_or(0, |place| place.read as usize);
        let mut end = None;
        for (number, range) in self.reads.iter().enumerate().skip(first) {
            let range = match start.take() {
                None => range.clone(),
                Some(place) => key_range::behind(range.clone(), &place.key, self.direction)
                    .ok_or_else(statements::next_token_of_another_request)?,
            };
            let page = api
                .database
                .page(&self.target.table, &self.request(range, limit, bytes_left))
                .map_err(of_items)?;
            let units = self.add_use(&mut used, page.scanned_bytes, page.fetched_units);
            api.database.charge_read(&self.target.table, index, units);
            items.extend(page.items);
            limit = limit.map(|limit| limit.saturating_sub(page.scanned));
            bytes_left = bytes_left.saturating_sub(page.scanned_bytes + page.fetched_bytes);
            if let Some(key) = page.last_key {
                let read = u32::try_from(number).map_err(internal)?;
                end = Some(Place { read, key });
                break;
            }
        }
        let last_key = end.as_ref().map(|place| self.target.key_of(&place.key));
        let last_key = last_key.transpose()?;
        Ok(SelectPage {
            items: self.shown(items)?,
            next_token: end.map(|place| next_token::write(&place, paging.digest, self.number())),
            last_evaluated_key: last_key.as_ref().map(EncodedItem::encode),
            used,
        })
    }

    fn start(&self, paging: &Paging<'_>) -> Result<Option<Place>, ApiError> {
        let token = paging.next_token;
        token
            .map(|token| next_token::read(token, paging.digest, self.number()))
            .transpose()
    }

    /// The number of what is read: no other table or index ever has it.
    fn number(&self) -> u32 {
        let index = self.target.index.as_deref();
        index.map_or(self.target.table.id(), Index::id)
    }

    fn request(&self, range: KeyRange, limit: Option<usize>, bytes_max: usize) -> PageRequest<'_> {
        PageRequest {
            range,
            direction: self.direction,
            limit,
            bytes_max,
            filter: self.filter.as_ref(),
            items: true,
            index: self.target.index.as_deref(),
            fetch: self.fetch,
        }
    }

    /// Adds the units of a page, and gives them.
    fn add_use(&self, used: &mut Used, scanned_bytes: usize, fetched_units: f64) -> f64 {
        let units = capacity::read_units(scanned_bytes, self.consistent);
        match &self.target.index {
            None => {
                used.add_table(units);
                units
            }
            Some(index) => {
                let halves = if self.consistent { 1.0 } else { 0.5 };
                used.add_table(fetched_units * halves);
                used.add(index.record().kind, &index.record().name, units);
                units + fetched_units * halves
            }
        }
    }

    fn shown(&self, items: Vec<EncodedItem>) -> Result<Vec<EncodedItem>, ApiError> {
        match &self.columns {
            None => Ok(items),
            Some(columns) => items.iter().map(|item| project(columns, item)).collect(),
        }
    }
}

/// What columns show of an item.
fn project(columns: &Columns, item: &EncodedItem) -> Result<EncodedItem, ApiError> {
    let whole = item.decode().map_err(internal)?;
    Ok(EncodedItem::encode(&columns.project(&whole)))
}

fn check_index(index: &Index, consistent: bool) -> Result<(), ApiError> {
    if index.record().kind == IndexKind::Vector {
        return Err(vectors::operation_not_supported("Scan"));
    }
    if consistent && index.record().kind == IndexKind::Global {
        return Err(statements::consistent_read_on_global_index());
    }
    let schema = index.schema();
    if schema.partition.len() > 1 || schema.sort.len() > 1 {
        return Err(statements::multi_attribute_key());
    }
    match index.is_readable() {
        true => Ok(()),
        false => Err(items::index_is_backfilling(&index.record().name)),
    }
}

/// The key of what is read, which has no more than one attribute of each kind.
fn single_keys(target: &ReadTarget) -> KeySchema {
    let index = target.index.as_deref().map(Index::schema);
    let keys = index.and_then(|schema| {
        let partition = schema.partition.first()?.clone();
        Some(KeySchema::new(partition, schema.sort.first().cloned()))
    });
    keys.unwrap_or_else(|| target.table.schema().clone())
}

/// Refuses attributes that an index does not hold; whether they are fetched from the table.
fn check_projected(
    target: &ReadTarget,
    plan: &ReadPlan,
    columns: Option<&Columns>,
) -> Result<bool, ApiError> {
    let Some(index) = target.index.as_ref().filter(|index| !index.projects_all()) else {
        return Ok(false);
    };
    let name = &index.record().name;
    if let ReadPlan::Partitions {
        filter: Some(filter),
        branches: false,
        ..
    } = plan
    {
        let attributes = filter.attributes().into_iter();
        let missing: Vec<&str> = attributes.filter(|name| !index.projects(name)).collect();
        if !missing.is_empty() {
            return Err(statements::filter_not_projected(name, &missing));
        }
    }
    let attributes = columns.into_iter().flat_map(Columns::attributes);
    let missing: Vec<&str> = attributes.filter(|name| !index.projects(name)).collect();
    match index.record().kind {
        IndexKind::Local => Ok(!missing.is_empty()),
        IndexKind::Global | IndexKind::Vector if missing.is_empty() => Ok(false),
        IndexKind::Global | IndexKind::Vector => Err(items::not_projected(name, &missing)),
    }
}

/// The ranges of keys to be read. Parts of one partition are apart from each other, so that no item comes twice, and come
/// in the order of their keys if one was asked for.
fn ranges(
    target: &ReadTarget,
    reads: Vec<PartitionRead>,
    order: Option<Direction>,
) -> Result<Vec<KeyRange>, ApiError> {
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut partitions: Vec<Vec<PartitionRead>> = Vec::new();
    for read in reads {
        let value = ("p".to_owned(), read.partition.clone());
        let encoded = EncodedItem::encode(&std::iter::once(value).collect());
        let place = places.entry(encoded.bytes().to_vec());
        let place = *place.or_insert(partitions.len());
        match partitions.get_mut(place) {
            Some(parts) => parts.push(read),
            None => partitions.push(vec![read]),
        }
    }
    let mut ranges = Vec::with_capacity(partitions.len());
    for parts in &partitions {
        let mut of_partition = ranges_of_partition(target, parts)?;
        if let Some(order) = order {
            key_range::sort(&mut of_partition, order);
        }
        ranges.extend(of_partition);
    }
    Ok(ranges)
}

fn ranges_of_partition(
    target: &ReadTarget,
    parts: &[PartitionRead],
) -> Result<Vec<KeyRange>, ApiError> {
    let ranges = parts.iter().map(|part| range(target, part));
    let ranges = ranges.collect::<Result<Vec<_>, _>>()?;
    let mut whole = false;
    for (place, one) in parts.iter().enumerate() {
        for (other_place, other) in parts.iter().enumerate().take(place) {
            if !key_range::overlap(&ranges[place], &ranges[other_place]) {
                continue;
            }
            let both_whole = one.sort.is_empty() && other.sort.is_empty();
            if !both_whole && !one.may_overlap && !other.may_overlap {
                return Err(refused(PartiqlError::OverlappingKeys));
            }
            whole = true;
        }
    }
    match parts.first().filter(|_| whole) {
        Some(first) => Ok(vec![part(target, first, None)?]),
        None => Ok(ranges
            .into_iter()
            .filter(|range| !key_range::is_empty(range))
            .collect()),
    }
}

/// The keys of a partition for which all conditions on the sort key hold.
fn range(target: &ReadTarget, read: &PartitionRead) -> Result<KeyRange, ApiError> {
    let mut range = part(target, read, None)?;
    for condition in read.sort.iter() {
        range = key_range::intersection(range, part(target, read, Some(condition))?);
    }
    Ok(range)
}

fn part(
    target: &ReadTarget,
    read: &PartitionRead,
    sort: Option<&SortCondition>,
) -> Result<KeyRange, ApiError> {
    let range = match &target.index {
        None => key_range::of_condition(
            target.table.schema(),
            &ResolvedKeyCondition {
                partition: read.partition.clone(),
                sort: sort.cloned(),
            },
        ),
        Some(index) => key_range::of_index_condition(
            index.schema(),
            &IndexKeyCondition {
                partition: vec![read.partition.clone()],
                sort: sort.cloned().into_iter().collect(),
            },
        ),
    };
    range.map_err(key::of_value)
}
