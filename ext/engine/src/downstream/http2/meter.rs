//! The flood budget of a client connection, and its progress.
//!
//! Floods of frames that ask for nothing are attacks (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, unknown ones), and so
//! are requests that are taken back as soon as they are made (rapid reset, CVE-2023-44487). Each costs something out of
//! a [`FloodBudget`], which is refilled by time and by real work: what is sent to the client brings its own
//! WINDOW_UPDATE, and a browser that leaves a page may take a hundred requests back.

use std::cell::Cell;
use std::rc::Rc;

use proxy_http::http2::frame::{kind, FrameHeader, END_HEADERS};
use proxy_http::http2::{FloodBudget, Tally};
use tokio::time::Instant;

use crate::channel::Outflow;

/// Flood budget of a new connection, and the largest.
const ALLOWANCE: i64 = 2_000;
/// Cost of a request that the client resets: it may have been sent to a backend.
const RESET: i64 = 10;
/// Refill for the head of a response: a client may reset a request that was answered.
const ANSWERED: i64 = 12;
/// Refill for a piece of a response: some clients answer each with two frames.
const SENT: i64 = 4;

/// The flood budget of one client connection, and how far its frames and bytes have come.
#[derive(Debug)]
pub(super) struct Meter {
    budget: FloodBudget,
    refilled: Cell<Instant>,
    /// Number of heads that have begun.
    heads: Cell<u32>,
    /// Whether CONTINUATION frames of the last head are missing.
    head_is_open: Cell<bool>,
    /// Whether the last frame of a head is incomplete.
    head_is_partial: Cell<bool>,
    /// Number of response frames sent.
    answers: Cell<u64>,
    /// Whether our side was ended.
    ended: Cell<bool>,
    /// The way out.
    pub(super) outflow: Rc<Outflow>,
    /// Small pieces of bodies that wait to be taken.
    pub(super) tally: Tally,
}

impl Meter {
    pub(super) fn new(now: Instant, outflow: Rc<Outflow>) -> Self {
        Self {
            budget: FloodBudget::new(ALLOWANCE),
            refilled: Cell::new(now),
            heads: Cell::new(0),
            head_is_open: Cell::new(false),
            head_is_partial: Cell::new(false),
            answers: Cell::new(0),
            ended: Cell::new(false),
            outflow,
            tally: Tally::default(),
        }
    }

    /// Charges a frame that has begun to arrive.
    pub(super) fn received(&self, frame: FrameHeader) {
        let cost = match frame.kind {
            kind::HEADERS => {
                self.heads.set(self.heads.get().wrapping_add(1));
                self.head_is_open.set(frame.flags & END_HEADERS == 0);
                0
            }
            kind::CONTINUATION => {
                self.head_is_open.set(frame.flags & END_HEADERS == 0);
                1
            }
            // The window bounds the pieces of a body, and the sieve leaves empty ones out.
            kind::DATA => 0,
            kind::RST_STREAM => RESET,
            _ => 1,
        };
        self.budget.spend(cost, || {
            let now = Instant::now();
            now.duration_since(self.refilled.replace(now))
        });
    }

    /// Notes the kind of the last frame if it is incomplete.
    pub(super) fn received_part_of(&self, kind: Option<u8>) {
        self.head_is_partial.set(matches!(kind, Some(kind::HEADERS | kind::CONTINUATION)));
    }

    /// Refills for a frame that was sent.
    pub(super) fn sent(&self, frame: FrameHeader) {
        let earned = match frame.kind {
            kind::HEADERS => ANSWERED,
            kind::DATA => {
                self.outflow.wrote_data(frame.len);
                SENT
            }
            _ => return,
        };
        self.answers.set(self.answers.get() + 1);
        self.budget.earn(earned);
    }

    /// Whether the client has sent more than it may.
    pub(super) fn is_flooded(&self) -> bool {
        self.budget.is_flooded()
    }

    /// Number of the head that is incomplete, if there is one.
    pub(super) fn open_head(&self) -> Option<u32> {
        (self.head_is_open.get() || self.head_is_partial.get()).then(|| self.heads.get())
    }

    /// Frames of responses that were sent.
    pub(super) fn answers(&self) -> u64 {
        self.answers.get()
    }

    /// Notes that our side was ended.
    pub(super) fn end(&self) {
        self.ended.set(true);
    }

    /// Whether our side was ended.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Stream;

    fn meter_at(now: Instant) -> Meter {
        Meter::new(now, Rc::new(Outflow::of(Stream::Gone(tokio::io::empty()))))
    }

    fn frame(kind: u8) -> FrameHeader {
        FrameHeader { kind, flags: END_HEADERS, len: 8, stream: 1 }
    }

    /// How often `once`, at most `most` times, is not too much.
    fn passes(meter: &Meter, most: usize, mut once: impl FnMut(&Meter)) -> usize {
        (0..most)
            .take_while(|_| {
                once(meter);
                !meter.is_flooded()
            })
            .count()
    }

    #[test]
    fn a_flood_is_noticed_and_requests_are_none() {
        for (kind, at_least) in [(2, 2_000), (4, 2_000), (6, 2_000), (8, 2_000), (9, 2_000), (0xfa, 2_000), (3, 200)] {
            let meter = meter_at(Instant::now());
            let passed = passes(&meter, 100_000, |meter| meter.received(frame(kind)));
            assert!((at_least..at_least + 200).contains(&passed), "{passed} of kind {kind}");
        }
        let meter = meter_at(Instant::now());
        assert_eq!(passes(&meter, 100_000, |meter| meter.received(frame(kind::HEADERS))), 100_000);
        assert_eq!(passes(&meter, 100_000, |meter| meter.received(frame(kind::DATA))), 100_000);
    }

    #[test]
    fn a_client_that_is_served_may_go_on_for_ever() {
        let meter = meter_at(Instant::now());
        let served = passes(&meter, 100_000, |meter| {
            meter.received(frame(kind::HEADERS));
            meter.sent(frame(kind::HEADERS));
            meter.received(frame(kind::RST_STREAM));
        });
        assert_eq!(served, 100_000, "it goes off each request that is answered");
        let fed = passes(&meter, 100_000, |meter| {
            meter.sent(frame(kind::DATA));
            meter.received(frame(8));
            meter.received(frame(8));
        });
        assert_eq!(fed, 100_000, "it answers each piece with two updates");
    }

    #[test]
    fn time_refills_the_allowance() {
        let long_ago = Instant::now().checked_sub(std::time::Duration::from_secs(10)).expect("the clock has run");
        let meter = meter_at(long_ago);
        let passed = passes(&meter, 100_000, |meter| meter.received(frame(6)));
        assert!((2_900..3_200).contains(&passed), "{passed}");
    }
}
