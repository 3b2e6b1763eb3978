//! A follower of the stream over HTTP. Its iterators outlive servers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use headwater_changelog::ChangeKind;
use headwater_model::{SeededRng, Sequence};
use serde_json::{Value, json};

use super::client::{Client, Refused};
use super::load::{TABLE, image, text};
use crate::history::StreamedChange;

/// How far it has come in one shard.
#[derive(Default)]
struct Progress {
    parent: Option<String>,
    iterator: Option<String>,
    last: Option<(Sequence, String)>,
    records: Vec<StreamedChange>,
    ended: bool,
}

/// What it knows of the stream.
#[derive(Default)]
pub(super) struct Follower {
    arn: Option<String>,
    shards: BTreeMap<String, Progress>,
}

impl Follower {
    /// Everything that it got, shard by shard.
    pub(super) fn records(&self) -> Vec<StreamedChange> {
        let shards = self.shards.values();
        shards.flat_map(|shard| shard.records.clone()).collect()
    }

    pub(super) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Follows until the connection breaks, which it may only do once it is `over`.
    pub(super) fn follow(
        &mut self,
        client: &mut Client,
        rng: &SeededRng,
        over: &AtomicBool,
    ) -> Result<()> {
        loop {
            match self.round(client, rng) {
                Ok(_) => {}
                Err(error) if error.is::<Refused>() || error.is::<Gap>() => return Err(error),
                Err(_) if over.load(Ordering::SeqCst) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads everything that is there.
    pub(super) fn catch_up(&mut self, client: &mut Client, rng: &SeededRng) -> Result<()> {
        let mut quiet = 0;
        while quiet < 2 {
            quiet = match self.round(client, rng)? {
                true => 0,
                false => quiet + 1,
            };
        }
        Ok(())
    }

    /// Looks once at each shard whose parent is read to its end; whether there was anything new.
    fn round(&mut self, client: &mut Client, rng: &SeededRng) -> Result<bool> {
        let arn = self.describe(client)?;
        let ids: Vec<String> = self.shards.keys().cloned().collect();
        let mut news = false;
        for id in ids {
            let parent_open = self
                .shards
                .get(&id)
                .and_then(|shard| shard.parent.as_ref())
                .and_then(|parent| self.shards.get(parent))
                .is_some_and(|parent| !parent.ended);
            if let Some(shard) = self.shards.get_mut(&id)
                && !shard.ended
                && !parent_open
            {
                news |= shard.read(client, &arn, &id, rng)?;
            }
        }
        Ok(news)
    }

    /// Learns of new shards, page by page.
    fn describe(&mut self, client: &mut Client) -> Result<String> {
        let arn = match &self.arn {
            Some(arn) => arn.clone(),
            None => {
                let table = client.dynamodb("DescribeTable", &json!({"TableName": TABLE}))?;
                let arn = table["Table"]["LatestStreamArn"].as_str();
                let arn = arn.context("no stream")?.to_owned();
                self.arn = Some(arn.clone());
                arn
            }
        };
        let mut request = json!({"StreamArn": arn});
        if let Some((last, _)) = self.shards.last_key_value() {
            request["ExclusiveStartShardId"] = last.as_str().into();
        }
        loop {
            let answer = client.streams("DescribeStream", &request)?;
            let description = &answer["StreamDescription"];
            let shards = description["Shards"].as_array().context("no shards")?;
            for shard in shards {
                let id = shard["ShardId"].as_str().context("no shard id")?;
                let parent = shard["ParentShardId"].as_str();
                let progress = self.shards.entry(id.to_owned()).or_default();
                progress.parent = parent.map(str::to_owned);
            }
            let Some(last) = description["LastEvaluatedShardId"].as_str() else {
                return Ok(arn);
            };
            request["ExclusiveStartShardId"] = last.into();
        }
    }
}

impl Progress {
    fn read(&mut self, client: &mut Client, arn: &str, id: &str, rng: &SeededRng) -> Result<bool> {
        let iterator = match self.iterator.take().filter(|_| rng.below(10) > 0) {
            Some(iterator) => iterator,
            None => self.ask_iterator(client, arn, id)?,
        };
        // Should the connection break, the same iterator is used again.
        self.iterator = Some(iterator.clone());
        let request = json!({"ShardIterator": iterator, "Limit": 1 + rng.below(1000)});
        let answer = match client.streams("GetRecords", &request) {
            Err(error) if is_expired(&error) => {
                // The clock has stepped forward.
                self.iterator = None;
                return Ok(true);
            }
            answer => answer?,
        };
        let records = answer["Records"].as_array().context("no records")?;
        for record in records {
            self.take(id, record)?;
        }
        let next = answer["NextShardIterator"].as_str();
        self.ended = next.is_none();
        self.iterator = next.map(str::to_owned);
        Ok(!records.is_empty() || self.ended)
    }

    fn ask_iterator(&self, client: &mut Client, arn: &str, id: &str) -> Result<String> {
        let mut request = json!({
            "StreamArn": arn, "ShardId": id, "ShardIteratorType": "TRIM_HORIZON",
        });
        if let Some((_, last)) = &self.last {
            request["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER".into();
            request["SequenceNumber"] = last.as_str().into();
        }
        let answer = client.streams("GetShardIterator", &request)?;
        let iterator = answer["ShardIterator"].as_str();
        Ok(iterator.context("no iterator")?.to_owned())
    }

    fn take(&mut self, id: &str, record: &Value) -> Result<()> {
        let dynamodb = &record["dynamodb"];
        let number = dynamodb["SequenceNumber"].as_str().context("no number")?;
        let sequence = Sequence::parse(number)?;
        let last = self.last.replace((sequence, number.to_owned()));
        if let Some((last, _)) = last
            && last >= sequence
        {
            let (last, next) = (last.to_string(), sequence.to_string());
            return Err(Gap { last, next }.into());
        }
        let kind = match record["eventName"].as_str() {
            Some("INSERT") => ChangeKind::Insert,
            Some("MODIFY") => ChangeKind::Modify,
            Some("REMOVE") => ChangeKind::Remove,
            other => anyhow::bail!("an event of name {other:?}"),
        };
        let image_of = |name: &str| dynamodb.get(name).map(image).transpose();
        ensure!(
            record["eventVersion"] == "1.1",
            "not the version of the record form: {record}"
        );
        self.records.push(StreamedChange {
            shard: id.to_owned(),
            sequence,
            key: text(&dynamodb["Keys"]["pk"])?,
            kind,
            old: image_of("OldImage")?,
            new: image_of("NewImage")?,
        });
        Ok(())
    }
}

fn is_expired(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<Refused>();
    refused.is_some_and(|refused| refused.name() == "ExpiredIteratorException")
}

/// A record that does not follow the one before it.
#[derive(Debug, thiserror::Error)]
#[error("{next} was read behind {last}")]
struct Gap {
    last: String,
    next: String,
}
