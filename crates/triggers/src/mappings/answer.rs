//! What a function's answer says of its batch (triggers.md sections 6 and 7). Pure.

use bytes::Bytes;
use headwater_model::Sequence;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::record::PendingRecord;
use super::verdict::Fault;

/// What a mapping reads in answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnswerRules {
    /// Whether failed records are named.
    pub(crate) reports_item_failures: bool,
    /// Whether there has to be the state of a tumbling window.
    pub(crate) has_state: bool,
}

impl AnswerRules {
    /// Whether answers say anything.
    fn is_read(self) -> bool {
        self.reports_item_failures || self.has_state
    }
}

/// An answer without an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// What failed all the same, if anything, and why for people.
    pub(super) fault: Option<(Fault, &'static str)>,
    /// The window's new state.
    pub(super) state: Option<Bytes>,
}

const NO_STATE: &str = "the answer holds no state, which a tumbling window needs";
const ITEMS_FAILED: &str = "the function reported failed records";
const BAD_IDENTIFIER: &str = "the answer names a record that is not in the batch";
const BAD_FAILURES: &str = "batchItemFailures is not a list of identifiers";
const BAD_JSON: &str = "the answer is not valid JSON";

/// The members that count. Unknown ones may be there.
#[derive(Default, Deserialize)]
struct Members<'a> {
    #[serde(borrow, default)]
    state: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "batchItemFailures")]
    failures: Option<&'a RawValue>,
}

impl Answer {
    fn failed(reason: &'static str) -> Self {
        Self {
            fault: Some((Fault::Whole, reason)),
            state: None,
        }
    }

    /// Reads the answer to a batch.
    pub(super) fn read(payload: &[u8], batch: &[PendingRecord], rules: AnswerRules) -> Self {
        let members = match Members::read(payload) {
            Some(members) => members,
            None if rules.is_read() => return Self::failed(BAD_JSON),
            None => Members::default(),
        };
        let state = match (rules.has_state, members.state.map(RawValue::get)) {
            (false, _) => None,
            (true, Some(state)) if state.starts_with('{') => Some(state.as_bytes()),
            (true, _) => return Self::failed(NO_STATE),
        };
        let fault = match members.failures {
            Some(failures) if rules.reports_item_failures => first_failure(failures, batch),
            _ => None,
        };
        // A batch that failed as a whole comes again, and would be counted twice.
        let state = match fault {
            Some((Fault::Whole, _)) => None,
            _ => state.map(Bytes::copy_from_slice),
        };
        Self { fault, state }
    }
}

/// Why an answer does not mean that the whole batch succeeded, if it does not; the records are not at hand.
pub(crate) fn reason_of_failure(payload: &[u8], rules: AnswerRules) -> Option<&'static str> {
    let members = match Members::read(payload) {
        Some(members) => members,
        None => return rules.is_read().then_some(BAD_JSON),
    };
    let state = members.state.map(RawValue::get);
    if rules.has_state && !state.is_some_and(|state| state.starts_with('{')) {
        return Some(NO_STATE);
    }
    let failures = members.failures.filter(|_| rules.reports_item_failures)?;
    match serde_json::from_str::<Option<Vec<Value>>>(failures.get()) {
        Ok(failures) => failures
            .filter(|failures| !failures.is_empty())
            .map(|_| ITEMS_FAILED),
        Err(_) => Some(BAD_FAILURES),
    }
}

impl<'a> Members<'a> {
    /// What is no object holds neither: `null` and `[]` are recorded successes. `None` if it begins as one and is not
    /// valid: nobody knows what it was to say of the records.
    fn read(payload: &'a [u8]) -> Option<Self> {
        match payload.trim_ascii_start().first() {
            // Members that nobody wants are not looked at when they are passed over.
            Some(b'{') => serde_json::from_str(std::str::from_utf8(payload).ok()?).ok(),
            _ => Some(Self::default()),
        }
    }
}

/// The lowest of the records that failed.
fn first_failure(failures: &RawValue, batch: &[PendingRecord]) -> Option<(Fault, &'static str)> {
    let failures: Vec<Value> = match serde_json::from_str(failures.get()) {
        Ok(Some(failures)) => failures,
        Ok(None) => return None,
        Err(_) => return Some((Fault::Whole, BAD_FAILURES)),
    };
    let places = failures.iter().map(|failure| {
        let identifier = failure.get("itemIdentifier")?.as_str()?;
        place_of(identifier, batch)
    });
    let places: Option<Vec<usize>> = places.collect();
    match places.map(|places| places.into_iter().min()) {
        Some(Some(first)) => Some((Fault::From(first), ITEMS_FAILED)),
        Some(None) => None,
        None => Some((Fault::Whole, BAD_IDENTIFIER)),
    }
}

