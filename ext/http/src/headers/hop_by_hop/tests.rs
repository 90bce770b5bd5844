use super::*;
use crate::http1::{parse_request, parse_response};

fn request(fields: &str) -> RequestHead {
    let mut head = RequestHead::default();
    let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    parse_request(text.as_bytes(), &mut head).expect("a well formed head");
    head
}

fn response(start: &str, fields: &str) -> ResponseHead {
    let mut head = ResponseHead::default();
    parse_response(format!("{start}\r\n{fields}\r\n").as_bytes(), &mut head).expect("a well formed head");
    head
}

fn written(fields: &Fields) -> String {
    let mut out = Vec::new();
    fields.write_to(&mut out);
    String::from_utf8(out).expect("text")
}

/// The fields of a request that a backend gets.
fn forwarded(fields: &str, chunked: bool, upgrade: bool) -> String {
    let mut head = request(fields);
    clean_request(&mut head, &[], chunked, upgrade);
    written(&head.fields).strip_prefix("Host: a\r\n").expect("Host stays").to_owned()
}

/// The fields of a response that a client gets.
fn passed_on(fields: &str, chunked: bool, upgrade: bool) -> String {
    let mut head = response("HTTP/1.1 200 OK", fields);
    clean_response(&mut head, chunked, upgrade);
    written(&head.fields)
}

#[test]
fn fields_of_one_hop_are_dropped_in_both_directions() {
    for dropped in [
        "Connection: close",
        "connection: keep-alive",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "Proxy-Authenticate: Basic",
        "Proxy-Authorization: Basic eDp5",
        "TE: trailers, deflate",
        "Trailer: X-Sum",
        "Transfer-Encoding: chunked",
        "Upgrade: websocket",
        "HTTP2-Settings: AAMAAABkAAQAAP__",
    ] {
        let fields = format!("X-Before: 1\r\n{dropped}\r\nX-After: 2\r\n");
        assert_eq!(forwarded(&fields, false, false), "X-Before: 1\r\nX-After: 2\r\n", "{dropped}");
        assert_eq!(passed_on(&fields, false, false), "X-Before: 1\r\nX-After: 2\r\n", "{dropped}");
    }
}

#[test]
fn everything_else_is_kept_in_its_order_and_letter_case() {
    let fields = "ACCEPT: */*\r\nx-b:  1\r\nX-A: 2\r\nX-B: 3\r\nContent-Length: 5\r\nAuthorization: Basic eDp5\r\n";
    assert_eq!(forwarded(fields, false, false), fields);
    assert_eq!(passed_on(fields, false, false), fields);
}

#[test]
fn fields_that_say_whose_a_request_is_stay_whatever_connection_names() {
    let fields = "X-Forwarded-For: a\r\nX-Forwarded-Proto: b\r\nX-Forwarded-Host: c\r\nX-Forwarded-Port: d\r\n\
                  X-Real-IP: e\r\nForwarded: for=f\r\n";
    let names = "Connection: x-forwarded-for, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port, X-Real-IP, \
                 Forwarded, X-A\r\n";
    assert_eq!(forwarded(&format!("{names}X-A: 1\r\n{fields}"), false, false), fields);
}

#[test]
fn fields_named_in_connection_are_dropped() {
    for (connection, left) in [
        ("Connection: x-a", "X-B: 2\r\nCookie: c\r\n"),
        ("Connection: close, X-A ,\tx-B", "Cookie: c\r\n"),
        ("Connection: x-a\r\nConnection: cookie", "X-B: 2\r\n"),
        ("Connection: cookie", "X-A: 1\r\nX-B: 2\r\n"),
        ("Connection: x", "X-A: 1\r\nX-B: 2\r\nCookie: c\r\n"),
        ("Connection: ,", "X-A: 1\r\nX-B: 2\r\nCookie: c\r\n"),
    ] {
        let fields = format!("X-A: 1\r\nX-B: 2\r\nCookie: c\r\n{connection}\r\n");
        assert_eq!(forwarded(&fields, false, false), left, "{connection}");
        assert_eq!(passed_on(&fields, false, false), left, "{connection}");
    }
}

