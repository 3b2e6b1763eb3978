//! Folders as buckets.

use super::*;

fn bucket() -> (tempfile::TempDir, Folder) {
    let parent = tempfile::tempdir().unwrap();
    fs::create_dir(parent.path().join("b")).unwrap();
    let folder = Folder::open(parent.path(), "b").unwrap();
    (parent, folder)
}

fn keys(folder: &Folder, prefix: &str) -> Vec<String> {
    let objects = folder.list(prefix).unwrap();
    objects.into_iter().map(|object| object.key).collect()
}

#[test]
fn objects_are_put_listed_by_raw_prefixes_read_and_deleted() {
    let (_parent, folder) = bucket();
    for key in ["data/1", "data/x/2", "data2/3", "data.bak", "other"] {
        folder
            .put(key, Bytes::copy_from_slice(key.as_bytes()))
            .unwrap();
    }
    assert_eq!(
        keys(&folder, "data"),
        ["data.bak", "data/1", "data/x/2", "data2/3"]
    );
    assert_eq!(keys(&folder, "data/"), ["data/1", "data/x/2"]);
    assert_eq!(keys(&folder, "data/x/2"), ["data/x/2"]);
    assert_eq!(keys(&folder, "").len(), 5);
    let object = &folder.list("data/x").unwrap()[0];
    assert_eq!(object.bytes, 8);
    assert_eq!(folder.read(object, 0).unwrap(), "data/x/2");
    assert_eq!(folder.read(object, 5).unwrap(), "x/2");
    assert_eq!(folder.read(object, 8).unwrap(), "");
    folder.delete("data/1").unwrap();
    folder.delete("data/1").unwrap();
    assert_eq!(keys(&folder, "data/"), ["data/x/2"]);
}

#[test]
fn nothing_outside_of_the_folder_is_reached() {
    let (parent, folder) = bucket();
    fs::write(parent.path().join("secret"), "s").unwrap();
    for key in [
        "../secret",
        "a/../../secret",
        "/etc/passwd",
        "a//b",
        "",
        ".",
        "a/..",
        "a\0b",
        "a\\b",
    ] {
        assert!(folder.put(key, Bytes::new()).is_err(), "{key:?}");
        let object = Object {
            key: key.to_owned(),
            bytes: 1,
        };
        assert!(folder.read(&object, 0).is_err(), "{key:?}");
    }
    std::os::unix::fs::symlink(parent.path(), parent.path().join("b/out")).unwrap();
    assert!(folder.put("out/new", Bytes::new()).is_err());
    assert!(!parent.path().join("new").exists());
    assert_eq!(keys(&folder, ""), Vec::<String>::new());
    for name in ["..", ".", "", "../b", "b/x", "none", "secret"] {
        assert!(Folder::open(parent.path(), name).is_err(), "{name:?}");
    }
}

#[test]
fn no_folder_is_made_behind_a_link() {
    let (parent, folder) = bucket();
    let outside = parent.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::create_dir(parent.path().join("b/a")).unwrap();
    std::os::unix::fs::symlink(&outside, parent.path().join("b/a/out")).unwrap();
    let error = folder.put("a/out/made/too/new", Bytes::new()).unwrap_err();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert!(error.to_string().contains("is a link"), "{error}");
}

#[test]
fn a_partial_object_that_was_left_is_replaced_and_not_followed() {
    let (parent, folder) = bucket();
    let secret = parent.path().join("secret");
    fs::write(&secret, "s").unwrap();
    let partial = |key: &str| parent.path().join(format!("b/{key}{PARTIAL}"));
    std::os::unix::fs::symlink(&secret, partial("planted")).unwrap();
    fs::write(partial("old"), "longer than the new one").unwrap();
    for key in ["planted", "old"] {
        folder.put(key, Bytes::from_static(b"new")).unwrap();
        let path = parent.path().join("b").join(key);
        assert!(fs::symlink_metadata(&path).unwrap().is_file(), "{key}");
        assert_eq!(fs::read(path).unwrap(), b"new", "{key}");
    }
    assert_eq!(fs::read(secret).unwrap(), b"s");
}

#[test]
fn what_can_t_be_put_leaves_nothing() {
    let (parent, folder) = bucket();
    folder.put("a/b", Bytes::from_static(b"one")).unwrap();
    folder.put("a", Bytes::from_static(b"two")).unwrap_err();
    let names = fs::read_dir(parent.path().join("b")).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["a"]);
}
