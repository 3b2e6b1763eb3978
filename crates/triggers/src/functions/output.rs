//! What one process prints: stdout and stderr through one pipe, so that their order is kept, cut
//! into lines for the log and into the tail of the running invocation.
//!
//! The pipe is read in two ways under one lock: `Output::pump` as output comes, and
//! `Output::drain` at the end of an invocation, so that all it printed before it answered is in
//! its tail.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::net::unix::pipe;

use super::log::FunctionLog;
use super::settings::WallClock;
use super::timestamp;

/// `X-Amz-Log-Result` holds so much (Lambda API reference).
const TAIL_BYTES_MAX: usize = 4 * 1024;
/// Longer lines are cut in two.
const LINE_BYTES_MAX: usize = 16 * 1024;
const READ_BYTES: usize = 8 * 1024;
/// What one drain reads at most: somebody may print for ever.
const DRAIN_READS_MAX: usize = 128;

pub(super) struct Output {
    pipe: pipe::Receiver,
    log: Arc<FunctionLog>,
    clock: WallClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    process_id: u32,
    partial: Vec<u8>,
    request_id: Option<Arc<str>>,
    tail: VecDeque<u8>,
    ended: bool,
}

/// The figures of a REPORT line.
pub(super) struct Report<'a> {
    pub(super) duration_ms: f64,
    pub(super) init_duration_ms: Option<f64>,
    pub(super) memory_mb: u32,
    pub(super) max_memory_mb: u64,
    /// `timeout` or `error` when the invocation failed as a whole.
    pub(super) status: Option<&'a str>,
    pub(super) error_type: Option<&'a str>,
}

impl Output {
    /// Takes the reading end of a process's pipe.
    pub(super) fn new(pipe: OwnedFd, log: Arc<FunctionLog>, clock: WallClock) -> io::Result<Self> {
        Ok(Self {
            pipe: pipe::Receiver::from_owned_fd(pipe)?,
            log,
            clock,
            state: Mutex::default(),
        })
    }

    pub(super) fn set_process_id(&self, process_id: u32) {
        self.state().process_id = process_id;
    }

    /// Reads until all writers have closed the pipe.
    pub(super) async fn pump(&self) -> io::Result<()> {
        loop {
            self.pipe.readable().await?;
            if !self.read_once()? {
                return Ok(());
            }
            // A pipe that is never empty is always ready: without this, nothing else would run on this thread.
            tokio::task::yield_now().await;
        }
    }

