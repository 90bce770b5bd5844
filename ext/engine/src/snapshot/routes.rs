//! Compiles scopes and locations from a configuration.

use std::sync::Arc;

use crate::compile::Report;
use crate::compiler::Compiler;
use crate::config::{self, Code, Problem};
use crate::configuration::{Directive, HandlerLine};
use crate::filter::Filter;
use crate::handler::Handler;
use crate::rewrite::is_built_in;
use crate::routing::{cover, Location, Matcher, Scope};

/// Bytes of the longest `name` of a location.
const LONGEST_NAME: usize = 200;

/// The scope at the file's top level, with everything in it.
pub(crate) type Routes = Scope<Filter, Handler>;

impl Compiler {
    /// Compiles the directives of a scope. Those of the enclosing scope also apply inside.
    pub(crate) fn scope(&mut self, routes: &[Directive], outer: &Routes) -> Routes {
        let before = self.problems.len();
        let mut filters = outer.filters.to_vec();
        let mut handlers = Vec::new();
        for route in routes {
            match route {
                Directive::Filter(spec) => filters.extend(Filter::compile(spec, self).map(Arc::new)),
                Directive::Location(_) => {}
                handler => handlers.extend(handler.compile(self).map(Arc::new)),
            }
        }
        let own_handlers = handlers.len();
        handlers.extend(outer.handlers.iter().cloned());
        let mut scope = Scope::new(filters, handlers, own_handlers);
        scope.route = self.routes.current();
        scope.place = self.place.identity();
        let specs: Vec<_> = routes
            .iter()
            .filter_map(|route| match route {
                Directive::Location(spec) => Some(&**spec),
                _ => None,
            })
            .collect();
        let locations = specs.iter().map(|spec| self.location(spec, &scope)).collect();
        scope.set_locations(locations);
        // A location omits its invalid parts and then takes more requests than intended, so this check needs valid
        // ones.
        if config::are_sound(&self.problems[before..]) {
            cover::warn(&specs, &scope, &mut self.problems);
            cover::warn_of_less(&specs, &scope, leads_within, &mut self.problems);
            warn_of_unasked(routes, &mut self.problems);
            warn_of_silence(&specs, &scope, &mut self.problems);
        }
        scope
    }

    fn location(&mut self, spec: &config::LocationConfig<Directive>, outer: &Routes) -> Location<Filter, Handler> {
        let Self { problems, names, .. } = self;
        let mut report = cover::report(spec, problems);
        let matcher = Matcher::compile(spec, names, &mut report);
        check_name(spec, &mut report);
        let around = self.captures.len();
        let shadowed = |number: &u32| is_built_in(names.name(*number));
        for number in matcher.names().filter(shadowed).collect::<std::collections::BTreeSet<_>>() {
            let name = names.name(number);
            report.warning(format!(
                "captures {name}, but {{{name}}} is a value of the request itself: give the capture another name"
            ));
        }
        self.captures.extend(matcher.names().map(|number| self.names.name(number).into()));
        self.place.enter(spec);
        let outside = self.routes.enter(spec);
        let scope = self.scope(&spec.routes, outer);
        self.routes.leave(outside);
        self.place.leave();
        self.captures.truncate(around);
        Location { matcher, scope }
    }
}

/// Checks the `name` of a location: it stands in log lines and in the labels of metrics.
fn check_name(spec: &config::LocationConfig<Directive>, report: &mut Report<'_>) {
    let Some(name) = &spec.name else { return };
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        let message = format!("{name:?} is no name: write a line of 1 to {LONGEST_NAME} bytes, such as \"users\"");
        report.within("name").error(message);
    }
}

/// Whether a directive is a redirect to another path of the same site.
fn leads_within(route: &Directive) -> bool {
    let Directive::Redirect(redirect) = route else { return false };
    redirect.to.as_deref().is_some_and(|to| to.starts_with('/') && !to.starts_with("//"))
}

/// Warns of every handler after one that answers every request of its scope.
fn warn_of_unasked(routes: &[Directive], problems: &mut Vec<Problem>) {
    let mut all: Option<String> = None;
    for route in routes {
        let Some(HandlerLine { word, at, prefix, declines }) = route.handler() else { continue };
        if let Some(before) = &all {
            let message = format!(
                "it never answers: {before} comes before it and answers every request: leave one of them out, or put \
                 one into a location"
            );
            Report::new(word, at, problems).warning_of(Code::Unreachable, message);
        } else if prefix.is_none() && !declines {
            let place = at.map_or(String::new(), |at| format!(" at {}:{}", at.file, at.line));
            all = Some(format!("{word}{place}"));
        }
    }
}

/// Warns of every location without a handler that answers, in it or around it.
fn warn_of_silence(specs: &[&config::LocationConfig<Directive>], scope: &Routes, problems: &mut Vec<Problem>) {
    for (spec, location) in specs.iter().zip(&scope.locations) {
        let answers = spec.routes.iter().any(|route| matches!(route, Directive::Filter(filter) if filter.answers()));
        if !answers && location.scope.handlers.is_empty() && location.scope.locations.is_empty() {
            let message = "nothing in it answers, so its requests get a 404: write proxy to: \"http://…\" in it, or \
                           static_response code: 404";
            cover::report(spec, problems).warning_of(Code::Unanswered, message);
        }
    }
}

#[cfg(test)]
mod tests;
