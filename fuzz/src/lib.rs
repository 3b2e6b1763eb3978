//! Fuzz targets: what reads bytes from clients or from disk, fed with any bytes.
//!
//! A target is a function of bytes that panics when a promise is broken: nothing else is an outcome. A test runs
//! every target on its corpus and on mutations of it, with a seed and for a bounded time. `cargo xtask fuzz` runs
//! the same functions under libFuzzer for as long as one likes.

mod encoded;
mod expressions;
mod filters;
mod log;
mod number;
mod state;
mod statements;
mod streams;
mod target;
mod transfers;
mod wire;

pub use target::{TARGETS, Target};
