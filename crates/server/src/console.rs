//! The web console under `/console/`: files that are part of the program, or of a folder for those who work on it.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{Response, StatusCode};
use rust_embed::RustEmbed;

use crate::reply_body::ReplyBody;
use crate::request::Reply;

/// What the console and its settings need of the server.
#[derive(Clone, Debug, Default)]
pub struct ConsoleSettings {
    /// The version of the program, to be shown.
    pub version: String,
    /// The durability setting, to be shown.
    pub durability: String,
    /// The data folder, for the free space of its disk; `None` without files.
    pub data_folder: Option<PathBuf>,
    /// Free space below which writes are refused, bytes; to be shown.
    pub disk_reserve_bytes: u64,
    /// Serve the console's files from this folder instead of the built-in ones.
    pub folder: Option<PathBuf>,
    /// Names under which pages are served, beside those that nobody else can have: that of the machine, and what people
    /// name.
    pub hosts: Vec<String>,
}

pub(crate) const PREFIX: &str = "/console/";
/// Pages may load what this server has, and nothing that stands in a page itself is run.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Files below this size are not worth compressing.
const COMPRESSED_BYTES_MIN: usize = 1_024;
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

#[derive(RustEmbed)]
#[folder = "../../console/dist"]
#[allow_missing = true]
struct BuiltIn;

/// A built-in file, ready to be sent.
struct File {
    plain: Bytes,
    gzip: Option<Bytes>,
    etag: HeaderValue,
}

/// The built-in files by their paths; each is compressed once.
fn built_in() -> &'static HashMap<String, File> {
    static FILES: OnceLock<HashMap<String, File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let paths = BuiltIn::iter();
        let files = paths.filter_map(|path| {
            let file = BuiltIn::get(&path)?;
            let digest = file.metadata.sha256_hash();
            let etag: String = digest[..12]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let plain = Bytes::from(file.data.into_owned());
            let file = File {
                gzip: compressed(&plain),
                plain,
                etag: HeaderValue::try_from(format!("\"{etag}\"")).ok()?,
            };
            Some((path.into_owned(), file))
        });
        files.collect()
    })
}

fn compressed(plain: &[u8]) -> Option<Bytes> {
    if plain.len() < COMPRESSED_BYTES_MIN {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).ok()?;
    let bytes = encoder.finish().ok()?;
    (bytes.len() < plain.len()).then(|| bytes.into())
}

/// The file of a path below `/console/`, if there is one.
pub(crate) fn file(settings: &ConsoleSettings, path: &str, headers: &HeaderMap) -> Option<Reply> {
    let path = if path.is_empty() { "index.html" } else { path };
    if let Some(folder) = &settings.folder {
        let bytes = is_plain(path).then(|| std::fs::read(folder.join(path)));
        let bytes = bytes?.ok()?;
        return Some(with_headers(path, Response::new(ReplyBody::whole(bytes))));
    }
    let file = built_in().get(path)?;
    let known = headers.get(IF_NONE_MATCH);
    if known == Some(&file.etag) {
        let mut reply = Response::new(ReplyBody::whole(Bytes::new()));
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
        reply.headers_mut().insert(ETAG, file.etag.clone());
        return Some(with_headers(path, reply));
    }
    let takes_gzip = headers
        .get(ACCEPT_ENCODING)
        .and_then(|accepted| accepted.to_str().ok())
        .is_some_and(|accepted| accepted.split(',').any(|one| one.trim() == "gzip"));
    let gzip = file.gzip.as_ref().filter(|_| takes_gzip);
    let mut reply = Response::new(ReplyBody::whole(gzip.unwrap_or(&file.plain).clone()));
    if gzip.is_some() {
        let gzip = HeaderValue::from_static("gzip");
        reply.headers_mut().insert(CONTENT_ENCODING, gzip);
    }
    let headers = reply.headers_mut();
    headers.insert(ETAG, file.etag.clone());
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    Some(with_headers(path, reply))
}

/// To the console, for a browser that opened the server's address.
pub(crate) fn redirect() -> Reply {
    let mut reply = Response::new(ReplyBody::whole(Bytes::new()));
    *reply.status_mut() = StatusCode::SEE_OTHER;
    let to = HeaderValue::from_static(PREFIX);
    reply.headers_mut().insert(LOCATION, to);
    reply
}

/// Whether a path names a file in the folder and nowhere else.
fn is_plain(path: &str) -> bool {
    let mut parts = path.split('/');
    parts.all(|part| {
        let mut bytes = part.bytes();
        !part.starts_with('.')
            && !part.is_empty()
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    })
}

fn with_headers(path: &str, mut reply: Reply) -> Reply {
    let kind = match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    };
    let all = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (OPENER_POLICY, "same-origin"),
    ];
    for (name, value) in all {
        let value = HeaderValue::from_static(value);
        reply.headers_mut().insert(name, value);
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn a_path_stays_in_its_folder() {
        for path in ["index.html", "assets/app.js", "assets/a-b_c.1.css"] {
            assert!(is_plain(path), "{path}");
        }
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            ".hidden",
            "a/.b",
            "a\\b",
            "a%2fb",
            "a\0b",
        ] {
            assert!(!is_plain(path), "{path}");
        }
    }
}
