//! One active health check of one backend.

use std::future::poll_fn;

use proxy_http::message::{Framing, Piece, ReadError, ResponseHead};
use proxy_http::proxy_protocol::Whose;
use tokio::time::{timeout_at, Instant};

use super::check::{Check, HttpProbe, Probe, MAX_HEAD, MAX_INTERIM};
use crate::channel::Channel;
use crate::relay::ResponseNeeds;
use crate::stream::Http1Connection;
use crate::stream::Stream;
use crate::upstream::ask::write_head;
use crate::upstream::backend::Backend;
use crate::upstream::connect::{connect_to, To};
use crate::upstream::{http2, BackendProtocol};

/// Bytes of a body that are searched.
const MAX_BODY: usize = 64 * 1024;

/// A check that did not pass.
#[derive(Debug)]
pub(in crate::upstream) enum CheckFailure {
    /// The backend answers with a status that does not pass.
    Status(u16),
    /// The backend is unhealthy, with a short reason.
    Unwell(String),
    /// The check was not made: a resource of our own has run out. With a short reason.
    NotAsked(String),
}

impl From<String> for CheckFailure {
    fn from(why: String) -> Self {
        Self::Unwell(why)
    }
}

/// Runs one check of a backend.
pub(in crate::upstream) async fn ask(backend: &Backend, check: &Check) -> Result<(), CheckFailure> {
    let deadline = Instant::now() + check.timeout;
    let place = backend.address().with_port(check.port);
    let protocol = match check.probe {
        // gRPC runs over HTTP/2.
        Probe::Grpc(_) => BackendProtocol::Http2,
        _ => backend.protocol(),
    };
    let mut introduction = Vec::new();
    if let Some(form) = backend.settings().proxy_protocol {
        form.write(&Whose::Own, &mut introduction);
    }
    let stream = match connect_to(backend, To::Check(&place), protocol, None, &introduction, check.timeout).await {
        Ok(stream) => stream,
        Err(error) if error.is_ours() => return Err(CheckFailure::NotAsked(error.reason())),
        Err(error) => return Err(CheckFailure::Unwell(error.reason())),
    };
    let answered = async {
        match &check.probe {
            Probe::Nothing => Ok(()),
            Probe::Http(probe) if protocol == BackendProtocol::Http2 || stream.agreed_on_http2() => {
                ask_http2(stream, probe, backend).await
            }
            Probe::Http(probe) => converse(&mut Channel::Http1(Http1Connection::new(stream)), probe, backend).await,
            Probe::Grpc(call) => call.ask(stream, backend.authority()).await.map_err(CheckFailure::Unwell),
        }
    };
    match timeout_at(deadline, answered).await {
        Ok(answered) => answered,
        Err(_) => Err(CheckFailure::Unwell(format!("no whole answer within {:?}", check.timeout))),
    }
}

async fn ask_http2(stream: Stream, probe: &HttpProbe, backend: &Backend) -> Result<(), CheckFailure> {
    let (stream, moving) =
        http2::alone(stream, MAX_HEAD).await.map_err(|error| format!("it does not speak HTTP/2: {error}"))?;
    let mut peer = Channel::Http2(Box::new(stream));
    tokio::select! {
        biased;
        answered = converse(&mut peer, probe, backend) => answered,
        never = moving => match never {},
    }
}

async fn converse(peer: &mut Channel, probe: &HttpProbe, backend: &Backend) -> Result<(), CheckFailure> {
    let request = probe.head_for(backend.authority());
    let needs = ResponseNeeds { interim: false, go_ahead: false, upgrade: false };
    write_head(peer, &request, &probe.path, backend, &needs, Framing::None).map_err(|error| error.to_string())?;
    poll_fn(|cx| peer.poll_flush(cx)).await.map_err(|error| error.to_string())?;
    let mut head = ResponseHead::default();
    let mut interim = 0;
    loop {
        poll_fn(|cx| peer.poll_response_head(cx, &mut head, MAX_HEAD)).await.map_err(why)?;
        match head.status {
            101 => return Err("the answer is a 101, which nobody asked for".to_owned().into()),
            100..=199 if interim < MAX_INTERIM => interim += 1,
            _ => break,
        }
    }
    if !probe.accepts(head.status) {
        return Err(CheckFailure::Status(head.status));
    }
    let framing = peer.framing_of_response(&mut head, probe.method).map_err(|malformed| malformed.to_string())?;
    peer.begin_reading(framing);
    let body = read_body(peer).await.map_err(why)?;
    match &probe.body {
        Some(wanted) if !wanted.is_in(&body) => Err("the body does not hold what it should".to_owned().into()),
        _ => Ok(()),
    }
}

/// Reads a whole body and keeps its beginning.
async fn read_body(peer: &mut Channel) -> Result<Vec<u8>, ReadError> {
    let mut kept = Vec::new();
    loop {
        match poll_fn(|cx| peer.poll_body(cx)).await? {
            Piece::End => return Ok(kept),
            Piece::Data(n) => {
                let wanted = n.min(MAX_BODY - kept.len());
                kept.extend_from_slice(&peer.received()[..wanted]);
                peer.consume_body(n);
            }
            Piece::More => {}
        }
    }
}

/// Reason why there is no response.
pub(super) fn why(error: ReadError) -> String {
    match error {
        ReadError::Io(error) => error.to_string(),
        ReadError::Malformed(malformed) => format!("the answer is malformed: {malformed}"),
        ReadError::TooLarge | ReadError::BodyTooLarge => "the answer is too large".into(),
        ReadError::Truncated => "the connection ended within the answer".into(),
        ReadError::Refused | ReadError::Unserved => "the request was refused".into(),
        ReadError::Foreign => "it does not speak HTTP/2".into(),
        ReadError::Ended => "the connection ended without an answer".into(),
    }
}

/// Runs one check, for tests in which no resource of our own runs out.
#[cfg(test)]
pub(super) async fn asked(backend: &Backend, check: &Check) -> Result<(), String> {
    ask(backend, check).await.map_err(|failure| match failure {
        CheckFailure::Status(status) => format!("the answer is a {status}"),
        CheckFailure::Unwell(why) | CheckFailure::NotAsked(why) => why,
    })
}
