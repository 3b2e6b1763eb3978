//! What the catalog remembers of a table, a stream and a shard, as it is stored: JSON documents under
//! keys of table 0, written through the same log as the items so that a definition and the changes that
//! follow it are in one order.

use headwater_model::{KeySchema, Sequence};
use serde::{Deserialize, Serialize};

use crate::copies::Restore;
use crate::index_record::{IndexRecord, IndexState};
use crate::insights::InsightsRecord;
use crate::kinesis::KinesisRecord;
use crate::pitr::PointInTimeRecovery;
use crate::policies::PolicyRecord;
use crate::throughput_changes::ThroughputChanges;
use crate::time_to_live::TimeToLive;

/// The state key prefix of catalog documents: table number 0, which no table ever gets.
pub(crate) const CATALOG_TABLE: u32 = 0;

/// How a table is paid for on AWS; here it decides the number of shards and what descriptions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BillingMode {
    /// Fixed read and write capacity units.
    Provisioned,
    /// On demand.
    PayPerRequest,
}

/// Provisioned capacity units per second; zeros for an on-demand table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throughput {
    /// Read capacity units.
    pub read: u64,
    /// Write capacity units.
    pub write: u64,
}

/// The maxima of an on-demand table; `None` means unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnDemandThroughput {
    /// Most read request units per second.
    pub read_max: Option<i64>,
    /// Most write request units per second.
    pub write_max: Option<i64>,
}

/// Which images a stream's records hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamView {
    /// Only the key attributes.
    KeysOnly,
    /// The item after the change.
    NewImage,
    /// The item before the change.
    OldImage,
    /// Both.
    NewAndOldImages,
}

impl StreamView {
    /// The API's name of the view type.
    pub fn as_str(self) -> &'static str {
        match self {
            StreamView::KeysOnly => "KEYS_ONLY",
            StreamView::NewImage => "NEW_IMAGE",
            StreamView::OldImage => "OLD_IMAGE",
            StreamView::NewAndOldImages => "NEW_AND_OLD_IMAGES",
        }
    }

    /// The view of an API name.
    pub fn parse(name: &str) -> Option<Self> {
        [
            StreamView::KeysOnly,
            StreamView::NewImage,
            StreamView::OldImage,
            StreamView::NewAndOldImages,
        ]
        .into_iter()
        .find(|view| view.as_str() == name)
    }

    /// Whether records of this view hold the image after the change.
    pub fn has_new(self) -> bool {
        matches!(self, StreamView::NewImage | StreamView::NewAndOldImages)
    }

    /// Whether records of this view hold the image before the change.
    pub fn has_old(self) -> bool {
        matches!(self, StreamView::OldImage | StreamView::NewAndOldImages)
    }
}

/// The key schema in its stored form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredKey {
    name: String,
    kind: char,
}

/// What is being changed of a table until `settles_at_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transition {
    /// The table was just created.
    Creating,
    /// A setting was just changed.
    Updating,
    /// The table is on its way out.
    Deleting,
}

/// That a table asks to be encrypted. What encrypts it is the store's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEncryption {
    /// The key that the request named, shown in descriptions; `None` if it named none.
    pub key_name: Option<String>,
}

