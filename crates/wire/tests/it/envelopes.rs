//! Errors and answers as they go over the wire.

use headwater_model::{AttributeValue, EncodedItem, Item};
use headwater_wire::dynamodb::{ConsumedCapacity, QueryOutput, TableDescription, TableStatus};
use headwater_wire::json::WriteJson;
use headwater_wire::lambda::InvocationResponse;
use headwater_wire::streams::GetRecordsOutput;
use headwater_wire::{ApiError, CancellationReason, ErrorDetail, ErrorKind, Timestamp, messages};

fn check_dynamodb(error: &ApiError, status: u16, expected: &str) {
    let mut out = Vec::new();
    error.write_dynamodb(&mut out).expect("written");
    assert_eq!(
        (error.status(), String::from_utf8_lossy(&out).as_ref()),
        (status, expected)
    );
}

fn check_lambda(error: &ApiError, status: u16, code: &str, expected: &str) {
    let mut out = Vec::new();
    error.write_lambda(&mut out).expect("written");
    assert_eq!((error.status(), error.kind.code()), (status, code));
    assert_eq!(String::from_utf8_lossy(&out), expected);
}

fn check_answer(answer: &impl WriteJson, expected: &str) {
    let mut out = Vec::new();
    answer.write(&mut out).expect("written");
    assert_eq!(String::from_utf8_lossy(&out), expected);
}

fn item() -> EncodedItem {
    EncodedItem::encode(&Item::from([("pk", AttributeValue::from("a"))]))
}

#[test]
fn dynamodb_errors_name_their_namespace() {
    check_dynamodb(
        &messages::items::table_not_found(),
        400,
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}"#,
    );
    check_dynamodb(
        &messages::serialization("x"),
        400,
        r#"{"__type":"com.amazon.coral.service#SerializationException","Message":"x"}"#,
    );
    check_dynamodb(
        &messages::unknown_operation(),
        400,
        r#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#,
    );
    check_dynamodb(
        &ApiError::validation("x"),
        400,
        r#"{"__type":"com.amazon.coral.validate#ValidationException","message":"x"}"#,
    );
    assert_eq!(messages::internal_server_error().status(), 500);
    assert_eq!(messages::body_too_large().status(), 413);
}

#[test]
fn some_errors_carry_more() {
    check_dynamodb(
        &messages::items::condition_failed(Some(item())),
        400,
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed","Item":{"pk":{"S":"a"}}}"#,
    );
    let reasons = vec![
        CancellationReason {
            code: "None".into(),
            ..CancellationReason::default()
        },
        CancellationReason {
            code: "ConditionalCheckFailed".into(),
            message: Some("The conditional request failed".into()),
            item: None,
        },
    ];
    check_dynamodb(
        &ApiError::new(ErrorKind::TransactionCanceled, "x")
            .with(ErrorDetail::CancellationReasons(reasons)),
        400,
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"x","CancellationReasons":[{"Code":"None"},{"Code":"ConditionalCheckFailed","Message":"The conditional request failed"}]}"#,
    );
}

#[test]
fn lambda_errors_differ_in_the_case_of_the_message() {
    check_lambda(
        &messages::mappings::not_found(),
        404,
        "ResourceNotFoundException",
        r#"{"Type":"User","Message":"The resource you requested does not exist."}"#,
    );
    check_lambda(
        &messages::mappings::function_does_not_exist(),
        400,
        "InvalidParameterValueException",
        r#"{"Type":"User","message":"Function does not exist"}"#,
    );
    check_lambda(
        &messages::functions::already_exists("f"),
        409,
        "ResourceConflictException",
        r#"{"Type":"User","message":"Function already exist: f"}"#,
    );
    check_lambda(
        &ApiError::validation("x"),
        400,
        "ValidationException",
        r#"{"message":"x"}"#,
    );
    assert!(messages::functions::service_error().is_server_fault());
}

#[test]
fn absent_members_are_left_out() {
    check_answer(&GetRecordsOutput::default(), r#"{"Records":[]}"#);
    let answer = QueryOutput {
        items: Some(vec![item()]),
        count: 1,
        scanned_count: 1,
        last_evaluated_key: Some(item()),
        consumed_capacity: Some(ConsumedCapacity {
            table_name: Some("t".into()),
            capacity_units: Some(1.0),
            ..ConsumedCapacity::default()
        }),
    };
    check_answer(
        &answer,
        r#"{"Items":[{"pk":{"S":"a"}}],"Count":1,"ScannedCount":1,"LastEvaluatedKey":{"pk":{"S":"a"}},"ConsumedCapacity":{"TableName":"t","CapacityUnits":1.0}}"#,
    );
    let table = TableDescription {
        table_status: Some(TableStatus::Creating),
        creation_date_time: Some(Timestamp(1_732_012_345_123)),
        ..TableDescription::default()
    };
    check_answer(
        &table,
        r#"{"TableStatus":"CREATING","CreationDateTime":1732012345.123}"#,
    );
}

#[test]
fn an_invocation_answers_in_headers() {
    let answer = InvocationResponse {
        function_error: Some("Unhandled".into()),
        executed_version: Some("$LATEST".into()),
        ..InvocationResponse::default()
    };
    let headers: Vec<_> = answer.headers().collect();
    assert_eq!(
        headers,
        [
            ("X-Amz-Function-Error", "Unhandled"),
            ("X-Amz-Executed-Version", "$LATEST")
        ]
    );
}
