//! Items in DynamoDB JSON, one a line: `{"Item":{"pk":{"S":"a"}}}`.

use std::collections::BTreeMap;

use headwater_wire::json::Json;
use headwater_wire::read_item;

use crate::record::{GivenCondition, Record};

/// The record of a line, or why there is none.
pub(crate) fn record(line: &[u8]) -> Result<Record, String> {
    let json = Json::parse(line).map_err(|error| error.to_string())?;
    let item = json
        .get("Item")
        .ok_or("the line is no object with a member Item")?;
    Ok(Record {
        item: read_item(item).map_err(|error| error.message)?,
        condition: condition(&json)?,
    })
}

fn condition(json: &Json<'_>) -> Result<Option<GivenCondition>, String> {
    let given = |name| json.get(name).filter(|value| !value.is_null());
    let Some(expression) = given("ConditionExpression") else {
        return Ok(None);
    };
    let expression = expression.as_str();
    let values = given("ExpressionAttributeValues").map(read_item);
    Ok(Some(GivenCondition {
        expression: expression
            .ok_or("ConditionExpression is no string")?
            .to_owned(),
        names: given("ExpressionAttributeNames").map(names).transpose()?,
        values: values.transpose().map_err(|error| error.message)?,
    }))
}

fn names(json: &Json<'_>) -> Result<BTreeMap<String, String>, String> {
    let Json::Object(members) = json else {
        return Err("ExpressionAttributeNames is no object".to_owned());
    };
    let name = |(placeholder, name): &(std::borrow::Cow<'_, str>, Json<'_>)| {
        let name = name.as_str().ok_or("a name of an attribute is no string")?;
        Ok((placeholder.to_string(), name.to_owned()))
    };
    members.iter().map(name).collect()
}
