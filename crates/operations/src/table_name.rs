//! `TableName` is a name or an ARN (dynamodb-api.md section 2).

use headwater_wire::ApiError;
use headwater_wire::messages::tables;

use crate::api::RequestContext;

/// The table's name in what a request gives as one. Where accounts and regions share a namespace, those of
/// the ARN don't matter; where they don't, the ARN must be of the sender's own.
pub(crate) fn table_name<'a>(
    given: &'a str,
    context: &RequestContext,
) -> Result<&'a str, ApiError> {
    if !given.starts_with("arn:") {
        return Ok(given);
    }
    split(given)
        .filter(|arn| {
            context.namespace.is_empty()
                || (arn.region == context.region && arn.account == context.account)
        })
        .map(|arn| arn.name)
        .ok_or_else(|| tables::invalid_table_arn(given))
}

struct TableArn<'a> {
    region: &'a str,
    account: &'a str,
    name: &'a str,
}

fn split(arn: &str) -> Option<TableArn<'_>> {
    let (_partition, rest) = arn.strip_prefix("arn:")?.split_once(':')?;
    let (region, rest) = rest.strip_prefix("dynamodb:")?.split_once(':')?;
    let (account, rest) = rest.split_once(':')?;
    let name = rest.strip_prefix("table/")?;
    let is_name = (3..=255).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    is_name.then_some(TableArn {
        region,
        account,
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::table_name;
    use crate::api::RequestContext;

    #[test]
    fn names_and_arns() {
        let shared = RequestContext::local();
        let own = RequestContext {
            namespace: "000000000000/us-east-1".to_owned(),
            ..RequestContext::local()
        };
        let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/users";
        let other = "arn:aws:dynamodb:eu-west-1:000000000000:table/users";
        assert_eq!(table_name("users", &own).as_deref(), Ok("users"));
        assert_eq!(table_name(arn, &shared).as_deref(), Ok("users"));
        assert_eq!(table_name(other, &shared).as_deref(), Ok("users"));
        assert_eq!(table_name(arn, &own).as_deref(), Ok("users"));
        assert!(table_name(other, &own).is_err());
        for broken in [
            "arn:",
            "arn:aws:dynamodb:us-east-1:000000000000:table/",
            "arn:aws:dynamodb:us-east-1:000000000000:table/users/stream/x",
            "arn:aws:s3:us-east-1:000000000000:table/users",
        ] {
            assert!(table_name(broken, &shared).is_err(), "{broken}");
        }
    }
}
