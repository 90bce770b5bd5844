use proptest::prelude::*;

use super::*;
use crate::rewrite::tests::{captured, client, request, scope};
use crate::rewrite::Captures;

type Sent = (&'static str, &'static str);

fn render(to: &str, (path, query): Sent, fields: &[(&str, &[u8])]) -> Result<(String, String), InvalidTarget> {
    let request = request("GET", path, query, fields);
    let client = client();
    let mut out = RenderedTarget { authority: b"stale".to_vec(), path_and_query: b"stale".to_vec() };
    let parsed = TargetTemplate::parse(to).expect(to);
    parsed.render(&scope(&request, &client), &mut out)?;
    let text = |bytes| String::from_utf8(bytes).expect("ASCII");
    Ok((text(out.authority), text(out.path_and_query)))
}

#[test]
fn targets_are_rendered() {
    let sent = ("/resource", "?id=5");
    for (to, authority, target) in [
        ("http://backend.example.com/api{path}{query}", "backend.example.com", "/api/resource?id=5"),
        ("http://b{path}{query}", "b", "/resource?id=5"),
        ("http://b{path_and_query}", "b", "/resource?id=5"),
        ("http://b/x{path_and_query}", "b", "/x/resource?id=5"),
        ("http://b{path}", "b", "/resource"),
        ("http://b{query}", "b", "/?id=5"),
        ("http://b/{query}", "b", "/?id=5"),
        ("http://b", "b", "/"),
        ("http://b/", "b", "/"),
        ("http://b?a=1", "b", "/?a=1"),
        ("http://b:8080?path={path}", "b:8080", "/?path=/resource"),
        ("http://b:/a", "b", "/a"),
        ("HTTPS://[::1]:8443/fixed", "[::1]:8443", "/fixed"),
        ("http://app_servers{path|strip_prefix:/res}{query}", "app_servers", "/ource?id=5"),
        ("http://b{path|strip_prefix:/resource}{query}", "b", "/?id=5"),
        ("http://b{path}?via=proxy{query|replace:?,&}", "b", "/resource?via=proxy&id=5"),
        ("http://b/über \u{b5}|".replace(' ', "").as_str(), "b", "/%C3%BCber%C2%B5%7C"),
        ("http://b/{X-Name}", "b", "/a%20b%23c%22%3C%3E%5C%25z%41%2500%C3%A9?d"),
        ("http://{X-Tenant}.internal:{X-Port}{path}", "acme.internal:81", "/resource"),
        ("http://{cookie.t}.b{path}", "c1.b", "/resource"),
        ("http://{Host}{path}", "example.com:9000", "/resource"),
        ("http://{host}{path}", "example.com", "/resource"),
        ("http://{X-V6}/", "[::1]:81", "/"),
        ("http://{host}:{port}/", "example.com:9000", "/"),
    ] {
        let fields: &[(&str, &[u8])] = &[
            ("X-Name", "a b#c\"<>\\%z%41%00é?d".as_bytes()),
            ("X-Tenant", b"acme"),
            ("X-Port", b"81"),
            ("Cookie", b"t=c1"),
            ("X-V6", b"[::1]:81"),
            ("Host", b"example.com:9000"),
        ];
        let expected = Ok((authority.to_owned(), target.to_owned()));
        assert_eq!(render(to, sent, fields), expected, "{to}");
        let parsed = TargetTemplate::parse(to).expect(to);
        assert_eq!(parsed.scheme_tls(), to.starts_with("HTTPS"));
        assert!(parsed.authority_literal().is_none_or(|literal| literal == authority));
        let after_scheme = &to[to.find("://").expect("a scheme") + 3..];
        let dynamic = after_scheme.starts_with('{');
        assert_eq!(parsed.authority_literal().is_none(), dynamic, "{to}");
    }
}

