use proxy_http::message::Fields;

use super::{Codings, FileCoding};
use crate::coding::CodingWish;

fn fields(value: &str) -> Fields {
    let mut fields = Fields::default();
    fields.append("Accept-Encoding", value.as_bytes());
    fields
}

#[test]
fn codings_come_in_the_order_that_the_client_likes() {
    for (value, expected) in [
        ("gzip, deflate, br, zstd", &["zstd", "br", "gzip"][..]),
        ("gzip;q=1.0, br;q=0.5", &["gzip", "br"]),
        ("*", &["zstd", "br", "gzip"]),
        ("*;q=0.1, br;q=0", &["zstd", "gzip"]),
        ("br;q=0.5, identity", &[]),
        ("x-gzip", &["gzip"]),
        ("GZIP ; q=0.001", &["gzip"]),
        ("gzip;q=2", &[]),
        ("", &[]),
        ("identity", &[]),
    ] {
        let codings = Codings::of(CodingWish::of(&fields(value)));
        assert_eq!(codings.iter().map(FileCoding::name).collect::<Vec<_>>(), expected, "{value}");
    }
}
