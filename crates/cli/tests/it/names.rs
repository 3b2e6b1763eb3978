//! Under which names a server that listens on the loopback interface serves pages.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::process::Server;

/// The status of what pages ask for under a name.
fn status(server: &Server, host: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    let request = format!(
        "GET /_headwater/overview HTTP/1.1\r\nhost: {host}:8000\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.chars().skip("HTTP/1.1 ".len()).take(3).collect()
}

#[test]
fn a_machine_has_its_own_name_and_those_of_the_settings() {
    let folder = tempfile::tempdir().expect("a folder");
    let named = ["--console-hosts", "db.example.com, nas.local"];
    let server = Server::with(&folder.path().join("data"), &named);
    let own = rustix::system::uname();
    let own = own.nodename().to_str().expect("a name");
    for host in [own, "localhost", "db.example.com", "nas.local"] {
        assert_eq!(status(&server, host), "200", "{host}");
    }
    for host in ["other.local", &format!("not-{own}"), "example.com"] {
        assert_eq!(status(&server, host), "403", "{host}");
    }
    server.stop();
}
