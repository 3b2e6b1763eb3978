//! Listing streams, in the order of their creation: what is added while somebody pages comes behind.

use std::sync::Arc;

use headwater_engine::StreamRecord;

use crate::arn::StreamArn;
use crate::error::StreamsError;
use crate::streams::Streams;

/// A page of streams.
#[derive(Clone, Debug)]
pub struct StreamList {
    /// The streams, enabled and disabled ones, oldest first.
    pub streams: Vec<Arc<StreamRecord>>,
    /// Whether there are more behind the last one.
    pub more: bool,
}

impl Streams {
    /// Lists the streams of a namespace, or of one table, that come after the one with the ARN `after`.
    /// That one may be gone meanwhile: its label still tells where it stood.
    ///
    /// # Errors
    /// [`StreamsError::InvalidArn`] if `after` is none; [`StreamsError::Engine`].
    pub async fn list(
        &self,
        namespace: &str,
        table_name: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<StreamList, StreamsError> {
        let after = after.map(StreamArn::parse).transpose()?;
        let known = after
            .and_then(|after| {
                self.database
                    .stream(namespace, after.table_name, after.label)
            })
            .map(|stream| stream.id);
        let is_after = |stream: &StreamRecord| match (known, after) {
            (Some(id), _) => stream.id > id,
            (None, Some(after)) => stream.label.as_str() > after.label,
            (None, None) => true,
        };
        let mut streams = self.database.streams().await?;
        streams.retain(|stream| {
            !stream.hidden
                && stream.namespace == namespace
                && table_name.is_none_or(|name| stream.table_name == name)
                && is_after(stream)
                && self.is_readable(stream)
        });
        let more = streams.len() > limit;
        streams.truncate(limit);
        Ok(StreamList { streams, more })
    }
}
