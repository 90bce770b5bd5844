//! From what was written to what runs.

use std::sync::Arc;
use std::time::Duration;

use super::ForwardAuth;
use crate::compiler::Compiler;
use crate::config;
use crate::exchange::Limits;
use crate::filter::report::Report;
use crate::rewrite::TargetTemplate;
use crate::upstream::{Backends, TargetHost, Upstream, Upstreams};

const WORD: &str = "forward_auth";

impl ForwardAuth {
    /// Checks the directive.
    pub(in crate::filter) fn compile(spec: &config::ForwardAuth, compiler: &mut Compiler) -> Option<Self> {
        let defaults = config::Proxy::default();
        let captures = compiler.captures.names();
        let mut report = Report::new(WORD, spec.at.as_ref(), &mut compiler.problems);
        let error_response = report.error_response(spec.error_response.as_ref(), 502);
        let timeout = seconds(spec.timeout, &mut report);
        let copied: Vec<_> =
            spec.copy_headers.iter().filter_map(|name| report.request_field("copy_headers", name)).collect();
        let target = target(spec, &captures, &mut report);
        let upstream = target.as_ref().and_then(|target| upstream(spec, target, &mut compiler.upstreams, &mut report));
        if !report.is_sound() {
            return None;
        }
        Some(Self {
            target: target?,
            upstream: upstream?,
            copied: copied.into(),
            limits: Limits {
                timeout,
                read: timeout,
                write: timeout,
                client_read: compiler.limits.client_body,
                client_write: compiler.limits.client_body,
                half_close: compiler.limits.half_close,
                rate: compiler.limits.rate,
                max_head: compiler.limits.max_head,
            },
            connect_timeout: Duration::from_secs_f64(defaults.connect_timeout),
            retry_budget: defaults.retry_budget,
            error_response,
        })
    }
}

fn seconds(seconds: f64, report: &mut Report<'_>) -> Duration {
    match crate::compile::seconds(seconds) {
        Some(duration) if !duration.is_zero() => duration,
        _ => {
            report.error(format!(
                "timeout: {seconds} is not a valid time limit: write seconds greater than 0, as in 5 or 0.5"
            ));
            Duration::from_secs(1)
        }
    }
}

/// Where the server is. A request must not be able to choose who judges it, so the host is written out.
fn target(spec: &config::ForwardAuth, captures: &[&str], report: &mut Report<'_>) -> Option<TargetTemplate> {
    let Some(to) = &spec.to else {
        report.error("to: it is empty: write the URL of a server, as in to: \"http://auth.internal/verify\"");
        return None;
    };
    match TargetTemplate::parse(to) {
        Err(message) => {
            report.error(format!("to: {message}"));
            None
        }
        Ok(target) if target.authority_literal().is_none() => {
            report.error(format!(
                "to: {to:?} lets a request choose who judges it: write the host without a placeholder, as in \
                 \"http://auth.internal/verify\""
            ));
            None
        }
        Ok(target) => {
            for warning in target.warnings(captures) {
                report.warning(format!("to: {warning}"));
            }
            Some(target)
        }
    }
}

/// The server's addresses, or the upstream that is named, as those of a `proxy` with the same `to`.
fn upstream(
    spec: &config::ForwardAuth,
    target: &TargetTemplate,
    upstreams: &mut Upstreams,
    report: &mut Report<'_>,
) -> Option<Arc<Upstream>> {
    let proxy = config::Proxy { to: spec.to.clone(), at: spec.at.clone(), ..config::Proxy::default() };
    let host =
        TargetHost { scheme_tls: Some(target.scheme_tls()), authority: target.authority_literal(), dynamic: false };
    match Backends::compile(&proxy, WORD, host, upstreams, report.problems)? {
        Backends::Fixed(upstream) => Some(upstream),
        Backends::ByHost(_) => None,
    }
}
