//! Request and response heads.

use super::{host_of, Fields, Known, Method, Span, Target, TargetError};

/// The HTTP version of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Default)]
#[allow(missing_docs)]
pub enum Version {
    Http10,
    #[default]
    Http11,
    Http2,
}

impl Version {
    /// The version as `Via` names it (RFC 9110, section 7.6.3).
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
    /// The method, recognised.
    pub method: Method,
    /// The HTTP version of the request.
    pub version: Version,
    /// Span of the method as it was sent.
    pub method_span: Span,
    /// Span of the request target as it was sent (RFC 9112, section 3.2).
    pub target: Span,
    /// Span of the path with its dot segments resolved.
    pub path: Span,
    /// Span of the path that locations match: without dot segments, needless escapes and repeated slashes.
    pub plain_path: Span,
    /// Span of [`RequestHead::plain_path_but_slashes`]; empty if the path has no `%2F`.
    pub plain_but_slashes: Span,
    /// Span of the query with its `?`; empty if there is none.
    pub query: Span,
    /// Span of the host and port: from an absolute-form target, else from `Host`.
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

    /// The path with its dot segments resolved. It begins with `/`, except `*` for `OPTIONS *`.
    pub fn path(&self) -> &[u8] {
        self.fields.slice(self.path)
    }

    /// The path that locations match: [`RequestHead::path`] with its percent-escapes decoded and runs of slashes
    /// merged.
    pub fn plain_path(&self) -> &[u8] {
        self.fields.slice(self.plain_path)
    }

    /// The path that locations match with `%2F` left encoded, if it has any: the other way in which a backend may read
    /// it.
    pub fn plain_path_but_slashes(&self) -> Option<&[u8]> {
        (!self.plain_but_slashes.is_empty()).then(|| self.fields.slice(self.plain_but_slashes))
    }

    /// The query with its `?`; empty if there is none.
    pub fn query(&self) -> &[u8] {
        self.fields.slice(self.query)
    }

    /// Host and port as the client named them: from the target if it is in absolute form, else from `Host`.
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

/// A target without a path, with `***` in place of the user-info before its host; `None` if it has no user-info.
fn without_user_info(target: &[u8]) -> Option<Vec<u8>> {
    if target.starts_with(b"/") {
        return None;
    }
    let start = memchr::memmem::find(target, b"://").map_or(0, |scheme| scheme + 3);
    let end = memchr::memchr3(b'/', b'?', b'#', &target[start..]).map_or(target.len(), |end| start + end);
    let host = memchr::memrchr(b'@', &target[start..end])?;
    Some([&target[..start], b"***", &target[start + host..]].concat())
}

/// Saved spans of the path and the query of a request.
#[derive(Debug, Clone, Copy)]
pub struct TargetSpans {
    path: Span,
    plain_path: Span,
    plain_but_slashes: Span,
    query: Span,
}

impl RequestHead {
    /// Saves the current path and query.
    pub fn target_spans(&self) -> TargetSpans {
        TargetSpans {
            path: self.path,
            plain_path: self.plain_path,
            plain_but_slashes: self.plain_but_slashes,
            query: self.query,
        }
    }

    /// Restores a saved path and query.
    pub fn restore_target(&mut self, spans: TargetSpans) {
        self.path = spans.path;
        self.plain_path = spans.plain_path;
        self.plain_but_slashes = spans.plain_but_slashes;
        self.query = spans.query;
    }

    /// A saved path, and a saved query with its `?`.
    pub fn target_at(&self, spans: TargetSpans) -> (&[u8], &[u8]) {
        (self.fields.slice(spans.path), self.fields.slice(spans.query))
    }

    /// A saved [`RequestHead::plain_path`].
    pub fn plain_path_at(&self, spans: TargetSpans) -> &[u8] {
        self.fields.slice(spans.plain_path)
    }

    /// Clears the head and keeps the memory.
    pub fn forget(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self { fields, ..Self::default() };
    }

    /// Records a target that may be malformed, for the log only: nothing is resolved, and a password is left out.
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

    /// Records the parts of a request target. `said` was parsed from `text`, which stands at [`RequestHead::target`].
    pub fn note_target(&mut self, text: &[u8], said: &Target<'_>) {
        let start = self.target.start;
        let place = |part: &[u8]| {
            let span = Span::within(text, part);
            Span { start: start + span.start, end: start + span.end }
        };
        self.path = match &said.resolved {
            Some(path) => self.fields.push_text(path),
            // The path that an absolute-form target without one means is not in the text.
            None if matches!(said.path, b"/" | b"*") => self.fields.push_text(said.path),
            None => place(said.path),
        };
        self.plain_path = said.plain.as_ref().map_or(self.path, |path| self.fields.push_text(path));
        let but_slashes = said.plain_but_slashes.as_ref();
        self.plain_but_slashes = but_slashes.map_or(Span::default(), |path| self.fields.push_text(path));
        self.query = if said.query.is_empty() { Span::default() } else { place(said.query) };
    }

    /// Replaces `Host` with the host of an absolute-form target (RFC 9112, section 3.2.2): backends must use the host
    /// that we use.
    pub fn replace_host(&mut self) {
        if self.fields.get(Known::Host).is_some_and(|host| host != self.authority()) {
            let authority = self.authority().to_vec();
            self.fields.set(Known::Host, &authority);
        }
    }

    /// Sets the path of the request to that of `target` and, unless `keep_query`, its query too.
    /// [`RequestHead::target`] stays as the client sent it.
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
    /// The HTTP version of the response.
    pub version: Version,
    /// Span of the reason phrase.
    pub reason: Span,
}

impl ResponseHead {
    /// Sets a reason phrase of the engine's own.
    pub fn set_reason(&mut self, reason: &str) {
        self.reason = self.fields.push_text(reason.as_bytes());
    }

    /// The reason phrase as it was sent; may be empty.
    pub fn reason(&self) -> &[u8] {
        self.fields.slice(self.reason)
    }
}
