//! Requests as browsers and programs send them.

use super::*;

/// A request to a path with headers, over the loopback interface unless it is said otherwise.
struct Sent<'s> {
    method: Method,
    path: &'s str,
    headers: &'s [(&'static str, &'s str)],
    hosts: &'s [String],
    is_loopback: bool,
}

const LOCAL: &str = "127.0.0.1:8000";
const FUNCTIONS: &str = "/2015-03-31/functions/";

fn get<'s>(path: &'s str, headers: &'s [(&'static str, &'s str)]) -> Sent<'s> {
    Sent {
        method: Method::GET,
        path,
        headers,
        hosts: &[],
        is_loopback: true,
    }
}

impl Sent<'_> {
    fn refusal(&self) -> Option<&'static str> {
        let mut request = Request::builder().method(&self.method).uri(self.path);
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        let names = Names {
            hosts: self.hosts,
            is_loopback: self.is_loopback,
        };
        refusal(&request.body(()).unwrap(), names)
    }
}

#[test]
fn programs_may_use_any_name() {
    let host = ("host", "dynamodb.example.com");
    let agent = ("user-agent", "Boto3/1.43.11");
    for path in ["/", FUNCTIONS, "/_headwater/metrics", "/_headwater/health"] {
        for method in [Method::GET, Method::POST] {
            let headers = [host, agent, ("accept", "*/*")];
            let sent = Sent {
                method,
                ..get(path, &headers)
            };
            assert_eq!(sent.refusal(), None, "{path}");
        }
    }
}

#[test]
fn pages_of_other_origins_are_refused_everywhere() {
    for origin in [
        "https://example.com",
        "http://127.0.0.1:3000",
        "null",
        "file://",
    ] {
        let headers = [("host", LOCAL), ("origin", origin)];
        let sent = get("/console/", &headers);
        assert_eq!(sent.refusal(), Some(OTHER_ORIGIN), "{origin}");
    }
    let own = [("host", LOCAL), ("origin", "http://127.0.0.1:8000")];
    assert_eq!(get("/_headwater/overview", &own).refusal(), None);
}

#[test]
fn what_a_browser_says_of_other_sites_is_believed() {
    let of = |path, site, mode, method| {
        let headers = [
            ("host", LOCAL),
            ("sec-fetch-site", site),
            ("sec-fetch-mode", mode),
        ];
        let sent = Sent {
            method,
            ..get(path, &headers)
        };
        sent.refusal()
    };
    for site in ["cross-site", "same-site", "of-the-future", ""] {
        for path in ["/", "/console", "/console/assets/app.js"] {
            assert_eq!(of(path, site, "navigate", Method::GET), None, "{path}");
            for mode in ["no-cors", "cors", "websocket", ""] {
                let refused = of(path, site, mode, Method::GET);
                assert_eq!(refused, Some(OTHER_ORIGIN), "{site} {mode} {path}");
            }
        }
        for (path, method) in [
            ("/", Method::POST),
            ("/consoles", Method::GET),
            (FUNCTIONS, Method::GET),
            ("/_headwater/overview", Method::GET),
            ("/_headwater/health", Method::GET),
            ("/streams/table/events", Method::GET),
        ] {
            let refused = of(path, site, "navigate", method);
            assert_eq!(refused, Some(OTHER_ORIGIN), "{site} {path}");
        }
    }
    for site in ["same-origin", "none"] {
        for mode in ["navigate", "cors", "no-cors"] {
            for path in ["/console/", FUNCTIONS, "/_headwater/overview"] {
                assert_eq!(of(path, site, mode, Method::GET), None, "{site} {path}");
            }
        }
    }
}

#[test]
fn names_that_others_can_have_get_no_pages() {
    let with = |host, is_loopback| {
        let headers = [("host", host)];
        let sent = Sent {
            is_loopback,
            ..get("/console/", &headers)
        };
        sent.refusal()
    };
    for host in [
        LOCAL,
        "[::1]:8000",
        "localhost",
        "localhost:8000",
        "LocalHost.",
        "db.localhost:1",
        "10.0.0.7:8000",
    ] {
        for is_loopback in [true, false] {
            assert_eq!(with(host, is_loopback), None, "{host}");
        }
    }
    // A neighbour can have these, and lead them to the loopback interface.
    for host in [
        "headwater:8000",
        "nas.local",
        "x.lan:8000",
        "db.home.arpa",
        "db.default.svc.cluster.local:8000",
        "db.corp.internal",
    ] {
        assert_eq!(with(host, false), None, "{host}");
        assert_eq!(with(host, true), Some(OTHER_NAME), "{host}");
    }
    for host in [
        "example.com",
        "example.com:8000",
        "notlocalhost.com",
        "",
        "a.b:1",
    ] {
        for is_loopback in [true, false] {
            assert_eq!(with(host, is_loopback), Some(OTHER_NAME), "{host}");
        }
    }
    let hosts = ["DB.example.com".to_owned(), "nas.local".to_owned()];
    for host in ["db.example.com:8000", "nas.local"] {
        let headers = [("host", host)];
        let sent = Sent {
            hosts: &hosts,
            ..get("/console/", &headers)
        };
        assert_eq!(sent.refusal(), None, "{host}");
    }
}

#[test]
fn a_page_under_a_name_that_points_here_may_not_use_the_api() {
    let host = ("host", "evil.example:8000");
    let writes = [host, ("origin", "http://evil.example:8000")];
    let sent = Sent {
        method: Method::POST,
        ..get("/", &writes)
    };
    assert_eq!(sent.refusal(), Some(OTHER_NAME));
    // What it reads, a browser sends without Origin; a script can set these headers, and not remove the first.
    for header in [
        ("accept-language", "en-US,en;q=0.5"),
        ("accept-language", ""),
        ("referer", "http://evil.example:8000/page"),
    ] {
        for method in [Method::GET, Method::HEAD] {
            for (path, expected) in [
                (FUNCTIONS, Some(OTHER_NAME)),
                ("/2015-03-31/functions/f/configuration", Some(OTHER_NAME)),
                ("/_headwater/metrics", Some(OTHER_NAME)),
                ("/_headwater/overview", Some(OTHER_NAME)),
                ("/_headwater/health", None),
                ("/", None),
            ] {
                let headers = [host, header];
                let sent = Sent {
                    method: method.clone(),
                    ..get(path, &headers)
                };
                assert_eq!(sent.refusal(), expected, "{header:?} {path}");
            }
        }
        let own = [("host", "localhost:8000"), header];
        assert_eq!(get(FUNCTIONS, &own).refusal(), None);
    }
}
