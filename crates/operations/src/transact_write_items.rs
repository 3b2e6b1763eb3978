//! TransactWriteItems: up to 100 puts, updates, deletes and checks of conditions, which happen together or not at all.

use std::collections::BTreeMap;

use headwater_engine::{Action, Command, Identity, ItemCommand, RequestToken, ReturnValues, Table};
use headwater_expression::{Condition, ExpressionKind, Update};
use headwater_model::{EncodedItem, Item, StorageKey};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    self as api_shapes, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    TransactWriteItemsInput, TransactWriteItemsOutput,
};
use headwater_wire::messages::batches;

use crate::api::{Api, RequestContext};
use crate::expressions::{Expressions, refuse_placeholders_alone};
use crate::failure::of_expressions;
use crate::item_collections::Collection;
use crate::request_digest::RequestDigest;
use crate::transaction::{
    ActionFault, all_or_reasons, consumed_by, of_transaction, refuse_duplicates, refuse_too_large,
    refuse_too_large_item, tables_of,
};
use crate::{key, nested_keys};

/// What is wrong with the first `count` actions, before the attribute values of later ones are looked at.
pub(crate) fn check_actions(input: &TransactWriteItemsInput, count: usize) -> Result<(), ApiError> {
    let mut digest = RequestDigest::default();
    let actions = input.transact_items.iter().take(count);
    actions
        .cloned()
        .try_for_each(|action| Asked::new(action, &mut digest).map(drop))
}

pub(crate) async fn transact_write_items(
    api: &Api,
    input: TransactWriteItemsInput,
    context: &RequestContext,
) -> Result<TransactWriteItemsOutput, ApiError> {
    let mut digest = RequestDigest::default();
    let mut actions = Vec::with_capacity(input.transact_items.len());
    for action in input.transact_items {
        actions.push(Asked::new(action, &mut digest)?);
    }
    let given_names: Vec<String> = actions
        .iter_mut()
        .map(|action| std::mem::take(&mut action.table_name))
        .collect();
    let tables = tables_of(api, given_names.iter().map(String::as_str), context)?;
    let names: Vec<&str> = tables.iter().map(|(name, _)| *name).collect();
    let keys = all_or_reasons(
        actions
            .iter()
            .zip(&tables)
            .map(|(action, (_, table))| action.key(table)),
    )?;
    refuse_duplicates(tables.iter().map(|(_, table)| table.as_ref()).zip(&keys))?;
    refuse_too_large(actions.iter().map(Asked::size_bytes).sum())?;
    let mut collections = Vec::new();
    for ((action, (name, table)), key) in actions.iter().zip(&tables).zip(&keys) {
        if !matches!(action.action, Action::Check) {
            let wanted = input.return_item_collection_metrics;
            let collection = Collection::of(wanted, table, key)?;
            collections.extend(collection.map(|collection| (*name, collection)));
        }
    }
    let items = actions.into_iter().zip(tables.iter().zip(keys));
    let command = Command {
        items: items
            .map(|(action, ((_, table), key))| ItemCommand {
                table: table.clone(),
                key,
                condition: action.condition,
                action: action.action,
                returns: ReturnValues::None,
                return_item_on_failure: action.return_item_on_failure,
            })
            .collect(),
        identity: Identity::None,
    };
    let token = input.client_request_token.map(|token| {
        names.iter().for_each(|name| digest.text(name));
        RequestToken::new(&context.namespace, &token, digest.finish())
    });
    let transacted = api.database.transact(command, token).await;
    let transacted = transacted.map_err(of_transaction)?;
    Ok(TransactWriteItemsOutput {
        consumed_capacity: consumed_by(&transacted, &names, input.return_consumed_capacity).reply(),
        item_collection_metrics: api.item_collection_metrics_by_table(collections),
    })
}

/// An action as far as it can be understood without its table.
struct Asked {
    table_name: String,
    condition: Option<Condition>,
    action: Action,
    /// The key, or the whole item of a put.
    attributes: Item,
    return_item_on_failure: bool,
}

/// What the four kinds of actions have in common.
struct Parts {
    /// Tells the kinds apart in the digest.
    kind: &'static str,
    table_name: String,
    attributes: Item,
    update: Option<String>,
    condition: Option<String>,
    names: Option<BTreeMap<String, String>>,
    values: Option<Item>,
    on_failure: Option<ReturnValuesOnConditionCheckFailure>,
}

