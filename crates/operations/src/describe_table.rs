//! DescribeTable.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{DescribeTableInput, DescribeTableOutput};

use crate::api::{Api, RequestContext};
use crate::failure::of_tables;
use crate::table_name::table_name;

pub(crate) async fn describe_table(
    api: &Api,
    input: DescribeTableInput,
    context: &RequestContext,
) -> Result<DescribeTableOutput, ApiError> {
    let name = table_name(&input.table_name, context)?;
    let view = api.database.describe(&context.namespace, name).await;
    let view = view.map_err(of_tables)?;
    Ok(DescribeTableOutput {
        table: Some(api.describe_table_view(&view)?),
    })
}
