//! What pages of other origins must not do: a browser sends their requests to a server on its own machine too.
//!
//! A page of another origin names it in `Origin`. A page whose name was pointed at this server (DNS rebinding) is of the
//! same origin for the browser; only the name gives it away, so that pages are served under names that nobody else can
//! have: addresses, names without a dot, names of reserved zones, and those that the settings name. Programs that are
//! no browsers send no `Origin` and may use any name.

use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN};

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Zones that the public name system does not have (RFC 6761, RFC 6762, RFC 8375, and `internal`).
const RESERVED_ZONES: [&str; 6] = ["localhost", "local", "test", "internal", "home.arpa", "lan"];

/// Why a request is refused, if it is. `for_browsers` says that its path is made for them.
pub(crate) fn refusal(
    headers: &HeaderMap,
    for_browsers: bool,
    hosts: &[String],
) -> Option<&'static str> {
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let origin = headers.get(ORIGIN);
    if let Some(origin) = origin {
        let own = origin
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://"))
            .is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
        if !own {
            return Some(
                "this request comes from a page of another origin, which may not use this server",
            );
        }
    }
    let from_page = origin.is_some() || headers.contains_key(&SEC_FETCH_SITE);
    if (for_browsers || from_page) && !is_trusted(name_of(host), hosts) {
        return Some(
            "pages are not served under this name; open the address of the server, or start it with --console-hosts NAME",
        );
    }
    None
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

fn is_trusted(name: &str, hosts: &[String]) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let reserved = |zone: &&str| {
        name.strip_suffix(*zone)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    !name.is_empty()
        && (name.parse::<std::net::IpAddr>().is_ok()
            || !name.contains('.')
            || RESERVED_ZONES.iter().any(reserved)
            || hosts.iter().any(|host| host.eq_ignore_ascii_case(&name)))
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderMap, HeaderValue};

    use super::refusal;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| {
                (
                    hyper::header::HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn programs_may_use_any_name() {
        let program = headers(&[("host", "dynamodb.example.com")]);
        assert_eq!(refusal(&program, false, &[]), None);
    }

    #[test]
    fn pages_of_other_origins_are_refused_everywhere() {
        for origin in [
            "https://example.com",
            "http://127.0.0.1:3000",
            "null",
            "file://",
        ] {
            let page = headers(&[("host", "127.0.0.1:8000"), ("origin", origin)]);
            assert!(refusal(&page, false, &[]).is_some(), "{origin}");
        }
        let own = headers(&[
            ("host", "127.0.0.1:8000"),
            ("origin", "http://127.0.0.1:8000"),
        ]);
        assert_eq!(refusal(&own, true, &[]), None);
    }

    #[test]
    fn names_that_others_can_have_get_no_pages() {
        let trusted = [
            "127.0.0.1:8000",
            "[::1]:8000",
            "localhost",
            "localhost:8000",
            "headwater:8000",
            "db.localhost:1",
            "nas.local",
            "db.default.svc.cluster.local:8000",
            "db.corp.internal",
            "10.0.0.7:8000",
        ];
        for host in trusted {
            assert_eq!(
                refusal(&headers(&[("host", host)]), true, &[]),
                None,
                "{host}"
            );
        }
        for host in [
            "example.com",
            "example.com:8000",
            "notlocalhost.com",
            "",
            "a.b:1",
        ] {
            assert!(
                refusal(&headers(&[("host", host)]), true, &[]).is_some(),
                "{host}"
            );
        }
        let named = headers(&[("host", "db.example.com:8000")]);
        assert_eq!(refusal(&named, true, &["DB.example.com".to_owned()]), None);
    }

    #[test]
    fn a_page_under_a_name_that_points_here_may_not_use_the_api() {
        let rebound = headers(&[
            ("host", "evil.example:8000"),
            ("origin", "http://evil.example:8000"),
        ]);
        assert!(refusal(&rebound, false, &[]).is_some());
    }
}
