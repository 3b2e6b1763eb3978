//! What a destination is told of a batch that was given up, in the order that was recorded (triggers.md section 8).

use headwater_model::UtcTime;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::registry::{NewDeadLetter, Response};

const VERSION: &str = "1.0";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'m> {
    request_context: RequestContext<'m>,
    /// Absent when the function gave no last answer: for a batch that was too old.
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext<'m>>,
    version: &'static str,
    timestamp: String,
    #[serde(rename = "DDBStreamBatchInfo")]
    batch: BatchInfo<'m>,
    /// The event; for S3 alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'m RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'m> {
    request_id: &'m str,
    function_arn: &'m str,
    condition: &'static str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext<'m> {
    status_code: u16,
    executed_version: &'m str,
    /// `null` for an answer that names failed records.
    function_error: Option<&'m str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo<'m> {
    shard_id: &'m str,
    start_sequence_number: String,
    end_sequence_number: String,
    approximate_arrival_of_first_record: String,
    approximate_arrival_of_last_record: String,
    batch_size: usize,
    stream_arn: &'m str,
}

/// The message, with the event in it if that is given; an event that is no JSON is left out.
pub(super) fn message(batch: &NewDeadLetter, payload: Option<&[u8]>) -> Vec<u8> {
    let message = Message {
        request_context: RequestContext {
            request_id: &batch.request_id,
            function_arn: &batch.function_arn,
            condition: batch.condition.as_str(),
            approximate_invoke_count: batch.calls,
        },
        response_context: batch.response.as_ref().map(response_context),
        version: VERSION,
        timestamp: format!("{}Z", UtcTime::of_ms(batch.dropped_ms)),
        batch: BatchInfo {
            shard_id: &batch.shard,
            start_sequence_number: batch.first.to_string(),
            end_sequence_number: batch.last.to_string(),
            approximate_arrival_of_first_record: second(batch.first_ms),
            approximate_arrival_of_last_record: second(batch.last_ms),
            batch_size: batch.records,
            stream_arn: &batch.stream_arn,
        },
        payload: payload.and_then(|payload| serde_json::from_slice(payload).ok()),
    };
    // Texts and numbers can always be written.
    serde_json::to_vec(&message).unwrap_or_default()
}

fn response_context(response: &Response) -> ResponseContext<'_> {
    ResponseContext {
        status_code: response.status_code,
        executed_version: &response.executed_version,
        function_error: response.function_error.as_deref(),
    }
}

/// `2024-09-11T11:51:40Z`.
fn second(ms: u64) -> String {
    let mut text = UtcTime::of_ms(ms).to_string();
    text.truncate(text.len() - ".000".len());
    text.push('Z');
    text
}

/// The object's key: `aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<unique>`, in UTC.
pub(super) fn object_key(batch: &NewDeadLetter, unique: &str) -> String {
    let time = UtcTime::of_ms(batch.dropped_ms);
    let second = second(batch.dropped_ms).replace(':', ".");
    format!(
        "aws/lambda/{}/{}/{:04}/{:02}/{:02}/{}-{unique}",
        batch.mapping,
        batch.shard,
        time.year,
        time.month,
        time.day,
        second.trim_end_matches('Z'),
    )
}

#[cfg(test)]
pub(super) mod tests {
    use headwater_model::Sequence;

    use super::*;
    use crate::registry::Condition;

    pub(in crate::destinations) fn batch() -> NewDeadLetter {
        NewDeadLetter {
            namespace: String::new(),
            mapping: "6f1e0c0a-58b1-4d0e-9c55-0f6f0a3f6b8e".to_owned(),
            function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
            stream_arn:
                "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2024-09-11T11:50:00.000"
                    .to_owned(),
            shard: "shardId-00000001726055400000-a0b1c2d3".to_owned(),
            first: Sequence::first_at_ms(1_726_055_500_000),
            last: Sequence::first_at_ms(1_726_055_500_000).next(),
            first_ms: 1_726_055_500_999,
            last_ms: 1_726_055_501_001,
            records: 2,
            condition: Condition::RetryAttemptsExhausted,
            calls: 2,
            response: Some(Response {
                status_code: 200,
                executed_version: "$LATEST".to_owned(),
                function_error: Some("Unhandled".to_owned()),
            }),
            error: Some("for people".to_owned()),
            request_id: "0a0b0c0d-0000-4000-8000-000000000000".to_owned(),
            dropped_ms: 1_726_055_522_123,
            destination: None,
            destination_error: None,
        }
    }

    #[test]
    fn the_recorded_form() {
        let batch = batch();
        let text = String::from_utf8(message(&batch, None)).unwrap();
        let expected = format!(
            r#"{{"requestContext":{{"requestId":"0a0b0c0d-0000-4000-8000-000000000000","functionArn":"arn:aws:lambda:us-east-1:000000000000:function:f","condition":"RetryAttemptsExhausted","approximateInvokeCount":2}},"responseContext":{{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"}},"version":"1.0","timestamp":"2024-09-11T11:52:02.123Z","DDBStreamBatchInfo":{{"shardId":"shardId-00000001726055400000-a0b1c2d3","startSequenceNumber":"{}","endSequenceNumber":"{}","approximateArrivalOfFirstRecord":"2024-09-11T11:51:40Z","approximateArrivalOfLastRecord":"2024-09-11T11:51:41Z","batchSize":2,"streamArn":"arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2024-09-11T11:50:00.000"}}}}"#,
            batch.first, batch.last
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn what_reported_failures_has_a_null_and_what_was_too_old_no_response() {
        let mut batch = batch();
        if let Some(response) = &mut batch.response {
            response.function_error = None;
        }
        let text = String::from_utf8(message(&batch, None)).unwrap();
        assert!(
            text.contains(r#""functionError":null},"version""#),
            "{text}"
        );
        batch.response = None;
        batch.condition = Condition::RecordAgeExceeded;
        let text = String::from_utf8(message(&batch, None)).unwrap();
        assert!(
            text.contains(
                r#""condition":"RecordAgeExceeded","approximateInvokeCount":2},"version":"1.0""#
            ),
            "{text}"
        );
    }

    #[test]
    fn objects_hold_the_event_and_have_the_recorded_key() {
        let batch = batch();
        let text = String::from_utf8(message(&batch, Some(br#"{"Records":[1]}"#))).unwrap();
        assert!(
            text.ends_with(r#"00.000"},"payload":{"Records":[1]}}"#),
            "{text}"
        );
        assert_eq!(
            object_key(&batch, "u"),
            "aws/lambda/6f1e0c0a-58b1-4d0e-9c55-0f6f0a3f6b8e/shardId-00000001726055400000-a0b1c2d3/2024/09/11/2024-09-11T11.52.02-u"
        );
    }
}
