//! What has been used so far: CPU and writes of a process from `/proc`, writes of a disk from `/sys`.
//!
//! `write_bytes` of a process counts each page cache folio that it dirties as a whole; in a file that
//! was filled with large writes that is up to a megabyte for a small append. What the disk was sent
//! is the truth, but the disk counts for everybody. So the disk's counter is shown where there is one,
//! and the machine should have nothing else to do.

use anyhow::{Context, Result};
use std::fs::{File, read_to_string};
use std::os::linux::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Counters of one process since its start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// User and system time of all its threads.
    pub cpu_microseconds: f64,
    /// Bytes it caused to be sent to storage.
    pub written_bytes: f64,
}

impl Usage {
    /// Reads the counters of process `pid`.
    pub fn of(pid: u32) -> Result<Self> {
        Ok(Self {
            cpu_microseconds: cpu_microseconds(pid)?,
            written_bytes: field(&format!("/proc/{pid}/io"), "write_bytes:")?,
        })
    }

    /// What was used since `before`.
    pub fn since(&self, before: Self) -> Self {
        Self {
            cpu_microseconds: self.cpu_microseconds - before.cpu_microseconds,
            written_bytes: self.written_bytes - before.written_bytes,
        }
    }
}

/// The disk below a folder.
pub struct Disk {
    folder: File,
    counters: PathBuf,
}

impl Disk {
    /// The disk, if the folder lies on one with counters of its own.
    pub fn below(folder: &Path) -> Option<Self> {
        let device = std::fs::metadata(folder).ok()?.st_dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let counters = PathBuf::from(format!("/sys/dev/block/{major}:{minor}/stat"));
        let folder = File::open(folder).ok()?;
        counters.exists().then_some(Self { folder, counters })
    }

    /// Bytes written to the disk so far, with everything that was still waiting to be.
    pub fn written_bytes(&self) -> Result<f64> {
        const SECTOR_BYTES: f64 = 512.0;
        rustix::fs::syncfs(&self.folder)?;
        let counters = read_to_string(&self.counters)?;
        let sectors = counters.split_whitespace().nth(6);
        Ok(sectors.context("short disk counters")?.parse::<f64>()? * SECTOR_BYTES)
    }
}

/// Memory of the process that is in RAM now.
pub fn resident_bytes(pid: u32) -> Result<f64> {
    Ok(field(&format!("/proc/{pid}/status"), "VmRSS:")? * 1024.0)
}

fn cpu_microseconds(pid: u32) -> Result<f64> {
    let stat = read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold spaces; the state follows it as field 3.
    let (_, fields) = stat.rsplit_once(") ").context("strange /proc stat")?;
    let mut ticks = fields.split(' ').skip(11);
    let mut next = || -> Result<f64> {
        let field = ticks.next().context("short /proc stat")?;
        Ok(field.parse()?)
    };
    let ticks = next()? + next()?;
    Ok(ticks * 1e6 / rustix::param::clock_ticks_per_second() as f64)
}

fn field(path: &str, name: &str) -> Result<f64> {
    let text = read_to_string(path).with_context(|| path.to_owned())?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.with_context(|| format!("no {name} in {path}"))?;
    let digits = value.trim().trim_end_matches(" kB");
    digits.parse().with_context(|| format!("{name} in {path}"))
}
