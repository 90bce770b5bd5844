//! One attempt at one endpoint.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use super::{counted, Endpoint};
use crate::clock;
use crate::error::{Blame, Error, Kind};
use crate::log::Level;
use crate::upstream::admission::RetryPermit;

/// One attempt at one endpoint: counted as in flight until it is dropped, or becomes a tunnel.
#[derive(Debug)]
pub struct Attempt {
    endpoint: Arc<Endpoint>,
    /// Whether it counts as a tunnel.
    tunnel: Cell<bool>,
    /// Whether it counts as in flight.
    in_flight: Cell<bool>,
    /// Whether an ejected endpoint waits for its outcome.
    probes: Cell<bool>,
    /// Whether one that could not be connected to waits for its outcome.
    tries: Cell<bool>,
    failed: Cell<bool>,
    retry: RefCell<Option<RetryPermit>>,
}

impl Attempt {
    /// Counts an attempt that begins now, whatever the endpoint's limits.
    pub fn begin(endpoint: Arc<Endpoint>) -> Self {
        endpoint.history.in_flight.fetch_add(1, Relaxed);
        Self::begun(endpoint, false, None)
    }

    /// Begins an attempt unless the endpoint is full by now, or was ejected and somebody else probes it.
    pub(crate) fn admit(endpoint: Arc<Endpoint>, retry: Option<RetryPermit>) -> Option<Self> {
        match endpoint.traits.max_connections {
            None => {
                endpoint.history.in_flight.fetch_add(1, Relaxed);
            }
            Some(most) => {
                let one_more = |count| (count < u64::from(most)).then_some(count + 1);
                endpoint.history.in_flight.fetch_update(Relaxed, Relaxed, one_more).ok()?;
            }
        }
        let status = &endpoint.history.status;
        if status.is_plain() {
            return Some(Self::begun(endpoint, false, retry));
        }
        let ejected = status.is_ejected();
        if ejected && !status.take_probe(clock::now()) {
            endpoint.leave();
            return None;
        }
        let tries = status.is_doubted() && status.take_try(clock::now());
        let attempt = Self::begun(endpoint, ejected, retry);
        attempt.tries.set(tries);
        Some(attempt)
    }

    fn begun(endpoint: Arc<Endpoint>, probes: bool, retry: Option<RetryPermit>) -> Self {
        endpoint.history.requests.fetch_add(1, Relaxed);
        Self {
            endpoint,
            tunnel: Cell::new(false),
            in_flight: Cell::new(true),
            probes: Cell::new(probes),
            tries: Cell::new(false),
            failed: Cell::new(false),
            retry: RefCell::new(retry),
        }
    }

    /// Takes one of the endpoint's places for tunnels. `false` if it has `max_tunnels` already.
    pub(crate) fn reserve_tunnel(&self) -> bool {
        let most = self.endpoint.traits.max_tunnels.map_or(u64::MAX, u64::from);
        let one_more = |count| (count < most).then_some(count + 1);
        let reserved = self.endpoint.history.tunnels.fetch_update(Relaxed, Relaxed, one_more).is_ok();
        self.tunnel.set(reserved);
        reserved
    }

    /// From here on it is a tunnel, and no request: a backend's workers are not busy with it, and its place is another's.
    pub(crate) fn becomes_tunnel(&self) {
        if self.in_flight.take() {
            self.endpoint.leave();
        }
    }

    /// There is a connection to the backend.
    #[inline]
    pub(crate) fn connected(&self) {
        self.tries.set(false);
        self.endpoint.trust();
    }

    /// The backend could not be connected to: `why`. It comes last for a moment, which doubles with each try that fails after it.
    #[cold]
    fn unconnected(&self, why: &str) {
        let endpoint = &self.endpoint;
        let first = !endpoint.history.status.is_doubted();
        let moment = endpoint.history.status.doubt(self.tries.take(), clock::now());
        // Where there is nobody else it is first and last.
        if moment.is_some() && first && endpoint.fleet.has_others() {
            let what = format_args!("cannot be connected to ({why}): it comes last until it can");
            endpoint.fleet.note(Level::Warn, endpoint, what);
        }
    }

