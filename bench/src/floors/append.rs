//! The storage floor: the bytes of 64 log entries appended and synced, again and again.

use crate::contest::Contestant;
use crate::driver::Slice;
use crate::latency::sample;
use crate::text::{Pool, Random};
use anyhow::Result;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

const ENTRIES: usize = 64;
const ENTRY_BYTES: usize = 1300;
const FILE_BYTES: u64 = 64 << 20;

/// The loop and its file, which is written once before so that syncs change no metadata.
pub struct AppendLoop {
    file: File,
    group: Vec<u8>,
    offset: u64,
}

impl AppendLoop {
    /// Makes the file in `folder`.
    pub fn new(folder: &Path, pool: &Pool) -> Result<Self> {
        let file = File::create(folder.join("append-floor"))?;
        let zeros = vec![0; 1 << 20];
        for at in 0..FILE_BYTES / zeros.len() as u64 {
            file.write_all_at(&zeros, at * zeros.len() as u64)?;
        }
        file.sync_all()?;
        let group = pool
            .piece(&mut Random::new(7), ENTRIES * ENTRY_BYTES)
            .to_vec();
        Ok(Self {
            file,
            group,
            offset: 0,
        })
    }
}

impl Contestant for AppendLoop {
    fn name(&self) -> &str {
        "floor: append + fdatasync"
    }

    fn pid(&self) -> u32 {
        std::process::id()
    }

    fn run(&mut self, length: Duration) -> Result<Slice> {
        let start = Instant::now();
        let mut slice = Slice::default();
        let group_bytes = self.group.len() as u64;
        while start.elapsed() < length {
            if self.offset + group_bytes > FILE_BYTES {
                self.offset = 0;
            }
            let begun = Instant::now();
            self.file.write_all_at(&self.group, self.offset)?;
            self.file.sync_data()?;
            slice.latencies.push(sample(begun.elapsed()));
            slice.operations += ENTRIES as u64;
            self.offset += group_bytes;
        }
        slice.elapsed = start.elapsed();
        Ok(slice)
    }
}
