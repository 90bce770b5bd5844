//! The heads that each side gets to see.

use proxy_engine::configuration::{
    Directive, FilterConfig, ForwardedHeaders, HeaderChangesConfig, HeaderEdit, HeaderValue,
};

use crate::support::{eventually, Origin, Proxy, Reply};

#[test]
fn a_request_is_forwarded_with_what_belongs_to_it() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.proxy.to = Some("http://backend.example/api{path}{query}".into());
    });
    let mut client = proxy.client();
    client.send(
        "GET /a/./b?c=%20d HTTP/1.1\r\nHost: site.example\r\nuser-agent:  x  y\r\nX_Real_IP: evil\r\nX-Hop: 1\r\n\
         Connection: x-hop, x-forwarded-for\r\nProxy-Authorization: x\r\nX-Forwarded-For: 10.9.8.7\r\n\
         Forwarded: for=10.9.8.7\r\n\
         Keep-Alive: 5\r\nX-Request-Id: mine\r\nX-Request-Start: t=1\r\nCookie: a=b\r\n\r\n",
    );
    assert_eq!(client.response().status(), 200);
    let request = &origin.requests()[0];
    assert_eq!(request.start, "GET /api/a/b?c=%20d HTTP/1.1");
    let port = proxy.address().rsplit(':').next().expect("a port").to_owned();
    let mut expected = vec![
        ("Host", "backend.example"),
        ("user-agent", "x  y"),
        ("X-Request-Id", "mine"),
        ("Cookie", "a=b"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "site.example"),
        ("Via", "1.1 proxy"),
    ];
    expected.push(("X-Forwarded-Port", port.as_str()));
    let start = request.get("X-Request-Start").expect("when it began");
    assert_ne!(start, "t=1", "nobody else says when");
    expected.push(("X-Request-Start", start));
    let mut seen: Vec<_> = request.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // Their order among each other is that of the client; where ours stand is nobody's concern.
    let theirs: Vec<_> = seen.iter().filter(|(name, _)| !name.starts_with("X-Forwarded-")).copied().collect();
    assert_eq!(theirs[..4], expected[..4]);
    seen.sort_unstable();
    expected.sort_unstable();
    assert_eq!(seen, expected);
}

#[test]
fn a_response_is_passed_on_with_what_belongs_to_it() {
    let origin = Origin::answering(|_| {
        "HTTP/1.1 200 Fine\r\nserver:  x\r\nSet-Cookie: a=1\r\nX-Hop: 1\r\nConnection: x-hop\r\n\
         Keep-Alive: timeout=5\r\n\
         set-cookie: b=2\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 2\r\n\r\nok"
    });
    let proxy = Proxy::before(&origin);
    let response = proxy.client().get("/");
    assert_eq!(response.start, "HTTP/1.1 200 Fine");
    let seen: Vec<_> = response.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected = [
        ("server", "x"),
        ("Set-Cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("Content-Length", "2"),
        ("Via", "1.1 proxy"),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_status_without_a_class_is_passed_on_and_counts() {
    let origin = Origin::answering(|_| Reply::of("742 Odd", "odd"));
    let proxy = Proxy::before(&origin);
    let response = proxy.client().get("/");
    assert_eq!((response.start.as_str(), response.text().as_str()), ("HTTP/1.1 742 Odd", "odd"));
    let requests = || proxy.server.stats().requests;
    eventually("it is counted", || (requests().total, requests().in_flight) == (1, 0));
}

#[test]
fn fields_of_one_hop_are_dropped_from_a_request() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    for field in [
        "Keep-Alive: x",
        "Proxy-Authenticate: x",
        "Proxy-Authorization: x",
        "Proxy-Connection: x",
        "Trailer: x",
        "Upgrade: websocket",
        "X.Dotted: 1",
        "X-Sendfile-Type: X-Accel-Redirect",
        "X-Accel-Mapping: /=/",
        "X-Named: 1\r\nConnection: close, x-other , X-Named",
    ] {
        let mut client = proxy.client();
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\nX-Kept: 1\r\n\r\n"));
        assert_eq!(client.response().status(), 200);
        let requests = origin.requests();
        let request = requests.last().expect("a request");
        let name = field.split(':').next().expect("a name");
        assert!(request.has("X-Kept") && !request.has(name), "{name}");
    }
}

#[test]
fn fields_of_one_hop_are_dropped_from_a_response() {
    for field in ["Keep-Alive: x", "Proxy-Connection: x", "Upgrade: x", "X-Named: 1\r\nConnection: X-Named"] {
        let origin = Origin::answering(move |_| Reply::ok("ok").with(field).with("X-Kept: 1"));
        let response = Proxy::before(&origin).client().get("/");
        let name = field.split(':').next().expect("a name");
        assert!(response.has("X-Kept") && !response.has(name), "{name}");
    }
}

#[test]
fn what_is_added_to_a_request_stays_whatever_connection_names() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-For, X-Real-IP, Via, Host\r\n\r\n");
    assert_eq!(client.response().status(), 200);
    let request = &origin.requests()[0];
    for name in ["X-Forwarded-For", "X-Real-IP", "Via", "Host"] {
        assert!(request.has(name), "{name}");
    }
}

#[test]
fn via_follows_the_one_that_is_there() {
    let origin = Origin::answering(|_| Reply::ok("").with("Via: 1.0 fred"));
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nVia: 1.0 fred\r\n\r\n");
    let response = client.response();
    for message in [&origin.requests()[0], &response] {
        let via: Vec<_> = message.fields.iter().filter(|(name, _)| name == "Via").map(|(_, value)| value).collect();
        assert_eq!(via, ["1.0 fred", "1.1 proxy"]);
    }
}

#[test]
fn made_up_fields_of_proxies_are_dropped_in_every_mode() {
    let origin = Origin::echoing_targets();
    for forwarded_headers in
        [ForwardedHeaders::Switch(true), ForwardedHeaders::Switch(false), ForwardedHeaders::Named("rfc7239".into())]
    {
        let proxy = Proxy::with(&[&origin.address()], |settings| {
            settings.proxy.forwarded_headers = forwarded_headers.clone();
        });
        let mut client = proxy.client();
        for name in [
            "X-Forwarded-For",
            "X-Real-IP",
            "X-Forwarded-Host",
            "X-Forwarded-Port",
            "X-Forwarded-Proto",
            "X-Forwarded-Ssl",
            "X-Forwarded-Scheme",
            "X-Forwarded-Prefix",
            "X-Request-Start",
            "Client-Ip",
            "True-Client-IP",
            "CF-Connecting-IP",
            "X-Original-URL",
            "X-Rewrite-Url",
            "X-Url-Scheme",
            "Front-End-Https",
            "Proxy",
        ] {
            client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{name}: made-up\r\nX-Kept: 1\r\n\r\n"));
            assert_eq!(client.response().status(), 200);
            let requests = origin.requests();
            let request = requests.last().expect("a request");
            let made_up = request.fields.iter().any(|(_, value)| value.contains("made-up"));
            assert!(request.has("X-Kept") && !made_up, "{name} with {forwarded_headers:?}");
        }
    }
}

#[test]
fn an_absolute_target_is_forwarded_as_a_path() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("GET http://site.example/a?b HTTP/1.1\r\nHost: other.example\r\n\r\n");
    assert_eq!(client.response().text(), "/a?b");
    let request = &origin.requests()[0];
    assert_eq!(request.get("Host"), Some(origin.address().as_str()));
    assert_eq!(request.get("X-Forwarded-Host"), Some("site.example"));
}

