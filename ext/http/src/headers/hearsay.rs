//! Forwarding fields: claims about the original request that proxies add, such as client address, scheme, host and time
//! of arrival.
//!
//! Backends and their libraries trust these fields, Rack and Rails among them. If the peer is no trusted proxy, they
//! are dropped before the request is looked at. A trusted proxy is believed as far as the configuration says. See the
//! engine's `trusted_proxies`.

use crate::message::Known;

/// Prefixes of names, in lower case.
const FAMILIES: [&[u8]; 6] =
    [b"x-forwarded-", b"x-original-", b"x-rewrite-", b"x-envoy-", b"cloudfront-", b"fly-forwarded-"];

/// Whole names, in lower case.
const NAMES: [&[u8]; 48] = [
    b"ali-cdn-real-ip",
    b"cdn-src-ip",
    b"cf-connecting-ip",
    b"cf-connecting-ipv6",
    b"cf-pseudo-ipv4",
    b"cf-visitor",
    b"client-ip",
    b"cluster-client-ip",
    b"do-connecting-ip",
    b"fastly-client-ip",
    b"fastly-ssl",
    b"fly-client-ip",
    b"forwarded",
    b"forwarded-for",
    b"forwarded-host",
    b"forwarded-proto",
    b"front-end-https",
    b"incap-client-ip",
    b"proxy",
    b"proxy-client-ip",
    b"true-client-ip",
    b"wl-proxy-client-ip",
    b"wl-proxy-ssl",
    b"x-accel-mapping",
    b"x-appengine-remote-addr",
    b"x-appengine-user-ip",
    b"x-arr-ssl",
    b"x-azure-clientip",
    b"x-azure-socketip",
    b"x-client-ip",
    b"x-cluster-client-ip",
    b"x-forwarded",
    b"x-host",
    b"x-http-host-override",
    b"x-nf-client-connection-ip",
    b"x-originating-ip",
    b"x-proxyuser-ip",
    b"x-queue-start",
    b"x-real-ip",
    b"x-remote-addr",
    b"x-remote-ip",
    b"x-request-start",
    b"x-scheme",
    b"x-script-name",
    b"x-sendfile-type",
    b"x-true-client-ip",
    b"x-url-scheme",
    b"x-vercel-forwarded-for",
];

/// Fields that no proxy in front has a reason to send: they would set what a backend connects to (httpoxy) or the files
/// that it serves.
const NEVER: [&[u8]; 3] = [b"proxy", b"x-accel-mapping", b"x-sendfile-type"];

/// The name as a CGI backend reads it.
fn variable(name: &[u8]) -> impl Iterator<Item = u8> + '_ {
    name.iter().map(|byte| match byte {
        b'_' | b'.' => b'-',
        byte => byte.to_ascii_lowercase(),
    })
}

fn is(name: &[u8], known: &[u8]) -> bool {
    name.len() == known.len() && variable(name).eq(known.iter().copied())
}

/// Whether `name` is a forwarding field. Letter case does not matter, and `_` and `.` count as `-`.
pub fn is_hearsay(name: &[u8]) -> bool {
    let begins = |family: &&[u8]| name.get(..family.len()).is_some_and(|start| is(start, family));
    FAMILIES.iter().any(begins) || NAMES.iter().any(|known| is(name, known))
}

/// Whether a trusted proxy may send a forwarding field of this name.
pub fn is_believable(name: &[u8]) -> bool {
    let is_plain = name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    is_plain && is_hearsay(name) && !is_never_believed(name)
}

/// Whether the field is believed from no peer, trusted proxies included.
pub fn is_never_believed(name: &[u8]) -> bool {
    NEVER.iter().any(|never| is(name, never))
}

/// Whether the field frames or routes the message or describes the client. Such a field stays even if `Connection`
/// names it.
pub(super) fn stays(known: Option<Known>, name: &[u8]) -> bool {
    matches!(known, Some(Known::Host | Known::ContentLength)) || is_hearsay(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Fields;

    #[test]
    fn fields_that_speak_for_a_proxy_are_known_in_every_spelling() {
        for name in
            ["X-Forwarded-Ssl", "x_forwarded.for", "X-FORWARDED-ANYTHING", "Forwarded", "PROXY", "X-Original-Url"]
        {
            assert!(is_hearsay(name.as_bytes()), "{name}");
        }
        for name in
            ["X-Forward", "X-Request-Id", "Proxy-Authorization", "Original-Url", "X-Requested-With", "Priority", ""]
        {
            assert!(!is_hearsay(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_glance_overlooks_none() {
        let beginnings = FAMILIES.iter().map(|family| [*family, b"y"].concat());
        for name in beginnings.chain(NAMES.iter().map(|name| name.to_vec())) {
            let mut fields = Fields::default();
            fields.push_field(&name, b"1");
            assert!(fields.may_be_hearsay(), "{}", name.escape_ascii());
            assert!(is_hearsay(&name), "{}", name.escape_ascii());
        }
        let mut fields = Fields::default();
        for name in ["Host", "User-Agent", "Accept", "Priority", "Sec-Fetch-Mode", "DNT", "Content-Type"] {
            fields.push_field(name.as_bytes(), b"1");
        }
        assert!(!fields.may_be_hearsay());
    }
}
