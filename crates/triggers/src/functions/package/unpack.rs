//! The content of a zip file in a folder that nobody else writes to.
//!
//! Entries cannot leave the folder: names with `..`, absolute names and links that lead out are refused, links are made
//! last, and folders one by one, never through a link. What is made is counted, folders too that names only imply; sizes
//! are counted while unpacking rather than taken from the headers.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Cursor, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use zip::ZipArchive;
use zip::read::ZipFile;

use super::announced::announced;
use super::{DEPTH_MAX, PackageError, create_directory};

/// Length of a link's target at most.
const LINK_BYTES_MAX: u64 = 4_096;

/// What a package may make.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Of all files together.
    pub(super) bytes: u64,
    /// Files, links and folders.
    pub(super) entries: usize,
}

/// Unpacks a zip file into a folder that is not there yet. What was made stays when it fails.
pub(super) fn unpack(zip: &[u8], target: &Path, bounds: Bounds) -> Result<(), PackageError> {
    refuse_over(announced(zip), bounds)?;
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(invalid)?;
    refuse_over(archive.len(), bounds)?;
    create_directory(target)?;
    let mut unpacking = Unpacking {
        target,
        bounds,
        left_bytes: bounds.bytes,
        entries: 0,
        folders: HashSet::from([target.to_owned()]),
    };
    let mut links = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(invalid)?;
        let path = inside(target, &entry.name().map_err(invalid)?)?;
        if entry.is_symlink() {
            links.push((path, link_target(&mut entry)?));
        } else if entry.is_dir() {
            unpacking.folder(&path)?;
        } else {
            unpacking.file(&mut entry, &path)?;
        }
    }
    unpacking.links(&links)
}

fn refuse_over(entries: usize, bounds: Bounds) -> Result<(), PackageError> {
    match entries > bounds.entries {
        true => Err(PackageError::TooManyEntries { entries }),
        false => Ok(()),
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PackageError {
    PackageError::Invalid(error.into())
}

/// Where an entry belongs; refuses names that lead out.
fn inside(target: &Path, name: &str) -> Result<PathBuf, PackageError> {
    let escape = || PackageError::Escape {
        name: name.to_owned(),
    };
    if name.contains(['\\', '\0']) {
        return Err(escape());
    }
    let mut path = target.to_owned();
    let mut parts = 0;
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) => {
                path.push(part);
                parts += 1;
            }
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(escape());
            }
        }
    }
    // The last part is the entry itself.
    if parts > DEPTH_MAX + 1 {
        return Err(PackageError::TooDeep {
            name: name.to_owned(),
        });
    }
    Ok(path)
}

fn link_target<R: Read>(entry: &mut ZipFile<'_, R>) -> Result<PathBuf, PackageError> {
    let mut text = String::new();
    entry
        .take(LINK_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(invalid)?;
    Ok(PathBuf::from(text))
}

/// A package that is being unpacked.
struct Unpacking<'u> {
    target: &'u Path,
    bounds: Bounds,
    left_bytes: u64,
    /// What was made.
    entries: usize,
    /// The folders of it: no link is among them, and no file.
    folders: HashSet<PathBuf>,
}

impl Unpacking<'_> {
    fn count(&mut self) -> Result<(), PackageError> {
        self.entries += 1;
        refuse_over(self.entries, self.bounds)
    }

    /// Makes a folder and those that it lies in. The names were held to a depth.
    fn folder(&mut self, path: &Path) -> Result<(), PackageError> {
        if self.folders.contains(path) {
            return Ok(());
        }
        self.folder_of(path)?;
        self.count()?;
        match DirBuilder::new().mode(0o755).create(path) {
            // Another name of one of them, where letters' cases don't count.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && is_folder(path) => {}
            made => made.map_err(|error| self.failed(path, error))?,
        }
        self.folders.insert(path.to_owned());
        Ok(())
    }

    fn folder_of(&mut self, path: &Path) -> Result<(), PackageError> {
        path.parent().map_or(Ok(()), |parent| self.folder(parent))
    }

    fn file<R: Read>(
        &mut self,
        entry: &mut ZipFile<'_, R>,
        path: &Path,
    ) -> Result<(), PackageError> {
        self.folder_of(path)?;
        self.count()?;
        let mode = entry.unix_mode().map_or(0o644, |mode| mode & 0o755 | 0o600);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(path)
            .map_err(|error| self.failed(path, error))?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = entry.read(&mut buffer).map_err(invalid)?;
            if length == 0 {
                break;
            }
            self.left_bytes = self
                .left_bytes
                .checked_sub(length as u64)
                .ok_or(PackageError::TooLarge)?;
            file.write_all(&buffer[..length])
                .map_err(|error| self.failed(path, error))?;
        }
        // The mask of the process must not take the execute bit.
        file.set_permissions(fs::Permissions::from_mode(mode))
            .map_err(|error| self.failed(path, error))
    }

    /// Makes the links after all files, so that nothing is written through one, and refuses those that lead out of the
    /// package, through other links too, or nowhere.
    fn links(&mut self, links: &[(PathBuf, PathBuf)]) -> Result<(), PackageError> {
        for (path, to) in links {
            self.folder_of(path)?;
            self.count()?;
            symlink(to, path).map_err(|error| self.failed(path, error))?;
        }
        let root = self.target.canonicalize();
        let root = root.map_err(|error| self.failed(self.target, error))?;
        for (path, _) in links {
            let stays_inside = path
                .canonicalize()
                .is_ok_and(|real| real.starts_with(&root));
            if !stays_inside {
                return Err(PackageError::Escape {
                    name: self.name(path),
                });
            }
        }
        Ok(())
    }

    /// Why something could not be made: nobody but the package itself puts anything in its way.
    fn failed(&self, path: &Path, source: io::Error) -> PackageError {
        match source.kind() {
            ErrorKind::AlreadyExists | ErrorKind::IsADirectory => PackageError::InTheWay {
                name: self.name(path),
            },
            _ => PackageError::Disk {
                path: path.to_owned(),
                source,
            },
        }
    }

    fn name(&self, path: &Path) -> String {
        let name = path.strip_prefix(self.target).unwrap_or(path);
        name.display().to_string()
    }
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}
