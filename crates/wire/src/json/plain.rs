//! Plain runs inside of strings: what needs no escape when it is written and is none when it is read.

/// Where the first byte stands that ends a plain run: a quote, a backslash or a control character. Whole chunks without
/// one are passed over with a test that has no branches, which compilers turn into vector instructions.
pub(super) fn plain_end(bytes: &[u8]) -> Option<usize> {
    const CHUNK: usize = 32;
    let ends = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    let mut passed = 0;
    for chunk in bytes.chunks_exact(CHUNK) {
        let found = chunk.iter().fold(false, |found, byte| found | ends(*byte));
        if found {
            break;
        }
        passed += CHUNK;
    }
    let found = bytes[passed..].iter().position(|byte| ends(*byte));
    found.map(|at| passed + at)
}

#[cfg(test)]
mod tests {
    use super::plain_end;

    #[test]
    fn every_byte_at_every_place_ends_a_run_or_does_not() {
        for byte in 0..=255_u8 {
            let ends = byte < 0x20 || byte == b'"' || byte == b'\\';
            for at in 0..100 {
                let mut bytes = vec![b'a'; 100];
                bytes[at] = byte;
                assert_eq!(plain_end(&bytes), ends.then_some(at));
            }
        }
        assert_eq!(plain_end(b""), None);
    }
}