/// A table's definition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableRecord {
    /// The number under which its items are stored; never used again after the table is gone.
    pub id: u32,
    /// Whose table it is when accounts and regions are kept apart; empty otherwise.
    pub namespace: String,
    /// The table's name.
    pub name: String,
    /// Region of the request that created it, part of its ARN.
    pub region: String,
    /// Twelve-digit account id, part of its ARN.
    pub account: String,
    /// The API's TableId.
    pub uuid: String,
    /// Creation time, milliseconds since the epoch.
    pub created_ms: u64,
    pub(crate) partition: StoredKey,
    pub(crate) sort: Option<StoredKey>,
    /// Billing mode.
    pub billing: BillingMode,
    /// When the billing mode was last switched to on demand, milliseconds; `None` of a table that was made so, for as long
    /// as it stays so. See [`TableRecord::last_on_demand_ms`].
    pub on_demand_since_ms: Option<u64>,
    /// Whether the billing mode was ever named or switched, so that descriptions show a summary.
    pub billing_summary: bool,
    /// Provisioned throughput.
    pub throughput: Throughput,
    /// When it changed.
    #[serde(flatten)]
    pub changes: ThroughputChanges,
    /// Maxima of an on-demand table, if set.
    pub on_demand: Option<OnDemandThroughput>,
    /// Warm throughput that was reached or asked for; see [`TableRecord::warm_throughput`].
    #[serde(default)]
    pub warm: Throughput,
    /// Whether DeleteTable is refused.
    pub deletion_protection: bool,
    /// Table class, if it was ever named.
    pub table_class: Option<String>,
    /// When the table class last changed, milliseconds, if ever.
    #[serde(default)]
    pub table_class_changed_ms: Option<u64>,
    /// Set while the table asks to be encrypted; such a table is only made in an encrypted store.
    #[serde(default)]
    pub encryption: Option<TableEncryption>,
    /// Tags in name order.
    #[serde(default)]
    pub tags: Vec<(String, String)>,
    /// Its resource policy, if it ever had one.
    #[serde(default)]
    pub policy: Option<PolicyRecord>,
    /// Its contributor insights, if they ever were on.
    #[serde(default)]
    pub insights: Option<InsightsRecord>,
    /// Secondary indexes in the order of their creation.
    #[serde(default)]
    pub indexes: Vec<IndexRecord>,
    /// Time to live, if it was ever enabled.
    #[serde(default)]
    pub ttl: Option<TimeToLive>,
    /// Point-in-time recovery, while it is enabled.
    #[serde(default)]
    pub pitr: Option<PointInTimeRecovery>,
    /// What it was restored from, if it was.
    #[serde(default)]
    pub restore: Option<Restore>,
    /// Kinesis streams that its changes go or went to, the newest first.
    #[serde(default)]
    pub kinesis: Vec<KinesisRecord>,
    /// The stream that is enabled now.
    pub stream: Option<u32>,
    /// The stream that nobody sees, while changes go to Kinesis and no other stream is enabled.
    #[serde(default)]
    pub hidden_stream: Option<u32>,
    /// The last stream that was enabled.
    pub latest_stream: Option<u32>,
    /// Retention of the table's streams, milliseconds; `None` takes the server's setting.
    pub retention_ms: Option<u64>,
    /// What is going on with the table, until when (milliseconds).
    pub transition: Option<(Transition, u64)>,
}

/// What a table's status is at a moment, in the API's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableStatus {
    /// Just created, not usable yet.
    Creating,
    /// A change is being carried out; usable.
    Updating,
    /// Being deleted, not usable any more.
    Deleting,
    /// Usable.
    Active,
    /// Deleted; only the sweeper still knows it.
    Gone,
}

impl TableStatus {
    /// The API's name of the status.
    pub fn as_str(self) -> &'static str {
        match self {
            TableStatus::Creating => "CREATING",
            TableStatus::Updating => "UPDATING",
            TableStatus::Deleting | TableStatus::Gone => "DELETING",
            TableStatus::Active => "ACTIVE",
        }
    }
}

impl TableRecord {
    /// The table's status at `now_ms`.
    pub fn status(&self, now_ms: u64) -> TableStatus {
        match self.transition {
            Some((Transition::Deleting, until)) if now_ms >= until => TableStatus::Gone,
            Some((Transition::Deleting, _)) => TableStatus::Deleting,
            Some((_, until)) if now_ms >= until => TableStatus::Active,
            Some((Transition::Creating, _)) => TableStatus::Creating,
            Some((Transition::Updating, _)) => TableStatus::Updating,
            None => TableStatus::Active,
        }
    }

