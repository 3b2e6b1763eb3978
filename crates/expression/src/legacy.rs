//! The parameters from before expressions (dynamodb-api.md section 10), translated into the same trees:
//! `Expected`, `QueryFilter` and `ScanFilter` into conditions, `KeyConditions` into conditions on keys,
//! `AttributeUpdates` into an update, `AttributesToGet` into a projection.
//!
//! They name top-level attributes only, and names are taken as they are: `a.b` is an attribute with a dot.

mod attribute_updates;
mod attributes_to_get;
mod comparison;
mod conditions;
mod error;
mod expected;
mod key_conditions;

pub use attribute_updates::{AttributeAction, AttributeUpdate, attribute_updates};
pub use attributes_to_get::attributes_to_get;
pub use comparison::{Comparison, ComparisonOperator};
pub use conditions::{
    ConditionalOperator, FilterParameter, check_conditional_operator, expected, filter,
    refuse_filter_on_keys,
};
pub use error::LegacyError;
pub use expected::ExpectedAttribute;
pub use key_conditions::KeyConditions;
