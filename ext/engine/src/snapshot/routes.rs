//! Scopes and locations from what was written.

use std::sync::Arc;

use crate::compiler::Compiler;
use crate::config::{self, Directive, Problem, Severity};
use crate::filter::Filter;
use crate::handler::proxy::Proxy;
use crate::handler::redirect::Redirect;
use crate::handler::static_response::StaticResponse;
use crate::handler::Handler;
use crate::rewrite::is_built_in;
use crate::routing::{cover, Location, Matcher, Scope};

/// All that a request can be led to.
pub(crate) type Routes = Scope<Filter, Handler>;

impl Compiler {
    /// Compiles what stands in a scope. What stands in the scope around it applies to what is inside.
    pub(crate) fn scope(&mut self, routes: &[Directive], outer: &Routes) -> Routes {
        let before = self.problems.len();
        let mut filters = outer.filters.to_vec();
        let mut handlers = Vec::new();
        for route in routes {
            match route {
                Directive::Filter(spec) => filters.extend(Filter::compile(spec, self).map(Arc::new)),
                Directive::Location(_) => {}
                handler => handlers.extend(self.handler(handler).map(Arc::new)),
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
        if self.problems[before..].iter().all(|problem| problem.severity != Severity::Error) {
            cover::warn(&specs, &scope, &mut self.problems);
            cover::warn_of_less(&specs, &scope, &mut self.problems);
            cover::warn_of_unasked(routes, &mut self.problems);
            cover::warn_of_silence(&specs, &scope, &mut self.problems);
        }
        scope
    }

    fn location(&mut self, spec: &config::Location, outer: &Routes) -> Location<Filter, Handler> {
        let Self { problems, names, .. } = self;
        let word = spec.word.as_deref().unwrap_or("location");
        let mut report = |message| problems.push(Problem::error(spec.at.as_ref(), word, message));
        let matcher = Matcher::compile(spec, names, &mut report);
        let around = self.captures.len();
        let shadowed = |number: &u32| is_built_in(names.name(*number));
        for number in matcher.names().filter(shadowed).collect::<std::collections::BTreeSet<_>>() {
            let name = names.name(number);
            let message = format!(
                "captures {name}, but {{{name}}} is a value of the request itself: give the capture another name"
            );
            problems.push(Problem::warning(spec.at.as_ref(), word, message));
        }
        self.captures.extend(matcher.names().map(|number| self.names.name(number).into()));
        self.place.enter(spec);
        let scope = self.scope(&spec.routes, outer);
        self.place.leave();
        self.captures.truncate(around);
        Location { matcher, scope }
    }

    /// A handler, unless it is wrong or the directive is none.
    pub(crate) fn handler(&mut self, directive: &Directive) -> Option<Handler> {
        match directive {
            Directive::Proxy(spec) => Proxy::compile(spec, self).map(|proxy| Handler::Proxy(Box::new(proxy))),
            Directive::StaticResponse(spec) => {
                let captures = self.captures.names();
                Some(Handler::StaticResponse(StaticResponse::compile(spec, &captures, &mut self.problems)))
            }
            Directive::Redirect(spec) => Redirect::compile(spec, self).map(Handler::Redirect),
            Directive::Filter(_) | Directive::Location(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
