//! Following a stream: all its shards, parents before children, for as long as it has open ones.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::link::Link;
use super::merge::Merge;
use super::shard::{Page, Reader, Start};
use crate::client::ClientError;

/// Tries to find the children of a shard that has ended; they appear in the same moment as its end.
const CHILD_TRIES: u32 = 10;
const CHILD_PAUSE: Duration = Duration::from_millis(200);

/// What to do after a record was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Go {
    On,
    Stop,
}

/// Where records go.
pub(super) trait Sink {
    /// Shows a record of a shard.
    fn show(&mut self, shard: &str, record: Value) -> std::io::Result<Go>;
    /// Nothing more comes for the moment.
    fn flush(&mut self) -> std::io::Result<()>;
}

/// Why following ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Every shard is closed and shown.
    StreamEnded,
    /// The sink had enough.
    Enough,
}

/// One stream that is followed.
pub(super) struct Follower {
    pub(super) link: Arc<Link>,
    pub(super) stream: String,
    pub(super) start: Start,
    /// When following began, in seconds since 1970.
    pub(super) began_s: f64,
}

impl Follower {
    /// Shows records until the stream ends or the sink has enough.
    pub(super) async fn run(&self, sink: &mut dyn Sink) -> anyhow::Result<End> {
        let (pages, mut incoming) = mpsc::channel(16);
        let mut reading = Reading {
            follower: self,
            merge: Merge::default(),
            known: HashSet::new(),
            // Ends the readers when this function is left.
            tasks: JoinSet::new(),
            pages,
        };
        for shard in self.first_shards().await? {
            reading.begin(&shard, self.start.clone());
        }
        loop {
            while let Some((shard, record)) = reading.merge.next() {
                if sink.show(shard, record)? == Go::Stop {
                    sink.flush()?;
                    return Ok(End::Enough);
                }
            }
            if let Some(ended) = reading.merge.take_finished() {
                for child in self.children(&ended).await? {
                    reading.begin(&child, self.start_of_child());
                }
                continue;
            }
            sink.flush()?;
            if reading.merge.is_over() {
                return Ok(End::StreamEnded);
            }
            match incoming.recv().await {
                Some(page) => reading.merge.offer(page?),
                None => return Ok(End::StreamEnded),
            }
        }
    }

    /// Where a shard is begun that was found through its parent.
    fn start_of_child(&self) -> Start {
        match self.start {
            Start::Latest => Start::Beginning,
            ref other => other.clone(),
        }
    }

    /// The shards to begin with: the open ones for new records, otherwise those without a parent that is left.
    async fn first_shards(&self) -> Result<Vec<String>, ClientError> {
        let shards = self.all_shards().await?;
        let ids: HashSet<&str> = shards.iter().filter_map(id).collect();
        let first = shards.iter().filter(|shard| match self.start {
            Start::Latest => shard["SequenceNumberRange"]["EndingSequenceNumber"].is_null(),
            _ => shard["ParentShardId"]
                .as_str()
                .is_none_or(|parent| !ids.contains(parent)),
        });
        Ok(first.filter_map(id).map(str::to_owned).collect())
    }

    async fn all_shards(&self) -> Result<Vec<Value>, ClientError> {
        let mut input = json!({ "StreamArn": self.stream });
        let mut all = Vec::new();
        loop {
            let mut reply = self
                .link
                .streams("DescribeStream", &input, Duration::ZERO)
                .await?;
            let description = &mut reply["StreamDescription"];
            if let Value::Array(shards) = description["Shards"].take() {
                all.extend(shards);
            }
            match description["LastEvaluatedShardId"].as_str() {
                Some(last) => input["ExclusiveStartShardId"] = json!(last),
                None => return Ok(all),
            }
        }
    }

    /// The children of an ended shard; none if the stream ended with it.
    async fn children(&self, parent: &str) -> Result<Vec<String>, ClientError> {
        let filter = json!({ "Type": "CHILD_SHARDS", "ShardId": parent });
        let input = json!({ "StreamArn": self.stream, "ShardFilter": filter });
        for _ in 0..CHILD_TRIES {
            let reply = self
                .link
                .streams("DescribeStream", &input, Duration::ZERO)
                .await?;
            let description = &reply["StreamDescription"];
            let children = description["Shards"].as_array().into_iter().flatten();
            let children: Vec<String> = children.filter_map(id).map(str::to_owned).collect();
            if !children.is_empty() || description["StreamStatus"] != "ENABLED" {
                return Ok(children);
            }
            tokio::time::sleep(CHILD_PAUSE).await;
        }
        Ok(Vec::new())
    }
}

fn id(shard: &Value) -> Option<&str> {
    shard["ShardId"].as_str()
}

/// The shards that are being read.
struct Reading<'a> {
    follower: &'a Follower,
    merge: Merge,
    known: HashSet<String>,
    tasks: JoinSet<()>,
    pages: mpsc::Sender<Result<Page, ClientError>>,
}

impl Reading<'_> {
    /// Starts to read a shard, once.
    fn begin(&mut self, shard: &str, start: Start) {
        if !self.known.insert(shard.to_owned()) {
            return;
        }
        self.merge.add(shard);
        let reader = Reader {
            link: self.follower.link.clone(),
            stream: self.follower.stream.clone(),
            shard: shard.to_owned(),
            start,
            began_s: self.follower.began_s,
        };
        self.tasks.spawn(reader.run(self.pages.clone()));
    }
}
