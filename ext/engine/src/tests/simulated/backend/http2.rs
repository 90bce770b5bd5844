//! A backend that speaks HTTP/2.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use http::{Request, Response};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Backend, Dice, Key, Spoiling};
use crate::stream::memory::Pipe;
use crate::tests::simulated::events::{note, violation};
use crate::tests::simulated::http2::{head, read_body, send_body, WINDOW};
use crate::tests::simulated::ledger::Ledger;
use crate::tests::simulated::wire::body_of;

/// What a backend does with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Answer,
    /// Answers before it has the body.
    Early,
    /// Says that it has not begun with it.
    Refuse,
    /// Resets it when it has the request.
    Reset,
    /// Resets it in the middle of its answer.
    Cut,
    /// Says nothing any more.
    Silence,
}

impl Backend {
    /// Serves a connection until somebody ends it.
    pub(super) async fn serve_http2(self: Rc<Self>, pipe: Pipe, mut dice: Dice) {
        let Ok(mut connection) = Builder::new().initial_connection_window_size(WINDOW).handshake(pipe).await else {
            return;
        };
        let mut key: Option<Key> = None;
        let mut streams = JoinSet::new();
        let mut answers = Answers { ledger: &self.ledger, ids: Vec::new() };
        let life = Duration::from_millis(dice.pick(&[5, 500, 60_000, 60_000]));
        let serving = async {
            while let Some(Ok((request, response))) = connection.accept().await {
                let line = [request.method().to_string(), request.uri().path().to_owned(), "HTTP/2".into()];
                let asked = head(line, request.headers());
                if asked.line[1] != "/health" {
                    self.check_key(&asked, None, &mut key);
                    answers.ids.push(asked.line[1].clone());
                }
                streams.spawn_local(Rc::clone(&self).answer_stream(request, response, dice.fork()));
            }
        };
        if timeout(life, serving).await.is_err() {
            note(format_args!("{} says that it goes away", self.address));
            connection.graceful_shutdown();
            while let Some(Ok((request, response))) = connection.accept().await {
                answers.ids.push(request.uri().path().to_owned());
                streams.spawn_local(Rc::clone(&self).answer_stream(request, response, dice.fork()));
            }
        } else {
            answers.ids.clear();
        }
        note(format_args!("{} has ended a connection", self.address));
    }

    async fn answer_stream(
        self: Rc<Self>,
        request: Request<RecvStream>,
        mut response: SendResponse<Bytes>,
        mut dice: Dice,
    ) {
        let answered = self.answer_as(request, &mut response, &mut dice).await;
        if let Err(error) = answered {
            note(format_args!("{}: {error}", self.address));
        }
    }

    async fn answer_as(
        &self,
        request: Request<RecvStream>,
        response: &mut SendResponse<Bytes>,
        dice: &mut Dice,
    ) -> Result<(), h2::Error> {
        let (parts, mut upload) = request.into_parts();
        let id = parts.uri.path();
        if id == "/health" {
            return response.send_response(Response::new(()), true).map(drop);
        }
        let act = dice.stream_act();
        note(format_args!("{} {} {id} over HTTP/2: {act:?}", self.address, parts.method));
        if act == Act::Refuse {
            response.send_reset(Reason::REFUSED_STREAM);
            return Ok(());
        }
        self.ledger.sees(id);
        if act != Act::Early {
            let mut body = Vec::new();
            let taken = read_body(&mut upload, &mut body).await;
            let whole = parts.headers.get("x-length").and_then(|length| length.to_str().ok()?.parse().ok());
            let length = if taken.is_ok() { whole.unwrap_or_default() } else { body.len() };
            if body != body_of(id, length) {
                violation(format_args!("{id} came with a body of {} bytes that is not its own", body.len()));
            }
            taken?;
        }
        if dice.u8(0..3) == 0 {
            sleep(Duration::from_millis(dice.pick(&[1, 40, 400, 3_000]))).await;
        }
        match act {
            Act::Silence => {
                sleep(Duration::from_secs(30)).await;
                return Ok(());
            }
            Act::Reset => {
                response.send_reset(dice.pick(&[Reason::INTERNAL_ERROR, Reason::CANCEL]));
                return Ok(());
            }
            _ => self.ledger.applies(id),
        }
        let spoiling = Spoiling { ledger: &self.ledger, id, armed: true };
        let body = if parts.method == http::Method::HEAD { Vec::new() } else { body_of(id, dice.length()) };
        let mut answer = Response::builder()
            .status(dice.pick(&[200, 200, 200, 404, 503]))
            .header("x-echo", id)
            .header("x-length", body.len());
        if dice.bool() && parts.method != http::Method::HEAD {
            answer = answer.header("content-length", body.len());
        }
        note(format_args!("{} answers {id} with {} bytes", self.address, body.len()));
        let Ok(answer) = answer.body(()) else { return Ok(()) };
        let mut stream = response.send_response(answer, body.is_empty())?;
        if body.is_empty() {
            spoiling.disarm(true);
            return Ok(());
        }
        if act == Act::Cut {
            stream.send_data(Bytes::copy_from_slice(&body[..dice.usize(0..body.len())]), false)?;
            sleep(Duration::from_millis(dice.u64(0..20))).await;
            stream.send_reset(Reason::INTERNAL_ERROR);
            return Ok(());
        }
        send_body(&mut stream, &body).await?;
        spoiling.disarm(act != Act::Early);
        // What is still to come of the request is taken, so that the stream ends in order.
        let _ = read_body(&mut upload, &mut Vec::new()).await;
        Ok(())
    }
}

/// What was answered over a connection. If the backend ends that, `h2` may not have sent all of it, and may have left
/// something unread, which destroys what is on its way.
struct Answers<'a> {
    ledger: &'a Ledger,
    ids: Vec<String>,
}

impl Drop for Answers<'_> {
    fn drop(&mut self) {
        self.ids.iter().filter(|id| *id != "/health").for_each(|id| self.ledger.spoils(id));
    }
}

impl Dice {
    fn stream_act(&mut self) -> Act {
        match self.u8(0..30) {
            0 => Act::Early,
            1 | 2 => Act::Refuse,
            3 | 4 => Act::Reset,
            5 => Act::Cut,
            6 => Act::Silence,
            _ => Act::Answer,
        }
    }
}
