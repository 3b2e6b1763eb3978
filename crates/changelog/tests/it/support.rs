//! Small logs, small entries, and ways to look at all of a log.

use std::sync::Arc;

use bytes::Bytes;
use headwater_changelog::{
    Appended, Change, ChangeKind, Durability, Entry, EntryDraft, Files, Identity, Log,
    LogEncryption, LogError, LogOptions, OpenReport, ReadLimit, Record, VerifyReport,
};
use headwater_cipher::DataKey;
use headwater_model::{ManualClock, SeededRng, Sequence};

pub const START_MS: u64 = 1_700_000_000_000;

/// Everything so small that a few entries reach every bound.
pub fn small() -> LogOptions {
    LogOptions {
        segment_bytes: 4096,
        block_bytes_max: 512,
        group_bytes_max: 2048,
        tail_cache_bytes: 2048,
        block_cache_bytes: 4096,
        footer_cache_bytes: 512,
        open_files_max: 2,
        ..LogOptions::default()
    }
}

/// The same options for an encrypted log. Each call's salts are others, by `seed`.
pub fn encrypted(options: LogOptions, seed: u64) -> LogOptions {
    LogOptions {
        encryption: Some(LogEncryption {
            key: DataKey::new([42; 32]).log(),
            rng: Arc::new(SeededRng::new(seed)),
        }),
        ..options
    }
}

/// Checks a log that was written with these options.
pub fn verify(files: &dyn Files, options: &LogOptions) -> Result<VerifyReport, LogError> {
    let key = options
        .encryption
        .as_ref()
        .map(|encryption| &encryption.key);
    headwater_changelog::verify(files, key)
}

pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(START_MS))
}

pub fn open(
    files: &(impl Files + Clone + 'static),
    options: LogOptions,
) -> Result<(Log, OpenReport), LogError> {
    Log::open(Arc::new(files.clone()), options, clock())
}

pub fn change(shard: u32, key: &str, value: &[u8]) -> Change {
    Change {
        table: 1,
        shard,
        kind: ChangeKind::Modify,
        identity: Identity::None,
        key: Bytes::copy_from_slice(key.as_bytes()),
        new: Some(Bytes::copy_from_slice(value)),
        old: Some(Bytes::from_static(b"before")),
        old_size_bytes: 6,
    }
}

/// Bytes that lz4 cannot shorten.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

pub fn append(log: &Log, changes: &[Change]) -> Result<Appended, LogError> {
    log.append(EntryDraft::new(changes)?)
}

pub fn wait(log: &Log, sequence: Sequence) -> Result<(), LogError> {
    block_on(log.wait_durable(sequence))
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// Appends, waits, and gives the entry as it must be read back.
pub fn put(log: &Log, changes: Vec<Change>) -> Entry {
    let appended = append(log, &changes).unwrap();
    wait(log, appended.last).unwrap();
    assert_eq!(
        appended.last,
        appended.first.offset(changes.len() as u64 - 1)
    );
    Entry {
        first: appended.first,
        changes,
    }
}

pub fn fill(log: &Log, count: usize) -> Vec<Entry> {
    (0..count)
        .map(|i| {
            put(
                log,
                vec![change(
                    1 + i as u32 % 3,
                    &format!("key {i}"),
                    &noise(i as u64, 100),
                )],
            )
        })
        .collect()
}

/// All entries that the log still has.
pub fn entries(log: &Log) -> Result<Vec<Entry>, LogError> {
    let oldest = log.oldest();
    log.read_from(Sequence(oldest.0.saturating_sub(1)))
        .collect()
}

/// All records of a shard, page by page.
pub fn records(
    log: &Log,
    shard: u32,
    from: Sequence,
    limit: ReadLimit,
) -> Result<Vec<Record>, LogError> {
    let (mut at, mut all) = (from, Vec::new());
    while at <= log.durable() {
        let page = log.read_shard(shard, at, limit)?;
        assert!(page.next > at, "a page must lead on");
        assert!(page.records.len() <= limit.records.max(1));
        assert!(
            page.records
                .iter()
                .all(|record| record.sequence >= at && record.sequence < page.next)
        );
        all.extend(page.records);
        at = page.next;
    }
    Ok(all)
}

/// What [`records`] must give.
pub fn expected(entries: &[Entry], shard: u32, from: Sequence) -> Vec<Record> {
    let all = entries.iter().flat_map(|entry| {
        (0..).zip(&entry.changes).map(|(i, change)| Record {
            sequence: entry.first.offset(i),
            change: change.clone(),
        })
    });
    all.filter(|record| record.change.shard == shard && record.sequence >= from)
        .collect()
}

pub const ALL_MODES: [Durability; 3] = [
    Durability::Sync,
    Durability::Interval(5),
    Durability::Memory,
];
