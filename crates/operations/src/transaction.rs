//! What the operations that are transactions have in common: the keys of their actions, how they are cancelled, and
//! what they cost (dynamodb-api.md sections 5 and 12).

use std::collections::HashSet;
use std::sync::Arc;

use headwater_engine::{EngineError, IndexFault, IndexKeyError, Refusal, Table, Transacted};
use headwater_model::{EncodedItem, KeyError, StorageKey, capacity};
use headwater_wire::dynamodb::ReturnConsumedCapacity;
use headwater_wire::messages::{batches, items};
use headwater_wire::{ApiError, CancellationReason};

use crate::answer_room::{AnswerRoom, WRITTEN_BYTES_MAX};
use crate::api::{Api, RequestContext};
use crate::capacity::Used;
use crate::capacity_by_table::{CapacityByTable, UnitKind};
use crate::failure::{internal, of_items, of_refusal};
use crate::key;
use crate::table_name::table_name;
use crate::throughput::cancellation;

/// Why an action is refused before the transaction begins.
pub(crate) enum ActionFault {
    /// The whole request is refused for it.
    Request(ApiError),
    /// It is the action's reason for the transaction's end.
    Action(ApiError),
}

impl ActionFault {
    /// An empty key or one that is too long is a fault of the request, one of another form one of the action
    /// (conformance suite).
    pub(crate) fn of_key(error: KeyError, api_error: impl FnOnce(KeyError) -> ApiError) -> Self {
        match is_fault_of_form(&error) {
            true => ActionFault::Action(api_error(error)),
            false => ActionFault::Request(api_error(error)),
        }
    }

    /// The same of an attribute that does not fit the key of an index.
    pub(crate) fn of_index(error: IndexKeyError) -> Self {
        let of_form = match &error.error {
            IndexFault::Key(error) => is_fault_of_form(error),
            IndexFault::Vector { .. } | IndexFault::FilterTooLong { .. } => true,
        };
        match of_form {
            true => ActionFault::Action(key::of_index(error)),
            false => ActionFault::Request(key::of_index(error)),
        }
    }
}

fn is_fault_of_form(error: &KeyError) -> bool {
    match error {
        KeyError::Missing { .. } | KeyError::TypeMismatch { .. } | KeyError::UnknownAttributes => {
            true
        }
        KeyError::Empty { .. }
        | KeyError::PartitionTooLong { .. }
        | KeyError::SortTooLong { .. } => false,
    }
}

/// The tables of the actions of a transaction, by the names that the request gives. Each has to be there.
pub(crate) fn tables_of<'a>(
    api: &Api,
    given_names: impl Iterator<Item = &'a str>,
    context: &RequestContext,
) -> Result<Vec<(&'a str, Arc<Table>)>, ApiError> {
    given_names
        .map(|given| {
            let name = table_name(given, context)?;
            Ok((name, api.table_of(name, context)?))
        })
        .collect()
}

/// What was made of all actions, or the end of the transaction with the reasons of those that were refused.
pub(crate) fn all_or_reasons<T>(
    made: impl ExactSizeIterator<Item = Result<T, ActionFault>>,
) -> Result<Vec<T>, ApiError> {
    let mut all = Vec::with_capacity(made.len());
    let mut reasons = Vec::with_capacity(made.len());
    for made in made {
        reasons.push(match made {
            Ok(made) => {
                all.push(made);
                batches::no_reason()
            }
            Err(ActionFault::Request(error)) => return Err(error),
            Err(ActionFault::Action(error)) => batches::reason_invalid(error),
        });
    }
    match all.len() == reasons.len() {
        true => Ok(all),
        false => Err(batches::transaction_cancelled(reasons)),
    }
}

/// Refuses two actions on one item.
pub(crate) fn refuse_duplicates<'a>(
    keys: impl Iterator<Item = (&'a Table, &'a StorageKey)>,
) -> Result<(), ApiError> {
    let mut seen = HashSet::new();
    for (table, key) in keys {
        if !seen.insert((table.id(), key)) {
            return Err(batches::several_operations_on_one_item());
        }
    }
    Ok(())
}

/// A transaction was refused by the engine.
pub(crate) fn of_transaction(error: EngineError) -> ApiError {
    match error {
        EngineError::Refused(refusals) => cancelled(refusals.into_iter().map(reason)),
        EngineError::Throttled(throttled) => {
            let reasons = throttled.iter().map(|throttled| match throttled {
                Some(throttled) => cancellation(throttled),
                None => batches::no_reason(),
            });
            batches::transaction_cancelled(reasons.collect())
        }
        EngineError::TransactionTooLarge => batches::transaction_too_large(),
        EngineError::TokenMismatch => batches::token_mismatch(),
        other => of_items(other),
    }
}

/// A transaction that was cancelled for reasons of which some may have items. What there is no room for is left out, so
/// that every reason is told.
pub(crate) fn cancelled(reasons: impl Iterator<Item = CancellationReason>) -> ApiError {
    let mut room = AnswerRoom::new();
    let told = reasons.map(|mut reason| {
        let fits = reason.item.as_ref().map(|item| room.take(item)).transpose();
        if fits.map_err(internal)? == Some(false) {
            reason.item = None;
        }
        Ok::<_, ApiError>(reason)
    });
    match told.collect() {
        Ok(told) => batches::transaction_cancelled(told),
        Err(error) => error,
    }
}

/// What became of one action of a transaction that was refused.
pub(crate) fn reason(refusal: Option<Refusal>) -> CancellationReason {
    match refusal {
        None => batches::no_reason(),
        Some(Refusal::ConditionFailed { item, .. }) => batches::reason_condition_failed(item),
        Some(Refusal::CollectionTooLarge) => batches::reason_collection_too_large(),
        Some(other) => batches::reason_invalid(of_refusal(other)),
    }
}

/// What a transaction of writes consumed; one that was carried out before, what it takes to read its items.
pub(crate) fn consumed_by(
    transacted: &Transacted,
    table_names: &[&str],
    wanted: Option<ReturnConsumedCapacity>,
) -> CapacityByTable {
    let kind = match transacted.repeated {
        true => UnitKind::TransactedRead,
        false => UnitKind::TransactedWrite,
    };
    let mut consumed = CapacityByTable::new(wanted, kind);
    for (name, outcome) in table_names.iter().zip(&transacted.outcomes) {
        let used = match transacted.repeated {
            true => Used::of_table(capacity::read_units(outcome.new_size_bytes, true)),
            false => Used::of_write(outcome),
        };
        consumed.add(name, &used);
    }
    consumed
}

/// Refuses items that are too large together.
pub(crate) fn refuse_too_large(size_bytes: usize) -> Result<(), ApiError> {
    match size_bytes > headwater_model::limits::TRANSACTION_SIZE_BYTES_MAX {
        true => Err(batches::transaction_too_large()),
        false => Ok(()),
    }
}

/// Refuses items whose JSON is too much together, one after the other.
pub(crate) fn refuse_without_room(
    room: &mut AnswerRoom,
    item: Option<&EncodedItem>,
) -> Result<(), ApiError> {
    let fits = item.map(|item| room.take(item)).transpose();
    match fits.map_err(internal)? {
        Some(false) => Err(batches::transaction_answer_too_large(WRITTEN_BYTES_MAX)),
        Some(true) | None => Ok(()),
    }
}

/// Refuses an item that is too large by itself.
pub(crate) fn refuse_too_large_item(size_bytes: usize) -> Result<(), ApiError> {
    match size_bytes > headwater_model::limits::ITEM_SIZE_BYTES_MAX {
        true => Err(items::item_too_large()),
        false => Ok(()),
    }
}
