//! Settings for every request, whatever its route.

use std::sync::Arc;
use std::time::Duration;

use crate::access_log::{AccessLog, LogTap};
use crate::client::trusted_proxies::TrustedProxies;
use crate::relay::Rate;
use crate::rewrite::Redaction;
use crate::upstream::Stops;

/// Settings for every request.
#[derive(Debug)]
pub(crate) struct Globals {
    pub(crate) limits: ClientLimits,
    pub(crate) trusted: TrustedProxies,
    pub(crate) access_log: Option<Arc<AccessLog>>,
    /// What logs hide.
    pub(crate) redaction: Redaction,
    /// The readers of access lines.
    pub(crate) tap: Arc<LogTap>,
    /// Whether a log needs the request as the client sent it, after it was answered.
    pub(crate) keeps_lines: bool,
    /// Names of all captures.
    pub(crate) capture_names: Box<[Box<str>]>,
    /// What the operator has stopped at run time.
    pub(crate) stops: Arc<Stops>,
    /// Names of locations by their numbers. The first is empty: no location was found.
    pub(crate) route_names: Box<[Arc<str>]>,
}

impl Globals {
    /// Name of the location with this number.
    pub(crate) fn route_name(&self, route: u32) -> &str {
        self.route_names.get(route as usize).map_or("", |name| name)
    }
}

/// Limits for clients.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientLimits {
    /// Longest time for a TLS handshake, or for a header of the PROXY protocol.
    pub(crate) handshake: Duration,
    /// Longest time for a request head.
    pub(crate) head: Duration,
    /// Longest pause between two pieces of a body that the client sends or takes.
    pub(crate) client_body: Duration,
    /// Time that a client may wait for its answer after a half-close. `None`: any time.
    pub(crate) half_close: Option<Duration>,
    /// Lowest rate of bodies.
    pub(crate) rate: Rate,
    /// Longest time that a connection may be idle.
    pub(crate) keepalive: Duration,
    /// Bytes of the largest request head.
    pub(crate) max_head: usize,
}
