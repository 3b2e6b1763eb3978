//! Uploaded packages: zip files unpacked into folders that are keyed by their SHA-256.
//!
//! A package is unpacked ([`unpack`]) beside its place and renamed into it, so a folder with the right name is
//! always whole.

mod announced;
mod unpack;

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use thiserror::Error;

use self::unpack::{Bounds, unpack};
use super::folder_copy::{Copied, copy_folder};

/// Unpacked size at most (Lambda quotas: 250 MB).
const UNPACKED_BYTES_MAX: u64 = 262_144_000;
/// Files, links and folders at most; ours, so that a small package cannot fill the disk with empty ones.
const ENTRIES_MAX: usize = 50_000;
/// So many folders may lie within one another.
pub(super) const DEPTH_MAX: usize = 64;
const PARTIAL_PREFIX: &str = ".partial-";

/// Why a package was refused. The texts of the first two are the service's.
#[derive(Debug, Error)]
pub enum PackageError {
    /// Not a zip file, or a damaged one.
    #[error("Could not unzip uploaded file. Please check your file, then try to upload again.")]
    Invalid(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// More than 250 MB unpacked.
    #[error("Unzipped size must be smaller than {UNPACKED_BYTES_MAX} bytes")]
    TooLarge,
    /// More files, links and folders than are unpacked.
    #[error("the package has {entries} entries or more, over the {ENTRIES_MAX} that are kept")]
    TooManyEntries {
        /// How many it has.
        entries: usize,
    },
    /// A name or a link that leads out of the package.
    #[error("entry {name:?} of the package leads out of it")]
    Escape {
        /// The entry's name.
        name: String,
    },
    /// A name that lies deeper than folders are made.
    #[error("entry {name:?} of the package lies in more than {DEPTH_MAX} folders")]
    TooDeep {
        /// The entry's name.
        name: String,
    },
    /// A name that leads through a file or a link, or is taken.
    #[error("entry {name:?} of the package has a file or a link of the package in its way")]
    InTheWay {
        /// The entry's name.
        name: String,
    },
    /// The disk failed.
    #[error("cannot unpack into {}", path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A package that is unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCode {
    /// SHA-256 in lower-case hex, the key in the store.
    pub sha256: String,
    /// `CodeSha256` of the API: base64.
    pub sha256_base64: String,
    /// `CodeSize` of the API: the length of the zip file.
    pub size_bytes: u64,
    /// The folder with the unpacked files.
    pub directory: PathBuf,
}

/// The folder of unpacked packages. All calls block; use a blocking task.
#[derive(Debug)]
pub struct CodeStore {
    root: PathBuf,
    partials: AtomicU64,
}

impl CodeStore {
    /// Opens or creates the folder, and removes what an interrupted unpacking left.
    ///
    /// # Errors
    /// [`PackageError::Disk`].
    pub fn open(root: PathBuf) -> Result<Self, PackageError> {
        let failed = |source| PackageError::Disk {
            path: root.clone(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&root)
            .map_err(failed)?;
        let root = root.canonicalize().map_err(failed)?;
        for entry in fs::read_dir(&root).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry
                .file_name()
                .to_string_lossy()
                .starts_with(PARTIAL_PREFIX)
            {
                fs::remove_dir_all(entry.path()).map_err(failed)?;
            }
        }
        Ok(Self {
            root,
            partials: AtomicU64::new(0),
        })
    }

    /// The folder of a package, by its hex SHA-256.
    #[must_use]
    pub fn directory_of(&self, sha256: &str) -> PathBuf {
        self.root.join(sha256)
    }

    /// Unpacks a zip file, unless the same one is there already.
    ///
    /// # Errors
    /// Anything of [`PackageError`]; nothing stays behind.
    pub fn add_zip(&self, zip: &[u8]) -> Result<StoredCode, PackageError> {
        let digest = Sha256::digest(zip);
        let sha256 = hex(&digest);
        let stored = StoredCode {
            sha256_base64: STANDARD.encode(digest),
            size_bytes: zip.len() as u64,
            directory: self.directory_of(&sha256),
            sha256,
        };
        if !stored.directory.is_dir() {
            let bounds = Bounds {
                bytes: UNPACKED_BYTES_MAX,
                entries: ENTRIES_MAX,
            };
            let fill = |partial: &Path| unpack(zip, partial, bounds);
            self.fill_place(fill, |()| stored.directory.clone())?;
        }
        Ok(stored)
    }

    /// Copies a folder as it is now, unless the same content is there already. Folders that tools keep beside code
    /// (`.git`, caches of Python) are left out.
    ///
    /// # Errors
    /// Anything of [`PackageError`] but `Invalid`; nothing stays behind.
    pub fn add_folder(&self, folder: &Path) -> Result<StoredCode, PackageError> {
        let fill = |partial: &Path| copy_folder(folder, partial, UNPACKED_BYTES_MAX, ENTRIES_MAX);
        let place = |copied: &Copied| self.directory_of(&hex(&copied.digest));
        let copied = self.fill_place(fill, place)?;
        let sha256 = hex(&copied.digest);
        Ok(StoredCode {
            sha256_base64: STANDARD.encode(copied.digest),
            size_bytes: copied.size_bytes,
            directory: self.directory_of(&sha256),
            sha256,
        })
    }

    /// Removes the packages that are not named, by their hex SHA-256.
    ///
    /// # Errors
    /// [`PackageError::Disk`].
    pub fn retain(&self, used: &HashSet<String>) -> Result<(), PackageError> {
        let failed = |source| PackageError::Disk {
            path: self.root.clone(),
            source,
        };
        for entry in fs::read_dir(&self.root).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with(PARTIAL_PREFIX) && !used.contains(&name) {
                fs::remove_dir_all(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Makes a folder beside its place and moves it there, whole. What was made tells the place.
    fn fill_place<T>(
        &self,
        fill: impl FnOnce(&Path) -> Result<T, PackageError>,
        place: impl FnOnce(&T) -> PathBuf,
    ) -> Result<T, PackageError> {
        let number = self.partials.fetch_add(1, Ordering::Relaxed);
        let partial = self
            .root
            .join(format!("{PARTIAL_PREFIX}{}-{number}", std::process::id()));
        let outcome = fill(&partial).and_then(|made| {
            let place = place(&made);
            let moved = sync(&partial).and_then(|()| fs::rename(&partial, &place));
            // The same content may have come first.
            if moved.is_err() && place.is_dir() {
                let _ = fs::remove_dir_all(&partial);
                return Ok(made);
            }
            match moved.and_then(|()| sync(&self.root)) {
                Ok(()) => Ok(made),
                Err(source) => Err(PackageError::Disk {
                    path: place,
                    source,
                }),
            }
        });
        if outcome.is_err() {
            // Best effort: opening the store removes it too.
            let _ = fs::remove_dir_all(&partial);
        }
        outcome
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a folder and what is below it durable, with one call for the whole file system where
/// there is one: a package may hold thousands of files.
fn sync(directory: &Path) -> io::Result<()> {
    let handle = File::open(directory)?;
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(&handle)?;
    #[cfg(not(target_os = "linux"))]
    handle.sync_all()?;
    Ok(())
}

pub(super) fn create_directory(path: &Path) -> Result<(), PackageError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .map_err(|source| PackageError::Disk {
            path: path.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests;
