//! BatchGetItem: up to 100 items by their keys, of one or several tables. Each is a durable value; they need not be of
//! one moment.

use std::collections::{BTreeMap, HashSet};

use headwater_engine::ReadOf;
use headwater_expression::Projection;
use headwater_model::{EncodedItem, Item, StorageKey, capacity, limits};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{BatchGetItemInput, BatchGetItemOutput, KeysAndAttributes};
use headwater_wire::messages::batches;

use crate::answer_room::AnswerRoom;
use crate::api::{Api, RequestContext};
use crate::capacity::Used;
use crate::capacity_by_table::{CapacityByTable, UnitKind};
use crate::expressions::{Expressions, refuse_mixed, refuse_placeholders_alone};
use crate::failure::{internal, of_items};
use crate::table_name::table_name;
use crate::{key, legacy, nested_keys};

const OPERATION: &str = "BatchGetItem";
/// Keys that are brought into memory at once. Many more would be more than an answer takes.
const KEYS_AHEAD: usize = 16;

/// The parameters that exclude or need each other. Legacy parameters and expressions exclude each other over all tables
/// of the request.
pub(crate) fn check_parameters(input: &BatchGetItemInput) -> Result<(), ApiError> {
    let blocks = || input.request_items.values();
    if blocks().next().is_none() {
        return Err(batches::no_keys());
    }
    let legacy = blocks().any(|block| block.attributes_to_get.is_some());
    let expressions = blocks().any(|block| block.projection_expression.is_some());
    refuse_mixed(
        &[("AttributesToGet", legacy)],
        &[("ProjectionExpression", expressions)],
    )?;
    for block in blocks() {
        let given = [(
            "ProjectionExpression",
            block.projection_expression.is_some(),
        )];
        let names = block.expression_attribute_names.is_some();
        refuse_placeholders_alone((names, false), &[], &given)?;
    }
    let keys: usize = blocks().map(|block| block.keys.len()).sum();
    match keys > limits::BATCH_GET_KEYS_MAX {
        true => Err(batches::too_many_items(OPERATION)),
        false => Ok(()),
    }
}

pub(crate) async fn batch_get_item(
    api: &Api,
    input: BatchGetItemInput,
    context: &RequestContext,
) -> Result<BatchGetItemOutput, ApiError> {
    let mut reads = Vec::with_capacity(input.request_items.len());
    for (given_name, block) in input.request_items {
        let projection = projection(&block)?;
        reads.push((given_name, block, projection));
    }
    let keys = storage_keys(api, &reads, context)?;
    let mut answer = Answer {
        capacity: CapacityByTable::new(input.return_consumed_capacity, UnitKind::Batch),
        bytes_left: limits::BATCH_GET_SIZE_BYTES_MAX,
        room: AnswerRoom::new(),
        is_full: false,
        has_read: false,
        throttled: None,
        responses: BTreeMap::new(),
        unprocessed: BTreeMap::new(),
    };
    for ((given_name, block, projection), keys) in reads.into_iter().zip(keys) {
        let name = table_name(&given_name, context)?.to_owned();
        let table = api.table_of(&name, context)?;
        let consistent = block.consistent_read == Some(true);
        let mut items = Vec::with_capacity(keys.len());
        let mut unread = Vec::new();
        for (index, (key, raw)) in keys.iter().zip(&block.keys).enumerate() {
            let goes_on = !answer.is_full && answer.throttled.is_none();
            if index.is_multiple_of(KEYS_AHEAD) && goes_on {
                let ahead = &keys[index..keys.len().min(index + KEYS_AHEAD)];
                // What can't be read is told of the key that needs it.
                let _read = api.database.read_items_ahead(&table, ahead).await;
            }
            let admitted = match answer.is_full {
                true => false,
                false => answer.admits(api.admit_read(&table, None, ReadOf::Item(key))),
            };
            let taken = match admitted {
                true => {
                    let item = api.database.get(&table, key).await.map_err(of_items)?;
                    answer.take(item, projection.as_ref())?
                }
                false => None,
            };
            let Some(Taken { size_bytes, item }) = taken else {
                unread.push(raw.clone());
                continue;
            };
            let units = capacity::read_units(size_bytes, consistent);
            api.database.charge_read(&table, None, units);
            answer.has_read = true;
            answer.capacity.add(&name, &Used::of_table(units));
            items.extend(item);
        }
        if !unread.is_empty() {
            let rest = KeysAndAttributes {
                keys: unread,
                ..block
            };
            answer.unprocessed.insert(given_name.clone(), rest);
        }
        answer.responses.insert(given_name, items);
    }
    if let (false, Some(throttled)) = (answer.has_read, answer.throttled) {
        return Err(throttled);
    }
    Ok(BatchGetItemOutput {
        responses: answer.responses,
        unprocessed_keys: answer.unprocessed,
        consumed_capacity: answer.capacity.reply(),
    })
}

