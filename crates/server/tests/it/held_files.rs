//! A log's folder in memory whose files can be made to take their time to become safe.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use headwater_changelog::{Files, FilesLock, LogFile, MemoryFiles};
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(60);

/// Files of which nothing becomes safe while it is held.
pub struct HeldFiles {
    files: MemoryFiles,
    held: watch::Receiver<bool>,
}

impl HeldFiles {
    /// The files, and what holds them.
    pub fn new() -> (Self, watch::Sender<bool>) {
        let (hold, held) = watch::channel(false);
        let files = MemoryFiles::new();
        (HeldFiles { files, held }, hold)
    }

    fn held(&self, file: Arc<dyn LogFile>) -> Arc<dyn LogFile> {
        Arc::new(HeldFile {
            file,
            held: self.held.clone(),
        })
    }
}

impl Files for HeldFiles {
    fn location(&self) -> String {
        self.files.location()
    }

    fn lock(&self) -> io::Result<Option<FilesLock>> {
        self.files.lock()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn LogFile>> {
        Ok(self.held(self.files.create(name)?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn LogFile>> {
        Ok(self.held(self.files.open(name)?))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.files.list()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.remove(name)
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

struct HeldFile {
    file: Arc<dyn LogFile>,
    held: watch::Receiver<bool>,
}

impl LogFile for HeldFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        let begun = std::time::Instant::now();
        while *self.held.borrow() {
            assert!(begun.elapsed() < PATIENCE, "held for ever");
            std::thread::yield_now();
        }
        self.file.sync_data()
    }

    fn size_bytes(&self) -> io::Result<u64> {
        self.file.size_bytes()
    }

    fn set_size_bytes(&self, size_bytes: u64) -> io::Result<()> {
        self.file.set_size_bytes(size_bytes)
    }
}
