//! BatchWriteItem: up to 25 puts and deletes, in one or several tables. They are one entry of the log, so that all of
//! them happen; but for those that would exceed the throughput, where that is enforced.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use headwater_engine::{Action, ItemCommand, Outcome, ReturnValues, Table};
use headwater_model::{EncodedItem, Item, StorageKey, limits};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{BatchWriteItemInput, BatchWriteItemOutput, WriteRequest};
use headwater_wire::messages::{batches, items};

use crate::api::{Api, RequestContext};
use crate::capacity::Used;
use crate::capacity_by_table::{CapacityByTable, UnitKind};
use crate::item_collections::Collection;
use crate::key;
use crate::table_name::table_name;

const OPERATION: &str = "BatchWriteItem";

/// What has to be right whatever the attribute values are.
pub(crate) fn check_parameters(input: &BatchWriteItemInput) -> Result<(), ApiError> {
    let requests = || input.request_items.values().flatten();
    if input.request_items.is_empty() {
        return Err(batches::no_writes());
    }
    if requests().count() > limits::BATCH_WRITE_REQUESTS_MAX {
        return Err(batches::too_many_items(OPERATION));
    }
    let is_one =
        |request: &WriteRequest| request.put_request.is_some() != request.delete_request.is_some();
    match requests().all(is_one) {
        true => Ok(()),
        false => Err(batches::write_request_ambiguous()),
    }
}

pub(crate) async fn batch_write_item(
    api: &Api,
    input: BatchWriteItemInput,
    context: &RequestContext,
) -> Result<BatchWriteItemOutput, ApiError> {
    let mut writes = Vec::with_capacity(input.request_items.len());
    for requests in input.request_items.values() {
        let of_table = requests.iter().map(Write::of);
        writes.push(of_table.collect::<Result<Vec<_>, _>>()?);
    }
    let size_bytes: usize = writes.iter().flatten().map(Write::size_bytes).sum();
    if size_bytes > limits::BATCH_WRITE_SIZE_BYTES_MAX {
        return Err(batches::batch_too_large());
    }
    let mut tables = Vec::with_capacity(writes.len());
    for given_name in input.request_items.keys() {
        let name = table_name(given_name, context)?;
        tables.push((name, api.table_of(name, context)?));
    }
    let mut seen = HashSet::new();
    let (mut names, mut commands, mut collections) = (Vec::new(), Vec::new(), Vec::new());
    for ((name, table), writes) in tables.iter().zip(writes) {
        for write in writes {
            let key = write.key(table)?;
            // A table may be there twice, by its name and by its ARN.
            if !seen.insert((table.id(), key.clone())) {
                return Err(batches::duplicate_keys());
            }
            let wanted = input.return_item_collection_metrics;
            let collection = Collection::of(wanted, table, &key)?;
            collections.push(collection.map(|collection| (*name, collection)));
            names.push(*name);
            commands.push(write.command(table.clone(), key));
        }
    }
    let outcomes = api.write_batch(commands).await?;
    let mut capacity = CapacityByTable::new(input.return_consumed_capacity, UnitKind::Batch);
    let mut measured = Vec::new();
    for ((name, outcome), collection) in names.iter().zip(&outcomes).zip(collections) {
        if let Some(outcome) = outcome {
            capacity.add(name, &Used::of_write(outcome));
            measured.extend(collection);
        }
    }
    Ok(BatchWriteItemOutput {
        unprocessed_items: unprocessed(&input.request_items, &outcomes),
        consumed_capacity: capacity.reply(),
        item_collection_metrics: api.item_collection_metrics_by_table(measured),
    })
}

/// The requests without an outcome, under the names that the request has for their tables.
fn unprocessed(
    given: &BTreeMap<String, Vec<WriteRequest>>,
    outcomes: &[Option<Outcome>],
) -> BTreeMap<String, Vec<WriteRequest>> {
    let mut outcomes = outcomes.iter();
    let mut unprocessed = BTreeMap::new();
    for (name, requests) in given {
        let of_table = requests.iter().zip(outcomes.by_ref());
        let left = of_table.filter(|(_, outcome)| outcome.is_none());
        let left: Vec<WriteRequest> = left.map(|(request, _)| request.clone()).collect();
        if !left.is_empty() {
            unprocessed.insert(name.clone(), left);
        }
    }
    unprocessed
}

/// One write of the batch.
enum Write<'a> {
    Put(&'a Item, EncodedItem),
    Delete(&'a Item),
}

impl<'a> Write<'a> {
    fn of(request: &'a WriteRequest) -> Result<Self, ApiError> {
        match (&request.put_request, &request.delete_request) {
            (Some(put), None) => {
                let item = EncodedItem::encode(&put.item);
                match item.size_bytes() > limits::ITEM_SIZE_BYTES_MAX {
                    true => Err(items::item_too_large()),
                    false => Ok(Write::Put(&put.item, item)),
                }
            }
            (None, Some(delete)) => Ok(Write::Delete(&delete.key)),
            (Some(_), Some(_)) | (None, None) => Err(batches::write_request_ambiguous()),
        }
    }

    fn size_bytes(&self) -> usize {
        match self {
            Write::Put(_, item) => item.size_bytes(),
            Write::Delete(key) => key.size_bytes(),
        }
    }

    /// In a batch a put of a wrong key is refused as other keys are (conformance suite).
    fn key(&self, table: &Table) -> Result<StorageKey, ApiError> {
        match self {
            Write::Put(item, _) => {
                let key = table.schema().storage_key_of_item(item);
                let key = key.map_err(key::of_value)?;
                table.check_index_keys(item).map_err(key::of_index)?;
                Ok(key)
            }
            Write::Delete(key) => key::of_key(table.schema(), key),
        }
    }

    fn command(self, table: Arc<Table>, key: StorageKey) -> ItemCommand {
        ItemCommand {
            table,
            key,
            condition: None,
            action: match self {
                Write::Put(_, item) => Action::Put(item),
                Write::Delete(_) => Action::Delete,
            },
            returns: ReturnValues::None,
            return_item_on_failure: false,
        }
    }
}
