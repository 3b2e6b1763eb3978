//! A copy of a folder of code, with a digest of what is in it.
//!
//! The digest depends on names, contents, links and whether files can be executed; not on times or the order of listings.
//! Links stay links; those that lead out of the folder are refused, since what is behind them can change.

use std::fs::{self, DirEntry, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::package::{DEPTH_MAX, PackageError, create_directory};

/// Not part of the code, and some of it changes with every run.
const LEFT_OUT: [&str; 3] = [".git", "__pycache__", ".mypy_cache"];

/// What was copied.
#[derive(Debug)]
pub(super) struct Copied {
    /// SHA-256.
    pub(super) digest: [u8; 32],
    /// Of all files together.
    pub(super) size_bytes: u64,
}

/// Copies a folder to a place that is not there yet.
pub(super) fn copy_folder(
    from: &Path,
    to: &Path,
    bytes_max: u64,
    entries_max: usize,
) -> Result<Copied, PackageError> {
    let root = from.canonicalize().map_err(|source| disk(from, source))?;
    let mut copy = Copy {
        root: &root,
        digest: Sha256::new(),
        bytes_max,
        entries_max,
        size_bytes: 0,
        entries: 0,
    };
    copy.folder(&root, to, 0)?;
    Ok(Copied {
        digest: copy.digest.finalize().into(),
        size_bytes: copy.size_bytes,
    })
}

/// A copy that is being made.
struct Copy<'c> {
    root: &'c Path,
    digest: Sha256,
    bytes_max: u64,
    entries_max: usize,
    size_bytes: u64,
    entries: usize,
}

impl Copy<'_> {
    fn folder(&mut self, from: &Path, to: &Path, depth: usize) -> Result<(), PackageError> {
        create_directory(to)?;
        let listed: io::Result<Vec<DirEntry>> = fs::read_dir(from).and_then(Iterator::collect);
        let mut listed = listed.map_err(|source| disk(from, source))?;
        listed.sort_by_key(DirEntry::file_name);
        for entry in listed {
            let name = entry.file_name();
            if LEFT_OUT.iter().any(|left_out| name == *left_out) {
                continue;
            }
            self.entries += 1;
            if self.entries > self.entries_max {
                let entries = self.entries;
                return Err(PackageError::TooManyEntries { entries });
            }
            let path = entry.path();
            if depth > DEPTH_MAX {
                let name = self.name(&path).display().to_string();
                return Err(PackageError::TooDeep { name });
            }
            let kind = entry.file_type().map_err(|source| disk(&path, source))?;
            let place = to.join(&name);
            if kind.is_symlink() {
                self.link(&path, &place)?;
            } else if kind.is_dir() {
                self.note(b'd', &path, &[]);
                self.folder(&path, &place, depth + 1)?;
            } else if kind.is_file() {
                self.file(&path, &place)?;
            }
        }
        Ok(())
    }

    fn link(&mut self, path: &Path, place: &Path) -> Result<(), PackageError> {
        let to = fs::read_link(path).map_err(|source| disk(path, source))?;
        let real = path.canonicalize();
        let stays_inside = to.is_relative() && real.is_ok_and(|real| real.starts_with(self.root));
        if !stays_inside {
            let name = self.name(path).display().to_string();
            return Err(PackageError::Escape { name });
        }
        self.note(b'l', path, to.as_os_str().as_encoded_bytes());
        symlink(&to, place).map_err(|source| disk(place, source))
    }

    fn file(&mut self, path: &Path, place: &Path) -> Result<(), PackageError> {
        let mut source = File::open(path).map_err(|source| disk(path, source))?;
        let metadata = source.metadata().map_err(|source| disk(path, source))?;
        let can_run = metadata.permissions().mode() & 0o100 != 0;
        let mode = if can_run { 0o755 } else { 0o644 };
        let mut target = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(place)
            .map_err(|source| disk(place, source))?;
        let mut content = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(source) => return Err(disk(path, source)),
            };
            self.size_bytes += length as u64;
            if self.size_bytes > self.bytes_max {
                return Err(PackageError::TooLarge);
            }
            content.update(&buffer[..length]);
            target
                .write_all(&buffer[..length])
                .map_err(|source| disk(place, source))?;
        }
        // The mask of the process must not take the execute bit.
        target
            .set_permissions(fs::Permissions::from_mode(mode))
            .map_err(|source| disk(place, source))?;
        self.note(if can_run { b'x' } else { b'f' }, path, &content.finalize());
        Ok(())
    }

    /// Takes an entry into the digest. Lengths come first, so that no two lists of entries look the same.
    fn note(&mut self, kind: u8, path: &Path, content: &[u8]) {
        let name = self.name(path).as_os_str().as_encoded_bytes().to_vec();
        self.digest.update([kind]);
        for part in [name.as_slice(), content] {
            self.digest.update((part.len() as u64).to_be_bytes());
            self.digest.update(part);
        }
    }

    fn name(&self, path: &Path) -> PathBuf {
        path.strip_prefix(self.root).unwrap_or(path).to_owned()
    }
}

