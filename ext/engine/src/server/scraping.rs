//! The figures of a server as text, for whoever asks for them: a task of the background runtime.

mod backends;
mod certificates;

use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::Server;
use crate::control_api::{text, ControlAnswer, ControlCall, Refusal};
use crate::log::Log;
use crate::metrics::families as family;
use crate::metrics::{
    Counters, Exposition, ExpositionForm, MetricsRegistry, ProcessFigures, ScrapeQuestion, CLASSES, HANDSHAKES, METHODS,
};
use crate::snapshot::Snapshot;

/// What the figures are read from.
pub(super) struct Scraper {
    pub(super) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(super) counters: Vec<Arc<Counters>>,
    pub(super) log: Arc<Log>,
    pub(super) questions: mpsc::Receiver<ScrapeQuestion>,
}

impl Scraper {
    /// Answers questions until the server ends. All that wait get one answer.
    pub(super) async fn run(&mut self) {
        let mut size = 0;
        while let Some(first) = self.questions.recv().await {
            let mut waiting = vec![first];
            while let Ok(more) = self.questions.try_recv() {
                waiting.push(more);
            }
            for form in [ExpositionForm::Text, ExpositionForm::OpenMetrics] {
                let (these, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|asked| asked.form == form);
                waiting = others;
                if these.is_empty() {
                    continue;
                }
                let text = Bytes::from(self.text(form, size).await);
                size = text.len() + text.len() / 8;
                for question in these {
                    let _ = question.reply.send(text.clone());
                }
            }
        }
    }

    /// All figures. It is written in pieces, with pauses in which other tasks of the thread run.
    async fn text(&self, form: ExpositionForm, size: usize) -> Vec<u8> {
        let snapshot = self.snapshot.load_full();
        let registry = Arc::clone(snapshot.metrics());
        let mut out = Exposition::new(form, registry.buckets(), size);
        self.write_requests(&mut out, &snapshot, &registry).await;
        self.write_connections(&mut out, &registry);
        backends::write(&mut out, &snapshot, &registry).await;
        self.write_server(&mut out, &snapshot, &registry);
        certificates::write(&mut out, &snapshot);
        write_process(&mut out);
        out.finish()
    }

    async fn write_requests(&self, out: &mut Exposition, snapshot: &Snapshot, registry: &MetricsRegistry) {
        let by_host = snapshot.globals.metrics.as_ref().is_some_and(|metrics| metrics.labels_hosts());
        let hosts = registry.hosts();
        let mut routes = Vec::new();
        for series in registry.shown_routes() {
            let figures = series.figures(by_host);
            if figures.is_used || figures.rate_limited > 0 {
                routes.push((Arc::clone(series.name()), figures));
            }
            if routes.len() % 64 == 63 {
                tokio::task::yield_now().await;
            }
        }
        out.family(&family::REQUESTS);
        let mut code = String::new();
        for (route, figures) in &routes {
            let mut requests: Vec<_> = figures.requests.iter().collect();
            requests.sort_unstable();
            for (labels, count) in requests {
                code.clear();
                labels.code.write(&mut code);
                let method = METHODS.get(usize::from(labels.method)).copied().unwrap_or("OTHER");
                let host = hosts.get(usize::from(labels.host)).map_or("", |host| host);
                let all = [("route", &**route), ("code", &*code), ("method", method), ("host", host)];
                out.count(if by_host { &all } else { &all[..3] }, *count);
            }
            pause(out).await;
        }
        out.family(&family::REQUEST_DURATION);
        for (route, figures) in &routes {
            for (class, times) in CLASSES.iter().zip(&figures.durations).filter(|(_, times)| !times.is_empty()) {
                out.histogram(&[("route", route), ("code_class", class)], times);
            }
            pause(out).await;
        }
        out.family(&family::REQUESTS_IN_FLIGHT);
        for (route, figures) in &routes {
            out.count(&[("route", route)], figures.in_flight);
        }
        pause(out).await;
        out.family(&family::RATE_LIMITED);
        for (route, figures) in routes.iter().filter(|(_, figures)| figures.rate_limited > 0) {
            out.count(&[("route", route)], figures.rate_limited);
        }
        let [request, response] = self
            .counters
            .iter()
            .map(|counters| counters.bytes())
            .fold([0; 2], |sum, more| [sum[0] + more[0], sum[1] + more[1]]);
        out.family(&family::REQUEST_BYTES);
        out.count(&[], request);
        out.family(&family::RESPONSE_BYTES);
        out.count(&[], response);
    }

