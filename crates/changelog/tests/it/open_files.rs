//! A log may have more segments than a process may have files open.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use headwater_changelog::testing::FaultyFiles;
use headwater_changelog::{Entry, Files, FilesLock, LogFile, LogOptions, Unlinked, rewrite};

use crate::support::{entries, fill, open, small, verify};

/// Segments of the log.
const SEGMENTS_MIN: usize = 50;
/// Files that may be open at once: the trim point, the segment that is written and the one made ahead, one that is looked at,
/// and those that readers keep.
const OPEN_MAX: usize = 10;

/// Counts the files that are open at once.
#[derive(Clone)]
struct CountedFiles {
    files: FaultyFiles,
    open: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

struct CountedFile {
    file: Arc<dyn LogFile>,
    open: Arc<AtomicUsize>,
}

impl CountedFiles {
    fn new(files: FaultyFiles) -> Self {
        Self {
            files,
            open: Arc::default(),
            most: Arc::default(),
        }
    }

    fn counted(&self, file: Arc<dyn LogFile>) -> Arc<dyn LogFile> {
        let count = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(count, Ordering::SeqCst);
        let open = self.open.clone();
        Arc::new(CountedFile { file, open })
    }

    /// How many were open at once since the last time.
    fn take_most(&self) -> usize {
        self.most
            .swap(self.open.load(Ordering::SeqCst), Ordering::SeqCst)
    }
}

impl Drop for CountedFile {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Files for CountedFiles {
    fn location(&self) -> String {
        self.files.location()
    }

    fn lock(&self) -> io::Result<Option<FilesLock>> {
        self.files.lock()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn LogFile>> {
        self.files.create(name).map(|file| self.counted(file))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn LogFile>> {
        self.files.open(name).map(|file| self.counted(file))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.files.list()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.remove(name)
    }

    fn unlink(&self, name: &str) -> io::Result<Unlinked> {
        self.files.unlink(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.files.rename(from, to)
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        self.files.free_bytes()
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.files.sync_dir()
    }
}

impl LogFile for CountedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn size_bytes(&self) -> io::Result<u64> {
        self.file.size_bytes()
    }

    fn set_size_bytes(&self, size_bytes: u64) -> io::Result<()> {
        self.file.set_size_bytes(size_bytes)
    }
}

/// A log of many segments, all of them ended.
fn long_log() -> (CountedFiles, LogOptions, Vec<Entry>) {
    let files = CountedFiles::new(FaultyFiles::new(5));
    let options = LogOptions {
        segment_bytes: 1024,
        preallocate: false,
        ..small()
    };
    let log = open(&files, options.clone()).unwrap().0;
    let all = fill(&log, 10 * SEGMENTS_MIN);
    drop(log);
    files.take_most();
    (files, options, all)
}

#[test]
fn a_log_of_many_segments_opens_with_few_files() {
    let (files, options, all) = long_log();
    let (log, report) = open(&files, options).unwrap();
    assert!(report.segments >= SEGMENTS_MIN, "{report:?}");
    assert_eq!(entries(&log).unwrap(), all);
    let most = files.take_most();
    assert!(most <= OPEN_MAX, "{most} files");
}

#[test]
fn a_log_of_many_segments_is_verified_and_written_anew_with_few_files() {
    let (files, options, all) = long_log();
    let report = verify(&files, &options).unwrap();
    assert!(report.is_clean() && report.segments >= SEGMENTS_MIN);
    let copy = CountedFiles::new(FaultyFiles::new(6));
    let rewritten = rewrite(&files, None, &copy, None, &mut |_| {}).unwrap();
    assert_eq!(rewritten.entries, all.len() as u64);
    let most = files.take_most() + copy.take_most();
    assert!(most <= OPEN_MAX, "{most} files");
}
