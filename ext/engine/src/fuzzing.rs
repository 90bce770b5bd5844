//! What fuzz targets hold the engine's readers to. It is compiled for them alone.

use std::time::UNIX_EPOCH;

use proxy_http::http1::parse_request;
use proxy_http::message::RequestHead;

use crate::client::ClientInfo;
use crate::request_id::RequestId;
use crate::respond::built_in;
use crate::rewrite::{Context, RenderedTarget, RequestValues, TargetTemplate, Template};

/// A template, a line break, and what follows the method of a request: what comes of a string rewrite is no more than a
/// field's value, and what comes of a target is a URL.
///
/// # Panics
/// If it is not so.
pub fn rewrite(input: &[u8]) {
    let (template, rest) = input.split_at(input.iter().position(|b| *b == b'\n').unwrap_or(input.len()));
    let Ok(template) = std::str::from_utf8(template) else { return };
    let rest = rest.strip_prefix(b"\n").unwrap_or_default();
    let text = [b"GET ", rest, b"\r\n\r\n"].concat();
    let mut head = RequestHead::default();
    if !matches!(parse_request(&text, &mut head), Ok(Some(_))) {
        let usual = b"GET /a/b?c=d HTTP/1.1\r\nHost: a:1\r\nUser-Agent: x\r\n\r\n";
        assert!(matches!(parse_request(usual, &mut head), Ok(Some(_))));
    }
    let client =
        ClientInfo { addr: "::1".into(), ip: "::1".parse().ok(), local_port: Some(80), ..ClientInfo::default() };
    let values = RequestValues::new(&head, &client, RequestId::from(7), UNIX_EPOCH);
    if let Ok(parsed) = Template::parse(template, Context::Request) {
        let mut out = Vec::new();
        parsed.render_header(&values, &mut out);
        assert!(!out.iter().any(u8::is_ascii_control));
    }
    if let Ok(parsed) = TargetTemplate::parse(template) {
        let mut target = RenderedTarget::default();
        if parsed.render(&values, &mut target).is_ok() {
            assert!(!target.authority.is_empty());
            assert!(!target.authority.iter().any(|b| b"/?#@\\ \r\n\t\0".contains(b)));
            let path = &target.path_and_query;
            assert!(path.starts_with(b"/") || path == b"*");
            assert!(!path.iter().any(|b| b.is_ascii_control() || *b == b' ' || *b == b'#'));
        }
    }
}

/// The lines of an `Accept` field: some form of a built-in response is chosen, whatever they say.
///
/// # Panics
/// If none is.
pub fn accept(lines: &[u8]) {
    let answer = built_in(502).choose(lines.split(|b| *b == b'\n'));
    assert!(answer.status == 502 && !answer.body.is_empty());
}
