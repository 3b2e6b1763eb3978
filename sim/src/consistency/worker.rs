//! One client of a history: it does one operation after the other on one connection, and notes each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use headwater_model::SeededRng;
use serde_json::{Value as Json, json};

use super::item::Value;
use super::notes::{Notes, Sent};
use super::{item_work, list_work};
use crate::kill::{Client, Refused};

pub(super) const TABLE: &str = "histories";
pub(super) const INDEX: &str = "by-group";

/// A transaction that writes, as it was sent, with a token.
pub(super) struct Transact {
    pub(super) request: Json,
    pub(super) begun: u64,
    pub(super) writes: Writes,
}

/// What it writes.
pub(super) enum Writes {
    /// To items, one after the other.
    Items(Vec<Sent>),
    /// Numbers to lists, if others are as they were seen.
    Lists {
        appends: Vec<(String, Vec<u64>)>,
        seen: Vec<(String, Vec<u64>)>,
        /// The list of each of its actions.
        actions: Vec<String>,
    },
}

/// A client.
pub(super) struct Worker {
    pub(super) client: Client,
    pub(super) rng: SeededRng,
    pub(super) notes: Arc<Notes>,
    /// The partition that the history has for itself.
    pub(super) partition: String,
    /// What this client last saw of each item.
    pub(super) known: BTreeMap<String, Value>,
    /// A transaction that was not answered, to be sent again.
    pub(super) unanswered: Option<Transact>,
}

