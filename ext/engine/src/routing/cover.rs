//! Locations that can never match, because an earlier one takes all that they would, and those that take less than they look like.

use super::host::HostPattern;
use super::index::{self, Lists};
use super::matcher::{shown, Matcher};
use super::pattern::{is_at_or_below, Pattern};
use super::scope::{Accepts, Scope};
use crate::config::{Directive, Location, Match, Problem};

/// How many earlier locations are looked at for each: enough for what people write, and not the square of many.
const LOOKED_AT: usize = 64;

/// Warns of every location of a scope that an earlier one leaves nothing.
pub(crate) fn warn<F, H: Accepts>(specs: &[&Location], scope: &Scope<F, H>, problems: &mut Vec<Problem>) {
    for (number, (spec, location)) in specs.iter().zip(&scope.locations).enumerate() {
        let Some(earlier) = earlier(scope, number, &location.matcher) else { continue };
        let Some(earlier) = specs.get(earlier) else { continue };
        let word = spec.word.as_deref().unwrap_or("location");
        let place = earlier.at.as_ref().map_or(String::new(), |at| format!(" at {}:{}", at.file, at.line));
        let message = format!(
            "it never matches: {}{place} comes before it and takes everything that it would: move this one up, or leave it out",
            named(earlier)
        );
        problems.push(Problem::warning(spec.at.as_ref(), word, message));
    }
}

/// Warns of every `"/"` and `"/api/"`, which elsewhere stand for all that is below, if nothing beside them takes that.
pub(crate) fn warn_of_less<F, H: Accepts>(specs: &[&Location], scope: &Scope<F, H>, problems: &mut Vec<Problem>) {
    for (number, (spec, location)) in specs.iter().zip(&scope.locations).enumerate() {
        // One that only holds others says where those are.
        if location.scope.own_handlers == 0 && !spec.inner.is_empty() {
            continue;
        }
        for (written, pattern) in spec.patterns.iter().zip(&location.matcher.patterns) {
            let (Match::Text(text), Some(path)) = (written, pattern.exact()) else { continue };
            if !text.ends_with('/') || takes_below(path, &location.matcher, scope) {
                continue;
            }
            // Whoever comes to the top is sent to a page: with "/*" that page would be sent there too.
            if text == "/" && spec.routes.iter().any(leads_within) {
                continue;
            }
            // One that takes nothing at all is told of already.
            if earlier(scope, number, &location.matcher).is_some() {
                break;
            }
            let above = text.trim_end_matches('/');
            let alone =
                if above.is_empty() { String::new() } else { format!(", or {above:?} if that path alone is meant") };
            let message = format!(
                "{text:?} takes this path alone, and nothing next to it takes what is below it: write \"{above}/*\"{alone}"
            );
            let word = spec.word.as_deref().unwrap_or("location");
            problems.push(Problem::warning(spec.at.as_ref(), word, message));
        }
    }
}

/// Whether it is a redirect to another path of the same site.
fn leads_within(route: &Directive) -> bool {
    let Directive::Redirect(redirect) = route else { return false };
    redirect.to.as_deref().is_some_and(|to| to.starts_with('/') && !to.starts_with("//"))
}

/// Warns of every handler that comes after one which answers every request of its scope.
pub(crate) fn warn_of_unasked(routes: &[Directive], problems: &mut Vec<Problem>) {
    let mut all: Option<String> = None;
    for route in routes {
        let (word, at, takes_all) = match route {
            Directive::Proxy(spec) => ("proxy", &spec.at, spec.path_prefix.is_none()),
            Directive::StaticResponse(spec) => ("static_response", &spec.at, true),
            Directive::Redirect(spec) => ("redirect", &spec.at, true),
            Directive::Filter(_) | Directive::Location(_) => continue,
        };
        if let Some(before) = &all {
            let message = format!(
                "it never answers: {before} comes before it and answers every request: leave one of them out, or put one into a location"
            );
            problems.push(Problem::warning(at.as_ref(), word, message));
        } else if takes_all {
            let place = at.as_ref().map_or(String::new(), |at| format!(" at {}:{}", at.file, at.line));
            all = Some(format!("{word}{place}"));
        }
    }
}

/// Warns of every location in which nothing answers, and nothing around it does.
pub(crate) fn warn_of_silence<F, H: Accepts>(specs: &[&Location], scope: &Scope<F, H>, problems: &mut Vec<Problem>) {
    for (spec, location) in specs.iter().zip(&scope.locations) {
        let answers = spec.routes.iter().any(|route| matches!(route, Directive::Filter(filter) if filter.answers()));
        if !answers && location.scope.handlers.is_empty() && location.scope.locations.is_empty() {
            let word = spec.word.as_deref().unwrap_or("location");
            let message = "nothing in it answers, so its requests get a 404: write proxy to: \"http://…\" in it, or static_response code: 404";
            problems.push(Problem::warning(spec.at.as_ref(), word, message));
        }
    }
}

/// Whether something in a scope takes what stands below `path`, which `matcher` takes. What can match only there and elsewhere is
/// believed to.
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

/// An earlier location that takes everything which this one would. Every such one is where the index looks for one path and one host
/// of this one, whichever they are.
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

/// A location as it was written, as far as it helps to find it.
fn named(spec: &Location) -> String {
    let word = spec.word.as_deref().unwrap_or("location");
    let written = if word == "host" { &spec.hosts } else { &spec.patterns };
    match written.first() {
        Some(first) => format!("{word} {}", shown(first)),
        None => format!("the {word}"),
    }
}
