//! Parsing of heads. Strict on both sides: anything that two parsers could read differently is refused.

use std::mem::MaybeUninit;

use crate::message::{
    Known, Malformed, Method, RequestHead, ResponseHead, Span, Target, Version, MAX_FIELDS, MAX_RESPONSE_FIELDS,
};

/// Finds the end of a head while its bytes arrive, looking at each byte once. Refuses line breaks that are not CR LF.
#[derive(Debug, Default)]
pub struct HeadScan {
    seen: usize,
    line: usize,
}

impl HeadScan {
    /// The length of the head at the front of `bytes`, with its empty line, once it has all come. `bytes` begins with
    /// the bytes of the last call; more may follow them.
    pub fn find(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        for at in memchr::memchr_iter(b'\n', &bytes[self.seen..]) {
            let at = self.seen + at;
            if at == 0 || bytes[at - 1] != b'\r' {
                return Err(Malformed::BareLf);
            }
            if at - 1 == self.line {
                return Ok(Some(at + 1));
            }
            self.line = at + 1;
        }
        self.seen = bytes.len();
        Ok(None)
    }

    /// Reads the head at the front of `bytes` with `parse`. Returns its length, or `None` if it is not complete. The
    /// first bytes are parsed at once, since most heads come whole and bytes that are no HTTP are found early. If the
    /// head is incomplete, later bytes are only scanned for its end, and it is parsed again when the end is there.
    pub fn read(
        &mut self,
        bytes: &[u8],
        parse: impl FnOnce(&[u8]) -> Result<Option<usize>, Malformed>,
    ) -> Result<Option<usize>, Malformed> {
        let worth_parsing = if self.is_new() { !bytes.is_empty() } else { self.find(bytes)?.is_some() };
        if !worth_parsing {
            return Ok(None);
        }
        let parsed = parse(bytes)?;
        // Only the first parse can find the head incomplete: the scan and the parser agree on where a head ends.
        if parsed.is_none() && self.find(bytes)?.is_some() {
            return Err(Malformed::Head);
        }
        Ok(parsed)
    }

    /// Whether no byte was scanned so far.
    pub fn is_new(&self) -> bool {
        self.seen == 0
    }
}

/// Copies the fields of a complete head: the offsets of each name and value, and the end of each line. Lines follow
/// each other without a gap, since folded lines are refused. A line break before a name, and the two that end the head,
/// have to be CR LF.
macro_rules! take_fields {
    ($fields:expr, $bytes:expr, $headers:expr) => {{
        let end = $bytes.len() - 2;
        if !$bytes.ends_with(b"\r\n\r\n") {
            return Err(Malformed::BareLf);
        }
        let mut headers = $headers.iter().peekable();
        if let Some(first) = headers.peek() {
            refuse_bare_line_break($bytes, Span::within($bytes, first.name.as_bytes()).start)?;
        }
        while let Some(header) = headers.next() {
            let name = Span::within($bytes, header.name.as_bytes());
            let value = Span::within($bytes, header.value);
            let end = match headers.peek() {
                Some(next) => Span::within($bytes, next.name.as_bytes()).start,
                None => end as u32,
            };
            refuse_bare_line_break($bytes, end)?;
            $fields.push_line(name, value, Some(end));
        }
    }};
}

/// An error unless the line that ends at `end` ends with CR LF.
#[inline]
fn refuse_bare_line_break(bytes: &[u8], end: u32) -> Result<(), Malformed> {
    let end = end as usize;
    match bytes.get(end.wrapping_sub(2)..end) {
        Some(b"\r\n") => Ok(()),
        _ => Err(Malformed::BareLf),
    }
}

/// Parses the request head at the front of `bytes`. Returns its length, or `None` if it is not complete. Framing is
/// checked elsewhere, by [`crate::headers::framing`].
pub fn parse_request(bytes: &[u8], head: &mut RequestHead) -> Result<Option<usize>, Malformed> {
    // httparse skips empty lines; the connection has already skipped those that are allowed.
    if matches!(bytes.first(), Some(b'\r' | b'\n')) {
        return Err(Malformed::RequestLine);
    }
    let mut headers = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut []);
    let parsed = request.parse_with_uninit_headers(bytes, &mut headers).map_err(|error| why_request(error, bytes))?;
    let httparse::Status::Complete(len) = parsed else { return Ok(None) };
    let bytes = &bytes[..len];
    let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
        return Err(Malformed::RequestLine);
    };
    let method_kind = Method::of(method.as_bytes());
    head.method = method_kind;
    head.version = version_of(version);
    head.method_span = Span::within(bytes, method.as_bytes());
    head.target = Span::within(bytes, target.as_bytes());
    head.fields.fill(bytes);
    take_fields!(head.fields, bytes, request.headers);

    let said = match method_kind {
        Method::Connect => Target::of_connect(target.as_bytes()),
        _ => Target::parse(target.as_bytes(), method_kind == Method::Options),
    };
    let said = said.map_err(Malformed::Target)?;
    head.note_target(target.as_bytes(), &said);
    head.authority = authority(head, said.authority.map(|authority| Span::within(bytes, authority)))?;
    Ok(Some(len))
}

