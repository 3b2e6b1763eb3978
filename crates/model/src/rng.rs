//! Randomness, handed in: the real source is made where the program is put together, tests and
//! simulations take a [`SeededRng`].

use std::sync::atomic::{AtomicU64, Ordering};

/// A source of random bytes that many threads may share.
pub trait Rng: Send + Sync {
    /// Fills `out` with random bytes.
    fn fill(&self, out: &mut [u8]);

    /// Eight random bytes as a number.
    fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// Random numbers that follow from a seed (SplitMix64). Not for secrets.
#[derive(Debug)]
pub struct SeededRng {
    state: AtomicU64,
}

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl SeededRng {
    /// The numbers that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            state: AtomicU64::new(seed),
        }
    }

    /// A number below `bound`, or 0 if `bound` is 0. Slightly biased for huge bounds.
    pub fn below(&self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }
}

impl Rng for SeededRng {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let bytes = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }

    fn next_u64(&self) -> u64 {
        let state = self.state.fetch_add(STEP, Ordering::Relaxed);
        let mixed = state.wrapping_add(STEP);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::{Rng, SeededRng};

    #[test]
    fn follows_from_the_seed() {
        // The published first outputs of SplitMix64 for seed 0.
        let rng = SeededRng::new(0);
        assert_eq!(rng.next_u64(), 0xE220_A839_7B1D_CDAF);
        assert_eq!(rng.next_u64(), 0x6E78_9E6A_A1B9_65F4);
        assert_ne!(SeededRng::new(1).next_u64(), SeededRng::new(2).next_u64());
    }

    #[test]
    fn fills_any_length() {
        for len in 0..40 {
            let mut first = vec![0; len];
            let mut second = vec![0; len];
            SeededRng::new(7).fill(&mut first);
            SeededRng::new(7).fill(&mut second);
            assert_eq!(first, second);
            assert!(len < 8 || first.iter().any(|byte| *byte != 0));
        }
    }

    #[test]
    fn below_stays_below() {
        let rng = SeededRng::new(3);
        assert_eq!(rng.below(0), 0);
        assert!((0..1000).all(|_| rng.below(10) < 10));
        assert!((0..10).all(|wanted| (0..1000).any(|_| rng.below(10) == wanted)));
    }
}
