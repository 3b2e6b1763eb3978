//! Mutations of inputs by a seed: what libFuzzer does, without its knowledge of the code.

use headwater_model::{Rng, SeededRng};

/// Bytes that mean something to one of the targets.
const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\\u0000",
    "null",
    "true",
    "1e400",
    "-0",
    "\n",
    "(",
    ")",
    "NOT ",
    " AND ",
    " OR ",
    " IN (",
    "#n",
    ":v",
    ":s",
    "SET ",
    "REMOVE ",
    "ADD ",
    "DELETE ",
    "size(",
    "if_not_exists(",
    "list_append(",
    "begins_with(",
    "attribute_type(",
    "a",
    "a.b",
    "[0]",
    "[4294967296]",
    "pk",
    "=",
    "<>",
    "BETWEEN",
    "9",
    "e-130",
    "E125",
    ".",
    "|2|",
    "arn:aws:dynamodb:",
    "/stream/",
    "{\"S\":\"",
    "{\"N\":\"",
    "{\"L\":[",
    "{\"M\":{",
    "{\"B\":\"",
    "{\"SS\":[",
];

pub struct Mutator {
    rng: SeededRng,
}

impl Mutator {
    pub fn new(seed: u64) -> Self {
        Mutator {
            rng: SeededRng::new(seed),
        }
    }

    fn below(&self, limit: usize) -> usize {
        (self.rng.next_u64() % limit.max(1) as u64) as usize
    }

    /// One input, made of those that there are.
    pub fn input(&self, corpus: &[Vec<u8>], bytes_max: usize) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut input, corpus);
        }
        input.truncate(bytes_max);
        input
    }

    fn change(&self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        match self.below(8) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.rng.next_u64() as u8,
            2 => input.insert(at, self.rng.next_u64() as u8),
            3 => {
                let end = (at + 1 + self.below(16)).min(input.len());
                input.drain(at.min(end)..end);
            }
            4 => {
                let token = TOKENS[self.below(TOKENS.len())];
                input.splice(at..at, token.bytes());
            }
            5 => {
                let other = &corpus[self.below(corpus.len())];
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            6 => {
                let end = (at + 1 + self.below(64)).min(input.len());
                let part = input[at.min(end)..end].to_vec();
                for _ in 0..self.below(8) {
                    input.splice(at..at, part.iter().copied());
                }
            }
            _ if at < input.len() => {
                const ODD: [u8; 6] = [0, 1, 0x7f, 0x80, 0xff, b'0'];
                input[at] = ODD[self.below(ODD.len())];
            }
            _ => {}
        }
    }
}
