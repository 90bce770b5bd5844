//! One check of one backend.

use std::future::poll_fn;

use proxy_http::message::{Framing, Piece, ReadError, ResponseHead};
use proxy_http::proxy_protocol::Whose;
use tokio::time::{timeout_at, Instant};

use super::check::{Check, HttpQuestion, Question};
use crate::exchange::Asked;
use crate::peer::Peer;
use crate::stream::Http1Connection;
use crate::stream::Stream;
use crate::upstream::ask::write_head;
use crate::upstream::backend::Endpoint;
use crate::upstream::connect::{connect_to, To};
use crate::upstream::{http2, Protocol};

/// Largest head of an answer.
pub(super) const MAX_HEAD: usize = 64 * 1024;
/// How much of a body is looked through.
const MAX_BODY: usize = 64 * 1024;
/// Interim responses that are waited through.
pub(super) const MAX_INTERIM: usize = 32;

/// What a check came to that has no good end.
#[derive(Debug)]
pub(super) enum Failure {
    /// The backend is not well: a few words about why.
    Unwell(String),
    /// It was not asked, for something of our own has run out.
    NotAsked(String),
}

/// Asks a backend.
pub(super) async fn ask(endpoint: &Endpoint, check: &Check) -> Result<(), Failure> {
    let deadline = Instant::now() + check.timeout;
    let place = endpoint.place().with_port(check.port);
    let protocol = match check.question {
        // It is made of HTTP/2.
        Question::Grpc(_) => Protocol::Http2,
        _ => endpoint.protocol(),
    };
    let mut introduction = Vec::new();
    if let Some(form) = endpoint.traits().proxy_protocol {
        form.write(&Whose::Own, &mut introduction);
    }
    let stream = match connect_to(endpoint, To::Check(&place), protocol, None, &introduction, check.timeout).await {
        Ok(stream) => stream,
        Err(error) if error.is_ours() => return Err(Failure::NotAsked(error.reason())),
        Err(error) => return Err(Failure::Unwell(error.reason())),
    };
    let answered = async {
        match &check.question {
            Question::Nothing => Ok(()),
            Question::Http(question) if protocol == Protocol::Http2 || stream.agreed_on_http2() => {
                ask_http2(stream, question, endpoint).await
            }
            Question::Http(question) => {
                converse(&mut Peer::Http1(Http1Connection::new(stream)), question, endpoint).await
            }
            Question::Grpc(call) => call.ask(stream, endpoint.authority()).await,
        }
    };
    match timeout_at(deadline, answered).await {
        Ok(answered) => answered.map_err(Failure::Unwell),
        Err(_) => Err(Failure::Unwell(format!("no whole answer within {:?}", check.timeout))),
    }
}

async fn ask_http2(stream: Stream, question: &HttpQuestion, endpoint: &Endpoint) -> Result<(), String> {
    let (stream, moving) =
        http2::alone(stream, MAX_HEAD).await.map_err(|error| format!("it does not speak HTTP/2: {error}"))?;
    let mut peer = Peer::Http2(Box::new(stream));
    tokio::select! {
        biased;
        answered = converse(&mut peer, question, endpoint) => answered,
        never = moving => match never {},
    }
}

async fn converse(peer: &mut Peer, question: &HttpQuestion, endpoint: &Endpoint) -> Result<(), String> {
    let request = question.head_for(endpoint.authority());
    let asked = Asked { interim: false, go_ahead: false, upgrade: false };
    write_head(peer, &request, &question.path, endpoint, &asked, Framing::None).map_err(|error| error.to_string())?;
    poll_fn(|cx| peer.poll_flush(cx)).await.map_err(|error| error.to_string())?;
    let mut head = ResponseHead::default();
    let mut interim = 0;
    loop {
        poll_fn(|cx| peer.poll_response_head(cx, &mut head, MAX_HEAD)).await.map_err(why)?;
        match head.status {
            101 => return Err("the answer is a 101, which nobody asked for".into()),
            100..=199 if interim < MAX_INTERIM => interim += 1,
            _ => break,
        }
    }
    if !question.accepts(head.status) {
        return Err(format!("the answer is a {}", head.status));
    }
    let framing = peer.framing_of_response(&mut head, question.method).map_err(|malformed| malformed.to_string())?;
    peer.begin_reading(framing);
    let body = read_body(peer).await.map_err(why)?;
    match &question.body {
        Some(wanted) if !wanted.is_in(&body) => Err("the body does not hold what it should".into()),
        _ => Ok(()),
    }
}

/// Reads all of it and keeps its beginning.
async fn read_body(peer: &mut Peer) -> Result<Vec<u8>, ReadError> {
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

/// Why there is no answer.
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

/// The same, for tests where nothing of our own runs out.
#[cfg(test)]
pub(super) async fn asked(endpoint: &Endpoint, check: &Check) -> Result<(), String> {
    ask(endpoint, check).await.map_err(|failure| match failure {
        Failure::Unwell(why) | Failure::NotAsked(why) => why,
    })
}
