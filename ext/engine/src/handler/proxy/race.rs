//! One connection to one of several addresses of a name, whichever comes about first (RFC 8305, "happy eyeballs").

use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{sleep_until, Instant};

use super::admission::Line;
use super::attempts::Tour;
use super::Proxy;
use crate::error::{Error, Side};
use crate::peer::Peer;
use crate::request::Exchange;
use crate::request::Tools;
use crate::upstream::http2::Call;
use crate::upstream::{Attempt, Endpoint};

/// How long the connection to one address may take before that to the next is begun (RFC 8305, section 8).
const HEAD_START: Duration = Duration::from_millis(250);

type Reached = Result<(Peer, bool), Error>;

/// A connection under way, and the attempt that it is for. None: the attempt that the race began with.
struct Runner<'r> {
    attempt: Option<Attempt>,
    connecting: Pin<Box<dyn Future<Output = Reached> + 'r>>,
}

impl Proxy {
    /// Connects to the backend of `attempt` and, when that takes long or fails, to other addresses of its name, one family after the other.
    /// The first connection counts, and `attempt` is then the one that it is for. An address that began earlier and lost comes last for a
    /// while, so that the next request begins with one that is quicker. `connect_timeout` is for all of it.
    pub(super) async fn race(
        &self,
        exchange: &mut Exchange<'_>,
        attempt: &mut Attempt,
        tour: &mut Tour,
        line: &mut Line<'_>,
        deadline: Instant,
    ) -> Reached {
        let begun = Instant::now();
        // In whole milliseconds, for who reads of it.
        let left = || {
            let left = self.connect_timeout.saturating_sub(begun.elapsed());
            Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
        };
        let engine = exchange.engine;
        let introduction = std::mem::take(&mut exchange.work.introduction);
        let first = self.dial(engine, &introduction, tour, attempt.endpoint().clone(), self.connect_timeout, deadline);
        let mut runners = vec![Runner { attempt: None, connecting: first }];
        let mut others = true;
        let mut started = 0;
        let mut pause = Box::pin(sleep_until(Instant::now() + HEAD_START));
        let mut last = None;
        let reached = loop {
            let (client, patience) = (&mut *exchange.client, self.limits.half_close);
            // Which of the runners has arrived; none, if it is time for another one to start.
            let arrived = poll_fn(|cx| {
                for (index, runner) in runners.iter_mut().enumerate() {
                    if let Poll::Ready(reached) = runner.connecting.as_mut().poll(cx) {
                        return Poll::Ready(Some((index, reached)));
                    }
                }
                if let Poll::Ready(error) = client.poll_gone_in_line(cx, patience) {
                    return Poll::Ready(Some((0, Err(error))));
                }
                if others && pause.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
                Poll::Pending
            })
            .await;
            match arrived {
                Some((index, Ok(reached))) => {
                    let winner = runners.remove(index).attempt;
                    // Those before it began earlier.
                    for runner in &runners[..index] {
                        runner.attempt.as_ref().unwrap_or(attempt).outrun();
                    }
                    if let Some(winner) = winner {
                        *attempt = winner;
                    }
                    attempt.connected();
                    break Ok(reached);
                }
                Some((_, Err(error))) if error.side == Side::Client => break Err(error),
                Some((index, Err(error))) => {
                    let runner = runners.remove(index);
                    last = Some(self.note_failure(exchange, runner.attempt.as_ref().unwrap_or(attempt), error));
                }
                None => {}
            }
            if others {
                match line.other_address(attempt.endpoint()) {
                    Some(other) => {
                        let connecting =
                            self.dial(engine, &introduction, tour, other.endpoint().clone(), left(), deadline);
                        started += 1;
                        runners.push(Runner { attempt: Some(other), connecting });
                        pause.as_mut().reset(Instant::now() + HEAD_START);
                    }
                    None => others = false,
                }
            }
            if runners.is_empty() {
                if let Some(error) = last.take() {
                    break Err(error);
                }
            }
        };
        drop(runners);
        // Each of them has been an attempt.
        tour.left = tour.left.saturating_sub(started);
        exchange.work.introduction = introduction;
        reached
    }

    fn dial<'r>(
        &'r self,
        engine: &'r Tools,
        introduction: &'r [u8],
        tour: &'r Tour,
        endpoint: Arc<Endpoint>,
        limit: Duration,
        deadline: Instant,
    ) -> Pin<Box<dyn Future<Output = Reached> + 'r>> {
        let (keep, max_head) = (self.keep, self.limits.max_head);
        Box::pin(async move {
            let (endpoint, name) = (&endpoint, tour.name.as_ref());
            let call = Call { endpoint, name, introduction, keep, max_head, limit, deadline };
            engine.pool.reach(call, tour.asked.upgrade).await
        })
    }
}
