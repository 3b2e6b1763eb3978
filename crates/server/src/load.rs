//! Load: what is under way, and whether there is room for more.
//!
//! A request that would wait too long is refused at once with an error that clients try again, so that those
//! that are taken are answered in time. Four things say that there is no room: too many writes at once, a log
//! that no longer becomes durable, processors that come to new work too late, and replies that nobody reads.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use headwater_operations::Api;
use headwater_wire::Operation;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Time between two looks at the processors and the log.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Replies up to this size are not counted; their number is bounded by that of connections.
const SMALL_REPLY_BYTES_MAX: usize = 4 * 1024;

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// As many writes as may be are under way.
    Writes,
    /// Writes have waited too long for the disk.
    Log,
    /// New work waits too long for a processor.
    Processors,
    /// Replies that are not sent yet take as much memory as they may.
    Replies,
    /// Bodies take as much memory as they may.
    Bodies,
}

impl Full {
    /// All of them, as metrics name them.
    pub(crate) const ALL: [(Full, &str); 5] = [
        (Full::Writes, "writes"),
        (Full::Log, "log"),
        (Full::Processors, "processors"),
        (Full::Replies, "replies"),
        (Full::Bodies, "bodies"),
    ];
}

/// Bounds of what may be under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadLimits {
    pub(crate) writes_max: usize,
    pub(crate) replies_bytes_max: usize,
    pub(crate) wait_max: Duration,
}

/// A part of what may be under way; given back when it is dropped.
pub(crate) struct Place {
    _write: Option<OwnedSemaphorePermit>,
}

pub(crate) struct Load {
    limits: LoadLimits,
    writes: Arc<Semaphore>,
    reply_bytes: Arc<AtomicUsize>,
    seen: Arc<Seen>,
    refused: [AtomicU64; Full::ALL.len()],
    /// Ends the looks when it is dropped.
    _looks: Option<Sender<()>>,
}

/// What the last look saw, in looks.
#[derive(Default)]
struct Seen {
    /// For how many new work has waited for a processor.
    processors_late: AtomicU64,
    /// For how many nothing has become durable though something waits.
    log_late: AtomicU64,
}

impl Load {
    /// Starts to look at processors and log; within a runtime.
    pub(crate) fn new(limits: LoadLimits, api: &Arc<Api>) -> Self {
        let seen = Arc::new(Seen::default());
        Load {
            writes: Arc::new(Semaphore::new(limits.writes_max)),
            reply_bytes: Arc::default(),
            refused: Default::default(),
            _looks: look(seen.clone(), Arc::downgrade(api)),
            seen,
            limits,
        }
    }

    /// Takes a place for an operation, or says why there is none.
    pub(crate) fn enter(&self, operation: Operation) -> Result<Place, Full> {
        self.room()?;
        if is_read(operation) {
            return Ok(Place { _write: None });
        }
        if self.is_late(&self.seen.log_late) {
            return Err(self.refuse(Full::Log));
        }
        let place = self.writes.clone().try_acquire_owned();
        let place = place.map_err(|_| self.refuse(Full::Writes))?;
        Ok(Place {
            _write: Some(place),
        })
    }

    /// Whether there is room for a request of any kind.
    pub(crate) fn room(&self) -> Result<(), Full> {
        if self.is_late(&self.seen.processors_late) {
            return Err(self.refuse(Full::Processors));
        }
        if self.reply_bytes() > self.limits.replies_bytes_max {
            return Err(self.refuse(Full::Replies));
        }
        Ok(())
    }

    /// Counts a refusal.
    pub(crate) fn refuse(&self, full: Full) -> Full {
        self.refused[full as usize].fetch_add(1, Ordering::Relaxed);
        full
    }

