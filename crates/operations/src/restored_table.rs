//! The definition of a table that is restored: that of its source, with what the request overrides.

use headwater_engine::{BillingMode, IndexKind, IndexRecord, TableRecord, Throughput};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    self, GlobalSecondaryIndex, KeySchemaElement, LocalSecondaryIndex, OnDemandThroughput,
    ProvisionedThroughput, SseSpecification, VectorIndex,
};
use headwater_wire::messages::{backups, tables, vectors};

use crate::api::Api;
use crate::table_description::{index_key_schema, projection};
use crate::table_settings::{MAX_READ, MAX_WRITE, encryption, maxima, throughput};
use crate::tags::first_duplicate;
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
    /// The definition of the table `name` after `source`. Indexes can be left out and named anew, not added (recorded
    /// 2026).
    pub(crate) fn define(
        &self,
        source: &TableRecord,
        name: &str,
        api: &Api,
    ) -> Result<TableRecord, ApiError> {
        let mut record = source.clone();
        name.clone_into(&mut record.name);
        self.bill(&mut record)?;
        if let Some(sse) = self.encryption {
            record.encryption = encryption(sse, &api.database)?;
        }
        record.indexes.retain(IndexRecord::is_kept);
        self.choose_indexes(&mut record.indexes)?;
        self.bill_indexes(&mut record)?;
        Ok(record)
    }

    /// Billing mode and throughput of the table.
    fn bill(&self, record: &mut TableRecord) -> Result<(), ApiError> {
        let before = record.billing;
        if let Some(billing) = self.billing {
            record.billing = match billing {
                dynamodb::BillingMode::Provisioned => BillingMode::Provisioned,
                dynamodb::BillingMode::PayPerRequest => BillingMode::PayPerRequest,
            };
        }
        record.billing_summary |= record.billing == BillingMode::PayPerRequest;
        match (record.billing, self.throughput) {
            (BillingMode::PayPerRequest, Some(_)) => {
                return Err(match self.billing {
                    Some(_) => backups::throughput_with_on_demand(),
                    None => backups::throughput_of_on_demand(),
                });
            }
            (BillingMode::PayPerRequest, None) => record.throughput = Throughput::default(),
            (BillingMode::Provisioned, Some(given)) => record.throughput = throughput(given)?,
            (BillingMode::Provisioned, None) if before == BillingMode::PayPerRequest => {
                return Err(backups::throughput_missing());
            }
            (BillingMode::Provisioned, None) => {}
        }
        match (record.billing, self.on_demand) {
            (BillingMode::Provisioned, None) => record.on_demand = None,
            (BillingMode::PayPerRequest, None) => {}
            (billing, Some(given)) => {
                let given = [
                    (given.max_read_request_units, MAX_READ),
                    (given.max_write_request_units, MAX_WRITE),
                ];
                for (units, name) in given {
                    match units {
                        Some(_) if billing == BillingMode::Provisioned => {
                            return Err(backups::maximum_with_provisioned(name));
                        }
                        Some(units) if units < 1 => {
                            return Err(backups::maximum_out_of_range(name));
                        }
                        _ => {}
                    }
                }
                record.on_demand = maxima(self.on_demand, Of::Table, billing)?;
            }
        }
        Ok(())
    }

    /// The indexes that are listed, of each kind of which any are.
    fn choose_indexes(&self, indexes: &mut Vec<IndexRecord>) -> Result<(), ApiError> {
        if let Some(local) = self.local {
            let listed = local.iter().map(|given| Listed {
                name: &given.index_name,
                definition: Some((&given.key_schema, &given.projection)),
            });
            choose(indexes, IndexKind::Local, listed)?;
        }
        if let Some(global) = self.global {
            let listed = global.iter().map(|given| Listed {
                name: &given.index_name,
                definition: Some((&given.key_schema, &given.projection)),
            });
            choose(indexes, IndexKind::Global, listed)?;
        }
        if let Some(vectors) = self.vectors {
            let listed = vectors.iter().map(|given| Listed {
                name: &given.index_name,
                definition: None,
            });
            choose(indexes, IndexKind::Vector, listed)?;
        }
        match first_duplicate(indexes.iter().map(|index| &index.name)) {
            Some(name) => Err(tables::duplicate_index_name(name)),
            None => Ok(()),
        }
    }

    /// Throughput of the global indexes, for the billing mode that the table has then.
    fn bill_indexes(&self, record: &mut TableRecord) -> Result<(), ApiError> {
        let billing = record.billing;
        for index in &mut record.indexes {
            if index.kind == IndexKind::Vector && billing == BillingMode::Provisioned {
                return Err(vectors::only_on_demand());
            }
            if index.kind != IndexKind::Global {
                continue;
            }
            let mut listed = self.global.unwrap_or_default().iter();
            let listed = listed.find(|given| given.index_name == index.name);
            let given = listed.and_then(|given| given.provisioned_throughput.as_ref());
            match (billing, given) {
                (BillingMode::PayPerRequest, Some(_)) => {
                    return Err(backups::index_throughput_with_on_demand(&index.name));
                }
                (BillingMode::PayPerRequest, None) => index.throughput = Throughput::default(),
                (BillingMode::Provisioned, Some(given)) => index.throughput = throughput(given)?,
                (BillingMode::Provisioned, None)
                    if listed.is_some() || index.throughput == Throughput::default() =>
                {
                    return Err(backups::index_throughput_missing(&index.name));
                }
                (BillingMode::Provisioned, None) => {}
            }
            let given = listed.and_then(|given| given.on_demand_throughput.as_ref());
            if given.is_some() || billing == BillingMode::Provisioned {
                index.on_demand = maxima(given, Of::Index(&index.name), billing)?;
            }
        }
        Ok(())
    }
}

/// An index that is to be restored.
struct Listed<'a> {
    name: &'a str,
    /// The index is found by it, and named anew (recorded 2026, of global and local ones); without it, by its name.
    definition: Option<(&'a [KeySchemaElement], &'a dynamodb::Projection)>,
}

impl Listed<'_> {
    fn is_of(&self, index: &IndexRecord) -> bool {
        let Some((key_schema, wanted)) = self.definition else {
            return index.name == self.name;
        };
        let mut wanted = wanted.clone();
        if let Some(names) = &mut wanted.non_key_attributes {
            names.sort();
        }
        index_key_schema(index) == key_schema && projection(index) == wanted
    }
}

/// Leaves the listed indexes of a kind, each in place of one of the source.
fn choose<'a>(
    indexes: &mut Vec<IndexRecord>,
    kind: IndexKind,
    listed: impl Iterator<Item = Listed<'a>>,
) -> Result<(), ApiError> {
    let (mut source, mut chosen): (Vec<_>, Vec<_>) = std::mem::take(indexes)
        .into_iter()
        .partition(|index| index.kind == kind);
    for one in listed {
        let same = |index: &IndexRecord| one.is_of(index) && index.name == one.name;
        let place = source.iter().position(same);
        let place = place.or_else(|| source.iter().position(|index| one.is_of(index)));
        let place = place.ok_or_else(|| backups::index_not_in_source(one.name))?;
        let mut index = source.remove(place);
        one.name.clone_into(&mut index.name);
        chosen.push(index);
    }
    *indexes = chosen;
    Ok(())
}
