//! The lines between this server and a program: events as lines of JSON, and the last line that it prints. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// The member of an event that holds the records.
const RECORDS: &str = "Records";

/// An event as lines: one for each record if it holds nothing else, otherwise one for the whole event.
pub(super) fn lines(event: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(event.len() + 1);
    match records(event) {
        Some(records) => records
            .iter()
            .for_each(|record| add_line(&mut out, record.get().as_bytes())),
        None => add_line(&mut out, event),
    }
    out
}

fn records(event: &[u8]) -> Option<Vec<&RawValue>> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(event).ok()?;
    let records = members.get(RECORDS).filter(|_| members.len() == 1)?;
    serde_json::from_str(records.get()).ok()
}

fn add_line(out: &mut Vec<u8>, json: &[u8]) {
    // Line ends in JSON are white space: within texts they are escaped.
    let one_line = json.iter().map(|byte| match byte {
        b'\n' | b'\r' => b' ',
        byte => *byte,
    });
    out.extend(one_line);
    out.push(b'\n');
}

/// The last line with something on it, of all that is printed.
#[derive(Debug)]
pub(super) struct LastLine {
    last: Vec<u8>,
    current: Vec<u8>,
    bytes_max: usize,
    is_too_long: bool,
}

impl LastLine {
    /// Lines of more than `bytes_max` bytes are not kept.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            last: Vec::new(),
            current: Vec::new(),
            bytes_max,
            is_too_long: false,
        }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        let mut parts = bytes.split(|byte| *byte == b'\n');
        self.extend(parts.next().unwrap_or_default());
        for part in parts {
            self.end_line();
            self.extend(part);
        }
    }

    /// The line if it is JSON; nothing said is `null`.
    pub(super) fn answer(mut self) -> Answer {
        self.end_line();
        if self.is_too_long {
            return Answer::TooLong;
        }
        match serde_json::from_slice::<IgnoredAny>(&self.last) {
            Ok(_) => Answer::Json(self.last.into()),
            Err(_) => Answer::Json(Bytes::from_static(b"null")),
        }
    }

    fn extend(&mut self, part: &[u8]) {
        let room = self.bytes_max.saturating_sub(self.current.len());
        if part.len() > room {
            self.is_too_long = true;
        }
        self.current
            .extend_from_slice(&part[..part.len().min(room)]);
    }

    fn end_line(&mut self) {
        if !self.current.trim_ascii().is_empty() {
            std::mem::swap(&mut self.last, &mut self.current);
        }
        self.current.clear();
    }
}

/// What a program answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Json(Bytes),
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(event: &str) -> String {
        String::from_utf8(lines(event.as_bytes())).unwrap()
    }

    #[test]
    fn one_line_for_each_record() {
        assert_eq!(
            text("{\"Records\":[{\"a\":\n1},{\"b\":\"x\\ny\"}]}"),
            "{\"a\": 1}\n{\"b\":\"x\\ny\"}\n"
        );
        assert_eq!(text(r#"{"Records":[]}"#), "");
    }

    #[test]
    fn other_events_are_one_line() {
        for event in [
            r#"{"Records":[1],"window":{}}"#,
            r#"{"Records":{}}"#,
            "[1]",
            "{}",
            "7",
        ] {
            assert_eq!(text(event), format!("{event}\n"));
        }
    }

    #[test]
    fn the_last_line_that_holds_something_is_the_answer() {
        let answer = |parts: &[&str]| {
            let mut line = LastLine::new(20);
            parts.iter().for_each(|part| line.add(part.as_bytes()));
            line.answer()
        };
        let json = |text: &'static str| Answer::Json(Bytes::from_static(text.as_bytes()));
        assert_eq!(answer(&["one\n{\"a\"", ":1}\n\n  \n"]), json("{\"a\":1}"));
        assert_eq!(answer(&["{\"a\":1}"]), json("{\"a\":1}"));
        assert_eq!(answer(&["{\"a\":1}\ndone\n"]), json("null"));
        assert_eq!(answer(&[]), json("null"));
        assert_eq!(answer(&["\"", &"x".repeat(20), "\"\n1\n"]), Answer::TooLong);
    }
}
