//! The floors: what the machine could do at best if there were nothing to do but the unavoidable.

pub mod append;
pub mod http;
