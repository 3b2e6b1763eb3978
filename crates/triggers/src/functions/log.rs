//! What functions print: kept per function in a bounded ring, and sent to whoever follows.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, broadcast, watch};

/// Lines that a follower may lag behind before it misses some.
const FOLLOW_LINES_MAX: usize = 1_024;
/// Lines begin with a number that is so many times the time: later than those before a restart, whether they are still
/// known or not.
const NUMBERS_PER_MS: u64 = 1_000;

/// One line that a function, or the runtime on its behalf, wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Grows from line to line of a function, over restarts too.
    pub number: u64,
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
    /// Told of each line.
    pub(super) news: Notify,
}

impl LogHub {
    pub(super) fn new() -> Self {
        Self {
            followers: broadcast::Sender::new(FOLLOW_LINES_MAX),
            news: Notify::new(),
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
    /// The number of the newest line.
    newest: watch::Sender<u64>,
    /// Whether its function is gone.
    retired: AtomicBool,
}

#[derive(Default)]
struct Ring {
    lines: VecDeque<LogLine>,
    bytes: usize,
    /// Lines up to this number were taken by [`FunctionLog::unwritten`].
    written: u64,
}

/// What a line costs beside its text.
const LINE_OVERHEAD_BYTES: usize = 96;

impl FunctionLog {
    /// A log that goes on from the lines of an earlier one, the oldest first.
    pub(super) fn new(
        hub: Arc<LogHub>,
        function: &str,
        bytes_max: usize,
        now_ms: u64,
        earlier: Vec<LogLine>,
    ) -> Self {
        let before = earlier.last().map_or(0, |line| line.number);
        let newest = before.max(now_ms.saturating_mul(NUMBERS_PER_MS));
        let mut ring = Ring {
            written: newest,
            ..Ring::default()
        };
        for line in earlier {
            ring.add(line, bytes_max);
        }
        Self {
            hub,
            function: function.into(),
            bytes_max,
            ring: Mutex::new(ring),
            newest: watch::Sender::new(newest),
            retired: AtomicBool::new(false),
        }
    }

    pub(super) fn push(
        &self,
        request_id: Option<Arc<str>>,
        process_id: u32,
        at_ms: u64,
        text: String,
    ) {
        let mut ring = self.ring();
        let number = *self.newest.borrow() + 1;
        let line = LogLine {
            number,
            function: Arc::clone(&self.function),
            request_id,
            process_id,
            at_ms,
            text,
        };
        // Fails only when nobody follows.
        let _ = self.hub.followers.send(line.clone());
        ring.add(line, self.bytes_max);
        self.newest.send_replace(number);
        self.hub.news.notify_one();
    }

    pub(super) fn lines(&self) -> Vec<LogLine> {
        self.ring().lines.iter().cloned().collect()
    }

    /// The oldest lines behind a number, so many at most.
    pub(super) fn lines_after(&self, number: u64, lines_max: usize) -> Vec<LogLine> {
        let ring = self.ring();
        let first = ring.lines.partition_point(|line| line.number <= number);
        ring.lines.range(first..).take(lines_max).cloned().collect()
    }

    /// The newest lines, so many at most, and the number that was given last.
    pub(super) fn newest_lines(&self, lines_max: usize) -> (Vec<LogLine>, u64) {
        let ring = self.ring();
        let first = ring.lines.len().saturating_sub(lines_max);
        let lines = ring.lines.range(first..).cloned().collect();
        (lines, *self.newest.borrow())
    }

    /// Tells when there are lines with higher numbers.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// The lines that were not taken by an earlier call and are still there.
    pub(super) fn unwritten(&self) -> Vec<LogLine> {
        let written = self.ring().written;
        let lines = self.lines_after(written, usize::MAX);
        if let Some(last) = lines.last() {
            self.ring().written = last.number;
        }
        lines
    }

    /// Its function is gone: what it still has is for nobody.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn add(&mut self, line: LogLine, bytes_max: usize) {
        self.bytes += line.text.len() + LINE_OVERHEAD_BYTES;
        self.lines.push_back(line);
        while self.bytes > bytes_max {
            let Some(oldest) = self.lines.pop_front() else {
                break;
            };
            self.bytes -= oldest.text.len() + LINE_OVERHEAD_BYTES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(earlier: Vec<LogLine>) -> FunctionLog {
        FunctionLog::new(Arc::new(LogHub::new()), "f", 1_000, 7, earlier)
    }

    fn texts(lines: &[LogLine]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn the_ring_keeps_the_newest_within_its_bound() {
        let log = log(Vec::new());
        for number in 0..100 {
            log.push(None, 1, 0, format!("line {number}"));
        }
        let lines = log.lines();
        assert!(lines.len() < 12, "{}", lines.len());
        assert_eq!(lines.last().unwrap().text, "line 99");
        assert_eq!(texts(&log.newest_lines(2).0), ["line 98", "line 99"]);
    }

    #[test]
    fn whoever_asks_behind_the_last_number_misses_nothing() {
        let first = log(Vec::new());
        let (lines, number) = first.newest_lines(10);
        assert_eq!((lines.len(), number), (0, 7_000));
        for text in ["a", "b", "c"] {
            first.push(None, 1, 0, text.to_owned());
        }
        let lines = first.lines_after(number, 2);
        assert_eq!(texts(&lines), ["a", "b"]);
        let rest = first.lines_after(lines[1].number, 2);
        assert_eq!(texts(&rest), ["c"]);

        // After a restart too, whatever was kept.
        let second = log(vec![lines[0].clone()]);
        second.push(None, 2, 0, "d".to_owned());
        assert_eq!(texts(&second.lines()), ["a", "d"]);
        assert!(second.lines()[1].number > lines[0].number);
    }

    #[test]
    fn lines_are_taken_for_writing_once() {
        let log = log(Vec::new());
        log.push(None, 1, 0, "a".to_owned());
        assert_eq!(texts(&log.unwritten()), ["a"]);
        assert!(log.unwritten().is_empty());
        log.push(None, 1, 0, "b".to_owned());
        assert_eq!(texts(&log.unwritten()), ["b"]);
    }
}
