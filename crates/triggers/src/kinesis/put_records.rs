//! PutRecords: which records go in one request, the request, and what the answer says of each.
//!
//! A request holds at most one record of an item. If the service takes only some of a request's records, as it may, what
//! is sent again is then never behind what it had to be before.

use std::collections::HashSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use headwater_model::Sequence;
use headwater_wire::sigv4::SigningScope;
use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use headwater_outgoing::{HttpRequestOut, Limits, UrlError, shown};

use super::{Destination, Shared};

/// Most records of a request (Kinesis' API reference).
const RECORDS_MAX: usize = 500;
/// Most bytes of the records of a request together, as Kinesis counts them, with some room (the limit is 5 MB).
const BYTES_MAX: usize = 4 << 20;
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Answers that say that the records themselves are at fault.
const REFUSALS: [&str; 2] = ["ValidationException", "InvalidArgumentException"];
/// Answer of a service that does not have the stream.
const NO_STREAM: &str = "ResourceNotFoundException";

/// A record to be sent.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) sequence: Sequence,
    /// The same for all records of an item.
    pub(super) partition_key: String,
    pub(super) data: Bytes,
}

impl Entry {
    /// The records that go in the next request, and those that wait for a later one; both in order.
    pub(super) fn split(entries: &[Entry]) -> (Vec<Entry>, Vec<Entry>) {
        let (mut batch, mut later) = (Vec::new(), Vec::new());
        let mut items = HashSet::new();
        let mut bytes = 0;
        let mut is_full = false;
        for entry in entries {
            let size = entry.data.len() + entry.partition_key.len();
            let fits = batch.len() < RECORDS_MAX && (batch.is_empty() || bytes + size <= BYTES_MAX);
            is_full |= !fits;
            // A later record of an item never overtakes an earlier one.
            if is_full || !items.insert(entry.partition_key.as_str()) {
                later.push(entry.clone());
            } else {
                bytes += size;
                batch.push(entry.clone());
            }
        }
        (batch, later)
    }
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The service has all records.
    All,
    /// It does not have these, by their places, and may take them when they are sent again.
    Except { failed: Vec<usize>, reason: String },
    /// It has no such stream, or not yet.
    NoStream { reason: String },
    /// It takes none of them, for what they are.
    Refused { reason: String },
}

/// Sends the records in one request.
pub(super) async fn put_records(shared: &Shared, to: &Destination, batch: &[Entry]) -> Taken {
    let none = |reason: String| Taken::Except {
        failed: (0..batch.len()).collect(),
        reason,
    };
    let request = match request(shared, to, batch) {
        Ok(request) => request,
        Err(error) => return none(error.to_string()),
    };
    let limits = Limits {
        time: ANSWER_MAX,
        body_bytes_max: ANSWER_BYTES_MAX,
    };
    match shared.client.send(request, limits).await {
        Ok(answer) => verdict(answer.status, &answer.body, batch.len()),
        Err(error) => none(format!("Kinesis was not reached: {error}")),
    }
}

fn request(shared: &Shared, to: &Destination, batch: &[Entry]) -> Result<HttpRequestOut, UrlError> {
    let arn = &to.record.arn;
    let name = arn.rsplit('/').next().unwrap_or_default();
    let region = arn.split(':').nth(3).filter(|region| !region.is_empty());
    let records = batch.iter().map(|entry| {
        json!({ "Data": STANDARD.encode(&entry.data), "PartitionKey": entry.partition_key })
    });
    let body = json!({
        "StreamARN": arn,
        "StreamName": name,
        "Records": records.collect::<Vec<Value>>(),
    });
    let request = HttpRequestOut {
        method: Method::POST,
        url: shared.endpoint.below("/")?,
        headers: vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", "Kinesis_20131202.PutRecords".to_owned()),
        ],
        body: body.to_string().into(),
    };
    let scope = SigningScope {
        region: region.unwrap_or(&to.region),
        service: "kinesis",
        now_ms: (shared.wall)(),
    };
    Ok(request.signed(&scope, &shared.credentials))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    records: Vec<OfRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfRecord {
    error_code: Option<String>,
    error_message: Option<String>,
}

