//! Lines of a stream, none of which takes more memory than a bound.

use std::io::{self, BufRead};

/// Bytes of a line; an item of 400 KB takes less in any form.
pub(crate) const LINE_BYTES_MAX: usize = 16 << 20;

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'l> {
    Whole(&'l [u8]),
    /// One that is longer than the bound; its content is passed over.
    TooLong,
}

/// Reads lines.
pub(crate) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    bytes_max: usize,
    /// Bytes that were read so far.
    bytes: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R, bytes_max: usize) -> Self {
        Lines {
            reader,
            line: Vec::new(),
            bytes_max,
            bytes: 0,
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line, if there is one.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let (mut is_too_long, mut is_begun) = (false, false);
        loop {
            let ready = self.reader.fill_buf()?;
            if ready.is_empty() {
                if !is_begun {
                    return Ok(None);
                }
                break;
            }
            is_begun = true;
            let end = memchr::memchr(b'\n', ready);
            let part = &ready[..end.unwrap_or(ready.len())];
            is_too_long |= self.line.len() + part.len() > self.bytes_max;
            if !is_too_long {
                self.line.extend_from_slice(part);
            }
            let count = part.len() + usize::from(end.is_some());
            self.reader.consume(count);
            self.bytes += count as u64;
            if end.is_some() {
                break;
            }
        }
        Ok(Some(match is_too_long {
            true => Line::TooLong,
            false => Line::Whole(self.line.strip_suffix(b"\r").unwrap_or(&self.line)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::{Line, Lines};

    #[test]
    fn lines_end_at_newlines_and_at_the_end() {
        let text = b"one\r\n\ntoo long\nfour";
        let mut lines = Lines::new(BufReader::with_capacity(2, &text[..]), 4);
        let mut seen = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            seen.push(match line {
                Line::Whole(line) => String::from_utf8(line.to_vec()).unwrap(),
                Line::TooLong => "!".to_owned(),
            });
        }
        assert_eq!(seen, ["one", "", "!", "four"]);
        assert_eq!(lines.bytes(), text.len() as u64);
        assert!(Lines::new(&b""[..], 4).next().unwrap().is_none());
    }
}
