//! What a process uses, as the system tells it.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::process::PATIENCE;

/// What a process uses.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub rss_mb: usize,
    pub files: usize,
    pub threads: usize,
}

/// What the process uses now.
pub fn of(pid: u32) -> Usage {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let number = |name: &str| -> usize {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).expect(name)
    };
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("its files");
    Usage {
        rss_mb: number("VmRSS:") / 1024,
        files: files.count(),
        threads: number("Threads:"),
    }
}

/// The most memory that the process ever used.
pub fn peak_rss_mb(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse::<usize>().ok())
        .expect("VmHWM")
        / 1024
}

/// Whether the system may give the process memory in large pages.
pub fn may_have_large_pages(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    status
        .lines()
        .filter_map(|line| line.strip_prefix("THP_enabled:"))
        .any(|said| said.trim() == "1")
}

/// Processor time that the process has used, in clock ticks of the system.
pub fn processor_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let fields = stat.rsplit_once(')').expect("a name").1;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let field = |at: usize| fields[at].parse::<u64>().expect("a number");
    field(11) + field(12)
}

/// Waits until something holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

/// What a slow client does between two steps.
pub fn pause(time: Duration) {
    // Nobody unparks these threads.
    std::thread::park_timeout(time);
}

/// Bytes of the files in a folder.
pub fn folder_mb(folder: &Path) -> usize {
    let entries = folder.read_dir().expect("a folder");
    let bytes = entries.map(|entry| {
        entry
            .and_then(|entry| entry.metadata())
            .map_or(0, |it| it.len())
    });
    (bytes.sum::<u64>() >> 20) as usize
}
