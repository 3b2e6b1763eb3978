//! Starts the program, talks to it, reads what it prints.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// How long anything may take; generous, for loaded machines and debug builds.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The program's file; `HEADWATER_BIN` names another build of it.
pub fn program() -> OsString {
    std::env::var_os("HEADWATER_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_headwater").into())
}

/// The program with arguments.
pub fn headwater(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub fn output(arguments: &[&str]) -> Output {
    headwater(arguments).output().expect("the program runs")
}

/// Runs the program to its end; what it wrote to a terminal, output and errors alike.
pub fn on_terminal(arguments: &[&str]) -> String {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("ours");
    let name = ptsname(&ours, Vec::new()).expect("a name");
    let name = name.into_string().expect("a path");
    let open = || File::options().read(true).write(true).open(&name);
    let mut command = headwater(arguments);
    command
        .stdout(open().expect("opened"))
        .stderr(open().expect("opened"));
    let mut child = command.spawn().expect("the program runs");
    // Nobody else has it open then, and its end can be seen.
    drop(command);
    let mut written = Vec::new();
    // On Linux the end is an error.
    let _ = File::from(ours).read_to_end(&mut written);
    wait(&mut child);
    text(&written)
}

/// Runs the program to its end, and nobody reads what it prints.
pub fn unread(arguments: &[&str]) -> ExitStatus {
    let nobody = || {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        writer
    };
    let mut command = headwater(arguments);
    let status = command.stdout(nobody()).stderr(nobody()).status();
    status.expect("the program runs")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A program that is running, with its standard output as lines.
pub struct Running {
    child: Child,
    /// Shared, so that a server can be talked to from several threads.
    lines: Mutex<Receiver<String>>,
}

impl Running {
    pub fn start(arguments: &[&str]) -> Self {
        Self::of(headwater(arguments))
    }

    /// A program that is started by this command.
    pub fn of(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let stdout = child.stdout.take().expect("a pipe");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Running {
            child,
            lines: Mutex::new(lines),
        }
    }

    /// The next line, if one comes within the time.
    pub fn line_within(&self, time: Duration) -> Option<String> {
        let lines = self.lines.lock().expect("no panic before");
        lines.recv_timeout(time).ok()
    }

    pub fn line(&self) -> String {
        self.line_within(PATIENCE).expect("a line")
    }

    pub fn lines(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.line()).collect()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the process is there");
    }

    pub fn wait(mut self) -> ExitStatus {
        wait(&mut self.child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already, in most tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the end of a process.
pub fn wait(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        assert!(begun.elapsed() < PATIENCE, "the process does not end");
        std::thread::yield_now();
    }
}

/// A server on a folder.
pub struct Server {
    process: Running,
    pub url: String,
}

impl Server {
    pub fn start(data: &Path, listen: &str) -> Self {
        Self::start_with(data, listen, &[])
    }

    pub fn start_with(data: &Path, listen: &str, more: &[&str]) -> Self {
        let data = data.to_str().expect("a path");
        let arguments = ["serve", "--listen", listen, "--data", data];
        Self::of(headwater(&[&arguments, more].concat()))
    }

    /// A server on a folder and any port, with more settings.
    pub fn with(data: &Path, settings: &[&str]) -> Self {
        Self::start_with(data, "127.0.0.1:0", settings)
    }

    /// A server that is started by this command.
    pub fn of(command: Command) -> Self {
        let process = Running::of(command);
        let ready = process.line();
        let url = ready.strip_prefix("headwater listening on ");
        let url = url.expect("a ready line").trim().to_owned();
        Server { process, url }
    }

    /// Where it listens, for a second start.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Ends it as a crash would.
    pub fn kill(self) {
        self.process.signal(Signal::KILL);
        assert!(!self.process.wait().success());
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub fn stop(self) {
        self.process.signal(Signal::TERM);
        self.wait();
    }

    /// Waits until it has ended well.
    pub fn wait(self) {
        assert!(self.process.wait().success());
    }

    /// A table with the key `id`, with or without a stream.
    pub fn create_table(&self, name: &str, stream: bool) {
        let mut input = json!({
            "TableName": name,
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        });
        if stream {
            input["StreamSpecification"] =
                json!({"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"});
        }
        self.dynamodb("CreateTable", &input);
    }

    pub fn put(&self, table: &str, id: &str, v: usize) {
        let item = json!({"id": {"S": id}, "v": {"N": v.to_string()}});
        self.dynamodb("PutItem", &json!({"TableName": table, "Item": item}));
    }

    pub fn delete(&self, table: &str, id: &str) {
        self.dynamodb(
            "DeleteItem",
            &json!({"TableName": table, "Key": {"id": {"S": id}}}),
        );
    }

    pub fn dynamodb(&self, operation: &str, input: &Value) -> Value {
        self.post("/", &format!("DynamoDB_20120810.{operation}"), input)
    }

    pub fn streams(&self, operation: &str, input: &Value) -> Value {
        self.post("/", &format!("DynamoDBStreams_20120810.{operation}"), input)
    }

    pub fn post(&self, path: &str, target: &str, input: &Value) -> Value {
        let (status, answer) = self.request("POST", path, target, &input.to_string());
        assert_eq!(status, 200, "{target}: {answer}");
        answer
    }

    /// The status and the JSON of an answer.
    pub fn try_post(&self, path: &str, target: &str, input: &Value) -> (u16, Value) {
        self.request("POST", path, target, &input.to_string())
    }

    /// A request of any kind; its status and its JSON.
    pub fn request(&self, method: &str, path: &str, target: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.address()).expect("a connection");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.0\r\n\
             x-amz-target: {target}\r\ncontent-length: {}\r\n\r\n{body}",
            self.address(),
            body.len()
        )
        .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3));
        let status = status
            .and_then(|status| status.parse().ok())
            .expect("a status");
        (status, serde_json::from_str(body).expect("JSON"))
    }
}
