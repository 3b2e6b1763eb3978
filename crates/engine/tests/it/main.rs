//! The engine through its public interface: a plain model beside it, crashes, concurrency, shards.

// A failed unwrap is a failed test; Clippy's exception covers test functions, not what they share.
#![allow(clippy::unwrap_used)]

mod backups;
mod cold;
mod concurrency;
mod dropped;
mod durable_catalog;
mod encryption;
mod exports;
mod failures;
mod features;
mod fixtures;
mod full_disk;
mod history;
mod indexes;
mod interrupted_copies;
mod item_collections;
mod kinesis;
mod lifecycle;
mod model;
mod pending_ranges;
mod support;
mod swept;
mod tokens;
mod transactions;
mod trimming;
mod upkeep;
mod vectors;
mod verify;
mod verify_derived;
mod verify_state;
