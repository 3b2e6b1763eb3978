//! What a server has of what a template names.

use hyper::Method;
use serde_json::{Value, json};

use super::desired::Desired;
use super::plan::{Actual, RECOVERY, TIME_TO_LIVE};
use super::resolve::Place;
use crate::client::{Client, ClientError};

const FUNCTIONS: &str = "/2015-03-31/functions";
const MAPPINGS: &str = "/2015-03-31/event-source-mappings";
/// Pages of mappings of one function, at most.
const PAGES_MAX: usize = 100;
/// A function that nobody has: the answer names its ARN, and so the account and the region.
const NOBODYS_FUNCTION: &str = "headwater-apply-asks-for-its-account";
/// The account of a server that does not say.
const ACCOUNT: &str = "000000000000";

/// As whom the server takes us.
pub(super) async fn place(
    client: &Client,
    stack: &str,
    region: &str,
) -> Result<Place, ClientError> {
    let path = function_path(NOBODYS_FUNCTION);
    let answer = client.lambda(Method::GET, &path, None).await;
    let arn = match answer {
        Err(ClientError::Refused { message, .. }) => message,
        Err(error) => return Err(error),
        Ok(_) => String::new(),
    };
    let mut parts = arn
        .split_once("arn:aws:lambda:")
        .map_or("", |(_, rest)| rest)
        .split(':');
    let named = parts.next().filter(|region| !region.is_empty());
    let account = parts
        .next()
        .filter(|account| account.len() == ACCOUNT.len());
    Ok(Place {
        stack: stack.to_owned(),
        region: named.unwrap_or(region).to_owned(),
        account: account.unwrap_or(ACCOUNT).to_owned(),
    })
}

/// What is there of the template's tables and functions, and the mappings of these functions.
pub(super) async fn look(client: &Client, desired: &Desired) -> Result<Actual, ClientError> {
    let mut actual = Actual::default();
    for table in &desired.tables {
        if let Some(there) = whole_table(client, &table.name).await? {
            actual.tables.insert(table.name.clone(), there);
        }
    }
    for function in &desired.functions {
        let path = function_path(&function.name);
        if let Some(there) = found(client.lambda(Method::GET, &path, None).await)? {
            actual.functions.insert(function.name.clone(), there);
        }
    }
    let of_mappings = desired.mappings.iter();
    let mut names: Vec<&str> = of_mappings.map(|mapping| base(&mapping.function)).collect();
    names.extend(
        desired
            .functions
            .iter()
            .map(|function| function.name.as_str()),
    );
    names.sort_unstable();
    names.dedup();
    for name in names {
        actual.mappings.extend(mappings(client, name).await?);
    }
    Ok(actual)
}

/// A table as DescribeTable shows it.
pub(super) async fn table(client: &Client, name: &str) -> Result<Option<Value>, ClientError> {
    let answer = client
        .dynamodb("DescribeTable", &json!({"TableName": name}))
        .await;
    Ok(found(answer)?.map(|mut answer| answer["Table"].take()))
}

/// The same, with time to live and recovery as members, under the names that plans give them.
async fn whole_table(client: &Client, name: &str) -> Result<Option<Value>, ClientError> {
    let Some(mut there) = table(client, name).await? else {
        return Ok(None);
    };
    let asked = json!({"TableName": name});
    let status = there["TableStatus"].as_str();
    // It is not told of others.
    if matches!(status, Some("ACTIVE" | "UPDATING")) {
        let ttl = client.dynamodb("DescribeTimeToLive", &asked).await?;
        let ttl = &ttl["TimeToLiveDescription"];
        if matches!(
            ttl["TimeToLiveStatus"].as_str(),
            Some("ENABLED" | "ENABLING")
        ) {
            there[TIME_TO_LIVE] = ttl["AttributeName"].clone();
        }
    }
    let backups = client.dynamodb("DescribeContinuousBackups", &asked).await?;
    let recovery = &backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"];
    if recovery["PointInTimeRecoveryStatus"] == "ENABLED" {
        there[RECOVERY] = recovery["RecoveryPeriodInDays"].clone();
    }
    Ok(Some(there))
}

async fn mappings(client: &Client, function: &str) -> Result<Vec<Value>, ClientError> {
    let mut all = Vec::new();
    let mut marker = String::new();
    for _ in 0..PAGES_MAX {
        let path = format!("{MAPPINGS}?FunctionName={}{marker}", escaped(function));
        let Some(mut answer) = found(client.lambda(Method::GET, &path, None).await)? else {
            break;
        };
        if let Value::Array(page) = answer["EventSourceMappings"].take() {
            all.extend(page);
        }
        match answer["NextMarker"].as_str() {
            Some(next) => marker = format!("&Marker={}", escaped(next)),
            None => break,
        }
    }
    Ok(all)
}

/// An answer, or that there is no such thing.
fn found(answer: Result<Value, ClientError>) -> Result<Option<Value>, ClientError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code() == "ResourceNotFoundException" => Ok(None),
        Err(error) => Err(error),
    }
}

/// A function's path in the Lambda interface.
pub(super) fn function_path(name: &str) -> String {
    format!("{FUNCTIONS}/{}", escaped(name))
}

/// The path of a function's reserved concurrency, which came later than the rest.
pub(super) fn concurrency_path(name: &str) -> String {
    format!("/2017-10-31/functions/{}/concurrency", escaped(name))
}

/// The path of all functions, and that of all mappings.
pub(super) const CREATE_FUNCTION: &str = FUNCTIONS;
pub(super) const CREATE_MAPPING: &str = MAPPINGS;

/// A mapping's path in the Lambda interface.
pub(super) fn mapping_path(uuid: &str) -> String {
    format!("{MAPPINGS}/{}", escaped(uuid))
}

/// A function's name without a qualifier.
fn base(function: &str) -> &str {
    function.split(':').next().unwrap_or(function)
}

/// A part of a path or a query with what does not belong there as `%XX`.
fn escaped(text: &str) -> String {
    let mut made = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                made.push(char::from(byte));
            }
            _ => made.push_str(&format!("%{byte:02X}")),
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::{base, escaped};

    #[test]
    fn names_in_paths() {
        assert_eq!(escaped("a-b_c.1"), "a-b_c.1");
        assert_eq!(escaped("a b/\u{fc}:1"), "a%20b%2F%C3%BC%3A1");
        assert_eq!(base("name:live"), "name");
    }
}
