//! Key conditions: their form, and how they meet a schema. Sentences as recorded by the
//! conformance suite; the older ones by dynalite's tests.

use headwater_expression::{KeyCondition, ResolvedKeyCondition, SortCondition};
use headwater_model::{KeyAttribute, KeySchema, KeyType};

use crate::notation::{placeholders, value};

fn schema(sort: Option<KeyType>) -> KeySchema {
    let attribute = |name: &str, kind| KeyAttribute {
        name: name.to_owned(),
        kind,
    };
    KeySchema {
        partition: attribute("pk", KeyType::S),
        sort: sort.map(|kind| attribute("sk", kind)),
    }
}

fn resolve(text: &str, given: &str, sort: Option<KeyType>) -> Result<ResolvedKeyCondition, String> {
    KeyCondition::parse(text, &mut placeholders(given))
        .and_then(|condition| condition.resolve(&schema(sort)))
        .map_err(|error| error.to_string())
}

#[test]
fn resolved_conditions() {
    let (one, two) = (value("1"), value("2"));
    let rows = [
        ("sk = :v", SortCondition::Equal(one.clone())),
        ("sk < :v", SortCondition::Less(one.clone())),
        ("sk <= :v", SortCondition::LessOrEqual(one.clone())),
        ("sk > :v", SortCondition::Greater(one.clone())),
        ("sk >= :v", SortCondition::GreaterOrEqual(one.clone())),
        (":v > sk", SortCondition::Less(one.clone())),
        (":v <= sk", SortCondition::GreaterOrEqual(one.clone())),
        ("sk BETWEEN :v AND :w", SortCondition::Between(one, two)),
    ];
    for (text, sort) in rows {
        let given = "#p=pk :p='a' :v=1 :w=2";
        let expected = Ok(ResolvedKeyCondition {
            partition: value("'a'"),
            sort: Some(sort),
        });
        for text in [
            format!("pk = :p AND {text}"),
            format!("{text} AND :p = #p"),
            format!("(pk = :p) AND ({text})"),
            format!("(pk = :p AND ({text}))"),
        ] {
            assert_eq!(resolve(&text, given, Some(KeyType::N)), expected, "{text}");
        }
    }
    let prefix = resolve(
        "pk = :p AND begins_with(sk, :p)",
        ":p='a'",
        Some(KeyType::S),
    );
    assert_eq!(
        prefix.unwrap().sort,
        Some(SortCondition::BeginsWith(value("'a'")))
    );
    assert_eq!(resolve("(pk = :p)", ":p='a'", None).unwrap().sort, None);
    assert_eq!(
        resolve("pk = :p", ":p='a'", Some(KeyType::B)).unwrap().sort,
        None
    );
}

#[test]
fn faults() {
    const SCHEMA: &str = "One or more parameter values were invalid: Condition parameter type does not match schema type";
    const MISSED: &str = "Query condition missed key schema element: ";
    const EMPTY: &str = "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty ";
    const OPERAND: &str = "Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: ";
    let operator = |name: &str| format!("Invalid operator used in KeyConditionExpression: {name}");
    let condition = |text: &str| format!("Invalid condition in KeyConditionExpression: {text}");
    let invalid = |text: &str| format!("Invalid KeyConditionExpression: {text}");
    let exceeds = |conditions: usize, attributes: usize| {
        format!(
            "The number of query conditions ({conditions}) exceeds the number of key attributes defined in the schema ({attributes})"
        )
    };
    let number = Some(KeyType::N);
    let text = Some(KeyType::S);
    let rows = [
        ("sk = :v", ":v=1", number, format!("{MISSED}pk")),
        ("x = :v", ":v=1", number, format!("{MISSED}pk")),
        (
            "pk = :p AND x = :v",
            ":p='a' :v=1",
            number,
            format!("{MISSED}sk"),
        ),
        (
            "pk > :p",
            ":p='a'",
            number,
            "Query key condition not supported".to_owned(),
        ),
        (
            "begins_with(pk, :p)",
            ":p='a'",
            number,
            "Query key condition not supported".to_owned(),
        ),
        ("pk = :p AND sk = :v", ":p='a' :v=1", None, exceeds(2, 1)),
        (
            "pk = :p AND sk > :v AND x = :v",
            ":p='a' :v=1",
            number,
            exceeds(3, 2),
        ),
        (
            "pk = :p AND sk > :v AND sk < :v",
            ":p='a' :v=1",
            number,
            invalid("KeyConditionExpressions must only contain one condition per key"),
        ),
        ("pk = :p", ":p=1", None, SCHEMA.to_owned()),
        (
            "pk = :p AND begins_with(sk, :p)",
            ":p='a'",
            number,
            SCHEMA.to_owned(),
        ),
        (
            "pk = :p AND sk = :v",
            ":p='a' :v=true",
            number,
            SCHEMA.to_owned(),
        ),
        (
            "pk = :p AND begins_with(sk, :v)",
            ":p='a' :v=1",
            number,
            format!("{OPERAND}begins_with, operand type: N"),
        ),
        (
            "pk = :p AND :v >= sk",
            ":p='a' :v=true",
            number,
            format!("{OPERAND}>=, operand type: BOOL"),
        ),
        (
            "pk = :p AND sk BETWEEN :v AND :v",
            ":p='a' :v=true",
            number,
            format!("{OPERAND}BETWEEN, operand type: BOOL"),
        ),
        (
            "pk = :p",
            ":p=''",
            None,
            format!("{EMPTY}string value. Key: pk"),
        ),
        (
            "pk = :p AND sk = :v",
            ":p='a' :v=''",
            text,
            format!("{EMPTY}string value. Key: sk"),
        ),
        (
            "pk = :p AND sk = :v",
            ":p='a' :v=b''",
            Some(KeyType::B),
            format!("{EMPTY}binary value. Key: sk"),
        ),
        (
            "pk = :p AND sk.x = :v",
            ":p='a' :v=1",
            number,
            invalid("KeyConditionExpressions cannot have conditions on nested attributes"),
        ),
        (
            "a > size(b.d)",
            "",
            None,
            invalid("KeyConditionExpressions cannot contain nested operations"),
        ),
        (
            "b > a.b",
            "",
            None,
            condition("Multiple attribute names used in one condition"),
        ),
        (
            "begins_with(a, b)",
            "",
            None,
            condition("Multiple attribute names used in one condition"),
        ),
        (
            ":b > :a",
            ":a=1 :b=1",
            None,
            condition("No key attribute specified"),
        ),
        (
            ":a BETWEEN size(b) AND size(c)",
            ":a=1",
            None,
            condition("BETWEEN operator must have the key attribute as its first operand"),
        ),
        (
            "begins_with(:a, b)",
            ":a='1'",
            None,
            condition("begins_with operator must have the key attribute as its first operand"),
        ),
        ("a = :v OR b = :v", ":v=1", None, operator("OR")),
        ("NOT a = :v", ":v=1", None, operator("NOT")),
        ("a IN (:v)", ":v=1", None, operator("IN")),
        ("a <> :v", ":v=1", None, operator("<>")),
        (
            "attribute_exists(a)",
            "",
            None,
            operator("attribute_exists"),
        ),
        ("contains(a.d, b)", "", None, operator("contains")),
    ];
    for (expression, given, sort, expected) in rows {
        assert_eq!(
            resolve(expression, given, sort),
            Err(expected),
            "{expression}"
        );
    }
}
