//! How near the log comes to the disk: 64 tasks append entries of about 1.3 KB and wait until they are durable,
//! beside a plain loop that writes and syncs the same bytes in groups of 64. Both run in short turns, since disks
//! change their mood; the medians over all turns are compared.
//!
//! `cargo run --release -p headwater-changelog --example append -- [folder] [turns] [milliseconds a turn]`

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use headwater_changelog::{Change, ChangeKind, DiskFiles, EntryDraft, Identity, Log, LogOptions};
use headwater_model::ManualClock;
use tokio::runtime::Runtime;

const TASKS: u64 = 64;
const ZEROED_BYTES: u64 = 64 << 20;
/// Turns before the log has a segment that was made ahead; not counted.
const WARM_UP: Duration = Duration::from_secs(3);

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(
        arguments
            .next()
            .unwrap_or_else(|| "target/append-example".to_owned()),
    );
    let turns: usize = arguments.next().map_or(Ok(20), |text| text.parse())?;
    let turn = Duration::from_millis(arguments.next().map_or(Ok(300), |text| text.parse())?);
    let mut raw = RawLoop::new(&folder.join("raw"))?;
    let mut log = Clients::new(&folder.join("log"))?;
    log.run(WARM_UP)?;
    let (mut raws, mut logs) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        raws.push(raw.run(turn)?);
        logs.push(log.run(turn)?);
    }
    let ratios = raws.iter().zip(&logs).map(|(raw, log)| log / raw);
    println!(
        "ratio of a turn's pair, median: {:.2}",
        median(ratios.collect())
    );
    println!("write + fdatasync, median: {:.0}/s", median(raws));
    println!("log, median: {:.0}/s", median(logs));
    println!("{}", log.summary(&folder.join("log"))?);
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Half of it compresses, as items do: names and numbers beside payload.
fn value(task: u64, i: u64) -> Vec<u8> {
    let mut state = (task << 32 | i).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut value = Vec::with_capacity(1300);
    while value.len() < 1250 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        value.extend_from_slice(&state.to_le_bytes());
        value.extend_from_slice(b"\"name\": ");
    }
    value
}

fn change(task: u64, i: u64) -> Change {
    Change {
        table: 1,
        shard: 1 + task as u32 % 4,
        kind: ChangeKind::Modify,
        identity: Identity::None,
        key: Bytes::from(format!("customer#{task:05}#{i:08}")),
        new: Some(Bytes::from(value(task, i))),
        old: None,
        old_size_bytes: 1250,
    }
}

/// The floor: whole groups of 64, written and synced into a zeroed file with no queue and no threads.
struct RawLoop {
    file: File,
    group: Vec<u8>,
    offset: u64,
}

impl RawLoop {
    fn new(folder: &Path) -> Result<Self, Failure> {
        fresh(folder)?;
        let file = File::create(folder.join("0"))?;
        for piece in 0..ZEROED_BYTES >> 20 {
            file.write_all_at(&vec![0; 1 << 20], piece << 20)?;
        }
        file.sync_all()?;
        let group = (0..TASKS).flat_map(|task| value(task, 0)).collect();
        Ok(Self {
            file,
            group,
            offset: 0,
        })
    }

    /// Entries per second.
    fn run(&mut self, turn: Duration) -> Result<f64, Failure> {
        let (start, mut groups) = (Instant::now(), 0);
        while start.elapsed() < turn {
            if self.offset + self.group.len() as u64 > ZEROED_BYTES {
                self.offset = 0;
            }
            self.file.write_all_at(&self.group, self.offset)?;
            self.file.sync_data()?;
            self.offset += self.group.len() as u64;
            groups += 1;
        }
        Ok((groups * TASKS) as f64 / start.elapsed().as_secs_f64())
    }
}

/// The log and those who write to it.
struct Clients {
    log: Arc<Log>,
    runtime: Runtime,
    waits_us: Vec<u64>,
    elapsed: Duration,
}

impl Clients {
    fn new(folder: &Path) -> Result<Self, Failure> {
        fresh(folder)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()?;
        Ok(Self {
            log: Arc::new(open(folder)?),
            runtime,
            waits_us: Vec::new(),
            elapsed: Duration::ZERO,
        })
    }

    /// Entries per second.
    fn run(&mut self, turn: Duration) -> Result<f64, Failure> {
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                self.runtime
                    .spawn(client(self.log.clone(), task, start + turn))
            })
            .collect();
        let mut entries = 0;
        for task in tasks {
            let waits_us = self.runtime.block_on(task)??;
            entries += waits_us.len();
            self.waits_us.extend(waits_us);
        }
        self.elapsed += start.elapsed();
        Ok(entries as f64 / start.elapsed().as_secs_f64())
    }

    fn summary(mut self, folder: &Path) -> Result<String, Failure> {
        let stats = self.log.stats();
        self.waits_us.sort_unstable();
        let count = self.waits_us.len();
        if count == 0 {
            return Err("no entry was written".into());
        }
        let wait_us = |thousandth: usize| self.waits_us[count * thousandth / 1000];
        let groups = stats.groups.max(1);
        let text = format!(
            "p50 {} us, p99.9 {} us; {} entries and {} us per group; {} bytes written per entry",
            wait_us(500),
            wait_us(999),
            stats.entries / groups,
            self.elapsed.as_micros() as u64 / groups,
            stats.written_bytes / stats.entries.max(1),
        );
        drop(self.log);
        // The last segment is scanned, as after a crash.
        let began = Instant::now();
        let opened = open(folder)?;
        let open_us = began.elapsed().as_micros();
        drop(opened);
        Ok(format!("{text}; opened again in {open_us} us"))
    }
}

fn open(folder: &Path) -> Result<Log, Failure> {
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    let files = Arc::new(DiskFiles::open(folder)?);
    Ok(Log::open(files, LogOptions::default(), clock)?.0)
}

async fn client(log: Arc<Log>, task: u64, until: Instant) -> Result<Vec<u64>, Failure> {
    let mut waits_us = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        let appended = log.append(EntryDraft::new(&[change(task, waits_us.len() as u64)])?)?;
        log.wait_durable(appended.last).await?;
        waits_us.push(began.elapsed().as_micros() as u64);
    }
    Ok(waits_us)
}

fn fresh(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(std::fs::create_dir_all(folder)?)
}
