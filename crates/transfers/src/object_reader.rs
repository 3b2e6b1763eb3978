//! The content of an object as a stream, decompressed.

use std::io::{self, BufRead, BufReader, Read};

use bytes::{Buf as _, Bytes};
use flate2::bufread::MultiGzDecoder;
use headwater_wire::dynamodb::InputCompressionType;
use tokio::sync::watch;

use crate::bucket::{Bucket, Object};

/// Decompressed bytes that are held at once.
const BUFFER_BYTES: usize = 256 << 10;

/// Largest window of ZSTD, 128 MB: that of its highest level, and its own bound unless a reader asks for more.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// The bytes of an object, as they are stored.
struct Stored<'b> {
    bucket: &'b dyn Bucket,
    object: &'b Object,
    at: u64,
    ready: Bytes,
}

/// A stream that breaks off when the server stops: a little that is stored may be much.
struct Stoppable<R> {
    reader: R,
    stop: watch::Receiver<bool>,
}

/// The bytes of an object behind its compression.
pub(crate) fn open<'b>(
    bucket: &'b dyn Bucket,
    object: &'b Object,
    compression: InputCompressionType,
    stop: watch::Receiver<bool>,
) -> io::Result<Box<dyn BufRead + 'b>> {
    let stored = Stored {
        bucket,
        object,
        at: 0,
        ready: Bytes::new(),
    };
    Ok(match compression {
        InputCompressionType::None => Box::new(Stoppable {
            reader: stored,
            stop,
        }),
        InputCompressionType::Gzip => Box::new(Stoppable {
            reader: buffered(MultiGzDecoder::new(stored)),
            stop,
        }),
        InputCompressionType::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(stored)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(Stoppable {
                reader: buffered(decoder),
                stop,
            })
        }
    })
}

fn buffered<R: Read>(reader: R) -> BufReader<R> {
    BufReader::with_capacity(BUFFER_BYTES, reader)
}

impl<R: BufRead> Read for Stoppable<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.fill_buf()?;
        self.reader.read(out)
    }
}

impl<R: BufRead> BufRead for Stoppable<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if *self.stop.borrow() {
            return Err(io::Error::other("the server stops"));
        }
        self.reader.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.reader.consume(count);
    }
}

impl Read for Stored<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let count = ready.len().min(out.len());
        out[..count].copy_from_slice(&ready[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Stored<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.ready.is_empty() && self.at < self.object.bytes {
            let read = self.bucket.read(self.object, self.at);
            self.ready = read.map_err(io::Error::other)?;
            if self.ready.is_empty() {
                return Err(io::Error::other(
                    "the object became shorter while it was read",
                ));
            }
            self.at += self.ready.len() as u64;
        }
        Ok(&self.ready)
    }

    fn consume(&mut self, count: usize) {
        self.ready.advance(count);
    }
}
