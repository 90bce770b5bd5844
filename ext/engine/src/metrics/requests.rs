//! Which requests of a configuration are counted, and as what.

use std::sync::Arc;
use std::time::Duration;

use proxy_http::message::Method;
use rustc_hash::FxHashMap;

use super::code::class_index;
use super::exemplar::Exemplar;
use super::registry::MetricsRegistry;
use super::request_counts::{HostNumber, RequestLabels};
use super::route::{CountedRequest, RouteSeries};
use super::sharded::ThreadNumber;
use crate::compile::ExcludedPath;

/// Longest host that is looked up. No name in DNS is longer (RFC 1035, section 2.3.4).
const LONGEST_HOST: usize = 255;

/// How the requests of one configuration are counted.
#[derive(Debug)]
pub(crate) struct RequestMetrics {
    registry: Arc<MetricsRegistry>,
    /// By the number of the location. The first is for requests without one.
    routes: Box<[Arc<RouteSeries>]>,
    /// Written hosts. `None`: the host is no label.
    hosts: Option<WrittenHosts>,
    /// Paths whose requests are not counted.
    excluded: Box<[ExcludedPath]>,
}

/// Hosts that the configuration names.
#[derive(Debug, Default)]
struct WrittenHosts {
    exact: FxHashMap<Box<[u8]>, HostNumber>,
    /// By the part behind `*.`.
    below: FxHashMap<Box<[u8]>, HostNumber>,
}

impl WrittenHosts {
    fn number(&self, host: &[u8]) -> HostNumber {
        let host = host.strip_suffix(b".").unwrap_or(host);
        if host.len() > LONGEST_HOST {
            return 0;
        }
        let host = host.to_ascii_lowercase();
        if let Some(number) = self.exact.get(&host[..]) {
            return *number;
        }
        let dots = memchr::memchr_iter(b'.', &host);
        dots.filter_map(|dot| self.below.get(&host[dot + 1..])).next().copied().unwrap_or_default()
    }
}

impl RequestMetrics {
    /// Counts requests of locations with these names. `hosts`: names of the configuration, in lower case, if they are
    /// to be a label.
    pub(crate) fn new<'n>(
        registry: &Arc<MetricsRegistry>,
        routes: impl Iterator<Item = &'n str>,
        hosts: Option<impl Iterator<Item = &'n str>>,
        excluded: Box<[ExcludedPath]>,
    ) -> Self {
        let hosts = hosts.map(|names| {
            let mut hosts = WrittenHosts::default();
            for name in names {
                let number = registry.host_number(name);
                match name.strip_prefix("*.") {
                    Some(suffix) => hosts.below.insert(suffix.as_bytes().into(), number),
                    None => hosts.exact.insert(name.as_bytes().into(), number),
                };
            }
            hosts
        });
        Self { registry: Arc::clone(registry), routes: registry.routes(routes), hosts, excluded }
    }

    /// Whether the host is a label.
    pub(crate) fn labels_hosts(&self) -> bool {
        self.hosts.is_some()
    }

    /// Begins to count a request for `path` of the location with that number. `None` if it is not counted.
    #[inline]
    pub(crate) fn begin(&self, route: u32, path: &[u8], thread: ThreadNumber) -> Option<CountedRequest<'_>> {
        if self.excluded.iter().any(|excluded| excluded.covers(path)) {
            return None;
        }
        let series = self.routes.get(route as usize)?;
        Some(CountedRequest::begin(series, thread))
    }

    /// Counts the result of a request; `request` is `None` if no location was found for it.
    #[inline]
    pub(crate) fn answered<'h>(
        &self,
        (request, thread): (Option<&CountedRequest<'_>>, ThreadNumber),
        (method, host): (Method, impl FnOnce() -> &'h [u8]),
        status: u16,
        time: Duration,
    ) {
        let host = self.hosts.as_ref().map_or(0, |hosts| hosts.number(host()));
        let labels = RequestLabels::new(self.registry.codes.label(status), method, host);
        match request {
            Some(request) => request.answered(labels, class_index(status), time),
            None => self.registry.no_route().answered(thread, labels, class_index(status), time),
        }
    }

    /// Notes the trace of a request that was counted with that result.
    pub(crate) fn exemplify(
        &self,
        (request, thread): (Option<&CountedRequest<'_>>, ThreadNumber),
        status: u16,
        exemplar: Exemplar,
    ) {
        match request {
            Some(request) => request.exemplify(class_index(status), exemplar),
            None => self.registry.no_route().exemplify(thread, class_index(status), exemplar),
        }
    }
}
