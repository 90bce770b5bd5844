//! The clients of a run: they send request after request, each in a way of its own, and look closely at the answers.

mod http2;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};

use super::events::{note, violation};
use super::ledger::Ledger;
use super::proxy::Proxy;
use super::wire::{body_of, framed, Head, Length, Wire};
use super::Dice;
use crate::stream::memory::Pipe;

/// How long a client waits for anything before it calls that a fault.
const PATIENCE: Duration = Duration::from_secs(100);

pub(super) struct Client {
    pub(super) number: usize,
    pub(super) proxy: Rc<Proxy>,
    pub(super) ledger: Rc<Ledger>,
    /// First parts of paths, with the hosts that they are asked of.
    pub(super) places: Rc<[(String, String)]>,
}

/// How a client uses a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// One request after the answer to the one before.
    InTurn,
    /// All of them at once.
    Pipelined,
    /// In small pieces with pauses, longer than may be allowed.
    Slowly,
    /// It reads little by little.
    SlowToRead,
    /// It ends its side with its last request.
    HalfClosing,
    /// It goes away at some moment.
    Aborting,
    /// All of them at once, over HTTP/2.
    Http2,
    /// And it goes away at some moment.
    Http2Aborting,
}

struct Request {
    id: String,
    method: &'static str,
    host: String,
    /// Where its client is.
    client: String,
    has_body: bool,
    content: Vec<u8>,
    /// The head and the body as HTTP/1.1 sends them.
    bytes: Vec<u8>,
    body: Vec<u8>,
    waits: bool,
    /// It is the last one on its connection.
    closes: bool,
    version: &'static str,
}

/// What comes of a request.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The connection may go on.
    Answered,
    /// And it ends with that.
    Last,
    /// The connection ended in order, before a byte of the answer.
    Nothing,
    /// It was reset before a byte of the answer. There may have been one.
    Lost,
    /// In the middle of it.
    Part,
}

impl Client {
    /// Sends some requests over some connections.
    pub(super) async fn run(self, mut dice: Dice) {
        let mut sent = 0;
        for number in 0..dice.usize(1..=4) {
            sleep(Duration::from_millis(dice.pick(&[0, 5, 300, 3_000]))).await;
            let address = SocketAddr::from(([10, 1, 0, self.number as u8], 4_000 + number as u16));
            let Some(pipe) = self.proxy.connect(address) else { return };
            let manner = dice.manner();
            let count = dice.usize(1..=4);
            let requests: Vec<_> =
                (0..count).map(|at| self.request(address, sent + at, at + 1 == count, manner, &mut dice)).collect();
            sent += count;
            note(format_args!("{address} {manner:?} with {count} requests"));
            match manner {
                Manner::Http2 => self.use_http2(pipe, requests, false, &mut dice).await,
                Manner::Http2Aborting => self.use_http2(pipe, requests, true, &mut dice).await,
                _ => self.use_connection(pipe, &requests, manner, &mut dice).await,
            }
            note(format_args!("{address} is done"));
        }
    }

    fn request(&self, client: SocketAddr, number: usize, last: bool, manner: Manner, dice: &mut Dice) -> Request {
        let (place, host) = &self.places[dice.usize(0..self.places.len())];
        let id = format!("/{place}/{}-{number}", self.number);
        let method = dice.pick(&["GET", "GET", "GET", "HEAD", "PUT", "DELETE", "POST", "POST", "PATCH"]);
        let version = if last && dice.u8(0..6) == 0 { "HTTP/1.0" } else { "HTTP/1.1" };
        let has_body = ["POST", "PUT", "PATCH"].contains(&method);
        let length = if has_body { dice.length() } else { 0 };
        let chunked = has_body && version == "HTTP/1.1" && dice.bool();
        let closes = last && (version == "HTTP/1.0" || dice.bool());
        let waits = length > 0 && version == "HTTP/1.1" && manner == Manner::InTurn && dice.u8(0..3) == 0;
        let mut head =
            format!("{method} {id} {version}\r\nHost: {host}\r\nX-Client: {client}\r\nX-Length: {length}\r\n");
        head += &match (has_body, chunked) {
            (false, _) => String::new(),
            (true, true) => "Transfer-Encoding: chunked\r\n".into(),
            (true, false) => format!("Content-Length: {length}\r\n"),
        };
        if waits {
            head += "Expect: 100-continue\r\n";
        }
        if closes && version == "HTTP/1.1" {
            head += "Connection: close\r\n";
        }
        head += "\r\n";
        let content = body_of(&id, length);
        let body = if has_body { framed(&content, chunked, dice) } else { Vec::new() };
        self.ledger.asks(&id, !["POST", "PATCH"].contains(&method));
        let (host, client, bytes) = (host.clone(), client.to_string(), head.into_bytes());
        Request { id, method, host, client, has_body, content, bytes, body, waits, closes, version }
    }

