//! The way to the server that outlasts its restarts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::client::{Client, ClientError};

/// First and longest pause before another try.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// A client that tries again for as long as an error may pass.
pub(super) struct Link {
    client: Client,
    troubled: AtomicBool,
}

impl Link {
    pub(super) fn new(client: Client) -> Self {
        Link {
            client,
            troubled: AtomicBool::new(false),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// One operation of DynamoDB Streams; comes back with an answer, or an error that would stay.
    pub(super) async fn streams(
        &self,
        operation: &str,
        input: &Value,
        wait: Duration,
    ) -> Result<Value, ClientError> {
        let mut pause = PAUSE_MIN;
        loop {
            // Answers to what was asked before the trouble do not end it.
            let troubled = self.troubled.load(Ordering::Relaxed);
            match self.client.streams(operation, input, wait).await {
                Err(error) if error.is_passing() => self.trouble(&error),
                other => {
                    if troubled {
                        self.well();
                    }
                    return other;
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Says once that something is wrong, however many shards meet it.
    fn trouble(&self, error: &ClientError) {
        if !self.troubled.swap(true, Ordering::Relaxed) {
            note(&format!("{error}; trying again until it works"));
        }
    }

    fn well(&self) {
        if self.troubled.swap(false, Ordering::Relaxed) {
            note("it works again");
        }
    }
}

/// Tells people something beside the records.
pub(super) fn note(text: &str) {
    crate::stdout::note(&format!("headwater: {text}"));
}
