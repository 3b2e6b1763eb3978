//! A folder as a bucket: the parts of a key are folders below it, and a file. Nothing outside of the folder is read or
//! written: keys that would lead out are refused, and links are not followed.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::bucket::{Bucket, BucketError, OBJECTS_MAX, Object};

/// Bytes of a file that are read at once.
const READ_BYTES: usize = 1 << 20;
/// Longest name of a file on common file systems.
const NAME_BYTES_MAX: usize = 255;
/// What a file is called until all of it is there.
const PARTIAL: &str = ".headwater-partial";

/// A bucket.
pub(crate) struct Folder {
    /// Without links.
    root: PathBuf,
}

impl Folder {
    /// The folder of this name below `parent`.
    pub(crate) fn open(parent: &Path, name: &str) -> Result<Self, BucketError> {
        let is_one_name = !name.contains(['/', '\\', '\0']) && !matches!(name, "" | "." | "..");
        let path = parent.join(name);
        match path.canonicalize() {
            Ok(root) if is_one_name && root.is_dir() => Ok(Folder { root }),
            _ => Err(BucketError::NoSuchBucket(format!(
                "there is no folder {name} in the buckets folder"
            ))),
        }
    }

    fn path(&self, key: &str) -> Result<PathBuf, BucketError> {
        let mut path = self.root.clone();
        for part in key.split('/') {
            let reason = match part {
                "" => Some("a part of it is empty"),
                "." | ".." => Some("a part of it is . or .."),
                _ if part.contains(['\0', '\\']) => {
                    Some("it holds a character that no file may have")
                }
                _ if part.len() + PARTIAL.len() > NAME_BYTES_MAX => {
                    Some("a part of it is too long")
                }
                _ => None,
            };
            if let Some(reason) = reason {
                return Err(BucketError::Key {
                    key: key.to_owned(),
                    reason,
                });
            }
            path.push(part);
        }
        Ok(path)
    }

    /// The file of a key, below the bucket even where there are links.
    fn contained(&self, key: &str) -> Result<PathBuf, BucketError> {
        let path = self.path(key)?;
        let parent = path.parent().unwrap_or(&self.root);
        let parent = parent.canonicalize().map_err(io_error(key))?;
        if !parent.starts_with(&self.root) {
            return Err(BucketError::Key {
                key: key.to_owned(),
                reason: "it leads out of the bucket",
            });
        }
        Ok(path
            .file_name()
            .map_or(parent.clone(), |name| parent.join(name)))
    }

    /// Makes the folders of a key, one by one, as making them all at once follows links.
    fn make_folders(&self, key: &str) -> Result<(), BucketError> {
        let mut folder = self.root.clone();
        let folders = key.rsplit_once('/').map(|(folders, _)| folders.split('/'));
        for part in folders.into_iter().flatten() {
            folder.push(part);
            match fs::create_dir(&folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(io_error(key)(error));
                }
                _ => {}
            }
            let there = fs::symlink_metadata(&folder).map_err(io_error(key))?;
            if there.is_symlink() {
                return Err(BucketError::Key {
                    key: key.to_owned(),
                    reason: "a part of it is a link",
                });
            }
        }
        Ok(())
    }

    /// Adds the objects below a folder whose keys begin with `prefix`.
    fn gather(
        &self,
        (folder, key): (&Path, &str),
        prefix: &str,
        objects: &mut Vec<Object>,
    ) -> Result<(), BucketError> {
        for entry in fs::read_dir(folder).map_err(io_error(key))? {
            let entry = entry.map_err(io_error(key))?;
            // What has no name in UTF-8 has no key.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let key = format!("{key}{name}");
            let kind = entry.file_type().map_err(io_error(&key))?;
            let may_hold = |folder: &str| folder.starts_with(prefix) || prefix.starts_with(folder);
            if kind.is_dir() {
                let below = format!("{key}/");
                if may_hold(&below) {
                    self.gather((&entry.path(), &below), prefix, objects)?;
                }
            } else if kind.is_file() && key.starts_with(prefix) && !name.ends_with(PARTIAL) {
                if objects.len() == OBJECTS_MAX {
                    return Err(BucketError::TooManyObjects);
                }
                let bytes = entry.metadata().map_err(io_error(&key))?.len();
                objects.push(Object { key, bytes });
            }
        }
        Ok(())
    }
}

impl Bucket for Folder {
    fn put(&self, key: &str, body: Bytes) -> Result<(), BucketError> {
        // Before anything is made for a key that is none.
        self.path(key)?;
        self.make_folders(key)?;
        let path = self.contained(key)?;
        let mut partial = path.clone().into_os_string();
        partial.push(PARTIAL);
        let write = || {
            // What was left behind may be a link.
            match fs::remove_file(&partial) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = File::create_new(&partial)?;
            file.write_all(&body)?;
            file.sync_all()?;
            fs::rename(&partial, &path)?;
            let folder = path.parent().unwrap_or(&self.root);
            File::open(folder)?.sync_all()
        };
        write().map_err(|error| {
            // On a full disk it would hold what there is left. Whether it can go changes nothing about the error.
            let _ = fs::remove_file(&partial);
            io_error(key)(error)
        })
    }

    fn delete(&self, key: &str) -> Result<(), BucketError> {
        match fs::remove_file(self.contained(key)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(key)(error)),
            _ => Ok(()),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, BucketError> {
        let mut objects = Vec::new();
        self.gather((&self.root, ""), prefix, &mut objects)?;
        objects.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(objects)
    }

    fn read(&self, object: &Object, from: u64) -> Result<Bytes, BucketError> {
        let failed = io_error(&object.key);
        let path = self.contained(&object.key)?;
        let read = || {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            file.take(READ_BYTES as u64).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map(Bytes::from).map_err(failed)
    }
}

fn io_error(key: &str) -> impl Fn(io::Error) -> BucketError {
    let what = format!("the object {key:?}");
    move |error| BucketError::Io {
        what: what.clone(),
        error,
    }
}

#[cfg(test)]
mod tests;
