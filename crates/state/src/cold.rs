//! Reads that have to wait for the disk, told from those that the system answers from memory.

use std::cell::RefCell;
use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What becomes of reads that have to wait for the disk: a thread that serves many requests would keep all of them.
#[derive(Clone)]
pub struct ColdReads {
    run: Arc<Run>,
    begin: Option<Arc<Begin>>,
}

type Run = dyn Fn(&mut dyn FnMut()) + Send + Sync;
type Begin = dyn Fn(&Arc<File>, u64, usize) -> Option<ColdRead> + Send + Sync;

impl ColdReads {
    /// With what runs a read that a thread waits for. It must call what it is given once, and may first see to it that
    /// others go on without this thread.
    pub fn new(run: impl Fn(&mut dyn FnMut()) + Send + Sync + 'static) -> Self {
        Self {
            run: Arc::new(run),
            begin: None,
        }
    }

    /// With what begins to bring so many bytes of a file, from an offset on, into the system's memory, for those who can wait
    /// without a thread; `None` if it can't now.
    #[must_use]
    pub fn beginning_with(
        self,
        begin: impl Fn(&Arc<File>, u64, usize) -> Option<ColdRead> + Send + Sync + 'static,
    ) -> Self {
        Self {
            begin: Some(Arc::new(begin)),
            ..self
        }
    }

    /// Those that a thread waits for, alone.
    pub(crate) fn run_alone(self) -> Self {
        Self {
            begin: None,
            ..self
        }
    }
}

impl fmt::Debug for ColdReads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ColdReads")
    }
}

/// Reads that were begun.
pub struct ColdRead(Vec<Pin<Box<dyn Future<Output = bool> + Send>>>);

impl ColdRead {
    /// Waits for `read`, which tells whether the system has it in its memory then.
    pub fn new(read: impl Future<Output = bool> + Send + 'static) -> Self {
        Self(vec![Box::pin(read)])
    }

    /// Waits for all of it. If it is false, something can't be brought into memory so, and whoever reads it with
    /// [`Snapshot::get`](crate::Snapshot::get) is told why.
    pub async fn wait(self) -> bool {
        let mut is_there = true;
        for read in self.0 {
            is_there &= read.await;
        }
        is_there
    }
}

impl fmt::Debug for ColdRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ColdRead of {}", self.0.len())
    }
}

thread_local! {
    /// What was begun while this thread does not wait; `None` while it does. Not handed down, since redb's trait of
    /// storage, which lies between, has no place for it.
    static BEGUN: RefCell<Option<ColdRead>> = const { RefCell::new(None) };
}

/// Runs `look`, whose reads don't wait for the disk if they can be begun instead: then what it gives means nothing, and what
/// to wait for before it is run again is told.
pub(crate) fn without_waiting<T>(look: impl FnOnce() -> T) -> (T, Option<ColdRead>) {
    /// Also after a panic: other reads of the thread wait as ever.
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            BEGUN.take();
        }
    }
    let _end = End;
    BEGUN.set(Some(ColdRead(Vec::new())));
    let seen = look();
    let begun = BEGUN.take().filter(|begun| !begun.0.is_empty());
    (seen, begun)
}

/// Whether a read was begun by what this thread does and does not wait for.
pub(crate) fn has_begun() -> bool {
    BEGUN.with_borrow(|begun| begun.as_ref().is_some_and(|begun| !begun.0.is_empty()))
}

impl ColdReads {
    /// Begins a read for a thread that does not wait, if it is one and that can be.
    fn begins(&self, file: &Arc<File>, offset: u64, length: usize) -> bool {
        let Some(begin) = &self.begin else {
            return false;
        };
        BEGUN.with_borrow_mut(|begun| {
            let Some(begun) = begun else { return false };
            let read = begin(file, offset, length);
            read.map(|read| begun.0.extend(read.0)).is_some()
        })
    }
}

/// Reads of one file.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    cold: Option<ColdReads>,
    /// The file system can't tell what is in memory.
    untold: AtomicBool,
}

impl Reads {
    pub(crate) fn new(cold: Option<ColdReads>) -> Self {
        Self {
            cold,
            untold: AtomicBool::new(false),
        }
    }

    /// Fills `out` from `offset` on.
    pub(crate) fn read_exact(
        &self,
        file: &Arc<File>,
        out: &mut [u8],
        offset: u64,
    ) -> io::Result<()> {
        let Some(cold) = self.cold.as_ref().filter(|_| !self.is_untold()) else {
            return file.read_exact_at(out, offset);
        };
        let warm = self.read_warm(file, out, offset);
        if warm == out.len() {
            return Ok(());
        }
        if cold.begins(file, offset + warm as u64, out.len() - warm) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // What was handed in may be wrong; then the buffer holds no page.
        let mut read = Err(io::Error::other(
            "a read that waits for the disk was not run",
        ));
        let rest = &mut out[warm..];
        (cold.run)(&mut || read = file.read_exact_at(rest, offset + warm as u64));
        read
    }

    fn is_untold(&self) -> bool {
        self.untold.load(Ordering::Relaxed)
    }

    /// Reads what is in memory from `offset` on, without waiting; gives its length.
    #[cfg(target_os = "linux")]
    fn read_warm(&self, file: &File, out: &mut [u8], offset: u64) -> usize {
        use rustix::io::{Errno, ReadWriteFlags};
        let mut part = [io::IoSliceMut::new(out)];
        match rustix::io::preadv2(file, &mut part, offset, ReadWriteFlags::NOWAIT) {
            Ok(read) => read,
            Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => {
                self.untold.store(true, Ordering::Relaxed);
                0
            }
            // It would wait, or fail, which the read that follows will tell.
            Err(_) => 0,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn read_warm(&self, _: &File, _: &mut [u8], _: u64) -> usize {
        self.untold.store(true, Ordering::Relaxed);
        0
    }
}

#[cfg(test)]
mod tests;
