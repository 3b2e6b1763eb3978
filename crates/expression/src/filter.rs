//! Event filter patterns: the `FilterCriteria` of event source mappings.
//!
//! A pattern is a JSON object in the grammar of the event ruler (triggers.md section 4): fields are AND-ed, the values
//! of a field are OR-ed, `$or` takes alternatives. It is matched against an event record in the form in which functions
//! receive it, so the path to an attribute goes down to its type tag:
//!
//! ```
//! use headwater_expression::filter::Filters;
//!
//! let filters = Filters::parse(&[r#"{"dynamodb":{"NewImage":{"status":{"S":["done"]}}}}"#])?;
//! let record = br#"{"eventName":"INSERT","dynamodb":{"NewImage":{"status":{"S":"done"}}}}"#;
//! assert!(filters.matches(record)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `compile` turns the text into a tree of `pattern`, whose leaves hold `rule`s; `matching` walks that tree and the
//! event beside each other, and `explain` says for each leaf what came of it. Alternatives stay alternatives in the
//! tree: they are never multiplied out, so no pattern costs more than its text times the event, and `steps` bound that.

mod address;
mod compile;
mod error;
mod explain;
mod filters;
mod ignoring_case;
mod matching;
mod numeric;
mod pattern;
mod rule;
mod steps;
mod tree;
mod values;
mod wildcard;

pub use error::{EventError, FilterError};
pub use explain::{Explanation, PatternOutcome, RuleOutcome};
pub use filters::{Filters, Looked};
pub use pattern::FilterPattern;

/// Longest text of one pattern, in characters (triggers.md section 1).
pub const PATTERN_CHARS_MAX: usize = 4096;

/// Most patterns of one mapping: AWS gives 5 and raises that to 10 on request (triggers.md section 1).
pub const FILTERS_MAX: usize = 10;

/// Deepest nesting of a pattern or an event. A record nests two levels for each of an item's 32, and a few around it.
pub const NESTING_MAX: usize = 100;

/// Most `*` of one wildcard. The ruler has no number for it; matching is linear whatever it is.
pub const WILDCARD_STARS_MAX: usize = 256;

/// Steps of looking at one record, of all patterns together: at most a tenth of a second, and more than patterns take that
/// have a few rules for lists as long as items can be.
pub const STEPS_MAX: u32 = 5_000_000;

/// Longest text in which an explanation says what was found, in characters.
pub const FOUND_CHARS_MAX: usize = 240;

/// Most values of one path that an explanation shows.
pub const FOUND_VALUES_MAX: usize = 5;
