//! `AttributeUpdates`: an action for each attribute.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_model::AttributeValue;

use super::error::LegacyError;
use crate::ast::{Path, SetValue, UpdateAction, UpdateOperand};
use crate::update::Update;

/// What is done with an attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AttributeAction {
    /// It gets the value.
    #[default]
    Put,
    /// The value is added to a number, or its members to a set or at the end of a list.
    Add,
    /// It is removed, or with a value, members are removed from a set.
    Delete,
}

/// `AttributeValueUpdate`, as it was sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttributeUpdate {
    /// `PUT` if absent.
    pub action: Option<AttributeAction>,
    /// What it works with.
    pub value: Option<AttributeValue>,
}

/// The update that `AttributeUpdates` means.
///
/// # Errors
/// The first fault in the order of the names.
pub fn attribute_updates(
    updates: BTreeMap<String, AttributeUpdate>,
) -> Result<Update, LegacyError> {
    let actions = updates
        .into_iter()
        .map(|(name, update)| action(name, update))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Update::of_attribute_updates(actions))
}

fn action(name: String, update: AttributeUpdate) -> Result<UpdateAction, LegacyError> {
    if name.is_empty() {
        return Err(LegacyError::EmptyName);
    }
    let path = Path::top_level(name);
    match (update.action.unwrap_or_default(), update.value) {
        (AttributeAction::Delete, None) => Ok(UpdateAction::Remove { path }),
        (_, None) => Err(LegacyError::ActionNeedsValue),
        (AttributeAction::Put, Some(value)) => Ok(UpdateAction::Set {
            path,
            value: SetValue::Operand(UpdateOperand::Value(Arc::new(value))),
        }),
        (AttributeAction::Add, Some(value)) if can_be_added(&value) => Ok(UpdateAction::Add {
            path,
            value: Arc::new(value),
        }),
        (AttributeAction::Add, Some(value)) => Err(LegacyError::AddType {
            type_name: value.type_name(),
        }),
        (AttributeAction::Delete, Some(value)) if is_set(&value) => Ok(UpdateAction::Delete {
            path,
            value: Arc::new(value),
        }),
        (AttributeAction::Delete, Some(value)) => Err(LegacyError::DeleteType {
            type_name: value.type_name(),
        }),
    }
}

/// The expression's ADD takes no lists, this one does (dynalite's captures).
fn can_be_added(value: &AttributeValue) -> bool {
    is_set(value) || matches!(value, AttributeValue::N(_) | AttributeValue::L(_))
}

fn is_set(value: &AttributeValue) -> bool {
    matches!(
        value,
        AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_)
    )
}
