//! Names and values: which maps are refused, and what was left unused.

use std::collections::BTreeMap;

use headwater_expression::{Condition, ExpressionError, ExpressionKind, Placeholders};
use headwater_model::AttributeValue;

fn names(pairs: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
    Some(
        pairs
            .iter()
            .map(|(key, name)| (key.to_string(), name.to_string()))
            .collect(),
    )
}

fn values(keys: &[&str]) -> Option<BTreeMap<String, AttributeValue>> {
    Some(
        keys.iter()
            .map(|key| (key.to_string(), AttributeValue::Null))
            .collect(),
    )
}

#[track_caller]
fn check<T>(result: Result<T, ExpressionError>, expected: &str) {
    assert_eq!(
        result.map(drop).map_err(|error| error.to_string()),
        Err(expected.to_owned())
    );
}

#[test]
fn keys_and_names_are_checked() {
    let new = Placeholders::new;
    check(
        new(names(&[]), None),
        "ExpressionAttributeNames must not be empty",
    );
    check(
        new(None, values(&[])),
        "ExpressionAttributeValues must not be empty",
    );
    for key in ["a", "#", "#a-b", ":a", "##a", "# a", ""] {
        let text = "ExpressionAttributeNames contains invalid key: Syntax error; key: ";
        check(new(names(&[(key, "a")]), None), &format!("{text}\"{key}\""));
    }
    for key in ["a", ":", ":a.b", "#a", "::a"] {
        let text = "ExpressionAttributeValues contains invalid key: Syntax error; key: ";
        check(new(None, values(&[key])), &format!("{text}\"{key}\""));
    }
    let text = "ExpressionAttributeNames contains invalid value: Empty attribute name for key #a";
    check(new(names(&[("#a", "")]), None), text);
    assert!(new(names(&[("#0_a", "any name. at all")]), values(&[":0"])).is_ok());
}

#[test]
fn sizes_are_bounded() {
    let long = |length: usize| format!("#{}", "a".repeat(length - 1));
    assert!(Placeholders::new(names(&[(&long(255), "a")]), None).is_ok());
    assert!(Placeholders::new(names(&[(&long(256), "a")]), None).is_err());
    assert!(Placeholders::new(names(&[("#a", &"n".repeat(65_535))]), None).is_ok());
    assert!(Placeholders::new(names(&[("#a", &"n".repeat(65_536))]), None).is_err());
    let text = AttributeValue::S("v".repeat(1024 * 1024));
    let map = |count: usize| {
        (0..count)
            .map(|n| (format!(":v{n}"), text.clone()))
            .collect()
    };
    assert!(Placeholders::new(None, Some(map(2))).is_ok());
    assert!(Placeholders::new(None, Some(map(3))).is_err());
}

#[test]
fn unused_keys_are_told_names_first() {
    let mut placeholders = Placeholders::new(
        names(&[("#b", "b"), ("#a", "a"), ("#used", "c")]),
        values(&[":v", ":u"]),
    )
    .unwrap();
    check(
        placeholders.finish(),
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b, #used}",
    );
    let mut parse = |text: &str| {
        Condition::parse(ExpressionKind::Filter, text, &mut placeholders).unwrap();
        placeholders.finish()
    };
    check(
        parse("#used = :u"),
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}",
    );
    check(
        parse("#a = #b"),
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}",
    );
    assert_eq!(parse("x = :v"), Ok(()));
}

#[test]
fn placeholders_without_expressions() {
    check::<()>(
        Err(ExpressionError::ValuesWithoutExpression {
            parameters: vec!["ConditionExpression"],
        }),
        "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null",
    );
    check::<()>(
        Err(ExpressionError::ValuesWithoutExpression {
            parameters: vec!["UpdateExpression", "ConditionExpression"],
        }),
        "ExpressionAttributeValues can only be specified when using expressions: UpdateExpression and ConditionExpression are null",
    );
}
