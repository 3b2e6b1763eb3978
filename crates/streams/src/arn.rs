//! Stream ARNs: `arn:<partition>:dynamodb:<region>:<account>:table/<table>/stream/<label>`
//! (streams.md section 2).

use std::fmt;

/// The parts of a stream's ARN, borrowed from its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamArn<'a> {
    /// `aws`, or that of another partition.
    pub partition: &'a str,
    /// The region.
    pub region: &'a str,
    /// The account id.
    pub account: &'a str,
    /// The table's name.
    pub table_name: &'a str,
    /// The stream's label.
    pub label: &'a str,
}

/// A text that is not the ARN of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the arn of a stream")]
pub struct InvalidArn;

impl<'a> StreamArn<'a> {
    /// Reads an ARN.
    ///
    /// # Errors
    /// [`InvalidArn`] if the text is not of the form, or a part of it is empty.
    pub fn parse(text: &'a str) -> Result<Self, InvalidArn> {
        Self::split(text).ok_or(InvalidArn)
    }

    /// Whether two texts name one stream of one namespace, whatever partition, region and account they say.
    pub fn is_same(one: &'a str, other: &'a str) -> bool {
        let stream = |text| Self::parse(text).map(|arn| (arn.table_name, arn.label));
        one == other || matches!((stream(one), stream(other)), (Ok(one), Ok(other)) if one == other)
    }

    fn split(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix("arn:")?;
        let (partition, rest) = rest.split_once(':')?;
        let rest = rest.strip_prefix("dynamodb:")?;
        let (region, rest) = rest.split_once(':')?;
        let (account, resource) = rest.split_once(':')?;
        let (table_name, label) = resource.strip_prefix("table/")?.split_once("/stream/")?;
        let parts = [partition, region, account, table_name, label];
        if parts.contains(&"") || table_name.contains('/') || label.contains('/') {
            return None;
        }
        Some(StreamArn {
            partition,
            region,
            account,
            table_name,
            label,
        })
    }
}

impl fmt::Display for StreamArn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:{}:dynamodb:{}:{}:table/{}/stream/{}",
            self.partition, self.region, self.account, self.table_name, self.label
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{InvalidArn, StreamArn};

    const ARN: &str =
        "arn:aws:dynamodb:us-east-1:000000000000:table/t.1/stream/2015-05-20T20:51:10.252";

    #[test]
    fn reads_and_writes() {
        let arn = StreamArn::parse(ARN).expect("an arn");
        assert_eq!(arn.region, "us-east-1");
        assert_eq!(arn.account, "000000000000");
        assert_eq!(arn.table_name, "t.1");
        assert_eq!(arn.label, "2015-05-20T20:51:10.252");
        assert_eq!(arn.to_string(), ARN);
    }

    #[test]
    fn refuses_what_is_no_stream_arn() {
        for text in [
            "",
            "t",
            "arn:aws:dynamodb:us-east-1:000000000000:table/t",
            "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/",
            "arn:aws:dynamodb:us-east-1:000000000000:table//stream/x",
            "arn:aws:kinesis:us-east-1:000000000000:table/t/stream/x",
            "arn:aws:dynamodb::000000000000:table/t/stream/x",
            "arn:aws:dynamodb:us-east-1:000000000000:table/a/b/stream/x",
            "arn:aws:dynamodb:us-east-1:000000000000:table/a/stream/x/y",
        ] {
            assert_eq!(StreamArn::parse(text), Err(InvalidArn), "{text}");
        }
    }
}
