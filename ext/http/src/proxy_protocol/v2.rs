//! Version 2: a signature, a command, a family, a length, two addresses, and optional values (TLVs) with a length each.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crc::{Crc, CRC_32_ISCSI};

use super::{MalformedHeader, Parsed, Whose, LONGEST, NO_HEADER};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes before the addresses: signature, version and command, family and protocol, length.
const FIXED: usize = 16;
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
/// TCP over IPv4 and IPv6; the other families are datagrams, unix sockets, or unspecified.
const TCP4: u8 = 0x11;
const UDP4: u8 = 0x12;
const TCP6: u8 = 0x21;
const UDP6: u8 = 0x22;
const UNIX_STREAM: u8 = 0x31;
const UNIX_DATAGRAM: u8 = 0x32;
const UNSPECIFIED: u8 = 0x00;
/// The TLV with a checksum of the whole header.
const CRC32C: u8 = 0x03;
const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, MalformedHeader> {
    let known = bytes.len().min(SIGNATURE.len());
    if bytes[..known] != SIGNATURE[..known] {
        return Err(NO_HEADER);
    }
    let &[_, _, _, _, _, _, _, _, _, _, _, _, command, family, high, low, ..] = bytes else { return Ok(Parsed::Part) };
    if command & 0xf0 != 0x20 {
        return Err(MalformedHeader("the header is of a version that is unknown"));
    }
    let end = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if end > LONGEST {
        return Err(MalformedHeader("the header is too long"));
    }
    let whose = match command {
        // The rest of a LOCAL header is ignored.
        LOCAL => Whose::Own,
        PROXY => {
            // Checked before the rest has come: a bad family need not wait for it.
            let addresses = length_of_addresses(family)?;
            if FIXED + addresses > end {
                return Err(MalformedHeader("the header is too short for its addresses"));
            }
            let Some(header) = bytes.get(..end) else { return Ok(Parsed::Part) };
            let (addresses, more) = header[FIXED..].split_at(addresses);
            check(header, more)?;
            whose(family, addresses)
        }
        _ => return Err(MalformedHeader("the header has a command that is unknown")),
    };
    if bytes.len() < end {
        return Ok(Parsed::Part);
    }
    Ok(Parsed::Whole(end, whose))
}

fn length_of_addresses(family: u8) -> Result<usize, MalformedHeader> {
    match family {
        UNSPECIFIED => Ok(0),
        TCP4 | UDP4 => Ok(12),
        TCP6 | UDP6 => Ok(36),
        UNIX_STREAM | UNIX_DATAGRAM => Ok(216),
        _ => Err(MalformedHeader("it names no protocol that there is")),
    }
}

fn whose(family: u8, addresses: &[u8]) -> Whose {
    match (family, addresses) {
        (TCP4, &[a, b, c, d, e, f, g, h, from, from_low, to, to_low]) => Whose::Client {
            source: (Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([from, from_low])).into(),
            destination: (Ipv4Addr::new(e, f, g, h), u16::from_be_bytes([to, to_low])).into(),
        },
        (TCP6, &[ref ips @ .., from, from_low, to, to_low]) => {
            match (ips.first_chunk::<16>(), ips.last_chunk::<16>()) {
                (Some(source), Some(destination)) => Whose::Client {
                    source: (Ipv6Addr::from(*source), u16::from_be_bytes([from, from_low])).into(),
                    destination: (Ipv6Addr::from(*destination), u16::from_be_bytes([to, to_low])).into(),
                },
                _ => Whose::Unknown,
            }
        }
        (UNIX_STREAM, _) => Whose::Unix,
        _ => Whose::Unknown,
    }
}

/// Whether the TLVs behind the addresses fill the header exactly, and the checksum, if there is one, is right.
fn check(header: &[u8], mut pieces: &[u8]) -> Result<(), MalformedHeader> {
    const OUT_OF_BOUNDS: MalformedHeader = MalformedHeader("a part of the header is longer than the header");
    let mut checked = false;
    while !pieces.is_empty() {
        let &[kind, high, low, ref rest @ ..] = pieces else { return Err(OUT_OF_BOUNDS) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, behind) = rest.split_at_checked(length).ok_or(OUT_OF_BOUNDS)?;
        if kind == CRC32C {
            let before = header.len() - rest.len();
            let sum: [u8; 4] = value.try_into().map_err(|_| MalformedHeader("the checksum is not four bytes long"))?;
            if std::mem::replace(&mut checked, true) || sum != checksum(&header[..before], behind).to_be_bytes() {
                return Err(MalformedHeader("the checksum is wrong"));
            }
        }
        pieces = behind;
    }
    Ok(())
}

/// Checksum of a header, with zeros in place of the checksum itself.
fn checksum(before: &[u8], behind: &[u8]) -> u32 {
    let mut digest = CHECKSUM.digest();
    digest.update(before);
    digest.update(&[0; 4]);
    digest.update(behind);
    digest.finalize()
}

pub(super) fn write(ends: Option<(SocketAddr, SocketAddr)>, out: &mut Vec<u8>) {
    out.extend_from_slice(SIGNATURE);
    match ends {
        None => out.extend_from_slice(&[LOCAL, UNSPECIFIED, 0, 0]),
        Some((SocketAddr::V4(source), SocketAddr::V4(destination))) => {
            out.extend_from_slice(&[PROXY, TCP4, 0, 12]);
            out.extend_from_slice(&source.ip().octets());
            out.extend_from_slice(&destination.ip().octets());
            push_ports(source.port(), destination.port(), out);
        }
        Some((source, destination)) => {
            out.extend_from_slice(&[PROXY, TCP6, 0, 36]);
            for end in [source, destination] {
                match end {
                    SocketAddr::V4(v4) => out.extend_from_slice(&v4.ip().to_ipv6_mapped().octets()),
                    SocketAddr::V6(v6) => out.extend_from_slice(&v6.ip().octets()),
                }
            }
            push_ports(source.port(), destination.port(), out);
        }
    }
}

fn push_ports(source: u16, destination: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&source.to_be_bytes());
    out.extend_from_slice(&destination.to_be_bytes());
}
