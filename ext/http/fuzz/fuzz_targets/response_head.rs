#![no_main]

use libfuzzer_sys::fuzz_target;
use proxy_http::headers::{framing, hop_by_hop};
use proxy_http::http1::{parse_response, write_status_line};
use proxy_http::message::Framing;
use proxy_http::message::{Known, Method, ResponseHead};
use proxy_http_fuzz::{find_in_any_pieces, list};

fuzz_target!(|bytes: &[u8]| {
    let step = bytes.len() % 13 + 1;
    let Some(len) = find_in_any_pieces(bytes, step) else { return };
    let mut head = ResponseHead::default();
    let Ok(parsed) = parse_response(bytes, &mut head) else { return };
    assert_eq!(parsed, Some(len));
    assert!((100..1000).contains(&head.status));
    let Ok(framed) = framing::of_response(&head, Method::Get) else { return };
    assert_eq!(framing::of_response(&head, Method::Head), Ok(Framing::None));

    let again = reread(&head);
    assert_eq!((again.status, again.reason()), (head.status, head.reason()));
    assert_eq!(list(&again.fields), list(&head.fields));
    assert_eq!(framing::of_response(&again, Method::Get), Ok(framed));

    hop_by_hop::clean_response(&mut head, false, false);
    let cleaned = reread(&head);
    for name in [Known::Connection, Known::KeepAlive, Known::TransferEncoding, Known::Upgrade, Known::Trailer] {
        assert!(!cleaned.fields.has(name));
    }
    assert_eq!(list(&cleaned.fields), list(&head.fields));
});

fn reread(head: &ResponseHead) -> ResponseHead {
    let mut out = Vec::new();
    write_status_line(&mut out, head.status, head.reason());
    head.fields.write_to(&mut out);
    out.extend_from_slice(b"\r\n");
    assert_eq!(find_in_any_pieces(&out, 7), Some(out.len()));
    let mut again = ResponseHead::default();
    assert_eq!(parse_response(&out, &mut again), Ok(Some(out.len())));
    again
}
