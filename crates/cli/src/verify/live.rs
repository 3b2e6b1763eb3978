//! Verifying a running server: the server does it, this starts it and waits.

use anyhow::bail;
use clap::ArgMatches;
use serde_json::Value;

use super::{PROGRESS_INTERVAL, show, shows_progress};
use crate::client::{Client, Identity};

const PATH: &str = "/_headwater/verify";

pub(super) fn verify(matches: &ArgMatches) -> anyhow::Result<Value> {
    let Some(endpoint) = matches.get_one::<String>("endpoint") else {
        bail!("--endpoint is missing");
    };
    // Neither matters to what is Headwater's own.
    let identity = Identity {
        access_key: "local".to_owned(),
        region: "us-east-1".to_owned(),
    };
    let client = Client::new(endpoint, identity)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(follow(&client, shows_progress(matches)))
}

async fn follow(client: &Client, shows: bool) -> anyhow::Result<Value> {
    client.own_post(PATH).await?;
    loop {
        let mut now = client.own(PATH).await?;
        match now["status"].as_str() {
            Some("running") => {}
            Some("done") => return Ok(now["result"].take()),
            _ => bail!(
                "the verification ended without a result: {}",
                now["message"].as_str().unwrap_or("no reason was given")
            ),
        }
        if shows {
            show(now["percent"].as_u64().unwrap_or_default());
        }
        tokio::time::sleep(PROGRESS_INTERVAL).await;
    }
}
