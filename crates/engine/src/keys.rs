//! The keys of an encrypted store: a data key, wrapped by the user's key in the file `key` of the data folder.
//!
//! ```text
//! offset 0   magic     "hwkeyfil"
//!        8   version   u16  1
//!        10  zero      u16
//!        12  crc       u32  of what follows
//!        16  wrapped data key, 68 bytes: id of the user's key, nonce, sealed key
//! ```
//!
//! A folder with this file is encrypted, one without it is not. The file is replaced as a whole: whoever opens the
//! folder finds the old one or the new one.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headwater_changelog::{DiskFiles, LogEncryption, LogError};
use headwater_cipher::{
    DataKey, KeyId, NONCE_BYTES, SectorCipher, UserKey, UserKeyError, WRAPPED_BYTES, WrappedKey,
};
use headwater_model::Rng;

use crate::reencrypt;
use crate::storage::LOG_FOLDER;

/// File of the wrapped data key within the data folder.
pub(crate) const KEY_FILE: &str = "key";
pub(crate) const NEW_KEY_FILE: &str = "key.new";
/// Held while the key is changed.
const LOCK_FILE: &str = "key.lock";

const MAGIC: &[u8; 8] = b"hwkeyfil";
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 16;

/// Why the keys of a store can't be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The store is encrypted, and no key was given.
    #[error("the data folder {} is encrypted with the key {id}, and no key was given", folder.display())]
    Needed {
        /// The data folder.
        folder: PathBuf,
        /// The key that is needed.
        id: KeyId,
    },
    /// A key was given for a store that is not encrypted.
    #[error("the data folder {} is not encrypted, but a key was given", folder.display())]
    NotEncrypted {
        /// The data folder.
        folder: PathBuf,
    },
    /// The log is encrypted, and the file with its wrapped key is not there.
    #[error(
        "the data folder {} holds an encrypted log, but not the file `key`: put it back from a backup of the folder",
        folder.display()
    )]
    Lost {
        /// The data folder.
        folder: PathBuf,
    },
    /// The key file is whole and opens with the given key, but the log is not encrypted with what it holds.
    #[error(
        "the data folder {} does not open with its file `key`, which belongs to another store, or to a time before this \
         one was re-encrypted: put the right one back from a backup of the folder",
        folder.display()
    )]
    OtherStore {
        /// The data folder.
        folder: PathBuf,
    },
    /// The key or the files of the store are being changed, or were when a process ended.
    #[error("the data folder {} is being re-encrypted or its key changed: {what}", folder.display())]
    Busy {
        /// The data folder.
        folder: PathBuf,
        /// What to do.
        what: &'static str,
    },
    /// The log can't be looked at.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The given key does not open the store's.
    #[error("the data folder {} does not open with the given key: {reason}", folder.display())]
    Refused {
        /// The data folder.
        folder: PathBuf,
        /// Why not.
        reason: UserKeyError,
    },
    /// The key file can't be read or written.
    #[error("the key file {} can't be used: {error}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The key file is damaged or of a newer form.
    #[error("the key file {} {fault}", file.display())]
    Form {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// The system gives no random bytes, so no key can be made.
    #[error("the system gives no random bytes to make a key from")]
    NoRandomness,
}

/// What log and state are encrypted with.
pub(crate) struct StoreKeys {
    pub(crate) log: LogEncryption,
    pub(crate) state: Arc<SectorCipher>,
}

impl StoreKeys {
    pub(crate) fn new(data: &DataKey, rng: Arc<dyn Rng>) -> Self {
        let key = data.log();
        Self {
            log: LogEncryption { key, rng },
            state: Arc::new(data.state()),
        }
    }
}

