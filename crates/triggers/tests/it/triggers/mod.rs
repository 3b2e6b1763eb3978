//! The triggers as a whole: the Lambda API over a real engine, and delivery to real processes.

mod delivery;
mod functions_api;
mod mappings_api;
mod restart;
mod supervision;
mod world;
