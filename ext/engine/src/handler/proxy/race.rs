//! A race of connections to several addresses of a name (RFC 8305, "happy eyeballs").

use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::time::{sleep_until, Instant};

use super::attempts::Attempts;
use crate::channel::Channel;
use crate::error::{Error, Side};
use crate::upstream::ask;
use crate::upstream::http2::ConnectRequest;
use crate::upstream::{Attempt, Backend, Keep, Pool};

/// Head start of one connection before the next begins (RFC 8305, section 8).
const HEAD_START: Duration = Duration::from_millis(250);

type Reached = Result<(Channel, bool), Error>;

/// A connection under way, and its attempt. `None`: the attempt that the race began with.
struct Runner<'r> {
    attempt: Option<Attempt>,
    connecting: Pin<Box<dyn Future<Output = Reached> + 'r>>,
}

impl Attempts<'_, '_> {
    /// Connects to the backend of `attempt` and, when that takes long or fails, to other addresses of its name,
    /// alternating between the address families. The first connection wins, and `attempt` becomes its attempt. An
    /// address that began earlier and lost is tried last for a while. `connect_timeout` covers the whole race.
    pub(super) async fn race(&mut self, attempt: &mut Attempt, deadline: Instant) -> Reached {
        let begun = Instant::now();
        let connect_timeout = self.proxy.connect_timeout;
        // In whole milliseconds, since it is shown in the log.
        let left = || {
            let left = connect_timeout.saturating_sub(begun.elapsed());
            Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
        };
        // Lent to the connections under way.
        let introduction = std::mem::take(&mut self.exchange.work.introduction);
        let name = self.name.take();
        let dialler = Dialler {
            pool: &self.exchange.tools.pool,
            introduction: &introduction,
            name: name.as_ref(),
            keep: self.proxy.keep(self.exchange),
            max_head: self.proxy.limits.max_head,
            upgrade: self.needs.upgrade,
            deadline,
        };
        let first = dialler.dial(attempt.backend().clone(), connect_timeout);
        let mut runners = vec![Runner { attempt: None, connecting: first }];
        let mut others = true;
        let mut started = 0;
        let mut pause = Box::pin(sleep_until(Instant::now() + HEAD_START));
        let mut last = None;
        let reached = loop {
            let (client, patience) = (&mut *self.exchange.client, self.proxy.limits.half_close);
            // The runner that has arrived; `None` if it is time to start another one.
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
                    // Runners with a lower index began earlier.
                    for runner in &runners[..index] {
                        runner.attempt.as_ref().unwrap_or(attempt).outrun();
                    }
                    if let Some(winner) = winner {
                        *attempt = winner;
                    }
                    break Ok(reached);
                }
                Some((_, Err(error))) if error.side == Side::Client => break Err(error),
                Some((index, Err(error))) => {
                    let runner = runners.remove(index);
                    last = Some(ask::failed(self, runner.attempt.as_ref().unwrap_or(attempt), error));
                }
                None => {}
            }
            if others {
                match self.admission.other_address(attempt.backend()) {
                    Some(other) => {
                        let connecting = dialler.dial(other.backend().clone(), left());
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
        // Each further connection counts as an attempt.
        self.left = self.left.saturating_sub(started);
        self.exchange.work.introduction = introduction;
        self.name = name;
        reached
    }
}

/// Data that all connections of a race share.
#[derive(Clone, Copy)]
struct Dialler<'r> {
    pool: &'r Pool,
    introduction: &'r [u8],
    name: Option<&'r ServerName<'static>>,
    keep: Keep,
    max_head: usize,
    upgrade: bool,
    deadline: Instant,
}

impl<'r> Dialler<'r> {
    fn dial(self, backend: Arc<Backend>, limit: Duration) -> Pin<Box<dyn Future<Output = Reached> + 'r>> {
        let Self { pool, introduction, name, keep, max_head, upgrade, deadline } = self;
        Box::pin(async move {
            let call = ConnectRequest { backend: &backend, name, introduction, keep, max_head, limit, deadline };
            pool.connect(call, upgrade).await
        })
    }
}
