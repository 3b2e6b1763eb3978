//! The database: the catalog, the one door that every write goes through, and reads.
//!
//! A write is decided by one pure function ([`command`] in, an outcome out), put into the change log as
//! one entry, acknowledged when that is durable, and applied to the state afterwards; items, counts and
//! catalog documents in the state are a view of the log. The room knows nothing of the API's shapes, of
//! HTTP, or of how stream records look.
//!
//! Lock order: catalog change lock, catalog maps, key latches, table states (ascending), log queue,
//! overlay stripe or item collection.

mod applier;
mod backfill;
mod backups;
mod catalog;
mod catalog_change;
mod changed_items;
mod clock;
mod command;
mod contributors;
mod copies;
mod data_folder;
mod database;
mod decide;
mod decisions;
mod derived;
mod door;
mod error;
mod features;
mod filling;
mod first_keys;
mod history;
mod history_holds;
mod index;
mod index_changes;
mod index_record;
mod insights;
mod item_collections;
mod keys;
mod kinesis;
mod latches;
mod log_needs;
mod options;
mod overlay;
mod past_items;
mod pitr;
mod policies;
mod read;
mod record;
mod reencrypt;
mod shards;
mod storage;
mod stored;
mod table;
mod tables;
mod tags;
mod throughput;
mod throughput_changes;
mod throughput_limits;
mod time_to_live;
mod token;
mod vector_search;
mod verify;

pub use backups::{BackupKind, BackupRecord};
pub use changed_items::{ChangedItem, ChangedItems};
pub use clock::{SystemClock, TestClock};
pub use command::{Action, Command, ItemCommand, Outcome, Refusal, ReturnValues, Transacted};
pub use contributors::{AccessedKeys, CONTRIBUTORS_MAX, Contributor, Counted, TopContributors};
pub use copies::Restore;
pub use database::{Database, Opened};
pub use error::EngineError;
pub use headwater_changelog::{ChangeKind, Identity, LogError};
pub use headwater_cipher::{KeyId, UserKey, UserKeyError};
pub use headwater_state::{ColdRead, ColdReads, Direction, StateError};
pub use history::{HistoryPage, Version};
pub use index::{Index, IndexFault, IndexKeyError, IndexWrite, Indexes};
pub use index_changes::{IndexChange, IndexThroughput};
pub use index_record::{
    IndexKind, IndexProjection, IndexRecord, IndexState, NewIndex, SearchKey, VectorRecord,
};
pub use insights::{InsightsMode, InsightsRecord, InsightsView};
pub use item_collections::CollectionSize;
pub use keys::{KeyError, key_id, new_user_key, rotate_key, write_key_file};
pub use kinesis::{KinesisPrecision, KinesisRecord, KinesisRefusal};
pub use options::EngineOptions;
pub use past_items::PastItems;
pub use pitr::PointInTimeRecovery;
pub use policies::{ExpectedPolicy, PolicyChange, PolicyMismatch, PolicyRecord};
pub use read::{KeyRange, Page, PageRequest};
pub use record::{
    BillingMode, OnDemandThroughput, ShardRecord, StreamRecord, StreamView, TableEncryption,
    TableRecord, TableStatus, Throughput, Transition, shard_id,
};
pub use reencrypt::{Reencrypted, reencrypt};
pub use storage::{Durability, OpenError, StorageOptions, holds_store, open};
pub use table::Table;
pub use tables::{NewTable, StreamChange, TableChange, TableView};
pub use tags::TagChange;
pub use throughput::{ON_DEMAND_WARM_THROUGHPUT, OnDemandChange};
pub use throughput_changes::{ThroughputChanges, TooManyDecreases};
pub use throughput_limits::{ExceededThroughput, ReadOf, Throttled, ThroughputUse};
pub use time_to_live::TimeToLive;
pub use token::RequestToken;
pub use vector_search::{Neighbour, VectorSearch};
pub use verify::{
    Finding, Progress, VerificationEnd, VerificationRunning, VerificationStatus, Verified, verify,
};
