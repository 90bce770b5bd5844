//! Fields that concern one connection only (RFC 9110, section 7.6.1).

use super::framing::{connection_options, listed, Listed};
use super::hearsay::stays;
use crate::message::{FieldName, Fields, Known, RequestHead, ResponseHead, Version};

fn is_hop_by_hop(name: Known) -> bool {
    use Known::*;
    matches!(
        name,
        Connection
            | Http2Settings
            | KeepAlive
            | ProxyAuthenticate
            | ProxyAuthorization
            | ProxyConnection
            | Te
            | TransferEncoding
            | Upgrade
    )
}

/// Options that a client asked of this hop, read before [`clean_request`] drops them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionOptions {
    /// Whether the client accepts trailers (`TE: trailers`).
    pub trailers: bool,
    /// Whether the client wants to speak another protocol on this connection.
    pub upgrade: bool,
}

impl ConnectionOptions {
    /// Reads the options of a request.
    pub fn of(head: &RequestHead) -> Self {
        let fields = &head.fields;
        if head.version == Version::Http2 {
            // HTTP/2 has no `Connection`; an extended CONNECT was turned into `Upgrade`.
            let upgrade = fields.has(Known::Upgrade);
            return Self { trailers: !fields.lacks(Known::Te) && has_te_trailers(fields), upgrade };
        }
        // Both options have to be listed in `Connection`.
        if head.version == Version::Http10 || listed(fields) != Listed::More {
            return Self::default();
        }
        let option = |name: &[u8]| connection_options(fields).any(|option| option.eq_ignore_ascii_case(name));
        let protocols = || fields.all(Known::Upgrade).flat_map(super::framing::list_members);
        Self {
            trailers: option(b"te") && has_te_trailers(fields),
            // h2c is never offered to a backend: the requests in it would bypass the proxy.
            upgrade: fields.has(Known::Upgrade)
                && option(b"upgrade")
                && protocols().next().is_some()
                && !protocols().any(|protocol| {
                    let name = protocol.split(|b| *b == b'/').next().unwrap_or_default();
                    name.eq_ignore_ascii_case(b"h2c")
                        || name.eq_ignore_ascii_case(b"h2")
                        || name.eq_ignore_ascii_case(b"http")
                }),
        }
    }
}

fn has_te_trailers(fields: &Fields) -> bool {
    fields.all(Known::Te).flat_map(super::framing::list_members).any(|coding| {
        coding.split(|b| *b == b';').next().unwrap_or_default().trim_ascii().eq_ignore_ascii_case(b"trailers")
    })
}

/// Whether a 101 names a protocol that the request asked for in its `Upgrade`, which was kept (RFC 9110, section 7.8).
pub fn is_answered_upgrade(request: &RequestHead, response: &ResponseHead) -> bool {
    let asked = |protocol: &[u8]| {
        let mut wanted = request.fields.all(Known::Upgrade).flat_map(super::framing::list_members);
        wanted.any(|wanted| wanted.eq_ignore_ascii_case(protocol))
    };
    let mut answered = response.fields.all(Known::Upgrade).flat_map(super::framing::list_members).peekable();
    answered.peek().is_some() && answered.all(asked)
}

/// Whether a response that never has a body announces one. The connection of a backend that then sends it must not be
/// used again.
pub fn promises_a_body_in_vain(response: &ResponseHead) -> bool {
    let fields = &response.fields;
    matches!(response.status, 100..=199 | 204)
        && (fields.has(Known::TransferEncoding)
            || fields.get(Known::ContentLength).is_some_and(|length| length != b"0"))
}

/// Removes hop-by-hop fields of a request, and fields that a backend could misread: names with `_` or `.`, which CGI
/// backends cannot tell from names with `-`, and fields that name files of the backend.
pub fn clean_request(head: &mut RequestHead, allowed: &[FieldName], chunked: bool, keep_upgrade: bool) {
    let named = Named::by(&head.fields);
    head.fields.retain(|known, name, _| match known {
        Some(Known::Upgrade) => keep_upgrade,
        // A chunked body is forwarded with its trailers, so they may be announced.
        Some(Known::Trailer) => chunked,
        Some(Known::XSendfileType | Known::XAccelMapping) => false,
        Some(known) => !is_hop_by_hop(known) && !named.drops(Some(known), name),
        None => {
            !named.drops(None, name)
                && (!name.iter().any(|b| matches!(b, b'_' | b'.'))
                    || allowed.iter().any(|allowed| allowed.as_str().as_bytes().eq_ignore_ascii_case(name)))
        }
    });
    named.remember(&mut head.fields);
}

