//! Packages, good and hostile.

use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;

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

fn bounds(bytes: u64, entries: usize) -> Bounds {
    Bounds { bytes, entries }
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
fn makes_nothing_through_a_link() {
    for (door, behind) in [("a", "a/x"), ("a", "a/new/dir/x"), ("a/b", "a/b/c/x")] {
        let (folder, store) = store();
        let outside = folder.path().join("outside");
        fs::create_dir(&outside).unwrap();
        let zip = zip_of(|writer| {
            let to = outside.display().to_string();
            writer.add_symlink(door, to, options()).unwrap();
            writer.add_symlink(behind, "anything", options()).unwrap();
        });
        let error = store.add_zip(&zip).unwrap_err();
        assert!(
            matches!(&error, PackageError::InTheWay { .. }),
            "{behind}: {error:?}"
        );
        assert!(names(&outside).is_empty(), "{behind}");
        assert!(names(&folder.path().join("code")).is_empty(), "{behind}");
    }
}

#[test]
fn refuses_names_that_are_taken() {
    let link = |writer: &mut ZipWriter<_>| writer.add_symlink("a", "b", options()).unwrap();
    let zips = [
        zip_of(|writer| {
            file(writer, "a", 0o644, b"x");
            file(writer, "a/b", 0o644, b"x");
        }),
        zip_of(|writer| {
            file(writer, "a/b", 0o644, b"x");
            file(writer, "a", 0o644, b"x");
        }),
        zip_of(|writer| {
            file(writer, "a/b", 0o644, b"x");
            link(writer);
        }),
    ];
    for zip in zips {
        let (_folder, store) = store();
        let error = store.add_zip(&zip).unwrap_err();
        assert!(matches!(error, PackageError::InTheWay { .. }), "{error:?}");
    }
}

#[test]
fn counts_folders_that_names_imply() {
    let folder = tempfile::tempdir().unwrap();
    let zip = zip_of(|writer| {
        file(writer, "a/b/c/d/f", 0o644, b"");
        file(writer, "a/b/e/f", 0o644, b"");
        writer.add_symlink("a/l/m", "../b", options()).unwrap();
    });
    let into = |name: &str, entries| unpack(&zip, &folder.path().join(name), bounds(10, entries));
    let over = into("over", 8);
    assert!(
        matches!(over, Err(PackageError::TooManyEntries { entries: 9 })),
        "{over:?}"
    );
    into("within", 9).unwrap();
}

#[test]
fn names_lie_in_so_many_folders() {
    let (_folder, store) = store();
    let deep =
        |parts: usize| zip_of(|writer| file(writer, &vec!["d"; parts].join("/"), 0o644, b"x"));
    let over = store.add_zip(&deep(DEPTH_MAX + 2));
    assert!(
        matches!(over, Err(PackageError::TooDeep { .. })),
        "{over:?}"
    );
    store.add_zip(&deep(DEPTH_MAX + 1)).unwrap();
}

#[test]
fn refuses_what_announces_too_much_before_it_reads_on() {
    let (_folder, store) = store();
    let mut zip = zip_of(|writer| file(writer, "a", 0o644, b"x"));
    // Both counts of the last record, which ends the file; there is nothing that would bear them out.
    let counts = zip.len() - 14..zip.len() - 10;
    zip[counts].copy_from_slice(&60_000_u16.to_le_bytes().repeat(2));
    // Readers pass over one behind it whose comment doesn't fit into the file.
    let mut hidden = zip.clone();
    hidden.extend(b"PK\x05\x06");
    hidden.extend([0; 16]);
    hidden.extend(1_u16.to_le_bytes());
    for zip in [zip, hidden] {
        let error = store.add_zip(&zip).unwrap_err();
        assert!(
            matches!(error, PackageError::TooManyEntries { entries: 60_000 }),
            "{error:?}"
        );
    }
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
    let into = |name: &str, bytes| unpack(&zip, &folder.path().join(name), bounds(bytes, 10));
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
