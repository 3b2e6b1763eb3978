//! Room on the disk. redb gives up for good when a write that it needs fails, so the store looks for room before it
//! begins something that writes, and a write that finds none nevertheless waits and is tried again.

use std::fs::File;
use std::io;
use std::ops::Bound;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ThreadId;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use redb::{BackendError, StorageBackend};

use crate::StateError;

/// Time between two looks for room.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// What a file system counts `st_blocks` in.
const BLOCK_BYTES: u64 = 512;
/// Room beyond what the file is known to lack: for its growth and the file system's own needs.
const SLACK_BYTES: u64 = 1 << 20;

/// What there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Free bytes of the disk.
    pub free_bytes: u64,
    /// Bytes of the file that have no place on the disk yet: writing them takes from the free ones.
    pub unplaced_bytes: u64,
}

/// Tells what room there is below a store. Its [`StorageBackend`] cannot: layers such as encryption lie between.
pub trait Space: Send + Sync {
    /// The room there is now.
    ///
    /// # Errors
    /// What the system says.
    fn look(&self) -> io::Result<Room>;

    /// Says that nobody is about to read a stretch of the file, so that the system's page cache needs not keep it.
    /// A hint: nothing has to come of it.
    fn leave_page_cache(&self, _offset: u64, _length: u64) {}

    /// Says that the file is read in small pieces at random, so that the system does not read on behind them. A hint.
    fn expect_random_reads(&self) {}
}

/// The space of a file.
#[derive(Debug)]
pub(crate) struct FileSpace {
    pub(crate) file: File,
}

#[cfg(target_os = "linux")]
impl FileSpace {
    fn advise(&self, offset: u64, length: u64, advice: rustix::fs::Advice) {
        let length = std::num::NonZeroU64::new(length);
        if let Err(error) = rustix::fs::fadvise(&self.file, offset, length, advice) {
            tracing::debug!(%error, ?advice, "the system takes no advice on the state's file");
        }
    }
}

impl Space for FileSpace {
    fn look(&self) -> io::Result<Room> {
        let disk = rustix::fs::fstatvfs(&self.file)?;
        let file = self.file.metadata()?;
        let placed_bytes = file.blocks().saturating_mul(BLOCK_BYTES);
        Ok(Room {
            free_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
            unplaced_bytes: file.len().saturating_sub(placed_bytes),
        })
    }

    #[cfg(target_os = "linux")]
    fn leave_page_cache(&self, offset: u64, length: u64) {
        self.advise(offset, length, rustix::fs::Advice::DontNeed);
    }

    #[cfg(target_os = "linux")]
    fn expect_random_reads(&self) {
        // Of the whole file, also as it grows.
        self.advise(0, 0, rustix::fs::Advice::Random);
    }
}

/// Tells what a store may have to write, of a disk with this room.
type Needs = dyn Fn(&Room) -> u64 + Send + Sync;

/// Who may wait for room, and why anybody does.
#[derive(Default)]
pub(crate) struct Patience {
    space: Option<Arc<dyn Space>>,
    /// Bytes that the store may have to write at once and that have no place yet.
    needs: Option<Box<Needs>>,
    /// Nothing is written any more.
    abandoned: AtomicBool,
    /// Whether `state` has a reason; a look at it costs nothing.
    none: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waits: bool,
    /// The thread that writes because it must. Readers write too, to make room in the cache; to them a failure
    /// does no harm, and they must not be kept.
    writer: Option<ThreadId>,
    /// Why a write is held.
    held: Option<String>,
    /// Why nothing is begun.
    low: Option<String>,
}

impl std::fmt::Debug for Patience {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Patience").finish_non_exhaustive()
    }
}

impl Patience {
    pub(crate) fn new(
        space: Option<Arc<dyn Space>>,
        needs: impl Fn(&Room) -> u64 + Send + Sync + 'static,
    ) -> Self {
        Self {
            space,
            needs: Some(Box::new(needs)),
            ..Self::default()
        }
    }

    pub(crate) fn set_waits(&self, waits: bool) {
        self.state.lock().waits = waits;
        self.changed.notify_all();
    }

