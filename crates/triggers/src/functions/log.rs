//! What functions print: kept per function in a bounded ring, and sent to whoever follows.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

/// Lines that a follower may lag behind before it misses some.
const FOLLOW_LINES_MAX: usize = 1_024;

/// One line that a function, or the runtime on its behalf, wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The function's name.
    pub function: Arc<str>,
    /// The invocation that was running, if one was.
    pub request_id: Option<Arc<str>>,
    /// The process that wrote it.
    pub process_id: u32,
    /// Epoch milliseconds at which it was read.
    pub at_ms: u64,
    /// The text without its line end; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// Where all lines go.
pub(super) struct LogHub {
    followers: broadcast::Sender<LogLine>,
}

impl LogHub {
    pub(super) fn new() -> Self {
        Self {
            followers: broadcast::Sender::new(FOLLOW_LINES_MAX),
        }
    }

    pub(super) fn follow(&self) -> broadcast::Receiver<LogLine> {
        self.followers.subscribe()
    }
}

/// The kept lines of one function.
pub(super) struct FunctionLog {
    hub: Arc<LogHub>,
    pub(super) function: Arc<str>,
    bytes_max: usize,
    ring: Mutex<Ring>,
}

#[derive(Default)]
struct Ring {
    lines: VecDeque<LogLine>,
    bytes: usize,
}

/// What a line costs beside its text.
const LINE_OVERHEAD_BYTES: usize = 96;

impl FunctionLog {
    pub(super) fn new(hub: Arc<LogHub>, function: &str, bytes_max: usize) -> Self {
        Self {
            hub,
            function: function.into(),
            bytes_max,
            ring: Mutex::default(),
        }
    }

    pub(super) fn push(&self, line: LogLine) {
        // Fails only when nobody follows.
        let _ = self.hub.followers.send(line.clone());
        let mut ring = self.ring();
        ring.bytes += line.text.len() + LINE_OVERHEAD_BYTES;
        ring.lines.push_back(line);
        while ring.bytes > self.bytes_max {
            let Some(oldest) = ring.lines.pop_front() else {
                break;
            };
            ring.bytes -= oldest.text.len() + LINE_OVERHEAD_BYTES;
        }
    }

    pub(super) fn lines(&self) -> Vec<LogLine> {
        self.ring().lines.iter().cloned().collect()
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_keeps_the_newest_within_its_bound() {
        let log = FunctionLog::new(Arc::new(LogHub::new()), "f", 1_000);
        for number in 0..100 {
            let text = format!("line {number}");
            log.push(LogLine {
                function: "f".into(),
                request_id: None,
                process_id: 1,
                at_ms: 0,
                text,
            });
        }
        let lines = log.lines();
        assert!(lines.len() < 12, "{}", lines.len());
        assert_eq!(lines.last().unwrap().text, "line 99");
    }
}
