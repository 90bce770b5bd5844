//! A mistake of our own costs one request.

use std::future::{poll_fn, Future};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::task::Poll;

use proxy_http::message::Known;

use super::{forward, log_refused, refuse, Unread, Verdict};
use crate::client::ClientInfo;
use crate::engine::Engine;
use crate::error::Cause;
use crate::exchange::Client;
use crate::grpc::Form;
use crate::grpc::Told;
use crate::log::Level;
use crate::request::Workspace;
use crate::request_id::{LoggedId, RequestId};
use crate::snapshot::Snapshot;

/// Serves a request. A panic ends that request with a 500, or by cutting the response short if it has begun, and nothing else.
pub(crate) async fn forward_guarded(
    engine: &Engine,
    snapshot: &Snapshot,
    link: &ClientInfo,
    client: &mut Client,
    work: &mut Workspace,
) -> Verdict {
    let (sent, body) = (client.peer.total_sent(), client.peer.body_sent());
    let result = {
        let mut request = std::pin::pin!(forward(engine, snapshot, link, client, work));
        poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| request.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        })
        .await
    };
    if let Some(verdict) = result {
        return verdict;
    }
    let id = RequestId::random();
    let logged = LoggedId::of(id, work.request.fields.get(Known::XRequestId));
    let what = format_args!("a request failed by a mistake in the proxy itself (a panic)");
    engine.log.write(Level::Error, Some(logged), what);
    engine.counters.request_ended();
    if client.peer.total_sent() != sent {
        let bytes = client.peer.body_sent().saturating_sub(body);
        let status = work.response.status;
        log_refused(engine, link, work, id, (status, Told::default()), bytes);
        return Verdict::Reset;
    }
    if let Some(connection) = client.peer.http1() {
        connection.discard_output();
    }
    let form = Form::of(&work.request);
    refuse(engine, link, client, work, Unread { id, cause: Cause::Internal, why: None, form }).await
}