#[test]
fn connection_cannot_remove_what_frames_or_routes_a_message() {
    let fields = "Content-Length: 5\r\nConnection: host, content-length\r\n";
    assert_eq!(forwarded(fields, false, false), "Content-Length: 5\r\n");
    assert_eq!(passed_on(fields, false, false), "Content-Length: 5\r\n");
}

#[test]
fn trailer_is_kept_beside_a_chunked_body() {
    assert_eq!(forwarded("Trailer: X-Sum\r\n", true, false), "Trailer: X-Sum\r\n");
    assert_eq!(passed_on("Trailer: X-Sum\r\n", true, false), "Trailer: X-Sum\r\n");
}

#[test]
fn upgrade_is_kept_when_upgrading() {
    let fields = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n";
    assert_eq!(forwarded(fields, false, true), "Upgrade: websocket\r\nSec-WebSocket-Key: k\r\n");
    assert_eq!(passed_on(fields, false, true), "Upgrade: websocket\r\nSec-WebSocket-Key: k\r\n");
}

#[test]
fn names_that_cgi_takes_for_others_are_not_forwarded() {
    for name in ["X_Real_IP", "x_forwarded_for", "Content_Length", "Transfer_Encoding", "X.Real.IP", "_", "a.b", "X-A_"]
    {
        assert_eq!(forwarded(&format!("{name}: 1\r\nX-Ok: 2\r\n"), false, false), "X-Ok: 2\r\n", "{name}");
        let line = format!("{name}: 1\r\n");
        assert_eq!(passed_on(&line, false, false), line, "responses keep {name}");
    }
}

#[test]
fn allowed_names_with_underscores_are_forwarded() {
    let mut head = request("My_Key: 1\r\nmy_key: 2\r\nOther_Key: 3\r\nConnection: x\r\n");
    let allowed = [FieldName::new("MY_KEY").expect("a name")];
    clean_request(&mut head, &allowed, false, false);
    assert_eq!(written(&head.fields), "Host: a\r\nMy_Key: 1\r\nmy_key: 2\r\n");
}

#[test]
fn an_allowed_name_that_connection_lists_is_dropped() {
    let mut head = request("My_Key: 1\r\nConnection: my_key\r\n");
    clean_request(&mut head, &[FieldName::new("My_Key").expect("a name")], false, false);
    assert_eq!(written(&head.fields), "Host: a\r\n");
}

#[test]
fn a_client_names_no_files_of_the_backend() {
    let fields = "X-Sendfile-Type: X-Accel-Redirect\r\nX-Accel-Mapping: /=/etc/\r\n";
    assert_eq!(forwarded(fields, false, false), "");
    assert_eq!(passed_on(fields, false, false), fields);
}

#[test]
fn responses_that_have_no_body_have_no_length_either() {
    for (start, left) in [
        ("HTTP/1.1 100 Continue", "X: y\r\n"),
        ("HTTP/1.1 101 Switching Protocols", "X: y\r\n"),
        ("HTTP/1.1 103 Early Hints", "X: y\r\n"),
        ("HTTP/1.1 204 No Content", "X: y\r\n"),
        ("HTTP/1.1 304 Not Modified", "Content-Length: 5\r\nX: y\r\n"),
        ("HTTP/1.1 200 OK", "Content-Length: 5\r\nX: y\r\n"),
    ] {
        let mut head = response(start, "Content-Length: 5\r\nX: y\r\n");
        clean_response(&mut head, false, false);
        assert_eq!(written(&head.fields), left, "{start}");
    }
}

