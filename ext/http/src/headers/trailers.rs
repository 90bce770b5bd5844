//! Trailers: fields that come late. Nothing may be said in them that could not be said in the head.

use super::hearsay::is_hearsay;
use crate::message::{Fields, Known};

/// Whether a field has no place in a trailer section: it frames, routes, modifies or authorises a message, controls
/// what becomes of a response, or concerns one hop (RFC 9110, section 6.5.1).
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
            | XForwardedFor
            | XForwardedHost
            | XForwardedPort
            | XForwardedProto
            | XRealIp
            | XRequestId
            | XRequestStart
            | XSendfileType
    )
}

/// Drops the fields that have no place in a trailer section.
pub fn clean(trailers: &mut Fields) {
    trailers.retain(|_, name, _| !Known::of_cgi(name).is_some_and(is_forbidden));
}

/// What of the trailers of a request goes to a backend. `head` is what became of the request's head.
pub fn of_request(trailers: &Fields, head: &Fields) -> Fields {
    let is_plain = |name: &[u8]| !name.iter().any(|byte| matches!(byte, b'_' | b'.'));
    kept(trailers, head, |name| is_plain(name) && !is_hearsay(name))
}

/// What of the trailers of a response goes to a client. `head` is what became of the response's head.
pub fn of_response(trailers: &Fields, head: &Fields) -> Fields {
    kept(trailers, head, |_| true)
}

/// Whatever changes a head, the names that it dropped, replaced or added are the proxy's own in the trailers too.
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
}
