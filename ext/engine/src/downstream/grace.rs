//! The grace of a new connection while the server drains: one that was accepted just before the stop has a moment to
//! say what it wants.

use std::future::{poll_fn, Future};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::deadline::DeadlineTimer;
use crate::worker::{Registration, Worker};

/// Time for a first PROXY header, TLS handshake or request once the server drains.
const GRACE: Duration = Duration::from_millis(250);

/// A deadline that is at most [`GRACE`] away once the server drains.
#[derive(Debug)]
pub(super) struct Deadline {
    until: Instant,
    is_draining: bool,
}

impl Deadline {
    /// The deadline while the server does not drain.
    pub(super) fn new(until: Instant) -> Self {
        Self { until, is_draining: false }
    }

    /// The deadline of this moment.
    pub(super) fn now(&mut self, worker: &Worker) -> Instant {
        if worker.closes_idle() && !self.is_draining {
            self.is_draining = true;
            self.until = self.until.min(Instant::now() + GRACE);
        }
        self.until
    }
}

/// Why [`within`] ended its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// The deadline has passed.
    Late,
    /// The server drains, or other connections need the place of this one.
    Leaving,
}

/// Does `work` until `until`, until the grace is over when the server drains, or until the connection must leave.
pub(super) async fn within<F: Future>(
    worker: &Worker,
    registration: &Registration,
    until: Instant,
    work: F,
) -> Result<F::Output, Cut> {
    let mut work = pin!(work);
    let mut alarm = DeadlineTimer::default();
    let mut deadline = Deadline::new(until);
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Ok(done));
        }
        let until = deadline.now(worker);
        if registration.must_leave() {
            return Poll::Ready(Err(Cut::Leaving));
        }
        let cut = if deadline.is_draining { Cut::Leaving } else { Cut::Late };
        alarm.poll(cx, until).map(|()| Err(cut))
    })
    .await
}
