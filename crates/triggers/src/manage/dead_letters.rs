//! The dead-letter store as people see it, and redriving: calling the function with a batch once more.

use headwater_model::UtcTime;
use serde_json::{Value, json};

use crate::functions::Invocation;
use crate::mappings::{AnswerRules, in_a_window, reason_of_failure, shortened};
use crate::registry::{DeadLetter, qualifier_of, uuid};
use crate::triggers::Triggers;

use super::{ManageAnswer, parameter};

/// Letters of one page.
const PAGE_MAX: usize = 100;

impl Triggers {
    pub(super) fn list_dead_letters(&self, namespace: &str, query: &str) -> ManageAnswer {
        let limit = match parameter(query, "limit").map(str::parse::<usize>) {
            None => PAGE_MAX,
            Some(Ok(limit @ 1..=PAGE_MAX)) => limit,
            Some(_) => {
                return ManageAnswer::refused(400, format!("limit must be 1 to {PAGE_MAX}"));
            }
        };
        let mapping = parameter(query, "mapping");
        let after = parameter(query, "after").unwrap_or_default();
        let mut letters = self.dead_letters.list(namespace, mapping, after, limit + 1);
        let more = letters.len() > limit;
        letters.truncate(limit);
        let shown: Vec<Value> = letters.iter().map(|letter| view(letter)).collect();
        let next = letters.last().filter(|_| more).map(|letter| &letter.id);
        let (held, pushed_out) = self.dead_letters.counts();
        ManageAnswer::ok(json!({
            "deadLetters": shown,
            "next": next,
            "held": held,
            "pushedOut": pushed_out,
        }))
    }

    pub(super) async fn show_dead_letter(&self, namespace: &str, id: &str) -> ManageAnswer {
        let Some(letter) = self.dead_letters.get(namespace, id) else {
            return unknown(id);
        };
        match self.dead_letters.payload(&letter).await {
            Ok(Some(payload)) => {
                let mut shown = view(&letter);
                shown["payload"] = serde_json::from_slice(&payload).unwrap_or(Value::Null);
                ManageAnswer::ok(shown)
            }
            Ok(None) => unknown(id),
            Err(error) => ManageAnswer::failed(error),
        }
    }

    pub(super) async fn remove_dead_letter(&self, namespace: &str, id: &str) -> ManageAnswer {
        match self.dead_letters.remove(namespace, id).await {
            Ok(true) => ManageAnswer::ok(json!({ "removed": id })),
            Ok(false) => unknown(id),
            Err(error) => ManageAnswer::failed(error),
        }
    }

    /// Calls the function of the mapping as it is now. The letter goes when all of its batch succeeded.
    pub(super) async fn redrive(&self, namespace: &str, id: &str) -> ManageAnswer {
        let Some(letter) = self.dead_letters.get(namespace, id) else {
            return unknown(id);
        };
        let redriven = match self.call_with(namespace, &letter).await {
            Ok(()) => self.dead_letters.remove(namespace, id).await,
            Err(reason) => {
                let noted = self.dead_letters.redrive_failed(id, reason.clone()).await;
                match noted {
                    Ok(()) => return ManageAnswer::refused(502, reason),
                    Err(error) => Err(error),
                }
            }
        };
        match redriven {
            Ok(_) => ManageAnswer::ok(json!({ "redriven": id })),
            Err(error) => ManageAnswer::failed(error),
        }
    }

    async fn call_with(&self, namespace: &str, letter: &DeadLetter) -> Result<(), String> {
        let batch = &letter.batch;
        let mapping = self.mappings.get(namespace, &batch.mapping);
        // A mapping that was deleted leaves the name of its function.
        let name = match &mapping {
            Some(mapping) => mapping.function_name.clone(),
            None => function_of(&batch.function_arn).to_owned(),
        };
        let arn = mapping
            .as_ref()
            .map(|mapping| mapping.function_arn.as_str());
        let qualifier = qualifier_of(arn.unwrap_or(&batch.function_arn));
        let target = self.functions.resolve(namespace, &name, qualifier);
        let target = target.ok_or_else(|| format!("the function {name} does not exist"))?;
        let function = target.pick(self.rng());
        let payload = self.dead_letters.payload(letter).await;
        let payload = payload
            .map_err(|error| error.to_string())?
            .ok_or("the payload is gone")?;
        let settings = mapping.as_ref().map(|mapping| mapping.settings.clone());
        let settings = settings.unwrap_or_default();
        let payload = match u64::from(settings.tumbling_window_s) * 1_000 {
            0 => payload,
            length_ms => in_a_window(&payload, batch, length_ms),
        };
        let invocation = Invocation {
            request_id: uuid(self.rng()),
            payload,
            qualifier: qualifier.map(str::to_owned),
            ..Invocation::default()
        };
        let called = self.runtimes.invoke(&function.config, invocation).await;
        let result = called.map_err(|error| error.to_string())?;
        if result.function_error.is_some() {
            let error = String::from_utf8_lossy(&result.payload);
            let error = shortened(&error);
            return Err(format!("the function failed again: {error}"));
        }
        let rules = AnswerRules {
            reports_item_failures: settings.reports_item_failures,
            has_state: settings.tumbling_window_s > 0,
        };
        match reason_of_failure(&result.payload, rules) {
            Some(reason) => Err(format!("it failed again: {reason}")),
            None => Ok(()),
        }
    }
}

/// The name in a function's ARN, with a qualifier or without.
fn function_of(arn: &str) -> &str {
    arn.split(':').nth(6).unwrap_or_default()
}

fn unknown(id: &str) -> ManageAnswer {
    ManageAnswer::refused(404, format!("there is no dead letter {id}"))
}

fn view(letter: &DeadLetter) -> Value {
    let batch = &letter.batch;
    let response = batch.response.as_ref().map(|response| {
        json!({
            "statusCode": response.status_code,
            "executedVersion": response.executed_version,
            "functionError": response.function_error,
        })
    });
    json!({
        "id": letter.id,
        "mapping": batch.mapping,
        "functionArn": batch.function_arn,
        "streamArn": batch.stream_arn,
        "shardId": batch.shard,
        "startSequenceNumber": batch.first.to_string(),
        "endSequenceNumber": batch.last.to_string(),
        "firstRecordAt": time(batch.first_ms),
        "lastRecordAt": time(batch.last_ms),
        "records": batch.records,
        "bytes": letter.payload.bytes,
        "condition": batch.condition.as_str(),
        "approximateInvokeCount": batch.calls,
        "response": response,
        "error": batch.error,
        "requestId": batch.request_id,
        "droppedAt": time(batch.dropped_ms),
        "destination": batch.destination,
        "destinationError": batch.destination_error,
        "redrives": letter.redrives,
        "redriveError": letter.redrive_error,
    })
}

pub(super) fn time(ms: u64) -> String {
    format!("{}Z", UtcTime::of_ms(ms))
}

#[cfg(test)]
mod tests {
    use super::function_of;

    #[test]
    fn functions_are_found_in_their_arns() {
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
        assert_eq!(function_of(arn), "f");
        assert_eq!(function_of(&format!("{arn}:live")), "f");
        assert_eq!(function_of("none"), "");
    }
}
