//! `response_headers`: removes and adds fields of the response.

pub(super) use super::header_changes::HeaderChangesConfig;

use super::header_changes::HeaderChanges;
use super::Filtering;
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::request::Exchange;
use crate::rewrite::Context;

/// Changes of the response's fields.
#[derive(Debug)]
pub(crate) struct ResponseHeaders(HeaderChanges);

impl Filtering for ResponseHeaders {
    type Config = HeaderChangesConfig;

    fn compile(config: &HeaderChangesConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let captures = compiler.captures.names();
        let changes = HeaderChanges::compile(config, Context::Response, &captures, &mut report);
        report.is_sound().then_some(Self(changes))
    }

    fn amend(&self, exchange: &mut Exchange<'_>) {
        let mut value = std::mem::take(&mut exchange.work.scratch);
        self.0.remove(&mut exchange.work.response.fields);
        for (name, template) in &self.0.additions {
            value.clear();
            template.render_header(&exchange.response_scope(), &mut value);
            exchange.work.response.fields.append(name, value.trim_ascii());
        }
        exchange.work.scratch = value;
    }
}
