//! Matches requests against a location: paths, hosts and conditions.

use proxy_http::message::{RequestHead, Span};
use serde::Serialize;

use super::conditions::{conditions, Condition, Request as Conditioned};
use super::entry::Entry;
use super::host::HostPattern;
use super::names::CaptureNames;
use super::pattern::{Pattern, RequestPart};
use crate::client::ClientInfo;
use crate::compile::Report;
use crate::config::{LocationConfig, Match};
use crate::rewrite::Captured;

/// A condition that the request does not meet.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Failure {
    /// `path`, or the name of the location's option.
    pub condition: String,
    /// The request's value for this condition.
    pub found: Option<String>,
}

/// All criteria of a location. A request must meet all of them.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    /// Paths, of which one must match. Empty: every path.
    pub(crate) patterns: Box<[Pattern]>,
    /// Hosts, of which one must match. Empty: every host.
    pub(crate) hosts: Box<[HostPattern]>,
    /// Conditions, which all must hold.
    pub(crate) conditions: Box<[Condition]>,
    /// Names that only some of the patterns and hosts capture, so that a request may be taken without them.
    optional: Box<[u32]>,
}

/// A request, as locations see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MatchedRequest<'a> {
    pub(crate) head: &'a RequestHead,
    pub(crate) client_info: &'a ClientInfo,
    /// The path, decoded in one of the two ways (`%2F` separates segments or does not).
    pub(crate) path: RequestPart<'a>,
    /// The host in lower case, without port and without a trailing dot.
    pub(crate) host: RequestPart<'a>,
}

impl<'a> MatchedRequest<'a> {
    pub(super) fn conditioned(self) -> Conditioned<'a> {
        Conditioned { head: self.head, client_info: self.client_info, path: self.path.bytes }
    }
}

impl Matcher {
    /// Compiles the criteria of a location.
    pub(crate) fn compile<R>(spec: &LocationConfig<R>, names: &mut CaptureNames, report: &mut Report<'_>) -> Self {
        let mut patterns = Vec::with_capacity(spec.patterns.len());
        // An invalid path of an inner location is reported by that location.
        let inner = spec.inner.iter().filter_map(|pattern| Pattern::compile(pattern, names).ok()).collect::<Vec<_>>();
        patterns.extend(spec.patterns.iter().filter_map(|pattern| report.ok(Pattern::compile(pattern, names))));
        let mut hosts = Vec::with_capacity(spec.hosts.len());
        for host in &spec.hosts {
            let host = HostPattern::compile(host, names);
            // The hosts of the directive `host` are arguments, not an option.
            hosts.extend(match spec.word.as_deref() {
                Some("host") => report.ok(host),
                _ => report.within("hosts").ok(host),
            });
        }
        for (pattern, written) in patterns.iter().zip(&spec.patterns) {
            let twice = |number: &u32| hosts.iter().any(|host| host.captures().contains(number));
            if let Some(number) = pattern.captures().iter().find(|number| twice(number)) {
                let name = names.name(*number);
                let written = shown(written);
                report.error(format!("{written} captures {name}, and so does one of the hosts: give one another name"));
            }
        }
        patterns.extend(inner);
        let conditions = conditions(spec, report);
        let optional = optional(&patterns, &hosts);
        Self { patterns: patterns.into(), hosts: hosts.into(), conditions, optional }
    }

    /// Whether a request is taken for which the index has found `entry`.
    pub(super) fn takes(&self, asked: MatchedRequest<'_>, entry: Entry, captured: &mut Captured) -> bool {
        let length = captured.len();
        let taken = (!entry.check_pattern
            || self.patterns.get(entry.pattern as usize).is_none_or(|pattern| pattern.matches(asked.path, captured)))
            && (!entry.check_host
                || self.hosts.get(entry.host as usize).is_none_or(|host| host.matches(asked.host, captured)))
            && self.conditions.iter().all(|condition| condition.holds(asked.conditioned()));
        if !taken {
            captured.truncate(length);
        } else if !self.optional.is_empty() {
            self.name_what_took_no_part(captured);
        }
        taken
    }

