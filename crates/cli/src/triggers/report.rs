//! Mappings as people read them: all in a table, or one with its shards.

use serde_json::Value;

use super::words::{error, function, short, span, table};
use crate::grid::{self, Column, wrapped};

/// Space before what belongs to a shard.
const INDENT: &str = "  ";

/// All mappings, one on a line.
pub(super) fn all(mappings: &[Value], columns_max: Option<usize>) -> Vec<String> {
    if mappings.is_empty() {
        return vec!["there are no mappings".to_owned()];
    }
    const COLUMNS: [Column; 6] = [
        Column::text("MAPPING", usize::MAX),
        Column::text("FUNCTION", 8),
        Column::text("TABLE", 8),
        Column::text("STATE", usize::MAX),
        Column::text("LAG", usize::MAX),
        Column::text("LAST RESULT", 24),
    ];
    let row = |mapping: &Value| {
        vec![
            short(text(mapping, "uuid")),
            function(text(mapping, "functionArn")),
            table(text(mapping, "streamArn")),
            text(mapping, "state").to_owned(),
            Lag::of_all(shards(mapping)).short(),
            result(mapping),
        ]
    };
    let rows: Vec<Vec<String>> = mappings.iter().map(row).collect();
    grid::lines(&COLUMNS, &rows, columns_max)
}

/// One mapping and its shards. Shards that are finished come last, in short.
pub(super) fn one(mapping: &Value, columns_max: Option<usize>) -> Vec<String> {
    let counts = &mapping["sinceStart"];
    let count = |name: &str| number(counts, name);
    let mut facts = vec![
        ("mapping", text(mapping, "uuid").to_owned()),
        ("function", text(mapping, "functionArn").to_owned()),
        ("stream", text(mapping, "streamArn").to_owned()),
        ("state", text(mapping, "state").to_owned()),
        ("last result", result(mapping)),
        ("lag", Lag::of_all(shards(mapping)).long()),
        (
            "since start",
            format!(
                "{} calls, {} failed, {} did not reach the function; \
                 {} records done, {} filtered out, {} given up; {} batches sent to a destination, {} not taken",
                count("calls"),
                count("failedCalls"),
                count("unreached"),
                count("records"),
                count("filteredRecords"),
                count("droppedRecords"),
                count("destinationBatches"),
                count("destinationFailures")
            ),
        ),
    ];
    if let Some(problem) = mapping["problem"].as_str() {
        facts.push(("problem", error(problem)));
    }
    let mut lines = Vec::new();
    for (name, value) in facts {
        push(&mut lines, &format!("{name:<13}"), &value, columns_max);
    }
    let is_finished = |shard: &&Value| shard["state"] == "finished";
    for shard in shards(mapping).iter().filter(|shard| !is_finished(shard)) {
        lines.push(String::new());
        lines.extend(shard_lines(shard, columns_max));
    }
    let finished: Vec<&Value> = shards(mapping).iter().filter(is_finished).collect();
    if !finished.is_empty() {
        lines.push(String::new());
    }
    for shard in finished {
        lines.push(format!("{}  finished", text(shard, "shardId")));
    }
    lines
}

fn shard_lines(shard: &Value, columns_max: Option<usize>) -> Vec<String> {
    let mut lines = vec![format!(
        "{}  {}",
        text(shard, "shardId"),
        text(shard, "state")
    )];
    let mut say = |text: &str| push(&mut lines, INDENT, text, columns_max);
    say(&format!(
        "position {}, lag {}",
        text(shard, "position"),
        Lag::of(shard).long()
    ));
    let at_work = format!(
        "in flight {}, read ahead {}, attempts {}",
        number(shard, "inFlight"),
        number(shard, "readAhead"),
        number(shard, "attempts")
    );
    match (
        shard["lastBatchRecords"].as_u64(),
        shard["lastBatchAt"].as_str(),
    ) {
        (Some(records), Some(at)) => say(&format!("{at_work}, last batch {records} at {at}")),
        _ => say(&at_work),
    }
    if let Some(said) = shard["lastError"].as_str() {
        let at = text(shard, "lastErrorAt");
        say(&format!("error at {at}: {}", error(said)));
        if let Some(with) = failed_with(&shard["lastErrorBatch"]) {
            say(&with);
        }
    }
    lines
}

/// Which records an error is about.
fn failed_with(batch: &Value) -> Option<String> {
    let first = batch["sequenceNumbers"][0].as_str()?;
    let records = number(batch, "records");
    Some(match batch["atFault"].as_str() {
        Some(record) => format!("with the record {record}"),
        None => format!("with one of {records} records from {first} on"),
    })
}

/// Writes a text behind a heading, and its further lines below itself.
fn push(lines: &mut Vec<String>, heading: &str, text: &str, columns_max: Option<usize>) {
    let indent = heading.chars().count();
    let room = columns_max.map_or(usize::MAX, |columns| columns.saturating_sub(indent).max(20));
    for (at, line) in wrapped(text, room).into_iter().enumerate() {
        match at {
            0 => lines.push(format!("{heading}{line}")),
            _ => lines.push(format!("{}{line}", " ".repeat(indent))),
        }
    }
}

/// How far a shard, or a whole mapping, is behind.
#[derive(Clone, Copy, Debug, Default)]
struct Lag {
    records: u64,
    is_more: bool,
    ms: u64,
}

impl Lag {
    fn of(shard: &Value) -> Self {
        Self {
            records: number(shard, "lagRecords"),
            is_more: shard["lagRecordsAtLeast"].as_bool() == Some(true),
            ms: number(shard, "lagMs"),
        }
    }

    /// The records of all shards, and the time of the one that is furthest behind.
    fn of_all(shards: &[Value]) -> Self {
        shards
            .iter()
            .map(Self::of)
            .fold(Self::default(), |sum, lag| Self {
                records: sum.records.saturating_add(lag.records),
                is_more: sum.is_more | lag.is_more,
                ms: sum.ms.max(lag.ms),
            })
    }

    fn short(self) -> String {
        let more = if self.is_more { "+" } else { "" };
        match self.records {
            0 => format!("0{more}"),
            records => format!("{records}{more}, {}", span(self.ms)),
        }
    }

    fn long(self) -> String {
        let least = if self.is_more { "at least " } else { "" };
        match self.records {
            0 if self.is_more => "not known: too much to look through".to_owned(),
            0 => "none".to_owned(),
            1 if !self.is_more => format!("1 record, {}", span(self.ms)),
            1 => format!("at least 1 record, {}", span(self.ms)),
            records => format!("{least}{records} records, {}", span(self.ms)),
        }
    }
}

/// The last result; a stream that can't be found out about comes before it.
fn result(mapping: &Value) -> String {
    error(text(mapping, "lastProcessingResult"))
}

fn shards(mapping: &Value) -> &[Value] {
    mapping["shards"].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_default()
}
