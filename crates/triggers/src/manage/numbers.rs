//! What the triggers count, as plain numbers for whoever shows metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::registry::MappingRecord;
use crate::triggers::Triggers;

/// Numbers of all mappings and of the dead-letter store, over all namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TriggerNumbers {
    /// Each mapping that there is, the oldest first.
    pub mappings: Vec<MappingNumbers>,
    /// Batches in the dead-letter store.
    pub dead_letters: u64,
    /// Batches that made room in it for others, since the start.
    pub dead_letters_pushed_out: u64,
}

/// Numbers of one mapping; what is counted is counted since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingNumbers {
    /// Its UUID.
    pub uuid: String,
    /// The function's name, with its qualifier if the mapping has one.
    pub function: String,
    /// The table that the stream is of.
    pub table: String,
    /// Invocations that reached the function, and ended.
    pub invocations: u64,
    /// Those of them that failed, or whose answers named failed records.
    pub errors: u64,
    /// Times that the function was not reached; none of the invocations.
    pub unreached: u64,
    /// Records that are done.
    pub records: u64,
    /// Records that no filter let through.
    pub filtered_records: u64,
    /// Records that were given up.
    pub dropped_records: u64,
    /// Batches that were given up and that a destination took.
    pub destination_batches: u64,
    /// Batches that were given up and that a destination did not take; they are in the dead-letter store.
    pub destination_failures: u64,
    /// Age of the last record of a batch when it was done, of the batch that was done last; the greatest of the shards
    /// that are delivered now. In milliseconds; `None` if no batch of them was done yet.
    pub iterator_age_ms: Option<u64>,
    /// Batches that are at the function now.
    pub in_flight: u64,
}

impl Triggers {
    /// The numbers as they are now.
    pub fn numbers(&self) -> TriggerNumbers {
        let at_work = self.board.at_work();
        let (held, pushed_out) = self.dead_letters.counts();
        let numbers = |mapping: &MappingRecord| {
            let counts = self.board.counted(&mapping.uuid);
            let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
            let now = at_work.get(&mapping.uuid).copied().unwrap_or_default();
            MappingNumbers {
                uuid: mapping.uuid.clone(),
                function: function(&mapping.function_arn).to_owned(),
                table: table(&mapping.stream_arn).to_owned(),
                invocations: read(&counts.calls),
                errors: read(&counts.failed_calls),
                unreached: read(&counts.unreached),
                records: read(&counts.records),
                filtered_records: read(&counts.filtered),
                dropped_records: read(&counts.dropped),
                destination_batches: read(&counts.sent),
                destination_failures: read(&counts.unsent),
                iterator_age_ms: now.age_ms,
                in_flight: number(now.in_flight),
            }
        };
        TriggerNumbers {
            mappings: self.mappings.all().iter().map(|m| numbers(m)).collect(),
            dead_letters: number(held),
            dead_letters_pushed_out: pushed_out,
        }
    }
}

/// What follows `:function:` in an ARN.
fn function(arn: &str) -> &str {
    arn.split_once(":function:").map_or(arn, |(_, name)| name)
}

/// The table's name in the ARN of a stream.
fn table(arn: &str) -> &str {
    arn.split('/').nth(1).unwrap_or(arn)
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{function, table};

    #[test]
    fn names_in_arns() {
        assert_eq!(function("arn:aws:lambda:r:1:function:f"), "f");
        assert_eq!(function("arn:aws:lambda:r:1:function:f:live"), "f:live");
        assert_eq!(table("arn:aws:dynamodb:r:1:table/users/stream/x"), "users");
    }
}
