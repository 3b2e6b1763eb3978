//! Folders for a time in the system's temporary folder. One whose process was killed is removed by the next that needs one.
//!
//! The system's folder is everybody's. So only a folder of the same user that carries a lock file of ours is removed, once
//! nobody holds that, and links are not followed. The lock says which folder it is of: one that was copied or renamed is
//! somebody's. And so is a store in it that a server has opened since.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
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
/// Where a store is in it, if there is one.
pub(crate) const DATA_FOLDER: &str = "data";
/// What the server holds that has opened it (`files/disk.rs` of the change log).
const STORE_LOCK: &str = "LOCK";
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
        let mut lock = File::create_new(&new)?;
        let identity = identity(&fs::metadata(&folder)?, folder.path().file_name());
        lock.write_all(identity.as_bytes())?;
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
        let Ok(Some(_left)) = lock_left(&path) else {
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

/// Which folder a lock is of. Without its device: that may have another number when it is mounted again.
fn identity(folder: &Metadata, name: Option<&OsStr>) -> String {
    let name = name.unwrap_or_default().display();
    format!("{} {name}\n", folder.ino())
}

const COMMON: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC);

fn open_lock(folder: impl AsFd, name: &str) -> io::Result<File> {
    let flags = COMMON | OFlags::RDWR | OFlags::NONBLOCK;
    let lock: OwnedFd = rustix::fs::openat(folder, name, flags, Mode::empty())?;
    Ok(File::from(lock))
}

/// A folder that nobody uses, nor begins to while this is held.
struct Left {
    _lock: File,
    _store: Option<File>,
}

/// Takes the locks of a folder of ours and of the store in it, if nobody has them.
fn lock_left(path: &Path) -> io::Result<Option<Left>> {
    let folder: OwnedFd = rustix::fs::open(path, COMMON | OFlags::DIRECTORY, Mode::empty())?;
    let folder = File::from(folder);
    let lock = open_lock(&folder, LOCK)?;
    let us = rustix::process::geteuid().as_raw();
    let (of_folder, of_lock) = (folder.metadata()?, lock.metadata()?);
    if of_folder.uid() != us || of_lock.uid() != us || !of_lock.is_file() {
        return Ok(None);
    }
    let expected = identity(&of_folder, path.file_name());
    let mut said = String::new();
    let length_max = expected.len() as u64 + 1;
    (&lock).take(length_max).read_to_string(&mut said)?;
    if said != expected || lock.try_lock().is_err() {
        return Ok(None);
    }
    match store_lock(&folder)? {
        Some(store) if store.try_lock().is_err() => Ok(None),
        store => Ok(Some(Left {
            _lock: lock,
            _store: store,
        })),
    }
}

/// The lock of the store in a folder, if there is one.
fn store_lock(folder: &File) -> io::Result<Option<File>> {
    let flags = COMMON | OFlags::DIRECTORY;
    let data = rustix::fs::openat(folder, DATA_FOLDER, flags, Mode::empty());
    let lock = data.map_err(io::Error::from);
    match lock.and_then(|data| open_lock(data, STORE_LOCK)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        lock => lock.map(Some),
    }
}
