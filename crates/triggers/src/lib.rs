//! Event source mappings and the functions that they invoke.
//!
//! `functions` runs a function's code in child processes that speak the Lambda Runtime API to
//! this server. It knows nothing of streams, mappings or the wire: a configuration and a payload
//! go in, a payload or a function error comes out.

pub mod functions;
