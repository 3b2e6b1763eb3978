//! Redriving: the oldest first, until too many have failed.

use clap::ArgMatches;
use serde_json::json;

use super::store::{Redriven, Store};
use super::words::error;
use super::{chosen, missing};
use crate::client::ClientError;
use crate::stdout;

/// What came of redriving many.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    redriven: usize,
    failed: usize,
    gone: usize,
    /// Not tried, since too many had failed or the server could not be asked.
    left: usize,
}

pub(super) async fn run(store: &Store, matches: &ArgMatches) -> anyhow::Result<bool> {
    let Some(chosen) = chosen(store, matches).await? else {
        return Ok(false);
    };
    let failures_max = matches.get_one::<u64>("failures-max").copied().unwrap_or(1);
    let failures_max = usize::try_from(failures_max).unwrap_or(usize::MAX);
    let (tally, ended) = redrive_all(store, &chosen.ids, failures_max, chosen.is_named).await;
    let Tally {
        redriven,
        failed,
        gone,
        left,
    } = tally;
    let text = match matches.get_flag("json") {
        true => json!({ "redriven": redriven, "failed": failed, "gone": gone, "left": left })
            .to_string(),
        false => format!("{redriven} redriven, {failed} failed, {left} not tried"),
    };
    stdout::write(&(text + "\n"))?;
    ended?;
    Ok(chosen.is_whole && failed == 0 && !(chosen.is_named && gone > 0))
}

/// What came of it, and why it ended before its time, if it did.
async fn redrive_all(
    store: &Store,
    ids: &[String],
    failures_max: usize,
    is_named: bool,
) -> (Tally, Result<(), ClientError>) {
    let mut tally = Tally::default();
    for (at, id) in ids.iter().enumerate() {
        match store.redrive(id).await {
            Ok(Redriven::Succeeded) => tally.redriven += 1,
            Ok(Redriven::Gone) => {
                tally.gone += 1;
                if is_named {
                    missing(id);
                }
            }
            Ok(Redriven::Failed(why)) => {
                tally.failed += 1;
                stdout::note(&format!("headwater: {id}: {}", error(&why)));
                if tally.failed >= failures_max {
                    tally.left = ids.len() - at - 1;
                    break;
                }
            }
            Err(error) => {
                tally.left = ids.len() - at;
                return (tally, Err(error));
            }
        }
    }
    (tally, Ok(()))
}
