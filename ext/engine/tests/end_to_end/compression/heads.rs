//! Which responses are coded, and what their heads then say.

use proxy_engine::configuration::{CompressConfig, Config, Directive, StaticResponseConfig};

use super::{coding_of, compress, compressing, compressing_with, get, page};
use crate::support::{http2, request, Http2Origin, Origin, Proxy};

const GZIP: &str = "Accept-Encoding: gzip\r\n";

/// A backend whose response has this status line, these lines and a page of so many bytes.
fn origin(status: &'static str, lines: &'static str, len: usize) -> Origin {
    Origin::answering(move |request| {
        let head = format!("HTTP/1.1 {status}\r\n{lines}Content-Length: {len}\r\n\r\n");
        let is_head = request.start.starts_with("HEAD");
        [head.into_bytes(), if is_head { Vec::new() } else { page(len) }].concat()
    })
}

/// The coding and `Vary` of the response to a GET.
fn asked(proxy: &Proxy, lines: &str, len: usize) -> (Option<String>, Option<String>) {
    let response = get(proxy, "/", lines);
    (coding_of(&response, &page(len)), response.get("Vary").map(str::to_owned))
}

fn coded(coding: &str) -> (Option<String>, Option<String>) {
    (Some(coding.to_owned()), Some("Accept-Encoding".to_owned()))
}

fn plain(vary: Option<&str>) -> (Option<String>, Option<String>) {
    (None, vary.map(str::to_owned))
}

#[test]
fn the_client_chooses_the_coding() {
    let origin = origin("200 OK", "Content-Type: text/html; charset=utf-8\r\n", 5_000);
    let proxy = compressing(&origin);
    for (accepted, coding) in [
        ("Accept-Encoding: gzip, deflate, br, zstd\r\n", Some("zstd")),
        ("Accept-Encoding: gzip\r\nAccept-Encoding: br\r\n", Some("br")),
        ("Accept-Encoding: gzip;q=1.0, br;q=0.5\r\n", Some("gzip")),
        ("Accept-Encoding: *\r\n", Some("zstd")),
        ("Accept-Encoding: gzip;q=0\r\n", None),
        ("Accept-Encoding: identity, gzip;q=0.9\r\n", None),
        ("Accept-Encoding: deflate\r\n", None),
        ("Accept-Encoding:\r\n", None),
        ("", None),
    ] {
        let expected = (coding.map(str::to_owned), Some("Accept-Encoding".to_owned()));
        assert_eq!(asked(&proxy, accepted, 5_000), expected, "{accepted}");
    }
    let ordered = CompressConfig { encodings: Some(vec!["gzip".into(), "br".into()]), ..CompressConfig::default() };
    let proxy = compressing_with(&origin, ordered);
    assert_eq!(asked(&proxy, "Accept-Encoding: zstd, br, gzip\r\n", 5_000), coded("gzip"));
    assert_eq!(asked(&proxy, "Accept-Encoding: zstd\r\n", 5_000), plain(Some("Accept-Encoding")));
}

#[test]
fn the_status_decides() {
    for (status, is_coded) in [
        ("200 OK", true),
        ("201 Created", true),
        ("203 Changed", true),
        ("400 Bad", true),
        ("404 Not Found", true),
        ("422 No", true),
        ("500 Wrong", true),
        ("503 Busy", true),
        ("226 IM Used", false),
        ("301 Moved", false),
        ("302 Found", false),
    ] {
        let origin = origin(status, "Content-Type: text/html\r\n", 5_000);
        let expected = if is_coded { coded("gzip") } else { plain(None) };
        assert_eq!(asked(&compressing(&origin), GZIP, 5_000), expected, "{status}");
    }
    // A part is not coded, but has the field that the whole has (RFC 9110, section 15.3.7).
    let part = origin("206 Partial Content", "Content-Type: text/html\r\n", 5_000);
    assert_eq!(asked(&compressing(&part), GZIP, 5_000), plain(Some("Accept-Encoding")));
    let empty = Origin::answering(|_| "HTTP/1.1 204 No Content\r\nContent-Type: text/html\r\n\r\n");
    assert_eq!(asked(&compressing(&empty), GZIP, 0), plain(None));
}

