//! Every request of a run, and what became of it on both sides of the proxy.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::events::violation;

#[derive(Default)]
pub(super) struct Ledger(RefCell<BTreeMap<String, Entry>>);

#[derive(Default)]
struct Entry {
    idempotent: bool,
    /// How often its head came to a backend.
    seen: usize,
    /// How often a backend did what it asks for.
    applied: usize,
    /// A backend has not finished what it began to answer.
    spoiled: bool,
    /// Its client was told nothing and left alone: it may send it again.
    unanswered: bool,
    /// Its client's connection was reset: there may have been an answer.
    lost: bool,
}

impl Ledger {
    fn entry<T>(&self, id: &str, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        match self.0.borrow_mut().get_mut(id) {
            Some(entry) => Some(change(entry)),
            None => {
                violation(format_args!("nobody asked for {id:?}"));
                None
            }
        }
    }

    /// A client is about to send it.
    pub(super) fn asks(&self, id: &str, idempotent: bool) {
        self.0.borrow_mut().insert(id.into(), Entry { idempotent, ..Entry::default() });
    }

    /// Its head has come to a backend.
    pub(super) fn sees(&self, id: &str) {
        let again = self.entry(id, |entry| {
            entry.seen += 1;
            entry.seen > 1 && !entry.idempotent
        });
        if again == Some(true) {
            violation(format_args!("{id} is not idempotent and was sent again"));
        }
    }

    /// A backend has done what it asks for.
    pub(super) fn applies(&self, id: &str) {
        self.entry(id, |entry| entry.applied += 1);
    }

    /// A backend ends its answer before it is whole.
    pub(super) fn spoils(&self, id: &str) {
        self.entry(id, |entry| entry.spoiled = true);
    }

    pub(super) fn is_spoiled(&self, id: &str) -> bool {
        self.entry(id, |entry| entry.spoiled).unwrap_or(true)
    }

    /// Its client's connection has ended without a byte of an answer, and through no fault of the client's.
    pub(super) fn goes_unanswered(&self, id: &str) {
        self.entry(id, |entry| entry.unanswered = true);
    }

    /// The same, but the connection was reset.
    pub(super) fn is_lost(&self, id: &str) {
        self.entry(id, |entry| entry.lost = true);
    }

    /// What must hold at the end.
    pub(super) fn close(&self) {
        for (id, entry) in &*self.0.borrow() {
            if entry.unanswered && entry.seen > 0 {
                violation(format_args!("{id} came to a backend, and its client was left without an answer"));
            }
            if entry.lost && entry.seen > 0 && !entry.spoiled {
                violation(format_args!("{id} came to a backend, and its client's connection was reset"));
            }
            if entry.applied > entry.seen || !entry.idempotent && entry.applied > 1 {
                violation(format_args!("{id} was done {} times", entry.applied));
            }
        }
    }

    /// How many requests there were, and how many of them came to a backend.
    pub(super) fn count(&self) -> (usize, usize) {
        let entries = self.0.borrow();
        (entries.len(), entries.values().filter(|entry| entry.seen > 0).count())
    }
}
