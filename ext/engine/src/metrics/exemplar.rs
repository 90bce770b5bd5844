//! Exemplars: the latest recorded trace of each bucket of a histogram.
//!
//! One thread writes a slot and any may read it, without a lock: a number says whether the slot was written meanwhile.

use std::sync::atomic::{fence, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::trace_context::TraceId;

/// Times that a slot is read that is being written meanwhile.
const TRIES: usize = 4;

/// An observation with the trace of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exemplar {
    pub(crate) trace: TraceId,
    pub(crate) value: Duration,
    /// When it was observed.
    pub(crate) at: SystemTime,
}

/// Place of the latest exemplar of a bucket.
#[derive(Debug, Default)]
pub(super) struct ExemplarSlot {
    /// Twice the number of writes; odd while one is under way.
    turn: AtomicU64,
    trace: [AtomicU64; 2],
    /// In nanoseconds.
    value: AtomicU64,
    /// In milliseconds since 1970.
    at: AtomicU64,
}

impl ExemplarSlot {
    /// Replaces the exemplar. Only one thread may call this.
    pub(super) fn write(&self, exemplar: Exemplar) {
        let turn = self.turn.load(Relaxed);
        self.turn.store(turn.wrapping_add(1), Relaxed);
        fence(Release);
        let Exemplar { trace, value, at } = exemplar;
        let number = trace.number();
        self.trace[0].store((number >> 64) as u64, Relaxed);
        self.trace[1].store(number as u64, Relaxed);
        self.value.store(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.at.store(u64::try_from(since.as_millis()).unwrap_or(u64::MAX), Relaxed);
        self.turn.store(turn.wrapping_add(2), Release);
    }

    /// The exemplar. `None` if there is none yet, or if the slot is written all the time.
    pub(super) fn read(&self) -> Option<Exemplar> {
        for _ in 0..TRIES {
            let before = self.turn.load(Acquire);
            let [high, low] = [&self.trace[0], &self.trace[1]].map(|half| half.load(Relaxed));
            let (value, at) = (self.value.load(Relaxed), self.at.load(Relaxed));
            fence(Acquire);
            if before.is_multiple_of(2) && self.turn.load(Relaxed) == before {
                let trace = TraceId::of(u128::from(high) << 64 | u128::from(low))?;
                let at = UNIX_EPOCH.checked_add(Duration::from_millis(at))?;
                return Some(Exemplar { trace, value: Duration::from_nanos(value), at });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exemplar(number: u64) -> Exemplar {
        let trace = TraceId::of(u128::from(number) << 64 | u128::from(number)).expect("an id");
        let time = Duration::from_millis(number);
        Exemplar { trace, value: time, at: UNIX_EPOCH + time }
    }

    #[test]
    fn a_reader_sees_whole_exemplars_alone() {
        let slot = ExemplarSlot::default();
        assert_eq!(slot.read(), None);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| (1..=200_000).for_each(|number| slot.write(exemplar(number))));
            while !writer.is_finished() {
                if let Some(read) = slot.read() {
                    assert_eq!(read, exemplar(read.value.as_millis() as u64));
                }
            }
        });
        assert_eq!(slot.read(), Some(exemplar(200_000)));
    }
}
