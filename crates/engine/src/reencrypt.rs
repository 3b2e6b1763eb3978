//! Writing a stopped store anew under a new data key; a plain store becomes an encrypted one.
//!
//! Everything is written into the folder `reencrypted` beside the old files, and made durable. The file `READY` in it
//! then decides: with it, the new files take the places of the old ones, now or at the next opening; without it, they
//! are worth nothing and are removed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headwater_changelog::{DiskFiles, Entry, LogError, LogVisitor, StoppedLog};
use headwater_cipher::UserKey;
use headwater_model::{Rng, Sequence};

use crate::error::EngineError;
use crate::features::Unknown;
use crate::keys::{self, KEY_FILE, KeyError, NEW_KEY_FILE, StoreKeys};
use crate::storage::{
    LOG_FOLDER, OpenError, STATE_FILE, in_folder, lock_folder, log_files, open_state_to_read,
};

const NEXT_FOLDER: &str = "reencrypted";
const READY_FILE: &str = "READY";
/// Where Linux lists what is mounted: a folder that is mounted from the same device is told by that alone.
const MOUNTS_FILE: &str = "/proc/self/mountinfo";
/// Which field of its lines says where.
const MOUNT_PLACE_FIELD: usize = 4;
/// What writing a store anew replaces, and where it writes; and whether that is a folder.
const PLACES: [(&str, bool); 4] = [
    (LOG_FOLDER, true),
    (STATE_FILE, false),
    (KEY_FILE, false),
    (NEXT_FOLDER, true),
];

/// What was written anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reencrypted {
    /// Segments of the log.
    pub segments: usize,
    /// Entries of the log.
    pub entries: u64,
    /// Bytes of the state's file.
    pub state_bytes: u64,
}

/// Writes the store in `folder`, which no server may have open, under a new data key that `new` wraps. `old` is the
/// key that opens it now; `None` if it is not encrypted yet. `progress` is told of bytes as they are copied.
///
/// The space of the old files is freed, not overwritten: what the disk keeps of it is out of reach from here.
///
/// # Errors
/// [`OpenError`]: a wrong key, damage, a folder in use, a part of it that lies elsewhere, failures of the file system. The
/// store is as it was then, unless the last step failed half-way, which the next opening finishes.
pub fn reencrypt(
    folder: &Path,
    old: Option<&UserKey>,
    new: &UserKey,
    rng: &Arc<dyn Rng>,
    progress: &mut dyn FnMut(u64),
) -> Result<Reencrypted, OpenError> {
    let failed = |error| in_folder(folder, error);
    check_places(folder, &PLACES).map_err(failed)?;
    let _lock = lock_folder(folder)?;
    let _keys = lock_keys(folder)?;
    finish(folder).map_err(failed)?;
    let written = write_anew(folder, old, new, rng, progress);
    if written.is_err()
        && let Err(error) = discard(folder)
    {
        // The disk may be full of it; the next opening tries again.
        tracing::warn!(%error, "what was written in vain stays behind");
    }
    let written = written?;
    commit(folder).map_err(failed)?;
    finish(folder).map_err(failed)?;
    Ok(written)
}

/// Keeps the key as it is while it is read and written anew.
pub(crate) fn lock_keys(folder: &Path) -> Result<File, OpenError> {
    let busy = || KeyError::Busy {
        folder: folder.to_owned(),
        what: "try again when that is done",
    };
    Ok(keys::try_lock(folder)?.ok_or_else(busy)?)
}

