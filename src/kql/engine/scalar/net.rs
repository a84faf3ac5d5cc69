//! Functions of IP addresses.

use super::super::json;
use super::super::value::Value;
use super::arrays::constant_texts;
use super::cells::{Long, Text, map1, map2};
use super::{Args, Entry, MANY, Outcome, entry, sure};
use crate::kql::ast::TypeName;
use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) const FUNCTIONS: &[Entry] = &[
    sure("ipv4_is_private", 1, 1, is_private),
    sure("ipv4_is_in_range", 2, 2, |args| in_range("ipv4_is_in_range", args, v4_in_range)),
    sure("ipv6_is_in_range", 2, 2, |args| in_range("ipv6_is_in_range", args, v6_in_range)),
    entry("ipv4_is_in_any_range", 2, MANY, |args| in_any("ipv4_is_in_any_range", args, v4_in_range)),
    entry("ipv6_is_in_any_range", 2, MANY, |args| in_any("ipv6_is_in_any_range", args, v6_in_range)),
    entry("ipv4_is_match", 2, 3, |args| compare(args, |order| order == 0)),
    entry("ipv6_is_match", 2, 3, v6_match),
    entry("ipv4_compare", 2, 3, compare_v4),
    sure("parse_ipv4", 1, 1, |args| {
        map1::<Text, i64>("parse_ipv4", "", TypeName::Long, args.text(0), |text| v4(text).map(|net| i64::from(net.address)))
    }),
    sure("parse_ipv4_mask", 2, 2, parse_mask),
    sure("parse_ipv6", 1, 1, |args| {
        map1::<Text, String>("parse_ipv6", "", TypeName::String, args.text(0), |text| v6(text).map(|net| full(net.0)))
    }),
    entry("format_ipv4", 1, 2, format_v4),
    sure("ipv4_netmask_suffix", 1, 1, |args| {
        map1::<Text, i64>("suffix", "", TypeName::Long, args.text(0), |text| v4(text).map(|net| i64::from(net.bits)))
    }),
    sure("has_ipv4", 2, 2, has_v4),
    sure("has_any_ipv4", 2, MANY, has_any_v4),
    sure("geo_info_from_ip_address", 1, 1, |_| Value::null(TypeName::Dynamic)),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Net {
    address: u32,
    bits: u32,
}

/// Reads `a.b.c.d` or `a.b.c.d/n`.
fn v4(text: &str) -> Option<Net> {
    let (address, bits) = match text.trim().split_once('/') {
        Some((address, bits)) => (address, bits.parse::<u32>().ok().filter(|bits| *bits <= 32)?),
        None => (text.trim(), 32),
    };
    Some(Net { address: u32::from(address.parse::<Ipv4Addr>().ok()?), bits })
}

fn mask(bits: u32) -> u32 {
    u32::MAX.checked_shl(32 - bits.min(32)).unwrap_or(0)
}

fn v4_in_range(text: &str, range: &str) -> Option<bool> {
    let (ip, net) = (v4(text)?, v4(range)?);
    Some(ip.address & mask(net.bits) == net.address & mask(net.bits) && ip.bits >= net.bits)
}

/// Reads an IPv6 or an IPv4 address (mapped), with its prefix.
fn v6(text: &str) -> Option<(u128, u32)> {
    let (address, bits) = text.trim().split_once('/').map_or((text.trim(), None), |(address, bits)| (address, Some(bits)));
    if let Ok(address) = address.parse::<Ipv4Addr>() {
        let bits = bits.map_or(Some(32), |bits| bits.parse::<u32>().ok())?;
        return Some((u128::from(address.to_ipv6_mapped()), bits.min(32) + 96));
    }
    let bits = bits.map_or(Some(128), |bits| bits.parse::<u32>().ok())?;
    Some((u128::from(address.parse::<Ipv6Addr>().ok()?), bits.min(128)))
}

fn full(address: u128) -> String {
    Ipv6Addr::from(address).segments().map(|segment| format!("{segment:04x}")).join(":")
}

fn v6_in_range(text: &str, range: &str) -> Option<bool> {
    let ((ip, _), (net, bits)) = (v6(text)?, v6(range)?);
    let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
    Some(ip & mask == net & mask)
}

fn is_private(args: &Args) -> Value {
    map1::<Text, bool>("ipv4_is_private", "", TypeName::Bool, args.text(0), |text| {
        v4(text).map(|net| Ipv4Addr::from(net.address).is_private())
    })
}

fn in_range(name: &'static str, args: &Args, body: fn(&str, &str) -> Option<bool>) -> Value {
    map2::<Text, Text, bool>(name, "", TypeName::Bool, (args.text(0), args.text(1)), body)
}

fn in_any(name: &'static str, args: &Args, body: fn(&str, &str) -> Option<bool>) -> Outcome {
    let mut ranges = Vec::new();
    for (index, value) in args.all().iter().enumerate().skip(1) {
        match (constant_texts(value), value.as_text()) {
            (Some(list), _) => ranges.extend(list),
            (None, Some(text)) => ranges.push(text.to_owned()),
            _ => return Err(format!("argument #{} must be constant", index + 1)),
        }
    }
    let key = ranges.join(" ");
    Ok(map1::<Text, bool>(name, key, TypeName::Bool, args.text(0), move |text| {
        let mut results = ranges.iter().filter_map(|range| body(text, range)).peekable();
        results.peek()?;
        Some(results.any(|inside| inside))
    }))
}

fn compare(args: &Args, accept: fn(i64) -> bool) -> Outcome {
    let order = compare_v4(args)?;
    Ok(map1::<Long, bool>("ipv4_is_match", "", TypeName::Bool, order, move |order| Some(accept(order))))
}

fn compare_v4(args: &Args) -> Outcome {
    let prefix = u32::try_from(args.constant_long(2, 32)?.clamp(0, 32)).unwrap_or(32);
    Ok(map2::<Text, Text, i64>("ipv4_compare", prefix.to_string(), TypeName::Long, (args.text(0), args.text(1)), move |a, b| {
        let (a, b) = (v4(a)?, v4(b)?);
        let mask = mask(a.bits.min(b.bits).min(prefix));
        Some(match (a.address & mask).cmp(&(b.address & mask)) {
            std::cmp::Ordering::Less => -1,
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Greater => 1,
        })
    }))
}

fn v6_match(args: &Args) -> Outcome {
    let prefix = u32::try_from(args.constant_long(2, 128)?.clamp(0, 128)).unwrap_or(128);
    Ok(map2::<Text, Text, bool>("ipv6_is_match", prefix.to_string(), TypeName::Bool, (args.text(0), args.text(1)), move |a, b| {
        let ((a, a_bits), (b, b_bits)) = (v6(a)?, v6(b)?);
        let mask = u128::MAX.checked_shl(128 - a_bits.min(b_bits).min(prefix)).unwrap_or(0);
        Some(a & mask == b & mask)
    }))
}

fn parse_mask(args: &Args) -> Value {
    map2::<Text, Long, i64>("parse_ipv4_mask", "", TypeName::Long, (args.text(0), args.long(1)), |text, bits| {
        Some(i64::from(v4(text)?.address & mask(u32::try_from(bits).ok()?)))
    })
}

fn format_v4(args: &Args) -> Outcome {
    let bits = u32::try_from(args.constant_long(1, 32)?.clamp(0, 32)).unwrap_or(32);
    if args.get(0).is_numeric() {
        return Ok(map1::<Long, String>("format_ipv4", bits.to_string(), TypeName::String, args.long(0), move |number| {
            Some(Ipv4Addr::from(u32::try_from(number).ok()? & mask(bits)).to_string())
        }));
    }
    Ok(map1::<Text, String>("format_ipv4", format!("text {bits}"), TypeName::String, args.text(0), move |text| {
        Some(Ipv4Addr::from(v4(text)?.address & mask(bits)).to_string())
    }))
}

fn holds(text: &str, ip: &str) -> bool {
    let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '.');
    v4(ip).is_some()
        && text.match_indices(ip).any(|(at, _)| edge(text[..at].chars().next_back()) && edge(text[at + ip.len()..].chars().next()))
}

