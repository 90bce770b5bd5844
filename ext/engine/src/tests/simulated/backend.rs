//! The backends of a run: they answer, late, in pieces, in part or not at all.

mod http2;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::events::{note, violation};
use super::ledger::Ledger;
use super::scenario::GENERATION;
use super::wire::{body_of, framed, Head, Length, Wire};
use super::Dice;
use crate::stream::memory::{Mood, Network, Pipe};

/// One address, and what all backends share.
pub(super) struct Backend {
    pub(super) address: SocketAddr,
    /// The upstreams that it belongs to, and whether they introduce connections.
    pub(super) groups: Vec<(String, bool)>,
    /// Whether it speaks HTTP/2 and nothing else.
    pub(super) http2: bool,
    pub(super) network: std::sync::Arc<Network>,
    pub(super) ledger: Rc<Ledger>,
}

/// What a backend does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Answer,
    /// Answers before it has the body, and closes.
    Early,
    /// Answers before it has the body, which it takes afterwards.
    EarlyKept,
    /// Closes as soon as it has the head.
    CloseAtHead,
    /// Does what is asked for, and closes without a word.
    CloseUnanswered,
    /// Closes in the middle of its head.
    CutHead,
    /// Closes in the middle of its body.
    CutBody,
    /// Says nothing any more.
    Silence,
    /// Says what is no HTTP.
    Nonsense,
}

/// What all requests over one connection must have in common.
type Key = (String, String, String);

impl Backend {
    /// Accepts connections until the network is gone. Now and then it is killed, and comes back later.
    pub(super) async fn run(self: Rc<Self>, mut dice: Dice) {
        let mut accepted = self.network.listen(self.address);
        let mut connections = JoinSet::new();
        loop {
            let life = Duration::from_millis(dice.u64(50..20_000));
            let living = async {
                while let Some(pipe) = accepted.recv().await {
                    // When it is killed.
                    pipe.reset_on_close(dice.bool() && !self.http2);
                    match self.http2 {
                        true => connections.spawn_local(Rc::clone(&self).serve_http2(pipe, dice.fork())),
                        false => connections.spawn_local(Rc::clone(&self).serve(pipe, dice.fork())),
                    };
                }
            };
            if timeout(life, living).await.is_ok() {
                return;
            }
            let mood = if dice.bool() { Mood::Refuses } else { Mood::Silent };
            note(format_args!("{} is killed, and {mood:?}", self.address));
            self.network.set_mood(self.address, mood);
            connections.shutdown().await;
            sleep(Duration::from_millis(dice.u64(1..1_000))).await;
            self.network.set_mood(self.address, Mood::Accepts);
            note(format_args!("{} is back", self.address));
        }
    }

    async fn serve(self: Rc<Self>, pipe: Pipe, mut dice: Dice) {
        let mut wire = Wire::new(pipe);
        let ended = self.converse(&mut wire, &mut dice).await;
        if ended.is_ok() {
            wire.pipe().reset_on_close(false);
        }
        note(format_args!("{} closes a connection: {ended:?}", self.address));
    }

    /// Serves requests until one side has had enough.
    async fn converse(&self, wire: &mut Wire<Pipe>, dice: &mut Dice) -> io::Result<()> {
        let mut introduction = None;
        let mut key: Option<Key> = None;
        let mut left = if dice.bool() { dice.usize(1..5) } else { usize::MAX };
        loop {
            let patience = Duration::from_millis(dice.pick(&[3, 30, 300, 30_000]));
            let heard = timeout(patience, self.next_head(wire, &mut introduction)).await;
            let head = match heard {
                Ok(head) => head?,
                Err(_) if wire.has_input() => self.next_head(wire, &mut introduction).await?,
                Err(_) => {
                    if dice.u8(0..4) == 0 {
                        wire.pipe()
                            .write_all(
                                b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                            )
                            .await?;
                    }
                    return Ok(());
                }
            };
            let Some(head) = head else { return Ok(()) };
            if head.line[1] == "/health" {
                wire.pipe().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await?;
                continue;
            }
            self.check_key(&head, introduction.as_deref(), &mut key);
            left -= 1;
            if !self.answer(wire, &head, dice, left == 0).await? {
                return Ok(());
            }
        }
    }