fn place_of(identifier: &str, batch: &[PendingRecord]) -> Option<usize> {
    let sequence = Sequence::parse(identifier).ok()?;
    let place = batch.binary_search_by_key(&sequence, |record| record.sequence);
    // A number between two positions is read as one of them.
    place.ok().filter(|_| sequence.to_string() == identifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORTS: AnswerRules = AnswerRules {
        reports_item_failures: true,
        has_state: false,
    };

    fn batch() -> Vec<PendingRecord> {
        let record = |counter| PendingRecord {
            sequence: Sequence::first_at_ms(1_760_000_000_000).offset(counter),
            created_ms: 0,
            read_ms: 0,
            json: Bytes::new(),
        };
        (0..4).map(record).collect()
    }

    fn fault(answer: &str) -> Option<Fault> {
        let answer = Answer::read(answer.as_bytes(), &batch(), REPORTS);
        answer.fault.map(|(fault, _)| fault)
    }

    fn failed(places: &[usize]) -> String {
        let batch = batch();
        let failures = places.iter().map(|place| {
            let sequence = batch[*place].sequence;
            format!(r#"{{"itemIdentifier":"{sequence}"}}"#)
        });
        let failures: Vec<String> = failures.collect();
        format!(r#"{{"batchItemFailures":[{}]}}"#, failures.join(","))
    }

    #[test]
    fn the_recorded_successes() {
        for answer in [
            "null",
            "{}",
            "[]",
            r#"[{"ok":1},{"ok":1}]"#,
            r#"{"batchItemFailures":[]}"#,
            r#"{"batchItemFailures":null}"#,
            r#"{"statusCode":200}"#,
            r#""done""#,
            "",
        ] {
            assert_eq!(fault(answer), None, "{answer}");
        }
    }

    #[test]
    fn the_recorded_failures_of_the_whole_batch() {
        for answer in [
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"foo":"bar"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":123}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"123"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"unknown"}]}"#,
            r#"{"batchItemFailures":[null]}"#,
            r#"{"batchItemFailures":"all"}"#,
            // None of these is recorded.
            r#"{"batchItemFailures":[],}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"#,
            "{",
        ] {
            assert_eq!(fault(answer), Some(Fault::Whole), "{answer}");
            let reason = reason_of_failure(answer.as_bytes(), REPORTS);
            assert!(reason.is_some(), "{answer}");
        }
        let no_text = b"{\"batchItemFailures\":[],\"note\":\"\xff\"}";
        let answer = Answer::read(no_text, &batch(), REPORTS);
        assert_eq!(answer, Answer::failed(BAD_JSON));
        assert_eq!(reason_of_failure(no_text, REPORTS), Some(BAD_JSON));
        let mixed = failed(&[2]).replace("]}", r#",{"itemIdentifier":""}]}"#);
        assert_eq!(fault(&mixed), Some(Fault::Whole), "{mixed}");
    }

    #[test]
    fn the_lowest_of_the_named_counts() {
        assert_eq!(fault(&failed(&[3, 1, 2])), Some(Fault::From(1)));
        assert_eq!(fault(&failed(&[0])), Some(Fault::From(0)));
    }

    #[test]
    fn without_the_setting_the_answer_is_ignored() {
        let rules = AnswerRules {
            reports_item_failures: false,
            ..REPORTS
        };
        for answer in [failed(&[1]), "{".to_owned()] {
            let answer = Answer::read(answer.as_bytes(), &batch(), rules);
            assert_eq!(answer, Answer::default());
        }
        assert_eq!(reason_of_failure(b"{", rules), None);
    }

    #[test]
    fn a_tumbling_window_needs_an_object_as_state() {
        let rules = AnswerRules {
            has_state: true,
            ..REPORTS
        };
        let read = |answer: &str| Answer::read(answer.as_bytes(), &batch(), rules);
        let answer = read(r#"{"state": {"n": 1}, "batchItemFailures": []}"#);
        assert_eq!(answer.state.as_deref(), Some(&br#"{"n": 1}"#[..]));
        assert_eq!(answer.fault, None);
        let whole = r#"{"state":{},"batchItemFailures":[{"itemIdentifier":""}]}"#;
        assert_eq!(read(whole), Answer::failed(BAD_IDENTIFIER));
        for answer in [
            "null",
            "{}",
            r#"[{"x":1},null]"#,
            r#"{"state":null}"#,
            r#"{"state":[1]}"#,
            "[]",
            "x",
        ] {
            assert_eq!(read(answer), Answer::failed(NO_STATE), "{answer}");
        }
        let partial = failed(&[2]).replace(r#"{"batch"#, r#"{"state":{},"batch"#);
        let answer = read(&partial);
        assert_eq!(answer.fault, Some((Fault::From(2), ITEMS_FAILED)));
        assert_eq!(answer.state.as_deref(), Some(&b"{}"[..]));
    }
}