/// What an answer says of the `count` records of its request.
fn verdict(status: u16, body: &[u8], count: usize) -> Taken {
    let none = |reason: String| Taken::Except {
        failed: (0..count).collect(),
        reason,
    };
    if status != 200 {
        let reason = format!("Kinesis answered {status}: {}", shown(body));
        let fault: Value = serde_json::from_slice(body).unwrap_or_default();
        let kind = fault["__type"].as_str().unwrap_or_default();
        let kind = kind.rsplit('#').next().unwrap_or_default();
        return match kind {
            NO_STREAM => Taken::NoStream { reason },
            _ if REFUSALS.contains(&kind) => Taken::Refused { reason },
            _ => none(reason),
        };
    }
    let answer: Answer = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(error) => return none(format!("Kinesis' answer cannot be read: {error}")),
    };
    if answer.records.len() != count {
        return none("Kinesis' answer is not about the records that were sent".to_owned());
    }
    let failed = answer.records.iter().enumerate();
    let failed: Vec<usize> = failed
        .filter(|(_, one)| one.error_code.is_some())
        .map(|(place, _)| place)
        .collect();
    let first = failed.first().and_then(|place| answer.records.get(*place));
    match first {
        None => Taken::All,
        Some(one) => {
            let code = one.error_code.as_deref().unwrap_or_default();
            let message = one.error_message.as_deref().unwrap_or_default();
            Taken::Except {
                reason: format!("Kinesis did not take a record: {code}: {message}"),
                failed,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use headwater_model::Sequence;

    use super::{BYTES_MAX, Entry, RECORDS_MAX, Taken, verdict};

    fn entry(sequence: u64, item: &str, bytes: usize) -> Entry {
        Entry {
            sequence: Sequence(sequence),
            partition_key: item.to_owned(),
            data: Bytes::from(vec![b'x'; bytes]),
        }
    }

    fn sequences(entries: &[Entry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.sequence.0).collect()
    }

    #[test]
    fn an_item_is_in_a_request_once() {
        let all = [
            entry(1, "a", 1),
            entry(2, "b", 1),
            entry(3, "a", 1),
            entry(4, "c", 1),
            entry(5, "a", 1),
        ];
        let (batch, later) = Entry::split(&all);
        assert_eq!(
            (sequences(&batch), sequences(&later)),
            (vec![1, 2, 4], vec![3, 5])
        );
        let (batch, later) = Entry::split(&later);
        assert_eq!((sequences(&batch), sequences(&later)), (vec![3], vec![5]));
    }

    #[test]
    fn a_request_that_is_full_leaves_the_rest() {
        let many: Vec<Entry> = (0..RECORDS_MAX as u64 + 2)
            .map(|number| entry(number, &number.to_string(), 1))
            .collect();
        let (batch, later) = Entry::split(&many);
        assert_eq!((batch.len(), later.len()), (RECORDS_MAX, 2));
        let large = [entry(1, "a", BYTES_MAX), entry(2, "b", 1), entry(3, "c", 1)];
        let (batch, later) = Entry::split(&large);
        assert_eq!(
            (sequences(&batch), sequences(&later)),
            (vec![1], vec![2, 3])
        );
    }

    #[test]
    fn answers() {
        let except = |failed: &[usize], reason: &str| Taken::Except {
            failed: failed.to_vec(),
            reason: reason.to_owned(),
        };
        let of = |status, body: &str| verdict(status, body.as_bytes(), 2);
        assert_eq!(
            of(
                200,
                r#"{"Records":[{"SequenceNumber":"1"},{"SequenceNumber":"2"}]}"#
            ),
            Taken::All
        );
        assert_eq!(
            of(
                200,
                r#"{"FailedRecordCount":1,"Records":[{"SequenceNumber":"1"},{"ErrorCode":"E","ErrorMessage":"m"}]}"#
            ),
            except(&[1], "Kinesis did not take a record: E: m")
        );
        assert_eq!(
            of(200, r#"{"Records":[{}]}"#),
            except(
                &[0, 1],
                "Kinesis' answer is not about the records that were sent"
            )
        );
        assert!(matches!(of(200, "?"), Taken::Except { .. }));
        assert!(matches!(of(500, "?"), Taken::Except { .. }));
        assert!(matches!(
            of(400, r#"{"__type":"ResourceNotFoundException"}"#),
            Taken::NoStream { .. }
        ));
        let refused = r#"{"__type":"com.amazonaws.kinesis#ValidationException"}"#;
        assert!(matches!(of(400, refused), Taken::Refused { .. }));
    }
}
