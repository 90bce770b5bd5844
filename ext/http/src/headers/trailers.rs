//! Trailers: fields that come after the body. What is not allowed in the head is not allowed in them either.

use super::hearsay::is_hearsay;
use super::hop_by_hop::names_lighttpd_file;
use crate::message::{Fields, Known};

/// Whether a field is forbidden in trailers: it frames, routes, modifies or authorises a message, controls how a
/// response is treated, or concerns one hop (RFC 9110, section 6.5.1).
pub fn is_forbidden(name: Known) -> bool {
    use Known::*;
    matches!(
        name,
        Accept
            | AcceptEncoding
            | AcceptLanguage
            | Age
            | Authorization
            | CacheControl
            | Connection
            | ContentEncoding
            | ContentLength
            | ContentType
            | Cookie
            | Date
            | Expect
            | Forwarded
            | GrpcTimeout
            | Host
            | Http2Settings
            | IfModifiedSince
            | IfNoneMatch
            | KeepAlive
            | Location
            | Origin
            | Pragma
            | ProxyAuthenticate
            | ProxyAuthorization
            | ProxyConnection
            | Range
            | Referer
            | RetryAfter
            | SetCookie
            | Te
            | Trailer
            | TransferEncoding
            | Upgrade
            | UserAgent
            | Vary
            | Via
            | WwwAuthenticate
            | XAccelBuffering
            | XAccelMapping
            | XAccelRedirect
            | XForwardedFor
            | XForwardedHost
            | XForwardedPort
            | XForwardedProto
            | XRealIp
            | XRequestId
            | XRequestStart
            | XSendfile
            | XSendfileType
    )
}

/// Drops the fields that are forbidden in trailers.
pub fn clean(trailers: &mut Fields) {
    trailers.retain(|_, name, _| !Known::of_cgi(name).is_some_and(is_forbidden));
}

/// The trailers of a request that go to a backend. `head` is the request's head as it was forwarded.
pub fn of_request(trailers: &Fields, head: &Fields) -> Fields {
    let is_plain = |name: &[u8]| !name.iter().any(|byte| matches!(byte, b'_' | b'.'));
    kept(trailers, head, |name| is_plain(name) && !is_hearsay(name))
}

/// The trailers of a response that go to a client. `head` is the response's head as it was forwarded.
pub fn of_response(trailers: &Fields, head: &Fields) -> Fields {
    kept(trailers, head, |name| !names_lighttpd_file(name))
}

/// Drops trailers whose name was removed, replaced or added in the head: such names belong to the proxy.
fn kept(trailers: &Fields, head: &Fields, may_pass: impl Fn(&[u8]) -> bool) -> Fields {
    let mut kept = trailers.clone();
    kept.retain(|_, name, _| may_pass(name) && !head.touched(name));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(fields: &Fields) -> Vec<String> {
        fields.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect()
    }

    #[test]
    fn what_the_head_was_cleared_of_does_not_come_late() {
        let mut head = Fields::default();
        for name in ["X-Came", "X-Set", "X-Dropped", "ETag"] {
            head.push_field(name.as_bytes(), b"1");
        }
        head.set("x-set", b"2");
        head.append("X-Added", b"2");
        head.remove("X-Absent");
        head.remove(Known::Server);
        head.retain(|_, name, _| name != b"X-Dropped");
        let mut trailers = Fields::default();
        let late = [
            "X-Came",
            "X-SET",
            "x-dropped",
            "X-ADDED",
            "x-absent",
            "x_absent",
            "server",
            "ETag",
            "X-Other",
            "A_B",
            "a.b",
            "X_Added",
        ];
        for name in late {
            trailers.push_field(name.as_bytes(), b"late");
        }
        assert_eq!(names(&of_request(&trailers, &head)), ["X-Came", "ETag", "X-Other"]);
        assert_eq!(names(&of_response(&trailers, &head)), ["X-Came", "ETag", "X-Other", "A_B", "a.b"]);
    }

    #[test]
    fn fields_that_speak_for_a_proxy_never_come_late() {
        let mut trailers = Fields::default();
        for name in ["X-Forwarded-User", "True-Client-IP", "X-Sum"] {
            trailers.push_field(name.as_bytes(), b"late");
        }
        assert_eq!(names(&of_request(&trailers, &Fields::default())), ["X-Sum"]);
    }

    #[test]
    fn files_for_a_server_in_front_are_never_named_late() {
        let mut trailers = Fields::default();
        for name in ["X-Sendfile", "X-Accel-Redirect", "x-lighttpd-send-file", "X-Sum"] {
            trailers.push_field(name.as_bytes(), b"late");
        }
        clean(&mut trailers);
        assert_eq!(names(&of_response(&trailers, &Fields::default())), ["X-Sum"]);
    }
}
