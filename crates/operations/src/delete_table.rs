//! DeleteTable. The table's stream is disabled and stays readable for its retention.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{DeleteTableInput, DeleteTableOutput};

use crate::api::{Api, RequestContext};
use crate::failure::of_tables;
use crate::table_name::table_name;

pub(crate) async fn delete_table(
    api: &Api,
    input: DeleteTableInput,
    context: &RequestContext,
) -> Result<DeleteTableOutput, ApiError> {
    let name = table_name(&input.table_name, context)?;
    let view = api.database.delete_table(&context.namespace, name).await;
    let view = view.map_err(of_tables)?;
    Ok(DeleteTableOutput {
        table_description: Some(api.describe_table_view(&view)?),
    })
}
