//! The lines of data files, in both formats (guide: export output format).

use headwater_engine::ChangedItem;
use headwater_model::{CorruptItem, EncodedItem, Item, Number};
use headwater_wire::dynamodb::ExportFormat;
use headwater_wire::write_item;

use crate::ion_items;

/// What an incremental export shows of an item.
pub(crate) struct ChangeLine<'c> {
    pub(crate) keys: &'c Item,
    pub(crate) change: &'c ChangedItem,
    /// Whether the item before is shown.
    pub(crate) with_before: bool,
}

/// Writes the line of an item.
pub(crate) fn write_line(
    line: &mut Vec<u8>,
    format: ExportFormat,
    item: &EncodedItem,
) -> Result<(), CorruptItem> {
    match format {
        ExportFormat::DynamodbJson => {
            line.extend_from_slice(br#"{"Item":"#);
            write_item(line, item.as_ref())?;
            line.extend_from_slice(b"}\n");
        }
        ExportFormat::Ion => ion_line(line, "Item", &mut |text| {
            ion_items::write_item(text, item.as_ref())
        })?,
    }
    Ok(())
}

impl ChangeLine<'_> {
    /// Writes the line.
    pub(crate) fn write(
        &self,
        line: &mut Vec<u8>,
        format: ExportFormat,
    ) -> Result<(), CorruptItem> {
        let keys = EncodedItem::encode(self.keys);
        let written = Number::from_i64(i64::try_from(self.change.changed.ms()).unwrap_or(0) * 1000);
        let before = self.change.before.as_ref().filter(|_| self.with_before);
        let images = [
            ("NewImage", self.change.after.as_ref()),
            ("OldImage", before),
        ];
        match format {
            ExportFormat::DynamodbJson => {
                let metadata = format!(
                    r#"{{"Metadata":{{"WriteTimestampMicros":{{"N":"{written}"}}}},"Keys":"#
                );
                line.extend_from_slice(metadata.as_bytes());
                write_item(line, keys.as_ref())?;
                for (name, image) in images {
                    if let Some(image) = image {
                        line.extend_from_slice(format!(r#","{name}":"#).as_bytes());
                        write_item(line, image.as_ref())?;
                    }
                }
                line.extend_from_slice(b"}\n");
            }
            ExportFormat::Ion => ion_line(line, "Record", &mut |text| {
                text.push_str("{Keys:");
                ion_items::write_item(text, keys.as_ref())?;
                text.push_str(",Metadata:{WriteTimestampMicros:");
                ion_items::write_number(text, &written);
                text.push('}');
                for (name, image) in images {
                    if let Some(image) = image {
                        text.push_str(&format!(",{name}:"));
                        ion_items::write_item(text, image.as_ref())?;
                    }
                }
                text.push('}');
                Ok(())
            })?,
        }
        Ok(())
    }
}

fn ion_line(
    line: &mut Vec<u8>,
    name: &str,
    write: &mut dyn FnMut(&mut String) -> Result<(), CorruptItem>,
) -> Result<(), CorruptItem> {
    let mut text = String::new();
    ion_items::begin(&mut text);
    text.push('{');
    text.push_str(name);
    text.push(':');
    write(&mut text)?;
    text.push_str("}\n");
    line.extend_from_slice(text.as_bytes());
    Ok(())
}
