use super::*;
use crate::config::Severity;
use crate::filter::tests::{at, errors, problems};
use crate::filter::FilterConfig;

fn rate_limit() -> RateLimitConfig {
    RateLimitConfig { requests: Some(100), seconds: Some(60.0), at: at(), ..RateLimitConfig::default() }
}

#[test]
fn rate_limit_says_what_is_wrong() {
    assert_eq!(problems(FilterConfig::RateLimit(rate_limit())), []);
    let usual = rate_limit;
    for (spec, message) in [
        (RateLimitConfig { requests: None, ..usual() }, "`requests` is missing: write requests: 100, seconds: 60"),
        (RateLimitConfig { seconds: None, ..usual() }, "`seconds` is missing: write requests: 100, seconds: 60"),
        (
            RateLimitConfig { requests: Some(0), ..usual() },
            "requests: 0 is out of range: write a number from 1 to 1000000000",
        ),
        (
            RateLimitConfig { seconds: Some(0.0), ..usual() },
            "seconds: 0 is out of range: write seconds from 0.001 to 315360000",
        ),
        (RateLimitConfig { max_keys: 1, ..usual() }, "max_keys: 1 is out of range: write a number from 2 to 10000000"),
        (
            RateLimitConfig { store: LimitStore::Redis("redis://a".into()), ..usual() },
            "store: counts in a Redis are not available in this version: write store: \"memory\", or leave it out",
        ),
        (
            RateLimitConfig { key: LimitKey::Query(String::new()), ..usual() },
            "key: query: \"\" is not a valid name: write one, such as \"user_id\"",
        ),
    ] {
        assert_eq!(errors(FilterConfig::RateLimit(spec)), [format!("rate_limit: {message}")]);
    }
    let spec = RateLimitConfig { key: LimitKey::Rewrite("{adr}".into()), ..usual() };
    let warning = "rate_limit: key: rewrite: {adr} stays as it is written (did you mean {addr}?)";
    assert_eq!(problems(FilterConfig::RateLimit(spec)), [(Severity::Warning, warning.to_owned())]);
}
