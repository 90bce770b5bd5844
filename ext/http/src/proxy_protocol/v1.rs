//! Version 1: `PROXY TCP4 192.0.2.7 192.0.2.1 52114 443` and a line break.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::{MalformedHeader, Parsed, Whose, NO_HEADER};

const START: &[u8] = b"PROXY ";
/// The longest line with its line break: two IPv6 addresses at full length.
const LONGEST: usize = 107;

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, MalformedHeader> {
    let known = bytes.len().min(START.len());
    if bytes[..known] != START[..known] {
        return Err(NO_HEADER);
    }
    let window = &bytes[..bytes.len().min(LONGEST)];
    let Some(end) = memchr::memchr(b'\n', window) else {
        return if window.len() < LONGEST { Ok(Parsed::Part) } else { Err(MalformedHeader("the header has no end")) };
    };
    let line =
        window[START.len().min(end)..end].strip_suffix(b"\r").ok_or(MalformedHeader("its line ends without CR"))?;
    Ok(Parsed::Whole(end + 1, whose(line)?))
}

fn whose(line: &[u8]) -> Result<Whose, MalformedHeader> {
    // The rest of the line is ignored.
    if line == b"UNKNOWN" || line.starts_with(b"UNKNOWN ") {
        return Ok(Whose::Unknown);
    }
    let line = std::str::from_utf8(line).map_err(|_| MalformedHeader("the header is not text"))?;
    let mut words = line.split(' ');
    let address: fn(&str) -> Option<IpAddr> = match words.next() {
        Some("TCP4") => ip::<Ipv4Addr>,
        Some("TCP6") => ip::<Ipv6Addr>,
        _ => return Err(MalformedHeader("it names no protocol that there is")),
    };
    let mut next =
        |read: fn(&str) -> Option<IpAddr>| words.next().and_then(read).ok_or(MalformedHeader("an address is wrong"));
    let (from, to) = (next(address)?, next(address)?);
    let mut port = || words.next().and_then(port).ok_or(MalformedHeader("a port is wrong"));
    let (source, destination) = (SocketAddr::new(from, port()?), SocketAddr::new(to, port()?));
    match words.next() {
        None => Ok(Whose::Client { source, destination }),
        Some(_) => Err(MalformedHeader("there is more on its line than belongs there")),
    }
}

fn ip<A: FromStr + Into<IpAddr>>(text: &str) -> Option<IpAddr> {
    text.parse::<A>().ok().map(Into::into)
}

/// A port: digits without a leading zero.
fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| digits)
}

pub(super) fn write(ends: Option<(SocketAddr, SocketAddr)>, out: &mut Vec<u8>) {
    let line = match ends {
        None => "PROXY UNKNOWN\r\n".to_owned(),
        Some((source, destination)) => {
            let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
            let (from, to) = (source.ip(), destination.ip());
            format!("PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port())
        }
    };
    out.extend_from_slice(line.as_bytes());
}