#[test]
fn a_url_that_ends_with_its_authority_means_what_was_asked_for() {
    for (to, authority, target) in [
        ("http://b", "b", "/resource?id=5"),
        ("https://b:8443", "b:8443", "/resource?id=5"),
        ("http://b:", "b", "/resource?id=5"),
        ("http://{X-Tenant}.internal", "acme.internal", "/resource?id=5"),
        ("http://{X-Tenant}", "acme", "/resource?id=5"),
        ("http://b/", "b", "/"),
        ("http://b{path}", "b", "/resource"),
        ("http://b{query}", "b", "/?id=5"),
        ("http://b?a=1", "b", "/?a=1"),
        ("http://{X-Tenant}/", "acme", "/"),
    ] {
        let (request, client) = (request("GET", "/resource", "?id=5", &[("X-Tenant", b"acme")]), client());
        let mut out = RenderedTarget::default();
        let parsed = TargetTemplate::parse(to).expect(to).with_path_and_query();
        parsed.render(&scope(&request, &client), &mut out).expect(to);
        assert_eq!((&*out.authority, &*out.path_and_query), (authority.as_bytes(), target.as_bytes()), "{to}");
    }
}

#[test]
fn there_is_one_question_mark() {
    for (to, with, without) in [
        ("http://b/x?token=1{query}", "/x?token=1&id=5", "/x?token=1"),
        ("http://b/x?token=1&{query}", "/x?token=1&id=5", "/x?token=1"),
        ("http://b/x?{query}", "/x?id=5", "/x"),
        ("http://b{path}?{query}&x=1", "/p?id=5&x=1", "/p?x=1"),
        ("http://b?a=1{query}", "/?a=1&id=5", "/?a=1"),
        ("http://b{path}{query}&x=1", "/p?id=5&x=1", "/p?x=1"),
        ("http://b{path_and_query}&x=1&y=2", "/p?id=5&x=1&y=2", "/p?x=1&y=2"),
        ("http://b{path}?t={X}{query}", "/p?t=v&id=5", "/p?t=v"),
        ("http://b{path}{query}&x=1{query}", "/p?id=5&x=1&id=5", "/p?x=1"),
        // A `{query}` in a parameter's value stays unchanged, and so does one with a modifier.
        ("http://b/login?next={path}{query}", "/login?next=/p?id=5", "/login?next=/p"),
        ("http://b/login?next={path_and_query}", "/login?next=/p?id=5", "/login?next=/p"),
        ("http://b/x?t=1{query|replace:?,&}", "/x?t=1&id=5", "/x?t=1"),
        ("http://b/a&b{path}", "/a&b/p", "/a&b/p"),
        ("http://b{path}&b{query}", "/p&b?id=5", "/p&b"),
    ] {
        let sent = |query| render(to, ("/p", query), &[("x", b"v")]).map(|(_, target)| target);
        assert_eq!(sent("?id=5"), Ok(with.into()), "{to}");
        assert_eq!(sent(""), Ok(without.into()), "{to}");
    }
    let path = TargetTemplate::parse_path("/x?y=1{query}").expect("a path");
    let (request, client) = (request("GET", "/p", "?id=5", &[]), client());
    let mut out = RenderedTarget::default();
    path.render(&scope(&request, &client), &mut out).expect("a path");
    assert_eq!(out.path_and_query, b"/x?y=1&id=5");
}

