//! The API over a database: from an operation and a request's body to the reply's body.

use std::sync::Arc;

use headwater_engine::Database;
use headwater_streams::{Streams, StreamsOptions};
use headwater_wire::json::{Json, WriteJson};
use headwater_wire::messages::tables;
use headwater_wire::streams::GetRecordsInput;
use headwater_wire::{ApiError, Operation, messages};
use tokio::sync::Semaphore;

use crate::failure::{internal, may_tell_of_catalog, of_tables};
use crate::get_records::get_records_again;
use crate::item_history;
use crate::transfer_jobs::TransferJobs;

/// Settings of the API.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApiOptions {
    /// Settings of reading streams.
    pub streams: StreamsOptions,
    /// Whether somebody sends the changes of tables to Kinesis streams.
    pub sends_to_kinesis: bool,
    /// Whether somebody reads and writes buckets.
    pub reaches_buckets: bool,
}

/// What a request says of its sender.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// Keeps the tables of accounts and regions apart; empty when they share one namespace.
    pub namespace: String,
    /// Region of the request's credentials; part of the ARNs of what it creates.
    pub region: String,
    /// Twelve-digit account id; part of the ARNs of what it creates.
    pub account: String,
    /// Host and port that the request was sent to.
    pub host: String,
}

impl RequestContext {
    /// The context of somebody without credentials who uses the library directly.
    pub fn local() -> Self {
        RequestContext {
            namespace: String::new(),
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            host: "localhost".to_owned(),
        }
    }
}

/// The API of a database. Clones share it.
#[derive(Clone)]
pub struct Api {
    pub(crate) database: Database,
    pub(crate) streams: Streams,
    pub(crate) sends_to_kinesis: bool,
    pub(crate) reaches_buckets: bool,
    pub(crate) transfers: Arc<TransferJobs>,
    /// Turns of those who read an item's history.
    pub(crate) history_turns: Arc<Semaphore>,
}

/// Carries an operation out on items. Which parameters go together is settled before refused attribute values are told.
macro_rules! carry_out_items {
    ($api:expr, $body:expr, $context:expr, $module:ident, $input:path) => {{
        let decode_checked =
            |json: &Json<'_>| <$input>::decode_checked(json, crate::$module::check_parameters);
        reply(&crate::$module::$module($api, decode($body, decode_checked)?, $context).await?)
    }};
}

