//! The load driver: one thread, many connections, each with one request under way.
//!
//! It must not be the bottleneck, so it does nothing but copy prepared bytes, read replies whole, and
//! note two times per request. The CPU it takes is measured and shown beside the server's.

use crate::client::shown;
use crate::response::{Progress, read};
use anyhow::{Context, Result, bail};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long no connection may make progress before the server counts as hung.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is asked, and what the answers mean.
pub trait Workload {
    /// Appends the next request of a connection to `out`; `false` if there is nothing left to ask.
    fn request(&mut self, connection: usize, out: &mut Vec<u8>) -> bool;

    /// Takes the body of a 200 reply and returns how many operations it stands for.
    fn reply(&mut self, connection: usize, body: &[u8]) -> Result<u64> {
        let _ = (connection, body);
        Ok(1)
    }
}

/// What one run achieved.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    /// Operations answered.
    pub operations: u64,
    /// From the first request to the last reply.
    pub elapsed: Duration,
    /// Nanoseconds from request to reply, one per request.
    pub latencies: Vec<u32>,
}

/// Open connections to one server.
pub struct Driver {
    poll: Poll,
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    out: Vec<u8>,
    written: usize,
    received: Vec<u8>,
    filled: usize,
    asked: Option<Instant>,
}

impl Driver {
    /// Connects `connections` times.
    pub fn connect(address: SocketAddr, connections: usize) -> Result<Self> {
        let poll = Poll::new()?;
        let connections = (0..connections)
            .map(|index| Connection::open(address, &poll, Token(index)))
            .collect::<Result<_>>()
            .context("connecting")?;
        Ok(Self { poll, connections })
    }

    /// Asks for `length` or until the workload has no more, and waits for the last reply.
    pub fn run(&mut self, workload: &mut dyn Workload, length: Duration) -> Result<Slice> {
        let start = Instant::now();
        let mut slice = Slice::default();
        let mut under_way = 0;
        for index in 0..self.connections.len() {
            under_way += usize::from(self.connections[index].ask(index, workload)?);
        }
        let mut events = Events::with_capacity(256);
        while under_way > 0 {
            self.poll.poll(&mut events, Some(PATIENCE))?;
            if events.is_empty() {
                bail!("the server has not answered for {PATIENCE:?}");
            }
            for event in &events {
                let index = event.token().0;
                let connection = &mut self.connections[index];
                connection.flush()?;
                if connection.asked.is_none() || !connection.receive()? {
                    continue;
                }
                connection.finish(index, workload, &mut slice)?;
                let go_on = start.elapsed() < length;
                if !(go_on && connection.ask(index, workload)?) {
                    under_way -= 1;
                }
            }
        }
        slice.elapsed = start.elapsed();
        Ok(slice)
    }
}

impl Connection {
    fn open(address: SocketAddr, poll: &Poll, token: Token) -> Result<Self> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, token, interest)?;
        Ok(Self {
            stream,
            out: Vec::new(),
            written: 0,
            received: vec![0; 64 << 10],
            filled: 0,
            asked: None,
        })
    }

    fn ask(&mut self, index: usize, workload: &mut dyn Workload) -> Result<bool> {
        self.out.clear();
        self.written = 0;
        self.filled = 0;
        if !workload.request(index, &mut self.out) {
            return Ok(false);
        }
        self.asked = Some(Instant::now());
        self.flush()?;
        Ok(true)
    }

    fn flush(&mut self) -> Result<()> {
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(bytes) => self.written += bytes,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e).context("sending a request"),
            }
        }
        Ok(())
    }

    /// Reads what is there; whether the reply is whole now.
    fn receive(&mut self) -> Result<bool> {
        loop {
            let room = self.received.len() - self.filled;
            match self.stream.read(&mut self.received[self.filled..]) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(bytes) => {
                    self.filled += bytes;
                    match read(&self.received[..self.filled])? {
                        Progress::Whole(_) => return Ok(true),
                        Progress::Body { end } if end > self.received.len() => {
                            self.received.resize(end, 0);
                        }
                        // Less than there was room for: the socket is empty, an event will come.
                        Progress::Head | Progress::Body { .. } if bytes < room => return Ok(false),
                        Progress::Head | Progress::Body { .. } => {}
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e).context("reading a reply"),
            }
        }
    }

    fn finish(
        &mut self,
        index: usize,
        workload: &mut dyn Workload,
        slice: &mut Slice,
    ) -> Result<()> {
        let Progress::Whole(response) = read(&self.received[..self.filled])? else {
            bail!("a reply vanished");
        };
        let response = response.joined(&mut self.received[..self.filled]);
        if let Some(asked) = self.asked.take() {
            let nanoseconds = asked.elapsed().as_nanos();
            slice
                .latencies
                .push(u32::try_from(nanoseconds).unwrap_or(u32::MAX));
        }
        let body = &self.received[response.body..response.end];
        if response.status != 200 {
            bail!("the server answered {}: {}", response.status, shown(body));
        }
        slice.operations += workload.reply(index, body)?;
        Ok(())
    }
}
