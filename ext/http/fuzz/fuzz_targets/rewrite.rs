#![no_main]

use std::time::UNIX_EPOCH;

use libfuzzer_sys::fuzz_target;
use proxy_http::http1::parse_request;
use proxy_http::message::RequestHead;
use proxy_engine::client::ClientInfo;
use proxy_engine::request_id::RequestId;
use proxy_engine::rewrite::{Context, RenderedTarget, Scope, TargetTemplate, Template};

// A template, a line break, and what follows the method of a request.
fuzz_target!(|input: &[u8]| {
    let (template, rest) = input.split_at(input.iter().position(|b| *b == b'\n').unwrap_or(input.len()));
    let Ok(template) = std::str::from_utf8(template) else { return };
    let rest = rest.strip_prefix(b"\n").unwrap_or_default();
    let head_text = [b"GET ", rest, b"\r\n\r\n"].concat();
    let mut head = RequestHead::default();
    if !matches!(parse_request(&head_text, &mut head), Ok(Some(_))) {
        parse_request(b"GET /a/b?c=d HTTP/1.1\r\nHost: a:1\r\nUser-Agent: x\r\n\r\n", &mut head).expect("well formed");
    }
    let mut client = ClientInfo::default();
    client.addr = "::1".into();
    client.ip = "::1".parse().ok();
    client.local_port = Some(80);
    let scope = Scope::new(&head, &client, RequestId::from(7), UNIX_EPOCH);
    if let Ok(parsed) = Template::parse(template, Context::Request) {
        let mut out = Vec::new();
        parsed.render_header(&scope, &mut out);
        assert!(!out.iter().any(u8::is_ascii_control));
    }
    if let Ok(parsed) = TargetTemplate::parse(template) {
        let mut target = RenderedTarget::default();
        if parsed.render(&scope, &mut target).is_ok() {
            assert!(!target.authority.is_empty());
            assert!(!target.authority.iter().any(|b| b"/?#@\\ \r\n\t\0".contains(b)));
            let path = &target.path_and_query;
            assert!(path.starts_with(b"/") || path == b"*");
            assert!(!path.iter().any(|b| b.is_ascii_control() || *b == b' ' || *b == b'#'));
        }
    }
});
