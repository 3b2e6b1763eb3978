//! What is wrong with requests, in AWS's words: one table per kind of fault.

use bytes::Bytes;

use crate::error::{ApiError, ErrorKind};
use crate::generated::dynamodb::{
    BatchExecuteStatementInput, BatchWriteItemInput, CreateTableInput, DescribeTableInput,
    GetItemInput, ListTablesInput, PutItemInput, QueryInput, ScanInput, TransactWriteItemsInput,
    UpdateItemInput, UpdateTableInput,
};
use crate::generated::lambda::{
    CreateEventSourceMappingRequest, CreateFunctionRequest, InvocationRequest,
};
use crate::generated::streams::{
    DescribeStreamInput, GetRecordsInput, GetShardIteratorInput, ListStreamsInput,
};
use crate::json::Json;
use crate::rest::RestRequest;

/// Decodes a request of the operation; `Ok` is its debug text.
fn decode(operation: &str, body: &str) -> Result<String, ApiError> {
    // The payload of Invoke need not be JSON here.
    let json = Json::parse(body.as_bytes()).unwrap_or(Json::Null);
    macro_rules! text {
        ($input:ty) => {
            <$input>::decode(&json).map(|input| format!("{input:?}"))
        };
    }
    match operation {
        "CreateTable" => text!(CreateTableInput),
        "DescribeTable" => text!(DescribeTableInput),
        "UpdateTable" => text!(UpdateTableInput),
        "ListTables" => text!(ListTablesInput),
        "PutItem" => text!(PutItemInput),
        "GetItem" => text!(GetItemInput),
        "UpdateItem" => text!(UpdateItemInput),
        "Query" => text!(QueryInput),
        "Scan" => text!(ScanInput),
        "ListStreams" => text!(ListStreamsInput),
        "DescribeStream" => text!(DescribeStreamInput),
        "GetShardIterator" => text!(GetShardIteratorInput),
        "GetRecords" => text!(GetRecordsInput),
        _ => decode_rest(operation, body),
    }
}

fn decode_rest(operation: &str, body: &str) -> Result<String, ApiError> {
    let (path, query) = match operation {
        "CreateEventSourceMapping" => ("/2015-03-31/event-source-mappings", ""),
        "CreateFunction" => ("/2015-03-31/functions", ""),
        "Invoke" => ("/2015-03-31/functions/f/invocations", "Qualifier=a%20b"),
        _ => panic!("no {operation}"),
    };
    let (_, request) = RestRequest::route("POST", path, query).expect("a route");
    let request = request.with_body(Bytes::copy_from_slice(body.as_bytes()));
    match operation {
        "CreateEventSourceMapping" => {
            CreateEventSourceMappingRequest::decode(&request).map(|input| format!("{input:?}"))
        }
        "CreateFunction" => {
            CreateFunctionRequest::decode(&request).map(|input| format!("{input:?}"))
        }
        _ => InvocationRequest::decode(&request.with_header("x-amz-log-type", "Some"))
            .map(|input| format!("{input:?}")),
    }
}

fn check(kind: ErrorKind, cases: &[(&str, &str, &str)]) {
    for (operation, body, expected) in cases {
        let error = decode(operation, body).expect_err(body);
        assert_eq!(
            (error.kind, error.message.as_str()),
            (kind, *expected),
            "{operation} {body}"
        );
    }
}

