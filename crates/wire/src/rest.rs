//! REST requests (Lambda): from method and path to an operation and its labels, and the values that travel outside
//! of the body.

use bytes::Bytes;

use crate::decode::{DecodeError, Decoder, request};
use crate::error::ApiError;
use crate::json::Json;
use crate::messages;
use crate::operation::{Binding, Operation};

/// A request with its parts taken apart. Names of headers are in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestRequest {
    labels: Vec<(&'static str, String)>,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: Bytes,
}

impl RestRequest {
    /// Finds the operation for a method and a path, and takes the labels out of the path. A trailing slash does not
    /// matter (triggers.md section 1: older SDKs send one). `query` is the raw text after the question mark.
    pub fn route(method: &str, path: &str, query: &str) -> Option<(Operation, RestRequest)> {
        Operation::ALL.iter().copied().find_map(|operation| {
            let Binding::Rest {
                method: wanted,
                path: template,
                ..
            } = operation.spec().binding
            else {
                return None;
            };
            if wanted != method {
                return None;
            }
            let request = RestRequest {
                labels: labels(template, path)?,
                query: query_pairs(query),
                ..RestRequest::default()
            };
            Some((operation, request))
        })
    }

    /// The same request with a body.
    #[must_use]
    pub fn with_body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    /// The same request with one more header; its name must be in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        debug_assert_eq!(name, name.to_ascii_lowercase());
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Decodes what the operation takes from path, query and headers (as one object of strings) and from the body.
    /// An empty body is an empty object.
    pub(crate) fn decode<T>(
        &self,
        outside: &[(Place, &'static str)],
        has_body: bool,
        read: impl for<'j> FnOnce(&'j Json<'j>, &mut Decoder<'j>) -> Result<T, DecodeError>,
    ) -> Result<T, ApiError> {
        let mut json = Json::Object(Vec::new());
        if has_body && !self.body.is_empty() {
            json = Json::parse(&self.body).map_err(|_| messages::malformed_body())?;
        }
        if let Json::Object(members) = &mut json {
            for (place, member) in outside {
                members.retain(|(name, _)| name != member);
                if let Some(value) = self.value(*place, member) {
                    members.push(((*member).into(), value));
                }
            }
        }
        request(&json, read)
    }

    fn value(&self, place: Place, member: &str) -> Option<Json<'_>> {
        if let Place::QueryList(name) = place {
            let named = self.query.iter().filter(|(own, _)| own == name);
            let values: Vec<Json<'_>> = named
                .map(|(_, value)| Json::String(value.as_str().into()))
                .collect();
            return (!values.is_empty()).then_some(Json::Array(values));
        }
        self.text(place, member)
            .map(|text| Json::String(text.into()))
    }

    fn text(&self, place: Place, member: &str) -> Option<&str> {
        match place {
            Place::Label => find(
                self.labels.iter().map(|(name, value)| (*name, value)),
                member,
            ),
            Place::Query => find(self.query_texts(), member),
            Place::QueryList(name) => find(self.query_texts(), name),
            Place::Header(header) => find(
                self.headers
                    .iter()
                    .map(|(name, value)| (name.as_str(), value)),
                header,
            ),
        }
    }

    fn query_texts(&self) -> impl Iterator<Item = (&str, &String)> {
        self.query
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }
}

/// Where a member of a request travels.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// In the path.
    Label,
    /// Behind the question mark.
    Query,
    /// Behind the question mark, under this name, once for each element.
    QueryList(&'static str),
    /// In this header.
    Header(&'static str),
}

fn find<'r>(mut pairs: impl Iterator<Item = (&'r str, &'r String)>, name: &str) -> Option<&'r str> {
    pairs
        .find(|(candidate, _)| *candidate == name)
        .map(|(_, value)| value.as_str())
}

/// The labels of a path, if it has the form of the template.
fn labels(template: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut parts = path.split('/');
    let mut labels = Vec::new();
    for wanted in template.split('/') {
        let part = parts.next()?;
        match wanted
            .strip_prefix('{')
            .and_then(|label| label.strip_suffix('}'))
        {
            Some(_) if part.is_empty() => return None,
            Some(label) => labels.push((label, percent_decoded(part))),
            None if wanted == part => {}
            None => return None,
        }
    }
    parts.next().is_none().then_some(labels)
}

fn query_pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                percent_decoded(&name.replace('+', " ")),
                percent_decoded(&value.replace('+', " ")),
            )
        })
        .collect()
}

/// Text with `%XX` resolved. What is no escape stays, what is no UTF-8 becomes replacement characters.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes
            .get(at + 1..at + 3)
            .filter(|digits| bytes[at] == b'%' && digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(escape.unwrap_or(bytes[at]));
        at += if escape.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{RestRequest, percent_decoded};
    use crate::operation::Operation;

    #[test]
    fn routes_by_method_and_path() {
        for (method, path, expected) in [
            (
                "POST",
                "/2015-03-31/functions",
                Some(Operation::CreateFunction),
            ),
            (
                "GET",
                "/2015-03-31/functions/",
                Some(Operation::ListFunctions),
            ),
            (
                "GET",
                "/2015-03-31/functions/f",
                Some(Operation::GetFunction),
            ),
            (
                "GET",
                "/2015-03-31/functions/f/configuration",
                Some(Operation::GetFunctionConfiguration),
            ),
            (
                "DELETE",
                "/2015-03-31/functions/f",
                Some(Operation::DeleteFunction),
            ),
            (
                "POST",
                "/2015-03-31/functions/f/invocations",
                Some(Operation::Invoke),
            ),
            (
                "POST",
                "/2015-03-31/event-source-mappings/",
                Some(Operation::CreateEventSourceMapping),
            ),
            (
                "PUT",
                "/2015-03-31/event-source-mappings/u",
                Some(Operation::UpdateEventSourceMapping),
            ),
            ("PATCH", "/2015-03-31/functions", None),
            ("GET", "/2015-03-31/functions//configuration", None),
            ("GET", "/2015-03-31/functions/f/g/h", None),
            ("GET", "/", None),
        ] {
            let found = RestRequest::route(method, path, "").map(|(operation, _)| operation);
            assert_eq!(found, expected, "{method} {path}");
        }
    }

    #[test]
    fn labels_and_query_are_decoded() {
        let (_, request) = RestRequest::route(
            "GET",
            "/2015-03-31/functions/arn%3Aaws%3Af",
            "Qualifier=%24LATEST&a=b+c&x",
        )
        .expect("a route");
        assert_eq!(request.labels, [("FunctionName", "arn:aws:f".to_owned())]);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            request.query,
            [
                pair("Qualifier", "$LATEST"),
                pair("a", "b c"),
                pair("x", "")
            ]
        );
    }

    #[test]
    fn broken_escapes_stay() {
        assert_eq!(percent_decoded("%4"), "%4");
        assert_eq!(percent_decoded("%zz%41"), "%zzA");
        assert_eq!(percent_decoded("%ff"), "\u{fffd}");
    }
}
