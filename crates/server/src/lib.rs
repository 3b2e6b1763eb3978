//! HTTP: connections, dispatch to the interfaces, the reply envelope, health and metrics.
//!
//! One port serves DynamoDB and DynamoDB Streams (`POST /` with `X-Amz-Target`), the Lambda interface
//! (`/2015-03-31/...`), what is Headwater's own (`/_headwater/...`), changes as events (`/streams/TABLE/events`) and the
//! console (`/console/`). The room knows HTTP and nothing of what the operations mean.

mod admin;
mod body;
mod connection;
mod console;
mod contributors;
mod events;
mod load;
mod metrics;
mod overview;
mod query;
mod reply_body;
mod request;
mod request_id;
mod same_origin;
mod slow_peer;
mod trigger_metrics;

pub use body::{BODY_BYTES_MAX, FUNCTION_BODY_BYTES_MAX, LARGE_BODIES_BYTES_MAX};
pub use connection::serve;
pub use console::ConsoleSettings;
pub use metrics::Metrics;
pub use request::{AdvanceClock, REPLIES_BYTES_MAX, Server, ServerSettings};
