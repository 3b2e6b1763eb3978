//! What pages must not do: a browser sends their requests to a server on its own machine too.
//!
//! A page of another origin names it in `Origin`, or the browser says in `Sec-Fetch-Site` that it is one. A page whose name
//! was pointed at this server (DNS rebinding) is of the same origin for the browser. What it reads has neither header, as
//! its origin is not one that browsers trust; it has `Accept-Language`, which no script can take away. No SDK of AWS sends
//! that, but all that reads by the `fetch` of Node does, with the value `*`. A page can ask with this value too, so that it
//! exempts nobody. Only the name gives a page away, so that pages are served under names that nobody else can have:
//! addresses, `localhost`, and those that the settings name. Programs that are no browsers may use any name.
//!
//! A connection that comes from other machines has a name that leads to this one from there, such as that of a container or
//! of a server at home. Names without a dot and of zones that are not public will do then: who could give such a name another
//! meaning reaches this address without a browser's help. On the loopback interface it would be the neighbour's way in.

use hyper::header::{ACCEPT_LANGUAGE, HOST, HeaderName, HeaderValue, ORIGIN, REFERER};
use hyper::{Method, Request};

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
static SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Zones that the public name system does not have (RFC 6761, RFC 6762, RFC 8375, and `internal`).
const RESERVED_ZONES: [&str; 6] = ["localhost", "local", "test", "internal", "home.arpa", "lan"];

const OTHER_ORIGIN: &str =
    "this request comes from a page of another origin, which may not use this server";
const OTHER_NAME: &str = "pages are not served under this name; open the address of the server, or start it with \
     --console-hosts NAME";

/// Under which names pages may be served on a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'n> {
    /// Those of the settings.
    pub(crate) hosts: &'n [String],
    /// Whether the connection comes over the loopback interface.
    pub(crate) is_loopback: bool,
}

/// Why a request is refused, if it is.
pub(crate) fn refusal<B>(request: &Request<B>, names: Names<'_>) -> Option<&'static str> {
    let headers = request.headers();
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.unwrap_or_default();
    let origin = headers.get(ORIGIN);
    let site = headers.get(&SEC_FETCH_SITE);
    let is_foreign = origin.is_some_and(|origin| !is_of(origin, host))
        || site.is_some_and(|site| !is_own_site(site) && !opens_the_console(request));
    if is_foreign {
        return Some(OTHER_ORIGIN);
    }
    let is_of_page = origin.is_some() || site.is_some() || reads_as_pages_do(request);
    if (is_of_page || is_for_browsers(request.uri().path())) && !names.have(name_of(host)) {
        return Some(OTHER_NAME);
    }
    None
}

/// Whether an origin is that of the address that a request went to.
fn is_of(origin: &HeaderValue, host: &str) -> bool {
    let origin = origin.to_str().ok();
    origin
        .and_then(|origin| origin.split_once("://"))
        .is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

/// Whether a request comes from a page of the same origin, or from a person who typed the address.
fn is_own_site(site: &HeaderValue) -> bool {
    matches!(site.as_bytes(), b"same-origin" | b"none")
}

/// Whether somebody follows a link to the console, which may be anywhere.
fn opens_the_console<B>(request: &Request<B>) -> bool {
    let path = request.uri().path();
    let mode = request.headers().get(&SEC_FETCH_MODE);
    *request.method() == Method::GET
        && mode.is_some_and(|mode| mode.as_bytes() == b"navigate")
        && (path == "/" || path == "/console" || path.starts_with("/console/"))
}

/// Whether a request that only reads has what browsers send. Everything but reading has an `Origin`. Who asks for the health
/// gets to know nothing, and may be a monitor that looks like a browser.
fn reads_as_pages_do<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    matches!(*request.method(), Method::GET | Method::HEAD)
        && (headers.contains_key(ACCEPT_LANGUAGE) || headers.contains_key(REFERER))
        && !matches!(request.uri().path(), "/" | "/_headwater/health")
}

/// Whether a path is one that only pages and people ask for. What monitors others asks for health and metrics, under any
/// name.
fn is_for_browsers(path: &str) -> bool {
    let monitored = ["/_headwater/health", "/_headwater/metrics"];
    ["/console", "/streams/", "/_headwater/"]
        .iter()
        .any(|prefix| path.starts_with(prefix))
        && !monitored.contains(&path)
}

/// The host without its port.
fn name_of(host: &str) -> &str {
    if let Some(bracketed) = host.strip_prefix('[') {
        return bracketed
            .split_once(']')
            .map_or(host, |(address, _)| address);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

impl Names<'_> {
    fn have(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let is_in = |zone: &str| {
            name.strip_suffix(zone)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let is_own = || name.parse::<std::net::IpAddr>().is_ok() || is_in("localhost");
        let is_near = || !name.contains('.') || RESERVED_ZONES.into_iter().any(is_in);
        let is_named = || {
            self.hosts
                .iter()
                .any(|host| host.eq_ignore_ascii_case(&name))
        };
        !name.is_empty() && (is_own() || is_named() || (!self.is_loopback && is_near()))
    }
}

#[cfg(test)]
mod tests;
