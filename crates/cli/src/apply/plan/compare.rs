//! What differs between a desired resource and the one that is there, property by property.
//!
//! What a template leaves out is the API's default, so that a property that is taken out of it goes back to that.

use serde_json::{Map, Value, json};

use super::{Action, Change};
use crate::apply::desired::{Function, Mapping, Table};

/// What functions are compared by. `Code` is not among them: it is compared as a whole.
const FUNCTION_PROPERTIES: [&str; 11] = [
    "Architectures",
    "Description",
    "Environment",
    "EphemeralStorage",
    "Handler",
    "LoggingConfig",
    "MemorySize",
    "Role",
    "Runtime",
    "Timeout",
    "TracingConfig",
];
pub(in crate::apply) const CODE: &str = "Code";
pub(in crate::apply) const RESERVED: &str = "ReservedConcurrentExecutions";
pub(in crate::apply) const STREAM: &str = "StreamSpecification";
pub(in crate::apply) const TIME_TO_LIVE: &str = "TimeToLiveSpecification";
pub(in crate::apply) const RECOVERY: &str = "PointInTimeRecoverySpecification";
pub(in crate::apply) const INDEXES: &str = "GlobalSecondaryIndexes";

pub(super) fn table(table: &Table, there: &Value) -> Action {
    let wanted = |name: &str| table.settings.get(name).cloned().unwrap_or_default();
    let mut refusals = Vec::new();
    if sorted(&wanted("KeySchema"), "KeyType") != sorted(&there["KeySchema"], "KeyType") {
        refusals
            .push("the key schema of a table can't be changed: it needs a new table".to_owned());
    } else if definitions(&wanted("AttributeDefinitions"), &wanted("KeySchema"))
        != definitions(&there["AttributeDefinitions"], &there["KeySchema"])
    {
        refusals
            .push("the type of a key attribute can't be changed: it needs a new table".to_owned());
    }
    const LOCAL: &str = "LocalSecondaryIndexes";
    if indexes(&wanted(LOCAL)) != indexes(&there[LOCAL]) {
        refusals.push("local indexes can't be changed: they need a new table".to_owned());
    }
    let indexes_there = indexes(&there[INDEXES]);
    for index in indexes(&wanted(INDEXES)) {
        let other = indexes_there.iter().find(|there| there[0] == index[0]);
        if other.is_some_and(|other| *other != index) {
            refusals.push(format!(
                "key and projection of the index {} can't be changed: it needs another name",
                index[0].as_str().unwrap_or_default()
            ));
        }
    }
    let (view, view_there) = (table.stream_view(), stream_view(there));
    if view.is_some() && view_there.is_some() && view != view_there {
        refusals.push(format!(
            "the view of a stream can't be changed from {} to {}: it needs a new stream. Apply without \
             StreamSpecification first, which disables the stream",
            view_there.unwrap_or_default(),
            view.unwrap_or_default()
        ));
    }
    if !refusals.is_empty() {
        return Action::Refuse(refusals);
    }
    action(table_changes(table, there))
}

fn table_changes(table: &Table, there: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut compare = |property, old: Value, new: Value| {
        if old != new {
            changes.push(Change { property, old, new });
        }
    };
    let wanted = |name: &str, default: Value| table.settings.get(name).cloned().unwrap_or(default);
    let billing = wanted("BillingMode", json!("PROVISIONED"));
    let billing_there = or(
        &there["BillingModeSummary"]["BillingMode"],
        json!("PROVISIONED"),
    );
    let is_provisioned = billing == "PROVISIONED";
    compare("BillingMode", billing_there, billing);
    if is_provisioned {
        let wanted = wanted("ProvisionedThroughput", Value::Null);
        let units = |of: &Value| {
            json!({
                "ReadCapacityUnits": of["ReadCapacityUnits"], "WriteCapacityUnits": of["WriteCapacityUnits"],
            })
        };
        compare(
            "ProvisionedThroughput",
            units(&there["ProvisionedThroughput"]),
            units(&wanted),
        );
    }
    if let Some(maxima) = table.settings.get("OnDemandThroughput") {
        compare(
            "OnDemandThroughput",
            there["OnDemandThroughput"].clone(),
            maxima.clone(),
        );
    }
    let protected = wanted("DeletionProtectionEnabled", json!(false));
    let protected_there = or(&there["DeletionProtectionEnabled"], json!(false));
    compare("DeletionProtectionEnabled", protected_there, protected);
    let class = wanted("TableClass", json!("STANDARD"));
    let class_there = or(&there["TableClassSummary"]["TableClass"], json!("STANDARD"));
    compare("TableClass", class_there, class);
    compare(
        STREAM,
        json!(stream_view(there)),
        json!(table.stream_view()),
    );
    let index_names = |list: &Value| {
        let names = sorted(list, "IndexName").into_iter();
        Value::Array(names.map(|mut index| index["IndexName"].take()).collect())
    };
    compare(
        INDEXES,
        index_names(&there[INDEXES]),
        index_names(&wanted(INDEXES, Value::Null)),
    );
    compare(
        TIME_TO_LIVE,
        there[TIME_TO_LIVE].clone(),
        json!(table.time_to_live),
    );
    compare(RECOVERY, there[RECOVERY].clone(), json!(table.recovery));
    changes
}

