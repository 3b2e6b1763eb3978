//! Items in DynamoDB JSON, one a line: `{"Item":{"pk":{"S":"a"}}}`.

use headwater_model::Item;
use headwater_wire::json::Json;
use headwater_wire::read_item;

/// The item of a line, or why there is none.
pub(crate) fn item(line: &[u8]) -> Result<Item, String> {
    let json = Json::parse(line).map_err(|error| error.to_string())?;
    let item = json
        .get("Item")
        .ok_or("the line is no object with a member Item")?;
    read_item(item).map_err(|error| error.message)
}
