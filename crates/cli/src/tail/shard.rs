//! Reading one shard from a position to its end.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::link::{Link, note};
use crate::client::ClientError;

/// How long the server may hold a request open until a record comes.
const WAIT: Duration = Duration::from_secs(1);

/// Where reading begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Start {
    /// With what is written from now on.
    Latest,
    /// With the oldest record there is.
    Beginning,
    /// With the first record of this moment, in seconds since 1970.
    At(f64),
}

/// What a shard gave at once.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) shard: String,
    pub(super) records: Vec<Value>,
    /// Whether nothing comes after these.
    pub(super) closed: bool,
    /// To be sent when the records are shown; then the next page is read.
    pub(super) shown: oneshot::Sender<()>,
}

/// One shard that is being read.
pub(super) struct Reader {
    pub(super) link: Arc<Link>,
    pub(super) stream: String,
    pub(super) shard: String,
    pub(super) start: Start,
    /// When following began, in seconds since 1970.
    pub(super) began_s: f64,
}

impl Reader {
    /// Sends page after page until the shard ends, an error stays, or nobody listens any more.
    pub(super) async fn run(mut self, pages: mpsc::Sender<Result<Page, ClientError>>) {
        if let Err(error) = self.read(&pages).await {
            // Nobody listens when the command is ending.
            let _ = pages.send(Err(error)).await;
        }
    }

    async fn read(
        &mut self,
        pages: &mpsc::Sender<Result<Page, ClientError>>,
    ) -> Result<(), ClientError> {
        let mut last = None;
        let mut iterator = self.iterator(None).await?;
        let mut wait = Duration::ZERO;
        loop {
            let mut reply = match self.records(&iterator, wait).await {
                Ok(reply) => reply,
                Err(error) => {
                    self.recover(error, &mut last)?;
                    iterator = self.iterator(last.as_deref()).await?;
                    continue;
                }
            };
            let records = match reply["Records"].take() {
                Value::Array(records) => records,
                _ => Vec::new(),
            };
            if records.is_empty() {
                // All there was is read: from here on records come as they are written.
                wait = WAIT;
            }
            if let Some(sequence) = records.last().and_then(sequence) {
                last = Some(sequence.to_owned());
            }
            let next = reply["NextShardIterator"].as_str().map(str::to_owned);
            let (shown, was_shown) = oneshot::channel();
            let page = Page {
                shard: self.shard.clone(),
                records,
                closed: next.is_none(),
                shown,
            };
            if pages.send(Ok(page)).await.is_err() || was_shown.await.is_err() {
                return Ok(());
            }
            match next {
                Some(next) => iterator = next,
                None => return Ok(()),
            }
        }
    }

    async fn records(&self, iterator: &str, wait: Duration) -> Result<Value, ClientError> {
        self.link
            .streams("GetRecords", &json!({ "ShardIterator": iterator }), wait)
            .await
    }

    /// Prepares for a new iterator after an error, if one can help.
    fn recover(
        &mut self,
        error: ClientError,
        last: &mut Option<String>,
    ) -> Result<(), ClientError> {
        match error.code() {
            "ExpiredIteratorException" => {
                if self.start == Start::Latest {
                    self.start = Start::At(self.began_s);
                }
                Ok(())
            }
            "TrimmedDataAccessException" => {
                note(
                    "records were older than the retention before they were read; going on with the oldest",
                );
                self.start = Start::Beginning;
                *last = None;
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// An iterator after the last record that was read, or where reading begins.
    async fn iterator(&mut self, last: Option<&str>) -> Result<String, ClientError> {
        let mut last = last.map(str::to_owned);
        loop {
            let input = self.iterator_input(last.as_deref());
            match self
                .link
                .streams("GetShardIterator", &input, Duration::ZERO)
                .await
            {
                Ok(reply) => {
                    return Ok(reply["ShardIterator"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned());
                }
                Err(error) if self.start == Start::Beginning && last.is_none() => {
                    return Err(error);
                }
                Err(error) => self.recover(error, &mut last)?,
            }
        }
    }

    fn iterator_input(&self, last: Option<&str>) -> Value {
        let mut input = json!({ "StreamArn": self.stream, "ShardId": self.shard });
        let kind = match (last, &self.start) {
            (Some(last), _) => {
                input["SequenceNumber"] = json!(last);
                "AFTER_SEQUENCE_NUMBER"
            }
            (None, Start::Latest) => "LATEST",
            (None, Start::Beginning) => "TRIM_HORIZON",
            (None, Start::At(second)) => {
                input["Timestamp"] = json!(second);
                "AT_TIMESTAMP"
            }
        };
        input["ShardIteratorType"] = json!(kind);
        input
    }
}

/// A record's sequence number.
pub(super) fn sequence(record: &Value) -> Option<&str> {
    record["dynamodb"]["SequenceNumber"].as_str()
}
