//! Folders for a time in the system's temporary folder. One whose process was killed is removed by the next that needs one.
//!
//! The system's folder is everybody's. So only a folder of the same user that carries a lock file of ours is removed, once
//! nobody holds that, and links are not followed.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use tempfile::TempDir;

/// What the names of all of them begin with.
const PREFIX: &str = "headwater-";
/// Held as long as the process lives.
const LOCK: &str = "headwater-temporary.lock";
/// What the lock file is called until it is held.
const LOCK_NOT_HELD: &str = "headwater-temporary.new";
/// For the owner alone.
const MODE: u32 = 0o700;

/// A folder that goes when this is dropped, or is left to others when the process is killed.
pub(crate) struct TemporaryFolder {
    folder: TempDir,
    _lock: File,
}

impl TemporaryFolder {
    /// Makes a folder, and begins to remove those that are left of processes that were killed. Needs a tokio runtime around
    /// it.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn new() -> io::Result<Self> {
        let system = std::env::temp_dir();
        let made = Self::make(&system)?;
        // Nobody waits for it: there may be hundreds of megabytes in them.
        tokio::task::spawn_blocking(move || remove_left(&system));
        Ok(made)
    }

    fn make(system: &Path) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(MODE));
        let folder = builder.tempdir_in(system)?;
        let new = folder.path().join(LOCK_NOT_HELD);
        let lock = File::create_new(&new)?;
        // Whoever sees the name finds it held. Where files can't be locked, nobody is to see it.
        if lock.try_lock().is_ok() {
            fs::rename(&new, folder.path().join(LOCK))?;
        }
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn remove_left(system: &Path) {
    let entries = match fs::read_dir(system) {
        Ok(entries) => entries,
        Err(error) => {
            tracing::debug!(%error, "the temporary folder can't be looked through");
            return;
        }
    };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        // Held until all is removed, so that two do not do so at once.
        let Ok(Some(_lock)) = lock_left(&path) else {
            continue;
        };
        if let Err(error) = remove(&path) {
            tracing::warn!(folder = %path.display(), %error, "what a killed server left in the temporary folder stays");
        }
    }
}

/// The lock goes last: what is left when this is broken off is found again.
fn remove(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false if entry.file_name() == LOCK => {}
            false => fs::remove_file(entry.path())?,
        }
    }
    fs::remove_dir_all(path)
}

/// Takes the lock of a folder of ours, if nobody has it.
fn lock_left(path: &Path) -> io::Result<Option<File>> {
    let common = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder: OwnedFd = rustix::fs::open(path, common | OFlags::DIRECTORY, Mode::empty())?;
    let folder = File::from(folder);
    let flags = common | OFlags::RDWR | OFlags::NONBLOCK;
    let lock = File::from(rustix::fs::openat(&folder, LOCK, flags, Mode::empty())?);
    let us = rustix::process::geteuid().as_raw();
    let (of_folder, of_lock) = (folder.metadata()?, lock.metadata()?);
    let is_ours = of_folder.uid() == us && of_lock.uid() == us && of_lock.is_file();
    Ok((is_ours && lock.try_lock().is_ok()).then_some(lock))
}
