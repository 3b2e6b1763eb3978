//! `ReturnConsumedCapacity` (dynamodb-api.md section 5). Nothing is ever throttled by it.

use headwater_wire::dynamodb::{Capacity, ConsumedCapacity, ReturnConsumedCapacity};

/// What an operation on one table consumed, as far as the request wants to know.
pub(crate) fn consumed(
    wanted: Option<ReturnConsumedCapacity>,
    table_name: &str,
    units: f64,
) -> Option<ConsumedCapacity> {
    let table = match wanted? {
        ReturnConsumedCapacity::None => return None,
        ReturnConsumedCapacity::Total => None,
        ReturnConsumedCapacity::Indexes => Some(Capacity {
            capacity_units: Some(units),
            ..Capacity::default()
        }),
    };
    Some(ConsumedCapacity {
        table_name: Some(table_name.to_owned()),
        capacity_units: Some(units),
        table,
        ..ConsumedCapacity::default()
    })
}
