//! The catalog: tables, streams and shards, in memory as they are decided and in table 0 as they are
//! durable. Every change of it is one log entry of one or more documents.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use headwater_changelog::{Change, ChangeKind, Identity};
use headwater_model::Sequence;
use headwater_state::{Direction, Snapshot};
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ops::{Bound, ControlFlow};

use crate::backups::BackupRecord;
use crate::error::EngineError;
use crate::features::Feature;
use crate::record::{
    CATALOG_TABLE, NextNumbers, ShardRecord, StreamRecord, TableRecord, document_key, state_key,
};
use crate::table::{Route, Table};

/// The catalog in memory.
pub(crate) struct Catalog {
    /// Held by whoever changes the catalog, from looking to enqueueing.
    pub(crate) change: Mutex<()>,
    pub(crate) maps: RwLock<Maps>,
}

#[derive(Default)]
pub(crate) struct Maps {
    /// By namespace, then by name.
    pub(crate) tables: HashMap<String, BTreeMap<String, Arc<Table>>>,
    pub(crate) streams: BTreeMap<u32, Arc<StreamRecord>>,
    /// The streams of the tables of a name, by namespace and name.
    streams_of_name: HashMap<(String, String), BTreeSet<u32>>,
    /// By stream, then by number.
    pub(crate) shards: BTreeMap<u32, BTreeMap<u32, Arc<ShardRecord>>>,
    /// The stream of each shard that is known.
    pub(crate) stream_of_shard: HashMap<u32, u32>,
    /// How many shards are those of streams that were disabled.
    pub(crate) disabled_shards: usize,
    /// By number.
    pub(crate) backups: BTreeMap<u32, Arc<BackupRecord>>,
    /// What the catalog says that the store uses.
    pub(crate) features: BTreeSet<Feature>,
    pub(crate) next: NextNumbers,
    /// The last entry that changed the catalog; what readers see is durable once this is.
    pub(crate) changed_at: Sequence,
}

impl Maps {
    pub(crate) fn insert_stream(&mut self, stream: StreamRecord) {
        let name = (stream.namespace.clone(), stream.table_name.clone());
        let of_name = self.streams_of_name.entry(name).or_default();
        of_name.insert(stream.id);
        if stream.disabled_ms.is_some() && !self.is_disabled(stream.id) {
            self.disabled_shards += self.shards_of(stream.id).count();
        }
        self.streams.insert(stream.id, Arc::new(stream));
    }

    /// Whether a stream is known that is not written to any more.
    fn is_disabled(&self, stream: u32) -> bool {
        let stream = self.streams.get(&stream);
        stream.is_some_and(|stream| stream.disabled_ms.is_some())
    }

    pub(crate) fn remove_stream(&mut self, id: u32) {
        if self.is_disabled(id) {
            self.disabled_shards -= self.shards_of(id).count();
        }
        let Some(stream) = self.streams.remove(&id) else {
            return;
        };
        let name = (stream.namespace.clone(), stream.table_name.clone());
        if let Some(of_name) = self.streams_of_name.get_mut(&name) {
            of_name.remove(&id);
            if of_name.is_empty() {
                self.streams_of_name.remove(&name);
            }
        }
    }

    /// The streams of the tables of a name, earlier ones too, the hidden ones too.
    pub(crate) fn streams_of_name(
        &self,
        namespace: &str,
        table_name: &str,
    ) -> impl Iterator<Item = &Arc<StreamRecord>> {
        let name = (namespace.to_owned(), table_name.to_owned());
        let ids = self.streams_of_name.get(&name).into_iter().flatten();
        ids.filter_map(|id| self.streams.get(id))
    }

    pub(crate) fn insert_shard(&mut self, shard: ShardRecord) {
        self.stream_of_shard.insert(shard.number, shard.stream);
        let stream = shard.stream;
        let of_stream = self.shards.entry(stream).or_default();
        let is_new = of_stream.insert(shard.number, Arc::new(shard)).is_none();
        if is_new && self.is_disabled(stream) {
            self.disabled_shards += 1;
        }
    }

    pub(crate) fn remove_shard(&mut self, stream: u32, number: u32) {
        self.stream_of_shard.remove(&number);
        let Some(shards) = self.shards.get_mut(&stream) else {
            return;
        };
        let removed = shards.remove(&number);
        if shards.is_empty() {
            self.shards.remove(&stream);
        }
        if removed.is_some() && self.is_disabled(stream) {
            self.disabled_shards -= 1;
        }
    }

    pub(crate) fn shards_of(&self, stream: u32) -> impl Iterator<Item = &Arc<ShardRecord>> {
        self.shards
            .get(&stream)
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    pub(crate) fn route_of(&self, record: &TableRecord) -> Option<Route> {
        let stream = record.stream.or(record.hidden_stream)?;
        let view = self.streams.get(&stream)?.view;
        Some(Route::new(view, self.shards_of(stream).map(Arc::as_ref)))
    }

    /// Forgets the name of a table that is gone from there.
    pub(crate) fn forget_name(&mut self, record: &TableRecord) {
        if let Some(tables) = self.tables.get_mut(&record.namespace) {
            tables.remove(&record.name);
            if tables.is_empty() {
                self.tables.remove(&record.namespace);
            }
        }
    }

    pub(crate) fn all_tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.values().flat_map(BTreeMap::values)
    }
}