    /// The backend has answered, and not with what counts as a failure.
    pub fn succeeded(&self) {
        let endpoint = &self.endpoint;
        if endpoint.history.failing.load(Relaxed) {
            endpoint.history.failing.store(false, Relaxed);
        }
        self.connected();
        // The backend is in no trouble, and what follows, a tunnel perhaps, may take long.
        self.give_retry_back();
        if self.probes.take() {
            endpoint.history.conduct.lock().returned(clock::now());
            endpoint.history.status.restore();
            endpoint.rise();
            endpoint.fleet.note(Level::Info, endpoint, format_args!("is back: a request succeeded"));
            endpoint.fleet.queue().wake();
        }
    }

    /// Counts it as failed, once however often it fails: an answer that was a failure may be cut short too.
    pub fn failed(&self, blame: Blame) {
        if self.failed.replace(true) {
            return;
        }
        if blame == Blame::Us {
            return;
        }
        let endpoint = &self.endpoint;
        endpoint.history.failures.fetch_add(1, Relaxed);
        endpoint.history.failing.store(true, Relaxed);
        let Some(rules) = endpoint.fleet.rules().passive else { return };
        let now = clock::now();
        let mut conduct = endpoint.history.conduct.lock();
        let probed = self.probes.take();
        if !probed && (endpoint.history.status.is_ejected() || !conduct.failed(rules, now)) {
            return;
        }
        let mut length = None;
        let mut eject = || {
            let time = conduct.eject(rules, now);
            endpoint.history.status.eject(now.saturating_add(clock::millis(time)));
            length = Some(time);
        };
        if probed {
            // It was out already.
            eject();
        } else {
            endpoint.fleet.eject(endpoint, &mut eject);
        }
        drop(conduct);
        let Some(length) = length else { return };
        let fleet = &endpoint.fleet;
        if probed {
            let what = format_args!("is ejected for another {length:?}: the next request failed");
            fleet.note(Level::Warn, endpoint, what);
        } else {
            let fails = counted(rules.max_fails, "attempt");
            let what = format_args!("is ejected for {length:?}: {fails} failed within {:?}", rules.fail_timeout);
            fleet.note(Level::Warn, endpoint, what);
        }
        fleet.queue().wake();
    }

    /// Counts a failure for whoever is to blame for it.
    pub(crate) fn failed_for(&self, error: &Error) {
        let blame = error.blame();
        self.failed(blame);
        match &error.kind {
            Kind::Connect(why) if blame == Blame::Backend => self.unconnected(&why.reason()),
            _ => {}
        }
    }

    /// Another address of the name was connected to although it was asked later.
    pub(crate) fn outrun(&self) {
        self.unconnected("another address of its name was quicker");
    }

    /// Gives the right to a retry back, for another attempt to take it.
    pub(crate) fn give_retry_back(&self) {
        self.retry.take();
    }

    /// The endpoint itself, for the pool.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }
}

impl Deref for Attempt {
    type Target = Endpoint;

    fn deref(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let probed_nothing = self.probes.get();
        if probed_nothing {
            self.endpoint.history.status.give_probe_back();
        }
        if self.tries.get() {
            self.endpoint.history.status.give_try_back();
        }
        if self.in_flight.get() {
            self.endpoint.leave();
        }
        if self.tunnel.get() {
            self.endpoint.history.tunnels.fetch_sub(1, Relaxed);
        }
        if probed_nothing {
            self.endpoint.fleet.queue().wake();
        }
    }
}

impl Endpoint {
    /// One request fewer.
    fn leave(&self) {
        self.history.in_flight.fetch_sub(1, Relaxed);
        if self.history.limited.load(Relaxed) {
            self.fleet.queue().wake();
        }
    }
}
