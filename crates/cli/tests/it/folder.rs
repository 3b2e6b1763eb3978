//! Who may use a data folder: one process at a time, and no version that does not know its format.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use serde_json::json;

use crate::process::{Server, output, text};

fn refused(output: &Output, status: i32) -> String {
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    assert_eq!(text(&output.stdout), "");
    text(&output.stderr)
}

#[test]
fn a_second_process_is_refused_and_the_first_one_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = Server::start(&data, "127.0.0.1:0");
    server.create_table("items", true);
    let data = data.to_str().expect("a path");
    let second = ["serve", "--listen", "127.0.0.1:0", "--data", data];
    for (arguments, status) in [(&second[..], 1), (&["verify", "--data", data], 2)] {
        let said = refused(&output(arguments), status);
        assert!(said.contains("another process"), "{said}");
        assert!(said.contains(data), "{said}");
    }
    server.put("items", "a", 1);
    let items = server.dynamodb("Scan", &json!({"TableName": "items"}));
    assert_eq!(items["Count"], 1);
    server.stop();
    Server::start(folder.path().join("data").as_path(), "127.0.0.1:0").stop();
}

#[test]
fn a_folder_of_a_newer_version_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    Server::start(&data, "127.0.0.1:0").stop();
    // The header of a segment, with the next version and its checksum.
    let mut segments: Vec<_> = fs::read_dir(data.join("log"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "hwl"))
        .collect();
    segments.sort();
    let segment = segments.last().expect("a segment");
    let mut bytes = fs::read(segment).expect("its bytes");
    bytes[8] += 1;
    let crc = crc32fast::hash(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    fs::write(segment, &bytes).expect("written");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data"];
    let data = data.to_str().expect("a path");
    let said = refused(&output(&[&arguments[..], &[data]].concat()), 1);
    let name = segment.file_name().and_then(|name| name.to_str());
    for part in [
        name.expect("a name"),
        "format is 2",
        "knows format 1",
        "use the version that wrote it",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(fs::read(segment).expect("its bytes"), bytes);
}

#[test]
fn a_new_folder_is_for_its_owner_alone_and_another_keeps_its_mode() {
    let folder = tempfile::tempdir().expect("a folder");
    let mode = |path: &Path| fs::metadata(path).expect("a folder").permissions().mode() & 0o777;
    let (above, there) = (folder.path().join("above"), folder.path().join("there"));
    let made = above.join("data");
    fs::create_dir(&there).expect("a folder");
    fs::set_permissions(&there, fs::Permissions::from_mode(0o750)).expect("a mode");
    for data in [&made, &there, &made] {
        Server::start(data, "127.0.0.1:0").stop();
    }
    assert_eq!(mode(&above), 0o700);
    assert_eq!(mode(&made), 0o700);
    assert_eq!(mode(&there), 0o750);
    // Others may enter it; what is in it they may not read.
    for folder in [there.clone(), there.join("log")] {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
            }
        }
    }
}