#[test]
fn a_request_about_the_server_itself_is_forwarded() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().text(), "*");
}

#[test]
fn a_name_that_is_allowed_takes_the_place_of_none_that_was_changed() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.proxy.allow_underscores =
            ["X_User", "X_Debug", "X_Kept", "User_Agent", "X_Added"].map(Into::into).into();
        settings.proxy.headers = vec![HeaderEdit { name: "X-User".into(), values: vec![] }];
        let changes = HeaderChangesConfig {
            removals: vec!["X-Debug".into(), "User-Agent".into()],
            additions: vec![("X_Added".into(), vec!["ours".into()])],
            ..HeaderChangesConfig::default()
        };
        settings.server.routes.push(Directive::Filter(FilterConfig::RequestHeaders(changes)));
    });
    let mut client = proxy.client();
    client.send(
        "GET / HTTP/1.1\r\nHost: a\r\nX_User: 1\r\nx_debug: 1\r\nUser_Agent: 1\r\nX_Kept: 1\r\nX_Other: 1\r\n\r\n",
    );
    assert_eq!(client.response().status(), 200);
    let request = &origin.requests()[0];
    let odd: Vec<_> = request.fields.iter().map(|(name, _)| name.as_str()).filter(|name| name.contains('_')).collect();
    assert_eq!(odd, ["X_Kept", "X_Added"]);
}

#[test]
fn the_host_of_the_client_is_passed_on_if_that_is_wanted() {
    let origin = Origin::echoing_targets();
    for to in [None, Some("http://backend.example"), Some("http://{host}.internal/x")] {
        let proxy = Proxy::with(&[&origin.address()], |settings| {
            settings.proxy.to = to.map(str::to_owned);
            settings.proxy.preserve_host = true;
        });
        let mut client = proxy.client();
        let before = origin.requests().len();
        client.send("GET / HTTP/1.1\r\nHost: Site.example:8443\r\n\r\n");
        assert_eq!(client.response().status(), 200);
        client.send("GET http://other.example:81/ HTTP/1.1\r\nHost: evil.example\r\n\r\n");
        assert_eq!(client.response().status(), 200);
        let requests = origin.requests();
        let hosts: Vec<_> = requests[before..].iter().map(|request| request.get("Host")).collect();
        assert_eq!(hosts, [Some("Site.example:8443"), Some("other.example:81")], "{to:?}");
    }
    // A client of HTTP/1.0 need not say whom it means.
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.proxy.to = Some("http://backend.example".into());
        settings.proxy.preserve_host = true;
    });
    let mut client = proxy.client();
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.response().status(), 200);
    assert_eq!(origin.requests().last().and_then(|request| request.get("Host")), Some("backend.example"));
}

#[test]
fn fields_that_are_set_win_over_the_host_of_the_client() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.proxy.preserve_host = true;
        let values = vec![HeaderValue::Literal("set.example".into())];
        settings.proxy.headers = vec![HeaderEdit { name: "Host".into(), values }];
    });
    assert_eq!(proxy.client().get("/").status(), 200);
    assert_eq!(origin.requests()[0].get("Host"), Some("set.example"));
}

#[test]
fn a_target_that_ends_with_its_authority_means_what_was_asked_for() {
    let origin = Origin::echoing_targets();
    for (to, target) in [
        ("http://backend.example", "/a/b?c=d"),
        ("http://backend.example/", "/"),
        ("http://backend.example/x?token=1{query}", "/x?token=1&c=d"),
    ] {
        let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.to = Some(to.into()));
        assert_eq!(proxy.client().get("/a/b?c=d").text(), target, "{to}");
    }
}
