//! Which pages may use the server, and what browsers are told about its replies.

use crate::support::{Running, settings, start, status};

const FUNCTIONS: &str = "/2015-03-31/functions/";

/// The answer to a request with these headers, over the loopback interface.
async fn sent(server: &Running, request: &str, headers: &[&str]) -> String {
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let request = format!("{request} HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
    server.exchange(request.as_bytes()).await
}

#[tokio::test]
async fn pages_under_names_of_others_may_not_look() {
    let mut settings = settings();
    settings.console.hosts = vec!["db.example.com".to_owned()];
    let server = start(settings).await;
    for (host, path, expected) in [
        ("evil.example", "/_headwater/overview", 403),
        ("evil.example", "/_headwater/dead-letters", 403),
        ("evil.example", "/console/", 403),
        ("evil.example", "/_headwater/health", 200),
        ("evil.example", "/_headwater/metrics", 200),
        ("evil.example", "/", 200),
        ("evil.example", FUNCTIONS, 200),
        ("evil.local", "/_headwater/overview", 403),
        ("evil:8000", "/_headwater/overview", 403),
        ("db.example.com:8000", "/_headwater/overview", 200),
        ("127.0.0.1:8000", "/_headwater/overview", 200),
        ("localhost:8000", "/_headwater/overview", 200),
    ] {
        let host = format!("host: {host}");
        let answer = sent(&server, &format!("GET {path}"), &[&host]).await;
        assert_eq!(status(&answer), expected, "{host} {path}: {answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_page_whose_name_was_pointed_here_reads_no_functions() {
    let server = start(settings()).await;
    let language = "accept-language: en";
    for (host, header, expected) in [
        ("host: evil.example:8000", language, 403),
        (
            "host: evil.example:8000",
            "referer: http://evil.example:8000/",
            403,
        ),
        ("host: evil.local:8000", language, 403),
        ("host: localhost:8000", language, 200),
        ("host: evil.example:8000", "accept: */*", 200),
    ] {
        let answer = sent(&server, &format!("GET {FUNCTIONS}"), &[host, header]).await;
        assert_eq!(status(&answer), expected, "{host} {header}: {answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_page_of_another_site_gets_to_the_console_and_no_further() {
    let server = start(settings()).await;
    let headers = [
        "host: localhost",
        "accept: text/html",
        "sec-fetch-site: cross-site",
    ];
    for (mode, path, expected) in [
        ("navigate", "/", 303),
        ("navigate", "/console/", 200),
        ("navigate", "/_headwater/overview", 403),
        ("no-cors", "/_headwater/overview", 403),
        ("no-cors", "/", 403),
        ("no-cors", FUNCTIONS, 403),
    ] {
        let mode = format!("sec-fetch-mode: {mode}");
        let headers = [&headers[..], &[&mode]].concat();
        let answer = sent(&server, &format!("GET {path}"), &headers).await;
        assert_eq!(status(&answer), expected, "{mode} {path}: {answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_browsers_read_is_what_it_says() {
    let server = start(settings()).await;
    for path in [
        "/",
        "/_headwater/health",
        "/_headwater/overview",
        "/streams/none/events",
        "/console/",
        "/elsewhere",
        FUNCTIONS,
    ] {
        for headers in [&["host: localhost"][..], &["host: a", "origin: http://b"]] {
            let answer = sent(&server, &format!("GET {path}"), headers).await;
            let told = answer.contains("x-content-type-options: nosniff\r\n");
            assert!(told, "{path}: {answer}");
        }
    }
    // Pages of others are not answered, and programs need no more bytes.
    let headers = [
        "host: localhost",
        "content-type: application/x-amz-json-1.0",
    ];
    let answer = sent(&server, "POST /", &headers).await;
    assert!(!answer.contains("nosniff"), "{answer}");
    server.stop().await;
}
