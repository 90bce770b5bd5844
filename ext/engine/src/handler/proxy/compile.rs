//! Compilation of `proxy`.

use proxy_http::headers::hearsay::is_hearsay;
use proxy_http::message::{FieldName, Known};

use super::named_file::NamedFiles;
use super::{buffers, ForwardedHeaders, Proxy, ProxyConfig, RetryOn};
use crate::client::forwarded::{Forwarding, KnownNames};
use crate::compile::Report;
use crate::compiler::Compiler;
use crate::config::{HeaderEdit, HeaderValue};
use crate::error::Cause;
use crate::relay::Limits;
use crate::request::BodyLimit;
use crate::respond::{self, ErrorResponse};
use crate::rewrite::{foreign_value, known_placeholder, Context, Edit, TargetTemplate, Template};
use crate::routing::plain_prefix;
use crate::trace_context::TRACEPARENT;
use crate::upstream::{Backends, TargetHost};

/// Checks the directive. `None` if something is wrong; every mistake is then in the compiler's list.
pub(super) fn compile(word: &str, config: &ProxyConfig, compiler: &mut Compiler) -> Option<Proxy> {
    let captures = compiler.captures.names();
    let captures = &captures[..];
    let report = &mut Report::new(word, config.at.as_ref(), &mut compiler.problems);
    let error_response = ErrorResponse::compile(config.error_response.as_ref(), Cause::BadGateway.status(), report);
    let timeout = report.within("timeout").seconds(config.timeout);
    let read_timeout = config.read_timeout.map(|seconds| report.within("read_timeout").seconds(seconds));
    let limits = Limits {
        timeout,
        read: read_timeout.unwrap_or(timeout),
        write: report.within("write_timeout").seconds(config.write_timeout),
        client_read: compiler.limits.client_body,
        client_write: compiler.limits.client_body,
        half_close: compiler.limits.half_close,
        rate: compiler.limits.rate,
        max_head: compiler.limits.max_head,
    };
    let connect_timeout = report.within("connect_timeout").seconds(config.connect_timeout);
    let tunnel_timeout = report.within("tunnel_timeout").seconds(config.tunnel_timeout);
    let retries = config.retries.map(|retries| report.within("retries").unbounded(retries));
    let retry_on = retry_on(config, &mut report.within("retry_on"));
    let retry_budget = report.within("retry_budget").percent(config.retry_budget);
    let retry_buffer = report.within("retry_buffer").unbounded(config.retry_buffer) as usize;
    let (buffering, hold) = buffers::responses(config, report);
    let request_buffering = buffers::requests(config, report);
    let max_body = config.max_body.map(|bytes| BodyLimit::plain(report.within("max_body").unbounded(bytes)));
    let path_prefix = path_prefix(config, report);
    let forwarding = forwarding(config, &mut report.within("forwarded_headers"));
    let headers = edits(&config.headers, Context::Request, captures, &mut report.within("headers"));
    let response_headers =
        edits(&config.response_headers, Context::Response, captures, &mut report.within("response_headers"));
    let allow_underscores = allow_underscores(config, &headers, &mut report.within("allow_underscores"));
    let named_files = NamedFiles::compile(&config.x_sendfile, &mut report.within("x_sendfile"));
    let target = target(config, captures, &mut report.within("to"));

    let sets_host = headers.iter().any(|edit| edit.name.known() == Some(Known::Host));
    if config.preserve_host && sets_host {
        report.within("preserve_host").warning("`headers` sets Host and wins: leave one of them out");
    }
    let own_headers = headers.iter().filter_map(|edit| edit.name.known()).fold(KnownNames::default(), KnownNames::with);
    let host = target.as_ref().map(|target| TargetHost {
        scheme_tls: Some(target.scheme_tls()),
        authority: target.authority_literal(),
        dynamic: target.authority_literal().is_none(),
    });
    compiler.upstreams.enter(&compiler.place, config.path_prefix.as_ref());
    let backends = Backends::compile(config.pool.as_ref(), host, &mut compiler.upstreams, report)?;
    // Placeholders of a named upstream may be captures of only some of the locations that use it.
    if !backends.is_shared() {
        report.within("backend_priority").warnings(backends.policy().warnings(captures));
    }
    if !report.is_sound() {
        return None;
    }
    Some(Proxy {
        path_prefix,
        strip_prefix: config.strip_prefix,
        target,
        sets_host,
        sets_trace: headers.iter().any(|edit| edit.name.as_str().eq_ignore_ascii_case(TRACEPARENT)),
        preserve_host: config.preserve_host,
        headers,
        response_headers,
        own_headers,
        allow_underscores,
        request_trailers: config.request_trailers,
        gather_body: config.gather_body,
        named_files,
        max_body,
        forwarding,
        limits,
        read_timeout,
        connect_timeout,
        tunnel_timeout,
        keep: backends.keep(),
        backends,
        retries: retries.map(|retries| u32::try_from(retries).unwrap_or(u32::MAX)),
        retry_on,
        retry_budget,
        retry_buffer,
        buffering,
        behind: buffers::shared(&hold),
        hold,
        request_buffering,
        unavailable: match config.error_response {
            Some(_) => error_response.clone(),
            None => respond::built_in(Cause::Unavailable.status()).clone(),
        },
        error_response,
    })
}

