//! Files in memory: for the durability mode without files, and for tests.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};

use super::{Files, FilesLock, LogFile};

/// Contents are kept in pieces of this size, so that growing copies nothing.
const PIECE_BYTES: usize = 256 << 10;

/// A folder that lives as long as the last handle to it.
#[derive(Clone, Default)]
pub struct MemoryFiles {
    files: Arc<Mutex<BTreeMap<String, Arc<MemoryFile>>>>,
    locked: Arc<AtomicBool>,
}

impl MemoryFiles {
    /// An empty folder.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Frees the folder when it is dropped.
struct Held(Arc<AtomicBool>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn not_found(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no file {name}"))
}

impl Files for MemoryFiles {
    fn location(&self) -> String {
        "memory".to_owned()
    }

    fn lock(&self) -> io::Result<Option<FilesLock>> {
        if self.locked.swap(true, Ordering::AcqRel) {
            return Ok(None);
        }
        Ok(Some(Box::new(Held(self.locked.clone()))))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn LogFile>> {
        let mut files = self.files.lock();
        if files.contains_key(name) {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("{name} exists"),
            ));
        }
        let file = Arc::new(MemoryFile::default());
        files.insert(name.to_owned(), file.clone());
        Ok(file)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn LogFile>> {
        match self.files.lock().get(name) {
            Some(file) => Ok(file.clone()),
            None => Err(not_found(name)),
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.lock().keys().cloned().collect())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files
            .lock()
            .remove(name)
            .map(drop)
            .ok_or_else(|| not_found(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.files.lock();
        let file = files.remove(from).ok_or_else(|| not_found(from))?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        Ok(None)
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Default)]
struct MemoryFile {
    contents: RwLock<Contents>,
}

#[derive(Default)]
struct Contents {
    pieces: Vec<Vec<u8>>,
    size_bytes: usize,
}

impl Contents {
    fn grow(&mut self, size_bytes: usize) {
        while self.pieces.len() * PIECE_BYTES < size_bytes {
            self.pieces.push(vec![0; PIECE_BYTES]);
        }
        self.size_bytes = self.size_bytes.max(size_bytes);
    }

    fn cut(&mut self, size_bytes: usize) {
        self.pieces.truncate(size_bytes.div_ceil(PIECE_BYTES));
        if let Some(piece) = self.pieces.get_mut(size_bytes / PIECE_BYTES) {
            piece[size_bytes % PIECE_BYTES..].fill(0);
        }
        self.size_bytes = size_bytes;
    }
}

impl LogFile for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let contents = self.contents.read();
        let offset = offset as usize;
        let length = buffer.len().min(contents.size_bytes.saturating_sub(offset));
        let Some(piece) = contents
            .pieces
            .get(offset / PIECE_BYTES)
            .filter(|_| length > 0)
        else {
            return Ok(0);
        };
        let piece = &piece[offset % PIECE_BYTES..];
        let length = length.min(piece.len());
        buffer[..length].copy_from_slice(&piece[..length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut contents = self.contents.write();
        contents.grow(offset as usize + bytes.len());
        let (mut offset, mut rest) = (offset as usize, bytes);
        while !rest.is_empty() {
            let piece = &mut contents.pieces[offset / PIECE_BYTES][offset % PIECE_BYTES..];
            let length = rest.len().min(piece.len());
            piece[..length].copy_from_slice(&rest[..length]);
            offset += length;
            rest = &rest[length..];
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.contents.read().size_bytes as u64)
    }

    fn set_size_bytes(&self, size_bytes: u64) -> io::Result<()> {
        let mut contents = self.contents.write();
        let size_bytes = size_bytes as usize;
        if size_bytes < contents.size_bytes {
            contents.cut(size_bytes);
        } else {
            contents.grow(size_bytes);
        }
        Ok(())
    }
}
