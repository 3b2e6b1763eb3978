//! What a verification did and found. It names tables, hashes of keys and positions, never what is stored.

use std::fmt;

use headwater_changelog::VerifyReport;
use headwater_model::Sequence;
use serde::{Serialize, Serializer};
use xxhash_rust::xxh3::xxh3_128;

/// Findings that are kept; further ones are only counted.
const FINDINGS_MAX: usize = 100;

/// What was checked, in numbers, and what was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verified {
    /// Whether the server ran meanwhile.
    pub live: bool,
    /// Segments of the log.
    pub segments: u64,
    /// Blocks of the log.
    pub blocks: u64,
    /// Bytes of the log's blocks, as stored.
    pub log_bytes: u64,
    /// Entries of the log.
    pub entries: u64,
    /// Changes in them.
    pub changes: u64,
    /// Changes that are records of a stream.
    pub records: u64,
    /// Bytes of a group that was never acknowledged; the next opening cuts them.
    pub torn_bytes: u64,
    /// Keys whose last value in the log was compared with the state.
    pub keys_compared: u64,
    /// Whether the comparison was left out because the log is damaged.
    pub not_compared: bool,
    /// Tables in the catalog.
    pub tables: u64,
    /// Streams in the catalog.
    pub streams: u64,
    /// Shards in the catalog.
    pub shards: u64,
    /// Items in the state, each read and decoded.
    pub items: u64,
    /// Bytes of them, keys included.
    pub item_bytes: u64,
    /// Entries of secondary indexes in the state, each compared with its item; and each item with its entries.
    pub entries_compared: u64,
    /// Tables whose count of items and bytes was compared with the items.
    pub tables_counted: u64,
    /// The format of the state file; values of format 1 have no checksums.
    pub state_format: u64,
    /// Position that the state held when this began.
    #[serde(serialize_with = "as_text")]
    pub applied: Sequence,
    /// Where the log begins; zero if nothing was trimmed.
    #[serde(serialize_with = "as_text")]
    pub log_oldest: Sequence,
    /// Last position of the log that was read.
    #[serde(serialize_with = "as_text")]
    pub log_end: Sequence,
    /// What is wrong, the first hundred.
    pub findings: Vec<Finding>,
    /// How much is wrong in all.
    pub findings_total: u64,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where: a file of the log, the state, the catalog, or a table by name.
    pub place: String,
    /// The key, as the hash by which errors of a server name it too.
    pub key: Option<String>,
    /// The position in the log.
    pub position: Option<String>,
    /// What is wrong.
    pub detail: String,
}

impl Finding {
    /// A finding at a place that is not an item.
    pub(super) fn at(place: impl Into<String>, detail: impl Into<String>) -> Self {
        Finding {
            place: place.into(),
            key: None,
            position: None,
            detail: detail.into(),
        }
    }

    /// A finding in a file of the log.
    pub(super) fn of_log(file: &str, offset: u64, detail: String) -> Self {
        Finding::at(format!("log file {file} at byte {offset}"), detail)
    }

    /// A finding about a key of the state.
    pub(super) fn of_key(
        place: impl Into<String>,
        state_key: &[u8],
        detail: impl Into<String>,
    ) -> Self {
        Finding {
            key: Some(format!("{:032x}", xxh3_128(state_key))),
            ..Finding::at(place, detail)
        }
    }

    pub(super) fn position(self, position: Sequence) -> Self {
        Finding {
            position: Some(position.to_string()),
            ..self
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)?;
        if let Some(key) = &self.key {
            write!(f, ", key {key}")?;
        }
        if let Some(position) = &self.position {
            write!(f, ", position {position}")?;
        }
        write!(f, ": {}", self.detail)
    }
}

impl Verified {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings_total == 0
    }

    /// Takes a finding; one that another check made already is not taken twice.
    pub(super) fn find(&mut self, finding: Finding) {
        if self.findings.contains(&finding) {
            return;
        }
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    pub(super) fn take_log(&mut self, report: &VerifyReport) {
        self.segments = report.segments as u64;
        self.blocks = report.blocks;
        self.log_bytes = report.stored_bytes;
        self.entries = report.entries;
        self.changes = report.changes;
        self.torn_bytes = report.torn_bytes;
        self.log_oldest = report.oldest;
        self.log_end = report.last;
        for problem in &report.problems {
            let detail = problem.detail.clone();
            self.find(Finding::of_log(&problem.file, problem.offset, detail));
        }
    }
}

fn as_text<S: Serializer>(sequence: &Sequence, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(sequence)
}