fn has_v4(args: &Args) -> Value {
    map2::<Text, Text, bool>("has_ipv4", "", TypeName::Bool, (args.text(0), args.text(1)), |text, ip| Some(holds(text, ip)))
}

fn has_any_v4(args: &Args) -> Value {
    let rest = super::arrays::pack(args.all().split_off(1));
    super::arrays::test_list("has_any_ipv4", args.text(0), rest, |text, list| {
        let one = |item: &str| holds(text, &json::text(item));
        list.iter().any(|item| json::elements(item).map_or_else(|| one(item), |mut items| items.any(one)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_their_addresses() {
        assert_eq!(v4_in_range("10.1.2.3", "10.0.0.0/8"), Some(true));
        assert_eq!(v4_in_range("11.1.2.3", "10.0.0.0/8"), Some(false));
        assert_eq!(v4_in_range("x", "10.0.0.0/8"), None);
        assert_eq!(v4_in_range("1.2.3.4", "0.0.0.0/0"), Some(true));
        assert_eq!(v6_in_range("fe80::1", "fe80::/10"), Some(true));
    }

    #[test]
    fn addresses_are_found_whole() {
        assert!(holds("src=1.2.3.4;", "1.2.3.4"));
        assert!(!holds("src=11.2.3.4", "1.2.3.4"));
        assert!(!holds("1.2.3.45", "1.2.3.4"));
    }
}