/// The answer while it grows.
struct Answer {
    capacity: CapacityByTable,
    bytes_left: usize,
    room: AnswerRoom,
    /// An item did not fit; what comes after it is not read.
    is_full: bool,
    has_read: bool,
    /// Why a key was not let in.
    throttled: Option<ApiError>,
    responses: BTreeMap<String, Vec<EncodedItem>>,
    unprocessed: BTreeMap<String, KeysAndAttributes>,
}

impl Answer {
    /// Whether a key may be read.
    fn admits(&mut self, admitted: Result<(), ApiError>) -> bool {
        let admits = admitted.is_ok();
        self.throttled = admitted.err().or(self.throttled.take());
        admits
    }

    /// What was read, if it fits. The whole item counts, whatever is shown of it; what is shown is written.
    fn take(
        &mut self,
        item: Option<EncodedItem>,
        projection: Option<&Projection>,
    ) -> Result<Option<Taken>, ApiError> {
        let Some(item) = item else {
            let nothing = Taken {
                size_bytes: 0,
                item: None,
            };
            return Ok(Some(nothing));
        };
        let size_bytes = item.size_bytes();
        let bytes_left = self.bytes_left.checked_sub(size_bytes);
        let Some(bytes_left) = bytes_left else {
            self.is_full = true;
            return Ok(None);
        };
        let item = shown(item, projection)?;
        if !self.room.take(&item).map_err(internal)? {
            self.is_full = true;
            return Ok(None);
        }
        self.bytes_left = bytes_left;
        let item = Some(item);
        Ok(Some(Taken { size_bytes, item }))
    }
}

/// What is in the answer for a key.
struct Taken {
    /// Of the whole item.
    size_bytes: usize,
    /// As it is shown; `None` if there is none.
    item: Option<EncodedItem>,
}

fn projection(block: &KeysAndAttributes) -> Result<Option<Projection>, ApiError> {
    let mut expressions = Expressions::new(block.expression_attribute_names.clone(), None)?;
    let attributes = legacy::attributes_to_get(block.attributes_to_get.as_deref())?;
    let projection = expressions.projection(block.projection_expression.as_deref())?;
    expressions.finish()?;
    Ok(projection.or(attributes))
}

/// The keys of each table, which has to be there; no item twice.
fn storage_keys(
    api: &Api,
    reads: &[(String, KeysAndAttributes, Option<Projection>)],
    context: &RequestContext,
) -> Result<Vec<Vec<StorageKey>>, ApiError> {
    let tables = reads
        .iter()
        .map(|(given_name, ..)| api.table_of(table_name(given_name, context)?, context))
        .collect::<Result<Vec<_>, _>>()?;
    let mut seen = HashSet::new();
    let mut keys = Vec::with_capacity(reads.len());
    for ((_, block, projection), table) in reads.iter().zip(&tables) {
        let of_key = |key: &Item| key::of_key(table.schema(), key);
        let of_table: Vec<StorageKey> = block.keys.iter().map(of_key).collect::<Result<_, _>>()?;
        nested_keys::refuse(table, projection.as_ref())?;
        for key in &of_table {
            // A table may be there twice, by its name and by its ARN.
            if !seen.insert((table.id(), key.clone())) {
                return Err(batches::duplicate_keys());
            }
        }
        keys.push(of_table);
    }
    Ok(keys)
}

fn shown(item: EncodedItem, projection: Option<&Projection>) -> Result<EncodedItem, ApiError> {
    let Some(projection) = projection else {
        return Ok(item);
    };
    let whole = item.decode().map_err(internal)?;
    Ok(EncodedItem::encode(&projection.project(&whole)))
}