    /// When the phases of the table and of its indexes end, those that were too.
    pub(crate) fn phases_end_ms(&self) -> Vec<u64> {
        let indexes = self.indexes.iter().filter_map(|index| match index.state {
            IndexState::Deleting { until_ms } => Some(until_ms),
            IndexState::Creating | IndexState::Active => None,
        });
        let table = self.transition.map(|(_, until_ms)| until_ms);
        table.into_iter().chain(indexes).collect()
    }

    /// When the billing mode was last set to on demand, milliseconds: with the table, if it was made so.
    pub fn last_on_demand_ms(&self) -> Option<u64> {
        let made_so = self.billing == BillingMode::PayPerRequest;
        self.on_demand_since_ms
            .or(made_so.then_some(self.created_ms))
    }

    /// The table's ARN.
    pub fn arn(&self) -> String {
        format!(
            "arn:aws:dynamodb:{}:{}:table/{}",
            self.region, self.account, self.name
        )
    }

    /// The key schema.
    pub fn schema(&self) -> KeySchema {
        KeySchema {
            partition: self.partition.load(),
            sort: self.sort.as_ref().map(StoredKey::load),
        }
    }
}

impl StoredKey {
    pub(crate) fn load(&self) -> headwater_model::KeyAttribute {
        headwater_model::KeyAttribute {
            name: self.name.clone(),
            kind: match self.kind {
                'N' => headwater_model::KeyType::N,
                'B' => headwater_model::KeyType::B,
                _ => headwater_model::KeyType::S,
            },
        }
    }

    pub(crate) fn store(key: &headwater_model::KeyAttribute) -> Self {
        StoredKey {
            name: key.name.clone(),
            kind: match key.kind {
                headwater_model::KeyType::S => 'S',
                headwater_model::KeyType::N => 'N',
                headwater_model::KeyType::B => 'B',
            },
        }
    }
}

/// A stream of a table: it begins when streaming is enabled and keeps its identity for as long as it can
/// be read, after it was disabled and after its table is gone too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StreamRecord {
    /// The stream's number in this store.
    pub id: u32,
    /// Number of the table that it follows.
    pub table_id: u32,
    /// See [`TableRecord::namespace`].
    pub namespace: String,
    /// Name of the table.
    pub table_name: String,
    /// Region in its ARN.
    pub region: String,
    /// Account in its ARN.
    pub account: String,
    /// UTC time of creation with milliseconds, without `Z`: the last part of the ARN.
    pub label: String,
    /// Which images its records hold.
    pub view: StreamView,
    pub(crate) partition: StoredKey,
    pub(crate) sort: Option<StoredKey>,
    /// Creation time, milliseconds since the epoch.
    pub created_ms: u64,
    /// When it was disabled, milliseconds; `None` while enabled.
    pub disabled_ms: Option<u64>,
    /// When ENABLING or DISABLING ends, milliseconds.
    pub settles_at_ms: u64,
    /// Retention, milliseconds; `None` takes the server's setting.
    pub retention_ms: Option<u64>,
    /// Its resource policy, if it ever had one.
    #[serde(default)]
    pub policy: Option<PolicyRecord>,
    /// Whether it is only there for a Kinesis destination, and shown to nobody.
    #[serde(default)]
    pub hidden: bool,
}

impl StreamRecord {
    /// The stream's ARN.
    pub fn arn(&self) -> String {
        format!(
            "arn:aws:dynamodb:{}:{}:table/{}/stream/{}",
            self.region, self.account, self.table_name, self.label
        )
    }

    /// The API's StreamStatus at `now_ms`.
    pub fn status(&self, now_ms: u64) -> &'static str {
        match (self.disabled_ms, now_ms >= self.settles_at_ms) {
            (None, false) => "ENABLING",
            (None, true) => "ENABLED",
            (Some(_), false) => "DISABLING",
            (Some(_), true) => "DISABLED",
        }
    }

    /// Key schema of the table that the stream follows.
    pub fn schema(&self) -> KeySchema {
        KeySchema {
            partition: self.partition.load(),
            sort: self.sort.as_ref().map(StoredKey::load),
        }
    }
}

