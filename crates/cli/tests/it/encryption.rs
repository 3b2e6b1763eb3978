//! A server with a key: what its files show, which tables it takes, and how keys are made and changed.

use std::fs;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{PATIENCE, Server, headwater, output, text, unread};

const MARKERS: [&str; 5] = [
    "marker-of-a-table",
    "marker-of-a-partition",
    "marker-of-a-sort-key",
    "marker-of-a-name",
    "marker-of-a-value",
];
const DAY_MS: u64 = 24 * 3_600_000;

/// A data folder, and a key file outside of it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place { folder };
        let made = output(&["key", "new", "--out", &place.path("the.key")]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        place
    }

    fn path(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_str().expect("a path").to_owned()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn serve(&self, more: &[&str]) -> Server {
        Server::start_with(&self.data(), "127.0.0.1:0", more)
    }

    /// The markers that stand in some file of the data folder.
    fn shown(&self) -> Vec<&'static str> {
        let files: Vec<Vec<u8>> = files(&self.data()).iter().map(|path| read(path)).collect();
        let shows = |marker: &&str| {
            let found = |file: &Vec<u8>| {
                let mut windows = file.windows(marker.len());
                windows.any(|window| window == marker.as_bytes())
            };
            files.iter().any(found)
        };
        MARKERS.into_iter().filter(shows).collect()
    }
}

/// A file may go while the folder is read: segments do.
fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_default()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)
        .expect("a folder")
        .map_while(Result::ok)
    {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => found.push(path),
        }
    }
    found
}

fn create(server: &Server, sse: Option<Value>) -> (u16, Value) {
    let mut input = json!({
        "TableName": MARKERS[0],
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    });
    if let Some(sse) = sse {
        input["SSESpecification"] = sse;
    }
    server.try_post("/", "DynamoDB_20120810.CreateTable", &input)
}

/// Puts, changes and deletes items that have markers in every place.
fn write(server: &Server, round: usize) {
    let table = MARKERS[0];
    for number in 0..20 {
        let sort = format!("{} {round} {number}", MARKERS[2]);
        let mut item = json!({"pk": {"S": MARKERS[1]}, "sk": {"S": sort}});
        for version in 0..2 {
            item[MARKERS[3]] = json!({"S": format!("{} {version}", MARKERS[4])});
            server.dynamodb("PutItem", &json!({"TableName": table, "Item": item}));
        }
        if number % 3 == 0 {
            let key = json!({"pk": item["pk"], "sk": item["sk"]});
            server.dynamodb("DeleteItem", &json!({"TableName": table, "Key": key}));
        }
    }
}

/// Writes, kills, deletes, trims and checkpoints; gives the markers that were seen at any time.
fn live_through_everything(place: &Place, more: &[&str], sse: Option<Value>) -> Vec<&'static str> {
    let mut seen = Vec::new();
    let mut look = || {
        for marker in place.shown() {
            if !seen.contains(&marker) {
                seen.push(marker);
            }
        }
    };
    let server = place.serve(more);
    let (status, answer) = create(&server, sse);
    assert_eq!(status, 200, "{answer}");
    write(&server, 0);
    look();
    server.kill();
    look();
    let server = place.serve(more);
    write(&server, 1);
    server.stop();
    look();
    let clock = [more, &["--test-clock", "--shard-age", "1h"]].concat();
    let server = place.serve(&clock);
    write(&server, 2);
    for _ in 0..3 {
        server.post("/_headwater/clock", "", &json!({"advance_ms": DAY_MS}));
        write(&server, 3);
        look();
    }
    let scanned = server.dynamodb("Scan", &json!({"TableName": MARKERS[0], "Select": "COUNT"}));
    assert_eq!(scanned["Count"], json!(4 * 13));
    server.dynamodb("DeleteTable", &json!({"TableName": MARKERS[0]}));
    server.post("/_headwater/clock", "", &json!({"advance_ms": 2 * DAY_MS}));
    server.stop();
    look();
    seen
}

