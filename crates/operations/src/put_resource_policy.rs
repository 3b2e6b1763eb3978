//! PutResourcePolicy, of tables and streams. The policy is kept and shown; nothing here applies it.
//!
//! `ConfirmRemoveSelfResourceAccess` is taken without effect: it confirms that the sender may be locked out, which no
//! policy does here.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{PutResourcePolicyInput, PutResourcePolicyOutput};

use crate::api::{Api, RequestContext};
use crate::policy_document::canonical;
use crate::policy_target::PolicyTarget;

pub(crate) async fn put_resource_policy(
    api: &Api,
    input: PutResourcePolicyInput,
    context: &RequestContext,
) -> Result<PutResourcePolicyOutput, ApiError> {
    let document = canonical(&input.policy)?;
    let target = PolicyTarget::find(api, &input.resource_arn, context)?;
    let revision_id = target
        .change(api, context, Some(document), input.expected_revision_id)
        .await?;
    Ok(PutResourcePolicyOutput { revision_id })
}
