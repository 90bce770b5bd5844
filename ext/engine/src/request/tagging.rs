//! Entity tags of responses that have none: `etag`.

use std::io::Write;

use proxy_http::headers::framing::list_members;
use proxy_http::message::{Fields, Framing, Known, Method};
use xxhash_rust::xxh3::xxh3_128;

use super::Exchange;
use crate::content::conditions;
use crate::relay;

/// Longest body that gets a tag, in bytes.
const LONGEST: u64 = 64 * 1024;

impl Exchange<'_> {
    /// Length of the body of the response in `work.response`, if it gets a tag.
    #[inline]
    pub(crate) fn taggable(&self, status: u16, framing: Framing) -> Option<usize> {
        if !self.tags {
            return None;
        }
        self.length_to_tag(status, framing)
    }

    #[cold]
    fn length_to_tag(&self, status: u16, framing: Framing) -> Option<usize> {
        let Framing::Length(length @ 1..=LONGEST) = framing else { return None };
        let is_plain = self.call.is_none() && !self.options.upgrade && !self.options.trailers;
        let asked = matches!(self.work.request.method, Method::Get | Method::Head);
        let wanted = is_plain && asked && status == 200 && may_have_tag(&self.work.response.fields);
        wanted.then_some(length as usize)
    }

    /// Gives the response in `work.response` the tag of its body. `true` if the client has it already: the response is
    /// then a 304 without a body (RFC 9110, section 15.4.5).
    pub(crate) fn tag(&mut self, body: &[u8]) -> bool {
        let mut tag = Vec::with_capacity(36);
        let _ = write!(tag, "W/\"{:032x}\"", xxh3_128(body));
        let response = &mut self.work.response;
        response.fields.append(Known::Etag, &tag);
        let is_known = conditions::is_known(&self.work.request.fields, &response.fields);
        if is_known {
            self.keep_whole(Some(body.len() as u64));
            self.say_not_modified();
        }
        is_known
    }

    /// Makes the response in `work.response` a 304 (RFC 9110, section 15.4.5).
    pub(crate) fn say_not_modified(&mut self) {
        let response = &mut self.work.response;
        response.status = 304;
        response.set_reason(proxy_http::message::reason(304));
        for about_the_body in [Known::ContentLength, Known::ContentType, Known::ContentEncoding] {
            response.fields.remove(about_the_body);
        }
        response.fields.remove("Content-Language");
    }
}

/// Whether a response with these fields may get a tag: it has none, nor a date that serves for one, and is neither
/// secret nor for one client alone.
fn may_have_tag(fields: &Fields) -> bool {
    let no_store = |member: &[u8]| member.eq_ignore_ascii_case(b"no-store");
    let unbuffered = fields.get(Known::XAccelBuffering).is_some_and(|value| value.eq_ignore_ascii_case(b"no"));
    let has_own = fields.has(Known::Etag) || fields.has(Known::LastModified);
    !has_own
        && !unbuffered
        && !relay::is_event_stream(fields)
        && !fields.has(Known::SetCookie)
        && !fields.all(Known::CacheControl).flat_map(list_members).any(no_store)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &str) -> Fields {
        let mut fields = Fields::default();
        fields.read_lines(lines.as_bytes());
        fields
    }

    #[test]
    fn a_response_keeps_what_it_has() {
        for (lines, wanted) in [
            ("Content-Type: text/html\r\n", true),
            ("Cache-Control: private, no-cache\r\n", true),
            ("Cache-Control: private\r\nCache-Control: No-Store\r\n", false),
            ("ETag: \"a\"\r\n", false),
            ("Last-Modified: Tue, 01 Dec 2026 00:00:00 GMT\r\n", false),
            ("Set-Cookie: a=b\r\n", false),
            ("X-Accel-Buffering: no\r\n", false),
            ("Content-Type: text/event-stream; charset=utf-8\r\n", false),
            ("X-Accel-Buffering: yes\r\n", true),
        ] {
            assert_eq!(may_have_tag(&fields(lines)), wanted, "{lines}");
        }
    }
}
