//! Where a database lives: a data folder with the log's segments and the state file, or memory only.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use headwater_changelog::{DiskFiles, Files, Log, LogError, LogOptions, MemoryFiles, OpenReport};
use headwater_model::{Clock, Rng};
use headwater_state::{RedbStore, StateOptions};

use crate::database::{Database, Opened};
use crate::error::EngineError;
use crate::options::EngineOptions;

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
        error: std::io::Error,
    },
    /// The log can't be opened.
    #[error("the log can't be opened: {0}")]
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
    let (files, state) = match folder {
        Some(folder) => on_disk(folder, &storage)?,
        None => in_memory(&storage)?,
    };
    let mut store_id = [0; 16];
    rng.fill(&mut store_id);
    let log_options = LogOptions {
        store_id: storage.log.store_id.or(Some(store_id)),
        // What waits for the applier is bounded by the overlay, which holds the same bytes.
        queued_groups_max: QUEUED_GROUPS_MAX,
        queue_bytes_max: storage.log.queue_bytes_max.max(
            options
                .overlay_bytes_max
                .saturating_mul(QUEUE_BYTES_PER_OVERLAY_BYTE),
        ),
        ..storage.log
    };
    let (log, report) = Log::open(files, log_options, clock.clone())?;
    state.claim(log.store_id()).map_err(EngineError::from)?;
    let (database, opened) = Database::open(log, state, clock, rng, options)?;
    Ok((database, opened, report))
}

type Parts = (Arc<dyn Files>, Arc<RedbStore>);

fn on_disk(folder: &Path, storage: &StorageOptions) -> Result<Parts, OpenError> {
    let log_folder = folder.join(LOG_FOLDER);
    std::fs::create_dir_all(folder).map_err(|error| in_folder(folder, error))?;
    let files: Arc<dyn Files> =
        Arc::new(DiskFiles::open(&log_folder).map_err(|error| in_folder(folder, error))?);
    let state = open_state(folder, storage)?;
    Ok((files, Arc::new(state)))
}

/// Opens the state in a data folder, for serving and for verifying alike.
pub(crate) fn open_state(folder: &Path, storage: &StorageOptions) -> Result<RedbStore, OpenError> {
    let state = RedbStore::open_file(&folder.join(STATE_FILE), storage.state.clone());
    Ok(state.map_err(EngineError::from)?)
}

pub(crate) fn in_folder(folder: &Path, error: std::io::Error) -> OpenError {
    OpenError::Folder {
        folder: folder.to_owned(),
        error,
    }
}

fn in_memory(storage: &StorageOptions) -> Result<Parts, OpenError> {
    let state = RedbStore::in_memory(storage.state.clone()).map_err(EngineError::from)?;
    Ok((Arc::new(MemoryFiles::new()), Arc::new(state)))
}
