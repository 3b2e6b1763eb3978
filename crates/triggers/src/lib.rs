//! Event source mappings and the functions that they invoke.