#[test]
fn the_length_decides_and_an_unknown_one_is_coded_at_once() {
    for (len, config, is_coded) in [
        (1_023, CompressConfig::default(), false),
        (1_024, CompressConfig::default(), true),
        (1, CompressConfig { min_size: 0, ..CompressConfig::default() }, true),
        (0, CompressConfig { min_size: 0, ..CompressConfig::default() }, false),
        (5_000, CompressConfig { min_size: 5_001, ..CompressConfig::default() }, false),
    ] {
        let origin = origin("200 OK", "Content-Type: text/html\r\n", len);
        let expected = if is_coded { coded("gzip") } else { plain(None) };
        assert_eq!(asked(&compressing_with(&origin, config), GZIP, len), expected, "{len}");
    }
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n<tr\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<tr",
    ] {
        let origin = Origin::start(move |_, peer| {
            if peer.try_request().is_some() {
                peer.send(response);
            }
        });
        assert_eq!(asked(&compressing(&origin), GZIP, 3), coded("gzip"), "{response}");
    }
}

#[test]
fn what_the_response_says_decides() {
    let vary = Some("Accept-Encoding");
    for (lines, expected) in [
        ("Content-Type: image/png\r\n", plain(None)),
        ("Content-Type: image/svg+xml\r\n", coded("gzip")),
        ("Content-Type: application/vnd.api+json\r\n", coded("gzip")),
        ("Content-Type: multipart/mixed; boundary=a\r\n", plain(None)),
        ("Content-Type: text/event-stream; charset=utf-8\r\n", plain(None)),
        ("Content-Type: application/grpc-web+json\r\n", plain(None)),
        ("", plain(None)),
        ("Content-Type: text/css\r\nCache-Control: public, No-Transform\r\n", plain(None)),
        ("Content-Type: text/css\r\nCache-Control: public\r\n", coded("gzip")),
        ("Content-Type: text/css\r\nContent-Encoding: identity\r\n", coded("gzip")),
        ("Content-Type: text/css\r\nContent-Range: bytes */9\r\n", plain(None)),
        (
            "Content-Type: text/css\r\nVary: Accept, accept-encoding\r\n",
            (coded("gzip").0, Some("Accept, accept-encoding".into())),
        ),
        ("Content-Type: text/css\r\nVary: *\r\n", (coded("gzip").0, Some("*".into()))),
        ("Content-Type: text/css\r\nETag: \"a\"\r\nETag: \"b\"\r\n", plain(None)),
        ("Content-Type: text/css\r\nETag: a\r\n", plain(None)),
        ("Content-Type: text/css\r\nETag: \"a\"b\"\r\n", plain(None)),
    ] {
        let origin = origin("200 OK", lines, 5_000);
        assert_eq!(asked(&compressing(&origin), GZIP, 5_000), expected, "{lines}");
    }
    let origin = origin("200 OK", "Content-Type: text/css\r\n", 5_000);
    let proxy = compressing(&origin);
    let unchanged = format!("{GZIP}Cache-Control: max-age=0, no-transform\r\n");
    assert_eq!(asked(&proxy, &unchanged, 5_000), plain(vary));
}

#[test]
fn what_is_coded_already_stays_as_it_is() {
    let origin = origin("200 OK", "Content-Type: text/css\r\nContent-Encoding: br\r\nETag: \"a\"\r\n", 5_000);
    let response = get(&compressing(&origin), "/", GZIP);
    assert!(response.body == page(5_000));
    let said = ["Content-Encoding", "Content-Length", "ETag", "Vary"].map(|name| response.get(name));
    assert_eq!(said, [Some("br"), Some("5000"), Some("\"a\""), None]);
}

#[test]
fn an_old_client_gets_the_body_as_it_is() {
    let origin = origin("200 OK", "Content-Type: text/css\r\n", 5_000);
    let proxy = compressing(&origin);
    let mut client = proxy.client();
    client.send(format!("GET / HTTP/1.0\r\nHost: a\r\n{GZIP}\r\n"));
    let response = client.response();
    assert_eq!(coding_of(&response, &page(5_000)), None);
    assert_eq!(response.get("Vary"), Some("Accept-Encoding"));
}

const DESCRIBED: &str = "Content-Type: text/html\r\nAccept-Ranges: bytes\r\nETag: \"a,b\"\r\nContent-MD5: x\r\n\
                         Digest: x\r\nContent-Digest: x\r\nRepr-Digest: x\r\nVary: Cookie\r\nX-Kept: 1\r\n";

