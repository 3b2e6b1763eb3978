//! Requests: JSON, the decoder of every operation, REST paths, headers, items.

use bytes::Bytes;
use headwater_model::{EncodedItem, Item};
use headwater_wire::json::{DEPTH_MAX, Json, JsonError};
use headwater_wire::{
    ApiError, Operation, RestRequest, Target, dynamodb, lambda, sigv4, streams, write_item,
};

/// Nesting that serde_json reads.
const ORACLE_DEPTH_MAX: usize = 120;

/// The JSON tree, against serde_json.
pub(crate) fn json(data: &[u8]) {
    let ours = Json::parse(data);
    if depth_max(data) > ORACLE_DEPTH_MAX {
        return;
    }
    let theirs = serde_json::from_slice::<serde_json::Value>(data);
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => same(ours, theirs),
        (Err(_), Err(_)) => {}
        // We keep the text of numbers that no float can hold.
        (Ok(_), Err(error)) => {
            assert!(error.to_string().contains("number out of range"), "{error}");
        }
        (Err(error), Ok(_)) => panic!("serde_json reads it, but: {error}"),
    }
    assert!(ours != Err(JsonError::TooDeep), "{DEPTH_MAX} levels");
}

/// No document nests deeper than it has opening brackets in a row of open ones.
fn depth_max(data: &[u8]) -> usize {
    let opening = |byte: &&u8| matches!(byte, b'[' | b'{');
    data.iter().filter(opening).count()
}

fn same(ours: &Json<'_>, theirs: &serde_json::Value) {
    use serde_json::Value;
    match (ours, theirs) {
        (Json::Null, Value::Null) => {}
        (Json::Bool(ours), Value::Bool(theirs)) => assert_eq!(ours, theirs),
        // The oracle rounds; its floats would be compared with floats.
        (Json::Number(_), Value::Number(_)) => {}
        (Json::String(ours), Value::String(theirs)) => assert_eq!(ours, theirs),
        (Json::Array(ours), Value::Array(theirs)) => {
            assert_eq!(ours.len(), theirs.len());
            ours.iter()
                .zip(theirs)
                .for_each(|(ours, theirs)| same(ours, theirs));
        }
        (Json::Object(ours), Value::Object(theirs)) => {
            assert_eq!(ours.len(), theirs.len());
            for (name, value) in ours {
                same(value, &theirs[name.as_ref()]);
            }
        }
        _ => panic!("{ours:?} is not {theirs}"),
    }
}

/// The first byte chooses an operation of DynamoDB or DynamoDB Streams, the rest is the body.
pub(crate) fn requests(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let Ok(json) = Json::parse(body) else { return };
    let error = match choice {
        FIRST_OF_SEVERAL_ITEMS.. => several_items(*choice, &json),
        FIRST_OF_STATEMENTS.. => statements(*choice, &json),
        _ => one_of_the_others(*choice, &json),
    };
    if let Some(error) = error {
        refusal_is_json(&error);
    }
}

/// Choices from here on are batches and transactions.
const FIRST_OF_SEVERAL_ITEMS: u8 = 240;

/// From here on they are PartiQL.
const FIRST_OF_STATEMENTS: u8 = 232;

fn statements(choice: u8, json: &Json<'_>) -> Option<ApiError> {
    match choice % 3 {
        0 => dynamodb::ExecuteStatementInput::decode(json).err(),
        1 => dynamodb::ExecuteTransactionInput::decode(json).err(),
        _ => match dynamodb::BatchExecuteStatementInput::decode_each(json) {
            Ok((input, faults)) => {
                // Every fault has its statement.
                assert!(faults.keys().all(|place| *place < input.statements.len()));
                None
            }
            Err(error) => Some(error),
        },
    }
}

fn several_items(choice: u8, json: &Json<'_>) -> Option<ApiError> {
    match choice % 4 {
        0 => dynamodb::BatchGetItemInput::decode(json).err(),
        1 => dynamodb::BatchWriteItemInput::decode(json).err(),
        2 => dynamodb::TransactGetItemsInput::decode(json).err(),
        _ => dynamodb::TransactWriteItemsInput::decode(json).err(),
    }
}

