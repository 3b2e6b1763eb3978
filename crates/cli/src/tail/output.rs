//! Standard output as the place where records go.

use std::io::{BufWriter, Stdout, Write};

use serde_json::{Value, json};

use super::filter::Filter;
use super::follow::{Go, Sink};
use super::line::Lines;

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
