//! Condition, filter, projection, update and key condition expressions: parse and evaluate. Pure.
