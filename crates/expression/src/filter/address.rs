//! `cidr` rules: blocks of IP addresses.

use std::net::IpAddr;

/// A block of IPv4 or IPv6 addresses. Bits of the address behind the mask don't count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    first: IpAddr,
    mask_bits: u32,
}

impl Block {
    /// Reads `ADDRESS/BITS`. As in the ruler, a mask of all bits is refused: that is equality.
    pub(super) fn parse(text: &str) -> Result<Block, String> {
        let bad = || format!("{text:?} is no block of addresses such as 10.0.0.0/24");
        let (address, bits) = text.split_once('/').ok_or_else(bad)?;
        let first: IpAddr = address.parse().map_err(|_| bad())?;
        let mask_bits: u32 = bits.parse().map_err(|_| bad())?;
        let width = width(first);
        if mask_bits >= width {
            return Err(format!(
                "{text:?} must leave a bit free: at most /{}",
                width - 1
            ));
        }
        Ok(Block { first, mask_bits })
    }

    /// Whether the text is an address of this block.
    pub(super) fn contains(self, text: &str) -> bool {
        let Ok(address) = text.parse::<IpAddr>() else {
            return false;
        };
        let free_bits = width(self.first) - self.mask_bits;
        width(address) == width(self.first)
            && shifted(address, free_bits) == shifted(self.first, free_bits)
    }
}

fn width(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The bits that the mask keeps.
fn shifted(address: IpAddr, free_bits: u32) -> u128 {
    let bits = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    };
    bits.checked_shr(free_bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_addresses_of_their_kind() {
        for (block, inside, outside) in [
            ("10.0.0.0/24", "10.0.0.255", "10.0.1.0"),
            ("10.0.0.77/24", "10.0.0.0", "9.255.255.255"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("10.0.0.0/31", "10.0.0.1", "10.0.0.2"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "ffff::", "1.2.3.4"),
        ] {
            let parsed = Block::parse(block).expect(block);
            assert!(parsed.contains(inside), "{block} {inside}");
            assert!(!parsed.contains(outside), "{block} {outside}");
            assert!(!parsed.contains("host") && !parsed.contains(""));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in [
            "10.0.0.0",
            "10.0.0.0/32",
            "::/128",
            "10.0.0.0/-1",
            "10.0.0/8",
            "/8",
            "10.0.0.0/",
            "a/8",
            "10.0.0.0/8/8",
        ] {
            assert!(Block::parse(bad).is_err(), "{bad}");
        }
    }
}
