//! Writing of outputs.

use std::fmt::Write;

use anyhow::Result;

use super::{Field, Structure};
use crate::wire::names::camel;

pub(super) fn emit(text: &mut String, structure: &Structure<'_>) -> Result<()> {
    let rust = camel(structure.name);
    let payload = structure.shape.payload.as_deref();
    let (outside, inside): (Vec<&Field<'_>>, Vec<&Field<'_>>) = structure
        .fields
        .iter()
        .partition(|field| field.reference.location.is_some());
    let inside: Vec<&&Field<'_>> = inside
        .iter()
        .filter(|field| Some(field.member) != payload)
        .collect();
    let has_body = payload.is_none() && (!inside.is_empty() || outside.is_empty());
    if has_body && inside.is_empty() {
        writeln!(
            text,
            "impl WriteJson for {rust} {{\nfn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {{\nObjectWriter::new(out).finish();\nOk(())\n}}\n}}\n"
        )?;
    } else if has_body {
        writeln!(
            text,
            "impl WriteJson for {rust} {{\nfn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {{\nlet mut object = ObjectWriter::new(out);"
        )?;
        for field in inside {
            let method = if field.required { "put" } else { "opt" };
            writeln!(
                text,
                "object.{method}({:?}, &self.{})?;",
                field.member,
                field.name()
            )?;
        }
        text.push_str("object.finish();\nOk(())\n}\n}\n\n");
    }
    emit_headers(text, &rust, &outside)
}

/// The members that travel as headers of the answer.
fn emit_headers(text: &mut String, rust: &str, outside: &[&Field<'_>]) -> Result<()> {
    let headers: Vec<String> = outside
        .iter()
        .filter(|field| field.reference.location.as_deref() == Some("header"))
        .filter_map(|field| {
            let header = field.reference.location_name.as_deref()?;
            Some(format!("({header:?}, self.{}.as_deref()),", field.name()))
        })
        .collect();
    if headers.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "impl {rust} {{\n/// The headers of the answer.\npub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {{\n\
         [{}].into_iter().filter_map(|(name, value)| Some((name, value?)))\n}}\n}}\n",
        headers.join("\n")
    )?;
    Ok(())
}
