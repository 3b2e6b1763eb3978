//! A backend over one that must not change: what redb writes, which it does by opening already, stays in memory.

use parking_lot::Mutex;
use redb::StorageBackend;
use std::collections::BTreeMap;
use std::io;

const PAGE_BYTES: u64 = 4096;

/// Reads from `inner`, and from memory what was written since. Opening and repairing write little: the header
/// and the state of the allocator.
#[derive(Debug)]
pub(crate) struct WritesInMemory<B> {
    inner: B,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    length: u64,
    /// Bytes of `inner` that still count; those behind were cut off once.
    below_bytes: u64,
    /// By number.
    pages: BTreeMap<u64, Box<[u8]>>,
}

impl<B: StorageBackend> WritesInMemory<B> {
    pub(crate) fn new(inner: B) -> io::Result<Self> {
        let length = inner.len()?;
        let written = Mutex::new(Written {
            length,
            below_bytes: length,
            pages: BTreeMap::new(),
        });
        Ok(Self { inner, written })
    }

    /// Visits the parts of a range, page by page: the page, where in it, and where in the range.
    fn parts(
        offset: u64,
        length: usize,
    ) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
        let mut done = 0;
        std::iter::from_fn(move || {
            if done >= length {
                return None;
            }
            let at = offset + done as u64;
            let inside = (at % PAGE_BYTES) as usize;
            let part = (PAGE_BYTES as usize - inside).min(length - done);
            let range = done..done + part;
            done += part;
            Some((at / PAGE_BYTES, inside, range))
        })
    }

    /// Bytes of `inner` at `offset`, with zeros where it has none.
    fn below(&self, below_bytes: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = below_bytes.saturating_sub(offset).min(out.len() as u64) as usize;
        let (read, rest) = out.split_at_mut(there);
        rest.fill(0);
        if read.is_empty() {
            return Ok(());
        }
        self.inner.read(offset, read)
    }
}

impl<B: StorageBackend> StorageBackend for WritesInMemory<B> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written.lock().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written.lock();
        if offset.saturating_add(out.len() as u64) > written.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.below(written.below_bytes, offset, out)?;
        for (number, inside, range) in Self::parts(offset, out.len()) {
            if let Some(page) = written.pages.get(&number) {
                let length = range.len();
                out[range].copy_from_slice(&page[inside..inside + length]);
            }
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut written = self.written.lock();
        written.length = length;
        written.below_bytes = written.below_bytes.min(length);
        let (last, inside) = (length / PAGE_BYTES, (length % PAGE_BYTES) as usize);
        written.pages.retain(|number, _| *number <= last);
        if let Some(page) = written.pages.get_mut(&last) {
            page[inside..].fill(0);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = self.written.lock();
        let below_bytes = written.below_bytes;
        for (number, inside, range) in Self::parts(offset, data.len()) {
            let mut page = match written.pages.remove(&number) {
                Some(page) => page,
                None => {
                    let mut page = vec![0; PAGE_BYTES as usize];
                    // A whole one can be written where nothing can be read.
                    if range.len() < page.len() {
                        self.below(below_bytes, number * PAGE_BYTES, &mut page)?;
                    }
                    page.into_boxed_slice()
                }
            };
            page[inside..inside + range.len()].copy_from_slice(&data[range]);
            written.pages.insert(number, page);
        }
        written.length = written.length.max(offset + data.len() as u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::backends::InMemoryBackend;

    /// Against a backend that is written to, with the one below looked at afterwards.
    #[test]
    fn reads_what_was_written_and_leaves_the_backend_below_alone() {
        let (below, plain) = (InMemoryBackend::new(), InMemoryBackend::new());
        let start: Vec<u8> = (0..10_000_u32).map(|at| at as u8).collect();
        for backend in [&below, &plain] {
            backend.set_len(10_000).unwrap();
            backend.write(0, &start).unwrap();
        }
        let over = WritesInMemory::new(below).unwrap();
        let both: [&dyn StorageBackend; 2] = [&over, &plain];
        let compare = || {
            let [a, b] = both.map(|backend| {
                let mut all = vec![1; backend.len().unwrap() as usize];
                backend.read(0, &mut all).unwrap();
                all
            });
            assert!(a == b);
        };
        let steps: [(Option<u64>, u64, usize); 6] = [
            (None, 4_000, 5_000),
            (Some(20_000), 15_000, 3_000),
            (Some(6_000), 10, 1),
            (Some(12_000), 11_000, 900),
            (Some(100), 0, 100),
            (Some(9_000), 8_191, 2),
        ];
        for (length, offset, bytes) in steps {
            for backend in both {
                if let Some(length) = length {
                    backend.set_len(length).unwrap();
                }
                backend.write(offset, &vec![0xee; bytes]).unwrap();
            }
            compare();
        }
        let mut all = vec![0; 10_000];
        over.inner.read(0, &mut all).unwrap();
        assert_eq!(all, start);
    }
}
