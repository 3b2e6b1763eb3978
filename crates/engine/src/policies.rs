//! Resource policies of tables and streams: kept in the catalog with a revision, and never applied here.

use serde::{Deserialize, Serialize};

use crate::catalog_change::CatalogChange;
use crate::database::Database;
use crate::error::EngineError;
use crate::record::{StreamRecord, TableRecord, TableStatus};

/// A resource policy, or what is left of one that was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// The document; `None` once it was removed.
    pub document: Option<String>,
    /// When it was last changed, milliseconds since the epoch. Each change has a later one.
    pub revision_ms: u64,
}

/// What is to become of a policy.
#[derive(Clone, Debug, Default)]
pub struct PolicyChange {
    /// The document; `None` removes the one that is there.
    pub document: Option<String>,
    /// What has to be there before.
    pub expected: Option<ExpectedPolicy>,
}

/// The policy that has to be there before a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedPolicy {
    /// None.
    Absent,
    /// The one of this revision.
    Revision(String),
}

/// The policy that is there is not the one that a change expects.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another policy than {expected:?} is there")]
pub struct PolicyMismatch {
    /// Name of the table, or of the table of the stream.
    pub table: String,
    /// What was expected.
    pub expected: ExpectedPolicy,
    /// Revision of the policy that is there, if there is one.
    pub found_ms: Option<u64>,
}

/// What a change comes to.
#[derive(Debug, PartialEq, Eq)]
struct Decided {
    /// The record to keep, if it changes.
    new: Option<PolicyRecord>,
    /// The revision to answer with.
    revision_ms: Option<u64>,
}

impl PolicyRecord {
    fn revision(&self) -> Option<u64> {
        self.document.as_ref().map(|_| self.revision_ms)
    }
}

impl Database {
    /// Puts or removes the policy of a table. A document that is there already changes nothing. Answers with the
    /// revision of what was put, or of what was removed, now or the last time; `None` if there never was any.
    ///
    /// # Errors
    /// [`EngineError::TableNotFound`]; [`EngineError::TableInUse`] while it is being deleted;
    /// [`EngineError::Policy`]; [`EngineError::Log`].
    pub async fn change_table_policy(
        &self,
        namespace: &str,
        name: &str,
        wanted: PolicyChange,
    ) -> Result<Option<u64>, EngineError> {
        let (revision_ms, position) = {
            let _change = self.inner.catalog.change.lock();
            let table = self.table(namespace, name)?;
            let mut record = (*table.record()).clone();
            self.not_deleting(&record)?;
            let present = record.policy.as_ref();
            let decided = decide(&record.name, present, wanted, self.inner.clock.now_ms())?;
            let position = match decided.new {
                // Without a change the request still waits for what it has seen.
                None => self.inner.catalog.maps.read().changed_at,
                Some(policy) => {
                    record.policy = Some(policy);
                    let mut change = CatalogChange::default();
                    change.tables.push(record);
                    self.commit_catalog(change, &[table])?
                }
            };
            (decided.revision_ms, position)
        };
        self.inner.log.wait_durable(position).await?;
        Ok(revision_ms)
    }

    /// As [`Database::change_table_policy`], of a stream; `None` if it is gone.
    ///
    /// # Errors
    /// [`EngineError::Policy`]; [`EngineError::Log`].
    pub async fn change_stream_policy(
        &self,
        stream: u32,
        wanted: PolicyChange,
    ) -> Result<Option<Option<u64>>, EngineError> {
        let (revision_ms, position) = {
            let _change = self.inner.catalog.change.lock();
            let known = self.inner.catalog.maps.read().streams.get(&stream).cloned();
            let Some(stream) = known else {
                return Ok(None);
            };
            let present = stream.policy.as_ref();
            let now_ms = self.inner.clock.now_ms();
            let decided = decide(&stream.table_name, present, wanted, now_ms)?;
            let position = match decided.new {
                None => self.inner.catalog.maps.read().changed_at,
                Some(policy) => {
                    let mut change = CatalogChange::default();
                    change.streams.push(StreamRecord {
                        policy: Some(policy),
                        ..(*stream).clone()
                    });
                    self.commit_catalog(change, &[])?
                }
            };
            (decided.revision_ms, position)
        };
        self.inner.log.wait_durable(position).await?;
        Ok(Some(revision_ms))
    }

    /// The policy of a stream, once what it says is durable.
    ///
    /// # Errors
    /// [`EngineError::Log`].
    pub async fn stream_policy(&self, stream: u32) -> Result<Option<PolicyRecord>, EngineError> {
        self.durable(|| {
            let maps = self.inner.catalog.maps.read();
            let stream = maps.streams.get(&stream);
            stream.and_then(|stream| stream.policy.clone())
        })
        .await
    }

