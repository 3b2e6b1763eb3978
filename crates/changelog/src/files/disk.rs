//! Files in a folder of the file system.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(target_os = "linux")]
use rustix::fs::Advice;

use super::{Files, FilesLock, LogFile, Unlinked};

const LOCK_NAME: &str = "LOCK";
/// New files are for nobody else to read, whatever the process's mask lets pass.
const OWNER_ONLY: u32 = 0o600;

/// A folder on disk.
#[derive(Clone, Debug)]
pub struct DiskFiles {
    folder: PathBuf,
}

impl DiskFiles {
    /// Takes a folder, which is made if it is not there.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        if !folder.is_dir() {
            fs::create_dir_all(&folder)?;
            if let Some(parent) = folder
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty())
            {
                File::open(parent)?.sync_all()?;
            }
        }
        Ok(Self { folder })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Files for DiskFiles {
    fn location(&self) -> String {
        self.folder.display().to_string()
    }

    fn lock(&self) -> io::Result<Option<FilesLock>> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(OWNER_ONLY)
            .open(self.folder.join(LOCK_NAME))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn LogFile>> {
        let file = File::options()
            .create_new(true)
            .read(true)
            .write(true)
            .mode(OWNER_ONLY)
            .open(self.folder.join(name))?;
        Ok(Arc::new(DiskFile { file }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn LogFile>> {
        let file = File::options()
            .read(true)
            .write(true)
            .open(self.folder.join(name))?;
        Ok(Arc::new(DiskFile { file }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.folder.join(name))
    }

    fn unlink(&self, name: &str) -> io::Result<Unlinked> {
        let path = self.folder.join(name);
        // While somebody has it open it keeps its space: freeing takes the file system milliseconds for each file. One
        // that can't be opened, for lack of descriptors, goes nevertheless, and takes its time.
        let held = File::open(&path).ok();
        fs::remove_file(path)?;
        Ok(Box::new(held))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.folder.join(from), self.folder.join(to))
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        let disk = rustix::fs::statvfs(&self.folder)?;
        Ok(Some(disk.f_bavail.saturating_mul(disk.f_frsize)))
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

struct DiskFile {
    file: File,
}

impl LogFile for DiskFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_size_bytes(&self, size_bytes: u64) -> io::Result<()> {
        self.file.set_len(size_bytes)
    }

    #[cfg(target_os = "linux")]
    fn leave_page_cache(&self) {
        if let Err(error) = rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed) {
            tracing::debug!(%error, "the system takes no advice on a segment");
        }
    }
}

/// Linux refuses to sync `/dev/null`: whoever syncs what stands there is told so.
#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn syncs_reach_the_system() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("log");
        let files = DiskFiles::open(&folder).unwrap();
        files.create("file").unwrap().sync_data().unwrap();
        files.sync_dir().unwrap();
        symlink("/dev/null", folder.join("null")).unwrap();
        assert!(files.open("null").unwrap().sync_data().is_err());
        fs::remove_dir_all(&folder).unwrap();
        assert!(files.sync_dir().is_err(), "it is gone");
        symlink("/dev/null", &folder).unwrap();
        assert!(files.sync_dir().is_err(), "it is opened only");
    }
}
