//! What is the server's own of triggers, under `/_headwater/`: the dead-letter store, how mappings are doing, and the
//! logs of functions.
//! Bodies are JSON with names in camel case.
//!
//! | request | answer |
//! |---|---|
//! | `GET triggers` | every mapping with its shards: position, lag, what is in flight, the last error |
//! | `GET triggers/UUID` | one of them |
//! | `GET triggers/UUID/counts` | what it did since the server started; cheap |
//! | `GET kinesis` | the Kinesis destinations of tables: what was sent, and what failed last |
//! | `GET dead-letters?mapping=UUID&after=ID&limit=N` | a page of the batches that were given up, the oldest first |
//! | `GET dead-letters/ID` | one of them, with its payload |
//! | `DELETE dead-letters/ID` | removes it |
//! | `POST dead-letters/ID/redrive` | calls the function with it; success removes it |
//! | `GET functions/NAME/logs?limit=N` | the newest lines of a function's kept log |
//! | `GET functions/NAME/logs?after=N&limit=N&wait-ms=N` | the lines behind the `next` of an earlier answer, or a wait for one |

mod dead_letters;
mod function_logs;
mod numbers;
mod one_at_a_time;
mod redrives;
mod status;

pub use numbers::{MappingNumbers, TriggerNumbers};
pub(crate) use one_at_a_time::OneAtATime;
pub(crate) use redrives::Redrives;

use std::sync::Arc;

use headwater_operations::RequestContext;
use serde_json::Value;

use crate::triggers::Triggers;

/// An answer of the server's own calls.
#[derive(Clone, Debug, PartialEq)]
pub struct ManageAnswer {
    /// The HTTP status.
    pub status: u16,
    /// A JSON body.
    pub body: Value,
}

impl ManageAnswer {
    fn ok(body: Value) -> Self {
        Self { status: 200, body }
    }

    fn refused(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            body: serde_json::json!({ "message": message.into() }),
        }
    }

    /// A failure of ours; its cause is logged here, where it ends.
    fn failed(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::refused(
            500,
            format!("the tables of the triggers cannot be used: {cause}"),
        )
    }
}

impl Triggers {
    /// Answers a call; `path` is what follows `/_headwater/`. `None` if it is none of the triggers'.
    pub async fn manage(
        self: &Arc<Self>,
        method: &str,
        path: &str,
        query: &str,
        context: &RequestContext,
    ) -> Option<ManageAnswer> {
        let namespace = context.namespace.as_str();
        let parts: Vec<&str> = path.split('/').collect();
        Some(match (method, parts.as_slice()) {
            ("GET", ["triggers"]) => self.all_statuses(namespace).await,
            ("GET", ["triggers", uuid]) => self.one_status(namespace, uuid).await,
            ("GET", ["triggers", uuid, "counts"]) => self.one_count(namespace, uuid),
            ("GET", ["kinesis"]) => ManageAnswer::ok(self.kinesis.statuses(namespace)),
            ("GET", ["dead-letters"]) => self.list_dead_letters(namespace, query),
            ("GET", ["dead-letters", id]) => self.show_dead_letter(namespace, id).await,
            ("DELETE", ["dead-letters", id]) => {
                let Some(place) = self.place_for_a_change() else {
                    return Some(ManageAnswer::refused(429, "too many changes are under way"));
                };
                let (triggers, namespace, id) = self.for_a_change(namespace, id);
                let removed = async move {
                    let _place = place;
                    triggers.remove_dead_letter(&namespace, &id).await
                };
                finished(removed).await
            }
            ("POST", ["dead-letters", id, "redrive"]) => {
                // Here, so that who leaves meanwhile leaves nothing behind.
                let Some(redriving) = self.redrives.begin(id).await else {
                    let reason = format!("the dead letter {id} is being redriven");
                    return Some(ManageAnswer::refused(409, reason));
                };
                let (triggers, namespace, id) = self.for_a_change(namespace, id);
                let redriven = async move {
                    let _redriving = redriving;
                    triggers.redrive(&namespace, &id).await
                };
                finished(redriven).await
            }
            ("GET", ["functions", name, "logs"]) => self.function_log(namespace, name, query).await,
            _ => return None,
        })
    }
}

impl Triggers {
    fn for_a_change(self: &Arc<Self>, namespace: &str, id: &str) -> (Arc<Self>, String, String) {
        (self.clone(), namespace.to_owned(), id.to_owned())
    }
}

/// Whoever asks may leave, and then the request's future is dropped. A change is finished all the same.
async fn finished(change: impl Future<Output = ManageAnswer> + Send + 'static) -> ManageAnswer {
    let finished = tokio::spawn(change).await;
    finished.unwrap_or_else(ManageAnswer::failed)
}

/// A parameter of a query, as it stands there: the values that are served need no escapes.
fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(own, value)| (own == name && !value.is_empty()).then_some(value))
}
