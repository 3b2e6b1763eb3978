//! Flipped bits in the files of a stopped server: `headwater verify` finds and names them, a server refuses to
//! start on a damaged log, and nothing wrong is ever served.

use std::path::{Path, PathBuf};

use headwater_sim::kill::{Client, Server, binary, verify};
use headwater_sim::{flip, log_segments};
use serde_json::{Value, json};
use tempfile::TempDir;

const TABLE: &str = "damaged";
const ITEMS: usize = 120;

/// A folder that a server filled; each test damages copies of it.
struct Store {
    binary: PathBuf,
    folder: TempDir,
}

impl Store {
    /// One segment is sealed, one is not: the second server was killed.
    fn filled() -> Self {
        let store = Store {
            binary: binary().expect("the server's binary"),
            folder: tempfile::tempdir().expect("a folder"),
        };
        let data = store.data();
        let server = Server::start(&store.binary, &data, &[]).expect("start");
        let mut client = Client::new(server.address());
        let table = json!({
            "TableName": TABLE,
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"},
        });
        client.dynamodb("CreateTable", &table).expect("create");
        (0..ITEMS / 2).for_each(|item| put(&mut client, item));
        assert!(server.stop().expect("stop").success());
        let mut server = Server::start(&store.binary, &data, &[]).expect("start again");
        let mut client = Client::new(server.address());
        (ITEMS / 2..ITEMS).for_each(|item| put(&mut client, item));
        server.kill().expect("kill");
        store
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir().expect("a folder");
        copy_folder(&self.data(), copy.path());
        copy
    }

    /// What a server says that does not start.
    fn refusal(&self, data: &Path) -> String {
        match Server::start(&self.binary, data, &[]) {
            Ok(_) => panic!("the server starts on a damaged log"),
            Err(error) => format!("{error:#}"),
        }
    }
}

fn put(client: &mut Client, item: usize) {
    let item =
        json!({"pk": {"S": format!("item {item}")}, "p": {"S": "some text ".repeat(item % 9)}});
    let request = json!({"TableName": TABLE, "Item": item});
    client.dynamodb("PutItem", &request).expect("put");
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copy");
        }
    }
}

fn name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Where verify says that a file is damaged.
fn named_offset(said: &str, file: &str) -> usize {
    let behind = said.split_once(&format!("log file {file} at byte "));
    let behind = behind.unwrap_or_else(|| panic!("{file} is not named: {said}"));
    let digits = behind.1.split(':').next().unwrap_or_default();
    digits.parse().expect("an offset")
}

#[test]
fn verify_names_what_is_wrong_in_a_segment_and_the_server_refuses_it() {
    let store = Store::filled();
    let segments = log_segments(&store.data()).expect("segments");
    let last = segments.last().expect("a segment");
    let length = std::fs::metadata(last).expect("a length").len() as usize;
    assert!(length > 2_000, "{length}");
    // The last block may be a torn tail; everything before it was synced before that was written.
    for offset in (0..12).map(|step| step * (length - 700) / 12 / 8 * 8 + 18) {
        let copy = store.copy();
        let segment = copy.path().join("log").join(name(last));
        flip(&segment, offset, 0x10).expect("flip");
        let said = verify(&store.binary, copy.path(), false).expect("verify");
        let named = named_offset(&said, &name(last));
        assert!(
            named <= offset && offset < named + 1_000,
            "{offset}: {said}"
        );
        let refusal = store.refusal(copy.path());
        assert!(refusal.contains(&name(last)), "{offset}: {refusal}");
        assert!(refusal.contains("damaged at offset"), "{offset}: {refusal}");
    }
}

#[test]
fn a_sealed_segment_with_a_flipped_bit_is_named_and_never_skipped_by_readers() {
    let store = Store::filled();
    // The first ones may hold only the catalog.
    let segments = log_segments(&store.data()).expect("segments");
    let (sealed, _) = segments
        .iter()
        .rev()
        .skip(1)
        .map(|path| (path, path.metadata().expect("a length").len()))
        .max_by_key(|(_, length)| *length)
        .expect("a sealed segment");
    let length = std::fs::metadata(sealed).expect("a length").len() as usize;
    let (mut refused, mut healed, mut told) = (0, 0, 0);
    for offset in (0..10).map(|step| step * length / 10 + 5) {
        let copy = store.copy();
        let segment = copy.path().join("log").join(name(sealed));
        flip(&segment, offset, 1).expect("flip");
        let said = verify(&store.binary, copy.path(), false).expect("verify");
        named_offset(&said, &name(sealed));
        match Server::start(&store.binary, copy.path(), &[]) {
            Err(error) => {
                let refusal = format!("{error:#}");
                assert!(refusal.contains(&name(sealed)), "{offset}: {refusal}");
                refused += 1;
            }
            Ok(server) => match records(&mut Client::new(server.address())) {
                // A footer is made anew from the blocks.
                Ok(records) => {
                    assert_eq!(records, ITEMS, "{offset}");
                    healed += 1;
                }
                Err(error) => {
                    assert!(error.starts_with("500"), "{offset}: {error}");
                    told += 1;
                }
            },
        }
    }
    println!("{refused} refused, {healed} healed, {told} told to readers");
    assert!(refused > 0 && told > 0);
}

#[test]
fn a_flipped_bit_in_the_state_is_found_or_does_not_matter() {
    let store = Store::filled();
    let length = std::fs::metadata(store.data().join("state"))
        .expect("a length")
        .len() as usize;
    let mut found = 0;
    for step in 0..24 {
        let copy = store.copy();
        let state = copy.path().join("state");
        flip(&state, (step * length / 24 + 13) % length, 4).expect("flip");
        match verify(&store.binary, copy.path(), false) {
            Ok(said) => {
                assert!(said.contains("state"), "{said}");
                found += 1;
            }
            // A page that holds nothing.
            Err(_) => {
                verify(&store.binary, copy.path(), true).expect("verify");
                let server = Server::start(&store.binary, copy.path(), &[]).expect("start");
                let mut client = Client::new(server.address());
                let all = client.dynamodb("Scan", &json!({"TableName": TABLE, "Select": "COUNT"}));
                assert_eq!(all.expect("scan")["Count"], ITEMS, "step {step}");
            }
        }
    }
    println!("{found} of 24 found");
    assert!(found > 0);
}

/// How many records the stream gives.
fn records(client: &mut Client) -> Result<usize, String> {
    let ask = |client: &mut Client, operation: &str, body: Value| {
        let answer = client.streams(operation, &body);
        answer.map_err(|error| format!("{error:#}"))
    };
    let streams = ask(client, "ListStreams", json!({"TableName": TABLE}))?;
    let arn = &streams["Streams"][0]["StreamArn"];
    let stream = ask(client, "DescribeStream", json!({"StreamArn": arn}))?;
    let mut count = 0;
    for shard in stream["StreamDescription"]["Shards"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let start = json!({
            "StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON",
        });
        let mut next = ask(client, "GetShardIterator", start)?["ShardIterator"].take();
        // An open shard never ends; empty pages do not mean that nothing comes.
        for _ in 0..20 {
            let mut page = ask(client, "GetRecords", json!({"ShardIterator": next}))?;
            count += page["Records"].as_array().map_or(0, Vec::len);
            next = page["NextShardIterator"].take();
            if next.is_null() {
                break;
            }
        }
    }
    Ok(count)
}
