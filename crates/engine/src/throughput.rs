//! What is said of throughput beyond the provisioned units: the maxima of on-demand tables, and warm throughput, which
//! only ever grows. Nothing here is enforced; descriptions show it.

use crate::index_record::IndexRecord;
use crate::record::{BillingMode, OnDemandThroughput, TableRecord, Throughput};

/// Warm throughput of every on-demand table and index (dynamodb-api.md section 5, recorded).
pub const ON_DEMAND_WARM_THROUGHPUT: Throughput = Throughput {
    read: 12_000,
    write: 4_000,
};

/// A change of the maxima of an on-demand table; absent parts stay as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnDemandChange {
    /// Most read request units per second; `Some(None)` removes the maximum.
    pub read_max: Option<Option<i64>>,
    /// Most write request units per second, likewise.
    pub write_max: Option<Option<i64>>,
}

impl OnDemandChange {
    /// The maxima after it; `None` if there are none left.
    pub(crate) fn apply(self, present: Option<OnDemandThroughput>) -> Option<OnDemandThroughput> {
        let present = present.unwrap_or_default();
        let after = OnDemandThroughput {
            read_max: self.read_max.unwrap_or(present.read_max),
            write_max: self.write_max.unwrap_or(present.write_max),
        };
        (after != OnDemandThroughput::default()).then_some(after)
    }
}

impl Throughput {
    /// The higher one of each part.
    #[must_use]
    pub fn max(self, other: Throughput) -> Throughput {
        Throughput {
            read: self.read.max(other.read),
            write: self.write.max(other.write),
        }
    }
}

impl TableRecord {
    /// The table's warm throughput: what it was raised to, and at least what it is billed for.
    pub fn warm_throughput(&self) -> Throughput {
        self.warm.max(billed(self.billing, self.throughput))
    }
}

impl IndexRecord {
    /// The index's warm throughput, in a table that is billed so; see [`TableRecord::warm_throughput`].
    pub fn warm_throughput(&self, billing: BillingMode) -> Throughput {
        self.warm.max(billed(billing, self.throughput))
    }
}

fn billed(billing: BillingMode, throughput: Throughput) -> Throughput {
    match billing {
        BillingMode::PayPerRequest => ON_DEMAND_WARM_THROUGHPUT,
        BillingMode::Provisioned => throughput,
    }
}
