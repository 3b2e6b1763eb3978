//! GetResourcePolicy, of tables and streams.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{GetResourcePolicyInput, GetResourcePolicyOutput};
use headwater_wire::messages::policies;

use crate::api::{Api, RequestContext};
use crate::policy_document::shown;
use crate::policy_target::PolicyTarget;

pub(crate) async fn get_resource_policy(
    api: &Api,
    input: GetResourcePolicyInput,
    context: &RequestContext,
) -> Result<GetResourcePolicyOutput, ApiError> {
    let arn = &input.resource_arn;
    let target = PolicyTarget::find(api, arn, context)?;
    let kept = target.policy(api, context).await?;
    let document = kept.and_then(|kept| Some((kept.document?, kept.revision_ms)));
    let Some((document, revision_ms)) = document else {
        return Err(policies::none(arn));
    };
    Ok(GetResourcePolicyOutput {
        policy: Some(shown(&document)),
        revision_id: Some(revision_ms.to_string()),
    })
}
