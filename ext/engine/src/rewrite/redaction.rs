//! Query parameters whose values no log shows.

use std::borrow::Cow;

use smallvec::SmallVec;

/// Names of parameters that hold secrets nearly everywhere.
const USUAL: [&str; 8] = ["token", "key", "secret", "password", "signature", "code", "api_key", "access_token"];

/// Name of the parameter that lets a browser in during maintenance, and of the cookie that it then has. Its value is
/// hidden in any case.
pub(crate) const BYPASS_COOKIE: &str = "proxy_bypass";

/// What stands in the place of a value.
const HIDDEN: &str = "…";

/// Bytes of a name that fit without an allocation.
const SHORT: usize = 40;

/// Names of parameters whose values are replaced by [`HIDDEN`], in any letter case, percent-encoded or not, also as the
/// part of a longer name: `user[password]`, `user.password`.
#[derive(Debug)]
pub(crate) struct Redaction {
    usual: bool,
    /// Further names, in lower case.
    names: Vec<Box<[u8]>>,
}

impl Redaction {
    /// The usual names alone.
    pub(crate) const USUAL: &'static Self = &Self { usual: true, names: Vec::new() };

    /// The usual names and `written`, or no name if that is an empty list. The names in `always` are hidden in any
    /// case.
    pub(crate) fn new(written: Option<&[String]>, always: &[Box<str>]) -> Self {
        let usual = written.is_none_or(|names| !names.is_empty());
        let written = written.unwrap_or_default().iter().map(String::as_str);
        let names = written.chain(always.iter().map(|name| &**name));
        Self { usual, names: names.map(|name| name.to_ascii_lowercase().into_bytes().into()).collect() }
    }

    /// A query, with or without its `?`.
    pub(crate) fn query<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        self.from(text, 0)
    }

    /// A URL or a part of one: values are hidden from its `?` or `#` on. Other text stays as it is.
    pub(crate) fn url<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        match memchr::memchr2(b'?', b'#', text) {
            Some(begin) => self.from(text, begin),
            None => Cow::Borrowed(text),
        }
    }

    /// Hides values in what stands in `out` from `start` on. `is_query`: it is a query, not a URL.
    pub(crate) fn hide(&self, out: &mut Vec<u8>, start: usize, is_query: bool) {
        let text = &out[start..];
        let hidden = if is_query { self.query(text) } else { self.url(text) };
        if let Cow::Owned(hidden) = hidden {
            out.truncate(start);
            out.extend_from_slice(&hidden);
        }
    }

    fn from<'t>(&self, text: &'t [u8], begin: usize) -> Cow<'t, [u8]> {
        let mut out = Vec::new();
        let (mut scan, mut copied) = (Scan { redaction: self, text, at: begin }, 0);
        while let Some((from, to)) = scan.next_secret() {
            out.extend_from_slice(&text[copied..from]);
            out.extend_from_slice(HIDDEN.as_bytes());
            copied = to;
        }
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        out.extend_from_slice(&text[copied..]);
        Cow::Owned(out)
    }

    fn hides(&self, name: &[u8]) -> bool {
        name == BYPASS_COOKIE.as_bytes()
            || self.usual && USUAL.iter().any(|usual| usual.as_bytes() == name)
            || self.names.iter().any(|it| **it == *name)
    }
}

/// Reads a query from left to right. A URL inside a value is read like the rest, so that its parameters are found too.
struct Scan<'a> {
    redaction: &'a Redaction,
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    /// The next value to hide, by its beginning and its end.
    fn next_secret(&mut self) -> Option<(usize, usize)> {
        let mut part = SmallVec::<[u8; SHORT]>::new();
        // A name of the configuration may have any of the bytes that end a part.
        let mut whole = SmallVec::<[u8; SHORT]>::new();
        let mut is_secret = false;
        while let Some(byte) = self.next_byte() {
            if byte != b'=' {
                whole.push(byte.to_ascii_lowercase());
            }
            match byte {
                b'?' | b'&' | b';' | b'#' => (is_secret, _, _) = (false, part.clear(), whole.clear()),
                b'[' | b']' | b'.' => {
                    is_secret |= self.redaction.hides(&part);
                    part.clear();
                }
                b'=' => {
                    let known = self.redaction.hides(&part) || self.redaction.hides(&whole);
                    let is_secret = std::mem::take(&mut is_secret) || known;
                    part.clear();
                    whole.clear();
                    let begin = self.at;
                    // A separator that is percent-encoded belongs to the value. So may `?` and `;`: few applications
                    // take them for its end.
                    let value = &self.text[begin..];
                    let end = begin + memchr::memchr2(b'&', b'#', value).unwrap_or(value.len());
                    if is_secret && end > begin {
                        self.at = end;
                        return Some((begin, end));
                    }
                }
                b' ' | b'+' => {}
                byte => part.push(byte.to_ascii_lowercase()),
            }
        }
        None
    }

    /// The next byte, decoded.
    fn next_byte(&mut self) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        let digit = |offset| char::from(*self.text.get(self.at + offset)?).to_digit(16);
        if byte == b'%' {
            if let (Some(high), Some(low)) = (digit(1), digit(2)) {
                self.at += 3;
                return Some((high * 16 + low) as u8);
            }
        }
        self.at += 1;
        Some(byte)
    }
}

#[cfg(test)]
mod tests;
