//! PartiQL: the statements that DynamoDB knows, into the trees that expressions give.
//!
//! [`Statement::parse`] reads a text and its parameters. What it means depends on the table's key, which [`ReadPlan`] and
//! [`ItemCondition`] find in the WHERE clause: the partitions to be read, or the item to be written.
//!
//! Text becomes a statement in three steps, as for expressions: `lexer` and `parser` know only the grammar, that of
//! partiql-lang-kotlin, whose errors are DynamoDB's; `statement` and its neighbours then give it a meaning.

mod columns;
mod condition;
mod error;
mod item_condition;
mod key_terms;
mod keyword;
mod lexer;
mod order;
mod parser;
mod path;
mod printed;
mod read_plan;
mod statement;
mod syntax;
mod update;
mod value;

pub use columns::Columns;
pub use error::{PartiqlError, SyntaxFault};
pub use item_condition::ItemCondition;
pub use lexer::Position;
pub use order::Order;
pub use read_plan::{PartitionRead, ReadPlan};
pub use statement::{Delete, Insert, Returning, Select, Source, Statement, Update};