/// The keys of the store in `folder`; `None` if it is not encrypted. `is_new` says that the folder holds no store yet:
/// with a key, its data key is made then.
pub(crate) fn open(
    folder: &Path,
    is_new: bool,
    user: Option<&UserKey>,
    rng: &Arc<dyn Rng>,
) -> Result<Option<StoreKeys>, KeyError> {
    let data = match (data_key(folder, user), user) {
        (Err(KeyError::NotEncrypted { .. }), Some(user)) if is_new => {
            let data = make(&**rng)?;
            write_key_file(folder, &data, user, &**rng)?;
            Some(data)
        }
        (found, _) => found?,
    };
    Ok(data.map(|data| StoreKeys::new(&data, rng.clone())))
}

/// A new data key.
pub(crate) fn make(rng: &dyn Rng) -> Result<DataKey, KeyError> {
    Ok(DataKey::new(random(rng)?))
}

/// A new user key, for a key file or key ring.
///
/// # Errors
/// [`KeyError::NoRandomness`].
pub fn new_user_key(rng: &dyn Rng) -> Result<UserKey, KeyError> {
    Ok(UserKey::new(random(rng)?))
}

/// Random bytes; a source that fails leaves zeros.
fn random<const N: usize>(rng: &dyn Rng) -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    rng.fill(&mut bytes);
    match bytes.iter().all(|byte| *byte == 0) {
        true => Err(KeyError::NoRandomness),
        false => Ok(bytes),
    }
}

/// The id of the key that wrapped the data key of the store in `folder`; `None` if the store is not encrypted.
///
/// # Errors
/// [`KeyError::File`], [`KeyError::Form`], [`KeyError::Lost`], [`KeyError::Log`].
pub fn key_id(folder: &Path) -> Result<Option<KeyId>, KeyError> {
    Ok(wrapped_key(folder)?.map(|wrapped| wrapped.id()))
}

/// Wraps the data key of the store in `folder` with `new` in place of `old`. No data is written anew, and a server may
/// run meanwhile: it has read its key already. When this returns, the old key opens the folder no more.
///
/// # Errors
/// [`KeyError`]; the folder opens with `old` then. After [`KeyError::File`] it may be either: keep both.
pub fn rotate_key(
    folder: &Path,
    old: &UserKey,
    new: &UserKey,
    rng: &dyn Rng,
) -> Result<(), KeyError> {
    let busy = |what| KeyError::Busy {
        folder: folder.to_owned(),
        what,
    };
    let Some(_lock) = try_lock(folder)? else {
        return Err(busy("wait until that is done"));
    };
    if reencrypt::is_unfinished(folder).map_err(|error| in_folder(folder, error))? {
        return Err(busy("start the server once, which finishes it"));
    }
    match data_key(folder, Some(old))? {
        Some(data) => write_key_file(folder, &data, new, rng),
        None => Err(KeyError::NotEncrypted {
            folder: folder.to_owned(),
        }),
    }
}

/// The data key of the store in `folder`; `None` if the store is not encrypted and no key was given.
pub(crate) fn data_key(folder: &Path, user: Option<&UserKey>) -> Result<Option<DataKey>, KeyError> {
    match (wrapped_key(folder)?, user) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(KeyError::NotEncrypted {
            folder: folder.to_owned(),
        }),
        (Some(wrapped), None) => Err(KeyError::Needed {
            folder: folder.to_owned(),
            id: wrapped.id(),
        }),
        (Some(wrapped), Some(user)) => {
            let data = unwrap(folder, &wrapped, user)?;
            check_is_of_log(folder, &data)?;
            Ok(Some(data))
        }
    }
}

/// What the key file holds; `None` if the store is not encrypted. An encrypted one that lost the file does not pass for
/// plain.
fn wrapped_key(folder: &Path) -> Result<Option<WrappedKey>, KeyError> {
    let wrapped = read(folder)?;
    if wrapped.is_none()
        && let Some(log) = log_in(folder)?
        && headwater_changelog::is_encrypted(&log)?
    {
        return Err(KeyError::Lost {
            folder: folder.to_owned(),
        });
    }
    Ok(wrapped)
}

