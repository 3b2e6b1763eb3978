//! The parameters from before expressions against the expressions that say the same, on random items.

use std::collections::BTreeMap;

use headwater_expression::legacy::{
    self, AttributeAction, AttributeUpdate, Comparison, ComparisonOperator, ConditionalOperator,
    ExpectedAttribute, FilterParameter, KeyConditions,
};
use headwater_expression::{
    Condition, ExpressionKind, KeyCondition, Placeholders, Projection, ResolvedKeyCondition, Update,
};
use headwater_model::{AttributeValue, Item, KeyAttribute, KeySchema, KeyType, Number};
use proptest::prelude::*;

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(Number::from_i64(value))
}

/// The types that every operator takes.
fn ordered() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        4 => (-2_i64..3).prop_map(number),
        4 => "[ab]{0,2}".prop_map(AttributeValue::S),
        1 => "[ab]{0,2}".prop_map(|text| AttributeValue::B(text.into_bytes().into())),
    ]
}

fn set() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        prop::collection::btree_set(0_i64..4, 1..4).prop_map(|numbers| {
            AttributeValue::Ns(numbers.into_iter().map(Number::from_i64).collect())
        }),
        prop::collection::btree_set("[abc]", 1..4)
            .prop_map(|texts| AttributeValue::Ss(texts.into_iter().collect())),
    ]
}

fn any_value() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        6 => ordered(),
        2 => set(),
        1 => any::<bool>().prop_map(AttributeValue::Bool),
        1 => Just(AttributeValue::Null),
        1 => prop::collection::vec(ordered(), 0..3).prop_map(AttributeValue::L),
        1 => ordered().prop_map(|value| AttributeValue::M([("x".to_owned(), value)].into_iter().collect())),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    prop::collection::btree_map("[abcd]", any_value(), 0..5)
        .prop_map(|members| members.into_iter().collect())
}

/// Values of one type, as IN and BETWEEN want them.
fn alike(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<AttributeValue>> {
    prop_oneof![
        prop::collection::vec((-2_i64..3).prop_map(number), count.clone()),
        prop::collection::vec("[ab]{0,2}".prop_map(AttributeValue::S), count),
    ]
}

fn comparison() -> impl Strategy<Value = Comparison> {
    use ComparisonOperator::{
        BeginsWith, Between, Contains, Eq, Ge, Gt, In, Le, Lt, Ne, NotContains, NotNull, Null,
    };
    let one = |operators: &'static [ComparisonOperator], value: BoxedStrategy<AttributeValue>| {
        (prop::sample::select(operators), value).prop_map(|(operator, value)| Comparison {
            operator,
            values: vec![value],
        })
    };
    let text = "[ab]{0,2}".prop_map(AttributeValue::S).boxed();
    prop_oneof![
        one(&[Eq, Ne], any_value().boxed()),
        one(&[Le, Lt, Ge, Gt, Contains, NotContains], ordered().boxed()),
        one(&[BeginsWith], text),
        prop::sample::select(&[Null, NotNull][..]).prop_map(|operator| Comparison {
            operator,
            values: Vec::new(),
        }),
        alike(1..4).prop_map(|values| Comparison {
            operator: In,
            values,
        }),
        alike(2..3).prop_map(|mut values| {
            if values[0].compare(&values[1]) == Some(std::cmp::Ordering::Greater) {
                values.swap(0, 1);
            }
            Comparison {
                operator: Between,
                values,
            }
        }),
    ]
}

/// Collects names and values under placeholders while an expression is written.
#[derive(Default)]
struct Written {
    names: BTreeMap<String, String>,
    values: BTreeMap<String, AttributeValue>,
}

impl Written {
    fn name(&mut self, name: &str) -> String {
        let key = format!("#n{}", self.names.len());
        self.names.insert(key.clone(), name.to_owned());
        key
    }

    fn value(&mut self, value: &AttributeValue) -> String {
        let key = format!(":v{}", self.values.len());
        self.values.insert(key.clone(), value.clone());
        key
    }

    fn placeholders(self) -> Placeholders {
        let names = (!self.names.is_empty()).then_some(self.names);
        let values = (!self.values.is_empty()).then_some(self.values);
        Placeholders::new(names, values).expect("placeholders are right")
    }

