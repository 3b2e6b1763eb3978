//! The cipher of the state's file: AES-256-XTS (IEEE 1619) in sectors of 4 KiB.
//!
//! XTS encrypts each unit of 16 bytes by itself, with a tweak that follows from its place. So any run of whole units
//! can be read and written alone, and a write that a power loss cuts between two units leaves the old and the new
//! ones readable.
//!
//! A unit of 16 zero bytes stands for zeros: it was never written. A file that is lengthened reads as zeros, as a
//! plain one does. No encrypted unit is zero, but for a chance of one in 2^128.

use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes256Dec, Aes256Enc, Block};

/// Bytes for which the tweak is made anew.
pub const SECTOR_BYTES: usize = 4096;
/// Least bytes that can be encrypted alone.
pub const UNIT_BYTES: usize = 16;

/// Encrypts and decrypts runs of units by their offset in the file.
pub struct SectorCipher {
    encrypt: Aes256Enc,
    decrypt: Aes256Dec,
    tweak: Aes256Enc,
}

impl std::fmt::Debug for SectorCipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SectorCipher(..)")
    }
}

impl SectorCipher {
    /// The cipher of two keys of 32 bytes: the one for data, then the one for tweaks.
    pub fn new(keys: &[u8; 64]) -> Self {
        let (data, tweak) = keys.split_at(32);
        let key = |bytes: &[u8]| Array::try_from(bytes).unwrap_or_default();
        Self {
            encrypt: Aes256Enc::new(&key(data)),
            decrypt: Aes256Dec::new(&key(data)),
            tweak: Aes256Enc::new(&key(tweak)),
        }
    }

    /// Encrypts whole units in place.
    ///
    /// # Panics
    /// In debug builds, if `offset` or the length is no multiple of [`UNIT_BYTES`].
    pub fn encrypt(&self, offset: u64, bytes: &mut [u8]) {
        self.each_sector(offset, bytes, |tweaks, blocks| {
            xor(blocks, tweaks);
            self.encrypt.encrypt_blocks(blocks);
            xor(blocks, tweaks);
        });
    }

    /// Decrypts whole units in place; those that were never written stay zero.
    ///
    /// # Panics
    /// In debug builds, if `offset` or the length is no multiple of [`UNIT_BYTES`].
    pub fn decrypt(&self, offset: u64, bytes: &mut [u8]) {
        self.each_sector(offset, bytes, |tweaks, blocks| {
            if blocks.iter().any(is_zero) {
                self.decrypt_with_holes(tweaks, blocks);
                return;
            }
            xor(blocks, tweaks);
            self.decrypt.decrypt_blocks(blocks);
            xor(blocks, tweaks);
        });
    }

    fn decrypt_with_holes(&self, tweaks: &[Block], blocks: &mut [Block]) {
        for (block, tweak) in blocks.iter_mut().zip(tweaks) {
            if !is_zero(block) {
                xor_block(block, tweak);
                self.decrypt.decrypt_block(block);
                xor_block(block, tweak);
            }
        }
    }

    /// Hands out the units of one sector at a time, with their tweaks.
    fn each_sector(
        &self,
        mut offset: u64,
        bytes: &mut [u8],
        mut visit: impl FnMut(&[Block], &mut [Block]),
    ) {
        debug_assert!(offset.is_multiple_of(UNIT_BYTES as u64));
        let (mut blocks, rest) = Array::slice_as_chunks_mut(bytes);
        debug_assert!(rest.is_empty(), "whole units only");
        let mut tweaks = [Block::default(); SECTOR_BYTES / UNIT_BYTES];
        while !blocks.is_empty() {
            let unit = (offset % SECTOR_BYTES as u64) as usize / UNIT_BYTES;
            let here = (tweaks.len() - unit).min(blocks.len());
            self.fill_tweaks(offset / SECTOR_BYTES as u64, &mut tweaks[..unit + here]);
            let (now, later) = blocks.split_at_mut(here);
            visit(&tweaks[unit..unit + here], now);
            blocks = later;
            offset += (here * UNIT_BYTES) as u64;
        }
    }

    /// The tweaks of a sector's first units: the encrypted sector number, doubled from unit to unit.
    fn fill_tweaks(&self, sector: u64, tweaks: &mut [Block]) {
        let mut first = Block::default();
        first[..8].copy_from_slice(&sector.to_le_bytes());
        self.tweak.encrypt_block(&mut first);
        let mut tweak = u128::from_le_bytes(first.into());
        for place in tweaks {
            *place = tweak.to_le_bytes().into();
            tweak = double(tweak);
        }
    }
}

/// Multiplication by x in GF(2^128) with the polynomial of IEEE 1619.
fn double(tweak: u128) -> u128 {
    const POLYNOMIAL: u128 = 0x87;
    let carry = (tweak >> 127) * POLYNOMIAL;
    (tweak << 1) ^ carry
}

fn xor(blocks: &mut [Block], tweaks: &[Block]) {
    for (block, tweak) in blocks.iter_mut().zip(tweaks) {
        xor_block(block, tweak);
    }
}

fn xor_block(block: &mut Block, tweak: &Block) {
    for (byte, other) in block.iter_mut().zip(tweak) {
        *byte ^= other;
    }
}

fn is_zero(block: &Block) -> bool {
    block.iter().fold(0, |all, byte| all | byte) == 0
}

#[cfg(test)]
mod tests;
