//! What the demo does to each row, and which changes must come of it.

use serde_json::{Value, json};

use super::airports::{Item, KEY};

/// The demo's table.
pub(super) const TABLE: &str = "airports";

/// Every third row changes, every fifth is put again as it is, every tenth is deleted, and in every thirtieth the
/// row after the deleted one changes once more when all else is done.
const CHANGED_EACH: usize = 3;
const PUT_AGAIN_EACH: usize = 5;
const DELETED_EACH: usize = 10;
const TIMED_EACH: usize = 30;

/// The kinds of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Insert,
    Change,
    /// Equal in value, so nothing changes.
    PutAgain,
    Delete,
    /// One of the changes that are made one by one to take the time.
    Timed,
}

/// One write.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) kind: Kind,
    pub(super) operation: &'static str,
    pub(super) input: Value,
}

/// A change that must reach the handler, once.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) event: &'static str,
    pub(super) old: Option<Value>,
    pub(super) new: Option<Value>,
}

/// All about one item, in order.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) key: String,
    pub(super) steps: Vec<Step>,
    /// Done when everything else is, one by one.
    pub(super) timed: Option<Step>,
    pub(super) changes: Vec<Change>,
    /// The item at the end, if it is left.
    pub(super) last: Option<Value>,
}

impl Story {
    /// The story of a row.
    pub(super) fn new(row: usize, item: Item) -> Self {
        let mut story = Story {
            key: item[KEY]["S"].as_str().unwrap_or_default().to_owned(),
            steps: Vec::new(),
            timed: None,
            changes: Vec::new(),
            last: None,
        };
        story.insert(item);
        if row.is_multiple_of(CHANGED_EACH) {
            story.locate();
        }
        if row.is_multiple_of(PUT_AGAIN_EACH) {
            story.put_again();
        }
        if row.is_multiple_of(DELETED_EACH) {
            story.delete();
        }
        if row % TIMED_EACH == 1 {
            story.visit();
        }
        story
    }

    fn step(&mut self, kind: Kind, operation: &'static str, mut input: Value) {
        input["TableName"] = json!(TABLE);
        self.steps.push(Step {
            kind,
            operation,
            input,
        });
    }

    fn change(&mut self, event: &'static str, new: Option<Value>) {
        self.changes.push(Change {
            event,
            old: self.last.take(),
            new: new.clone(),
        });
        self.last = new;
    }

    fn key(&self) -> Value {
        json!({ KEY: { "S": self.key } })
    }

    fn insert(&mut self, item: Item) {
        self.step(Kind::Insert, "PutItem", json!({ "Item": item }));
        self.change("INSERT", Some(Value::Object(item)));
    }

    /// Latitude and longitude move into one attribute.
    fn locate(&mut self) {
        let mut item = self.last.clone().unwrap_or_default();
        let location =
            json!({ "M": { "latitude": item["latitude"], "longitude": item["longitude"] } });
        item["location"] = location.clone();
        if let Some(item) = item.as_object_mut() {
            item.remove("latitude");
            item.remove("longitude");
        }
        let input = json!({
            "Key": self.key(),
            "UpdateExpression": "SET #location = :location REMOVE latitude, longitude",
            "ExpressionAttributeNames": { "#location": "location" },
            "ExpressionAttributeValues": { ":location": location },
        });
        self.step(Kind::Change, "UpdateItem", input);
        self.change("MODIFY", Some(item));
    }

    /// The item as it is, its numbers written in another way: equal by value, so no change.
    fn put_again(&mut self) {
        let mut item = self.last.clone().unwrap_or_default();
        for name in ["latitude", "longitude"] {
            if let Some(number) = item[name]["N"]
                .as_str()
                .filter(|number| number.contains('.'))
            {
                item[name] = json!({ "N": format!("{number}00") });
            }
        }
        self.step(Kind::PutAgain, "PutItem", json!({ "Item": item }));
    }

    fn delete(&mut self) {
        self.step(Kind::Delete, "DeleteItem", json!({ "Key": self.key() }));
        self.change("REMOVE", None);
    }

    fn visit(&mut self) {
        let input = json!({
            "TableName": TABLE,
            "Key": self.key(),
            "UpdateExpression": "ADD visits :one",
            "ExpressionAttributeValues": { ":one": { "N": "1" } },
        });
        self.timed = Some(Step {
            kind: Kind::Timed,
            operation: "UpdateItem",
            input,
        });
        let mut item = self.last.clone().unwrap_or_default();
        item["visits"] = json!({ "N": "1" });
        self.change("MODIFY", Some(item));
    }
}

#[cfg(test)]
mod tests {
    use super::super::airports;
    use super::{Kind, Story};

    fn story(row: usize) -> Story {
        let item = airports::items().expect("rows").swap_remove(row);
        Story::new(row, item)
    }

    #[test]
    fn a_row_with_everything() {
        let story = story(30);
        let kinds: Vec<Kind> = story.steps.iter().map(|step| step.kind).collect();
        assert_eq!(
            kinds,
            [Kind::Insert, Kind::Change, Kind::PutAgain, Kind::Delete]
        );
        let events: Vec<&str> = story.changes.iter().map(|change| change.event).collect();
        assert_eq!(events, ["INSERT", "MODIFY", "REMOVE"]);
        assert!(story.last.is_none() && story.timed.is_none());
        for pair in story.changes.windows(2) {
            assert_eq!(pair[0].new, pair[1].old);
        }
        let located = story.changes[1].new.as_ref().expect("an image");
        assert!(
            located["location"]["M"]["latitude"]["N"].is_string()
                && located.get("latitude").is_none()
        );
        let again = &story.steps[2].input["Item"];
        assert_eq!(again, located);
    }

    #[test]
    fn a_row_put_again_has_its_numbers_in_another_form() {
        let story = story(5);
        let again = &story.steps[1].input["Item"];
        let last = story.last.as_ref().expect("an item");
        assert_ne!(again["latitude"], last["latitude"]);
        assert_eq!(
            again.as_object().map(|item| item.len()),
            last.as_object().map(|item| item.len())
        );
        assert_eq!(story.changes.len(), 1);
    }

    #[test]
    fn a_timed_row_changes_once_more() {
        let story = story(1);
        assert!(story.timed.is_some());
        assert_eq!(story.changes.len(), 2);
        assert_eq!(story.last.as_ref().expect("an item")["visits"]["N"], "1");
    }
}
