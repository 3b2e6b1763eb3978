//! A change as the stream record that clients see (streams.md section 3).

use std::sync::Arc;

use headwater_changelog::{Change, ChangeKind, Identity, Record};
use headwater_engine::{StreamRecord, StreamView};
use headwater_model::{CorruptKey, EncodedItem, KeySchema, Sequence};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

const MICROSECONDS_PER_MS: u64 = 1_000;

/// A stream record. Its images may share the log's buffers; nothing but the key is decoded.
#[derive(Clone, Debug)]
pub struct RecordView {
    stream: Arc<StreamRecord>,
    seed: u64,
    sequence: Sequence,
    change: Change,
    keys: EncodedItem,
}

/// What all records of one stream have in common.
pub(crate) struct Viewer {
    stream: Arc<StreamRecord>,
    schema: KeySchema,
    seed: u64,
}

impl Viewer {
    pub(crate) fn new(stream: Arc<StreamRecord>) -> Self {
        Viewer {
            schema: stream.schema(),
            seed: xxh3_64(stream.arn().as_bytes()),
            stream,
        }
    }

    pub(crate) fn view(&self, record: Record) -> Result<RecordView, CorruptKey> {
        Ok(RecordView {
            stream: self.stream.clone(),
            seed: self.seed,
            sequence: record.sequence,
            keys: EncodedItem::encode(&self.schema.decode_key(&record.change.key)?),
            change: record.change,
        })
    }
}

impl RecordView {
    /// The same with bytes of its own, for whoever keeps it: a few of a busy log would keep all of what was near them.
    pub(crate) fn detached(self) -> Self {
        RecordView {
            change: self.change.detached(),
            ..self
        }
    }

    /// The stream.
    pub fn stream(&self) -> &Arc<StreamRecord> {
        &self.stream
    }

    /// The API's eventID: 32 hex digits, the same at each reading, unique by stream and sequence number.
    pub fn event_id(&self) -> String {
        let id = xxh3_128_with_seed(&self.sequence.0.to_le_bytes(), self.seed);
        format!("{id:032x}")
    }

    /// The API's eventName.
    pub fn event_name(&self) -> &'static str {
        match self.change.kind {
            ChangeKind::Insert => "INSERT",
            ChangeKind::Modify => "MODIFY",
            ChangeKind::Remove => "REMOVE",
        }
    }

    /// What happened to the item.
    pub fn kind(&self) -> ChangeKind {
        self.change.kind
    }

    /// The sequence number.
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// The shard that the record is in, by its number.
    pub fn shard(&self) -> u32 {
        self.change.shard
    }

    /// When the change was made, in whole seconds since the epoch.
    pub fn created_seconds(&self) -> u64 {
        self.sequence.ms() / 1000
    }

    /// When the change was made, in milliseconds since the epoch.
    pub fn created_ms(&self) -> u64 {
        self.sequence.ms()
    }

    /// The hash of the item's partition key: what shards are ranges of.
    pub fn partition_hash(&self) -> u32 {
        KeySchema::partition_hash(&self.change.key)
    }

    /// The view type of the stream.
    pub fn view_type(&self) -> StreamView {
        self.stream.view
    }

    /// The key attributes.
    pub fn keys(&self) -> &EncodedItem {
        &self.keys
    }

    /// The item after the change, if the view shows it and there is one.
    pub fn new_image(&self) -> Option<EncodedItem> {
        let image = self.change.new.as_ref();
        image
            .filter(|_| self.stream.view.has_new())
            .map(|image| EncodedItem::from_bytes(image.clone()))
    }

    /// The item before the change, if the view shows it and there was one.
    pub fn old_image(&self) -> Option<EncodedItem> {
        let image = self.change.old.as_ref();
        image
            .filter(|_| self.stream.view.has_old())
            .map(|image| EncodedItem::from_bytes(image.clone()))
    }

    /// The API's SizeBytes: the keys, and each image that is shown, by the rules of item sizes.
    pub fn size_bytes(&self) -> usize {
        let image = |image: Option<EncodedItem>| image.map_or(0, |image| image.size_bytes());
        self.keys.size_bytes() + image(self.new_image()) + image(self.old_image())
    }

    /// Bytes that it keeps in memory, about.
    pub(crate) fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.keys.size_bytes() + self.change.size_bytes()
    }

    /// When the change was made, in microseconds since the epoch, as far as the order of changes tells.
    pub fn created_us(&self) -> u64 {
        let within_ms = self.sequence.counter().min(MICROSECONDS_PER_MS - 1);
        self.sequence.ms() * MICROSECONDS_PER_MS + within_ms
    }

    /// A name for the item that is the same in all its records.
    pub fn item_id(&self) -> String {
        format!("{:032X}", xxh3_128_with_seed(&self.change.key, 0))
    }

    /// The item before and after the change, whatever the stream's view shows; what was before is only there if it is
    /// kept for the table, as for one with a Kinesis destination.
    pub fn images(&self) -> (Option<EncodedItem>, Option<EncodedItem>) {
        let old = self.change.old.clone().map(EncodedItem::from_bytes);
        let new = self.change.new.clone().map(EncodedItem::from_bytes);
        (old, new)
    }

    /// Who made the change.
    pub fn identity(&self) -> Identity {
        self.change.identity
    }
}
