//! Waits of one request for a backend.

use std::time::Duration;

use tokio::time::Instant;

/// Times that one request has waited. The clock is read only where there is something to wait for.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    pub(crate) queue: Wait,
    pub(crate) connect: Wait,
}

/// Waits of one kind. A wait whose work was given up ends with the request.
#[derive(Debug, Default)]
pub(crate) struct Wait {
    total: Duration,
    since: Option<Instant>,
}

impl Waits {
    /// Time in queues, and time of connecting.
    pub(crate) fn totals(&mut self) -> (Duration, Duration) {
        (self.queue.total(), self.connect.total())
    }
}

impl Wait {
    /// Begins a wait.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.since = Some(now);
    }

    /// Ends a wait.
    pub(crate) fn end(&mut self) {
        if let Some(since) = self.since.take() {
            self.total += since.elapsed();
        }
    }

    /// The waits that have ended.
    #[inline]
    pub(crate) fn so_far(&self) -> Duration {
        self.total
    }

    fn total(&mut self) -> Duration {
        self.end();
        self.total
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
        assert_eq!(waits.totals(), (Duration::from_millis(50), Duration::from_millis(7)));
        pass(100).await;
        assert_eq!(waits.totals(), (Duration::from_millis(50), Duration::from_millis(7)));
    }
}
