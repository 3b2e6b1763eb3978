//! Work on lists, each of which every client appends to: blindly, or if what it read is still so.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value as Json, json};

use super::lists::{End, Transaction};
use super::worker::{TABLE, Transact, Worker, Writes};
use crate::kill::Refused;

/// Few, so that clients meet.
const LISTS: u64 = 6;
/// Lists that only transactions of all lists use: those take longer, so that one can come between their parts.
const FURTHER_LISTS: u64 = 18;
/// Lists of other transactions.
const TOGETHER_MAX: u64 = 4;
/// Numbers that are appended to one list at once.
const NUMBERS_MAX: u64 = 3;

/// The names of all lists of a history.
pub(super) fn names() -> impl Iterator<Item = String> {
    (0..LISTS + FURTHER_LISTS).map(|list| format!("list-{list}"))
}

type Reads = Vec<(String, Vec<u64>)>;

impl Worker {
    /// One operation on one list or several.
    pub(super) fn work_on_lists(&mut self) -> Result<()> {
        match self.rng.below(12) {
            0 => self.get_list(),
            1 => self.get_lists_each(),
            2..4 => self.get_lists(self.some_lists()).map(drop),
            4 => self.get_lists(names().collect()).map(drop),
            5 => self.append(),
            6..8 => self.transact_lists(&self.some_lists(), &[]),
            8 => self.transact_lists(&names().collect::<Vec<_>>(), &[]),
            _ => self.append_if_unchanged(),
        }
    }

    fn one_list(&self) -> String {
        format!("list-{}", self.rng.below(LISTS))
    }

    fn some_lists(&self) -> Vec<String> {
        let lists = self.some(LISTS, TOGETHER_MAX).into_iter();
        lists.map(|list| format!("list-{list}")).collect()
    }

    fn fresh_numbers(&self) -> Vec<u64> {
        let count = 1 + self.rng.below(NUMBERS_MAX);
        (0..count).map(|_| self.notes.number()).collect()
    }

    fn get_list(&mut self) -> Result<()> {
        let list = self.one_list();
        let request = json!({"TableName": TABLE, "Key": self.key(&list), "ConsistentRead": true});
        let begun = self.notes.tick();
        let answer = self.client.dynamodb("GetItem", &request)?;
        let numbers = numbers(answer.get("Item"))?;
        self.notes.read(begun, vec![(list, numbers)]);
        Ok(())
    }

    /// Several lists, each at a moment of its own.
    fn get_lists_each(&mut self) -> Result<()> {
        let lists: Vec<String> = names().collect();
        let group = self.partition.clone();
        let begun = self.notes.tick();
        let found = match self.rng.below(3) {
            0 => self.batch_get(&lists)?,
            1 => self.query()?,
            _ => self.query_index(&group)?,
        };
        for read in reads(&lists, &found)? {
            self.notes.read(begun, vec![read]);
        }
        Ok(())
    }

    /// Several lists as of one moment.
    fn get_lists(&mut self, lists: Vec<String>) -> Result<Reads> {
        let begun = self.notes.tick();
        let found = self.transact_get(&lists)?;
        let reads = reads(&lists, &found)?;
        self.notes.read(begun, reads.clone());
        Ok(reads)
    }

    /// An update of one list that shows what it made.
    fn append(&mut self) -> Result<()> {
        let list = self.one_list();
        let appended = self.fresh_numbers();
        let mut request = self.update(&list, &appended);
        request["ReturnValues"] = "ALL_NEW".into();
        let begun = self.notes.tick();
        let appends = vec![(list.clone(), appended.clone())];
        match self.client.dynamodb("UpdateItem", &request) {
            Ok(answer) => {
                let after = numbers(answer.get("Attributes"))?;
                let before = after.strip_suffix(appended.as_slice());
                let before = before.with_context(|| format!("{appended:?} made {after:?}"))?;
                self.note_lists_done(begun, appends, vec![(list, before.to_vec())]);
                Ok(())
            }
            Err(error) if error.is::<Refused>() => Err(error),
            Err(broken) => {
                self.note_lists_lost(begun, appends);
                Err(broken)
            }
        }
    }

    /// Reads some lists, and appends to some of them if none of all was changed.
    fn append_if_unchanged(&mut self) -> Result<()> {
        let seen = self.get_lists(self.some_lists())?;
        let lists: Vec<String> = seen.iter().map(|(list, _)| list.clone()).collect();
        let appended = 1 + self.rng.below(lists.len() as u64) as usize;
        self.transact_lists(&lists[..appended], &seen)
    }

