//! The definition of a table that is restored: that of its source, with what the request overrides.

use headwater_engine::{BillingMode, IndexKind, IndexRecord, TableRecord, Throughput};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    self, GlobalSecondaryIndex, LocalSecondaryIndex, OnDemandThroughput, ProvisionedThroughput,
    SseSpecification, VectorIndex,
};
use headwater_wire::messages::{backups, tables, vectors};

use crate::api::Api;
use crate::table_settings::{encryption, maxima, throughput};
use crate::warm_throughput::Of;

/// What RestoreTableFromBackup and RestoreTableToPointInTime override.
pub(crate) struct Overrides<'a> {
    pub(crate) billing: Option<dynamodb::BillingMode>,
    pub(crate) throughput: Option<&'a ProvisionedThroughput>,
    pub(crate) on_demand: Option<&'a OnDemandThroughput>,
    pub(crate) global: Option<&'a [GlobalSecondaryIndex]>,
    pub(crate) local: Option<&'a [LocalSecondaryIndex]>,
    pub(crate) vectors: Option<&'a [VectorIndex]>,
    pub(crate) encryption: Option<&'a SseSpecification>,
}

/// The overrides of a request of either operation: their members have the same names.
macro_rules! overrides {
    ($input:expr) => {
        $crate::restored_table::Overrides {
            billing: $input.billing_mode_override,
            throughput: $input.provisioned_throughput_override.as_ref(),
            on_demand: $input.on_demand_throughput_override.as_ref(),
            global: $input.global_secondary_index_override.as_deref(),
            local: $input.local_secondary_index_override.as_deref(),
            vectors: $input.vector_index_override.as_deref(),
            encryption: $input.sse_specification_override.as_ref(),
        }
    };
}
pub(crate) use overrides;

impl Overrides<'_> {
    /// The definition of the table `name` after `source`. Indexes can be left out, not added (guide).
    pub(crate) fn define(
        &self,
        source: &TableRecord,
        name: &str,
        api: &Api,
    ) -> Result<TableRecord, ApiError> {
        let mut record = source.clone();
        name.clone_into(&mut record.name);
        if let Some(billing) = self.billing {
            record.billing = match billing {
                dynamodb::BillingMode::Provisioned => BillingMode::Provisioned,
                dynamodb::BillingMode::PayPerRequest => BillingMode::PayPerRequest,
            };
        }
        record.billing_summary |= record.billing == BillingMode::PayPerRequest;
        match (record.billing, self.throughput) {
            (BillingMode::PayPerRequest, Some(_)) => {
                return Err(tables::throughput_with_on_demand());
            }
            (BillingMode::PayPerRequest, None) => {
                record.throughput = Throughput::default();
                for index in &mut record.indexes {
                    index.throughput = Throughput::default();
                }
            }
            (BillingMode::Provisioned, Some(given)) => record.throughput = throughput(given)?,
            (BillingMode::Provisioned, None) if source.billing == BillingMode::PayPerRequest => {
                return Err(tables::throughput_missing());
            }
            (BillingMode::Provisioned, None) => {}
        }
        if self.on_demand.is_some() || record.billing == BillingMode::Provisioned {
            record.on_demand = maxima(self.on_demand, Of::Table, record.billing)?;
        }
        if let Some(sse) = self.encryption {
            record.encryption = encryption(sse, &api.database)?;
        }
        self.leave_indexes_out(&mut record)?;
        let mut indexes = record.indexes.iter();
        let has_vectors = indexes.any(|index| index.kind == IndexKind::Vector);
        match has_vectors && record.billing == BillingMode::Provisioned {
            true => Err(vectors::only_on_demand()),
            false => Ok(record),
        }
    }

    fn leave_indexes_out(&self, record: &mut TableRecord) -> Result<(), ApiError> {
        use headwater_engine::IndexKind::{Global, Local, Vector};
        let local = self.local.map(|given| {
            let names = given.iter().map(|index| index.index_name.as_str());
            names.collect::<Vec<_>>()
        });
        let global = self.global.map(|given| {
            let names = given.iter().map(|index| index.index_name.as_str());
            names.collect::<Vec<_>>()
        });
        let vectors = self.vectors.map(|given| {
            let names = given.iter().map(|index| index.index_name.as_str());
            names.collect::<Vec<_>>()
        });
        for (kind, names) in [(Local, &local), (Global, &global), (Vector, &vectors)] {
            let Some(names) = names else { continue };
            let is_there = |name: &&str| {
                let mut indexes = record.indexes.iter();
                indexes.any(|index| index.kind == kind && index.name == *name)
            };
            if let Some(added) = names.iter().find(|name| !is_there(name)) {
                return Err(backups::index_not_in_source(added));
            }
            let is_kept =
                |index: &IndexRecord| index.kind != kind || names.contains(&index.name.as_str());
            record.indexes.retain(is_kept);
        }
        for given in self.global.unwrap_or_default() {
            let mut indexes = record.indexes.iter_mut();
            let found = indexes.find(|index| index.name == given.index_name);
            if let (Some(index), Some(wanted)) = (found, &given.provisioned_throughput) {
                index.throughput = throughput(wanted)?;
            }
        }
        Ok(())
    }
}
