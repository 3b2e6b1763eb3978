//! Reads that nobody's thread waits for (`io_uring`): they are begun with one system call, and the ring's file becomes
//! readable when any has ended, as a connection's does.
//!
//! What is read goes nowhere: the point is that the system has it in its memory then.
//!
//! The system call may take long for the thread that makes it: a queue of the disk may be full. So there are a few rings, whoever
//! finds one taken tries the next, and nobody waits for any.

#![expect(
    unsafe_code,
    reason = "the kernel takes a buffer by its address; see `Ring::begin`"
)]

use io_uring::{IoUring, opcode, types};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;

const RINGS: usize = 4;
/// Reads of a ring that are under way at a time: together what takes a disk to its limit, and no more than the kernel keeps
/// answers for.
const READS_MAX: usize = 32;
/// The longest read, above a block with one item of 400 KB.
const READ_BYTES_MAX: usize = 512 << 10;

/// Where reads are handed to the kernel.
pub(super) struct Rings {
    rings: Vec<Arc<Ring>>,
    next: AtomicUsize,
}

impl Rings {
    /// Rings, and tasks that tell of reads that have ended.
    ///
    /// # Errors
    /// What the system says, which may forbid it.
    pub(super) fn start() -> io::Result<Self> {
        let nowhere = Box::leak(vec![0; READ_BYTES_MAX].into_boxed_slice()).as_mut_ptr();
        let rings = (0..RINGS).map(|_| Ring::start(nowhere));
        Ok(Self {
            rings: rings.collect::<io::Result<_>>()?,
            next: AtomicUsize::new(0),
        })
    }

    /// Begins to read so many bytes of a file; `None` if that can't be now. What is given ends when the read does, and tells
    /// whether it gave anything.
    pub(super) fn begin(
        &self,
        file: &Arc<File>,
        offset: u64,
        length: usize,
    ) -> Option<oneshot::Receiver<bool>> {
        if length > READ_BYTES_MAX {
            return None;
        }
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        (first..first + RINGS)
            .find_map(|index| self.rings[index % RINGS].begin(file, offset, length))
    }
}

struct Ring {
    reads: Mutex<Reads>,
    /// There were answers while somebody else had the ring.
    has_answers: AtomicBool,
}

struct Reads {
    ring: IoUring,
    /// Those that are under way, at the places that the kernel's answers name.
    places: Vec<Option<Reading>>,
    free: Vec<usize>,
    /// Where the kernel puts what it reads, all of it at once. It is never freed, and never read.
    nowhere: *mut u8,
    /// The kernel takes no such reads.
    is_off: bool,
}

// SAFETY: `nowhere` is an address that only the kernel uses.
unsafe impl Send for Reads {}

struct Reading {
    done: oneshot::Sender<bool>,
    /// Open for as long as the kernel may read it.
    _file: Arc<File>,
}

impl Ring {
    fn start(nowhere: *mut u8) -> io::Result<Arc<Self>> {
        let entries = READS_MAX as u32;
        // Whoever runs is not interrupted for an answer; kernels before 5.19 don't know of that.
        let polite = IoUring::builder().setup_coop_taskrun().build(entries);
        let ring = polite.or_else(|_| IoUring::new(entries))?;
        // SAFETY: the ring is open.
        let answers = unsafe { BorrowedFd::borrow_raw(ring.as_raw_fd()) }.try_clone_to_owned()?;
        // SAFETY: an owned file descriptor is the same for as long as it lives.
        let answers = unsafe { AsyncFd::register_with_interest(answers, Interest::READABLE)? };
        let started = Arc::new(Self {
            reads: Mutex::new(Reads {
                ring,
                places: (0..READS_MAX).map(|_| None).collect(),
                free: (0..READS_MAX).collect(),
                nowhere,
                is_off: false,
            }),
            has_answers: AtomicBool::new(false),
        });
        let told = started.clone();
        tokio::spawn(async move {
            while let Ok(mut ready) = answers.readable().await {
                ready.clear_ready();
                told.has_answers.store(true, Ordering::SeqCst);
                told.tell();
            }
        });
        Ok(started)
    }

    fn begin(
        &self,
        file: &Arc<File>,
        offset: u64,
        length: usize,
    ) -> Option<oneshot::Receiver<bool>> {
        let begun = self.reads_if_free()?.begin(file, offset, length);
        // Whoever came to tell meanwhile did not wait.
        self.tell();
        begun
    }

