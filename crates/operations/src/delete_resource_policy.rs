//! DeleteResourcePolicy, of tables and streams. Deleting what is not there is no error (API model).

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{DeleteResourcePolicyInput, DeleteResourcePolicyOutput};

use crate::api::{Api, RequestContext};
use crate::policy_target::PolicyTarget;

pub(crate) async fn delete_resource_policy(
    api: &Api,
    input: DeleteResourcePolicyInput,
    context: &RequestContext,
) -> Result<DeleteResourcePolicyOutput, ApiError> {
    let target = PolicyTarget::find(api, &input.resource_arn, context)?;
    let revision_id = target
        .change(api, context, None, input.expected_revision_id)
        .await?;
    Ok(DeleteResourcePolicyOutput { revision_id })
}
