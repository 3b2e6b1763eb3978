//! What a SELECT reads, and that it loses nothing: the items that its plan finds are those for which its WHERE clause holds.

use headwater_expression::partiql::{
    ItemCondition, PartiqlError, PartitionRead, ReadPlan, Select, Statement,
};
use headwater_expression::{Condition, SortCondition};
use headwater_model::{AttributeValue, Item, KeyAttribute, KeySchema, KeyType, Number};
use proptest::prelude::*;

use crate::notation::item;

fn schema() -> KeySchema {
    KeySchema::new(
        KeyAttribute::new("pk", KeyType::S),
        Some(KeyAttribute::new("sk", KeyType::N)),
    )
}

fn select(condition: &str) -> Select {
    let text = format!("SELECT * FROM users WHERE {condition}");
    match Statement::parse(&text, Vec::new()) {
        Ok(Statement::Select(select)) => select,
        other => panic!("{text}: {other:?}"),
    }
}

fn plan(condition: &str) -> Result<ReadPlan, PartiqlError> {
    ReadPlan::new(&select(condition), &schema(), None)
}

/// `a[1..] b` for two reads, the second of a whole partition; ` filtered` if something else is asked.
fn shown(plan: ReadPlan) -> String {
    let (reads, filter, descending) = match plan {
        ReadPlan::Scan { filter } => ("scan".to_owned(), filter, None),
        ReadPlan::Partitions {
            reads,
            descending,
            filter,
            ..
        } => {
            let reads: Vec<String> = reads.iter().map(shown_read).collect();
            (reads.join(" "), filter, descending)
        }
    };
    let descending = match descending {
        Some(true) => " descending",
        Some(false) => " ascending",
        None => "",
    };
    let filtered = filter.map_or("", |_| " filtered");
    format!("{reads}{descending}{filtered}")
}

