//! Why records match filter patterns or not: the question of `/_headwater/filter/explain` and its answer.
//!
//! ```json
//! {"patterns": ["{\"eventName\":[\"INSERT\"]}"], "events": [{"eventName": "MODIFY"}]}
//! ```
//!
//! is answered by
//!
//! ```json
//! {"results": [{"matches": false, "patterns": [{"matches": false, "rules": [
//!   {"path": "eventName", "rule": "[\"INSERT\"]", "found": "\"MODIFY\"", "matches": false}]}]}]}
//! ```

use headwater_expression::filter::{Explanation, Filters};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most events of one question.
const EVENTS_MAX: usize = 100;

/// Most outcomes of rules in one answer, which are some 100 bytes each.
const OUTCOMES_MAX: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    patterns: Vec<String>,
    events: Vec<Value>,
}

#[derive(Serialize)]
struct Answer {
    results: Vec<Explanation>,
}

/// Answers a question in JSON; the error is a reason for people. It takes processor time, up to seconds with texts that
/// are made for it, and waits for nothing.
pub fn explain_filter(question: &[u8]) -> Result<String, String> {
    let question: Question = serde_json::from_slice(question).map_err(|error| {
        format!("expected {{\"patterns\": [TEXT, ...], \"events\": [RECORD, ...]}}: {error}")
    })?;
    let filters = Filters::parse(&question.patterns).map_err(|error| error.to_string())?;
    let events = question.events.len();
    if events > EVENTS_MAX {
        return Err(format!(
            "{events} events are too many, at most {EVENTS_MAX}"
        ));
    }
    let outcomes = events * filters.rules();
    if outcomes > OUTCOMES_MAX {
        return Err(format!(
            "{outcomes} rules times events are too many, at most {OUTCOMES_MAX}"
        ));
    }
    let results = question.events.iter().enumerate().map(|(at, event)| {
        let event = serde_json::to_vec(event).map_err(|error| error.to_string())?;
        let explained = filters.explain(&event);
        explained.map_err(|error| format!("event {}: {error}", at + 1))
    });
    let results = results.collect::<Result<_, String>>()?;
    serde_json::to_string(&Answer { results }).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn explain(question: &Value) -> Result<Value, String> {
        let answer = explain_filter(question.to_string().as_bytes())?;
        Ok(serde_json::from_str(&answer).expect("json"))
    }

    #[test]
    fn each_event_gets_an_answer() {
        let question = json!({
            "patterns": [r#"{"eventName":["INSERT"]}"#, r#"{"dynamodb":{"SizeBytes":[{"numeric":[">",5]}]}}"#],
            "events": [
                {"eventName": "MODIFY", "dynamodb": {"SizeBytes": 5}},
                {"eventName": "INSERT"},
            ],
        });
        let rule = |path: &str, rule: &str, found: &str, matches: bool| json!({"path": path, "rule": rule, "found": found, "matches": matches});
        let insert = |found: &str, matches: bool| {
            let rules = [rule("eventName", r#"["INSERT"]"#, found, matches)];
            json!({"matches": matches, "rules": rules})
        };
        let size = |found: &str| {
            let rules = [rule(
                "dynamodb.SizeBytes",
                r#"[{"numeric":[">",5]}]"#,
                found,
                false,
            )];
            json!({"matches": false, "rules": rules})
        };
        assert_eq!(
            explain(&question),
            Ok(json!({"results": [
                {"matches": false, "patterns": [insert("\"MODIFY\"", false), size("5")]},
                {"matches": true, "patterns": [
                    insert("\"INSERT\"", true),
                    size("nothing; the event has no dynamodb there"),
                ]},
            ]}))
        );
        let nothing = json!({"patterns": [], "events": [{}]});
        let all = json!({"results": [{"matches": true, "patterns": []}]});
        assert_eq!(explain(&nothing), Ok(all));
    }

    #[test]
    fn bad_questions_get_a_reason() {
        let many = |events: usize| vec![json!({}); events];
        let long = format!(
            r#"{{"a":{{{}}}}}"#,
            (0..200)
                .map(|at| format!("\"{at}\":[1]"))
                .collect::<Vec<_>>()
                .join(",")
        );
        for (question, expected) in [
            (json!([]), "expected {\"patterns\""),
            (json!({"patterns": []}), "missing field `events`"),
            (
                json!({"patterns": [], "events": [], "pattern": 1}),
                "unknown field `pattern`",
            ),
            (
                json!({"patterns": ["{}"], "events": []}),
                "pattern 1: an empty object",
            ),
            (
                json!({"patterns": [], "events": [{}, 1]}),
                "event 2: the event is not a JSON object",
            ),
            (
                json!({"patterns": [], "events": many(101)}),
                "101 events are too many",
            ),
            (
                json!({"patterns": [long], "events": many(51)}),
                "10200 rules times events",
            ),
        ] {
            let reason = explain(&question).expect_err("a reason");
            assert!(reason.contains(expected), "{question}: {reason}");
        }
        assert!(explain_filter(b"\xff").is_err());
    }
}
