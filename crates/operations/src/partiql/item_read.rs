//! SELECT of one item by its key: what batches and transactions read.

use std::sync::Arc;

use headwater_engine::{Action, ItemCommand, ReturnValues, Table};
use headwater_expression::Condition;
use headwater_expression::ast::ConditionNode;
use headwater_expression::partiql::{Columns, ItemCondition, PartiqlError, Select};
use headwater_model::{EncodedItem, StorageKey};
use headwater_wire::ApiError;

use super::fault::StatementFault;
use super::item_write::partition_of;
use crate::failure::internal;
use crate::key;

/// A SELECT that names one item, and perhaps asks something of it.
pub(crate) struct StatementRead {
    table: Arc<Table>,
    key: StorageKey,
    condition: Option<Condition>,
    columns: Option<Columns>,
}

impl StatementRead {
    /// Finds the key; `not_one` is the refusal of a SELECT that names something else than an item of a table.
    pub(crate) fn new(
        select: Select,
        table: Arc<Table>,
        not_one: fn() -> ApiError,
    ) -> Result<Self, StatementFault> {
        let schema = table.schema();
        let named = match ItemCondition::new(select.condition.as_ref(), schema) {
            Err(
                PartiqlError::KeyIncomplete
                | PartiqlError::KeyRepeated { .. }
                | PartiqlError::KeyNestedInItem { .. },
            ) => return Err(StatementFault::Statement(not_one())),
            named => named?,
        };
        let key = schema.storage_key_of_key(&named.key);
        Ok(StatementRead {
            key: key.map_err(|error| StatementFault::of_action(key::of_value(error)))?,
            condition: named.condition,
            columns: select.columns,
            table,
        })
    }

    pub(crate) fn table(&self) -> &Arc<Table> {
        &self.table
    }

    pub(crate) fn key(&self) -> &StorageKey {
        &self.key
    }

    /// Whether it asks for more than the key.
    pub(crate) fn has_condition(&self) -> bool {
        self.condition.is_some()
    }

    /// What the columns show of the item, in its own structure.
    pub(crate) fn shown(&self, item: EncodedItem) -> Result<EncodedItem, ApiError> {
        let Some(columns) = &self.columns else {
            return Ok(item);
        };
        let whole = item.decode().map_err(internal)?;
        let shown = columns.projection().project(&whole);
        Ok(EncodedItem::encode(&shown))
    }

    /// As a condition of a transaction: the item is there, and the condition holds.
    pub(crate) fn into_check(self, return_item_on_failure: bool) -> ItemCommand {
        let present = ConditionNode::AttributeExists(partition_of(self.table.schema()));
        let condition = match self.condition {
            Some(more) => ConditionNode::And(vec![present, more.into_root()]),
            None => present,
        };
        ItemCommand {
            table: self.table,
            key: self.key,
            condition: Some(Condition::new(condition)),
            action: Action::Check,
            returns: ReturnValues::None,
            return_item_on_failure,
        }
    }
}
