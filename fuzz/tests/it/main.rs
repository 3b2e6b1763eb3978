//! Every target on its corpus and on mutations of it; and what the fuzzer found.

mod corpus;
mod mutate;
