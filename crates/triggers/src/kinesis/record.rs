//! A change in the form in which Kinesis streams get it (developer guide; recorded answers): the members and their order.

use headwater_model::{CorruptItem, EncodedItem};
use headwater_operations::KinesisPrecision;
use headwater_streams::{Identity, RecordView};
use headwater_wire::json::ObjectWriter;

use super::Destination;
use super::put_records::Entry;

const EVENT_SOURCE: &str = "aws:dynamodb";
const RECORD_FORMAT: &str = "application/json";
/// Who deletes expired items (streams.md section 3).
const TTL_PRINCIPAL: &str = "dynamodb.amazonaws.com";

/// The record to be sent.
pub(super) fn entry(record: &RecordView, of: &Destination) -> Result<Entry, CorruptItem> {
    let mut data = Vec::new();
    let mut object = ObjectWriter::new(&mut data);
    object.put("awsRegion", &of.region)?;
    object.put("eventID", &in_groups(&record.event_id()))?;
    object.put("eventName", record.event_name())?;
    write_identity(object.name("userIdentity"), record.identity())?;
    object.put("recordFormat", RECORD_FORMAT)?;
    object.put("tableName", &of.table_name)?;
    write_change(object.name("dynamodb"), record, of.record.precision)?;
    object.put("eventSource", EVENT_SOURCE)?;
    object.finish();
    Ok(Entry {
        sequence: record.sequence(),
        partition_key: record.item_id(),
        data: data.into(),
    })
}

fn write_change(
    out: &mut Vec<u8>,
    record: &RecordView,
    precision: Option<KinesisPrecision>,
) -> Result<(), CorruptItem> {
    let (old, new) = record.images();
    let size = |image: &Option<EncodedItem>| image.as_ref().map_or(0, EncodedItem::size_bytes);
    let size_bytes = record.keys().size_bytes() + size(&old) + size(&new);
    let time = match precision {
        Some(KinesisPrecision::Microsecond) => record.created_us(),
        Some(KinesisPrecision::Millisecond) | None => record.created_ms(),
    };
    let mut object = ObjectWriter::new(out);
    object.put("ApproximateCreationDateTime", &whole(time))?;
    object.put("Keys", record.keys())?;
    object.opt("NewImage", &new)?;
    object.opt("OldImage", &old)?;
    object.put("SizeBytes", &whole(size_bytes as u64))?;
    match precision {
        Some(KinesisPrecision::Microsecond) => {
            object.put("ApproximateCreationDateTimePrecision", "MICROSECOND")?;
        }
        Some(KinesisPrecision::Millisecond) => {
            object.put("ApproximateCreationDateTimePrecision", "MILLISECOND")?;
        }
        None => {}
    }
    object.finish();
    Ok(())
}

fn write_identity(out: &mut Vec<u8>, identity: Identity) -> Result<(), CorruptItem> {
    match identity {
        Identity::None => out.extend_from_slice(b"null"),
        Identity::TtlService => {
            let mut object = ObjectWriter::new(out);
            object.put("principalId", TTL_PRINCIPAL)?;
            object.put("type", "Service")?;
            object.finish();
        }
    }
    Ok(())
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// 32 digits as ids of AWS are written: in groups of 8, 4, 4, 4 and 12.
fn in_groups(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + 4);
    for (place, digit) in digits.chars().enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            out.push('-');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::in_groups;

    #[test]
    fn ids_are_in_groups() {
        assert_eq!(
            in_groups("0123456789abcdef0123456789abcdef"),
            "01234567-89ab-cdef-0123-456789abcdef"
        );
    }
}
