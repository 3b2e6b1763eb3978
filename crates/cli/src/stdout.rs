//! Standard output as the place where people read: its size, and how its end is noticed.

use std::io::{ErrorKind, IsTerminal, Write, stderr, stdout};
use std::time::Duration;

use crate::grid::visible;

/// How often it is looked whether somebody still reads.
const LOOK: Duration = Duration::from_millis(500);

/// Columns and rows of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// The terminal's size; `None` if the output is none, and may be as wide as it likes.
pub(crate) fn size() -> Option<Size> {
    let out = stdout();
    if !out.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&out).ok()?;
    // Some terminals do not know theirs.
    (size.ws_col > 0 && size.ws_row > 0).then_some(Size {
        columns: usize::from(size.ws_col),
        rows: usize::from(size.ws_row),
    })
}

/// Writes a text at once. A reader who is gone is no error: there is nobody to tell.
pub(crate) fn write(text: &str) -> std::io::Result<()> {
    let mut out = stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes what a function said: as it is for programs, and for a terminal with nothing that it would carry out.
pub(crate) fn write_said<W: Write + IsTerminal>(out: &mut W, said: &[u8]) -> std::io::Result<()> {
    match out.is_terminal() {
        true => out.write_all(visible(&String::from_utf8_lossy(said)).as_bytes()),
        false => out.write_all(said),
    }
}

/// Lines beside work that goes on whatever becomes of them, as that of `headwater apply | grep -m1 created` does.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    fault: Option<std::io::Error>,
}

impl Lines {
    pub(crate) fn write(&mut self, line: &str) {
        if let Err(error) = write(&format!("{line}\n")) {
            self.fault.get_or_insert(error);
        }
    }

    /// The first error, once the work is done.
    pub(crate) fn end(self) -> std::io::Result<()> {
        self.fault.map_or(Ok(()), Err)
    }
}

/// Says something on standard error. If that fails there is nobody to tell, and no reason to stop.
pub(crate) fn note(line: &str) {
    let _ = stderr().write_all(format!("{line}\n").as_bytes());
}

/// Returns when nobody reads standard output any more, so that `headwater tail | head` ends without a record.
pub(crate) async fn reader_gone() {
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        if is_gone() {
            return;
        }
    }
}

fn is_gone() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = stdout();
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let ended = PollFlags::ERR | PollFlags::HUP;
    poll(&mut watched, Some(&at_once)).is_ok() && watched[0].revents().intersects(ended)
}
