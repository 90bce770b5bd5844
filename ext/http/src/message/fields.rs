//! The fields of a message: where each stands in the bytes of its head, and what was changed since.

mod touched;

pub use touched::is_one_to_cgi;

use super::known::Known;
use super::span::Span;

/// The fields of a head, in their order, over one buffer.
///
/// The buffer holds the head as it came; an edit appends the new text behind it and moves a field's spans there.
/// Nothing is written anew until [`Fields::write_to`], which copies runs of untouched lines whole. Names compare
/// without regard to letter case. Clearing keeps the memory, so a connection needs no allocation for its second
/// request.
#[derive(Debug, Default, Clone)]
pub struct Fields {
    text: Vec<u8>,
    list: Vec<Field>,
    /// Bits of the known names that stand in `list`, removed ones perhaps included: a cleared bit means certain
    /// absence.
    present: u64,
    /// Bits of the known names that were removed, whether they were there or not.
    removed: u64,
}

/// The known names that say on whose behalf a request is sent.
const HEARSAY: u64 = Known::Forwarded.bit()
    | Known::XAccelMapping.bit()
    | Known::XForwardedFor.bit()
    | Known::XForwardedHost.bit()
    | Known::XForwardedPort.bit()
    | Known::XForwardedProto.bit()
    | Known::XRealIp.bit()
    | Known::XRequestStart.bit()
    | Known::XSendfileType.bit();

/// The bit for others that may.
const OTHER_HEARSAY: u64 = 1 << 63;

/// Whether a name that is not known may be one of [`crate::headers::hearsay`]: a glance, since every field of every
/// head comes by here.
#[inline]
fn looks_like_hearsay(name: &[u8]) -> bool {
    match name.first().map_or(0, |byte| byte | 0x20) {
        b'x' => true,
        b'a' | b'c' | b'd' | b'f' | b'i' | b't' | b'w' => name.len() > 7,
        // And not `Priority`, which browsers send.
        b'p' => matches!(name.len(), 5 | 15),
        _ => false,
    }
}

/// The lines of a head as they stood at one moment, without their text.
#[derive(Debug, Default)]
pub struct Lines(Vec<Field>);

/// One field line.
#[derive(Debug, Clone, Copy)]
struct Field {
    known: Option<Known>,
    state: FieldState,
    name: Span,
    value: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldState {
    /// As it came: its line runs from its name to this offset, line break included.
    Untouched(u32),
    /// As it came, without a line of its own: from HTTP/2.
    Came,
    /// Written by us, or with a new value.
    Edited,
    Removed,
}

/// A field's name, recognised at load so that a request need not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldName {
    known: Option<Known>,
    text: Box<str>,
}

impl FieldName {
    /// Takes a name; `None` if it is no token (RFC 9110, section 5.6.2).
    pub fn new(text: &str) -> Option<Self> {
        let token = !text.is_empty() && text.bytes().all(is_token_byte);
        token.then(|| Self { known: Known::of(text.as_bytes()), text: text.into() })
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The known name it is, if it is one.
    pub fn known(&self) -> Option<Known> {
        self.known
    }
}

/// Whether `byte` may stand in a token.
pub fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A field name as an argument: a [`Known`] one, a [`FieldName`], or text.
#[derive(Debug, Clone, Copy)]
pub struct NameRef<'a> {
    known: Option<Known>,
    text: &'a [u8],
}

impl From<Known> for NameRef<'static> {
    fn from(known: Known) -> Self {
        Self { known: Some(known), text: known.as_str().as_bytes() }
    }
}

impl<'a> From<&'a FieldName> for NameRef<'a> {
    fn from(name: &'a FieldName) -> Self {
        Self { known: name.known, text: name.text.as_bytes() }
    }
}

impl<'a> From<&'a [u8]> for NameRef<'a> {
    fn from(text: &'a [u8]) -> Self {
        Self { known: Known::of(text), text }
    }
}

impl<'a> From<&'a str> for NameRef<'a> {
    fn from(text: &'a str) -> Self {
        text.as_bytes().into()
    }
}

