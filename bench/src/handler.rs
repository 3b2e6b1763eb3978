//! The compiled handler: a `bootstrap` that speaks the Runtime API and reports what arrives.

use crate::client::Client;
use anyhow::{Context, Result};
use serde_json::Value;
use std::net::{Ipv4Addr, ToSocketAddrs, UdpSocket};

const BASE: &str = "/2018-06-01/runtime/invocation";

/// Handles invocations until the server ends the process.
pub fn run() -> Result<()> {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").context("not started as a function")?;
    // Without one it does nothing.
    let report_to = std::env::var("BENCH_REPORT_TO").unwrap_or_default();
    let address = api.to_socket_addrs()?.next().context("no address")?;
    let socket = match report_to.as_str() {
        "" => None,
        report_to => {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.connect(report_to)?;
            Some(socket)
        }
    };
    let mut client = Client::connect(address, None)?;
    loop {
        let invocation = client.rest("GET", &format!("{BASE}/next"), "lambda", "")?;
        let id = request_id(invocation.head)
            .context("no request id")?
            .to_owned();
        if let Some(socket) = &socket {
            report(socket, invocation.body)?;
        }
        client.rest("POST", &format!("{BASE}/{id}/response"), "lambda", "null")?;
    }
}

fn request_id(head: &str) -> Option<&str> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("lambda-runtime-aws-request-id")
            .then(|| value.trim())
    })
}

fn report(socket: &UdpSocket, event: &[u8]) -> Result<()> {
    let event: Value = serde_json::from_slice(event)?;
    for record in event["Records"].as_array().context("no records")? {
        let mark = &record["dynamodb"]["NewImage"]["mark"]["S"];
        socket.send(mark.as_str().context("no mark")?.as_bytes())?;
    }
    Ok(())
}
