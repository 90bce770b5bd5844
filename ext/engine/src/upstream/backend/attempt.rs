//! One attempt at one backend.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;

use tokio::time::Instant;

use super::{counted, Backend, BackendAddress};
use crate::application::ApplicationPlace;
use crate::channel::Channel;
use crate::clock;
use crate::error::{Blame, EndReason, Error, Kind};
use crate::log::Level;
use crate::metrics::{class_index, FailureReason, ThreadNumber};
use crate::request_id::{LoggedId, RequestId};
use crate::upstream::backend::retry_budget::RetryPermit;

/// One attempt at one backend: counted as in flight until it is dropped, or becomes a tunnel.
#[derive(Debug)]
pub(crate) struct Attempt {
    backend: Arc<Backend>,
    /// Whether it counts as a tunnel.
    tunnel: Cell<bool>,
    /// Whether it counts as in flight.
    in_flight: Cell<bool>,
    /// Whether it probes an ejected backend.
    probes: Cell<bool>,
    /// Whether it tries a backend that could not be connected to.
    tries: Cell<bool>,
    failed: Cell<bool>,
    begun: Instant,
    retry: RefCell<Option<RetryPermit>>,
}

impl Attempt {
    /// Begins an attempt whatever the limits of the backend.
    #[cfg(test)]
    pub(crate) fn begin(backend: Arc<Backend>) -> Self {
        backend.history.in_flight.fetch_add(1, Relaxed);
        Self::begun(backend, false, None, None)
    }

    /// Begins an attempt, unless the backend is full, or is ejected and being probed by another request.
    pub(crate) fn admit(backend: Arc<Backend>, retry: Option<RetryPermit>) -> Option<Self> {
        Self::admit_at(backend, retry, None)
    }

    /// Like [`Self::admit`]. `now` is the time, if it was read a moment ago.
    pub(crate) fn admit_at(backend: Arc<Backend>, retry: Option<RetryPermit>, now: Option<Instant>) -> Option<Self> {
        match backend.settings.max_connections {
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
            return Some(Self::begun(backend, false, retry, now));
        }
        let ejected = status.is_ejected();
        if ejected && !status.take_probe(clock::now()) {
            backend.leave();
            return None;
        }
        let tries = status.is_doubted() && status.take_try(clock::now());
        let attempt = Self::begun(backend, ejected, retry, now);
        attempt.tries.set(tries);
        Some(attempt)
    }

    fn begun(backend: Arc<Backend>, probes: bool, retry: Option<RetryPermit>, now: Option<Instant>) -> Self {
        backend.history.requests.fetch_add(1, Relaxed);
        Self {
            backend,
            tunnel: Cell::new(false),
            in_flight: Cell::new(true),
            probes: Cell::new(probes),
            tries: Cell::new(false),
            failed: Cell::new(false),
            begun: now.unwrap_or_else(Instant::now),
            retry: RefCell::new(retry),
        }
    }

    /// Reserves a tunnel. `false` if the backend has `max_tunnels` already.
    pub(crate) fn reserve_tunnel(&self) -> bool {
        let most = self.backend.settings.max_tunnels.map_or(u64::MAX, u64::from);
        let one_more = |count| (count < most).then_some(count + 1);
        let reserved = self.backend.history.tunnels.fetch_update(Relaxed, Relaxed, one_more).is_ok();
        self.tunnel.set(reserved);
        reserved
    }

    /// The attempt has become a tunnel: it counts no longer as a request in flight, for no worker of the backend is
    /// busy with it.
    pub(crate) fn becomes_tunnel(&self) {
        self.has_served();
    }

    /// The backend has nothing more to do for the request: it counts no longer as in flight, although the client has
    /// not taken all of the response.
    pub(crate) fn has_served(&self) {
        if self.in_flight.take() {
            self.backend.leave();
        }
    }

    /// Hands the place among the requests in flight over to the application that works on the request: its thread is
    /// busy until it says otherwise, even if the client goes away.
    pub(crate) fn hand_over(&self, id: RequestId) -> Option<Arc<dyn ApplicationPlace>> {
        let busy = || BusyThread { backend: Arc::clone(&self.backend), id, busy: AtomicBool::new(true) };
        self.in_flight.take().then(|| Arc::new(busy()) as Arc<_>)
    }

    /// Gives the place to the thread that will get the new connection, if that is one to an application.
    pub(crate) fn hand_over_to(&self, id: RequestId, connection: &mut Channel) {
        if let Some(application) = connection.http1().and_then(|connection| connection.stream_mut().application()) {
            if let Some(place) = self.hand_over(id) {
                application.keep(place);
            }
        }
    }

    /// Notes that the backend could be connected to.
    #[inline]
    pub(crate) fn connected(&self) {
        self.tries.set(false);
        self.backend.trust();
    }

