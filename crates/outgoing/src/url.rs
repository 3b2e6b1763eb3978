//! Addresses that requests are sent to.

use std::fmt;

use hyper::Uri;
use thiserror::Error;

/// An address with `http` or `https`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    uri: Uri,
    /// Host, and port unless it is the scheme's own.
    host: String,
}

/// Why a text is no address that requests can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UrlError {
    /// It is no URL.
    #[error("it is no URL such as http://127.0.0.1:4566")]
    Syntax,
    /// Another scheme, or none.
    #[error("it has to begin with http:// or https://")]
    Scheme,
    /// Names and passwords would be shown wherever the address is.
    #[error("it must not hold a user or a password")]
    User,
    /// What is behind `#` is never sent.
    #[error("it must not hold a fragment")]
    Fragment,
}

impl Url {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.contains('#') {
            return Err(UrlError::Fragment);
        }
        let uri: Uri = text.parse().map_err(|_| UrlError::Syntax)?;
        let own_port = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(UrlError::Scheme),
        };
        let authority = uri.authority().ok_or(UrlError::Syntax)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::User);
        }
        if authority.host().is_empty() {
            return Err(UrlError::Syntax);
        }
        let host = match authority.port_u16() {
            Some(port) if port != own_port => authority.as_str().to_owned(),
            _ => authority.host().to_owned(),
        };
        Ok(Self { uri, host })
    }

    /// The address of something below this one; `path` begins with a slash and is escaped.
    ///
    /// # Errors
    /// When the two make no address.
    pub fn below(&self, path: &str) -> Result<Self, UrlError> {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        let authority = self
            .uri
            .authority()
            .map_or("", |authority| authority.as_str());
        let base = self.path().trim_end_matches('/');
        Self::parse(&format!("{scheme}://{authority}{base}{path}"))
    }

    /// Value of the header `host`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The query, without its question mark; may be empty.
    pub fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    pub(crate) fn uri(&self) -> Uri {
        self.uri.clone()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_leave_the_own_port_out() {
        let host = |text| Url::parse(text).unwrap().host().to_owned();
        assert_eq!(host("http://localhost:4566"), "localhost:4566");
        assert_eq!(host("http://localhost:80/a?b"), "localhost");
        assert_eq!(
            host("https://sqs.eu-west-1.amazonaws.com:443"),
            "sqs.eu-west-1.amazonaws.com"
        );
        assert_eq!(host("http://[::1]:443"), "[::1]:443");
    }

    #[test]
    fn paths_go_below() {
        let below = |base, path| Url::parse(base).unwrap().below(path).unwrap().to_string();
        assert_eq!(below("http://h:1", "/q/1"), "http://h:1/q/1");
        assert_eq!(below("http://h/base/", "/q"), "http://h/base/q");
    }

    #[test]
    fn what_is_no_address_is_told() {
        for (text, error) in [
            ("", UrlError::Syntax),
            ("localhost:4566", UrlError::Scheme),
            ("localhost", UrlError::Scheme),
            ("ftp://h", UrlError::Scheme),
            ("http://", UrlError::Syntax),
            ("http://a b", UrlError::Syntax),
            ("http://user:secret@h", UrlError::User),
            ("http://h/#x", UrlError::Fragment),
        ] {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
    }
}
