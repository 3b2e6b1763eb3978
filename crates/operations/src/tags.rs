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
use headwater_wire::messages::{policies, tables};

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

/// The name of the table whose ARN was given. Other things have no tags; a stream is answered for as a table that is not
/// there (recorded 2026; of other services: ExtendDB's tests against the service).
pub(crate) fn tagged_table<'a>(
    arn: &'a str,
    context: &RequestContext,
) -> Result<&'a str, ApiError> {
    if !arn.starts_with("arn:") {
        return Err(policies::no_arn(arn));
    }
    let mut parts = arn.splitn(6, ':').skip(2);
    if parts.next() != Some("dynamodb") {
        return Err(tables::access_denied());
    }
    let mut resource = parts.nth(2).unwrap_or_default().split('/');
    match (resource.next(), resource.next(), resource.next()) {
        (Some("table"), Some(_), None) => {
            if !context.namespace.is_empty() && is_of_somebody_else(arn, context) {
                return Err(tables::access_denied());
            }
            table_name(arn, context)
        }
        (Some("table"), Some(_), Some("stream")) => Err(tables::tagged_table_not_found(arn)),
        (Some("table"), Some(_), Some("index")) => Err(policies::arn_of_an_index(arn)),
        _ => Err(policies::arn_of_another_resource(arn)),
    }
}

/// An operation on the tags of a table was refused. Where accounts share their tables, another account's are only those
/// that are not there.
pub(crate) fn of_tagged(error: EngineError, arn: &str, context: &RequestContext) -> ApiError {
    match error {
        EngineError::TableNotFound { .. } if is_of_somebody_else(arn, context) => {
            tables::access_denied()
        }
        EngineError::TableNotFound { .. } => tables::tagged_table_not_found(arn),
        other => of_tables(other),
    }
}

fn is_of_somebody_else(arn: &str, context: &RequestContext) -> bool {
    arn.split(':').nth(4) != Some(context.account.as_str())
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

#[cfg(test)]
mod tests {
    use headwater_wire::ErrorKind;

    use super::tagged_table;
    use crate::api::RequestContext;

    #[test]
    fn where_they_are_kept_apart_tables_of_others_are_refused() {
        let own = RequestContext {
            namespace: "key/us-east-1".to_owned(),
            ..RequestContext::local()
        };
        let asked = |region: &str, account: &str| {
            let arn = format!("arn:aws:dynamodb:{region}:{account}:table/users");
            let table = tagged_table(&arn, &own).map(str::to_owned);
            table.map_err(|error| error.kind)
        };
        assert_eq!(asked("us-east-1", "000000000000").as_deref(), Ok("users"));
        let denied = asked("us-east-1", "123456789012");
        assert_eq!(denied, Err(ErrorKind::AccessDenied));
        assert_eq!(
            asked("eu-west-1", "000000000000"),
            Err(ErrorKind::Validation)
        );
        // The account is looked at first.
        let denied = asked("eu-west-1", "123456789012");
        assert_eq!(denied, Err(ErrorKind::AccessDenied));
    }
}
