//! What the catalog remembers of a table's secondary indexes.

use headwater_model::{DistanceFunction, IndexSchema, KeyAttribute, KeySchema};
use serde::{Deserialize, Serialize};

use crate::insights::InsightsRecord;
use crate::record::{OnDemandThroughput, StoredKey, Throughput};
use crate::throughput_changes::ThroughputChanges;

/// Whether an index shares its table's partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IndexKind {
    /// A local secondary index: the table's partition key, another sort key.
    Local,
    /// A global secondary index: any key.
    Global,
    /// A vector index: what SearchVectors searches.
    Vector,
}

/// Which attributes an index's entries hold, beside the keys of index and table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IndexProjection {
    /// All of the item's.
    All,
    /// Only the keys.
    KeysOnly,
    /// These too.
    Include(Vec<String>),
}

/// How far an index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IndexState {
    /// Being filled with the items that were there before it; not readable.
    Creating,
    /// Readable.
    Active,
    /// Gone, and shown until this time, in milliseconds.
    Deleting {
        /// Until when.
        until_ms: u64,
    },
}

/// An index's definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexRecord {
    /// The number under which its entries are stored; from the same numbers as tables'.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Local or global.
    pub kind: IndexKind,
    pub(crate) partition: Vec<StoredKey>,
    pub(crate) sort: Vec<StoredKey>,
    /// What its entries hold.
    pub projection: IndexProjection,
    /// Provisioned throughput of a global index; zeros for an on-demand table.
    pub throughput: Throughput,
    /// When it changed.
    #[serde(default)]
    pub changes: ThroughputChanges,
    /// Maxima of an on-demand table's index, if set.
    pub on_demand: Option<OnDemandThroughput>,
    /// Warm throughput that was reached or asked for; see [`IndexRecord::warm_throughput`].
    #[serde(default)]
    pub warm: Throughput,
    /// Its contributor insights, if they ever were on.
    #[serde(default)]
    pub insights: Option<InsightsRecord>,
    /// What it is of vectors, if it is a vector index.
    #[serde(default)]
    pub vector: Option<VectorRecord>,
    /// How far it is.
    pub state: IndexState,
}

/// What a vector index is, beside what every index is. Its partition key is that of its search schema, if there is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VectorRecord {
    /// The attribute that holds the vectors.
    pub attribute: String,
    /// How many components they have.
    pub dimensions: u32,
    distance: StoredDistance,
    search: Vec<StoredSearchKey>,
}

/// A [`DistanceFunction`] as it is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum StoredDistance {
    Cosine,
    DotProduct,
    Euclidean,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredSearchKey {
    key: StoredKey,
    is_filter: bool,
}

/// An attribute by which a vector index is searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchKey {
    /// Its name and type.
    pub attribute: KeyAttribute,
    /// Whether a search may leave it out; the other kind is the index's partition key.
    pub is_filter: bool,
}

/// What a new index is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIndex {
    /// Its name.
    pub name: String,
    /// Local or global.
    pub kind: IndexKind,
    /// The partition key attributes, one to four.
    pub partition: Vec<KeyAttribute>,
    /// The sort key attributes, up to four.
    pub sort: Vec<KeyAttribute>,
    /// What its entries hold.
    pub projection: IndexProjection,
    /// Provisioned throughput; zeros for an on-demand table.
    pub throughput: Throughput,
    /// Maxima of an on-demand table's index, if set.
    pub on_demand: Option<OnDemandThroughput>,
    /// Warm throughput that is asked for; parts of zero ask for nothing.
    pub warm: Throughput,
    /// What it is of vectors, if it is a vector index.
    pub vector: Option<VectorRecord>,
}

impl VectorRecord {
    /// A vector index on an attribute, searched by these attributes.
    pub fn new(
        attribute: String,
        dimensions: u32,
        distance: DistanceFunction,
        search: &[SearchKey],
    ) -> Self {
        let search = search.iter().map(|one| StoredSearchKey {
            key: StoredKey::store(&one.attribute),
            is_filter: one.is_filter,
        });
        VectorRecord {
            attribute,
            dimensions,
            distance: match distance {
                DistanceFunction::Cosine => StoredDistance::Cosine,
                DistanceFunction::DotProduct => StoredDistance::DotProduct,
                DistanceFunction::Euclidean => StoredDistance::Euclidean,
            },
            search: search.collect(),
        }
    }

    /// How far apart its vectors are.
    pub fn distance(&self) -> DistanceFunction {
        match self.distance {
            StoredDistance::Cosine => DistanceFunction::Cosine,
            StoredDistance::DotProduct => DistanceFunction::DotProduct,
            StoredDistance::Euclidean => DistanceFunction::Euclidean,
        }
    }

    /// The attributes by which it is searched, in the order of its definition.
    pub fn search_keys(&self) -> Vec<SearchKey> {
        let keys = self.search.iter().map(|one| SearchKey {
            attribute: one.key.load(),
            is_filter: one.is_filter,
        });
        keys.collect()
    }
}

impl IndexRecord {
    pub(crate) fn new(new: NewIndex, id: u32, state: IndexState) -> Self {
        IndexRecord {
            id,
            name: new.name,
            kind: new.kind,
            partition: new.partition.iter().map(StoredKey::store).collect(),
            sort: new.sort.iter().map(StoredKey::store).collect(),
            projection: new.projection,
            throughput: new.throughput,
            changes: ThroughputChanges::default(),
            on_demand: new.on_demand,
            warm: new.warm,
            insights: None,
            vector: new.vector,
            state,
        }
    }

    /// Whether entries of the index follow the items.
    pub fn is_kept(&self) -> bool {
        !matches!(self.state, IndexState::Deleting { .. })
    }

    /// The partition key attributes.
    pub fn partition(&self) -> Vec<KeyAttribute> {
        self.partition.iter().map(StoredKey::load).collect()
    }

    /// The sort key attributes, in order.
    pub fn sort(&self) -> Vec<KeyAttribute> {
        self.sort.iter().map(StoredKey::load).collect()
    }

    /// All attributes whose types it defines, each once.
    pub fn defined(&self) -> Vec<KeyAttribute> {
        defined(self.partition(), &self.sort(), self.vector.as_ref())
    }

    /// The key schema of its entries.
    pub fn schema(&self, table: &KeySchema) -> IndexSchema {
        IndexSchema {
            partition: self.partition(),
            sort: self.sort(),
            table: table.clone(),
        }
    }
}

impl NewIndex {
    /// All attributes whose types it defines, each once.
    pub fn defined(&self) -> Vec<KeyAttribute> {
        defined(self.partition.clone(), &self.sort, self.vector.as_ref())
    }
}

fn defined(
    partition: Vec<KeyAttribute>,
    sort: &[KeyAttribute],
    vector: Option<&VectorRecord>,
) -> Vec<KeyAttribute> {
    let mut defined = partition;
    defined.extend(sort.iter().cloned());
    let search = vector.map(VectorRecord::search_keys).unwrap_or_default();
    let filters = search.into_iter().filter(|one| one.is_filter);
    defined.extend(filters.map(|one| one.attribute));
    defined
}
