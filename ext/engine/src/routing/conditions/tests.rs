use proxy_http::http1::parse_request;

use super::*;
use crate::compile::Report;
use crate::config::{LocationConfig, NamedCondition, Regexp, WantedValue};

fn location(change: impl FnOnce(&mut LocationConfig<()>)) -> LocationConfig<()> {
    let mut spec = LocationConfig::default();
    change(&mut spec);
    spec
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn named(name: &str, values: Vec<WantedValue>) -> Vec<NamedCondition> {
    vec![NamedCondition { name: name.into(), values }]
}

fn regexp(source: &str) -> WantedValue {
    WantedValue::Regexp(Regexp { source: source.into(), ..Default::default() })
}

/// Whether the conditions of a location hold for a request.
fn hold(spec: &LocationConfig<()>, text: &str) -> bool {
    let compiled = Report::sound(|report| conditions(spec, report));
    let mut head = RequestHead::default();
    let (start, fields) = text.split_once('\n').unwrap_or((text, ""));
    let fields: String = fields.lines().map(|line| format!("{line}\r\n")).collect();
    parse_request(format!("{start} HTTP/1.1\r\nHost: example.com:81\r\n{fields}\r\n").as_bytes(), &mut head)
        .expect(text);
    let client_info = ClientInfo { ip: "10.1.2.3".parse().ok(), local_port: Some(8080), ..ClientInfo::default() };
    let request = Request { head: &head, client_info: &client_info, path: head.plain_path() };
    compiled.iter().all(|condition| condition.holds(request))
}

#[test]
fn conditions_hold_for_what_they_say() {
    let text = |text: &str| WantedValue::Text(text.into());
    let methods = location(|spec| spec.methods = texts(&["get", "PURGE"]));
    let https = location(|spec| spec.schemes = texts(&["https"]));
    let either = location(|spec| spec.schemes = texts(&["https", "http"]));
    let port = |port| location(|spec| spec.ports = vec![1, port]);
    let header = |value| location(|spec| spec.headers = named("X-Beta", vec![value]));
    let query = |value| location(|spec| spec.query = named("v", vec![value]));
    let cookie = |value| location(|spec| spec.cookies = named("c", vec![value]));
    let remote = |network: &str| location(|spec| spec.remote = texts(&[network]));
    let extensions = location(|spec| spec.extensions = texts(&["png", ".JPG"]));
    let types = location(|spec| spec.content_types = texts(&["application/json", "image/*"]));
    let accepts = location(|spec| spec.accepts = texts(&["text/html", "application/xhtml+xml"]));
    for (spec, request, expected) in [
        (&methods, "GET /", true),
        (&methods, "PURGE /", true),
        (&methods, "HEAD /", false),
        (&methods, "get /", false),
        (&https, "GET /", false),
        (&either, "GET /", true),
        (&port(8080), "GET /", true),
        (&port(81), "GET /", false),
        (&port(82), "GET http://a:82/", false),
        (&port(8080), "GET http://a:82/", true),
        (&header(text("1")), "GET /\nX-Beta: 1", true),
        (&header(text("1")), "GET /\nX-Beta: 0\nx-beta: 1", true),
        (&header(text("1")), "GET /\nX-Beta: 0, 1", false),
        (&header(text("1")), "GET /\nX_Beta: 1", false),
        (&header(text("1")), "GET /", false),
        (&header(regexp("(?i)^on")), "GET /\nX-Beta: ONE", true),
        (&header(regexp("^on$")), "GET /\nX-Beta: one", false),
        (&header(WantedValue::Present(true)), "GET /\nX-Beta:", true),
        (&header(WantedValue::Present(true)), "GET /", false),
        (&header(WantedValue::Present(false)), "GET /", true),
        (&header(WantedValue::Present(false)), "GET /\nX-Beta: 1", false),
        (&query(text("2 é")), "GET /?v=1&v=2+%C3%A9", true),
        (&query(text("2")), "GET /?%76=%32", true),
        (&query(text("2")), "GET /?w=2", false),
        (&query(text("")), "GET /?v", true),
        (&query(WantedValue::Present(true)), "GET /?a&v&b", true),
        (&query(WantedValue::Present(false)), "GET /?a", true),
        (&query(WantedValue::Present(false)), "GET /", true),
        (&query(WantedValue::Present(false)), "GET /?v=", false),
        (&query(regexp(r"\A\d+\z")), "GET /?v=12", true),
        (&cookie(text("1")), "GET /\nCookie: a=1; c=1", true),
        (&cookie(text("1")), "GET /\nCookie: c=0; c=1", true),
        (&cookie(text("1")), "GET /\nCookie: C=1", false),
        (&cookie(WantedValue::Present(false)), "GET /", true),
        (&remote("10.0.0.0/8"), "GET /", true),
        (&remote("10.1.2.4"), "GET /", false),
        (&extensions, "GET /a/b.png", true),
        (&extensions, "GET /a/b.PNG/", true),
        (&extensions, "GET /a/b.tar.jpg?x", true),
        (&extensions, "GET /a.png/b", false),
        (&extensions, "GET /png", false),
        (&extensions, "GET /a.%70ng", true),
        (&types, "POST /\nContent-Type: Application/JSON; charset=utf-8", true),
        (&types, "POST /\nContent-Type: image/webp", true),
        (&types, "POST /\nContent-Type: text/plain", false),
        (&types, "POST /\nContent-Type: json", false),
        (&types, "POST /", false),
        (&accepts, "GET /", true),
        (&accepts, "GET /\nAccept: text/html;q=0.1", true),
        (&accepts, "GET /\nAccept: application/json", false),
        (&accepts, "GET /\nAccept: text/html;q=0, application/json", false),
        (&accepts, "GET /\nAccept: application/json\nAccept: */*;q=0.1", true),
    ] {
        assert_eq!(hold(spec, request), expected, "{request:?} {spec:?}");
    }
}

#[test]
fn several_values_are_alternatives_and_several_conditions_are_not() {
    let mut spec =
        location(|spec| spec.headers = named("A", vec![WantedValue::Text("1".into()), WantedValue::Present(false)]));
    assert!(hold(&spec, "GET /\nA: 1") && hold(&spec, "GET /") && !hold(&spec, "GET /\nA: 2"));
    spec.headers.extend(named("B", vec![WantedValue::Present(true)]));
    assert!(hold(&spec, "GET /\nA: 1\nB: 2") && !hold(&spec, "GET /\nA: 1"));
}

#[test]
fn conditions_that_mean_nothing_are_refused_with_a_remedy() {
    let wrong = |change: fn(&mut LocationConfig<()>)| {
        let (_, mut messages) = Report::told(|report| conditions(&location(change), report));
        assert_eq!(messages.len(), 1, "{messages:?}");
        messages.remove(0)
    };
    for (message, expected) in [
        (wrong(|spec| spec.methods = texts(&["GE T"])), "methods: \"GE T\" is not a valid method: write one such as \
                                                         \"GET\""),
        (wrong(|spec| spec.methods = texts(&["CONNECT"])), "methods: \"CONNECT\" is never let in: leave it out"),
        (wrong(|spec| spec.schemes = texts(&["ftp"])), "schemes: \"ftp\" is unknown: write \"http\" or \"https\""),
        (wrong(|spec| spec.ports = vec![0]), "ports: 0 is not a valid port: write a number from 1 to 65535"),
        (wrong(|spec| spec.ports = vec![70_000]), "ports: 70000 is not a valid port: write a number from 1 to 65535"),
        (
            wrong(|spec| spec.extensions = texts(&["tar.gz"])),
            "extensions: \"tar.gz\" is not a valid extension: write what comes after the last dot, such as \"png\"",
        ),
        (wrong(|spec| spec.remote = texts(&["10.0.0.0/33"])), "remote: \"10.0.0.0/33\" is not a valid address or \
                                                               network"),
        (
            wrong(|spec| spec.content_types = texts(&["json"])),
            "content_types: \"json\" is not a valid media type: write one such as \"application/json\" or \"image/*\", \
             without parameters",
        ),
        (
            wrong(|spec| spec.content_types = texts(&["text/html; charset=utf-8"])),
            "content_types: \"text/html; charset=utf-8\" is not a valid media type",
        ),
        (
            wrong(|spec| spec.accepts = texts(&["image/*"])),
            "accepts: \"image/*\" is not a valid media type: write one such as \"text/html\", without * and parameters",
        ),
        (wrong(|spec| spec.headers = named("A B", vec![])), "headers: \"A B\" is not a valid header name: use letters, \
                                                             digits and hyphens"),
        (wrong(|spec| spec.headers = named("A", vec![regexp("a(?=b)")])), "headers: A: /a(?=b)/ looks ahead with (?="),
        (wrong(|spec| spec.query = named("a", vec![regexp("(")])), "query: a: /(/ is not a Regexp"),
        (wrong(|spec| spec.cookies = named("a b", vec![])), "cookies: \"a b\" is not a valid cookie name: use letters, \
                                                             digits, - and _"),
    ] {
        assert!(message.starts_with(expected), "{message}");
    }
}
