use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use proxy_http::message::{Fields, Method, RequestHead};

use super::*;
use crate::client::ClientInfo;
use crate::request_id::RequestId;

/// A request, as the HTTP/1.1 codec would have read it.
pub(crate) fn request(method: &str, path: &str, query: &str, fields: &[(&str, &[u8])]) -> RequestHead {
    let mut head = RequestHead::default();
    for (name, value) in fields {
        head.fields.append(*name, value);
    }
    head.method = Method::of(method.as_bytes());
    head.method_span = head.fields.push_text(method.as_bytes());
    head.target = head.fields.push_text(format!("{path}{query}").as_bytes());
    head.path = head.fields.push_text(path.as_bytes());
    head.plain_path = head.path;
    head.query = head.fields.push_text(query.as_bytes());
    let host = head.fields.get("host").map(<[u8]>::to_vec).unwrap_or_default();
    head.authority = head.fields.push_text(&host);
    head
}

pub(crate) fn client() -> ClientInfo {
    let ip = "192.0.2.7".parse().ok();
    ClientInfo { addr: "192.0.2.7".into(), ip, local_port: Some(8080), ..ClientInfo::default() }
}

pub(crate) fn scope<'a>(request: &'a RequestHead, client: &'a ClientInfo) -> RequestValues<'a> {
    let id = RequestId::from(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
    RequestValues::new(request, client, id, UNIX_EPOCH + Duration::from_millis(1_769_860_800_123))
}

pub(crate) fn response(fields: &Fields) -> ResponseInfo<'_> {
    ResponseInfo {
        status: 201,
        elapsed: Duration::from_micros(12_345),
        backend: "127.0.0.1:3001",
        upstream: "app",
        attempts: 2,
        cache: "hit",
        bytes: 65,
        queue: Duration::from_micros(1_500),
        connect: Duration::from_micros(800),
        first_byte: Some(Duration::from_micros(9_000)),
        request_bytes: 7,
        fields: Some(fields),
        ..ResponseInfo::default()
    }
}

/// Captures with these values, by the index of their names. The values are appended to the request's text.
pub(crate) fn captured(request: &mut RequestHead, values: &[(u32, &[u8])]) -> Captured {
    let mut captured = Captured::default();
    for (name, value) in values {
        captured.push(*name, request.fields.push_text(value));
    }
    captured
}

fn sample() -> RequestHead {
    request(
        "GET",
        "/api/users/7",
        "?id=5",
        &[
            ("Host", b"example.com:9000"),
            ("User-Agent", b"curl/8"),
            ("Cookie", b"session=abc; b=2"),
            ("X-List", b"1"),
            ("x-list", b"2"),
            ("Status", b"a request field"),
        ],
    )
}

fn text(write: impl Fn(&mut Vec<u8>)) -> String {
    let mut out = b"before ".to_vec();
    write(&mut out);
    String::from_utf8(out).expect("UTF-8").strip_prefix("before ").expect("what stood before").to_owned()
}