#[test]
fn wishes_are_read_from_connection() {
    let options = |trailers, upgrade| ConnectionOptions { trailers, upgrade };
    for (fields, expected) in [
        ("", options(false, false)),
        ("Upgrade: websocket\r\n", options(false, false)),
        ("TE: trailers\r\n", options(false, false)),
        ("Connection: keep-alive, x\r\nTE: trailers\r\n", options(false, false)),
        ("Connection: upgrade\r\n", options(false, false)),
        ("Connection: upgrade\r\nUpgrade:\r\n", options(false, false)),
        ("Connection: keep-alive\r\nUpgrade: websocket\r\n", options(false, false)),
        ("Connection: Upgrade\r\nUpgrade: websocket\r\n", options(false, true)),
        ("Connection: keep-alive, upgrade\r\nUpgrade: foo/2, bar\r\n", options(false, true)),
        ("Connection: TE\r\nTE: trailers\r\n", options(true, false)),
        ("Connection: te\r\nTE: gzip;q=0.5, Trailers\r\n", options(true, false)),
        ("Connection: te\r\nTE: gzip\r\n", options(false, false)),
        ("Connection: te, upgrade\r\nTE: trailers\r\nUpgrade: x\r\n", options(true, true)),
    ] {
        assert_eq!(ConnectionOptions::of(&request(fields)), expected, "{fields}");
    }
}

#[test]
fn http_2_without_tls_is_never_offered() {
    for upgrade in ["h2c", "H2C", "h2", "websocket, h2c", "h2c, websocket", "HTTP/2.0", "h2c/1", "TLS/1.0, HTTP/1.1"] {
        let head = request(&format!("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {upgrade}\r\n"));
        assert!(!ConnectionOptions::of(&head).upgrade, "{upgrade}");
    }
    let split = request("Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n");
    assert!(!ConnectionOptions::of(&split).upgrade);
}

#[test]
fn an_upgrade_may_have_a_body() {
    let head = request("Connection: upgrade\r\nUpgrade: tcp\r\nContent-Length: 5\r\n");
    assert!(ConnectionOptions::of(&head).upgrade);
}

#[test]
fn an_http_1_0_client_upgrades_nothing() {
    let mut head = request("Connection: upgrade, te\r\nUpgrade: websocket\r\nTE: trailers\r\n");
    head.version = Version::Http10;
    assert_eq!(ConnectionOptions::of(&head), ConnectionOptions::default());
}

#[test]
fn a_response_without_a_body_that_promises_one_is_noticed() {
    for (start, fields, in_vain) in [
        ("HTTP/1.1 204 No Content", "", false),
        ("HTTP/1.1 204 No Content", "Content-Length: 0\r\n", false),
        ("HTTP/1.1 204 No Content", "Content-Length: 5\r\n", true),
        ("HTTP/1.1 204 No Content", "Transfer-Encoding: chunked\r\n", true),
        // The length here is that of the response to an unconditional GET.
        ("HTTP/1.1 304 Not Modified", "Content-Length: 5\r\n", false),
        ("HTTP/1.1 200 OK", "Content-Length: 5\r\n", false),
    ] {
        assert_eq!(promises_a_body_in_vain(&response(start, fields)), in_vain, "{start} {fields}");
    }
}

#[test]
#[expect(clippy::disallowed_types, reason = "it measures real time")]
fn a_connection_field_that_names_thousands_costs_no_quadratic_time() {
    let names: Vec<_> = (0..100_000).map(|n| format!("x-{n}")).collect();
    let mut fields = Fields::default();
    fields.append(Known::Connection, names.join(",").as_bytes());
    fields.append("X-99999", b"named");
    fields.append("X-Other", b"kept");
    let begun = std::time::Instant::now();
    drop_named(&mut fields);
    // A second where it is linear; minutes where each name is compared with each other.
    assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{:?}", begun.elapsed());
    assert!(!fields.has("X-99999") && !fields.has(Known::Connection) && fields.has("X-Other"));
}
