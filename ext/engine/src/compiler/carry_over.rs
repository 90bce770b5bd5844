//! Carry-over: state that a reload keeps from the previous configuration.
//!
//! | kept | if | where |
//! |---|---|---|
//! | an upstream: figures, health, queue, idle connections | nothing of it changed | `upstream/carry_over.rs` |
//! | a backend: figures, health, idle connections | it is connected to in an equal way | `upstream/carry_over.rs` |
//! | addresses from DNS | the name is still in the upstream | `upstream/carry_over.rs` |
//! | `ready`, `draining`, `down` of the operator | the upstream keeps its name | `upstream/backend/group.rs` |
//! | pauses and maintenance of the operator | the upstream keeps its name | `upstream/traffic.rs` |
//! | percentages of a split that were set at run time | the file has the same ones as before | `filter/split.rs` |
//! | weights, limits, added and removed backends of the operator | the configuration says nothing else of them | `upstream/steering/outliving.rs` |
//! | requests that wait for a backend | the upstream keeps its name | `upstream/wait_queue.rs` |
//! | the secret of sticky cookies and of `proxy_split` | always | `process_secret.rs` |
//! | counts of `rate_limit`, verified passwords | the filter is equal and in the same place | [`CarriedFilters`] |
//! | stored responses of a cache | its name is equal | `cache/zones.rs` |
//! | metrics of routes, upstreams, backends and listening addresses | the name is equal | `metrics/registry.rs` |
//! | the thread of an access log | the path is equal | `access_log.rs` |
//! | spans that wait for a collector | it is the same, asked in the same way | `tracing/compile.rs` |
//! | certificates that the proxy gets by itself, orders that run | always | `certificates.rs`, `acme/carried.rs` |
//! | keys of TLS session tickets | equal certificates are asked of clients | `listen/tls/tickets.rs` |
//! | listening sockets | the address is still in a `bind` | `server/reload.rs` |
//!
//! Requests in flight, tunnels included, finish under the configuration that they began with. `server/reload.rs` runs
//! the steps of a reload in order.

mod filters;

pub(crate) use filters::{CarriedFilters, Passing};

use std::sync::Arc;

use crate::acme::carried::CarriedAcme;
use crate::cache::zones::Zones;
use crate::metrics::MetricsRegistry;
use crate::upstream::{CarriedUpstreams, Stops};

/// State of one configuration that the next one may carry over.
#[derive(Debug, Default)]
pub(crate) struct CarriedOver {
    pub(crate) upstreams: Arc<CarriedUpstreams>,
    pub(crate) filters: CarriedFilters,
    pub(crate) acme: CarriedAcme,
    /// The zones of the caches.
    pub(crate) zones: Zones,
    /// All figures by name.
    pub(crate) metrics: Arc<MetricsRegistry>,
    pub(crate) stops: Arc<Stops>,
}