fn shown_read(read: &PartitionRead) -> String {
    let text = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.clone(),
        AttributeValue::N(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let sort = read.sort.iter().map(|condition| match condition {
        SortCondition::Equal(value) => format!("[{}]", text(value)),
        SortCondition::Less(value) => format!("[..{})", text(value)),
        SortCondition::LessOrEqual(value) => format!("[..{}]", text(value)),
        SortCondition::Greater(value) => format!("({}..]", text(value)),
        SortCondition::GreaterOrEqual(value) => format!("[{}..]", text(value)),
        SortCondition::Between(lower, upper) => format!("[{}..{}]", text(lower), text(upper)),
        SortCondition::BeginsWith(value) => format!("[{}*]", text(value)),
    });
    let mark = if read.may_overlap { "?" } else { "" };
    format!(
        "{}{}{mark}",
        text(&read.partition),
        sort.collect::<String>()
    )
}

#[test]
fn where_clauses_become_reads() {
    for (condition, expected) in [
        ("pk = 'a'", "a"),
        ("'a' = pk", "a"),
        ("pk = 'a' AND sk = 1", "a[1]"),
        ("pk = 'a' AND 1 < sk", "a(1..]"),
        ("sk <= 1 AND pk = 'a'", "a[..1]"),
        ("pk = 'a' AND sk >= 1 AND sk < 5", "a[1..][..5)"),
        ("pk = 'a' AND sk BETWEEN 1 AND 2", "a[1..2]"),
        ("pk = 'a' AND sk NOT BETWEEN 1 AND 2", "a? filtered"),
        ("pk = 'a' AND sk <> 1", "a? filtered"),
        ("pk = 'a' AND sk IN (1, 2)", "a? filtered"),
        ("pk = 'a' AND v = 1", "a filtered"),
        ("pk = 'a' AND (sk = 1 AND v = 1)", "a[1] filtered"),
        ("pk = 'a' AND sk = v", "a? filtered"),
        ("pk = 'a' AND pk = 'b'", ""),
        ("pk IN ('b', 'a', 'b')", "b a"),
        ("pk IN ['b', 'a'] AND sk = 1", "b[1] a[1]"),
        ("pk IN ('b', 'a') AND pk = 'a'", "a"),
        ("pk IN ('a', v)", "scan filtered"),
        ("pk = 'a' OR pk = 'b'", "a b filtered"),
        (
            "pk = 'a' AND sk = 1 OR pk = 'b' AND v = 1",
            "a[1] b filtered",
        ),
        ("pk = 'a' OR v = 1", "scan filtered"),
        ("(pk = 'a' OR pk = 'b') AND v = 1", "scan filtered"),
        ("NOT pk = 'a'", "scan filtered"),
        ("pk > 'a'", "scan filtered"),
        ("begins_with(pk, 'a')", "scan filtered"),
        ("pk = sk", "scan filtered"),
        ("size(pk) = 1", "scan filtered"),
        ("sk = 1", "scan filtered"),
        ("pk IN ('b', 'c', 'a') ORDER BY pk", "a b c"),
        (
            "pk IN ('b', 'c', 'a') ORDER BY pk DESC, sk",
            "c b a ascending",
        ),
        ("pk = 'a' ORDER BY sk", "a ascending"),
        ("pk = 'a' AND sk > 1 ORDER BY sk DESC", "a(1..] descending"),
    ] {
        assert_eq!(shown(plan(condition).unwrap()), expected, "{condition}");
    }
}

#[test]
fn faults_of_keys() {
    let type_of_key = |name: &str| {
        format!(
            "Key attribute's data type should match its data type in table's schema: Key {name}"
        )
    };
    let in_condition = "One or more parameter values were invalid: Condition parameter type does not match schema type";
    let empty = "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk";
    let nested = "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: pk";
    let no_partition = "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.";
    for (condition, expected) in [
        ("pk = 1", &*type_of_key("pk")),
        ("pk = 'a' AND sk = 'x'", &*type_of_key("sk")),
        ("pk = 'a' AND begins_with(sk, 'x')", &*type_of_key("sk")),
        ("pk = 'a' AND sk <> 'x'", in_condition),
        ("pk IN ('a', 1)", in_condition),
        ("pk = 'a' OR pk = 'b' AND sk <> 'x'", in_condition),
        ("pk > 1", in_condition),
        ("NOT (v = 1 OR sk = 'x')", in_condition),
        ("pk = ''", empty),
        ("pk > ''", empty),
        ("pk.a = 1", nested),
        ("v = 1 OR NOT size(pk[0]) = 1", nested),
        ("v = 1 ORDER BY sk", no_partition),
        (
            "pk = 'a' ORDER BY v",
            "Variable reference v in ORDER BY clause must be part of the primary key",
        ),
    ] {
        assert_eq!(
            plan(condition).unwrap_err().to_string(),
            expected,
            "{condition}"
        );
    }
}

#[test]
fn items_are_named_by_equalities() {
    let named = |condition: &str| {
        let condition = select(condition).condition;
        ItemCondition::new(condition.as_ref(), &schema()).map_err(|error| error.to_string())
    };
    let found = named("v = 1 AND pk = 'a' AND 2 = sk AND pk = 'a' AND pk <> 'b'").unwrap();
    assert_eq!(found.key, item("{pk: 'a', sk: 2}"));
    let rest = found.condition.unwrap();
    assert!(rest.evaluate(&item("{pk: 'a', v: 1}")));
    assert!(!rest.evaluate(&item("{pk: 'b', v: 1}")));
    assert_eq!(named("pk = 'a' AND sk = 1").unwrap().condition, None);

    let incomplete = "Where clause does not contain a mandatory equality on all key attributes";
    for (condition, expected) in [
        ("pk = 'a'", incomplete),
        ("sk = 1", incomplete),
        ("pk = 'a' AND sk > 0", incomplete),
        ("pk = 'a' AND sk IN (1)", incomplete),
        ("pk = 'a' AND sk = 1 OR v = 1", incomplete),
        ("NOT (pk = 'a' AND sk = 1)", incomplete),
        (
            "pk = 'a' AND sk = 1 AND sk = 'x'",
            "Multiple conditions on same key sk. Only single item Update/Insert/Delete are supported",
        ),
        (
            "pk = 'a' AND sk = 'x'",
            "Key attribute's data type should match its data type in table's schema: Key sk",
        ),
        (
            "pk = 'a' AND sk = 1 AND pk.b = 1",
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key pk",
        ),
    ] {
        assert_eq!(named(condition), Err(expected.to_owned()), "{condition}");
    }
    let nothing = ItemCondition::new(None, &schema()).unwrap_err();
    assert_eq!(nothing, PartiqlError::KeyIncomplete);
}

fn part() -> impl Strategy<Value = String> {
    let comparator = || prop::sample::select(&["=", "<>", "<", "<=", ">", ">="][..]);
    prop_oneof![
        3 => "[abc]".prop_map(|key| format!("pk = '{key}'")),
        1 => ("[abc]", "[abc]").prop_map(|(one, two)| format!("pk IN ('{one}', '{two}')")),
        3 => (comparator(), 0..4).prop_map(|(by, number)| format!("sk {by} {number}")),
        1 => (0..4, 0..4).prop_map(|(lower, more)| format!("sk BETWEEN {lower} AND {}", lower + more)),
        1 => (0..4, comparator()).prop_map(|(number, by)| format!("{number} {by} sk")),
        1 => (0..4).prop_map(|number| format!("v = {number}")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    part().prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            1 => inner.clone().prop_map(|one| format!("NOT ({one})")),
            3 => prop::collection::vec(inner.clone(), 2..4).prop_map(|all| format!("({})", all.join(" AND "))),
            3 => prop::collection::vec(inner, 2..4).prop_map(|all| format!("({})", all.join(" OR "))),
        ]
    })
}