/// A shard: a range of partition hashes of one stream, from its opening to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShardRecord {
    /// The shard's number in the log (not 0).
    pub number: u32,
    /// The stream that it belongs to.
    pub stream: u32,
    /// When it was opened, milliseconds; part of its id.
    pub opened_ms: u64,
    /// The shard that it goes on from.
    pub parent: Option<u32>,
    /// When the parent was opened, so that its id can be named after it is gone.
    pub parent_opened_ms: Option<u64>,
    /// First partition hash of its range.
    pub hash_first: u32,
    /// Last partition hash of its range.
    pub hash_last: u32,
    /// First sequence number that it may hold.
    #[serde(with = "sequence")]
    pub start: Sequence,
    /// Last sequence number that it may hold, once closed.
    #[serde(with = "optional_sequence")]
    pub end: Option<Sequence>,
}

impl ShardRecord {
    /// The API's ShardId: `shardId-`, twenty digits of opening time in milliseconds, eight hex digits.
    /// The latter are the shard's number, so that ids of one stream are in the order of creation.
    pub fn id(&self) -> String {
        shard_id(self.opened_ms, self.number)
    }

    /// When an open shard is to be rolled over, if shards grow as old as `age_ms`.
    pub(crate) fn due_ms(&self, age_ms: u64) -> u64 {
        self.opened_ms.saturating_add(age_ms)
    }

    /// The ShardId of the parent, if there is one. It may name a shard that is no longer listed.
    pub fn parent_id(&self) -> Option<String> {
        Some(shard_id(self.parent_opened_ms?, self.parent?))
    }
}

/// Writes a ShardId (streams.md section 5).
pub fn shard_id(opened_ms: u64, number: u32) -> String {
    format!("shardId-{opened_ms:020}-{number:08x}")
}

pub(crate) mod sequence {
    use headwater_model::Sequence;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &Sequence, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_u64(value.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Sequence, D::Error> {
        u64::deserialize(input).map(Sequence)
    }
}

pub(crate) mod optional_sequence {
    use headwater_model::Sequence;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        value: &Option<Sequence>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(|sequence| sequence.0).serialize(out)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        input: D,
    ) -> Result<Option<Sequence>, D::Error> {
        Ok(Option::<u64>::deserialize(input)?.map(Sequence))
    }
}

/// The next free numbers of the catalog; kept as a document of its own so that none is used twice.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct NextNumbers {
    pub(crate) table: u32,
    pub(crate) stream: u32,
    pub(crate) shard: u32,
}

impl Default for NextNumbers {
    fn default() -> Self {
        NextNumbers {
            table: 1,
            stream: 1,
            shard: 1,
        }
    }
}

/// Keys of catalog documents, without the table number that precedes every key of the state.
pub(crate) mod document_key {
    pub(crate) const NEXT_NUMBERS: &[u8] = b"i";
    pub(crate) const TABLE: u8 = b't';
    pub(crate) const STREAM: u8 = b's';
    pub(crate) const SHARD: u8 = b'h';
    pub(crate) const BACKUP: u8 = b'k';
    /// A feature that whoever opens the store has to know; its name follows.
    pub(crate) const FEATURE: u8 = b'r';
    /// A table that is gone and whose items are still to be removed.
    pub(crate) const DROPPED: u8 = b'd';
    /// Item count and size of a table; kept by the applier only, never in the log.
    pub(crate) const COUNTS: u8 = b'n';
    /// How far an index is filled; kept by the applier only, never in the log.
    pub(crate) const BACKFILL: u8 = b'b';

    pub(crate) fn of(kind: u8, number: u32) -> Vec<u8> {
        let mut key = vec![kind];
        key.extend_from_slice(&number.to_be_bytes());
        key
    }
}

/// A key of the state: table number, then the key within the table.
pub(crate) fn state_key(table: u32, key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + key.len());
    out.extend_from_slice(&table.to_be_bytes());
    out.extend_from_slice(key);
    out
}
