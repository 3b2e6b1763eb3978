//! The API's operations, one file each: validate, make a command, write the reply. Also the library's
//! front door: an [`Api`] over a database answers requests without any server.
//!
//! Shapes and constraints of requests are checked by the wire room when they are decoded; what is checked
//! here follows in AWS's order: parameters that exclude each other, expressions, what needs no table, the
//! table, its key schema, sizes. What a command does to an item is the engine's to decide. This room
//! knows nothing of HTTP, and keeps no state of its own.
//!
//! ```
//! use std::sync::Arc;
//!
//! use headwater_engine::{Durability, EngineOptions, StorageOptions, SystemClock, open};
//! use headwater_model::SeededRng;
//! use headwater_operations::{Api, ApiOptions, RequestContext};
//! use headwater_wire::Operation;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut storage = StorageOptions::default();
//! storage.log.durability = Durability::Memory;
//! let (clock, rng) = (Arc::new(SystemClock), Arc::new(SeededRng::new(1)));
//! let (database, ..) = open(None, storage, clock, rng, EngineOptions::default())?;
//! let api = Api::new(database, ApiOptions::default());
//! let context = RequestContext::local();
//!
//! let table = br#"{"TableName": "users", "BillingMode": "PAY_PER_REQUEST",
//!     "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
//!     "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}"#;
//! api.dispatch(Operation::CreateTable, table, &context).await?;
//! let item = br#"{"TableName": "users", "Item": {"id": {"S": "ann"}, "age": {"N": "31"}}}"#;
//! api.dispatch(Operation::PutItem, item, &context).await?;
//! let key = br#"{"TableName": "users", "Key": {"id": {"S": "ann"}}}"#;
//! let reply = api.dispatch(Operation::GetItem, key, &context).await?;
//! assert_eq!(reply, br#"{"Item":{"age":{"N":"31"},"id":{"S":"ann"}}}"#);
//! # Ok(())
//! # }
//! ```

mod answer_room;
mod api;
mod backup_description;
mod batch_execute_statement;
mod batch_get_item;
mod batch_write_item;
mod bulk_description;
mod cancel_bulk_operation;
mod capacity;
mod capacity_by_table;
mod change_feed;
mod check_put;
mod contributor_insights;
mod create_backup;
mod create_table;
mod delete_backup;
mod delete_item;
mod delete_resource_policy;
mod delete_table;
mod describe_backup;
mod describe_bulk_operation;
mod describe_continuous_backups;
mod describe_contributor_insights;
mod describe_endpoints;
mod describe_export;
mod describe_global_table;
mod describe_global_table_settings;
mod describe_import;
mod describe_kinesis_streaming_destination;
mod describe_limits;
mod describe_stream;
mod describe_table;
mod describe_time_to_live;
mod disable_kinesis_streaming_destination;
mod enable_kinesis_streaming_destination;
mod execute_statement;
mod execute_transaction;
mod export_description;
mod export_filter;
mod export_table_to_point_in_time;
mod expressions;
mod failure;
mod get_item;
mod get_records;
mod get_resource_policy;
mod get_shard_iterator;
mod import_description;
mod import_table;
mod index_definitions;
mod item_collections;
mod item_history;
mod key;
mod key_range;
mod kinesis;
mod known_transfers;
mod legacy;
mod list_backups;
mod list_bulk_operations;
mod list_contributor_insights;
mod list_exports;
mod list_global_tables;
mod list_imports;
mod list_streams;
mod list_tables;
mod list_tags_of_resource;
mod nested_keys;
mod partiql;
mod policy_document;
mod policy_target;
mod put_item;
mod put_resource_policy;
mod query;
mod read_page;
mod read_target;
mod redefinition;
mod request_digest;
mod restore_table_from_backup;
mod restore_table_to_point_in_time;
mod restored_table;
mod scan;
mod search_vectors;
mod start_bulk_put_items;
mod stream_record;
mod system_table;
mod table_description;
mod table_name;
mod table_settings;
mod tag_resource;
mod tags;
mod throughput;
mod transact_get_items;
mod transact_write_items;
mod transaction;
mod transfer_job;
mod transfer_jobs;
mod transfer_pages;
mod untag_resource;
mod update_concerns;
mod update_continuous_backups;
mod update_contributor_insights;
mod update_item;
mod update_kinesis_streaming_destination;
mod update_table;
mod update_time_to_live;
mod vector_definitions;
mod warm_throughput;
mod write;

pub use api::{Api, ApiOptions, RequestContext};
pub use change_feed::{ChangeFeed, FeedPage, FeedRecord, FeedStart};
pub use check_put::{PutCondition, check_put, put_condition, put_refusal};
pub use contributor_insights::{ContributorRule, Contributors};
pub use export_filter::ExportFilter;
pub use headwater_engine::{Contributor, KinesisPrecision, KinesisRecord, VerificationStatus};
pub use stream_record::stream_record;
pub use system_table::{SYSTEM_NAMESPACE, SystemTable, SystemTableError};
pub use tags::RETENTION_TAG;
pub use transfer_job::{
    TransferCounts, TransferFailure, TransferJob, TransferKind, TransferStatus,
};
pub use transfer_jobs::{TransferJobError, TransferJobs};
