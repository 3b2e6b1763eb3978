//! Pages of the lists of jobs. The token of a page is the ARN at which it ended, in the model's form: groups of sixteen
//! hexadecimal digits, seven of them at least.

use headwater_wire::ApiError;
use headwater_wire::messages::transfers as messages;

use crate::known_transfers::{KnownTransfer, id_of};

/// Jobs of a page when the request does not say how many (recorded).
const PAGE_DEFAULT: usize = 10;
const GROUP_BYTES: usize = 8;
const GROUPS_MIN: usize = 7;

/// One page of jobs, which are sorted by id and ARN, the last ones first; and the token of the next page.
pub(crate) fn page(
    jobs: Vec<KnownTransfer>,
    limit: Option<i64>,
    token: Option<&str>,
) -> Result<(Vec<KnownTransfer>, Option<String>), ApiError> {
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(PAGE_DEFAULT);
    let behind = match token {
        None => 0,
        Some(token) => {
            let arn = arn_of(token).ok_or_else(|| messages::page_token_invalid(token))?;
            let ended = (id_of(&arn), arn.as_str());
            // By place: the job itself may be forgotten by now.
            jobs.partition_point(|job| (job.id(), &*job.arn) >= ended)
        }
    };
    let mut page: Vec<KnownTransfer> = jobs.into_iter().skip(behind).take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| more).map(|job| token_of(&job.arn));
    Ok((page, next))
}

fn token_of(arn: &str) -> String {
    let groups = arn.len().div_ceil(GROUP_BYTES).max(GROUPS_MIN);
    let padded = arn.bytes().chain(std::iter::repeat(0));
    let bytes = padded.take(groups * GROUP_BYTES);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

fn arn_of(token: &str) -> Option<String> {
    if !token.is_ascii() {
        return None;
    }
    let digits = token.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let mut bytes = digits.map(byte).collect::<Option<Vec<u8>>>()?;
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    let arn = String::from_utf8(bytes).ok()?;
    arn.starts_with("arn:").then_some(arn)
}

#[cfg(test)]
mod tests {
    use super::{arn_of, token_of};

    #[test]
    fn tokens_have_the_form_of_the_model() {
        for arn in [
            "arn:aws:dynamodb:us-east-1:000000000000:table/ttt/export/01760000000000-00000000",
            "arn:short",
        ] {
            let token = token_of(arn);
            assert!(
                token.len() >= 112 && token.len().is_multiple_of(16),
                "{token}"
            );
            assert_eq!(arn_of(&token).as_deref(), Some(arn));
        }
        for other in ["", "00", "zz", "abcdef0123456789", "\u{e9}\u{e9}"] {
            assert_eq!(arn_of(other), None, "{other}");
        }
    }
}