    fn comparison(&mut self, name: &str, comparison: &Comparison) -> String {
        let name = self.name(name);
        let values: Vec<String> = comparison
            .values
            .iter()
            .map(|value| self.value(value))
            .collect();
        let first = values.first().cloned().unwrap_or_default();
        match comparison.operator {
            ComparisonOperator::Eq => format!("{name} = {first}"),
            ComparisonOperator::Ne => format!("{name} <> {first}"),
            ComparisonOperator::Le => format!("{name} <= {first}"),
            ComparisonOperator::Lt => format!("{name} < {first}"),
            ComparisonOperator::Ge => format!("{name} >= {first}"),
            ComparisonOperator::Gt => format!("{name} > {first}"),
            ComparisonOperator::NotNull => format!("attribute_exists({name})"),
            ComparisonOperator::Null => format!("attribute_not_exists({name})"),
            ComparisonOperator::Contains => format!("contains({name}, {first})"),
            ComparisonOperator::NotContains => {
                format!("(attribute_exists({name}) AND NOT contains({name}, {first}))")
            }
            ComparisonOperator::BeginsWith => format!("begins_with({name}, {first})"),
            ComparisonOperator::In => format!("{name} IN ({})", values.join(", ")),
            ComparisonOperator::Between => format!("{name} BETWEEN {}", values.join(" AND ")),
        }
    }
}

/// The expression that says the same as the comparisons.
fn expression(comparisons: &BTreeMap<String, Comparison>, operator: &str) -> Option<Condition> {
    let mut written = Written::default();
    let texts: Vec<String> = comparisons
        .iter()
        .map(|(name, comparison)| written.comparison(name, comparison))
        .collect();
    if texts.is_empty() {
        return None;
    }
    let text = texts.join(operator);
    let condition = Condition::parse(
        ExpressionKind::Condition,
        &text,
        &mut written.placeholders(),
    );
    Some(condition.unwrap_or_else(|error| panic!("{text}: {error}")))
}

fn holds(condition: &Option<Condition>, item: &Item) -> bool {
    condition
        .as_ref()
        .is_none_or(|condition| condition.evaluate(item))
}

fn update() -> impl Strategy<Value = AttributeUpdate> {
    let with = |action: Option<AttributeAction>, value: BoxedStrategy<AttributeValue>| {
        value.prop_map(move |value| AttributeUpdate {
            action,
            value: Some(value),
        })
    };
    let addable = prop_oneof![(-2_i64..3).prop_map(number), set()].boxed();
    prop_oneof![
        with(None, any_value().boxed()),
        with(Some(AttributeAction::Put), any_value().boxed()),
        with(Some(AttributeAction::Add), addable),
        with(Some(AttributeAction::Delete), set().boxed()),
        Just(AttributeUpdate {
            action: Some(AttributeAction::Delete),
            value: None,
        }),
    ]
}

/// The expression that says the same as the updates.
fn update_expression(updates: &BTreeMap<String, AttributeUpdate>) -> Update {
    let mut written = Written::default();
    let mut clauses: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, update) in updates {
        let name = written.name(name);
        let value = update.value.as_ref().map(|value| written.value(value));
        let (clause, text) = match (update.action.unwrap_or_default(), value) {
            (AttributeAction::Put, Some(value)) => ("SET", format!("{name} = {value}")),
            (AttributeAction::Add, Some(value)) => ("ADD", format!("{name} {value}")),
            (AttributeAction::Delete, Some(value)) => ("DELETE", format!("{name} {value}")),
            (_, None) => ("REMOVE", name),
        };
        clauses.entry(clause).or_default().push(text);
    }
    let clauses: Vec<String> = clauses
        .iter()
        .map(|(clause, actions)| format!("{clause} {}", actions.join(", ")))
        .collect();
    if clauses.is_empty() {
        return Update::default();
    }
    Update::parse(&clauses.join(" "), &mut written.placeholders()).expect("the update is right")
}

