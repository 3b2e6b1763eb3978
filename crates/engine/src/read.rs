//! Reading items: durable values only, merged from the overlay and the state.

use std::cell::Cell;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use bytes::Bytes;
use headwater_expression::{Condition, Steps};
use headwater_model::{EncodedItem, Sequence, StorageKey, capacity};
use headwater_state::Direction;

use crate::database::Database;
use crate::door::usable;
use crate::error::EngineError;
use crate::index::Index;
use crate::overlay::Found;
use crate::record::state_key;
use crate::table::Table;

/// Steps that the filter of a page may take, about 0.2 s: the page ends with the item that reaches them. For one item it
/// may take no more.
const FILTER_STEPS_MAX: u64 = 32 << 20;
/// How many overlay values are gathered at once while a range is read.
const OVERLAY_GATHER_MAX: usize = 4096;

/// A range of storage keys of one table.
#[derive(Clone, Debug)]
pub struct KeyRange {
    /// Where it begins.
    pub from: Bound<Vec<u8>>,
    /// Where it ends.
    pub to: Bound<Vec<u8>>,
}

/// What to read of a range.
pub struct PageRequest<'a> {
    /// The range of storage keys.
    pub range: KeyRange,
    /// In which order.
    pub direction: Direction,
    /// Most items that are evaluated.
    pub limit: Option<usize>,
    /// The page ends with the item that reaches this many bytes of evaluated items, those that are fetched included. One
    /// whose filter is costly may end before.
    pub bytes_max: usize,
    /// Items that don't satisfy it are evaluated but not returned.
    pub filter: Option<&'a Condition>,
    /// Whether the items themselves are wanted, or only their number.
    pub items: bool,
    /// The index that is read in place of the table; the range is one of its entries' keys then.
    pub index: Option<&'a Index>,
    /// Whether the item that an index's entry stands for is fetched from the table.
    pub fetch: bool,
}

/// A page of a range.
#[derive(Debug, Default)]
pub struct Page {
    /// The items that satisfy the filter, in order; empty when only their number was asked for.
    pub items: Vec<EncodedItem>,
    /// How many satisfy it.
    pub matched: usize,
    /// How many were evaluated.
    pub scanned: usize,
    /// Sum of the sizes of the evaluated items.
    pub scanned_bytes: usize,
    /// Sum of the sizes of the items that were fetched from the table.
    pub fetched_bytes: usize,
    /// Read units that fetching from the table took, by strongly consistent reads.
    pub fetched_units: f64,
    /// The storage key at which the page ended, if it ended before the range did; it may be one that was deleted.
    pub last_key: Option<Vec<u8>>,
}

/// What [`Database::merged_once`] saw.
pub(crate) struct MergedOnce {
    /// The position of the log as of which it was.
    pub(crate) position: Sequence,
    /// The state key at which it ended before the range did, unless the visitor ended it.
    pub(crate) rest: Option<Vec<u8>>,
}

/// What [`Database::merge_with_state`] saw.
struct MergedPart {
    /// The position of the state.
    position: Sequence,
    /// Whether the visitor ended it.
    flow: ControlFlow<()>,
    /// The deleted key at which it ended, if it passed too many.
    passed: Option<Vec<u8>>,
}

impl Database {
    /// Reads one item. The value is durable.
    ///
    /// # Errors
    /// [`EngineError::TableNotFound`] if the table is not usable; errors of the state store.
    pub async fn get(
        &self,
        table: &Table,
        key: &StorageKey,
    ) -> Result<Option<EncodedItem>, EngineError> {
        let inner = &self.inner;
        usable(&table.state.read(), inner.clock.now_ms())?;
        table.count_access(key);
        table.counts.read(1);
        let key = state_key(table.id(), key.bytes());
        // The overlay first: what it has dropped is in every snapshot that is taken afterwards.
        let value = match inner.overlay.newest_durable(&key, || inner.log.durable()) {
            Found::Value(_, value) => value,
            Found::Unknown => self.sought(&key).await?,
        };
        if value.is_none() {
            // What a table that was deleted meanwhile had is gone from the state at some moment, and others may have
            // looked there in between.
            usable(&table.state.read(), inner.clock.now_ms())?;
        }
        Ok(value.map(EncodedItem::from_bytes))
    }

    /// Reads items as they are at one moment: no write of several of them is seen in part. The values are durable when
    /// this returns.
    ///
    /// # Errors
    /// As [`Database::get`]; [`EngineError::Log`] if the log takes no more.
    pub async fn get_together(
        &self,
        gets: &[(Arc<Table>, StorageKey)],
    ) -> Result<Vec<Option<EncodedItem>>, EngineError> {
        let keys: Vec<Vec<u8>> = gets
            .iter()
            .map(|(table, key)| state_key(table.id(), key.bytes()))
            .collect();
        self.read_ahead(&keys).await?;
        let mut wait_for = None;
        let items = {
            // Writers hold the latches of all their keys from the decision until the values are known here.
            let _latches = self.inner.latches.hold(keys.iter().map(Vec::as_slice));
            let now_ms = self.inner.clock.now_ms();
            for (table, key) in gets {
                usable(&table.state.read(), now_ms)?;
                table.count_access(key);
                table.counts.read(1);
            }
            let items = self.newest_items(&keys, &mut wait_for)?;
            // As in `get`.
            for (table, _) in gets {
                usable(&table.state.read(), now_ms)?;
            }
            items
        };
        if let Some(position) = wait_for {
            self.inner.log.wait_durable(position).await?;
        }
        Ok(items)
    }

