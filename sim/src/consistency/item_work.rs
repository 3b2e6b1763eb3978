//! Work on items that hold a number: every way of reading and writing them, alone, in batches and in transactions.

use anyhow::{Context, Result};
use serde_json::{Value as Json, json};

use super::item::{Answer, Deed, Shown, Value};
use super::notes::Sent;
use super::worker::{TABLE, Transact, Worker, Writes};
use crate::kill::Refused;

/// Few, so that clients meet.
const ITEMS: u64 = 5;
/// Items of a batch or transaction.
const TOGETHER_MAX: u64 = 3;

/// The names of all items of a history.
pub(super) fn names() -> impl Iterator<Item = String> {
    (0..ITEMS).map(|item| format!("item-{item}"))
}

impl Worker {
    /// One operation on one item or several.
    pub(super) fn work_on_items(&mut self) -> Result<()> {
        match self.rng.below(12) {
            0..2 => self.get_item(),
            2 => self.get_items(),
            3..5 => self.put_item(),
            5..7 => self.add_to_item(),
            7 => self.delete_item(),
            8 => self.write_batch(),
            _ => self.transact_items(),
        }
    }

    fn one(&self) -> String {
        format!("item-{}", self.rng.below(ITEMS))
    }

    fn see(&mut self, item: &str, begun: u64, value: Value) {
        self.notes.seen(item, begun, value);
        self.known.insert(item.to_owned(), value);
    }

    fn get_item(&mut self) -> Result<()> {
        let item = self.one();
        let request = json!({"TableName": TABLE, "Key": self.key(&item), "ConsistentRead": true});
        let begun = self.notes.tick();
        let answer = self.client.dynamodb("GetItem", &request)?;
        self.see(&item, begun, value(answer.get("Item"))?);
        Ok(())
    }

    fn get_items(&mut self) -> Result<()> {
        let items: Vec<String> = names().collect();
        let begun = self.notes.tick();
        let found = match self.rng.below(3) {
            0 => self.batch_get(&items)?,
            1 => self.transact_get(&items)?,
            _ => self.query()?,
        };
        for item in &items {
            self.see(item, begun, value(found.get(item))?);
        }
        Ok(())
    }

    /// What the item is expected to hold, for a third of the operations; it is what was seen last, if anything was.
    fn expectation(&self, item: &str) -> Option<Value> {
        let known = self.known.get(item).copied().flatten();
        (self.rng.below(3) == 0).then_some(known)
    }

    fn fresh(&self) -> i64 {
        self.notes.number() as i64
    }

    fn put_item(&mut self) -> Result<()> {
        let item = self.one();
        let number = self.fresh();
        let sent = Sent {
            deed: Deed::Put(number),
            expects: self.expectation(&item),
            item,
        };
        let request = json!({
            "TableName": TABLE,
            "Item": self.item(&sent.item, number),
            "ReturnValues": "ALL_OLD",
        });
        self.write("PutItem", request, &sent, Shown::Before)
    }

    fn delete_item(&mut self) -> Result<()> {
        let item = self.one();
        let sent = Sent {
            deed: Deed::Delete,
            expects: self.expectation(&item),
            item,
        };
        let request = json!({
            "TableName": TABLE, "Key": self.key(&sent.item), "ReturnValues": "ALL_OLD",
        });
        self.write("DeleteItem", request, &sent, Shown::Before)
    }

    fn add_to_item(&mut self) -> Result<()> {
        let item = self.one();
        // So far apart that no two sums are equal by accident.
        let by = self.fresh() * 1_000_000;
        let sent = Sent {
            deed: Deed::Add(by),
            expects: self.expectation(&item),
            item,
        };
        let (returned, shown): (_, fn(Value) -> Shown) = match self.rng.below(2) {
            0 => ("ALL_OLD", Shown::Before),
            _ => ("UPDATED_NEW", Shown::After),
        };
        let mut request = json!({
            "TableName": TABLE,
            "Key": self.key(&sent.item),
            "ReturnValues": returned,
        });
        request_add(&mut request, by);
        self.write("UpdateItem", request, &sent, shown)
    }

    fn item(&self, name: &str, number: i64) -> Json {
        let mut item = self.key(name);
        item["v"] = json!({"N": number.to_string()});
        item
    }

    /// Sends a write of one item and notes how it ended.
    fn write(
        &mut self,
        operation: &str,
        mut request: Json,
        sent: &Sent,
        shown: fn(Value) -> Shown,
    ) -> Result<()> {
        expect(&mut request, sent.expects);
        let begun = self.notes.tick();
        match self.client.dynamodb(operation, &request) {
            Ok(answer) => {
                let shown = shown(value(answer.get("Attributes"))?);
                self.notes.item(sent, begun, Answer::Done(shown));
                Ok(())
            }
            Err(error) => match error.downcast::<Refused>() {
                Ok(refused) if refused.name() == "ConditionalCheckFailedException" => {
                    let before = value(refused.body.get("Item"))?;
                    let answer = Answer::Refused(Shown::Before(before));
                    self.notes.item(sent, begun, answer);
                    self.known.insert(sent.item.clone(), before);
                    Ok(())
                }
                Ok(refused) => Err(refused.into()),
                Err(broken) => {
                    self.notes.item(sent, begun, Answer::Lost);
                    Err(broken)
                }
            },
        }
    }

