//! What the operations that write one item have in common: the command, and the reply's members.

use std::sync::Arc;

use headwater_engine::{Action, Command, ItemCommand, Outcome, ReturnValues, Table};
use headwater_expression::Condition;
use headwater_model::StorageKey;
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use headwater_wire::messages::items;

use crate::api::{Api, RequestContext};
use crate::failure::of_items;

/// A write of one item, ready to be carried out.
pub(crate) struct ItemWrite {
    pub(crate) table: Arc<Table>,
    pub(crate) key: StorageKey,
    pub(crate) condition: Option<Condition>,
    pub(crate) action: Action,
    pub(crate) returns: ReturnValues,
    pub(crate) on_failure: Option<ReturnValuesOnConditionCheckFailure>,
}

impl Api {
    /// The table of an item operation.
    pub(crate) fn table_of(
        &self,
        name: &str,
        context: &RequestContext,
    ) -> Result<Arc<Table>, ApiError> {
        self.database
            .table(&context.namespace, name)
            .map_err(of_items)
    }

    /// Carries out the write of one item.
    pub(crate) async fn write_item(&self, write: ItemWrite) -> Result<Outcome, ApiError> {
        let command = Command::single(ItemCommand {
            table: write.table,
            key: write.key,
            condition: write.condition,
            action: write.action,
            returns: write.returns,
            return_item_on_failure: write.on_failure
                == Some(ReturnValuesOnConditionCheckFailure::AllOld),
        });
        let outcomes = self.database.write(command).await.map_err(of_items)?;
        Ok(outcomes.into_iter().next().unwrap_or_default())
    }
}

/// `ReturnValues` of the operations that know only what was there before.
pub(crate) fn returns_old(wanted: Option<ReturnValue>) -> Result<ReturnValues, ApiError> {
    match wanted {
        None | Some(ReturnValue::None) => Ok(ReturnValues::None),
        Some(ReturnValue::AllOld) => Ok(ReturnValues::AllOld),
        Some(_) => Err(items::return_values_not_supported()),
    }
}
