//! Bounds that only expressions know; the shared ones are in `headwater_model::limits`.

use headwater_model::limits::NESTING_DEPTH_MAX;

/// Segments of one document path: an item nests no deeper.
pub(crate) const PATH_SEGMENTS_MAX: usize = NESTING_DEPTH_MAX;

/// The largest list index that the service reads.
pub(crate) const LIST_INDEX_MAX: u32 = i32::MAX as u32;

/// Parentheses and calls around an operand, one within the other. Only `if_not_exists` can be nested
/// to any use; the bound keeps recursion within a small stack.
pub(crate) const OPERAND_DEPTH_MAX: usize = 32;

/// Conditions in one of the parameters from before expressions, each counted with its values. They are compared with
/// every item that is read; the service names no bound.
pub(crate) const LEGACY_VALUES_MAX: usize = 1000;

/// Levels of a PartiQL statement's expressions. Chains of AND and OR count once; the bound keeps recursion within a small
/// stack.
pub(crate) const PARTIQL_DEPTH_MAX: usize = 100;
