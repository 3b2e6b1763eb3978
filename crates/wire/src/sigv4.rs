//! Signature Version 4: what the `Authorization` header says, and the headers of requests that this server sends. The
//! signatures of requests that come in are not checked here yet.

mod signing;

pub use signing::{Credentials, SigningScope, Unsigned, escaped, hmac_hex, sign};

/// The scope of the credentials that signed a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialScope<'h> {
    /// The access key's id.
    pub access_key: &'h str,
    /// `YYYYMMDD`.
    pub date: &'h str,
    /// The region that the client addresses.
    pub region: &'h str,
    /// The service that the client addresses.
    pub service: &'h str,
}

/// Reads the credential scope of an `Authorization` header, such as
/// `AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=..., Signature=...`;
/// of a presigned URL's `X-Amz-Credential` value, too. `None` if there is none.
pub fn credential_scope(header: &str) -> Option<CredentialScope<'_>> {
    // As all SDKs write it, and only then a search.
    let signed = header
        .strip_prefix("AWS4-HMAC-SHA256 Credential=")
        .or_else(|| Some(header.split_once("Credential=")?.1));
    let credential = match signed {
        Some(rest) => {
            let ends = |byte: &u8| matches!(byte, b',' | b' ');
            let end = rest.as_bytes().iter().position(ends);
            &rest[..end.unwrap_or(rest.len())]
        }
        None => header,
    };
    // An access key may hold slashes; the scope is the last four parts.
    let mut parts = credential.trim().rsplitn(5, '/');
    let terminator = parts.next()?;
    let (service, region, date, access_key) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_whole = terminator == "aws4_request" && !region.is_empty() && !service.is_empty();
    is_whole.then_some(CredentialScope {
        access_key,
        date,
        region,
        service,
    })
}

#[cfg(test)]
mod tests {
    use super::{CredentialScope, credential_scope};

    #[test]
    fn reads_the_scope() {
        let expected = CredentialScope {
            access_key: "AKID",
            date: "20260101",
            region: "eu-west-1",
            service: "dynamodb",
        };
        for header in [
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00",
            "AWS4-HMAC-SHA256 SignedHeaders=host,Credential=AKID/20260101/eu-west-1/dynamodb/aws4_request,Signature=00",
            "AKID/20260101/eu-west-1/dynamodb/aws4_request",
        ] {
            assert_eq!(credential_scope(header), Some(expected), "{header}");
        }
    }

    #[test]
    fn other_headers_have_none() {
        for header in [
            "",
            "Basic abc",
            "AWS4-HMAC-SHA256 Credential=",
            "Credential=a/b/c/d/e",
            "Credential=AKID/20260101//dynamodb/aws4_request",
        ] {
            assert_eq!(credential_scope(header), None, "{header}");
        }
    }
}
