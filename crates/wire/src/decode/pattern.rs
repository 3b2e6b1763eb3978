//! The few regular expressions of the API model, matched by hand.

/// A pattern of the API model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Tables and indexes.
    Name,
    /// A function's name or ARN, at its creation.
    FunctionName,
    /// A function's name or ARN.
    NamespacedFunctionName,
    /// A function's version or alias.
    Qualifier,
    /// An IAM role.
    RoleArn,
    /// Anything without white space.
    Handler,
    /// An S3 bucket.
    Bucket,
    /// Any ARN.
    Arn,
    /// Where failed batches go.
    Destination,
    /// The ARN of an encryption key, or nothing.
    KeyArn,
    /// A log group.
    LogGroup,
    /// An alias, which must not look like a version.
    Alias,
    /// A version of a function.
    Version,
    /// What can have tags in Lambda.
    TaggableResource,
    /// What makes starting a transfer idempotent.
    ClientToken,
    /// An S3 bucket that items go to or come from.
    TransferBucket,
    /// An account's number.
    Account,
    /// What stands between the columns of a CSV file.
    CsvDelimiter,
    /// The name of a column of a CSV file.
    CsvHeader,
    /// Where the next page of a list begins.
    PageToken,
}

impl Pattern {
    /// The expression as the API model writes it; shown to clients.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Pattern::Name => "[a-zA-Z0-9_.-]+",
            Pattern::FunctionName => {
                r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
            }
            Pattern::NamespacedFunctionName => {
                r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
            }
            Pattern::Qualifier => r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+",
            Pattern::RoleArn => r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
            Pattern::Handler => r"[^\s]+",
            Pattern::Bucket => r"[0-9A-Za-z\.\-_]*(?<!\.)",
            Pattern::Arn => {
                r"arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)"
            }
            Pattern::Destination => {
                r"$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)"
            }
            Pattern::KeyArn => r"(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()",
            Pattern::LogGroup => r"[\.\-_/#A-Za-z0-9]+",
            Pattern::Alias => r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)",
            Pattern::Version => r"(\$LATEST(\.PUBLISHED)?|[0-9]+)",
            Pattern::ClientToken => r"^[^\$]+$",
            Pattern::TransferBucket => r"^[a-z0-9A-Z]+[\.\-\w]*[a-z0-9A-Z]+$",
            Pattern::Account => "[0-9]{12}",
            Pattern::CsvDelimiter => r"[,;:|\t ]",
            Pattern::CsvHeader => r"[\x20-\x21\x23-\x2B\x2D-\x7E]*",
            Pattern::PageToken => "([0-9a-f]{16})+",
            Pattern::TaggableResource => {
                r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|(capacity-provider|network-connector):[a-zA-Z0-9-_]{1,64})"
            }
        }
    }

    /// Whether the whole text matches.
    pub(crate) fn matches(self, text: &str) -> bool {
        match self {
            Pattern::Name => is_word(text, "_.-"),
            Pattern::FunctionName => is_function(text, "-_", &["$LATEST"]),
            Pattern::NamespacedFunctionName => {
                is_function(text, "-_.", &["$LATEST", "$LATEST.PUBLISHED"])
            }
            Pattern::Qualifier => text == "$LATEST.PUBLISHED" || is_word(text, "-_$"),
            Pattern::RoleArn => is_role(text),
            Pattern::Handler => {
                !text.is_empty() && !text.contains(|c: char| c.is_ascii_whitespace())
            }
            Pattern::Bucket => (text.is_empty() || is_word(text, ".-_")) && !text.ends_with('.'),
            Pattern::Arn => is_arn(text),
            Pattern::Destination => text.is_empty() || is_topic_url(text) || is_arn(text),
            Pattern::KeyArn => text.is_empty() || is_key_arn(text),
            Pattern::LogGroup => is_word(text, ".-_/#"),
            Pattern::Alias => is_word(text, "-_") && !is_number(text),
            Pattern::Version => matches!(text, "$LATEST" | "$LATEST.PUBLISHED") || is_number(text),
            Pattern::TaggableResource => is_taggable(text),
            Pattern::ClientToken => !text.is_empty() && !text.contains('$'),
            Pattern::TransferBucket => is_transfer_bucket(text),
            Pattern::Account => text.len() == 12 && is_number(text),
            Pattern::CsvDelimiter => matches!(text, "," | ";" | ":" | "|" | "\t" | " "),
            Pattern::CsvHeader => text
                .bytes()
                .all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b','),
            Pattern::PageToken => {
                !text.is_empty()
                    && text.len().is_multiple_of(16)
                    && text
                        .bytes()
                        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            }
        }
    }
}

