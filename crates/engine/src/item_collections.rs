//! The limit of item collections: all items with one partition key, of a table with local indexes, and their entries in
//! these may have so many bytes together (guide: 10 GB). A write that would make a collection larger is refused; one that
//! makes it smaller, or leaves its size, never is.
//!
//! No size of a collection is stored. As long as a table with all entries of its local indexes does not come near the limit,
//! none of its collections is looked at. Of larger tables, the collections that grow are measured once and then known in memory
//! ([`known`]): what was read, and what changed since ([`size`]). The first page is read by the write that needs it, the rest
//! in the background ([`measuring`]); until it is done, a collection is known to be at least as large as what was read
//! ([adr/0034](../../../docs/adr/0034-item-collections.md)).

mod known;
mod measuring;
mod size;

use std::sync::Arc;

use headwater_model::{Sequence, limits};

use crate::command::{Action, Command, ItemCommand, Outcome, Refusal};
use crate::database::Database;
use crate::decide::Decided;
use crate::error::EngineError;
use crate::table::Table;

pub(crate) use known::KnownCollections;
use size::{Collection, Growth};

/// What is known of the size of an item collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectionSize {
    /// Bytes of its items and of their entries in local indexes that it has at least, changes in flight included.
    pub bytes: u64,
    /// Whether it has no more than that.
    pub is_exact: bool,
}

/// The collections of the items of a command, as far as they may come near the limit.
#[derive(Default)]
pub(crate) struct Watched {
    collections: Vec<Arc<Collection>>,
}

impl Watched {
    /// The collection of an item, by its place.
    fn place_of(&self, item: &ItemCommand) -> Option<usize> {
        let mut collections = self.collections.iter();
        collections.position(|collection| collection.holds(&item.table, &item.key))
    }
}

/// Bytes that a write is going to add to collections: others can't have them meanwhile. What is not used up is given back.
#[derive(Default)]
pub(crate) struct Reserved(Vec<(Arc<Collection>, i64)>);

impl Reserved {
    fn take(&mut self, collection: &Arc<Collection>) -> i64 {
        let reserved = self.0.iter_mut();
        let of_it = reserved.filter(|(of, _)| Arc::ptr_eq(of, collection));
        of_it.map(|(_, bytes)| std::mem::take(bytes)).sum()
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        for (collection, bytes) in &self.0 {
            collection.give_back(*bytes);
        }
    }
}

/// What was decided of a command.
#[derive(Clone, Copy)]
pub(crate) struct DecidedCommand<'a> {
    pub(crate) command: &'a Command,
    pub(crate) decisions: &'a [Option<Decided>],
    pub(crate) outcomes: &'a [Outcome],
}

/// A change of an item of a table with local indexes.
struct Growing<'a> {
    item: &'a ItemCommand,
    /// Its place in the command.
    place: usize,
    /// Its place among the changes of the command.
    change: usize,
    /// By how much it makes the item's collection grow.
    bytes: i64,
}

impl<'a> DecidedCommand<'a> {
    fn growing(self) -> Vec<Growing<'a>> {
        let items = self.command.items.iter().enumerate();
        let changed = items.filter_map(|(place, item)| {
            let decided = self.decisions[place].as_ref()?;
            Some((place, item, decided))
        });
        let changed = changed.enumerate();
        let changed = changed.filter(|(_, (_, item, _))| item.table.has_local_indexes());
        let growing = changed.map(|(change, (place, item, decided))| Growing {
            item,
            place,
            change,
            bytes: growth(&item.table, decided, &self.outcomes[place]),
        });
        growing.collect()
    }
}

impl Database {
    /// What is known of the size of a collection, given what its items' keys begin with; `None` if nothing. Nothing is
    /// read for it.
    pub fn collection_size(&self, table: &Table, prefix: &[u8]) -> Option<CollectionSize> {
        let known = &self.inner.collections;
        known.get(table.id(), prefix).map(|known| known.size())
    }

    /// The collections that a command may bring near the limit, each measured as far as one page goes. Taken before any
    /// latch.
    pub(crate) async fn watch_collections(
        &self,
        command: &Command,
    ) -> Result<Watched, EngineError> {
        let mut watched = Watched::default();
        let limit = self.inner.options.item_collection_bytes_max;
        for item in &command.items {
            if !may_exceed(item, command.items.len(), limit) || watched.place_of(item).is_some() {
                continue;
            }
            let prefix = item.table.schema().partition_part(item.key.bytes())?;
            let collection = self.inner.collections.get_or_add(&item.table, prefix);
            self.measure(&collection).await?;
            watched.collections.push(collection);
        }
        Ok(watched)
    }

