//! When provisioned throughput went up and down. It goes down as often as somebody likes four times a day, and then once an
//! hour (recorded 2026); here that holds where throughput is enforced.

use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::record::{TableRecord, Throughput};
use crate::tables::TableChange;

const HOUR_MS: u64 = 60 * 60 * 1000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Decreases of a day for which nobody waits.
const FREE_DECREASES: u32 = 4;

/// When the provisioned throughput of a table or of a global index changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThroughputChanges {
    /// Time of the last increase, milliseconds.
    pub increased_ms: Option<u64>,
    /// Time of the last decrease, milliseconds.
    pub decreased_ms: Option<u64>,
    /// Decreases within the day of the last one.
    #[serde(default)]
    decreases: u32,
}

/// Provisioned throughput can't go down yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("provisioned throughput went down {today} times today")]
pub struct TooManyDecreases {
    /// Decreases of the day.
    pub today: u32,
    /// The last one, milliseconds.
    pub last_ms: u64,
    /// When there may be another one, milliseconds.
    pub next_ms: u64,
}

impl ThroughputChanges {
    /// Decreases within the day of a moment, of UTC.
    pub fn decreases_today(&self, now_ms: u64) -> u32 {
        match self.decreased_ms {
            Some(last_ms) if last_ms / DAY_MS == now_ms / DAY_MS => self.decreases,
            _ => 0,
        }
    }

    /// Notes a change. Where one part goes up and the other one down it is both (recorded 2026).
    pub(crate) fn note(&mut self, old: Throughput, new: Throughput, now_ms: u64) {
        if new.read > old.read || new.write > old.write {
            self.increased_ms = Some(now_ms);
        }
        if is_decrease(old, new) {
            self.decreases = self.decreases_today(now_ms) + 1;
            self.decreased_ms = Some(now_ms);
        }
    }

    fn admit(&self, old: Throughput, new: Throughput, now_ms: u64) -> Result<(), TooManyDecreases> {
        let today = self.decreases_today(now_ms);
        let (Some(last_ms), true) = (self.decreased_ms, is_decrease(old, new)) else {
            return Ok(());
        };
        let next_day_ms = (last_ms / DAY_MS + 1) * DAY_MS;
        let next_ms = (last_ms + HOUR_MS).min(next_day_ms);
        match today >= FREE_DECREASES && now_ms < next_ms {
            true => Err(TooManyDecreases {
                today,
                last_ms,
                next_ms,
            }),
            false => Ok(()),
        }
    }
}

fn is_decrease(old: Throughput, new: Throughput) -> bool {
    new.read < old.read || new.write < old.write
}

/// Refuses a change with which the table, or one of its indexes, would go down too often; each is counted by itself
/// (recorded 2026).
pub(crate) fn refuse_decreases(
    record: &TableRecord,
    wanted: &TableChange,
    now_ms: u64,
) -> Result<(), EngineError> {
    if let Some(new) = wanted.throughput {
        record.changes.admit(record.throughput, new, now_ms)?;
    }
    for wanted in &wanted.index_throughput {
        let mut kept = record.indexes.iter().filter(|index| index.is_kept());
        let found = kept.find(|index| index.name == wanted.index);
        if let (Some(index), Some(new)) = (found, wanted.throughput) {
            index.changes.admit(index.throughput, new, now_ms)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{DAY_MS, HOUR_MS, ThroughputChanges};
    use crate::record::Throughput;

    const HIGH: Throughput = Throughput { read: 9, write: 9 };
    const LOW: Throughput = Throughput { read: 9, write: 8 };

    #[test]
    fn what_earlier_versions_kept_counts_from_none() {
        let text = r#"{"increased_ms":null,"decreased_ms":1760000000000}"#;
        let mut changes: ThroughputChanges = serde_json::from_str(text).unwrap();
        assert_eq!(changes.decreases_today(1_760_000_000_001), 0);
        changes.note(HIGH, LOW, 1_760_000_000_001);
        assert_eq!(changes.decreases_today(1_760_000_000_002), 1);
    }

    #[test]
    fn the_next_decrease_is_an_hour_or_a_midnight_away() {
        let day_ms = 20_000 * DAY_MS;
        let mut changes = ThroughputChanges::default();
        for _ in 0..4 {
            assert_eq!(changes.admit(HIGH, LOW, day_ms), Ok(()));
            changes.note(HIGH, LOW, day_ms);
        }
        let refused = changes.admit(HIGH, LOW, day_ms + HOUR_MS - 1).unwrap_err();
        assert_eq!((refused.today, refused.next_ms), (4, day_ms + HOUR_MS));
        assert_eq!(changes.admit(LOW, HIGH, day_ms), Ok(()));
        assert_eq!(changes.admit(HIGH, LOW, day_ms + HOUR_MS), Ok(()));
        changes.note(HIGH, LOW, day_ms + DAY_MS - 1);
        let refused = changes.admit(HIGH, LOW, day_ms + DAY_MS - 1).unwrap_err();
        assert_eq!((refused.today, refused.next_ms), (5, day_ms + DAY_MS));
        assert_eq!(changes.decreases_today(day_ms + DAY_MS), 0);
        assert_eq!(changes.admit(HIGH, LOW, day_ms + DAY_MS), Ok(()));
    }
}
