//! The kept log of a function.

use std::time::Duration;

use serde_json::{Value, json};

use crate::functions::LogLine;
use crate::triggers::Triggers;

use super::{ManageAnswer, parameter};

/// Lines of one answer, by default and at most.
const LINES: usize = 100;
const LINES_MAX: usize = 1_000;
/// Longest time that a call may ask to wait; shorter than what a server that stops waits for calls.
const WAIT_MS_MAX: u64 = 5_000;

impl Triggers {
    /// The newest lines; or the oldest ones behind the number `after`, with a wait for a first one.
    pub(super) async fn function_log(
        &self,
        namespace: &str,
        name: &str,
        query: &str,
    ) -> ManageAnswer {
        let Some(function) = self.functions.get(namespace, name) else {
            return ManageAnswer::refused(404, format!("there is no function {name}"));
        };
        let number = |name: &str| parameter(query, name).map(str::parse::<u64>).transpose();
        let (Ok(after), Ok(limit), Ok(wait_ms)) =
            (number("after"), number("limit"), number("wait-ms"))
        else {
            return ManageAnswer::refused(400, "after, limit and wait-ms must be numbers");
        };
        let limit = limit.map_or(LINES, |limit| usize::try_from(limit).unwrap_or(LINES_MAX));
        let limit = limit.min(LINES_MAX);
        let config = &function.config;
        let (lines, next) = match after {
            None => self.runtimes.newest_log(config, limit),
            Some(after) => {
                let wait = Duration::from_millis(wait_ms.unwrap_or(0).min(WAIT_MS_MAX));
                let lines = self.runtimes.log_after(config, after, limit, wait).await;
                let next = lines.last().map_or(after, |line| line.number);
                (lines, next)
            }
        };
        let lines: Vec<Value> = lines.iter().map(shown).collect();
        ManageAnswer::ok(json!({ "lines": lines, "next": next }))
    }
}

fn shown(line: &LogLine) -> Value {
    json!({
        "number": line.number,
        "atMs": line.at_ms,
        "requestId": line.request_id.as_deref(),
        "processId": line.process_id,
        "text": line.text,
    })
}