fn schema() -> KeySchema {
    let sort = KeyAttribute::new("b", KeyType::S);
    KeySchema::new(KeyAttribute::new("a", KeyType::N), Some(sort))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn conditions(
        comparisons in prop::collection::btree_map("[abcd]", comparison(), 0..4),
        items in prop::collection::vec(item(), 4),
    ) {
        for (operator, word) in [(ConditionalOperator::And, " AND "), (ConditionalOperator::Or, " OR ")] {
            let filter = legacy::filter(FilterParameter::Scan, comparisons.clone(), operator);
            let filter = filter.expect("the comparisons are right");
            let attributes = comparisons.iter().map(|(name, comparison)| {
                let attribute = ExpectedAttribute {
                    operator: Some(comparison.operator),
                    values: Some(comparison.values.clone()),
                    ..ExpectedAttribute::default()
                };
                (name.clone(), attribute)
            });
            let expected = legacy::expected(attributes.collect(), operator);
            let expected = expected.expect("the comparisons are right");
            let expression = expression(&comparisons, word);
            for item in &items {
                let wanted = holds(&expression, item);
                prop_assert_eq!(holds(&filter, item), wanted);
                prop_assert_eq!(holds(&expected, item), wanted);
            }
        }
    }

    #[test]
    fn updates(
        updates in prop::collection::btree_map("[abcd]", update(), 0..5),
        old in prop::option::of(item()),
    ) {
        let legacy = legacy::attribute_updates(updates.clone()).expect("the updates are right");
        let expression = update_expression(&updates);
        prop_assert_eq!(legacy.creates_item(), expression.creates_item());
        let key: Item = [("pk".to_owned(), number(1))].into_iter().collect();
        let left = legacy.apply(old.as_ref(), &key);
        let right = expression.apply(old.as_ref(), &key);
        match (left, right) {
            (Ok(left), Ok(right)) => {
                prop_assert_eq!(&left.item, &right.item);
                prop_assert_eq!(left.updated_new(), right.updated_new());
                prop_assert_eq!(left.updated_old(old.as_ref()), right.updated_old(old.as_ref()));
            }
            (Err(left), Err(_)) => {
                prop_assert_eq!(left.to_string(), "Type mismatch for attribute to update");
            }
            (left, right) => prop_assert!(false, "{:?} and {:?}", left, right),
        }
    }

    #[test]
    fn key_conditions(
        partition in (-2_i64..3).prop_map(number),
        sort in prop::option::of(comparison()),
    ) {
        let mut comparisons = BTreeMap::from([(
            "a".to_owned(),
            Comparison { operator: ComparisonOperator::Eq, values: vec![partition] },
        )]);
        comparisons.extend(sort.map(|sort| ("b".to_owned(), sort)));
        let schema = schema();
        let keys = schema.attributes().map(|key| key.name.as_str());
        let terms = KeyConditions::new(comparisons.clone(), false).expect("the comparisons are right").terms(keys);
        let legacy = terms.map_err(|error| error.to_string()).and_then(|terms| {
            ResolvedKeyCondition::new(terms, &schema).map_err(|error| error.to_string())
        });

        let mut written = Written::default();
        let texts: Vec<String> = comparisons
            .iter()
            .map(|(name, comparison)| written.comparison(name, comparison))
            .collect();
        let expression = KeyCondition::parse(&texts.join(" AND "), &mut written.placeholders())
            .and_then(|condition| condition.resolve(&schema));
        // What no key is looked up by has other sentences here and there.
        match (legacy, expression) {
            (Ok(legacy), Ok(expression)) => prop_assert_eq!(legacy, expression),
            (legacy, expression) => prop_assert!(legacy.is_err() && expression.is_err()),
        }
    }

    #[test]
    fn projections(names in prop::collection::btree_set("[abcd]", 1..4), item in item()) {
        let mut written = Written::default();
        let text: Vec<String> = names.iter().map(|name| written.name(name)).collect();
        let expression = Projection::parse(&text.join(", "), &mut written.placeholders());
        let expression = expression.expect("the projection is right");
        let names: Vec<String> = names.into_iter().collect();
        let legacy = legacy::attributes_to_get(&names).expect("the names are right");
        prop_assert_eq!(legacy.project(&item), expression.project(&item));
    }
}
