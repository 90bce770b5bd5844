//! The PROXY protocol of HAProxy's proxy-protocol.txt, in both versions: the few bytes in front of a connection in
//! which a proxy says whose connection it passes on.
//!
//! Reading is strict: what is not exactly such a header is none. The text form (version 1) is at most 107 bytes long,
//! the binary one (version 2) at most [`LONGEST`].

mod v1;
mod v2;

use std::fmt;
use std::net::SocketAddr;

/// The longest header that is taken: the addresses, and whatever else the proxy in front says of the connection.
pub const LONGEST: usize = 16 * 1024;

/// The two forms of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The proxy's own, as for a health check.
    Own,
    /// That of somebody who did not come over TCP, or of whom the proxy knows nothing.
    Unknown,
    /// That of somebody who has no address since he came to the proxy over a unix socket.
    Unix,
    /// That of a client.
    Client {
        /// Where it comes from.
        source: SocketAddr,
        /// Where it came to.
        destination: SocketAddr,
    },
}

/// What the first bytes of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// A header, which takes so many of them.
    Whole(usize, Whose),
    /// A part of a header: all of them belong to it.
    Part,
}

/// Why the first bytes of a connection are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedHeader(&'static str);

impl fmt::Display for MalformedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for MalformedHeader {}

/// Reads a header of either form at the beginning of `bytes`, which may go on behind it.
///
/// # Errors
/// As soon as it can be seen that `bytes` do not begin with one.
pub fn parse(bytes: &[u8]) -> Result<Parsed, MalformedHeader> {
    match bytes.first() {
        None => Ok(Parsed::Part),
        Some(b'P') => v1::parse(bytes),
        Some(b'\r') => v2::parse(bytes),
        Some(_) => Err(NO_HEADER),
    }
}

const NO_HEADER: MalformedHeader = MalformedHeader("it begins without a header of the PROXY protocol");

impl Form {
    /// The form that `name` means: `v1` or `v2`.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "v1" => Some(Self::V1),
            "v2" => Some(Self::V2),
            _ => None,
        }
    }

    /// Writes a header. Who has no address is told of as the proxy itself, the way both forms have for it.
    pub fn write(self, whose: &Whose, out: &mut Vec<u8>) {
        let ends = match whose {
            Whose::Client { source, destination } => Some(of_one_family(*source, *destination)),
            Whose::Own | Whose::Unknown | Whose::Unix => None,
        };
        match self {
            Self::V1 => v1::write(ends, out),
            Self::V2 => v2::write(ends, out),
        }
    }
}

/// A header has room for addresses of one family: an IPv4 address beside an IPv6 one is written as IPv6.
fn of_one_family(source: SocketAddr, destination: SocketAddr) -> (SocketAddr, SocketAddr) {
    let mapped = |end: SocketAddr| match end {
        SocketAddr::V4(v4) => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
        SocketAddr::V6(_) => end,
    };
    match source.is_ipv4() == destination.is_ipv4() {
        true => (source, destination),
        false => (mapped(source), mapped(destination)),
    }
}

#[cfg(test)]
mod tests;
