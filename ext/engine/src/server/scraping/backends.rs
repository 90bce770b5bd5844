//! Figures of upstreams and their backends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::pause;
use crate::metrics::families as family;
use crate::metrics::{BackendFigures, Exposition, MetricsRegistry, UpstreamFigures, CLASSES, FAILURE_REASONS, OTHER};
use crate::snapshot::Snapshot;
use crate::upstream::BACKEND_STATES;

/// What is true of the backends of one label now.
#[derive(Debug, Default)]
struct BackendNow {
    up: u64,
    /// Backends by state.
    states: [u64; BACKEND_STATES.len()],
    /// Requests in flight and tunnels.
    busy: u64,
}

/// What is true of one upstream now: backends by label.
#[derive(Debug, Default)]
struct UpstreamNow {
    queue: u64,
    backends: BTreeMap<Arc<str>, BackendNow>,
}

/// The figures of one upstream.
struct WrittenUpstream {
    name: Arc<str>,
    figures: UpstreamFigures,
    backends: Vec<(Arc<str>, BackendFigures)>,
    now: UpstreamNow,
}

/// Writes the figures of all upstreams.
pub(super) async fn write(out: &mut Exposition, snapshot: &Snapshot, registry: &MetricsRegistry) {
    let mut now = now(snapshot);
    let mut upstreams = Vec::new();
    for series in registry.shown_upstreams() {
        let figures = series.figures();
        let now = now.remove(series.name()).unwrap_or_default();
        let mut backends = Vec::with_capacity(figures.backends.len());
        for (index, backend) in figures.backends.iter().enumerate() {
            let counts = backend.figures();
            if counts != BackendFigures::default() || now.backends.contains_key(backend.label()) {
                backends.push((Arc::clone(backend.label()), counts));
            }
            if index % 256 == 255 {
                tokio::task::yield_now().await;
            }
        }
        upstreams.push(WrittenUpstream { name: Arc::clone(series.name()), figures, backends, now });
    }
    write_times(out, &upstreams).await;
    write_counts(out, &upstreams).await;
    write_states(out, &upstreams).await;
    write_pools(out, &upstreams).await;
}

/// The backends of all upstreams as they are now, by the labels of their series.
fn now(snapshot: &Snapshot) -> BTreeMap<Arc<str>, UpstreamNow> {
    let mut all: BTreeMap<Arc<str>, UpstreamNow> = BTreeMap::new();
    snapshot.each_upstream(&mut |upstream| {
        let group = upstream.group();
        let now = all.entry(Arc::clone(group.series().name())).or_default();
        now.queue += group.waiting() as u64;
        let known: BTreeSet<Arc<str>> = group.series().labels().into_iter().collect();
        for stats in upstream.stats() {
            let unresolved = stats.state == "unresolved" && &**group.series().name() != OTHER;
            let label = match known.get(&*stats.address) {
                Some(label) => Arc::clone(label),
                None if unresolved => stats.address.into(),
                None => OTHER.into(),
            };
            let backend = now.backends.entry(label).or_default();
            backend.up += u64::from(stats.state == "ready");
            backend.busy += stats.in_flight + stats.tunnels;
            if let Some(state) = BACKEND_STATES.iter().position(|state| *state == stats.state) {
                backend.states[state] += 1;
            }
        }
    });
    all
}

async fn write_times(out: &mut Exposition, upstreams: &[WrittenUpstream]) {
    out.family(&family::FIRST_BYTE);
    for WrittenUpstream { name, figures, .. } in upstreams.iter().filter(|it| !it.figures.first_byte.is_empty()) {
        out.histogram(&[("upstream", name)], &figures.first_byte);
    }
    pause(out).await;
    out.family(&family::QUEUE);
    for WrittenUpstream { name, figures, .. } in upstreams.iter().filter(|it| !it.figures.queue.is_empty()) {
        out.histogram(&[("upstream", name)], &figures.queue);
    }
    pause(out).await;
}

async fn write_counts(out: &mut Exposition, upstreams: &[WrittenUpstream]) {
    out.family(&family::UPSTREAM_REQUESTS);
    for WrittenUpstream { name, backends, .. } in upstreams {
        for (backend, counts) in backends {
            for (class, count) in CLASSES.iter().zip(counts.answers).filter(|(_, count)| *count > 0) {
                out.count(&[("upstream", name), ("backend", backend), ("code_class", class)], count);
            }
            pause(out).await;
        }
    }
    out.family(&family::UPSTREAM_FAILURES);
    for WrittenUpstream { name, backends, .. } in upstreams {
        for (backend, counts) in backends {
            for (reason, count) in FAILURE_REASONS.iter().zip(counts.failures).filter(|(_, count)| *count > 0) {
                out.count(&[("upstream", name), ("backend", backend), ("reason", reason)], count);
            }
            pause(out).await;
        }
    }
    out.family(&family::UPSTREAM_RETRIES);
    for WrittenUpstream { name, figures, .. } in upstreams.iter().filter(|upstream| upstream.is_known()) {
        out.count(&[("upstream", name)], figures.retries);
    }
}

async fn write_states(out: &mut Exposition, upstreams: &[WrittenUpstream]) {
    out.family(&family::UPSTREAM_BACKEND_UP);
    for WrittenUpstream { name, now, .. } in upstreams {
        for (backend, facts) in &now.backends {
            out.count(&[("upstream", name), ("backend", backend)], facts.up);
        }
        pause(out).await;
    }
    out.family(&family::UPSTREAM_BACKEND_STATE);
    for WrittenUpstream { name, now, .. } in upstreams {
        for (backend, facts) in &now.backends {
            for (state, count) in BACKEND_STATES.iter().zip(facts.states) {
                out.count(&[("upstream", name), ("backend", backend), ("state", state)], count);
            }
            pause(out).await;
        }
    }
    out.family(&family::UPSTREAM_QUEUE_LENGTH);
    for WrittenUpstream { name, now, .. } in upstreams.iter().filter(|upstream| upstream.is_known()) {
        out.count(&[("upstream", name)], now.queue);
    }
}

async fn write_pools(out: &mut Exposition, upstreams: &[WrittenUpstream]) {
    out.family(&family::UPSTREAM_CONNECTIONS);
    for WrittenUpstream { name, backends, now, .. } in upstreams {
        for (backend, counts) in backends {
            let is_shared = counts.shared_idle + counts.shared_used > 0;
            let busy = now.backends.get(backend).map_or(0, |facts| facts.busy);
            // A connection of HTTP/1.1 is in use for as long as its request.
            let used = if is_shared { counts.shared_used } else { busy };
            for (state, count) in [("idle", counts.idle + counts.shared_idle), ("used", used)] {
                out.count(&[("upstream", name), ("backend", backend), ("state", state)], count);
            }
            pause(out).await;
        }
    }
    for (family, count) in [
        (&family::UPSTREAM_OPENED, (|counts| counts.opened) as fn(&BackendFigures) -> u64),
        (&family::UPSTREAM_REUSED, |counts| counts.reused),
    ] {
        out.family(family);
        for WrittenUpstream { name, backends, .. } in upstreams {
            for (backend, counts) in backends {
                out.count(&[("upstream", name), ("backend", backend)], count(counts));
            }
            pause(out).await;
        }
    }
}

impl WrittenUpstream {
    /// Whether there is anything to say: `_other` is there although no upstream may belong to it.
    fn is_known(&self) -> bool {
        &*self.name != OTHER || !self.backends.is_empty() || !self.now.backends.is_empty()
    }
}
