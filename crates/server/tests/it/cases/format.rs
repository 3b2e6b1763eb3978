//! How cases are written:
//!
//! ```text
//! === what the case shows
//! # where that is written down
//! transitions 500                        phases of tables and streams take 500 ms; at the beginning of a case
//! enforce throughput                     what exceeds the throughput is refused; at the beginning of a case
//! collections 4000                       an item collection has 4000 bytes at most; at the beginning of a case
//! table users pk:S sk:N stream:NEW_IMAGE a table of on-demand billing, with one or two key parts
//!   gsi:byAge=team:S,age:N/name,size      the same table with an index: its HASH parts joined by +, its RANGE parts
//!                                        behind commas, and what it projects: KEYS_ONLY, names, or all without /
//! filled users                           waits until all indexes of the table are readable
//! expired users 3                        does what is due until the table has 3 items
//! clock 60000                            moves the clock, in milliseconds, and does what is due then
//! > PutItem {"TableName": "users", ...}  a request; more lines of it are indented
//! < {"Items": [{"pk": {"S": "a"}}]}      parts of the answer; null is a member that is not there
//! = {}                                   the whole answer
//! ! 400 ValidationException: a sentence  an error; with ~ in place of : only a part of its sentence
//! & {"Item": {}}                         parts of the error's body
//! ```
//!
//! A request without an expectation has to succeed. `"$name"` in an expectation fits any string, which
//! stands for `"$name"` from then on. `<<3|, |:v%>>` is `:v1, :v2, :v3`: count, separator, and what to repeat,
//! with `%` for the number.

use serde_json::Value;

pub struct Case {
    pub title: String,
    pub transition_ms: u64,
    pub enforce_throughput: bool,
    /// The limit of item collections, if the case has one of its own.
    pub collection_bytes_max: Option<u64>,
    /// With their lines in the file.
    pub steps: Vec<(usize, Step)>,
}

pub enum Step {
    Table {
        name: String,
        keys: Vec<(String, String)>,
        stream: Option<String>,
        indexes: Vec<Index>,
    },
    Filled(String),
    Expired(String, u64),
    Clock(u64),
    Ask {
        operation: String,
        body: String,
        answer: Answer,
    },
}

pub struct Index {
    pub name: String,
    pub is_local: bool,
    /// Name, type and role of each part.
    pub keys: Vec<(String, String, &'static str)>,
    /// `ALL`, `KEYS_ONLY`, or names.
    pub projection: Option<String>,
}

pub enum Answer {
    Fine,
    Parts(Value),
    Whole(Value),
    Error {
        status: u16,
        code: String,
        message: Message,
        parts: Option<Value>,
    },
}

#[derive(Debug)]
pub enum Message {
    Whole(String),
    Part(String),
}

impl Message {
    pub fn fits(&self, message: &str) -> bool {
        match self {
            Message::Whole(text) => message == text,
            Message::Part(text) => message.contains(text),
        }
    }
}

/// The cases of a file, or the line of the first fault.
pub fn read(text: &str) -> Result<Vec<Case>, String> {
    let mut cases: Vec<Case> = Vec::new();
    for (number, line) in logical_lines(text) {
        if let Some(title) = line.strip_prefix("=== ") {
            cases.push(Case {
                title: title.to_owned(),
                transition_ms: 0,
                enforce_throughput: false,
                collection_bytes_max: None,
                steps: Vec::new(),
            });
            continue;
        }
        let case = cases
            .last_mut()
            .ok_or(format!("{number}: stands before all cases"))?;
        take(case, number, &expanded(&line)).ok_or(format!("{number}: cannot be read: {line}"))?;
    }
    Ok(cases)
}

/// Lines with what continues them, without comments and empty lines.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match lines.last_mut() {
            Some((_, last)) if line.starts_with(' ') => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push((index + 1, line.trim_end().to_owned())),
        }
    }
    lines
}

