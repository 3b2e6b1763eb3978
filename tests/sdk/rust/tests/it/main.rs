//! The AWS SDK for Rust against the started server.

mod functions;
mod indexes;
mod items;
mod server;
mod streams;
mod tables;
