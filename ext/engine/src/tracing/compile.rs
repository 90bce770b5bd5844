//! The `tracing` directive, checked.

use std::sync::Arc;

use super::exporter::{CollectorAddress, Exporter, Exporters};
use super::{Tracer, Trust};
use crate::compile::Report;
use crate::config::{Problem, TracingConfig};
use crate::trace_context::TraceFormat;

impl Tracer {
    /// Checks and compiles the directive. The exporter of `before` goes on if spans go to the same place in the same
    /// way. `None` if something is wrong.
    pub(crate) fn carry_over(
        before: Option<&Self>,
        config: &TracingConfig,
        exporters: &Arc<Exporters>,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let mut report = Report::new("tracing", config.at.as_ref(), problems);
        let trusts = [("all", Trust::All), ("trusted_proxies", Trust::TrustedProxies)];
        let trust = report.within("trust").one_of(&config.trust, "is nobody to trust", &trusts);
        let formats = [("b3", TraceFormat::B3), ("xray", TraceFormat::XRay)];
        let named = config.read.iter();
        let read: Vec<_> =
            named.map(|name| report.within("read").one_of(name, "is no form of trace fields", &formats)).collect();
        if !(0.0..=1.0).contains(&config.ratio) {
            let message = format!("{} is out of range: write a part from 0 to 1, such as 0.1", config.ratio);
            report.within("ratio").error(message);
        }
        let destination = CollectorAddress::compile(config, &mut report);
        if !report.is_sound() {
            return None;
        }
        let destination = destination?;
        let exporter = match before.map(Self::exporter).filter(|exporter| exporter.is_for(&destination)) {
            Some(exporter) => Arc::clone(exporter),
            None => Arc::new(Exporter::new(destination, exporters)),
        };
        // 2^63 as a number; it is exact, and so are 0 and 1.
        let sampled_below = (config.ratio * 9_223_372_036_854_775_808.0) as u64;
        Some(Self { exporter, sampled_below, trust: trust?, read: read.into_iter().flatten().collect() })
    }
}