fn one_of_the_others(choice: u8, json: &Json<'_>) -> Option<ApiError> {
    match choice % 15 {
        0 => dynamodb::PutItemInput::decode(json).err(),
        1 => dynamodb::GetItemInput::decode(json).err(),
        2 => dynamodb::UpdateItemInput::decode(json).err(),
        3 => dynamodb::DeleteItemInput::decode(json).err(),
        4 => dynamodb::QueryInput::decode(json).err(),
        5 => dynamodb::ScanInput::decode(json).err(),
        6 => dynamodb::CreateTableInput::decode(json).err(),
        7 => dynamodb::DescribeTableInput::decode(json).err(),
        8 => dynamodb::ListTablesInput::decode(json).err(),
        9 => dynamodb::UpdateTableInput::decode(json).err(),
        10 => dynamodb::DeleteTableInput::decode(json).err(),
        11 => streams::ListStreamsInput::decode(json).err(),
        12 => streams::DescribeStreamInput::decode(json).err(),
        13 => streams::GetShardIteratorInput::decode(json).err(),
        _ => streams::GetRecordsInput::decode(json).err(),
    }
}

fn refusal_is_json(error: &ApiError) {
    assert!(!error.is_server_fault(), "{error}");
    let mut out = Vec::new();
    assert!(error.write_dynamodb(&mut out).is_ok());
    assert!(Json::parse(&out).is_ok());
    out.clear();
    assert!(error.write_lambda(&mut out).is_ok());
    assert!(Json::parse(&out).is_ok());
}

/// A request of the Lambda interface, a line each for method, path and query, then the body. A method that is
/// none chooses an operation of its own, so that its decoder is reached whatever the path.
pub(crate) fn rest(data: &[u8]) {
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (method, path, query) = (text(), text(), text());
    let body = Bytes::copy_from_slice(parts.next().unwrap_or_default());
    let Some((operation, request)) = RestRequest::route(&method, &path, &query) else {
        return;
    };
    let request = request
        .with_header("x-amz-invocation-type", &query)
        .with_body(body);
    let error = match operation {
        Operation::CreateFunction => lambda::CreateFunctionRequest::decode(&request).err(),
        Operation::GetFunction => lambda::GetFunctionRequest::decode(&request).err(),
        Operation::GetFunctionConfiguration => {
            lambda::GetFunctionConfigurationRequest::decode(&request).err()
        }
        Operation::ListFunctions => lambda::ListFunctionsRequest::decode(&request).err(),
        Operation::DeleteFunction => lambda::DeleteFunctionRequest::decode(&request).err(),
        Operation::Invoke => lambda::InvocationRequest::decode(&request).err(),
        Operation::CreateEventSourceMapping => {
            lambda::CreateEventSourceMappingRequest::decode(&request).err()
        }
        Operation::GetEventSourceMapping => {
            lambda::GetEventSourceMappingRequest::decode(&request).err()
        }
        Operation::ListEventSourceMappings => {
            lambda::ListEventSourceMappingsRequest::decode(&request).err()
        }
        Operation::UpdateEventSourceMapping => {
            lambda::UpdateEventSourceMappingRequest::decode(&request).err()
        }
        Operation::DeleteEventSourceMapping => {
            lambda::DeleteEventSourceMappingRequest::decode(&request).err()
        }
        _ => None,
    };
    if let Some(error) = error {
        refusal_is_json(&error);
    }
}

/// The headers that are taken apart.
pub(crate) fn heads(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Err(error) = Target::parse(&text) {
        refusal_is_json(&error);
    }
    sigv4::credential_scope(&text);
}

/// An item in a PutItem. What is read is stored, shown and read again as the same.
pub(crate) fn items(data: &[u8]) {
    if let Some(item) = item_of_json(data)
        && let Ok(text) = json_of_item(&item)
    {
        assert_eq!(item_of_json(&text).as_ref(), Some(&item));
    }
}

/// The item that stands in JSON.
pub(crate) fn item_of_json(json: &[u8]) -> Option<Item> {
    let body = [br#"{"TableName":"table","Item":"#, json, b"}"].concat();
    let json = Json::parse(&body).ok()?;
    let input = dynamodb::PutItemInput::decode(&json).ok()?;
    Some(input.item)
}

fn json_of_item(item: &Item) -> Result<Vec<u8>, ()> {
    let encoded = EncodedItem::encode(item);
    assert_eq!(encoded.decode().as_ref(), Ok(item));
    let mut out = Vec::new();
    write_item(&mut out, encoded.as_ref()).map_err(|_| ())?;
    Ok(out)
}
