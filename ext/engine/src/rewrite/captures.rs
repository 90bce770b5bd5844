//! Captures of the locations around a handler.

use proxy_http::message::{Fields, Span};

/// Names of captures, each with the position of its value in the text of the request's head. Outer locations come
/// first.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Captured(Vec<(u32, Span)>);

impl Captured {
    /// Removes all captures and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Keeps only the first `len` captures.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Adds a capture. `name` is an index into the list of names in [`Captures`].
    pub(crate) fn push(&mut self, name: u32, value: Span) {
        self.0.push((name, value));
    }

    pub(crate) fn has(&self, name: u32) -> bool {
        self.0.iter().any(|(other, _)| *other == name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Span)> + '_ {
        self.0.iter().copied()
    }
}

/// Captures with their names. The list of names is shared by all requests of a configuration.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Captures<'a> {
    names: &'a [Box<str>],
    captured: &'a [(u32, Span)],
}

impl<'a> Captures<'a> {
    pub(crate) fn new(names: &'a [Box<str>], captured: &'a Captured) -> Self {
        Self { names, captured: &captured.0 }
    }

    /// The value of a captured name: the innermost location's, if several have it. `fields` are the request's fields.
    pub(super) fn get<'f>(&self, name: &str, fields: &'f Fields) -> Option<&'f [u8]> {
        let named = |index: u32| self.names.get(index as usize).is_some_and(|known| **known == *name);
        let (_, span) = self.captured.iter().rev().find(|(index, _)| named(*index))?;
        Some(fields.slice(*span))
    }
}