    async fn use_connection(&self, pipe: Pipe, requests: &[Request], manner: Manner, dice: &mut Dice) {
        let at_once = if manner == Manner::Pipelined { requests.len() } else { 1 };
        let turns = Semaphore::new(at_once);
        let go_ahead = Notify::new();
        let abrupt = dice.bool();
        let life = match manner {
            Manner::Aborting => Duration::from_micros(dice.up_to(&[2_000, 30_000, 500_000])),
            _ => PATIENCE * 10,
        };
        if manner == Manner::Aborting && abrupt {
            pipe.reset_on_close(true);
        }
        let (reader, writer) = tokio::io::split(pipe);
        let mut writing = Writing { writer, turns: &turns, go_ahead: &go_ahead, dice: dice.fork() };
        let mut wire = Wire::new(reader);
        let mut reading_dice = dice.fork();
        // Whoever is slow, or seems to be gone, may be given up.
        let excused = [Manner::Slowly, Manner::SlowToRead, Manner::HalfClosing].contains(&manner);
        let reading = async {
            for (number, request) in requests.iter().enumerate() {
                let slow = (manner == Manner::SlowToRead).then_some(&mut reading_dice);
                let outcome =
                    match timeout(PATIENCE, read_answer(&mut wire, request, &go_ahead, &self.ledger, slow)).await {
                        Ok(outcome) => outcome,
                        Err(_) => {
                            violation(format_args!("{} is not answered", request.id));
                            return Some(number);
                        }
                    };
                note(format_args!("{} {} for its client: {outcome:?}", request.method, request.id));
                match outcome {
                    Outcome::Answered => turns.add_permits(1),
                    Outcome::Last => return Some(number + 1),
                    Outcome::Nothing => return Some(number),
                    Outcome::Lost => {
                        if !excused {
                            self.ledger.is_lost(&request.id);
                        }
                        return Some(number + 1);
                    }
                    Outcome::Part => {
                        if !excused && !self.ledger.is_spoiled(&request.id) {
                            violation(format_args!("the proxy cut the answer to {}", request.id));
                        }
                        return Some(number + 1);
                    }
                }
            }
            Some(requests.len())
        };
        let both = async {
            let mut reading = std::pin::pin!(reading);
            tokio::select! {
                biased;
                answered = &mut reading => answered,
                never = writing.run(requests, manner) => match never {},
            }
        };
        let answered = timeout(life, both).await.ok().flatten();
        if let (Some(answered), false) = (answered, excused) {
            for request in &requests[answered..] {
                self.ledger.goes_unanswered(&request.id);
            }
        }
    }
}

