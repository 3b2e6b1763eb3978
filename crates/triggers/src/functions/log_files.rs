//! The kept logs of functions as files, so that they outlive a restart: one line of JSON for each line of a log.
//!
//! They are written from time to time and without fsync: a crash may take the last lines. Each file is bounded. Nothing is
//! written when the store is encrypted, for the lines would be plain.

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::log::{FunctionLog, LogLine};

/// A file may be so many times as large as the log that is kept; then it is written anew.
const SLACK: usize = 3;
/// What functions print is for nobody else to read.
const OWNER_ONLY: u32 = 0o600;

/// A line of a file.
#[derive(Serialize, Deserialize)]
struct Stored {
    number: u64,
    at_ms: u64,
    process: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    text: String,
}

/// The folder of the files. All calls block.
pub(super) struct LogFiles {
    /// None when nothing is to be written.
    folder: Option<PathBuf>,
    file_bytes_max: usize,
    /// Sizes of the files that were written to, by their names. Held while a file is read, written or removed, so that
    /// lines are written in the order in which they are taken, and none behind the removal of their file.
    sizes: Mutex<HashMap<String, usize>>,
}

impl LogFiles {
    pub(super) fn open(folder: Option<PathBuf>, log_bytes_max: usize) -> io::Result<Self> {
        if let Some(folder) = &folder {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        Ok(Self {
            folder,
            file_bytes_max: log_bytes_max.saturating_mul(SLACK),
            sizes: Mutex::default(),
        })
    }

    /// The lines that were written of a log, the oldest first. What cannot be read is left out.
    pub(super) fn load(&self, log: &str, function: &Arc<str>) -> Vec<LogLine> {
        let Some(folder) = &self.folder else {
            return Vec::new();
        };
        let name = file_name(log);
        let mut sizes = self.sizes();
        let mut bytes = fs::read(folder.join(&name)).unwrap_or_default();
        if bytes.last().is_some_and(|last| *last != b'\n') {
            // A crash cut the last line, which must not take the next one along.
            let _ = append(&folder.join(&name), b"\n");
            bytes.push(b'\n');
        }
        sizes.insert(name, bytes.len());
        drop(sizes);
        let mut lines: Vec<LogLine> = bytes
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .map(|stored: Stored| LogLine {
                number: stored.number,
                function: Arc::clone(function),
                request_id: stored.request.map(Into::into),
                process_id: stored.process,
                at_ms: stored.at_ms,
                text: stored.text,
            })
            .collect();
        lines.sort_by_key(|line| line.number);
        lines
    }

    /// Writes what is new in a log, unless its function is gone.
    pub(super) fn write(&self, log: &str, lines: &FunctionLog) {
        let Some(folder) = &self.folder else {
            return;
        };
        let mut sizes = self.sizes();
        if lines.is_retired() {
            return;
        }
        let new = lines.unwritten();
        let Some(last) = new.last().map(|line| line.number) else {
            return;
        };
        let name = file_name(log);
        let path = folder.join(&name);
        let added = encoded(&new);
        let size = sizes.get(&name).copied().unwrap_or_default() + added.len();
        let written = match size > self.file_bytes_max {
            true => {
                let mut all = lines.lines();
                // What was printed since is written next.
                all.retain(|line| line.number <= last);
                let all = encoded(&all);
                replace(&path, &all).map(|()| all.len())
            }
            false => append(&path, &added).map(|()| size),
        };
        match written {
            Ok(size) => drop(sizes.insert(name, size)),
            Err(error) => {
                tracing::warn!(%error, function = %lines.function, "the log of a function cannot be written");
            }
        }
    }

    /// Removes what was written of all other logs: a crash may have come between the end of a function and this.
    pub(super) fn retain(&self, logs: &[String]) {
        let Some(folder) = &self.folder else {
            return;
        };
        let names: HashSet<String> = logs.iter().map(|log| file_name(log)).collect();
        let _sizes = self.sizes();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if !name.to_str().is_some_and(|name| names.contains(name)) {
                // Nothing depends on it.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Removes what was written of a log. `lines` is the log itself, if it is known: nothing of it is written any more.
    pub(super) fn remove(&self, log: &str, lines: Option<&FunctionLog>) {
        let Some(folder) = &self.folder else {
            return;
        };
        let name = file_name(log);
        let mut sizes = self.sizes();
        if let Some(lines) = lines {
            lines.retire();
        }
        sizes.remove(&name);
        // Nothing may have been written.
        let _ = fs::remove_file(folder.join(name));
    }

    fn sizes(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(OWNER_ONLY)
        .open(path)?;
    file.write_all(bytes)
}

/// Writes a file anew, beside its place first.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("new");
    // What a crash left keeps its mode; mostly there is nothing.
    let _ = fs::remove_file(&partial);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNER_ONLY)
        .open(&partial)?;
    file.write_all(bytes)?;
    fs::rename(&partial, path)
}

/// Names of functions are no names of files.
fn file_name(log: &str) -> String {
    let digest = Sha256::digest(log);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}.log", &hex[..32])
}

fn encoded(lines: &[LogLine]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines {
        let stored = Stored {
            number: line.number,
            at_ms: line.at_ms,
            process: line.process_id,
            request: line.request_id.as_deref().map(str::to_owned),
            text: line.text.clone(),
        };
        // Writing into memory cannot fail.
        let _ = serde_json::to_writer(&mut out, &stored);
        out.push(b'\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::log::LogHub;
    use super::*;

    const BYTES_MAX: usize = 2_000;

    fn opened(folder: &tempfile::TempDir) -> (LogFiles, FunctionLog) {
        let files = LogFiles::open(Some(folder.path().join("logs")), BYTES_MAX).unwrap();
        let earlier = files.load("f", &"f".into());
        let log = FunctionLog::new(Arc::new(LogHub::new()), "f", BYTES_MAX, 0, earlier);
        (files, log)
    }

    fn texts(log: &FunctionLog) -> Vec<String> {
        log.lines().into_iter().map(|line| line.text).collect()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn lines_are_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (files, log) = opened(&folder);
        log.push(Some("r".into()), 7, 1, "one".into());
        files.write("f", &log);
        log.push(None, 7, 2, "two".into());
        files.write("f", &log);
        let lines = log.lines();

        let (files, log) = opened(&folder);
        assert_eq!(log.lines(), lines);
        files.retain(&["f".to_owned(), "g".to_owned()]);
        assert_eq!(opened(&folder).1.lines(), lines);
        files.retain(&["g".to_owned()]);
        assert!(texts(&opened(&folder).1).is_empty());
        log.push(None, 7, 3, "three".into());
        files.write("f", &log);
        assert_eq!(texts(&opened(&folder).1), ["three"]);
        files.remove("f", None);
        assert!(texts(&opened(&folder).1).is_empty());
    }

    /// An invocation that ends after its function prints into the log that it had.
    #[test]
    fn nothing_of_a_function_that_is_gone_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (files, gone) = opened(&folder);
        gone.push(None, 7, 1, "before".into());
        files.write("f", &gone);
        files.remove("f", Some(&gone));
        gone.push(None, 7, 2, "after".into());
        files.write("f", &gone);
        let (files, another) = opened(&folder);
        assert!(texts(&another).is_empty());
        another.push(None, 8, 3, "another one".into());
        files.write("f", &another);
        assert_eq!(texts(&opened(&folder).1), ["another one"]);
    }

    /// The end of the server writes what is new while that is being written already.
    #[test]
    fn lines_that_several_write_at_once_keep_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let (files, log) = opened(&folder);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        log.push(None, 7, 1, "line".into());
                        files.write("f", &log);
                    }
                });
            }
        });
        let path = folder.path().join("logs").join(file_name("f"));
        let text = fs::read_to_string(path).unwrap();
        let stored = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let numbers: Vec<u64> = stored.map(|line: Stored| line.number).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        assert_eq!(numbers.last(), log.lines().last().map(|line| &line.number));
    }

    #[test]
    fn files_are_bounded_and_torn_lines_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let (files, log) = opened(&folder);
        for number in 0..500 {
            log.push(None, 7, 1, format!("line {number}"));
            files.write("f", &log);
        }
        let path = folder.path().join("logs").join(file_name("f"));
        assert!(fs::metadata(&path).unwrap().len() <= (BYTES_MAX * SLACK) as u64);
        assert_eq!(mode(&path), OWNER_ONLY);
        let mut bytes = fs::read(&path).unwrap();
        bytes.truncate(bytes.len() - 3);
        fs::write(&path, bytes).unwrap();
        let (files, log) = opened(&folder);
        assert_eq!(texts(&log).last().unwrap(), "line 498");
        log.push(None, 7, 1, "after it".into());
        files.write("f", &log);
        let texts = texts(&opened(&folder).1);
        assert_eq!(texts[texts.len() - 2..], ["line 498", "after it"]);
    }

    #[test]
    fn nothing_is_written_without_a_folder() {
        let files = LogFiles::open(None, BYTES_MAX).unwrap();
        let log = FunctionLog::new(Arc::new(LogHub::new()), "f", BYTES_MAX, 0, Vec::new());
        log.push(None, 7, 1, "one".into());
        files.write("f", &log);
        assert!(files.load("f", &"f".into()).is_empty());
        assert_eq!(texts(&log), ["one"]);
    }
}
