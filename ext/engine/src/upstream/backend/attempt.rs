//! One attempt at one backend.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use super::{counted, Backend};
use crate::error::{Blame, Error, Kind};
use crate::log::Level;
use crate::upstream::admission::RetryPermit;
use crate::upstream::clock;

/// One attempt at one backend: counted as in flight until it is dropped, or becomes a tunnel.
#[derive(Debug)]
pub struct Attempt {
    backend: Arc<Backend>,
    /// Whether it counts as a tunnel.
    tunnel: Cell<bool>,
    /// Whether it counts as in flight.
    in_flight: Cell<bool>,
    /// Whether an ejected backend waits for its outcome.
    probes: Cell<bool>,
    /// Whether one that could not be connected to waits for its outcome.
    tries: Cell<bool>,
    failed: Cell<bool>,
    retry: RefCell<Option<RetryPermit>>,
}

impl Attempt {
    /// Counts an attempt that begins now, whatever the backend's limits.
    pub fn begin(backend: Arc<Backend>) -> Self {
        backend.history.in_flight.fetch_add(1, Relaxed);
        Self::begun(backend, false, None)
    }

    /// Begins an attempt unless the backend is full by now, or was ejected and somebody else probes it.
    pub(crate) fn admit(backend: Arc<Backend>, retry: Option<RetryPermit>) -> Option<Self> {
        match backend.traits.max_connections {
            None => {
                backend.history.in_flight.fetch_add(1, Relaxed);
            }
            Some(most) => {
                let one_more = |count| (count < u64::from(most)).then_some(count + 1);
                backend.history.in_flight.fetch_update(Relaxed, Relaxed, one_more).ok()?;
            }
        }
        let status = &backend.history.status;
        if status.is_plain() {
            return Some(Self::begun(backend, false, retry));
        }
        let ejected = status.is_ejected();
        if ejected && !status.take_probe(clock::now()) {
            backend.leave();
            return None;
        }
        let tries = status.is_doubted() && status.take_try(clock::now());
        let attempt = Self::begun(backend, ejected, retry);
        attempt.tries.set(tries);
        Some(attempt)
    }

    fn begun(backend: Arc<Backend>, probes: bool, retry: Option<RetryPermit>) -> Self {
        backend.history.requests.fetch_add(1, Relaxed);
        Self {
            backend,
            tunnel: Cell::new(false),
            in_flight: Cell::new(true),
            probes: Cell::new(probes),
            tries: Cell::new(false),
            failed: Cell::new(false),
            retry: RefCell::new(retry),
        }
    }

    /// Takes one of the backend's places for tunnels. `false` if it has `max_tunnels` already.
    pub(crate) fn reserve_tunnel(&self) -> bool {
        let most = self.backend.traits.max_tunnels.map_or(u64::MAX, u64::from);
        let one_more = |count| (count < most).then_some(count + 1);
        let reserved = self.backend.history.tunnels.fetch_update(Relaxed, Relaxed, one_more).is_ok();
        self.tunnel.set(reserved);
        reserved
    }

    /// From here on it is a tunnel, and no request: a backend's workers are not busy with it, and its place is another's.
    pub(crate) fn becomes_tunnel(&self) {
        if self.in_flight.take() {
            self.backend.leave();
        }
    }

    /// There is a connection to the backend.
    #[inline]
    pub(crate) fn connected(&self) {
        self.tries.set(false);
        self.backend.trust();
    }

    /// The backend could not be connected to: `why`. It comes last for a moment, which doubles with each try that fails after it.
    #[cold]
    fn unconnected(&self, why: &str) {
        let backend = &self.backend;
        let first = !backend.history.status.is_doubted();
        let moment = backend.history.status.doubt(self.tries.take(), clock::now());
        // Where there is nobody else it is first and last.
        if moment.is_some() && first && backend.group.has_others() {
            let what = format_args!("cannot be connected to ({why}): it comes last until it can");
            backend.group.note(Level::Warn, backend, what);
        }
    }

    /// The backend has answered, and not with what counts as a failure.
    pub fn succeeded(&self) {
        let backend = &self.backend;
        if backend.history.failing.load(Relaxed) {
            backend.history.failing.store(false, Relaxed);
        }
        self.connected();
        // The backend is in no trouble, and what follows, a tunnel perhaps, may take long.
        self.give_retry_back();
        if self.probes.take() {
            backend.history.outlier.lock().returned(clock::now());
            backend.history.status.restore();
            backend.rise();
            backend.group.note(Level::Info, backend, format_args!("is back: a request succeeded"));
            backend.group.queue().wake();
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
        let backend = &self.backend;
        backend.history.failures.fetch_add(1, Relaxed);
        backend.history.failing.store(true, Relaxed);
        let Some(rules) = backend.group.rules().outlier else { return };
        let now = clock::now();
        let mut outlier = backend.history.outlier.lock();
        let probed = self.probes.take();
        if !probed && (backend.history.status.is_ejected() || !outlier.failed(rules, now)) {
            return;
        }
        let mut length = None;
        let mut eject = || {
            let time = outlier.eject(rules, now);
            backend.history.status.eject(now.saturating_add(clock::millis(time)));
            length = Some(time);
        };
        if probed {
            // It was out already.
            eject();
        } else {
            backend.group.eject(backend, &mut eject);
        }
        drop(outlier);
        let Some(length) = length else { return };
        let group = &backend.group;
        if probed {
            let what = format_args!("is ejected for another {length:?}: the next request failed");
            group.note(Level::Warn, backend, what);
        } else {
            let fails = counted(rules.max_fails, "attempt");
            let what = format_args!("is ejected for {length:?}: {fails} failed within {:?}", rules.fail_timeout);
            group.note(Level::Warn, backend, what);
        }
        group.queue().wake();
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

    /// The backend itself, for the pool.
    pub fn backend(&self) -> &Arc<Backend> {
        &self.backend
    }
}

impl Deref for Attempt {
    type Target = Backend;

    fn deref(&self) -> &Backend {
        &self.backend
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let probed_nothing = self.probes.get();
        if probed_nothing {
            self.backend.history.status.give_probe_back();
        }
        if self.tries.get() {
            self.backend.history.status.give_try_back();
        }
        if self.in_flight.get() {
            self.backend.leave();
        }
        if self.tunnel.get() {
            self.backend.history.tunnels.fetch_sub(1, Relaxed);
        }
        if probed_nothing {
            self.backend.group.queue().wake();
        }
    }
}

impl Backend {
    /// One request fewer.
    fn leave(&self) {
        self.history.in_flight.fetch_sub(1, Relaxed);
        if self.history.limited.load(Relaxed) {
            self.group.queue().wake();
        }
    }
}