    fn write_connections(&self, out: &mut Exposition, registry: &MetricsRegistry) {
        out.family(&family::CONNECTIONS);
        for listener in registry.shown_listeners() {
            for (protocol, open) in listener.open() {
                out.count(&[("listener", listener.url()), ("protocol", protocol)], open);
            }
        }
        let (mut succeeded, mut failed) = ([0; HANDSHAKES.len()], 0);
        for counters in &self.counters {
            let (more, also_failed) = counters.handshakes();
            succeeded.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            failed += also_failed;
        }
        out.family(&family::TLS_HANDSHAKES);
        for ((version, result), count) in HANDSHAKES.into_iter().zip(succeeded) {
            out.count(&[("version", version), ("result", result)], count);
        }
        out.count(&[("version", "unknown"), ("result", "failed")], failed);
    }

    fn write_server(&self, out: &mut Exposition, snapshot: &Snapshot, registry: &MetricsRegistry) {
        let zones: Vec<_> = snapshot.zones().all().filter(|zone| zone.is_used()).collect();
        out.family(&family::CACHE_REQUESTS);
        for zone in &zones {
            for (result, count) in zone.counts() {
                out.count(&[("cache", zone.name()), ("result", result.as_str())], count);
            }
        }
        out.family(&family::CACHE_BYTES);
        for zone in &zones {
            out.count(&[("cache", zone.name())], zone.bytes());
        }
        let disks: Vec<_> = zones.iter().filter_map(|zone| Some((zone.name(), zone.disk()?.figures()))).collect();
        let families = [&family::CACHE_DISK_BYTES, &family::CACHE_DISK_FILES, &family::CACHE_DISK_EVICTIONS];
        for (number, family) in families.into_iter().enumerate() {
            out.family(family);
            for (name, figures) in &disks {
                out.count(&[("cache", name)], figures[number]);
            }
        }
        out.family(&family::BLOCK_CALLS);
        for (word, counts) in snapshot.blocks.calls() {
            for (result, count) in ["answered", "failed", "late", "full"].into_iter().zip(counts) {
                out.count(&[("word", word), ("result", result)], count);
            }
        }
        out.family(&family::CONFIG_RELOADS);
        for (result, count) in registry.reloads.counts() {
            out.count(&[("result", result)], count);
        }
        out.family(&family::CONFIG_LAST_RELOAD);
        out.number(&[], registry.reloads.last_success());
        out.family(&family::LOG_LINES_DROPPED);
        out.count(&[], self.log.dropped() + registry.lost_lines.load(Relaxed));
        out.family(&family::BUILD);
        out.count(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    }
}

fn write_process(out: &mut Exposition) {
    let process = ProcessFigures::now();
    let numbers = [
        (&family::PROCESS_CPU, process.processor),
        (&family::PROCESS_START, process.started),
        (&family::PROCESS_MEMORY, process.resident.map(|bytes| bytes as f64)),
        (&family::PROCESS_OPEN_FILES, process.open_files.map(|files| files as f64)),
        (&family::PROCESS_MOST_FILES, process.most_files.map(|files| files as f64)),
    ];
    for (family, number) in numbers {
        out.family(family);
        if let Some(number) = number {
            out.number(&[], number);
        }
    }
}

/// Lets other tasks of the thread run, if it is time.
async fn pause(out: &mut Exposition) {
    if out.is_pause_due() {
        tokio::task::yield_now().await;
    }
}

impl Server {
    /// The figures as text, in the form that the caller prefers.
    pub(super) async fn metrics(self: Arc<Self>, call: ControlCall) -> Result<ControlAnswer, Refusal> {
        let registry = Arc::clone(self.snapshot.load().metrics());
        drop(self);
        let accept = call.headers.get_all(http::header::ACCEPT).iter().map(|value| value.as_bytes());
        let form = ExpositionForm::of_accept(accept);
        match registry.scrapes.ask(form).await {
            Some(written) => Ok(text(form.content_type(), written)),
            None => {
                let error = "too many ask for metrics at once: ask again later";
                Err(Refusal::new(http::StatusCode::SERVICE_UNAVAILABLE, error))
            }
        }
    }
}
