//! Items as JSON by themselves: read as in requests, written straight from their encoded bytes.
//!
//! Writing is the hot path of GetItem, Query, Scan and GetRecords: no tree and no copies of attributes are made.

use headwater_model::{AttributeValue, CorruptItem, EncodedItem, Item, ItemRef, ValueRef};

use crate::decode::request;
use crate::error::ApiError;
use crate::json::{
    ArrayWriter, Json, ObjectWriter, WriteJson, write_base64, write_string, write_text,
};

/// Reads an item that stands by itself, such as in a file that is imported.
///
/// # Errors
/// What AWS says of such an item in a request.
pub fn read_item(json: &Json<'_>) -> Result<Item, ApiError> {
    request(json, |json, at| at.item(json))
}

/// Writes the attributes of an encoded item: `{"pk":{"S":"a"}}`.
pub fn write_item(out: &mut Vec<u8>, item: ItemRef<'_>) -> Result<(), CorruptItem> {
    let mut object = ObjectWriter::new(out);
    for attribute in item.iter() {
        let (name, value) = attribute?;
        write_value(object.name(name), value)?;
    }
    object.finish();
    Ok(())
}

/// Writes one encoded value: `{"S":"a"}`.
pub fn write_value(out: &mut Vec<u8>, value: ValueRef<'_>) -> Result<(), CorruptItem> {
    let mut object = ObjectWriter::new(out);
    match value {
        ValueRef::S(text) => write_string(object.name("S"), text),
        ValueRef::N(number) => write_text(object.name("N"), format_args!("\"{number}\"")),
        ValueRef::B(bytes) => write_base64(object.name("B"), bytes),
        ValueRef::Bool(value) => object.put("BOOL", &value)?,
        ValueRef::Null => object.put("NULL", &true)?,
        ValueRef::L(list) => {
            let mut array = ArrayWriter::new(object.name("L"));
            for element in list.iter() {
                write_value(array.element(), element?)?;
            }
            array.finish();
        }
        ValueRef::M(map) => {
            let mut members = ObjectWriter::new(object.name("M"));
            for member in map.iter() {
                let (name, value) = member?;
                write_value(members.name(name), value)?;
            }
            members.finish();
        }
        ValueRef::Ss(set) => {
            let mut array = ArrayWriter::new(object.name("SS"));
            for member in set.iter() {
                write_string(array.element(), member?);
            }
            array.finish();
        }
        ValueRef::Ns(set) => {
            let mut array = ArrayWriter::new(object.name("NS"));
            for member in set.iter() {
                write_text(array.element(), format_args!("\"{}\"", member?));
            }
            array.finish();
        }
        ValueRef::Bs(set) => {
            let mut array = ArrayWriter::new(object.name("BS"));
            for member in set.iter() {
                write_base64(array.element(), member?);
            }
            array.finish();
        }
    }
    object.finish();
    Ok(())
}

impl WriteJson for EncodedItem {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        write_item(out, self.as_ref())
    }
}

impl WriteJson for Item {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        let mut object = ObjectWriter::new(out);
        for (name, value) in self.iter() {
            object.put(name, value)?;
        }
        object.finish();
        Ok(())
    }
}

impl WriteJson for AttributeValue {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        let mut object = ObjectWriter::new(out);
        let name = self.type_name();
        match self {
            AttributeValue::S(text) => object.put(name, text)?,
            AttributeValue::N(number) => object.put(name, &number.to_string())?,
            AttributeValue::B(bytes) => object.put(name, bytes)?,
            AttributeValue::Bool(value) => object.put(name, value)?,
            AttributeValue::Null => object.put(name, &true)?,
            AttributeValue::L(list) => object.put(name, list)?,
            AttributeValue::M(map) => object.put(name, map)?,
            AttributeValue::Ss(set) => object.put(name, set)?,
            AttributeValue::Ns(set) => {
                let mut array = ArrayWriter::new(object.name(name));
                for number in set {
                    number.to_string().write(array.element())?;
                }
                array.finish();
            }
            AttributeValue::Bs(set) => object.put(name, set)?,
        }
        object.finish();
        Ok(())
    }
}
