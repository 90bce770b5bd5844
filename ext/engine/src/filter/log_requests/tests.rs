use super::*;
use crate::config::Severity;
use crate::filter::tests::{at, errors, problems};
use crate::filter::FilterConfig;

#[test]
fn log_requests_says_what_is_wrong() {
    let spec = |before: Option<&str>, after: Option<&str>| {
        FilterConfig::LogRequests(LogRequestsConfig {
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
            "before: in {path|upcase}: \"upcase\" is not a valid modifier (there are strip_prefix, strip_suffix, \
             replace)",
        ),
    ] {
        assert_eq!(errors(spec(before, after)), [format!("log_requests: {message}")]);
    }
    let warning = "log_requests: before: {status} has no meaning in a request: that name is for responses".to_owned();
    assert_eq!(problems(spec(Some("{status}"), Some("{status}"))), [(Severity::Warning, warning)]);
}