pub(super) fn function(function: &Function, there: &Value) -> Action {
    let configuration = &there["Configuration"];
    let mut changes = Vec::new();
    if !function.code.is_of(there) {
        let location = there["Code"]["Location"].as_str().unwrap_or_default();
        changes.push(Change {
            property: CODE,
            old: json!(location.strip_prefix("file://").unwrap_or(location)),
            new: json!(function.code.shown()),
        });
    }
    for property in FUNCTION_PROPERTIES {
        let Some(new) = function.settings.get(property) else {
            continue;
        };
        let old = &configuration[property];
        if !holds(new, old) {
            changes.push(Change {
                property,
                old: old.clone(),
                new: new.clone(),
            });
        }
    }
    let (old, new) = (&there["Concurrency"][RESERVED], json!(function.reserved));
    if *old != new {
        changes.push(Change {
            property: RESERVED,
            old: old.clone(),
            new,
        });
    }
    action(changes)
}

/// Whether all that is wanted is there. Answers have members that the service fills in; the variables of an
/// environment are all the user's.
fn holds(wanted: &Value, there: &Value) -> bool {
    match (wanted, there) {
        (Value::Object(wanted), Value::Object(there)) => wanted.iter().all(|(name, wanted)| {
            let there = there.get(name).unwrap_or(&Value::Null);
            match name == "Variables" {
                true => wanted == there || (is_empty(wanted) && is_empty(there)),
                false => holds(wanted, there),
            }
        }),
        // An answer without what was left empty.
        (wanted, Value::Null) => is_empty(wanted) || wanted == &json!({"Variables": {}}),
        (wanted, there) => wanted == there,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

pub(super) fn mapping(mapping: &Mapping, there: &Value) -> Action {
    let position = mapping.settings.get("StartingPosition");
    if let (Some(position), Some(old)) = (position, there["StartingPosition"].as_str())
        && position != old
    {
        let position = position.as_str().unwrap_or_default();
        return Action::Refuse(vec![format!(
            "the starting position of a mapping can't be changed from {old} to {position}: it needs a new mapping"
        )]);
    }
    let defaults: [(&'static str, Value); 11] = [
        ("BatchSize", json!(100)),
        ("BisectBatchOnFunctionError", json!(false)),
        ("DestinationConfig", json!({"OnFailure": {}})),
        ("Enabled", json!(true)),
        ("FilterCriteria", json!({"Filters": []})),
        ("FunctionResponseTypes", json!([])),
        ("MaximumBatchingWindowInSeconds", json!(0)),
        ("MaximumRecordAgeInSeconds", json!(-1)),
        ("MaximumRetryAttempts", json!(-1)),
        ("ParallelizationFactor", json!(1)),
        ("TumblingWindowInSeconds", json!(0)),
    ];
    let changes = defaults.into_iter().filter_map(|(property, default)| {
        let new = match mapping.settings.get(property) {
            Some(given) => given.clone(),
            None => default.clone(),
        };
        let old = match property {
            "Enabled" => json!(is_enabled(there)),
            _ => or(&there[property], default.clone()),
        };
        let differs = simplified(&new) != simplified(&old);
        differs.then_some(Change { property, old, new })
    });
    action(changes.collect())
}

/// A value without members that are empty, which mean the same as their absence.
fn simplified(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), simplified(member)))
            .filter(|(_, member)| !is_empty(member))
            .collect::<Map<_, _>>()
            .into(),
        value => value.clone(),
    }
}

/// Whether a mapping delivers, or is on the way to.
fn is_enabled(there: &Value) -> bool {
    !matches!(there["State"].as_str(), Some("Disabled" | "Disabling"))
}

/// The name of a mapping's function, with its qualifier.
pub(in crate::apply) fn function_of(there: &Value) -> &str {
    let arn = there["FunctionArn"].as_str().unwrap_or_default();
    arn.split_once(":function:").map_or(arn, |(_, name)| name)
}

/// The view of a table's stream, if that is enabled.
pub(super) fn stream_view(there: &Value) -> Option<&str> {
    let stream = &there[STREAM];
    (stream["StreamEnabled"] == true).then(|| stream["StreamViewType"].as_str())?
}

fn action(changes: Vec<Change>) -> Action {
    match changes.is_empty() {
        true => Action::Nothing,
        false => Action::Update(changes),
    }
}

fn or(value: &Value, default: Value) -> Value {
    match value.is_null() {
        true => default,
        false => value.clone(),
    }
}

/// A list of objects in the order of one of their members.
fn sorted(list: &Value, by: &str) -> Vec<Value> {
    let mut items = list.as_array().cloned().unwrap_or_default();
    items.sort_by_key(|item| item[by].as_str().unwrap_or_default().to_owned());
    items
}

/// The definitions of the attributes of a key.
fn definitions(definitions: &Value, key: &Value) -> Vec<Value> {
    let key = key.as_array().into_iter().flatten();
    let names: Vec<&Value> = key.map(|part| &part["AttributeName"]).collect();
    let mut found = sorted(definitions, "AttributeName");
    found.retain(|definition| names.contains(&&definition["AttributeName"]));
    found
}

/// What makes indexes what they are: name, key and projection, whose attributes are in no order.
fn indexes(list: &Value) -> Vec<Value> {
    let shape = |mut index: Value| {
        const NAMES: &str = "NonKeyAttributes";
        let projection = index.get_mut("Projection");
        if let Some(Value::Array(names)) = projection.and_then(|given| given.get_mut(NAMES)) {
            names.sort_by_key(|name| name.as_str().unwrap_or_default().to_owned());
        }
        json!([index["IndexName"], index["KeySchema"], index["Projection"]])
    };
    sorted(list, "IndexName").into_iter().map(shape).collect()
}
