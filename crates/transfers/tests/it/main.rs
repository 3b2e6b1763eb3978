//! Jobs that are carried out, over an engine whose disks can fail.

// A failed unwrap is a failed test; Clippy's exception covers test functions, not what they share.
#![allow(clippy::unwrap_used)]

mod failed_log;
mod forgetting;
mod large;
mod no_room;
mod support;
