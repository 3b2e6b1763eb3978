//! Event source mappings and the functions that they invoke.
//!
//! `functions` runs a function's code in child processes that speak the Lambda Runtime API to
//! this server. It knows nothing of streams, mappings or the wire: a configuration and a payload
//! go in, a payload or a function error comes out.
//!
//! `mappings` delivers the records of streams to functions, `registry` remembers functions, mappings
//! and checkpoints in system tables, `destinations` sends on what is given up, `kinesis` the changes of tables, `api` answers the
//! requests of the Lambda REST API, `manage` those of the server's own, and [`Triggers`] holds all of it together. [`explain_filter`] tells people what their filter patterns do.

mod api;
mod destinations;
mod explain_filter;
pub mod functions;
mod kinesis;
mod manage;
mod mappings;
mod registry;
mod triggers;

pub use api::{HeaderOf, HttpAnswer, LOCAL_DIRECTORY};
pub use destinations::DestinationSettings;
pub use explain_filter::explain_filter;
pub use headwater_outgoing::{Url, UrlError};
pub use manage::{ManageAnswer, MappingNumbers, TriggerNumbers};
pub use triggers::{OpenError, Triggers, TriggersSettings};
