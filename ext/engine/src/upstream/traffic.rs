//! What the operator stops at run time: an upstream is paused, and holds its requests, or is in maintenance.
//!
//! While nothing is stopped, a request reads one atomic: [`Stops::are_any`].

mod gate;
mod state;

use crate::runtime_state::traffic::{MaintenanceOrder, UpstreamTraffic};
pub(crate) use gate::{Gate, GateLook, GatePlace, GateRefusal, LONGEST_PAUSE};

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::respond::Closure;

/// Requests that a paused upstream holds at once if it has no `queue` of its own.
const HELD: usize = 1000;

/// What is stopped at run time, over all configurations of a server.
#[derive(Debug, Default)]
pub(crate) struct Stops {
    any: AtomicBool,
    /// Maintenance of all upstreams.
    all: ArcSwapOption<RuntimeMaintenance>,
}

/// Maintenance that was asked for at run time.
#[derive(Debug)]
pub(crate) struct RuntimeMaintenance {
    order: MaintenanceOrder,
    pub(crate) closure: Closure,
}

/// What is stopped of one upstream. The upstreams of that name before and after a reload share it.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    gate: Arc<Gate>,
    maintenance: ArcSwapOption<RuntimeMaintenance>,
}

impl Stops {
    /// Whether anything is stopped.
    #[inline]
    pub(crate) fn are_any(&self) -> bool {
        self.any.load(Relaxed)
    }

    /// Notes whether anything is stopped, after a change.
    pub(crate) fn set_any(&self, upstreams: bool) {
        self.any.store(upstreams || self.all.load().is_some(), Relaxed);
    }

    /// Maintenance of all upstreams, if there is one.
    pub(crate) fn all(&self) -> Option<Arc<RuntimeMaintenance>> {
        self.all.load_full()
    }

    /// Begins or ends maintenance of all upstreams.
    pub(crate) fn set_all(&self, maintenance: Option<RuntimeMaintenance>) {
        self.all.store(maintenance.map(Arc::new));
    }
}

impl RuntimeMaintenance {
    /// The error lists all mistakes in the order.
    pub(crate) fn new(order: MaintenanceOrder) -> Result<Self, Vec<String>> {
        let closure = order.closure()?;
        Ok(Self { order, closure })
    }

    /// What was asked for.
    pub(crate) fn order(&self) -> &MaintenanceOrder {
        &self.order
    }
}

impl Traffic {
    /// Whether requests are stopped.
    pub(crate) fn is_stopped(&self) -> bool {
        self.gate.is_closed() || self.maintenance.load().is_some()
    }

    /// Where requests are held.
    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Maintenance, if there is one.
    pub(crate) fn maintenance(&self) -> Option<Arc<RuntimeMaintenance>> {
        self.maintenance.load_full()
    }

    /// Begins or ends maintenance.
    pub(crate) fn set_maintenance(&self, maintenance: Option<RuntimeMaintenance>) {
        self.maintenance.store(maintenance.map(Arc::new));
    }

    /// What is stopped, for figures and the next start. `None` if nothing is.
    pub(crate) fn state(&self) -> Option<UpstreamTraffic> {
        let maintenance = self.maintenance().map(|maintenance| maintenance.order().clone());
        let state = UpstreamTraffic { pause: self.gate.state(), maintenance };
        (state != UpstreamTraffic::default()).then_some(state)
    }
}

/// How many requests may be held by an upstream with this `queue`.
pub(crate) fn most_held(queue: usize) -> usize {
    match queue {
        0 => HELD,
        queue => queue,
    }
}
