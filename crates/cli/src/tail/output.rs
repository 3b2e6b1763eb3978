//! Standard output as the place where records go, and how its end is noticed.

use std::io::{BufWriter, Stdout, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::filter::Filter;
use super::follow::{Go, Sink};
use super::line::Lines;

/// How often it is looked whether somebody still reads.
const LOOK: Duration = Duration::from_millis(500);

/// How a record is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// One line for people.
    Line(Lines),
    /// One line of JSON, as GetRecords gave it, with the shard's id.
    Json,
}

/// Writes the records that pass the filter.
pub(super) struct Output {
    pub(super) filter: Filter,
    pub(super) form: Form,
    /// Records that may still be written; none means any number.
    pub(super) left: Option<u64>,
    pub(super) out: BufWriter<Stdout>,
}

impl Sink for Output {
    fn show(&mut self, shard: &str, mut record: Value) -> std::io::Result<Go> {
        if !self.filter.admits(&record) {
            return Ok(Go::On);
        }
        match self.form {
            Form::Line(lines) => writeln!(self.out, "{}", lines.line(&record))?,
            Form::Json => {
                record["shardId"] = json!(shard);
                writeln!(self.out, "{record}")?;
            }
        }
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
        }
        Ok(if self.left == Some(0) {
            Go::Stop
        } else {
            Go::On
        })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
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
    let stdout = std::io::stdout();
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let ended = PollFlags::ERR | PollFlags::HUP;
    poll(&mut watched, Some(&at_once)).is_ok() && watched[0].revents().intersects(ended)
}
