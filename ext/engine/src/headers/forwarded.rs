//! Telling the backend who asked, how, and when: `X-Forwarded-*`, `X-Real-IP`, `Forwarded` (RFC 7239), `X-Request-Id`,
//! `X-Request-Start`.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::message::{Fields, Known, RequestHead};
use crate::request_id::RequestId;
use crate::rewrite::ClientInfo;

/// Which fields are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Forwarding {
    /// None; what the client sent is passed on.
    Off,
    /// `X-Forwarded-For`, `-Proto`, `-Host`, `-Port` and `X-Real-IP`.
    #[default]
    XForwarded,
    /// `Forwarded`.
    Rfc7239,
}

/// A request's number and time, as they are sent along.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// Its id.
    pub id: RequestId,
    /// When it began.
    pub start: SystemTime,
}

/// A set of known names.
#[derive(Debug, Clone, Copy, Default)]
pub struct Names(u64);

impl Names {
    /// The set with `name` in it.
    pub fn with(self, name: Known) -> Self {
        Self(self.0 | name.bit())
    }

    /// Whether `name` is in it.
    pub fn has(self, name: Known) -> bool {
        self.0 & name.bit() != 0
    }
}

/// Replaces what the client said of itself by what we know. Names in `own` are left alone: the configuration sets them.
/// Whatever family of fields is sent, the other is removed, since a backend might believe it.
pub fn apply(
    head: &mut RequestHead,
    forwarding: Forwarding,
    client: &ClientInfo,
    stamp: Stamp,
    own: Names,
    scratch: &mut Vec<u8>,
) {
    let fields = &mut head.fields;
    match forwarding {
        Forwarding::Off => return,
        Forwarding::XForwarded => {
            remove(fields, &[Known::Forwarded], own);
            // What there is no value for, as the address of a unix socket's client, is not sent at all.
            let mut set = |name, value: &[u8]| match value {
                _ if own.has(name) => {}
                [] => fields.remove(name),
                value => fields.set(name, value),
            };
            set(Known::XForwardedFor, client.addr.as_bytes());
            set(Known::XRealIp, client.addr.as_bytes());
            set(Known::XForwardedProto, client.scheme().as_bytes());
            match client.local_port {
                Some(port) => {
                    scratch.clear();
                    push_decimal(scratch, port.into());
                    set(Known::XForwardedPort, scratch);
                }
                None => remove(fields, &[Known::XForwardedPort], own),
            }
            if !own.has(Known::XForwardedHost) {
                // The authority lies in the same memory that is written to.
                scratch.clear();
                scratch.extend_from_slice(fields.slice(head.authority));
                if scratch.is_empty() {
                    fields.remove(Known::XForwardedHost);
                } else {
                    fields.set(Known::XForwardedHost, scratch);
                }
            }
        }
        Forwarding::Rfc7239 => {
            let family = [
                Known::XForwardedFor,
                Known::XRealIp,
                Known::XForwardedProto,
                Known::XForwardedPort,
                Known::XForwardedHost,
            ];
            remove(fields, &family, own);
            if !own.has(Known::Forwarded) {
                scratch.clear();
                scratch.extend_from_slice(b"for=");
                push_node(scratch, &client.addr);
                if !head.authority.is_empty() {
                    scratch.extend_from_slice(b";host=\"");
                    scratch.extend_from_slice(fields.slice(head.authority));
                    scratch.push(b'"');
                }
                scratch.extend_from_slice(b";proto=");
                scratch.extend_from_slice(client.scheme().as_bytes());
                fields.set(Known::Forwarded, scratch);
            }
        }
    }
    if !own.has(Known::XRequestId) && !fields.has(Known::XRequestId) {
        fields.append(Known::XRequestId, &stamp.id.full());
    }
    if !own.has(Known::XRequestStart) && !fields.has(Known::XRequestStart) {
        scratch.clear();
        scratch.extend_from_slice(b"t=");
        let since = stamp.start.duration_since(UNIX_EPOCH).unwrap_or_default();
        push_decimal(scratch, since.as_millis() as u64);
        fields.append(Known::XRequestStart, scratch);
    }
}

fn remove(fields: &mut Fields, names: &[Known], own: Names) {
    for name in names {
        if !own.has(*name) {
            fields.remove(*name);
        }
    }
}

/// A node name (RFC 7239, section 6): an IPv6 address is bracketed and quoted.
fn push_node(out: &mut Vec<u8>, addr: &str) {
    if addr.contains(':') {
        out.extend_from_slice(b"\"[");
        out.extend_from_slice(addr.as_bytes());
        out.extend_from_slice(b"]\"");
    } else if addr.is_empty() || !addr.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        // The client of a unix socket has no address.
        out.extend_from_slice(b"unknown");
    } else {
        out.extend_from_slice(addr.as_bytes());
    }
}

/// Writes a number in decimal digits.
pub fn push_decimal(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests;
