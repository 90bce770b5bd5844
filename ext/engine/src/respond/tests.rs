use proxy_http::message;

use super::*;
use crate::config::{At, Content, CustomError, Problem, Severity};

fn compile(spec: &ErrorResponseConfig) -> (Arc<ErrorResponse>, Vec<Problem>) {
    let mut problems = Vec::new();
    let at = At { file: "Proxyfile".into(), line: 7 };
    let response = ErrorResponse::compile(Some(spec), 502, &mut Report::new("proxy", Some(&at), &mut problems));
    (response, problems)
}

fn inline(text: &str) -> Option<Content> {
    Some(Content::Inline(text.into()))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn every_name_stands_for_its_status() {
    for (name, status, phrase) in [
        ("bad_request", 400, "Bad Request"),
        ("unauthorized", 401, "Unauthorized"),
        ("forbidden", 403, "Forbidden"),
        ("not_found", 404, "Not Found"),
        ("payload_too_large", 413, "Content Too Large"),
        ("too_many_requests", 429, "Too Many Requests"),
        ("internal_server_error", 500, "Internal Server Error"),
        ("bad_gateway", 502, "Bad Gateway"),
        ("service_unavailable", 503, "Service Unavailable"),
        ("gateway_timeout", 504, "Gateway Timeout"),
    ] {
        let (response, problems) = compile(&ErrorResponseConfig::Named(name.into()));
        assert_eq!(problems, []);
        assert!(!response.is_custom());
        let plain = response.choose(None);
        assert_eq!((plain.status, message::reason(plain.status)), (status, phrase));
        assert!(text(&plain.body).starts_with(&format!("{status} {phrase}\n")));
    }
    assert_eq!(built_in::names().count(), 10);
}

#[test]
fn the_engines_own_statuses_are_all_there() {
    for status in [400, 404, 405, 408, 412, 413, 414, 416, 417, 431, 500, 501, 502, 503, 504, 505] {
        assert_eq!(built_in(status).choose(None).status, status);
    }
    assert_eq!(built_in(418).choose(None).status, 500);
}

#[test]
fn built_in_ones_come_as_text_json_and_page() {
    let mut problems = Vec::new();
    let response = ErrorResponse::compile(None, 502, &mut Report::new("proxy", None, &mut problems));
    assert_eq!(problems, []);
    for (accept, content_type) in [
        (None, "text/plain; charset=utf-8"),
        (Some("*/*"), "text/plain; charset=utf-8"),
        (Some("application/json"), "application/json"),
        (Some("text/html,*/*;q=0.8"), "text/html; charset=utf-8"),
    ] {
        let form = response.choose(accept.map(str::as_bytes));
        let length = form.body.len();
        let fields = format!("Content-Type: {content_type}\r\nVary: Accept\r\nContent-Length: {length}\r\n");
        assert_eq!(text(&form.fields), fields);
        assert_eq!((form.status, message::reason(form.status)), (502, "Bad Gateway"));
    }
    let json: serde_json::Value =
        serde_json::from_slice(&response.choose(Some(&b"application/json"[..])).body).expect("JSON");
    assert_eq!((&json["error"], &json["code"], &json["status"]), (&"Bad Gateway".into(), &502.into(), &"error".into()));
    assert!(json["message"].as_str().is_some_and(|message| !message.is_empty()));
    assert_eq!(json["request_id"], "");
    let page = response.choose(Some(&b"text/html"[..]));
    let page = text(&page.body);
    assert!(page.contains("<title>502 Bad Gateway</title>") && !page.contains("{message}"), "{page}");
    for outside in ["http://", "https://", "src=", "url(", "<script"] {
        assert!(!page.contains(outside), "the page reaches out: {outside}");
    }
}

#[test]
fn ones_own_is_sent_as_it_was_written() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("503.html");
    std::fs::write(&path, "<p>Down").expect("a file");
    let spec = CustomError {
        status: Some(503),
        plaintext: inline("Down for maintenance"),
        json: inline(r#"{"message":"Down"}"#),
        html: Some(Content::File(path.display().to_string())),
        default: Some("html".into()),
        headers: vec![("Retry-After".into(), "120".into()), ("vary".into(), "*".into())],
    };
    let (response, problems) = compile(&ErrorResponseConfig::Custom(spec));
    assert_eq!(problems, []);
    assert!(response.is_custom());
    for (accept, content_type, body) in [
        (None, "text/html; charset=utf-8", "<p>Down"),
        (Some("image/png"), "text/html; charset=utf-8", "<p>Down"),
        (Some("text/plain"), "text/plain; charset=utf-8", "Down for maintenance"),
        (Some("text/html;q=0.2, application/json"), "application/json", r#"{"message":"Down"}"#),
    ] {
        let form = response.choose(accept.map(str::as_bytes));
        assert_eq!((form.status, message::reason(form.status), text(&form.body)), (503, "Service Unavailable", body));
        let own = "Retry-After: 120\r\nvary: *\r\n";
        let fields = format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n{own}", body.len());
        assert_eq!(text(&form.fields), fields);
    }
}

#[test]
fn ones_own_without_a_text_speaks_the_built_in_words() {
    let spec = CustomError { status: Some(503), headers: vec![("X-A".into(), "b".into())], ..CustomError::default() };
    let (response, problems) = compile(&ErrorResponseConfig::Custom(spec));
    assert_eq!(problems, []);
    let form = response.choose(Some(&b"application/json"[..]));
    assert_eq!(form.body, built_in(503).choose(Some(&b"application/json"[..])).body);
    assert!(text(&form.fields).ends_with("X-A: b\r\n"));
}

#[test]
fn mistakes_are_problems_with_a_remedy() {
    use ErrorResponseConfig::{Custom, Named};
    let custom = |change: fn(&mut CustomError)| {
        let mut spec = CustomError { plaintext: inline("x"), ..CustomError::default() };
        change(&mut spec);
        Custom(spec)
    };
    for (spec, message) in [
        (
            Named("bad_gatway".into()),
            "\"bad_gatway\" is not a built-in error response (did you mean bad_gateway? There are bad_request,",
        ),
        (custom(|c| c.status = Some(99)), "status: 99 is not a valid final status code: write one from 200 to 599"),
        (custom(|c| c.status = Some(70_000)), "status: 70000 is not a valid final status code"),
        (custom(|c| c.status = Some(204)), "status: 204 means a response without a body"),
        (
            custom(|c| c.html = Some(Content::File("/none/x.html".into()))),
            "html: cannot read \"/none/x.html\" (No such file",
        ),
        (custom(|c| c.default = Some("html".into())), "default: there is no html: add html:, or write \"plaintext\""),
        (custom(|c| c.default = Some("plain".into())), "default: \"plain\" is not a valid format"),
        (custom(|c| c.headers.push(("a b".into(), String::new()))), "headers: \"a b\" is not a valid header name"),
        (custom(|c| c.headers.push(("A".into(), "b\r\nC: d".into()))), "headers: A: \"b\\r\\nC: d\" holds a control"),
        (
            custom(|c| c.headers.push(("content-length".into(), "1".into()))),
            "headers: content-length is set by the proxy",
        ),
    ] {
        let (_, problems) = compile(&spec);
        let [problem] = &problems[..] else { panic!("{message}: {problems:?}") };
        assert_eq!(problem.severity, Severity::Error);
        let start = format!("Proxyfile:7: proxy: error_response: {message}");
        assert!(problem.to_string().starts_with(&start), "{problem}");
    }
    let (_, problems) = compile(&custom(|c| c.json = inline("Down")));
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].severity, Severity::Warning);
}

#[test]
fn pages_and_json_name_the_request_whatever_it_is_called() {
    let form = |accept: &'static [u8]| built_in(502).choose(Some(accept));
    assert_eq!(form(b"text/plain").with_id(b"abc"), None);
    let page = form(b"text/html").with_id(b"a-1<b>&\"'").expect("a place");
    assert!(text(&page).contains("<code>a-1&#60;b&#62;&#38;&#34;&#39;</code>"), "{}", text(&page));
    let json = form(b"application/json").with_id(b"a\\1\"<").expect("a place");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["request_id"], "a\\1\"<");
    assert_eq!(json["code"], 502);
}

#[test]
fn a_status_of_ones_own_may_have_no_phrase() {
    let spec = CustomError { status: Some(599), plaintext: inline("x"), ..CustomError::default() };
    let (own, problems) = compile(&ErrorResponseConfig::Custom(spec));
    assert_eq!(problems, []);
    assert_eq!((own.choose(None).status, message::reason(599)), (599, ""));
}