fn disk(path: &Path, source: io::Error) -> PackageError {
    PackageError::Disk {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(from: &Path, to: &Path) -> Result<Copied, PackageError> {
        copy_folder(from, to, 1_000, 10)
    }

    #[test]
    fn the_digest_follows_names_contents_and_modes() {
        let folder = tempfile::tempdir().unwrap();
        let (from, mut number) = (folder.path().join("from"), 0);
        let mut digest = || {
            number += 1;
            let to = folder.path().join(format!("to-{number}"));
            copy(&from, &to).unwrap().digest
        };
        fs::create_dir_all(from.join("sub")).unwrap();
        fs::write(from.join("sub/a"), "1").unwrap();
        let first = digest();
        assert_eq!(digest(), first);

        fs::create_dir(from.join("__pycache__")).unwrap();
        fs::write(from.join("__pycache__/a.pyc"), "x").unwrap();
        assert_eq!(digest(), first);

        fs::set_permissions(from.join("sub/a"), fs::Permissions::from_mode(0o755)).unwrap();
        let second = digest();
        assert_ne!(second, first);
        fs::rename(from.join("sub/a"), from.join("sub/b")).unwrap();
        assert_ne!(digest(), second);

        let to = folder.path().join("to-last");
        assert_eq!(copy(&from, &to).unwrap().size_bytes, 1);
        assert_eq!(fs::read_to_string(to.join("sub/b")).unwrap(), "1");
        let mode = fs::metadata(to.join("sub/b")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert!(!to.join("__pycache__").exists());
    }

    #[test]
    fn folders_lie_in_so_many_others() {
        let folder = tempfile::tempdir().unwrap();
        let (from, mut path) = (folder.path().join("from"), PathBuf::new());
        (0..DEPTH_MAX).for_each(|_| path.push("d"));
        fs::create_dir_all(from.join(&path)).unwrap();
        fs::write(from.join(&path).join("f"), "1").unwrap();
        let copy = |to: &str| copy_folder(&from, &folder.path().join(to), 1_000, 1_000);
        assert_eq!(copy("within").unwrap().size_bytes, 1);
        fs::create_dir(from.join(&path).join("d")).unwrap();
        fs::write(from.join(&path).join("d/f"), "1").unwrap();
        assert!(matches!(copy("over"), Err(PackageError::TooDeep { .. })));
    }

    #[test]
    fn links_stay_inside_and_sizes_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        fs::create_dir(&from).unwrap();
        fs::write(from.join("a"), "1").unwrap();
        symlink("a", from.join("b")).unwrap();
        copy(&from, &folder.path().join("to-1")).unwrap();
        let copied = fs::read_link(folder.path().join("to-1/b")).unwrap();
        assert_eq!(copied, Path::new("a"));

        symlink("../elsewhere", from.join("c")).unwrap();
        let refused = copy(&from, &folder.path().join("to-2")).unwrap_err();
        assert!(matches!(refused, PackageError::Escape { name } if name == "c"));
        fs::remove_file(from.join("c")).unwrap();

        fs::write(from.join("large"), [0; 1_000]).unwrap();
        let refused = copy(&from, &folder.path().join("to-3")).unwrap_err();
        assert!(matches!(refused, PackageError::TooLarge));
        fs::remove_file(from.join("large")).unwrap();

        for number in 0..10 {
            fs::write(from.join(format!("f{number}")), "").unwrap();
        }
        let refused = copy(&from, &folder.path().join("to-4")).unwrap_err();
        assert!(matches!(refused, PackageError::TooManyEntries { .. }));
    }
}
