//! A stream that gives up on a peer who does not read: a reply may wait for its reader, but not for ever.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Who takes less than this within the patience while a reply waits is given up.
const PROGRESS_BYTES_MIN: usize = 64 * 1024;
/// And so is who takes less than this part of a large reply: it is in memory until the last of it is taken.
const PROGRESS_PARTS: usize = 8;

/// The reply that is being written.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    bytes: AtomicUsize,
    /// How many were begun.
    number: AtomicUsize,
}

impl Reply {
    /// The next one, of this length as far as it is known, is written from now on.
    pub(crate) fn begin(&self, bytes: usize) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.number.fetch_add(1, Ordering::Relaxed);
    }
}

/// A stream with patience.
pub(crate) struct PatientStream<S> {
    stream: S,
    patience: Duration,
    reply: Arc<Reply>,
    /// The number of the reply for which the patience began.
    reply_number: usize,
    /// Ends the patience with the peer, since the first time that a write had to wait.
    end: Option<Pin<Box<Sleep>>>,
    /// Bytes that the peer took since then.
    taken_bytes: usize,
    /// Bytes that it has to take until then.
    enough_bytes: usize,
    /// Whether a write waits.
    waits: bool,
}

impl<S: AsyncWrite + Unpin> PatientStream<S> {
    /// `reply` is told of each reply before it is written.
    pub(crate) fn new(stream: S, patience: Duration, reply: Arc<Reply>) -> Self {
        PatientStream {
            stream,
            patience,
            reply,
            reply_number: 0,
            end: None,
            taken_bytes: 0,
            enough_bytes: PROGRESS_BYTES_MIN,
            waits: false,
        }
    }

    /// Passes on what a write came to, unless it has to wait for a peer that was waited for long enough.
    fn judge(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = written {
            self.waits = false;
            self.taken_bytes += result.as_ref().copied().unwrap_or_default();
            return Poll::Ready(result);
        }
        loop {
            let waited = std::mem::replace(&mut self.waits, true);
            let Some(end) = &mut self.end else {
                self.taken_bytes = 0;
                let part = self.reply.bytes.load(Ordering::Relaxed) / PROGRESS_PARTS;
                self.reply_number = self.reply.number.load(Ordering::Relaxed);
                self.enough_bytes = part.max(PROGRESS_BYTES_MIN);
                let until = Instant::now() + self.patience;
                self.end = Some(Box::pin(tokio::time::sleep_until(until)));
                continue;
            };
            if end.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let is_same = self.reply_number == self.reply.number.load(Ordering::Relaxed);
            // What is enough of an earlier reply says nothing of this one, beyond the least that is enough of any.
            let enough_bytes = match is_same {
                true => self.enough_bytes,
                false => PROGRESS_BYTES_MIN,
            };
            if waited && self.taken_bytes < enough_bytes {
                let reason = "the peer does not read its reply";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, reason)));
            }
            // It took enough, or the time passed while nothing had to wait.
            self.end = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PatientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PatientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