    /// Reads a page of a range. Each item is a durable value of it, at least as new as the call.
    ///
    /// # Errors
    /// As [`Database::get`]; [`EngineError::ConditionTooCostly`] of the filter and one item.
    pub fn page(&self, table: &Table, request: &PageRequest<'_>) -> Result<Page, EngineError> {
        usable(&table.state.read(), self.inner.clock.now_ms())?;
        if let Some(index) = request.index.filter(|index| !index.is_readable()) {
            return Err(EngineError::IndexBackfilling {
                index: index.record().name.clone(),
            });
        }
        let mut page = Page::default();
        let mut filter_steps = 0;
        let mut failure = None;
        let number = request.index.map_or(table.id(), Index::id);
        let range = KeyRange {
            from: in_table(number, &request.range.from, 0),
            to: in_table(number, &request.range.to, 1),
        };
        let mut visit = |key: &[u8], value: &Bytes| {
            let item = EncodedItem::from_bytes(value.clone());
            let shown = match request.index.filter(|_| request.fetch) {
                Some(index) => self.fetched(table, index, key)?,
                None => Some(item.clone()),
            };
            match shown {
                Some(shown) => evaluate(request, &mut page, &mut filter_steps, key, &item, shown),
                // Deleted since the entry was read.
                None => Ok(ControlFlow::Continue(())),
            }
        };
        let passed = self.merged_within(
            range,
            request.direction,
            self.inner.options.deleted_keys_per_page_max,
            &mut |key, value| match visit(key, value) {
                Ok(flow) => flow,
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            },
        )?;
        if let Some(key) = passed {
            page.last_key = Some(key[4..].to_vec());
        }
        table.counts.read(page.scanned as u64);
        if let Some(error) = failure {
            return Err(error);
        }
        // What a table or index that was deleted meanwhile still had is no answer.
        let state = table.state.read();
        usable(&state, self.inner.clock.now_ms())?;
        let is_kept = |index: &Index| state.indexes.iter().any(|kept| kept.id() == index.id());
        match request.index.filter(|index| !is_kept(index)) {
            Some(gone) => Err(EngineError::IndexNotFound {
                name: state.record.name.clone(),
                index: gone.record().name.clone(),
            }),
            None => Ok(page),
        }
    }

    /// The item that the entry under a state key of an index stands for.
    fn fetched(
        &self,
        table: &Table,
        index: &Index,
        entry_key: &[u8],
    ) -> Result<Option<EncodedItem>, EngineError> {
        let table_key = index.schema().table_key(&entry_key[4..])?;
        let key = state_key(table.id(), table_key);
        let inner = &self.inner;
        if let Found::Value(_, value) = inner.overlay.newest_durable(&key, || inner.log.durable()) {
            return Ok(value.map(EncodedItem::from_bytes));
        }
        Ok(self.stored(&key)?.map(EncodedItem::from_bytes))
    }

    /// Visits the durable values of a range of state keys in order, overlay and state merged.
    pub(crate) fn merged(
        &self,
        range: KeyRange,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        self.merged_within(range, direction, usize::MAX, visit)
            .map(|_| ())
    }

    /// As [`Database::merged`], until about so many deleted keys were passed: then it gives the last of them.
    fn merged_within(
        &self,
        mut range: KeyRange,
        direction: Direction,
        deleted_max: usize,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        let inner = &self.inner;
        let reverse = direction == Direction::Backward;
        loop {
            let gathered = inner.overlay.range(
                as_slice(&range.from),
                as_slice(&range.to),
                || inner.log.durable(),
                OVERLAY_GATHER_MAX,
                reverse,
            );
            let rest = gathered.stopped_at.map(|stop| match direction {
                Direction::Forward => KeyRange {
                    from: Bound::Included(stop.clone()),
                    to: std::mem::replace(&mut range.to, Bound::Excluded(stop)),
                },
                Direction::Backward => KeyRange {
                    to: Bound::Included(stop.clone()),
                    from: std::mem::replace(&mut range.from, Bound::Excluded(stop)),
                },
            });
            let newer = &gathered.entries;
            let part = self.merge_with_state(&range, direction, deleted_max, newer, visit)?;
            match rest {
                Some(rest) if part.flow.is_continue() && part.passed.is_none() => range = rest,
                _ => return Ok(part.passed),
            }
        }
    }

