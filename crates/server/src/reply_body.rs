//! The body of a reply: whole, or events as they come.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full as Whole;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc::Receiver;

/// The body of a reply.
pub(crate) enum ReplyBody {
    /// All of it is there.
    Whole(Whole<Bytes>),
    /// What somebody sends, until that ends.
    Events(Receiver<Bytes>),
}

impl ReplyBody {
    /// A body that is there.
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        ReplyBody::Whole(Whole::new(bytes.into()))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            ReplyBody::Whole(whole) => Pin::new(whole).poll_frame(context),
            ReplyBody::Events(events) => {
                let event = events.poll_recv(context);
                event.map(|event| event.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ReplyBody::Whole(whole) => whole.is_end_stream(),
            ReplyBody::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ReplyBody::Whole(whole) => whole.size_hint(),
            ReplyBody::Events(_) => SizeHint::default(),
        }
    }
}
