//! A cheap fingerprint of a folder, by which changed code is noticed.
//!
//! It is made of names, sizes and modification times; contents are not read. Folders that tools
//! write into are left out, and so is everything past a bound.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const IGNORED: [&str; 6] = [
    "node_modules",
    ".git",
    "__pycache__",
    ".venv",
    "target",
    ".mypy_cache",
];
const ENTRIES_MAX: usize = 20_000;
const DEPTH_MAX: usize = 32;

/// The fingerprint of a folder as it is now. Unreadable entries count as absent.
pub(super) fn fingerprint(folder: &Path) -> u64 {
    let mut left = ENTRIES_MAX;
    walk(folder, 0, &mut left)
}

/// Adds up the entries, so that the order of a folder's listing does not matter.
fn walk(folder: &Path, depth: usize, left: &mut usize) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let mut sum = 0_u64;
    for entry in entries.flatten() {
        if *left == 0 {
            break;
        }
        *left -= 1;
        let name = entry.file_name();
        if IGNORED.iter().any(|ignored| name == *ignored) {
            continue;
        }
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        if kind.is_dir() {
            if depth < DEPTH_MAX {
                walk(&entry.path(), depth + 1, left).hash(&mut hasher);
            }
        } else if let Ok(metadata) = fs::metadata(entry.path()) {
            // Through links, as the interpreter sees the file.
            (
                metadata.len(),
                metadata.mtime(),
                metadata.mtime_nsec(),
                metadata.ino(),
            )
                .hash(&mut hasher);
        }
        sum = sum.wrapping_add(hasher.finish());
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_new_changed_and_removed_files_but_not_ignored_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir(path.join("sub")).unwrap();
        fs::write(path.join("sub/a.py"), "1").unwrap();
        let first = fingerprint(path);
        assert_eq!(fingerprint(path), first);

        fs::create_dir(path.join("__pycache__")).unwrap();
        fs::write(path.join("__pycache__/a.pyc"), "x").unwrap();
        assert_eq!(fingerprint(path), first);

        fs::write(path.join("sub/a.py"), "22").unwrap();
        let second = fingerprint(path);
        assert_ne!(second, first);

        fs::write(path.join("b.py"), "").unwrap();
        assert_ne!(fingerprint(path), second);
        fs::remove_file(path.join("b.py")).unwrap();
        assert_eq!(fingerprint(path), second);
    }
}
