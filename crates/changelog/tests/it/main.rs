//! The log from outside: what it promises, on every kind of files, through crashes and faults.

// All of this is test code, in helper functions too.
#![allow(clippy::unwrap_used)]

mod contract;
mod crashes;
mod damage;
mod encryption;
mod faults;
mod forgery;
mod full_disk;
mod open_files;
mod support;
mod trimming;
