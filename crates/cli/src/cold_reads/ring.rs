//! Reads that nobody's thread waits for (`io_uring`): they are begun with one system call, and the ring's file becomes
//! readable when any has ended, as a connection's does.
//!
//! What is read goes nowhere: the point is that the system has it in its memory then.

#![expect(
    unsafe_code,
    reason = "the kernel takes a buffer by its address; see `Ring::begin`"
)]

use io_uring::{IoUring, opcode, types};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;

/// Reads that are under way at a time: what takes a disk to its limit, and no more than the kernel keeps answers for.
const READS_MAX: usize = 128;
/// The longest read, above a block with one item of 400 KB.
const READ_BYTES_MAX: usize = 512 << 10;

/// Where reads are handed to the kernel.
pub(super) struct Ring(Mutex<Reads>);

struct Reads {
    ring: IoUring,
    /// Those that are under way, at the places that the kernel's answers name.
    places: Vec<Option<Reading>>,
    free: Vec<usize>,
    /// Where the kernel puts what it reads, all of it at once. It is never freed, and never read.
    nowhere: *mut u8,
    /// The kernel did not take a read: it may still find it in the ring.
    has_failed: bool,
}

// SAFETY: `nowhere` is an address that only the kernel uses.
unsafe impl Send for Reads {}

struct Reading {
    done: oneshot::Sender<()>,
    /// Open for as long as the kernel may read it.
    _file: Arc<File>,
}

impl Ring {
    /// A ring, and a task that tells of reads that have ended.
    ///
    /// # Errors
    /// What the system says, which may forbid it.
    pub(super) fn start() -> io::Result<Arc<Self>> {
        let entries = READS_MAX as u32;
        // Whoever runs is not interrupted for an answer; kernels before 5.19 don't know of that.
        let polite = IoUring::builder().setup_coop_taskrun().build(entries);
        let ring = polite.or_else(|_| IoUring::new(entries))?;
        // SAFETY: the ring is open.
        let answers = unsafe { BorrowedFd::borrow_raw(ring.as_raw_fd()) }.try_clone_to_owned()?;
        let nowhere = Box::leak(vec![0; READ_BYTES_MAX].into_boxed_slice()).as_mut_ptr();
        let started = Arc::new(Self(Mutex::new(Reads {
            ring,
            places: (0..READS_MAX).map(|_| None).collect(),
            free: (0..READS_MAX).collect(),
            nowhere,
            has_failed: false,
        })));
        // SAFETY: an owned file descriptor is the same for as long as it lives.
        let answers = unsafe { AsyncFd::register_with_interest(answers, Interest::READABLE)? };
        let told = started.clone();
        tokio::spawn(async move {
            while let Ok(mut ready) = answers.readable().await {
                ready.clear_ready();
                told.tell();
            }
        });
        Ok(started)
    }

    /// Begins to read so many bytes of a file; `None` if that can't be now. What is given ends when the read does, however
    /// it ended.
    pub(super) fn begin(
        &self,
        file: &Arc<File>,
        offset: u64,
        length: usize,
    ) -> Option<oneshot::Receiver<()>> {
        let mut reads = self.lock();
        if length > READ_BYTES_MAX || reads.has_failed {
            return None;
        }
        let place = reads.free.pop()?;
        let (done, ended) = oneshot::channel();
        let read = opcode::Read::new(types::Fd(file.as_raw_fd()), reads.nowhere, length as u32)
            .offset(offset)
            .build()
            .user_data(place as u64);
        reads.places[place] = Some(Reading {
            done,
            _file: file.clone(),
        });
        // SAFETY: the buffer is as long as any read, lives for ever, and is nobody's but the kernel's; the file stays open
        // until the kernel has answered.
        let taken = unsafe { reads.ring.submission().push(&read) };
        let begun = taken
            .map_err(io::Error::other)
            .and_then(|()| reads.ring.submit());
        if let Err(error) = begun {
            tracing::warn!(%error, "reads that wait for the disk take threads from now on");
            reads.has_failed = true;
            return None;
        }
        Some(ended)
    }

    /// Tells those who wait for reads that have ended.
    fn tell(&self) {
        let mut ended = Vec::new();
        {
            let reads = &mut *self.lock();
            for answer in reads.ring.completion() {
                let place = answer.user_data() as usize;
                if let Some(reading) = reads.places.get_mut(place).and_then(Option::take) {
                    reads.free.push(place);
                    ended.push(reading);
                }
            }
        }
        for reading in ended {
            // Whoever waited may be gone.
            let _gone = reading.done.send(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Reads> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::FileExt;

    const BYTES: usize = 4 << 20;
    const PAGE_BYTES: u64 = 4096;

    fn file() -> Arc<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7; BYTES]).unwrap();
        file.sync_all().unwrap();
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random).unwrap();
        Arc::new(file)
    }

    fn is_in_memory(file: &File, offset: u64) -> bool {
        let mut page = [0; 1];
        let mut parts = [io::IoSliceMut::new(&mut page)];
        let flags = rustix::io::ReadWriteFlags::NOWAIT;
        rustix::io::preadv2(file, &mut parts, offset, flags).is_ok_and(|read| read == 1)
    }

    #[tokio::test]
    async fn what_was_read_is_in_memory_and_more_reads_than_there_are_places_are_not_begun() {
        let (ring, file) = (Ring::start().unwrap(), file());
        let mut reads = Vec::new();
        let mut refused = 0;
        for page in 0..READS_MAX as u64 + 20 {
            match ring.begin(&file, page * PAGE_BYTES, PAGE_BYTES as usize) {
                Some(read) => reads.push((page, read)),
                None => refused += 1,
            }
        }
        // Nobody has told of any that ended: there is one thread, and it has been here.
        assert_eq!((reads.len(), refused), (READS_MAX, 20));
        for (page, read) in reads {
            read.await.unwrap();
            assert!(is_in_memory(&file, page * PAGE_BYTES), "page {page}");
        }
        let again = ring.begin(&file, 0, READ_BYTES_MAX);
        again.expect("places are free again").await.unwrap();
        assert!(ring.begin(&file, 0, READ_BYTES_MAX + 1).is_none());
        let mut byte = [0];
        file.read_exact_at(&mut byte, 0).unwrap();
        assert_eq!(byte, [7]);
    }

    #[tokio::test]
    async fn a_read_that_fails_ends_and_one_that_nobody_waits_for_does_no_harm() {
        let (ring, file) = (Ring::start().unwrap(), file());
        drop(ring.begin(&file, 0, 4096).unwrap());
        let beyond = ring.begin(&file, 1 << 40, 4096).unwrap();
        beyond.await.unwrap();
        let folder = Arc::new(File::open("/").unwrap());
        let failed = ring.begin(&folder, 0, 4096).unwrap();
        failed.await.unwrap();
        let read = ring.begin(&file, 8192, 4096).unwrap();
        read.await.unwrap();
        assert!(is_in_memory(&file, 8192));
    }
}
