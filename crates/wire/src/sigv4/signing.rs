//! Signature Version 4 of requests that this server sends: the headers that sign a request.
//!
//! Pure: the caller brings the time, the credentials and the request as it will go over the wire.

use std::fmt::{self, Write as _};

use headwater_model::UtcTime;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// What a request is signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The access key's id.
    pub access_key_id: String,
    /// The secret that belongs to it.
    pub secret_access_key: String,
    /// The token of temporary credentials.
    pub session_token: Option<String>,
}

/// Without the secrets.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// A request without its signature.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'r> {
    /// The method, such as `POST`.
    pub method: &'r str,
    /// The path as it is sent, with its percent escapes; `/` at least.
    pub path: &'r str,
    /// The query as it is sent, without the question mark; may be empty.
    pub query: &'r str,
    /// The headers that are sent and signed, `host` among them; names in lower case.
    pub headers: &'r [(&'r str, &'r str)],
    /// The body.
    pub body: &'r [u8],
}

/// Where and when a signature holds.
#[derive(Clone, Copy, Debug)]
pub struct SigningScope<'r> {
    /// The region, such as `us-east-1`.
    pub region: &'r str,
    /// The service's signing name, such as `sqs`. `s3` has rules of its own.
    pub service: &'r str,
    /// The time, in milliseconds since the epoch.
    pub now_ms: u64,
}

/// Service whose paths are signed as they are sent, and whose requests name the hash of their body.
const S3: &str = "s3";

/// The headers that sign a request, to be sent beside the ones in it.
pub fn sign(
    request: &Unsigned<'_>,
    scope: &SigningScope<'_>,
    credentials: &Credentials,
) -> Vec<(&'static str, String)> {
    let body_hash = hex(&Sha256::digest(request.body));
    let time = time(scope.now_ms);
    let mut added = vec![("x-amz-date", time.clone())];
    if scope.service == S3 {
        added.push(("x-amz-content-sha256", body_hash.clone()));
    }
    if let Some(token) = &credentials.session_token {
        added.push(("x-amz-security-token", token.clone()));
    }
    let (headers, names) = canonical_headers(request.headers, &added);
    let canonical = format!(
        "{}\n{}\n{}\n{headers}\n{names}\n{body_hash}",
        request.method,
        canonical_path(request.path, scope.service),
        canonical_query(request.query),
    );
    let date = &time[..8];
    let place = format!("{date}/{}/{}/aws4_request", scope.region, scope.service);
    let text = format!(
        "AWS4-HMAC-SHA256\n{time}\n{place}\n{}",
        hex(&Sha256::digest(canonical))
    );
    let signature = hex(&mac(&key(credentials, date, scope), text.as_bytes()));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{place}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key_id
    );
    added.push(("authorization", authorization));
    added
}

/// The key of a day, a region and a service.
fn key(credentials: &Credentials, date: &str, scope: &SigningScope<'_>) -> [u8; 32] {
    let first = format!("AWS4{}", credentials.secret_access_key);
    let parts = [scope.region, scope.service, "aws4_request"];
    let of_day = mac(first.as_bytes(), date.as_bytes());
    parts
        .iter()
        .fold(of_day, |key, part| mac(&key, part.as_bytes()))
}

/// HMAC of a text with SHA-256, in lower-case hexadecimal digits.
pub fn hmac_hex(key: &[u8], text: &[u8]) -> String {
    hex(&mac(key, text))
}

/// HMAC with SHA-256.
fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    // A key may have any length, so there is always a MAC.
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac.chain_update(text).finalize().into_bytes().into(),
        Err(_) => [0; 32],
    }
}

/// `20150830T123600Z`.
fn time(now_ms: u64) -> String {
    let mut time = UtcTime::of_ms(now_ms).to_string();
    // What stands behind the seconds goes.
    time.truncate(19);
    time.retain(|c| !matches!(c, '-' | ':'));
    time.push('Z');
    time
}

