//! What S3 answers in XML, as far as it is read here: errors' codes, and lists of objects.

use std::borrow::Cow;

use crate::bucket::Object;

/// A page of a list of objects.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) objects: Vec<Object>,
    /// What asks for the next page.
    pub(crate) next: Option<String>,
}

impl Listed {
    /// Reads a page whose keys are escaped as in addresses.
    pub(crate) fn read(body: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
        if !text.contains("<ListBucketResult") {
            return Err("the service does not answer with a list of objects".to_owned());
        }
        let mut objects = Vec::new();
        let mut rest = text;
        while let Some((contents, behind)) = element(rest, "Contents") {
            let lacks = |what| format!("an object of the list has no {what}");
            let key = element(contents, "Key").ok_or_else(|| lacks("Key"))?.0;
            let size = element(contents, "Size").ok_or_else(|| lacks("Size"))?.0;
            let key = unescaped(&resolved(key)).ok_or_else(|| lacks("Key that can be read"))?;
            let bytes = size
                .trim()
                .parse()
                .map_err(|_| lacks("Size that is a number"))?;
            objects.push(Object { key, bytes });
            rest = behind;
        }
        let is_truncated = element(text, "IsTruncated").is_some_and(|(truth, _)| truth == "true");
        let next =
            element(text, "NextContinuationToken").map(|(next, _)| resolved(next).into_owned());
        match (is_truncated, next) {
            (true, None) => Err("the list is cut, and says not how to go on".to_owned()),
            (true, next) => Ok(Listed { objects, next }),
            (false, _) => Ok(Listed {
                objects,
                next: None,
            }),
        }
    }
}

/// The code of an error.
pub(crate) fn error_code(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    element(text, "Code").map(|(code, _)| code.trim())
}

/// The content of the first element of this name, and what is behind it.
fn element<'t>(text: &'t str, name: &str) -> Option<(&'t str, &'t str)> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let begin = text.find(&open)? + open.len();
    let end = begin + text[begin..].find(&close)?;
    Some((&text[begin..end], &text[end + close.len()..]))
}

/// Text without the escapes of XML.
fn resolved(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let simple = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ];
    let mut resolved = text.to_owned();
    for (escape, plain) in simple {
        resolved = resolved.replace(escape, plain);
    }
    Cow::Owned(resolved)
}

/// Text without the escapes of addresses, in which a plus is a space.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match first {
            b'%' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &rest[2..];
            }
            b'+' => bytes.push(b' '),
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let page = "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\"><IsTruncated>true</IsTruncated>\
            <Contents><Key>a%2Fb+c%C3%A9</Key><Size>12</Size></Contents><Contents><Size>0</Size><Key>d&amp;e</Key></Contents>\
            <NextContinuationToken>t/=&amp;</NextContinuationToken></ListBucketResult>";
        let listed = Listed::read(page.as_bytes()).unwrap();
        let object = |key: &str, bytes| Object {
            key: key.to_owned(),
            bytes,
        };
        assert_eq!(
            listed.objects,
            [object("a/b c\u{e9}", 12), object("d&e", 0)]
        );
        assert_eq!(listed.next.as_deref(), Some("t/=&"));
        assert!(Listed::read(b"<html>").is_err());
        let cut = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>";
        assert!(Listed::read(cut.as_bytes()).is_err());
        let last =
            "<ListBucketResult><NextContinuationToken>x</NextContinuationToken></ListBucketResult>";
        assert_eq!(Listed::read(last.as_bytes()).unwrap().next, None);
    }

    #[test]
    fn codes_of_errors() {
        assert_eq!(
            error_code(b"<Error><Code>NoSuchBucket</Code></Error>"),
            Some("NoSuchBucket")
        );
        assert_eq!(error_code(b"nothing"), None);
    }
}
