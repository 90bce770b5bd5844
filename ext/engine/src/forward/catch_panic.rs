//! Handling of panics: a bug of ours costs one request only.

use std::future::{poll_fn, Future};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::task::Poll;

use proxy_http::message::Known;

use super::{forward, log_refused, refuse, RefusedOutcome, Unread, Verdict};
use crate::client::ClientInfo;
use crate::error::Cause;
use crate::grpc::Form;
use crate::log::Level;
use crate::relay::ClientChannel;
use crate::request::{RecordStage, Workspace};
use crate::request_id::{LoggedId, RequestId};
use crate::snapshot::Snapshot;
use crate::worker::Worker;

/// Serves a request. A panic only ends that request, with a 500, or by cutting the response short if it has begun.
pub(crate) async fn forward_guarded(
    worker: &Worker,
    snapshot: &Snapshot,
    client_info: &ClientInfo,
    client: &mut ClientChannel,
    work: &mut Workspace,
) -> Verdict {
    let (sent, body) = (client.channel.total_sent(), client.channel.body_sent());
    // Counted out here, so that each request ends once, wherever a panic cuts it short.
    worker.counters.request_began();
    let result = {
        let mut request = std::pin::pin!(forward(worker, snapshot, client_info, client, work));
        poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| request.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        })
        .await
    };
    worker.counters.request_ended();
    if let Some(verdict) = result {
        return verdict;
    }
    client.channel.end_coding();
    let id = RequestId::random();
    let logged = LoggedId::of(id, work.request.fields.get(Known::XRequestId));
    let what = format_args!("a request failed by a mistake in the proxy itself (a panic)");
    worker.log.write(Level::Error, Some(logged), what);
    if client.channel.total_sent() != sent || work.recorded != RecordStage::Nothing {
        let bytes = client.channel.body_sent().saturating_sub(body);
        let status = work.response.status;
        log_refused(
            worker,
            client_info,
            work,
            id,
            RefusedOutcome { status, ..RefusedOutcome::of(Cause::Internal, bytes) },
        );
        return Verdict::Reset;
    }
    if let Some(connection) = client.channel.http1() {
        connection.discard_output();
    }
    let form = Form::of(&work.request);
    refuse(worker, client_info, client, work, Unread { id, cause: Cause::Internal, why: None, form }).await
}
