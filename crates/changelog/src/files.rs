//! The files below the log, injectable: a folder on disk, memory, or memory with faults.
//!
//! The contract is that of a file system. What was written is safe after [`LogFile::sync_data`], a name that
//! was created, renamed or removed after [`Files::sync_dir`]; until then a power loss may undo it in part.

use std::any::Any;
use std::io;
use std::sync::Arc;

mod disk;
mod memory;

pub use disk::DiskFiles;
pub use memory::MemoryFiles;

/// Keeps others out for as long as it lives.
pub type FilesLock = Box<dyn Any + Send + Sync>;

/// A file without a name. The disk gets its space back when this is dropped, which may take long.
pub type Unlinked = Box<dyn Any + Send>;

/// A flat folder of files.
pub trait Files: Send + Sync {
    /// Where this is, for messages.
    fn location(&self) -> String;
    /// Takes the folder for the caller alone; `None` if somebody has it.
    fn lock(&self) -> io::Result<Option<FilesLock>>;
    /// Makes a new, empty file; fails if the name is taken.
    fn create(&self, name: &str) -> io::Result<Arc<dyn LogFile>>;
    /// Opens a file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Arc<dyn LogFile>>;
    /// The names of all files, in no order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Removes a file; those who have it open may go on reading.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Removes a file as [`Files::remove`] does, without waiting for its space to be free.
    fn unlink(&self, name: &str) -> io::Result<Unlinked> {
        self.remove(name)?;
        Ok(Box::new(()))
    }
    /// Gives a file another name; the file that had it is gone.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Free space on the disk for more files, in bytes; `None` if that is not known.
    fn free_bytes(&self) -> io::Result<Option<u64>>;
    /// Makes creations, renames and removals safe.
    fn sync_dir(&self) -> io::Result<()>;
}

/// An open file.
pub trait LogFile: Send + Sync {
    /// Reads what is there at `offset`, possibly less than `buffer` holds; 0 at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes`; writing beyond the end fills the gap with zeros.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes contents and length safe.
    fn sync_data(&self) -> io::Result<()>;
    /// The file's length.
    fn size_bytes(&self) -> io::Result<u64>;
    /// Cuts the file, or lengthens it with zeros.
    fn set_size_bytes(&self, size_bytes: u64) -> io::Result<()>;

    /// Says that nobody is about to read the file, so that the system's page cache needs not keep it. A hint: nothing
    /// has to come of it.
    fn leave_page_cache(&self) {}

    /// Fills `buffer`, or as much of it as the file holds; gives the number of bytes.
    fn read_full_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}