    /// Whether one of the conditions holds, those of paths aside.
    pub(crate) fn holds_any(&self, head: &RequestHead, client_info: &ClientInfo) -> bool {
        self.conditions.iter().any(|condition| condition.holds(Conditioned { head, client_info, path: b"" }))
    }

    /// Every criterion that the request does not meet. If there is none, the captures are added.
    pub(crate) fn failures(&self, asked: MatchedRequest<'_>, captured: &mut Captured) -> Vec<Failure> {
        let length = captured.len();
        let text = |part: RequestPart<'_>| Some(String::from_utf8_lossy(part.bytes).into_owned());
        let mut failed = Vec::new();
        if !self.patterns.is_empty() && !self.patterns.iter().any(|pattern| pattern.matches(asked.path, captured)) {
            failed.push(Failure { condition: "path".into(), found: text(asked.path) });
        }
        if !self.hosts.is_empty() && !self.hosts.iter().any(|host| host.matches(asked.host, captured)) {
            failed.push(Failure { condition: "hosts".into(), found: text(asked.host) });
        }
        for condition in &self.conditions {
            if !condition.holds(asked.conditioned()) {
                failed.push(Failure { condition: condition.name(), found: condition.found(asked.conditioned()) });
            }
        }
        match failed.is_empty() {
            true => self.name_what_took_no_part(captured),
            false => captured.truncate(length),
        }
        failed
    }

    /// Gives an empty value to each name that could have been captured here and was not, unless an enclosing location
    /// captured it. Otherwise a field sent by the client could take the place of a name that the configuration gives.
    pub(crate) fn name_what_took_no_part(&self, captured: &mut Captured) {
        for name in &self.optional {
            if !captured.has(*name) {
                captured.push(*name, Span::default());
            }
        }
    }

    /// The numbers of all names that some pattern or host captures.
    pub(crate) fn names(&self) -> impl Iterator<Item = u32> + '_ {
        let paths = self.patterns.iter().flat_map(Pattern::captures);
        paths.chain(self.hosts.iter().flat_map(HostPattern::captures))
    }

    /// Whether the location takes every request that `other` takes. `false` may also mean "unknown".
    pub(crate) fn covers(&self, other: &Matcher) -> bool {
        let paths = self.patterns.is_empty()
            || !other.patterns.is_empty()
                && other.patterns.iter().all(|narrow| self.patterns.iter().any(|wide| wide.covers(narrow)));
        let hosts = self.hosts.is_empty()
            || !other.hosts.is_empty()
                && other.hosts.iter().all(|narrow| self.hosts.iter().any(|wide| wide.covers(narrow)));
        paths && hosts && self.conditions.iter().all(|wide| other.conditions.iter().any(|narrow| wide.covers(narrow)))
    }
}

/// The names that some matching requests do not capture, whichever pattern and host match.
fn optional(patterns: &[Pattern], hosts: &[HostPattern]) -> Box<[u32]> {
    let always =
        |certain: &[Vec<u32>], name: &u32| !certain.is_empty() && certain.iter().all(|names| names.contains(name));
    let paths: Vec<_> = patterns.iter().map(Pattern::certain_captures).collect();
    let of_hosts: Vec<_> = hosts.iter().map(HostPattern::certain_captures).collect();
    let names = patterns.iter().flat_map(Pattern::captures).chain(hosts.iter().flat_map(HostPattern::captures));
    let mut optional: Vec<_> = names.filter(|name| !always(&paths, name) && !always(&of_hosts, name)).collect();
    optional.sort_unstable();
    optional.dedup();
    optional.into()
}

/// A pattern as a person writes it.
pub(crate) fn shown(pattern: &Match) -> String {
    match pattern {
        Match::Text(text) => format!("{text:?}"),
        Match::Regexp(regexp) => super::regexp::written(regexp),
    }
}
