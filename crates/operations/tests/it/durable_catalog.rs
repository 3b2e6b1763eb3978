//! What is answered of tables, indexes and backups is durable: while a change of them waits for room on the disk, a crash may
//! take it back, and nobody is told of it.

use std::time::Duration;

use headwater_changelog::testing::FaultyFiles;
use serde_json::{Value, json};

use crate::support::Server;

const PATIENCE: Duration = Duration::from_secs(30);
const REFUSAL: &str = "Disk full";

type Request = (&'static str, Value);

/// The history of the item `a` of `table`, whoever asks for that.
async fn history(server: &Server) -> String {
    let body = json!({"TableName": "table", "Key": key()}).to_string();
    let told = server.api.item_history(body.as_bytes(), &server.context);
    format!("{:?}", told.await)
}

/// Makes a change on a full disk, asks what would tell of it, and once more when there is room.
async fn check_untold(server: &Server, files: &FaultyFiles, change: Request, asked: Vec<Request>) {
    files.set_disk_size_bytes(Some(files.used_bytes()));
    let (name, body) = change;
    let held = server.ask(name, body).await.unwrap_err();
    assert!(held.contains(REFUSAL), "{name}: {held}");
    for (name, body) in &asked {
        let told = format!("{:?}", server.ask(name, body.clone()).await);
        assert!(told.contains(REFUSAL), "{name}: {told}");
    }
    files.set_disk_size_bytes(None);
    let database = server.api.database();
    let all_is_durable = async {
        while database.log().durable() < database.log().appended() || database.no_room().is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, all_is_durable)
        .await
        .unwrap();
    for (name, body) in asked {
        let told = format!("{:?}", server.ask(name, body).await);
        let of_change = ["not found", "does not have", "already exists"];
        assert!(
            of_change.iter().any(|words| told.contains(words)),
            "{name}: {told}"
        );
    }
    database.close();
}

fn key() -> Value {
    json!({"pk": {"S": "a"}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_there_until_its_deletion_is_durable() {
    let files = FaultyFiles::new(1);
    let server = Server::on_files(&files);
    server.table("table", None).await;
    let put = json!({"TableName": "table", "Item": key()});
    server.must("PutItem", put.clone()).await;
    let select = json!({"Statement": "SELECT * FROM \"table\" WHERE pk = 'a'"});
    let asked = vec![
        ("GetItem", json!({"TableName": "table", "Key": key()})),
        ("Scan", json!({"TableName": "table"})),
        (
            "BatchGetItem",
            json!({"RequestItems": {"table": {"Keys": [key()]}}}),
        ),
        (
            "TransactGetItems",
            json!({"TransactItems": [{"Get": {"TableName": "table", "Key": key()}}]}),
        ),
        ("ExecuteStatement", select.clone()),
        ("BatchExecuteStatement", json!({"Statements": [select]})),
        ("PutItem", put),
        ("DescribeTable", json!({"TableName": "table"})),
    ];
    let change = ("DeleteTable", json!({"TableName": "table"}));
    check_untold(&server, &files, change, asked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_has_a_history_until_the_deletion_of_its_table_is_durable() {
    let files = FaultyFiles::new(1);
    let server = Server::on_files(&files);
    server.table("table", None).await;
    let put = json!({"TableName": "table", "Item": key()});
    server.must("PutItem", put).await;
    assert!(history(&server).await.starts_with("Ok"));
    files.set_disk_size_bytes(Some(files.used_bytes()));
    let delete = server.ask("DeleteTable", json!({"TableName": "table"}));
    assert!(delete.await.unwrap_err().contains(REFUSAL));
    let told = history(&server).await;
    assert!(told.contains(REFUSAL), "{told}");
    server.api.database().close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_there_until_its_removal_is_durable() {
    let files = FaultyFiles::new(1);
    let server = Server::on_files(&files);
    let created = json!({
        "TableName": "table", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [{
            "IndexName": "index",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }],
    });
    server.must("CreateTable", created).await;
    let scan = json!({"TableName": "table", "IndexName": "index"});
    let change = json!({
        "TableName": "table", "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "index"}}],
    });
    let change = ("UpdateTable", change);
    check_untold(&server, &files, change, vec![("Scan", scan)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_does_not_exist_before_that_is_durable() {
    let files = FaultyFiles::new(1);
    let server = Server::on_files(&files);
    let create = json!({
        "TableName": "table", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    });
    let change = ("CreateTable", create.clone());
    check_untold(&server, &files, change, vec![("CreateTable", create)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_there_until_its_removal_is_durable() {
    let files = FaultyFiles::new(1);
    let server = Server::on_files(&files);
    server.table("table", None).await;
    let backup = json!({"TableName": "table", "BackupName": "back"});
    let made = server.must("CreateBackup", backup).await;
    server.api.database().run_due().await.unwrap();
    let backup = json!({"BackupArn": made["BackupDetails"]["BackupArn"]});
    let change = ("DeleteBackup", backup.clone());
    check_untold(&server, &files, change, vec![("DescribeBackup", backup)]).await;
}
