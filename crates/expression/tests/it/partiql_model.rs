//! Random conditions and updates in PartiQL, against the naive models of the expressions that say the same.

use std::collections::BTreeMap;

use headwater_expression::Condition;
use headwater_expression::partiql::Statement;
use headwater_model::{AttributeValue, Item, Number};
use proptest::prelude::*;

use crate::random::{Action, Place, Values, actions, apply, model, test};

/// A value as it is written out, where PartiQL can write it.
fn literal(value: &AttributeValue) -> Option<String> {
    Some(match value {
        AttributeValue::S(text) => format!("'{}'", text.replace('\'', "''")),
        AttributeValue::N(number) => number.to_string(),
        AttributeValue::Bool(value) => value.to_string(),
        AttributeValue::Null => "NULL".to_owned(),
        AttributeValue::Ns(set) => {
            let members: Vec<_> = set.iter().map(ToString::to_string).collect();
            format!("<<{}>>", members.join(", "))
        }
        AttributeValue::Ss(set) => {
            let members: Vec<_> = set.iter().map(|text| format!("'{text}'")).collect();
            format!("<<{}>>", members.join(", "))
        }
        _ => return None,
    })
}

/// The text with values in place of placeholders: written out or, every other time, as parameters.
fn with_values(text: &str, values: &Values, written: bool) -> (String, Vec<AttributeValue>) {
    let (mut statement, mut parameters) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(start) = rest.find(":v") {
        let digits = rest[start + 2..].bytes();
        let length = digits.take_while(u8::is_ascii_digit).count();
        let (key, behind) = rest[start..].split_at(2 + length);
        statement.push_str(&rest[..start]);
        let value = &values.0[key];
        match literal(value).filter(|_| written == (parameters.len() % 2 == 0)) {
            Some(literal) => statement.push_str(&literal),
            None => {
                statement.push('?');
                parameters.push(value.clone());
            }
        }
        rest = behind;
    }
    statement.push_str(rest);
    (statement, parameters)
}

fn update_text(actions: &BTreeMap<Place, Action>, values: &mut Values) -> Option<String> {
    let mut clauses = Vec::new();
    for (place, action) in actions {
        let path = place.text();
        let mut value = |value: AttributeValue| values.add(&value);
        let set = |member: &str| AttributeValue::Ss(vec![member.to_owned()]);
        clauses.push(match action {
            Action::Put(v) => format!("SET {path} = {}", value(v.clone())),
            Action::Copy(p) => format!("SET {path} = {}", p.text()),
            Action::CopyOr(p, v) => {
                format!(
                    "SET {path} = if_not_exists({}, {})",
                    p.text(),
                    value(v.clone())
                )
            }
            Action::Plus(p, n) => format!(
                "SET {path} = {} + {}",
                p.text(),
                value(AttributeValue::N(Number::from_i64(*n)))
            ),
            Action::Remove => format!("REMOVE {path}"),
            Action::AddMember(m) => format!("SET {path} = set_add({path}, {})", value(set(m))),
            Action::DeleteMember(m) => {
                format!("SET {path} = set_delete({path}, {})", value(set(m)))
            }
            // Only ADD of update expressions can say it.
            Action::AddNumber(_) => return None,
        });
    }
    Some(clauses.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn conditions_hold_as_in_the_model(
        test in test(),
        model in model(),
        written in any::<bool>(),
    ) {
        let mut values = Values::default();
        let text = test.text(0, &mut values);
        let (condition, parameters) = with_values(&text, &values, written);
        let text = format!("SELECT * FROM users WHERE {condition}");
        let statement = Statement::parse(&text, parameters);
        let statement = statement.map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let Statement::Select(select) = statement else {
            return Err(TestCaseError::fail("no SELECT"));
        };
        let condition = Condition::new(select.condition.unwrap());
        prop_assert_eq!(condition.evaluate(&model.item()), test.holds(&model), "{}", text);
    }

    #[test]
    fn updates_apply_as_in_the_model(
        actions in actions(),
        model in model(),
        written in any::<bool>(),
    ) {
        let mut values = Values::default();
        let Some(changes) = update_text(&actions, &mut values) else { return Ok(()) };
        let (changes, parameters) = with_values(&changes, &values, written);
        let text = format!("UPDATE users {changes} WHERE id = 1");
        let statement = Statement::parse(&text, parameters);
        let statement = statement.map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let Statement::Update(update) = statement else {
            return Err(TestCaseError::fail("no UPDATE"));
        };
        let found = update.update.apply(Some(&model.item()), &Item::new());
        let found = found.ok().map(|new| new.item);
        let size_bytes_max = update.update.size_bytes_max(model.item().size_bytes());
        prop_assert!(found.as_ref().is_none_or(|new| new.size_bytes() <= size_bytes_max), "{}", text);
        prop_assert_eq!(found, apply(&model, &actions).map(|new| new.item()), "{}", text);
    }
}