    fn write_batch(&mut self) -> Result<()> {
        let (mut sent, mut writes) = (Vec::new(), Vec::new());
        for item in self.some(ITEMS, TOGETHER_MAX) {
            let item = format!("item-{item}");
            let number = self.fresh();
            let deed = match self.rng.below(4) {
                0 => Deed::Delete,
                _ => Deed::Put(number),
            };
            writes.push(match deed {
                Deed::Delete => json!({"DeleteRequest": {"Key": self.key(&item)}}),
                _ => json!({"PutRequest": {"Item": self.item(&item, number)}}),
            });
            sent.push(Sent {
                item,
                deed,
                expects: None,
            });
        }
        let request = json!({"RequestItems": {TABLE: writes}});
        let begun = self.notes.tick();
        match self.client.dynamodb("BatchWriteItem", &request) {
            Ok(answer) => {
                let unprocessed = &answer["UnprocessedItems"];
                anyhow::ensure!(*unprocessed == json!({}), "{unprocessed}");
                self.note_items_done(&sent, begun);
                Ok(())
            }
            Err(error) if error.is::<Refused>() => Err(error),
            Err(broken) => {
                self.note_items_lost(&sent, begun);
                Err(broken)
            }
        }
    }

    fn transact_items(&mut self) -> Result<()> {
        let (mut sent, mut actions) = (Vec::new(), Vec::new());
        for item in self.some(ITEMS, TOGETHER_MAX) {
            let item = format!("item-{item}");
            let number = self.fresh();
            let known = self.known.get(&item).copied().flatten();
            let (kind, deed, mut action) = match self.rng.below(4) {
                0 => (
                    "Put",
                    Deed::Put(number),
                    json!({"Item": self.item(&item, number)}),
                ),
                1 => {
                    let by = number * 1_000_000;
                    let mut update = json!({"Key": self.key(&item)});
                    request_add(&mut update, by);
                    ("Update", Deed::Add(by), update)
                }
                2 => ("Delete", Deed::Delete, json!({"Key": self.key(&item)})),
                _ => (
                    "ConditionCheck",
                    Deed::Look,
                    json!({"Key": self.key(&item)}),
                ),
            };
            let expects = match deed {
                Deed::Look => Some(known),
                _ => self.expectation(&item),
            };
            action["TableName"] = TABLE.into();
            expect(&mut action, expects);
            actions.push(json!({kind: action}));
            sent.push(Sent {
                item,
                deed,
                expects,
            });
        }
        let token = format!("{}-{}", self.partition, self.notes.number());
        let request = json!({"TransactItems": actions, "ClientRequestToken": token});
        let begun = self.notes.tick();
        self.transact(Transact {
            request,
            begun,
            writes: Writes::Items(sent),
        })
    }

    pub(super) fn note_items_done(&self, sent: &[Sent], begun: u64) {
        for sent in sent {
            self.notes.item(sent, begun, Answer::Done(Shown::Nothing));
        }
    }

    pub(super) fn note_items_lost(&self, sent: &[Sent], begun: u64) {
        for sent in sent {
            self.notes.item(sent, begun, Answer::Lost);
        }
    }

    pub(super) fn note_items_cancelled(
        &mut self,
        sent: &[Sent],
        begun: u64,
        reasons: &[Json],
    ) -> Result<()> {
        anyhow::ensure!(sent.len() == reasons.len(), "{reasons:?}");
        for (sent, reason) in sent.iter().zip(reasons) {
            let answer = match reason["Code"].as_str() {
                Some("None") => Answer::Cancelled,
                Some("ConditionalCheckFailed") => {
                    let before = value(reason.get("Item"))?;
                    self.known.insert(sent.item.clone(), before);
                    Answer::Refused(Shown::Before(before))
                }
                _ => anyhow::bail!("cancelled for {reason}"),
            };
            self.notes.item(sent, begun, answer);
        }
        Ok(())
    }
}

fn request_add(request: &mut Json, by: i64) {
    request["UpdateExpression"] = "ADD v :by".into();
    request["ExpressionAttributeValues"] = json!({":by": {"N": by.to_string()}});
}

/// Adds a condition to a request.
fn expect(request: &mut Json, expects: Option<Value>) {
    let Some(expected) = expects else { return };
    request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD".into();
    let Some(number) = expected else {
        request["ConditionExpression"] = "attribute_not_exists(v)".into();
        return;
    };
    request["ConditionExpression"] = "v = :expected".into();
    if request.get("ExpressionAttributeValues").is_none() {
        request["ExpressionAttributeValues"] = json!({});
    }
    request["ExpressionAttributeValues"][":expected"] = json!({"N": number.to_string()});
}

/// The number in an item, if there is one.
pub(super) fn value(item: Option<&Json>) -> Result<Value> {
    // Attributes without the number are those of no item.
    let Some(number) = item.and_then(|item| item.get("v")) else {
        return Ok(None);
    };
    let number = number["N"].as_str();
    let number = number.with_context(|| format!("no number: {item:?}"))?;
    Ok(Some(number.parse()?))
}
