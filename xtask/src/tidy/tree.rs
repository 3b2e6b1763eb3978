//! The repository's own text files, read once. What is built or fetched is left out.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use crate::process::root;

/// Names under which nothing is written here; `.git` is a file in a linked working tree.
const FOREIGN_NAMES: &[&str] = &[
    ".git",
    "target",
    // What is built of the console.
    "dist",
    "node_modules",
    "__pycache__",
    ".pytest_cache",
    ".venv",
    "headwater-data",
];

/// Every text file, by its path from the root with `/` between the parts.
pub struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads the working tree; files that are not UTF-8 count as binary and are left out.
    pub fn read() -> Result<Self> {
        let mut files = BTreeMap::new();
        collect(&root(), "", &mut files)?;
        Ok(Self { files })
    }

    /// The text of one file.
    pub fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Every path and its text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Those with one of the given extensions.
    pub fn with_extension<'a>(
        &'a self,
        extensions: &'a [&str],
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.iter().filter(|(path, _)| {
            let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
            extensions.contains(&extension)
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// A tree made of the given files, for tests.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let files = files
            .iter()
            .map(|(path, text)| (path.to_string(), text.to_string()))
            .collect();
        Self { files }
    }
}

/// Whether a file says in its head that a task of ours wrote it.
pub fn is_generated(text: &str) -> bool {
    text.lines().take(5).any(|line| line.contains("@generated"))
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> Result<()> {
    let entries = folder
        .read_dir()
        .with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if FOREIGN_NAMES.contains(&name.as_str()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
            files.insert(path, text);
        }
    }
    Ok(())
}
