//! The expression languages of DynamoDB: conditions, filters, key conditions, projections and
//! updates, parsed into plain data and evaluated against items.
//!
//! Pure: no I/O, no clock, no table. What needs a schema (key conditions) takes it as an argument;
//! which attributes a caller must refuse (keys in filters and updates) is told by accessors.
//! Every way of saying the same thing (expressions, legacy parameters, PartiQL) ends in the trees
//! of [`ast`], so that one evaluator serves them all.
//!
//! [`legacy`] has the parameters from before expressions, [`partiql`] the statements.
//!
//! Text becomes a tree in two steps: `lexer` and `parser` know only syntax and give the raw tree of
//! `syntax`; `condition`, `update`, `projection` and `key_condition` then check it in the order in
//! which the service reports faults, and replace placeholders by names and values.
//!
//! [`filter`] is another language for another subject: the patterns of event source mappings, over JSON.

pub mod ast;
mod condition;
mod error;
pub mod filter;
mod index_key_condition;
mod key_condition;
mod kind;
pub mod legacy;
mod lexer;
mod limits;
mod nested;
mod parser;
pub mod partiql;
mod path;
mod placeholders;
mod projection;
mod reserved;
mod resolve;
mod search_condition;
mod syntax;
mod update;

pub use condition::{Condition, Steps, StepsUsedUp};
pub use error::{ExpressionError, Fault, UpdateError};
pub use index_key_condition::IndexKeyCondition;
pub use key_condition::{KeyCondition, KeyTerm, ResolvedKeyCondition, SortCondition};
pub use kind::ExpressionKind;
pub use nested::NestedPaths;
pub use placeholders::Placeholders;
pub use projection::Projection;
pub use search_condition::SearchCondition;
pub use update::{Update, Updated};
