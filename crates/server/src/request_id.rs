//! Request ids: 52 upper-case characters as AWS has them (streams.md section 0), unique per server run.

use std::sync::atomic::{AtomicU64, Ordering};

use headwater_model::Rng;
use hyper::header::HeaderValue;

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const LENGTH: usize = 52;

/// Makes request ids.
pub(crate) struct RequestIds {
    seed: [u64; 4],
    count: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new(rng: &dyn Rng) -> Self {
        RequestIds {
            seed: std::array::from_fn(|_| rng.next_u64()),
            count: AtomicU64::new(0),
        }
    }

    /// The next id.
    pub(crate) fn next(&self) -> HeaderValue {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut id = [0; LENGTH];
        for (chunk, seed) in id.chunks_mut(13).zip(self.seed) {
            // An odd factor maps different counts to different words.
            let mut word = seed.wrapping_add(count.wrapping_mul(0x9E37_79B9_7F4A_7C15 | 1));
            for letter in chunk {
                *letter = ALPHABET[(word % 32) as usize];
                word = word.rotate_right(5);
            }
        }
        HeaderValue::from_bytes(&id).unwrap_or(HeaderValue::from_static("0"))
    }
}
