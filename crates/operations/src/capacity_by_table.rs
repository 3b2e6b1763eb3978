//! `ReturnConsumedCapacity` of the operations on several tables: one entry for each (dynamodb-api.md section 5).

use std::collections::BTreeMap;

use headwater_wire::dynamodb::{Capacity, ConsumedCapacity, ReturnConsumedCapacity};

use crate::capacity::{Used, consumed};

/// Which units an operation consumes. Transactions name them, and count each twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnitKind {
    /// Of a batch: only `CapacityUnits`.
    Batch,
    /// Of a transaction that reads.
    TransactedRead,
    /// Of a transaction that writes.
    TransactedWrite,
}

impl UnitKind {
    fn factor(self) -> f64 {
        match self {
            UnitKind::Batch => 1.0,
            UnitKind::TransactedRead | UnitKind::TransactedWrite => 2.0,
        }
    }

    /// Gives the units once more under the name of their kind.
    fn name(self, capacity: &mut Capacity) {
        let units = capacity.capacity_units;
        match self {
            UnitKind::Batch => {}
            UnitKind::TransactedRead => capacity.read_capacity_units = units,
            UnitKind::TransactedWrite => capacity.write_capacity_units = units,
        }
    }
}

/// What is consumed, table by table.
pub(crate) struct CapacityByTable {
    wanted: Option<ReturnConsumedCapacity>,
    kind: UnitKind,
    tables: BTreeMap<String, Used>,
}

impl CapacityByTable {
    pub(crate) fn new(wanted: Option<ReturnConsumedCapacity>, kind: UnitKind) -> Self {
        CapacityByTable {
            wanted,
            kind,
            tables: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, table_name: &str, used: &Used) {
        if self.wanted.is_some() {
            let sum = self.tables.entry(table_name.to_owned()).or_default();
            sum.add_times(used, self.kind.factor());
        }
    }

    /// The member of the reply, if it is wanted.
    pub(crate) fn reply(self) -> Option<Vec<ConsumedCapacity>> {
        let wanted = self
            .wanted
            .filter(|wanted| *wanted != ReturnConsumedCapacity::None)?;
        let tables = self.tables.iter();
        let consumed = tables.map(|(name, used)| consumed(Some(wanted), name, used));
        let mut consumed: Vec<ConsumedCapacity> = consumed.flatten().collect();
        consumed
            .iter_mut()
            .for_each(|consumed| named(consumed, self.kind));
        Some(consumed)
    }
}

fn named(consumed: &mut ConsumedCapacity, kind: UnitKind) {
    let mut total = Capacity {
        capacity_units: consumed.capacity_units,
        ..Capacity::default()
    };
    kind.name(&mut total);
    consumed.read_capacity_units = total.read_capacity_units;
    consumed.write_capacity_units = total.write_capacity_units;
    let local = consumed.local_secondary_indexes.iter_mut();
    let global = consumed.global_secondary_indexes.iter_mut();
    let indexes = local.chain(global).flat_map(BTreeMap::values_mut);
    consumed
        .table
        .iter_mut()
        .chain(indexes)
        .for_each(|capacity| kind.name(capacity));
}
