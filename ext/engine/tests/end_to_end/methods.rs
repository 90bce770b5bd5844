//! Methods that are not for the backend alone: OPTIONS, TRACE and CONNECT.

use proxy_engine::configuration::{AddressListConfig, Directive, FilterConfig, HeaderEdit, HeaderValue};

use crate::support::{http2, Http2Origin, Message, Origin, Peer, Proxy, Reply};

fn ask(client: &mut Peer, start: &str, fields: &str) -> Message {
    client.send(format!("{start} HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n"));
    client.response()
}

#[test]
fn options_without_a_path_goes_on_as_an_asterisk() {
    let origin = Origin::echoing_targets();
    for to in [None, Some("http://app.example{path}{query}"), Some("http://app.example/api{path}{query}")] {
        let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.to = to.map(Into::into));
        let mut client = proxy.client();
        for target in ["*", "http://a.example", "HTTP://a.example:80"] {
            assert_eq!(ask(&mut client, &format!("OPTIONS {target}"), "").text(), "*", "{target} to {to:?}");
        }
        let prefix = if to.is_some_and(|to| to.contains("/api")) { "/api" } else { "" };
        assert_eq!(ask(&mut client, "OPTIONS http://a.example/", "").text(), format!("{prefix}/"));
        assert_eq!(ask(&mut client, "OPTIONS http://a.example?x", "").text(), format!("{prefix}/?x"));
        assert_eq!(ask(&mut client, "GET http://a.example", "").text(), format!("{prefix}/"));
    }
}

#[test]
fn options_for_the_server_passes_over_http2() {
    let origin = Http2Origin::echoing();
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let seen = ask(&mut proxy.client(), "OPTIONS http://a.example", "").text();
    assert!(seen.starts_with("OPTIONS ") && seen.trim_end().ends_with('*'), "a backend sees {seen:?}");
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    http2(&proxy, |client| async move {
        let uri =
            http::Uri::builder().scheme("http").authority("a.example").path_and_query("*").build().expect("a URI");
        let request = http::Request::builder().method("OPTIONS").uri(uri).body(()).expect("a request");
        assert_eq!(client.send(request, None).await.expect("an answer").text(), "*");
    });
}

#[test]
fn max_forwards_is_counted_down_and_ends_here_at_zero() {
    let origin = Origin::answering(|_| Reply::ok(""));
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    for start in ["OPTIONS /x", "OPTIONS *", "TRACE /x"] {
        for (sent, got) in [
            ("1", Some("0")),
            ("10", Some("9")),
            ("007", Some("6")),
            ("99999999999999999999", Some("4294967294")),
            ("", None),
            ("-1", None),
            ("1, 2", None),
            ("x", None),
        ] {
            assert_eq!(ask(&mut client, start, &format!("Max-Forwards: {sent}\r\n")).status(), 200, "{start} {sent}");
            let request = origin.requests().pop().expect("it was passed on");
            assert_eq!(request.get("Max-Forwards"), got, "{start} {sent}");
        }
        assert_eq!(ask(&mut client, start, "max-forwards: 1\r\nMax-Forwards: 0\r\n").status(), 200);
        assert_eq!(origin.requests().pop().expect("it was passed on").get("Max-Forwards"), None, "one of two");
    }
    let before = origin.requests().len();
    for zero in ["0", "00"] {
        let fields = format!("Max-Forwards: {zero}\r\n");
        assert_eq!(ask(&mut client, "OPTIONS /x", &fields).status(), 200);
        let trace = ask(&mut client, "TRACE /x", &fields);
        assert_eq!((trace.status(), trace.has("Allow")), (405, true));
    }
    assert_eq!(origin.requests().len(), before, "none of them was passed on");
    assert_eq!(ask(&mut client, "GET /x", "Max-Forwards: 0\r\n").status(), 200);
    let other = origin.requests().pop().expect("it was passed on");
    assert_eq!(other.get("Max-Forwards"), Some("0"), "it is nobody else's");
}

#[test]
fn max_forwards_holds_over_http2() {
    let origin = Origin::answering(|_| Reply::ok(""));
    let proxy = Proxy::before(&origin);
    http2(&proxy, |client| async move {
        for (method, left, status) in [("OPTIONS", "0", 200), ("TRACE", "0", 405), ("OPTIONS", "3", 200)] {
            let request =
                crate::support::request(method, "/x").header("max-forwards", left).body(()).expect("a request");
            assert_eq!(client.send(request, None).await.expect("an answer").status, status, "{method}");
        }
    });
    let requests = origin.requests();
    assert_eq!(requests.iter().map(|request| request.get("Max-Forwards")).collect::<Vec<_>>(), [Some("2")]);
}

#[test]
fn filters_come_before_the_answer_of_the_last() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        let nobody = AddressListConfig { networks: vec!["127.0.0.1".into()], ..AddressListConfig::default() };
        settings.server.routes.push(Directive::Filter(FilterConfig::DenyList(nobody)));
    });
    assert_eq!(ask(&mut proxy.client(), "OPTIONS *", "Max-Forwards: 0\r\n").status(), 403);
    assert_eq!(ask(&mut proxy.client(), "TRACE /", "Max-Forwards: 0\r\n").status(), 403);
}

#[test]
fn a_trace_carries_neither_credentials_nor_what_the_configuration_adds() {
    let origin = Origin::answering(|_| Reply::ok(""));
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        let edit = |name: &str| HeaderEdit { name: name.into(), values: vec![HeaderValue::Literal("s3cret".into())] };
        settings.proxy.headers = vec![edit("X-Internal-Token")];
    });
    let mut client = proxy.client();
    for (method, shown) in [("TRACE", false), ("GET", true)] {
        let fields = "Authorization: Basic YTpi\r\nCookie: a=b\r\nX-Own: 1\r\n";
        assert_eq!(ask(&mut client, &format!("{method} /"), fields).status(), 200);
        let request = origin.requests().pop().expect("it was passed on");
        for name in ["Authorization", "Cookie", "X-Internal-Token"] {
            assert_eq!(request.has(name), shown, "{method} {name}");
        }
        assert!(request.has("X-Own") && request.has("Host"));
    }
}

#[test]
fn connect_is_not_for_us() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    for target in ["a.example:443", "[::1]:443", "http://a.example/", "/"] {
        let answer = ask(&mut client, &format!("CONNECT {target}"), "");
        assert_eq!((answer.status(), answer.has("Allow")), (405, true), "{target}");
    }
    for target in ["a.example", "a.example:", "a b:443", "u@a.example:443"] {
        assert_eq!(ask(&mut proxy.client(), &format!("CONNECT {target}"), "").status(), 400, "{target}");
    }
    assert_eq!(origin.connections(), 0);
}
