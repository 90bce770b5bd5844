//! Compiles what a configuration says of metrics.

use std::sync::Arc;

use super::written_names::written_names;
use crate::compile::{ExcludedPath, Report};
use crate::compiler::CarriedOver;
use crate::config::{Code, Problem};
use crate::configuration::{Config, MetricsConfig};
use crate::control::place::ControlPlace;
use crate::metrics::{Buckets, MetricsRegistry, RequestMetrics, BUCKETS};

/// The directive.
const WORD: &str = "metrics";
/// Buckets of a histogram, at most.
const MOST_BUCKETS: usize = 50;

/// The figures of the server, carried over if it runs already.
pub(super) fn registry(
    before: Option<&CarriedOver>,
    config: &Config,
    threads: usize,
    problems: &mut Vec<Problem>,
) -> Arc<MetricsRegistry> {
    let default = MetricsConfig::default();
    let metrics = config.metrics.as_ref().unwrap_or(&default);
    let mut report = Report::new(WORD, metrics.at.as_ref(), problems);
    let bounds = metrics.buckets.as_deref();
    let buckets = Buckets::new(bounds.filter(|it| are_bounds(it, &mut report.within("buckets"))).unwrap_or(&BUCKETS));
    let Some(before) = before else { return Arc::new(MetricsRegistry::new(threads, buckets)) };
    if *before.metrics.buckets() != buckets {
        let message = "they are for the next start: counts in other buckets run until then";
        report.within("buckets").warning_of(Code::Slip, message);
    }
    Arc::clone(&before.metrics)
}

/// The places of the control API, and that of metrics alone.
pub(super) fn with_place(
    config: &Config,
    mut places: Vec<ControlPlace>,
    problems: &mut Vec<Problem>,
) -> Vec<ControlPlace> {
    let Some(metrics) = &config.metrics else { return places };
    let Some(url) = &metrics.url else { return places };
    let mut report = Report::new(WORD, metrics.at.as_ref(), problems);
    let Some(place) = ControlPlace::of_metrics(url, &mut report) else { return places };
    if let Some(other) = places.iter().find(|other| other.address == place.address) {
        report.error(format!("{} is for `control`, which has metrics too: write another port", other.url));
        return places;
    }
    places.push(place);
    places
}

/// How the requests of a configuration are counted. `routes`: the names of its locations.
pub(super) fn of_requests(
    config: &Config,
    routes: &[Arc<str>],
    registry: &Arc<MetricsRegistry>,
    problems: &mut Vec<Problem>,
) -> RequestMetrics {
    let default = MetricsConfig::default();
    let metrics = config.metrics.as_ref().unwrap_or(&default);
    let excluded = ExcludedPath::compile_all(&metrics.exclude, &mut Report::new(WORD, metrics.at.as_ref(), problems));
    let names = if metrics.label_hosts { written_names(&config.routes) } else { Vec::new() };
    let hosts = metrics.label_hosts.then(|| names.iter().map(|written| &*written.name));
    RequestMetrics::new(registry, routes.iter().map(|name| &**name), hosts, excluded)
}

fn are_bounds(bounds: &[f64], report: &mut Report<'_>) -> bool {
    if bounds.is_empty() || bounds.len() > MOST_BUCKETS {
        report.error(format!("these are {}: write 1 to {MOST_BUCKETS} bounds in seconds", bounds.len()));
    } else if !bounds.iter().all(|bound| (1e-6..=1e6).contains(bound)) {
        report.error("a bound is out of range: write seconds from 0.000001 to 1000000");
    } else if !bounds.is_sorted_by(|a, b| a < b) {
        report.error("the bounds do not ascend: write the smallest first and each once");
    }
    report.is_sound()
}