impl Asked {
    fn new(action: TransactWriteItem, digest: &mut RequestDigest) -> Result<Self, ApiError> {
        let parts = Parts::new(action)?;
        parts.check_placeholders()?;
        digest.text(parts.kind);
        digest.optional_text(parts.update.as_deref());
        digest.optional_text(parts.condition.as_deref());
        digest.names(parts.names.as_ref());
        digest.optional_item(parts.values.as_ref());
        let wanted = Some(ReturnValuesOnConditionCheckFailure::AllOld);
        let return_item_on_failure = parts.on_failure == wanted;
        digest.flag(return_item_on_failure);
        let attributes = EncodedItem::encode(&parts.attributes);
        digest.item(&attributes);

        let mut expressions = Expressions::new(parts.names, parts.values)?;
        let update = expressions.parse(parts.update.as_deref(), Update::parse)?;
        let text = parts.condition.as_deref();
        let condition = expressions.condition(ExpressionKind::Condition, text)?;
        expressions.finish()?;
        let action = match (parts.kind, update) {
            (PUT, _) => {
                refuse_too_large_item(attributes.size_bytes())?;
                Action::Put(attributes)
            }
            (DELETE, _) => Action::Delete,
            (_, Some(update)) => Action::Update {
                update,
                key: parts.attributes.clone(),
            },
            (_, None) => Action::Check,
        };
        Ok(Asked {
            table_name: parts.table_name,
            condition,
            action,
            attributes: parts.attributes,
            return_item_on_failure,
        })
    }

    /// The key of the action's item, if the action fits the table.
    fn key(&self, table: &Table) -> Result<StorageKey, ActionFault> {
        let key = self.key_alone(table)?;
        if let Action::Update { update, .. } = &self.action {
            key::refuse_index_types(table, update).map_err(ActionFault::of_index)?;
            nested_keys::refuse(table, Some(update)).map_err(ActionFault::Action)?;
        }
        let nested = nested_keys::refuse(table, self.condition.as_ref());
        nested.map_err(ActionFault::Action).map(|()| key)
    }

    fn key_alone(&self, table: &Table) -> Result<StorageKey, ActionFault> {
        let schema = table.schema();
        if let Action::Update { update, .. } = &self.action {
            let keys = schema.attributes().map(|key| key.name.as_str());
            let refused = update.refuse_keys(keys).map_err(of_expressions);
            refused.map_err(ActionFault::Action)?;
        }
        if !matches!(self.action, Action::Put(_)) {
            let key = schema.storage_key_of_key(&self.attributes);
            return key.map_err(|error| ActionFault::of_key(error, key::of_value));
        }
        let key = schema.storage_key_of_item(&self.attributes);
        let key = key.map_err(|error| ActionFault::of_key(error, key::of_put))?;
        table
            .check_index_keys(&self.attributes)
            .map_err(ActionFault::of_index)?;
        Ok(key)
    }

    /// What is known of what the action writes: a put's item, else the key.
    fn size_bytes(&self) -> usize {
        self.attributes.size_bytes()
    }
}

const CHECK: &str = "ConditionCheck";
const PUT: &str = "Put";
const DELETE: &str = "Delete";
const UPDATE: &str = "Update";

impl Parts {
    fn new(action: TransactWriteItem) -> Result<Self, ApiError> {
        match (
            action.condition_check,
            action.put,
            action.delete,
            action.update,
        ) {
            (Some(check), None, None, None) => Ok(Parts::of_check(check)),
            (None, Some(put), None, None) => Ok(Parts::of_put(put)),
            (None, None, Some(delete), None) => Ok(Parts::of_delete(delete)),
            (None, None, None, Some(update)) => Ok(Parts::of_update(update)),
            (None, None, None, None) => Err(batches::action_empty()),
            _ => Err(batches::action_ambiguous()),
        }
    }

    fn of_check(check: api_shapes::ConditionCheck) -> Self {
        Parts {
            kind: CHECK,
            table_name: check.table_name,
            attributes: check.key,
            update: None,
            condition: Some(check.condition_expression),
            names: check.expression_attribute_names,
            values: check.expression_attribute_values,
            on_failure: check.return_values_on_condition_check_failure,
        }
    }

    fn of_put(put: api_shapes::Put) -> Self {
        Parts {
            kind: PUT,
            table_name: put.table_name,
            attributes: put.item,
            update: None,
            condition: put.condition_expression,
            names: put.expression_attribute_names,
            values: put.expression_attribute_values,
            on_failure: put.return_values_on_condition_check_failure,
        }
    }

    fn of_delete(delete: api_shapes::Delete) -> Self {
        Parts {
            kind: DELETE,
            table_name: delete.table_name,
            attributes: delete.key,
            update: None,
            condition: delete.condition_expression,
            names: delete.expression_attribute_names,
            values: delete.expression_attribute_values,
            on_failure: delete.return_values_on_condition_check_failure,
        }
    }

    fn of_update(update: api_shapes::Update) -> Self {
        Parts {
            kind: UPDATE,
            table_name: update.table_name,
            attributes: update.key,
            update: Some(update.update_expression),
            condition: update.condition_expression,
            names: update.expression_attribute_names,
            values: update.expression_attribute_values,
            on_failure: update.return_values_on_condition_check_failure,
        }
    }

    fn check_placeholders(&self) -> Result<(), ApiError> {
        let update = ("UpdateExpression", self.update.is_some());
        let condition = ("ConditionExpression", self.condition.is_some());
        let placeholders = (self.names.is_some(), self.values.is_some());
        match self.kind {
            UPDATE => refuse_placeholders_alone(placeholders, &[update, condition], &[]),
            _ => refuse_placeholders_alone(placeholders, &[condition], &[]),
        }
    }
}
