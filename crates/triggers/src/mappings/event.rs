//! The event that a function receives: `{"Records":[...]}` (triggers.md sections 3 and 7).

use bytes::Bytes;
use headwater_model::UtcTime;
use headwater_wire::json::{ObjectWriter, write_string};

use crate::registry::{NewDeadLetter, OpenWindow};

use super::record::PendingRecord;

/// Largest event (triggers.md section 2).
pub(super) const EVENT_BYTES_MAX: usize = 6 * 1024 * 1024;
/// What an event holds beside its records and the state of a window, with room to spare.
pub(super) const ENVELOPE_BYTES_MAX: usize = 1_024;

/// What an event of a tumbling window tells.
pub(super) struct WindowView<'w> {
    pub(super) window: &'w OpenWindow,
    pub(super) shard_id: &'w str,
    pub(super) stream_arn: &'w str,
    pub(super) is_final: bool,
    pub(super) is_early: bool,
}

/// The event of these records.
pub(super) fn event(records: &[PendingRecord], window: Option<&WindowView<'_>>) -> Bytes {
    let bytes: usize = records.iter().map(|record| record.json.len() + 1).sum();
    let state = window.map_or(0, |view| view.window.state.len());
    let mut out = Vec::with_capacity(bytes + state + ENVELOPE_BYTES_MAX);
    let mut object = ObjectWriter::new(&mut out);
    write_records(object.name("Records"), records);
    if let Some(view) = window {
        write_window(&mut object, view);
    }
    object.finish();
    out.into()
}

/// The event of a batch that was given up, once more for a function of tumbling windows: its window without a state.
pub(crate) fn in_a_window(payload: &Bytes, batch: &NewDeadLetter, length_ms: u64) -> Bytes {
    let window = OpenWindow::of(batch.first_ms, length_ms);
    let view = WindowView {
        window: &window,
        shard_id: &batch.shard,
        stream_arn: &batch.stream_arn,
        is_final: false,
        is_early: false,
    };
    let mut members = Vec::with_capacity(ENVELOPE_BYTES_MAX);
    let mut object = ObjectWriter::new(&mut members);
    write_window(&mut object, &view);
    object.finish();
    let records = payload.strip_suffix(b"}").unwrap_or(payload);
    // The members' opening brace makes place for the comma between both.
    members[0] = b',';
    [records, &members].concat().into()
}

fn write_records(out: &mut Vec<u8>, records: &[PendingRecord]) {
    out.push(b'[');
    for (at, record) in records.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&record.json);
    }
    out.push(b']');
}

fn write_window(object: &mut ObjectWriter<'_>, view: &WindowView<'_>) {
    let start_ms = view.window.start_ms;
    let mut span = ObjectWriter::new(object.name("window"));
    write_string(span.name("start"), &second(start_ms));
    write_string(span.name("end"), &second(start_ms + view.window.length_ms));
    span.finish();
    object.name("state").extend_from_slice(&view.window.state);
    write_string(object.name("shardId"), view.shard_id);
    write_string(object.name("eventSourceARN"), view.stream_arn);
    write_flag(object.name("isFinalInvokeForWindow"), view.is_final);
    write_flag(object.name("isWindowTerminatedEarly"), view.is_early);
}

fn write_flag(out: &mut Vec<u8>, flag: bool) {
    out.extend_from_slice(if flag { b"true" } else { b"false" });
}

/// `2020-07-30T17:00:00Z`.
pub(super) fn second(ms: u64) -> String {
    let text = UtcTime::of_ms(ms).to_string();
    let whole = text
        .split_once('.')
        .map_or(text.as_str(), |(whole, _)| whole);
    format!("{whole}Z")
}

#[cfg(test)]
mod tests {
    use headwater_model::Sequence;

    use super::*;

    fn record(json: &'static str) -> PendingRecord {
        PendingRecord {
            sequence: Sequence::ZERO,
            created_ms: 0,
            read_ms: 0,
            json: Bytes::from_static(json.as_bytes()),
        }
    }

    #[test]
    fn records_alone_without_a_window() {
        let event = event(&[record("{\"a\":1}"), record("{}")], None);
        assert_eq!(event, r#"{"Records":[{"a":1},{}]}"#);
    }

    #[test]
    fn a_window_adds_its_members() {
        let window = OpenWindow {
            start_ms: 1_596_128_400_000,
            length_ms: 300_000,
            state: Bytes::from_static(br#"{"1":"state1"}"#),
        };
        let view = WindowView {
            window: &window,
            shard_id: "shard123456789",
            stream_arn: "stream-ARN",
            is_final: true,
            is_early: false,
        };
        assert_eq!(
            event(&[], Some(&view)),
            r#"{"Records":[],"window":{"start":"2020-07-30T17:00:00Z","end":"2020-07-30T17:05:00Z"},"state":{"1":"state1"},"shardId":"shard123456789","eventSourceARN":"stream-ARN","isFinalInvokeForWindow":true,"isWindowTerminatedEarly":false}"#
        );
    }
}
