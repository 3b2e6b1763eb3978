//! API shapes, the JSON codec, the error envelope and every sentence a client can see.
//!
//! A request comes in as a [`Target`] or a REST path, which name an [`Operation`], and a body, which becomes a
//! borrowed [`json::Json`] tree; the generated structs of [`dynamodb`], [`streams`] and [`lambda`] decode themselves
//! from it, or say exactly why not. Answers write themselves straight into a byte buffer ([`json::WriteJson`]).
//! Errors are [`ApiError`]s, and every sentence in them comes from [`messages`] or from [`decode`].
//!
//! This room knows neither tables nor streams nor HTTP: it turns bytes into requests and answers into bytes.
//! The generated files come from `cargo xtask wire`.

mod attribute_value;
pub mod decode;
mod error;
mod event;
mod generated;
mod item_json;
pub mod json;
pub mod messages;
mod operation;
mod rest;
pub mod sigv4;
mod target;
mod timestamp;

pub use error::{
    ApiError, CancellationReason, ErrorDetail, ErrorKind, ErrorSpec, Namespace, ThrottlingReason,
};
pub use event::write_event_record;
pub use generated::{dynamodb, lambda, streams};
pub use item_json::{read_item, write_item, write_value};
pub use operation::{Binding, OPERATIONS, Operation, OperationSpec, Service};
pub use rest::RestRequest;
pub use target::Target;
pub use timestamp::Timestamp;
