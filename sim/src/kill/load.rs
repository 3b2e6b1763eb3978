//! What a connection does: updates of a few keys, puts, deletes and reads, every one noted before it is sent.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use headwater_model::{SeededRng, Sequence};
use serde_json::{Value, json};

use super::client::{Client, Refused};
use crate::history::Image;
use crate::ledger::{Attempt, Deed, Fate, Ledger, Sighting};

pub(super) const TABLE: &str = "killed";
const KEYS: u64 = 8;

/// All keys.
pub(super) fn keys() -> impl Iterator<Item = String> {
    (0..KEYS).map(|key| format!("k{key}"))
}

pub(super) fn create_table(client: &mut Client) -> Result<()> {
    let table = json!({
        "TableName": TABLE,
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "w", "AttributeType": "N"},
        ],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-mark",
            "KeySchema": [{"AttributeName": "w", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }],
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    });
    client.dynamodb("CreateTable", &table)?;
    Ok(())
}

/// Works until the connection breaks, which it may only do once it is `over`.
pub(super) fn run(
    mut client: Client,
    ledger: &Ledger,
    rng: &SeededRng,
    over: &AtomicBool,
) -> Result<()> {
    loop {
        match step(&mut client, ledger, rng) {
            Ok(()) => {}
            Err(error) if error.is::<Refused>() => return Err(error),
            Err(_) if over.load(Ordering::SeqCst) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn step(client: &mut Client, ledger: &Ledger, rng: &SeededRng) -> Result<()> {
    let key = match rng.below(2) {
        0 => "k0".to_owned(),
        _ => format!("k{}", rng.below(KEYS)),
    };
    match rng.below(10) {
        0..5 => add(client, ledger, &key, rng),
        5..7 => put(client, ledger, &key, rng),
        7 => delete(client, ledger, &key),
        _ => read(client, ledger, &key).map(|_| ()),
    }
}

fn add(client: &mut Client, ledger: &Ledger, key: &str, rng: &SeededRng) -> Result<()> {
    let by = 1 + rng.below(3) as i64;
    let mark = ledger.attempt(Attempt::new(&[key], Deed::Add(by)));
    let answer = client.dynamodb(
        "UpdateItem",
        &json!({
            "TableName": TABLE,
            "Key": {"pk": {"S": key}},
            "UpdateExpression": "SET w = :w ADD v :by",
            "ExpressionAttributeValues": {":w": {"N": mark.to_string()}, ":by": {"N": by.to_string()}},
            "ReturnValues": "UPDATED_NEW",
        }),
    )?;
    let new = number(&answer["Attributes"]["v"])?;
    ledger.answered(mark, Fate::Acknowledged(Some(new)), false);
    Ok(())
}

/// Half of the puts are only for a missing item.
fn put(client: &mut Client, ledger: &Ledger, key: &str, rng: &SeededRng) -> Result<()> {
    let value = rng.below(1000) as i64;
    let only_new = rng.below(2) == 0;
    let mark = ledger.attempt(Attempt {
        expected_old: only_new.then_some(None),
        ..Attempt::new(&[key], Deed::Put(value))
    });
    let padding = "x".repeat(rng.below(2000) as usize);
    let mut request = json!({
        "TableName": TABLE,
        "Item": {
            "pk": {"S": key}, "w": {"N": mark.to_string()}, "v": {"N": value.to_string()}, "p": {"S": padding},
        },
    });
    if only_new {
        request["ConditionExpression"] = "attribute_not_exists(pk)".into();
    }
    match client.dynamodb("PutItem", &request) {
        Ok(_) => ledger.answered(mark, Fate::Acknowledged(None), false),
        Err(error) => match error.downcast_ref::<Refused>() {
            Some(refused) if refused.name() == "ConditionalCheckFailedException" => {
                ledger.answered(mark, Fate::Nothing, false);
            }
            _ => return Err(error),
        },
    }
    Ok(())
}

fn delete(client: &mut Client, ledger: &Ledger, key: &str) -> Result<()> {
    let mark = ledger.attempt(Attempt::new(&[key], Deed::Delete));
    let request = json!({
        "TableName": TABLE, "Key": {"pk": {"S": key}}, "ReturnValues": "ALL_OLD",
    });
    let answer = client.dynamodb("DeleteItem", &request)?;
    let fate = match answer.get("Attributes") {
        Some(old) => Fate::Acknowledged(Some(number(&old["w"])?)),
        None => Fate::Nothing,
    };
    ledger.answered(mark, fate, false);
    Ok(())
}

/// Reads a key and notes what was seen; gives the item's mark.
pub(super) fn read(client: &mut Client, ledger: &Ledger, key: &str) -> Result<Option<i64>> {
    let sent = ledger.tick();
    let request = json!({
        "TableName": TABLE, "Key": {"pk": {"S": key}}, "ConsistentRead": true,
    });
    let answer = client.dynamodb("GetItem", &request)?;
    let mark = match answer.get("Item") {
        Some(item) => Some(number(&item["w"])?),
        None => None,
    };
    ledger.saw(Sighting {
        key: key.to_owned(),
        mark,
        from: Sequence::ZERO,
        to: Sequence::MAX,
        sent,
    });
    Ok(mark)
}

/// All items by key.
pub(super) fn scan(client: &mut Client) -> Result<BTreeMap<String, Image>> {
    let request = json!({"TableName": TABLE, "ConsistentRead": true});
    let answer = client.dynamodb("Scan", &request)?;
    ensure!(
        answer.get("LastEvaluatedKey").is_none(),
        "more than one page"
    );
    let items = answer["Items"].as_array().context("no items")?;
    items
        .iter()
        .map(|item| Ok((text(&item["pk"])?, image(item)?)))
        .collect()
}

/// An item as the history knows it.
pub(super) fn image(item: &Value) -> Result<Image> {
    Ok(Image {
        mark: number(&item["w"])?,
        value: number(&item["v"])?,
        // Members are in the order of their names.
        whole: item.to_string().into_bytes(),
    })
}

pub(super) fn text(value: &Value) -> Result<String> {
    let text = value["S"].as_str();
    Ok(text
        .with_context(|| format!("no text: {value}"))?
        .to_owned())
}

fn number(value: &Value) -> Result<i64> {
    let text = value["N"].as_str();
    let text = text.with_context(|| format!("no number: {value}"))?;
    Ok(text.parse()?)
}