#[test]
fn values_cannot_leave_their_place() {
    use InvalidTarget::*;
    for (to, value, why) in [
        ("http://{X}.internal/", &b"evil.com/"[..], Host),
        ("http://{X}.internal/", b"evil.com?", Host),
        ("http://{X}.internal/", b"evil.com#", Host),
        ("http://{X}.internal/", b"evil.com:80", Host),
        ("http://{X}.internal/", b"u@evil.com", Host),
        ("http://{X}.internal/", b"evil.com\\", Host),
        ("http://{X}.internal/", b"evil%2ecom", Host),
        ("http://{X}.internal/", b"a\r\nHost: b", Host),
        ("http://{X}.internal/", b"\xc3\xa9", Host),
        ("http://{X}.internal/", b"[::1]", Host),
        ("http://{X}.internal/", b"", Host),
        ("http://a.{X}.internal/", b"", Host),
        ("http://a{X}/", b":80", Host),
        ("http://a:{X}/", b"80a", Host),
        ("http://a:{X}/", b"99999", Host),
        ("http://{X}/", b"u:p@evil.com", Host),
        ("http://{X}/", b"", Host),
        ("http://{X}/", b":80", Host),
        ("http://{Y}/", b"", Unresolved),
        ("http://a/{Y}", b"", Unresolved),
        ("http://a{path}?{Y|strip_prefix:a}", b"", Unresolved),
        ("http://a/files/{X}", b"../secret", DotSegments),
        ("http://a/files/{X}", b"%2e%2E/secret", DotSegments),
        ("http://a/files/{X}/b", b"..", DotSegments),
        ("http://a/files/.{X}", b".", DotSegments),
        ("http://a/files/{X}", b"./secret", DotSegments),
        ("http://a/files/{X}", b"..%2fsecret", DotSegments),
        ("http://a/files/{X}", b"a%5C..", DotSegments),
        ("http://a/files/{X}", b"..\\secret", DotSegments),
        ("http://a/files/{X}", b"..;/secret", DotSegments),
        ("http://a/files/{X}", b"..%3Bx", DotSegments),
    ] {
        assert_eq!(render(to, ("/", ""), &[("x", value)]), Err(why), "{to} {}", value.escape_ascii());
    }
    let climbing = render("http://a{path|strip_prefix:/files}", ("/files../secret", ""), &[]);
    assert_eq!(climbing, Err(DotSegments));
    let in_query = render("http://a/?file={X}", ("/", ""), &[("x", b"../a")]);
    assert_eq!(in_query, Ok(("a".into(), "/?file=../a".into())));
}

#[test]
fn captures_are_escaped_again() {
    for (to, value, target) in [
        ("http://b/{id}", "7", Ok("/7")),
        ("http://b/{id}{query}", "a b/c%41?d#e&é", Ok("/a%20b/c%2541%3Fd%23e%26%C3%A9?q")),
        ("http://b/?id={id}", "1&admin=1;x+y", Ok("/?id=1%26admin%3D1%3Bx%2By")),
        ("http://b/{id|strip_suffix:.png}", "%.png", Ok("/%25")),
        ("http://b/{id}", "\r\nHost: c", Ok("/%0D%0AHost:%20c")),
        ("http://b/{id}", "..", Err(InvalidTarget::DotSegments)),
        ("http://b/{id}", "a/../b", Err(InvalidTarget::DotSegments)),
        ("http://b/{id}", "..\\b", Err(InvalidTarget::DotSegments)),
        ("http://{id}.b/", "a b", Err(InvalidTarget::Host)),
        ("http://{id}.b/", "c/", Err(InvalidTarget::Host)),
    ] {
        let (mut request, client) = (request("GET", "/p", "?q", &[]), client());
        let names = ["id".into()];
        let captured = captured(&mut request, &[(0, value.as_bytes())]);
        let scope = RequestValues { captures: Captures::new(&names, &captured), ..scope(&request, &client) };
        let mut out = RenderedTarget::default();
        let rendered = TargetTemplate::parse(to).expect(to).render(&scope, &mut out);
        let rendered = rendered.map(|()| String::from_utf8(out.path_and_query).expect("ASCII"));
        assert_eq!(rendered, target.map(str::to_owned), "{to} {value:?}");
    }
}

#[test]
fn options_asterisk_shows_through_the_path_alone() {
    for (to, target) in [
        ("http://b{path}{query}", "*"),
        ("http://b/api{path_and_query}", "*"),
        ("http://b/api{path|strip_prefix:/a}", "*"),
        ("http://b/fixed", "/fixed"),
        ("http://b/fixed{query}", "/fixed"),
    ] {
        assert_eq!(render(to, ("*", ""), &[]), Ok(("b".into(), target.into())), "{to}");
    }
}

