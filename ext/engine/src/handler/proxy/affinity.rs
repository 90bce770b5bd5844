//! Affinity of a request to a backend: what the balancing policy asks of it, and the cookie that ties the client.

use proxy_http::message::Known;

use super::Proxy;
use crate::request::Exchange;
use crate::upstream::balancer::{hash, Affinity, BalancingPolicy};

impl Proxy {
    /// To be called before the head is changed into what a backend is to get.
    pub(super) fn affinity(&self, exchange: &mut Exchange<'_>) -> Affinity {
        match self.backends.policy() {
            BalancingPolicy::Keyed { template, .. } => {
                let mut key = std::mem::take(&mut exchange.work.scratch);
                key.clear();
                // Requests that have no value have nothing in common, and are spread.
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

    /// Ties the client to the backend that answered, unless it is already, or its own backend had no room just now.
    pub(super) fn tie(&self, exchange: &mut Exchange<'_>) {
        let BalancingPolicy::Sticky(sticky) = self.backends.policy() else { return };
        let Some(attempt) = &exchange.outcome.backend else { return };
        if let Affinity::Cookie(tag) = &exchange.affinity {
            if sticky.tag(attempt) == *tag || self.backends.is_full(tag) {
                return;
            }
        }
        let work = &mut *exchange.work;
        work.scratch.clear();
        sticky.write(attempt, exchange.client_info.tls, &mut work.scratch);
        work.response.fields.append(Known::SetCookie, &work.scratch);
    }
}