/// Letters, digits and `.`, `-`, `_` between two letters or digits.
fn is_transfer_bucket(text: &str) -> bool {
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let mut chars = text.chars();
    is_end(chars.next()) && is_end(chars.next_back()) && is_word(text, ".-_")
}

fn is_key_arn(text: &str) -> bool {
    let mut parts = text.splitn(4, ':');
    let (arn, partition, service) = (parts.next(), parts.next(), parts.next());
    let is_partition = |text: &str| {
        text.is_empty()
            || text
                .strip_prefix("aws")
                .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_alphabetic() || c == '-'))
    };
    let is_service = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
    };
    arn == Some("arn")
        && partition.is_some_and(is_partition)
        && service.is_some_and(is_service)
        && parts.next().is_some_and(|rest| !rest.contains('\n'))
}

/// One or more ASCII letters, digits and the other characters.
fn is_word(text: &str, others: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

fn is_partition(text: &str) -> bool {
    text.strip_prefix("aws")
        .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `us-east-1`, `us-gov-west-1`, `us-isob-east-1`, `eusc-de-east-1`.
fn is_region(text: &str) -> bool {
    let text = text.strip_prefix("eusc-").unwrap_or(text);
    let parts: Vec<&str> = text.split('-').collect();
    let is_letters =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_infix = |part: &str| {
        part == "gov" || (part.starts_with("iso") && part.len() <= 4 && is_letters(part))
    };
    let (country, place, number) = match parts.as_slice() {
        [country, place, number] => (country, place, number),
        [country, infix, place, number] if is_infix(infix) => (country, place, number),
        _ => return false,
    };
    country.len() == 2
        && is_letters(country)
        && is_letters(place)
        && number.len() == 1
        && is_account_digit(number)
}

fn is_account_digit(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A function's name with what may stand before and after it.
fn is_function(text: &str, name_others: &str, latest: &[&str]) -> bool {
    let mut rest = text;
    if let Some(after) = rest.strip_prefix("arn:") {
        let mut parts = after.splitn(3, ':');
        let (Some(partition), Some("lambda"), Some(after)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        if !partition.is_empty() && !is_partition(partition) {
            return false;
        }
        rest = after;
    }
    let is_prefix: [fn(&str) -> bool; 3] = [is_region, is_account, |part| part == "function"];
    for is_prefix in is_prefix {
        if let Some((part, after)) = rest.split_once(':')
            && is_prefix(part)
        {
            rest = after;
        }
    }
    match rest.split_once(':') {
        None => is_word(rest, name_others),
        Some((name, qualifier)) => {
            is_word(name, name_others) && (latest.contains(&qualifier) || is_word(qualifier, "-_"))
        }
    }
}

fn is_role(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, role] = parts.as_slice() else {
        return false;
    };
    (partition.is_empty() || is_partition(partition))
        && is_account(account)
        && role
            .strip_prefix("role")
            .is_some_and(|name| is_word(name, "_+=,.@-/"))
}

fn is_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, service, region, account, _] = parts.as_slice() else {
        return false;
    };
    is_partition(partition)
        && is_word(service, "-")
        && (region.is_empty() || is_region(region))
        && (account.is_empty() || is_account(account))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_taggable(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(7, ':').collect();
    let ["arn", partition, "lambda", region, account, kind, name] = parts.as_slice() else {
        return false;
    };
    is_partition(partition)
        && is_region(region)
        && is_account(account)
        && match *kind {
            "function" => is_function(name, "-_", &["$LATEST"]) && !name.starts_with("function:"),
            "event-source-mapping" => is_uuid(name),
            "code-signing-config" => name
                .strip_prefix("csc-")
                .is_some_and(|id| id.len() == 17 && is_word(id, "") && id == id.to_lowercase()),
            "capacity-provider" | "network-connector" => is_word(name, "-_") && name.len() <= 64,
            _ => false,
        }
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.concat().bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_topic_url(text: &str) -> bool {
    text.strip_prefix("kafka://").is_some_and(|topic| {
        let mut letters = topic.chars();
        letters.next().is_some_and(|first| first != '.')
            && topic.chars().count() <= 249
            && letters.all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn match_what_the_expressions_match() {
        for (pattern, text, expected) in [
            (Pattern::Name, "a.B-c_1", true),
            (Pattern::Name, "", false),
            (Pattern::Name, "a b", false),
            (Pattern::FunctionName, "my-function", true),
            (Pattern::FunctionName, "my.function", false),
            (Pattern::FunctionName, "my-function:$LATEST", true),
            (
                Pattern::FunctionName,
                "arn:aws:lambda:us-east-1:123456789012:function:f:1",
                true,
            ),
            (Pattern::FunctionName, "123456789012:function:f", true),
            (
                Pattern::FunctionName,
                "arn:aws:sqs:us-east-1:123456789012:f",
                false,
            ),
            (Pattern::FunctionName, "f:a:b", false),
            (
                Pattern::NamespacedFunctionName,
                "my.function:$LATEST.PUBLISHED",
                true,
            ),
            (Pattern::Qualifier, "$LATEST", true),
            (Pattern::Qualifier, "a b", false),
            (
                Pattern::RoleArn,
                "arn:aws:iam::123456789012:role/service/x",
                true,
            ),
            (Pattern::RoleArn, "arn:aws:iam::1234:role/x", false),
            (Pattern::RoleArn, "role", false),
            (Pattern::Handler, "index.handler", true),
            (Pattern::Handler, "index handler", false),
            (Pattern::Bucket, "b.c", true),
            (Pattern::Bucket, "b.", false),
            (
                Pattern::Arn,
                "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2015-05-20T20:51:10.252",
                true,
            ),
            (Pattern::Arn, "arn:aws:sns:us-gov-west-1::t", true),
            (Pattern::Arn, "arn:aws:sns:mars:000000000000:t", false),
            (Pattern::Destination, "", true),
            (Pattern::Destination, "kafka://topic", true),
            (Pattern::Destination, "http://x", false),
            (Pattern::KeyArn, "", true),
            (
                Pattern::KeyArn,
                "arn:aws:kms:us-east-1:000000000000:key/k",
                true,
            ),
            (Pattern::KeyArn, "arn:aws:kms", false),
            (Pattern::KeyArn, "arn:other:kms:key", false),
            (Pattern::KeyArn, "key", false),
            (Pattern::LogGroup, "/aws/lambda/f", true),
            (Pattern::Alias, "live-1", true),
            (Pattern::Alias, "1a", true),
            (Pattern::Alias, "17", false),
            (Pattern::Alias, "$LATEST", false),
            (Pattern::Version, "$LATEST", true),
            (Pattern::Version, "17", true),
            (Pattern::Version, "live", false),
            (
                Pattern::TaggableResource,
                "arn:aws:lambda:us-east-1:123456789012:function:f",
                true,
            ),
            (
                Pattern::TaggableResource,
                "arn:aws:lambda:us-east-1:123456789012:function:f:live",
                true,
            ),
            (
                Pattern::TaggableResource,
                "arn:aws:lambda:us-east-1:123456789012:event-source-mapping:6f1e0c0a-58b1-4d0e-9c55-0f6f0a3f6b8e",
                true,
            ),
            (
                Pattern::TaggableResource,
                "arn:aws:lambda:us-east-1:123456789012:event-source-mapping:6f1e0c0a",
                false,
            ),
            (Pattern::TaggableResource, "f", false),
            (
                Pattern::TaggableResource,
                "arn:aws:dynamodb:us-east-1:123456789012:table/t",
                false,
            ),
        ] {
            assert_eq!(pattern.matches(text), expected, "{pattern:?} on {text}");
        }
    }
}
