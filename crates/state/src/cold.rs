//! Reads that have to wait for the disk, told from those that the system answers from memory.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs a read that has to wait for the disk. It must call what it is given once, and may first see to it that others go on
/// without this thread: a thread that serves many requests would keep all of them.
#[derive(Clone)]
pub struct ColdReads(Arc<Run>);

type Run = dyn Fn(&mut dyn FnMut()) + Send + Sync;

impl ColdReads {
    /// With what runs them.
    pub fn new(run: impl Fn(&mut dyn FnMut()) + Send + Sync + 'static) -> Self {
        Self(Arc::new(run))
    }
}

impl fmt::Debug for ColdReads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ColdReads")
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
    pub(crate) fn read_exact(&self, file: &File, out: &mut [u8], offset: u64) -> io::Result<()> {
        let Some(cold) = self.cold.as_ref().filter(|_| !self.is_untold()) else {
            return file.read_exact_at(out, offset);
        };
        let warm = self.read_warm(file, out, offset);
        if warm == out.len() {
            return Ok(());
        }
        // What was handed in may be wrong; then the buffer holds no page.
        let mut read = Err(io::Error::other(
            "a read that waits for the disk was not run",
        ));
        let rest = &mut out[warm..];
        (cold.0)(&mut || read = file.read_exact_at(rest, offset + warm as u64));
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
