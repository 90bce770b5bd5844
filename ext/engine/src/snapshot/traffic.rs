//! What the operator changes of the traffic at run time: pauses, maintenance, and the percentages of splits.

use std::sync::Arc;

use super::Snapshot;
use crate::filter::Filter;
use crate::upstream::traffic::RuntimeMaintenance;
use crate::upstream::{Backends, TrafficState, Upstream};

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
        self.each_fixed_upstream(&mut |upstream| {
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
        self.each_fixed_upstream(&mut |upstream| any |= upstream.group().traffic().is_stopped());
        self.globals.stops.set_any(any);
    }

    /// Answers the requests that are held: the server stops.
    pub(crate) fn hold_nobody(&self) {
        self.each_fixed_upstream(&mut |upstream| upstream.group().traffic().gate().stop());
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
        self.each_fixed_upstream(&mut |upstream| {
            if let Some(stopped) = upstream.group().traffic().state() {
                state.upstreams.insert(upstream.name().to_owned(), stopped);
            }
        });
        self.routes.each_filter(&mut |filter| {
            if let Filter::Split(split) = filter {
                state.splits.extend(split.changed());
            }
        });
        state
    }

    fn each_fixed_upstream(&self, visit: &mut dyn FnMut(&Arc<Upstream>)) {
        self.upstreams.iter().for_each(&mut *visit);
        self.each_proxy(&mut |proxy| match proxy.backends() {
            Backends::Fixed(upstream) if !upstream.is_shared() => visit(upstream),
            Backends::Fixed(_) | Backends::ByHost(_) => {}
        });
    }
}