    async fn next_head(&self, wire: &mut Wire<Pipe>, introduction: &mut Option<String>) -> io::Result<Option<Head>> {
        let introduces = self.groups.iter().all(|(_, introduces)| *introduces);
        let mixed = self.groups.iter().any(|(_, other)| *other != introduces);
        if introduction.is_none() && (introduces || mixed) {
            // Where only some of the upstreams introduce connections, the first bytes tell.
            if !wire.starts_with("PROXY ").await? {
                *introduction = Some(String::new());
            } else {
                *introduction = wire.line().await?;
            }
        }
        wire.head().await
    }

    /// A connection may be used by those alone who would have made it in the same way.
    fn check_key(&self, head: &Head, introduction: Option<&str>, key: &mut Option<Key>) {
        let target = &head.line[1];
        let group = target.split('/').nth(1).unwrap_or_default();
        let generation = head.get(&GENERATION.to_ascii_lowercase()).unwrap_or("none");
        let client = head.get("x-client").unwrap_or_default();
        let address = self.address.to_string();
        let introduces = self.groups.iter().find(|(name, _)| name == group).map(|(_, introduces)| *introduces);
        match introduces {
            None => violation(format_args!("{target} came to {address}, which is no backend of {group}")),
            Some(true) => {
                let of_client = client.split_once(':').map(|(ip, port)| format!("PROXY TCP4 {ip} 10.0.0.1 {port} 80"));
                if introduction != of_client.as_deref() {
                    violation(format_args!("{target} of {client} came over the connection of {introduction:?}"));
                }
            }
            Some(false) => {
                if introduction.is_some_and(|introduction| !introduction.is_empty()) {
                    violation(format_args!("{target} came over an introduced connection: {introduction:?}"));
                }
            }
        }
        if group == "host" && head.get("host") != Some(&format!("{}:80", self.address.ip())) {
            violation(format_args!("{target} for {:?} came to {address}", head.get("host")));
        }
        let own = (group.to_owned(), generation.to_owned(), introduction.unwrap_or_default().to_owned());
        let known = key.get_or_insert_with(|| own.clone());
        if *known != own {
            violation(format_args!("{target} came over a connection of {known:?}, and is of {own:?}"));
        }
    }

