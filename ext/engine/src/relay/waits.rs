//! Waits of one request for a backend.

use std::time::Duration;

use tokio::time::Instant;

/// Times that one request has waited. The clock is read only where there is something to wait for.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    pub(crate) queue: BackendWait,
    pub(crate) connect: BackendWait,
}

impl Waits {
    /// Leaves out what the request before has waited for.
    #[inline]
    pub(crate) fn begin_request(&mut self) {
        self.queue.forget_all();
        self.connect.forget_all();
    }
}

/// Waits of one kind. A wait whose work was given up ends with the request.
#[derive(Debug, Default)]
pub(crate) struct BackendWait {
    total: Duration,
    since: Option<Instant>,
}

impl Waits {
    /// Time in queues, and time of connecting.
    #[inline]
    pub(crate) fn totals(&self) -> (Duration, Duration) {
        (self.queue.total(), self.connect.total())
    }
}

impl BackendWait {
    #[inline]
    fn forget_all(&mut self) {
        self.total = Duration::ZERO;
        self.since = None;
    }

    /// Begins a wait.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.since = Some(now);
    }

    /// Ends a wait.
    pub(crate) fn end(&mut self) {
        self.total = self.total();
        self.since = None;
    }

    /// Leaves a wait out: there was nothing to wait for.
    #[inline]
    pub(crate) fn forget(&mut self) {
        self.since = None;
    }

    /// The waits that have ended.
    #[inline]
    pub(crate) fn so_far(&self) -> Duration {
        self.total
    }

    #[inline]
    fn total(&self) -> Duration {
        match self.since {
            Some(since) => self.total + since.elapsed(),
            None => self.total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_add_up_and_end_with_the_request() {
        let pass = |millis| tokio::time::advance(Duration::from_millis(millis));
        let mut waits = Waits::default();
        for millis in [20, 30] {
            waits.queue.begin(Instant::now());
            pass(millis).await;
            waits.queue.end();
            pass(5).await;
        }
        waits.connect.begin(Instant::now());
        pass(7).await;
        assert_eq!(waits.totals(), (Duration::from_millis(50), Duration::from_millis(7)), "what goes on counts");
        waits.connect.end();
        pass(100).await;
        assert_eq!(waits.totals(), (Duration::from_millis(50), Duration::from_millis(7)));
    }
}
