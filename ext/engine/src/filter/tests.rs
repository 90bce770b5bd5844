//! Mistakes in a filter are reported with its line and with a remedy.

use super::written::*;
use super::FilterConfig;
use crate::compile::Purpose;
use crate::configuration::{At, Config, CustomError, Directive, ErrorResponseConfig, Severity, StaticResponseConfig};
use crate::snapshot::compile;

/// Line of every filter in these tests.
pub(super) fn at() -> Option<At> {
    Some(At { file: "Proxyfile".into(), line: 7 })
}

/// Messages for a configuration that consists of this filter and a response, without place and directive.
pub(super) fn problems(filter: FilterConfig) -> Vec<(Severity, String)> {
    let answer = Directive::StaticResponse(StaticResponseConfig::default());
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

/// Messages, each of which is an error.
pub(super) fn errors(filter: FilterConfig) -> Vec<String> {
    let errors = problems(filter).into_iter();
    errors.map(|(severity, message)| (severity == Severity::Error).then_some(message).expect("an error")).collect()
}

#[test]
fn a_word_is_read_as_it_is_told() {
    for (word, filter) in FilterConfig::all() {
        let written = serde_json::to_value(&filter).expect("JSON");
        let words: Vec<_> = written.as_object().expect("one word").keys().collect();
        assert_eq!(words, [word]);
    }
}

#[test]
fn an_error_response_of_ones_own_is_checked() {
    let wrong = || Some(ErrorResponseConfig::Custom(CustomError { status: Some(99), ..CustomError::default() }));
    let message = "error_response: status: 99 is not a valid final status code: write one from 200 to 599, such as 503"
        .to_owned();
    let networks = vec!["::1".to_owned()];
    for (filter, directive) in [
        (
            FilterConfig::RateLimit(RateLimitConfig {
                requests: Some(100),
                seconds: Some(60.0),
                error_response: wrong(),
                at: at(),
                ..RateLimitConfig::default()
            }),
            "rate_limit",
        ),
        (
            FilterConfig::AllowList(AddressListConfig {
                networks: networks.clone(),
                error_response: wrong(),
                at: at(),
            }),
            "allow_list",
        ),
        (FilterConfig::DenyList(AddressListConfig { networks, error_response: wrong(), at: at() }), "deny_list"),
        (FilterConfig::Rewrite(RewriteConfig { path: Some("/".into()), error_response: wrong(), at: at() }), "rewrite"),
        (FilterConfig::MaxBody(MaxBodyConfig { bytes: Some(1), error_response: wrong(), at: at() }), "max_body"),
    ] {
        assert_eq!(errors(filter), [format!("{directive}: {message}")]);
    }
}