    /// Whether writes wait for room, as they do once a start is over.
    pub(crate) fn waits(&self) -> bool {
        self.state.lock().waits
    }

    pub(crate) fn reason(&self) -> Option<String> {
        if !self.none.load(Ordering::Acquire) {
            return None;
        }
        let state = self.state.lock();
        state.held.clone().or_else(|| state.low.clone())
    }

    /// Free bytes of the disk, if it tells.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        let room = self.space.as_ref()?.look().ok()?;
        Some(room.free_bytes)
    }

    /// Looks whether everything that may have to be written fits.
    pub(crate) fn look(&self) -> Result<(), StateError> {
        let Some(space) = &self.space else {
            return Ok(());
        };
        // A disk that does not tell is taken to have room; it refuses when it has none.
        let Ok(room) = space.look() else {
            return Ok(());
        };
        let needed_bytes = self.needs.as_ref().map_or(0, |needs| needs(&room)) + SLACK_BYTES;
        if room.free_bytes >= needed_bytes {
            self.change(|state| state.low = None);
            return Ok(());
        }
        let error = StateError::NoRoom {
            needed_bytes,
            free_bytes: room.free_bytes,
        };
        self.change(|state| state.low = Some(error.to_string()));
        Err(error)
    }

    /// Looks again and again; gives up when nobody is to wait.
    pub(crate) fn wait(&self) {
        while self.look().is_err() && self.pause() {}
    }

    /// Lets this thread wait for room while it does something.
    pub(crate) fn writing<T>(&self, write: impl FnOnce() -> T) -> T {
        self.state.lock().writer = Some(std::thread::current().id());
        let written = write();
        self.state.lock().writer = None;
        written
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        let had = state.held.is_some() || state.low.is_some();
        change(&mut state);
        let reason = state.held.as_ref().or(state.low.as_ref());
        self.none.store(reason.is_some(), Ordering::Release);
        match reason {
            Some(reason) if !had => {
                tracing::error!(%reason, "disk full: writes are refused until there is room");
            }
            None if had => tracing::warn!("the state store has room again"),
            _ => {}
        }
    }

    /// Waits until it is time for another look; false when nobody is to wait.
    fn pause(&self) -> bool {
        let mut state = self.state.lock();
        if state.waits {
            self.changed.wait_for(&mut state, LOOK_INTERVAL);
        }
        state.waits
    }

    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
        self.set_waits(false);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    fn check_abandoned(&self) -> io::Result<()> {
        match self.abandoned.load(Ordering::Acquire) {
            true => Err(io::Error::other("the store was abandoned")),
            false => Ok(()),
        }
    }

    fn is_writer(&self) -> bool {
        self.state.lock().writer == Some(std::thread::current().id())
    }

    fn retry(&self, mut attempt: impl FnMut() -> io::Result<()>) -> io::Result<()> {
        let mut held = false;
        let done = loop {
            let error = match self.check_abandoned().and_then(|()| attempt()) {
                Err(error) if is_no_room(&error) && self.is_writer() => error,
                done => break done,
            };
            held = true;
            self.change(|state| state.held = Some(format!("the state file: {error}")));
            if !self.pause() {
                break Err(error);
            }
        };
        if held {
            self.change(|state| state.held = None);
        }
        done
    }
}

pub(crate) fn is_no_room(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// A backend whose writer waits for room, and that can be abandoned. What it writes again is the same at the same place.
#[derive(Debug)]
pub(crate) struct Waiting<B> {
    inner: B,
    patience: Arc<Patience>,
}

impl<B> Waiting<B> {
    pub(crate) fn new(inner: B, patience: Arc<Patience>) -> Self {
        Self { inner, patience }
    }
}

impl<B: StorageBackend> StorageBackend for Waiting<B> {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.patience.retry(|| self.inner.set_len(length))
    }

    // A sync that fails for lack of room is a failed sync: what it was to make safe may be gone.
    fn sync_data(&self) -> io::Result<()> {
        self.patience.check_abandoned()?;
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.patience.retry(|| self.inner.write(offset, data))
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
