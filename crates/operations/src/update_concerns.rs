//! What one UpdateTable request may ask for at once. It depends on the request alone, so that AWS finds fault with it
//! before it looks for the table (recorded 2026).

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{GlobalSecondaryIndexUpdate, UpdateTableInput, VectorIndexUpdate};
use headwater_wire::messages::tables;

/// The changes of global indexes.
pub(crate) fn index_updates(input: &UpdateTableInput) -> &[GlobalSecondaryIndexUpdate] {
    let updates = input.global_secondary_index_updates.as_deref();
    updates.unwrap_or_default()
}

/// The changes of vector indexes.
pub(crate) fn vector_updates(input: &UpdateTableInput) -> &[VectorIndexUpdate] {
    input.vector_index_updates.as_deref().unwrap_or_default()
}

/// Refuses what can't be asked for at once.
pub(crate) fn check_concerns(input: &UpdateTableInput) -> Result<(), ApiError> {
    check_actions(input)?;
    refuse_several_changes(input)
}

/// Each element of `GlobalSecondaryIndexUpdates` has one action, and each index one element.
fn check_actions(input: &UpdateTableInput) -> Result<(), ApiError> {
    const UPDATES: &str = "GlobalSecondaryIndexUpdates";
    let updates = input.global_secondary_index_updates.as_deref();
    if updates.is_some_and(<[_]>::is_empty) {
        return Err(tables::index_list_empty(UPDATES));
    }
    let mut seen: Vec<&str> = Vec::new();
    for update in updates.unwrap_or_default() {
        let create = update.create.as_ref().map(|create| &create.index_name);
        let delete = update.delete.as_ref().map(|delete| &delete.index_name);
        let change = update.update.as_ref().map(|change| &change.index_name);
        let mut actions = [create, delete, change].into_iter().flatten();
        let name = match (actions.next(), actions.next()) {
            (None, _) => return Err(tables::index_update_without_action()),
            (Some(_), Some(_)) => return Err(tables::index_update_with_several_actions()),
            (Some(name), None) => name,
        };
        if seen.contains(&name.as_str()) {
            return Err(tables::index_updated_twice(name));
        }
        seen.push(name);
    }
    Ok(())
}

/// Stream, throughput and the set of indexes change one at a time (dynamodb-api.md sections 3 and 15).
fn refuse_several_changes(input: &UpdateTableInput) -> Result<(), ApiError> {
    let updates = index_updates(input).iter();
    let of_set = updates.filter(|update| update.create.is_some() || update.delete.is_some());
    let indexes = of_set.count() + vector_updates(input).len();
    if indexes > 1 {
        return Err(tables::one_index_change_at_a_time());
    }
    if indexes == 1 && input.stream_specification.is_some() {
        return Err(tables::index_beside_stream());
    }
    let changes = [
        indexes == 1,
        input.stream_specification.is_some(),
        input.provisioned_throughput.is_some(),
    ];
    if changes.iter().filter(|change| **change).count() > 1 {
        return Err(tables::several_changes_at_once());
    }
    Ok(())
}