    /// Reserves what a decided command adds to collections. What it takes from one makes room for what it adds to it: the
    /// command happens whole.
    ///
    /// # Errors
    /// [`EngineError::Refused`] names the item commands for which there is no room.
    pub(crate) fn reserve_growth(
        &self,
        watched: &Watched,
        decided: DecidedCommand<'_>,
    ) -> Result<Reserved, EngineError> {
        let mut reserved = Reserved::default();
        if watched.collections.is_empty() {
            return Ok(reserved);
        }
        let limit = self.collection_limit();
        let growing = decided.growing().into_iter();
        let growing: Vec<(usize, Growing<'_>)> = growing
            .filter_map(|growing| Some((watched.place_of(growing.item)?, growing)))
            .collect();
        let mut freed = vec![0; watched.collections.len()];
        for (of, shrinking) in growing.iter().filter(|(_, one)| one.bytes < 0) {
            freed[*of] -= shrinking.bytes;
        }
        let mut refusals: Vec<Option<Refusal>> = Vec::new();
        for (of, growing) in growing.iter().filter(|(_, one)| one.bytes > 0) {
            let used = freed[*of].min(growing.bytes);
            freed[*of] -= used;
            let needed = growing.bytes - used;
            let collection = &watched.collections[*of];
            if needed == 0 {
                continue;
            }
            if collection.reserve(needed, limit) {
                reserved.0.push((collection.clone(), needed));
            } else {
                refusals.resize_with(decided.command.items.len(), || None);
                refusals[growing.place] = Some(Refusal::CollectionTooLarge);
            }
        }
        match refusals.is_empty() {
            true => Ok(reserved),
            false => Err(EngineError::Refused(refusals)),
        }
    }

    /// Adds what a command that is being enqueued changes to what is known of its collections. The changes' sequences
    /// begin with `first`; `durable` was durable a moment ago.
    pub(crate) fn note_growth(
        &self,
        mut reserved: Reserved,
        decided: DecidedCommand<'_>,
        first: Sequence,
        durable: Sequence,
    ) {
        let known = &self.inner.collections;
        if known.is_empty() {
            return;
        }
        let mut noted: Vec<(Arc<Collection>, Vec<Growth>)> = Vec::new();
        for growing in decided.growing() {
            let (table, key) = (&growing.item.table, growing.item.key.bytes());
            let prefix = table.schema().partition_part(key).ok();
            let Some(collection) = prefix.and_then(|prefix| known.get(table.id(), prefix)) else {
                continue;
            };
            let growth = Growth {
                sequence: first.offset(growing.change as u64),
                key: key.to_vec(),
                bytes: growing.bytes,
            };
            match noted
                .iter_mut()
                .find(|(of, _)| Arc::ptr_eq(of, &collection))
            {
                Some((_, growths)) => growths.push(growth),
                None => noted.push((collection, vec![growth])),
            }
        }
        for (collection, growths) in noted {
            // In one step, so that nobody finds both what was reserved and what came of it, or neither.
            let given_back = reserved.take(&collection);
            collection.grow(growths, given_back, durable);
        }
    }
}

/// Whether a command of so many items, this among them, could make a collection of the item's table exceed the limit. An
/// entry of an index is never larger than its item.
fn may_exceed(item: &ItemCommand, items: usize, limit: u64) -> bool {
    if !item.table.has_local_indexes() {
        return false;
    }
    let copies = 1 + item.table.local_indexes.len();
    let added_max = (items * copies * limits::ITEM_SIZE_BYTES_MAX) as u64;
    let bytes_max = item.table.size_with_local_indexes();
    limit > 0
        && bytes_max.saturating_add(added_max) > limit
        && matches!(item.action, Action::Put(_) | Action::Update { .. })
}

/// By how much a change of an item makes its collection grow.
fn growth(table: &Table, decided: &Decided, outcome: &Outcome) -> i64 {
    let of_items = outcome.new_size_bytes as i64 - outcome.old_size_bytes as i64;
    of_items + table.local_growth(&decided.entries)
}
