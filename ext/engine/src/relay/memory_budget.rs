//! Memory of an engine thread for bodies that wait for a slow peer.

use std::cell::Cell;
use std::rc::Rc;

use crate::unnamed_file::BLOCK;

/// Bytes of bodies that may wait in the memory of one engine thread: many slow clients at once must not use up the
/// machine's.
const MOST: usize = 64 * 1024 * 1024;

/// Bytes of a body that wait for the disk or come from it at once while the memory is used up.
pub(super) const SMALL_BLOCK: usize = 16 * 1024;

/// Bytes that are left for bodies which wait.
#[derive(Debug)]
pub(crate) struct MemoryBudget(Cell<usize>);

impl Default for MemoryBudget {
    fn default() -> Self {
        Self(Cell::new(MOST))
    }
}

#[cfg(test)]
impl MemoryBudget {
    /// A budget of so many bytes.
    pub(super) fn of(bytes: usize) -> Self {
        Self(Cell::new(bytes))
    }
}

/// A part of a [`MemoryBudget`] that one body uses. It goes back when the body is gone.
#[derive(Debug)]
pub(super) struct MemoryShare {
    budget: Rc<MemoryBudget>,
    used: usize,
}

impl MemoryShare {
    /// An empty share.
    pub(super) fn of(budget: &Rc<MemoryBudget>) -> Self {
        Self { budget: Rc::clone(budget), used: 0 }
    }

    /// Bytes that may still be taken.
    pub(super) fn left(&self) -> usize {
        self.budget.0.get()
    }

    /// Bytes of a body that are written to the disk or read from it at once.
    pub(super) fn block(&self) -> usize {
        if self.left() < BLOCK {
            SMALL_BLOCK
        } else {
            BLOCK
        }
    }

    /// Takes `bytes`, even if they are no longer there: they are in memory already.
    pub(super) fn take(&mut self, bytes: usize) {
        let taken = bytes.min(self.left());
        self.budget.0.set(self.left() - taken);
        self.used += taken;
    }

    /// Gives `bytes` back.
    pub(super) fn give_back(&mut self, bytes: usize) {
        let given = bytes.min(self.used);
        self.budget.0.set(self.left() + given);
        self.used -= given;
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.give_back(self.used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bodies_use_is_given_back_once() {
        let budget = Rc::new(MemoryBudget::of(100));
        let mut share = MemoryShare::of(&budget);
        share.take(70);
        let mut other = MemoryShare::of(&budget);
        other.take(50);
        assert_eq!(other.left(), 0);
        other.give_back(500);
        assert_eq!(share.left(), 30);
        drop(share);
        drop(other);
        assert_eq!(budget.0.get(), 100);
    }
}
