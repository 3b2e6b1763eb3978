//! Requests as bytes, with the headers that AWS's SDKs send.

use std::io::Write;
use std::net::SocketAddr;

/// The dynamodb service and its API version.
pub const DYNAMODB: &str = "DynamoDB_20120810";
/// The streams service.
pub const STREAMS: &str = "DynamoDBStreams_20120810";

/// The unchanging part of one operation's requests.
#[derive(Clone, Debug)]
pub struct Head {
    text: Vec<u8>,
}

impl Head {
    /// The head of requests for `service`.`operation` to `address`.
    pub fn new(address: SocketAddr, service: &str, operation: &str) -> Self {
        let text = format!(
            "POST / HTTP/1.1\r\n\
             host: {address}\r\n\
             content-type: application/x-amz-json-1.0\r\n\
             x-amz-target: {service}.{operation}\r\n\
             x-amz-date: 20250601T120000Z\r\n\
             user-agent: aws-sdk-rust/1.3.9 os/linux lang/rust/1.95.0\r\n\
             x-amz-user-agent: aws-sdk-rust/1.3.9 ua/2.1 api/dynamodb/1.90.0 os/linux lang/rust/1.95.0\r\n\
             amz-sdk-invocation-id: 5c2d3b9e-6c63-4a4f-9c83-0f8f0d0a1b2c\r\n\
             amz-sdk-request: attempt=1; max=3\r\n\
             {}\r\n",
            authorization("dynamodb"),
        );
        Self {
            text: text.into_bytes(),
        }
    }

    /// Appends a whole request with this body.
    pub fn write(&self, body: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.text);
        // A Vec takes all writes.
        let _ = write!(out, "content-length: {}\r\n\r\n", body.len());
        out.extend_from_slice(body);
    }
}

/// The header of a signed request, with a scope that says who and where, and a signature that nobody
/// made: checking signatures is off while benchmarking.
pub fn authorization(service: &str) -> String {
    let signature = "0123456789abcdef".repeat(4);
    format!(
        "authorization: AWS4-HMAC-SHA256 Credential=AKIDBENCH/20250601/us-east-1/{service}/aws4_request, \
         SignedHeaders=content-length;content-type;host;x-amz-date;x-amz-target, Signature={signature}"
    )
}
