//! From what was written to what runs.

use std::time::Duration;

use proxy_http::headers::hearsay::is_hearsay;
use proxy_http::headers::CONNECTION_FIELDS;
use proxy_http::message::{FieldName, Known};

use super::{Proxy, RetryOn};
use crate::client::forwarded::{Forwarding, Names};
use crate::compiler::Compiler;
use crate::config::{self, ForwardedHeaders, HeaderEdit, HeaderValue, Problem};
use crate::error::Cause;
use crate::exchange::Limits;
use crate::request::BodyLimit;
use crate::respond::{self, ErrorResponse};
use crate::rewrite::Edit;
use crate::rewrite::{foreign_value, known_placeholder, Context, TargetTemplate, Template};
use crate::routing::plain_prefix;
use crate::upstream::{Backends, TargetHost};

/// Collects one directive's problems.
struct Report<'a> {
    spec: &'a config::Proxy,
    problems: &'a mut Vec<Problem>,
    /// Names that rewrites can refer to.
    captures: Vec<&'a str>,
}

impl Report<'_> {
    fn error(&mut self, message: impl Into<String>) {
        self.problems.push(Problem::error(self.spec.at.as_ref(), "proxy", message));
    }

    fn warning(&mut self, message: impl Into<String>) {
        self.problems.push(Problem::warning(self.spec.at.as_ref(), "proxy", message));
    }

    /// A time limit, which must be more than nothing.
    fn seconds(&mut self, option: &str, seconds: f64) -> Duration {
        match crate::compile::seconds(seconds) {
            Some(duration) if !duration.is_zero() => duration,
            _ => {
                self.error(format!(
                    "{option}: {seconds} is not a valid time limit: write seconds greater than 0, as in 30 or 0.5"
                ));
                Duration::from_secs(1)
            }
        }
    }

    fn count(&mut self, option: &str, number: i64) -> usize {
        usize::try_from(number).unwrap_or_else(|_| {
            self.error(format!("{option}: {number} is negative: write 0 or more"));
            0
        })
    }
}

impl Proxy {
    /// Checks the directive. `None` if it is wrong; every mistake in it then stands in the compiler's list.
    pub(crate) fn compile(spec: &config::Proxy, compiler: &mut Compiler) -> Option<Self> {
        let before = compiler.problems.len();
        let proxy = Self::build(spec, compiler);
        let failed = compiler.problems[before..].iter().any(|problem| problem.severity == config::Severity::Error);
        proxy.filter(|_| !failed)
    }

    fn build(spec: &config::Proxy, compiler: &mut Compiler) -> Option<Self> {
        let error_response = ErrorResponse::compile(
            spec.error_response.as_ref(),
            Cause::BadGateway.status(),
            spec.at.as_ref(),
            "proxy",
            &mut compiler.problems,
        );
        let captures = compiler.captures.names();
        let mut report = Report { spec, problems: &mut compiler.problems, captures };
        let timeout = report.seconds("timeout", spec.timeout);
        let read_timeout = spec.read_timeout.map(|seconds| report.seconds("read_timeout", seconds));
        let limits = Limits {
            timeout,
            read: read_timeout.unwrap_or(timeout),
            write: report.seconds("write_timeout", spec.write_timeout),
            client_read: compiler.limits.client_body,
            client_write: compiler.limits.client_body,
            half_close: compiler.limits.half_close,
            rate: compiler.limits.rate,
            max_head: compiler.limits.max_head,
        };
        let connect_timeout = report.seconds("connect_timeout", spec.connect_timeout);
        let tunnel_timeout = report.seconds("tunnel_timeout", spec.tunnel_timeout);
        let retries = spec.retries.map(|retries| u32::try_from(report.count("retries", retries)).unwrap_or(u32::MAX));
        let retry_on = retry_on(&mut report);
        let retry_budget = retry_budget(&mut report);
        let retry_buffer = report.count("retry_buffer", spec.retry_buffer);
        let max_body = spec.max_body.map(|bytes| BodyLimit::plain(report.count("max_body", bytes) as u64));
        let path_prefix = path_prefix(&mut report);
        let forwarding = forwarding(&mut report);
        let headers = edits("headers", &spec.headers, Context::Request, &mut report);
        let response_headers = edits("response_headers", &spec.response_headers, Context::Response, &mut report);
        let allow_underscores = names("allow_underscores", &spec.allow_underscores, &mut report);
        warn_of_twins(&allow_underscores, &headers, &mut report);
        let target = target(&mut report);

        let sets_host = headers.iter().any(|edit| edit.name.known() == Some(Known::Host));
        if spec.preserve_host && sets_host {
            report.warning("preserve_host: `headers` sets Host and wins: leave one of them out");
        }
        let own_headers = headers.iter().filter_map(|edit| edit.name.known()).fold(Names::default(), Names::with);
        let host = TargetHost {
            scheme_tls: target.as_ref().map(TargetTemplate::scheme_tls),
            authority: target.as_ref().and_then(TargetTemplate::authority_literal),
            dynamic: target.as_ref().is_some_and(|target| target.authority_literal().is_none()),
        };
        compiler.upstreams.enter(&compiler.place, spec.path_prefix.as_ref());
        let backends = Backends::compile(spec, "proxy", host, &mut compiler.upstreams, report.problems)?;
        // Those of an upstream that has a name may be captures of some of the locations that use it.
        if !backends.is_shared() {
            for warning in backends.policy().warnings(&report.captures) {
                report.warning(format!("backend_priority: {warning}"));
            }
        }
        Some(Self {
            path_prefix,
            strip_prefix: spec.strip_prefix,
            target,
            sets_host,
            preserve_host: spec.preserve_host,
            headers,
            response_headers,
            own_headers,
            allow_underscores,
            request_trailers: spec.request_trailers,
            max_body,
            forwarding,
            limits,
            read_timeout,
            connect_timeout,
            tunnel_timeout,
            keep: backends.keep(),
            backends,
            retries,
            retry_on,
            retry_budget,
            retry_buffer,
            unavailable: match spec.error_response {
                Some(_) => error_response.clone(),
                None => respond::built_in(Cause::Unavailable.status()).clone(),
            },
            error_response,
        })
    }

