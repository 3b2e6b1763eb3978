//! A plan for people: one line for each resource, one for each property that changes.

use std::fmt;

use serde_json::Value;

use super::{Action, Change, Item, Plan, Step};
use crate::apply::desired::Note;
use crate::apply::late;

/// Longest value that is printed whole.
const VALUE_CHARS_MAX: usize = 100;

impl fmt::Display for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        for mapping in &self.left {
            writeln!(
                f,
                "  mapping {} from {} to {} is not in the template: it goes on",
                text(&mapping["UUID"]),
                text(&mapping["EventSourceArn"]),
                super::function_of(mapping)
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, word) = match &self.action {
            Action::Create => ('+', "create"),
            Action::Update(_) => ('~', "update"),
            Action::Nothing => ('=', "unchanged"),
            Action::Refuse(_) => ('!', "refused"),
        };
        write!(f, "{sign} {}: {word}", self.item)?;
        match &self.action {
            Action::Update(changes) => changes
                .iter()
                .try_for_each(|change| write!(f, "\n{change}")),
            Action::Refuse(why) => why.iter().try_for_each(|why| write!(f, "\n    {why}")),
            Action::Create | Action::Nothing => Ok(()),
        }
    }
}

impl fmt::Display for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Table(table) => write!(f, "table {} ({})", table.name, table.logical),
            Item::Function(function) => {
                write!(f, "function {} ({})", function.name, function.logical)
            }
            Item::Mapping(mapping, _) => {
                let (logical, table) = (&mapping.logical, &mapping.table);
                write!(f, "mapping {logical} from {table} to {}", mapping.function)
            }
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Of an environment, the variables that differ.
        let variables = (&self.old["Variables"], &self.new["Variables"]);
        if self.property == "Environment" {
            return variable_changes(f, variables.0, variables.1);
        }
        let (old, new) = (text(&self.old), text(&self.new));
        write!(f, "    {}: {old} -> {new}", self.property)
    }
}

fn variable_changes(f: &mut fmt::Formatter<'_>, old: &Value, new: &Value) -> fmt::Result {
    let names = |of: &Value| {
        of.as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect()
    };
    let mut all: Vec<String> = names(old);
    let others: Vec<String> = names(new);
    all.extend(others);
    all.sort();
    all.dedup();
    all.retain(|name| old[name] != new[name]);
    for (place, name) in all.iter().enumerate() {
        if place > 0 {
            writeln!(f)?;
        }
        write!(
            f,
            "    Environment.{name}: {} -> {}",
            text(&old[name]),
            text(&new[name])
        )?;
    }
    Ok(())
}

fn text(value: &Value) -> String {
    let text = match value {
        Value::Null => "(none)".to_owned(),
        Value::String(text) if text.is_empty() => "(empty)".to_owned(),
        Value::String(text) => late::shown(text),
        value => value.to_string(),
    };
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, late::shown(&self.text))
    }
}
