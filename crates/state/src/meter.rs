//! Counts what goes through a storage backend, and knows its length without a system call.

use redb::{BackendError, StorageBackend};
use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters since the store was opened, and its size now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateStats {
    /// Length of the file.
    pub file_bytes: u64,
    /// Bytes written to the file.
    pub written_bytes: u64,
    /// Bytes read from the file, past the cache.
    pub read_bytes: u64,
    /// Syncs of the file.
    pub syncs: u64,
    /// Bytes of the file that hold nothing; of a tree that is not known, and 0.
    pub free_bytes: u64,
    /// Bytes of what is applied and in no run yet; of a tree 0.
    pub memory_bytes: u64,
    /// Runs; of a tree 0.
    pub runs: u64,
    /// Merges of runs that have ended.
    pub merges: u64,
    /// Bytes of keys and values that merges have gone through.
    pub merged_bytes: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Meter {
    file_bytes: AtomicU64,
    written_bytes: AtomicU64,
    read_bytes: AtomicU64,
    syncs: AtomicU64,
}

impl Meter {
    pub(crate) fn read(&self) -> StateStats {
        StateStats {
            file_bytes: self.file_bytes.load(Relaxed),
            written_bytes: self.written_bytes.load(Relaxed),
            read_bytes: self.read_bytes.load(Relaxed),
            syncs: self.syncs.load(Relaxed),
            ..StateStats::default()
        }
    }
}

/// The smallest page; what says of which kind a page is stands in there.
const PAGE_BYTES_MIN: usize = 4096;

/// A backend with a meter on it.
#[derive(Debug)]
pub(crate) struct Metered<B> {
    inner: B,
    meter: Arc<Meter>,
}

impl<B: StorageBackend> Metered<B> {
    pub(crate) fn new(inner: B) -> (Self, Arc<Meter>) {
        let meter = Arc::new(Meter::default());
        let metered = Self {
            inner,
            meter: meter.clone(),
        };
        (metered, meter)
    }

    /// Whether a read goes beyond the file. Only a damaged page names such a place. After an error redb
    /// refuses everything until it is opened anew, for one page; so it gets a page without a kind instead,
    /// and only what needs that page fails. Elsewhere the zeros don't have their checksum.
    fn lies_outside(&self, offset: u64, length: usize) -> io::Result<bool> {
        let end = offset.saturating_add(length as u64);
        let known = self.meter.file_bytes.load(Relaxed);
        Ok(end > known && known > 0 && end > self.inner.len()?)
    }
}

impl<B: StorageBackend> StorageBackend for Metered<B> {
    fn len(&self) -> io::Result<u64> {
        let length = self.inner.len()?;
        self.meter.file_bytes.store(length, Relaxed);
        Ok(length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.meter.read_bytes.fetch_add(out.len() as u64, Relaxed);
        if self.lies_outside(offset, out.len())? {
            let start = out.len().min(PAGE_BYTES_MIN);
            out[..start].fill(0);
            return Ok(());
        }
        self.inner.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.inner.set_len(length)?;
        self.meter.file_bytes.store(length, Relaxed);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.meter.syncs.fetch_add(1, Relaxed);
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let bytes = data.len() as u64;
        self.meter.written_bytes.fetch_add(bytes, Relaxed);
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }
}