#[test]
fn a_stripped_path_is_a_path_again() {
    let (request, client) = (request("GET", "/api", "?a", &[]), client());
    let stripped = RequestValues { path: b"", ..scope(&request, &client) };
    for (to, target) in
        [("http://b{path}{query}", "/?a"), ("http://b/v1{path}{query}", "/v1?a"), ("http://b{path}", "/")]
    {
        let mut out = RenderedTarget::default();
        TargetTemplate::parse(to).expect(to).render(&stripped, &mut out).expect(to);
        assert_eq!(out.path_and_query, target.as_bytes(), "{to}");
    }
    for (path, target) in [("", "/?a"), ("/b", "/b?a")] {
        let mut out = RenderedTarget { authority: b"stale".to_vec(), path_and_query: b"stale".to_vec() };
        write_path_and_query(&RequestValues { path: path.as_bytes(), ..stripped }, &mut out);
        assert_eq!(out, RenderedTarget { authority: Vec::new(), path_and_query: target.into() });
    }
}

#[test]
fn what_can_never_be_an_absolute_url_is_refused_with_a_remedy() {
    for (to, message) in [
        ("", "\"\" is not an absolute URL: write http://HOST{path}{query}"),
        ("b:80{path}", "\"b:80{path}\" is not an absolute URL: write http://b:80{path}"),
        ("//b{path}", "\"//b{path}\" is not an absolute URL: write http://b{path}"),
        ("/api{path}", "\"/api{path}\" is not an absolute URL: write http://HOST/api{path}"),
        ("{X-To}", "\"{X-To}\" is not an absolute URL: write http://HOST{X-To}"),
        ("ws://b", "\"ws://b\" is not an absolute URL: write http://b, which takes WebSockets too"),
        ("ftp://b", "write http:// or https://: no other scheme can be proxied"),
        ("http:/b", "\"http:/b\" is not an absolute URL: write http://b"),
        ("https//b{path}", "write https://b{path}"),
        ("http:80", "write http://http:80"),
        ("http://b$path", "holds '$', which no host name has: $path is a variable elsewhere: write {path}"),
        ("unix:///tmp/puma.sock", "write backends: [\"unix:/tmp/puma.sock\"], and leave `to` out"),
        ("unix:/tmp/puma.sock{path}", "write backends: [\"unix:/tmp/puma.sock\"]"),
        ("http://unix:/tmp/puma.sock:/api", "write backends: [\"unix:/tmp/puma.sock\"]"),
        ("/tmp/puma.sock", "write backends: [\"unix:/tmp/puma.sock\"]"),
        (
            "h2://b:1{path}",
            "\"h2://b:1{path}\" is not an absolute URL: write http:// there, and name the backend too, as in backends: \
             [\"h2://127.0.0.1:50051\"]",
        ),
        ("grpc://b:1", "write http:// there, and name the backend too"),
        ("{scheme}://b", "the scheme out, http:// or https://: it cannot be a placeholder"),
        ("http://{path}", "the URL has no host"),
        ("http:///a", "the URL has no host"),
        ("http://?a", "the URL has no host"),
        ("http://user:secret@b/", "headers: { \"Authorization\""),
        ("http://{X}@b/", "headers: { \"Authorization\""),
        ("http://b:99999/", "\"b:99999\" is not a valid host"),
        ("http://b:http/", "\"b:http\" is not a valid host"),
        ("http://::1/", "\"::1\" is not a valid host"),
        ("http://.b/", "\".b\" is not a valid host"),
        ("http://b\u{fc}/", "xn--"),
        ("http://b\\c/", "which no host name has"),
        ("http://b c/", "which no URL may hold"),
        ("http://b/a b", "which no URL may hold"),
        ("http://b/a\r\n", "which no URL may hold"),
        ("http://b/{path}#top", "fragment"),
        ("http://b/{}", "%7B"),
        ("http://b/{path", "%7B"),
        ("http://b/{path|upcase}", "\"upcase\" is not a valid modifier"),
    ] {
        let error = TargetTemplate::parse(to).map(|_| ()).expect_err(to);
        assert!(error.contains(message), "{to}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn slips_are_warned_of() {
    for (to, warnings) in [
        ("http://b/api{path}{query}", &[][..]),
        ("http://b/{path|strip_prefix:/a}", &[]),
        ("http://b/{path}", &["{path} starts with '/' itself: leave out the one before it"]),
        (
            "http://b{path_and_query}{query}",
            &["the query is there twice, in {path_and_query} and after it: leave {query} out"],
        ),
        ("http://b{path}{query}{query}", &["the query is there twice, in {query} and after it: leave {query} out"]),
        ("http://b/x?token=1{query}", &[]),
        ("http://b/x{query}&token=1", &[]),
        ("http://b/login?next={path}{query}", &[]),
        (
            "http://b{query}?x=1",
            &["{query} starts with '?' itself, and there is another '?' after it: write ?x=1{query}"],
        ),
        (
            "http://b{path_and_query}?x=1",
            &["{path_and_query} starts with '?' itself, and there is another '?' after it: write {path}?x=1{query}"],
        ),
        ("http://b/?next=/a?b=2", &[]),
        ("http://b/?next={path}?b=2{query}", &[]),
        ("http://b/?next=https://c/?b=2&d=1", &[]),
        ("http://b/?a={path|replace:?,x}&b=1", &[]),
        (
            "http://b{path}?a=1?b=2{query}",
            &["there is a second '?' in \"a=1?b=2\": a query begins with one and goes on with &: write a=1&b=2"],
        ),
        ("http://b{path}?{query}", &["{query} starts with '?' itself: leave out the one before it"]),
        ("http://b/{backend}", &["{backend} has no meaning in a request: that name is for responses"]),
    ] {
        assert_eq!(TargetTemplate::parse(to).expect(to).warnings(&[]), warnings, "{to}");
    }
}

#[test]
fn the_target_for_a_refused_template_is_never_valid() {
    let (request, client) = (request("GET", "/", "", &[]), client());
    let never = TargetTemplate::never();
    assert_eq!(never.render(&scope(&request, &client), &mut RenderedTarget::default()), Err(InvalidTarget::Host));
    assert_eq!((never.authority_literal(), never.scheme_tls()), (None, false));
}

fn any_value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        "[a-z./:@?#%\\[\\]\r\n\\\\ 0-9]{0,20}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn a_rendered_url_keeps_the_authority_of_its_template(value in any_value()) {
        for to in [
            "http://a.example/x{X}y{path}{query}",
            "http://a.example?q={X}",
            "http://a.example/{X|replace:a,/}",
        ] {
            let request = request("GET", "/p", "?q", &[("x", &value)]);
            let client = client();
            let mut out = RenderedTarget::default();
            if TargetTemplate::parse(to).expect(to).render(&scope(&request, &client), &mut out).is_ok() {
                prop_assert_eq!(&out.authority, b"a.example");
                prop_assert!(out.path_and_query.starts_with(b"/"));
                // The codec's own check: the sent text is a valid request target without dot segments.
                let target = proxy_http::message::Target::parse(&out.path_and_query, false);
                prop_assert!(target.is_ok_and(|t| t.resolved.is_none()), "{}", out.path_and_query.escape_ascii());
            }
        }
    }

    #[test]
    fn a_value_in_the_host_never_leaves_its_domain(value in any_value()) {
        let request = request("GET", "/", "", &[("x", &value)]);
        let client = client();
        let mut out = RenderedTarget::default();
        let parsed = TargetTemplate::parse("http://{X}.internal:81{path}").expect("a target");
        if parsed.render(&scope(&request, &client), &mut out).is_ok() {
            prop_assert!(out.authority.ends_with(b".internal:81"));
            prop_assert!(out.authority.iter().all(|b| escape::in_host(*b) || *b == b':'));
            prop_assert_eq!(&out.path_and_query, b"/");
        }
    }
}
