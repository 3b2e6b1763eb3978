//! What a store needs of the version that opens it, by name.
//!
//! The first use of a feature whose content an earlier version would not follow puts its name into the catalog, in the
//! entry that begins the use or in one before it, and there it stays. A version that does not know a name refuses the
//! store, so that it never leaves an index behind, keeps what expires, or trims what somebody may ask for. Why and how:
//! docs/adr/0028.

use std::collections::BTreeSet;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use headwater_changelog::{Change, Entry, LogError};
use headwater_state::{Direction, Snapshot, StateError};

use crate::backups::{BackupKind, BackupRecord};
use crate::catalog_change::CatalogChange;
use crate::database::Database;
use crate::error::EngineError;
use crate::record::{CATALOG_TABLE, TableRecord, document_key, state_key};
use crate::token;

/// A feature that has to be known to whoever opens a store that uses it. A new one is one more here and in
/// [`Feature::ALL`], and what uses it in [`of_table`] or where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Feature {
    /// Entries of indexes are derived from those of items.
    SecondaryIndexes,
    /// So are those of vector indexes, in a form of their own.
    VectorIndexes,
    /// So are the times at which items expire.
    TimeToLive,
    /// The log is kept for days, with the item before in each entry.
    PointInTimeRecovery,
    /// Tables of copies that no request can name, and tables that are being copied into.
    Backups,
    /// Backups that go by themselves.
    SystemBackups,
    /// Tables that are being filled, by jobs that go on after a restart.
    Imports,
    /// Streams that nobody sees, and how far they were delivered.
    KinesisDestinations,
    /// Tokens under a number that no table gets.
    TransactionTokens,
}

impl Feature {
    const ALL: &'static [Feature] = &[
        Feature::SecondaryIndexes,
        Feature::VectorIndexes,
        Feature::TimeToLive,
        Feature::PointInTimeRecovery,
        Feature::Backups,
        Feature::SystemBackups,
        Feature::Imports,
        Feature::KinesisDestinations,
        Feature::TransactionTokens,
    ];

    /// The name in the catalog, which never changes.
    fn name(self) -> &'static str {
        match self {
            Feature::SecondaryIndexes => "secondary-indexes",
            Feature::VectorIndexes => "vector-indexes",
            Feature::TimeToLive => "time-to-live",
            Feature::PointInTimeRecovery => "point-in-time-recovery",
            Feature::Backups => "backups",
            Feature::SystemBackups => "system-backups",
            Feature::Imports => "imports",
            Feature::KinesisDestinations => "kinesis-destinations",
            Feature::TransactionTokens => "transaction-tokens",
        }
    }

    /// The key of its document in the catalog.
    pub(crate) fn document_key(self) -> Vec<u8> {
        let mut key = vec![document_key::FEATURE];
        key.extend_from_slice(self.name().as_bytes());
        key
    }

    /// Whether the key of a document of one that is known begins so.
    fn may_begin_with(key: &[u8]) -> bool {
        let name = key.get(1..).unwrap_or_default();
        let mut all = Self::ALL.iter();
        all.any(|feature| feature.name().as_bytes().starts_with(name))
    }

    /// The feature of a document's key.
    ///
    /// # Errors
    /// The name, if this version does not know it.
    pub(crate) fn of_key(key: &[u8]) -> Result<Self, String> {
        let name = key.get(1..).unwrap_or_default();
        let mut all = Self::ALL.iter();
        all.find(|feature| feature.name().as_bytes() == name)
            .copied()
            .ok_or_else(|| name.escape_ascii().to_string())
    }
}

/// What a table's definition uses.
fn of_table(record: &TableRecord) -> impl Iterator<Item = Feature> {
    [
        (!record.indexes.is_empty(), Feature::SecondaryIndexes),
        (
            record.indexes.iter().any(|index| index.vector.is_some()),
            Feature::VectorIndexes,
        ),
        (record.ttl.is_some(), Feature::TimeToLive),
        (record.pitr.is_some(), Feature::PointInTimeRecovery),
        (record.restore.is_some(), Feature::Backups),
        (record.is_being_filled(), Feature::Imports),
        (!record.kinesis.is_empty(), Feature::KinesisDestinations),
    ]
    .into_iter()
    .filter_map(|(is_used, feature)| is_used.then_some(feature))
}

/// What tables and backups use, together.
pub(crate) fn of_records<'a>(
    tables: impl IntoIterator<Item = &'a TableRecord>,
    backups: impl IntoIterator<Item = &'a BackupRecord>,
) -> BTreeSet<Feature> {
    let of_tables = tables.into_iter().flat_map(of_table);
    let of_backups = backups.into_iter().map(|backup| match backup.kind {
        BackupKind::User => Feature::Backups,
        BackupKind::System => Feature::SystemBackups,
    });
    of_tables.chain(of_backups).collect()
}