impl Fields {
    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.list.clear();
        self.present = 0;
        self.removed = 0;
    }

    /// Bytes of text that it has room for.
    pub fn capacity(&self) -> usize {
        self.text.capacity()
    }

    /// Whether a field of this name is there.
    pub fn has<'n>(&self, name: impl Into<NameRef<'n>>) -> bool {
        self.get(name).is_some()
    }

    /// Whether a field is certainly not there: a glance, without looking through the list. `false` may also mean that
    /// it was removed.
    #[inline]
    pub fn lacks(&self, name: Known) -> bool {
        self.present & name.bit() == 0
    }

    /// The first value of a field.
    pub fn get<'n>(&self, name: impl Into<NameRef<'n>>) -> Option<&[u8]> {
        let name = name.into();
        if name.known.is_some_and(|known| self.present & known.bit() == 0) {
            return None;
        }
        self.list.iter().find(|field| self.is(field, name)).map(|field| self.slice(field.value))
    }

    /// Every value of a field, in order.
    pub fn all<'s, 'n: 's>(&'s self, name: impl Into<NameRef<'n>>) -> impl DoubleEndedIterator<Item = &'s [u8]> + 's {
        let name = name.into();
        let absent = name.known.is_some_and(|known| self.present & known.bit() == 0);
        let list = if absent { &[][..] } else { &self.list[..] };
        list.iter().filter(move |field| self.is(field, name)).map(|field| self.slice(field.value))
    }

    /// Name and value of every field, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.list.iter().filter(|f| f.state != FieldState::Removed).map(|f| (self.slice(f.name), self.slice(f.value)))
    }

    /// How many field lines there are.
    pub fn len(&self) -> usize {
        self.list.iter().filter(|f| f.state != FieldState::Removed).count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes `value` the only value of a field, in the place of its first line, or last if there was none.
    pub fn set<'n>(&mut self, name: impl Into<NameRef<'n>>, value: &[u8]) {
        let name = name.into();
        if name.known.is_some_and(|known| self.present & known.bit() == 0) {
            return self.append(name, value);
        }
        let Some(first) = self.list.iter().position(|field| self.is(field, name)) else {
            return self.append(name, value);
        };
        for i in first + 1..self.list.len() {
            if self.is(&self.list[i], name) {
                self.list[i].state = FieldState::Removed;
            }
        }
        let value = self.push_text(value);
        let field = &mut self.list[first];
        field.value = value;
        field.state = FieldState::Edited;
    }

    /// Adds a line behind all others.
    pub fn append<'n>(&mut self, name: impl Into<NameRef<'n>>, value: &[u8]) {
        let name = name.into();
        let name_span = self.push_text(name.text);
        let value = self.push_text(value);
        self.note(name.known);
        self.list.push(Field { known: name.known, state: FieldState::Edited, name: name_span, value });
    }

    /// Removes every line of a field. That it was to be is remembered, also where there was none: see
    /// [`Fields::touched`].
    pub fn remove<'n>(&mut self, name: impl Into<NameRef<'n>>) {
        let name = name.into();
        if let Some(known) = name.known {
            self.removed |= known.bit();
            if self.present & known.bit() == 0 {
                return;
            }
        }
        let mut found = false;
        for i in 0..self.list.len() {
            if self.is(&self.list[i], name) {
                self.list[i].state = FieldState::Removed;
                found = true;
            }
        }
        match name.known {
            Some(known) => self.present &= !known.bit(),
            None if found => {}
            None => self.note_removed(name),
        }
    }

    /// Whether a field may be there that says on whose behalf a message is sent: a glance. See
    /// [`crate::headers::hearsay`].
    #[inline]
    pub fn may_be_hearsay(&self) -> bool {
        self.present & (HEARSAY | OTHER_HEARSAY) != 0
    }

    /// Keeps the lines for which `keep` says so. `keep` sees the known name, the name and the value.
    pub fn retain(&mut self, mut keep: impl FnMut(Option<Known>, &[u8], &[u8]) -> bool) {
        let text = &self.text;
        for field in self.list.iter_mut().filter(|f| f.state != FieldState::Removed) {
            if !keep(field.known, field.name.of(text), field.value.of(text)) {
                field.state = FieldState::Removed;
            }
        }
    }

    /// Writes every line as `name: value CRLF`, without the empty line that ends a head.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        // Neighbouring untouched lines are one piece of memory: copy it whole.
        let mut run: Option<Span> = None;
        for field in &self.list {
            match field.state {
                FieldState::Untouched(end) => match &mut run {
                    Some(run) if run.end == field.name.start => run.end = end,
                    _ => {
                        if let Some(run) = run.replace(Span { start: field.name.start, end }) {
                            out.extend_from_slice(self.slice(run));
                        }
                    }
                },
                FieldState::Removed => {}
                FieldState::Edited | FieldState::Came => {
                    if let Some(run) = run.take() {
                        out.extend_from_slice(self.slice(run));
                    }
                    out.extend_from_slice(self.slice(field.name));
                    out.extend_from_slice(b": ");
                    out.extend_from_slice(self.slice(field.value));
                    out.extend_from_slice(b"\r\n");
                }
            }
        }
        if let Some(run) = run {
            out.extend_from_slice(self.slice(run));
        }
    }

    /// Takes over the bytes of a head. What is pushed afterwards stands behind them.
    pub fn fill(&mut self, head: &[u8]) {
        self.clear();
        self.text.extend_from_slice(head);
    }

    /// Takes over lines that the engine itself has written, each `name: value` with its line break.
    pub fn read_lines(&mut self, lines: &[u8]) {
        self.fill(lines);
        let mut start = 0;
        for line in lines.split_inclusive(|b| *b == b'\n') {
            let end = start + line.len() as u32;
            if let Some(colon) = memchr::memchr(b':', line) {
                let name = Span { start, end: start + colon as u32 };
                let value = line[colon + 1..].trim_ascii();
                self.push_line(name, Span::within(lines, value), Some(end));
            }
            start = end;
        }
    }

    /// Adds lines that the engine itself has written, each `name: value` with its line break, behind all others.
    pub fn append_lines(&mut self, lines: &[u8]) {
        for line in lines.split(|b| *b == b'\n') {
            if let Some(colon) = memchr::memchr(b':', line) {
                self.append(&line[..colon], line[colon + 1..].trim_ascii());
            }
        }
    }

    /// Notes how the lines stand now.
    pub fn copy_lines(&self, lines: &mut Lines) {
        lines.0.clone_from(&self.list);
    }

    /// Makes the lines stand as they did. Their text is still there: edits only add to it.
    pub fn restore_lines(&mut self, lines: &mut Lines) {
        std::mem::swap(&mut self.list, &mut lines.0);
        for i in 0..self.list.len() {
            self.note(self.list[i].known);
        }
    }

    /// Adds a line that stands in the bytes given to [`Fields::fill`]. If `end` says where it ends, its line break
    /// included, it is later written as it came.
    pub fn push_line(&mut self, name: Span, value: Span, end: Option<u32>) {
        let known = Known::of(self.slice(name));
        match known {
            Some(known) => self.present |= known.bit(),
            None if looks_like_hearsay(self.slice(name)) => self.present |= OTHER_HEARSAY,
            None => {}
        }
        let state = end.map_or(FieldState::Came, FieldState::Untouched);
        self.list.push(Field { known, state, name, value });
    }

    /// Adds a line that came with the message, in a form that has no lines.
    pub fn push_field(&mut self, name: &[u8], value: &[u8]) {
        let (name, value) = (self.push_text(name), self.push_text(value));
        self.push_line(name, value, None);
    }

    /// Where the values of a field stand.
    pub fn spans(&self, name: Known) -> impl Iterator<Item = Span> + '_ {
        self.list.iter().filter(move |field| self.is(field, name.into())).map(|field| field.value)
    }

    /// The text at `span`.
    pub fn slice(&self, span: Span) -> &[u8] {
        span.of(&self.text)
    }

    /// Keeps `bytes` behind everything else.
    pub fn push_text(&mut self, bytes: &[u8]) -> Span {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(bytes);
        Span { start, end: self.text.len() as u32 }
    }

    /// Keeps a copy of the text at `span` in small letters behind everything else.
    pub fn push_lowercase(&mut self, span: Span) -> Span {
        let start = self.text.len();
        let range = span.start as usize..span.end as usize;
        if range.end <= start {
            self.text.extend_from_within(range);
        }
        self.text[start..].make_ascii_lowercase();
        Span { start: start as u32, end: self.text.len() as u32 }
    }

    fn is(&self, field: &Field, name: NameRef<'_>) -> bool {
        field.state != FieldState::Removed
            && field.known == name.known
            && (name.known.is_some() || self.slice(field.name).eq_ignore_ascii_case(name.text))
    }

    fn note(&mut self, known: Option<Known>) {
        if let Some(known) = known {
            self.present |= known.bit();
        }
    }
}

#[cfg(test)]
mod tests;
