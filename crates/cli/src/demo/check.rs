//! Comparing what the handler received with what must have come of the script.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::received::Arrival;
use super::script::Story;

/// One thing that must hold.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub(super) what: &'static str,
    /// Keys that break it, with what was found.
    pub(super) broken: Vec<String>,
}

/// All checks, each of them over all items.
pub(super) fn checks(
    stories: &[Story],
    arrivals: &[Arrival],
    table: &BTreeMap<String, Value>,
) -> Vec<Check> {
    let mut by_key: HashMap<&str, Vec<&Arrival>> = HashMap::new();
    for arrival in arrivals {
        by_key.entry(arrival.key()).or_default().push(arrival);
    }
    let mut checks = [
        "each change reached the handler",
        "no change reached it twice",
        "items that were put again unchanged gave no record",
        "the changes of each item came in order",
        "each record holds the item before and after",
        "the table is what the last records say",
    ]
    .map(|what| Check {
        what,
        broken: Vec::new(),
    });
    for story in stories {
        let arrived = by_key.remove(story.key.as_str()).unwrap_or_default();
        for (check, found) in checks
            .iter_mut()
            .zip(found(story, &arrived, table.get(&story.key)))
        {
            check
                .broken
                .extend(found.map(|found| format!("{}: {found}", story.key)));
        }
    }
    let [.., surplus, _, _, last] = &mut checks;
    surplus.broken.extend(
        by_key
            .keys()
            .map(|key| format!("{key}: no such item was written")),
    );
    if table.len() != stories.iter().filter(|story| story.last.is_some()).count() {
        last.broken
            .push(format!("the table holds {} items", table.len()));
    }
    checks.to_vec()
}

/// What is wrong with one item, for each check.
fn found(story: &Story, arrived: &[&Arrival], item: Option<&Value>) -> [Option<String>; 6] {
    let mut ids = HashSet::new();
    let once: Vec<&Value> = arrived
        .iter()
        .map(|arrival| &arrival.record)
        .filter(|record| ids.insert(record["eventID"].as_str().unwrap_or_default()))
        .collect();
    let (expected, found) = (story.changes.len(), once.len());
    let numbers: Vec<_> = once.iter().map(|record| sequence(record)).collect();
    let events = |records: &[&Value]| -> Vec<String> {
        records
            .iter()
            .map(|record| record["eventName"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let images = story.changes.iter().zip(&once).find(|(change, record)| {
        let change_of = &record["dynamodb"];
        change_of.get("OldImage") != change.old.as_ref()
            || change_of.get("NewImage") != change.new.as_ref()
    });
    let in_order = numbers.windows(2).all(|pair| pair[0] < pair[1])
        && story
            .changes
            .iter()
            .zip(&once)
            .all(|(change, record)| record["eventName"] == change.event);
    let last = once
        .last()
        .and_then(|record| record["dynamodb"].get("NewImage"));
    [
        (found < expected).then(|| format!("{found} of {expected} changes")),
        (found < arrived.len()).then(|| format!("{} records for {found} changes", arrived.len())),
        (found > expected).then(|| format!("{found} changes, {expected} expected")),
        (!in_order).then(|| events(&once).join(", ")),
        images
            .map(|(change, record)| format!("{} expected {change:?}, got {record}", change.event)),
        (last != item || item != story.last.as_ref())
            .then(|| format!("table {item:?}, last record {last:?}")),
    ]
}

/// A sequence number as something that compares: they are decimal numbers of any length.
fn sequence(record: &Value) -> (usize, &str) {
    let digits = record["dynamodb"]["SequenceNumber"]
        .as_str()
        .unwrap_or_default();
    (digits.len(), digits)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::{Check, checks};
    use crate::demo::airports;
    use crate::demo::received::Arrival;
    use crate::demo::script::Story;

    fn stories() -> Vec<Story> {
        let items = airports::items()
            .expect("rows")
            .into_iter()
            .take(31)
            .enumerate();
        items.map(|(row, item)| Story::new(row, item)).collect()
    }

    /// What a faithful server and handler would give.
    fn arrivals(stories: &[Story]) -> Vec<Arrival> {
        let mut number = 1_000;
        let mut all = Vec::new();
        for story in stories {
            for change in &story.changes {
                number += 1;
                let mut record = json!({
                    "eventID": format!("{number:032x}"),
                    "eventName": change.event,
                    "dynamodb": {"Keys": {"iata": {"S": story.key}}, "SequenceNumber": number.to_string()},
                });
                for (name, image) in [("OldImage", &change.old), ("NewImage", &change.new)] {
                    if let Some(image) = image {
                        record["dynamodb"][name] = image.clone();
                    }
                }
                let batch = "a".to_owned();
                all.push(Arrival {
                    at_ms: 0.0,
                    batch,
                    record,
                });
            }
        }
        all
    }

    fn table(stories: &[Story]) -> BTreeMap<String, Value> {
        stories
            .iter()
            .filter_map(|story| Some((story.key.clone(), story.last.clone()?)))
            .collect()
    }

    fn broken(checks: &[Check]) -> Vec<bool> {
        checks
            .iter()
            .map(|check| !check.broken.is_empty())
            .collect()
    }

    #[test]
    fn a_faithful_run_passes() {
        let stories = stories();
        let checks = checks(&stories, &arrivals(&stories), &table(&stories));
        assert_eq!(broken(&checks), [false; 6], "{checks:?}");
    }

    #[test]
    fn each_fault_is_found() {
        let stories = stories();
        let good = arrivals(&stories);
        let table = table(&stories);
        let check = |arrivals: &[Arrival]| broken(&checks(&stories, arrivals, &table));

        let lost = &good[..good.len() - 1];
        assert!(check(lost)[0]);

        let mut twice = good.clone();
        twice.push(good[0].clone());
        assert_eq!(check(&twice), [false, true, false, false, false, false]);

        let mut surplus = good.clone();
        let mut extra = good[1].clone();
        extra.record["eventID"] = json!("another");
        extra.record["dynamodb"]["SequenceNumber"] = json!("999999");
        surplus.insert(2, extra);
        assert!(check(&surplus)[2]);

        let mut swapped = good.clone();
        swapped.swap(0, 1);
        assert!(check(&swapped)[3]);

        let mut wrong = good.clone();
        wrong[0].record["dynamodb"]["NewImage"]["name"] = json!({"S": "?"});
        assert_eq!(check(&wrong), [false, false, false, false, true, false]);
    }

    #[test]
    fn a_table_that_differs_is_found() {
        let stories = stories();
        let mut table = table(&stories);
        table.insert("more".to_owned(), json!({}));
        assert!(broken(&checks(&stories, &arrivals(&stories), &table))[5]);
    }
}
