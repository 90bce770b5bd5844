//! `split`: a part of the requests goes to other upstreams.
//!
//! Who goes where is decided by a value of the request, so that a client stays where it is. A larger percentage only
//! moves clients from the rest to the upstream, never back.

mod compile;
mod ticket;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::Arc;

use proxy_http::message::{FieldName, Fields, Known, RequestHead};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Filtering;
use crate::client::ClientInfo;
use crate::compiler::Compiler;
use crate::networks::Networks;
use crate::request::{Exchange, Verdict};
use crate::rewrite::cookie;
use crate::runtime_state::traffic::{ShareState, SplitState};
use crate::upstream::Upstream;
pub use compile::{SplitConfig, SplitKey};
use ticket::ClientTickets;

/// All requests, in hundredths of a per cent.
const WHOLE: u32 = 10_000;

/// A `split` directive, compiled.
#[derive(Debug)]
pub(crate) struct Split {
    /// What decides. `None`: chance, for each request anew.
    key: Option<ClientKey>,
    parts: Box<[SplitPart]>,
    shares: Arc<Shares>,
    /// Clients that always get the first upstream, by address and …
    addresses: Networks,
    /// … by the value that decides.
    values: Box<[Box<[u8]>]>,
    /// Whether the rest's backends serve while no backend of the chosen upstream can.
    fallback: bool,
    tickets: ClientTickets,
}

/// What decides where a request goes.
#[derive(Debug)]
enum ClientKey {
    Cookie(Box<str>),
    Header(FieldName),
    Address,
    /// A cookie of the proxy's own.
    Ticket,
}

/// An upstream that gets a part of the requests.
#[derive(Debug)]
struct SplitPart {
    name: Box<str>,
    upstream: Arc<Upstream>,
    /// Hash of the name, so that the clients of two upstreams have nothing to do with each other.
    seed: u64,
}

/// The percentages, in hundredths of a per cent. Equal splits before and after a reload share them.
#[derive(Debug)]
struct Shares {
    written: Box<[u32]>,
    now: Box<[AtomicU32]>,
}

impl Filtering for Split {
    type Config = SplitConfig;

    fn compile(config: &SplitConfig, compiler: &mut Compiler) -> Option<Self> {
        compile::compile(config, compiler)
    }

    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let chosen = self.choose(exchange).map(|index| &self.parts[index].upstream);
        exchange.split = chosen.filter(|upstream| !self.fallback || upstream.may_serve()).cloned();
        None
    }
}

impl Split {
    /// The place of the upstream that gets the request. `None`: the rest.
    fn choose(&self, exchange: &mut Exchange<'_>) -> Option<usize> {
        let fields = &exchange.work.request.fields;
        if let Some(decided) = self.decide(fields, exchange.client_info) {
            return decided;
        }
        if self.key.is_none() {
            return self.pick(|_| fastrand::u64(..));
        }
        if let Some(id) = self.tickets.read(fields) {
            return self.pick_by(&id);
        }
        let id = fastrand::u64(..).to_be_bytes();
        // No client of gRPC keeps a cookie.
        if exchange.call.is_none() {
            let mut line = Vec::new();
            self.tickets.write(id, exchange.client_info.tls, &mut line);
            exchange.work.response_additions.add(Known::SetCookie, &line);
        }
        self.pick_by(&id)
    }

    /// Where the request goes by its client's address and by the value that decides; `Some(None)` is the rest. `None`
    /// if it has no such value.
    fn decide(&self, fields: &Fields, client: &ClientInfo) -> Option<Option<usize>> {
        if client.ip.is_some_and(|ip| self.addresses.contains(ip)) {
            return Some(Some(0));
        }
        let value = match self.key.as_ref()? {
            ClientKey::Cookie(name) => cookie(fields, name.as_bytes()),
            ClientKey::Header(name) => fields.get(name),
            ClientKey::Address => {
                return match client.ip? {
                    IpAddr::V4(ip) => Some(self.pick_by(&ip.octets())),
                    // Networks of 64 bits have one owner.
                    IpAddr::V6(ip) => Some(self.pick_by(&ip.octets()[..8])),
                };
            }
            ClientKey::Ticket => None,
        };
        let value = value.filter(|value| !value.is_empty())?;
        if self.values.iter().any(|listed| **listed == *value) {
            return Some(Some(0));
        }
        Some(self.pick_by(value))
    }

