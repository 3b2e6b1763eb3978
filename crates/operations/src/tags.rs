//! Tags of tables: their rules, and which table an ARN means.
//!
//! An extension: the tag [`RETENTION_TAG`] with a number of hours keeps the records of the table's streams
//! for that long in place of the server's setting (24 hours, as on AWS). It is a tag because SDKs refuse
//! members that they don't know; it is stored and shown like any other tag, and stays as CreateTable set it.

use std::collections::BTreeSet;

use headwater_engine::EngineError;
use headwater_model::limits;
use headwater_wire::ApiError;
use headwater_wire::dynamodb::Tag;
use headwater_wire::messages::tables;

use crate::api::RequestContext;
use crate::failure::of_tables;
use crate::table_name::table_name;

/// The tag that sets the retention of a table's streams, in hours.
pub const RETENTION_TAG: &str = "headwater:stream-retention-hours";
/// Of tags that AWS assigns itself (API model).
const RESERVED_TAG_PREFIX: &str = "aws:";
/// Longest retention: a year.
const RETENTION_HOURS_MAX: u64 = 8760;
const MS_PER_HOUR: u64 = 3_600_000;

/// The name of the table whose ARN was given. What is no ARN at all is nothing that the sender may use, as
/// permissions are checked first; then it has to be the ARN of a table (dynalite's captures).
pub(crate) fn tagged_table<'a>(
    arn: &'a str,
    action: &str,
    context: &RequestContext,
) -> Result<&'a str, ApiError> {
    let resource = arn.splitn(6, ':').nth(5);
    if !resource.is_some_and(|resource| resource.contains('/')) {
        return Err(tables::not_authorized(&context.account, action, arn));
    }
    match arn.starts_with("arn:") {
        true => table_name(arn, context),
        false => Err(tables::invalid_table_arn(arn)),
    }
}

/// A change of tags was refused.
pub(crate) fn of_tagged(error: EngineError, arn: &str) -> ApiError {
    match error {
        EngineError::TableNotFound { .. } => tables::tagged_table_not_found(arn),
        other => of_tables(other),
    }
}

/// The limits of tags (dynamodb-api.md section 3).
pub(crate) fn check_tags(tags: &[Tag]) -> Result<(), ApiError> {
    let keys = tags.iter().map(|tag| &tag.key);
    if let Some(key) = keys.clone().find(|key| !is_allowed(key)) {
        return Err(tables::invalid_tag_key(key));
    }
    check_reserved(keys.clone())?;
    if let Some(tag) = tags.iter().find(|tag| !is_allowed(&tag.value)) {
        return Err(tables::invalid_tag_value(&tag.value));
    }
    if let Some(key) = first_duplicate(keys) {
        return Err(tables::duplicate_tag(key));
    }
    if tags.len() > limits::TAGS_MAX {
        return Err(tables::too_many_tags());
    }
    Ok(())
}

/// Refuses keys that only AWS assigns.
pub(crate) fn check_reserved<'a>(
    keys: impl IntoIterator<Item = &'a String>,
) -> Result<(), ApiError> {
    let mut keys = keys.into_iter();
    match keys.find(|key| key.starts_with(RESERVED_TAG_PREFIX)) {
        Some(key) => Err(tables::reserved_tag(RESERVED_TAG_PREFIX, key)),
        None => Ok(()),
    }
}

/// Letters and digits of any script, white space, and a few others (Alternator's tests on AWS; guide).
pub(crate) fn is_allowed(text: &str) -> bool {
    const OTHERS: &str = "+-=._:/@";
    let fits = |letter: char| {
        letter.is_alphanumeric() || letter.is_whitespace() || OTHERS.contains(letter)
    };
    text.chars().all(fits)
}

/// The first name that stood before.
pub(crate) fn first_duplicate<'a>(names: impl IntoIterator<Item = &'a String>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    let mut names = names.into_iter();
    names.find(|name| !seen.insert(*name)).map(String::as_str)
}

/// Tags as the engine keeps them.
pub(crate) fn pairs(tags: Vec<Tag>) -> Vec<(String, String)> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

/// The retention that the tags ask for, in milliseconds.
pub(crate) fn retention_ms(tags: &[Tag]) -> Result<Option<u64>, ApiError> {
    let Some(tag) = tags.iter().find(|tag| tag.key == RETENTION_TAG) else {
        return Ok(None);
    };
    match tag.value.parse::<u64>() {
        Ok(hours) if (1..=RETENTION_HOURS_MAX).contains(&hours) => Ok(Some(hours * MS_PER_HOUR)),
        _ => Err(tables::invalid_retention_tag(
            RETENTION_TAG,
            RETENTION_HOURS_MAX,
            &tag.value,
        )),
    }
}
