//! Random numbers and text. The text is half words and half noise, so that it compresses about as
//! well as real items do, and long enough that one block of the log sees no part of it twice.

const WORDS: &[&str] = &[
    "order",
    "pending",
    "shipped",
    "delivered",
    "customer",
    "address",
    "street",
    "invoice",
    "total",
    "express",
    "standard",
    "returned",
    "warehouse",
    "north",
    "south",
    "payment",
    "card",
    "received",
    "status",
    "priority",
    "gift",
    "note",
    "leave",
    "at",
    "the",
    "door",
    "with",
    "neighbour",
];
const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const POOL_BYTES: usize = 16 << 20;

/// A small random generator (xorshift64*), the same sequence on each run.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator; different seeds give different sequences.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// A long text to cut pieces from.
pub struct Pool {
    text: Vec<u8>,
}

impl Pool {
    /// Makes the text.
    pub fn new() -> Self {
        let mut random = Random::new(1);
        let mut text = Vec::with_capacity(POOL_BYTES + 64);
        while text.len() < POOL_BYTES {
            for _ in 0..4 {
                text.extend_from_slice(WORDS[random.below(WORDS.len())].as_bytes());
                text.push(b' ');
            }
            for _ in 0..3 {
                let bits = random.next();
                text.extend((0..10).map(|at| SYMBOLS[(bits >> (at * 6)) as usize & 63]));
            }
        }
        Self { text }
    }

    /// A random piece.
    pub fn piece(&self, random: &mut Random, bytes: usize) -> &[u8] {
        let start = random.below(self.text.len() - bytes);
        &self.text[start..start + bytes]
    }
}
