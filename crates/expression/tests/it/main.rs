//! Black-box tests of the expression languages.
//!
//! Cases are rows of text: expressions as clients write them, items and values in the short form of
//! `notation`, faults as the exact sentence.

mod conditions;
mod faults;
mod filters;
mod filters_hostile;
mod filters_model;
mod hostile;
mod key_conditions;
mod legacy_model;
mod nested;
mod notation;
mod partiql;
mod partiql_hostile;
mod partiql_model;
mod partiql_plans;
mod placeholders;
mod projections;
mod random;
mod updates;