/// The target. One that can never be an absolute URL does not keep the server from starting: requests get
/// `error_response`, as with a target that turns out wrong for one request.
fn target(config: &ProxyConfig, captures: &[&str], report: &mut Report<'_>) -> Option<TargetTemplate> {
    let to = config.to.as_ref()?;
    match TargetTemplate::parse(to) {
        Ok(target) => {
            let target = target.with_path_and_query();
            report.warnings(target.warnings(captures));
            if target.names_no_host() && config.pool.as_ref().is_none_or(|pool| pool.backends.is_none()) {
                report.warning(format!(
                    "{to:?} goes wherever a client says, even into your own network: add backends:, or a part of the \
                     host, as in \"http://{{host}}.internal{{path}}{{query}}\""
                ));
            }
            Some(target)
        }
        Err(message) => {
            report.warning(message);
            Some(TargetTemplate::never())
        }
    }
}

fn retry_on(config: &ProxyConfig, report: &mut Report<'_>) -> RetryOn {
    let mut retry_on = RetryOn::default();
    for reason in &config.retry_on {
        match reason.as_str() {
            "timeout" => retry_on.timeout = true,
            "502" => retry_on.statuses.push(502),
            "503" => retry_on.statuses.push(503),
            "504" => retry_on.statuses.push(504),
            other => {
                report.error(format!("{other:?} is not a reason to retry: write :timeout, 502, 503 or 504"));
            }
        }
    }
    retry_on
}

fn path_prefix(config: &ProxyConfig, report: &mut Report<'_>) -> Option<Box<[u8]>> {
    let Some(prefix) = &config.path_prefix else {
        if config.strip_prefix {
            report.within("strip_prefix").error("there is no path_prefix to strip: add path_prefix: \"/…\"");
        }
        return None;
    };
    let mut report = report.within("path_prefix");
    if !prefix.starts_with('/') || prefix.contains(['*', '?', '#', ' ']) {
        report.error(format!("{prefix:?} is not a valid path: write a path such as \"/api\", without * or ?"));
    } else if prefix.contains(['%', '\\']) || prefix.contains("//") {
        report.error(format!(
            "{prefix:?} can never match, since paths are matched without escapes and empty segments: write the \
             characters themselves"
        ));
    }
    Some(plain_prefix(prefix))
}

fn forwarding(config: &ProxyConfig, report: &mut Report<'_>) -> Forwarding {
    match &config.forwarded_headers {
        ForwardedHeaders::Switch(true) => Forwarding::XForwarded,
        ForwardedHeaders::Switch(false) => Forwarding::Off,
        ForwardedHeaders::Named(name) if name == "rfc7239" => Forwarding::Rfc7239,
        ForwardedHeaders::Named(name) => {
            report.error(format!("{name:?} is unknown: write true, false or \"rfc7239\""));
            Forwarding::Off
        }
    }
}

fn allow_underscores(config: &ProxyConfig, headers: &[Edit], report: &mut Report<'_>) -> Vec<FieldName> {
    let mut allowed = Vec::with_capacity(config.allow_underscores.len());
    for name in &config.allow_underscores {
        match FieldName::new(name) {
            Some(name) => allowed.push(name),
            None => {
                report.error(format!("{name:?} is not a valid header name: use letters, digits, hyphens, underscores"))
            }
        }
    }
    for name in allowed.iter().map(FieldName::as_str) {
        warn_of_twin(name, headers, report);
    }
    allowed
}

/// Warns of a name that a CGI backend would take for another one, if that is a field that the proxy itself writes or
/// removes.
fn warn_of_twin(name: &str, headers: &[Edit], report: &mut Report<'_>) {
    let dashed = name.replace(['_', '.'], "-");
    if dashed == name {
        return;
    }
    if is_hearsay(name.as_bytes()) {
        report.warning(format!(
            "{name:?} is {dashed} to many backends, so it is passed on from trusted_proxies alone: leave it out"
        ));
    } else if headers.iter().any(|edit| edit.name.as_str().eq_ignore_ascii_case(&dashed)) {
        report.warning(format!(
            "{name:?} is {dashed} to many backends, which headers: sets or removes, so it is dropped: leave it out"
        ));
    }
}

fn edits(edits: &[HeaderEdit], context: Context, captures: &[&str], report: &mut Report<'_>) -> Vec<Edit> {
    let mut compiled = Vec::with_capacity(edits.len());
    for edit in edits {
        let Some(name) = report.own_field(&edit.name) else { continue };
        let mut values = Vec::with_capacity(edit.values.len());
        for value in &edit.values {
            if let Some(placeholder) = sent_as_written(value, context, captures) {
                report.warning(format!(
                    "{:?}: {placeholder} is sent as it is written: write {{ rewrite: \"…\" }} around the text",
                    edit.name
                ));
            }
            let foreign = match value {
                HeaderValue::Literal(text) => foreign_value(text),
                HeaderValue::Rewrite(_) => None,
            };
            if let Some((written, ours)) = &foreign {
                report.warning(format!(
                    "{:?}: {written} is sent as it is written: write {{ rewrite: {ours:?} }}",
                    edit.name
                ));
            }
            let mut report = report.within(&edit.name);
            let Some(template) = report.ok(template(value, context)) else { continue };
            if let HeaderValue::Rewrite(_) = value {
                report.warnings(template.warnings(captures));
            }
            values.push(template);
        }
        compiled.push(Edit { name, values });
    }
    compiled
}

/// A placeholder that is sent literally, though it was surely meant to be replaced.
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
            // The value may be a secret, such as a token that was read from a file with its line break.
            Err("the value holds a control character, such as a line break: leave it out".into())
        }
        HeaderValue::Literal(text) => Ok(Template::literal_text(text)),
    }
}

#[cfg(test)]
mod tests;