fn take(case: &mut Case, number: usize, line: &str) -> Option<()> {
    let (mark, rest) = line.split_once(' ')?;
    let step = match mark {
        "transitions" => {
            case.transition_ms = rest.parse().ok()?;
            return Some(());
        }
        "enforce" => {
            case.enforce_throughput = rest == "throughput";
            return case.enforce_throughput.then_some(());
        }
        "collections" => {
            case.collection_bytes_max = Some(rest.parse().ok()?);
            return Some(());
        }
        "filled" => Step::Filled(rest.to_owned()),
        "expired" => {
            let (table, items) = rest.split_once(' ')?;
            Step::Expired(table.to_owned(), items.parse().ok()?)
        }
        "clock" => Step::Clock(rest.parse().ok()?),
        "table" => table(rest)?,
        ">" => {
            let (operation, body) = rest.split_once(' ')?;
            let (operation, body) = (operation.to_owned(), body.to_owned());
            Step::Ask {
                operation,
                body,
                answer: Answer::Fine,
            }
        }
        _ => return expect(case, mark, rest),
    };
    case.steps.push((number, step));
    Some(())
}

fn table(rest: &str) -> Option<Step> {
    let mut words = rest.split(' ');
    let name = words.next()?.to_owned();
    let (mut keys, mut stream, mut indexes) = (Vec::new(), None, Vec::new());
    for word in words {
        match word.split_once(':')? {
            ("stream", view) => stream = Some(view.to_owned()),
            ("gsi", text) => indexes.push(index(text, false)?),
            ("lsi", text) => indexes.push(index(text, true)?),
            (name, kind) => keys.push((name.to_owned(), kind.to_owned())),
        }
    }
    Some(Step::Table {
        name,
        keys,
        stream,
        indexes,
    })
}

fn index(text: &str, is_local: bool) -> Option<Index> {
    let (name, rest) = text.split_once('=')?;
    let (parts, projection) = match rest.split_once('/') {
        Some((parts, projection)) => (parts, Some(projection.to_owned())),
        None => (rest, None),
    };
    let mut keys = Vec::new();
    for (place, part) in parts.split(',').enumerate() {
        let role = if place == 0 { "HASH" } else { "RANGE" };
        for part in part.split('+') {
            let (name, kind) = part.split_once(':')?;
            keys.push((name.to_owned(), kind.to_owned(), role));
        }
    }
    Some(Index {
        name: name.to_owned(),
        is_local,
        keys,
        projection,
    })
}

fn expect(case: &mut Case, mark: &str, rest: &str) -> Option<()> {
    let (_, Step::Ask { answer, .. }) = case.steps.last_mut()? else {
        return None;
    };
    match (mark, answer) {
        ("<", answer) => *answer = Answer::Parts(serde_json::from_str(rest).ok()?),
        ("=", answer) => *answer = Answer::Whole(serde_json::from_str(rest).ok()?),
        ("!", answer) => *answer = error(rest)?,
        ("&", Answer::Error { parts, .. }) => *parts = Some(serde_json::from_str(rest).ok()?),
        _ => return None,
    }
    Some(())
}

fn error(rest: &str) -> Option<Answer> {
    let (status, rest) = rest.split_once(' ')?;
    let end = rest.find([':', ' ']).unwrap_or(rest.len());
    let (code, message) = rest.split_at(end);
    let message = match (message.strip_prefix(" ~ "), message.strip_prefix(':')) {
        (Some(part), _) => Message::Part(part.to_owned()),
        (None, Some(whole)) => Message::Whole(whole.strip_prefix(' ').unwrap_or(whole).to_owned()),
        (None, None) => return None,
    };
    Some(Answer::Error {
        status: status.parse().ok()?,
        code: code.to_owned(),
        message,
        parts: None,
    })
}

/// The text with its repetitions written out.
fn expanded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, (repetition, after))) = rest
        .split_once("<<")
        .and_then(|(before, at)| Some((before, at.split_once(">>")?)))
    {
        out.push_str(before);
        let mut parts = repetition.splitn(3, '|');
        let count: usize = parts
            .next()
            .and_then(|count| count.parse().ok())
            .unwrap_or(0);
        let separator = parts.next().unwrap_or_default();
        let template = parts.next().unwrap_or_default();
        for number in 1..=count {
            if number > 1 {
                out.push_str(separator);
            }
            out.push_str(&template.replace('%', &number.to_string()));
        }
        rest = after;
    }
    out + rest
}