    fn not_deleting(&self, record: &TableRecord) -> Result<(), EngineError> {
        match record.status(self.inner.clock.now_ms()) {
            status @ (TableStatus::Deleting | TableStatus::Gone) => Err(EngineError::TableInUse {
                name: record.name.clone(),
                status,
            }),
            TableStatus::Creating | TableStatus::Updating | TableStatus::Active => Ok(()),
        }
    }
}

/// What a change comes to, given the record that is there.
fn decide(
    table: &str,
    present: Option<&PolicyRecord>,
    wanted: PolicyChange,
    now_ms: u64,
) -> Result<Decided, PolicyMismatch> {
    let found_ms = present.and_then(PolicyRecord::revision);
    let as_expected = match &wanted.expected {
        None => true,
        Some(ExpectedPolicy::Absent) => found_ms.is_none(),
        Some(ExpectedPolicy::Revision(revision)) => {
            found_ms.is_some_and(|found_ms| found_ms.to_string() == *revision)
        }
    };
    if let Some(expected) = wanted.expected
        && !as_expected
    {
        return Err(PolicyMismatch {
            table: table.to_owned(),
            expected,
            found_ms,
        });
    }
    let document = present.and_then(|present| present.document.as_ref());
    if document == wanted.document.as_ref() {
        return Ok(Decided {
            new: None,
            revision_ms: present.map(|present| present.revision_ms),
        });
    }
    let next_ms = present.map_or(0, |present| present.revision_ms + 1);
    let new = PolicyRecord {
        document: wanted.document,
        revision_ms: now_ms.max(next_ms),
    };
    // A removal answers with what it removed (recorded).
    let revision_ms = new.revision().or(found_ms);
    Ok(Decided {
        new: Some(new),
        revision_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::{Decided, ExpectedPolicy, PolicyChange, PolicyMismatch, PolicyRecord, decide};

    const NOW_MS: u64 = 1_000;

    fn record(document: Option<&str>, revision_ms: u64) -> PolicyRecord {
        PolicyRecord {
            document: document.map(str::to_owned),
            revision_ms,
        }
    }

    fn check(
        present: Option<PolicyRecord>,
        document: Option<&str>,
        expected: Option<ExpectedPolicy>,
    ) -> Result<Decided, PolicyMismatch> {
        let wanted = PolicyChange {
            document: document.map(str::to_owned),
            expected,
        };
        decide("t", present.as_ref(), wanted, NOW_MS)
    }

    fn decided(
        new: Option<PolicyRecord>,
        revision_ms: Option<u64>,
    ) -> Result<Decided, PolicyMismatch> {
        Ok(Decided { new, revision_ms })
    }

    #[test]
    fn puts_and_removals() {
        let there = || Some(record(Some("a"), 7));
        let removed = || Some(record(None, 7));
        assert_eq!(
            check(None, Some("a"), None),
            decided(Some(record(Some("a"), NOW_MS)), Some(NOW_MS))
        );
        assert_eq!(check(there(), Some("a"), None), decided(None, Some(7)));
        assert_eq!(
            check(there(), Some("b"), None),
            decided(Some(record(Some("b"), NOW_MS)), Some(NOW_MS))
        );
        assert_eq!(
            check(removed(), Some("a"), None),
            decided(Some(record(Some("a"), NOW_MS)), Some(NOW_MS))
        );
        assert_eq!(
            check(there(), None, None),
            decided(Some(record(None, NOW_MS)), Some(7))
        );
        assert_eq!(check(removed(), None, None), decided(None, Some(7)));
        assert_eq!(check(None, None, None), decided(None, None));
    }

    #[test]
    fn revisions_grow_whatever_the_clock_says() {
        let late = Some(record(Some("a"), NOW_MS + 5));
        let after = NOW_MS + 6;
        assert_eq!(
            check(late, Some("b"), None),
            decided(Some(record(Some("b"), after)), Some(after))
        );
    }

    #[test]
    fn what_is_expected_has_to_be_there() {
        let there = || Some(record(Some("a"), 7));
        let revision = |text: &str| ExpectedPolicy::Revision(text.to_owned());
        assert!(check(there(), Some("b"), Some(revision("7"))).is_ok());
        assert!(check(None, Some("b"), Some(ExpectedPolicy::Absent)).is_ok());
        assert!(
            check(
                Some(record(None, 7)),
                Some("b"),
                Some(ExpectedPolicy::Absent)
            )
            .is_ok()
        );
        for (present, expected, found_ms) in [
            (there(), revision("8"), Some(7)),
            (there(), ExpectedPolicy::Absent, Some(7)),
            (Some(record(None, 7)), revision("7"), None),
            (None, revision("7"), None),
        ] {
            for document in [Some("a"), None] {
                let mismatch = PolicyMismatch {
                    table: "t".to_owned(),
                    expected: expected.clone(),
                    found_ms,
                };
                assert_eq!(
                    check(present.clone(), document, Some(expected.clone())),
                    Err(mismatch)
                );
            }
        }
    }
}
