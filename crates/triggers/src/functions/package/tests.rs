//! Packages, good and hostile.

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)
}

fn zip_of(write: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    write(&mut writer);
    writer.finish().unwrap().into_inner()
}

fn file(writer: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, mode: u32, content: &[u8]) {
    writer
        .start_file(name, options().unix_permissions(mode))
        .unwrap();
    writer.write_all(content).unwrap();
}

fn store() -> (tempfile::TempDir, CodeStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = CodeStore::open(folder.path().join("code")).unwrap();
    (folder, store)
}

fn names(directory: &Path) -> Vec<String> {
    fs::read_dir(directory)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn unpacks_files_with_their_execute_bit() {
    let (_folder, store) = store();
    let zip = zip_of(|writer| {
        file(writer, "bootstrap", 0o755, b"#!/bin/sh\n");
        file(writer, "lib/data.txt", 0o644, b"data");
    });
    let code = store.add_zip(&zip).unwrap();
    let mode = |name: &str| {
        fs::metadata(code.directory.join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode("bootstrap"), mode("lib/data.txt")), (0o755, 0o644));
    assert_eq!(
        fs::read(code.directory.join("lib/data.txt")).unwrap(),
        b"data"
    );
    assert_eq!(code.size_bytes, zip.len() as u64);
    assert_eq!(code.sha256_base64, STANDARD.encode(Sha256::digest(&zip)));
    assert_eq!(store.add_zip(&zip).unwrap(), code);
}

#[test]
fn refuses_names_that_lead_out() {
    for name in ["../evil", "a/../../evil", "/evil", "a\\..\\evil"] {
        let (folder, store) = store();
        let zip = zip_of(|writer| file(writer, name, 0o644, b"x"));
        let error = store.add_zip(&zip).unwrap_err();
        assert!(
            matches!(error, PackageError::Escape { .. }),
            "{name}: {error:?}"
        );
        assert!(!folder.path().join("evil").exists() && !folder.path().join("code/evil").exists());
        assert!(names(&folder.path().join("code")).is_empty());
    }
}

#[test]
fn refuses_links_that_lead_out() {
    let hop = [("a/b/x", "../.."), ("a/b/y", "x/..")];
    for links in [
        &[("link", "/etc/passwd")][..],
        &[("link", "../other")],
        &[("link", "missing")],
        &hop,
    ] {
        let (folder, store) = store();
        let zip = zip_of(|writer| {
            for (name, to) in links {
                writer.add_symlink(*name, *to, options()).unwrap();
            }
        });
        fs::create_dir(folder.path().join("code/other")).unwrap();
        let error = store.add_zip(&zip).unwrap_err();
        assert!(
            matches!(error, PackageError::Escape { .. }),
            "{links:?}: {error:?}"
        );
    }
}

#[test]
fn never_writes_through_a_link() {
    let (folder, store) = store();
    fs::create_dir(folder.path().join("outside")).unwrap();
    let zip = zip_of(|writer| {
        writer
            .add_symlink("door", "../../outside", options())
            .unwrap();
        file(writer, "door/evil", 0o644, b"x");
    });
    assert!(store.add_zip(&zip).is_err());
    assert!(names(&folder.path().join("outside")).is_empty());
}

#[test]
fn keeps_links_inside() {
    let (_folder, store) = store();
    let zip = zip_of(|writer| {
        writer
            .add_symlink("bin/tool", "../lib/tool.js", options())
            .unwrap();
        file(writer, "lib/tool.js", 0o644, b"tool");
    });
    let code = store.add_zip(&zip).unwrap();
    assert_eq!(fs::read(code.directory.join("bin/tool")).unwrap(), b"tool");
}

#[test]
fn counts_the_real_size() {
    let folder = tempfile::tempdir().unwrap();
    let zip = zip_of(|writer| {
        file(writer, "a", 0o644, &[0; 60_000]);
        file(writer, "b", 0o644, &[0; 60_000]);
    });
    assert!(zip.len() < 1_000);
    let into = |name: &str, bytes_max| unpack(&zip, &folder.path().join(name), bytes_max);
    assert!(matches!(into("over", 119_999), Err(PackageError::TooLarge)));
    assert!(into("within", 120_000).is_ok());
}

#[test]
fn refuses_what_is_no_zip() {
    let (_folder, store) = store();
    assert!(matches!(
        store.add_zip(b"not a zip"),
        Err(PackageError::Invalid(_))
    ));
}

#[test]
fn opening_removes_partial_folders_and_retain_the_unused() {
    let (folder, store) = store();
    let code = store
        .add_zip(&zip_of(|writer| file(writer, "a", 0o644, b"a")))
        .unwrap();
    store
        .add_zip(&zip_of(|writer| file(writer, "b", 0o644, b"b")))
        .unwrap();
    fs::create_dir(folder.path().join("code/.partial-1-0")).unwrap();
    let store = CodeStore::open(folder.path().join("code")).unwrap();
    store.retain(&HashSet::from([code.sha256.clone()])).unwrap();
    assert_eq!(names(&folder.path().join("code")), vec![code.sha256]);
}
