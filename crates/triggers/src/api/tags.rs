//! TagResource, UntagResource, ListTags. What has tags is told by its ARN.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_operations::RequestContext;
use headwater_wire::ApiError;
use headwater_wire::lambda::{
    ListTagsRequest, ListTagsResponse, TagResourceRequest, UntagResourceRequest,
};
use headwater_wire::messages::functions;

use crate::registry::{FunctionRecord, MappingRecord};
use crate::triggers::Triggers;

use super::answer::{HttpAnswer, internal};
use super::function_name::FunctionName;

/// Lambda guide, "Using tags": 50 tags for each resource.
const TAGS_MAX: usize = 50;
/// Characters of a tag's key; there is one at least (the model, whose decoder looks at values only).
const KEY_CHARS_MAX: usize = 128;

/// What a request is about.
enum Tagged {
    Function(FunctionName),
    /// The ARN.
    Mapping(String),
}

impl Tagged {
    fn of(arn: &str) -> Result<Self, ApiError> {
        if arn.contains(":event-source-mapping:") {
            return Ok(Self::Mapping(arn.to_owned()));
        }
        if !arn.contains(":function:") {
            return Err(functions::unsupported_parameters(&["Resource"]));
        }
        let name = FunctionName::parse(arn);
        match name.qualifier {
            None => Ok(Self::Function(name)),
            Some(_) => Err(functions::tags_of_functions_only()),
        }
    }
}

pub(super) async fn tag_resource(
    triggers: &Triggers,
    request: TagResourceRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let tagged = Tagged::of(&request.resource)?;
    if request.tags.is_empty() {
        return Err(functions::no_tags());
    }
    check_keys(&request.tags)?;
    let add = |tags: &mut BTreeMap<String, String>| tags.extend(request.tags);
    triggers.change_tags(tagged, context, add).await
}

pub(super) async fn untag_resource(
    triggers: &Triggers,
    request: UntagResourceRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let tagged = Tagged::of(&request.resource)?;
    let remove = |tags: &mut BTreeMap<String, String>| {
        tags.retain(|key, _| !request.tag_keys.contains(key));
    };
    triggers.change_tags(tagged, context, remove).await
}

pub(super) fn list_tags(
    triggers: &Triggers,
    request: ListTagsRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let tags = match Tagged::of(&request.resource)? {
        Tagged::Function(name) => triggers.function(&name, context)?.tags.clone(),
        Tagged::Mapping(arn) => triggers.tagged_mapping(&arn, context)?.tags.clone(),
    };
    HttpAnswer::json(200, &ListTagsResponse { tags: Some(tags) })
}

/// Refuses more tags than a resource may have, and keys that are too long.
pub(super) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    check_number(tags)?;
    check_keys(tags)
}

fn check_number(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    match tags.len() > TAGS_MAX {
        true => Err(functions::too_many_tags()),
        false => Ok(()),
    }
}

/// Refuses tags with a key that is empty or too long.
pub(super) fn check_keys(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let is_wrong = |key: &str| !(1..=KEY_CHARS_MAX).contains(&key.chars().count());
    match tags.iter().find(|(key, _)| is_wrong(key)) {
        Some((key, value)) => Err(functions::tag_key_length(key, value, KEY_CHARS_MAX)),
        None => Ok(()),
    }
}

impl Triggers {
    fn tagged_mapping(
        &self,
        arn: &str,
        context: &RequestContext,
    ) -> Result<Arc<MappingRecord>, ApiError> {
        let (_, uuid) = arn.rsplit_once(':').unwrap_or_default();
        let found = self.mappings.get(&context.namespace, uuid);
        found.ok_or_else(|| functions::tagged_mapping_not_found(arn))
    }

    async fn change_tags(
        &self,
        tagged: Tagged,
        context: &RequestContext,
        change: impl FnOnce(&mut BTreeMap<String, String>),
    ) -> Result<HttpAnswer, ApiError> {
        let _change = self.changes.lock().await;
        match tagged {
            Tagged::Function(name) => {
                let mut record = FunctionRecord::clone(&*self.function(&name, context)?);
                change(&mut record.tags);
                check_number(&record.tags)?;
                self.functions.put(record).await.map_err(internal)?;
            }
            Tagged::Mapping(arn) => {
                let mut record = MappingRecord::clone(&*self.tagged_mapping(&arn, context)?);
                change(&mut record.tags);
                check_number(&record.tags)?;
                self.mappings.put(record).await.map_err(internal)?;
            }
        }
        Ok(HttpAnswer::empty(204))
    }
}