impl Worker {
    /// Works until it is over, or the connection breaks, which it may only do once the server is `killed`; gives a
    /// transaction back that is to be sent again.
    pub(super) fn run(
        mut self,
        over: &AtomicBool,
        killed: &AtomicBool,
    ) -> Result<Option<Transact>> {
        while !over.load(Ordering::SeqCst) {
            match self.step() {
                Ok(()) => {}
                Err(error) if error.is::<Refused>() => return Err(error),
                Err(_) if killed.load(Ordering::SeqCst) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(self.unanswered)
    }

    fn step(&mut self) -> Result<()> {
        if let Some(transact) = self.unanswered.take() {
            self.notes.was_repeated();
            return self.transact(transact);
        }
        match self.rng.below(2) {
            0 => self.work_on_items(),
            _ => self.work_on_lists(),
        }
    }

    /// Sends a transaction and notes how it ended.
    pub(super) fn transact(&mut self, transact: Transact) -> Result<()> {
        match self
            .client
            .dynamodb("TransactWriteItems", &transact.request)
        {
            Ok(_) => {
                self.note_done(transact);
                Ok(())
            }
            Err(error) => match error.downcast::<Refused>() {
                Ok(refused) if refused.name() == "TransactionCanceledException" => {
                    self.note_cancelled(transact, &refused.body["CancellationReasons"])
                }
                Ok(refused) => Err(refused.into()),
                Err(broken) => {
                    // Half of them are sent again: then they happen once, whether they happened before or not.
                    match self.rng.below(2) {
                        0 => self.note_lost(transact),
                        _ => self.unanswered = Some(transact),
                    }
                    Err(broken)
                }
            },
        }
    }

    fn note_done(&mut self, transact: Transact) {
        match transact.writes {
            Writes::Items(sent) => self.note_items_done(&sent, transact.begun),
            Writes::Lists { appends, seen, .. } => {
                self.note_lists_done(transact.begun, appends, seen);
            }
        }
    }

    fn note_cancelled(&mut self, transact: Transact, reasons: &Json) -> Result<()> {
        let reasons = reasons.as_array().context("no reasons")?;
        match transact.writes {
            Writes::Items(sent) => self.note_items_cancelled(&sent, transact.begun, reasons),
            Writes::Lists {
                appends,
                seen,
                actions,
            } => self.note_lists_cancelled(transact.begun, appends, &seen, &actions, reasons),
        }
    }

    pub(super) fn note_lost(&self, transact: Transact) {
        match transact.writes {
            Writes::Items(sent) => self.note_items_lost(&sent, transact.begun),
            Writes::Lists { appends, .. } => self.note_lists_lost(transact.begun, appends),
        }
    }

    /// Reads everything at one moment.
    pub(super) fn read_all(&mut self) -> Result<()> {
        let items: Vec<String> = item_work::names().collect();
        let lists: Vec<String> = list_work::names().collect();
        let names: Vec<String> = items.iter().chain(&lists).cloned().collect();
        let begun = self.notes.tick();
        let found = self.transact_get(&names)?;
        for item in &items {
            let value = item_work::value(found.get(item))?;
            self.notes.seen(item, begun, value);
        }
        self.notes.read(begun, list_work::reads(&lists, &found)?);
        Ok(())
    }

    /// The key of an item or list.
    pub(super) fn key(&self, name: &str) -> Json {
        json!({"pk": {"S": self.partition}, "sk": {"S": name}})
    }

    /// Some of `count` things, each once.
    pub(super) fn some(&self, count: u64, most: u64) -> Vec<u64> {
        let mut some: Vec<u64> = Vec::new();
        for _ in 0..=self.rng.below(most) {
            let one = self.rng.below(count);
            if !some.contains(&one) {
                some.push(one);
            }
        }
        some
    }

    /// What one operation says of several keys, each by itself, by BatchGetItem.
    pub(super) fn batch_get(&mut self, names: &[String]) -> Result<BTreeMap<String, Json>> {
        let keys: Vec<Json> = names.iter().map(|name| self.key(name)).collect();
        let request = json!({"RequestItems": {TABLE: {"Keys": keys, "ConsistentRead": true}}});
        let answer = self.client.dynamodb("BatchGetItem", &request)?;
        by_name(&answer["Responses"][TABLE])
    }

    /// Several keys as of one moment.
    pub(super) fn transact_get(&mut self, names: &[String]) -> Result<BTreeMap<String, Json>> {
        let answer = match self.rng.below(3) {
            0 => {
                let parameters = |name: &String| json!([{"S": self.partition}, {"S": name}]);
                let statement = format!("SELECT * FROM \"{TABLE}\" WHERE pk = ? AND sk = ?");
                let statements: Vec<Json> = names
                    .iter()
                    .map(|name| json!({"Statement": statement, "Parameters": parameters(name)}))
                    .collect();
                let request = json!({"TransactStatements": statements});
                self.client.dynamodb("ExecuteTransaction", &request)?
            }
            _ => {
                let get =
                    |name: &String| json!({"Get": {"TableName": TABLE, "Key": self.key(name)}});
                let gets: Vec<Json> = names.iter().map(get).collect();
                let request = json!({"TransactItems": gets});
                self.client.dynamodb("TransactGetItems", &request)?
            }
        };
        let responses = answer["Responses"].as_array().context("no responses")?;
        let items = responses.iter().filter_map(|response| response.get("Item"));
        by_name(&items.cloned().collect())
    }

    /// All that the history has, each by itself: by Query of the table.
    pub(super) fn query(&mut self) -> Result<BTreeMap<String, Json>> {
        let request = json!({
            "TableName": TABLE,
            "ConsistentRead": true,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": self.partition}},
        });
        let answer = self.client.dynamodb("Query", &request)?;
        whole(&answer)
    }

    /// The same of what has the attribute of an index, by a query of it.
    pub(super) fn query_index(&mut self, group: &str) -> Result<BTreeMap<String, Json>> {
        let request = json!({
            "TableName": TABLE,
            "IndexName": INDEX,
            "KeyConditionExpression": "g = :g",
            "ExpressionAttributeValues": {":g": {"S": group}},
        });
        let answer = self.client.dynamodb("Query", &request)?;
        whole(&answer)
    }
}

fn whole(answer: &Json) -> Result<BTreeMap<String, Json>> {
    anyhow::ensure!(
        answer.get("LastEvaluatedKey").is_none(),
        "more than one page"
    );
    by_name(&answer["Items"])
}

fn by_name(items: &Json) -> Result<BTreeMap<String, Json>> {
    let items = items
        .as_array()
        .with_context(|| format!("no items: {items}"))?;
    let named = |item: &Json| {
        let name = item["sk"]["S"].as_str().context("no name")?;
        Ok((name.to_owned(), item.clone()))
    };
    items.iter().map(named).collect()
}
