//! The smallest HTTP/1.1 response reader that will do: a status, a `Content-Length`, a body.

use anyhow::{Context, Result, bail};
use memchr::memmem;

/// Where the parts of a whole response lie in the buffer it was read into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Offset of the body's first byte.
    pub body: usize,
    /// Offset behind its last.
    pub end: usize,
}

/// What a buffer holds so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not even the head.
    Head,
    /// The head; the response is whole at `end` bytes.
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
    let end = body + content_length(head)?;
    if received.len() < end {
        return Ok(Progress::Body { end });
    }
    let status = status(head)?;
    Ok(Progress::Whole(Response { status, body, end }))
}

fn status(head: &str) -> Result<u16> {
    let code = head.get(9..12).context("no status line")?;
    code.parse().context("no status code")
}

fn content_length(head: &str) -> Result<usize> {
    for line in head.split("\r\n").skip(1) {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            return value.trim().parse().context("bad content-length");
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("the driver reads no chunked responses");
        }
    }
    if matches!(status(head)?, 204 | 304) {
        return Ok(0);
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
        };
        assert_eq!(read(text).unwrap(), Progress::Whole(whole));
    }

    #[test]
    fn what_it_cannot_read_is_an_error() {
        assert!(read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(read(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(read(b"HTTP/1.1 204 No Content\r\n\r\n").is_ok());
    }
}
