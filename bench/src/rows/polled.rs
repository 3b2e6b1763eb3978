//! What polling costs: a loop as emulators have it, which asks every shard four times a second and calls the function
//! with what it finds. The function is the compiled one of the row beside it.

use super::Stage;
use crate::api;
use crate::client::Client;
use crate::request::STREAMS;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// AWS polls as often (triggers.md section 2).
const INTERVAL: Duration = Duration::from_millis(250);

/// A loop that polls until it is dropped.
pub struct Poller {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Poller {
    /// Polls a stream from its newest record on.
    pub fn start(stage: &Stage, stream_arn: &str, function: &str) -> Result<Self> {
        let mut client = stage.client()?;
        let mut iterators = Vec::new();
        for shard in api::shards(&mut client, stream_arn)? {
            iterators.push(api::shard_iterator(
                &mut client,
                stream_arn,
                &shard,
                "LATEST",
            )?);
        }
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let over = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let over = over.clone();
            move || {
                while !over.load(Ordering::SeqCst) {
                    let begun = Instant::now();
                    for iterator in &mut iterators {
                        poll(&mut client, iterator, &path)?;
                    }
                    crate::server::pause(INTERVAL.saturating_sub(begun.elapsed()));
                }
                Ok(())
            }
        });
        Ok(Self {
            over,
            thread: Some(thread),
        })
    }

    /// Ends it.
    ///
    /// # Errors
    /// What went wrong in it.
    pub fn stop(mut self) -> Result<()> {
        self.over.store(true, Ordering::SeqCst);
        let thread = self.thread.take().context("it has ended")?;
        thread
            .join()
            .map_err(|_| anyhow::anyhow!("the poller panicked"))?
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

fn poll(client: &mut Client, iterator: &mut String, path: &str) -> Result<()> {
    let request = json!({"ShardIterator": iterator}).to_string();
    let reply = client.call(STREAMS, "GetRecords", &request)?;
    let mut page: Value = serde_json::from_slice(reply)?;
    if let Some(next) = page["NextShardIterator"].as_str() {
        next.clone_into(iterator);
    }
    let records = page["Records"].take();
    if records
        .as_array()
        .is_some_and(|records| !records.is_empty())
    {
        let event = json!({ "Records": records }).to_string();
        let reply = client.rest("POST", path, "lambda", &event)?;
        ensure!(reply.status == 200, "Invoke: {}", reply.status);
    }
    Ok(())
}
