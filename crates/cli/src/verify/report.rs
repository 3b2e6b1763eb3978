//! The result of a verification as people read it.

use headwater_model::Sequence;
use serde_json::Value;

use crate::stdout;

/// Findings that are printed; of the rest only the number is.
const FINDINGS_MAX: usize = 50;

/// Prints the result; whether nothing is wrong.
pub(super) fn print(verified: &Value, json: bool) -> anyhow::Result<bool> {
    let total = number(verified, "findings_total")?;
    if json {
        stdout::write(&format!("{verified}\n"))?;
        return Ok(total == 0);
    }
    let mut lines = vec![counts(verified)?];
    let findings = verified["findings"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    for finding in findings.iter().take(FINDINGS_MAX) {
        lines.push(format!("damage: {}", line(finding)));
    }
    let rest = total.saturating_sub(findings.len().min(FINDINGS_MAX) as u64);
    if rest > 0 {
        lines.push(format!("and {rest} further findings"));
    }
    lines.push(match total {
        0 => "no damage found".to_owned(),
        1 => "1 finding".to_owned(),
        total => format!("{total} findings"),
    });
    stdout::write(&(lines.join("\n") + "\n"))?;
    Ok(total == 0)
}

fn counts(verified: &Value) -> anyhow::Result<String> {
    let n = |name: &str| number(verified, name);
    let compared = match verified["not_compared"].as_bool() {
        Some(true) => "log and state not compared, since one of them can't be read".to_owned(),
        _ => format!("{} keys compared", n("keys_compared")?),
    };
    let lines = [
        format!(
            "log:   {} segments, {} blocks, {} bytes, {} entries, {} changes, {} stream records",
            n("segments")?,
            n("blocks")?,
            n("log_bytes")?,
            n("entries")?,
            n("changes")?,
            n("records")?
        ),
        format!(
            "       {}, ends at {}, {} bytes of an unfinished group",
            beginning(text(verified, "log_oldest")),
            text(verified, "log_end"),
            n("torn_bytes")?
        ),
        format!(
            "state: {} tables, {} streams, {} shards, {} items of {} bytes, {} index entries, {} tables counted",
            n("tables")?,
            n("streams")?,
            n("shards")?,
            n("items")?,
            n("item_bytes")?,
            n("entries_compared")?,
            n("tables_counted")?
        ),
        format!("       holds {}; {compared}", text(verified, "applied")),
    ];
    Ok(lines.join("\n"))
}

fn beginning(oldest: &str) -> String {
    match oldest == Sequence::ZERO.to_string() {
        true => "whole from the first write on".to_owned(),
        false => format!("begins at {oldest}"),
    }
}

fn line(finding: &Value) -> String {
    let mut out = text(finding, "place").to_owned();
    for name in ["key", "position"] {
        if let Some(value) = finding[name].as_str() {
            out.push_str(&format!(", {name} {value}"));
        }
    }
    format!("{out}: {}", text(finding, "detail"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn number(value: &Value, name: &str) -> anyhow::Result<u64> {
    let number = value[name].as_u64();
    number.ok_or_else(|| {
        anyhow::anyhow!("the result has no {name}; is the server of another version?")
    })
}