    /// Answers a request, well or badly. `false` if the connection is to be closed.
    async fn answer(&self, wire: &mut Wire<Pipe>, head: &Head, dice: &mut Dice, last: bool) -> io::Result<bool> {
        let id = head.line[1].as_str();
        self.ledger.sees(id);
        let act = dice.act();
        note(format_args!("{} {} {id}: {act:?}", self.address, head.line[0]));
        let early = [Act::Early, Act::EarlyKept, Act::CloseAtHead].contains(&act);
        if !early {
            self.take_body(wire, head, dice).await?;
        }
        if dice.u8(0..3) == 0 {
            sleep(Duration::from_millis(dice.pick(&[1, 40, 400, 3_000]))).await;
        }
        match act {
            Act::CloseAtHead => return Ok(false),
            Act::Silence => {
                sleep(Duration::from_secs(30)).await;
                return Ok(false);
            }
            Act::Nonsense => {
                wire.pipe().write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await?;
                return Ok(false);
            }
            _ => self.ledger.applies(id),
        }
        if act == Act::CloseUnanswered {
            return Ok(false);
        }
        let closes = last || act == Act::Early;
        let response = Response::new(head, dice, closes);
        let spoiling = Spoiling { ledger: &self.ledger, id, armed: true };
        match act {
            Act::CutHead => {
                let part = dice.usize(1..response.head.len());
                wire.pipe().write_all(&response.head[..part]).await?;
                return Ok(false);
            }
            Act::CutBody if response.body.len() > 1 => {
                wire.pipe().write_all(&response.head).await?;
                wire.pipe().write_all(&response.body[..dice.usize(0..response.body.len() - 1)]).await?;
                wire.pipe().reset_on_close(response.until_close || dice.bool());
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            _ => {}
        }
        if response.until_close {
            // Only a reset says that such a body is cut.
            wire.pipe().reset_on_close(true);
        }
        wire.pipe().write_all(&response.head).await?;
        let mut rest = &response.body[..];
        while !rest.is_empty() {
            let n = if dice.bool() { rest.len() } else { dice.usize(1..=rest.len()) };
            wire.pipe().write_all(&rest[..n]).await?;
            rest = &rest[n..];
            if dice.u8(0..3) == 0 {
                sleep(Duration::from_millis(dice.u64(1..200))).await;
            }
        }
        if closes || response.until_close {
            wire.pipe().shutdown().await?;
            // A close with something unread would destroy the answer.
            let mut dropped = Vec::new();
            let _ = timeout(Duration::from_secs(5), wire.body(Length::UntilClose, &mut dropped)).await;
            spoiling.disarm(!early);
            return Ok(false);
        }
        spoiling.disarm(true);
        if act == Act::EarlyKept {
            self.take_body(wire, head, dice).await?;
        }
        if dice.u8(0..20) == 0 {
            note(format_args!("{} says more than it was asked", self.address));
            wire.pipe().write_all(b"surplus").await?;
        }
        Ok(true)
    }

    async fn take_body(&self, wire: &mut Wire<Pipe>, head: &Head, dice: &mut Dice) -> io::Result<()> {
        let id = head.line[1].as_str();
        if head.get("expect").is_some() {
            wire.pipe().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        } else if dice.u8(0..20) == 0 {
            wire.pipe().write_all(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n").await?;
        }
        let mut body = Vec::new();
        let taken = wire.body(head.length(Length::Bytes(0)), &mut body).await;
        let whole = head.number("x-length").unwrap_or_default();
        if body != body_of(id, if taken.is_ok() { whole } else { body.len() }) {
            violation(format_args!("{id} came with a body of {} bytes that is not its own", body.len()));
        }
        taken
    }
}

/// An answer before it is sent.
struct Response {
    head: Vec<u8>,
    body: Vec<u8>,
    until_close: bool,
}

impl Response {
    fn new(request: &Head, dice: &mut Dice, closes: bool) -> Self {
        let id = request.line[1].as_str();
        let status = match dice.u8(0..20) {
            0 => "503 Service Unavailable",
            1 => "502 Bad Gateway",
            2 => "404 Not Found",
            3 => "204 No Content",
            _ => "200 OK",
        };
        let length = dice.length();
        let mut head = format!("HTTP/1.1 {status}\r\nX-Echo: {id}\r\nX-Length: {length}\r\n");
        let without_body = request.line[0] == "HEAD" || status.starts_with("204");
        let (mut chunked, mut until_close) = (false, false);
        match dice.u8(0..5) {
            _ if status.starts_with("204") => {}
            0 | 1 => {
                chunked = true;
                head += "Transfer-Encoding: chunked\r\n";
            }
            2 if !without_body => until_close = true,
            _ => head += &format!("Content-Length: {length}\r\n"),
        }
        if closes {
            head += "Connection: close\r\n";
        }
        head += "\r\n";
        let body = if without_body { Vec::new() } else { framed(&body_of(id, length), chunked, dice) };
        Self { head: head.into_bytes(), body, until_close }
    }
}

/// An answer that has begun. Unless it is disarmed, its client may get a part of it.
struct Spoiling<'a> {
    ledger: &'a Ledger,
    id: &'a str,
    armed: bool,
}

impl Spoiling<'_> {
    fn disarm(mut self, whole: bool) {
        self.armed = !whole;
    }
}

impl Drop for Spoiling<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.ledger.spoils(self.id);
        }
    }
}

impl Dice {
    fn act(&mut self) -> Act {
        match self.u8(0..40) {
            0 => Act::Early,
            9 => Act::EarlyKept,
            1 => Act::CloseAtHead,
            2 | 3 => Act::CloseUnanswered,
            4 => Act::CutHead,
            5 | 6 => Act::CutBody,
            7 => Act::Silence,
            8 => Act::Nonsense,
            _ => Act::Answer,
        }
    }
}

/// Keeps the backends of a run alive until it is dropped.
pub(super) struct Alive(pub(super) Vec<AbortHandle>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}
