//! Writing JSON straight into a byte buffer, without a tree.

use std::collections::BTreeMap;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use headwater_model::CorruptItem;

use super::Json;
use super::plain::plain_end;

/// What can be written as one JSON value.
pub trait WriteJson {
    /// Appends the value to the buffer. Only stored items that cannot be decoded fail; what was appended by then is
    /// not a whole value.
    fn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem>;

    /// About how many bytes the value takes, to reserve them at once; a guess is good enough.
    fn size_hint_bytes(&self) -> usize {
        256
    }
}

/// Writes an object member by member.
pub struct ObjectWriter<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> ObjectWriter<'o> {
    /// Opens the object.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        ObjectWriter { out, first: true }
    }

    /// Writes the name of a member and gives the buffer for its value.
    pub fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        write_string(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// Writes a member.
    pub fn put<T: WriteJson + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), CorruptItem> {
        value.write(self.name(name))
    }

    /// Writes a member if there is a value; an absent one is left out, never written as null.
    pub fn opt<T: WriteJson>(&mut self, name: &str, value: &Option<T>) -> Result<(), CorruptItem> {
        value.as_ref().map_or(Ok(()), |value| self.put(name, value))
    }

    /// Closes the object.
    pub fn finish(self) {
        self.out.push(b'}');
    }
}

/// Writes an array element by element.
pub struct ArrayWriter<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> ArrayWriter<'o> {
    /// Opens the array.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'[');
        ArrayWriter { out, first: true }
    }

    /// Gives the buffer for the next element.
    pub fn element(&mut self) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out
    }

    /// Closes the array.
    pub fn finish(self) {
        self.out.push(b']');
    }
}

/// Writes a string with its quotes.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    out.push(b'"');
    while let Some(at) = plain_end(rest) {
        let (plain, escaped) = rest.split_at(at);
        out.extend_from_slice(plain);
        write_escape(out, escaped[0]);
        rest = &escaped[1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Writes bytes as a base64 string.
pub(crate) fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    let length = bytes.len().div_ceil(3) * 4;
    out.resize(start + length, 0);
    let written = STANDARD
        .encode_slice(bytes, &mut out[start..])
        .unwrap_or_default();
    debug_assert_eq!(written, length);
    out.push(b'"');
}

/// Appends formatted text. Writing into a `Vec` cannot fail.
pub(crate) fn write_text(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok());
}

impl WriteJson for str {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        write_string(out, self);
        Ok(())
    }
}

impl WriteJson for String {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        write_string(out, self);
        Ok(())
    }
}

impl WriteJson for bool {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
        Ok(())
    }
}

impl WriteJson for i64 {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        write_text(out, format_args!("{self}"));
        Ok(())
    }
}

/// The tree as it was read, without white space.
impl WriteJson for Json<'_> {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        match self {
            Json::Null => out.extend_from_slice(b"null"),
            Json::Bool(value) => value.write(out)?,
            Json::Number(text) => out.extend_from_slice(text.as_bytes()),
            Json::String(text) => write_string(out, text),
            Json::Array(elements) => elements.write(out)?,
            Json::Object(members) => {
                let mut object = ObjectWriter::new(out);
                for (name, value) in members {
                    object.put(name, value)?;
                }
                object.finish();
            }
        }
        Ok(())
    }
}

/// Whole numbers keep their fraction (`1.0`), as AWS writes capacity units.
impl WriteJson for f64 {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        if self.is_finite() {
            write_text(out, format_args!("{self:?}"));
        } else {
            out.extend_from_slice(b"null");
        }
        Ok(())
    }
}

impl WriteJson for Bytes {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        write_base64(out, self);
        Ok(())
    }
}

impl<T: WriteJson> WriteJson for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        let mut array = ArrayWriter::new(out);
        for element in self {
            element.write(array.element())?;
        }
        array.finish();
        Ok(())
    }
}

impl<T: WriteJson> WriteJson for BTreeMap<String, T> {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        let mut object = ObjectWriter::new(out);
        for (name, value) in self {
            object.put(name, value)?;
        }
        object.finish();
        Ok(())
    }
}
