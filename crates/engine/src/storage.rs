//! Where a database lives: a data folder with the log's segments and the state file, or memory only.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headwater_changelog::{
    DiskFiles, Files, FilesLock, Log, LogError, LogOptions, MemoryFiles, OpenReport,
};
use headwater_cipher::UserKey;
use headwater_model::{Clock, Rng, Sequence};
use headwater_state::{FileBackend, StateError, StateOptions, StateStore};

use crate::database::{Database, Opened};
use crate::error::EngineError;
use crate::keys::{self, KeyError, StoreKeys};
use crate::options::EngineOptions;
use crate::reencrypt;

pub use headwater_changelog::Durability;

/// Folder of the log within the data folder.
pub(crate) const LOG_FOLDER: &str = "log";
/// File of the state within the data folder.
pub(crate) const STATE_FILE: &str = "state";

/// The queue holds old images beside what the overlay counts; writers are to wait for the overlay, not to be
/// refused by the queue.
const QUEUE_BYTES_PER_OVERLAY_BYTE: usize = 3;
const QUEUED_GROUPS_MAX: usize = 4096;

/// Settings of the files.
#[derive(Clone, Debug, Default)]
pub struct StorageOptions {
    /// Settings of the log, the durability among them.
    pub log: LogOptions,
    /// Settings of the state store.
    pub state: StateOptions,
    /// The user's key: all that is written is encrypted under it. A folder that holds a store already is opened only
    /// with the key that it was encrypted with, or without one if it was not.
    pub key: Option<UserKey>,
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder can't be used.
    #[error("the data folder {} can't be used: {error}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The keys can't be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The log can't be opened.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Log and state don't give a consistent database.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Opens the database in `folder`, or one without files.
///
/// # Errors
/// [`OpenError`] names the folder or file and what is wrong with it.
pub fn open(
    folder: Option<&Path>,
    storage: StorageOptions,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    options: EngineOptions,
) -> Result<(Database, Opened, OpenReport), OpenError> {
    let Parts {
        files,
        state,
        keys,
        lock,
    } = match folder {
        Some(folder) => on_disk(folder, &storage, &rng)?,
        None => in_memory(&storage, &rng)?,
    };
    let mut store_id = [0; 16];
    rng.fill(&mut store_id);
    let log_options = LogOptions {
        store_id: storage.log.store_id.or(Some(store_id)),
        // What waits for the applier is bounded by its bytes.
        queued_groups_max: QUEUED_GROUPS_MAX,
        queue_bytes_max: storage.log.queue_bytes_max.max(
            options
                .overlay_bytes_max
                .saturating_mul(QUEUE_BYTES_PER_OVERLAY_BYTE),
        ),
        reaches: Sequence(state.position()),
        encryption: keys.map(|keys| keys.log),
        ..storage.log
    };
    let (log, report) = Log::open(files, log_options, clock.clone())?;
    state.claim(log.store_id()).map_err(EngineError::from)?;
    let (database, opened) = Database::open(log, state, clock, rng, options)?;
    if let Some(folder) = folder {
        database.keep_until_closed(folder, lock);
    }
    Ok((database, opened, report))
}

struct Parts {
    files: Arc<dyn Files>,
    state: Arc<dyn StateStore>,
    keys: Option<StoreKeys>,
    lock: Option<FilesLock>,
}

fn on_disk(
    folder: &Path,
    storage: &StorageOptions,
    rng: &Arc<dyn Rng>,
) -> Result<Parts, OpenError> {
    let failed = |error| in_folder(folder, error);
    make_folder(folder).map_err(failed)?;
    let lock = lock_folder(folder)?;
    // Others may change the key of an encrypted store while a server runs, but not while it starts.
    let _keys = match storage.key.is_some() || reencrypt::is_begun(folder).map_err(failed)? {
        true => Some(reencrypt::lock_keys(folder)?),
        false => None,
    };
    reencrypt::finish(folder).map_err(failed)?;
    let files = log_files(folder)?;
    let is_new = !holds_store(folder).map_err(failed)?;
    let keys = keys::open(folder, is_new, storage.key.as_ref(), rng)?;
    let state = open_state(folder, storage, keys.as_ref())?;
    Ok(Parts {
        files,
        state,
        keys,
        lock: Some(lock),
    })
}

/// Makes a folder, with those above it that are missing, for its owner alone; one that is there keeps its mode. The names
/// are on disk when this returns: what is written below them is to outlive a power loss.
fn make_folder(folder: &Path) -> io::Result<()> {
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    for path in missing.into_iter().rev() {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(path)?;
        let parent = path.parent().filter(|path| !path.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    // Something else may have the name.
    match folder.is_dir() {
        true => Ok(()),
        false => Err(io::ErrorKind::NotADirectory.into()),
    }
}

/// Takes the data folder for the caller alone.
pub(crate) fn lock_folder(folder: &Path) -> Result<FilesLock, OpenError> {
    let files = DiskFiles::open(folder).map_err(|error| in_folder(folder, error))?;
    let lock = files.lock().map_err(|error| in_folder(folder, error))?;
    let folder = files.location();
    Ok(lock.ok_or(LogError::Locked { folder })?)
}

/// The files of the log in a data folder.
pub(crate) fn log_files(folder: &Path) -> Result<Arc<dyn Files>, OpenError> {
    let files = DiskFiles::open(folder.join(LOG_FOLDER));
    Ok(Arc::new(files.map_err(|error| in_folder(folder, error))?))
}

/// Whether a folder holds a store, or a part of one.
///
/// # Errors
/// What the system says when the folder can't be read.
pub fn holds_store(folder: &Path) -> io::Result<bool> {
    if folder.join(STATE_FILE).exists() {
        return Ok(true);
    }
    let log = folder.join(LOG_FOLDER);
    if !log.is_dir() {
        return Ok(false);
    }
    let names = DiskFiles::open(log)?.list()?;
    Ok(names
        .iter()
        .any(|name| headwater_changelog::is_segment(name)))
}

/// Opens the state in a data folder, for serving and for verifying alike.
pub(crate) fn open_state(
    folder: &Path,
    storage: &StorageOptions,
    keys: Option<&StoreKeys>,
) -> Result<Arc<dyn StateStore>, OpenError> {
    let options = StateOptions {
        cipher: keys.map(|keys| keys.state.clone()),
        ..storage.state.clone()
    };
    let state = headwater_state::open_file(&folder.join(STATE_FILE), options);
    Ok(state.map_err(EngineError::from)?)
}

/// As [`open_state`], without changing anything; `check_pages` reads the whole file and checks its pages. A file that
/// is missing is an empty state.
pub(crate) fn open_state_to_read(
    folder: &Path,
    keys: Option<&StoreKeys>,
    check_pages: bool,
) -> Result<Arc<dyn StateStore>, StateError> {
    let options = StateOptions {
        verify: check_pages,
        cipher: keys.map(|keys| keys.state.clone()),
        ..StateOptions::default()
    };
    let path = folder.join(STATE_FILE);
    match path.exists() {
        true => headwater_state::open_read_only(FileBackend::open_to_read(&path)?, options),
        false => headwater_state::in_memory(options),
    }
}

pub(crate) fn in_folder(folder: &Path, error: io::Error) -> OpenError {
    OpenError::Folder {
        folder: folder.to_owned(),
        error,
    }
}

fn in_memory(storage: &StorageOptions, rng: &Arc<dyn Rng>) -> Result<Parts, OpenError> {
    let state = headwater_state::in_memory(storage.state.clone()).map_err(EngineError::from)?;
    // Nothing outlives the process, so the key need not either.
    let keys = match &storage.key {
        Some(_) => Some(StoreKeys::new(&keys::make(&**rng)?, rng.clone())),
        None => None,
    };
    Ok(Parts {
        files: Arc::new(MemoryFiles::new()),
        state,
        keys,
        lock: None,
    })
}
