//! What is wrong with a filter is told with its line, and with what to write instead.

use crate::compile::Purpose;
use crate::config::{self, At, Config, CustomError, Directive, LimitKey, LimitStore, Severity};
use crate::snapshot::compile;

fn at() -> Option<At> {
    Some(At { file: "Proxyfile".into(), line: 7 })
}

/// The messages of a configuration that consists of this filter and an answer, without where and what.
fn problems(filter: config::Filter) -> Vec<(Severity, String)> {
    let answer = Directive::StaticResponse(config::StaticResponse::default());
    let config = Config { routes: vec![Directive::Filter(filter), answer], ..Config::default() };
    let problems = compile(&config, Purpose::Check).problems;
    problems
        .into_iter()
        .map(|problem| {
            assert_eq!(problem.at, at(), "{problem}");
            (problem.severity, format!("{}: {}", problem.directive, problem.message))
        })
        .collect()
}

fn errors(filter: config::Filter) -> Vec<String> {
    let errors = problems(filter).into_iter();
    errors.map(|(severity, message)| (severity == Severity::Error).then_some(message).expect("an error")).collect()
}

fn rate_limit() -> config::RateLimit {
    config::RateLimit { requests: Some(100), seconds: Some(60.0), at: at(), ..config::RateLimit::default() }
}

#[test]
fn rate_limit_says_what_is_wrong() {
    assert_eq!(problems(config::Filter::RateLimit(rate_limit())), []);
    let usual = rate_limit;
    for (spec, message) in [
        (config::RateLimit { requests: None, ..usual() }, "`requests` is missing: write requests: 100, seconds: 60"),
        (config::RateLimit { seconds: None, ..usual() }, "`seconds` is missing: write requests: 100, seconds: 60"),
        (
            config::RateLimit { requests: Some(0), ..usual() },
            "requests: 0 is out of range: write a number from 1 to 1000000000",
        ),
        (
            config::RateLimit { seconds: Some(0.0), ..usual() },
            "seconds: 0 is out of range: write seconds from 0.001 to 315360000",
        ),
        (
            config::RateLimit { max_keys: 1, ..usual() },
            "max_keys: 1 is out of range: write a number from 2 to 10000000",
        ),
        (
            config::RateLimit { store: LimitStore::Redis("redis://a".into()), ..usual() },
            "store: counts in a Redis are not available in this version: write store: \"memory\", or leave it out",
        ),
        (
            config::RateLimit { key: LimitKey::Query(String::new()), ..usual() },
            "key: query: \"\" is not a valid name: write one, such as \"user_id\"",
        ),
    ] {
        assert_eq!(errors(config::Filter::RateLimit(spec)), [format!("rate_limit: {message}")]);
    }
    let spec = config::RateLimit { key: LimitKey::Rewrite("{adr}".into()), ..usual() };
    let warning = "rate_limit: key: rewrite: {adr} stays as it is written (did you mean {addr}?)";
    assert_eq!(problems(config::Filter::RateLimit(spec)), [(Severity::Warning, warning.to_owned())]);
}

#[test]
fn lists_of_addresses_say_what_is_wrong() {
    let list = |networks: &[&str]| config::AddressList {
        networks: networks.iter().map(|text| (*text).to_owned()).collect(),
        at: at(),
        ..config::AddressList::default()
    };
    assert_eq!(
        errors(config::Filter::AllowList(list(&[]))),
        ["allow_list: names no address: write one such as \"192.0.2.7\", \"10.0.0.0/8\" or \"fd00::/8\""]
    );
    assert_eq!(
        errors(config::Filter::DenyList(list(&["::1", "localhost"]))),
        ["deny_list: \"localhost\" is not a valid address or network: write one such as \"192.0.2.7\", \"10.0.0.0/8\" or \
          \"fd00::/8\""]
    );
}

#[test]
fn rewrite_says_what_is_wrong() {
    let rewrite = |path: Option<&str>| {
        config::Filter::Rewrite(config::RewritePath {
            path: path.map(str::to_owned),
            at: at(),
            ..config::RewritePath::default()
        })
    };
    for (path, message) in [
        (None, "rewrite: `path` is missing: write path: \"/v2{path}\""),
        (Some("v2{path}"), "rewrite: path: \"v2{path}\" is not a valid path: begin it with /, or with {path}"),
        (Some("http://a/"), "rewrite: path: \"http://a/\" is not a valid path: begin it with /, or with {path}"),
        (Some("{X-Path}"), "rewrite: path: \"{X-Path}\" is not a valid path: begin it with /, or with {path}"),
    ] {
        assert_eq!(errors(rewrite(path)), [message]);
    }
    for (path, message) in [
        ("/a b", "which no URL may hold"),
        ("/a#b", "holds a fragment"),
        ("/a{path|upcase}", "\"upcase\" is not a valid modifier"),
        ("/a{", "%7B"),
    ] {
        let errors = errors(rewrite(Some(path)));
        assert!(errors.len() == 1 && errors[0].contains(message), "{path}: {errors:?}");
    }
    let warning = "rewrite: path: {path} starts with '/' itself: leave out the one before it".to_owned();
    assert_eq!(problems(rewrite(Some("/{path}"))), [(Severity::Warning, warning)]);
}

