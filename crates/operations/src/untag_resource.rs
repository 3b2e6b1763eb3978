//! UntagResource, of tables.

use headwater_engine::TagChange;
use headwater_wire::ApiError;
use headwater_wire::dynamodb::UntagResourceInput;
use headwater_wire::messages::tables;

use crate::api::{Api, RequestContext};
use crate::tags::{RETENTION_TAG, check_reserved, is_allowed, of_tagged, tagged_table};

pub(crate) async fn untag_resource(
    api: &Api,
    input: UntagResourceInput,
    context: &RequestContext,
) -> Result<(), ApiError> {
    let arn = &input.resource_arn;
    let name = tagged_table(arn, context)?;
    if input.tag_keys.is_empty() {
        return Err(tables::no_tag_keys_given());
    }
    if let Some(key) = input.tag_keys.iter().find(|key| !is_allowed(key)) {
        // Earlier versions took it, and whoever has it gets rid of it.
        let view = api.database.describe(&context.namespace, name).await;
        let view = view.map_err(|error| of_tagged(error, arn, context))?;
        if !view.record.tags.iter().any(|(known, _)| known == key) {
            return Err(tables::invalid_tag_key(key));
        }
    }
    check_reserved(&input.tag_keys)?;
    let change = TagChange {
        set: Vec::new(),
        remove: input.tag_keys,
        fixed: Some(RETENTION_TAG),
    };
    let changed = api
        .database
        .change_tags(&context.namespace, name, change)
        .await;
    changed.map_err(|error| of_tagged(error, arn, context))
}
