//! All figures of a server that are told apart by name, the same through all reloads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::code::KnownCodes;
use super::histogram::Buckets;
use super::kept::Kept;
use super::listener::ListenerSeries;
use super::request_counts::HostNumber;
use super::route::RouteSeries;
use super::scrape::Scrapes;
use super::upstream::UpstreamSeries;
use super::OTHER;

/// Routes of one configuration that have figures of their own, at most.
const MOST_ROUTES: usize = 1_000;
/// Routes that are known, those of earlier configurations included, of which those that are gone are forgotten although
/// nobody has asked for figures. The same for upstreams and listeners.
const CROWD: usize = 2 * MOST_ROUTES;
/// Hosts that are labels, at most.
const MOST_HOSTS: usize = 1_000;
/// Label of requests that were refused before a route was found for them.
const NO_ROUTE: &str = "_none";

/// The figures of a server by name.
#[derive(Debug)]
pub(crate) struct MetricsRegistry {
    threads: usize,
    buckets: Buckets,
    pub(crate) codes: KnownCodes,
    routes: Mutex<BTreeMap<Arc<str>, Kept<RouteSeries>>>,
    other_routes: Arc<RouteSeries>,
    no_route: Arc<RouteSeries>,
    upstreams: Mutex<BTreeMap<Arc<str>, Kept<UpstreamSeries>>>,
    other_upstreams: Arc<UpstreamSeries>,
    /// Hosts of labels, by their numbers less 1. They stay for as long as the server runs.
    hosts: Mutex<Vec<Arc<str>>>,
    listeners: Mutex<BTreeMap<Arc<str>, Kept<ListenerSeries>>>,
    pub(crate) reloads: ReloadFigures,
    /// Lines that access logs have lost.
    pub(crate) lost_lines: Arc<AtomicU64>,
    /// Where figures are asked for.
    pub(crate) scrapes: Scrapes,
}

impl Default for MetricsRegistry {
    fn default() -> Self {
        Self::new(1, Buckets::default())
    }
}

impl MetricsRegistry {
    /// Figures of a server with so many engine threads.
    pub(crate) fn new(threads: usize, buckets: Buckets) -> Self {
        let route = |name: &str| Arc::new(RouteSeries::new(name.into(), threads, buckets.clone()));
        let (other_routes, no_route) = (route(OTHER), route(NO_ROUTE));
        let other_upstreams = Arc::new(UpstreamSeries::new(OTHER.into(), threads, buckets.clone()));
        Self {
            threads,
            buckets,
            codes: KnownCodes::default(),
            routes: Mutex::default(),
            other_routes,
            no_route,
            upstreams: Mutex::default(),
            other_upstreams,
            hosts: Mutex::default(),
            listeners: Mutex::default(),
            reloads: ReloadFigures::default(),
            lost_lines: Arc::default(),
            scrapes: Scrapes::default(),
        }
    }

    /// The bounds of all histograms.
    pub(crate) fn buckets(&self) -> &Buckets {
        &self.buckets
    }

    /// The number of a host that is a label; 0 if there are too many.
    pub(super) fn host_number(&self, name: &str) -> HostNumber {
        let mut hosts = self.hosts.lock();
        let number = hosts.iter().position(|host| &**host == name).unwrap_or_else(|| {
            if hosts.len() < MOST_HOSTS {
                hosts.push(name.into());
            }
            hosts.len() - 1
        });
        match hosts.get(number) {
            Some(host) if &**host == name => number as HostNumber + 1,
            _ => 0,
        }
    }

    /// The hosts of labels, by their numbers: the first stands for all others.
    pub(crate) fn hosts(&self) -> Vec<Arc<str>> {
        [OTHER.into()].into_iter().chain(self.hosts.lock().iter().cloned()).collect()
    }

