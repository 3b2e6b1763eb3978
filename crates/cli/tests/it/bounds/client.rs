//! A client that keeps its connection, takes any answer, and may be slow.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::process::{PATIENCE, Server};

/// An open connection.
pub struct Client {
    stream: BufReader<TcpStream>,
}

/// Status and body of an answer.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The error's name without what stands before it.
    pub fn error(&self) -> String {
        let json = self.json();
        let kind = json["__type"].as_str().unwrap_or_default();
        kind.rsplit('#').next().unwrap_or_default().to_owned()
    }

    pub fn is_throttled(&self) -> bool {
        self.status == 400 && self.error() == "ThrottlingException"
    }
}

impl Client {
    pub fn connect(server: &Server) -> Self {
        Self::over(TcpStream::connect(server.address()).expect("a connection"))
    }

    /// A connection whose own end takes in hardly anything that is not read.
    pub fn connect_narrow(server: &Server) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build();
        let stream = runtime.expect("a runtime").block_on(async {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.set_recv_buffer_size(4096)?;
            let address = server.address().parse().expect("an address");
            socket.connect(address).await?.into_std()
        });
        let stream = stream.expect("a connection");
        stream.set_nonblocking(false).expect("a mode");
        Self::over(stream)
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("no delay");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        Client {
            stream: BufReader::new(stream),
        }
    }

    /// Sends bytes and reads nothing.
    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    pub fn ask(&mut self, target: &str, body: &str) -> Answer {
        self.send(&request(target, body)).expect("sent");
        self.answer().expect("an answer")
    }

    /// Asks for an operation of DynamoDB that has to succeed.
    pub fn dynamodb(&mut self, operation: &str, input: &Value) -> Value {
        let answer = self.ask(
            &format!("DynamoDB_20120810.{operation}"),
            &input.to_string(),
        );
        assert_eq!(answer.status, 200, "{operation}: {}", answer.error());
        answer.json()
    }

    /// The same of DynamoDB Streams.
    pub fn streams(&mut self, operation: &str, input: &Value) -> Value {
        let target = format!("DynamoDBStreams_20120810.{operation}");
        let answer = self.ask(&target, &input.to_string());
        assert_eq!(answer.status, 200, "{operation}: {}", answer.error());
        answer.json()
    }

    /// Reads an answer; an error if the connection ended.
    pub fn answer(&mut self) -> std::io::Result<Answer> {
        let ended = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status = status.ok_or_else(ended)?;
        let mut length = 0;
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(ended());
            }
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(|_| ended())?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, body })
    }
}

/// A request of the JSON interface.
pub fn request(target: &str, body: &str) -> Vec<u8> {
    [head(target, body.len()).as_bytes(), body.as_bytes()].concat()
}

/// The head of a request.
pub fn head(target: &str, body_len: usize) -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: test\r\ncontent-type: application/x-amz-json-1.0\r\n\
         x-amz-target: {target}\r\ncontent-length: {body_len}\r\n\r\n"
    )
}
