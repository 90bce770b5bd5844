//! Telling the backend who asked, how, and when: `X-Forwarded-*`, `X-Real-IP`, `Forwarded` (RFC 7239), `X-Request-Id`,
//! `X-Request-Start`.

use std::time::{SystemTime, UNIX_EPOCH};

use proxy_http::decimal;
use proxy_http::message::{Fields, Known, RequestHead};

use super::trusted_proxies;
use crate::client::ClientInfo;
use crate::request_id::RequestId;

/// Which fields are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Forwarding {
    /// None; what a trusted proxy said is passed on.
    Off,
    /// `X-Forwarded-For`, `-Proto`, `-Host`, `-Port` and `X-Real-IP`.
    #[default]
    XForwarded,
    /// `Forwarded`.
    Rfc7239,
}

/// A request's number and time, as they are sent along.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    /// Its id.
    pub(crate) id: RequestId,
    /// When it began.
    pub(crate) start: SystemTime,
}

/// A set of known names.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KnownNames(u64);

impl KnownNames {
    /// The set with `name` in it.
    pub(crate) fn with(self, name: Known) -> Self {
        Self(self.0 | name.bit())
    }

    /// Whether `name` is in it.
    pub(crate) fn has(self, name: Known) -> bool {
        self.0 & name.bit() != 0
    }
}

/// Who sent a request, and through whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender<'a> {
    /// The client.
    pub(crate) client: &'a ClientInfo,
    /// The trusted proxy that asks for it, if it does not ask itself.
    pub(crate) trusted_hop: Option<&'a ClientInfo>,
}

/// Replaces what the client said of itself by what we know; what a trusted proxy said is kept, and the proxy added to
/// it. Names in `own` are left alone: the configuration sets them. Whatever family of fields is sent, the other is
/// removed, since a backend might believe it.
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
    // An empty one names nothing.
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
    // What there is no value for, as the address of a unix socket's client, is not sent at all.
    let set = |fields: &mut Fields, name, value: &[u8]| match value {
        _ if own.has(name) => {}
        [] => fields.remove(name),
        value => fields.set(name, value),
    };
    scratch.clear();
    push_chain(scratch, fields, sender);
    set(fields, Known::XForwardedFor, scratch);
    set(fields, Known::XRealIp, client.addr.as_bytes());
    // One value, that which we believe: a backend may take the first of several.
    set(fields, Known::XForwardedProto, client.scheme().as_bytes());
    scratch.clear();
    if let Some(port) = client.local_port {
        decimal::push(scratch, port.into());
    }
    set(fields, Known::XForwardedPort, scratch);
    if sender.trusted_hop.is_none() || !fields.has(Known::XForwardedHost) {
        // The authority lies in the same memory that is written to.
        scratch.clear();
        scratch.extend_from_slice(fields.slice(head.authority));
        set(fields, Known::XForwardedHost, scratch);
    }
}

/// The addresses from the client to the other end of the connection.
fn push_chain(out: &mut Vec<u8>, fields: &Fields, sender: Sender<'_>) {
    let Some(peer) = sender.trusted_hop else {
        return out.extend_from_slice(sender.client.addr.as_bytes());
    };
    for line in fields.all(Known::XForwardedFor) {
        push_member(out, line);
    }
    if out.is_empty() && sender.client.addr != peer.addr {
        // It stood in a `Forwarded` field.
        push_member(out, sender.client.addr.as_bytes());
    }
    push_member(out, peer.addr.as_bytes());
}

/// The elements from the client's to the one that says who is at the other end of the connection.
fn push_forwarded(out: &mut Vec<u8>, head: &RequestHead, sender: Sender<'_>) {
    let (fields, client) = (&head.fields, sender.client);
    if let Some(peer) = sender.trusted_hop {
        if trusted_proxies::speaks_forwarded(fields) {
            for line in fields.all(Known::Forwarded) {
                push_member(out, line);
            }
        } else if client.addr != peer.addr || client.tls != peer.tls {
            // It stood in `X-Forwarded-For` and its kin.
            push_element(out, client, fields.get(Known::XForwardedHost).unwrap_or_default());
        }
        if !out.is_empty() {
            out.extend_from_slice(b", ");
        }
    }
    push_element(out, sender.trusted_hop.unwrap_or(client), fields.slice(head.authority));
}

/// Adds a member to a list.
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

#[cfg(test)]
mod tests;
