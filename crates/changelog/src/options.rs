//! Settings of a log, each bound with its default.

use std::sync::Arc;

use headwater_cipher::{LogKey, SALT_BYTES};
use headwater_model::{Rng, Sequence};

use crate::error::LogError;

/// When an append counts as acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After an fsync.
    Sync,
    /// After the write; an fsync follows within this many milliseconds. A power loss may take what came after
    /// the last one; a crash of the process takes nothing.
    Interval(u64),
    /// After the write, never an fsync: for [`crate::MemoryFiles`], or data that may go.
    Memory,
}

/// Settings of a log.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// When an append counts as acknowledged.
    pub durability: Durability,
    /// A segment is sealed before it would grow over this; 64 MiB. One group always fits.
    pub segment_bytes: u64,
    /// Most raw bytes in one block, unless a single entry is larger; 256 KiB.
    pub block_bytes_max: usize,
    /// Most raw bytes in one group; 8 MiB.
    pub group_bytes_max: usize,
    /// Most bytes that wait to become durable; above it appends are refused. And most of what is durable and waits for the
    /// receiver of the groups; above it the writer waits. 32 MiB.
    pub queue_bytes_max: usize,
    /// Most groups that wait for the applier; above it the writer waits; 16.
    pub queued_groups_max: usize,
    /// Newest blocks kept decoded in memory; 8 MiB.
    pub tail_cache_bytes: usize,
    /// Older blocks kept decoded in memory after they were read; 32 MiB.
    pub block_cache_bytes: usize,
    /// Indexes of sealed segments kept in memory; 8 MiB.
    pub footer_cache_bytes: usize,
    /// Sealed segments kept open for reading; 64.
    pub open_files_max: usize,
    /// Make and zero the next segment ahead, in the background, once a log has seen some use. Off in
    /// [`Durability::Memory`].
    pub preallocate: bool,
    /// Free space on the disk below which [`crate::Log::no_room`] says that nothing more should be appended; 0.
    /// What was appended is written nevertheless, as long as the disk takes it.
    pub reserve_bytes: u64,
    /// Identity written into every segment; a log that has one keeps it. Without one, a new log makes it from the
    /// clock.
    pub store_id: Option<[u8; 16]>,
    /// Entries up to this one are known to have been durable, by whoever took them over: a log that breaks off before is
    /// damaged, and not torn. [`Sequence::ZERO`] if nothing is known.
    pub reaches: Sequence,
    /// With what the log is encrypted; without it, it is not. All segments of a log are alike.
    pub encryption: Option<LogEncryption>,
}

/// What an encrypted log needs.
#[derive(Clone)]
pub struct LogEncryption {
    /// The key that the keys of all segments follow from.
    pub key: LogKey,
    /// Gives each segment its salt.
    pub rng: Arc<dyn Rng>,
}

impl LogEncryption {
    /// Twice the same salt would be twice the same key; a source that fails leaves zeros.
    pub(crate) fn salt(&self) -> Result<[u8; SALT_BYTES], LogError> {
        let mut salt = [0; SALT_BYTES];
        self.rng.fill(&mut salt);
        match salt {
            [0, rest @ ..] if rest.iter().all(|byte| *byte == 0) => Err(LogError::NoRandomness),
            salt => Ok(salt),
        }
    }
}

impl std::fmt::Debug for LogEncryption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogEncryption(..)")
    }
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Sync,
            segment_bytes: 64 << 20,
            block_bytes_max: 256 << 10,
            group_bytes_max: 8 << 20,
            queue_bytes_max: 32 << 20,
            queued_groups_max: 16,
            tail_cache_bytes: 8 << 20,
            block_cache_bytes: 32 << 20,
            footer_cache_bytes: 8 << 20,
            open_files_max: 64,
            preallocate: true,
            reserve_bytes: 0,
            store_id: None,
            reaches: Sequence::ZERO,
            encryption: None,
        }
    }
}

impl LogOptions {
    /// Offsets inside of a segment are 32 bits; a group of the largest entry must fit beyond the limit.
    const SEGMENT_BYTES_LIMIT: u64 = 2 << 30;

    pub(crate) fn check(&self) -> Result<(), LogError> {
        let rules = [
            (
                (1024..=Self::SEGMENT_BYTES_LIMIT).contains(&self.segment_bytes),
                "segment_bytes must be within 1 KiB and 2 GiB",
            ),
            (
                (1..=16 << 20).contains(&self.block_bytes_max),
                "block_bytes_max must be within 1 byte and 16 MiB",
            ),
            (
                (1..=256 << 20).contains(&self.group_bytes_max),
                "group_bytes_max must be within 1 byte and 256 MiB",
            ),
            (self.queue_bytes_max > 0, "queue_bytes_max must not be 0"),
            (
                self.queued_groups_max > 0,
                "queued_groups_max must not be 0",
            ),
            (self.open_files_max > 0, "open_files_max must not be 0"),
            (
                self.durability != Durability::Interval(0),
                "an interval must not be 0",
            ),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, detail)) => Err(LogError::InvalidOption { detail }),
            None => Ok(()),
        }
    }

    /// The key, if the log is encrypted.
    pub(crate) fn key(&self) -> Option<&LogKey> {
        self.encryption.as_ref().map(|encryption| &encryption.key)
    }

    pub(crate) fn syncs(&self) -> bool {
        self.durability != Durability::Memory
    }
}
