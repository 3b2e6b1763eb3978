//! The server's own tables.

use headwater_operations::SystemTable;
use serde_json::json;

use crate::support::Server;

#[tokio::test]
async fn documents_by_key_invisible_to_clients() {
    let server = Server::start();
    let database = server.api.database();
    let functions = SystemTable::open(database, "functions").await.unwrap();
    assert_eq!(functions.get("a").await.unwrap(), None);
    functions.put("b", &b"{\"n\":2}"[..]).await.unwrap();
    functions.put("a", &b"{\"n\":1}"[..]).await.unwrap();
    let again = SystemTable::open(database, "functions").await.unwrap();
    assert_eq!(again.get("a").await.unwrap().unwrap(), &b"{\"n\":1}"[..]);
    let all = again.scan_all().await.unwrap();
    let keys: Vec<&str> = all.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["a", "b"]);
    assert!(again.delete("a").await.unwrap());
    assert!(!again.delete("a").await.unwrap());
    assert_eq!(again.scan_all().await.unwrap().len(), 1);
    assert_eq!(
        server.must("ListTables", json!({})).await,
        json!({"TableNames": []})
    );
    let get = json!({"TableName": "functions", "Key": {"key": {"S": "b"}}});
    assert!(server.ask("GetItem", get).await.is_err());
}
