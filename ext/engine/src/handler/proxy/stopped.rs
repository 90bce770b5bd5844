//! Requests to an upstream that the operator has stopped: they are held, or answered.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{ready, Poll};

use tokio::time::Instant;

use super::Proxy;
use crate::error::{Error, Kind, Retry, Side};
use crate::grpc;
use crate::request::{Exchange, Verdict};
use crate::upstream::traffic::{most_held, GateLook, GatePlace, GateRefusal};
use crate::upstream::{Backends, Upstream};

/// A request that was held and goes on.
#[derive(Debug)]
pub(super) struct Released {
    /// Where it goes: to the upstream of the latest configuration.
    pub(super) upstream: Arc<Upstream>,
    /// Its place, until it has one in the queue for a backend: then the next one goes on.
    pub(super) place: Option<GatePlace>,
}

impl Proxy {
    /// Holds or answers the request, if its upstream is stopped. Nothing of its body has been read.
    #[cold]
    pub(super) async fn pass_stops(&self, exchange: &mut Exchange<'_>) -> Result<Option<Box<Released>>, Verdict> {
        if let Some(verdict) = self.pass_maintenance(exchange).await {
            return Err(verdict);
        }
        let Some(upstream) = self.asked_upstream(exchange) else { return Ok(None) };
        let group = upstream.group();
        let kind = match group.traffic().gate().enter(most_held(group.rules().queue)) {
            Ok(None) => return Ok(None),
            Ok(Some(held)) => match self.wait_out(exchange, &held).await {
                Ok(()) => {
                    let upstream = upstream.successor().unwrap_or(upstream);
                    return Ok(Some(Box::new(Released { upstream, place: Some(held) })));
                }
                Err(error) => {
                    drop(held);
                    // This thread may not drain yet, but it is about to: the client is told now.
                    exchange.keep_alive &= !group.traffic().gate().is_stopping();
                    return Err(self.answer_held(exchange, &error).await);
                }
            },
            Err(GateRefusal::Full) => Kind::Crowded,
            Err(GateRefusal::Over) => Kind::Held,
        };
        Err(self.answer_held(exchange, &failure(kind)).await)
    }

    /// Answers the request, if its upstream is in maintenance and the client is not let in.
    #[cold]
    pub(super) async fn pass_maintenance(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        if let Some(maintenance) = exchange.globals.stops.all() {
            if let Some(verdict) = exchange.pass_closure(&maintenance.closure).await {
                return Some(verdict);
            }
        }
        let upstream = self.asked_upstream(exchange)?;
        let maintenance = upstream.group().traffic().maintenance()?;
        exchange.pass_closure(&maintenance.closure).await
    }

    /// The upstream of the request. `None` if the host of the target decides.
    fn asked_upstream(&self, exchange: &Exchange<'_>) -> Option<Arc<Upstream>> {
        match (&exchange.split, &self.backends) {
            (Some(upstream), _) | (None, Backends::Fixed(upstream)) => Some(Arc::clone(upstream)),
            (None, Backends::ByHost(_)) => None,
        }
    }

    async fn answer_held(&self, exchange: &mut Exchange<'_>, error: &Error) -> Verdict {
        exchange.debug(format_args!("its upstream is paused: {error}"));
        exchange.answer_failure(error, &self.unavailable).await
    }

    /// Holds the request. The time counts as time in the queue.
    async fn wait_out(&self, exchange: &mut Exchange<'_>, held: &GatePlace) -> Result<(), Error> {
        exchange.client.waits.queue.begin(Instant::now());
        let end = grpc::within(exchange.call, self.hold(exchange, held)).await;
        exchange.client.waits.queue.end();
        end
    }

    async fn hold(&self, exchange: &mut Exchange<'_>, held: &GatePlace) -> Result<(), Error> {
        let (client, patience) = (&mut *exchange.client, self.limits.half_close);
        poll_fn(|cx| loop {
            let look = held.look(cx);
            match look {
                GateLook::Go => return Poll::Ready(Ok(())),
                GateLook::Over => return Poll::Ready(Err(failure(Kind::Held))),
                GateLook::Wait(_) | GateLook::InLine => {}
            }
            if let Poll::Ready(error) = client.poll_gone_in_line(cx, patience) {
                return Poll::Ready(Err(error));
            }
            let GateLook::Wait(until) = look else { return Poll::Pending };
            ready!(client.alarm.poll(cx, until));
        })
        .await
    }
}

fn failure(kind: Kind) -> Error {
    Error { kind, side: Side::Us, retry: Retry::Never }
}
