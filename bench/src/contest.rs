//! Paired measuring: the contestants take turns in short slices, so that whatever else the machine
//! does falls on all of them alike, and the medians over the slices are compared.

use crate::driver::{Driver, Slice, Workload};
use crate::latency::{median, percentiles};
use crate::report::Row;
use crate::server::pause;
use crate::usage::{Disk, Usage};
use anyhow::{Context, Result};
use std::time::Duration;

/// Something that can be run for a while.
pub trait Contestant {
    /// Its name in the report.
    fn name(&self) -> &str;
    /// The process that does the work.
    fn pid(&self) -> u32;
    /// Runs for about `length`.
    fn run(&mut self, length: Duration) -> Result<Slice>;
}

/// A workload over HTTP.
pub struct OverHttp<'a> {
    name: String,
    pid: u32,
    driver: Driver,
    workload: Box<dyn Workload + 'a>,
}

impl<'a> OverHttp<'a> {
    /// A contestant with its own connections.
    pub fn new(name: &str, pid: u32, driver: Driver, workload: impl Workload + 'a) -> Self {
        Self {
            name: name.to_owned(),
            pid,
            driver,
            workload: Box::new(workload),
        }
    }
}

impl Contestant for OverHttp<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn pid(&self) -> u32 {
        self.pid
    }

    fn run(&mut self, length: Duration) -> Result<Slice> {
        self.driver.run(&mut *self.workload, length)
    }
}

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// Slices of each contestant.
    pub count: usize,
    /// Length of one.
    pub slice: Duration,
    /// Length of the run before the first slice, which is not counted.
    pub warm_up: Duration,
    /// How long a server may take after a slice to send what it holds back to the disk.
    pub settle: Duration,
}

/// The rules and the disk that all contestants write to.
pub struct Contest {
    /// How long and how often.
    pub rounds: Rounds,
    /// Where their writes are counted, if they can be.
    pub disk: Option<Disk>,
}

impl Contest {
    /// Lets the contestants take turns, and gives one row for each, in their order.
    pub fn hold(&self, contestants: &mut [&mut dyn Contestant]) -> Result<Vec<Row>> {
        let mut scores: Vec<Score> = contestants.iter().map(|_| Score::default()).collect();
        for contestant in &mut *contestants {
            run(&mut **contestant, self.rounds.warm_up)?;
        }
        for _ in 0..self.rounds.count {
            for (contestant, score) in contestants.iter_mut().zip(&mut scores) {
                self.one_slice(&mut **contestant, score)?;
            }
        }
        let rows = contestants.iter().zip(scores);
        Ok(rows
            .map(|(contestant, score)| score.row(contestant.name()))
            .collect())
    }

    fn one_slice(&self, contestant: &mut dyn Contestant, score: &mut Score) -> Result<()> {
        let own = std::process::id();
        let disk_before = self.disk_bytes()?;
        let (before, driver_before) = (Usage::of(contestant.pid())?, Usage::of(own)?);
        let slice = run(contestant, self.rounds.slice)?;
        let used = Usage::of(contestant.pid())?.since(before);
        let driver_used = Usage::of(own)?.since(driver_before);
        // Nothing to wait for if not even a page was dirtied.
        let written = if used.written_bytes > 0.0 {
            pause(self.rounds.settle);
            self.disk_bytes()?
                .zip(disk_before)
                .map(|(after, before)| after - before)
        } else {
            None
        };
        let operations = slice.operations as f64;
        score.rates.push(operations / slice.elapsed.as_secs_f64());
        score.cpu.push(used.cpu_microseconds / operations);
        score
            .driver_cpu
            .push(driver_used.cpu_microseconds / operations);
        score
            .written
            .push(written.unwrap_or(used.written_bytes) / operations);
        score.process_written.push(used.written_bytes / operations);
        score.latencies.extend(slice.latencies);
        Ok(())
    }

    fn disk_bytes(&self) -> Result<Option<f64>> {
        self.disk.as_ref().map(Disk::written_bytes).transpose()
    }
}

#[derive(Default)]
struct Score {
    rates: Vec<f64>,
    cpu: Vec<f64>,
    driver_cpu: Vec<f64>,
    written: Vec<f64>,
    process_written: Vec<f64>,
    latencies: Vec<u32>,
}

fn run(contestant: &mut dyn Contestant, length: Duration) -> Result<Slice> {
    let name = contestant.name().to_owned();
    contestant.run(length).context(name)
}

impl Score {
    fn row(self, name: &str) -> Row {
        Row {
            rate: Some(median(self.rates)),
            server_cpu: Some(median(self.cpu)),
            driver_cpu: Some(median(self.driver_cpu)),
            written: Some(median(self.written)),
            process_written: Some(median(self.process_written)),
            latency: Some(percentiles(self.latencies)),
            ..Row::named(name)
        }
    }
}