    /// A transaction that appends to lists, if those that were seen are as they were.
    fn transact_lists(&mut self, lists: &[String], seen: &[(String, Vec<u64>)]) -> Result<()> {
        let (mut appends, mut actions, mut of_actions) = (Vec::new(), Vec::new(), Vec::new());
        for list in lists {
            let numbers = self.fresh_numbers();
            let mut update = self.update(list, &numbers);
            if let Some((_, seen)) = seen.iter().find(|(name, _)| name == list) {
                self.expect_list(&mut update, seen);
            }
            actions.push(json!({"Update": update}));
            of_actions.push(list.clone());
            appends.push((list.clone(), numbers));
        }
        for (list, seen) in seen.iter().filter(|(list, _)| !lists.contains(list)) {
            let mut check = json!({"TableName": TABLE, "Key": self.key(list)});
            self.expect_list(&mut check, seen);
            actions.push(json!({"ConditionCheck": check}));
            of_actions.push(list.clone());
        }
        let token = format!("{}-{}", self.partition, self.notes.number());
        let request = json!({"TransactItems": actions, "ClientRequestToken": token});
        let begun = self.notes.tick();
        self.transact(Transact {
            request,
            begun,
            writes: Writes::Lists {
                appends,
                seen: seen.to_vec(),
                actions: of_actions,
            },
        })
    }

    fn update(&self, list: &str, numbers: &[u64]) -> Json {
        json!({
            "TableName": TABLE,
            "Key": self.key(list),
            "UpdateExpression": "SET l = list_append(if_not_exists(l, :none), :new), g = :g",
            "ExpressionAttributeValues": {
                ":none": {"L": []},
                ":new": list_of(numbers),
                ":g": {"S": self.partition},
            },
        })
    }

    /// Adds the condition that a list is as it was seen: by its length or as a whole.
    fn expect_list(&self, request: &mut Json, seen: &[u64]) {
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD".into();
        if seen.is_empty() {
            request["ConditionExpression"] = "attribute_not_exists(l)".into();
            return;
        }
        if request.get("ExpressionAttributeValues").is_none() {
            request["ExpressionAttributeValues"] = json!({});
        }
        let (condition, value) = match self.rng.below(2) {
            0 => ("size(l) = :seen", json!({"N": seen.len().to_string()})),
            _ => ("l = :seen", list_of(seen)),
        };
        request["ConditionExpression"] = condition.into();
        request["ExpressionAttributeValues"][":seen"] = value;
    }

    pub(super) fn note_lists_done(&self, begun: u64, appends: Reads, reads: Reads) {
        let end = End::Done(self.notes.tick());
        self.notes.transaction(Transaction {
            begun,
            end,
            reads,
            appends,
        });
    }

    /// Of each list it says how it was, all at one moment: as is expected, or otherwise, as is shown.
    pub(super) fn note_lists_cancelled(
        &self,
        begun: u64,
        appends: Reads,
        seen: &[(String, Vec<u64>)],
        actions: &[String],
        reasons: &[Json],
    ) -> Result<()> {
        anyhow::ensure!(actions.len() == reasons.len(), "{reasons:?}");
        let mut shown = Vec::new();
        for (list, reason) in actions.iter().zip(reasons) {
            match reason["Code"].as_str() {
                Some("None") => shown.extend(seen.iter().find(|(name, _)| name == list).cloned()),
                Some("ConditionalCheckFailed") => {
                    shown.push((list.clone(), numbers(reason.get("Item"))?));
                }
                _ => anyhow::bail!("cancelled for {reason}"),
            }
        }
        self.notes.read(begun, shown);
        self.notes.transaction(Transaction {
            begun,
            end: End::Refused,
            reads: Vec::new(),
            appends,
        });
        Ok(())
    }

    pub(super) fn note_lists_lost(&self, begun: u64, appends: Reads) {
        self.notes.transaction(Transaction {
            begun,
            end: End::Lost,
            reads: Vec::new(),
            appends,
        });
    }
}

fn list_of(numbers: &[u64]) -> Json {
    let numbers = numbers.iter();
    let numbers: Vec<Json> = numbers
        .map(|number| json!({"N": number.to_string()}))
        .collect();
    json!({"L": numbers})
}

/// What was found of each list.
pub(super) fn reads(lists: &[String], found: &BTreeMap<String, Json>) -> Result<Reads> {
    let read = |list: &String| Ok((list.clone(), numbers(found.get(list))?));
    lists.iter().map(read).collect()
}

/// The numbers in a list, none if there is no item.
fn numbers(item: Option<&Json>) -> Result<Vec<u64>> {
    let Some(list) = item.and_then(|item| item.get("l")) else {
        return Ok(Vec::new());
    };
    let list = list["L"].as_array();
    let list = list.with_context(|| format!("no list: {item:?}"))?;
    let number = |element: &Json| {
        let number = element["N"].as_str().context("no number")?;
        Ok(number.parse()?)
    };
    list.iter().map(number).collect()
}
