//! The commands as people run them: the real program, its output and its exit status.

mod apply;
mod bounds;
mod demo;
mod encryption;
mod endpoints;
mod filter;
mod folder;
mod function_code;
mod functions;
mod names;
mod process;
mod starting;
mod stopping;
mod tail;
mod temporary;
mod triggers;
mod verify;
