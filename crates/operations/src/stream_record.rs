//! A stream record in the API's shape (streams.md section 3).

use headwater_streams::{Identity, RecordView};
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::StreamViewType;
use headwater_wire::streams::{self, OperationType, Record, StreamRecord};

use crate::table_description::time;

/// Of today's records (streams.md section 3, recorded).
const EVENT_VERSION: &str = "1.1";
const EVENT_SOURCE: &str = "aws:dynamodb";
/// Who deletes expired items (streams.md section 3).
const TTL_PRINCIPAL: &str = "dynamodb.amazonaws.com";

/// The record as GetRecords shows it in `region`; events for functions are written from it too.
pub fn stream_record(view: &RecordView, region: &str) -> Record {
    Record {
        event_id: Some(view.event_id()),
        event_name: OperationType::parse(view.event_name()),
        event_version: Some(EVENT_VERSION.to_owned()),
        event_source: Some(EVENT_SOURCE.to_owned()),
        aws_region: Some(region.to_owned()),
        dynamodb: Some(StreamRecord {
            approximate_creation_date_time: Some(time(view.created_seconds() * 1000)),
            keys: Some(view.keys().clone()),
            new_image: view.new_image(),
            old_image: view.old_image(),
            sequence_number: Some(view.sequence().to_string()),
            size_bytes: i64::try_from(view.size_bytes()).ok(),
            stream_view_type: StreamViewType::parse(view.view_type().as_str()),
        }),
        user_identity: user_identity(view.identity()),
    }
}

fn user_identity(identity: Identity) -> Option<streams::Identity> {
    match identity {
        Identity::None => None,
        Identity::TtlService => Some(streams::Identity {
            principal_id: Some(TTL_PRINCIPAL.to_owned()),
            r#type: Some("Service".to_owned()),
        }),
    }
}
