//! What a function noted.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, bail};
use headwater_model::Sequence;

/// A record as a function saw it.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// The number of the note that it was given in for the first time, from 1.
    given: usize,
    is_done: bool,
}

/// All notes of a function.
#[derive(Default)]
pub(super) struct Notes {
    seen: HashMap<Sequence, Seen>,
    deliveries: usize,
}

impl Notes {
    /// Reads a file of notes. A line that was cut by the end of a process is none.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let mut notes = Self::default();
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let mut time = 0;
        let mut lines = BufReader::new(file);
        let mut line = String::new();
        while lines.read_line(&mut line)? > 0 {
            if let Some(whole) = line.strip_suffix('\n') {
                notes
                    .take(whole, &mut time)
                    .with_context(|| format!("the note {whole:.80}"))?;
            }
            line.clear();
        }
        Ok(notes)
    }

    /// The times grow with each record, so that those of one event are told apart.
    fn take(&mut self, line: &str, time: &mut usize) -> Result<()> {
        let (kind, numbers) = line.split_once(' ').context("no numbers")?;
        for number in numbers.split(' ') {
            let seen = self.seen.entry(Sequence::parse(number)?).or_default();
            match kind {
                "g" => {
                    *time += 1;
                    self.deliveries += 1;
                    if seen.given == 0 {
                        seen.given = *time;
                    }
                }
                "d" => seen.is_done = true,
                other => bail!("the kind {other}"),
            }
        }
        Ok(())
    }

    /// Records that were given at least once.
    pub(super) fn given(&self) -> usize {
        self.seen.len()
    }

    /// Records, each time that they were given.
    pub(super) fn deliveries(&self) -> usize {
        self.deliveries
    }

    /// Records that were done.
    pub(super) fn done(&self) -> usize {
        self.seen.values().filter(|seen| seen.is_done).count()
    }

    pub(super) fn is_done(&self, sequence: Sequence) -> bool {
        self.seen.get(&sequence).is_some_and(|seen| seen.is_done)
    }

    /// When a record was given for the first time, counted in records.
    pub(super) fn first_time(&self, sequence: Sequence) -> Option<usize> {
        self.seen.get(&sequence).map(|seen| seen.given)
    }
}
