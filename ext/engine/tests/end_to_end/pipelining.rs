//! Requests that do not wait for their answers.

use crate::support::{Origin, Proxy, Reply};

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::answering(|request| {
        let answer = format!("{} {}", request.target(), request.text());
        Reply::ok(answer)
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    let mut sent = String::new();
    for i in 0..20 {
        sent += &match i % 3 {
            0 => format!("GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n"),
            1 => format!("POST /{i} HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\nGET / {}", i % 10),
            _ => format!(
                "POST /{i} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nGET\r\n1\r\n{}\r\n0\r\n\r\n",
                i % 10
            ),
        };
    }
    client.send(sent);
    for i in 0..20 {
        let body = match i % 3 {
            0 => String::new(),
            1 => format!("GET / {}", i % 10),
            _ => format!("GET{}", i % 10),
        };
        assert_eq!(client.response().text(), format!("/{i} {body}"));
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn requests_may_arrive_byte_by_byte() {
    let origin = Origin::answering(|request| Reply::ok(request.text()));
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    let request = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n";
    for byte in [&request[..], &request[..]].concat() {
        client.send([byte]);
    }
    assert_eq!(client.response().text(), "hello");
    assert_eq!(client.response().text(), "hello");
}

#[test]
fn a_head_may_arrive_in_pieces_with_pauses() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("GET /a HTTP/1.1\r\nHo");
    // Time has to pass: nothing is to happen in it, which is the claim.
    std::thread::sleep(std::time::Duration::from_millis(100));
    client.send(format!("st: a\r\nX-Long: {}\r\n\r\n", "v".repeat(20_000)));
    assert_eq!(client.response().text(), "/a");
    assert_eq!(origin.requests()[0].get("X-Long").map(str::len), Some(20_000));
}

#[test]
fn requests_before_a_malformed_one_are_answered() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
    assert_eq!(client.response().text(), "/a");
    assert_eq!(client.response().status(), 400);
    client.expect_end();
    assert_eq!(origin.targets(), ["/a"]);
}

#[test]
fn what_follows_a_request_that_says_close_is_not_served() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().text(), "/a");
    client.expect_end();
    assert_eq!(origin.targets(), ["/a"]);
}

#[test]
fn empty_lines_between_requests_are_skipped() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().text(), "/a");
    assert_eq!(client.response().text(), "/b");
}
