//! The smallest HTTP/1.1 response reader that will do: a status, and a body with its length or in chunks.

use anyhow::{Context, Result, bail};
use memchr::memmem;
use std::ops::Range;

const LINE_END: &[u8] = b"\r\n";
/// How much more of a body in chunks there may be.
const MORE_BYTES: usize = 256 << 10;

/// Where the parts of a whole response lie in the buffer it was read into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Offset of the body's first byte.
    pub body: usize,
    /// Offset behind its last.
    pub end: usize,
    /// Whether the body still has the lengths of its chunks in it.
    chunked: bool,
}

impl Response {
    /// Takes the lengths of chunks out of the body.
    pub fn joined(mut self, received: &mut [u8]) -> Self {
        if !std::mem::replace(&mut self.chunked, false) {
            return self;
        }
        let (mut from, mut to) = (self.body, self.body);
        while let Some(chunk) = chunk(&received[..self.end], from) {
            received.copy_within(chunk.clone(), to);
            to += chunk.len();
            from = chunk.end + LINE_END.len();
        }
        self.end = to;
        self
    }
}

/// What a buffer holds so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not even the head.
    Head,
    /// The head; the response needs at least `end` bytes.
    Body { end: usize },
    /// All of it.
    Whole(Response),
}

/// Looks at the bytes received so far.
pub fn read(received: &[u8]) -> Result<Progress> {
    let Some(head_end) = memmem::find(received, b"\r\n\r\n") else {
        return Ok(Progress::Head);
    };
    let head = std::str::from_utf8(&received[..head_end]).context("response head is not text")?;
    let body = head_end + 4;
    let length = content_length(head)?;
    let end = match length {
        Some(length) => body + length,
        None => match end_of_chunks(received, body) {
            Some(end) => end,
            None => {
                let end = received.len() + MORE_BYTES;
                return Ok(Progress::Body { end });
            }
        },
    };
    if received.len() < end {
        return Ok(Progress::Body { end });
    }
    Ok(Progress::Whole(Response {
        status: status(head)?,
        body,
        end,
        chunked: length.is_none(),
    }))
}

/// Where the chunks end, if all are here.
fn end_of_chunks(received: &[u8], body: usize) -> Option<usize> {
    let mut at = body;
    loop {
        let chunk = chunk(received, at)?;
        at = chunk.end + LINE_END.len();
        if at > received.len() {
            return None;
        }
        if chunk.is_empty() {
            return Some(at);
        }
    }
}

/// The place of the chunk whose length stands at `at`, if the length is here.
fn chunk(received: &[u8], at: usize) -> Option<Range<usize>> {
    let line = memmem::find(received.get(at..)?, LINE_END)?;
    let length = std::str::from_utf8(&received[at..at + line]).ok()?;
    let length = usize::from_str_radix(length.trim(), 16).ok()?;
    let start = at + line + LINE_END.len();
    Some(start..start + length)
}

fn status(head: &str) -> Result<u16> {
    let code = head.get(9..12).context("no status line")?;
    code.parse().context("no status code")
}

/// `None` if the body comes in chunks.
fn content_length(head: &str) -> Result<Option<usize>> {
    for line in head.split("\r\n").skip(1) {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            return Ok(Some(value.trim().parse().context("bad content-length")?));
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Ok(None);
        }
    }
    if matches!(status(head)?, 204 | 304) {
        return Ok(Some(0));
    }
    bail!("response without content-length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_whole_with_its_last_byte() {
        let text = b"HTTP/1.1 400 Bad Request\r\nX: y\r\ncontent-LENGTH: 2\r\n\r\n{}";
        assert_eq!(read(&text[..20]).unwrap(), Progress::Head);
        let end = text.len();
        assert_eq!(read(&text[..end - 1]).unwrap(), Progress::Body { end });
        let whole = Response {
            status: 400,
            body: end - 2,
            end,
            chunked: false,
        };
        assert_eq!(read(text).unwrap(), Progress::Whole(whole));
    }

    #[test]
    fn what_it_cannot_read_is_an_error() {
        assert!(read(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(read(b"HTTP/1.1 204 No Content\r\n\r\n").is_ok());
    }

    #[test]
    fn chunks_are_joined() {
        let mut text =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n".to_vec();
        for length in 0..text.len() {
            let progress = read(&text[..length]).unwrap();
            assert!(!matches!(progress, Progress::Whole(_)), "{length}");
        }
        let Progress::Whole(response) = read(&text).unwrap() else {
            panic!("not whole");
        };
        let response = response.joined(&mut text);
        assert_eq!(&text[response.body..response.end], b"abc0123456789");
    }
}
