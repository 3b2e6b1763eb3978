//! The Lambda REST API: functions, their invocation, and event source mappings.
//!
//! One file per operation or family of them: what the request means, the checks in the service's order, a
//! change of the registry, the answer. Shapes are decoded by the wire; nothing here reads JSON.

mod account;
mod aliases;
mod answer;
mod change_mapping;
mod concurrency;
mod create_function;
mod create_mapping;
mod dispatch;
mod events;
mod function_code;
mod function_name;
mod function_target;
mod function_view;
mod invoke;
mod mapping_settings;
mod mapping_view;
mod marker;
mod read_functions;
mod read_mappings;
mod tags;
mod update_function;
mod versions;

pub use answer::HttpAnswer;
pub use dispatch::HeaderOf;
pub(crate) use events::Events;
pub use function_code::LOCAL_DIRECTORY;
pub(crate) use function_code::remove_unused;
