//! ImportTable: begins to make a table of the items in a bucket. The table is being created until all of them are there.

use std::sync::Arc;

use headwater_engine::{EngineError, NewTable, Table};
use headwater_wire::ApiError;
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::{
    CreateTableInput, ImportTableInput, ImportTableOutput, InputFormat, TableCreationParameters,
};
use headwater_wire::messages::{tables, transfers as messages};

use crate::api::{Api, RequestContext};
use crate::create_table::define;
use crate::failure::{internal, of_tables};
use crate::import_description::describe;
use crate::transfer_job::{TransferJob, TransferKind};

pub(crate) async fn import_table(
    api: &Api,
    input: ImportTableInput,
    body: &[u8],
    context: &RequestContext,
) -> Result<ImportTableOutput, ApiError> {
    let options = input.input_format_options.as_ref();
    let has_csv_options = options.is_some_and(|options| options.csv.is_some());
    if has_csv_options && input.input_format != InputFormat::Csv {
        let format = input.input_format.as_str();
        return Err(messages::format_options_unsupported(format));
    }
    let new = new_table(api, &input.table_creation_parameters, context)?;
    let beginning = api.transfers.beginning().await;
    let token = input.client_token.as_deref();
    let repeated = beginning.repeated(TransferKind::Import, token, context);
    if let Some(job) = repeated.await? {
        if job.import_request()? != input {
            return Err(messages::import_conflict());
        }
        return Ok(ImportTableOutput {
            import_table_description: describe(&job)?,
        });
    }
    if api.database.table(&new.namespace, &new.name).is_ok() {
        return Err(tables::already_exists(&new.name));
    }
    if !api.reaches_buckets {
        return Err(messages::no_buckets());
    }
    let arn = format!(
        "arn:aws:dynamodb:{}:{}:table/{}",
        new.region, new.account, new.name
    );
    let request = (body, input.client_token.clone());
    let name = new.name.clone();
    let mut job = beginning.job(TransferKind::Import, (&arn, &name), request, context)?;
    // First the job, which can make its table again; a table without a job would stay as it is for ever.
    beginning.keep(&job).await?;
    let view = match api.database.create_table_to_fill(new).await {
        Ok(view) => view,
        Err(error) => {
            beginning.forget(&job).await?;
            return Err(of_tables(error));
        }
    };
    job.table_id.clone_from(&view.record.uuid);
    beginning.keep(&job).await?;
    Ok(ImportTableOutput {
        import_table_description: describe(&job)?,
    })
}

/// The table that is asked for, checked as CreateTable checks it.
fn new_table(
    api: &Api,
    given: &TableCreationParameters,
    context: &RequestContext,
) -> Result<NewTable, ApiError> {
    let input = CreateTableInput {
        attribute_definitions: given.attribute_definitions.clone(),
        table_name: given.table_name.clone(),
        key_schema: given.key_schema.clone(),
        global_secondary_indexes: given.global_secondary_indexes.clone(),
        vector_indexes: given.vector_indexes.clone(),
        billing_mode: given.billing_mode,
        provisioned_throughput: given.provisioned_throughput.clone(),
        on_demand_throughput: given.on_demand_throughput.clone(),
        sse_specification: given.sse_specification.clone(),
        ..CreateTableInput::default()
    };
    define(api, input, context)
}

impl Api {
    /// The table that an import fills; made if a crash came before it was.
    ///
    /// # Errors
    /// That it can't be made, or is gone.
    pub async fn import_target(&self, job: &TransferJob) -> Result<Arc<Table>, ApiError> {
        let found = self.database.table(&job.namespace, &job.table);
        let is_target = |table: &Table| {
            let record = table.record();
            match job.table_id.as_str() {
                "" => record.is_being_filled(),
                id => record.uuid == id,
            }
        };
        match found {
            Ok(table) if is_target(&table) => Ok(table),
            Ok(_) => Err(tables::already_exists(&job.table)),
            Err(EngineError::TableNotFound { .. }) if job.table_id.is_empty() => {
                let context = RequestContext {
                    namespace: job.namespace.clone(),
                    region: job.region.clone(),
                    account: job.account.clone(),
                    host: String::new(),
                };
                let request = job.import_request()?;
                let new = new_table(self, &request.table_creation_parameters, &context)?;
                let view = self.database.create_table_to_fill(new).await;
                let view = view.map_err(of_tables)?;
                let id = view.record.uuid.clone();
                let kept = self.transfers.change(&job.arn, |job| job.table_id = id);
                kept.await.map_err(internal)?;
                Ok(view.table)
            }
            Err(error) => Err(of_tables(error)),
        }
    }
}
