//! `metrics`: answers with the figures of the proxy.

use std::sync::Arc;

use proxy_http::message::{Known, Method};
use serde::{Deserialize, Serialize};

use super::Handling;
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::config::At;
use crate::error::Cause;
use crate::metrics::{ExpositionForm, MetricsRegistry};
use crate::request::{Exchange, OwnAnswer, Verdict};
use crate::rewrite::RequestValues;

/// `metrics "http://127.0.0.1:9394/metrics", label_hosts: true`, or `metrics` in a location.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// URL that the figures are served at, on an address of its own. `None`: nowhere but in locations and on the
    /// control socket.
    pub url: Option<String>,
    /// Upper bounds of the buckets of all histograms, in seconds, ascending. Default: 0.005 to 10.
    pub buckets: Option<Vec<f64>>,
    /// Whether the host is a label of requests: those that the configuration names.
    pub label_hosts: bool,
    /// Paths whose requests are not counted: `/up`, or `/internal/*` for all below it too.
    pub exclude: Vec<String>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

/// The figures as an answer.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Arc<MetricsRegistry>,
}

impl Handling for Metrics {
    type Config = MetricsConfig;

    fn compile(config: &MetricsConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let MetricsConfig { url, buckets, label_hosts, exclude, at: _ } = config;
        if url.is_some() || buckets.is_some() || *label_hosts || !exclude.is_empty() {
            report.error("in a location it takes no URL and no options: write them outside, and `metrics` here");
            return None;
        }
        compiler.shows_metrics = true;
        Some(Self { registry: Arc::clone(&compiler.carried_over.metrics) })
    }

    fn foretell(&self, _: &RequestValues<'_>) -> Option<OwnAnswer> {
        Some(OwnAnswer::status(200))
    }

    async fn serve(&self, exchange: &mut Exchange<'_>) -> Verdict {
        if !matches!(exchange.work.request.method, Method::Get | Method::Head) {
            exchange.work.response_additions.set("Allow", b"GET, HEAD");
            return exchange.fail(Cause::Method).await;
        }
        let form = ExpositionForm::of_accept(exchange.work.request.fields.all(Known::Accept));
        let Some(text) = self.registry.scrapes.ask(form).await else {
            return exchange.fail(Cause::Unavailable).await;
        };
        let (kind, length) = (form.content_type(), text.len());
        let fields =
            format!("Content-Type: {kind}\r\nContent-Length: {length}\r\nCache-Control: no-store\r\nVary: Accept\r\n");
        exchange.answer(200, fields.as_bytes(), &text).await
    }
}
