//! Fields that tell the backend who asked, how, and when: `X-Forwarded-*`, `X-Real-IP`, `Forwarded` (RFC 7239),
//! `X-Request-Id`, `X-Request-Start`.

use std::time::{SystemTime, UNIX_EPOCH};

use proxy_http::decimal;
use proxy_http::message::{Fields, Known, RequestHead};

use super::trusted_proxies;
use crate::client::ClientInfo;
use crate::request_id::RequestId;

/// The family of fields that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Forwarding {
    /// No fields. Those of a trusted proxy are passed on.
    Off,
    /// `X-Forwarded-For`, `-Proto`, `-Host`, `-Port` and `X-Real-IP`.
    #[default]
    XForwarded,
    /// The field `Forwarded`.
    Rfc7239,
}

/// Id and start of a request, sent to the backend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) id: RequestId,
    /// Time at which the request began.
    pub(crate) start: SystemTime,
}

/// A set of known field names.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KnownNames(u64);

impl KnownNames {
    pub(crate) fn with(self, name: Known) -> Self {
        Self(self.0 | name.bit())
    }

    pub(crate) fn has(self, name: Known) -> bool {
        self.0 & name.bit() != 0
    }
}

/// Sender of a request, and the proxy in between.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender<'a> {
    pub(crate) client: &'a ClientInfo,
    /// The trusted proxy at the other end of the connection; `None` if the client connects itself.
    pub(crate) trusted_hop: Option<&'a ClientInfo>,
}

/// Replaces the client's claims about itself by facts. Fields from a trusted proxy are kept, and the proxy's address is
/// appended to them. Names in `own` are left alone: the configuration sets them. The family of fields that is not sent
/// is removed, since a backend might believe it.
pub(crate) fn apply(
    head: &mut RequestHead,
    forwarding: Forwarding,
    sender: Sender<'_>,
    stamp: Stamp,
    own: KnownNames,
    scratch: &mut Vec<u8>,
) {
    match forwarding {
        Forwarding::Off => return,
        Forwarding::XForwarded => x_forwarded(head, sender, own, scratch),
        Forwarding::Rfc7239 => {
            scratch.clear();
            if !own.has(Known::Forwarded) {
                push_forwarded(scratch, head, sender);
                head.fields.set(Known::Forwarded, scratch);
            }
            let family = [
                Known::XForwardedFor,
                Known::XRealIp,
                Known::XForwardedProto,
                Known::XForwardedPort,
                Known::XForwardedHost,
            ];
            remove(&mut head.fields, &family, own);
        }
    }
    let fields = &mut head.fields;
    // An empty id names nothing.
    if !own.has(Known::XRequestId) && fields.get(Known::XRequestId).is_none_or(<[u8]>::is_empty) {
        fields.set(Known::XRequestId, &stamp.id.full());
    }
    if !own.has(Known::XRequestStart) && !fields.has(Known::XRequestStart) {
        scratch.clear();
        scratch.extend_from_slice(b"t=");
        let since = stamp.start.duration_since(UNIX_EPOCH).unwrap_or_default();
        decimal::push(scratch, since.as_millis() as u64);
        fields.append(Known::XRequestStart, scratch);
    }
}

fn x_forwarded(head: &mut RequestHead, sender: Sender<'_>, own: KnownNames, scratch: &mut Vec<u8>) {
    let fields = &mut head.fields;
    let client = sender.client;
    remove(fields, &[Known::Forwarded], own);
    // A field without a value is not sent, such as the address of a unix socket's client.
    let set = |fields: &mut Fields, name, value: &[u8]| match value {
        _ if own.has(name) => {}
        [] => fields.remove(name),
        value => fields.set(name, value),
    };
    scratch.clear();
    push_chain(scratch, fields, sender);
    set(fields, Known::XForwardedFor, scratch);
    set(fields, Known::XRealIp, client.addr.as_bytes());
    // Only the value that we believe: a backend may take the first of several.
    set(fields, Known::XForwardedProto, client.scheme().as_bytes());
    scratch.clear();
    if let Some(port) = client.local_port {
        decimal::push(scratch, port.into());
    }
    set(fields, Known::XForwardedPort, scratch);
    if sender.trusted_hop.is_none() || !fields.has(Known::XForwardedHost) {
        // The authority lies in the memory that is being written to.
        scratch.clear();
        scratch.extend_from_slice(fields.slice(head.authority));
        set(fields, Known::XForwardedHost, scratch);
    }
}

/// Writes the addresses from the client to the other end of the connection.
fn push_chain(out: &mut Vec<u8>, fields: &Fields, sender: Sender<'_>) {
    let Some(peer) = sender.trusted_hop else {
        return out.extend_from_slice(sender.client.addr.as_bytes());
    };
    for line in fields.all(Known::XForwardedFor) {
        push_member(out, line);
    }
    if out.is_empty() && sender.client.addr != peer.addr {
        // The client's address came from a `Forwarded` field.
        push_member(out, sender.client.addr.as_bytes());
    }
    push_member(out, peer.addr.as_bytes());
}

/// Writes the elements from the client's to the one for the other end of the connection.
fn push_forwarded(out: &mut Vec<u8>, head: &RequestHead, sender: Sender<'_>) {
    let (fields, client) = (&head.fields, sender.client);
    if let Some(peer) = sender.trusted_hop {
        if trusted_proxies::speaks_forwarded(fields) {
            for line in fields.all(Known::Forwarded) {
                push_member(out, line);
            }
        } else if client.addr != peer.addr || client.tls != peer.tls {
            // The client came from `X-Forwarded-For` and the related fields.
            push_element(out, client, fields.get(Known::XForwardedHost).unwrap_or_default());
        }
        if !out.is_empty() {
            out.extend_from_slice(b", ");
        }
    }
    push_element(out, sender.trusted_hop.unwrap_or(client), fields.slice(head.authority));
}

/// Appends a member to a list.
fn push_member(out: &mut Vec<u8>, member: &[u8]) {
    if !out.is_empty() && !member.is_empty() {
        out.extend_from_slice(b", ");
    }
    out.extend_from_slice(member);
}

fn push_element(out: &mut Vec<u8>, client: &ClientInfo, host: &[u8]) {
    out.extend_from_slice(b"for=");
    push_node(out, &client.addr);
    if !host.is_empty() {
        out.extend_from_slice(b";host=\"");
        for byte in host {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        out.push(b'"');
    }
    out.extend_from_slice(b";proto=");
    out.extend_from_slice(client.scheme().as_bytes());
}

fn remove(fields: &mut Fields, names: &[Known], own: KnownNames) {
    for name in names {
        if !own.has(*name) {
            fields.remove(*name);
        }
    }
}

/// Writes a node name (RFC 7239, section 6): an IPv6 address is bracketed and quoted.
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

#[cfg(test)]
mod tests;
