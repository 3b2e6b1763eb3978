//! Who may call, and what becomes of connections that bring nothing.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Nothing takes so long unless it hangs. The time of the tests is paused, and goes on when nothing else does.
const PATIENCE: Duration = Duration::from_secs(3_600);

const REFUSED: &str = "HTTP/1.1 403";

/// A listener that lets in who runs as a user, without work on its desk.
async fn served(user: u32) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (desk, _) = Desk::new(Arc::new(|| 0));
    let mut serving = JoinSet::new();
    serving.spawn(serve(listener, desk, Arc::new(Peers::of(user))));
    (address, serving)
}

fn this_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// A call that is refused at once, since nobody waits for the start of a process.
fn call(host: &str) -> String {
    format!("POST {BASE}runtime/init/error HTTP/1.1\r\n{host}content-length: 0\r\n\r\n")
}

/// The next answer, which comes as a whole; empty if the connection is closed instead.
async fn answer_on(stream: &mut TcpStream) -> String {
    let mut answer = vec![0; 1_024];
    let read = timeout(PATIENCE, stream.read(&mut answer));
    let length = read.await.expect("neither an answer nor an end");
    answer.truncate(length.unwrap_or(0));
    String::from_utf8(answer).unwrap()
}

/// Whether the other end closes a connection; what it still says is dropped.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest))
        .await
        .is_ok()
}

#[tokio::test]
async fn other_users_are_not_served() {
    let (address, _serving) = served(this_user() + 1).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = call(&format!("host: {address}\r\n"));
    let _ = stream.write_all(request.as_bytes()).await;
    let answer = answer_on(&mut stream).await;
    assert_eq!(answer.is_empty(), cfg!(target_os = "linux"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn requests_have_to_be_addressed_to_the_listener() {
    let (address, _serving) = served(this_user()).await;
    let port = address.port();
    for (host, stays) in [
        (format!("host: {address}\r\n"), true),
        (String::new(), true),
        (format!("host: evil.example:{port}\r\n"), false),
        (format!("host: localhost:{port}\r\n"), false),
        (
            format!("host: {address}\r\nsec-fetch-site: none\r\n"),
            false,
        ),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(call(&host).as_bytes()).await.unwrap();
        let answer = answer_on(&mut stream).await;
        assert!(answer.starts_with(REFUSED), "{answer}");
        assert_eq!(answer.contains("InvalidStateTransition"), stays, "{host}");
        assert_eq!(answer.contains("connection: close"), !stays, "{host}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_brings_nothing_is_closed_and_one_that_did_stays() {
    let (address, _serving) = served(this_user()).await;
    let mut used = TcpStream::connect(address).await.unwrap();
    let request = call(&format!("host: {address}\r\n"));
    used.write_all(request.as_bytes()).await.unwrap();
    assert!(answer_on(&mut used).await.starts_with(REFUSED));
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(&request.as_bytes()[..20]).await.unwrap();
    let mut silent = TcpStream::connect(address).await.unwrap();
    assert!(is_closed(&mut silent).await);
    assert!(is_closed(&mut half).await);
    tokio::time::advance(FIRST_REQUEST_TIME_MAX * 10).await;
    used.write_all(request.as_bytes()).await.unwrap();
    assert!(answer_on(&mut used).await.starts_with(REFUSED));
}

#[tokio::test]
async fn connections_that_bring_nothing_make_room() {
    let (address, _serving) = served(this_user()).await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = call(&format!("host: {address}\r\n"));
    stream.write_all(request.as_bytes()).await.unwrap();
    // Well before they would have been closed for their silence.
    let answer = timeout(FIRST_REQUEST_TIME_MAX / 2, answer_on(&mut stream)).await;
    assert!(answer.expect("no room").starts_with(REFUSED));
}