fn write_anew(
    folder: &Path,
    old: Option<&UserKey>,
    new: &UserKey,
    rng: &Arc<dyn Rng>,
    progress: &mut dyn FnMut(u64),
) -> Result<Reencrypted, OpenError> {
    let failed = |error| in_folder(folder, error);
    let old_keys = keys::data_key(folder, old)?.map(|data| StoreKeys::new(&data, rng.clone()));
    let data = keys::make(&**rng)?;
    let new_keys = StoreKeys::new(&data, rng.clone());
    let next = folder.join(NEXT_FOLDER);
    fs::create_dir_all(&next).map_err(failed)?;

    let from = log_files(folder)?;
    let to = DiskFiles::open(next.join(LOG_FOLDER)).map_err(failed)?;
    let key = old_keys.as_ref().map(|keys| &keys.log.key);
    let encryption = Some(&new_keys.log);
    let log = headwater_changelog::rewrite(&*from, key, &to, encryption, progress)?;
    let log_end = check_copy(&to, &new_keys)?;
    let state_file = folder.join(STATE_FILE);
    let mut state_bytes = 0;
    if is_there(&state_file).map_err(failed)? {
        check_state(folder, old_keys.as_ref(), log_end)?;
        headwater_state::copy_file(
            &state_file,
            old_keys.map(|keys| keys.state),
            &next.join(STATE_FILE),
            Some(new_keys.state),
            &mut |bytes| {
                state_bytes += bytes;
                progress(bytes);
            },
        )
        .map_err(EngineError::from)?;
    }
    keys::write_key_file(&next, &data, new, &**rng)?;
    Ok(Reencrypted {
        segments: log.segments,
        entries: log.entries,
        state_bytes,
    })
}

/// A store of a later version may have more than log and state, which would stay behind. And a log that ends before its
/// state does has lost something that the old files may still have.
fn check_state(
    folder: &Path,
    keys: Option<&StoreKeys>,
    log_end: Sequence,
) -> Result<(), OpenError> {
    let state = open_state_to_read(folder, keys, false).map_err(EngineError::from)?;
    Unknown::of_state(state.snapshot().as_ref())?.refuse()?;
    match state.position() > log_end.0 {
        true => Err(EngineError::StateAheadOfLog {
            state: state.position(),
            log: log_end.0,
        }
        .into()),
        false => Ok(()),
    }
}

/// The old files go when the new ones are in place, so these have to be whole. A later version that was killed may have
/// named what it uses in the log alone. Gives the position of the log's end.
fn check_copy(log: &DiskFiles, keys: &StoreKeys) -> Result<Sequence, OpenError> {
    let log = StoppedLog::open(Arc::new(log.clone()), Some(keys.log.key.clone()))?;
    let mut seen = Features(Unknown::default());
    let report = log.check(&mut seen)?;
    match report.problems.first() {
        None => {
            seen.0.refuse()?;
            // A log that was trimmed to nothing goes on from where it was trimmed.
            Ok(report.last.max(Sequence(report.oldest.0.saturating_sub(1))))
        }
        Some(problem) => Err(LogError::Damaged {
            file: format!("{NEXT_FOLDER}/{LOG_FOLDER}/{}", problem.file),
            offset: problem.offset,
            detail: problem.detail.clone(),
        }
        .into()),
    }
}

/// Gathers what a log says that its reader has to know.
struct Features(Unknown);

impl LogVisitor for Features {
    fn entry(&mut self, entry: &Entry) {
        self.0.entry(entry);
    }
}

/// Refuses a folder of which a part lies elsewhere. What is mounted can't be replaced, and of what a link leads to only
/// the link would be: the old log would stay there, readable. Nor is a folder that lies elsewhere one that was written here.
fn check_places(folder: &Path, places: &[(&str, bool)]) -> io::Result<()> {
    // Some file systems that are made of others give files another number than folders; of those the list tells.
    let device = fs::metadata(folder)?.dev();
    let mounts = fs::read(MOUNTS_FILE).unwrap_or_default();
    let mounts = String::from_utf8_lossy(&mounts);
    for &(name, is_folder) in places {
        let path = folder.join(name);
        let found = match fs::symlink_metadata(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let kind = found.file_type();
        let fault = if kind.is_symlink() {
            "is a symbolic link"
        } else if is_folder && !kind.is_dir() {
            "is not a folder"
        } else if !is_folder && !kind.is_file() {
            "is not a file"
        } else if kind.is_dir() && found.dev() != device
            || is_mounted(&mounts, &fs::canonicalize(&path)?)
        {
            "is mounted from elsewhere"
        } else {
            continue;
        };
        return Err(io::Error::other(format!(
            "`{name}` {fault}, so re-encrypting can't replace it; move what it stands for into the data folder, under \
             this name, and try again"
        )));
    }
    Ok(())
}

/// Whether something is mounted at a path, by the list of all mounts.
fn is_mounted(mounts: &str, path: &Path) -> bool {
    // As the list has it.
    let place = path.to_string_lossy().replace('\\', "\\134");
    let place = place.replace(' ', "\\040").replace('\t', "\\011");
    let place = place.replace('\n', "\\012");
    let mut places = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(MOUNT_PLACE_FIELD));
    places.any(|mounted| mounted == place)
}