    fn pick_by(&self, value: &[u8]) -> Option<usize> {
        self.pick(|part| xxh3_64_with_seed(value, part.seed))
    }

    /// The place of the upstream that gets a request. `point` is where the request stands among all of them, for each
    /// upstream anew. Each upstream takes its share of those that the ones before have left: if a share grows, others
    /// come from the rest, and nobody goes back to it.
    fn pick(&self, mut point: impl FnMut(&SplitPart) -> u64) -> Option<usize> {
        let mut left = WHOLE;
        for (index, (part, share)) in self.parts.iter().zip(&self.shares.now).enumerate() {
            let share = share.load(Relaxed).min(left);
            let place = (u128::from(point(part)) * u128::from(left)) >> 64;
            if place < u128::from(share) {
                return Some(index);
            }
            left -= share;
        }
        None
    }

    /// The upstream that gets a request that is only previewed: `Some(None)` for the rest. `None` if chance decides, or
    /// a cookie of the proxy's own.
    pub(crate) fn foresee(&self, request: &RequestHead, client: &ClientInfo) -> Option<Option<&str>> {
        let decided = self.decide(&request.fields, client)?;
        Some(decided.map(|index| &*self.parts[index].name))
    }

    /// Names of the upstreams.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|part| &*part.name)
    }

    fn index(&self, upstream: &str) -> Option<usize> {
        self.parts.iter().position(|part| *part.name == *upstream)
    }

    /// Whether the upstream may get this percentage of the requests. `None` if the split does not name it.
    pub(crate) fn check(&self, upstream: &str, percent: f64) -> Option<Result<(), String>> {
        let index = self.index(upstream)?;
        if !(0.0..=100.0).contains(&percent) {
            return Some(Err(format!("{percent} is out of range: write per cent from 0 to 100, such as 20")));
        }
        let shares = self.shares.now.iter().enumerate();
        let others: u32 = shares.filter(|(other, _)| *other != index).map(|(_, share)| share.load(Relaxed)).sum();
        if others + hundredths(percent) > WHOLE {
            let left = f64::from(WHOLE - others.min(WHOLE)) / 100.0;
            return Some(Err(format!(
                "{percent} % is too much beside the other upstreams of the split: write {left} at most"
            )));
        }
        Some(Ok(()))
    }

    /// Sets the percentage of an upstream, if the split names it.
    pub(crate) fn set(&self, upstream: &str, percent: f64) {
        if let Some(index) = self.index(upstream) {
            self.shares.now[index].store(hundredths(percent), Relaxed);
        }
    }

    /// The percentages, for another process.
    pub(crate) fn state(&self) -> SplitState {
        let shares = self.shares.now.iter().zip(&self.shares.written);
        let state = |(part, (now, written)): (&SplitPart, (&AtomicU32, &u32))| ShareState {
            upstream: part.name.to_string(),
            percent: percent_of(now.load(Relaxed)),
            written: percent_of(*written),
        };
        SplitState { shares: self.parts.iter().zip(shares).map(state).collect() }
    }

    /// Takes the percentages of another process over, all at once: one alone may be too much beside those in the file.
    /// `false` if they are those of a split that is written otherwise, or cannot be.
    pub(crate) fn take(&self, state: &SplitState) -> bool {
        let shares = &state.shares;
        let written = self.parts.iter().map(|part| &*part.name).zip(self.shares.written.iter().copied());
        let theirs = shares.iter().map(|share| (&*share.upstream, hundredths(share.written)));
        let is_sound = shares.iter().all(|share| (0.0..=100.0).contains(&share.percent))
            && shares.iter().map(|share| hundredths(share.percent)).sum::<u32>() <= WHOLE;
        let takes = is_sound && written.eq(theirs);
        if takes {
            for (now, share) in self.shares.now.iter().zip(shares) {
                now.store(hundredths(share.percent), Relaxed);
            }
        }
        takes
    }
}

fn percent_of(hundredths: u32) -> f64 {
    f64::from(hundredths) / 100.0
}

fn hundredths(percent: f64) -> u32 {
    (percent * 100.0).round() as u32
}

#[cfg(test)]
mod tests;