#[test]
fn wrong_types_are_serialization_exceptions() {
    check(
        ErrorKind::Serialization,
        &[
            (
                "Scan",
                r#"{"TableName":"t","IndexName":5}"#,
                "NUMBER_VALUE cannot be converted to String",
            ),
            (
                "Scan",
                r#"{"TableName":"t","IndexName":1e3}"#,
                "DECIMAL_VALUE cannot be converted to String",
            ),
            (
                "Scan",
                r#"{"TableName":"t","IndexName":true}"#,
                "TRUE_VALUE cannot be converted to String",
            ),
            (
                "Scan",
                r#"{"TableName":"t","IndexName":[]}"#,
                "Unrecognized collection type class java.lang.String",
            ),
            (
                "Scan",
                r#"{"TableName":"t","IndexName":{}}"#,
                "Start of structure or map found where not expected",
            ),
            (
                "Scan",
                r#"{"TableName":"t","Limit":"5"}"#,
                "STRING_VALUE cannot be converted to Integer",
            ),
            (
                "Scan",
                r#"{"TableName":"t","ConsistentRead":"abc"}"#,
                "Unexpected token received from parser",
            ),
            (
                "Scan",
                r#"{"TableName":"t","ConsistentRead":0}"#,
                "NUMBER_VALUE cannot be converted to Boolean",
            ),
            (
                "Scan",
                r#"{"TableName":"t","AttributesToGet":"a"}"#,
                "Unexpected field type",
            ),
            (
                "Scan",
                r#"{"TableName":"t","AttributesToGet":{}}"#,
                "Start of structure or map found where not expected",
            ),
            (
                "Scan",
                r#"{"TableName":"t","ExpressionAttributeNames":5}"#,
                "Unexpected field type",
            ),
            (
                "Scan",
                r#"{"TableName":"t","ExpressionAttributeNames":[]}"#,
                "Unrecognized collection type java.util.Map<java.lang.String, java.lang.String>",
            ),
            (
                "UpdateTable",
                r#"{"TableName":"t","ProvisionedThroughput":{"ReadCapacityUnits":"5"}}"#,
                "STRING_VALUE cannot be converted to Long",
            ),
            (
                "UpdateTable",
                r#"{"TableName":"t","ProvisionedThroughput":"a"}"#,
                "Unexpected field type",
            ),
            (
                "UpdateTable",
                r#"{"TableName":"t","ProvisionedThroughput":[]}"#,
                "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.ProvisionedThroughput",
            ),
            (
                "UpdateTable",
                r#"{"TableName":"t","GlobalSecondaryIndexUpdates":["a"]}"#,
                "Unexpected value type in payload",
            ),
            (
                "PutItem",
                r#"{"TableName":"t","Item":{"a":5}}"#,
                "Unexpected value type in payload",
            ),
            (
                "PutItem",
                r#"{"TableName":"t","Item":{"a":{"B":5}}}"#,
                "only base-64-encoded strings are convertible to bytes",
            ),
            (
                "PutItem",
                r#"{"TableName":"t","Item":{"a":{"B":"23456"}}}"#,
                "Base64 encoded length is expected a multiple of 4 bytes but found: 5",
            ),
            (
                "PutItem",
                r#"{"TableName":"t","Item":{"a":{"B":"+/+="}}}"#,
                "Invalid last non-pad Base64 character dectected",
            ),
            (
                "PutItem",
                r#"{"TableName":"t","Item":{"a":{"L":[{"S":1}]}}}"#,
                "NUMBER_VALUE cannot be converted to String",
            ),
            // A wrong type counts more than a broken constraint, and the first one in the body counts.
            (
                "PutItem",
                r#"{"TableName":"","Item":{"a":{"SS":[]},"b":{"S":1}}}"#,
                "NUMBER_VALUE cannot be converted to String",
            ),
            (
                "Scan",
                r#"{"Limit":"5","IndexName":5}"#,
                "STRING_VALUE cannot be converted to Integer",
            ),
            (
                "Scan",
                r#"{"IndexName":5,"Limit":"5"}"#,
                "NUMBER_VALUE cannot be converted to String",
            ),
        ],
    );
}

