//! HTTP/2 from clients: what a connection and its streams do.

use std::sync::mpsc::channel;
use std::sync::Mutex;

use crate::support::{http2, request, Frame, Origin, Proxy, RawHttp2};

#[test]
fn a_client_that_knows_it_beforehand_speaks_http2() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    http2(&proxy, |client| async move {
        let answer = client.get("/a?b").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "/a?b"));
        assert_eq!((answer.get("content-length"), answer.get("via")), (Some("4"), Some("1.1 proxy")));
        assert!(answer.get("date").is_some() && answer.get("connection").is_none(), "{answer:?}");
    });
    let seen = &origin.requests()[0];
    assert_eq!(seen.start, "GET /a?b HTTP/1.1");
    assert_eq!((seen.get("X-Forwarded-Host"), seen.get("Via")), (Some("site.example"), Some("2.0 proxy")));
}
