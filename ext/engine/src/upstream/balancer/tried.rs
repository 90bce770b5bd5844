//! Which backends one request has been tried on.

use smallvec::SmallVec;

/// The backends that one request has been tried on in this round, by their ids, the latest last. As many as nearly
/// every upstream has fit without an allocation.
#[derive(Debug, Default)]
pub(crate) struct Tried(SmallVec<[u64; 16]>);

impl Tried {
    /// The backend of the latest attempt.
    pub(crate) fn last(&self) -> Option<u64> {
        self.0.last().copied()
    }

    /// Whether that backend was tried in this round.
    pub(crate) fn contains(&self, id: u64) -> bool {
        self.0.contains(&id)
    }

    /// Notes an attempt.
    pub(crate) fn add(&mut self, id: u64) {
        self.0.push(id);
    }

    /// Takes the latest note back: the attempt was not made after all.
    pub(crate) fn take_back(&mut self) {
        self.0.pop();
    }

    /// Begins a new round: every backend may be tried once more, but for the latest.
    pub(super) fn keep_last(&mut self) {
        let last = self.0.pop();
        self.0.clear();
        self.0.extend(last);
    }

    /// Begins a new round, in which every backend may be tried.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}
