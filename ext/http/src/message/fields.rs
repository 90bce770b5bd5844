//! The fields of a message: their offsets in the bytes of the head, and the edits since it was read.

mod touched;

pub use touched::is_one_to_cgi;

use super::known::Known;
use super::span::Span;

/// The fields of a head, in their order, over one buffer.
///
/// The buffer holds the head as it came; an edit appends the new text behind it and moves a field's spans there. Lines
/// are written again only by [`Fields::write_to`], which copies runs of untouched lines whole. Names compare without
/// regard to letter case. Clearing keeps the memory, so a connection needs no allocation for its second request.
#[derive(Debug, Default, Clone)]
pub struct Fields {
    text: Vec<u8>,
    list: Vec<Field>,
    /// Bits of the known names in `list`, perhaps with removed ones: a cleared bit means that the name is certainly
    /// absent.
    present: u64,
    /// Bits of the known names that were removed, even if they were absent.
    removed: u64,
}

/// Known names of fields that describe the client or the original request, such as `Forwarded`.
const HEARSAY: u64 = Known::Forwarded.bit()
    | Known::XAccelMapping.bit()
    | Known::XForwardedFor.bit()
    | Known::XForwardedHost.bit()
    | Known::XForwardedPort.bit()
    | Known::XForwardedProto.bit()
    | Known::XRealIp.bit()
    | Known::XRequestStart.bit()
    | Known::XSendfileType.bit();

/// Bit for other names that may be such fields.
const OTHER_HEARSAY: u64 = 1 << 63;

/// Whether a name that is not known may belong to [`crate::headers::hearsay`]. A quick test, since it runs for every
/// field of every head.
#[inline]
fn looks_like_hearsay(name: &[u8]) -> bool {
    match name.first().map_or(0, |byte| byte | 0x20) {
        b'x' => true,
        b'a' | b'c' | b'd' | b'f' | b'i' | b't' | b'w' => name.len() > 7,
        // Excludes `Priority`, which browsers send.
        b'p' => matches!(name.len(), 5 | 15),
        _ => false,
    }
}

/// A snapshot of the lines of a head, without their text.
#[derive(Debug, Default)]
pub struct Lines(Vec<Field>);

#[derive(Debug, Clone, Copy)]
struct Field {
    known: Option<Known>,
    state: FieldState,
    name: Span,
    value: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldState {
    /// As it came: its line runs from its name to this offset, with the line break.
    Untouched(u32),
    /// As it came, without a line of its own (from HTTP/2).
    Came,
    /// Added by us, or with a new value.
    Edited,
    Removed,
}

/// A field name that was recognised when the configuration was loaded, so that requests need not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldName {
    known: Option<Known>,
    text: Box<str>,
}

impl FieldName {
    /// A field name from `text`; `None` if it is no token (RFC 9110, section 5.6.2).
    pub fn new(text: &str) -> Option<Self> {
        let token = !text.is_empty() && text.bytes().all(is_token_byte);
        token.then(|| Self { known: Known::of(text.as_bytes()), text: text.into() })
    }

    /// The name in the letter case of its text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The [`Known`] name that it spells, if any.
    pub fn known(&self) -> Option<Known> {
        self.known
    }
}

/// Whether `byte` is allowed in a token (RFC 9110, section 5.6.2).
pub fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A field name as an argument: a [`Known`] name, a [`FieldName`], or text.
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
    /// Removes all fields and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.list.clear();
        self.present = 0;
        self.removed = 0;
    }

    /// Bytes of text that fit without an allocation.
    pub fn capacity(&self) -> usize {
        self.text.capacity()
    }

    /// Whether there is a field of this name.
    pub fn has<'n>(&self, name: impl Into<NameRef<'n>>) -> bool {
        self.get(name).is_some()
    }

    /// Whether a field is certainly absent. A quick test without a search of the list: `false` may also mean that the
    /// field was removed.
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

    /// Number of field lines.
    pub fn len(&self) -> usize {
        self.list.iter().filter(|f| f.state != FieldState::Removed).count()
    }

    /// Whether there are no field lines.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sets `value` as the only value of a field, in the place of its first line, or at the end if there was none.
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

    /// Removes every line of a field. The removal is remembered even if there was no line: see [`Fields::touched`].
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

    /// Whether a field of [`crate::headers::hearsay`], which describes the client or the original request, may be
    /// there. A quick test.
    #[inline]
    pub fn may_be_hearsay(&self) -> bool {
        self.present & (HEARSAY | OTHER_HEARSAY) != 0
    }

    /// Keeps the lines for which `keep` is true. `keep` gets the known name, the name and the value.
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
        // Neighbouring untouched lines are one piece of memory: it is copied whole.
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

    /// Copies the bytes of a head into the buffer. Text that is pushed afterwards stands behind them.
    pub fn fill(&mut self, head: &[u8]) {
        self.clear();
        self.text.extend_from_slice(head);
    }

    /// Reads lines that the engine itself has written, each `name: value` with its line break.
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

    /// Saves the current state of the lines.
    pub fn copy_lines(&self, lines: &mut Lines) {
        lines.0.clone_from(&self.list);
    }

    /// Restores a saved state of the lines. Their text is still there: edits only append to it.
    pub fn restore_lines(&mut self, lines: &mut Lines) {
        std::mem::swap(&mut self.list, &mut lines.0);
        for i in 0..self.list.len() {
            self.note(self.list[i].known);
        }
    }

    /// Adds a line whose bytes were given to [`Fields::fill`]. With `end`, the offset behind its line break, the line
    /// is later written as it came.
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

    /// Adds a field of a message whose form has no lines, such as HTTP/2.
    pub fn push_field(&mut self, name: &[u8], value: &[u8]) {
        let (name, value) = (self.push_text(name), self.push_text(value));
        self.push_line(name, value, None);
    }

    /// Spans of the values of a field.
    pub fn spans(&self, name: Known) -> impl Iterator<Item = Span> + '_ {
        self.list.iter().filter(move |field| self.is(field, name.into())).map(|field| field.value)
    }

    /// The bytes at `span`.
    pub fn slice(&self, span: Span) -> &[u8] {
        span.of(&self.text)
    }

    /// Appends `bytes` to the buffer.
    pub fn push_text(&mut self, bytes: &[u8]) -> Span {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(bytes);
        Span { start, end: self.text.len() as u32 }
    }

    /// Appends a lower-case copy of the text at `span` to the buffer.
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