#[test]
fn no_file_shows_anything_of_an_encrypted_table_or_its_stream_at_any_time() {
    let place = Place::new();
    let seen = live_through_everything(&place, &[], None);
    assert_eq!(seen.len(), MARKERS.len(), "the search finds: {seen:?}");

    let place = Place::new();
    let key = place.path("the.key");
    let more = ["--encryption-key-file", &key];
    let seen = live_through_everything(&place, &more, Some(json!({"Enabled": true})));
    assert_eq!(seen, Vec::<&str>::new());
    let data = place.path("data");
    let verified = output(&["verify", "--data", &data, "--encryption-key-file", &key]);
    assert!(verified.status.success(), "{}", text(&verified.stdout));
}

#[test]
fn descriptions_tell_the_truth_about_encryption() {
    let place = Place::new();
    let server = place.serve(&[]);
    let (status, refused) = create(&server, Some(json!({"Enabled": true})));
    assert_eq!(status, 400);
    let sentence = refused["message"].as_str().unwrap_or_default();
    assert!(sentence.contains("--encryption-key-file"), "{refused}");
    server.stop();

    let place = Place::new();
    let ring = place.path("ring");
    let server = place.serve(&["--encryption-key-ring", &ring]);
    let (status, answer) = create(&server, Some(json!({"Enabled": true})));
    assert_eq!(status, 200, "{answer}");
    let described = |server: &Server| {
        let table = server.dynamodb("DescribeTable", &json!({"TableName": MARKERS[0]}));
        table["Table"]["SSEDescription"].clone()
    };
    let expected = json!({
        "Status": "ENABLED",
        "SSEType": "KMS",
        "KMSMasterKeyArn": "arn:aws:kms:us-east-1:000000000000:key/headwater",
    });
    assert_eq!(answer["TableDescription"]["SSEDescription"], expected);
    server.kill();
    let server = place.serve(&["--encryption-key-ring", &ring]);
    assert_eq!(described(&server), expected);
    let input = json!({"TableName": MARKERS[0], "BackupName": "backup"});
    let backup = server.dynamodb("CreateBackup", &input);
    let input = json!({"BackupArn": backup["BackupDetails"]["BackupArn"]});
    let backup = server.dynamodb("DescribeBackup", &input);
    let features = &backup["BackupDescription"]["SourceTableFeatureDetails"];
    assert_eq!(features["SSEDescription"], expected);
    let update = |sse| {
        let input = json!({"TableName": MARKERS[0], "SSESpecification": sse});
        server.dynamodb("UpdateTable", &input);
        described(&server)
    };
    let named = update(json!({"Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": "alias/mine"}));
    assert_eq!(
        named["KMSMasterKeyArn"],
        "arn:aws:kms:us-east-1:000000000000:alias/mine"
    );
    assert_eq!(update(json!({"Enabled": false})), Value::Null);
    assert_eq!(update(json!({"SSEType": "KMS"})), expected);
    assert_eq!(update(json!({"Enabled": false})), Value::Null);
    server.stop();
}

/// Runs `serve`, which is expected to refuse.
fn refusal(place: &Place, more: &[&str]) -> String {
    let data = place.path("data");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", &data];
    let ended = output(&[&arguments, more].concat());
    assert!(!ended.status.success());
    text(&ended.stderr)
}

