//! What a location selects: paths, hosts and conditions.

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

/// A condition that does not hold.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Failure {
    /// `path`, or the option of the location.
    pub condition: String,
    /// What the request has of it.
    pub found: Option<String>,
}

/// Everything that must hold for a location to take a request.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    /// Any of them; none stands for every path.
    pub(crate) patterns: Box<[Pattern]>,
    /// The same for hosts.
    pub(crate) hosts: Box<[HostPattern]>,
    /// All of them.
    pub(crate) conditions: Box<[Condition]>,
    /// Names that some of the patterns and hosts capture, and not every request that is taken.
    optional: Box<[u32]>,
}

/// A request as locations see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MatchedRequest<'a> {
    pub(crate) head: &'a RequestHead,
    pub(crate) client_info: &'a ClientInfo,
    /// The path, decoded in one way or the other.
    pub(crate) path: RequestPart<'a>,
    /// In small letters, without port and without a dot at its end.
    pub(crate) host: RequestPart<'a>,
}

impl<'a> MatchedRequest<'a> {
    pub(super) fn conditioned(self) -> Conditioned<'a> {
        Conditioned { head: self.head, client_info: self.client_info, path: self.path.bytes }
    }
}

impl Matcher {
    /// Checks what a location selects.
    pub(crate) fn compile<R>(spec: &LocationConfig<R>, names: &mut CaptureNames, report: &mut Report<'_>) -> Self {
        let mut patterns = Vec::with_capacity(spec.patterns.len());
        // A path inside that is wrong is told of the location that says it.
        let inner = spec.inner.iter().filter_map(|pattern| Pattern::compile(pattern, names).ok()).collect::<Vec<_>>();
        patterns.extend(spec.patterns.iter().filter_map(|pattern| report.ok(Pattern::compile(pattern, names))));
        let mut hosts = Vec::with_capacity(spec.hosts.len());
        for host in &spec.hosts {
            let host = HostPattern::compile(host, names);
            // The hosts of `host` are no option.
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

    /// Whether a request is taken that the index has found this for.
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

    /// Everything that keeps the request from being taken. If that is nothing, what is captured is added.
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

    /// What could have been captured here and was not is empty, unless a location around this one captured it: no field
    /// of a client takes the place of a name that the configuration gives.
    pub(crate) fn name_what_took_no_part(&self, captured: &mut Captured) {
        for name in &self.optional {
            if !captured.has(*name) {
                captured.push(*name, Span::default());
            }
        }
    }

    /// The names that are captured, whichever pattern and host match.
    pub(crate) fn names(&self) -> impl Iterator<Item = u32> + '_ {
        let paths = self.patterns.iter().flat_map(Pattern::captures);
        paths.chain(self.hosts.iter().flat_map(HostPattern::captures))
    }

    /// Whether a request that `other` takes is taken. `false` may also mean that this cannot be said.
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

/// The names that not every request captures which one of the patterns and one of the hosts match.
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

/// A pattern as a person wrote it.
pub(crate) fn shown(pattern: &Match) -> String {
    match pattern {
        Match::Text(text) => format!("{text:?}"),
        Match::Regexp(regexp) => super::regexp::written(regexp),
    }
}
