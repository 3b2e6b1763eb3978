//! Errors of the item operations, Query and Scan: kind and sentence (dynamodb-api.md sections 3 to 9).

use serde_json::{Value, json};

use crate::support::{Server, n, s};

const INVALID: &str = "ValidationException: ";
const MISSING: &str = "ResourceNotFoundException: Requested resource not found";

async fn check(server: &Server, cases: Vec<(&str, Value, String)>) {
    for (operation, body, expected) in cases {
        let got = server.ask(operation, body.clone()).await;
        assert_eq!(got, Err(expected), "{operation} {body}");
    }
}

fn invalid(sentence: &str) -> String {
    format!("{INVALID}{sentence}")
}

#[tokio::test]
async fn keys_and_tables() {
    let server = Server::start();
    server.table("ttt", None).await;
    let schema = invalid("The provided key element does not match the schema");
    let value = "One or more parameter values were invalid: ";
    check(&server, vec![
        ("PutItem", json!({"TableName": "none", "Item": {"pk": s("a")}}), MISSING.into()),
        ("GetItem", json!({"TableName": "none", "Key": {"pk": s("a")}}), MISSING.into()),
        ("UpdateItem", json!({"TableName": "none", "Key": {"pk": s("a")}}), MISSING.into()),
        ("DeleteItem", json!({"TableName": "none", "Key": {"pk": s("a")}}), MISSING.into()),
        ("Scan", json!({"TableName": "none"}), MISSING.into()),
        ("PutItem", json!({"TableName": "ttt", "Item": {"x": s("a")}}),
            invalid(&format!("{value}Missing the key pk in the item"))),
        ("PutItem", json!({"TableName": "ttt", "Item": {"pk": n(1)}}),
            invalid(&format!("{value}Type mismatch for key pk expected: S actual: N"))),
        ("PutItem", json!({"TableName": "ttt", "Item": {"pk": s("")}}),
            invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk")),
        ("GetItem", json!({"TableName": "ttt", "Key": {"x": s("a")}}), schema.clone()),
        ("GetItem", json!({"TableName": "ttt", "Key": {"pk": n(1)}}), schema.clone()),
        ("DeleteItem", json!({"TableName": "ttt", "Key": {"pk": s("a"), "x": s("b")}}), schema.clone()),
        ("UpdateItem", json!({"TableName": "ttt", "Key": {}}), schema),
        ("PutItem", json!({"TableName": "ttt", "Item": {"pk": s("a"), "x": s(&"x".repeat(409_600))}}),
            invalid("Item size has exceeded the maximum allowed size")),
        ("UpdateItem", json!({"TableName": "ttt", "Key": {"pk": s("a")}, "UpdateExpression": "SET x = :x",
            "ExpressionAttributeValues": {":x": s(&"x".repeat(409_600))}}),
            invalid("Item size to update has exceeded the maximum allowed size")),
        ("UpdateItem", json!({"TableName": "ttt", "Key": {"pk": s("a")}, "UpdateExpression": "SET pk = :x",
            "ExpressionAttributeValues": {":x": s("b")}}),
            invalid(&format!("{value}Cannot update attribute pk. This attribute is part of the key"))),
        ("PutItem", json!({"Item": {"pk": s("a")}}),
            invalid("1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null")),
    ]).await;
}

#[tokio::test]
async fn expressions_before_tables() {
    let server = Server::start();
    let on = |more: Value| {
        let mut body = json!({"TableName": "none", "Key": {"pk": s("a")}});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    check(&server, vec![
        ("UpdateItem", on(json!({"UpdateExpression": "SET x = :v", "AttributeUpdates": {"x": {"Value": n(1)}}})),
            invalid("1 validation error detected: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributeUpdates} Expression parameters: {UpdateExpression}")),
        ("UpdateItem", on(json!({"ExpressionAttributeValues": {":v": n(1)}})),
            invalid("1 validation error detected: ExpressionAttributeValues can only be specified when using expressions")),
        ("DeleteItem", on(json!({"ExpressionAttributeValues": {":v": n(1)}})),
            invalid("1 validation error detected: ExpressionAttributeValues can only be specified when using expressions")),
        ("DeleteItem", on(json!({"ExpressionAttributeNames": {"#v": "v"}})),
            invalid("1 validation error detected: ExpressionAttributeNames can only be specified when using expressions")),
        ("DeleteItem", on(json!({"ConditionExpression": "attribute_exists(a)", "ExpressionAttributeNames": {"#unused": "v"}})),
            invalid("1 validation error detected: Value provided in ExpressionAttributeNames unused in expressions: keys: {#unused}")),
        ("UpdateItem", on(json!({"UpdateExpression": "SET x = :v"})),
            invalid("1 validation error detected: Invalid UpdateExpression: An expression attribute value used in expression is not defined; attribute value: :v")),
        ("UpdateItem", on(json!({"UpdateExpression": "INVALID SYNTAX"})),
            invalid("1 validation error detected: Invalid UpdateExpression: Syntax error; token: \"INVALID\", near: \"INVALID SYNTAX\"")),
        ("UpdateItem", on(json!({"UpdateExpression": ""})),
            invalid("1 validation error detected: Invalid UpdateExpression: The expression can not be empty;")),
        ("GetItem", on(json!({"ProjectionExpression": "status"})),
            invalid("Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: status")),
        ("DeleteItem", on(json!({"ReturnValues": "ALL_NEW"})),
            invalid("1 validation error detected: ReturnValues can only be ALL_OLD or NONE")),
        ("Query", json!({"TableName": "none"}),
            invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")),
    ]).await;
}

#[tokio::test]
async fn queries_and_scans() {
    let server = Server::start();
    server.sorted_table("ttt", "N").await;
    let query = |more: Value| {
        let mut body = json!({"TableName": "ttt", "KeyConditionExpression": "pk = :p",
            "ExpressionAttributeValues": {":p": s("a")}});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let scan = |more: Value| {
        let mut body = json!({"TableName": "ttt"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let start_mismatch = invalid(
        "The provided starting key is invalid: The provided key element does not match the schema",
    );
    check(&server, vec![
        ("Query", query(json!({"KeyConditionExpression": "sk = :p"})),
            invalid("Query condition missed key schema element: pk")),
        ("Query", query(json!({"KeyConditionExpression": "pk > :p"})),
            invalid("Query key condition not supported")),
        ("Query", query(json!({"FilterExpression": "sk > :p"})),
            invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: sk")),
        ("Query", query(json!({"Limit": 0})),
            invalid("1 validation error detected: Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1")),
        ("Scan", scan(json!({"Limit": 0})),
            invalid("1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1")),
        ("Query", query(json!({"ExclusiveStartKey": {"pk": s("a")}})), start_mismatch.clone()),
        ("Query", query(json!({"ExclusiveStartKey": {"pk": s("b"), "sk": n(1)}})),
            invalid("The provided starting key is outside query boundaries based on provided conditions")),
        ("Scan", scan(json!({"ExclusiveStartKey": {"pk": n(1), "sk": n(1)}})), start_mismatch),
        ("Scan", scan(json!({"Segment": 0})),
            invalid("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")),
        ("Scan", scan(json!({"TotalSegments": 4})),
            invalid("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")),
        ("Scan", scan(json!({"Segment": 5, "TotalSegments": 5})),
            invalid("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 5 is not less than TotalSegments: 5")),
        ("Query", query(json!({"Select": "ALL_PROJECTED_ATTRIBUTES"})),
            invalid("1 validation error detected: ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")),
        ("Query", query(json!({"Select": "SPECIFIC_ATTRIBUTES"})),
            invalid("1 validation error detected: Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")),
        ("Scan", scan(json!({"Select": "COUNT", "ProjectionExpression": "x"})),
            invalid("Cannot specify the ProjectionExpression when choosing to get only the Count")),
        ("Query", query(json!({"IndexName": "index"})),
            invalid("The table does not have the specified index: index")),
        ("Scan", scan(json!({"ScanFilter": {"x": {"ComparisonOperator": "NULL", "AttributeValueList": [{"S": "a"}]}}})),
            invalid("One or more parameter values were invalid: Invalid number of argument(s) for the NULL ComparisonOperator")),
    ]).await;
}

#[tokio::test]
async fn unknown_operations_and_bodies() {
    let server = Server::start();
    let error = server.ask("UpdateGlobalTableSettings", json!({})).await;
    assert_eq!(
        error,
        Err(
            "UnknownOperationException: Headwater does not support the operation UpdateGlobalTableSettings: its tables are in one region and have no replicas"
                .into()
        )
    );
    for body in [&b""[..], b"{", b"[]x", b"\xff"] {
        let reply = server
            .api
            .dispatch(headwater_wire::Operation::PutItem, body, &server.context)
            .await;
        assert_eq!(
            reply.unwrap_err().kind,
            headwater_wire::ErrorKind::Serialization
        );
    }
}
