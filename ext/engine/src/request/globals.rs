//! What a configuration says of every request, whatever its route.

use std::sync::Arc;
use std::time::Duration;

use crate::access_log::AccessLog;
use crate::client::trusted_proxies::TrustedProxies;
use crate::relay::Rate;

/// What holds for every request.
#[derive(Debug)]
pub(crate) struct Globals {
    pub(crate) limits: ClientLimits,
    pub(crate) trusted: TrustedProxies,
    pub(crate) access_log: Option<Arc<AccessLog>>,
    /// Whether a log will ask what the client sent, once the request has been answered.
    pub(crate) keeps_lines: bool,
    /// The names of all captures.
    pub(crate) capture_names: Box<[Box<str>]>,
}

/// What clients are held to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientLimits {
    /// For a TLS handshake, or a header of the PROXY protocol, to be complete.
    pub(crate) handshake: Duration,
    /// For a request head to be complete.
    pub(crate) head: Duration,
    /// Between two pieces of a body that the client sends or takes.
    pub(crate) client_body: Duration,
    /// For a client that has ended its side, until its answer begins. `None`: any time.
    pub(crate) half_close: Option<Duration>,
    /// At which bodies move at least.
    pub(crate) rate: Rate,
    /// For an idle connection.
    pub(crate) keepalive: Duration,
    /// Largest head.
    pub(crate) max_head: usize,
}
