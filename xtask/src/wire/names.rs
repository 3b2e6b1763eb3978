//! From the names of the models to Rust's.

/// `KMSMasterKeyId` -> `kms_master_key_id`, `S3Bucket` -> `s3_bucket`, `eventID` -> `event_id`.
pub fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut text = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        let after_small = at > 0 && !letters[at - 1].is_ascii_uppercase();
        let before_small = letters.get(at + 1).is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && at > 0 && (after_small || before_small) {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    if text == "type" {
        "r#type".to_owned()
    } else {
        text
    }
}

/// `SSESpecification` -> `SseSpecification`, `NEW_AND_OLD_IMAGES` -> `NewAndOldImages`, `Zip` -> `Zip`.
pub fn camel(name: &str) -> String {
    snake(&name.replace(['.', '-'], "_"))
        .trim_start_matches("r#")
        .split('_')
        .filter(|part| !part.is_empty())
        .map(|part| part[..1].to_ascii_uppercase() + &part[1..])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{camel, snake};

    #[test]
    fn names_become_rust_names() {
        for (name, expected) in [
            ("TableName", "table_name"),
            ("KMSMasterKeyId", "kms_master_key_id"),
            ("SSESpecification", "sse_specification"),
            ("eventID", "event_id"),
            ("UUID", "uuid"),
            ("S3Bucket", "s3_bucket"),
            ("SizeEstimateRangeGB", "size_estimate_range_gb"),
            ("CodeSha256", "code_sha256"),
            ("Type", "r#type"),
        ] {
            assert_eq!(snake(name), expected);
        }
        for (name, expected) in [
            ("NEW_AND_OLD_IMAGES", "NewAndOldImages"),
            ("S", "S"),
            ("AES256", "Aes256"),
            ("RequestResponse", "RequestResponse"),
            ("SSEType", "SseType"),
        ] {
            assert_eq!(camel(name), expected);
        }
    }
}
