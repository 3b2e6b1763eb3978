//! Seeded simulation and crash proofs. For development only; nothing depends on this.
//!
//! Four runs break things on purpose here:
//! - [`campaign`]: the engine in this process, on disks in memory that lose power, fail and tear writes,
//!   fill up, take their time and flip bits, with writers, readers and a follower at work. Everything that is random
//!   follows from a seed; threads are real, so a seed may have to run a few times to meet the same order again.
//! - [`kill`]: the real binary under load over HTTP, ended with `kill -9` and started again on its folder.
//! - [`soak`]: triggers with functions that go wrong in every way, while the server is killed.
//! - [`consistency`]: clients that meet on a few items, while the server is killed; what they saw has to have an order.
//!
//! The first two keep a [`ledger`] of what clients attempted, were told and saw, and compare it with the stream, read from
//! its beginning, and with the tables.

mod archive;
pub mod campaign;
mod check;
mod churn;
pub mod consistency;
mod damage;
mod faults;
mod flips;
mod folder;
mod follower;
mod full_disk;
pub mod history;
mod interval;
pub mod kill;
pub mod ledger;
mod machine;
mod readers;
pub mod soak;
mod world;
mod writers;

pub use damage::{flip, log_segments};
