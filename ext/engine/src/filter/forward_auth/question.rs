//! The request that is sent to the server of `forward_auth`.

use proxy_http::headers::hop_by_hop;
use proxy_http::message::{Known, Method, RequestHead};

use super::ForwardAuth;
use crate::client::forwarded::{self, Forwarding, KnownNames};
use crate::error::{Error, Kind, Retry, Side};
use crate::request::Exchange;

/// Fields that are not sent to the server: those about the body, which is not sent either, and those about what the
/// client has cached.
const NOT_ASKED: [&str; 10] = [
    "Content-Length",
    "Content-Type",
    "Content-Encoding",
    "Expect",
    "Range",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "If-Range",
];

impl ForwardAuth {
    /// The head of the request to the server: a GET with the client's fields. Its target goes to `work.target`.
    pub(super) fn question(&self, exchange: &mut Exchange<'_>) -> Result<RequestHead, Error> {
        let mut target = std::mem::take(&mut exchange.work.target);
        let rendered = self.target.render(&exchange.scope(exchange.work.request.path()), &mut target);
        exchange.work.target = target;
        rendered.map_err(|_| Error { kind: Kind::Target, side: Side::Us, retry: Retry::Never })?;

        let sender = forwarded::Sender { client: exchange.client_info, trusted_hop: exchange.trusted_hop };
        let stamp = exchange.stamp();
        let work = &mut *exchange.work;
        let mut question = work.request.clone();
        hop_by_hop::clean_request(&mut question, &[], false, false);
        for name in NOT_ASKED {
            question.fields.remove(name);
        }
        forwarded::apply(
            &mut question,
            Forwarding::XForwarded,
            sender,
            stamp,
            KnownNames::default(),
            &mut work.scratch,
        );
        question.fields.set("X-Forwarded-Method", work.request.method_text());
        work.scratch.clear();
        work.scratch.extend_from_slice(work.request.path());
        work.scratch.extend_from_slice(work.request.query());
        question.fields.set("X-Forwarded-Uri", &work.scratch);
        work.scratch.clear();
        question.fields.set(Known::Host, &work.target.authority);
        let via = question.version.via();
        question.fields.append(Known::Via, via);
        question.method = Method::Get;
        question.method_span = question.fields.push_text(b"GET");
        Ok(question)
    }
}