fn within(condition: &SortCondition, value: &AttributeValue) -> bool {
    let order = |bound: &AttributeValue| value.compare(bound).expect("numbers have an order");
    match condition {
        SortCondition::Equal(bound) => order(bound).is_eq(),
        SortCondition::Less(bound) => order(bound).is_lt(),
        SortCondition::LessOrEqual(bound) => order(bound).is_le(),
        SortCondition::Greater(bound) => order(bound).is_gt(),
        SortCondition::GreaterOrEqual(bound) => order(bound).is_ge(),
        SortCondition::Between(lower, upper) => order(lower).is_ge() && order(upper).is_le(),
        SortCondition::BeginsWith(_) => false,
    }
}

fn is_read(read: &PartitionRead, item: &Item) -> bool {
    let sort = item.get("sk").expect("a key");
    item.get("pk") == Some(&read.partition)
        && read.sort.iter().all(|condition| within(condition, sort))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn plans_find_what_the_clause_says(text in condition()) {
        let whole = Condition::new(select(&text).condition.unwrap());
        let plan = plan(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        for (pk, sk, v) in every_item(&["a", "b", "c"], 4) {
            let number = |value| AttributeValue::N(Number::from_i64(value));
            let item: Item = [
                ("pk".to_owned(), AttributeValue::S(pk.to_owned())),
                ("sk".to_owned(), number(sk)),
                ("v".to_owned(), number(v)),
            ]
            .into_iter()
            .collect();
            let (read, filter) = match &plan {
                ReadPlan::Scan { filter } => (true, filter),
                ReadPlan::Partitions { reads, filter, .. } => {
                    (reads.iter().any(|read| is_read(read, &item)), filter)
                }
            };
            let found = read && filter.as_ref().is_none_or(|filter| filter.evaluate(&item));
            prop_assert_eq!(found, whole.evaluate(&item), "{} {:?}", text, item);
        }
    }
}

/// Every key with every value.
fn every_item<'k>(keys: &'k [&'k str], numbers: i64) -> impl Iterator<Item = (&'k str, i64, i64)> {
    keys.iter().flat_map(move |key| {
        (0..numbers).flat_map(move |sort| (0..numbers).map(move |value| (*key, sort, value)))
    })
}
