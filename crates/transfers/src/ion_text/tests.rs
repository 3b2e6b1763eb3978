//! Ion's text form, and what is none.

use super::*;

fn plain(text: &str) -> Ion<'_> {
    read(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .value
}

#[test]
fn scalars() {
    for (text, value) in [
        ("null", Ion::Null),
        ("null.list", Ion::Null),
        (" true // yes", Ion::Bool(true)),
        ("/* no */ false", Ion::Bool(false)),
        ("103.", Ion::Number("103".to_owned())),
        ("6d2", Ion::Number("6E2".to_owned())),
        ("-1.50d-3", Ion::Number("-1.50E-3".to_owned())),
        ("1_000", Ion::Number("1000".to_owned())),
        ("0xfF", Ion::Number("255".to_owned())),
        ("-0b101", Ion::Number("-5".to_owned())),
        ("2.5e0", Ion::Number("2.5E0".to_owned())),
        (
            r#""a\"\n\x41\u00e9\U0001F600\ud83d\ude00\/""#,
            Ion::String("a\"\nA\u{e9}\u{1f600}\u{1f600}/".to_owned()),
        ),
        ("'''one ''' '''two'''", Ion::String("one two".to_owned())),
        ("{{ aGk= }}", Ion::Blob(b"hi".to_vec())),
        ("$ion_1_0 \"x\"", Ion::String("x".to_owned())),
    ] {
        assert_eq!(plain(text), value, "{text}");
    }
}

#[test]
fn lists_structs_and_annotations() {
    let value =
        read("$ion_1_0 {Item:{a:[1,'b'::\"x\",],'odd name':null,\"s\":$dynamodb_SS::[\"y\"]}}");
    let Ion::Struct(outer) = value.unwrap().value else {
        panic!()
    };
    assert_eq!(outer[0].0, "Item");
    let Ion::Struct(fields) = &outer[0].1.value else {
        panic!()
    };
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_ref()).collect();
    assert_eq!(names, ["a", "odd name", "s"]);
    assert_eq!(fields[2].1.annotations, ["$dynamodb_SS"]);
    assert_eq!(plain("{}"), Ion::Struct(Vec::new()));
    assert_eq!(plain("[ ]"), Ion::List(Vec::new()));
}

#[test]
fn what_is_no_item_is_refused_and_nothing_overflows() {
    for text in [
        "",
        "{",
        "[",
        "[1",
        "[1 2]",
        "{a}",
        "{a:}",
        "{a:1,,}",
        "{1:2}",
        "\"",
        "\"\\",
        "\"\\q\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        // Found by the fuzzer: the second half is none.
        "\"\\ud83d\\ud0e0\"",
        "'''x",
        "{{",
        "{{x}}",
        "{{\"clob\"}}",
        "symbol",
        "'null'",
        "(1)",
        "2020-01-01T",
        "nan",
        "+inf",
        "1.2.3",
        "--1",
        ".5",
        "1e",
        "0x",
        "null.",
        "1 2",
        "a::",
        "/* open",
        "\"two\nlines\"",
        "0xfffffffffffffffffffffffffffffffff",
    ] {
        assert!(read(text).is_err(), "{text:?}");
    }
    for open in ["[", "{a:", "[{a:", "a::["] {
        assert!(read(&open.repeat(1_000_000)).is_err());
    }
    let deep = "[".repeat(DEPTH_MAX) + &"]".repeat(DEPTH_MAX);
    assert!(read(&deep).is_ok());
    assert!(read(&format!("[{deep}]")).is_err());
}

/// A line has room for millions of values, and each takes many times its bytes.
#[test]
fn values_and_annotations_are_counted() {
    // As many as an item can have.
    assert!(read(&format!("[{}]", "\"\",".repeat(400 << 10))).is_ok());
    let sets = "$dynamodb_SS::[\"\"],".repeat(200 << 10);
    assert!(read(&format!("[{sets}]")).is_ok());
    for text in [
        // The list counts too.
        format!("[{}]", "1,".repeat(VALUES_MAX)),
        "a::".repeat(VALUES_MAX) + "1",
    ] {
        let error = read(&text).map(|_| ()).unwrap_err();
        assert!(error.starts_with("the values are too many"), "{error}");
    }
}
