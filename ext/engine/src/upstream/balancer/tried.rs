//! Which backends one request has been tried on.

/// As many ids as fit without allocating.
const INLINE: usize = 8;

/// The endpoints that one request has been tried on, by their ids.
#[derive(Debug, Default)]
pub struct Tried {
    few: [u64; INLINE],
    count: usize,
    more: Vec<u64>,
    last: Option<u64>,
}

impl Tried {
    /// The endpoint of the latest attempt.
    pub fn last(&self) -> Option<u64> {
        self.last
    }

    /// Whether that endpoint was tried in this round.
    pub fn contains(&self, id: u64) -> bool {
        self.few[..self.count].contains(&id) || self.more.contains(&id)
    }

    /// Notes an attempt.
    pub fn add(&mut self, id: u64) {
        self.last = Some(id);
        if self.count < INLINE {
            self.few[self.count] = id;
            self.count += 1;
        } else {
            self.more.push(id);
        }
    }

    /// Forgets all but the latest attempt's place: every endpoint may be tried once more.
    pub fn begin_again(&mut self) {
        self.count = 0;
        self.more.clear();
    }
}