    /// Where its requests go.
    pub(crate) fn backends(&self) -> &crate::upstream::Backends {
        &self.backends
    }
}

/// A target that can never be an absolute URL is no reason not to start: it answers `error_response`, like one that turns out so
/// with a request.
fn target(report: &mut Report<'_>) -> Option<TargetTemplate> {
    let to = report.spec.to.as_ref()?;
    match TargetTemplate::parse(to) {
        Ok(target) => {
            let target = target.with_path_and_query();
            for warning in target.warnings(&report.captures) {
                report.warning(format!("to: {warning}"));
            }
            if target.names_no_host() && report.spec.pool.as_ref().is_none_or(|pool| pool.backends.is_none()) {
                report.warning(format!(
                    "to: {to:?} goes wherever a client says, even into your own network: add backends:, or a part of the host, \
                     as in \"http://{{host}}.internal{{path}}{{query}}\""
                ));
            }
            Some(target)
        }
        Err(message) => {
            report.warning(format!("to: {message}"));
            Some(TargetTemplate::never())
        }
    }
}

fn retry_on(report: &mut Report<'_>) -> RetryOn {
    let mut retry_on = RetryOn::default();
    for reason in &report.spec.retry_on {
        match reason.as_str() {
            "timeout" => retry_on.timeout = true,
            "502" => retry_on.statuses.push(502),
            "503" => retry_on.statuses.push(503),
            "504" => retry_on.statuses.push(504),
            other => {
                report.error(format!("retry_on: {other:?} is not a reason to retry: write :timeout, 502, 503 or 504"))
            }
        }
    }
    retry_on
}

fn retry_budget(report: &mut Report<'_>) -> f64 {
    let percent = report.spec.retry_budget;
    if !(0.0..=100.0).contains(&percent) {
        report.error(format!("retry_budget: {percent} is out of range: write per cent from 0 to 100, such as 20"));
    }
    percent
}

fn path_prefix(report: &mut Report<'_>) -> Option<Box<[u8]>> {
    let Some(prefix) = &report.spec.path_prefix else {
        if report.spec.strip_prefix {
            report.error("strip_prefix: there is no path_prefix to strip: add path_prefix: \"/…\"");
        }
        return None;
    };
    if !prefix.starts_with('/') || prefix.contains(['*', '?', '#', ' ']) {
        report.error(format!(
            "path_prefix: {prefix:?} is not a valid path: write a path such as \"/api\", without * or ?"
        ));
    } else if prefix.contains(['%', '\\']) || prefix.contains("//") {
        report.error(format!(
            "path_prefix: {prefix:?} can never match, since paths are matched without escapes and empty segments: write the characters themselves"
        ));
    }
    Some(plain_prefix(prefix))
}

