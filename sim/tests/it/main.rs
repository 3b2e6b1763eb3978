//! Crash proofs that run with every test run.

mod damage;
mod histories;
mod kill;
mod power;
