//! Templates may write numbers and switches as texts, and texts as numbers. The API takes each in one form only.

use serde_json::Value;

/// Members of the API that are whole numbers.
const NUMBERS: [&str; 15] = [
    "BatchSize",
    "MaxReadRequestUnits",
    "MaxWriteRequestUnits",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "MemorySize",
    "ParallelizationFactor",
    "ReadCapacityUnits",
    "ReservedConcurrentExecutions",
    "Size",
    "StartingPositionTimestamp",
    "Timeout",
    "TumblingWindowInSeconds",
    "WriteCapacityUnits",
];
/// Members of the API that are true or false.
const SWITCHES: [&str; 3] = [
    "BisectBatchOnFunctionError",
    "DeletionProtectionEnabled",
    "Enabled",
];

/// The value of the member `name`, in the form that the API takes. What fits no form stays, for the server to refuse.
pub(super) fn coerced(name: &str, value: Value) -> Value {
    match value {
        // A filter pattern is the text of a JSON object.
        Value::Object(_) if name == "Pattern" => Value::String(value.to_string()),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, member)| {
                let member = coerced(&name, member);
                (name, member)
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(|item| coerced(name, item)).collect(),
        Value::String(text) if NUMBERS.contains(&name) => match text.trim().parse::<i64>() {
            Ok(number) => Value::from(number),
            Err(_) => Value::String(text),
        },
        Value::String(text) if SWITCHES.contains(&name) => match text.to_lowercase().as_str() {
            "true" | "yes" => Value::Bool(true),
            "false" | "no" => Value::Bool(false),
            _ => Value::String(text),
        },
        Value::Number(_) if NUMBERS.contains(&name) => value,
        Value::Bool(_) if SWITCHES.contains(&name) => value,
        value => text(value),
    }
}

/// A scalar as a text.
pub(super) fn text(value: Value) -> Value {
    match value {
        Value::Number(_) | Value::Bool(_) => Value::String(value.to_string()),
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::coerced;

    #[test]
    fn members_get_the_form_of_the_api() {
        let given = json!({
            "BatchSize": "10", "Timeout": 3, "Enabled": "True", "TableName": 5,
            "ProvisionedThroughput": {"ReadCapacityUnits": "1", "WriteCapacityUnits": "many"},
            "Filters": [{"Pattern": true}, {"Pattern": {"a": [1]}}],
        });
        let expected = json!({
            "BatchSize": 10, "Timeout": 3, "Enabled": true, "TableName": "5",
            "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": "many"},
            "Filters": [{"Pattern": "true"}, {"Pattern": "{\"a\":[1]}"}],
        });
        assert_eq!(coerced("", given), expected);
    }
}
