//! Throughput that is enforced, where it is: letting reads in, and telling what would have been exceeded.

use std::sync::Arc;

use headwater_engine::{
    Command, EngineError, ExceededThroughput, Identity, Index, ItemCommand, Outcome, ReadOf, Table,
    Throttled, ThroughputUse,
};
use headwater_model::StorageKey;
use headwater_wire::messages::throughput::{self, Exceeded};
use headwater_wire::{ApiError, CancellationReason, ThrottlingReason};

use crate::api::Api;
use crate::failure::{internal, of_items};
use crate::transaction::of_transaction;

impl Api {
    /// Lets a read in, unless the throughput of what it reads is used up.
    pub(crate) fn admit_read(
        &self,
        table: &Table,
        index: Option<&Index>,
        of: ReadOf<'_>,
    ) -> Result<(), ApiError> {
        let admitted = self.database.admit_read(table, index, of);
        admitted.map_err(of_items)
    }

    /// Lets the reads of a transaction in, all or none.
    pub(crate) fn admit_reads(&self, gets: &[(Arc<Table>, StorageKey)]) -> Result<(), ApiError> {
        let throttled = gets.iter().map(|(table, key)| {
            match self.database.admit_read(table, None, ReadOf::Item(key)) {
                Err(EngineError::Throttled(one)) => one.into_iter().flatten().next(),
                _ => None,
            }
        });
        let throttled: Vec<Option<Throttled>> = throttled.collect();
        match throttled.iter().any(Option::is_some) {
            true => Err(of_transaction(EngineError::Throttled(throttled))),
            false => Ok(()),
        }
    }

    /// Carries out the writes of a batch, each by itself as far as throughput goes. What is not let in has no outcome;
    /// if that is all of it, the batch is refused.
    pub(crate) async fn write_batch(
        &self,
        items: Vec<ItemCommand>,
    ) -> Result<Vec<Option<Outcome>>, ApiError> {
        let identity = Identity::None;
        if !self.database.enforces_throughput() {
            let written = self.database.write(Command { items, identity }).await;
            return Ok(written.map_err(of_items)?.into_iter().map(Some).collect());
        }
        let mut outcomes = vec![None; items.len()];
        let mut open: Vec<usize> = (0..items.len()).collect();
        loop {
            let command = Command {
                items: open.iter().map(|place| items[*place].clone()).collect(),
                identity,
            };
            let throttled = match self.database.write(command).await {
                Ok(written) => {
                    for (place, outcome) in open.into_iter().zip(written) {
                        outcomes[place] = Some(outcome);
                    }
                    return Ok(outcomes);
                }
                Err(EngineError::Throttled(throttled)) => throttled,
                Err(error) => return Err(of_items(error)),
            };
            let admitted = open.iter().zip(&throttled);
            let admitted = admitted.filter(|(_, throttled)| throttled.is_none());
            let admitted: Vec<usize> = admitted.map(|(place, _)| *place).collect();
            if admitted.is_empty() {
                return Err(of_items(EngineError::Throttled(throttled)));
            }
            if admitted.len() == open.len() {
                return Err(internal("a batch was throttled without a reason"));
            }
            open = admitted;
        }
    }
}

/// The error of a request that is not let in.
pub(crate) fn of_throttled(throttled: &[Option<Throttled>]) -> ApiError {
    match throttled.iter().flatten().next() {
        Some(exceeded) => {
            let reasons = exceeded.iter().map(reason).collect();
            throughput::exceeded(what(exceeded), reasons)
        }
        None => internal("a command was throttled without a reason"),
    }
}

/// The same of an action of a transaction.
pub(crate) fn cancellation(throttled: &Throttled) -> CancellationReason {
    throughput::reason_exceeded(what(throttled))
}

fn what(exceeded: &[ExceededThroughput]) -> Exceeded {
    match exceeded.first() {
        Some(first) if first.is_on_demand => Exceeded::Maximum,
        Some(first) if first.is_index => Exceeded::Index,
        _ => Exceeded::Table,
    }
}

/// Resource, use and limit in one word (model).
fn reason(exceeded: &ExceededThroughput) -> ThrottlingReason {
    let resource = if exceeded.is_index { "Index" } else { "Table" };
    let usage = match exceeded.usage {
        ThroughputUse::Read => "Read",
        ThroughputUse::Write => "Write",
    };
    let limit = match exceeded.is_on_demand {
        true => "MaxOnDemandThroughputExceeded",
        false => "ProvisionedThroughputExceeded",
    };
    ThrottlingReason {
        reason: format!("{resource}{usage}{limit}"),
        resource: exceeded.arn.clone(),
    }
}
