//! `mirror`: another upstream gets copies of requests, and its answers are dropped.

use std::sync::Arc;

use proxy_http::message::Method;
use serde::{Deserialize, Serialize};

use super::Filtering;
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::config::At;
use crate::request::{Exchange, Shadow, Verdict};

/// Longest body that may be copied, in bytes.
const LONGEST_BODY: i64 = 16 * 1024 * 1024;
/// Most copies that may be in flight.
const MOST_IN_FLIGHT: i64 = 10_000;
/// All requests, in hundredths of a per cent.
const WHOLE: u32 = 10_000;

/// `mirror "shadow", percent: 5, max_body: 65_536`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MirrorConfig {
    /// Name of the upstream that gets the copies.
    pub upstream: Option<String>,
    /// Percentage of requests that are copied.
    pub percent: f64,
    /// Length of the longest body that is copied, in bytes.
    pub max_body: i64,
    /// Methods of requests that are copied. Default: those that are idempotent.
    pub methods: Option<Vec<String>>,
    /// Copies that may be in flight at once.
    pub max_in_flight: i64,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl Default for MirrorConfig {
    fn default() -> Self {
        Self { upstream: None, percent: 100.0, max_body: 65_536, methods: None, max_in_flight: 100, at: None }
    }
}

/// A `mirror` directive, compiled.
#[derive(Debug)]
pub(crate) struct Mirror {
    shadow: Arc<Shadow>,
    /// In hundredths of a per cent.
    share: u32,
    methods: Option<Box<[Box<[u8]>]>>,
}

impl Filtering for Mirror {
    type Config = MirrorConfig;

    fn compile(config: &MirrorConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let share = (report.within("percent").percent(config.percent) * 100.0).round() as u32;
        let max_body = report.within("max_body").count(config.max_body, 0..=LONGEST_BODY) as usize;
        let most = report.within("max_in_flight").count(config.max_in_flight, 1..=MOST_IN_FLIGHT) as usize;
        let methods = config.methods.as_ref().map(|methods| self::methods(methods, &mut report.within("methods")));
        let upstream = match &config.upstream {
            Some(name) => compiler.upstreams.of_name(name, &mut report),
            None => {
                report.error("the value is missing: write the name of an upstream, such as mirror \"shadow\"");
                None
            }
        };
        let upstream = upstream.filter(|_| report.is_sound())?;
        Some(Self { shadow: Shadow::new(upstream, max_body, most, compiler.limits.max_head), share, methods })
    }

    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let request = &exchange.work.request;
        let wanted = match &self.methods {
            None => request.method.is_idempotent(),
            Some(methods) => methods.iter().any(|method| **method == *request.method_text()),
        };
        if wanted && (self.share >= WHOLE || fastrand::u32(..WHOLE) < self.share) {
            exchange.copy_to(&self.shadow);
        }
        None
    }
}

fn methods(written: &[String], report: &mut Report<'_>) -> Box<[Box<[u8]>]> {
    if written.is_empty() {
        report.error("it is empty: write methods, such as [\"GET\", \"POST\"], or leave it out");
    }
    for method in written {
        if Method::of(method.as_bytes()) == Method::Connect {
            report.error("a tunnel cannot be copied: leave \"CONNECT\" out");
        } else if proxy_http::message::FieldName::new(method).is_none()
            || method.bytes().any(|b| b.is_ascii_lowercase())
        {
            report.error(format!("{method:?} is not a valid method: write one such as \"POST\""));
        }
    }
    written.iter().map(|method| method.as_bytes().into()).collect()
}