    /// Notes that the backend could not be connected to. It is then a last resort for a while: the backoff doubles
    /// with each try that fails.
    #[cold]
    fn unconnected(&self, why: &str) {
        let backend = &self.backend;
        let first = !backend.history.status.is_doubted();
        let moment = backend.history.status.doubt(self.tries.take(), clock::now());
        // Nothing changes for the only backend.
        if moment.is_some() && first && backend.group.has_others() {
            backend.group.note(
                Level::Warn,
                backend,
                format_args!("cannot be connected to ({why}): it comes last until it can"),
            );
        }
    }

    /// Begin of the attempt.
    #[inline]
    pub(crate) fn begun_at(&self) -> Instant {
        self.begun
    }

    /// Notes when the response of the backend began.
    #[inline]
    pub(crate) fn responds(&self, now: Instant) {
        self.backend.history.latency.add(now.saturating_duration_since(self.begun));
    }

    /// The backend has answered, and not with what counts as a failure.
    pub(crate) fn succeeded(&self) {
        let backend = &self.backend;
        if backend.history.failing.load(Relaxed) {
            backend.history.failing.store(false, Relaxed);
            // Requests over the retry budget may be held.
            backend.group.queue().wake();
        }
        self.connected();
        // The permit of the retry budget is no longer needed; what follows, a tunnel perhaps, may take long.
        self.give_retry_back();
        if self.probes.take() {
            backend.history.outlier.lock().returned(clock::now());
            backend.history.status.restore();
            backend.rise();
            backend.group.note_state(Level::Info, backend, format_args!("is back: a request succeeded"));
            backend.group.queue().wake();
        }
    }

    /// Counts the attempt as failed, at most once: an answer that was a failure may be cut short too.
    pub(crate) fn failed(&self, blame: Blame, reason: FailureReason) {
        if self.failed.replace(true) {
            return;
        }
        if blame == Blame::Us {
            return;
        }
        let backend = &self.backend;
        backend.series.failed(reason);
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
            // It is ejected already.
            eject();
        } else {
            backend.group.eject(backend, &mut eject);
        }
        drop(outlier);
        let Some(length) = length else { return };
        let group = &backend.group;
        if probed {
            group.note_state(
                Level::Warn,
                backend,
                format_args!("is ejected for another {length:?}: the next request failed"),
            );
        } else {
            let fails = counted(rules.max_fails, "attempt");
            group.note_state(
                Level::Warn,
                backend,
                format_args!("is ejected for {length:?}: {fails} failed within {:?}", rules.fail_timeout),
            );
        }
        group.queue().wake();
    }

    /// Counts a failure of the backend, unless it is our own.
    pub(crate) fn failed_for(&self, error: &Error) {
        let blame = error.blame();
        self.failed(blame, reason_of(error));
        match &error.kind {
            Kind::Connect(why) if blame == Blame::Backend => self.unconnected(&why.reason()),
            _ => {}
        }
    }

    /// Counts a failure of the backend after its response has begun.
    pub(crate) fn cut_for(&self, error: &Error) {
        self.failed(Blame::Backend, reason_of(error));
    }

    /// Notes that another address of the name was connected to earlier although it began later.
    pub(crate) fn outrun(&self) {
        self.unconnected("another address of its name was quicker");
    }

    /// Gives the permit of the retry budget back, for another attempt.
    pub(crate) fn give_retry_back(&self) {
        self.retry.take();
    }

    /// Counts the answer for metrics, by the class of its status.
    #[inline]
    pub(crate) fn count_answer(&self, thread: ThreadNumber, status: u16) {
        self.backend.series.answered(thread, class_index(status));
    }

    /// The backend itself, for the pool.
    pub(crate) fn backend(&self) -> &Arc<Backend> {
        &self.backend
    }
}

/// The reason of a failure, for figures.
fn reason_of(error: &Error) -> FailureReason {
    match EndReason::from(error) {
        EndReason::BackendRefused => FailureReason::Refused,
        EndReason::BackendTimeout => FailureReason::Timeout,
        EndReason::BackendCut => FailureReason::Cut,
        _ => FailureReason::Error,
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

/// A thread of an application that is busy with a request.
#[derive(Debug)]
struct BusyThread {
    backend: Arc<Backend>,
    id: RequestId,
    busy: AtomicBool,
}

impl ApplicationPlace for BusyThread {
    fn leave(&self) {
        if self.busy.swap(false, Relaxed) {
            self.backend.leave();
        }
    }

    fn failed(&self, request_id: Option<&[u8]>, message: &str) {
        let id = LoggedId::of(self.id, request_id);
        self.backend.group.note_request(Level::Error, &self.backend, id, format_args!("{message}"));
    }
}

impl Drop for BusyThread {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Backend {
    /// Whether it is an application in this process.
    #[inline]
    pub(crate) fn is_application(&self) -> bool {
        matches!(self.address, BackendAddress::Application(_))
    }

    /// One request in flight fewer.
    fn leave(&self) {
        self.history.in_flight.fetch_sub(1, Relaxed);
        if self.history.limited.load(Relaxed) {
            self.group.queue().wake();
        }
    }
}
