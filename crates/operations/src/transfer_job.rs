//! A job that moves items between a table and a bucket, as it is remembered.

use headwater_model::KeySchema;
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    ExportTableToPointInTimeInput, ImportTableInput, StartBulkPutItemsInput,
};
use headwater_wire::json::Json;
use serde::{Deserialize, Serialize};

use crate::export_filter::ExportFilter;
use crate::failure::internal;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransferKind {
    /// Items of a table go into a bucket.
    Export,
    /// Items of a bucket go into a new table.
    Import,
    /// Items of a bucket go into a table that is there.
    BulkPut,
}

impl TransferKind {
    /// The word for it in ARNs.
    pub fn as_str(self) -> &'static str {
        match self {
            TransferKind::Export => "export",
            TransferKind::Import => "import",
            TransferKind::BulkPut => "bulk-operation",
        }
    }
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransferStatus {
    /// It waits for its turn, or runs.
    InProgress,
    /// It is done.
    Completed,
    /// It is to end soon.
    Cancelling,
    /// It ended because it was to.
    Cancelled,
    /// It ended without being done; or, of an import, some items were refused.
    Failed,
}

/// What a job has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferCounts {
    /// Items that were exported or imported.
    pub items: u64,
    /// Items that were read, refused ones included.
    pub processed: u64,
    /// Items, or objects, that were refused.
    pub errors: u64,
    /// Bytes of items that were exported, or of objects that were read.
    pub bytes: u64,
    /// Of a bulk put: the bytes of all objects.
    #[serde(default)]
    pub total_bytes: u64,
    /// Of a bulk put: the bytes of the items that were put.
    #[serde(default)]
    pub written_bytes: u64,
    /// Of a bulk put: items whose condition did not hold.
    #[serde(default)]
    pub failed_conditions: u64,
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferFailure {
    /// A word such as `S3NoSuchBucket`.
    pub code: String,
    /// The reason for people.
    pub message: String,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferJob {
    /// Its ARN; no two jobs have one.
    pub arn: String,
    /// What it does.
    pub kind: TransferKind,
    /// Whose it is when accounts and regions are kept apart; empty otherwise.
    pub namespace: String,
    /// Region of whoever asked for it.
    pub region: String,
    /// Account of whoever asked for it.
    pub account: String,
    /// The table's name.
    pub table: String,
    /// The table's ARN.
    pub table_arn: String,
    /// The API's TableId; empty until the table is made.
    pub table_id: String,
    /// The request's body.
    pub(crate) request: String,
    /// The request's token.
    pub(crate) token: Option<String>,
    /// When it was asked for, milliseconds.
    pub started_ms: u64,
    /// When it ended, milliseconds.
    pub ended_ms: Option<u64>,
    /// Of an export: after the changes of which millisecond its items are; or, of an incremental one, the first
    /// millisecond behind its window.
    pub export_ms: u64,
    /// Of an incremental export: the first millisecond of its window.
    pub export_from_ms: Option<u64>,
    /// How far it is.
    pub status: TransferStatus,
    /// Of a bulk put: whether it was begun.
    #[serde(default)]
    pub is_begun: bool,
    /// What it has done.
    pub counts: TransferCounts,
    /// Why it failed.
    pub failure: Option<TransferFailure>,
}

impl TransferJob {
    /// The last part of its ARN.
    pub fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    /// The request of an export.
    ///
    /// # Errors
    /// An internal error if what is remembered is damaged.
    pub fn export_request(&self) -> Result<ExportTableToPointInTimeInput, ApiError> {
        self.request_by(ExportTableToPointInTimeInput::decode)
    }

    /// What of the table's items is exported; `None` for all of them.
    ///
    /// # Errors
    /// As [`TransferJob::export_request`].
    pub fn export_filter(&self, schema: &KeySchema) -> Result<Option<ExportFilter>, ApiError> {
        let given = self.export_request()?.filter_specification;
        given
            .map(|given| ExportFilter::new(&given, schema))
            .transpose()
    }

    /// The request of an import.
    ///
    /// # Errors
    /// As [`TransferJob::export_request`].
    pub fn import_request(&self) -> Result<ImportTableInput, ApiError> {
        self.request_by(ImportTableInput::decode)
    }

    /// The request of a bulk put.
    ///
    /// # Errors
    /// As [`TransferJob::export_request`].
    pub fn bulk_request(&self) -> Result<StartBulkPutItemsInput, ApiError> {
        self.request_by(StartBulkPutItemsInput::decode)
    }

    /// Before what the keys of the reports of a bulk put stand.
    ///
    /// # Errors
    /// As [`TransferJob::export_request`].
    pub fn report_folder(&self) -> Result<String, ApiError> {
        let prefix = self.bulk_request()?.output_s3_configuration.s3_key_prefix;
        Ok(format!("{}{}", shared_folder(prefix), self.id()))
    }

    fn request_by<T>(
        &self,
        decode: impl FnOnce(&Json<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let json = Json::parse(self.request.as_bytes()).map_err(internal)?;
        decode(&json).map_err(internal)
    }

    /// Before what the keys of its objects stand: the prefix of the request, `AWSDynamoDB`, and its own id.
    ///
    /// # Errors
    /// As [`TransferJob::export_request`].
    pub fn export_folder(&self) -> Result<String, ApiError> {
        let prefix = self.export_request()?.s3_prefix;
        Ok(format!("{}{}", shared_folder(prefix), self.id()))
    }

    /// The same without the id.
    ///
    /// # Errors
    /// As [`TransferJob::export_request`].
    pub fn shared_export_folder(&self) -> Result<String, ApiError> {
        let folder = shared_folder(self.export_request()?.s3_prefix);
        Ok(folder.trim_end_matches('/').to_owned())
    }
}

/// Whether it waits for its turn, or runs.
pub(crate) fn is_unfinished(job: &TransferJob) -> bool {
    matches!(
        job.status,
        TransferStatus::InProgress | TransferStatus::Cancelling
    )
}

fn shared_folder(prefix: Option<String>) -> String {
    match prefix.as_deref().map(|prefix| prefix.trim_end_matches('/')) {
        None | Some("") => "AWSDynamoDB/".to_owned(),
        Some(prefix) => format!("{prefix}/AWSDynamoDB/"),
    }
}