#[test]
fn broken_constraints_are_listed_together() {
    check(
        ErrorKind::Validation,
        &[
            (
                "CreateTable",
                r#"{"TableName":"tab","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"INVALID"}],
                    "KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}"#,
                "1 validation error detected: Value 'INVALID' at 'attributeDefinitions.1.member.attributeType' failed to \
                 satisfy constraint: Member must satisfy enum value set: [B, N, S]",
            ),
            (
                "CreateTable",
                r#"{"BillingMode":"X","TableName":"tab","AttributeDefinitions":[],
                    "KeySchema":[{"AttributeName":"pk","KeyType":"INVALID"}]}"#,
                "2 validation errors detected: Value 'INVALID' at 'keySchema.1.member.keyType' failed to satisfy \
                 constraint: Member must satisfy enum value set: [HASH, RANGE]; Value 'X' at 'billingMode' failed to \
                 satisfy constraint: Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]",
            ),
            (
                "CreateTable",
                r#"{"TableName":"tab","AttributeDefinitions":[],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},
                    {"AttributeName":"sk","KeyType":"RANGE"},{"AttributeName":"extra","KeyType":"RANGE"}]}"#,
                "1 validation error detected: Value '[KeySchemaElement(attributeName=pk, keyType=HASH), \
                 KeySchemaElement(attributeName=sk, keyType=RANGE), KeySchemaElement(attributeName=extra, keyType=RANGE)]' \
                 at 'keySchema' failed to satisfy constraint: Member must have length less than or equal to 2",
            ),
            (
                "CreateTable",
                r#"{"TableName":"tab","AttributeDefinitions":[],"KeySchema":[{"KeyType":"HASH"}],
                    "StreamSpecification":{"StreamEnabled":true,"StreamViewType":"X"}}"#,
                "2 validation errors detected: Value null at 'keySchema.1.member.attributeName' failed to satisfy \
                 constraint: Member must not be null; Value 'X' at 'streamSpecification.streamViewType' failed to satisfy \
                 constraint: Member must satisfy enum value set: [NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES, KEYS_ONLY]",
            ),
            (
                "PutItem",
                r#"{"Item":{"pk":{"S":"test"}}}"#,
                "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null",
            ),
            (
                "PutItem",
                r#"{"TableName":"t","Item":{"pk":{"SS":[]}},"ReturnValues":"a","ReturnConsumedCapacity":"b"}"#,
                "2 validation errors detected: Value 'b' at 'returnConsumedCapacity' failed to satisfy constraint: Member \
                 must satisfy enum value set: [INDEXES, TOTAL, NONE]; Failed to satisfy constraint: Member must satisfy enum \
                 value set: [ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATE_NEW, NONE]",
            ),
            (
                "UpdateItem",
                r#"{"TableName":"t","Key":{},"AttributeUpdates":{"a":{"Action":"X"}}}"#,
                "1 validation error detected: Value 'X' at 'attributeUpdates.a.member.action' failed to satisfy \
                 constraint: Member must satisfy enum value set: [ADD, PUT, DELETE]",
            ),
            (
                "Query",
                r#"{"TableName":"t","Limit":0}"#,
                "1 validation error detected: Value at 'Limit' failed to satisfy constraint: Member must have value \
                 greater than or equal to 1",
            ),
            (
                "Scan",
                r#"{"TableName":"t","Limit":0}"#,
                "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value \
                 greater than or equal to 1",
            ),
            (
                "Scan",
                r#"{"TableName":"t","IndexName":"h;","AttributesToGet":[],"Segment":-1}"#,
                "4 validation errors detected: Value 'h;' at 'indexName' failed to satisfy constraint: Member must satisfy \
                 regular expression pattern: [a-zA-Z0-9_.-]+; Value 'h;' at 'indexName' failed to satisfy constraint: \
                 Member must have length greater than or equal to 3; Value '[]' at 'attributesToGet' failed to satisfy \
                 constraint: Member must have length greater than or equal to 1; Value '-1' at 'segment' failed to satisfy \
                 constraint: Member must have value greater than or equal to 0",
            ),
            (
                "Query",
                r#"{"TableName":"t","Select":"X"}"#,
                "1 validation error detected: Value 'X' at 'select' failed to satisfy constraint: Member must satisfy enum \
                 value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]",
            ),
        ],
    );
}

