//! `request_headers`: removes and adds fields of the request.

pub use super::header_changes::HeaderChangesConfig;

use proxy_http::message::{FieldName, Method, RequestHead};

use super::header_changes::HeaderChanges;
use super::{Filtering, Render};
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::request::{Exchange, Verdict};
use crate::rewrite::{Context, Template};

/// Changes of the request's fields.
#[derive(Debug)]
pub(crate) struct RequestHeaders(HeaderChanges);

impl Filtering for RequestHeaders {
    type Config = HeaderChangesConfig;

    fn compile(config: &HeaderChangesConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let captures = compiler.captures.names();
        let changes = HeaderChanges::compile(config, Context::Request, &captures, &mut report);
        report.is_sound().then_some(Self(changes))
    }

    fn preview(&self, request: &mut RequestHead, render: &Render<'_>) {
        self.0.remove(&mut request.fields);
        for (name, template) in self.additions(request.method) {
            let mut value = Vec::new();
            render(request, template, &mut value);
            request.fields.append(name, value.trim_ascii());
        }
    }

    /// Changes the request. Its rewrites see the request as the filters before this one left it.
    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let mut value = std::mem::take(&mut exchange.work.scratch);
        self.0.remove(&mut exchange.work.request.fields);
        for (name, template) in self.additions(exchange.work.request.method) {
            value.clear();
            template.render_header(&exchange.scope(exchange.work.request.path()), &mut value);
            exchange.work.request.fields.append(name, value.trim_ascii());
        }
        exchange.work.scratch = value;
        None
    }
}

impl RequestHeaders {
    /// Fields to add. None for TRACE: it shows its sender the fields it carries, and added fields are for the backend
    /// alone.
    fn additions(&self, method: Method) -> &[(FieldName, Template)] {
        if method == Method::Trace {
            &[]
        } else {
            &self.0.additions
        }
    }
}
