//! Time to live: an attribute says when an item expires, and the expirer deletes it through the one door.
//!
//! Expired items are found by an index of the state, in the order of their times, which the applier keeps like that of
//! a secondary index; so the work grows with what expires and not with the table. No reader sees that index, so that
//! the overlay does not have it.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::time::Duration;

use headwater_changelog::Identity;
use headwater_model::limits::TTL_PAST_SECONDS_MAX;
use headwater_model::{AttributeValue, CorruptItem, EncodedItem, Sequence, StorageKey};
use headwater_state::Direction;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::catalog_change::{AT_COMMIT_MS, CatalogChange};
use crate::command::{Action, Command, ItemCommand, ReturnValues};
use crate::database::Database;
use crate::error::EngineError;
use crate::record::{TableRecord, state_key};
use crate::table::Table;

/// Items that are looked up and deleted at once.
const EXPIRED_AT_ONCE: usize = 64;
/// Items of a table that one pass deletes; then other tables and upkeep have their turn.
const EXPIRED_PER_PASS_MAX: usize = 10_000;
/// Longest time that a pass waits for the state to hold what was written before it.
const APPLIED_PATIENCE: Duration = Duration::from_secs(5);
const APPLIED_LOOK_INTERVAL: Duration = Duration::from_millis(1);
const SECOND_BYTES: usize = 8;

/// A table's time to live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeToLive {
    /// The attribute that holds the time, in seconds since the epoch.
    pub attribute: String,
    /// The number under which the times are stored; from the same numbers as tables'.
    pub index: u32,
    /// Whether items still expire, or it is on its way out.
    pub enabled: bool,
    /// When ENABLING or DISABLING ends, milliseconds.
    pub settles_at_ms: u64,
}

/// The times of a table's items, as the applier keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expiry {
    pub(crate) index: u32,
    attribute: String,
}

impl Expiry {
    /// Of a table whose items expire.
    pub(crate) fn of(record: &TableRecord) -> Option<Self> {
        let ttl = record.ttl.as_ref().filter(|ttl| ttl.enabled)?;
        Some(Expiry {
            index: ttl.index,
            attribute: ttl.attribute.clone(),
        })
    }

    /// The item's key among the times; `None` if it never expires.
    pub(crate) fn key(
        &self,
        table_key: &[u8],
        item: &EncodedItem,
    ) -> Result<Option<Vec<u8>>, CorruptItem> {
        let second = second_of(item.get(&self.attribute)?.as_ref());
        Ok(second.map(|second| key_at(second, table_key)))
    }
}

fn key_at(second: u64, table_key: &[u8]) -> Vec<u8> {
    [&second.to_be_bytes(), table_key].concat()
}

/// The key in its table of the item whose time this is.
pub(crate) fn table_key(key: &[u8]) -> Option<&[u8]> {
    key.get(SECOND_BYTES..)
}

/// The second after which an item expires; only numbers say one (guide; dynamodb-api.md section 14).
fn second_of(value: Option<&AttributeValue>) -> Option<u64> {
    match value {
        Some(AttributeValue::N(number)) => number.floor_u64(),
        _ => None,
    }
}

/// Whether an item with this value is expired. What expired more than five years ago stays.
pub(crate) fn is_expired(value: Option<&AttributeValue>, now_s: u64) -> bool {
    second_of(value).is_some_and(|second| second < now_s && second >= oldest(now_s))
}

fn oldest(now_s: u64) -> u64 {
    now_s.saturating_sub(TTL_PAST_SECONDS_MAX as u64)
}

impl Database {
    /// Enables or disables the time to live of a table.
    ///
    /// # Errors
    /// [`EngineError::TableNotFound`]; [`EngineError::TableInUse`] while it is being created or deleted;
    /// [`EngineError::TimeToLiveEnabled`], [`EngineError::TimeToLiveDisabled`]; [`EngineError::Log`].
    pub async fn change_time_to_live(
        &self,
        namespace: &str,
        name: &str,
        attribute: &str,
        enabled: bool,
    ) -> Result<(), EngineError> {
        let position = {
            let _change = self.inner.catalog.change.lock();
            let table = self.table(namespace, name)?;
            let mut record = (*table.record()).clone();
            self.usable(&record)?;
            let mut change = CatalogChange::default();
            match enabled {
                true => self.enable_time_to_live(&mut record, attribute, &mut change)?,
                false => disable_time_to_live(&mut record, &mut change)?,
            }
            change.tables.push(record);
            self.commit_catalog(change, &[table])?
        };
        Ok(self.inner.log.wait_durable(position).await?)
    }