    /// As [`Database::merged`] forward, but all that is visited is as of one position of the log. The range has to lie
    /// within a partition: then the overlay has it in one stripe.
    pub(crate) fn merged_once(
        &self,
        range: KeyRange,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<MergedOnce, EngineError> {
        let inner = &self.inner;
        let durable = Cell::new(Sequence::ZERO);
        let gathered = inner.overlay.range(
            as_slice(&range.from),
            as_slice(&range.to),
            || {
                durable.set(inner.log.durable());
                durable.get()
            },
            OVERLAY_GATHER_MAX,
            false,
        );
        let rest = gathered.stopped_at;
        let range = KeyRange {
            to: rest.clone().map_or(range.to, Bound::Excluded),
            from: range.from,
        };
        let (direction, newer) = (Direction::Forward, &gathered.entries);
        let part = self.merge_with_state(&range, direction, usize::MAX, newer, visit)?;
        // What the overlay did not have was applied before the snapshot was taken.
        let position = part.position.max(durable.get());
        Ok(MergedOnce { position, rest })
    }

    fn merge_with_state(
        &self,
        range: &KeyRange,
        direction: Direction,
        deleted_max: usize,
        newer: &[(Vec<u8>, Sequence, Option<Bytes>)],
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<MergedPart, EngineError> {
        let snapshot = self.inner.state.snapshot();
        let position = Sequence(snapshot.position());
        let mut newer = newer
            .iter()
            .filter(|(_, sequence, _)| *sequence > position)
            .peekable();
        let before = |a: &[u8], b: &[u8]| match direction {
            Direction::Forward => a < b,
            Direction::Backward => a > b,
        };
        let mut flow = ControlFlow::Continue(());
        let mut passed = snapshot.scan_within(
            as_slice(&range.from),
            as_slice(&range.to),
            direction,
            deleted_max,
            &mut |key, value| {
                while let Some((newer_key, _, newer_value)) =
                    newer.next_if(|(newer_key, _, _)| before(newer_key, key))
                {
                    if let Some(value) = newer_value {
                        flow = visit(newer_key, value);
                    }
                    if flow.is_break() {
                        return flow;
                    }
                }
                flow = match newer.next_if(|(newer_key, _, _)| newer_key.as_slice() == key) {
                    Some((_, _, Some(value))) => visit(key, value),
                    Some((_, _, None)) => ControlFlow::Continue(()),
                    None => visit(key, &Bytes::copy_from_slice(value)),
                };
                flow
            },
        )?;
        while flow.is_continue()
            && let Some((key, _, value)) =
                newer.next_if(|(key, _, _)| passed.as_ref().is_none_or(|end| !before(end, key)))
        {
            if let Some(value) = value {
                flow = visit(key, value);
            }
        }
        if flow.is_break() {
            // Who visits knows where it ended.
            passed = None;
        }
        Ok(MergedPart {
            position,
            flow,
            passed,
        })
    }
}

/// Takes one item into the page, or ends it; `read` is what stands under the key that was read, and `filter_steps` are those
/// that the filter took.
fn evaluate(
    request: &PageRequest<'_>,
    page: &mut Page,
    filter_steps: &mut u64,
    key: &[u8],
    read: &EncodedItem,
    item: EncodedItem,
) -> Result<ControlFlow<()>, EngineError> {
    page.scanned += 1;
    page.scanned_bytes += read.size_bytes();
    if request.fetch {
        page.fetched_bytes += item.size_bytes();
        page.fetched_units += capacity::read_units(item.size_bytes(), true);
    }
    let matches = match request.filter {
        Some(filter) => {
            let mut steps = Steps::new(FILTER_STEPS_MAX);
            let matches = filter.evaluate_within(&item.decode()?, &mut steps)?;
            *filter_steps += steps.taken();
            matches
        }
        None => true,
    };
    if matches {
        page.matched += 1;
        if request.items {
            page.items.push(item);
        }
    }
    let full = request.limit.is_some_and(|limit| page.scanned >= limit)
        || *filter_steps >= FILTER_STEPS_MAX
        || page.scanned_bytes + page.fetched_bytes >= request.bytes_max;
    if full {
        page.last_key = Some(key[4..].to_vec());
        return Ok(ControlFlow::Break(()));
    }
    Ok(ControlFlow::Continue(()))
}

/// A bound of storage keys as a bound of state keys; an open end stops at the table's edge.
fn in_table(table: u32, bound: &Bound<Vec<u8>>, edge: u32) -> Bound<Vec<u8>> {
    match bound {
        Bound::Included(key) => Bound::Included(state_key(table, key)),
        Bound::Excluded(key) => Bound::Excluded(state_key(table, key)),
        Bound::Unbounded if edge == 0 => Bound::Included(state_key(table, b"")),
        Bound::Unbounded => Bound::Excluded(state_key(table + edge, b"")),
    }
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key),
        Bound::Excluded(key) => Bound::Excluded(key),
        Bound::Unbounded => Bound::Unbounded,
    }
}
