//! What a server needs under stress: memory, descriptors, threads, time and disk stay within bounds.
//!
//! The tests run at a scale that takes seconds. With `HEADWATER_BOUNDS=full` they run at the scale of a busy
//! server, for which `HEADWATER_BIN` should name a release build; with `--nocapture` they print what they measure.

mod client;
mod connections;
mod costly;
mod histories;
mod many;
mod overload;
mod pages;
mod retention;
pub mod usage;

/// A number for every test run, and the one of a full run.
fn scale(small: usize, full: usize) -> usize {
    match std::env::var("HEADWATER_BOUNDS") {
        Ok(wanted) if wanted == "full" => full,
        _ => small,
    }
}
