//! The room from outside: items there and back, errors in their envelopes, and no panic on any bytes.

mod envelopes;
mod items;
