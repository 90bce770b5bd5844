//! The state of a backend as one atomic number, which every request can afford to read.

use std::sync::atomic::{AtomicU64, AtomicU8, Ordering::Relaxed};

use crate::clock;

/// The operator has set it to `draining`.
const DRAINING: u8 = 1;
/// The operator has set it to `down`.
const DOWN: u8 = 1 << 1;
/// Active checks have found it unhealthy.
const UNHEALTHY: u8 = 1 << 2;
/// It is ejected for a while (outlier ejection, an open circuit).
const EJECTED: u8 = 1 << 3;
/// The ejection is over, and one request probes (a half-open circuit).
const PROBING: u8 = 1 << 4;
/// It could not be connected to the last time, and is a last resort.
const LAST: u8 = 1 << 5;
/// It has not had its first good check yet.
const UNCHECKED: u8 = 1 << 6;

/// Backoff of a backend that could not be connected to, in milliseconds: at first, and at most.
const FIRST_BACKOFF: u64 = 1_000;
const LAST_BACKOFF: u64 = 30_000;

/// Every state of a backend in figures; the last is that of a name that has no address.
pub(crate) const BACKEND_STATES: [&str; 7] =
    ["ready", "draining", "down", "unhealthy", "unchecked", "ejected", "unresolved"];

/// State that the operator wants of a backend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Admin {
    /// It serves.
    #[default]
    Ready,
    /// It finishes what it has, keeps its sticky clients and gets no new ones.
    Draining,
    /// It gets nothing.
    Down,
}

impl Admin {
    /// Every one of them, by the name that figures and commands use.
    pub const ALL: [(&'static str, Self); 3] =
        [("ready", Self::Ready), ("draining", Self::Draining), ("down", Self::Down)];

    /// The one with that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, admin)| *admin)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, admin)| *admin == self).map_or("ready", |(name, _)| name)
    }

    fn bits(self) -> u8 {
        match self {
            Self::Ready => 0,
            Self::Draining => DRAINING,
            Self::Down => DOWN,
        }
    }
}

/// The state of a backend. Lasting changes are made under a lock elsewhere; requests only read it, and take the one
/// probe that an ejected backend is due.
#[derive(Debug, Default)]
pub(super) struct Status {
    bits: AtomicU8,
    /// When an ejected backend may be probed, by [`clock`].
    probe_at: AtomicU64,
    /// When a backend that comes last may be tried as any other, by [`clock`]. The largest number: it is being tried.
    try_at: AtomicU64,
    /// How long it comes last, in milliseconds.
    backoff: AtomicU64,
}

impl Status {
    /// Whether it gets requests.
    #[inline]
    pub(super) fn is_available(&self) -> bool {
        let bits = self.bits.load(Relaxed) & !LAST;
        bits == 0 || bits == EJECTED && self.is_probe_due(clock::now())
    }

    /// Whether it gets requests, and not only as a last resort.
    #[inline]
    pub(super) fn is_preferred(&self) -> bool {
        self.bits.load(Relaxed) == 0 || self.is_available() && !self.is_last()
    }

    /// Whether it gets requests only as a last resort.
    pub(super) fn is_last(&self) -> bool {
        self.bits.load(Relaxed) & LAST != 0 && clock::now() < self.try_at.load(Relaxed)
    }

    /// Whether it gets requests of its sticky clients.
    pub(super) fn accepts_sticky(&self) -> bool {
        let bits = self.bits.load(Relaxed) & !(DRAINING | LAST);
        bits == 0 || bits == EJECTED && self.is_probe_due(clock::now())
    }

    /// Whether it could not be connected to lately.
    #[inline]
    pub(super) fn is_doubted(&self) -> bool {
        self.bits.load(Relaxed) & LAST != 0
    }

    /// Notes that it could not be connected to: for how long it comes last, in milliseconds, if that is more than
    /// before. `tried`: by the one request that was let through to find out.
    pub(super) fn doubt(&self, tried: bool, now: u64) -> Option<u64> {
        if tried && self.is_doubted() {
            let backoff = self.backoff.load(Relaxed).saturating_mul(2).clamp(FIRST_BACKOFF, LAST_BACKOFF);
            self.backoff.store(backoff, Relaxed);
            self.try_at.store(now.saturating_add(backoff), Relaxed);
            return Some(backoff);
        }
        // Of many that fail together the first one counts.
        if self.is_doubted() {
            return None;
        }
        self.backoff.store(FIRST_BACKOFF, Relaxed);
        self.try_at.store(now.saturating_add(FIRST_BACKOFF), Relaxed);
        self.change(|bits| bits | LAST).then_some(FIRST_BACKOFF)
    }

    /// Lets it come last for a while longer, for it still cannot be connected to. No request has tried.
    pub(super) fn doubt_longer(&self, now: u64) {
        self.try_at.store(now.saturating_add(FIRST_BACKOFF), Relaxed);
    }

    /// Whether it could get requests if it accepted connections and its checks succeeded.
    pub(super) fn is_wanted(&self) -> bool {
        self.bits.load(Relaxed) & (DRAINING | DOWN | EJECTED) == 0
    }

    /// Whether active checks keep requests from it.
    pub(super) fn is_unhealthy(&self) -> bool {
        self.bits.load(Relaxed) & (UNHEALTHY | UNCHECKED) != 0
    }

    /// Takes the one try that is due. `false` if another request has it.
    pub(super) fn take_try(&self, now: u64) -> bool {
        let due = |at: u64| (at <= now).then_some(u64::MAX);
        self.try_at.fetch_update(Relaxed, Relaxed, due).is_ok()
    }