    /// Whether more may come.
    fn read_once(&self) -> io::Result<bool> {
        let mut buffer = [0; READ_BYTES];
        let mut state = self.state();
        match self.pipe.try_read(&mut buffer) {
            Ok(0) => {
                self.finish_partial(&mut state);
                Ok(false)
            }
            Ok(length) => {
                self.add(&mut state, &buffer[..length]);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Reads what is there.
    pub(super) fn drain(&self) {
        let mut state = self.state();
        let mut buffer = [0; READ_BYTES];
        for _ in 0..DRAIN_READS_MAX {
            // Past tokio's idea of readiness, which may lag behind: the pipe does not block.
            match rustix::io::read(&self.pipe, &mut buffer) {
                Ok(length) if length > 0 => self.add(&mut state, &buffer[..length]),
                _ => break,
            }
        }
    }

    /// Writes the START line; what the process prints belongs to this invocation from now on.
    pub(super) fn begin(&self, request_id: &Arc<str>, version: &str) {
        let mut state = self.state();
        if state.ended {
            state.tail.clear();
        }
        state.request_id = Some(Arc::clone(request_id));
        let line = format!("START RequestId: {request_id} Version: {version}");
        self.write_line(&mut state, line);
    }

    /// Writes the last lines of an invocation and gives back its tail.
    pub(super) fn end(&self, report: &Report<'_>, notice: Option<&str>) -> Bytes {
        self.drain();
        let mut state = self.state();
        self.finish_partial(&mut state);
        let request_id = state.request_id.clone().unwrap_or_default();
        if let Some(notice) = notice {
            let line = format!("{} {request_id} {notice}", timestamp::iso((self.clock)()));
            self.write_line(&mut state, line);
        }
        self.write_line(&mut state, format!("END RequestId: {request_id}"));
        self.write_line(&mut state, report.line(&request_id));
        state.request_id = None;
        state.ended = true;
        state.tail.make_contiguous().to_vec().into()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, state: &mut State, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' || state.partial.len() >= LINE_BYTES_MAX {
                self.finish_partial_line(state);
            }
            if byte != b'\n' {
                state.partial.push(byte);
            }
        }
    }

    /// Makes a line of what came without a line end, if anything did.
    fn finish_partial(&self, state: &mut State) {
        if !state.partial.is_empty() {
            self.finish_partial_line(state);
        }
    }

    fn finish_partial_line(&self, state: &mut State) {
        let mut bytes = std::mem::take(&mut state.partial);
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        self.write_line(state, text);
    }

    fn write_line(&self, state: &mut State, text: String) {
        let shown = &text.as_bytes()[text.len().saturating_sub(TAIL_BYTES_MAX)..];
        state.tail.extend(shown);
        state.tail.push_back(b'\n');
        let excess = state.tail.len().saturating_sub(TAIL_BYTES_MAX);
        state.tail.drain(..excess);
        let request_id = state.request_id.clone();
        self.log
            .push(request_id, state.process_id, (self.clock)(), text);
    }
}

impl Report<'_> {
    fn line(&self, request_id: &str) -> String {
        let mut line = format!(
            "REPORT RequestId: {request_id}\tDuration: {:.2} ms\tBilled Duration: {} ms\t\
             Memory Size: {} MB\tMax Memory Used: {} MB\t",
            self.duration_ms,
            self.duration_ms.ceil(),
            self.memory_mb,
            self.max_memory_mb,
        );
        if let Some(init_ms) = self.init_duration_ms {
            line.push_str(&format!("Init Duration: {init_ms:.2} ms\t"));
        }
        if let Some(status) = self.status {
            line.push_str(&format!("Status: {status}\t"));
        }
        if let Some(error_type) = self.error_type.filter(|_| self.status == Some("error")) {
            line.push_str(&format!("Error Type: {error_type}\t"));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use std::io::{PipeWriter, Write};

    use super::super::log::LogHub;
    use super::*;

    fn output() -> (PipeWriter, Output, Arc<FunctionLog>) {
        let (reader, writer) = io::pipe().unwrap();
        let log = Arc::new(FunctionLog::new(
            Arc::new(LogHub::new()),
            "f",
            1 << 20,
            0,
            Vec::new(),
        ));
        let output = Output::new(reader.into(), Arc::clone(&log), Arc::new(|| 0)).unwrap();
        (writer, output, log)
    }

    const REPORT: Report<'_> = Report {
        duration_ms: 2.5,
        init_duration_ms: None,
        memory_mb: 128,
        max_memory_mb: 12,
        status: None,
        error_type: None,
    };

    fn texts(log: &FunctionLog) -> Vec<String> {
        log.lines().into_iter().map(|line| line.text).collect()
    }

    #[tokio::test]
    async fn lines_and_tail_of_an_invocation() {
        let (mut writer, output, log) = output();
        writer.write_all(b"starting\n").unwrap();
        output.drain();
        output.begin(&"r-1".into(), "$LATEST");
        writer.write_all(b"one\r\nt\xffwo\nno end").unwrap();
        let tail = output.end(&REPORT, None);
        let report = "REPORT RequestId: r-1\tDuration: 2.50 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB\tMax Memory Used: 12 MB\t";
        let expected = [
            "starting",
            "START RequestId: r-1 Version: $LATEST",
            "one",
            "t\u{fffd}wo",
            "no end",
            "END RequestId: r-1",
            report,
        ];
        assert_eq!(texts(&log), expected);
        assert_eq!(String::from_utf8_lossy(&tail), expected.join("\n") + "\n");

        output.begin(&"r-2".into(), "$LATEST");
        let tail = output.end(&REPORT, Some("Task timed out after 1.00 seconds"));
        let tail = String::from_utf8_lossy(&tail);
        assert!(tail.starts_with("START RequestId: r-2"), "{tail}");
        assert!(
            tail.contains("\n1970-01-01T00:00:00.000Z r-2 Task timed out after 1.00 seconds\n")
        );
    }

    #[tokio::test]
    async fn long_lines_are_cut_and_the_tail_is_bounded() {
        let (mut writer, output, log) = output();
        output.begin(&"r".into(), "1");
        writer.write_all(&[b'x'; 40_000]).unwrap();
        let tail = output.end(&REPORT, None);
        assert_eq!(tail.len(), TAIL_BYTES_MAX);
        assert!(
            log.lines()
                .iter()
                .all(|line| line.text.len() <= LINE_BYTES_MAX)
        );
        assert_eq!(
            texts(&log)
                .iter()
                .filter(|text| text.starts_with('x'))
                .count(),
            3
        );
    }

    #[tokio::test]
    async fn pumping_ends_with_the_pipe() {
        let (mut writer, output, log) = output();
        writer.write_all(b"last words").unwrap();
        drop(writer);
        output.pump().await.unwrap();
        assert_eq!(texts(&log), ["last words"]);
    }
}
