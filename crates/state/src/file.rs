//! The state file: positioned reads and writes, one process at a time.
//!
//! Writeback is left to the kernel and to syncs: runs ask for one every few megabytes that they write one after the other,
//! so that the log's own syncs wait for less (`runs/disk.rs`). For the scattered pages of a tree's checkpoints that made
//! the log's syncs slower, as did `POSIX_FADV_DONTNEED`. `sync_file_range` in small pieces, with pauses between them,
//! gave nothing to either.

use crate::cold::Reads;
use crate::space::FileSpace;
use crate::{ColdReads, Space, StateError};
use redb::StorageBackend;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

/// A [`StorageBackend`] over a file of the local file system, locked against other processes.
#[derive(Debug)]
pub struct FileBackend {
    file: Arc<File>,
    reads: Reads,
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
            // Of a new file: for nobody else to read, whatever the process's mask lets pass.
            .mode(0o600)
            .open(path)
            .map_err(io)?;
        lock(&file, path)?;
        sync_folder_of(path).map_err(io)?;
        Ok(Self {
            file: Arc::new(file),
            reads: Reads::default(),
        })
    }

    /// Has reads that wait for the disk begun or run by `cold`.
    pub fn with_cold_reads(self, cold: Option<ColdReads>) -> Self {
        let cold = match reads_wait_for_writes(&self.file) {
            true => cold.map(ColdReads::run_alone),
            false => cold,
        };
        let reads = Reads::new(cold);
        Self { reads, ..self }
    }

    /// Opens a file that is there, for reading alone, and locks it as [`FileBackend::open`] does.
    ///
    /// # Errors
    /// As [`FileBackend::open`].
    pub fn open_to_read(path: &Path) -> Result<Self, StateError> {
        let file = File::open(path).map_err(|source| StateError::Io {
            doing: "opening its file",
            source,
        })?;
        lock(&file, path)?;
        Ok(Self {
            file: Arc::new(file),
            reads: Reads::default(),
        })
    }

    /// The room on the disk for this file.
    ///
    /// # Errors
    /// [`StateError::Io`] if the file can't be held once more.
    pub fn space(&self) -> Result<Arc<dyn Space>, StateError> {
        let file = self.file.try_clone().map_err(|source| StateError::Io {
            doing: "opening its file",
            source,
        })?;
        Ok(Arc::new(FileSpace { file }))
    }
}

impl StorageBackend for FileBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.reads.read_exact(&self.file, out, offset)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_all_at(data, offset)
    }
}

/// Whether the file system lets one read while nobody writes: to begin a read is to wait for the writes of a merge there.
#[cfg(target_os = "linux")]
fn reads_wait_for_writes(file: &File) -> bool {
    const XFS: u64 = 0x5846_5342;
    rustix::fs::fstatfs(file).is_ok_and(|system| system.f_type as u64 == XFS)
}

#[cfg(not(target_os = "linux"))]
fn reads_wait_for_writes(_: &File) -> bool {
    false
}

fn lock(file: &File, path: &Path) -> Result<(), StateError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(StateError::Locked {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(StateError::Io {
            doing: "opening its file",
            source,
        }),
    }
}

/// A new file survives a crash only once its folder is synced.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}