    /// The figures of a configuration's routes, by their order. Routes of one name share theirs.
    pub(crate) fn routes<'n>(&self, names: impl Iterator<Item = &'n str>) -> Box<[Arc<RouteSeries>]> {
        let mut known = self.routes.lock();
        let mut own: BTreeMap<&str, Arc<RouteSeries>> = BTreeMap::new();
        let series = names.map(|name| {
            if name.is_empty() {
                return Arc::clone(&self.no_route);
            }
            if let Some(series) = own.get(name) {
                return Arc::clone(series);
            }
            if own.len() >= MOST_ROUTES || name == OTHER {
                return Arc::clone(&self.other_routes);
            }
            let make = || RouteSeries::new(name.into(), self.threads, self.buckets.clone());
            let series = named(&mut known, name, make);
            own.insert(name, Arc::clone(&series));
            series
        });
        series.collect()
    }

    /// Figures of requests that no route was found for.
    pub(crate) fn no_route(&self) -> &Arc<RouteSeries> {
        &self.no_route
    }

    /// The figures of the upstream with that name.
    pub(crate) fn upstream(&self, name: &str) -> Arc<UpstreamSeries> {
        let make = || UpstreamSeries::new(name.into(), self.threads, self.buckets.clone());
        named(&mut self.upstreams.lock(), name, make)
    }

    /// The figures of all upstreams that hosts of requests name.
    pub(crate) fn other_upstreams(&self) -> &Arc<UpstreamSeries> {
        &self.other_upstreams
    }

    /// The figures of the listening address with that URL.
    pub(crate) fn listener(&self, url: &str) -> Arc<ListenerSeries> {
        named(&mut self.listeners.lock(), url, || ListenerSeries::new(url.into()))
    }

    /// Every route that is to be shown. Those that are gone are forgotten after two calls.
    pub(crate) fn shown_routes(&self) -> Vec<Arc<RouteSeries>> {
        let mut shown = shown(&mut self.routes.lock());
        shown.extend([Arc::clone(&self.no_route), Arc::clone(&self.other_routes)]);
        shown
    }

    /// Every upstream that is to be shown. Those that are gone are forgotten after two calls.
    pub(crate) fn shown_upstreams(&self) -> Vec<Arc<UpstreamSeries>> {
        let mut shown = shown(&mut self.upstreams.lock());
        shown.push(Arc::clone(&self.other_upstreams));
        shown
    }

    /// Every listening address that is to be shown. Those that are gone are forgotten after two calls.
    pub(crate) fn shown_listeners(&self) -> Vec<Arc<ListenerSeries>> {
        shown(&mut self.listeners.lock())
    }
}

/// The series of that name, made if there is none.
fn named<T>(known: &mut BTreeMap<Arc<str>, Kept<T>>, name: &str, make: impl FnOnce() -> T) -> Arc<T> {
    if let Some(series) = known.get(name) {
        return Arc::clone(series);
    }
    if known.len() >= CROWD {
        known.retain(|_, kept| kept.is_in_use());
    }
    let series = Arc::new(make());
    known.insert(name.into(), Kept::new(Arc::clone(&series)));
    series
}

fn shown<T>(known: &mut BTreeMap<Arc<str>, Kept<T>>) -> Vec<Arc<T>> {
    known.retain(|_, kept| kept.is_shown());
    known.values().map(|kept| Arc::clone(kept)).collect()
}

/// Counts of reloads.
#[derive(Debug, Default)]
pub(crate) struct ReloadFigures {
    succeeded: AtomicU64,
    failed: AtomicU64,
    /// Whether the last reload failed here, so that who asked for it knows no other failure.
    failed_here: AtomicBool,
    /// Time of the last configuration that was taken, in milliseconds since 1970.
    last: AtomicU64,
}

impl ReloadFigures {
    /// Notes that a configuration is in use from now on: the first one.
    pub(crate) fn started(&self, now: SystemTime) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last.store(u64::try_from(since.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Counts a reload.
    pub(crate) fn ended(&self, succeeded: bool, now: SystemTime) {
        if succeeded {
            self.succeeded.fetch_add(1, Relaxed);
            self.started(now);
        } else {
            self.failed.fetch_add(1, Relaxed);
        }
        self.failed_here.store(!succeeded, Relaxed);
    }

    /// Counts a reload that failed before its configuration could be compiled, unless it is one that failed later.
    pub(crate) fn failed_before(&self) {
        if !self.failed_here.swap(false, Relaxed) {
            self.failed.fetch_add(1, Relaxed);
        }
    }

    /// Reloads that succeeded, and those that failed.
    pub(crate) fn counts(&self) -> [(&'static str, u64); 2] {
        [("success", self.succeeded.load(Relaxed)), ("failure", self.failed.load(Relaxed))]
    }

    /// Time of the last configuration that was taken, in seconds since 1970.
    pub(crate) fn last_success(&self) -> f64 {
        self.last.load(Relaxed) as f64 / 1e3
    }
}

#[cfg(test)]
mod tests;
