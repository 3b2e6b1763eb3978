//! Encryption below the tree: a storage backend around another one, whose bytes are encrypted in place.
//!
//! Offsets and lengths stay as they are. redb writes whole pages but for its header; runs that are not aligned to the
//! cipher's units are widened to whole units, by reading what stands around them.

use headwater_cipher::{SECTOR_BYTES, SectorCipher, UNIT_BYTES};
use parking_lot::Mutex;
use redb::{BackendError, StorageBackend};
use std::io;
use std::ops::Bound;
use std::sync::Arc;

/// Most bytes that are encrypted in one buffer.
const BUFFER_BYTES: usize = 64 * SECTOR_BYTES;

/// A [`StorageBackend`] that encrypts what it writes to `inner` and decrypts what it reads from there.
#[derive(Debug)]
pub struct EncryptedBackend<B> {
    inner: B,
    cipher: Arc<SectorCipher>,
    /// One at a time for writes that have to read first: two may share a unit.
    unaligned: Mutex<()>,
}

impl<B: StorageBackend> EncryptedBackend<B> {
    /// Encrypts over `inner`, which holds nothing yet or was written with the same cipher.
    pub fn new(inner: B, cipher: Arc<SectorCipher>) -> Self {
        Self {
            inner,
            cipher,
            unaligned: Mutex::new(()),
        }
    }

    fn write_units(&self, mut offset: u64, data: &[u8]) -> io::Result<()> {
        let mut buffer = Vec::with_capacity(data.len().min(BUFFER_BYTES));
        for piece in data.chunks(BUFFER_BYTES) {
            buffer.clear();
            buffer.extend_from_slice(piece);
            self.cipher.encrypt(offset, &mut buffer);
            self.inner.write(offset, &buffer)?;
            offset += piece.len() as u64;
        }
        Ok(())
    }

    fn read_units(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)?;
        self.cipher.decrypt(offset, out);
        Ok(())
    }

    /// Reads the units around a run; what lies behind the end of the file is zero.
    fn read_around(&self, run: &Units) -> io::Result<Vec<u8>> {
        let mut units = vec![0; run.length];
        let stored = self.inner.len()?.saturating_sub(run.offset);
        let stored = usize::try_from(stored)
            .unwrap_or(usize::MAX)
            .min(run.length);
        self.inner.read(run.offset, &mut units[..stored])?;
        self.cipher.decrypt(run.offset, &mut units);
        Ok(units)
    }
}

/// The whole units around a run of bytes.
struct Units {
    offset: u64,
    length: usize,
    /// Where the run starts in them.
    skip: usize,
}

impl Units {
    /// `None` if the run consists of whole units itself.
    fn around(offset: u64, length: usize) -> Option<Self> {
        let unit = UNIT_BYTES as u64;
        let (start, end) = (offset / unit * unit, offset + length as u64);
        let whole = start == offset && end.is_multiple_of(unit);
        (!whole).then(|| Self {
            offset: start,
            length: (end.next_multiple_of(unit) - start) as usize,
            skip: (offset - start) as usize,
        })
    }
}

impl<B: StorageBackend> StorageBackend for EncryptedBackend<B> {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let Some(units) = Units::around(offset, out.len()) else {
            return self.read_units(offset, out);
        };
        if offset + out.len() as u64 > self.inner.len()? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let around = self.read_around(&units)?;
        out.copy_from_slice(&around[units.skip..units.skip + out.len()]);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.inner.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let Some(units) = Units::around(offset, data.len()) else {
            return self.write_units(offset, data);
        };
        let _one = self.unaligned.lock();
        let mut around = self.read_around(&units)?;
        around[units.skip..units.skip + data.len()].copy_from_slice(data);
        self.cipher.encrypt(units.offset, &mut around);
        self.inner.write(units.offset, &around)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }
}
