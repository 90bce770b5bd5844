//! Warnings about locations that can never match, because an earlier one takes all their requests, and about locations
//! that take less than it seems.

use super::host::HostPattern;
use super::index::{self, Lists};
use super::matcher::{shown, Matcher};
use super::pattern::{is_at_or_below, Pattern};
use super::scope::{Accepts, Scope};
use crate::compile::Report;
use crate::config::{Code, LocationConfig, Match, Problem};

/// Number of earlier locations that are checked for each location: enough for real configurations, without quadratic
/// time.
const LOOKED_AT: usize = 64;

/// Warns of every location that gets no requests because of an earlier one in its scope.
pub(crate) fn warn<R, F, H: Accepts>(specs: &[&LocationConfig<R>], scope: &Scope<F, H>, problems: &mut Vec<Problem>) {
    for (number, (spec, location)) in specs.iter().zip(&scope.locations).enumerate() {
        let Some(earlier) = earlier(scope, number, &location.matcher) else { continue };
        let Some(earlier) = specs.get(earlier) else { continue };
        let place = earlier.at.as_ref().map_or(String::new(), |at| format!(" at {}:{}", at.file, at.line));
        let message = format!(
            "it never matches: {}{place} comes before it and takes everything that it would: move this one up, or \
             leave it out",
            named(earlier)
        );
        report(spec, problems).warning_of(Code::Unreachable, message);
    }
}

/// Warns of every `"/"` and `"/api/"` if no other location takes the paths below: in other systems these include
/// everything below. `leads_within` tells whether a directive redirects clients to another path of the same site.
pub(crate) fn warn_of_less<R, F, H: Accepts>(
    specs: &[&LocationConfig<R>],
    scope: &Scope<F, H>,
    leads_within: impl Fn(&R) -> bool,
    problems: &mut Vec<Problem>,
) {
    for (number, (spec, location)) in specs.iter().zip(&scope.locations).enumerate() {
        // A location that only contains others: its inner locations list their own paths.
        if location.scope.own_handlers == 0 && !spec.inner.is_empty() {
            continue;
        }
        for (written, pattern) in spec.patterns.iter().zip(&location.matcher.patterns) {
            let (Match::Text(text), Some(path)) = (written, pattern.exact()) else { continue };
            if !text.ends_with('/') || takes_below(path, &location.matcher, scope) {
                continue;
            }
            // Clients at the top are redirected to a page; with "/*" that page would be redirected too.
            if text == "/" && spec.routes.iter().any(&leads_within) {
                continue;
            }
            // A location that takes no requests at all has its warning already.
            if earlier(scope, number, &location.matcher).is_some() {
                break;
            }
            let above = text.trim_end_matches('/');
            let alone =
                if above.is_empty() { String::new() } else { format!(", or {above:?} if that path alone is meant") };
            let message = format!(
                "{text:?} takes this path alone, and nothing next to it takes what is below it: write \
                 \"{above}/*\"{alone}"
            );
            report(spec, problems).warning(message);
        }
    }
}

/// A report for a location.
pub(crate) fn report<'a, R>(spec: &'a LocationConfig<R>, problems: &'a mut Vec<Problem>) -> Report<'a> {
    Report::new(spec.word.as_deref().unwrap_or("location"), spec.at.as_ref(), problems)
}

/// Whether something in a scope takes the paths below `path`, which `matcher` takes. A pattern that might match there
/// counts as if it did.
fn takes_below<F, H: Accepts>(path: &[u8], matcher: &Matcher, scope: &Scope<F, H>) -> bool {
    let below = [path.strip_suffix(b"/").unwrap_or(path), b"/~"].concat();
    let reaches =
        |pattern: &Pattern| pattern.exact().is_none() && (pattern.is_regexp() || is_at_or_below(path, pattern.under()));
    scope.handlers.iter().any(|handler| handler.accepts(&below))
        || scope.locations.iter().map(|location| &location.matcher).any(|other| {
            let hosts = other.hosts.is_empty()
                || !matcher.hosts.is_empty()
                    && matcher.hosts.iter().all(|narrow| other.hosts.iter().any(|wide| wide.covers(narrow)));
            hosts && other.patterns.iter().any(reaches)
        })
}

/// An earlier location that takes every request that this one would. Each such location is among the index's results
/// for one path and one host of this location, whichever they are.
fn earlier<F, H: Accepts>(scope: &Scope<F, H>, number: usize, matcher: &Matcher) -> Option<usize> {
    let path = matcher.patterns.first().map_or(&b"*"[..], |pattern| match pattern.under() {
        b"" if pattern.is_regexp() => b"*",
        b"" => b"/",
        under => under,
    });
    let host = match matcher.hosts.first() {
        Some(HostPattern::Exact(host)) => host.to_vec(),
        Some(HostPattern::Below(suffix)) => [b"*.", &**suffix].concat(),
        Some(HostPattern::Regexp(_)) | None => Vec::new(),
    };
    let mut lists = Lists::new();
    scope.index()?.find(&host, path, &mut lists);
    let mut looked_at = 0;
    while let Some(entry) = index::next(&mut lists) {
        let earlier = entry.location as usize;
        looked_at += 1;
        if earlier >= number || looked_at > LOOKED_AT {
            return None;
        }
        if scope.locations[earlier].matcher.covers(matcher) {
            return Some(earlier);
        }
    }
    None
}

/// A location as written, shortened to what helps to find it.
fn named<R>(spec: &LocationConfig<R>) -> String {
    let word = spec.word.as_deref().unwrap_or("location");
    let written = if word == "host" { &spec.hosts } else { &spec.patterns };
    match written.first() {
        Some(first) => format!("{word} {}", shown(first)),
        None => format!("the {word}"),
    }
}