#[test]
fn max_body_says_what_is_wrong() {
    let spec = |bytes| config::Filter::MaxBody(config::MaxBody { bytes, at: at(), ..config::MaxBody::default() });
    assert_eq!(errors(spec(None)), ["max_body: the value is missing: write a number of bytes, such as 1_048_576"]);
    assert_eq!(errors(spec(Some(-1))), ["max_body: -1 is negative: write a number of bytes"]);
    assert_eq!(errors(spec(Some(0))), [""; 0]);
}

#[test]
fn cors_says_what_is_wrong() {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let usual = || config::Cors { origins: texts(&["https://a.example"]), at: at(), ..config::Cors::default() };
    assert_eq!(problems(config::Filter::Cors(usual())), []);
    for (spec, message) in [
        (
            config::Cors { origins: Vec::new(), ..usual() },
            "`origins` is missing: write origins: [\"https://app.example.com\"]",
        ),
        (
            config::Cors { origins: texts(&["a.example"]), ..usual() },
            "origins: \"a.example\" is not a valid origin: write one such as \"https://app.example.com\", or \"*\"",
        ),
        (
            config::Cors { origins: texts(&["*"]), credentials: true, ..usual() },
            "origins: with credentials, \"*\" would let every site act on behalf of its visitors: name the origins that may",
        ),
        (
            config::Cors { methods: texts(&["GET POST"]), ..usual() },
            "methods: \"GET POST\" is not a valid name: use letters, digits and hyphens",
        ),
        (
            config::Cors { headers: texts(&["*", "X-A"]), ..usual() },
            "headers: \"*\" already means all: leave out the others",
        ),
        (
            config::Cors { expose: texts(&["*"]), credentials: true, ..usual() },
            "expose: with credentials, browsers ignore \"*\": name the headers",
        ),
    ] {
        assert_eq!(errors(config::Filter::Cors(spec)), [format!("cors: {message}")]);
    }
}

#[test]
fn log_requests_says_what_is_wrong() {
    let spec = |before: Option<&str>, after: Option<&str>| {
        config::Filter::LogRequests(config::LogRequests {
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
            at: at(),
        })
    };
    for (before, after, message) in [
        (None, None, "writes nothing: write before: \"{method} {path}\", after: \"{status} in {response_time}\""),
        (Some("{Authorization}"), None, "before: {Authorization} would write secrets into the log: leave it out"),
        (None, Some("{status} {set-cookie}"), "after: {set-cookie} would write secrets into the log: leave it out"),
        (
            Some("{cookie.sid} {COOKIE}"),
            None,
            "before: {cookie.sid}, {COOKIE} would write secrets into the log: leave it out",
        ),
        (Some("a\nb"), None, "before: \"a\\nb\" holds a line break: it is one line, which ends by itself"),
        (
            Some("{path|upcase}"),
            None,
            "before: in {path|upcase}: \"upcase\" is not a valid modifier (there are strip_prefix, strip_suffix, replace)",
        ),
    ] {
        assert_eq!(errors(spec(before, after)), [format!("log_requests: {message}")]);
    }
    let warning = "log_requests: before: {status} has no meaning in a request: that name is for responses".to_owned();
    assert_eq!(problems(spec(Some("{status}"), Some("{status}"))), [(Severity::Warning, warning)]);
}

#[test]
fn redirect_http_to_https_says_what_is_wrong() {
    for port in [0, -1, 65_536] {
        let spec = config::RedirectToHttps { port, at: at() };
        let message =
            format!("redirect_http_to_https!: port: {port} is not a valid port: write a number from 1 to 65535");
        assert_eq!(errors(config::Filter::RedirectToHttps(spec)), [message]);
    }
}

#[test]
fn an_error_response_of_ones_own_is_checked() {
    let wrong = || Some(config::ErrorResponse::Custom(CustomError { status: Some(99), ..CustomError::default() }));
    let message = "error_response: status: 99 is not a valid final status code: write one from 200 to 599, such as 503"
        .to_owned();
    let networks = vec!["::1".to_owned()];
    for (filter, directive) in [
        (config::Filter::RateLimit(config::RateLimit { error_response: wrong(), ..rate_limit() }), "rate_limit"),
        (
            config::Filter::AllowList(config::AddressList {
                networks: networks.clone(),
                error_response: wrong(),
                at: at(),
            }),
            "allow_list",
        ),
        (config::Filter::DenyList(config::AddressList { networks, error_response: wrong(), at: at() }), "deny_list"),
        (
            config::Filter::Rewrite(config::RewritePath { path: Some("/".into()), error_response: wrong(), at: at() }),
            "rewrite",
        ),
        (config::Filter::MaxBody(config::MaxBody { bytes: Some(1), error_response: wrong(), at: at() }), "max_body"),
    ] {
        assert_eq!(errors(filter), [format!("{directive}: {message}")]);
    }
}
