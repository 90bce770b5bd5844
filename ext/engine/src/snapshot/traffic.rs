//! What the operator changes of the traffic at run time: pauses, maintenance, and the percentages of splits.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::Snapshot;
use crate::clock::time_of_day;
use crate::filter::Filter;
use crate::runtime_state::traffic::{MaintenanceOrder, ShareState, SplitState, TrafficState};
use crate::upstream::traffic::RuntimeMaintenance;
use crate::upstream::Upstream;

/// Why a percentage was not taken.
#[derive(Debug)]
pub(crate) enum WrongShare {
    /// No split names the upstream; these are there.
    Unknown(Vec<String>),
    /// A reason for a person.
    Mistake(String),
}

impl Snapshot {
    /// The upstream with this name. The error lists the existing names. Those whose host a request names are left out.
    pub(crate) fn upstream_named(&self, name: &str) -> Result<Arc<Upstream>, Vec<String>> {
        let (mut found, mut names) = (None, Vec::new());
        self.each_steerable(&mut |upstream| {
            if upstream.name() == name {
                found.get_or_insert_with(|| Arc::clone(upstream));
            }
            names.push(upstream.name().to_owned());
        });
        names.sort();
        names.dedup();
        found.ok_or(names)
    }

    /// Begins or ends maintenance of all upstreams.
    pub(crate) fn set_maintenance_of_all(&self, maintenance: Option<RuntimeMaintenance>) {
        self.globals.stops.set_all(maintenance);
        self.note_stops();
    }

    /// Lets requests know whether anything is stopped. After each change.
    pub(crate) fn note_stops(&self) {
        let mut any = false;
        self.each_steerable(&mut |upstream| any |= upstream.group().traffic().is_stopped());
        self.globals.stops.set_any(any);
    }

    /// Answers the requests that are held: the server stops, or another process serves.
    pub(crate) fn hold_nobody(&self) {
        self.each_steerable(&mut |upstream| upstream.group().traffic().gate().stop());
    }

    /// Sets the percentage of requests that splits send to the upstream with this name.
    pub(crate) fn set_share(&self, upstream: &str, percent: f64) -> Result<(), WrongShare> {
        let (mut names, mut mistake, mut known) = (Vec::new(), None, false);
        self.routes.each_filter(&mut |filter| {
            let Filter::Split(split) = filter else { return };
            names.extend(split.names().map(str::to_owned));
            match split.check(upstream, percent) {
                Some(Err(message)) => mistake = Some(message),
                Some(Ok(())) => known = true,
                None => {}
            }
        });
        if let Some(message) = mistake {
            return Err(WrongShare::Mistake(message));
        }
        if !known {
            names.sort();
            names.dedup();
            return Err(WrongShare::Unknown(names));
        }
        self.routes.each_filter(&mut |filter| {
            if let Filter::Split(split) = filter {
                split.set(upstream, percent);
            }
        });
        Ok(())
    }

    /// What was changed at run time.
    pub(crate) fn traffic(&self) -> TrafficState {
        let maintenance = self.globals.stops.all().map(|maintenance| maintenance.order().clone());
        let mut state = TrafficState { maintenance, ..TrafficState::default() };
        self.each_steerable(&mut |upstream| {
            if let Some(stopped) = upstream.group().traffic().state() {
                state.upstreams.insert(upstream.name().to_owned(), stopped);
            }
        });
        self.routes.each_filter(&mut |filter| {
            if let Filter::Split(split) = filter {
                state.splits.push(split.state());
            }
        });
        if !state.splits.iter().any(SplitState::is_changed) {
            state.splits.clear();
        }
        state
    }

    /// Takes what another process has left. A pause goes on until its time. Returns what was lost, and why.
    pub(crate) fn take_traffic(&self, state: &TrafficState) -> Vec<String> {
        let mut lost = Vec::new();
        let mut maintenance = |order: &MaintenanceOrder| {
            RuntimeMaintenance::new(order.clone()).map_err(|why| lost.push(why.join("; "))).ok()
        };
        if let Some(order) = state.maintenance.as_ref().and_then(&mut maintenance) {
            self.globals.stops.set_all(Some(order));
        }
        let orders = state.upstreams.values().map(|stopped| stopped.maintenance.as_ref().and_then(&mut maintenance));
        let orders: Vec<_> = orders.collect();
        let now = time_of_day().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        for ((name, stopped), order) in state.upstreams.iter().zip(orders) {
            let Ok(upstream) = self.upstream_named(name) else {
                lost.push(format!("upstream {name:?} is gone, and with it its pause or maintenance"));
                continue;
            };
            let traffic = upstream.group().traffic();
            if order.is_some() {
                traffic.set_maintenance(order);
            }
            if let Some(pause) = &stopped.pause {
                // One whose time is over still answers 503, until it is resumed.
                traffic.gate().close(Duration::try_from_secs_f64(pause.until - now).unwrap_or_default());
            }
        }
        self.note_stops();
        lost.extend(self.take_splits(&state.splits));
        lost
    }

    /// Takes the percentages over of splits that are still written as they were. Of several that are written alike each
    /// gets its own, in the order of the file. Returns what was lost.
    fn take_splits(&self, states: &[SplitState]) -> Vec<String> {
        let mut left: Vec<_> = states.iter().collect();
        self.routes.each_filter(&mut |filter| {
            if let Filter::Split(split) = filter {
                if let Some(index) = left.iter().position(|state| split.take(state)) {
                    left.remove(index);
                }
            }
        });
        let changed = left.into_iter().flat_map(|state| &state.shares).filter(|share| share.percent != share.written);
        let told = |share: &ShareState| {
            let ShareState { upstream, percent, .. } = share;
            format!("split: {upstream}: its split is gone or written otherwise by now: {percent} % is forgotten")
        };
        changed.map(told).collect()
    }
}
