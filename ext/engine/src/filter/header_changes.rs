//! `request_headers` and `response_headers`: fields that are added and removed.

use proxy_http::headers::CONNECTION_FIELDS;
use proxy_http::message::{FieldName, Fields, Known, Method, RequestHead};

use super::Render;
use crate::compiler::Compiler;
use crate::config::{self, Problem, Severity};
use crate::request::Exchange;
use crate::rewrite::{Context, Template};

/// Fields to remove, and then fields to add.
#[derive(Debug)]
pub(crate) struct HeaderChanges {
    removals: Box<[FieldName]>,
    additions: Box<[(FieldName, Template)]>,
}

impl HeaderChanges {
    /// Checks a `request_headers` directive.
    pub(super) fn of_request(spec: &config::HeaderChanges, compiler: &mut Compiler) -> Option<Self> {
        Self::compile("request_headers", Context::Request, spec, compiler)
    }

    /// Checks a `response_headers` directive.
    pub(super) fn of_response(spec: &config::HeaderChanges, compiler: &mut Compiler) -> Option<Self> {
        Self::compile("response_headers", Context::Response, spec, compiler)
    }

    fn compile(
        directive: &'static str,
        context: Context,
        spec: &config::HeaderChanges,
        compiler: &mut Compiler,
    ) -> Option<Self> {
        let captures = compiler.captures.names();
        let problems = &mut compiler.problems;
        let before = problems.len();
        let at = spec.at.as_ref();
        let mut error = |message: String| problems.push(Problem::error(at, directive, message));
        if spec.additions.is_empty() && spec.removals.is_empty() {
            error("changes nothing: write additions: { \"X-Name\" => \"value\" } or removals: [\"X-Name\"]".into());
        }
        let mut removals = Vec::with_capacity(spec.removals.len());
        for name in &spec.removals {
            match field_name(name, context) {
                Ok(name) => removals.push(name),
                Err(message) => error(format!("removals: {message}")),
            }
        }
        let mut additions = Vec::with_capacity(spec.additions.len());
        let mut warnings = Vec::new();
        for (name, values) in &spec.additions {
            let field = match field_name(name, context) {
                Ok(field) => field,
                Err(message) => {
                    error(format!("additions: {message}"));
                    continue;
                }
            };
            for value in values {
                match Template::parse(value, context) {
                    Ok(template) => {
                        warnings.extend(
                            template.warnings(&captures).into_iter().map(|text| format!("additions: {name}: {text}")),
                        );
                        additions.push((field.clone(), template));
                    }
                    Err(message) => error(format!("additions: {name}: {message}")),
                }
            }
        }
        problems.extend(warnings.into_iter().map(|message| Problem::warning(at, directive, message)));
        let sound = problems[before..].iter().all(|problem| problem.severity != Severity::Error);
        sound.then(|| Self { removals: removals.into(), additions: additions.into() })
    }

    /// Changes the request. Its rewrites see it as the filters before this one left it.
    pub(super) fn change_request(&self, exchange: &mut Exchange<'_>) {
        let mut value = std::mem::take(&mut exchange.work.scratch);
        self.remove(&mut exchange.work.request.fields);
        // A TRACE shows its sender what it carries, and what is added is for the backend alone.
        let additions = if exchange.work.request.method == Method::Trace { &[][..] } else { &self.additions[..] };
        for (name, template) in additions {
            value.clear();
            template.render_header(&exchange.scope(exchange.work.request.path()), &mut value);
            exchange.work.request.fields.append(name, value.trim_ascii());
        }
        exchange.work.scratch = value;
    }

    /// Changes a request that nobody sends. `render` appends what a rewrite comes to.
    pub(super) fn preview(&self, request: &mut RequestHead, render: &Render<'_>) {
        self.remove(&mut request.fields);
        let additions = if request.method == Method::Trace { &[][..] } else { &self.additions[..] };
        for (name, template) in additions {
            let mut value = Vec::new();
            render(request, template, &mut value);
            request.fields.append(name, value.trim_ascii());
        }
    }

    /// Changes the response.
    pub(super) fn change_response(&self, exchange: &mut Exchange<'_>) {
        let mut value = std::mem::take(&mut exchange.work.scratch);
        self.remove(&mut exchange.work.response.fields);
        for (name, template) in &self.additions {
            value.clear();
            template.render_header(&exchange.response_scope(), &mut value);
            exchange.work.response.fields.append(name, value.trim_ascii());
        }
        exchange.work.scratch = value;
    }

    fn remove(&self, fields: &mut Fields) {
        for name in &self.removals {
            fields.remove(name);
        }
    }
}

/// A name that may be added and removed.
fn field_name(text: &str, context: Context) -> Result<FieldName, String> {
    let name = FieldName::new(text)
        .ok_or_else(|| format!("{text:?} is not a valid header name: use letters, digits and hyphens"))?;
    match name.known() {
        Some(known) if CONNECTION_FIELDS.contains(&known) => {
            Err(format!("{text:?} is set by the proxy itself: leave it out"))
        }
        Some(Known::Host) if context == Context::Request => {
            Err(format!("{text:?} is set by `proxy`, for each backend: write headers: {{ {text:?} => … }} there"))
        }
        _ => Ok(name),
    }
}