#[test]
fn fields_that_describe_the_bytes_are_changed() {
    let origin = origin("200 OK", DESCRIBED, 5_000);
    let proxy = compressing(&origin);
    let mut client = proxy.client();
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{GZIP}\r\n"));
    let got = client.response();
    for name in ["Content-Length", "Accept-Ranges", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest"] {
        assert_eq!(got.get(name), None, "{name}");
    }
    assert_eq!((got.get("ETag"), got.get("X-Kept")), (Some("W/\"a,b\""), Some("1")));
    let vary: Vec<_> = got.fields.iter().filter(|(name, _)| name == "Vary").map(|(_, value)| value.as_str()).collect();
    assert_eq!(vary, ["Cookie", "Accept-Encoding"]);

    client.send(format!("HEAD / HTTP/1.1\r\nHost: a\r\n{GZIP}\r\n"));
    let head = client.head();
    let told = |message: &crate::support::Message| {
        let fields = message.fields.iter().filter(|(name, _)| name != "Date" && name != "Transfer-Encoding");
        fields.cloned().collect::<Vec<_>>()
    };
    assert_eq!(told(&head), told(&got), "HEAD has the fields of GET");
    assert_eq!(client.unread(), b"");

    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let next = client.response();
    assert!(next.body == page(5_000), "the next response on the connection is not coded");
    assert_eq!((next.get("ETag"), next.get("Content-Length")), (Some("\"a,b\""), Some("5000")));
}

#[test]
fn a_304_has_the_entity_tag_that_the_client_knows() {
    let origin = Origin::answering(|request| {
        let kind = if request.target() == "/image" { "Content-Type: image/png\r\n" } else { "" };
        format!("HTTP/1.1 304 Not Modified\r\n{kind}ETag: \"a\"\r\n\r\n")
    });
    let proxy = compressing(&origin);
    for (target, known, tag, vary) in [
        ("/", "W/\"a\"", "W/\"a\"", Some("Accept-Encoding")),
        ("/", "\"b\", W/\"a\"", "W/\"a\"", Some("Accept-Encoding")),
        ("/", "\"a\"", "\"a\"", Some("Accept-Encoding")),
        ("/image", "\"a\"", "\"a\"", None),
    ] {
        let response = get(&proxy, target, &format!("{GZIP}If-None-Match: {known}\r\n"));
        assert_eq!((response.status(), response.get("ETag"), response.get("Vary")), (304, Some(tag), vary), "{known}");
    }
}

#[test]
fn a_guard_leaves_what_may_hold_a_secret() {
    let guard = || CompressConfig { breach: "guard".into(), ..CompressConfig::default() };
    let vary = Some("Accept-Encoding");
    let public = origin("200 OK", "Content-Type: text/html\r\n", 5_000);
    let proxy = compressing_with(&public, guard());
    assert_eq!(asked(&proxy, GZIP, 5_000), coded("gzip"));
    for personal in ["Cookie: a=b\r\n", "Authorization: Basic eA==\r\n", "X-CSRF-Token: a\r\n"] {
        assert_eq!(asked(&proxy, &format!("{GZIP}{personal}"), 5_000), plain(vary), "{personal}");
    }
    for lines in [
        "Content-Type: text/html\r\nSet-Cookie: a=b\r\n",
        "Content-Type: text/html\r\nCache-Control: max-age=0, private\r\n",
        "Content-Type: text/html\r\nCache-Control: no-store\r\n",
    ] {
        let origin = origin("200 OK", lines, 5_000);
        assert_eq!(asked(&compressing_with(&origin, guard()), GZIP, 5_000), plain(vary), "{lines}");
        assert_eq!(asked(&compressing(&origin), GZIP, 5_000), coded("gzip"), "{lines}");
    }
    let varying = origin("200 OK", "Content-Type: text/html\r\nVary: Cookie, Accept-Encoding\r\n", 5_000);
    assert_eq!(asked(&compressing_with(&varying, guard()), GZIP, 5_000).0, None);
}

#[test]
fn backends_are_not_told_if_that_is_wanted() {
    let origin = origin("200 OK", "Content-Type: text/html\r\n", 5_000);
    let strip = CompressConfig { strip_accept_encoding: true, ..CompressConfig::default() };
    let proxy = compressing_with(&origin, strip);
    assert_eq!(asked(&proxy, GZIP, 5_000), coded("gzip"));
    assert_eq!(asked(&proxy, "Accept-Encoding: deflate\r\n", 5_000), plain(Some("Accept-Encoding")));
    let untouched = format!("{GZIP}Cache-Control: no-transform\r\n");
    assert_eq!(asked(&proxy, &untouched, 5_000), plain(Some("Accept-Encoding")));
    assert_eq!(asked(&compressing(&origin), GZIP, 5_000), coded("gzip"));
    let requests = origin.requests();
    let seen: Vec<_> = requests.iter().map(|request| request.get("Accept-Encoding")).collect();
    assert_eq!(seen, [None, Some("deflate"), Some("gzip"), Some("gzip")]);
}

