//! Hosts of a location.

use super::names::CaptureNames;
use super::pattern::{Groups, RequestPart};
use crate::compile::check_host;
use crate::config::{self, Match};
use crate::rewrite::Captured;

/// A host, the hosts below a domain, or the hosts that an expression matches.
#[derive(Debug, Clone)]
pub(crate) enum HostPattern {
    /// `example.com`, in lower case, without a trailing dot.
    Exact(Box<[u8]>),
    /// `*.example.com`, stored as `example.com`: every host below it, but not itself.
    Below(Box<[u8]>),
    /// A `Regexp`.
    Regexp(Groups),
}

impl HostPattern {
    /// Compiles a host. The error says what to write instead.
    pub(super) fn compile(pattern: &Match, names: &mut CaptureNames) -> Result<Self, String> {
        let text = match pattern {
            Match::Text(text) => text,
            Match::Regexp(regexp) => {
                let insensitive = config::Regexp { ignore_case: true, ..regexp.clone() };
                return Groups::compile(&insensitive, names).map(HostPattern::Regexp);
            }
        };
        let host = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let below = host.strip_prefix("*.");
        check_host(text, below.unwrap_or(&host))?;
        Ok(match below {
            Some(suffix) => HostPattern::Below(suffix.as_bytes().into()),
            None => HostPattern::Exact(host.as_bytes().into()),
        })
    }

    /// Whether a host matches. It must be in lower case, without a trailing dot.
    pub(super) fn matches(&self, host: RequestPart<'_>, captured: &mut Captured) -> bool {
        match self {
            HostPattern::Exact(exact) => host.bytes == &**exact,
            HostPattern::Below(suffix) => is_below(host.bytes, suffix),
            HostPattern::Regexp(groups) => groups.matches(host, captured),
        }
    }

    /// Whether the pattern matches every host that `other` matches. `false` may also mean "unknown".
    pub(super) fn covers(&self, other: &HostPattern) -> bool {
        match (self, other) {
            (_, HostPattern::Exact(host)) => {
                self.matches(RequestPart { bytes: host, span: Default::default() }, &mut Captured::default())
            }
            (HostPattern::Below(wide), HostPattern::Below(narrow)) => wide == narrow || is_below(narrow, wide),
            (HostPattern::Regexp(a), HostPattern::Regexp(b)) => a.is_same(b),
            _ => false,
        }
    }

    /// The numbers of the names that every matching host captures.
    pub(super) fn certain_captures(&self) -> Vec<u32> {
        match self {
            HostPattern::Regexp(groups) => groups.certain_captures(),
            HostPattern::Exact(_) | HostPattern::Below(_) => Vec::new(),
        }
    }

    pub(super) fn captures(&self) -> Vec<u32> {
        match self {
            HostPattern::Regexp(groups) => groups.captures(),
            HostPattern::Exact(_) | HostPattern::Below(_) => Vec::new(),
        }
    }
}

fn is_below(host: &[u8], suffix: &[u8]) -> bool {
    host.strip_suffix(suffix).is_some_and(|rest| rest.len() > 1 && rest.ends_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &Match, host: &str) -> bool {
        let compiled = HostPattern::compile(pattern, &mut CaptureNames::default()).expect("a host");
        let part = RequestPart { bytes: host.as_bytes(), span: Default::default() };
        compiled.matches(part, &mut Captured::default())
    }

    #[test]
    fn hosts_match_what_they_say() {
        for (pattern, host, expected) in [
            ("example.com", "example.com", true),
            ("Example.COM.", "example.com", true),
            ("example.com", "www.example.com", false),
            ("*.example.com", "a.example.com", true),
            ("*.Example.com.", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*.example.com", "badexample.com", false),
            ("[::1]", "[::1]", true),
            ("10.0.0.1", "10.0.0.1", true),
            ("my_host", "my_host", true),
        ] {
            assert_eq!(matches(&pattern.into(), host), expected, "{pattern} {host}");
        }
        let regexp = Match::Regexp(config::Regexp { source: r"\A(?<t>[A-Z]+)\.x\z".into(), ..Default::default() });
        assert!(matches(&regexp, "acme.x"), "without regard to case");
        assert!(!matches(&regexp, "acme.xy"));
    }

    #[test]
    fn what_no_client_can_ask_for_is_refused_with_a_remedy() {
        for (host, message) in [
            ("", "\"\" is not a valid host: write one such as \"example.com\" or \"*.example.com\""),
            (".", "\".\" is not a valid host"),
            ("*.", "\"*.\" is every host: leave hosts out"),
            ("*", "\"*\" is every host: leave hosts out"),
            ("http://a", "\"http://a\" is a URL: write its host alone, such as \"example.com\""),
            ("a/b", "\"a/b\" is a URL"),
            ("a.*.com", "\"a.*.com\" has a * somewhere other than at its start: write \"*.example.com\", or a Regexp"),
            ("*a.com", "\"*a.com\" has a * somewhere other than at its start"),
            ("bücher.example", "\"bücher.example\" is not ASCII: write it in its xn-- form"),
            ("::1", "\"::1\" is an IPv6 address without brackets: write \"[::1]\""),
            ("a:80", "\"a:80\" has a port: write the host alone, and add ports: [8080]"),
            ("[::1]:80", "\"[::1]:80\" has a port"),
            ("a b", "\"a b\" is not a valid host"),
            ("a..b", "\"a..b\" is not a valid host"),
        ] {
            let error = HostPattern::compile(&host.into(), &mut CaptureNames::default()).map(|_| ()).expect_err(host);
            assert!(error.starts_with(message), "{host}: {error}");
        }
    }
}