/// Reads the answer to a request and checks that it is its own.
async fn read_answer(
    wire: &mut Wire<ReadHalf<Pipe>>,
    request: &Request,
    go_ahead: &Notify,
    ledger: &Ledger,
    slow: Option<&mut Dice>,
) -> Outcome {
    if let Some(dice) = slow {
        sleep(Duration::from_millis(dice.u64(0..2_000))).await;
    }
    let head = loop {
        match wire.head().await {
            Ok(Some(head)) if head.line[1].starts_with('1') => {
                if head.line[1] == "100" {
                    go_ahead.notify_one();
                }
            }
            Ok(Some(head)) => break head,
            Err(_) if wire.has_input() => return Outcome::Part,
            Ok(None) => return Outcome::Nothing,
            Err(error) => {
                note(format_args!("{}: {error}", request.id));
                return Outcome::Lost;
            }
        }
    };
    let status = head.line[1].as_str();
    let length = match request.method {
        "HEAD" => Length::Bytes(0),
        _ if status == "204" => Length::Bytes(0),
        _ => head.length(Length::UntilClose),
    };
    let mut body = Vec::new();
    let read = wire.body(length, &mut body).await;
    if let Err(error) = &read {
        note(format_args!("{} {status}: {} bytes of its answer came: {error}", request.id, body.len()));
    }
    check(request, &head, &body, read.is_ok(), ledger);
    match read {
        Err(_) => Outcome::Part,
        Ok(()) if head.closes() || length == Length::UntilClose || request.closes => Outcome::Last,
        Ok(()) => Outcome::Answered,
    }
}

/// Whether an answer is of this request.
fn check(request: &Request, head: &Head, body: &[u8], whole: bool, ledger: &Ledger) {
    let (id, status) = (&request.id, head.line[1].as_str());
    note(format_args!("{id} is answered {status} with {} bytes", body.len()));
    let Some(echo) = head.get("x-echo") else {
        // The proxy's own.
        if !["408", "502", "503", "504"].contains(&status) {
            violation(format_args!("{id} is answered {status} by the proxy"));
        }
        return;
    };
    if echo != id {
        return violation(format_args!("{id} got the answer to {echo}"));
    }
    let promised = match request.method {
        "HEAD" => 0,
        _ if status == "204" => 0,
        _ => head.number("x-length").unwrap_or_default(),
    };
    let length = if whole { promised } else { body.len().min(promised) };
    if body != body_of(id, length) {
        // A client of HTTP/1.0 may have no other sign of the end than the close.
        let spoiled = if ledger.is_spoiled(id) { "spoiled" } else { "whole" };
        let version = request.version;
        violation(format_args!(
            "{id} ({version}) got {} bytes in place of {length}, {spoiled} by its backend",
            body.len()
        ));
    }
}

/// The half of a client that sends.
struct Writing<'a> {
    writer: WriteHalf<Pipe>,
    /// How many requests may be on their way.
    turns: &'a Semaphore,
    go_ahead: &'a Notify,
    dice: Dice,
}

impl Writing<'_> {
    async fn run(&mut self, requests: &[Request], manner: Manner) -> std::convert::Infallible {
        for request in requests {
            if let Ok(turn) = self.turns.acquire().await {
                turn.forget();
            }
            if self.send(request, manner).await.is_err() {
                break;
            }
            if manner == Manner::InTurn && self.dice.u8(0..3) == 0 {
                sleep(Duration::from_millis(self.dice.pick(&[1, 19, 250, 2_000]))).await;
            }
        }
        if manner == Manner::HalfClosing {
            let _ = self.writer.shutdown().await;
        }
        std::future::pending().await
    }

    async fn send(&mut self, request: &Request, manner: Manner) -> io::Result<()> {
        if manner == Manner::Slowly {
            let all: Vec<u8> = request.bytes.iter().chain(&request.body).copied().collect();
            let most = self.dice.usize(1..=40).max(all.len() / 100);
            for piece in all.chunks(most) {
                self.writer.write_all(piece).await?;
                sleep(Duration::from_millis(self.dice.u64(0..100))).await;
            }
            return Ok(());
        }
        self.writer.write_all(&request.bytes).await?;
        if request.waits {
            let _ = timeout(Duration::from_secs(10), self.go_ahead.notified()).await;
        }
        self.writer.write_all(&request.body).await
    }
}

impl Dice {
    fn manner(&mut self) -> Manner {
        match self.u8(0..15) {
            12 | 13 => Manner::Http2,
            14 => Manner::Http2Aborting,
            0 => Manner::Slowly,
            1 => Manner::SlowToRead,
            2 => Manner::HalfClosing,
            3 | 4 => Manner::Aborting,
            5..=7 => Manner::Pipelined,
            _ => Manner::InTurn,
        }
    }
}
