//! Which backends one request has been tried on.

/// As many ids as fit without allocating.
const INLINE: usize = 16;

/// The backends that one request has been tried on, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Tried {
    few: [u64; INLINE],
    count: usize,
    more: Vec<u64>,
    last: Option<u64>,
}

impl Tried {
    /// The backend of the latest attempt.
    pub(crate) fn last(&self) -> Option<u64> {
        self.last
    }

    /// Whether that backend was tried in this round.
    pub(crate) fn contains(&self, id: u64) -> bool {
        self.few[..self.count].contains(&id) || self.more.contains(&id)
    }

    /// Notes an attempt.
    pub(crate) fn add(&mut self, id: u64) {
        self.last = Some(id);
        if self.count < INLINE {
            self.few[self.count] = id;
            self.count += 1;
        } else {
            self.more.push(id);
        }
    }

    /// Takes the latest note back: the attempt was not made after all.
    pub(crate) fn take_back(&mut self) {
        if self.more.pop().is_none() {
            self.count = self.count.saturating_sub(1);
        }
        self.last = self.more.last().or_else(|| self.few[..self.count].last()).copied();
    }

    /// Begins a new round: every backend may be tried once more, but for the latest.
    pub(super) fn keep_last(&mut self) {
        let last = self.last;
        self.forget();
        if let Some(last) = last {
            self.add(last);
        }
    }

    /// Begins a new round, in which every backend may be tried.
    pub(super) fn forget(&mut self) {
        self.count = 0;
        self.more.clear();
        self.last = None;
    }
}
