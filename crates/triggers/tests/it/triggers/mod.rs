//! The triggers as a whole: the Lambda API over a real engine, and delivery to real processes.

mod aliases;
mod batching;
mod clock_set_back;
mod concurrency;
mod dead_letters;
mod delivery;
mod destinations;
mod failures;
mod fake;
mod filters;
mod function_logs;
mod function_tags;
mod functions_api;
mod kinesis;
mod mappings_api;
mod no_room;
mod numbers;
mod packages;
mod read_ahead;
mod restart;
mod supervision;
mod targets;
mod tumbling;
mod turns;
mod updates;
mod versions;
mod world;

use std::time::Duration;

/// Time in which something would have happened that must not.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(150)).await;
}