    /// A try that told nothing: the next request may be one.
    pub(super) fn give_try_back(&self) {
        self.try_at.store(clock::now(), Relaxed);
    }

    /// Notes that it could be connected to. `false` if the last connection had not failed.
    pub(super) fn trust(&self) -> bool {
        self.change(|bits| bits & !LAST)
    }

    /// Active checks have yet to find it well.
    pub(super) fn await_check(&self) {
        self.change(|bits| bits | UNCHECKED);
    }

    /// Whether they have yet to.
    pub(super) fn is_unchecked(&self) -> bool {
        self.bits.load(Relaxed) & UNCHECKED != 0
    }

    /// Milliseconds until an ejected one may be probed; 0: from now on. `None` if it is not ejected.
    pub(super) fn ejected_for(&self, now: u64) -> Option<u64> {
        self.is_ejected().then(|| self.probe_at.load(Relaxed).saturating_sub(now))
    }

    /// Whether they have yet to, and that alone keeps requests from it.
    pub(super) fn is_awaited(&self) -> bool {
        let bits = self.bits.load(Relaxed);
        bits & UNCHECKED != 0 && bits & (DRAINING | DOWN) == 0
    }

    /// Active checks have found it well, or there are none. `false` if they had before.
    pub(super) fn accept_check(&self) -> bool {
        self.change(|bits| bits & !UNCHECKED)
    }

    /// Whether it is ready, healthy, not ejected and can be connected to.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.bits.load(Relaxed) == 0
    }

    /// Whether it is out of service: by the operator, by active checks or by passive ones.
    pub(super) fn is_out(&self) -> bool {
        self.bits.load(Relaxed) & (DOWN | UNHEALTHY | EJECTED) != 0
    }

    /// Whether passive checks have taken it out.
    #[inline]
    pub(super) fn is_ejected(&self) -> bool {
        self.bits.load(Relaxed) & EJECTED != 0
    }

    /// The word for figures: the state that the operator wants first, then the results of checks.
    pub(super) fn name(&self) -> &'static str {
        let bits = self.bits.load(Relaxed);
        match bits {
            _ if bits & DOWN != 0 => "down",
            _ if bits & DRAINING != 0 => "draining",
            _ if bits & UNHEALTHY != 0 => "unhealthy",
            _ if bits & UNCHECKED != 0 => "unchecked",
            _ if bits & EJECTED != 0 => "ejected",
            _ => "ready",
        }
    }

    /// `false` if it was so already.
    pub(super) fn set_admin(&self, admin: Admin) -> bool {
        self.change(|bits| bits & !(DRAINING | DOWN) | admin.bits())
    }

    /// `false` if it was so already.
    pub(super) fn set_healthy(&self, healthy: bool) -> bool {
        self.change(|bits| if healthy { bits & !UNHEALTHY } else { bits | UNHEALTHY })
    }

    /// Takes it out until `probe_at`.
    pub(super) fn eject(&self, probe_at: u64) {
        self.probe_at.store(probe_at, Relaxed);
        self.change(|bits| bits & !PROBING | EJECTED);
    }

    /// In how many milliseconds an ejected one may be probed. `None` if that is not what keeps requests from it, or no
    /// longer.
    pub(super) fn next_probe(&self, now: u64) -> Option<u64> {
        let bits = self.bits.load(Relaxed);
        (bits == EJECTED).then(|| self.probe_at.load(Relaxed).saturating_sub(now)).filter(|pause| *pause > 0)
    }

    /// Ends the ejection.
    pub(super) fn restore(&self) {
        self.change(|bits| bits & !(EJECTED | PROBING));
    }

    /// Takes the one probe that is due. `false` if another request has it.
    pub(super) fn take_probe(&self, now: u64) -> bool {
        self.is_probe_due(now) && self.change(|bits| if bits & EJECTED != 0 { bits | PROBING } else { bits })
    }

    /// A probe that told nothing: the next request may be one.
    pub(super) fn give_probe_back(&self) {
        self.change(|bits| bits & !PROBING);
    }

    fn is_probe_due(&self, now: u64) -> bool {
        now >= self.probe_at.load(Relaxed)
    }

    /// `false` if nothing changes.
    fn change(&self, change: impl Fn(u8) -> u8) -> bool {
        self.bits.fetch_update(Relaxed, Relaxed, |bits| Some(change(bits)).filter(|new| *new != bits)).is_ok()
    }
}

/// Slow start of a backend that came back.
#[derive(Debug, Default)]
pub(super) struct Ramp(AtomicU64);

/// Where a ramp begins, in parts of 256: a tenth.
const FIRST_PART: u64 = 26;

impl Ramp {
    /// Begins at its foot.
    pub(super) fn begin(&self, now: u64) {
        self.0.store(now.max(1), Relaxed);
    }

    /// Whether it is being climbed; it may have come to its end since it was last looked at.
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.0.load(Relaxed) != 0
    }

    /// How far up it is, in parts of 256, for a ramp that takes `length` milliseconds. At its top it ends.
    pub(super) fn part(&self, now: u64, length: u64) -> u32 {
        let since = self.0.load(Relaxed);
        let climbed = now.saturating_sub(since);
        if since == 0 || climbed >= length {
            // Unless it has begun anew meanwhile.
            let _ = self.0.compare_exchange(since, 0, Relaxed, Relaxed);
            return 256;
        }
        let part = (climbed as u128 * 256 / length as u128) as u64;
        part.max(FIRST_PART) as u32
    }
}

#[cfg(test)]
mod tests;
