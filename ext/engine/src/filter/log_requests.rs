//! `log_requests`: a configuration's own lines in the proxy's log.

use serde::{Deserialize, Serialize};

use super::Filtering;
use crate::access_log;
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::config::At;
use crate::log::Level;
use crate::request::{Exchange, Verdict};
use crate::request_id::LoggedId;
use crate::rewrite::{Context, RequestValues, Template};

/// `log_requests before: "{method} {path}", after: "{status} in {response_time}"`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogRequestsConfig {
    /// Line written when a request reaches this filter, a string rewrite. Default: none.
    pub before: Option<String>,
    /// Line written when the request has been answered, a string rewrite. Default: none.
    pub after: Option<String>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

/// A line for when a request arrives, and one for when it has been answered.
#[derive(Debug)]
pub(crate) struct LogRequests {
    before: Option<Template>,
    after: Option<Template>,
}

impl Filtering for LogRequests {
    type Config = LogRequestsConfig;

    fn compile(config: &LogRequestsConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        if config.before.is_none() && config.after.is_none() {
            report.error("writes nothing: write before: \"{method} {path}\", after: \"{status} in {response_time}\"");
        }
        let captures = compiler.captures.names();
        let mut line = |option: &str, text: Option<&String>, context: Context| {
            let mut report = report.within(option);
            let template = report.ok(template(text?, context))?;
            report.warnings(template.warnings(&captures));
            Some(template)
        };
        let before = line("before", config.before.as_ref(), Context::Request);
        let after = line("after", config.after.as_ref(), Context::Log);
        compiler.keeps_lines |= after.is_some();
        report.is_sound().then_some(Self { before, after })
    }

    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let template = self.before.as_ref()?;
        if exchange.tools.log.enabled(Level::Info) {
            let mut line = std::mem::take(&mut exchange.work.scratch);
            line.clear();
            let sent_id = exchange.logged_id().sent();
            let scope = exchange.scope(exchange.work.request.path());
            template.render_log(&RequestValues { sent_id, ..scope }, &mut line);
            write(exchange, exchange.logged_id(), &line);
            exchange.work.scratch = line;
        }
        None
    }

    fn answered(&self, exchange: &Exchange<'_>, scope: &RequestValues<'_>) {
        let Some(template) = &self.after else { return };
        if exchange.tools.log.enabled(Level::Info) {
            let mut line = Vec::new();
            template.render_log(scope, &mut line);
            write(exchange, LoggedId::of(exchange.id, Some(scope.sent_id)), &line);
        }
    }
}

fn write(exchange: &Exchange<'_>, id: LoggedId<'_>, line: &[u8]) {
    let line = String::from_utf8_lossy(line);
    exchange.tools.log.write(Level::Info, Some(id), format_args!("{line}"));
}

fn template(text: &str, context: Context) -> Result<Template, String> {
    let template = Template::parse(text, context)?;
    if text.contains(['\n', '\r']) {
        return Err(format!("{text:?} holds a line break: it is one line, which ends by itself"));
    }
    access_log::refuse_secrets(&template)?;
    Ok(template)
}

#[cfg(test)]
mod tests;
