//! Requests as they come off the wire, good and bad, against a server in this process.

// A failed unwrap is a failed test; Clippy's exception covers test functions, not what they share.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod cases;
mod compressed;
mod console;
mod envelope;
mod events;
mod held_files;
mod load;
mod pages;
mod state_failure;
mod support;
