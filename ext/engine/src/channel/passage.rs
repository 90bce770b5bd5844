//! How much of what a stream has handed over the peer has taken.
//!
//! `h2` takes the data of a stream, the system takes it from `h2`, and the peer's system from ours. A slow reader is
//! seen only at the last of these steps, and only on the connection as a whole. So a stream remembers at which of the
//! connection's bytes its own end: until the peer has taken those, each byte that it takes of the connection is one of
//! those before. Later bytes belong to others, and say nothing of the stream.

/// What a peer has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    /// Bytes. Of a stream whose bytes are on their way among those of others, its part of them.
    pub(crate) bytes: u64,
    /// A number that is another one if the peer has taken something meanwhile.
    pub(crate) mark: u64,
}

impl Acknowledged {
    /// A peer that has taken so many bytes, and of which no more is known.
    pub(crate) fn of(bytes: u64) -> Self {
        Self { bytes, mark: bytes }
    }
}

/// How far the bytes of a connection have come. Positions are bytes since the connection began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    /// Up to here the peer's system has taken all.
    pub(crate) acknowledged: u64,
    /// Behind all that the streams have handed over.
    pub(crate) end: u64,
}

/// The bytes of one stream that are on their way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passage {
    /// A position that the peer has reached, and the next one. The bytes of the stream between them count as evenly
    /// spread.
    from: Mark,
    to: Mark,
    /// Behind the last byte of the stream.
    last: Mark,
    /// The position that the peer has reached.
    here: u64,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    /// Position on the connection.
    at: u64,
    /// Bytes of the stream up to there.
    bytes: u64,
}

impl Passage {
    /// The passage of a stream that has handed over so many bytes. Where they are is not known: all bytes on their way
    /// count as its own, as far as it has as many.
    pub(crate) fn begin(reached: Reach, bytes: u64) -> Self {
        let here = reached.acknowledged;
        let last = Mark { at: reached.end.max(here), bytes };
        let from = Mark { at: here, bytes: bytes - bytes.min(last.at - here) };
        Self { from, to: last, last, here }
    }

    /// What the peer has taken of a stream that has handed over so many bytes.
    pub(crate) fn look(&mut self, reached: Reach, bytes: u64) -> Acknowledged {
        self.here = self.here.max(reached.acknowledged);
        if bytes != self.last.bytes {
            self.last = Mark { at: reached.end.max(self.here), bytes };
            // What was known of the end before was a guess that was too high.
            if self.last.at < self.to.at {
                self.to = self.last;
            }
        }
        if self.here >= self.to.at {
            self.from = self.to;
            self.to = self.last;
        }
        let Self { from, to, last, here } = *self;
        let bytes_taken = match here >= to.at {
            true => to.bytes,
            false => from.bytes + part(to.bytes - from.bytes, here - from.at, to.at - from.at),
        };
        Acknowledged { bytes: bytes_taken, mark: bytes + here.min(last.at) }
    }

    /// Bytes of the connection that the peer has to take before it has the last one of the stream.
    pub(crate) fn left(&self) -> u64 {
        self.last.at.saturating_sub(self.here)
    }
}

/// That part of `bytes` which `way` is of `whole`.
fn part(bytes: u64, way: u64, whole: u64) -> u64 {
    let part = u128::from(bytes) * u128::from(way) / u128::from(whole.max(1));
    u64::try_from(part).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Pipe {
        end: u64,
        acknowledged: u64,
    }

    impl Pipe {
        fn begin(&self, bytes: u64) -> Passage {
            Passage::begin(self.reached(), bytes)
        }

        fn reached(&self) -> Reach {
            Reach { acknowledged: self.acknowledged, end: self.end }
        }

        fn hand_over(&mut self, bytes: u64) {
            self.end += bytes;
        }

        fn takes(&mut self, bytes: u64) {
            self.acknowledged += bytes;
        }
    }

    #[test]
    fn a_stream_alone_has_what_its_connection_has() {
        let mut pipe = Pipe::default();
        pipe.hand_over(1_000);
        let mut passage = pipe.begin(1_000);
        assert_eq!(passage.look(pipe.reached(), 1_000), Acknowledged { bytes: 0, mark: 1_000 });
        pipe.takes(300);
        assert_eq!(passage.look(pipe.reached(), 1_000), Acknowledged { bytes: 300, mark: 1_300 });
        pipe.hand_over(500);
        pipe.takes(100);
        assert_eq!(passage.look(pipe.reached(), 1_500), Acknowledged { bytes: 400, mark: 1_900 });
        assert_eq!(passage.left(), 1_100);
        pipe.takes(1_100);
        assert_eq!(passage.look(pipe.reached(), 1_500), Acknowledged { bytes: 1_500, mark: 3_000 });
        assert_eq!(passage.left(), 0);
    }

    #[test]
    fn bytes_behind_a_streams_last_are_those_of_others() {
        let mut pipe = Pipe::default();
        pipe.hand_over(1_000);
        let mut passage = pipe.begin(1_000);
        pipe.hand_over(1_000_000);
        pipe.takes(1_000);
        let all = passage.look(pipe.reached(), 1_000);
        assert_eq!(all.bytes, 1_000);
        pipe.takes(500_000);
        assert_eq!(passage.look(pipe.reached(), 1_000), all, "nothing of it is on its way");
    }

    #[test]
    fn a_trickle_among_the_bytes_of_others_stays_one() {
        let mut pipe = Pipe::default();
        pipe.hand_over(10);
        let mut passage = pipe.begin(10);
        let mut own = 10;
        for _ in 0..1_000 {
            pipe.hand_over(10_001);
            own += 1;
            pipe.takes(10_001);
            let taken = passage.look(pipe.reached(), own);
            assert!(taken.bytes <= own && own - taken.bytes <= 2, "{taken:?} of {own}");
        }
    }

    #[test]
    fn what_is_taken_never_becomes_less() {
        let mut pipe = Pipe::default();
        pipe.hand_over(5_000_000);
        let mut passage = pipe.begin(2_000_000);
        let (mut own, mut before) = (2_000_000, Acknowledged::of(0));
        for step in 0..3_000_u64 {
            // Own bytes come in bursts, and those of others too.
            if step % 7 == 0 && step < 2_000 {
                own += 3_000;
                pipe.hand_over(if step % 3 == 0 { 90_000 } else { 5_000 });
            }
            pipe.takes(4_000.min(pipe.end - pipe.acknowledged));
            let taken = passage.look(pipe.reached(), own);
            assert!(taken.bytes >= before.bytes && taken.mark >= before.mark && taken.bytes <= own);
            before = taken;
        }
        pipe.takes(pipe.end - pipe.acknowledged);
        assert_eq!(passage.look(pipe.reached(), own).bytes, own);
        assert_eq!(passage.left(), 0);
    }

    #[test]
    fn an_end_that_was_guessed_too_high_is_mended() {
        let mut pipe = Pipe::default();
        pipe.hand_over(1_000_000);
        let mut passage = pipe.begin(1_000);
        // Others have taken back what they had handed over.
        pipe.end = 2_000;
        pipe.takes(1_500);
        passage.look(pipe.reached(), 1_500);
        assert_eq!(passage.left(), 500);
        pipe.takes(500);
        assert_eq!(passage.look(pipe.reached(), 1_500).bytes, 1_500);
    }
}
