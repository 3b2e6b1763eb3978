//! `ReturnConsumedCapacity` (dynamodb-api.md section 5).

use std::collections::BTreeMap;

use headwater_engine::{IndexKind, IndexRecord, Outcome};
use headwater_model::capacity;
use headwater_wire::dynamodb::{
    Capacity, ConsumedCapacity, ReturnConsumedCapacity, VectorCapacity,
};

/// Capacity units that an operation used, of a table and of its indexes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Used {
    table: f64,
    indexes: BTreeMap<(IndexKindName, String), f64>,
    /// Bytes written to vector indexes, which are no units.
    vectors: BTreeMap<String, f64>,
}

/// In the order of replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum IndexKindName {
    Local,
    Global,
}

impl Used {
    pub(crate) fn of_table(units: f64) -> Self {
        Used {
            table: units,
            ..Used::default()
        }
    }

    /// What a write used.
    pub(crate) fn of_write(outcome: &Outcome) -> Self {
        let size_bytes = outcome.old_size_bytes.max(outcome.new_size_bytes);
        let mut used = Used::of_table(capacity::write_units(size_bytes));
        for write in &outcome.index_writes {
            used.add(write.kind, &write.index, write.units);
        }
        used
    }

    pub(crate) fn and_index(mut self, index: &IndexRecord, units: f64) -> Self {
        self.add(index.kind, &index.name, units);
        self
    }

    pub(crate) fn add_table(&mut self, units: f64) {
        self.table += units;
    }

    pub(crate) fn add(&mut self, kind: IndexKind, name: &str, units: f64) {
        let kind = match kind {
            IndexKind::Local => IndexKindName::Local,
            IndexKind::Global => IndexKindName::Global,
            IndexKind::Vector => {
                *self.vectors.entry(name.to_owned()).or_default() += units;
                return;
            }
        };
        *self.indexes.entry((kind, name.to_owned())).or_default() += units;
    }

    /// Adds what another operation used, so many times.
    pub(crate) fn add_times(&mut self, other: &Used, times: f64) {
        self.table += times * other.table;
        for (index, units) in &other.indexes {
            *self.indexes.entry(index.clone()).or_default() += times * units;
        }
        // As many bytes come to an index by a transaction as otherwise.
        for (index, bytes) in &other.vectors {
            *self.vectors.entry(index.clone()).or_default() += bytes;
        }
    }

    /// Of table and indexes together.
    pub(crate) fn units(&self) -> f64 {
        self.table + self.indexes.values().sum::<f64>()
    }

    /// What was written to vector indexes, if anything was (conformance suite, recorded 2026).
    fn of_vectors(&self) -> Option<BTreeMap<String, VectorCapacity>> {
        let named = self.vectors.iter().map(|(name, bytes)| {
            let capacity = VectorCapacity {
                vector_search_request_bytes: None,
                vector_write_request_bytes: Some(*bytes),
            };
            (name.clone(), capacity)
        });
        (!self.vectors.is_empty()).then(|| named.collect())
    }

    fn of_kind(&self, wanted: IndexKindName) -> Option<BTreeMap<String, Capacity>> {
        let of_kind = self.indexes.iter().filter(|((kind, _), _)| *kind == wanted);
        let named: BTreeMap<String, Capacity> = of_kind
            .map(|((_, name), units)| (name.clone(), in_units(*units)))
            .collect();
        (!named.is_empty()).then_some(named)
    }
}

/// What an operation on one table consumed, as far as the request wants to know.
pub(crate) fn consumed(
    wanted: Option<ReturnConsumedCapacity>,
    table_name: &str,
    used: &Used,
) -> Option<ConsumedCapacity> {
    let mut consumed = ConsumedCapacity {
        table_name: Some(table_name.to_owned()),
        capacity_units: Some(used.units()),
        ..ConsumedCapacity::default()
    };
    match wanted? {
        ReturnConsumedCapacity::None => return None,
        ReturnConsumedCapacity::Total => {}
        ReturnConsumedCapacity::Indexes => {
            consumed.table = Some(in_units(used.table));
            consumed.local_secondary_indexes = used.of_kind(IndexKindName::Local);
            consumed.global_secondary_indexes = used.of_kind(IndexKindName::Global);
            consumed.vector_indexes = used.of_vectors();
        }
    }
    Some(consumed)
}

fn in_units(units: f64) -> Capacity {
    Capacity {
        capacity_units: Some(units),
        ..Capacity::default()
    }
}
