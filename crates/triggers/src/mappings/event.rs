//! The event that a function receives: `{"Records":[...]}` (triggers.md section 3).

use bytes::Bytes;
use headwater_model::CorruptItem;
use headwater_operations::stream_record;
use headwater_streams::RecordView;
use headwater_wire::write_event_record;

/// Largest event (triggers.md section 2).
const EVENT_BYTES_MAX: usize = 6 * 1024 * 1024;
const OPENING: &[u8] = br#"{"Records":["#;
const CLOSING: &[u8] = b"]}";

/// An event that is being written.
pub(super) struct Event {
    bytes: Vec<u8>,
    records: usize,
}

impl Event {
    pub(super) fn new() -> Self {
        Self {
            bytes: OPENING.to_vec(),
            records: 0,
        }
    }

    /// Adds a record; `false` if it does not fit any more. The first one always fits. Unless it is added, the
    /// event stays as it is.
    pub(super) fn add(
        &mut self,
        record: &RecordView,
        region: &str,
        stream_arn: &str,
    ) -> Result<bool, CorruptItem> {
        let before = self.bytes.len();
        if self.records > 0 {
            self.bytes.push(b',');
        }
        let record = stream_record(record, region);
        let written = write_event_record(&mut self.bytes, &record, stream_arn);
        if let Err(corrupt) = written {
            self.bytes.truncate(before);
            return Err(corrupt);
        }
        if self.records > 0 && self.bytes.len() + CLOSING.len() > EVENT_BYTES_MAX {
            self.bytes.truncate(before);
            return Ok(false);
        }
        self.records += 1;
        Ok(true)
    }

    pub(super) fn records(&self) -> usize {
        self.records
    }

    pub(super) fn finish(mut self) -> Bytes {
        self.bytes.extend_from_slice(CLOSING);
        self.bytes.into()
    }
}
