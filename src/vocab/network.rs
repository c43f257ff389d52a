//! Networks: where a request may come from.

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

    /// Tells whether the address is inside.
    pub fn contains(&self, address: Address) -> bool {
        (self.first..=self.last).contains(&address.0)
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

/// Every address as IPv6 writes it: IPv4 lies in `::ffff:0:0/96`.
fn number(address: IpAddr) -> u128 {
    let address: Ipv6Addr = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    u128::from(address)
}
