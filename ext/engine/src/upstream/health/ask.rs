//! One check of one backend.

use std::future::poll_fn;

use tokio::time::{timeout_at, Instant};

use super::check::{Check, HttpQuestion, Question};
use crate::headers::framing;
use crate::http1::{Connection, Piece, ReadError};
use crate::message::ResponseHead;
use crate::proxy_protocol::Whose;
use crate::upstream::backend::Endpoint;
use crate::upstream::connect::connect_to;

/// Largest head of an answer.
pub(super) const MAX_HEAD: usize = 64 * 1024;
/// How much of a body is looked through.
const MAX_BODY: usize = 64 * 1024;
/// Interim responses that are waited through.
pub(super) const MAX_INTERIM: usize = 32;

/// Asks a backend. An error is a few words about why it is not well.
pub(super) async fn ask(endpoint: &Endpoint, check: &Check) -> Result<(), String> {
    let deadline = Instant::now() + check.timeout;
    let place = endpoint.place().with_port(check.port);
    let mut introduction = Vec::new();
    if let Some(form) = endpoint.traits().proxy_protocol {
        form.write(&Whose::Own, &mut introduction);
    }
    let stream = connect_to(endpoint, &place, endpoint.protocol(), None, &introduction, check.timeout)
        .await
        .map_err(|error| error.reason())?;
    let authority = endpoint.authority();
    let answered = async {
        match &check.question {
            Question::Nothing => Ok(()),
            Question::Http(question) => converse(Connection::new(stream), question, authority).await,
            Question::Grpc(call) => call.ask(stream, authority).await,
        }
    };
    match timeout_at(deadline, answered).await {
        Ok(answered) => answered,
        Err(_) => Err(format!("no whole answer within {:?}", check.timeout)),
    }
}

async fn converse(mut connection: Connection, question: &HttpQuestion, authority: &str) -> Result<(), String> {
    question.write(authority, connection.output());
    poll_fn(|cx| connection.poll_flush(cx)).await.map_err(|error| error.to_string())?;
    let mut head = ResponseHead::default();
    let mut interim = 0;
    loop {
        poll_fn(|cx| connection.poll_response_head(cx, &mut head, MAX_HEAD)).await.map_err(why)?;
        match head.status {
            101 => return Err("the answer is a 101, which nobody asked for".into()),
            100..=199 if interim < MAX_INTERIM => interim += 1,
            _ => break,
        }
    }
    if !question.accepts(head.status) {
        return Err(format!("the answer is a {}", head.status));
    }
    let framing = framing::of_response(&head, question.method).map_err(|malformed| malformed.to_string())?;
    connection.begin_reading(framing);
    let body = read_body(&mut connection).await.map_err(why)?;
    match &question.body {
        Some(wanted) if !wanted.is_in(&body) => Err("the body does not hold what it should".into()),
        _ => Ok(()),
    }
}

/// Reads all of it and keeps its beginning.
async fn read_body(connection: &mut Connection) -> Result<Vec<u8>, ReadError> {
    let mut kept = Vec::new();
    loop {
        match poll_fn(|cx| connection.poll_body(cx)).await? {
            Piece::End => return Ok(kept),
            Piece::Data(n) => {
                let wanted = n.min(MAX_BODY - kept.len());
                kept.extend_from_slice(&connection.input.filled()[..wanted]);
                connection.consume_body(n);
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
        ReadError::Ended => "the connection ended without an answer".into(),
    }
}