/// From here on the new files count.
fn commit(folder: &Path) -> io::Result<()> {
    let next = folder.join(NEXT_FOLDER);
    sync_folder(&next)?;
    sync_folder(folder)?;
    File::create_new(next.join(READY_FILE))?.sync_all()?;
    sync_folder(&next)
}

/// Whether there is something of this name. What can't be looked at is not taken to be absent.
fn is_there(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => {
            let path = path.display();
            Err(io::Error::new(error.kind(), format!("{path}: {error}")))
        }
    }
}

/// Whether new files wait to take the places of the old ones.
pub(crate) fn is_unfinished(folder: &Path) -> io::Result<bool> {
    is_there(&folder.join(NEXT_FOLDER).join(READY_FILE))
}

/// The key file that counts while it is not in its place yet.
pub(crate) fn new_key_file(folder: &Path) -> io::Result<Option<PathBuf>> {
    let file = folder.join(NEXT_FOLDER).join(KEY_FILE);
    let counts = is_unfinished(folder)? && is_there(&file)?;
    Ok(counts.then_some(file))
}

/// Whether there is something for [`finish`] to do.
pub(crate) fn is_begun(folder: &Path) -> io::Result<bool> {
    is_there(&folder.join(NEXT_FOLDER))
}

/// Finishes or undoes what an earlier run left, in a folder that the caller has locked. The steps may be cut short anywhere and begun again.
pub(crate) fn finish(folder: &Path) -> io::Result<()> {
    if !is_begun(folder)? {
        return Ok(());
    }
    check_places(folder, &[(NEXT_FOLDER, true)])?;
    let next = folder.join(NEXT_FOLDER);
    if is_unfinished(folder)? {
        // Some may have been put elsewhere since.
        check_places(folder, &PLACES)?;
        for name in [KEY_FILE, STATE_FILE] {
            if is_there(&next.join(name))? {
                fs::rename(next.join(name), folder.join(name))?;
            }
        }
        let (old, new) = (folder.join(LOG_FOLDER), next.join(LOG_FOLDER));
        if is_there(&new)? {
            remove_folder(&old)?;
            fs::rename(new, old)?;
        }
        sync_folder(&next)?;
        sync_folder(folder)?;
        fs::remove_file(next.join(READY_FILE))?;
    }
    discard(folder)
}

/// Removes what was written, and nothing that was not.
fn discard(folder: &Path) -> io::Result<()> {
    // While it is ready, it may be all that there is.
    if !is_begun(folder)? || is_unfinished(folder)? {
        return Ok(());
    }
    let next = folder.join(NEXT_FOLDER);
    remove_folder(&next.join(LOG_FOLDER))?;
    for name in [KEY_FILE, NEW_KEY_FILE, STATE_FILE] {
        match fs::remove_file(next.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::remove_dir(next)?;
    sync_folder(folder)
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::is_mounted;

    #[test]
    fn what_is_mounted_is_found_under_its_whole_name() {
        let mounts = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
            40 22 8:1 /host/log /data/a\\040store\\134/log rw - ext4 /dev/sda1 rw\n";
        assert!(is_mounted(mounts, Path::new("/data/a store\\/log")));
        for path in ["/data/a store\\", "/data/a store\\/logs", "/host/log"] {
            assert!(!is_mounted(mounts, Path::new(path)), "{path}");
        }
    }
}
