//! Tables, and making them for the other tests.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ProvisionedThroughput,
    ScalarAttributeType, StreamSpecification, StreamViewType, TableDescription, TableStatus,
};

use crate::server::Server;

/// A table with a string key and, if asked for, a numeric sort key; on demand.
pub async fn create(server: &Server, table: &str, sorted: bool) -> TableDescription {
    request(server, table, sorted)
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .expect("create the table");
    active(server, table).await
}

/// A table whose stream has one shard; its stream's ARN.
pub async fn streamed(server: &Server, table: &str, view: StreamViewType) -> String {
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(view);
    request(server, table, false)
        .provisioned_throughput(throughput(5, 5))
        .stream_specification(stream.build().expect("complete"))
        .send()
        .await
        .expect("create the table");
    let described = active(server, table).await;
    described.latest_stream_arn.expect("a stream")
}

/// Waits until the table is active, and returns its description.
pub async fn active(server: &Server, table: &str) -> TableDescription {
    server
        .until("the table to be active", async || {
            let describe = server.dynamodb.describe_table().table_name(table);
            let found = describe.send().await.expect("describe").table?;
            (found.table_status == Some(TableStatus::Active)).then_some(found)
        })
        .await
}

fn throughput(read: i64, write: i64) -> ProvisionedThroughput {
    ProvisionedThroughput::builder()
        .read_capacity_units(read)
        .write_capacity_units(write)
        .build()
        .expect("complete")
}

fn request(
    server: &Server,
    table: &str,
    sorted: bool,
) -> aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder {
    let mut request = server.dynamodb.create_table().table_name(table);
    let all = [
        ("pk", KeyType::Hash, ScalarAttributeType::S),
        ("sk", KeyType::Range, ScalarAttributeType::N),
    ];
    for (name, role, kind) in all.into_iter().take(1 + usize::from(sorted)) {
        let key = KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(role);
        let attribute = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(kind);
        request = request
            .key_schema(key.build().expect("complete"))
            .attribute_definitions(attribute.build().expect("complete"));
    }
    request
}

#[tokio::test]
async fn tables_are_created_changed_and_deleted() {
    let server = Server::start().await;
    let table = create(&server, "life", false).await;
    assert_eq!(table.item_count, Some(0));
    assert!(
        table
            .table_arn()
            .is_some_and(|arn| arn.ends_with(":table/life"))
    );
    let update = server.dynamodb.update_table().table_name("life");
    update
        .billing_mode(BillingMode::Provisioned)
        .provisioned_throughput(throughput(3, 4))
        .send()
        .await
        .expect("update");
    let table = active(&server, "life").await;
    let given = table.provisioned_throughput().expect("throughput");
    assert_eq!(given.write_capacity_units(), Some(4));
    let delete = server.dynamodb.delete_table().table_name("life");
    let deleted = delete.send().await.expect("delete").table_description;
    let status = deleted.and_then(|table| table.table_status);
    assert_eq!(status, Some(TableStatus::Deleting));
    server
        .until("the table to be gone", async || {
            let listed = server.dynamodb.list_tables().send().await.expect("list");
            listed.table_names().is_empty().then_some(())
        })
        .await;
    server.stop().await;
}

#[tokio::test]
async fn tables_are_listed_in_pages() {
    let server = Server::start().await;
    for name in ["ccc", "aaa", "bbb"] {
        create(&server, name, false).await;
    }
    let mut pages = server
        .dynamodb
        .list_tables()
        .into_paginator()
        .page_size(2)
        .send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        found.extend(page.expect("a page").table_names.unwrap_or_default());
    }
    assert_eq!(found, ["aaa", "bbb", "ccc"]);
    server.stop().await;
}

#[tokio::test]
async fn table_errors_are_typed() {
    let server = Server::start().await;
    create(&server, "taken", false).await;
    let again = request(&server, "taken", false).billing_mode(BillingMode::PayPerRequest);
    let error = again.send().await.expect_err("taken").into_service_error();
    assert!(error.is_resource_in_use_exception());
    assert_eq!(error.message(), Some("Table already exists: taken"));
    let describe = server.dynamodb.describe_table().table_name("missing");
    let error = describe
        .send()
        .await
        .expect_err("missing")
        .into_service_error();
    assert!(error.is_resource_not_found_exception());
    assert_eq!(
        error.message(),
        Some("Requested resource not found: Table: missing not found")
    );
    server.stop().await;
}

#[tokio::test]
async fn tables_outlive_a_restart() {
    let server = Server::start().await;
    let before = create(&server, "kept", true).await;
    let server = server.restart().await;
    let after = active(&server, "kept").await;
    assert_eq!(after.table_id, before.table_id);
    assert_eq!(after.key_schema, before.key_schema);
    server.stop().await;
}
