//! Names that were set, added or removed since a head was read.

use super::{Field, FieldState, Fields, Lines, NameRef, Span};
use crate::message::Known;

/// Whether a CGI backend takes two names for one variable.
pub fn is_one_to_cgi(a: &[u8], b: &[u8]) -> bool {
    let variable = |byte: &u8| match byte {
        b'_' | b'.' => b'-',
        byte => byte.to_ascii_lowercase(),
    };
    a.len() == b.len() && a.iter().map(variable).eq(b.iter().map(variable))
}

impl Fields {
    /// Records that a field is not the message's own, even if it was absent or is already removed.
    pub fn note_removed<'n>(&mut self, name: impl Into<NameRef<'n>>) {
        let name = name.into();
        match name.known {
            Some(known) => self.removed |= known.bit(),
            None => {
                let (name, value) = (self.push_text(name.text), Span::default());
                self.list.push(Field { known: None, state: FieldState::Removed, name, value });
            }
        }
    }

    /// Whether `name` was set, added or removed since the head was read. Letter case does not matter, and `_` and `.`
    /// count as `-`: a CGI backend takes them for one name.
    pub fn touched(&self, name: &[u8]) -> bool {
        if Known::of_cgi(name).is_some_and(|known| self.removed & known.bit() != 0) {
            return true;
        }
        let edited = self.list.iter().filter(|field| matches!(field.state, FieldState::Edited | FieldState::Removed));
        edited.map(|field| self.slice(field.name)).any(|edited| is_one_to_cgi(edited, name))
    }

    /// Whether `name` is another spelling of a name that was set, added or removed since the head was read: a CGI
    /// backend would take both for one.
    pub fn touched_as_another(&self, name: &[u8]) -> bool {
        let is_plain = memchr::memchr2(b'_', b'.', name).is_none();
        let known = Known::of_cgi(name).filter(|_| !is_plain);
        let edited = self.list.iter().filter(|field| matches!(field.state, FieldState::Edited | FieldState::Removed));
        known.is_some_and(|known| self.removed & known.bit() != 0)
            || edited
                .map(|field| self.slice(field.name))
                .any(|edited| is_one_to_cgi(edited, name) && !edited.eq_ignore_ascii_case(name))
    }

    /// Copies the lines of one field into `lines`, in place of its lines there.
    pub fn copy_field<'n>(&self, name: impl Into<NameRef<'n>>, lines: &mut Lines) {
        let name = name.into();
        lines.0.retain(|field| !self.is(field, name));
        lines.0.extend(self.list.iter().filter(|field| self.is(field, name)));
    }
}