    /// Tells those who wait for reads that have ended, unless somebody else has the ring, who does so then.
    fn tell(&self) {
        while self.has_answers.load(Ordering::SeqCst) {
            let Some(mut reads) = self.reads_if_free() else {
                return;
            };
            self.has_answers.store(false, Ordering::SeqCst);
            let ended = reads.take_ended();
            drop(reads);
            for (reading, has_read) in ended {
                // Whoever waited may be gone.
                let _gone = reading.done.send(has_read);
            }
        }
    }

    fn reads_if_free(&self) -> Option<MutexGuard<'_, Reads>> {
        match self.reads.try_lock() {
            Ok(reads) => Some(reads),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Reads {
    fn begin(
        &mut self,
        file: &Arc<File>,
        offset: u64,
        length: usize,
    ) -> Option<oneshot::Receiver<bool>> {
        if self.is_off {
            return None;
        }
        let place = self.free.pop()?;
        let (done, ended) = oneshot::channel();
        let read = opcode::Read::new(types::Fd(file.as_raw_fd()), self.nowhere, length as u32)
            .offset(offset)
            .build()
            .user_data(place as u64);
        self.places[place] = Some(Reading {
            done,
            _file: file.clone(),
        });
        // SAFETY: the buffer is as long as any read, lives for ever, and is nobody's but the kernel's; the file stays open
        // until the kernel has answered.
        let taken = unsafe { self.ring.submission().push(&read) };
        let begun = taken.map_err(io::Error::other);
        if let Err(error) = begun.and_then(|()| self.ring.submit()) {
            // The kernel may still find it in the ring, with the next one, so it keeps its place.
            use io::ErrorKind::{Interrupted, OutOfMemory, ResourceBusy, WouldBlock};
            let passes = [Interrupted, OutOfMemory, ResourceBusy, WouldBlock];
            if !passes.contains(&error.kind()) {
                self.turn_off(&error);
            }
            return None;
        }
        Some(ended)
    }

    /// Those that have ended, and whether they gave anything.
    fn take_ended(&mut self) -> Vec<(Reading, bool)> {
        let mut ended = Vec::new();
        let mut refused = None;
        for answer in self.ring.completion() {
            let place = answer.user_data() as usize;
            let result = answer.result();
            if [INVALID, NOT_SUPPORTED].contains(&result) {
                refused = Some(io::Error::from_raw_os_error(-result));
            }
            if let Some(reading) = self.places.get_mut(place).and_then(Option::take) {
                self.free.push(place);
                ended.push((reading, result > 0));
            }
        }
        if let Some(error) = refused {
            self.turn_off(&error);
        }
        ended
    }

    fn turn_off(&mut self, error: &io::Error) {
        if !self.is_off {
            tracing::warn!(%error, "the system begins no reads; those that wait for the disk take threads");
        }
        self.is_off = true;
    }
}

/// Answers of kernels that have no such reads, or of files that can't be read so.
const INVALID: i32 = -rustix::io::Errno::INVAL.raw_os_error();
const NOT_SUPPORTED: i32 = -rustix::io::Errno::OPNOTSUPP.raw_os_error();

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
        let (rings, file) = (Rings::start().unwrap(), file());
        let all = RINGS * READS_MAX;
        let (mut reads, mut refused) = (Vec::new(), 0);
        for page in 0..all as u64 + 20 {
            match rings.begin(&file, page * PAGE_BYTES, PAGE_BYTES as usize) {
                Some(read) => reads.push((page, read)),
                None => refused += 1,
            }
        }
        // Nobody has told of any that ended: there is one thread, and it has been here.
        assert_eq!((reads.len(), refused), (all, 20));
        for (page, read) in reads {
            assert!(read.await.unwrap());
            assert!(is_in_memory(&file, page * PAGE_BYTES), "page {page}");
        }
        let again = rings.begin(&file, 0, READ_BYTES_MAX);
        assert!(again.expect("places are free again").await.unwrap());
        assert!(rings.begin(&file, 0, READ_BYTES_MAX + 1).is_none());
        let mut byte = [0];
        file.read_exact_at(&mut byte, 0).unwrap();
        assert_eq!(byte, [7]);
    }

    #[tokio::test]
    async fn a_read_that_fails_ends_and_one_that_nobody_waits_for_does_no_harm() {
        let (rings, file) = (Rings::start().unwrap(), file());
        drop(rings.begin(&file, 0, 4096).unwrap());
        let beyond = rings.begin(&file, 1 << 40, 4096).unwrap();
        assert!(!beyond.await.unwrap(), "there is nothing");
        let folder = Arc::new(File::open("/").unwrap());
        let failed = rings.begin(&folder, 0, 4096).unwrap();
        assert!(!failed.await.unwrap());
        let read = rings.begin(&file, 8192, 4096).unwrap();
        assert!(read.await.unwrap());
        assert!(is_in_memory(&file, 8192));
    }
}