/// The state can't tell a wrong key from damage, the log can: it is asked before anything is opened.
fn check_is_of_log(folder: &Path, data: &DataKey) -> Result<(), KeyError> {
    match log_in(folder)? {
        Some(log) if !headwater_changelog::is_opened_by(&log, &data.log())? => {
            Err(KeyError::OtherStore {
                folder: folder.to_owned(),
            })
        }
        _ => Ok(()),
    }
}

/// The files of the log, if there is one; it is not made.
fn log_in(folder: &Path) -> Result<Option<DiskFiles>, KeyError> {
    let log = folder.join(LOG_FOLDER);
    if !log.is_dir() {
        return Ok(None);
    }
    let files = DiskFiles::open(&log);
    let files = files.map_err(|error| KeyError::File { file: log, error })?;
    Ok(Some(files))
}

/// Keeps others from changing the key while it is read and written anew; `None` if somebody does.
pub(crate) fn try_lock(folder: &Path) -> Result<Option<File>, KeyError> {
    let file = folder.join(LOCK_FILE);
    let failed = |error| KeyError::File {
        file: file.clone(),
        error,
    };
    let mut options = File::options();
    let lock = options.create(true).truncate(false).write(true).open(&file);
    let lock = lock.map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn unwrap(folder: &Path, wrapped: &WrappedKey, user: &UserKey) -> Result<DataKey, KeyError> {
    user.unwrap(wrapped).map_err(|reason| KeyError::Refused {
        folder: folder.to_owned(),
        reason,
    })
}

fn read(folder: &Path) -> Result<Option<WrappedKey>, KeyError> {
    let new = reencrypt::new_key_file(folder).map_err(|error| in_folder(folder, error))?;
    let file = new.unwrap_or_else(|| folder.join(KEY_FILE));
    let bytes = match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(KeyError::File { file, error }),
    };
    decode(&bytes)
        .map(Some)
        .map_err(|fault| KeyError::Form { file, fault })
}

fn in_folder(folder: &Path, error: io::Error) -> KeyError {
    KeyError::File {
        file: folder.join(KEY_FILE),
        error,
    }
}

fn decode(bytes: &[u8]) -> Result<WrappedKey, String> {
    let damaged = || "is damaged; put its copy from a backup of the folder there".to_owned();
    let (header, rest) = bytes
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or_else(damaged)?;
    let version = u16::from_le_bytes([header[8], header[9]]);
    if &header[..8] != MAGIC {
        return Err(damaged());
    }
    if version != VERSION {
        return Err(format!(
            "has format {version}, this version knows format {VERSION}; use the version that wrote it, or a later one"
        ));
    }
    let crc = u32::from_le_bytes([header[12], header[13], header[14], header[15]]);
    let wrapped: &[u8; WRAPPED_BYTES] = rest.try_into().map_err(|_| damaged())?;
    match crc == crc32fast::hash(wrapped) {
        true => Ok(WrappedKey::decode(wrapped)),
        false => Err(damaged()),
    }
}

/// Wraps the data key of a store and puts the key file in place, durably.
///
/// # Errors
/// [`KeyError::File`], [`KeyError::NoRandomness`].
pub fn write_key_file(
    folder: &Path,
    data: &DataKey,
    user: &UserKey,
    rng: &dyn Rng,
) -> Result<(), KeyError> {
    let wrapped = user.wrap(data, random::<NONCE_BYTES>(rng)?).encode();
    let mut bytes = Vec::with_capacity(HEADER_BYTES + WRAPPED_BYTES);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&crc32fast::hash(&wrapped).to_le_bytes());
    bytes.extend_from_slice(&wrapped);
    let new = folder.join(NEW_KEY_FILE);
    let write = || -> io::Result<()> {
        let mut file = File::create(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&new, folder.join(KEY_FILE))?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error| KeyError::File {
        file: folder.join(KEY_FILE),
        error,
    })
}