#[test]
fn names_for_requests() {
    let (mut request, client) = (sample(), client());
    let names = ["id", "host", "User-Agent"].map(Box::from);
    let captured = captured(&mut request, &[(0, b"6"), (0, b"7"), (1, b"never"), (2, b"")]);
    let scope = RequestValues { captures: Captures::new(&names, &captured), user: b"ann", ..scope(&request, &client) };
    for (template, rewritten) in [
        ("", ""),
        ("{auth_user}", "ann"),
        ("no placeholder", "no placeholder"),
        ("{request_id}", "0123456789ab"),
        ("{request_id_full}", "0123456789abcdef0011223344556677"),
        ("{method} {path} {query} {path_and_query}", "GET /api/users/7 ?id=5 /api/users/7?id=5"),
        ("{addr}", "192.0.2.7"),
        ("{scheme}://{host}:{port}", "http://example.com:9000"),
        ("{Host}", "example.com:9000"),
        ("{start_time}", "2026-01-31:12:00:00:123"),
        // A capture that did not take part is empty; the field does not replace it.
        ("[{User-Agent}]{user-agent}{USER-AGENT}", "[]curl/8curl/8"),
        ("{x-list}", "1, 2"),
        ("[{cookie.session}|{cookie.none}]", "[abc|]"),
        ("{id}", "7"),
        ("{path|strip_prefix:/api|replace:/,-}", "-users-7"),
        ("{query|strip_prefix:?}", "id=5"),
        ("{path|replace:/,:|strip_suffix::7}", ":api:users"),
        ("{status}", "a request field"),
        ("{unknown} {X-None|strip_prefix:a} {ID}", "{unknown} {X-None|strip_prefix:a} {ID}"),
        ("{response_time}{backend}", "{response_time}{backend}"),
        ("{", "{"),
        ("}{}", "}{}"),
        ("{ path } {a b|nothing:x} {é}", "{ path } {a b|nothing:x} {é}"),
        (r#"{"path": "{path}", "q": {"x": "{id}"}}"#, r#"{"path": "/api/users/7", "q": {"x": "7"}}"#),
        ("{{path}}", "{/api/users/7}"),
        ("{path", "{path"),
    ] {
        let parsed = Template::parse(template, Context::Request).expect(template);
        assert_eq!(text(|out| parsed.render(&scope, out)), rewritten, "{template}");
    }
}

#[test]
fn names_for_responses() {
    let (mut request, client) = (sample(), client());
    let mut fields = Fields::default();
    fields.append("Server", b"puma");
    fields.append("tenant", b"the backend's");
    let names = ["tenant"].map(Box::from);
    let captured = captured(&mut request, &[(0, b"blue")]);
    let captures = Captures::new(&names, &captured);
    let scope = RequestValues { response: Some(response(&fields)), captures, ..scope(&request, &client) };
    for (template, rewritten) in [
        ("{status} {response_time} {backend} {attempts} {cache}", "201 12.345ms 127.0.0.1:3001 2 hit"),
        ("[{auth_user}]", "[]"),
        ("{addr} {request_id} {request_id_full}", "192.0.2.7 0123456789ab 0123456789abcdef0011223344556677"),
        ("{Server} {server|replace:p,P}", "puma Puma"),
        ("{tenant} {Tenant}", "blue the backend's"),
        ("{User-Agent} {path} {cookie.session} {bytes}", "{User-Agent} {path} {cookie.session} {bytes}"),
    ] {
        let parsed = Template::parse(template, Context::Response).expect(template);
        assert_eq!(text(|out| parsed.render(&scope, out)), rewritten, "{template}");
    }
}

#[test]
fn port_is_the_clients_word_then_the_connections_then_the_schemes() {
    for (host, local_port, tls, port) in [
        (&b"a:81"[..], Some(8080), false, "81"),
        (b"[::1]:82", Some(8080), false, "82"),
        (b"a", Some(8080), false, "8080"),
        (b"a:", Some(8080), true, "8080"),
        (b"a", None, false, "80"),
        (b"a", None, true, "443"),
    ] {
        let request = request("GET", "/", "", &[("host", host)]);
        let client = ClientInfo { local_port, tls, ..client() };
        let parsed = Template::parse("{port}", Context::Request).expect("a template");
        assert_eq!(text(|out| parsed.render(&scope(&request, &client), out)), port);
    }
}

#[test]
fn unknown_modifiers_are_refused() {
    let error = Template::parse("a {path|strip_prefx:/a}", Context::Request).map(|_| ());
    let list = "There are strip_prefix, strip_suffix, replace";
    let message = format!(
        "in {{path|strip_prefx:/a}}: \"strip_prefx\" is not a valid modifier (did you mean strip_prefix? {list})"
    );
    assert_eq!(error, Err(message));
}

#[test]
fn slips_are_warned_of() {
    for (context, template, warning) in [
        (Context::Request, "{path}{query}{X-Whatever}{id}{cookie.a}{Host}", None),
        (
            Context::Request,
            "{no}",
            Some("{no} stays as it is written: no location around it captures no (a header is written {No})"),
        ),
        (Context::Request, "{paht}", Some("{paht} stays as it is written (did you mean {path}?)")),
        (Context::Request, "{user_agent}", Some("{user_agent} stays as it is written (did you mean {user-agent}?)")),
        (Context::Request, "{backend}", Some("{backend} has no meaning in a request: that name is for responses")),
        (Context::Response, "{path}", Some("{path} has no meaning in a response: that name is for requests")),
        (Context::Response, "{cookie.a}", Some("{cookie.a} has no meaning in a response: cookies belong to requests")),
        (Context::Log, "{path} {status} {bytes} {cookie.a}", None),
        (Context::Request, "US$ 5 {\"path\": 1}", None),
        (
            Context::Request,
            "/v2/{1}",
            Some("{1} stays as it is written: captures have names: write (?<name>…) and {name}"),
        ),
        (
            Context::Request,
            "/v2/$1{query}",
            Some("$1 stays as it is written: captures have names: write (?<name>…) and {name}"),
        ),
        (
            Context::Response,
            "\\2",
            Some("\\2 stays as it is written: captures have names: write (?<name>…) and {name}"),
        ),
        (Context::Request, "$request_uri", Some("$request_uri stays as it is written: write {path_and_query}")),
        (
            Context::Request,
            "$upstream",
            Some("$upstream stays as it is written: a value is written {name}, as in {path}"),
        ),
        (Context::Request, "$http_x_real_ip", Some("$http_x_real_ip stays as it is written: write {X-Real-Ip}")),
        (Context::Request, "$cookie_session", Some("$cookie_session stays as it is written: write {cookie.session}")),
        (Context::Request, "{uri}", Some("{uri} stays as it is written: write {path_and_query}")),
        (Context::Log, "{remote_addr} {status}", Some("{remote_addr} stays as it is written: write {addr}")),
        (Context::Response, "%[src]", Some("%[src] stays as it is written: write {addr}")),
        (
            Context::Request,
            "%[lua.x]",
            Some("%[lua.x] stays as it is written: a value is written {name}, as in {path}"),
        ),
        (
            Context::Request,
            "/a/{re.1}",
            Some("{re.1} stays as it is written: captures have names: write (?<name>…) and {name}"),
        ),
        (Context::Request, "for {addr", Some("{addr has no closing brace: write {addr}")),
        (Context::Request, "for addr} now", Some("addr} has no opening brace: write {addr}")),
        (Context::Request, "{ path }", Some("{ path } stays as it is written (did you mean {path}?)")),
        (
            Context::Request,
            "{ id|strip_prefix:a}",
            Some("{ id|strip_prefix:a} stays as it is written (did you mean {id}?)"),
        ),
        (Context::Request, "{Id}", Some("{Id} is the header of that name, not a capture (did you mean {id}?)")),
        (Context::Request, "{http.request.host}", Some("{http.request.host} stays as it is written: write {host}")),
    ] {
        let parsed = Template::parse(template, context).expect(template);
        assert_eq!(parsed.warnings(&["id", "hosts"]), warning.into_iter().collect::<Vec<_>>(), "{template}");
    }
}

#[test]
fn templates_without_placeholders_are_literal() {
    for (template, literal) in [("", Some("")), ("a {} b", Some("a {} b")), ("a{path}", None)] {
        assert_eq!(Template::parse(template, Context::Request).expect(template).literal(), literal);
    }
    let (request, client) = (sample(), client());
    let literal = Template::literal_text("{path}\r\n");
    assert_eq!(text(|out| literal.render_header(&scope(&request, &client), out)), "{path}");
}

proptest! {
    #[test]
    fn a_rendered_header_value_never_has_control_bytes(
        value in proptest::collection::vec(any::<u8>(), 0..40),
        modifier in prop_oneof![Just(""), Just("|replace:a,\r\n"), Just("|strip_prefix:\n")],
    ) {
        let request = request("GET", "/", "", &[("x-value", &value)]);
        let client = client();
        let parsed = Template::parse(&format!("\t{{X-Value{modifier}}}\n"), Context::Request).expect("a template");
        let mut out = b"kept\r\n".to_vec();
        parsed.render_header(&scope(&request, &client), &mut out);
        prop_assert!(out.starts_with(b"kept\r\n"));
        prop_assert!(!out[6..].iter().any(u8::is_ascii_control));
        if modifier.is_empty() {
            let kept: Vec<u8> = value.into_iter().filter(|b| !b.is_ascii_control()).collect();
            prop_assert_eq!(&out[6..], &kept[..]);
        }
    }

    #[test]
    fn any_text_is_a_template_or_an_error_and_literal_text_survives(written in ".{0,60}") {
        let (request, client) = (sample(), client());
        if let Ok(parsed) = Template::parse(&written, Context::Request) {
            if parsed.literal().is_some() {
                prop_assert_eq!(text(|out| parsed.render(&scope(&request, &client), out)), written);
            }
        }
    }
}
