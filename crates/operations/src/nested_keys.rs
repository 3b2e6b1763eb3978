//! Paths into key attributes of a table or of its indexes. Keys have no parts, so that the service refuses such paths
//! wherever they stand, whatever the items are.

use headwater_engine::Table;
use headwater_expression::{ExpressionError, NestedPaths};
use headwater_model::KeyAttribute;
use headwater_wire::ApiError;

use crate::failure::of_expressions;

/// Refuses an expression with a path into a key attribute; the table's own keys are named first (dynalite's captures).
pub(crate) fn refuse<E: NestedPaths>(
    table: &Table,
    expression: Option<&E>,
) -> Result<(), ApiError> {
    let Some(expression) = expression else {
        return Ok(());
    };
    let nested = expression.nested_attributes();
    if nested.is_empty() {
        return Ok(());
    }
    let is_nested = |key: &&KeyAttribute| nested.contains(key.name.as_str());
    let refused = |key: &KeyAttribute, of_index| {
        let name = key.name.clone();
        Err(of_expressions(ExpressionError::KeyNested {
            name,
            of_index,
        }))
    };
    if let Some(key) = table.schema().attributes().find(is_nested) {
        return refused(key, false);
    }
    for index in table.indexes().iter() {
        if let Some(key) = index.schema().attributes().find(is_nested) {
            return refused(key, true);
        }
    }
    Ok(())
}
