//! Networks: where a request may come from.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// A set of neighbouring addresses: one address, a range, or a CIDR block.
///
/// IPv4-mapped IPv6 addresses (`::ffff:10.0.0.1`) are the IPv4 address; a block of IPv6 that holds all of `::ffff:0:0/96`
/// holds every IPv4 address, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    first: u128,
    last: u128,
}

impl Network {
    /// Reads `10.0.0.1`, `10.0.0.1-10.0.0.9`, `10.0.0.0/8` and their IPv6 forms; blanks around are allowed.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some((first, last)) = text.split_once('-') {
            let first = number(parse_address(first.trim())?);
            let last = number(parse_address(last.trim())?);
            return (first <= last).then_some(Self { first, last });
        }
        if text.contains('/') {
            let block: IpNet = text.parse().ok()?;
            let last = match block {
                IpNet::V4(block) => IpAddr::V4(block.broadcast()),
                IpNet::V6(block) => IpAddr::V6(block.broadcast()),
            };
            return Some(Self {
                first: number(block.network()),
                last: number(last),
            });
        }
        let only = number(parse_address(text)?);
        Some(Self {
            first: only,
            last: only,
        })
    }

    /// Returns the first address of it, as text.
    pub fn first(&self) -> String {
        text(self.first)
    }

    /// Tells whether the address is inside.
    pub fn contains(&self, address: Address) -> bool {
        (self.first..=self.last).contains(&address.0)
    }
}

/// Writes an address, a CIDR block, or a range that is no block.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (text(self.first), text(self.last));
        if self.first == self.last {
            return f.write_str(&first);
        }
        // A block has as many addresses as a power of two, and begins at a multiple of that.
        let size = (self.last - self.first).checked_add(1);
        let free = size.map_or(128, u128::trailing_zeros);
        let is_block = size.is_none_or(|size| size.is_power_of_two() && self.first.is_multiple_of(size));
        let is_v4 = first.contains('.') && last.contains('.');
        match (is_block, is_v4) {
            (true, true) => write!(f, "{first}/{}", 32_u32.saturating_sub(free)),
            (true, false) if !first.contains('.') => write!(f, "{first}/{}", 128_u32.saturating_sub(free)),
            (true | false, _) => write!(f, "{first}-{last}"),
        }
    }
}

/// An address that a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(u128);

impl Address {
    /// Reads an IPv4 or IPv6 address.
    pub fn parse(text: &str) -> Option<Self> {
        parse_address(text).map(|address| Self(number(address)))
    }
}

fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// Writes an address, IPv4 as such.
fn text(number: u128) -> String {
    let address = Ipv6Addr::from(number);
    match address.to_ipv4_mapped() {
        Some(address) => address.to_string(),
        None => address.to_string(),
    }
}

/// Every address as IPv6 writes it: IPv4 lies in `::ffff:0:0/96`.
fn number(address: IpAddr) -> u128 {
    let address: Ipv6Addr = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    u128::from(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_written_as_they_are_read() {
        for (read, written) in [
            ("10.0.0.1", "10.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("10.0.0.0-10.0.0.255", "10.0.0.0/24"),
            ("10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9"),
            ("10.0.0.1-10.0.0.2", "10.0.0.1-10.0.0.2"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("2001:db8::1-2001:db8::3", "2001:db8::1-2001:db8::3"),
            ("::/0", "::/0"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
        ] {
            let network = Network::parse(read).unwrap();
            assert_eq!(network.to_string(), written, "{read}");
            assert_eq!(Network::parse(written).unwrap(), network, "{read}");
            assert!(
                network.contains(Address::parse(&network.first()).unwrap()),
                "{read}"
            );
        }
    }
}
