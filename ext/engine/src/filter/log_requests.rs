//! `log_requests`: lines of one's own among those that the proxy writes about itself.

use crate::access_log;
use crate::compiler::Compiler;
use crate::config::{self, Problem};
use crate::log::Level;
use crate::request::Exchange;
use crate::request_id::LoggedId;
use crate::rewrite::{Context, Scope, Template};

/// A line for when a request comes by, and one for when it has been answered.
#[derive(Debug)]
pub(crate) struct LogRequests {
    before: Option<Template>,
    after: Option<Template>,
}

impl LogRequests {
    /// Checks the directive. `None` if it is wrong.
    pub(super) fn compile(spec: &config::LogRequests, compiler: &mut Compiler) -> Option<Self> {
        let at = spec.at.as_ref();
        let count = compiler.error_count();
        if spec.before.is_none() && spec.after.is_none() {
            let message = "writes nothing: write before: \"{method} {path}\", after: \"{status} in {response_time}\"";
            compiler.problems.push(Problem::error(at, "log_requests", message));
        }
        let mut line = |option: &str, text: Option<&String>, context: Context| {
            let template = match template(text?, context) {
                Ok(template) => template,
                Err(message) => {
                    compiler.problems.push(Problem::error(at, "log_requests", format!("{option}: {message}")));
                    return None;
                }
            };
            let warnings = template.warnings(&compiler.captures.names());
            let problem = |text| Problem::warning(at, "log_requests", format!("{option}: {text}"));
            compiler.problems.extend(warnings.into_iter().map(problem));
            Some(template)
        };
        let before = line("before", spec.before.as_ref(), Context::Request);
        let after = line("after", spec.after.as_ref(), Context::Log);
        compiler.keeps_lines |= after.is_some();
        (compiler.error_count() == count).then_some(Self { before, after })
    }

    /// Writes the line for a request that comes by.
    pub(super) fn write_before(&self, exchange: &mut Exchange<'_>) {
        let Some(template) = &self.before else { return };
        if exchange.engine.log.enabled(Level::Info) {
            let mut line = std::mem::take(&mut exchange.work.scratch);
            line.clear();
            let sent_id = exchange.logged_id().sent();
            let scope = exchange.scope(exchange.work.request.path());
            template.render_log(&Scope { sent_id, ..scope }, &mut line);
            write(exchange, exchange.logged_id(), &line);
            exchange.work.scratch = line;
        }
    }

    /// Writes the line for a request that has been answered. `scope` shows it as the client sent it.
    pub(super) fn write_after(&self, exchange: &Exchange<'_>, scope: &Scope<'_>) {
        let Some(template) = &self.after else { return };
        if exchange.engine.log.enabled(Level::Info) {
            let mut line = Vec::new();
            template.render_log(scope, &mut line);
            write(exchange, LoggedId::of(exchange.id, Some(scope.sent_id)), &line);
        }
    }
}

fn write(exchange: &Exchange<'_>, id: LoggedId<'_>, line: &[u8]) {
    let line = String::from_utf8_lossy(line);
    exchange.engine.log.write(Level::Info, Some(id), format_args!("{line}"));
}

fn template(text: &str, context: Context) -> Result<Template, String> {
    let template = Template::parse(text, context)?;
    if text.contains(['\n', '\r']) {
        return Err(format!("{text:?} holds a line break: it is one line, which ends by itself"));
    }
    access_log::refuse_secrets(&template)?;
    Ok(template)
}
