//! The client against servers that misbehave.

use std::time::Instant;

use hyper::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::Url;

use super::*;

const LIMITS: Limits = Limits {
    time: Duration::from_secs(20),
    body_bytes_max: 1_000,
};

async fn send(url: &str, limits: Limits) -> Result<HttpAnswerIn, SendError> {
    let request = HttpRequestOut {
        method: Method::POST,
        url: Url::parse(url).unwrap(),
        headers: vec![("content-type", "text/plain".to_owned())],
        body: Bytes::from_static(b"hello"),
    };
    HttpClient::default().send(request, limits).await
}

/// Takes one connection, reads the request's head and body, writes the answer and closes.
async fn server(answer: &'static [u8]) -> (String, tokio::task::JoinHandle<(TcpStream, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/path?q=1", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut seen, mut buffer) = (Vec::new(), [0; 1_024]);
        while !seen.ends_with(b"hello") {
            let length = stream.read(&mut buffer).await.unwrap();
            assert!(length > 0);
            seen.extend_from_slice(&buffer[..length]);
        }
        stream.write_all(answer).await.unwrap();
        (stream, String::from_utf8(seen).unwrap())
    });
    (url, serving)
}

#[tokio::test]
async fn sends_what_it_was_given_and_follows_nothing() {
    let (url, serving) =
        server(b"HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 2\r\n\r\nno")
            .await;
    let answer = send(&url, LIMITS).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (307, &b"no"[..]));
    let (_, seen) = serving.await.unwrap();
    assert!(seen.starts_with("POST /path?q=1 HTTP/1.1\r\n"), "{seen}");
    let host = url
        .trim_start_matches("http://")
        .trim_end_matches("/path?q=1");
    assert!(seen.contains(&format!("host: {host}\r\n")), "{seen}");
    assert!(seen.contains("content-length: 5\r\n"), "{seen}");
}

#[tokio::test]
async fn what_was_never_sent_is_told_from_what_broke_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let unused = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let refused = send(&unused, LIMITS).await.unwrap_err();
    assert!(
        matches!(&refused, SendError::NotConnected(why) if why.contains("refused")),
        "{refused:?}"
    );

    let nowhere = send("http://nowhere.invalid/", LIMITS).await.unwrap_err();
    assert!(matches!(nowhere, SendError::NotConnected(_)), "{nowhere:?}");

    let (url, serving) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    let serving = tokio::spawn(async move { drop(serving.await) });
    let broken = send(&url, LIMITS).await.unwrap_err();
    assert!(matches!(broken, SendError::Broken(_)), "{broken:?}");
    serving.await.unwrap();
}

#[tokio::test]
async fn a_server_without_tls_is_not_reached_by_https() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad\r\n\r\n").await.unwrap();
        stream
    });
    let error = send(&url, LIMITS).await.unwrap_err();
    assert!(matches!(error, SendError::NotConnected(_)), "{error:?}");
    drop(serving.await.unwrap());
}

#[tokio::test]
async fn answers_have_bounds_of_time_and_size() {
    let (url, serving) = server(b"").await;
    let limits = Limits {
        time: Duration::from_millis(50),
        ..LIMITS
    };
    let begun = Instant::now();
    let error = send(&url, limits).await.unwrap_err();
    assert_eq!(error, SendError::TimedOut(limits.time));
    assert!(begun.elapsed() < LIMITS.time);
    drop(serving.await.unwrap());

    let (url, _serving) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nlonger").await;
    let limits = Limits {
        body_bytes_max: 5,
        ..LIMITS
    };
    assert_eq!(
        send(&url, limits).await.unwrap_err(),
        SendError::TooLarge(5)
    );
}
