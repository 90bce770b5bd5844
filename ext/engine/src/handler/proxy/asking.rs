//! What the policy that chooses a backend wants to know of a request, and what it wants to tell the client.

use proxy_http::message::Known;

use super::Proxy;
use crate::request::Exchange;
use crate::upstream::balancer::{hash, Asking, Policy};

impl Proxy {
    /// To be called before the head is changed into what a backend is to get.
    pub(super) fn asking(&self, exchange: &mut Exchange<'_>) -> Asking {
        match self.backends.policy() {
            Policy::Keyed { template, .. } => {
                let mut key = std::mem::take(&mut exchange.work.scratch);
                key.clear();
                // Requests that have no value have nothing in common, and are spread.
                let told = template.render_key(&exchange.scope(self.path(exchange.work.request.path())), &mut key);
                let asking = if told { Asking::Key(hash(&key)) } else { Asking::Nothing };
                exchange.work.scratch = key;
                asking
            }
            Policy::Sticky(sticky) => {
                sticky.read(&exchange.work.request.fields).map_or(Asking::Nothing, Asking::Cookie)
            }
            _ => Asking::Nothing,
        }
    }

    /// Ties the client to the backend that answered, unless it is already, or its own backend had no room just now.
    pub(super) fn tie(&self, exchange: &mut Exchange<'_>) {
        let Policy::Sticky(sticky) = self.backends.policy() else { return };
        let Some(attempt) = &exchange.outcome.backend else { return };
        if let Asking::Cookie(tag) = &exchange.asking {
            if sticky.tag(attempt) == *tag || self.backends.is_full(tag) {
                return;
            }
        }
        let work = &mut *exchange.work;
        work.scratch.clear();
        sticky.write(attempt, exchange.link.tls, &mut work.scratch);
        work.response.fields.append(Known::SetCookie, &work.scratch);
    }
}
