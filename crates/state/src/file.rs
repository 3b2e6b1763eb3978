//! The state file: positioned reads and writes, one process at a time, and even writeback.
//!
//! redb writes a checkpoint as one long run of pages and then syncs. Left to itself the kernel would
//! keep them all and send them to the disk at once, and the log's own small syncs would queue behind
//! them. So writeback is started every few megabytes on what was just written.

use crate::StateError;
use parking_lot::Mutex;
use redb::StorageBackend;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes written between two starts of writeback.
const WRITEBACK_EVERY_BYTES: u64 = 4 << 20;

/// A [`StorageBackend`] over a file of the local file system, locked against other processes.
#[derive(Debug)]
pub struct FileBackend {
    file: File,
    /// What was written since writeback was last started.
    fresh: Mutex<Fresh>,
}

#[derive(Debug, Default)]
struct Fresh {
    ranges: Vec<(u64, u64)>,
    bytes: u64,
}

impl FileBackend {
    /// Opens or creates the file and locks it until the backend is dropped.
    ///
    /// # Errors
    /// [`StateError::Locked`] if another process has it, [`StateError::Io`] otherwise.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let io = |source| StateError::Io {
            doing: "opening its file",
            source,
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let path = path.to_owned();
                return Err(StateError::Locked { path });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        sync_folder_of(path).map_err(io)?;
        Ok(Self {
            file,
            fresh: Mutex::default(),
        })
    }
}

impl StorageBackend for FileBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        *self.fresh.lock() = Fresh::default();
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_all_at(data, offset)?;
        let full = self.fresh.lock().add(offset, data.len() as u64);
        if let Some(ranges) = full {
            start_writeback(&self.file, ranges);
        }
        Ok(())
    }
}

impl Fresh {
    /// Notes a written range. Returns what was noted once there is enough of it.
    fn add(&mut self, offset: u64, bytes: u64) -> Option<Vec<(u64, u64)>> {
        self.ranges.push((offset, bytes));
        self.bytes += bytes;
        if self.bytes < WRITEBACK_EVERY_BYTES {
            return None;
        }
        self.bytes = 0;
        Some(joined(std::mem::take(&mut self.ranges)))
    }
}

/// The ranges in order, neighbours joined.
fn joined(mut ranges: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    ranges.sort_unstable();
    ranges.dedup_by(|(offset, bytes), (before, before_bytes)| {
        let touches = *offset <= *before + *before_bytes;
        if touches {
            *before_bytes = (*before_bytes).max(*offset + *bytes - *before);
        }
        touches
    });
    ranges
}

/// Starts writing ranges to the disk without waiting for it. `POSIX_FADV_DONTNEED` is how Linux does
/// that without unsafe code: it starts writeback of dirty pages and drops clean ones, and ours were
/// written a moment ago. Only speed hangs on it, so a failure is ignored.
#[cfg(target_os = "linux")]
fn start_writeback(file: &File, ranges: Vec<(u64, u64)>) {
    for (offset, bytes) in ranges {
        let length = std::num::NonZeroU64::new(bytes);
        let _ = rustix::fs::fadvise(file, offset, length, rustix::fs::Advice::DontNeed);
    }
}

#[cfg(not(target_os = "linux"))]
fn start_writeback(_file: &File, _ranges: Vec<(u64, u64)>) {}

/// A new file survives a crash only once its folder is synced.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_ranges_are_joined() {
        assert_eq!(
            joined(vec![(8192, 4096), (0, 4096), (4096, 4096), (20480, 4096)]),
            vec![(0, 12288), (20480, 4096)]
        );
    }

    #[test]
    fn writeback_starts_every_few_megabytes() {
        let mut fresh = Fresh::default();
        let megabyte = 1 << 20;
        assert_eq!(fresh.add(0, megabyte), None);
        assert_eq!(fresh.add(megabyte, megabyte), None);
        assert_eq!(fresh.add(8 * megabyte, megabyte), None);
        assert_eq!(
            fresh.add(2 * megabyte, megabyte),
            Some(vec![(0, 3 * megabyte), (8 * megabyte, megabyte)])
        );
        assert_eq!(fresh.add(0, megabyte), None);
    }
}
