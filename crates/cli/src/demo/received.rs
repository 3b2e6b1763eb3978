//! What the handler has noted so far.

use std::collections::HashSet;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// How long nothing may come before waiting is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to listen on for what must not come.
const LISTEN_ON: Duration = Duration::from_millis(250);

/// One record as one call of the handler had it.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) at_ms: f64,
    pub(super) batch: String,
    pub(super) record: Value,
}

impl Arrival {
    /// The key of the item.
    pub(super) fn key(&self) -> &str {
        self.record["dynamodb"]["Keys"][super::airports::KEY]["S"]
            .as_str()
            .unwrap_or_default()
    }
}

/// The file that the handler writes, read as it grows.
#[derive(Debug)]
pub(super) struct Received {
    path: PathBuf,
    offset: u64,
    rest: Vec<u8>,
    /// In the order in which the handler noted them.
    pub(super) arrivals: Vec<Arrival>,
}

impl Received {
    pub(super) fn new(path: PathBuf) -> Self {
        Received {
            path,
            offset: 0,
            rest: Vec::new(),
            arrivals: Vec::new(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until so many records are there, or none has come for a while; gives whether they are there.
    pub(super) async fn wait_for(&mut self, count: usize) -> anyhow::Result<bool> {
        let mut moved = Instant::now();
        while self.arrivals.len() < count {
            if self.read()? {
                moved = Instant::now();
            } else if moved.elapsed() > PATIENCE {
                return Ok(false);
            } else {
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(true)
    }

    /// Reads on until nothing more comes.
    pub(super) async fn settle(&mut self) -> anyhow::Result<()> {
        loop {
            tokio::time::sleep(LISTEN_ON).await;
            if !self.read()? {
                return Ok(());
            }
        }
    }

    /// How many calls of the handler there were.
    pub(super) fn batches(&self) -> usize {
        let batches: HashSet<&str> = self
            .arrivals
            .iter()
            .map(|arrival| arrival.batch.as_str())
            .collect();
        batches.len()
    }

    /// Takes in what is new; gives whether anything was.
    fn read(&mut self) -> anyhow::Result<bool> {
        let mut file = match std::fs::File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error).context("the handler's file can't be read"),
        };
        file.seek(SeekFrom::Start(self.offset))?;
        let read = file.read_to_end(&mut self.rest)?;
        self.offset += read as u64;
        let whole = self
            .rest
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        for line in self.rest[..whole]
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let mut noted: Value =
                serde_json::from_slice(line).context("the handler noted something odd")?;
            self.arrivals.push(Arrival {
                at_ms: noted["at_ms"].as_f64().unwrap_or_default(),
                batch: noted["batch"].as_str().unwrap_or_default().to_owned(),
                record: noted["record"].take(),
            });
        }
        self.rest.drain(..whole);
        Ok(read > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::Received;

    #[test]
    fn half_lines_wait_for_their_rest() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let mut received = Received::new(folder.path().join("received.jsonl"));
        assert!(!received.read()?, "no file yet");
        let mut file = std::fs::File::create(received.path())?;
        file.write_all(b"{\"at_ms\":1.5,\"batch\":\"a\",\"record\":{}}\n{\"at_ms\":")?;
        assert!(received.read()?);
        assert_eq!(received.arrivals.len(), 1);
        file.write_all(b"2,\"batch\":\"b\",\"record\":{}}\n")?;
        assert!(received.read()? && !received.read()?);
        assert_eq!((received.arrivals.len(), received.batches()), (2, 2));
        Ok(())
    }
}