    fn is_late(&self, looks: &AtomicU64) -> bool {
        let looks = u32::try_from(looks.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        LOOK_INTERVAL.saturating_mul(looks) > self.limits.wait_max
    }

    /// The bytes of a reply, counted until they are sent.
    pub(crate) fn counted(&self, reply: Bytes) -> Bytes {
        if reply.len() <= SMALL_REPLY_BYTES_MAX {
            return reply;
        }
        self.reply_bytes.fetch_add(reply.len(), Ordering::AcqRel);
        Bytes::from_owner(CountedReply {
            reply,
            reply_bytes: self.reply_bytes.clone(),
        })
    }

    /// Bytes of replies that are not sent yet.
    pub(crate) fn reply_bytes(&self) -> usize {
        self.reply_bytes.load(Ordering::Acquire)
    }

    /// Writes under way.
    pub(crate) fn writes(&self) -> usize {
        self.limits.writes_max - self.writes.available_permits()
    }

    /// Requests that were refused since the start, by reason.
    pub(crate) fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Full::ALL.iter().map(|(full, name)| {
            let count = self.refused[*full as usize].load(Ordering::Relaxed);
            (*name, count)
        })
    }
}

/// Whether an operation only reads. A statement of PartiQL may write.
fn is_read(operation: Operation) -> bool {
    const READS: [&str; 8] = [
        "BatchGet",
        "Describe",
        "Get",
        "List",
        "Query",
        "Scan",
        "SearchVectors",
        "TransactGet",
    ];
    let name = operation.name();
    READS.iter().any(|read| name.starts_with(read))
}

struct CountedReply {
    reply: Bytes,
    reply_bytes: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for CountedReply {
    fn as_ref(&self) -> &[u8] {
        &self.reply
    }
}

impl Drop for CountedReply {
    fn drop(&mut self) {
        self.reply_bytes
            .fetch_sub(self.reply.len(), Ordering::AcqRel);
    }
}

/// Looks at processors and log from a thread of its own, which the runtime cannot hold up. Times are counted in
/// looks: when the machine stops the whole process for a while, that is no queue of ours.
fn look(seen: Arc<Seen>, api: Weak<Api>) -> Option<Sender<()>> {
    let (running, stopped) = channel::<()>();
    let mut watch = Watch {
        runtime: Handle::current(),
        sent: 0,
        ran: Arc::default(),
        durable: 0,
    };
    let looks = move || {
        while stopped.recv_timeout(LOOK_INTERVAL) == Err(RecvTimeoutError::Timeout) {
            let Some(api) = api.upgrade() else { return };
            count(&seen.processors_late, watch.processors_are_late());
            count(&seen.log_late, watch.log_is_late(&api));
        }
    };
    let thread = std::thread::Builder::new().name("load-watch".to_owned());
    match thread.spawn(looks) {
        Ok(_) => Some(running),
        Err(error) => {
            tracing::error!(%error, "the load is not watched: no thread could be started");
            None
        }
    }
}

fn count(looks: &AtomicU64, late: bool) {
    if late {
        looks.fetch_add(1, Ordering::Relaxed);
    } else {
        looks.store(0, Ordering::Relaxed);
    }
}

struct Watch {
    runtime: Handle,
    /// How many tasks were sent to the processors, and how many of them ran.
    sent: u64,
    ran: Arc<AtomicU64>,
    /// The durable position at the last look.
    durable: u64,
}

impl Watch {
    fn processors_are_late(&mut self) -> bool {
        if self.ran.load(Ordering::Acquire) != self.sent {
            return true;
        }
        self.sent += 1;
        let ran = self.ran.clone();
        // From outside of the runtime, so behind everything that waits.
        self.runtime.spawn(async move {
            ran.fetch_add(1, Ordering::AcqRel);
        });
        false
    }

    fn log_is_late(&mut self, api: &Api) -> bool {
        let (database, log) = (api.database(), api.database().log());
        let before = std::mem::replace(&mut self.durable, log.durable().0);
        let stands = self.durable == before && log.appended().0 > self.durable;
        // A full disk and a failed log have answers of their own.
        stands && database.no_room().is_none() && log.poisoned().is_none()
    }
}