/// The lines of the headers by name, and the list of names.
fn canonical_headers(given: &[(&str, &str)], added: &[(&'static str, String)]) -> (String, String) {
    let given = given.iter().map(|(name, value)| (*name, *value));
    let added = added.iter().map(|(name, value)| (*name, value.as_str()));
    let mut all: Vec<(&str, &str)> = given.chain(added).collect();
    all.sort_unstable();
    let mut lines = String::new();
    for (name, value) in &all {
        let value: Vec<&str> = value.split_whitespace().collect();
        // Writing into a string cannot fail.
        let _ = writeln!(lines, "{name}:{}", value.join(" "));
    }
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    (lines, names.join(";"))
}

/// Paths are escaped once more, but not those of S3.
fn canonical_path(path: &str, service: &str) -> String {
    if service == S3 {
        return path.to_owned();
    }
    let parts: Vec<String> = path.split('/').map(escaped).collect();
    parts.join("/")
}

/// The parameters in the order of their names, then of their values.
fn canonical_query(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(&str, &str)> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// A text with percent escapes for all but letters, digits and `-`, `.`, `_`, `~`, as signatures want it in paths and
/// queries.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2015-08-30T12:36:00Z, the time of the published test suite.
    const SUITE_MS: u64 = 1_440_938_160_000;

    fn signature<'h>(headers: &'h [(&'static str, String)]) -> &'h str {
        let (_, value) = headers.last().unwrap();
        value.rsplit_once("Signature=").unwrap().1
    }

    fn suite(request: &Unsigned<'_>, token: Option<&str>) -> String {
        let credentials = Credentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: token.map(str::to_owned),
        };
        let scope = SigningScope {
            region: "us-east-1",
            service: "service",
            now_ms: SUITE_MS,
        };
        signature(&sign(request, &scope, &credentials)).to_owned()
    }

    const VANILLA: Unsigned<'static> = Unsigned {
        method: "GET",
        path: "/",
        query: "",
        headers: &[("host", "example.amazonaws.com")],
        body: b"",
    };

    #[test]
    fn signatures_of_the_published_suite() {
        assert_eq!(
            suite(&VANILLA, None),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        assert_eq!(
            suite(&VANILLA, Some(token)),
            "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"
        );
        let query = Unsigned {
            query: "Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
            ..VANILLA
        };
        assert_eq!(
            suite(&query, None),
            "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"
        );
        let hash = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";
        let form = Unsigned {
            method: "POST",
            headers: &[
                ("content-type", "application/x-www-form-urlencoded"),
                ("host", "example.amazonaws.com"),
                ("content-length", "13"),
                ("x-amz-content-sha256", hash),
            ],
            body: b"Param1=value1",
            ..VANILLA
        };
        assert_eq!(
            suite(&form, None),
            "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"
        );
    }

    #[test]
    fn the_example_of_the_s3_guide() {
        // "Signature Calculations for the Authorization Header", PUT object.
        let credentials = Credentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
        };
        let scope = SigningScope {
            region: "us-east-1",
            service: "s3",
            now_ms: 1_369_353_600_000,
        };
        let request = Unsigned {
            method: "PUT",
            path: "/test%24file.text",
            query: "",
            headers: &[
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("host", "examplebucket.s3.amazonaws.com"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
            body: b"Welcome to Amazon S3.",
        };
        let headers = sign(&request, &scope, &credentials);
        assert_eq!(headers[0], ("x-amz-date", "20130524T000000Z".to_owned()));
        assert_eq!(
            headers[1].1,
            "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
        );
        assert_eq!(
            signature(&headers),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
    }

    #[test]
    fn paths_are_escaped_twice() {
        // The suite's double-encode-path.
        assert_eq!(
            canonical_path("/test/@connections/JBDvjfGEIAMCERw%3D", "execute-api"),
            "/test/%40connections/JBDvjfGEIAMCERw%253D"
        );
        assert_eq!(canonical_path("/a%3D", S3), "/a%3D");
    }

    #[test]
    fn the_second_case_of_rfc_4231() {
        assert_eq!(
            hmac_hex(b"Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn secrets_are_not_printed() {
        let credentials = Credentials {
            access_key_id: "id".into(),
            secret_access_key: "sec".into(),
            session_token: Some("tok".into()),
        };
        let text = format!("{credentials:?}");
        assert!(!text.contains("sec\"") && !text.contains("tok"), "{text}");
    }
}