#[test]
fn the_innermost_decides() {
    let origin = origin("200 OK", "Content-Type: text/html\r\n", 5_000);
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        let outer = CompressConfig { strip_accept_encoding: true, ..CompressConfig::default() };
        let css = CompressConfig { types: Some(vec!["text/css".into()]), ..CompressConfig::default() };
        settings.server.routes.extend([compress(outer), compress(css)]);
    });
    assert_eq!(asked(&proxy, GZIP, 5_000), plain(None));
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        let outer = CompressConfig { strip_accept_encoding: true, ..CompressConfig::default() };
        settings.server.routes.extend([compress(outer), compress(CompressConfig::default())]);
    });
    assert_eq!(asked(&proxy, GZIP, 5_000), coded("gzip"), "once, by what the client said");
}

#[test]
fn the_proxys_own_answers_are_coded_too() {
    let body = String::from_utf8(page(5_000)).expect("text");
    let answer = StaticResponseConfig {
        code: 404,
        headers: vec![("Content-Type".into(), "text/html".into())],
        body,
        ..StaticResponseConfig::default()
    };
    let config: Config = Proxy::config(&["127.0.0.1:1"], |settings| {
        let routes = &mut settings.server.routes;
        routes.extend([compress(CompressConfig::default()), Directive::StaticResponse(answer)]);
    });
    let proxy = Proxy::start(config);
    for coding in super::ALL {
        let response = get(&proxy, "/", &format!("Accept-Encoding: {coding}\r\n"));
        assert_eq!(response.status(), 404);
        assert_eq!(coding_of(&response, &page(5_000)).as_deref(), Some(coding));
        assert_eq!(response.get("Transfer-Encoding"), Some("chunked"));
    }
    http2(&proxy, |client| async move {
        let asked = request("GET", "/").header("accept-encoding", "br").body(()).expect("a request");
        let answer = client.send(asked, None).await.expect("an answer");
        assert_eq!(
            (answer.status, answer.get("content-encoding"), answer.get("content-length")),
            (404, Some("br"), None)
        );
        assert!(super::decoded("br", &answer.body) == page(5_000));
        let asked = request("HEAD", "/").header("accept-encoding", "br").body(()).expect("a request");
        let answer = client.send(asked, None).await.expect("an answer");
        assert_eq!((answer.get("content-encoding"), answer.body.len()), (Some("br"), 0));
    });
}

#[test]
fn calls_and_tunnels_are_left_alone() {
    let origin = Http2Origin::start(
        |_| (),
        |mut exchange| async move {
            let head = http::Response::builder().header("content-type", "application/grpc").body(()).expect("a head");
            let mut stream = exchange.response.send_response(head, false).expect("it is sent");
            stream.send_data(page(5_000).into(), false).expect("it is taken");
            let mut trailers = http::HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().expect("a value"));
            stream.send_trailers(trailers).expect("they are taken");
        },
    );
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        let strip = CompressConfig { strip_accept_encoding: true, ..CompressConfig::default() };
        settings.server.routes.push(compress(strip));
    });
    http2(&proxy, |client| async move {
        let call = request("POST", "/a.B/C").header("content-type", "application/grpc").header("te", "trailers");
        let call = call.header("accept-encoding", "gzip").body(()).expect("a request");
        let answer = client.send(call, Some(b"")).await.expect("an answer");
        assert_eq!((answer.get("content-encoding"), answer.get("vary")), (None, None));
        assert!(answer.body == page(5_000));
    });

    let backend = Origin::start(|_, peer| {
        let asked = peer.head();
        assert_eq!(asked.get("Accept-Encoding"), Some("gzip"), "an upgrade is passed on as it is");
        peer.send(
            "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Type: text/html\r\n\r\nhello",
        );
    });
    let strip = CompressConfig { strip_accept_encoding: true, ..CompressConfig::default() };
    let proxy = compressing_with(&backend, strip);
    let mut client = proxy.client();
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n{GZIP}\r\n"));
    let head = client.head();
    assert_eq!((head.status(), head.get("Content-Encoding"), head.get("Vary")), (101, None, None));
    assert_eq!(client.read(5), b"hello");
}