impl Api {
    /// The API of `database`.
    pub fn new(database: Database, options: ApiOptions) -> Self {
        let streams = Streams::new(database.clone(), options.streams);
        Api {
            transfers: Arc::new(TransferJobs::new(database.clone())),
            history_turns: Arc::new(Semaphore::new(item_history::TURNS)),
            database,
            streams,
            sends_to_kinesis: options.sends_to_kinesis,
            reaches_buckets: options.reaches_buckets,
        }
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The streams of the database.
    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    /// The jobs that move items between tables and buckets.
    pub fn transfers(&self) -> &TransferJobs {
        &self.transfers
    }

    /// Carries out an operation of DynamoDB or DynamoDB Streams: the body of the request in, the body of
    /// the reply out.
    ///
    /// # Errors
    /// The error for the client. What goes wrong inside is logged here and named to nobody else.
    pub async fn dispatch(
        &self,
        operation: Operation,
        body: &[u8],
        context: &RequestContext,
    ) -> Result<Vec<u8>, ApiError> {
        let answer = self.carry_out(operation, body, context).await;
        self.once_durable(answer).await
    }

    /// An answer, once what it may tell of the catalog is durable.
    pub(crate) async fn once_durable<T>(&self, answer: Result<T, ApiError>) -> Result<T, ApiError> {
        if let Err(refusal) = &answer
            && may_tell_of_catalog(refusal.kind)
        {
            self.catalog_is_durable().await?;
        }
        answer
    }

    /// Waits until what a refusal may tell is durable: a table that somebody else has just deleted may be back after a
    /// crash.
    pub(crate) async fn catalog_is_durable(&self) -> Result<(), ApiError> {
        self.database.catalog_is_durable().await.map_err(of_tables)
    }

    async fn carry_out(
        &self,
        operation: Operation,
        body: &[u8],
        context: &RequestContext,
    ) -> Result<Vec<u8>, ApiError> {
        use headwater_wire::dynamodb;
        match operation {
            Operation::PutItem => {
                carry_out_items!(self, body, context, put_item, dynamodb::PutItemInput)
            }
            Operation::GetItem => {
                carry_out_items!(self, body, context, get_item, dynamodb::GetItemInput)
            }
            Operation::UpdateItem => {
                carry_out_items!(self, body, context, update_item, dynamodb::UpdateItemInput)
            }
            Operation::DeleteItem => {
                carry_out_items!(self, body, context, delete_item, dynamodb::DeleteItemInput)
            }
            Operation::Query => carry_out_items!(self, body, context, query, dynamodb::QueryInput),
            // What is moved about for a request is as large as the largest of these.
            _ => Box::pin(self.dispatch_rarer(operation, body, context)).await,
        }
    }

    /// GetRecords once more, for a call that waits for records: [`Api::dispatch`] found none with the same body before. It
    /// counts as one read with that, and the iterator does not expire in between.
    ///
    /// # Errors
    /// As [`Api::dispatch`].
    pub fn get_records_again(
        &self,
        body: &[u8],
        context: &RequestContext,
    ) -> Result<Vec<u8>, ApiError> {
        let input = decode(body, GetRecordsInput::decode)?;
        reply(&get_records_again(self, &input, context)?)
    }

    async fn dispatch_rarer(
        &self,
        operation: Operation,
        body: &[u8],
        context: &RequestContext,
    ) -> Result<Vec<u8>, ApiError> {
        macro_rules! carry_out {
            ($module:ident, $input:path) => {
                reply(
                    &crate::$module::$module(self, decode(body, <$input>::decode)?, context)
                        .await?,
                )
            };
        }
        macro_rules! carry_out_without_reply {
            ($module:ident, $input:path) => {{
                crate::$module::$module(self, decode(body, <$input>::decode)?, context).await?;
                Ok(EMPTY_REPLY.to_vec())
            }};
        }
        // What is remembered of a job is its request as it was sent.
        macro_rules! begin_job {
            ($module:ident, $input:path) => {
                reply(
                    &crate::$module::$module(self, decode(body, <$input>::decode)?, body, context)
                        .await?,
                )
            };
        }
        // What is wrong with earlier actions is told before refused attribute values of later ones.
        macro_rules! carry_out_actions {
            ($module:ident, $input:path) => {{
                let decode_in_order = |json: &Json<'_>| {
                    <$input>::decode_in_order(json, crate::$module::check_actions)
                };
                reply(
                    &crate::$module::$module(self, decode(body, decode_in_order)?, context).await?,
                )
            }};
        }
        // A refused attribute value is a fault of its statement alone.
        macro_rules! carry_out_each {
            ($module:ident, $input:path) => {
                reply(
                    &crate::$module::$module(self, decode(body, <$input>::decode_each)?, context)
                        .await?,
                )
            };
        }
        use headwater_wire::{dynamodb, streams};
        match operation {
            Operation::Scan => carry_out_items!(self, body, context, scan, dynamodb::ScanInput),
            Operation::SearchVectors => {
                carry_out_items!(
                    self,
                    body,
                    context,
                    search_vectors,
                    dynamodb::SearchVectorsInput
                )
            }
            Operation::BatchGetItem => {
                carry_out_items!(
                    self,
                    body,
                    context,
                    batch_get_item,
                    dynamodb::BatchGetItemInput
                )
            }
            Operation::BatchWriteItem => {
                carry_out_items!(
                    self,
                    body,
                    context,
                    batch_write_item,
                    dynamodb::BatchWriteItemInput
                )
            }
            Operation::TransactGetItems => {
                carry_out_actions!(transact_get_items, dynamodb::TransactGetItemsInput)
            }
            Operation::TransactWriteItems => {
                carry_out_actions!(transact_write_items, dynamodb::TransactWriteItemsInput)
            }
            Operation::ExecuteStatement => {
                carry_out!(execute_statement, dynamodb::ExecuteStatementInput)
            }
            Operation::BatchExecuteStatement => {
                carry_out_each!(
                    batch_execute_statement,
                    dynamodb::BatchExecuteStatementInput
                )
            }
            Operation::ExecuteTransaction => {
                carry_out!(execute_transaction, dynamodb::ExecuteTransactionInput)
            }
            Operation::CreateTable => carry_out!(create_table, dynamodb::CreateTableInput),
            Operation::DescribeTable => carry_out!(describe_table, dynamodb::DescribeTableInput),
            Operation::ListTables => carry_out!(list_tables, dynamodb::ListTablesInput),
            Operation::UpdateTable => carry_out!(update_table, dynamodb::UpdateTableInput),
            Operation::DeleteTable => carry_out!(delete_table, dynamodb::DeleteTableInput),
            Operation::TagResource => {
                carry_out_without_reply!(tag_resource, dynamodb::TagResourceInput)
            }
            Operation::UntagResource => {
                carry_out_without_reply!(untag_resource, dynamodb::UntagResourceInput)
            }
            Operation::ListTagsOfResource => {
                carry_out!(list_tags_of_resource, dynamodb::ListTagsOfResourceInput)
            }
            Operation::UpdateTimeToLive => {
                carry_out!(update_time_to_live, dynamodb::UpdateTimeToLiveInput)
            }
            Operation::DescribeTimeToLive => {
                carry_out!(describe_time_to_live, dynamodb::DescribeTimeToLiveInput)
            }
            Operation::DescribeContinuousBackups => carry_out!(
                describe_continuous_backups,
                dynamodb::DescribeContinuousBackupsInput
            ),
            Operation::EnableKinesisStreamingDestination => carry_out!(
                enable_kinesis_streaming_destination,
                dynamodb::KinesisStreamingDestinationInput
            ),
            Operation::DisableKinesisStreamingDestination => carry_out!(
                disable_kinesis_streaming_destination,
                dynamodb::KinesisStreamingDestinationInput
            ),
            Operation::UpdateKinesisStreamingDestination => carry_out!(
                update_kinesis_streaming_destination,
                dynamodb::UpdateKinesisStreamingDestinationInput
            ),
            Operation::DescribeKinesisStreamingDestination => carry_out!(
                describe_kinesis_streaming_destination,
                dynamodb::DescribeKinesisStreamingDestinationInput
            ),
            Operation::UpdateContributorInsights => carry_out!(
                update_contributor_insights,
                dynamodb::UpdateContributorInsightsInput
            ),
            Operation::DescribeContributorInsights => carry_out!(
                describe_contributor_insights,
                dynamodb::DescribeContributorInsightsInput
            ),
            Operation::ListContributorInsights => carry_out!(
                list_contributor_insights,
                dynamodb::ListContributorInsightsInput
            ),
            Operation::PutResourcePolicy => {
                carry_out!(put_resource_policy, dynamodb::PutResourcePolicyInput)
            }
            Operation::GetResourcePolicy => {
                carry_out!(get_resource_policy, dynamodb::GetResourcePolicyInput)
            }
            Operation::DeleteResourcePolicy => {
                carry_out!(delete_resource_policy, dynamodb::DeleteResourcePolicyInput)
            }
            Operation::DescribeLimits => carry_out!(describe_limits, dynamodb::DescribeLimitsInput),
            Operation::DescribeEndpoints => {
                carry_out!(describe_endpoints, dynamodb::DescribeEndpointsRequest)
            }
            Operation::ListGlobalTables => {
                carry_out!(list_global_tables, dynamodb::ListGlobalTablesInput)
            }
            Operation::DescribeGlobalTable => {
                carry_out!(describe_global_table, dynamodb::DescribeGlobalTableInput)
            }
            Operation::DescribeGlobalTableSettings => carry_out!(
                describe_global_table_settings,
                dynamodb::DescribeGlobalTableSettingsInput
            ),
            Operation::UpdateContinuousBackups => carry_out!(
                update_continuous_backups,
                dynamodb::UpdateContinuousBackupsInput
            ),
            Operation::CreateBackup => carry_out!(create_backup, dynamodb::CreateBackupInput),
            Operation::DescribeBackup => carry_out!(describe_backup, dynamodb::DescribeBackupInput),
            Operation::ListBackups => carry_out!(list_backups, dynamodb::ListBackupsInput),
            Operation::DeleteBackup => carry_out!(delete_backup, dynamodb::DeleteBackupInput),
            Operation::RestoreTableFromBackup => carry_out!(
                restore_table_from_backup,
                dynamodb::RestoreTableFromBackupInput
            ),
            Operation::RestoreTableToPointInTime => carry_out!(
                restore_table_to_point_in_time,
                dynamodb::RestoreTableToPointInTimeInput
            ),
            Operation::ExportTableToPointInTime => begin_job!(
                export_table_to_point_in_time,
                dynamodb::ExportTableToPointInTimeInput
            ),
            Operation::DescribeExport => carry_out!(describe_export, dynamodb::DescribeExportInput),
            Operation::ListExports => carry_out!(list_exports, dynamodb::ListExportsInput),
            Operation::StartBulkPutItems => {
                begin_job!(start_bulk_put_items, dynamodb::StartBulkPutItemsInput)
            }
            Operation::DescribeBulkOperation => carry_out!(
                describe_bulk_operation,
                dynamodb::DescribeBulkOperationInput
            ),
            Operation::ListBulkOperations => {
                carry_out!(list_bulk_operations, dynamodb::ListBulkOperationsInput)
            }
            Operation::CancelBulkOperation => {
                carry_out!(cancel_bulk_operation, dynamodb::CancelBulkOperationInput)
            }
            Operation::ImportTable => begin_job!(import_table, dynamodb::ImportTableInput),
            Operation::DescribeImport => carry_out!(describe_import, dynamodb::DescribeImportInput),
            Operation::ListImports => carry_out!(list_imports, dynamodb::ListImportsInput),
            Operation::ListStreams => carry_out!(list_streams, streams::ListStreamsInput),
            Operation::DescribeStream => carry_out!(describe_stream, streams::DescribeStreamInput),
            Operation::GetShardIterator => {
                carry_out!(get_shard_iterator, streams::GetShardIteratorInput)
            }
            Operation::GetRecords => carry_out!(get_records, GetRecordsInput),
            Operation::CreateGlobalTable | Operation::UpdateGlobalTable => {
                Err(tables::global_tables_of_2017())
            }
            Operation::UpdateGlobalTableSettings
            | Operation::DescribeTableReplicaAutoScaling
            | Operation::UpdateTableReplicaAutoScaling => {
                Err(tables::operation_needs_replicas(operation.name()))
            }
            _ => Err(messages::unsupported_operation(operation.name())),
        }
    }
}

/// The body of a reply that says only that it is done.
const EMPTY_REPLY: &[u8] = b"{}";

/// The typed request in a body; the tree in between borrows from the body and is gone afterwards.
pub(crate) fn decode<T>(
    body: &[u8],
    decode: impl FnOnce(&Json<'_>) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let json = Json::parse(body).map_err(|_| messages::malformed_body())?;
    decode(&json)
}

fn reply<T: WriteJson>(output: &T) -> Result<Vec<u8>, ApiError> {
    let mut out = Vec::with_capacity(output.size_hint_bytes());
    output.write(&mut out).map_err(internal)?;
    Ok(out)
}
