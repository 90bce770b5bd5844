//! Scopes and locations from what was written.

use std::sync::Arc;

use super::cover;
use super::matcher::Matcher;
use super::scope::{Location, Scope};
use crate::compile::Report;
use crate::config;
use crate::configuration::Directive;
use crate::filter::Filter;
use crate::rewrite::is_built_in;
use crate::snapshot::Compiler;

impl Compiler {
    /// Compiles what stands in a scope. What stands in the scope around it applies to what is inside.
    pub(crate) fn scope(&mut self, routes: &[Directive], outer: &Scope) -> Scope {
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
        let specs: Vec<_> = routes
            .iter()
            .filter_map(|route| match route {
                Directive::Location(spec) => Some(&**spec),
                _ => None,
            })
            .collect();
        let locations = specs.iter().map(|spec| self.location(spec, &scope)).collect();
        scope.set_locations(locations);
        // What is wrong is left out of a location, which then takes more than was meant.
        if config::are_sound(&self.problems[before..]) {
            cover::warn(&specs, &scope, &mut self.problems);
            cover::warn_of_less(&specs, &scope, &mut self.problems);
            cover::warn_of_unasked(routes, &mut self.problems);
            cover::warn_of_silence(&specs, &scope, &mut self.problems);
        }
        scope
    }

    fn location(&mut self, spec: &config::Location<Directive>, outer: &Scope) -> Location {
        let Self { problems, names, .. } = self;
        let word = spec.word.as_deref().unwrap_or("location");
        let mut report = Report::new(word, spec.at.as_ref(), problems);
        let matcher = Matcher::compile(spec, names, &mut report);
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
        let scope = self.scope(&spec.routes, outer);
        self.place.leave();
        self.captures.truncate(around);
        Location { matcher, scope }
    }
}
