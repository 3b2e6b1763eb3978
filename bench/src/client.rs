//! A blocking client with one connection, for setting up and for measuring single requests.

use crate::request::{Head, authorization};
use crate::response::{Progress, Response, read};
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// One keep-alive connection.
pub struct Client {
    address: SocketAddr,
    stream: TcpStream,
    received: Vec<u8>,
}

/// A reply of any status.
pub struct Reply<'a> {
    /// The status code.
    pub status: u16,
    /// The header lines.
    pub head: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl Client {
    /// Connects, and gives up on replies that take longer than `patience`.
    pub fn connect(address: SocketAddr, patience: Option<Duration>) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(patience)?;
        Ok(Self {
            address,
            stream,
            received: Vec::new(),
        })
    }

    /// One call of an AWS JSON operation. Anything but 200 is an error that shows the reply.
    pub fn call(&mut self, service: &str, operation: &str, body: &str) -> Result<&[u8]> {
        let mut request = Vec::new();
        Head::new(self.address, service, operation).write(body.as_bytes(), &mut request);
        let reply = self.send(&request).with_context(|| operation.to_owned())?;
        if reply.status != 200 {
            bail!("{operation}: {} {}", reply.status, shown(reply.body));
        }
        Ok(reply.body)
    }

    /// One call of a REST operation.
    pub fn rest(
        &mut self,
        method: &str,
        path: &str,
        service: &str,
        body: &str,
    ) -> Result<Reply<'_>> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n{}\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            authorization(service),
            body.len(),
        );
        self.send(request.as_bytes())
    }

    /// Sends a request and waits for the reply.
    pub fn send(&mut self, request: &[u8]) -> Result<Reply<'_>> {
        self.stream.write_all(request).context("sending")?;
        let response = self.receive().context("receiving")?;
        let head = std::str::from_utf8(&self.received[..response.body])?;
        Ok(Reply {
            status: response.status,
            head,
            body: &self.received[response.body..response.end],
        })
    }

    fn receive(&mut self) -> Result<Response> {
        self.received.clear();
        let mut filled = 0;
        loop {
            if let Progress::Whole(response) = read(&self.received[..filled])? {
                return Ok(response.joined(&mut self.received[..filled]));
            }
            self.received.resize(filled + (64 << 10), 0);
            match self.stream.read(&mut self.received[filled..])? {
                0 => bail!("the server closed the connection"),
                bytes => filled += bytes,
            }
        }
    }
}

/// The start of a body, for error messages.
pub fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned()
}
