//! How a store is run.

use crate::ColdReads;
use headwater_cipher::SectorCipher;
use std::sync::Arc;

/// How to run a store.
#[derive(Clone, Debug)]
pub struct StateOptions {
    /// Bound of what is kept in memory of the file, read and written together. Memory is only taken as it is used. 128
    /// to 256 MiB serve a loaded store; beyond that the page cache of the system does more.
    pub cache_bytes: usize,
    /// Bytes that a start on a full disk may keep in memory of what the log has and the state has not, so that it can be
    /// read; a longer replay is refused. The log has a checkpoint's worth, and what was waiting to be applied.
    pub start_bytes_max: usize,
    /// Threads that read a large batch's keys before it is applied. 0 leaves that out.
    pub prefetch_threads: usize,
    /// Batches with fewer keys are applied without reading ahead.
    pub prefetch_keys_min: usize,
    /// Read the whole file and check every checksum while opening.
    pub verify: bool,
    /// Give a new store a checksum for each value, which is format 2. Without it is made in format 1, as
    /// earlier versions did; a store that is there keeps its own.
    pub checksums: bool,
    /// What runs reads of a file that wait for the disk; without it, they keep the thread that reads.
    pub cold_reads: Option<ColdReads>,
    /// What the file is encrypted with; without it, it is plain. A store without a file takes no notice.
    pub cipher: Option<Arc<SectorCipher>>,
}

impl Default for StateOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 128 << 20,
            start_bytes_max: 256 << 20,
            prefetch_threads: 4,
            prefetch_keys_min: 256,
            verify: false,
            checksums: true,
            cold_reads: None,
            cipher: None,
        }
    }
}
