//! Request and response heads.

use super::{host_of, Fields, Known, Method, Span, Target, TargetError};

/// The HTTP version that a message says it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Default)]
#[allow(missing_docs)]
pub enum Version {
    Http10,
    #[default]
    Http11,
    Http2,
}

impl Version {
    /// What `Via` says of a message that came in this version (RFC 9110, section 7.6.3).
    pub fn via(self) -> &'static [u8] {
        match self {
            Self::Http10 => b"1.0 proxy",
            Self::Http11 => b"1.1 proxy",
            Self::Http2 => b"2.0 proxy",
        }
    }
}

/// A request head.
#[derive(Debug, Clone)]
pub struct RequestHead {
    /// The fields, over the bytes of the head.
    pub fields: Fields,
    /// The method.
    pub method: Method,
    /// Its version.
    pub version: Version,
    /// The method as it was sent.
    pub method_span: Span,
    /// The request target as it was sent (RFC 9112, section 3.2).
    pub target: Span,
    /// Its path.
    pub path: Span,
    /// The path as routing reads it: without dot segments, needless escapes and repeated slashes.
    pub plain_path: Span,
    /// Empty if nothing in the path can be read in two ways.
    pub plain_but_slashes: Span,
    /// Its query with the `?`; empty if there is none.
    pub query: Span,
    /// Host and port of the request: from an absolute target, or else from `Host`.
    pub authority: Span,
}

impl Default for RequestHead {
    fn default() -> Self {
        Self {
            fields: Fields::default(),
            method: Method::Get,
            version: Version::Http11,
            method_span: Span::default(),
            target: Span::default(),
            path: Span::default(),
            plain_path: Span::default(),
            plain_but_slashes: Span::default(),
            query: Span::default(),
            authority: Span::default(),
        }
    }
}

impl RequestHead {
    /// The method as it was sent.
    pub fn method_text(&self) -> &[u8] {
        self.fields.slice(self.method_span)
    }

    /// The request target as it was sent.
    pub fn target(&self) -> &[u8] {
        self.fields.slice(self.target)
    }

    /// The path with its dot segments resolved; `*` for `OPTIONS *`. It begins with `/` otherwise.
    pub fn path(&self) -> &[u8] {
        self.fields.slice(self.path)
    }

    /// The path that locations match: [`RequestHead::path`] with its percent-escapes decoded and runs of slashes
    /// merged.
    pub fn plain_path(&self) -> &[u8] {
        self.fields.slice(self.plain_path)
    }

    /// The same with `%2F` left encoded, if it is there: the other way in which a backend may read it.
    pub fn plain_path_but_slashes(&self) -> Option<&[u8]> {
        (!self.plain_but_slashes.is_empty()).then(|| self.fields.slice(self.plain_but_slashes))
    }

    /// The query with its `?`, or nothing.
    pub fn query(&self) -> &[u8] {
        self.fields.slice(self.query)
    }

    /// Host and port as the client named them: of the target if that is absolute, else of `Host`.
    pub fn authority(&self) -> &[u8] {
        self.fields.slice(self.authority)
    }

    /// The host of [`RequestHead::authority`], without its port. An IPv6 address keeps its brackets.
    pub fn host(&self) -> &[u8] {
        host_of(self.authority())
    }

    /// The port of [`RequestHead::authority`], if it names one.
    pub fn port(&self) -> Option<&[u8]> {
        let authority = self.authority();
        authority.get(host_of(authority).len() + 1..).filter(|port| !port.is_empty())
    }
}

/// A target that is no path, with `***` in place of the user-info before its host; `None` if there is none.
fn without_user_info(target: &[u8]) -> Option<Vec<u8>> {
    if target.starts_with(b"/") {
        return None;
    }
    let start = memchr::memmem::find(target, b"://").map_or(0, |scheme| scheme + 3);
    let end = memchr::memchr3(b'/', b'?', b'#', &target[start..]).map_or(target.len(), |end| start + end);
    let host = memchr::memrchr(b'@', &target[start..end])?;
    Some([&target[..start], b"***", &target[start + host..]].concat())
}

/// Where the path and the query of a request stand.
#[derive(Debug, Clone, Copy)]
pub struct TargetSpans {
    path: Span,
    plain_path: Span,
    plain_but_slashes: Span,
    query: Span,
}

