//! The parser and the writer against `serde_json`, on documents good and bad.

use proptest::prelude::*;

use super::{DEPTH_MAX, Json, JsonError, write_string};

fn as_serde(json: &Json<'_>) -> serde_json::Value {
    match json {
        Json::Null => serde_json::Value::Null,
        Json::Bool(value) => (*value).into(),
        Json::Number(text) => serde_json::from_str(text).expect("a number"),
        Json::String(text) => text.as_ref().into(),
        Json::Array(elements) => elements.iter().map(as_serde).collect(),
        Json::Object(members) => serde_json::Value::Object(
            members
                .iter()
                .map(|(name, value)| (name.to_string(), as_serde(value)))
                .collect(),
        ),
    }
}

/// Both readers refuse the document, or both read the same.
fn check_like_serde(document: &[u8]) {
    let theirs: Result<serde_json::Value, _> = serde_json::from_slice(document);
    match (Json::parse(document), theirs) {
        (Ok(ours), Ok(theirs)) => assert_eq!(as_serde(&ours), theirs),
        (Err(_), Err(_)) => {}
        // serde_json refuses numbers that no f64 can hold, which our tree keeps as text.
        (Ok(_), Err(error)) => {
            assert!(error.to_string().contains("number out of range"), "{error}")
        }
        (Err(error), Ok(_)) => panic!("{error} in {}", String::from_utf8_lossy(document)),
    }
}

#[test]
fn reads_what_serde_reads_and_refuses_what_it_refuses() {
    for document in [
        "{}",
        "[]",
        "null",
        " true ",
        "-0",
        "0",
        "1.5e-3",
        "1E+2",
        r#""a\u00e9\ud83d\ude00\n""#,
        r#"{"a":1,"a":2}"#,
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":}",
        "{\"a\"}",
        "{a:1}",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "nul",
        "truefalse",
        "1 2",
        r#""\x""#,
        r#""\ud800""#,
        r#""\ud800\u0041""#,
        "\"\n\"",
        "\"",
        r#""\u12""#,
        "[1 2]",
        "{\"a\":1 \"b\":2}",
        "\u{feff}{}",
    ] {
        check_like_serde(document.as_bytes());
    }
}

#[test]
fn borrows_plain_strings_and_keeps_number_text() {
    let json = Json::parse(br#"{"plain":"x","escaped":"\t","number":1.50}"#).expect("json");
    assert!(matches!(
        json.get("plain"),
        Some(Json::String(std::borrow::Cow::Borrowed("x")))
    ));
    assert!(matches!(
        json.get("escaped"),
        Some(Json::String(std::borrow::Cow::Owned(_)))
    ));
    assert_eq!(json.get("number"), Some(&Json::Number("1.50")));
}

#[test]
fn the_last_of_duplicate_members_counts_in_big_objects_too() {
    let mut document = String::from("{\"same\":0");
    for n in 0..100 {
        document.push_str(&format!(",\"m{n}\":{n},\"same\":{n}"));
    }
    document.push('}');
    let json = Json::parse(document.as_bytes()).expect("json");
    assert_eq!(json.get("same"), Some(&Json::Number("99")));
    check_like_serde(document.as_bytes());
}

#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
    assert!(Json::parse(&nested(DEPTH_MAX)).is_ok());
    assert_eq!(Json::parse(&nested(DEPTH_MAX + 1)), Err(JsonError::TooDeep));
    assert_eq!(Json::parse(&vec![b'['; 1_000_000]), Err(JsonError::TooDeep));
}

#[test]
fn bad_utf8_is_refused() {
    assert_eq!(Json::parse(b"\"\xff\""), Err(JsonError::NotUtf8));
}

fn document() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::btree_map(any::<String>(), inner, 0..20)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn random_documents_read_like_serde(value in document(), pretty: bool) {
        let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) };
        check_like_serde(&text.expect("written"));
    }

    #[test]
    fn damaged_documents_read_like_serde(value in document(), at: prop::sample::Index, byte: u8) {
        let mut text = serde_json::to_vec(&value).expect("written");
        let place = at.index(text.len());
        text[place] = byte;
        check_like_serde(&text);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        check_like_serde(&bytes);
    }

    #[test]
    fn written_strings_read_back(text: String) {
        let mut out = Vec::new();
        write_string(&mut out, &text);
        let json = Json::parse(&out).expect("json");
        prop_assert_eq!(json.as_str(), Some(text.as_str()));
        prop_assert_eq!(serde_json::from_slice::<String>(&out).expect("json"), text);
    }
}