fn forwarding(report: &mut Report<'_>) -> Forwarding {
    match &report.spec.forwarded_headers {
        ForwardedHeaders::Switch(true) => Forwarding::XForwarded,
        ForwardedHeaders::Switch(false) => Forwarding::Off,
        ForwardedHeaders::Named(name) if name == "rfc7239" => Forwarding::Rfc7239,
        ForwardedHeaders::Named(name) => {
            report.error(format!("forwarded_headers: {name:?} is unknown: write true, false or \"rfc7239\""));
            Forwarding::Off
        }
    }
}

fn names(option: &str, names: &[String], report: &mut Report<'_>) -> Vec<FieldName> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        match FieldName::new(name) {
            Some(name) => found.push(name),
            None => report.error(format!(
                "{option}: {name:?} is not a valid header name: use letters, digits, hyphens, underscores"
            )),
        }
    }
    found
}

/// Names that a backend which speaks CGI takes for ones that are the proxy's to write.
fn warn_of_twins(allowed: &[FieldName], headers: &[Edit], report: &mut Report<'_>) {
    for name in allowed.iter().map(FieldName::as_str) {
        let dashed = name.replace(['_', '.'], "-");
        if dashed == name {
            continue;
        }
        if is_hearsay(name.as_bytes()) {
            report.warning(format!(
                "allow_underscores: {name:?} is {dashed} to many backends, so it is passed on from trusted_proxies alone: leave it out"
            ));
        } else if headers.iter().any(|edit| edit.name.as_str().eq_ignore_ascii_case(&dashed)) {
            report.warning(format!(
                "allow_underscores: {name:?} is {dashed} to many backends, which headers: sets or removes, so it is dropped: leave it out"
            ));
        }
    }
}

fn edits(option: &str, edits: &[HeaderEdit], context: Context, report: &mut Report<'_>) -> Vec<Edit> {
    let mut compiled = Vec::with_capacity(edits.len());
    for edit in edits {
        let Some(name) = FieldName::new(&edit.name) else {
            report.error(format!(
                "{option}: {:?} is not a valid header name: use letters, digits and hyphens",
                edit.name
            ));
            continue;
        };
        if name.known().is_some_and(|known| CONNECTION_FIELDS.contains(&known)) {
            report.error(format!("{option}: {:?} is set by the proxy itself: leave it out", edit.name));
            continue;
        }
        let mut values = Vec::with_capacity(edit.values.len());
        for value in &edit.values {
            if let Some(placeholder) = sent_as_written(value, context, &report.captures) {
                report.warning(format!(
                    "{option}: {:?}: {placeholder} is sent as it is written: write {{ rewrite: \"…\" }} around the text",
                    edit.name
                ));
            }
            let foreign = match value {
                HeaderValue::Literal(text) => foreign_value(text),
                HeaderValue::Rewrite(_) => None,
            };
            if let Some((written, ours)) = &foreign {
                report.warning(format!(
                    "{option}: {:?}: {written} is sent as it is written: write {{ rewrite: {ours:?} }}",
                    edit.name
                ));
            }
            match template(value, context) {
                Ok(template) if matches!(value, HeaderValue::Literal(_)) => values.push(template),
                Ok(template) => {
                    for warning in template.warnings(&report.captures) {
                        report.warning(format!("{option}: {}: {warning}", edit.name));
                    }
                    values.push(template);
                }
                Err(message) => report.error(format!("{option}: {}: {message}", edit.name)),
            }
        }
        compiled.push(Edit { name, values });
    }
    compiled
}

/// A placeholder that surely was meant to be replaced.
fn sent_as_written(value: &HeaderValue, context: Context, captures: &[&str]) -> Option<Box<str>> {
    match value {
        HeaderValue::Literal(text) => known_placeholder(text, context, captures),
        HeaderValue::Rewrite(_) => None,
    }
}

fn template(value: &HeaderValue, context: Context) -> Result<Template, String> {
    match value {
        HeaderValue::Rewrite(text) => Template::parse(text, context),
        HeaderValue::Literal(text) if text.bytes().any(|b| b.is_ascii_control() && b != b'\t') => {
            // The value may be a secret, as a token that was read from a file, line break and all.
            Err("the value holds a control character, such as a line break: leave it out".into())
        }
        HeaderValue::Literal(text) => Ok(Template::literal_text(text)),
    }
}

#[cfg(test)]
mod tests;