impl Catalog {
    /// Reads the catalog from the state, which has been brought up to the end of the log before.
    pub(crate) fn load(snapshot: &dyn Snapshot) -> Result<Self, EngineError> {
        let mut maps = Maps::default();
        let mut tables = Vec::new();
        let mut failure = None;
        let from = state_key(CATALOG_TABLE, b"");
        let to = state_key(CATALOG_TABLE + 1, b"");
        snapshot.scan(
            Bound::Included(&from),
            Bound::Excluded(&to),
            Direction::Forward,
            &mut |key, value| match load_document(&mut maps, &mut tables, &key[4..], value) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            },
        )?;
        if let Some(error) = failure {
            return Err(error);
        }
        for record in tables {
            let route = maps.route_of(&record);
            let (namespace, name) = (record.namespace.clone(), record.name.clone());
            let table = Arc::new(Table::new(record, route));
            if let Some(counts) = snapshot.get(&counts_key(table.id()))? {
                let (items, bytes) = decode_counts(&counts);
                table.counts.add(items, bytes);
            }
            for index in &table.local_indexes {
                if let Some(counts) = snapshot.get(&counts_key(*index))? {
                    table.counts.add_local(decode_counts(&counts).1);
                }
            }
            maps.tables
                .entry(namespace)
                .or_default()
                .insert(name, table);
        }
        Ok(Catalog {
            change: Mutex::new(()),
            maps: RwLock::new(maps),
        })
    }
}

fn load_document(
    maps: &mut Maps,
    tables: &mut Vec<TableRecord>,
    key: &[u8],
    value: &[u8],
) -> Result<(), EngineError> {
    match key.first() {
        Some(&document_key::TABLE) => tables.push(parse(key, value)?),
        Some(&document_key::STREAM) => {
            let stream: StreamRecord = parse(key, value)?;
            maps.insert_stream(stream);
        }
        Some(&document_key::SHARD) => maps.insert_shard(parse(key, value)?),
        Some(&document_key::BACKUP) => {
            let backup: BackupRecord = parse(key, value)?;
            maps.backups.insert(backup.id, Arc::new(backup));
        }
        Some(&document_key::FEATURE) => maps.features.extend(Feature::of_key(key)),
        _ if key == document_key::NEXT_NUMBERS => maps.next = parse(key, value)?,
        _ => {}
    }
    Ok(())
}

/// A catalog document.
pub(crate) fn parse<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, EngineError> {
    serde_json::from_slice(value).map_err(|error| EngineError::Catalog {
        key: key.escape_ascii().to_string(),
        reason: error.to_string(),
    })
}

/// The number in a document's key.
pub(crate) fn number_of(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.get(1..5)?.try_into().ok()?))
}

/// The documents of one catalog change, in the order in which they are written.
#[derive(Default)]
pub(crate) struct Documents(Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl Documents {
    /// That a feature is used: the name is in the key, the version that began it beside it, for people.
    pub(crate) fn feature(&mut self, feature: Feature) {
        self.put(feature.document_key(), &env!("CARGO_PKG_VERSION"));
    }

    pub(crate) fn table(&mut self, record: &TableRecord) {
        self.put(document_key::of(document_key::TABLE, record.id), record);
    }

    pub(crate) fn stream(&mut self, record: &StreamRecord) {
        self.put(document_key::of(document_key::STREAM, record.id), record);
    }

    pub(crate) fn backup(&mut self, record: &BackupRecord) {
        self.put(document_key::of(document_key::BACKUP, record.id), record);
    }

    pub(crate) fn remove_backup(&mut self, id: u32) {
        self.0
            .push((document_key::of(document_key::BACKUP, id), None));
    }

    pub(crate) fn shard(&mut self, record: &ShardRecord) {
        self.put(document_key::of(document_key::SHARD, record.number), record);
    }

    pub(crate) fn next_numbers(&mut self, next: &NextNumbers) {
        self.put(document_key::NEXT_NUMBERS.to_vec(), next);
    }

    pub(crate) fn table_dropped(&mut self, id: u32) {
        self.0
            .push((document_key::of(document_key::TABLE, id), None));
        self.dropped(id);
    }

    /// What stands under this number, a table's or an index's, is to be removed.
    pub(crate) fn dropped(&mut self, id: u32) {
        self.put(document_key::of(document_key::DROPPED, id), &id);
    }

    pub(crate) fn remove_shard(&mut self, number: u32) {
        self.0
            .push((document_key::of(document_key::SHARD, number), None));
    }

    pub(crate) fn remove_stream(&mut self, id: u32) {
        self.0
            .push((document_key::of(document_key::STREAM, id), None));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn put<T: Serialize>(&mut self, key: Vec<u8>, document: &T) {
        // These types hold only numbers, strings and lists: they always have a JSON form.
        let value = serde_json::to_vec(document).unwrap_or_default();
        self.0.push((key, Some(value)));
    }

    pub(crate) fn into_changes(self) -> Vec<Change> {
        self.0
            .into_iter()
            .map(|(key, value)| Change {
                table: CATALOG_TABLE,
                shard: 0,
                kind: match value {
                    Some(_) => ChangeKind::Modify,
                    None => ChangeKind::Remove,
                },
                identity: Identity::None,
                key: Bytes::from(key),
                new: value.map(Bytes::from),
                old: None,
                old_size_bytes: 0,
            })
            .collect()
    }
}

/// State key of a table's counts.
pub(crate) fn counts_key(table: u32) -> Vec<u8> {
    state_key(
        CATALOG_TABLE,
        &document_key::of(document_key::COUNTS, table),
    )
}

pub(crate) fn encode_counts(items: i64, bytes: i64) -> Bytes {
    let mut out = Vec::with_capacity(16);
    out.extend_from_slice(&items.to_le_bytes());
    out.extend_from_slice(&bytes.to_le_bytes());
    Bytes::from(out)
}

pub(crate) fn decode_counts(stored: &[u8]) -> (i64, i64) {
    let number = |range: std::ops::Range<usize>| {
        stored
            .get(range)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, i64::from_le_bytes)
    };
    (number(0..8), number(8..16))
}
