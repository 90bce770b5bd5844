//! A client that speaks HTTP/2: all of its requests are on their way at once.

use std::rc::Rc;
use std::time::Duration;

use h2::client::{Builder, SendRequest};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{check, Client, Dice, Outcome, Request, PATIENCE};
use crate::stream::memory::Pipe;
use crate::tests::simulated::events::{note, violation};
use crate::tests::simulated::http2::{head, is_untouched, read_body, send_body, WINDOW};
use crate::tests::simulated::ledger::Ledger;

impl Client {
    /// Sends requests over a connection of HTTP/2. `leaves`: it goes away at some moment.
    pub(super) async fn use_http2(&self, pipe: Pipe, requests: Vec<Request>, leaves: bool, dice: &mut Dice) {
        let life = if leaves { Duration::from_micros(dice.up_to(&[5_000, 500_000])) } else { PATIENCE * 10 };
        let mut streams = JoinSet::new();
        let talk = async {
            let Ok((sender, connection)) = Builder::new().initial_connection_window_size(WINDOW).handshake(pipe).await
            else {
                return;
            };
            let connection = tokio::task::spawn_local(connection);
            for request in requests {
                let ask = ask(sender.clone(), Rc::new(request), Rc::clone(&self.ledger), !leaves, dice.fork());
                streams.spawn_local(ask);
            }
            drop(sender);
            while streams.join_next().await.is_some() {}
            connection.abort();
        };
        if timeout(life, talk).await.is_err() {
            streams.shutdown().await;
        }
    }
}

/// Sends one request, and looks at what comes of it.
async fn ask(sender: SendRequest<bytes::Bytes>, request: Rc<Request>, ledger: Rc<Ledger>, waits: bool, mut dice: Dice) {
    if dice.bool() {
        sleep(Duration::from_millis(dice.up_to(&[5, 500]))).await;
    }
    let Ok(sender) = sender.ready().await else { return };
    let mut body = Vec::new();
    let outcome = match timeout(PATIENCE, exchange(sender, &request, &mut body, &ledger, &mut dice)).await {
        Ok(outcome) => outcome,
        Err(_) if waits => return violation(format_args!("{} is not answered", request.id)),
        Err(_) => return,
    };
    note(format_args!("{} {} for its client over HTTP/2: {outcome:?}", request.method, request.id));
    match outcome {
        Outcome::Nothing => ledger.goes_unanswered(&request.id),
        Outcome::Lost => ledger.is_lost(&request.id),
        Outcome::Part if !ledger.is_spoiled(&request.id) => {
            violation(format_args!("the proxy cut the answer to {}: {outcome:?}", request.id));
        }
        _ => {}
    }
}

async fn exchange(
    mut sender: SendRequest<bytes::Bytes>,
    request: &Request,
    body: &mut Vec<u8>,
    ledger: &Ledger,
    dice: &mut Dice,
) -> Outcome {
    let mut asked = http::Request::builder()
        .method(request.method)
        .uri(format!("http://{}{}", request.host, request.id))
        .header("x-client", &*request.client)
        .header("x-length", request.content.len());
    if request.has_body && dice.bool() {
        asked = asked.header("content-length", request.content.len());
    }
    let Ok(asked) = asked.body(()) else { return Outcome::Nothing };
    let (answer, mut upload) = match sender.send_request(asked, !request.has_body) {
        Ok(sent) => sent,
        // It never left.
        Err(_) => return Outcome::Nothing,
    };
    let lost = |error: h2::Error| {
        note(format_args!("{}: {error}", request.id));
        if is_untouched(&error) {
            Outcome::Nothing
        } else {
            Outcome::Lost
        }
    };
    let sending = async {
        if request.has_body {
            let _ = send_body(&mut upload, &request.content).await;
        }
        std::future::pending::<std::convert::Infallible>().await
    };
    let reading = async {
        let answer = match answer.await {
            Ok(answer) => answer,
            Err(error) => return lost(error),
        };
        let (parts, mut stream) = answer.into_parts();
        let read = read_body(&mut stream, body).await;
        let line = ["HTTP/2".into(), parts.status.as_str().into(), String::new()];
        check(request, &head(line, &parts.headers), body, read.is_ok(), ledger);
        match read {
            Ok(()) => Outcome::Answered,
            Err(error) => {
                note(format_args!("{}: {error}", request.id));
                Outcome::Part
            }
        }
    };
    tokio::select! {
        biased;
        outcome = reading => outcome,
        never = sending => match never {},
    }
}
