//! What the locations around a handler captured.

use proxy_http::message::{Fields, Span};

/// Names that patterns gave to parts of one request, with where those stand in the text of its head. Outer locations
/// come first.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Captured(Vec<(u32, Span)>);

impl Captured {
    /// Forgets all and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Keeps the first `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Adds one. `name` counts into the list that [`Captures`] has.
    pub(crate) fn push(&mut self, name: u32, value: Span) {
        self.0.push((name, value));
    }

    /// Whether a name is among them.
    pub(crate) fn has(&self, name: u32) -> bool {
        self.0.iter().any(|(other, _)| *other == name)
    }

    /// Each as it was pushed.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Span)> + '_ {
        self.0.iter().copied()
    }
}

/// The same with the names, which a configuration holds once for all requests.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Captures<'a> {
    names: &'a [Box<str>],
    captured: &'a [(u32, Span)],
}

impl<'a> Captures<'a> {
    /// Puts the two together.
    pub(crate) fn new(names: &'a [Box<str>], captured: &'a Captured) -> Self {
        Self { names, captured: &captured.0 }
    }

    /// The value of a name: the innermost location's, if several have it. `fields` are those of the request.
    pub(super) fn get<'f>(&self, name: &str, fields: &'f Fields) -> Option<&'f [u8]> {
        let named = |index: u32| self.names.get(index as usize).is_some_and(|known| **known == *name);
        let (_, span) = self.captured.iter().rev().find(|(index, _)| named(*index))?;
        Some(fields.slice(*span))
    }
}
