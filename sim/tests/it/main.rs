//! Crash proofs that run with every test run.

mod damage;
mod kill;
mod power;
