//! What one UpdateTable request may ask for at once. It depends on the request alone, so that AWS finds fault with it
//! before it looks for the table (recorded 2026).

use std::collections::BTreeSet;

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    BillingMode, GlobalSecondaryIndexUpdate, UpdateTableInput, VectorIndexUpdate,
};
use headwater_wire::messages::tables;

/// A part of a table that a request changes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Concern {
    BillingMode,
    Throughput,
    OnDemandThroughput,
    WarmThroughput,
    Stream,
    Encryption,
    TableClass,
    DeletionProtection,
    /// Which indexes it has.
    Indexes,
    /// What the indexes that it has may do.
    IndexSettings,
}

/// What AWS takes alone, in the order in which it names them.
const ALONE: [(Concern, &str); 3] = [
    (Concern::Encryption, "Server-Side Encryption"),
    (Concern::TableClass, "TableClass"),
    (Concern::DeletionProtection, "DeletionProtection"),
];

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
    check_together(input)?;
    let mut global = index_updates(input).iter();
    let creates = global.any(|update| update.create.is_some());
    let given = concerns(input);
    let has = |concern| given.contains(&concern);
    if has(Concern::WarmThroughput) && given.len() > 1 {
        return Err(match creates {
            true => tables::index_beside_warm_throughput(),
            false => tables::warm_throughput_beside_others(),
        });
    }
    let provisions = input.billing_mode == Some(BillingMode::Provisioned);
    if has(Concern::Stream) && (has(Concern::Throughput) || provisions) {
        return Err(tables::stream_beside_throughput());
    }
    if has(Concern::Indexes) && has(Concern::Throughput) {
        return Err(tables::index_beside_throughput());
    }
    if has(Concern::Indexes) && has(Concern::Stream) {
        return Err(tables::index_beside_stream());
    }
    match index_set_changes(input) > 1 {
        true => Err(tables::one_index_change_at_a_time()),
        false => Ok(()),
    }
}

/// Each element of `GlobalSecondaryIndexUpdates` has one action, and each index one element.
fn check_actions(input: &UpdateTableInput) -> Result<(), ApiError> {
    const UPDATES: &str = "GlobalSecondaryIndexUpdates";
    let updates = input.global_secondary_index_updates.as_deref();
    if updates.is_some_and(<[_]>::is_empty) {
        return Err(tables::index_list_empty(UPDATES));
    }
    let mut seen = BTreeSet::new();
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
        if !seen.insert(name.as_str()) {
            return Err(tables::index_updated_twice(name));
        }
    }
    Ok(())
}

/// Refuses what stands beside a part that is changed alone, or with the billing mode only.
fn check_together(input: &UpdateTableInput) -> Result<(), ApiError> {
    let given = concerns(input);
    let alone = ALONE.iter().find(|(alone, _)| given.contains(alone));
    if let Some((_, name)) = alone.filter(|_| given.len() > 1) {
        return Err(tables::change_beside_others(name));
    }
    let fits_maxima =
        |concern: &Concern| matches!(concern, Concern::OnDemandThroughput | Concern::BillingMode);
    match given.contains(&Concern::OnDemandThroughput) && !given.iter().all(fits_maxima) {
        true => Err(tables::maxima_beside_others()),
        false => Ok(()),
    }
}

/// How many indexes the request adds and removes.
fn index_set_changes(input: &UpdateTableInput) -> usize {
    let updates = index_updates(input).iter();
    let of_set = updates.filter(|update| update.create.is_some() || update.delete.is_some());
    of_set.count() + vector_updates(input).len()
}

fn concerns(input: &UpdateTableInput) -> Vec<Concern> {
    let mut updates = index_updates(input).iter();
    let given = [
        (input.billing_mode.is_some(), Concern::BillingMode),
        (input.provisioned_throughput.is_some(), Concern::Throughput),
        (
            input.on_demand_throughput.is_some(),
            Concern::OnDemandThroughput,
        ),
        (input.warm_throughput.is_some(), Concern::WarmThroughput),
        (input.stream_specification.is_some(), Concern::Stream),
        (input.sse_specification.is_some(), Concern::Encryption),
        (input.table_class.is_some(), Concern::TableClass),
        (
            input.deletion_protection_enabled.is_some(),
            Concern::DeletionProtection,
        ),
        (index_set_changes(input) > 0, Concern::Indexes),
        (
            updates.any(|update| update.update.is_some()),
            Concern::IndexSettings,
        ),
    ];
    let given = given.into_iter().filter(|(is_given, _)| *is_given);
    given.map(|(_, concern)| concern).collect()
}
