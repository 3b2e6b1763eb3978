//! A small HTTP/1.1 client: one connection that is made anew after a failure, requests of the JSON 1.0 protocol.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Nothing here takes as long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);
const DYNAMODB: &str = "DynamoDB_20120810";
const STREAMS: &str = "DynamoDBStreams_20120810";
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=local/20250601/us-east-1/dynamodb/aws4_request, \
     SignedHeaders=host;x-amz-date;x-amz-target, Signature=00";

/// An answer that is a refusal.
#[derive(Debug, thiserror::Error)]
#[error("{status}: {body}")]
pub struct Refused {
    /// The status.
    pub status: u16,
    /// The error document.
    pub body: Value,
}

impl Refused {
    /// The error's name, without its namespace.
    pub fn name(&self) -> &str {
        let kind = self.body["__type"].as_str().unwrap_or_default();
        kind.rsplit('#').next().unwrap_or_default()
    }
}

/// One connection.
pub struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    /// A client of the server at `address`; it connects with the first request.
    pub fn new(address: SocketAddr) -> Self {
        Client {
            address,
            connection: None,
        }
    }

    /// One DynamoDB operation.
    ///
    /// # Errors
    /// [`Refused`], or a broken connection, after which nobody knows whether it happened.
    pub fn dynamodb(&mut self, operation: &str, body: &Value) -> Result<Value> {
        self.call(DYNAMODB, operation, body)
    }

    /// One operation of DynamoDB Streams.
    ///
    /// # Errors
    /// As [`Client::dynamodb`].
    pub fn streams(&mut self, operation: &str, body: &Value) -> Result<Value> {
        self.call(STREAMS, operation, body)
    }

    /// Makes something of the Lambda interface: a function or an event source mapping.
    ///
    /// # Errors
    /// As [`Client::dynamodb`].
    pub fn lambda(&mut self, what: &str, body: &Value) -> Result<Value> {
        let authorization = AUTHORIZATION
            .replace("/dynamodb/", "/lambda/")
            .replace(";x-amz-target", "");
        let head = format!("/2015-03-31/{what} HTTP/1.1\r\ncontent-type: application/json");
        self.post(&head, &authorization, what, body)
    }

    /// One of the server's own calls.
    ///
    /// # Errors
    /// As [`Client::dynamodb`].
    pub fn get(&mut self, path: &str) -> Result<Value> {
        let head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        self.exchange(&head, path)
    }

    fn call(&mut self, service: &str, operation: &str, body: &Value) -> Result<Value> {
        let head = format!(
            "/ HTTP/1.1\r\ncontent-type: application/x-amz-json-1.0\r\n\
             x-amz-target: {service}.{operation}"
        );
        self.post(&head, AUTHORIZATION, operation, body)
    }

    fn post(
        &mut self,
        head: &str,
        authorization: &str,
        operation: &str,
        body: &Value,
    ) -> Result<Value> {
        let body = body.to_string();
        let request = format!(
            "POST {head}\r\nhost: {}\r\nx-amz-date: 20250601T120000Z\r\n\
             authorization: {authorization}\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.exchange(&request, operation)
    }

    fn exchange(&mut self, request: &str, operation: &str) -> Result<Value> {
        // Put back only after a whole answer.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(self.address)?,
        };
        connection.get_mut().write_all(request.as_bytes())?;
        let (status, body) = answer(&mut connection)?;
        self.connection = Some(connection);
        let body = serde_json::from_slice(&body)
            .with_context(|| format!("{operation}: {}", String::from_utf8_lossy(&body)))?;
        match status {
            200..300 => Ok(body),
            _ => Err(Refused { status, body }.into()),
        }
    }
}

fn connect(address: SocketAddr) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(stream))
}

fn answer(connection: &mut BufReader<TcpStream>) -> Result<(u16, Vec<u8>)> {
    let mut line = String::new();
    if connection.read_line(&mut line)? == 0 {
        bail!("the connection was closed");
    }
    let status = line.split(' ').nth(1).unwrap_or_default();
    let status: u16 = status
        .parse()
        .with_context(|| format!("no status: {line}"))?;
    let mut length = 0;
    loop {
        line.clear();
        if connection.read_line(&mut line)? == 0 {
            bail!("the answer was cut");
        }
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok((status, body))
}
