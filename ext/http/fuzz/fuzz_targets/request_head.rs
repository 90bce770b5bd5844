#![no_main]

use libfuzzer_sys::fuzz_target;
use proxy_http::headers::{framing, hop_by_hop};
use proxy_http::http1::{parse_request, write_request_head};
use proxy_http::message::{Known, RequestHead};
use proxy_http_fuzz::{find_in_any_pieces, list};

fuzz_target!(|bytes: &[u8]| {
    let step = bytes.len() % 13 + 1;
    let Some(len) = find_in_any_pieces(bytes, step) else { return };
    let mut head = RequestHead::default();
    let Ok(parsed) = parse_request(bytes, &mut head) else { return };
    assert_eq!(parsed, Some(len));
    let path = head.path();
    assert!(path.starts_with(b"/") || path == b"*");
    assert!(path == b"*" || !path.split(|b| *b == b'/').any(|segment| segment == b"." || segment == b".."));
    let plain = head.plain_path();
    assert!(plain.starts_with(b"/") || plain == b"*");
    assert!(!plain.windows(2).any(|pair| pair == b"//"));
    assert!(!plain.split(|b| matches!(b, b'/' | b'\\')).any(|segment| segment == b"." || segment == b".."));
    assert!(head.query().is_empty() || head.query().starts_with(b"?"));
    let Ok(framed) = framing::of_request(&head) else { return };

    // What is written back reads the same.
    if !head.fields.has(Known::Host) {
        head.fields.append(Known::Host, b"a");
    }
    let again = reread(&head);
    assert_eq!(again.method_text(), head.method_text());
    assert_eq!((again.path(), again.query()), (head.path(), head.query()));
    assert_eq!(list(&again.fields), list(&head.fields));
    assert_eq!(framing::of_request(&again), Ok(framed));

    // What is cleaned is a request still, with the same length and nothing of this hop.
    hop_by_hop::clean_request(&mut head, &[], false, false);
    let cleaned = reread(&head);
    for name in
        [Known::Connection, Known::KeepAlive, Known::Te, Known::TransferEncoding, Known::Upgrade, Known::Trailer]
    {
        assert!(!cleaned.fields.has(name));
    }
    assert!(cleaned.fields.iter().all(|(name, _)| !name.contains(&b'_') && !name.contains(&b'.')));
    assert_eq!(cleaned.fields.get(Known::ContentLength), again.fields.get(Known::ContentLength));

    // Edits stay where they belong.
    head.fields.set("X-Set", b"1");
    head.fields.set(Known::Host, b"b");
    head.fields.remove(Known::Accept);
    let edited = reread(&head);
    assert_eq!(list(&edited.fields), list(&head.fields));
    assert_eq!((edited.fields.get("x-set"), edited.fields.get(Known::Host)), (Some(&b"1"[..]), Some(&b"b"[..])));
    assert!(!edited.fields.has(Known::Accept));
});

fn reread(head: &RequestHead) -> RequestHead {
    let mut out = Vec::new();
    write_request_head(&mut out, head, head.target());
    out.extend_from_slice(b"\r\n");
    assert_eq!(find_in_any_pieces(&out, 7), Some(out.len()));
    let mut again = RequestHead::default();
    assert_eq!(parse_request(&out, &mut again), Ok(Some(out.len())));
    again
}
