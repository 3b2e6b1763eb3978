//! Batches that were given up, as people read them.

use serde_json::Value;

use super::words::{error, function, short, span};
use crate::grid::{self, Column, safe, wrapped};

/// Characters of an ID that the table shows: its time, and the beginning of what tells it from others of that time.
const ID_CHARS: usize = 13 + 1 + 4;

/// All of them, one on a line.
pub(super) fn all(letters: &[Value], now_ms: u64, columns_max: Option<usize>) -> Vec<String> {
    if letters.is_empty() {
        return vec!["nothing was given up".to_owned()];
    }
    const COLUMNS: [Column; 7] = [
        Column::text("ID", usize::MAX),
        Column::text("MAPPING", usize::MAX),
        Column::text("FUNCTION", 8),
        Column::text("AGE", usize::MAX),
        Column::number("RECORDS"),
        Column::number("CALLS"),
        Column::text("ERROR", 16),
    ];
    let row = |letter: &Value| {
        let id: String = text(letter, "id").chars().take(ID_CHARS).collect();
        // It begins with the time at which the batch was given up.
        let dropped_ms = id.split('-').next().and_then(|ms| ms.parse().ok());
        let age_ms = now_ms.saturating_sub(dropped_ms.unwrap_or(now_ms));
        vec![
            id,
            short(text(letter, "mapping")),
            function(text(letter, "functionArn")),
            span(age_ms),
            letter["records"].to_string(),
            letter["approximateInvokeCount"].to_string(),
            why(letter),
        ]
    };
    let rows: Vec<Vec<String>> = letters.iter().map(row).collect();
    grid::lines(&COLUMNS, &rows, columns_max)
}

/// One, with its records as JSON.
pub(super) fn one(letter: &Value, columns_max: Option<usize>) -> Vec<String> {
    let facts = [
        ("id", text(letter, "id").to_owned()),
        ("given up at", text(letter, "droppedAt").to_owned()),
        ("because of", text(letter, "condition").to_owned()),
        ("mapping", text(letter, "mapping").to_owned()),
        ("function", text(letter, "functionArn").to_owned()),
        ("stream", text(letter, "streamArn").to_owned()),
        ("shard", text(letter, "shardId").to_owned()),
        (
            "records",
            format!(
                "{}, {} bytes, from {} to {}",
                letter["records"],
                letter["bytes"],
                text(letter, "startSequenceNumber"),
                text(letter, "endSequenceNumber")
            ),
        ),
        (
            "written",
            format!(
                "{} to {}",
                text(letter, "firstRecordAt"),
                text(letter, "lastRecordAt")
            ),
        ),
        ("calls", letter["approximateInvokeCount"].to_string()),
        ("redrives", letter["redrives"].to_string()),
        ("error", last_error(letter)),
        ("destination", safe(text(letter, "destination"))),
    ];
    let mut lines = Vec::new();
    let room = columns_max.map_or(usize::MAX, |columns| columns.saturating_sub(13).max(20));
    for (name, value) in facts.into_iter().filter(|(_, value)| !value.is_empty()) {
        for (at, line) in wrapped(&value, room).into_iter().enumerate() {
            let name = if at == 0 { name } else { "" };
            lines.push(format!("{name:<13}{line}").trim_end().to_owned());
        }
    }
    lines.push(String::new());
    let payload = format!("{:#}", letter["payload"]);
    lines.extend(payload.lines().map(safe));
    lines
}

/// What went wrong last; nothing did with what was given up for its age alone.
fn why(letter: &Value) -> String {
    match last_error(letter) {
        nothing if nothing.is_empty() => text(letter, "condition").to_owned(),
        error => error,
    }
}

/// What went wrong last: at a redrive, else at the last call.
fn last_error(letter: &Value) -> String {
    let last = letter["redriveError"].as_str().or(letter["error"].as_str());
    last.map(error).unwrap_or_default()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
