//! How far a verification is, how fast it may go, and whether it shall end.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Shared by who verifies and who watches.
pub struct Progress {
    done_bytes: AtomicU64,
    total_bytes: AtomicU64,
    ended: AtomicBool,
    /// Bytes that may be read in a second; none is as fast as it goes.
    bytes_per_second_max: Option<u64>,
    begun: Instant,
    waiting: Mutex<()>,
    woken: Condvar,
}

impl Progress {
    /// For a run that goes as fast as it can, or by so many bytes in a second.
    pub fn new(bytes_per_second_max: Option<u64>) -> Self {
        Progress {
            done_bytes: AtomicU64::new(0),
            total_bytes: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            bytes_per_second_max,
            begun: Instant::now(),
            waiting: Mutex::new(()),
            woken: Condvar::new(),
        }
    }

    /// Percent of the bytes that were read; 100 only at the end.
    pub fn percent(&self) -> u64 {
        let total = self.total_bytes.load(Relaxed).max(1);
        let done = self.done_bytes.load(Relaxed).min(total);
        match done == total {
            true => 100,
            false => (done as u128 * 100 / u128::from(total)).min(99) as u64,
        }
    }

    /// Bytes read so far.
    pub fn done_bytes(&self) -> u64 {
        self.done_bytes.load(Relaxed)
    }

    /// Seconds since it began.
    pub fn seconds(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }

    /// Tells the run to end; it does so within a block or a batch.
    pub fn end(&self) {
        let waiting = self.waiting.lock();
        self.ended.store(true, Relaxed);
        drop(waiting);
        self.woken.notify_all();
    }

    pub(super) fn expect_more(&self, bytes: u64) {
        self.total_bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn complete(&self) {
        let total = self.done_bytes.load(Relaxed).max(1);
        self.done_bytes.store(total, Relaxed);
        self.total_bytes.store(total, Relaxed);
    }

    /// Counts bytes that were read, and waits as long as they should have taken. A break ends the run.
    pub(super) fn advance(&self, bytes: u64) -> ControlFlow<()> {
        let done = self.done_bytes.fetch_add(bytes, Relaxed) + bytes;
        if let Some(rate) = self.bytes_per_second_max {
            let due = self.begun + Duration::from_millis(done.saturating_mul(1000) / rate.max(1));
            let mut waiting = self.waiting.lock();
            while !self.ended.load(Relaxed) {
                if self.woken.wait_until(&mut waiting, due).timed_out() {
                    break;
                }
            }
        }
        self.look()
    }

    /// Whether to go on, without having read anything.
    pub(super) fn look(&self) -> ControlFlow<()> {
        match self.ended.load(Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}