impl RequestHead {
    /// Where path and query stand now.
    pub fn target_spans(&self) -> TargetSpans {
        TargetSpans {
            path: self.path,
            plain_path: self.plain_path,
            plain_but_slashes: self.plain_but_slashes,
            query: self.query,
        }
    }

    /// Makes them what they were.
    pub fn restore_target(&mut self, spans: TargetSpans) {
        self.path = spans.path;
        self.plain_path = spans.plain_path;
        self.plain_but_slashes = spans.plain_but_slashes;
        self.query = spans.query;
    }

    /// Forgets everything and keeps the memory.
    pub fn forget(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self { fields, ..Self::default() };
    }

    /// Notes a target that may be malformed, for the log alone: nothing in it is resolved, and a password is left out.
    pub fn note_raw_target(&mut self, target: Span) {
        let hidden = without_user_info(self.fields.slice(target));
        let target = hidden.map_or(target, |hidden| self.fields.push_text(&hidden));
        let text = self.fields.slice(target);
        let query = memchr::memchr(b'?', text).unwrap_or(text.len());
        let authority = match memchr::memmem::find(&text[..query], b"://") {
            Some(scheme) if !text.starts_with(b"/") => scheme + 3,
            _ => 0,
        };
        let path = match authority {
            0 => 0,
            _ => memchr::memchr(b'/', &text[authority..query]).map_or(query, |path| authority + path),
        };
        let place = |from: usize, to: usize| Span { start: target.start + from as u32, end: target.start + to as u32 };
        let (authority, path, query) = (place(authority, path), place(path, query), place(query, text.len()));
        self.target = target;
        self.path = path;
        self.plain_path = path;
        self.query = query;
        if super::check_authority(self.fields.slice(authority)).is_ok() {
            self.authority = authority;
        }
    }

    /// Notes what the request target says. `text` is what `said` was read from, and stands at [`RequestHead::target`].
    pub fn note_target(&mut self, text: &[u8], said: &Target<'_>) {
        let start = self.target.start;
        let place = |part: &[u8]| {
            let span = Span::within(text, part);
            Span { start: start + span.start, end: start + span.end }
        };
        self.path = match &said.resolved {
            Some(path) => self.fields.push_text(path),
            // An absolute-form target without a path means one that is not in the text.
            None if matches!(said.path, b"/" | b"*") => self.fields.push_text(said.path),
            None => place(said.path),
        };
        self.plain_path = said.plain.as_ref().map_or(self.path, |path| self.fields.push_text(path));
        let but_slashes = said.plain_but_slashes.as_ref();
        self.plain_but_slashes = but_slashes.map_or(Span::default(), |path| self.fields.push_text(path));
        self.query = if said.query.is_empty() { Span::default() } else { place(said.query) };
    }

    /// Lets the host of an absolute-form target replace another one in `Host` (RFC 9112, section 3.2.2): nobody behind
    /// us may go by another host than we.
    pub fn replace_host(&mut self) {
        if self.fields.get(Known::Host).is_some_and(|host| host != self.authority()) {
            let authority = self.authority().to_vec();
            self.fields.set(Known::Host, &authority);
        }
    }

    /// Makes `target` the path and, unless that is to be kept, the query of the request. [`RequestHead::target`] stays
    /// what the client sent.
    pub fn set_target(&mut self, target: &[u8], keep_query: bool) -> Result<(), TargetError> {
        let target = Target::parse(target, false)?;
        self.path = self.fields.push_text(target.resolved.as_deref().unwrap_or(target.path));
        self.plain_path = target.plain.map_or(self.path, |path| self.fields.push_text(&path));
        self.plain_but_slashes = target.plain_but_slashes.map_or(Span::default(), |path| self.fields.push_text(&path));
        if !keep_query {
            self.query = self.fields.push_text(target.query);
        }
        Ok(())
    }
}

/// A response head.
#[derive(Debug, Clone, Default)]
pub struct ResponseHead {
    /// The fields, over the bytes of the head.
    pub fields: Fields,
    /// The status code, 100 to 999.
    pub status: u16,
    /// Its version.
    pub version: Version,
    /// The reason phrase.
    pub reason: Span,
}

impl ResponseHead {
    /// Keeps a reason phrase of the engine's own.
    pub fn set_reason(&mut self, reason: &str) {
        self.reason = self.fields.push_text(reason.as_bytes());
    }

    /// The reason phrase as it was sent, perhaps empty.
    pub fn reason(&self) -> &[u8] {
        self.fields.slice(self.reason)
    }
}
