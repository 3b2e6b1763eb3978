//! The collections that are known, a bounded number of them: the least used are forgotten, and measured anew when they grow
//! again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Condvar, Mutex};

use super::size::Collection;
use crate::record::state_key;
use crate::table::Table;

/// Measurements in the background at a time. Each keeps a thread busy.
const MEASUREMENTS_MAX: usize = 2;

pub(crate) struct KnownCollections {
    known: Mutex<Known>,
    /// How many are known.
    count: AtomicUsize,
    count_max: usize,
    /// Notified when a page was read.
    page_read: Condvar,
}

#[derive(Default)]
struct Known {
    collections: HashMap<Arc<[u8]>, Entry>,
    /// The keys of `collections`, each once; who is next to go is in front.
    ring: VecDeque<Arc<[u8]>>,
    /// Those that are to be measured further.
    waiting: VecDeque<Arc<Collection>>,
    /// Measurements under way.
    measurements: usize,
    /// Those that read a page right now, and so keep the database open.
    reading: usize,
    /// No further page is read.
    has_ended: bool,
}

/// A page is read by a measurement, until this is dropped.
pub(super) struct Reading<'a>(&'a KnownCollections);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.known.lock().reading -= 1;
        self.0.page_read.notify_all();
    }
}

struct Entry {
    collection: Arc<Collection>,
    /// Whether it was used since it was last passed over.
    used: bool,
}

impl KnownCollections {
    /// At most so many, one at least.
    pub(crate) fn new(count_max: usize) -> Self {
        KnownCollections {
            known: Mutex::default(),
            count: AtomicUsize::new(0),
            count_max: count_max.max(1),
            page_read: Condvar::new(),
        }
    }

    /// Whether none is known: who adds one takes the log's queue afterwards, so that nobody in it overlooks that.
    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    pub(super) fn get(&self, table: u32, prefix: &[u8]) -> Option<Arc<Collection>> {
        if self.is_empty() {
            return None;
        }
        let known = self.known.lock();
        let entry = known.collections.get(state_key(table, prefix).as_slice());
        entry.map(|entry| entry.collection.clone())
    }

    pub(super) fn get_or_add(&self, table: &Arc<Table>, prefix: &[u8]) -> Arc<Collection> {
        let key = state_key(table.id(), prefix);
        let mut known = self.known.lock();
        if let Some(entry) = known.collections.get_mut(key.as_slice()) {
            entry.used = true;
            return entry.collection.clone();
        }
        while known.collections.len() >= self.count_max {
            known.forget_one();
        }
        let collection = Arc::new(Collection::new(table.clone(), prefix));
        let key: Arc<[u8]> = key.into();
        known.ring.push_back(key.clone());
        let entry = Entry {
            collection: collection.clone(),
            used: false,
        };
        known.collections.insert(key, entry);
        self.count.store(known.collections.len(), Ordering::Release);
        collection
    }

    /// Puts a collection behind those that are to be measured. Whether the caller has to begin a measurement, which then
    /// takes them with [`KnownCollections::next`].
    pub(super) fn enqueue(&self, collection: Arc<Collection>) -> bool {
        let mut known = self.known.lock();
        if known.waiting.len() >= self.count_max {
            // Those that were forgotten meanwhile are among them. Its next write tries again.
            collection.leave_queue();
            return false;
        }
        known.waiting.push_back(collection);
        let begins = known.measurements < MEASUREMENTS_MAX;
        known.measurements += usize::from(begins);
        begins
    }

    /// The next collection to measure, if it is still known; `None` if there is none: then the measurement is over.
    pub(super) fn next(&self) -> Option<Arc<Collection>> {
        let mut known = self.known.lock();
        while let Some(collection) = known.waiting.pop_front() {
            if !known.has_ended && known.holds(&collection) {
                return Some(collection);
            }
            collection.leave_queue();
        }
        known.measurements -= 1;
        None
    }

    /// A measurement ended before its time.
    pub(super) fn measurement_failed(&self) {
        self.known.lock().measurements -= 1;
    }

    /// Before a measurement takes hold of the database for a page; `None` if it has to end.
    pub(super) fn begin_reading(&self) -> Option<Reading<'_>> {
        let mut known = self.known.lock();
        if known.has_ended {
            return None;
        }
        known.reading += 1;
        Some(Reading(self))
    }

    /// Measurements end after their page.
    pub(crate) fn end(&self) {
        self.known.lock().has_ended = true;
    }

    /// As [`KnownCollections::end`], and waits until none has hold of the database.
    pub(crate) fn end_and_wait(&self) {
        let mut known = self.known.lock();
        known.has_ended = true;
        while known.reading > 0 {
            self.page_read.wait(&mut known);
        }
    }
}

impl Known {
    fn forget_one(&mut self) {
        while let Some(key) = self.ring.pop_front() {
            match self.collections.get_mut(&key) {
                Some(entry) if entry.used => {
                    entry.used = false;
                    self.ring.push_back(key);
                }
                _ => {
                    self.collections.remove(&key);
                    return;
                }
            }
        }
    }

    fn holds(&self, collection: &Arc<Collection>) -> bool {
        let key = state_key(collection.table().id(), collection.prefix());
        let entry = self.collections.get(key.as_slice());
        entry.is_some_and(|entry| Arc::ptr_eq(&entry.collection, collection))
    }
}