#[test]
fn the_table_name_is_reported_alone() {
    check(
        ErrorKind::Validation,
        &[
            (
                "PutItem",
                r#"{"TableName":"","Item":{},"ReturnValues":"X"}"#,
                "1 validation error detected: Value at 'TableName' failed to satisfy constraint: Member must have \
                 length greater than or equal to 1",
            ),
            (
                "PutItem",
                r#"{"TableName":"bad table!@#","Item":{}}"#,
                "1 validation error detected: Value 'bad table!@#' at 'tableName' failed to satisfy constraint: Member \
                 must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
            ),
            (
                "CreateTable",
                r#"{"TableName":"ab","KeySchema":[]}"#,
                "1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: Member must have \
                 length greater than or equal to 3",
            ),
            (
                "CreateTable",
                r#"{"KeySchema":[]}"#,
                "The parameter 'TableName' is required but was not present in the request",
            ),
            (
                "DescribeTable",
                "{}",
                "The parameter 'TableName' is required but was not present in the request",
            ),
        ],
    );
    let name = "a".repeat(256);
    let error = decode(
        "PutItem",
        &format!(r#"{{"TableName":"{name}","Item":{{}}}}"#),
    )
    .expect_err("too long");
    assert!(
        error
            .message
            .ends_with("Member must have length less than or equal to 255"),
        "{error}"
    );
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/t";
    assert!(decode("GetItem", &format!(r#"{{"TableName":"{arn}","Key":{{}}}}"#)).is_ok());
}

#[test]
fn streams_have_their_own_bounds() {
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2015-05-20T20:51:10.252";
    let above = |limit: &str, max: u32| {
        format!(
            "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have value \
             less than or equal to {max}"
        )
    };
    check(
        ErrorKind::Validation,
        &[
            ("ListStreams", r#"{"Limit":101}"#, &above("101", 100)),
            ("ListTables", r#"{"Limit":101}"#, &above("101", 100)),
            (
                "DescribeStream",
                &format!(r#"{{"StreamArn":"{arn}","Limit":101}}"#),
                &above("101", 100),
            ),
            (
                "GetRecords",
                r#"{"ShardIterator":"x","Limit":1001}"#,
                &above("1001", 1000),
            ),
            (
                "GetShardIterator",
                &format!(r#"{{"StreamArn":"{arn}","ShardId":"short","ShardIteratorType":"X"}}"#),
                "2 validation errors detected: Value 'short' at 'shardId' failed to satisfy constraint: Member must have \
                 length greater than or equal to 28; Value 'X' at 'shardIteratorType' failed to satisfy constraint: Member \
                 must satisfy enum value set: [TRIM_HORIZON, LATEST, AT_SEQUENCE_NUMBER, AFTER_SEQUENCE_NUMBER, AT_TIMESTAMP]",
            ),
        ],
    );
}

#[test]
fn lambda_requests_are_checked_like_others() {
    check(
        ErrorKind::Validation,
        &[
            (
                "CreateEventSourceMapping",
                r#"{"FunctionName":"f","StartingPosition":"invalid"}"#,
                "1 validation error detected: Value 'invalid' at 'startingPosition' failed to satisfy constraint: Member \
                 must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]",
            ),
            (
                "CreateEventSourceMapping",
                r#"{"FunctionName":"f","BatchSize":10001}"#,
                "1 validation error detected: Value '10001' at 'batchSize' failed to satisfy constraint: Member must have \
                 value less than or equal to 10000",
            ),
            (
                "CreateFunction",
                r#"{"FunctionName":"f","Role":"r","Code":{},"PackageType":"Tar"}"#,
                "2 validation errors detected: Value 'r' at 'role' failed to satisfy constraint: Member must satisfy \
                 regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+; Value 'Tar' \
                 at 'packageType' failed to satisfy constraint: Member must satisfy enum value set: [Zip, Image]",
            ),
            (
                "Invoke",
                "not json",
                "2 validation errors detected: Value 'Some' at 'logType' failed to satisfy constraint: Member must satisfy \
                 enum value set: [None, Tail]; Value 'a b' at 'qualifier' failed to satisfy constraint: Member must satisfy \
                 regular expression pattern: \\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+",
            ),
        ],
    );
}

#[test]
fn unserved_members_are_noted() {
    let (_, request) =
        RestRequest::route("POST", "/2015-03-31/event-source-mappings/", "").expect("a route");
    let body = br#"{"FunctionName":"f","Topics":["t"],"KMSKeyArn":null,"Queues":[],"Unknown":1}"#;
    let input =
        CreateEventSourceMappingRequest::decode(&request.with_body(Bytes::from_static(body)))
            .expect("decoded");
    assert_eq!(input.unsupported, ["Topics", "Queues"]);
}

#[test]
fn null_and_unknown_members_are_passed_over() {
    for body in [
        r#"{"TableName":"t","IndexName":null,"Limit":null,"Unknown":5}"#,
        r#"{"TableName":"t","AttributesToGet":["a",null]}"#,
        r#"{"TableName":"t","Limit":5.5,"ConsistentRead":"TRUE"}"#,
        r#"{"TableName":"t","Limit":99999999999}"#,
    ] {
        assert!(decode("Scan", body).is_ok(), "{body}");
    }
}

#[test]
fn refused_values_come_after_constraints() {
    let prefix = "One or more parameter values were invalid: ";
    let put = |value: &str| format!(r#"{{"TableName":"t","Item":{{"a":{value}}}}}"#);
    for (value, expected) in [
        (r#"{"SS":[]}"#, format!("{prefix}An string set  may not be empty")),
        (r#"{"L":[{"M":{"b":{"NS":[]}}}]}"#, format!("{prefix}An number set  may not be empty")),
        (r#"{"BS":[]}"#, format!("{prefix}Binary sets should not be empty")),
        (r#"{"SS":["a","a"]}"#, format!("{prefix}Input collection [\"a\", \"a\"] contains duplicates.")),
        (r#"{"NS":["1","1.0"]}"#, format!("{prefix}Input collection contains duplicates.")),
        (r#"{"BS":["Yg==","Yg=="]}"#, format!("{prefix}Input collection [\"Yg==\",\"Yg==\"]of type BS contains duplicates.")),
        (r#"{"NULL":false}"#, format!("{prefix}Null attribute value types must have the value of true")),
        (r#"{"N":"x"}"#, "The parameter cannot be converted to a numeric value: x".into()),
        (r#"{"N":""}"#, "The parameter cannot be converted to a numeric value: ".into()),
        (
            r#"{"N":"1e126"}"#,
            "Number overflow. Attempting to store a number with magnitude larger than supported range".into(),
        ),
        ("{}", "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes".into()),
        ("null", "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes".into()),
        (
            r#"{"S":"a","N":"1"}"#,
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
                .into(),
        ),
    ] {
        let error = decode("PutItem", &put(value)).expect_err(value);
        let expected = format!("1 validation error detected: {expected}");
        assert_eq!((error.kind, error.message), (ErrorKind::Validation, expected), "{value}");
    }
    check(
        ErrorKind::Validation,
        &[
            (
                "Scan",
                r#"{"TableName":"t","ExpressionAttributeValues":{":a":{}}}"#,
                "ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, must contain exactly \
                 one of the supported datatypes for key :a",
            ),
            (
                "Scan",
                r#"{"TableName":"t","ExclusiveStartKey":{"a":{}}}"#,
                "The provided starting key is invalid: Supplied AttributeValue is empty, must contain exactly one of the \
                 supported datatypes",
            ),
            (
                "Scan",
                r#"{"TableName":"t","ExpressionAttributeValues":{":a":{"BS":["/w==","AA==","AA=="]}}}"#,
                "ExpressionAttributeValues contains invalid value: One or more parameter values were invalid: Input \
                 collection [/w==, AA==, AA==]of type BS contains duplicates. for key :a",
            ),
            (
                "Query",
                r#"{"TableName":"t","ExclusiveStartKey":{"a":{"BS":["/w==","AA==","AA=="]}}}"#,
                "One or more parameter values were invalid: Input collection [\"AA==\",\"/w==\",\"AA==\"]of type BS \
                 contains duplicates.",
            ),
            (
                "Query",
                r#"{"TableName":"t","ExpressionAttributeValues":{":a":{"SS":["b","a","b"]}}}"#,
                "One or more parameter values were invalid: Input collection [\"a\", \"b\", \"b\"] contains duplicates.",
            ),
        ],
    );
}

#[test]
fn a_check_comes_between_constraints_and_values() {
    let decode = |body: &str| {
        let json = Json::parse(body.as_bytes()).expect("JSON");
        let checked = PutItemInput::decode_checked(&json, |_| Err(ApiError::validation("checked")));
        checked.expect_err("refused").message
    };
    assert_eq!(
        decode(r#"{"TableName":"t","Item":{"a":{"SS":[]}}}"#),
        "checked"
    );
    assert!(
        decode(r#"{"TableName":"t"}"#)
            .starts_with("1 validation error detected: Value null at 'item'")
    );
}

#[test]
fn actions_before_a_refused_value_are_checked_first() {
    let asked = |items: &str| {
        let body = format!(r#"{{"TransactItems":[{items}]}}"#);
        let json = Json::parse(body.as_bytes()).expect("JSON");
        let mut asked = None;
        let decoded = TransactWriteItemsInput::decode_in_order(&json, |_, count| {
            asked = Some(count);
            Ok(())
        });
        (asked, decoded.err().map(|error| error.message))
    };
    let good = r#"{"Delete":{"TableName":"t","Key":{"a":{"S":"x"}}}}"#;
    let value = r#"{"Delete":{"TableName":"t","Key":{"a":{"SS":[]}}}}"#;
    let expression = r#"{"Delete":{"TableName":"t","Key":{"a":{"S":"x"}},"ConditionExpression":"a = :v","ExpressionAttributeValues":{":v":{"SS":[]}}}}"#;
    let both = r#"{"Delete":{"TableName":"t","Key":{"a":{"SS":[]}},"ExpressionAttributeValues":{":v":{"NS":[]}}}}"#;
    for (items, count, of_expression) in [
        (vec![good, good], None, false),
        // Its own expressions come before it.
        (vec![good, value], Some(2), false),
        // Unless it is theirs.
        (vec![good, expression], Some(1), true),
        (vec![value, expression], Some(1), false),
        (vec![expression, value], Some(0), true),
        (vec![good, both, value], Some(1), false),
    ] {
        let (asked, message) = asked(&items.join(","));
        assert_eq!(asked, count, "{items:?}");
        let starts = |text: &str| {
            message
                .as_deref()
                .is_some_and(|message| message.starts_with(text))
        };
        assert_eq!(message.is_some(), count.is_some(), "{items:?}");
        assert_eq!(
            starts("ExpressionAttributeValues"),
            of_expression,
            "{items:?}"
        );
    }
}

#[test]
fn values_of_expressions_come_last_and_names_are_bounded() {
    let message = |body: &str| decode("PutItem", body).expect_err(body).message;
    let both =
        r#"{"TableName":"t","ExpressionAttributeValues":{":v":{"NS":[]}},"Item":{"a":{"SS":[]}}}"#;
    assert!(message(both).ends_with("An string set  may not be empty"));
    assert_eq!(
        message(r#"{"TableName":"t","Item":{"":{"S":"a"}}}"#),
        "1 validation error detected: Empty attribute name"
    );
    let named = |bytes: usize| {
        format!(
            r#"{{"TableName":"t","Item":{{"{}":{{"S":"a"}}}}}}"#,
            "x".repeat(bytes)
        )
    };
    assert!(decode("PutItem", &named(65_535)).is_ok());
    assert!(message(&named(65_536)).contains("Attribute name is too large"));
}

#[test]
fn nesting_ends_at_level_32() {
    let nested = |wraps: usize| {
        let value = format!(
            "{}{{\"S\":\"leaf\"}}{}",
            r#"{"M":{"n":"#.repeat(wraps),
            "}}".repeat(wraps)
        );
        format!(r#"{{"TableName":"t","Item":{{"a":{value}}}}}"#)
    };
    assert!(decode("PutItem", &nested(31)).is_ok());
    for wraps in [32, 100] {
        let error = decode("PutItem", &nested(wraps)).expect_err("too deep");
        assert!(
            error
                .message
                .contains("Nesting Levels have exceeded supported limits"),
            "{error}"
        );
    }
}

#[test]
fn at_most_ten_violations_are_listed() {
    let element = r#"{"AttributeName":"","AttributeType":"X"}"#;
    let body = format!(
        r#"{{"TableName":"tab","KeySchema":[],"AttributeDefinitions":[{}]}}"#,
        [element; 9].join(",")
    );
    let error = decode("CreateTable", &body).expect_err("violations");
    assert!(
        error.message.starts_with("10 validation errors detected: "),
        "{error}"
    );
    assert_eq!(error.message.split("; ").count(), 10);
}

/// All that lies within a value was copied for each level around it, and then cut off.
#[test]
fn a_long_text_within_many_levels_is_shown_up_to_64_kb() {
    let long = "\u{fc}".repeat(8 << 20);
    let item = format!("{}\"{long}\"{}", r#"{"a":"#.repeat(240), "}".repeat(240));
    let first = format!(r#"{{"PutRequest":{{"Item":{item}}}}}"#);
    let others = r#",{"DeleteRequest":{"Key":{"id":{"S":"x"}}}}"#.repeat(25);
    let body = format!(r#"{{"RequestItems":{{"table":[{first}{others}]}}}}"#);
    let json = Json::parse(body.as_bytes()).expect("it is JSON");
    let begun = std::time::Instant::now();
    let error = BatchWriteItemInput::decode(&json).expect_err("too many requests");
    let took = begun.elapsed();
    assert!(took < std::time::Duration::from_secs(1), "{took:?}");
    let begin = format!(
        "1 validation error detected: Value '{{table=[WriteRequest(putRequest=PutRequest(item={}\u{fc}",
        "{a=".repeat(240)
    );
    assert!(
        error.message.starts_with(&begin),
        "{}",
        &error.message[..2000]
    );
    let (shown, _) = error
        .message
        .split_once("...' at 'requestItems'")
        .expect("it is cut off");
    let (_, shown) = shown.split_once('\'').expect("a value");
    assert!((65_535..=65_536).contains(&shown.len()), "{}", shown.len());
}

#[test]
fn refused_values_belong_to_their_statements() {
    let body = r#"{"Statements":[null,{"Statement":"a"},
        {"Statement":"b","Parameters":[{"S":"x"},{"N":"one"},{"N":"two"}]},
        {"Statement":"c","Parameters":[{"NS":[]}]}]}"#;
    let json = Json::parse(body.as_bytes()).expect("it is JSON");
    let (input, faults) = BatchExecuteStatementInput::decode_each(&json).expect("no violations");
    let told: Vec<(&str, &str)> = faults
        .iter()
        .map(|(place, error)| {
            let statement = input.statements[*place].statement.as_str();
            (statement, error.message.as_str())
        })
        .collect();
    let empty = "One or more parameter values were invalid: An number set  may not be empty";
    let one = "The parameter cannot be converted to a numeric value: one";
    assert_eq!(told, [("b", one), ("c", empty)]);

    let body = r#"{"Statements":[{"Statement":""},{"Statement":"b","Parameters":[{"N":"x"}]}]}"#;
    let json = Json::parse(body.as_bytes()).expect("it is JSON");
    let error = BatchExecuteStatementInput::decode_each(&json).expect_err("a violation");
    assert!(error.message.starts_with("1 validation error detected"));
}