/// Removes the fields that `Connection` names, before any field of ours is added: a client must not remove what a
/// filter adds by naming it there.
pub fn drop_named(fields: &mut Fields) {
    let named = Named::by(fields);
    if !named.0.is_empty() {
        fields.retain(|known, name, _| known == Some(Known::Connection) || !named.drops(known, name));
        named.remember(fields);
        let kept: Vec<u8> =
            connection_options(fields).filter(|option| !named.has(option)).collect::<Vec<_>>().join(&b", "[..]);
        match kept.is_empty() {
            true => fields.remove(Known::Connection),
            false => fields.set(Known::Connection, &kept),
        }
    }
}

/// Removes hop-by-hop fields of a response, those that name files of the backend, and `Content-Length` where no content
/// can have a length (RFC 9110, section 8.6): a client might wait for it.
pub fn clean_response(head: &mut ResponseHead, chunked: bool, keep_upgrade: bool) {
    let named = Named::by(&head.fields);
    let no_length = matches!(head.status, 100..=199 | 204);
    head.fields.retain(|known, name, _| match known {
        Some(Known::ContentLength) => !no_length,
        Some(Known::Upgrade) => keep_upgrade,
        Some(Known::Trailer) => chunked,
        Some(Known::XSendfile | Known::XAccelRedirect) => false,
        Some(known) => !is_hop_by_hop(known) && !named.drops(Some(known), name),
        None => !named.drops(None, name) && !names_lighttpd_file(name),
    });
    named.remember(&mut head.fields);
}

/// Whether the field names a file for lighttpd. It is in no request, so it is not among the known names.
#[inline]
pub(super) fn names_lighttpd_file(name: &[u8]) -> bool {
    const NAME: &[u8] = b"X-Lighttpd-Send-File";
    name.len() == NAME.len() && name.eq_ignore_ascii_case(NAME)
}

/// The names that `Connection` lists, except `keep-alive`, `close` and `upgrade`, which are handled elsewhere: so the
/// list is nearly always empty and costs nothing. In lower case and sorted, since a head of 64 KiB can list thousands.
struct Named(Vec<Box<[u8]>>);

impl Named {
    fn by(fields: &Fields) -> Self {
        if listed(fields) != Listed::More {
            return Self(Vec::new());
        }
        let ordinary = |option: &[u8]| {
            [&b"keep-alive"[..], b"close", b"upgrade", b"te"].iter().any(|name| option.eq_ignore_ascii_case(name))
        };
        let options = connection_options(fields).filter(|option| !ordinary(option));
        let mut named: Vec<Box<[u8]>> = options.map(|option| option.to_ascii_lowercase().into()).collect();
        named.sort_unstable();
        named.dedup();
        Self(named)
    }

    /// Records the dropped names, so that they cannot come as trailers either.
    fn remember(&self, fields: &mut Fields) {
        for name in self.0.iter().filter(|name| !stays(Known::of(name), name)) {
            fields.note_removed(&**name);
        }
    }

    fn has(&self, name: &[u8]) -> bool {
        let small = |byte: &u8| byte.to_ascii_lowercase();
        self.0.binary_search_by(|named| named.iter().copied().cmp(name.iter().map(small))).is_ok()
    }

    /// Whether the field is to be dropped. Fields that frame or route the message or describe the client stay even if
    /// `Connection` names them: otherwise a client could pass for a trusted proxy that forwards `Connection`.
    fn drops(&self, known: Option<Known>, name: &[u8]) -> bool {
        // The usual case: nothing is named.
        if self.0.is_empty() {
            return false;
        }
        !stays(known, name) && self.has(name)
    }
}

#[cfg(test)]
mod tests;
