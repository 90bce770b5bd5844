//! Settings of one backend beside its address.

use std::time::Duration;

use proxy_http::proxy_protocol::Form;

use crate::compile::Report;
use crate::config::{BackendConfig, PoolConfig};
use crate::upstream::BackendProtocol;

/// Largest weight of a backend.
pub(super) const HEAVIEST: u32 = 65_535;

/// Settings of one backend beside its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BackendSettings {
    /// Its share of requests beside the others'; at least 1.
    pub weight: u32,
    /// Whether it is used only when no other backend is available.
    pub backup: bool,
    /// Requests that it gets at once. `None`: any number.
    pub max_connections: Option<u32>,
    /// Tunnels, such as WebSockets, that it has at once. `None`: any number.
    pub max_tunnels: Option<u32>,
    /// Slow start: time until it has its whole share after it came back. `None`: no time.
    pub slow_start: Option<Duration>,
    /// Which version of HTTP it is spoken to in.
    pub protocol: BackendProtocol,
    /// PROXY header that each connection begins with. `None`: no header.
    pub proxy_protocol: Option<Form>,
}

impl Default for BackendSettings {
    fn default() -> Self {
        Self {
            weight: 1,
            backup: false,
            max_connections: None,
            max_tunnels: None,
            slow_start: None,
            protocol: BackendProtocol::Http1,
            proxy_protocol: None,
        }
    }
}

impl BackendSettings {
    /// Checks the defaults for the backends of an upstream.
    pub(in crate::upstream) fn of_all(pool: &PoolConfig, report: &mut Report<'_>) -> Self {
        Self {
            protocol: BackendProtocol::compile(pool, &mut report.within("protocol")).unwrap_or_default(),
            max_connections: limit(pool.max_connections, &mut report.within("max_connections")),
            max_tunnels: limit(pool.max_tunnels, &mut report.within("max_tunnels")),
            slow_start: pool.slow_start.map(|time| report.within("slow_start").seconds(time)),
            proxy_protocol: pool.proxy_protocol.as_deref().and_then(|name| {
                let form = Form::of(name);
                if form.is_none() {
                    report.within("proxy_protocol").error(format!("{name:?} is unknown: write \"v1\" or \"v2\""));
                }
                form
            }),
            ..Self::default()
        }
    }

    /// Checks the settings of one backend. `of_all` are the defaults.
    pub(in crate::upstream) fn of_one(backend: &BackendConfig, of_all: Self, report: &mut Report<'_>) -> Self {
        let mut report = report.within(&format!("{:?}", backend.address));
        Self {
            weight: report.within("weight").count(backend.weight, 1..=HEAVIEST.into()) as u32,
            backup: backend.backup,
            max_connections: limit(backend.max_connections, &mut report.within("max_connections"))
                .or(of_all.max_connections),
            max_tunnels: limit(backend.max_tunnels, &mut report.within("max_tunnels")).or(of_all.max_tunnels),
            slow_start: backend.slow_start.map(|time| report.within("slow_start").seconds(time)).or(of_all.slow_start),
            ..of_all
        }
    }
}

/// A number of connections or tunnels, at least 1.
fn limit(written: Option<i64>, report: &mut Report<'_>) -> Option<u32> {
    written.map(|most| report.count(most, 1..=u32::MAX.into()) as u32)
}
