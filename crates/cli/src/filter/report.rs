//! What is printed about patterns and records.

use std::fmt::Write;

use anyhow::Result;
use headwater_expression::filter::{Explanation, Filters, PatternOutcome};
use serde_json::{Value, json};

/// Longest rule that is shown whole, in characters.
const RULE_CHARS_MAX: usize = 120;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines for people.
    Text,
    /// One line of JSON for each record.
    Json,
}

/// That patterns are right, when there is nothing to match.
pub(super) fn checked(filters: &Filters, form: Form) -> String {
    let rules: Vec<usize> = filters.patterns().iter().map(|one| one.rules()).collect();
    match form {
        Form::Json => {
            let patterns: Vec<Value> = rules
                .iter()
                .map(|rules| json!({ "rules": rules }))
                .collect();
            format!("{}\n", json!({ "patterns": patterns }))
        }
        Form::Text if rules.is_empty() => "no patterns: every record matches\n".to_owned(),
        Form::Text => {
            let counted = |count: usize, noun: &str| match count {
                1 => format!("1 {noun}"),
                _ => format!("{count} {noun}s"),
            };
            let lines = rules.iter().enumerate();
            lines
                .map(|(at, rules)| {
                    format!(
                        "pattern {}: {}, all right\n",
                        at + 1,
                        counted(*rules, "rule")
                    )
                })
                .collect()
        }
    }
}

/// What came of one record.
pub(super) fn record(
    number: u64,
    record: &Value,
    explained: &Explanation,
    form: Form,
) -> Result<String> {
    match form {
        Form::Json => {
            let mut line = serde_json::to_value(explained)?;
            line["eventID"] = record["eventID"].clone();
            Ok(format!("{line}\n"))
        }
        Form::Text => Ok(text(number, record, explained)),
    }
}

fn text(number: u64, record: &Value, explained: &Explanation) -> String {
    let names = [&record["eventName"], &record["dynamodb"]["SequenceNumber"]];
    let names: Vec<&str> = names.iter().filter_map(|name| name.as_str()).collect();
    let names = match names.is_empty() {
        true => String::new(),
        false => format!(" ({})", names.join(" ")),
    };
    let mut text = format!("record {number}{names}: {}\n", verdict(explained.matches));
    for (at, pattern) in explained.patterns.iter().enumerate() {
        if explained.patterns.len() > 1 {
            // Writing to a string can't fail, here and below.
            let _ = writeln!(text, "  pattern {} {}", at + 1, verdict(pattern.matches));
        }
        push_rules(&mut text, pattern);
    }
    text
}

fn push_rules(text: &mut String, pattern: &PatternOutcome) {
    for rule in &pattern.rules {
        let holds = if rule.matches { "yes" } else { "no " };
        let wanted = shortened(&rule.rule);
        let _ = writeln!(
            text,
            "    {holds}  {} {wanted}: found {}",
            rule.path, rule.found
        );
    }
    if let Some(note) = pattern.note {
        let _ = writeln!(text, "    {note}");
    }
}

fn verdict(matches: bool) -> &'static str {
    if matches { "matches" } else { "does not match" }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(RULE_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