    fn enable_time_to_live(
        &self,
        record: &mut TableRecord,
        attribute: &str,
        change: &mut CatalogChange,
    ) -> Result<(), EngineError> {
        if let Some(ttl) = record.ttl.as_ref().filter(|ttl| ttl.enabled) {
            return Err(EngineError::TimeToLiveEnabled {
                attribute: ttl.attribute.clone(),
            });
        }
        let mut next = self.inner.catalog.maps.read().next;
        record.ttl = Some(TimeToLive {
            attribute: attribute.to_owned(),
            index: next.table,
            enabled: true,
            settles_at_ms: AT_COMMIT_MS,
        });
        next.table += 1;
        change.next = Some(next);
        Ok(())
    }

    /// Deletes what has expired; `true` if there may be more at once.
    pub(crate) async fn expire_items(&self) -> Result<bool, EngineError> {
        let tables: Vec<(Arc<Table>, Expiry)> = {
            let maps = self.inner.catalog.maps.read();
            let tables = maps.all_tables();
            tables
                .filter_map(|table| Some((table.clone(), Expiry::of(&table.record())?)))
                .collect()
        };
        if tables.is_empty() {
            return Ok(false);
        }
        self.applied_or_patience(self.inner.log.durable()).await;
        let mut more = false;
        for (table, expiry) in tables {
            match self.expire_items_of(&table, &expiry).await {
                Ok(left) => more |= left,
                // Deleted or disabled meanwhile.
                Err(EngineError::TableNotFound { .. } | EngineError::TimeToLiveDisabled) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(more)
    }

    /// Waits until the state holds what is durable, since expired items are looked for there.
    async fn applied_or_patience(&self, position: Sequence) {
        let applied = async {
            while self.applied() < position && self.inner.log.poisoned().is_none() {
                tokio::time::sleep(APPLIED_LOOK_INTERVAL).await;
            }
        };
        // What is not there in time is found by the next pass.
        let _ = tokio::time::timeout(APPLIED_PATIENCE, applied).await;
    }

    async fn expire_items_of(
        &self,
        table: &Arc<Table>,
        expiry: &Expiry,
    ) -> Result<bool, EngineError> {
        let now_s = self.inner.clock.now_ms() / 1000;
        let mut from = state_key(expiry.index, &oldest(now_s).to_be_bytes());
        let to = state_key(expiry.index, &now_s.to_be_bytes());
        for _ in 0..EXPIRED_PER_PASS_MAX.div_ceil(EXPIRED_AT_ONCE) {
            let keys = self.expired_keys(&from, &to)?;
            let Some(last) = keys.last() else {
                return Ok(false);
            };
            from.clone_from(last);
            let whole = keys.len() < EXPIRED_AT_ONCE;
            self.expire(table, expiry, now_s, &keys).await?;
            if whole {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn expired_keys(&self, from: &[u8], to: &[u8]) -> Result<Vec<Vec<u8>>, EngineError> {
        let mut keys = Vec::new();
        let snapshot = self.inner.state.snapshot();
        let (from, to) = (Bound::Excluded(from), Bound::Excluded(to));
        snapshot.scan(from, to, Direction::Forward, &mut |key, _| {
            keys.push(key.to_vec());
            match keys.len() < EXPIRED_AT_ONCE {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        Ok(keys)
    }

    /// Each through the door by itself, all at once, so that they share a group.
    async fn expire(
        &self,
        table: &Arc<Table>,
        expiry: &Expiry,
        now_s: u64,
        keys: &[Vec<u8>],
    ) -> Result<(), EngineError> {
        let mut deletes = JoinSet::new();
        for key in keys.iter().filter_map(|key| table_key(key.get(4..)?)) {
            let command = Command {
                items: vec![ItemCommand {
                    table: table.clone(),
                    key: StorageKey::from_bytes(key),
                    condition: None,
                    action: Action::Expire {
                        attribute: expiry.attribute.clone(),
                        now_s,
                        index: expiry.index,
                    },
                    returns: ReturnValues::None,
                    return_item_on_failure: false,
                }],
                identity: Identity::TtlService,
            };
            let database = self.clone();
            deletes.spawn(async move { database.write(command).await });
        }
        for deleted in deletes.join_all().await {
            deleted?;
        }
        Ok(())
    }
}

fn disable_time_to_live(
    record: &mut TableRecord,
    change: &mut CatalogChange,
) -> Result<(), EngineError> {
    let ttl = record.ttl.as_mut().filter(|ttl| ttl.enabled);
    let ttl = ttl.ok_or(EngineError::TimeToLiveDisabled)?;
    ttl.enabled = false;
    ttl.settles_at_ms = AT_COMMIT_MS;
    change.dropped_indexes.push(ttl.index);
    Ok(())
}