#[test]
fn wrong_and_missing_keys_are_refused_at_the_start() {
    let place = Place::new();
    let key = place.path("the.key");
    place.serve(&["--encryption-key-file", &key]).stop();
    let other = Place::new().path("the.key");
    let made = output(&["key", "new"]);
    let other_key = text(&made.stdout);
    let cases: [(&[&str], &str); 8] = [
        (&[], "no key was given; give it with --encryption-key-file"),
        (&["--encryption-key", &other_key], "the given key is"),
        (&["--encryption-key", "secret"], "64 hexadecimal digits"),
        (&["--encryption-key", ""], "is set and empty"),
        (&["--encryption-key-file", ""], "is set and empty"),
        (&["--encryption-key-file", &other], "can't be read"),
        (
            &["--encryption-key-ring", &place.path("ring")],
            "has no key",
        ),
        (
            &[
                "--encryption-key-file",
                &key,
                "--encryption-key",
                &other_key,
            ],
            "exclude each other",
        ),
    ];
    for (more, expected) in cases {
        let refusal = refusal(&place, more);
        assert!(refusal.contains(expected), "{more:?}: {refusal}");
        assert!(!refusal.contains(other_key.trim()), "{refusal}");
    }
    let plain = Place::new();
    plain.serve(&[]).stop();
    let refused = refusal(&plain, &["--encryption-key-file", &plain.path("the.key")]);
    assert!(refused.contains("is not encrypted"), "{refused}");
    assert!(refused.contains("headwater key reencrypt"), "{refused}");
    let ring = plain.path("ring");
    let refused = refusal(&plain, &["--encryption-key-ring", &ring]);
    assert!(refused.contains("is not encrypted"), "{refused}");
    assert!(!Path::new(&ring).exists(), "no key is made for it");
    place.serve(&["--encryption-key-file", &key]).stop();
}

#[test]
fn a_key_ring_is_for_its_owner_and_lies_outside() {
    let place = Place::new();
    let ring = place.path("ring");
    place.serve(&["--encryption-key-ring", &ring]).stop();
    let mode = |path: &Path| fs::metadata(path).expect("there").mode() & 0o777;
    assert_eq!(mode(Path::new(&ring)), 0o700);
    let keys = files(Path::new(&ring));
    assert_eq!((keys.len(), mode(&keys[0])), (1, 0o600));
    place.serve(&["--encryption-key-ring", &ring]).stop();
    assert_eq!(files(Path::new(&ring)), keys, "the same key again");

    let place = Place::new();
    fs::create_dir(place.data()).expect("made");
    let inside = place.path("data/ring");
    let refused = refusal(&place, &["--encryption-key-ring", &inside]);
    assert!(refused.contains("lies within the data folder"), "{refused}");
}

#[test]
fn a_lost_key_file_is_named_and_does_not_pass_for_a_plain_store() {
    let place = Place::new();
    let (data, ring) = (place.path("data"), place.path("ring"));
    let more = ["--encryption-key-ring", &ring[..]];
    place.serve(&more).stop();
    let (key, aside) = (place.data().join("key"), place.path("aside"));
    fs::rename(&key, &aside).expect("moved");
    let shown = output(&["key", "show", "--data", &data]);
    assert!(!shown.status.success(), "{}", text(&shown.stdout));
    for said in [text(&shown.stderr), refusal(&place, &more)] {
        assert!(said.contains("but not the file `key`"), "{said}");
        assert!(!said.contains("is not encrypted"), "{said}");
    }
    assert_eq!(files(Path::new(&ring)).len(), 1, "no key is made for it");
    fs::rename(aside, key).expect("moved");
    place.serve(&more).stop();
}

