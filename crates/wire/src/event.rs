//! Stream records in the form in which functions receive them.
//!
//! It differs from the answer of GetRecords (triggers.md section 3): the time is written as a float, the user identity
//! in lower case, and the ARN of the stream is added. The order of the members is the recorded one.

use headwater_model::CorruptItem;

use crate::generated::streams::{Identity, Record, StreamRecord};
use crate::json::{ObjectWriter, write_text};

/// Writes one element of an event's `Records`.
pub fn write_event_record(
    out: &mut Vec<u8>,
    record: &Record,
    stream_arn: &str,
) -> Result<(), CorruptItem> {
    let mut object = ObjectWriter::new(out);
    object.opt("eventID", &record.event_id)?;
    object.opt("eventName", &record.event_name)?;
    object.opt("eventVersion", &record.event_version)?;
    object.opt("eventSource", &record.event_source)?;
    object.opt("awsRegion", &record.aws_region)?;
    if let Some(change) = &record.dynamodb {
        write_change(object.name("dynamodb"), change)?;
    }
    if let Some(identity) = &record.user_identity {
        write_identity(object.name("userIdentity"), identity)?;
    }
    object.put("eventSourceARN", stream_arn)?;
    object.finish();
    Ok(())
}

fn write_change(out: &mut Vec<u8>, change: &StreamRecord) -> Result<(), CorruptItem> {
    let mut object = ObjectWriter::new(out);
    if let Some(time) = change.approximate_creation_date_time {
        write_text(
            object.name("ApproximateCreationDateTime"),
            format_args!("{}.0", time.seconds()),
        );
    }
    object.opt("Keys", &change.keys)?;
    object.opt("NewImage", &change.new_image)?;
    object.opt("OldImage", &change.old_image)?;
    object.opt("SequenceNumber", &change.sequence_number)?;
    object.opt("SizeBytes", &change.size_bytes)?;
    object.opt("StreamViewType", &change.stream_view_type)?;
    object.finish();
    Ok(())
}

fn write_identity(out: &mut Vec<u8>, identity: &Identity) -> Result<(), CorruptItem> {
    let mut object = ObjectWriter::new(out);
    object.opt("type", &identity.r#type)?;
    object.opt("principalId", &identity.principal_id)?;
    object.finish();
    Ok(())
}

#[cfg(test)]
mod tests {
    use headwater_model::{AttributeValue, EncodedItem, Item};

    use super::write_event_record;
    use crate::generated::dynamodb::StreamViewType;
    use crate::generated::streams::{Identity, OperationType, Record, StreamRecord};
    use crate::json::WriteJson;
    use crate::timestamp::Timestamp;

    fn record() -> Record {
        let keys = EncodedItem::encode(&Item::from([("pk", AttributeValue::from("a"))]));
        Record {
            event_id: Some("0f".into()),
            event_name: Some(OperationType::Remove),
            event_version: Some("1.1".into()),
            event_source: Some("aws:dynamodb".into()),
            aws_region: Some("us-east-1".into()),
            dynamodb: Some(StreamRecord {
                approximate_creation_date_time: Some(
                    Timestamp(1_732_012_345_678).floor_to_second(),
                ),
                keys: Some(keys.clone()),
                old_image: Some(keys),
                new_image: None,
                sequence_number: Some("100000000000000000000".into()),
                size_bytes: Some(6),
                stream_view_type: Some(StreamViewType::NewAndOldImages),
            }),
            user_identity: Some(Identity {
                principal_id: Some("dynamodb.amazonaws.com".into()),
                r#type: Some("Service".into()),
            }),
        }
    }

    #[test]
    fn functions_get_the_recorded_form() {
        let mut out = Vec::new();
        write_event_record(&mut out, &record(), "arn").expect("written");
        assert_eq!(
            String::from_utf8_lossy(&out),
            r#"{"eventID":"0f","eventName":"REMOVE","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"us-east-1","dynamodb":{"ApproximateCreationDateTime":1732012345.0,"Keys":{"pk":{"S":"a"}},"OldImage":{"pk":{"S":"a"}},"SequenceNumber":"100000000000000000000","SizeBytes":6,"StreamViewType":"NEW_AND_OLD_IMAGES"},"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"},"eventSourceARN":"arn"}"#
        );
    }

    #[test]
    fn get_records_has_its_own() {
        let mut out = Vec::new();
        record().write(&mut out).expect("written");
        let text = String::from_utf8_lossy(&out);
        assert!(
            text.contains(r#""ApproximateCreationDateTime":1732012345,"#),
            "{text}"
        );
        assert!(
            text.contains(
                r#""userIdentity":{"PrincipalId":"dynamodb.amazonaws.com","Type":"Service"}"#
            ),
            "{text}"
        );
        assert!(!text.contains("eventSourceARN"), "{text}");
    }
}
