//! The PROXY protocol of HAProxy's proxy-protocol.txt, both versions: a header at the beginning of a connection by
//! which a proxy names the client.
//!
//! Reading is strict: anything that is not exactly a header is refused. The text form (version 1) has at most 107
//! bytes, the binary form (version 2) at most [`LONGEST`].

mod v1;
mod v2;

use std::fmt;
use std::net::SocketAddr;

/// The longest header that is accepted: the addresses, and any further values that the proxy in front adds.
pub const LONGEST: usize = 16 * 1024;

/// The two forms of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Version 1: a line of text.
    V1,
    /// Version 2: binary.
    V2,
}

/// The client of a connection, as the header names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The proxy itself, as for a health check.
    Own,
    /// A client that did not come over TCP, or that the proxy does not know.
    Unknown,
    /// A client without an address, which came to the proxy over a unix socket.
    Unix,
    /// A client with an address.
    Client {
        /// Address of the client.
        source: SocketAddr,
        /// Address that the client connected to.
        destination: SocketAddr,
    },
}

/// Result of reading the first bytes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// A complete header, its length in bytes, and the client that it names.
    Whole(usize, Whose),
    /// The beginning of a header; more bytes are needed.
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

/// Reads a header of either form at the beginning of `bytes`. Other bytes may follow it.
///
/// # Errors
///
/// As soon as it is certain that `bytes` do not begin with a header.
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
    /// The form called `name`: `v1` or `v2`.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "v1" => Some(Self::V1),
            "v2" => Some(Self::V2),
            _ => None,
        }
    }

    /// Writes a header. A client without an address is written as the proxy itself, in the way that both forms have for
    /// it.
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

/// A header has room for addresses of one family: if one is IPv4 and the other IPv6, both are written as IPv6.
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
