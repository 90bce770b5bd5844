//! What the configuration names is never what a client or a backend names.

use proxy_engine::configuration::{
    Directive, FilterConfig, HeaderEdit, HeaderValue, LimitKey, LocationConfig, Match, RateLimitConfig, Regexp, Setting,
};

use crate::support::{Origin, Proxy};

fn rewrite(name: &str, text: &str) -> HeaderEdit {
    HeaderEdit { name: name.into(), values: vec![HeaderValue::Rewrite(text.into())] }
}

#[test]
fn a_field_takes_the_place_of_no_capture() {
    let origin = Origin::answering(|request| {
        let target = request.target().to_owned();
        format!("HTTP/1.1 200 OK\r\nTenant: red\r\nId: red\r\nContent-Length: {}\r\n\r\n{target}", target.len())
    });
    let address = origin.address();
    let proxy = Proxy::with(&[&address], |settings| {
        let mut proxy = settings.proxy.clone();
        proxy.pool = Some(settings.pool.clone());
        proxy.to = Some("http://users.internal/accounts/{id}{query}".into());
        proxy.headers = vec![rewrite("X-Tenant", "{tenant}")];
        proxy.response_headers = vec![rewrite("X-Seen", "{tenant} {id}")];
        let patterns = vec![Match::Regexp(Regexp {
            source: r"\A/(?<tenant>[a-z]+)(/(?<id>[0-9]+))?\z".into(),
            ..Regexp::default()
        })];
        let routes = vec![Directive::Proxy(Box::new(proxy))];
        settings.server.routes.push(Directive::Location(Box::new(LocationConfig {
            patterns,
            routes,
            ..LocationConfig::default()
        })));
    });
    for (target, forwarded, seen) in [("/blue/7", "/accounts/7", "blue 7"), ("/blue", "/accounts/", "blue ")] {
        let mut client = proxy.client();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\nId: 8/secrets?a=\r\nTenant: red\r\n\r\n"));
        let answer = client.response();
        assert_eq!((answer.text().as_str(), answer.get("X-Seen")), (forwarded, Some(seen.trim())), "{target}");
        assert_eq!(
            origin.requests().last().and_then(|request| request.get("X-Tenant").map(str::to_owned)).as_deref(),
            Some("blue")
        );
    }
}

#[test]
fn a_field_makes_no_new_key_of_a_limit() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        let limit = RateLimitConfig {
            requests: Some(1),
            seconds: Some(60.0),
            key: LimitKey::Rewrite("{who}".into()),
            ..RateLimitConfig::default()
        };
        let mut proxy = settings.proxy.clone();
        proxy.pool = Some(settings.pool.clone());
        let routes = vec![Directive::Filter(FilterConfig::RateLimit(limit)), Directive::Proxy(Box::new(proxy))];
        let patterns = vec!["/limited/:who".into()];
        settings.server.routes.push(Directive::Location(Box::new(LocationConfig {
            patterns,
            routes,
            ..LocationConfig::default()
        })));
    });
    let statuses: Vec<_> = (0..3)
        .map(|number| {
            let mut client = proxy.client();
            client.send(format!("GET /limited/bob HTTP/1.1\r\nHost: a\r\nWho: {number}\r\n\r\n"));
            client.response().status()
        })
        .collect();
    assert_eq!(statuses, [200, 429, 429]);
}

#[test]
fn a_client_that_nobody_trusts_speaks_for_no_proxy() {
    let origin = Origin::echoing_targets();
    let names = [
        "X-Forwarded-Ssl",
        "X-Forwarded-Scheme",
        "x-forwarded-prefix",
        "X-Forwarded-User",
        "Client-Ip",
        "True-Client-IP",
        "CF-Connecting-IP",
        "X-Original-URL",
        "X-Rewrite-Url",
        "X-Url-Scheme",
        "Front-End-Https",
        "Proxy",
        "X-Request-Start",
        "X_Forwarded_Proto",
        "X-Sendfile-Type",
        "X-Forwarded-For",
        "Forwarded",
        "X-Real-IP",
    ];
    let lines: String = names.iter().map(|name| format!("{name}: evil\r\n")).collect();
    for forwarded in [true, false] {
        let proxy = Proxy::with(&[&origin.address()], |settings| {
            settings.proxy.forwarded_headers = proxy_engine::configuration::ForwardedHeaders::Switch(forwarded);
            settings.proxy.allow_underscores = vec!["X_Forwarded_Proto".into()];
            // A field that the configuration sets is the configuration's.
            settings.proxy.headers = vec![rewrite("X-Forwarded-User", "[{X-Forwarded-User}]")];
        });
        let mut client = proxy.client();
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}X-Kept: evil\r\n\r\n"));
        assert_eq!(client.response().status(), 200);
        let requests = origin.requests();
        let request = requests.last().expect("a request");
        let evil: Vec<_> =
            request.fields.iter().filter(|(_, value)| value == "evil").map(|(name, _)| name.as_str()).collect();
        assert_eq!(evil, ["X-Kept"], "forwarded_headers: {forwarded}");
        assert_eq!(request.get("X-Forwarded-User"), Some("[{X-Forwarded-User}]"));
        assert_eq!(request.has("X-Forwarded-For"), forwarded);
    }
}

#[test]
fn a_trusted_proxy_is_believed_what_is_listed() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        let trusted = &mut settings.server.trusted_proxies;
        trusted.value = vec!["127.0.0.1".into()];
        trusted.fields = Some(vec!["X-Forwarded-For".into()]);
        settings.server.log_level = Setting::of("error".into());
    });
    let mut client = proxy.client();
    client.send(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Ssl: on\r\n\
         Connection: X-Forwarded-For\r\n\r\n",
    );
    assert_eq!(client.response().status(), 200);
    let request = &origin.requests()[0];
    assert_eq!(request.get("X-Forwarded-For"), Some("192.0.2.1, 127.0.0.1"));
    assert_eq!((request.get("X-Forwarded-Proto"), request.get("X-Forwarded-Ssl")), (Some("http"), None));
}
