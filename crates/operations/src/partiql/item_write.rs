//! INSERT, UPDATE and DELETE: writes of one item, through the same door as those of PutItem, UpdateItem and DeleteItem.

use std::sync::Arc;

use headwater_engine::{Action, Command, ItemCommand, Outcome, ReturnValues, Table};
use headwater_expression::Condition;
use headwater_expression::ast::{ConditionNode, Path};
use headwater_expression::partiql::{
    Delete, Insert, ItemCondition, PartiqlError, Returning, Update,
};
use headwater_model::{EncodedItem, KeyError, KeySchema, StorageKey, limits};
use headwater_wire::messages::{items, statements};
use headwater_wire::{ApiError, ErrorKind};

use super::fault::StatementFault;
use super::refused;
use crate::api::Api;
use crate::failure::{of_expressions, of_items};
use crate::key;

/// A write of one item, ready to be carried out.
pub(crate) struct StatementWrite {
    table: Arc<Table>,
    key: StorageKey,
    condition: Option<Condition>,
    action: Action,
    returns: ReturnValues,
    /// Whether the condition is that there is no such item, as that of an INSERT.
    inserts: bool,
    /// Bytes of what the statement itself has of the item.
    size_bytes: usize,
}

impl StatementWrite {
    /// An INSERT: the item must not be there.
    pub(crate) fn insert(insert: Insert, table: Arc<Table>) -> Result<Self, StatementFault> {
        let schema = table.schema();
        let key = schema.storage_key_of_item(&insert.item);
        let key = key.map_err(|error| StatementFault::of_action(of_inserted_key(error)))?;
        table
            .check_index_keys(&insert.item)
            .map_err(|error| StatementFault::of_action(key::of_index(error)))?;
        let item = EncodedItem::encode(&insert.item);
        let size_bytes = item.size_bytes();
        if size_bytes > limits::ITEM_SIZE_BYTES_MAX {
            return Err(StatementFault::of_request(items::item_too_large()));
        }
        let absent = ConditionNode::AttributeNotExists(partition_of(schema));
        Ok(StatementWrite {
            key,
            condition: Some(Condition::new(absent)),
            action: Action::Put(item),
            returns: ReturnValues::None,
            inserts: true,
            size_bytes,
            table,
        })
    }

    /// An UPDATE: the item must be there.
    pub(crate) fn update(update: Update, table: Arc<Table>) -> Result<Self, StatementFault> {
        let schema = table.schema();
        let named = ItemCondition::new(update.condition.as_ref(), schema)?;
        let keys = schema.attributes().map(|key| key.name.as_str());
        let changes = update.update.refuse_keys(keys);
        changes.map_err(|error| StatementFault::of_action(of_expressions(error)))?;
        key::refuse_index_types(&table, &update.update)
            .map_err(|error| StatementFault::of_action(key::of_index(error)))?;
        let key = schema.storage_key_of_key(&named.key);
        let present = ConditionNode::AttributeExists(partition_of(schema));
        let condition = match named.condition {
            Some(more) => ConditionNode::And(vec![present, more.into_root()]),
            None => present,
        };
        Ok(StatementWrite {
            key: key.map_err(|error| StatementFault::of_action(key::of_value(error)))?,
            condition: Some(Condition::new(condition)),
            size_bytes: named.key.size_bytes(),
            action: Action::Update {
                update: update.update,
                key: named.key,
            },
            returns: match update.returning {
                None => ReturnValues::None,
                Some(Returning::AllOld) => ReturnValues::AllOld,
                Some(Returning::AllNew) => ReturnValues::AllNew,
                Some(Returning::ModifiedOld) => ReturnValues::UpdatedOld,
                Some(Returning::ModifiedNew) => ReturnValues::UpdatedNew,
            },
            inserts: false,
            table,
        })
    }

    /// A DELETE: no item at all is as good as a deleted one, whatever the condition says.
    pub(crate) fn delete(delete: Delete, table: Arc<Table>) -> Result<Self, StatementFault> {
        let schema = table.schema();
        let named = ItemCondition::new(delete.condition.as_ref(), schema)?;
        let key = schema.storage_key_of_key(&named.key);
        let absent = ConditionNode::AttributeNotExists(partition_of(schema));
        let condition = named
            .condition
            .map(|more| Condition::new(ConditionNode::Or(vec![absent, more.into_root()])));
        Ok(StatementWrite {
            key: key.map_err(|error| StatementFault::of_action(key::of_value(error)))?,
            condition,
            action: Action::Delete,
            returns: match delete.returning {
                true => ReturnValues::AllOld,
                false => ReturnValues::None,
            },
            inserts: false,
            size_bytes: named.key.size_bytes(),
            table,
        })
    }

    pub(crate) fn table(&self) -> &Arc<Table> {
        &self.table
    }

    pub(crate) fn key(&self) -> &StorageKey {
        &self.key
    }

    pub(crate) fn inserts(&self) -> bool {
        self.inserts
    }

    pub(crate) fn returns(&self) -> bool {
        self.returns != ReturnValues::None
    }

    /// Most bytes of the item that it returns, as the item is now.
    pub(crate) async fn returned_size_max(&self, api: &Api) -> usize {
        let item = api.database.get(&self.table, &self.key).await;
        // Without it nothing is returned, or the write tells why.
        let present = item.ok().flatten().map_or(0, |item| item.size_bytes());
        match (&self.action, self.returns) {
            (Action::Update { update, .. }, ReturnValues::AllNew | ReturnValues::UpdatedNew) => {
                update.size_bytes_max(present)
            }
            _ => present,
        }
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    pub(crate) fn into_command(self, return_item_on_failure: bool) -> ItemCommand {
        ItemCommand {
            table: self.table,
            key: self.key,
            condition: self.condition,
            action: self.action,
            returns: self.returns,
            return_item_on_failure,
        }
    }

    /// Carries it out by itself.
    pub(crate) async fn carry_out(
        self,
        api: &Api,
        return_item_on_failure: bool,
    ) -> Result<Outcome, ApiError> {
        let inserts = self.inserts;
        let command = Command::single(self.into_command(return_item_on_failure));
        let outcomes = api.database.write(command).await.map_err(of_items);
        let outcomes = outcomes.map_err(|error| match error.kind {
            ErrorKind::ConditionalCheckFailed if inserts => statements::duplicate_item(),
            _ => error,
        })?;
        Ok(outcomes.into_iter().next().unwrap_or_default())
    }
}

/// What an item has if it is there.
pub(super) fn partition_of(schema: &KeySchema) -> Path {
    Path::top_level(schema.partition.name.as_str())
}

fn of_inserted_key(error: KeyError) -> ApiError {
    match error {
        KeyError::Missing { name } => statements::key_missing_in_item(&name),
        KeyError::TypeMismatch { name, .. } => refused(PartiqlError::KeyType { name }),
        other => key::of_value(other),
    }
}

/// What a write returns, if there is anything of it.
pub(crate) fn returned(outcome: &mut Outcome) -> Option<EncodedItem> {
    let attributes = outcome.attributes.take()?;
    let is_empty = attributes.as_ref().iter().next().is_none();
    (!is_empty).then_some(attributes)
}