#[test]
fn keys_are_rotated_and_stores_encrypted_anew() {
    let place = Place::new();
    let (data, key) = (place.path("data"), place.path("the.key"));
    let ring = place.path("ring");
    let count = |more: &[&str]| {
        let server = place.serve(more);
        let scanned = server.dynamodb("Scan", &json!({"TableName": MARKERS[0], "Select": "COUNT"}));
        server.stop();
        scanned["Count"].clone()
    };
    let run = |arguments: &[&str]| {
        let ran = output(&[&["key"], arguments, &["--data", &data]].concat());
        assert!(ran.status.success(), "{arguments:?}: {}", text(&ran.stderr));
        text(&ran.stdout)
    };
    let server = place.serve(&[]);
    assert_eq!(create(&server, None).0, 200);
    write(&server, 0);
    server.kill();
    assert!(run(&["show"]).contains("is not encrypted"));
    let printed = place.data().join("functions/logs/of-a-function.log");
    fs::create_dir_all(printed.parent().expect("a folder")).expect("made");
    fs::write(&printed, MARKERS[4]).expect("written");

    let said = run(&["reencrypt", "--new-key-file", &key]);
    assert!(said.contains("written anew"), "{said}");
    assert!(said.contains("--functions-folder"), "{said}");
    assert!(place.shown().is_empty() && !printed.exists());
    assert_eq!(count(&["--encryption-key-file", &key]), json!(13));

    run(&[
        "rotate",
        "--encryption-key-file",
        &key,
        "--new-key-ring",
        &ring,
    ]);
    assert!(refusal(&place, &["--encryption-key-file", &key]).contains("the given key is"));
    assert_eq!(count(&["--encryption-key-ring", &ring]), json!(13));

    run(&["reencrypt", "--encryption-key-ring", &ring]);
    assert_eq!(count(&["--encryption-key-ring", &ring]), json!(13));
    let verified = output(&["verify", "--data", &data, "--encryption-key-ring", &ring]);
    assert!(verified.status.success(), "{}", text(&verified.stdout));
}

#[test]
fn keys_are_made_and_changed_when_nobody_reads() {
    let place = Place::new();
    place.serve(&[]).stop();
    let data = place.data();
    let data = data.to_str().expect("a path");
    let (one, other) = (place.path("the.key"), place.path("other.key"));
    let encrypt = ["key", "reencrypt", "--data", data, "--new-key-file", &one];
    let rotate = [
        "key",
        "rotate",
        "--data",
        data,
        "--encryption-key-file",
        &one,
        "--new-key-file",
        &other,
    ];
    for arguments in [
        &["key", "new"][..],
        &["key", "new", "--out", &other],
        &["key", "show", "--data", data],
        &encrypt,
        &rotate,
        &["settings"],
        &["version"],
    ] {
        assert!(unread(arguments).success(), "{arguments:?}");
    }
    place.serve(&["--encryption-key-file", &other]).stop();
}

/// In a core file the key and all items in memory would be plain.
#[test]
fn a_server_with_a_key_leaves_no_core_file() {
    let place = Place::new();
    let server = place.serve(&["--encryption-key-file", &place.path("the.key")]);
    assert!(leaves_no_core_file(server.pid()));
}

/// Nor does whoever makes a key. Each is looked at while it waits for a reader of its last words.
#[test]
fn who_makes_a_key_leaves_no_core_file() {
    let place = Place::new();
    place.serve(&[]).stop();
    let (data, ring) = (place.path("data"), place.path("ring"));
    let encrypt = ["key", "reencrypt", "--data", &data, "--new-key-ring", &ring];
    for arguments in [&["key", "new"][..], &encrypt] {
        let (mut reader, mut writer) = UnixStream::pair().expect("a pair");
        writer.set_nonblocking(true).expect("set");
        while writer.write(&[b' '; 4096]).is_ok() {}
        writer.set_nonblocking(false).expect("set");
        let mut child = headwater(arguments)
            .stdout(OwnedFd::from(writer))
            .spawn()
            .expect("started");
        let deadline = Instant::now() + PATIENCE;
        while !leaves_no_core_file(child.id()) {
            assert!(Instant::now() < deadline, "{arguments:?}");
            std::thread::yield_now();
        }
        std::io::copy(&mut reader, &mut std::io::sink()).expect("read");
        assert!(child.wait().expect("ended").success(), "{arguments:?}");
    }
}

fn leaves_no_core_file(pid: u32) -> bool {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("limits");
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"));
    let words: Vec<&str> = line.expect("a limit").split_whitespace().collect();
    words[..2] == ["0", "0"]
}