/// The authority of the request: the target's if it has one, else `Host`. HTTP/1.1 requires one `Host`, and several are
/// never allowed (RFC 9112, section 3.2).
fn authority(head: &RequestHead, target: Option<Span>) -> Result<Span, Malformed> {
    let mut hosts = head.fields.spans(Known::Host);
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Malformed::TwoHosts);
    }
    match host {
        Some(host) => {
            crate::message::check_authority(head.fields.slice(host)).map_err(Malformed::Target)?;
            Ok(target.unwrap_or(host))
        }
        None if head.version == Version::Http10 => Ok(target.unwrap_or_default()),
        None => Err(Malformed::NoHost),
    }
}

/// Parses the response head at the front of `bytes`. Returns its length, or `None` if it is not complete.
pub fn parse_response(bytes: &[u8], head: &mut ResponseHead) -> Result<Option<usize>, Malformed> {
    // httparse skips empty lines, but no response begins with one.
    let n = bytes.len().min(5);
    if bytes[..n] != b"HTTP/"[..n] {
        return Err(Malformed::StatusLine);
    }
    let mut headers = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; MAX_FIELDS];
    match read_response(bytes, head, &mut headers) {
        Err(Malformed::TooManyFields) => read_long_response(bytes, head),
        read => read,
    }
}

/// Parses a head with an unusual number of fields.
#[cold]
fn read_long_response(bytes: &[u8], head: &mut ResponseHead) -> Result<Option<usize>, Malformed> {
    let mut headers = vec![const { MaybeUninit::<httparse::Header<'_>>::uninit() }; MAX_RESPONSE_FIELDS];
    read_response(bytes, head, &mut headers)
}

#[inline]
fn read_response<'b>(
    bytes: &'b [u8],
    head: &mut ResponseHead,
    headers: &mut [MaybeUninit<httparse::Header<'b>>],
) -> Result<Option<usize>, Malformed> {
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut response, bytes, headers)
        .map_err(why)?;
    let httparse::Status::Complete(len) = parsed else { return Ok(None) };
    let bytes = &bytes[..len];
    let (Some(status @ 100..), Some(version)) = (response.code, response.version) else {
        return Err(Malformed::StatusLine);
    };
    head.status = status;
    head.version = version_of(version);
    head.reason = match response.reason {
        Some(reason) if !reason.is_empty() => Span::within(bytes, reason.as_bytes()),
        _ => Span::default(),
    };
    head.fields.fill(bytes);
    take_fields!(head.fields, bytes, response.headers);
    Ok(Some(len))
}

fn version_of(minor: u8) -> Version {
    if minor == 0 {
        Version::Http10
    } else {
        Version::Http11
    }
}

/// What is wrong with a request. If something other than a version stands in the version's place, as after a target
/// with a space in it, the error is not the version.
fn why_request(error: httparse::Error, bytes: &[u8]) -> Malformed {
    if error == httparse::Error::Version && !names_a_version(bytes) {
        return Malformed::RequestLine;
    }
    why(error)
}

/// Whether the line at the front of `bytes` is `METHOD target HTTP/DIGIT.DIGIT`, as far as it has come.
fn names_a_version(bytes: &[u8]) -> bool {
    let line = &bytes[..memchr::memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len())];
    let mut words = line.split(|b| *b == b' ').skip(2);
    match (words.next(), words.next()) {
        (Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor]), None) => {
            major.is_ascii_digit() && minor.is_ascii_digit()
        }
        _ => false,
    }
}

fn why(error: httparse::Error) -> Malformed {
    match error {
        httparse::Error::HeaderName => Malformed::FieldName,
        httparse::Error::HeaderValue => Malformed::FieldValue,
        httparse::Error::NewLine => Malformed::LineBreak,
        httparse::Error::Status => Malformed::StatusLine,
        httparse::Error::Token => Malformed::StartLine,
        httparse::Error::TooManyHeaders => Malformed::TooManyFields,
        httparse::Error::Version => Malformed::Version,
    }
}

#[cfg(test)]
mod tests;
