//! The operations as clients see them: JSON bodies in, JSON bodies or errors out, over a database in
//! memory with a clock that the tests move.

// A failed unwrap is a failed test; Clippy's exception covers test functions, not what they share.
#![allow(clippy::unwrap_used)]

mod batches;
mod contributor_insights;
mod durable_catalog;
mod errors;
mod items;
mod large_answers;
mod pages;
mod record_contents;
mod shards;
mod statements;
mod stream_reads;
mod support;
mod system_tables;
mod tables;
mod transfer_jobs;
