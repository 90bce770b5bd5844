#![no_main]

use libfuzzer_sys::fuzz_target;
use proxy_http::http1::{Buffer, Chunked};
use proxy_http::message::Piece;
use proxy_http::message::Known;
use proxy_http_fuzz::{feed, list};

#[derive(Debug, PartialEq, Eq)]
struct Decoded {
    data: Vec<u8>,
    trailers: Vec<(Vec<u8>, Vec<u8>)>,
    rest: Vec<u8>,
}

fuzz_target!(|bytes: &[u8]| {
    let step = bytes.len() % 13 + 1;
    let whole = decode(bytes, bytes.len().max(1));
    let pieces = decode(bytes, step);
    assert_eq!(whole, pieces);
    let Some(decoded) = whole else { return };
    assert!(bytes.ends_with(&decoded.rest));

    // What is written back reads the same.
    let mut out = Vec::new();
    for chunk in decoded.data.chunks(5) {
        out.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n");
    for (name, value) in &decoded.trailers {
        assert!(!Known::of(name).is_some_and(proxy_http::headers::trailers::is_forbidden));
        out.extend([name, &b": "[..], value, b"\r\n"].concat());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&decoded.rest);
    assert_eq!(decode(&out, 3), Some(decoded));
});

/// `None` if the body is refused or not complete.
fn decode(bytes: &[u8], step: usize) -> Option<Decoded> {
    let mut buffer = Buffer::default();
    let mut chunked = Chunked::default();
    let mut data = Vec::new();
    let mut pieces = bytes.chunks(step);
    loop {
        match chunked.next(&mut buffer).ok()? {
            Piece::Data(n) => {
                data.extend_from_slice(&buffer.filled()[..n]);
                buffer.consume(n);
                chunked.consumed(n);
            }
            Piece::More => feed(&mut buffer, pieces.next()?),
            Piece::End => {
                assert!(chunked.is_done());
                let mut rest = buffer.filled().to_vec();
                pieces.for_each(|piece| rest.extend_from_slice(piece));
                return Some(Decoded { data, trailers: chunked.trailers().map(list).unwrap_or_default(), rest });
            }
        }
    }
}
