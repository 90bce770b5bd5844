//! Affinity of a request to a backend: the input of the balancing policy, and the cookie that ties the client.

use proxy_http::message::Known;

use super::Proxy;
use crate::request::Exchange;
use crate::upstream::balancer::{hash, Affinity, BalancingPolicy};

impl Proxy {
    /// Affinity of the request. Call it before the head is changed into what the backend gets.
    pub(super) fn affinity(&self, exchange: &mut Exchange<'_>) -> Affinity {
        let split = exchange.split.clone();
        match split.as_ref().map_or_else(|| self.backends.policy(), |upstream| upstream.policy()) {
            BalancingPolicy::Keyed { template, .. } => {
                let mut key = std::mem::take(&mut exchange.work.scratch);
                key.clear();
                // Requests without a value have nothing in common, and are spread over all backends.
                let told = template.render_key(&exchange.scope(self.path(exchange.work.request.path())), &mut key);
                let affinity = if told { Affinity::Key(hash(&key)) } else { Affinity::None };
                exchange.work.scratch = key;
                affinity
            }
            BalancingPolicy::Sticky(sticky) => {
                sticky.read(&exchange.work.request.fields).map_or(Affinity::None, Affinity::Cookie)
            }
            _ => Affinity::None,
        }
    }

    /// Ties the client to the backend that answered, unless it is tied already, or its own backend was only busy.
    pub(super) fn tie(&self, exchange: &mut Exchange<'_>) {
        let split = exchange.split.clone();
        let policy = split.as_ref().map_or_else(|| self.backends.policy(), |upstream| upstream.policy());
        let BalancingPolicy::Sticky(sticky) = policy else { return };
        let Some(attempt) = &exchange.outcome.backend else { return };
        let is_full = |tag| split.as_ref().map_or_else(|| self.backends.is_full(tag), |upstream| upstream.is_full(tag));
        if let Affinity::Cookie(tag) = &exchange.affinity {
            if sticky.tag(attempt) == *tag || is_full(tag) {
                return;
            }
        }
        let work = &mut *exchange.work;
        work.scratch.clear();
        sticky.write(attempt, exchange.client_info.tls, &mut work.scratch);
        work.response.fields.append(Known::SetCookie, &work.scratch);
    }
}