/// Names of features that this version does not know, gathered from a catalog or a log.
#[derive(Default)]
pub(crate) struct Unknown(BTreeSet<String>);

impl Unknown {
    /// Those that the state's catalog has.
    ///
    /// # Errors
    /// [`EngineError::State`].
    pub(crate) fn of_state(snapshot: &dyn Snapshot) -> Result<Self, EngineError> {
        let mut unknown = Unknown::default();
        let from = state_key(CATALOG_TABLE, &[document_key::FEATURE]);
        let to = state_key(CATALOG_TABLE, &[document_key::FEATURE + 1]);
        let (from, to) = (Bound::Included(&from[..]), Bound::Excluded(&to[..]));
        let mut unreadable = None;
        // The names are in the keys: a damaged value is found by whoever looks for damage. Of a block that can't be read there
        // is no more than the beginning of its first key.
        snapshot.scan_checked(from, to, Direction::Forward, &mut |key, value| {
            let key = key.get(4..).unwrap_or_default();
            match value {
                Err(error @ StateError::Io { .. }) => {
                    unreadable = Some(error);
                    return ControlFlow::Break(());
                }
                Err(_) if Feature::may_begin_with(key) => {}
                _ => unknown.note(key),
            }
            ControlFlow::Continue(())
        })?;
        unreadable.map_or(Ok(unknown), |error| Err(error.into()))
    }

    /// Adds those that an entry of the log brings.
    pub(crate) fn entry(&mut self, entry: &Entry) {
        for change in &entry.changes {
            if names_feature(change) {
                self.note(&change.key);
            }
        }
    }

    fn note(&mut self, key: &[u8]) {
        self.0.extend(Feature::of_key(key).err());
    }

    /// Refuses what would not be followed.
    ///
    /// # Errors
    /// [`EngineError::UnknownFeatures`] if there are any.
    pub(crate) fn refuse(self) -> Result<(), EngineError> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(EngineError::UnknownFeatures {
                names: self.0.into_iter().collect(),
            }),
        }
    }
}

fn names_feature(change: &Change) -> bool {
    change.table == CATALOG_TABLE && change.key.first() == Some(&document_key::FEATURE)
}

/// Refuses to follow the log beyond the name of what this version does not know.
///
/// # Errors
/// [`EngineError::UnknownFeatures`].
pub(crate) fn check(change: &Change) -> Result<(), EngineError> {
    let mut unknown = Unknown::default();
    if names_feature(change) {
        unknown.note(&change.key);
    }
    unknown.refuse()
}

impl Database {
    /// Names a feature in the catalog, unless it is named already. What is enqueued afterwards stands behind the name
    /// in the log, so nobody need wait for it.
    ///
    /// # Errors
    /// [`EngineError::Log`].
    pub(crate) fn require(&self, feature: Feature) -> Result<(), EngineError> {
        if self.names(feature) {
            return Ok(());
        }
        let _change = self.inner.catalog.change.lock();
        if self.names(feature) {
            return Ok(());
        }
        let mut change = CatalogChange::default();
        change.features.insert(feature);
        self.commit_catalog(change, &[])?;
        Ok(())
    }

    fn names(&self, feature: Feature) -> bool {
        let maps = self.inner.catalog.maps.read();
        maps.features.contains(&feature)
    }

    /// Names what the store uses and nobody named yet: stores of disk format 3 did not.
    ///
    /// # Errors
    /// [`EngineError::State`], [`EngineError::Log`]; a disk without room is none.
    pub(crate) fn name_features(&self) -> Result<(), EngineError> {
        let mut used: BTreeSet<Feature> = {
            let maps = self.inner.catalog.maps.read();
            let records: Vec<_> = maps.all_tables().map(|table| table.record()).collect();
            let backups = maps.backups.values().map(Arc::as_ref);
            of_records(records.iter().map(Arc::as_ref), backups)
        };
        if token::any(self.inner.state.snapshot().as_ref())? {
            used.insert(Feature::TransactionTokens);
        }
        for feature in used {
            match self.require(feature) {
                // It can wait until the next opening: this version knows what it does.
                Err(EngineError::Log(LogError::NoRoom { .. })) => break,
                named => named?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Feature;

    #[test]
    fn each_feature_is_found_by_its_own_key() {
        for feature in Feature::ALL {
            assert_eq!(Feature::of_key(&feature.document_key()), Ok(*feature));
        }
        let unknown = Feature::of_key(b"rtime-travel");
        assert_eq!(unknown, Err("time-travel".to_owned()));
    }
}
