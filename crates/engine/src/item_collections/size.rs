//! The size of one collection, while it is measured and afterwards.
//!
//! A measurement goes through the items in the order of their keys, a page at a time, and each page is read as of one
//! position of the log. A change of an item that was passed is added; one of an item that was not is found by the page that
//! comes to it, if the page is as of the change, and has to wait for that page to tell.

use std::sync::Arc;

use headwater_model::{Sequence, StorageKey};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::CollectionSize;
use crate::table::Table;

/// Changes of items that were not passed are looked through when there are so many, at first, for those that each later page
/// is going to find.
const UNPASSED_KEPT: usize = 64;

/// A collection and what is known of it.
pub(super) struct Collection {
    table: Arc<Table>,
    /// What its items' keys begin with.
    prefix: Vec<u8>,
    /// Set when the first page was read.
    pub(super) begun: OnceCell<()>,
    known: Mutex<Known>,
}

struct Known {
    /// Bytes of the items that were passed, as they are now.
    bytes: i64,
    /// The key from which on nothing was read; `None` if all was.
    rest: Option<Vec<u8>>,
    /// Bytes that writes are about to add.
    reserved: i64,
    /// Changes from `rest` on that may be newer than the page that comes to them.
    unpassed: Vec<Growth>,
    /// When to look through them.
    unpassed_max: usize,
    /// Whether a measurement is under way or waits for its turn.
    is_queued: bool,
}

/// A change that makes a collection grow, or shrink.
pub(super) struct Growth {
    pub(super) sequence: Sequence,
    /// The item's key.
    pub(super) key: Vec<u8>,
    pub(super) bytes: i64,
}

/// What was read of a collection.
pub(super) struct MeasuredPage {
    pub(super) bytes: i64,
    /// The key from which on it was not read; `None` if that was the end.
    pub(super) rest: Option<Vec<u8>>,
    /// The position of the log whose content it is.
    pub(super) position: Sequence,
}

impl Collection {
    /// One of which nothing is known.
    pub(super) fn new(table: Arc<Table>, prefix: &[u8]) -> Self {
        let known = Known {
            bytes: 0,
            rest: Some(prefix.to_vec()),
            reserved: 0,
            unpassed: Vec::new(),
            unpassed_max: UNPASSED_KEPT,
            is_queued: false,
        };
        Collection {
            table,
            prefix: prefix.to_vec(),
            begun: OnceCell::new(),
            known: Mutex::new(known),
        }
    }

    pub(super) fn table(&self) -> &Arc<Table> {
        &self.table
    }

    pub(super) fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Whether an item is part of it.
    pub(super) fn holds(&self, table: &Table, key: &StorageKey) -> bool {
        self.table.id() == table.id() && key.bytes().starts_with(&self.prefix)
    }

    pub(super) fn size(&self) -> CollectionSize {
        let known = self.known.lock();
        CollectionSize {
            bytes: known.bytes.max(0) as u64,
            is_exact: known.rest.is_none(),
        }
    }

    /// Where to go on measuring; `None` if that would change nothing, because all was read, or what was read reaches the
    /// limit.
    pub(super) fn rest(&self, limit: i64) -> Option<Vec<u8>> {
        let known = self.known.lock();
        known.rest.clone().filter(|_| known.bytes < limit)
    }

    /// Whether somebody has to go on measuring and nobody is told to: from now on somebody is.
    pub(super) fn queue(&self, limit: i64) -> bool {
        let mut known = self.known.lock();
        let is_open = known.rest.is_some() && known.bytes < limit;
        is_open && !std::mem::replace(&mut known.is_queued, true)
    }

    /// Nobody goes on measuring.
    pub(super) fn leave_queue(&self) {
        self.known.lock().is_queued = false;
    }

    /// Takes the page that was read from [`Collection::rest`] on.
    pub(super) fn pass(&self, page: MeasuredPage) {
        let mut known = self.known.lock();
        known.bytes += page.bytes;
        known.rest = page.rest;
        for growth in std::mem::take(&mut known.unpassed) {
            // Any later page finds what this one could.
            if growth.sequence <= page.position {
                continue;
            }
            known.add(growth);
        }
    }

    /// Reserves bytes, if the limit has room for them.
    pub(super) fn reserve(&self, bytes: i64, limit: i64) -> bool {
        let mut known = self.known.lock();
        let is_room = known.bytes + known.reserved + bytes <= limit;
        if is_room {
            known.reserved += bytes;
        }
        is_room
    }

    /// Gives back what was reserved.
    pub(super) fn give_back(&self, bytes: i64) {
        self.known.lock().reserved -= bytes;
    }

    /// Takes changes that are being enqueued, in place of what was reserved for them. Pages that are read from now on are as
    /// of `durable` or later.
    pub(super) fn grow(&self, growths: Vec<Growth>, reserved: i64, durable: Sequence) {
        let mut known = self.known.lock();
        known.reserved -= reserved;
        for growth in growths {
            known.add(growth);
        }
        if known.unpassed.len() > known.unpassed_max {
            known.unpassed.retain(|growth| growth.sequence > durable);
            known.unpassed_max = UNPASSED_KEPT.max(2 * known.unpassed.len());
        }
    }
}

impl Known {
    fn add(&mut self, growth: Growth) {
        match &self.rest {
            Some(rest) if growth.key >= *rest => self.unpassed.push(growth),
            _ => self.bytes += growth.bytes,
        }
    }
}
