//! How long a peer that is waited for may be silent, and a client slow.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::client::{ClientChannel, Listening};
use super::pace::{Pace, Rate};
use crate::channel::Acknowledged;
use crate::error::{Error, Kind, Waited};

/// The time since a peer that is waited for has last moved a byte. The clock is not read before it is waited for.
#[derive(Debug, Default)]
pub(super) struct Silence {
    since: Option<Instant>,
    moved: u64,
}

impl Silence {
    /// When the peer has been silent for `limit`, if it is waited for. `moved` is what has moved so far.
    pub(super) fn until(&mut self, waits: bool, moved: u64, limit: Duration) -> Option<Instant> {
        if !waits {
            self.since = None;
            return None;
        }
        let since = match self.since {
            Some(since) if moved == self.moved => since,
            _ => Instant::now(),
        };
        self.since = Some(since);
        self.moved = moved;
        Some(since + limit)
    }
}

/// What a client has taken. If it is waited for, that is what its system has acknowledged: a client that reads steadily
/// is not silent while our system waits for more room to tell of.
pub(super) fn moved_to(client: &mut ClientChannel, waits: bool) -> Acknowledged {
    match waits {
        true => client.taken(),
        false => Acknowledged::of(client.channel.total_sent()),
    }
}

/// Time limits of one client that takes data.
#[derive(Debug)]
pub(super) struct Patience {
    pace: Pace,
    silence: Silence,
    limit: Duration,
    rate: Rate,
}

impl Patience {
    /// Patience with a client that begins to take data.
    pub(super) fn with(client: &ClientChannel, limit: Duration, rate: Rate) -> Self {
        Self::at(Pace::from(client.channel.total_sent()), limit, rate)
    }

    /// Patience with a client that has taken data at this pace.
    pub(super) fn at(pace: Pace, limit: Duration, rate: Rate) -> Self {
        Self { pace, silence: Silence::default(), limit, rate }
    }

    /// Ready if the client is gone or has had its time. `waits`: the client is waited for, unless the coding of its
    /// body rests.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, client: &mut ClientChannel, waits: bool) -> Poll<Error> {
        if let Poll::Ready(error) = client.poll_gone(cx, Listening::Reading, None) {
            return Poll::Ready(error);
        }
        let waits = waits && !client.channel.rests();
        let sent = moved_to(client, waits);
        let slow = self.pace.note(self.rate, waits, sent.bytes);
        let Some(silent) = self.silence.until(waits, sent.mark, self.limit) else { return Poll::Pending };
        let (end, waited) = match slow {
            Some(slow) if slow < silent => (slow, Waited::ClientRate),
            _ => (silent, Waited::ClientWrite),
        };
        client.alarm.poll(cx, end).map(|()| Error::client(Kind::Timeout(waited)))
    }
}
